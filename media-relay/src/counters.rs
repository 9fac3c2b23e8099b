//! Counters: written by one worker, read by anyone.
//!
//! Each counter has a single writer, so a relaxed load and store (no locked instruction) counts
//! without loss.

use crate::rtp::sequence::Reception;
use sbc_core::ports::PortStats;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// A counter with one writer.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds; only the owning thread may.
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Sets; only the owning thread may.
    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    pub(crate) fn read(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The counters of a port.
#[derive(Debug, Default)]
pub(crate) struct PortCounters {
    pub(crate) received: Counter,
    pub(crate) received_bytes: Counter,
    pub(crate) sent: Counter,
    pub(crate) strays: Counter,
    pub(crate) malformed: Counter,
    pub(crate) rtcp_received: Counter,
    lost: Counter,
    ssrc: AtomicU32,
    jitter: AtomicU32,
}

impl PortCounters {
    /// Publishes what is known of the received stream.
    pub(crate) fn publish(&self, reception: &Reception) {
        self.lost.set(reception.lost());
        self.ssrc.store(reception.ssrc(), Relaxed);
        self.jitter.store(reception.jitter(), Relaxed);
    }

    pub(crate) fn read(&self) -> PortStats {
        PortStats {
            received: self.received.read(),
            received_bytes: self.received_bytes.read(),
            sent: self.sent.read(),
            lost: self.lost.read(),
            strays: self.strays.read(),
            malformed: self.malformed.read(),
            rtcp_received: self.rtcp_received.read(),
            ssrc: self.ssrc.load(Relaxed),
            jitter: self.jitter.load(Relaxed),
        }
    }
}

/// The counters of a worker; they outlive sessions.
#[derive(Debug, Default)]
pub(crate) struct WorkerCounters {
    pub(crate) packets: Counter,
    pub(crate) bytes: Counter,
    pub(crate) rtcp_packets: Counter,
    pub(crate) relayed: Counter,
    pub(crate) forked: Counter,
    pub(crate) strays: Counter,
    pub(crate) malformed: Counter,
    pub(crate) held: Counter,
    pub(crate) send_errors: Counter,
    pub(crate) record_drops: Counter,
    pub(crate) sessions: Counter,
    pub(crate) ports: Counter,
}

/// What the plane has done since it started, and what it holds now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// RTP packets taken from peers.
    pub packets: u64,
    /// Their bytes, with RTP headers.
    pub bytes: u64,
    /// RTCP packets taken from peers.
    pub rtcp_packets: u64,
    /// RTP and RTCP packets sent on to the other side.
    pub relayed: u64,
    /// RTP packets sent to recorders.
    pub forked: u64,
    /// Packets from a source that is not the peer; dropped.
    pub strays: u64,
    /// Neither RTP nor RTCP; dropped.
    pub malformed: u64,
    /// RTP packets of a peer that was told not to send, and packets over a port's rate; dropped.
    pub held: u64,
    /// Packets that the operating system did not take.
    pub send_errors: u64,
    /// Packets that a file lost because the disk could not follow; silence stands in their place.
    pub record_drops: u64,
    /// Sessions that are open.
    pub sessions: u64,
    /// Ports (pairs of sockets) that are open.
    pub ports: u64,
    /// Pairs of port numbers that wait out their quarantine.
    pub ports_in_quarantine: u64,
    /// Pairs of port numbers that are free, of the ranges that were used so far.
    pub ports_free: u64,
}

impl WorkerCounters {
    /// Adds this worker's share.
    pub(crate) fn add_to(&self, totals: &mut Totals) {
        totals.packets += self.packets.read();
        totals.bytes += self.bytes.read();
        totals.rtcp_packets += self.rtcp_packets.read();
        totals.relayed += self.relayed.read();
        totals.forked += self.forked.read();
        totals.strays += self.strays.read();
        totals.malformed += self.malformed.read();
        totals.held += self.held.read();
        totals.send_errors += self.send_errors.read();
        totals.record_drops += self.record_drops.read();
        totals.sessions += self.sessions.read();
        totals.ports += self.ports.read();
    }
}
