//! Bounds of HTTP.

use std::time::Duration;

/// Connections at a time on one address; what comes beyond waits in the backlog.
pub(super) const CONNECTIONS: usize = 64;
/// How long nothing may have been written to a connection: the time for a request to come, for a
/// stalled response to be taken, and between two requests.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Calls on a page of the list, whatever is asked for.
pub(super) const PAGE: usize = 1_000;
/// Where nothing is asked for.
pub(super) const PAGE_DEFAULT: usize = 100;
/// The body of a request: all of them are short.
pub(super) const BODY_BYTES: usize = 4_096;
/// The longest drain that can be asked for: a week.
pub(super) const GRACE: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Between two signs of life in a stream of events: below `PATIENCE`, which would end it.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(5);
