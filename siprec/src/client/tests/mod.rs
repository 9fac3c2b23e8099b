//! The recording client against scripted recorders.

mod answers;
mod failover;
mod invite;

use crate::SiprecRecorder;
use crate::testing::{Ports, at, message};
use sbc_core::net::RealmId;
use sbc_core::ports::{
    CallView, LegNews, Participant, PortId, RecorderPlan, RecorderStatus, SideCommand, SideCx,
    SideDial, SideEvent, SideLeg, SideLegFactory, StreamView,
};
use sbc_core::sdp::{Codec, Direction};
use sbc_core::sip::{Message, StatusCode, Uri};
use sbc_core::{Entropy, Probe};
use std::collections::VecDeque;
use std::time::Duration;

/// One recording client with what it is given and what it wants.
struct Bench {
    leg: Box<dyn SideLeg>,
    entropy: Entropy,
    ports: Ports,
    out: VecDeque<SideCommand>,
    clock: Duration,
}

impl Bench {
    fn new(servers: usize, skip_failover_codes: Option<&str>) -> Self {
        let recorder = SiprecRecorder::new(plan(servers, skip_failover_codes)).unwrap();
        Self {
            leg: recorder.open(),
            entropy: Entropy::from_seed(1),
            ports: Ports::new(8),
            out: VecDeque::new(),
            clock: Duration::ZERO,
        }
    }

    fn hears(&mut self, event: SideEvent<'_>) {
        let mut cx = SideCx {
            now: at(self.clock),
            entropy: &mut self.entropy,
            reserve: &mut self.ports,
            out: &mut self.out,
            probe: &Probe::default(),
        };
        self.leg.on_event(&mut cx, event);
    }

    /// The call is answered.
    fn answered() -> Self {
        Self::answered_with(2, None)
    }

    fn answered_with(servers: usize, skip_failover_codes: Option<&str>) -> Self {
        let mut bench = Self::new(servers, skip_failover_codes);
        bench.hears(SideEvent::Answered(&view()));
        bench
    }

    fn refused(&mut self, code: u16) {
        self.hears(SideEvent::Leg(LegNews::Refused(StatusCode::of(code))));
    }

    fn accepted(&mut self, sdp: &str) {
        let message = ok(sdp);
        self.hears(SideEvent::Leg(LegNews::Answered(&message)));
    }

    /// Time goes on to the leg's deadline.
    fn deadline(&mut self) {
        let deadline = self.leg.poll_timeout().expect("a deadline");
        self.clock = deadline.since(at(Duration::ZERO).mono);
        self.hears(SideEvent::Timeout);
    }

    /// Every command since the last look, in words.
    fn said(&mut self) -> Vec<String> {
        self.out
            .drain(..)
            .map(|command| in_words(&command))
            .collect()
    }

    /// The INVITE among the commands since the last look.
    fn dial(&mut self) -> SideDial {
        let dials = self.out.drain(..).filter_map(|command| match command {
            SideCommand::Dial(dial) => Some(*dial),
            _ => None,
        });
        let mut dials: Vec<_> = dials.collect();
        assert_eq!(dials.len(), 1);
        dials.remove(0)
    }
}

fn in_words(command: &SideCommand) -> String {
    match command {
        SideCommand::Dial(dial) => format!("dial {}", dial.uri),
        SideCommand::Hangup => "hangup".into(),
        SideCommand::Peer(port, peer) => format!("peer {} {}", port.0, peer.rtp),
        SideCommand::Fork(from, to, fork) => {
            format!("fork {} to {} {:?}", from.0, to.0, fork.payload_types)
        }
        SideCommand::Unfork(from, to) => format!("unfork {} from {}", to.0, from.0),
        SideCommand::Release(port) => format!("release {}", port.0),
        SideCommand::Event(state) => {
            let status = match state.status {
                RecorderStatus::Connecting => "connecting",
                RecorderStatus::Recording => "recording",
                RecorderStatus::Failover => "failover",
                RecorderStatus::Failed => "failed",
                RecorderStatus::Stopped => "stopped",
            };
            format!("{status} {}: {}", state.server, state.reason)
        }
        SideCommand::Finished => "finished".into(),
    }
}

fn plan(servers: usize, skip_failover_codes: Option<&str>) -> RecorderPlan {
    let uri = |n| Uri::parse(&format!("sip:srs{n}.example")).unwrap();
    RecorderPlan {
        name: "main".into(),
        srs: (1..=servers).map(uri).collect(),
        timeout: Duration::from_millis(1500),
        skip_failover_codes: skip_failover_codes.map(Into::into),
        realm: RealmId(1),
    }
}

fn codec(payload_type: u8, name: &str) -> Codec {
    Codec {
        payload_type,
        name: name.into(),
        clock_rate: 8000,
        channels: 1,
        fmtp: (name == "telephone-event").then(|| "0-15".into()),
    }
}

/// Alice calls Bob; she sends A-law, he may send A-law or mu-law.
fn view() -> CallView {
    let person = |aor: &str, name: &str| Participant {
        aor: aor.into(),
        name: name.into(),
    };
    let stream = |from: usize, codecs| StreamView {
        port: PortId(u64::try_from(from).unwrap() + 1),
        from,
        to: 1 - from,
        kind: "audio".into(),
        codecs,
        ptime_ms: Some(20),
        direction: Direction::SendRecv,
    };
    CallView {
        participants: vec![
            person("sip:alice@example.com", "Alice R&D"),
            person("tel:+12025550123", ""),
        ],
        streams: vec![
            stream(0, vec![codec(8, "PCMA"), codec(101, "telephone-event")]),
            stream(
                1,
                vec![
                    codec(8, "PCMA"),
                    codec(0, "PCMU"),
                    codec(96, "telephone-event"),
                ],
            ),
        ],
        call_id: "call-1@192.0.2.1".into(),
        answered_at: at(Duration::ZERO),
    }
}

/// A 200 of a recorder.
fn ok(sdp: &str) -> Message {
    message(
        "SIP/2.0 200 OK
         Via: SIP/2.0/TCP 192.0.2.10:5060;branch=z9hG4bK-1
         From: <sip:sbc@192.0.2.10>;tag=a
         To: <sip:srs1.example>;tag=b
         Call-ID: 1
         CSeq: 1 INVITE
         Contact: <sip:198.51.100.20:5060;transport=tcp>;+sip.srs
         Content-Type: application/sdp",
        sdp,
    )
}

/// An answer of these media blocks.
fn answer(media: &str) -> String {
    format!("v=0\no=- 991 1 IN IP4 198.51.100.20\ns=-\nc=IN IP4 198.51.100.20\nt=0 0\n{media}")
}

/// The answer that every recorder should give.
fn both_streams() -> String {
    answer(
        "m=audio 40000 RTP/AVP 8 101
         a=rtpmap:8 PCMA/8000
         a=rtpmap:101 telephone-event/8000
         a=fmtp:101 0-15
         a=label:1
         a=recvonly
         m=audio 40002 RTP/AVP 8 96
         a=rtpmap:8 PCMA/8000
         a=rtpmap:96 telephone-event/8000
         a=fmtp:96 0-15
         a=label:2
         a=recvonly",
    )
}
