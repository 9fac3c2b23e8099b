//! Every bound of the crate, one line of reason each.

use std::time::Duration;

/// A metadata document: real ones have 3 KiB, a conference of hundreds fits.
pub const XML_BYTES: usize = 256 * 1024;
/// Nested elements of a metadata document: RFC 7865 needs four, extensions a few more.
pub const XML_DEPTH: usize = 32;
/// Elements of a metadata document; what is behind them would only cost memory.
pub const XML_ELEMENTS: usize = 8_192;
/// Attributes of one element: RFC 7865 has two, namespace declarations add some.
pub const XML_ATTRIBUTES: usize = 64;
/// Media descriptions that one recording session carries; each costs two sockets.
pub const STREAMS: usize = 16;
/// Room on the disk for each stream of a recording that begins, kept free for its `recording.json`
/// until it ends: one second of audio, and more than that file needs.
pub const RESERVE_BYTES: usize = 16 * 1024;
/// Participants that are remembered of one recording.
pub const PARTICIPANTS: usize = 256;
/// Streams that metadata may name in one recording (ids change at transfers).
pub const STREAM_IDS: usize = 256;
/// Metadata documents kept of one recording: a client must not fill the disk with updates.
pub const METADATA_VERSIONS: usize = 9_999;
/// Complaints kept of one recording.
pub const COMPLAINTS: usize = 64;
/// Gaps noted of one stream.
pub const GAPS: usize = 1_024;
/// Characters of a text from the wire that go into a complaint or an event.
pub const QUOTED_CHARS: usize = 120;
/// The whole list of a recorder's servers is tried within this time.
pub const FAILOVER_TIME: Duration = Duration::from_secs(10);
