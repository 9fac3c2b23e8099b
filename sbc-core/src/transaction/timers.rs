//! Timer values (RFC 3261 §17.1.1.1, table 4).

use std::time::Duration;

/// Round trip estimate.
pub const T1: Duration = Duration::from_millis(500);
/// Longest interval between retransmissions of a non-INVITE request and of a final response.
pub const T2: Duration = Duration::from_secs(4);
/// Longest time a message stays in the network.
pub const T4: Duration = Duration::from_secs(5);
/// 64 T1: Timers B, F, H, J, L, M.
pub const TIMER_B: Duration = Duration::from_secs(32);
/// Timer D on unreliable transports.
pub const TIMER_D: Duration = Duration::from_secs(32);
/// Timer H: how long an ACK is waited for.
pub const TIMER_H: Duration = TIMER_B;
/// Timer M (RFC 6026 §8.4): how long further 2xx to an INVITE are taken.
pub const TIMER_M: Duration = TIMER_B;
