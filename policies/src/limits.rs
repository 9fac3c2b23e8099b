//! Every bound of the crate, one line of reason each.

/// Bytes of a configuration, in all its files: 10,000 routes take about two million.
pub(crate) const FILE_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes of a file that holds one secret: a token of a few kilobytes is a long one.
pub(crate) const SECRET_BYTES: u64 = 16 * 1024;
/// Files that one configuration includes.
pub(crate) const INCLUDED: usize = 1_000;
/// Files within one another by `include`: more is a mistake.
pub(crate) const INCLUDE_DEPTH: usize = 8;
/// Nesting of a YAML tree: the deepest key of the schema is at ten.
pub(crate) const NESTING: usize = 32;
/// Nodes that aliases (`*name`) may add to a tree: keeps a nest of aliases from filling memory.
pub(crate) const ALIAS_NODES: usize = 100_000;
/// Compiled size of one regular expression, in bytes.
pub(crate) const REGEX_BYTES: usize = 1024 * 1024;
/// States of a regular expression, estimated from above, up to which it is surely smaller than
/// that: one takes 32 bytes at most.
pub(crate) const REGEX_STATES: usize = 20_000;
/// Parents of a profile (`extends`): more is a mistake.
pub(crate) const EXTENDS: usize = 16;
/// Problems that are printed; the rest is counted.
pub(crate) const PROBLEMS: usize = 100;
/// Realms, and listeners: each listener is a socket; ids have 16 bits.
pub(crate) const NETWORK: usize = 4_096;
/// Characters of a value in a list of changes.
pub(crate) const CHANGE: usize = 120;
/// `limits.calls`: more than a machine carries by far, and few enough for a gauge of any kind.
pub(crate) const CALLS: u32 = 1_000_000;
/// `limits.cps`: as above.
pub(crate) const CPS: u32 = 100_000;
/// Names that an error text suggests, where several are equally near.
pub(crate) const SUGGESTED: usize = 3;
/// Entries of one map: a million short ones take about 100 MB.
pub(crate) const MAP_ENTRIES: usize = 1_000_000;
/// Regular expressions of one map: they are tried one after the other, for each look.
pub(crate) const MAP_REGEXES: usize = 1_000;
/// Characters of a line that stand in an error text.
pub(crate) const LINE: usize = 160;
/// Lines of two bodies, one times the other, that are compared in an explanation.
pub(crate) const COMPARED: usize = 1_000_000;
/// Trunks that nearly match, in an explanation.
pub(crate) const NEAREST: usize = 3;
/// Bytes of a file with the request of a case of `tests`: the largest message that is taken.
pub(crate) const TEST_MESSAGE_BYTES: u64 = 65_535;
