//! Every bound of the crate, one line of reason each.

/// A UDP datagram cannot be larger.
pub const DATAGRAM_BYTES: usize = 65_535;
/// A message on a stream: same bound as a datagram, so that transports behave alike.
pub const STREAM_MESSAGE_BYTES: usize = 65_535;
/// One header line; a long History-Info or Identity fits, an attack does not.
pub const HEADER_LINE_BYTES: usize = 8_192;
/// Header lines of a message.
pub const HEADERS: usize = 128;
/// Via values of a message: Max-Forwards starts at 70, real chains have fewer than ten.
pub const VIAS: usize = 32;
/// Leaf parts of a multipart body.
pub const BODY_PARTS: usize = 16;
/// Nested multiparts.
pub const BODY_NESTING: usize = 4;
/// Media descriptions of an SDP.
pub const SDP_MEDIA: usize = 64;
/// Lines of an SDP.
pub const SDP_LINES: usize = 2_048;
/// Messages that wait for one call; beyond: dropped on UDP, 503 on streams.
pub const CALL_MAILBOX: usize = 64;
/// Transactions of one leg at a time: an attacker must not grow a dialog.
pub const LEG_TRANSACTIONS: usize = 16;
/// Early dialogs of one outgoing INVITE (forking upstream proxies).
pub const EARLY_DIALOGS: usize = 16;
/// Recorders of one call.
pub const RECORDERS: usize = 4;
