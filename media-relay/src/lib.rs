//! The media plane: RTP relay, forks for recorders, WAV files.
//!
//! ```text
//!  MediaPlane::reserve ── binds a pair of sockets ──┐            (caller's thread)
//!  MediaPlane::command ── bounded queue + eventfd ──┤
//!                                                   v
//!  packets ──> worker: epoll ──> engine (sans-IO) ──> relay, then file, then forks
//!                                    │
//!                                    └── bounded queue ──> writer thread ──> WAV
//! ```
//!
//! A session is pinned to one worker; its packets meet no lock, no lookup and no
//! allocation. RTP and RTCP are RFC 3550, symmetric RTP is RFC 4961, multiplexing is RFC 5761, the
//! fork is the RTP endpoint of RFC 7866 §8.2.1.

mod counters;
mod engine;
mod g711;
mod limits;
mod plane;
mod ports;
mod recorder;
mod rtp;
mod sys;
#[cfg(feature = "testing")]
pub mod testing;
mod track;
mod wav;
mod worker;

#[cfg(test)]
mod tests;

pub use counters::Totals;
pub use plane::{Config, MediaRelay, StartError};
