//! The engine without sockets, for tests of other crates: packets in, what left out.
//!
//! One session: a caller and a callee whose packets are relayed to each other, a recorder that gets
//! the caller's, and a file of them, of which only the length is kept.

use crate::counters::{PortCounters, WorkerCounters};
use crate::engine::{Channel, Engine, NewPort, Outbound, PortKey};
use crate::recorder::Note;
use crate::track::Track;
use crate::wav::{RATE, Samples};
use sbc_core::ports::{
    Fork, Latch, MediaCmd, MediaEvent, Peer, PortId, Record, RecordCodec, SessionId,
};
use sbc_core::{Entropy, Now};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

const SESSION: SessionId = SessionId(1);
const CALLER: PortId = PortId(1);
const CALLEE: PortId = PortId(2);
const RECORDER: PortId = PortId(3);

/// Where a packet came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Party {
    /// The caller.
    Caller,
    /// The callee.
    Callee,
    /// The recorder.
    Recorder,
}

/// A packet that left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// By the port that faces whom.
    pub to: Party,
    /// By the socket for RTCP.
    pub rtcp: bool,
    /// Where to.
    pub address: SocketAddr,
    /// The packet.
    pub bytes: Vec<u8>,
}

/// How the parties were described.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// How sources are learned.
    pub latch: Latch,
    /// RTP and RTCP by one port.
    pub muxed: bool,
    /// Whether the caller may send.
    pub receive: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Bench {
    engine: Engine,
    counters: Arc<WorkerCounters>,
    ports: [PortKey; 3],
    now: Now,
    log: Log,
}

#[derive(Debug, Default)]
struct Log {
    sent: Vec<(PortKey, Channel, SocketAddr, Vec<u8>)>,
    file: Option<Track<Length>>,
    samples: Vec<i16>,
}

/// A file of which only the length is kept.
#[derive(Debug, Default)]
struct Length(u64);

impl Samples for Length {
    fn write_at(&mut self, position: u64, samples: &[i16]) -> io::Result<()> {
        self.0 = self.0.max(position + samples.len() as u64);
        Ok(())
    }

    fn set_len(&mut self, samples: u64) -> io::Result<()> {
        self.0 = samples;
        Ok(())
    }
}

impl Outbound for Log {
    fn send(&mut self, port: PortKey, channel: Channel, to: SocketAddr, packet: &[u8]) -> bool {
        self.sent.push((port, channel, to, packet.to_vec()));
        true
    }

    fn event(&mut self, _: SessionId, _: MediaEvent) {}

    fn record(&mut self, note: Note) -> bool {
        match note {
            Note::Open { start, .. } => self.file = Some(Track::new(start, Length(0))),
            Note::Packet { heard, .. } => {
                heard.samples(&mut self.samples);
                if let Some(file) = &mut self.file {
                    file.on_packet(&heard, &self.samples)
                        .expect("a length takes every sample");
                }
            }
            Note::Close { .. } => {}
        }
        true
    }

    fn close(&mut self, _: PortKey) {}
}

impl Bench {
    /// A call that stands.
    #[must_use]
    pub fn new(setting: Setting) -> Self {
        let counters = Arc::new(WorkerCounters::default());
        let mut engine = Engine::new(Entropy::from_seed(1), Arc::clone(&counters));
        let ports = [CALLER, CALLEE, RECORDER].map(|id| {
            let own = address(Ipv4Addr::new(198, 51, 100, 1), id.0);
            engine.open(NewPort {
                session: SESSION,
                id,
                own: [own; 2],
                counters: Arc::new(PortCounters::default()),
            })
        });
        let mut bench = Self {
            engine,
            counters,
            ports,
            now: Now::default(),
            log: Log::default(),
        };
        for party in [Party::Caller, Party::Callee, Party::Recorder] {
            bench.face(party, setting);
        }
        bench.command(MediaCmd::Relay(CALLER, CALLEE));
        bench.command(MediaCmd::Relay(CALLEE, CALLER));
        bench.fork();
        bench.command(MediaCmd::Record(
            CALLER,
            Record {
                path: "caller.wav".into(),
                codecs: vec![
                    (0, RecordCodec::Pcmu),
                    (8, RecordCodec::Pcma),
                    (101, RecordCodec::TelephoneEvent),
                ],
                start: bench.now,
            },
        ));
        bench
    }

