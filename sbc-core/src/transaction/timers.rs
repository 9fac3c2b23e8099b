//! Timer values (RFC 3261 §17.1.1.1, table 4).

use crate::time::Instant;
use std::time::Duration;

/// Round trip estimate.
pub const T1: Duration = Duration::from_millis(500);
/// Longest interval between retransmissions of a non-INVITE request and of a final response.
pub const T2: Duration = Duration::from_secs(4);
/// Longest time a message stays in the network: Timers I and K.
pub const T4: Duration = Duration::from_secs(5);
/// 64 T1: Timers B, F, H, J, L, M.
pub const TIMER_B: Duration = Duration::from_secs(32);
/// Timer D on unreliable transports.
pub const TIMER_D: Duration = Duration::from_secs(32);
/// Timer F: how long a client waits for the answer to a request other than INVITE.
pub const TIMER_F: Duration = TIMER_B;
/// Timer H: how long an ACK is waited for.
pub const TIMER_H: Duration = TIMER_B;
/// Timer J: how long retransmissions of an answered request are answered again.
pub const TIMER_J: Duration = TIMER_B;
/// Timer L (RFC 6026 §8.7): how long retransmissions of an accepted INVITE are absorbed.
pub const TIMER_L: Duration = TIMER_B;
/// Timer M (RFC 6026 §8.4): how long further 2xx to an INVITE are taken.
pub const TIMER_M: Duration = TIMER_B;
/// The time after which a client's Timer E is set to T2 (0.5 + 1 + 2 s): from here on a request
/// other than INVITE that is not answered yet gets its 100, and on UDP not before (RFC 4320 §4.1).
pub const TRYING_AFTER: Duration = Duration::from_millis(3500);

/// A message that is sent again and again, at intervals that double up to a bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Resend {
    pub(super) at: Instant,
    interval: Duration,
}

impl Resend {
    /// The first retransmission after T1; none where the transport sees to it.
    pub(super) fn start(now: Instant, reliable: bool) -> Option<Self> {
        (!reliable).then(|| Self::after(now, T1))
    }

    /// The next retransmission after `interval`.
    pub(super) fn after(now: Instant, interval: Duration) -> Self {
        Self {
            at: now + interval,
            interval,
        }
    }

    /// After a retransmission. Counted from `now`: a driver that comes late sends no burst.
    pub(super) fn next(self, now: Instant, longest: Duration) -> Self {
        Self::after(now, (self.interval * 2).min(longest))
    }
}

/// The earlier of a retransmission and an end.
pub(super) fn earlier(resend: Option<Resend>, end: Instant) -> Instant {
    resend.map_or(end, |r| r.at.min(end))
}
