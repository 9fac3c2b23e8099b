//! The engine without sockets.

use super::*;
use crate::counters::{PortCounters, Totals, WorkerCounters};
use crate::rtp::packet::{Header, write};
use proptest::prelude::*;
use sbc_core::ports::{Fork, Latch, MediaCmd, Peer, PortId, Record, RecordCodec};
use sbc_core::{Entropy, Instant, Now, UnixMillis};
use std::sync::Arc;
use std::time::Duration;

const CALL: SessionId = SessionId(1);

/// Everything that left the engine, in order.
#[derive(Default, Debug)]
struct Log {
    sent: Vec<(PortKey, Channel, SocketAddr, Vec<u8>)>,
    events: Vec<MediaEvent>,
    notes: Vec<Note>,
    closed: Vec<PortKey>,
    /// The file writer is too busy for packets.
    busy: bool,
}

impl Outbound for Log {
    fn send(&mut self, port: PortKey, channel: Channel, to: SocketAddr, packet: &[u8]) -> bool {
        self.sent.push((port, channel, to, packet.to_vec()));
        true
    }
    fn event(&mut self, _: SessionId, event: MediaEvent) {
        self.events.push(event);
    }
    fn record(&mut self, note: Note) -> bool {
        let lost = self.busy && matches!(note, Note::Packet { .. });
        if !lost {
            self.notes.push(note);
        }
        !lost
    }
    fn close(&mut self, port: PortKey) {
        self.closed.push(port);
    }
}

struct Rig {
    engine: Engine,
    log: Log,
    now: Now,
    counters: Arc<WorkerCounters>,
}

fn rig() -> Rig {
    let counters = Arc::new(WorkerCounters::default());
    Rig {
        engine: Engine::new(Entropy::from_seed(1), Arc::clone(&counters)),
        log: Log::default(),
        now: Now::default(),
        counters,
    }
}

/// Where a phone is.
fn phone(n: u64) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4000 + 2 * n as u16))
}

/// Where a port is.
fn own(n: u64) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], 20_000 + 2 * n as u16))
}

fn peer(n: u64) -> Peer {
    let rtp = phone(n);
    Peer {
        rtp,
        rtcp: SocketAddr::new(rtp.ip(), rtp.port() + 1),
        latch: Latch::Once,
        send: true,
        receive: true,
    }
}

fn fork() -> Fork {
    Fork {
        payload_types: vec![(0, 0)],
        clock_rate: 8000,
        cname: "a".into(),
    }
}

impl Rig {
    /// A port of this number that faces the phone of this number.
    fn port(&mut self, session: SessionId, n: u64) -> PortKey {
        let key = self.engine.open(NewPort {
            session,
            id: PortId(n),
            own: [own(n); 2],
            counters: Arc::new(PortCounters::default()),
        });
        self.in_session(session, MediaCmd::Peer(PortId(n), peer(n)));
        key
    }

    fn command(&mut self, command: MediaCmd) {
        self.in_session(CALL, command);
    }

    fn in_session(&mut self, session: SessionId, command: MediaCmd) {
        self.engine
            .command(self.now, session, command, &mut self.log);
    }

    /// What is sent because a packet arrives.
    fn arrives(
        &mut self,
        at: PortKey,
        from: SocketAddr,
        packet: &[u8],
    ) -> Vec<(PortKey, Channel, SocketAddr, Vec<u8>)> {
        self.log.sent.clear();
        self.engine
            .on_packet(self.now, at, Channel::Rtp, from, packet, &mut self.log);
        std::mem::take(&mut self.log.sent)
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.counters.add_to(&mut totals);
        totals
    }
}

fn rtp(sequence: u16) -> Vec<u8> {
    let mut packet = write(false, 0, sequence, 0, 77).to_vec();
    packet.extend([0x80; 160]);
    packet
}

fn record(name: &str) -> Record {
    Record {
        path: name.into(),
        codecs: vec![(0, RecordCodec::Pcmu)],
        start: Now::default(),
    }
}

#[test]
fn the_recorder_is_served_after_the_call() {
    let mut rig = rig();
    let [a, b, srs] = [1, 2, 3].map(|n| rig.port(CALL, n));
    rig.command(MediaCmd::Fork(PortId(1), PortId(3), fork()));
    rig.command(MediaCmd::Relay(PortId(1), PortId(2)));
    let sent = rig.arrives(a, phone(1), &rtp(1));
    let ways: Vec<_> = sent.iter().map(|s| (s.0, s.2)).collect();
    assert_eq!(ways, [(b, phone(2)), (srs, phone(3))]);
    assert_eq!(sent[0].3, rtp(1));
    let copy = Header::parse(&sent[1].3).unwrap();
    assert_ne!(copy.ssrc, 77);
}