    /// Where a party wants RTP; its RTCP is one port above, or the same where both are muxed.
    #[must_use]
    pub fn address(party: Party) -> SocketAddr {
        address(Ipv4Addr::new(192, 0, 2, 1), id(party).0)
    }

    /// The party's description again, as with each offer and answer.
    pub fn face(&mut self, party: Party, setting: Setting) {
        let rtp = Self::address(party);
        let rtcp = SocketAddr::new(rtp.ip(), rtp.port() + u16::from(!setting.muxed));
        let peer = Peer {
            rtp,
            rtcp,
            latch: setting.latch,
            send: true,
            receive: setting.receive || party != Party::Caller,
        };
        self.command(MediaCmd::Peer(id(party), peer));
    }

    /// The fork to the recorder again.
    pub fn fork(&mut self) {
        let fork = Fork {
            payload_types: vec![(0, 0), (8, 8), (101, 96)],
            clock_rate: 8000,
            cname: "bench".into(),
        };
        self.command(MediaCmd::Fork(CALLER, RECORDER, fork));
    }

    fn command(&mut self, command: MediaCmd) {
        self.engine
            .command(self.now, SESSION, command, &mut self.log);
    }

    /// A packet arrives at the port that faces `party`; what left because of it.
    pub fn packet(
        &mut self,
        party: Party,
        rtcp: bool,
        from: SocketAddr,
        packet: &[u8],
    ) -> Vec<Sent> {
        let channel = if rtcp { Channel::Rtcp } else { Channel::Rtp };
        let key = self.ports[party as usize];
        self.engine
            .on_packet(self.now, key, channel, from, packet, &mut self.log);
        self.sent()
    }

    /// Time goes by; the reports that left.
    pub fn pass(&mut self, time: Duration) -> Vec<Sent> {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.now.mono = self.now.mono + time;
        self.now.unix.0 = self.now.unix.0.saturating_add(millis);
        self.engine.on_timeout(self.now, &mut self.log);
        self.sent()
    }

    fn sent(&mut self) -> Vec<Sent> {
        let of = |key: PortKey| match self.ports.iter().position(|port| *port == key) {
            Some(0) => Party::Caller,
            Some(1) => Party::Callee,
            _ => Party::Recorder,
        };
        self.log
            .sent
            .drain(..)
            .map(|(key, channel, address, bytes)| Sent {
                to: of(key),
                rtcp: channel == Channel::Rtcp,
                address,
                bytes,
            })
            .collect()
    }

    /// Packets taken, dropped as malformed, and dropped as a stranger's.
    #[must_use]
    pub fn counted(&self) -> [u64; 3] {
        let taken = self.counters.packets.read() + self.counters.rtcp_packets.read();
        let held = self.counters.held.read();
        let malformed = self.counters.malformed.read();
        [taken + held, malformed, self.counters.strays.read()]
    }

    /// Ends the call. The length of the file, and how long it should be.
    #[must_use]
    pub fn finish(mut self) -> [Duration; 2] {
        let mut file = self.log.file.take().expect("the file was opened");
        file.flush().expect("a length takes every sample");
        let samples = file.into_samples().0;
        self.command(MediaCmd::Close);
        let millis = samples * 1000 / u64::from(RATE);
        let passed = self.now.mono.since(sbc_core::Instant::default());
        [Duration::from_millis(millis), passed]
    }
}

const fn id(party: Party) -> PortId {
    match party {
        Party::Caller => CALLER,
        Party::Callee => CALLEE,
        Party::Recorder => RECORDER,
    }
}

fn address(ip: Ipv4Addr, n: u64) -> SocketAddr {
    let port = 4000 + 2 * u16::try_from(n).unwrap_or(0);
    SocketAddr::from((ip, port))
}
