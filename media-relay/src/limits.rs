//! Every bound of the crate, one line of reason each.

use std::time::Duration;

/// A UDP datagram cannot be larger, so nothing that arrives is ever cut.
pub(crate) const DATAGRAM_BYTES: usize = 65_536;
/// Sockets that one call of epoll reports; the rest is reported by the next.
pub(crate) const READY: usize = 512;
/// Rounds over the ready sockets before commands and timers get their turn.
pub(crate) const ROUNDS: usize = 16;
/// Commands that wait for a worker; beyond, the caller waits for the worker, which never blocks.
pub(crate) const COMMANDS: usize = 4096;
/// Ports of a session: two sides and four recorders with two streams each, and room to move; an
/// offer that needs more gets 488.
pub(crate) const SESSION_PORTS: usize = 64;
/// Sinks of a port: the other side, one file, the recorders.
pub(crate) const SINKS: usize = 16;
/// Payload types that a fork or a file maps; the number space has 128.
pub(crate) const PAYLOAD_TYPES: usize = 128;
/// Numbers that one reservation tries before it says that none is free.
pub(crate) const BIND_ATTEMPTS: usize = 64;
/// A socket's receive buffer: about half a second of audio, so that a stall cannot queue more.
pub(crate) const RECEIVE_BUFFER_BYTES: usize = 96 * 1024;
/// Packets looked at before a latch closes (RFC 4961 peers behind NAT need one, an attacker has
/// to win most of five).
pub(crate) const LATCH_PACKETS: u8 = 5;
/// A source that sends nothing for so long may be followed to a new one: longer than a handover,
/// shorter than people wait.
pub(crate) const FOLLOW_SILENCE: Duration = Duration::from_secs(2);
/// Packets that one port takes in a second: video at 100 Mbit/s has fewer, and packets that two
/// sessions send to each other's ports, each SDP naming the other's, cannot circle any faster.
pub(crate) const PACKETS_PER_SECOND: u32 = 10_000;
/// Timers of a worker are looked at this often: sender reports, files that wait for the writer.
pub(crate) const COARSE: Duration = Duration::from_millis(200);
/// The rate of packets is measured over this time.
pub(crate) const RATE_WINDOW: Duration = Duration::from_millis(100);
/// Packets in a [`RATE_WINDOW`] above which a worker paces itself; below half of it, no longer.
pub(crate) const PACE_ABOVE: u64 = 300;
/// Packets that wait for the file writer: half a second of a thousand streams at 20 ms.
pub(crate) const RECORD_QUEUE: usize = 8192;
/// A longer payload is not audio at 8000 Hz (180 ms).
pub(crate) const RECORD_PAYLOAD_BYTES: usize = 1440;
/// Samples of a WAV file: its length fields have 32 bits (74 hours at 16 kB a second).
pub(crate) const WAV_SAMPLES: u64 = (u32::MAX as u64 - 44) / 2;