#[test]
fn a_recorder_has_one_source_and_a_second_one_takes_its_place() {
    let mut rig = rig();
    let [a, b, srs] = [1, 2, 3].map(|n| rig.port(CALL, n));
    rig.command(MediaCmd::Fork(PortId(1), PortId(3), fork()));
    rig.command(MediaCmd::Fork(PortId(2), PortId(3), fork()));
    assert!(rig.arrives(a, phone(1), &rtp(1)).is_empty());
    assert_eq!(rig.arrives(b, phone(2), &rtp(1))[0].0, srs);
    rig.command(MediaCmd::Fork(PortId(3), PortId(3), fork()));
    assert_eq!(
        rig.arrives(b, phone(2), &rtp(2)).len(),
        1,
        "no fork to itself"
    );
}

#[test]
fn a_peer_that_names_a_port_of_its_own_call_is_sent_nothing() {
    let mut rig = rig();
    let [a, b] = [1, 2].map(|n| rig.port(CALL, n));
    rig.command(MediaCmd::Relay(PortId(1), PortId(2)));
    rig.command(MediaCmd::Relay(PortId(2), PortId(1)));
    assert_eq!(rig.arrives(a, phone(1), &rtp(1))[0].0, b);
    let circle = Peer {
        rtp: own(1),
        ..peer(2)
    };
    rig.command(MediaCmd::Peer(PortId(2), circle));
    assert!(rig.arrives(a, phone(1), &rtp(2)).is_empty());
    rig.command(MediaCmd::Peer(PortId(2), peer(2)));
    assert_eq!(rig.arrives(a, phone(1), &rtp(3)).len(), 1);
}

#[test]
fn packets_that_circle_between_two_calls_are_bounded_in_each_second() {
    let mut rig = rig();
    let (a, b) = (rig.port(CALL, 1), rig.port(CALL, 2));
    rig.command(MediaCmd::Relay(PortId(1), PortId(2)));
    let limit = crate::limits::PACKETS_PER_SECOND;
    for _ in 0..limit {
        assert_eq!(rig.arrives(a, phone(1), &rtp(1)).len(), 1);
    }
    assert!(rig.arrives(a, phone(1), &rtp(1)).is_empty());
    assert_eq!(rig.totals().held, 1);
    rig.command(MediaCmd::Relay(PortId(2), PortId(1)));
    let other = rig.arrives(b, phone(2), &rtp(1));
    assert_eq!(other.len(), 1, "each port has a bound of its own");
    rig.now.mono = rig.now.mono + Duration::from_secs(1);
    assert_eq!(rig.arrives(a, phone(1), &rtp(1)).len(), 1);
}

#[test]
fn nothing_is_sent_to_port_zero_or_to_the_zero_address() {
    let mut rig = rig();
    let [a, _] = [1, 2].map(|n| rig.port(CALL, n));
    rig.command(MediaCmd::Relay(PortId(1), PortId(2)));
    for nowhere in ["192.0.2.1:0", "0.0.0.0:4000", "[::]:4000"] {
        let nowhere = Peer {
            rtp: nowhere.parse().unwrap(),
            ..peer(2)
        };
        rig.command(MediaCmd::Peer(PortId(2), nowhere));
        assert!(rig.arrives(a, phone(1), &rtp(1)).is_empty());
    }
}

#[test]
fn a_place_that_is_used_again_has_no_sinks_of_its_predecessor() {
    let mut rig = rig();
    let [a, b] = [1, 2].map(|n| rig.port(CALL, n));
    rig.command(MediaCmd::Relay(PortId(1), PortId(2)));
    rig.command(MediaCmd::Release(PortId(2)));
    assert_eq!(rig.log.closed, [b]);
    let other = SessionId(2);
    assert_eq!(rig.port(other, 5), b, "the same place");
    assert!(rig.arrives(a, phone(1), &rtp(1)).is_empty());
    assert_eq!(rig.totals().sessions, 2);
    rig.command(MediaCmd::Close);
    rig.in_session(other, MediaCmd::Close);
    assert_eq!((rig.totals().sessions, rig.totals().ports), (0, 0));
    assert!(rig.arrives(a, phone(1), &rtp(2)).is_empty(), "late packets");
}

#[test]
fn a_file_is_opened_fed_replaced_and_closed() {
    let mut rig = rig();
    let a = rig.port(CALL, 1);
    rig.command(MediaCmd::Record(PortId(1), record("first")));
    rig.arrives(a, phone(1), &rtp(1));
    rig.command(MediaCmd::Record(PortId(1), record("second")));
    rig.log.busy = true;
    rig.arrives(a, phone(1), &rtp(2));
    assert_eq!(rig.totals().record_drops, 1);
    rig.command(MediaCmd::Close);
    let kinds: Vec<_> = rig
        .log
        .notes
        .iter()
        .map(|note| match note {
            Note::Open { .. } => "open",
            Note::Packet { .. } => "packet",
            Note::Close { .. } => "close",
        })
        .collect();
    assert_eq!(kinds, ["open", "packet", "close", "open", "close"]);
}

