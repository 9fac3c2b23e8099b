//! Sessions: commands in, packets in, packets out.
//!
//! What becomes of an RTP packet, in this order:
//!
//! | packet | counted as | goes |
//! |---|---|---|
//! | not RTP version 2, or shorter than its header says | malformed | nowhere |
//! | not from the peer ([latch](super::latch)) | stray | nowhere |
//! | from a peer that shall not send (`receive: false`) | held | nowhere |
//! | other | received | to the sinks: relays, file, forks |
//!
//! The latch has seen a packet that is held: a listener behind NAT can be reached through what it
//! sends to keep its NAT open.
//!
//! RTCP is relayed whatever `receive` says: it flows on streams of every direction (RFC 3264
//! §5.1). Towards a peer with `send: false` nothing goes out at all.

use super::Outbound;
use super::fork::Sender;
use super::latch::{Arrival, Verdict};
use super::port::{Channel, NewPort, Port, PortKey};
use super::sink::{self, Sink};
use crate::counters::WorkerCounters;
use crate::limits;
use crate::recorder::{Note, Tap};
use crate::rtp::packet::Header;
use crate::rtp::rtcp;
use sbc_core::ports::{Fork, MediaCmd, MediaEvent, Peer, PortId, Record, SessionId};
use sbc_core::{Entropy, Now};
use slab::Slab;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

type SessionPorts = SmallVec<[(PortId, PortKey); 4]>;

/// The sessions of one worker.
#[derive(Debug)]
pub(crate) struct Engine {
    ports: Slab<Port>,
    /// For commands; a packet finds its port by place.
    sessions: HashMap<SessionId, SessionPorts>,
    /// Ports with a [`Sender`], which reports.
    senders: Vec<PortKey>,
    entropy: Entropy,
    /// Where packets of our own are written.
    scratch: Vec<u8>,
    counters: Arc<WorkerCounters>,
}

impl Engine {
    pub(crate) fn new(entropy: Entropy, counters: Arc<WorkerCounters>) -> Self {
        Self {
            ports: Slab::new(),
            sessions: HashMap::new(),
            senders: Vec::new(),
            entropy,
            scratch: Vec::with_capacity(limits::DATAGRAM_BYTES),
            counters,
        }
    }

    /// A port was reserved.
    pub(crate) fn open(&mut self, new: NewPort) -> PortKey {
        let (session, id) = (new.session, new.id);
        let key = PortKey(self.ports.insert(Port::new(new)));
        self.sessions.entry(session).or_default().push((id, key));
        self.publish();
        key
    }

    /// A command. One that names a port or a session that is not there does nothing.
    pub(crate) fn command<O: Outbound>(
        &mut self,
        now: Now,
        session: SessionId,
        command: MediaCmd,
        out: &mut O,
    ) {
        match command {
            MediaCmd::Peer(port, peer) => self.peer(session, port, &peer),
            MediaCmd::Relay(from, to) => self.relay(session, from, to),
            MediaCmd::Unrelay(from, to) => self.cut(session, from, to, Sink::Relay),
            MediaCmd::Fork(from, to, fork) => self.fork(now, session, from, to, fork),
            MediaCmd::Unfork(from, to) => {
                self.cut(session, from, to, Sink::Fork);
                if let Some(key) = self.find(session, to)
                    && let Some(sender) = &mut self.ports[key.0].sender
                {
                    sender.rest();
                }
            }
            MediaCmd::Record(port, record) => self.record(now, session, port, record, out),
            MediaCmd::Release(port) => self.release(now, session, port, out),
            MediaCmd::Close => self.close(now, session, out),
        }
    }

    fn find(&self, session: SessionId, port: PortId) -> Option<PortKey> {
        let ports = self.sessions.get(&session)?;
        let found = ports.iter().find(|(id, _)| *id == port);
        found.map(|(_, key)| *key)
    }

    fn peer(&mut self, session: SessionId, port: PortId, peer: &Peer) {
        let Some(key) = self.find(session, port) else {
            return;
        };
        let ports = self.sessions.get(&session).into_iter().flatten();
        // A peer that names a port of its own call would make packets circle for ever.
        let loops = ports.into_iter().any(|(_, other)| {
            let own = self.ports[other.0].own;
            own.contains(&peer.rtp) || own.contains(&peer.rtcp)
        });
        if loops {
            tracing::warn!(
                session = session.0,
                port = port.0,
                "the peer's media address is a port of its own call: nothing is sent to it"
            );
        }
        self.ports[key.0].face(peer, loops);
    }

    fn relay(&mut self, session: SessionId, from: PortId, to: PortId) {
        let (Some(from), Some(to)) = (self.find(session, from), self.find(session, to)) else {
            return;
        };
        sink::add(&mut self.ports[from.0].sinks, Sink::Relay(to));
    }

