//! A port of the engine: what it faces, what its packets go to, what it counts.

use super::fork::Sender;
use super::latch::{Arrival, RtcpLatch, RtpLatch, Verdict};
use super::sink::Sink;
use crate::counters::PortCounters;
use crate::limits::PACKETS_PER_SECOND;
use crate::recorder::Tap;
use crate::rtp::rtcp;
use crate::rtp::sequence::Reception;
use sbc_core::Instant;
use sbc_core::ports::{Peer, PortId, SessionId};
use smallvec::SmallVec;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A port's place in the engine, and its sockets' in the worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PortKey(pub(crate) usize);

/// One of the two sockets of a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Channel {
    /// The even number.
    Rtp,
    /// The odd one.
    Rtcp,
}

/// A port as it is handed to the engine.
#[derive(Debug)]
pub(crate) struct NewPort {
    pub(crate) session: SessionId,
    pub(crate) id: PortId,
    /// Where it receives, as bound and as advertised: a peer there would be a loop.
    pub(crate) own: [SocketAddr; 2],
    pub(crate) counters: Arc<PortCounters>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) session: SessionId,
    pub(crate) id: PortId,
    pub(crate) own: [SocketAddr; 2],
    pub(crate) counters: Arc<PortCounters>,
    /// Relays first: a recorder never delays the call (RFC 6341 REQ-005).
    pub(crate) sinks: SmallVec<[Sink; 2]>,
    pub(crate) reception: Reception,
    pub(crate) rtp: RtpLatch,
    rtcp: RtcpLatch,
    muxed: bool,
    send: bool,
    pub(crate) receive: bool,
    /// The second that is running, and the packets it has brought.
    second: (Instant, u32),
    /// The endpoint towards a recorder, from the first `Fork` until the port closes.
    pub(crate) sender: Option<Box<Sender>>,
    pub(crate) tap: Option<Box<Tap>>,
}

impl Port {
    pub(crate) fn new(new: NewPort) -> Self {
        Self {
            session: new.session,
            id: new.id,
            own: new.own,
            counters: new.counters,
            sinks: SmallVec::new(),
            reception: Reception::default(),
            rtp: RtpLatch::Deaf,
            rtcp: RtcpLatch::Deaf,
            muxed: false,
            send: false,
            receive: false,
            second: (Instant::default(), 0),
            sender: None,
            tap: None,
        }
    }

    /// `Peer`. `loops`: the peer's address is that of a port of this session.
    pub(crate) fn face(&mut self, peer: &Peer, loops: bool) {
        self.rtp.open(peer.rtp, peer.latch);
        self.rtcp.open(peer.rtcp, peer.latch);
        self.muxed = peer.rtp == peer.rtcp;
        self.send = peer.send && !loops;
        self.receive = peer.receive;
    }

    /// Whether one more packet may come in this second.
    pub(crate) fn is_within_rate(&mut self, now: Instant) -> bool {
        if now.since(self.second.0) >= Duration::from_secs(1) {
            self.second = (now, 0);
        }
        self.second.1 = self.second.1.saturating_add(1);
        self.second.1 <= PACKETS_PER_SECOND
    }

    /// Whether a packet is RTCP: on a muxed port by its type (RFC 5761 §4), else by the socket.
    pub(crate) fn is_rtcp(&self, channel: Channel, packet: &[u8]) -> bool {
        channel == Channel::Rtcp || self.muxed && rtcp::is_rtcp(packet)
    }

    /// Whether an RTP packet is the peer's.
    pub(crate) fn on_rtp_source(&mut self, packet: Arrival) -> Verdict {
        let verdict = self.rtp.on_packet(packet);
        if let Verdict::Locked(source) | Verdict::StrayLocked(source) = verdict {
            self.rtcp.on_rtp_locked(source);
        }
        verdict
    }

    /// The source that RTP was latched to, in this window or, the SDP being the same, before.
    pub(crate) fn rtp_source(&self) -> Option<SocketAddr> {
        self.rtp.source()
    }

    /// Whether an RTCP packet is the peer's. A muxed peer has no use for the odd port.
    pub(crate) fn on_rtcp_source(&mut self, channel: Channel, from: SocketAddr) -> bool {
        match (channel, self.muxed) {
            (Channel::Rtp, true) => self.rtp.is_peer(from),
            (Channel::Rtcp, false) => self.rtcp.on_packet(from, &self.rtp),
            _ => false,
        }
    }

    /// Where RTP goes; `None` where nothing is sent.
    pub(crate) fn rtp_to(&self) -> Option<SocketAddr> {
        let to = self.rtp.destination().filter(|_| self.send)?;
        reachable(to)
    }

    /// Where RTCP goes, and by which socket; `None` where nothing is sent.
    pub(crate) fn rtcp_to(&self) -> Option<(Channel, SocketAddr)> {
        if self.muxed {
            return Some((Channel::Rtp, self.rtp_to()?));
        }
        let to = self.rtcp.destination().filter(|_| self.send)?;
        Some((Channel::Rtcp, reachable(to)?))
    }
}

/// RFC 3264 §8.4 and older: port zero and the zero address mean that nothing is sent.
fn reachable(to: SocketAddr) -> Option<SocketAddr> {
    (to.port() != 0 && !to.ip().is_unspecified()).then_some(to)
}
