//! Bounds of the commands that ask a running daemon.

use std::time::Duration;

/// How long a connection to the daemon may take.
pub(super) const CONNECT: Duration = Duration::from_secs(3);
/// How long an answer may take, the connection included.
pub(super) const ANSWER: Duration = Duration::from_secs(15);
/// The body of an answer: a page of a thousand calls has some two million bytes.
pub(super) const BODY_BYTES: usize = 16 << 20;