#[test]
fn latching_is_told_once_and_again_only_for_another_source() {
    let mut rig = rig();
    let a = rig.port(CALL, 1);
    rig.arrives(a, phone(1), &rtp(1));
    rig.command(MediaCmd::Peer(PortId(1), peer(1)));
    rig.arrives(a, phone(1), &rtp(2));
    assert_eq!(rig.log.events, [MediaEvent::Latched(PortId(1), phone(1))]);
    rig.command(MediaCmd::Peer(PortId(1), peer(6)));
    rig.arrives(a, phone(6), &rtp(3));
    assert_eq!(rig.log.events.len(), 2);
}

#[test]
fn a_party_that_moves_is_heard_sent_to_and_told_of_where_it_is_now() {
    let mut rig = rig();
    let (a, b) = (rig.port(CALL, 1), rig.port(CALL, 2));
    let following = Peer {
        latch: Latch::Follow,
        ..peer(1)
    };
    rig.command(MediaCmd::Peer(PortId(1), following));
    rig.command(MediaCmd::Relay(PortId(1), PortId(2)));
    rig.command(MediaCmd::Relay(PortId(2), PortId(1)));
    rig.arrives(a, phone(1), &rtp(1));
    rig.now.mono = rig.now.mono + Duration::from_secs(2);
    for sequence in 2..6 {
        assert_eq!(rig.arrives(a, phone(5), &rtp(sequence)), []);
        assert_eq!(rig.arrives(b, phone(2), &rtp(sequence))[0].2, phone(1));
    }
    assert_eq!(rig.arrives(a, phone(5), &rtp(6)).len(), 1, "the fifth");
    assert_eq!(rig.arrives(b, phone(2), &rtp(6))[0].2, phone(5));
    let moved = MediaEvent::Latched(PortId(1), phone(5));
    assert!(rig.log.events.contains(&moved));
    assert_eq!(rig.totals().strays, 4);
}

/// Commands over four ports, of which some are not there.
fn commands() -> impl Strategy<Value = MediaCmd> {
    let ports = (0_u64..5, 0_u64..5).prop_map(|(a, b)| (PortId(a), PortId(b)));
    (0_u8..9, ports, any::<bool>()).prop_map(|(kind, (a, b), flag)| match kind {
        0 => MediaCmd::Relay(a, b),
        1 => MediaCmd::Unrelay(a, b),
        2 => MediaCmd::Fork(a, b, fork()),
        3 => MediaCmd::Unfork(a, b),
        4 => MediaCmd::Record(a, record("x")),
        5 if flag => MediaCmd::Release(a),
        6 if flag => MediaCmd::Close,
        _ => MediaCmd::Peer(
            a,
            Peer {
                rtcp: if flag { phone(b.0) } else { peer(b.0).rtcp },
                ..peer(b.0)
            },
        ),
    })
}

/// Something like a packet: bytes, or a header with bytes behind it.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..80);
    (bytes, any::<bool>()).prop_map(|(mut bytes, shaped)| {
        if let (true, Some(first)) = (shaped, bytes.first_mut()) {
            *first = 0x80 | *first & 0x3f;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn whatever_is_asked_and_arrives_the_engine_stands_and_ends_empty(
        steps in proptest::collection::vec((commands(), packets(), 0_usize..6, 0_u64..5), 0..60),
    ) {
        let mut rig = rig();
        for n in 1..4 {
            rig.port(CALL, n);
        }
        for (n, (command, packet, place, from)) in (1_u64..).zip(steps) {
            rig.now = Now {
                mono: Instant::from_nanos(n * 700_000_000),
                unix: UnixMillis(n * 700),
            };
            rig.command(command);
            for channel in [Channel::Rtp, Channel::Rtcp] {
                let key = PortKey(place);
                rig.engine.on_packet(rig.now, key, channel, phone(from), &packet, &mut rig.log);
            }
            rig.engine.on_timeout(rig.now, &mut rig.log);
        }
        rig.engine.close_all(rig.now, &mut rig.log);
        prop_assert!(!rig.engine.has_timers());
        prop_assert_eq!((rig.totals().sessions, rig.totals().ports), (0, 0));
        prop_assert_eq!(rig.log.closed.len(), 3);
        let files = |open: bool| rig.log.notes.iter().filter(|note| match note {
            Note::Open { .. } => open,
            Note::Close { .. } => !open,
            Note::Packet { .. } => false,
        }).count();
        prop_assert_eq!(files(true), files(false), "every file is finished");
    }
}