    fn cut(&mut self, session: SessionId, from: PortId, to: PortId, kind: fn(PortKey) -> Sink) {
        let (Some(from), Some(to)) = (self.find(session, from), self.find(session, to)) else {
            return;
        };
        self.ports[from.0].sinks.retain(|sink| *sink != kind(to));
    }

    /// A port that faces a recorder carries one stream: another source takes its place.
    fn fork(&mut self, now: Now, session: SessionId, from: PortId, to: PortId, mut fork: Fork) {
        let (Some(source), Some(target)) = (self.find(session, from), self.find(session, to))
        else {
            return;
        };
        if source == target {
            return;
        }
        for (_, key) in self.sessions.get(&session).into_iter().flatten() {
            let sinks = &mut self.ports[key.0].sinks;
            sinks.retain(|sink| *sink != Sink::Fork(target));
        }
        fork.payload_types.truncate(limits::PAYLOAD_TYPES);
        match &mut self.ports[target.0].sender {
            Some(sender) => sender.change(fork),
            none => {
                let sender = Sender::new(now.mono, fork, &mut self.entropy);
                *none = Some(Box::new(sender));
                self.senders.push(target);
            }
        }
        sink::add(&mut self.ports[source.0].sinks, Sink::Fork(target));
    }

    /// A port has one file: another one takes its place, and the first is finished.
    fn record<O: Outbound>(
        &mut self,
        now: Now,
        session: SessionId,
        port: PortId,
        record: Record,
        out: &mut O,
    ) {
        let Some(key) = self.find(session, port) else {
            return;
        };
        self.finish_file(now, key, out);
        let tap = Tap::new(record.codecs);
        out.record(Note::Open {
            file: tap.file,
            session,
            port,
            path: record.path,
            start: record.start.mono,
        });
        let port = &mut self.ports[key.0];
        port.tap = Some(Box::new(tap));
        sink::add(&mut port.sinks, Sink::Record);
    }

    fn finish_file<O: Outbound>(&mut self, now: Now, key: PortKey, out: &mut O) {
        if let Some(tap) = self.ports[key.0].tap.take() {
            out.record(Note::Close {
                file: tap.file,
                at: now.mono,
            });
        }
    }

    fn release<O: Outbound>(&mut self, now: Now, session: SessionId, port: PortId, out: &mut O) {
        let Some(ports) = self.sessions.get_mut(&session) else {
            return;
        };
        let Some(at) = ports.iter().position(|(id, _)| *id == port) else {
            return;
        };
        let (_, key) = ports.swap_remove(at);
        for (_, other) in ports.iter() {
            let sinks = &mut self.ports[other.0].sinks;
            sinks.retain(|sink| !sink.leads_to(key));
        }
        if ports.is_empty() {
            self.sessions.remove(&session);
        }
        self.remove(now, key, out);
        self.publish();
    }

    fn close<O: Outbound>(&mut self, now: Now, session: SessionId, out: &mut O) {
        for (_, key) in self.sessions.remove(&session).into_iter().flatten() {
            self.remove(now, key, out);
        }
        self.publish();
    }

    /// The worker ends: everything closes.
    pub(crate) fn close_all<O: Outbound>(&mut self, now: Now, out: &mut O) {
        let sessions: Vec<_> = self.sessions.keys().copied().collect();
        for session in sessions {
            self.close(now, session, out);
        }
    }

    fn remove<O: Outbound>(&mut self, now: Now, key: PortKey, out: &mut O) {
        self.finish_file(now, key, out);
        let mut port = self.ports.remove(key.0);
        if port.sender.is_some() {
            if let Some(at) = self.senders.iter().position(|other| *other == key) {
                self.senders.swap_remove(at);
            }
            if let Some((channel, to)) = port.rtcp_to()
                && port
                    .sender
                    .as_mut()
                    .is_some_and(|s| s.leave(now, &mut self.scratch))
            {
                out.send(key, channel, to, &self.scratch);
            }
        }
        out.close(key);
    }

    fn publish(&self) {
        self.counters.sessions.set(self.sessions.len() as u64);
        self.counters.ports.set(self.ports.len() as u64);
    }

