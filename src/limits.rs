//! Bounds of what the program keeps about calls, and of what it says.

/// Finished calls that are kept to be looked at, the last ones.
pub(crate) const FINISHED_CALLS: usize = 1_000;
/// Configurations that are kept to explain the calls that began with them, the last ones: one of
/// 10,000 routes takes some 20 MB.
pub(crate) const EXPLAINED_CONFIGURATIONS: usize = 3;
/// Bytes of an INVITE that is kept to explain its call.
pub(crate) const EXPLAINED_BYTES: usize = 16 * 1024;
/// Rows that a page takes from the table of calls at a time: what a call may have to wait for.
pub(crate) const ROWS_AT_ONCE: usize = 256;
/// Changes of a reload that the log names; the API has them all.
pub(crate) const LOGGED_CHANGES: usize = 50;
/// Events that wait for a listener; the older ones go, and it learns how many.
pub(crate) const EVENTS: usize = 1_024;
/// Listeners to events at a time.
pub(crate) const LISTENERS: usize = 16;
