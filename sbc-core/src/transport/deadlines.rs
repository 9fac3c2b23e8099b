//! Every bound of the transports as a value, and the deadlines of one stream connection.
//!
//! | Deadline | Starts | Moved by | When it passes |
//! |---|---|---|---|
//! | message | first byte of a message | nothing but its last byte | closed |
//! | stall | bytes wait to be written | the peer taking some | closed, owners told |
//! | idle | connected | a whole message or keep-alive, a write | closed |

use crate::limits;
use std::time::Duration;
use tokio::time::Instant;

/// The bounds of `limits`; a value, so that tests need not wait for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) per_source: usize,
    pub(super) accepted: usize,
    pub(super) opened: usize,
    pub(super) connect: Duration,
    pub(super) connect_or_udp: Duration,
    pub(super) message: Duration,
    pub(super) idle: Duration,
    pub(super) stall: Duration,
    pub(super) flush: Duration,
    pub(super) linger: Duration,
    pub(super) pause: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            per_source: limits::CONNECTIONS_PER_SOURCE,
            accepted: limits::CONNECTIONS_ACCEPTED,
            opened: limits::CONNECTIONS_OPENED,
            connect: limits::CONNECT,
            connect_or_udp: limits::CONNECT_OR_UDP,
            message: limits::STREAM_MESSAGE,
            idle: limits::CONNECTION_IDLE,
            stall: limits::CONNECTION_STALL,
            flush: limits::CONNECTION_FLUSH,
            linger: limits::CONNECTION_LINGER,
            pause: limits::SOCKET_PAUSE,
        }
    }
}

/// Which deadline passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Overdue {
    /// A message began and did not end.
    Message,
    /// The peer takes no bytes.
    Stall,
    /// Nothing came and nothing went.
    Idle,
}

/// The deadlines of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    active: Instant,
    message: Option<Instant>,
    stall: Option<Instant>,
}

impl Deadlines {
    /// Of a connection made at `now`.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            active: now,
            message: None,
            stall: None,
        }
    }

    /// Bytes were read: `whole` if they ended a message or keep-alive, `rest` if a message waits
    /// for its rest. Bytes inside a message move nothing: a trickle is not life.
    pub(super) fn on_read(&mut self, now: Instant, whole: bool, rest: bool) {
        if whole {
            self.active = now;
            self.message = None;
        }
        if rest {
            self.message.get_or_insert(now);
        }
    }

    /// An attempt to write was made: `some` if bytes were taken, `rest` if bytes wait.
    pub(super) fn on_write(&mut self, now: Instant, some: bool, rest: bool) {
        if some {
            self.active = now;
            self.stall = None;
        }
        if rest {
            self.stall.get_or_insert(now);
        }
    }

    /// The first deadline to pass.
    pub(super) fn next(&self, bounds: &Bounds) -> Instant {
        self.first(bounds).0
    }

    /// The deadline that has passed.
    pub(super) fn passed(&self, now: Instant, bounds: &Bounds) -> Option<Overdue> {
        let (at, which) = self.first(bounds);
        (at <= now).then_some(which)
    }

    fn first(&self, bounds: &Bounds) -> (Instant, Overdue) {
        let mut first = (self.active + bounds.idle, Overdue::Idle);
        let others = [
            self.message
                .map(|at| (at + bounds.message, Overdue::Message)),
            self.stall.map(|at| (at + bounds.stall, Overdue::Stall)),
        ];
        for other in others.into_iter().flatten() {
            if other.0 < first.0 {
                first = other;
            }
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn fresh() -> (Instant, Deadlines, Bounds) {
        let now = Instant::now();
        (now, Deadlines::new(now), Bounds::default())
    }

    #[test]
    fn a_trickle_of_bytes_does_not_move_the_deadline_of_its_message() {
        let (now, mut deadlines, bounds) = fresh();
        for n in 0..5 {
            deadlines.on_read(now + n * SECOND, false, true);
        }
        assert_eq!(deadlines.next(&bounds), now + bounds.message);
        assert_eq!(
            deadlines.passed(now + bounds.message, &bounds),
            Some(Overdue::Message)
        );
    }

    #[test]
    fn each_pipelined_message_has_its_own_deadline() {
        let (now, mut deadlines, bounds) = fresh();
        for n in 0..60 {
            deadlines.on_read(now + n * SECOND, true, true);
            assert_eq!(deadlines.passed(now + n * SECOND, &bounds), None);
        }
    }

    #[test]
    fn a_peer_that_takes_no_bytes_is_overdue_and_one_that_takes_few_is_not() {
        let (now, mut deadlines, bounds) = fresh();
        deadlines.on_write(now, false, true);
        let later = now + bounds.stall;
        assert_eq!(deadlines.passed(later, &bounds), Some(Overdue::Stall));
        deadlines.on_write(later, true, true);
        assert_eq!(deadlines.passed(later, &bounds), None);
        deadlines.on_write(later, true, false);
        let idle = later + bounds.idle;
        assert_eq!(deadlines.passed(idle, &bounds), Some(Overdue::Idle));
    }
}