    /// A packet arrived at a port's socket.
    pub(crate) fn on_packet<O: Outbound>(
        &mut self,
        now: Now,
        key: PortKey,
        channel: Channel,
        from: SocketAddr,
        packet: &[u8],
        out: &mut O,
    ) {
        let Some(port) = self.ports.get_mut(key.0) else {
            return;
        };
        if !port.is_within_rate(now.mono) {
            self.counters.held.add(1);
            return;
        }
        if port.is_rtcp(channel, packet) {
            if !rtcp::is_valid(packet) {
                port.counters.malformed.add(1);
                self.counters.malformed.add(1);
            } else if !port.on_rtcp_source(channel, from) {
                port.counters.strays.add(1);
                self.counters.strays.add(1);
            } else {
                port.counters.rtcp_received.add(1);
                self.counters.rtcp_packets.add(1);
                self.relay_rtcp(key, packet, out);
            }
        } else if let Some(header) = Header::parse(packet) {
            if self.take(now, key, from, packet, &header, out) {
                self.distribute(now, key, packet, &header, out);
            }
        } else {
            port.counters.malformed.add(1);
            self.counters.malformed.add(1);
        }
    }

    /// Whether an RTP packet is taken; counts it.
    fn take<O: Outbound>(
        &mut self,
        now: Now,
        key: PortKey,
        from: SocketAddr,
        packet: &[u8],
        header: &Header,
        out: &mut O,
    ) -> bool {
        let port = &mut self.ports[key.0];
        let before = port.rtp_source();
        let verdict = port.on_rtp_source(Arrival {
            at: now.mono,
            from,
            ssrc: header.ssrc,
            sequence: header.sequence,
        });
        if let Verdict::Locked(source) | Verdict::StrayLocked(source) = verdict
            && before != Some(source)
        {
            out.event(port.session, MediaEvent::Latched(port.id, source));
        }
        if matches!(verdict, Verdict::Stray | Verdict::StrayLocked(_)) {
            port.counters.strays.add(1);
            self.counters.strays.add(1);
            return false;
        }
        if !port.receive {
            self.counters.held.add(1);
            return false;
        }
        port.reception.on_packet(now.mono, header);
        port.counters.received.add(1);
        port.counters.received_bytes.add(packet.len() as u64);
        port.counters.publish(&port.reception);
        self.counters.packets.add(1);
        self.counters.bytes.add(packet.len() as u64);
        true
    }

    fn distribute<O: Outbound>(
        &mut self,
        now: Now,
        key: PortKey,
        packet: &[u8],
        header: &Header,
        out: &mut O,
    ) {
        for n in 0..self.ports[key.0].sinks.len() {
            match self.ports[key.0].sinks[n] {
                Sink::Relay(to) => {
                    let target = &self.ports[to.0];
                    if let Some(address) = target.rtp_to() {
                        if out.send(to, Channel::Rtp, address, packet) {
                            target.counters.sent.add(1);
                            self.counters.relayed.add(1);
                        } else {
                            self.counters.send_errors.add(1);
                        }
                    }
                }
                Sink::Record => {
                    let tap = self.ports[key.0].tap.as_deref();
                    let note = tap.and_then(|tap| tap.note(now.mono, header, packet));
                    if note.is_some_and(|note| !out.record(note)) {
                        self.counters.record_drops.add(1);
                    }
                }
                Sink::Fork(to) => self.send_fork(now, to, packet, header, out),
            }
        }
    }

    fn send_fork<O: Outbound>(
        &mut self,
        now: Now,
        to: PortKey,
        packet: &[u8],
        header: &Header,
        out: &mut O,
    ) {
        let target = &mut self.ports[to.0];
        let (Some(address), Some(sender)) = (target.rtp_to(), &mut target.sender) else {
            return;
        };
        if !sender.on_packet(now.mono, header, packet, &mut self.scratch) {
            return;
        }
        if out.send(to, Channel::Rtp, address, &self.scratch) {
            target.counters.sent.add(1);
            self.counters.forked.add(1);
        } else {
            self.counters.send_errors.add(1);
        }
    }

    fn relay_rtcp<O: Outbound>(&self, key: PortKey, packet: &[u8], out: &mut O) {
        for sink in &self.ports[key.0].sinks {
            let Sink::Relay(to) = *sink else { continue };
            if let Some((channel, address)) = self.ports[to.0].rtcp_to() {
                if out.send(to, channel, address, packet) {
                    self.counters.relayed.add(1);
                } else {
                    self.counters.send_errors.add(1);
                }
            }
        }
    }

    /// Whether [`Self::on_timeout`] has anything to do from time to time.
    pub(crate) fn has_timers(&self) -> bool {
        !self.senders.is_empty()
    }

    /// Sends the reports that are due. Called a few times a second.
    pub(crate) fn on_timeout<O: Outbound>(&mut self, now: Now, out: &mut O) {
        for key in &self.senders {
            let port = &mut self.ports[key.0];
            let (Some((channel, to)), Some(sender)) = (port.rtcp_to(), &mut port.sender) else {
                continue;
            };
            if sender.on_timeout(now, &mut self.entropy, &mut self.scratch)
                && !out.send(*key, channel, to, &self.scratch)
            {
                self.counters.send_errors.add(1);
            }
        }
    }
}
