//! The recording server against recording clients of every shape.

mod answers;
mod disk;
mod files;
mod vendors;

use crate::RecordingServer;
use crate::testing::{Ports, at, crlf, message};
use sbc_core::Entropy;
use sbc_core::net::RealmId;
use sbc_core::ports::{
    App, AppAnswer, AppCommand, AppCx, AppEvent, AppFactory, MediaCmd, Peer, PortId, Record,
};
use sbc_core::sdp::Sdp;
use sbc_core::sip::{HeaderName, Message};
use serde_json::Value;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

/// One recording session with its folder.
struct Bench {
    app: Box<dyn App>,
    dir: tempfile::TempDir,
    entropy: Entropy,
    ports: Ports,
    out: VecDeque<AppCommand>,
    clock: Duration,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            app: RecordingServer::new(dir.path()).unwrap().open(),
            dir,
            entropy: Entropy::from_seed(1),
            ports: Ports::new(8),
            out: VecDeque::new(),
            clock: Duration::ZERO,
        }
    }

    /// A session that began with this INVITE and was answered.
    fn recording(invite: &Message) -> (Self, Reply) {
        let mut bench = Self::new();
        let reply = bench.invite(invite);
        assert!(reply.refused.is_none(), "{:?}", reply.refused);
        (bench, reply)
    }

    fn hears(&mut self, event: AppEvent<'_>) {
        let mut cx = AppCx {
            now: at(self.clock),
            entropy: &mut self.entropy,
            realm: RealmId(0),
            reserve: &mut self.ports,
            out: &mut self.out,
        };
        self.app.on_event(&mut cx, event);
    }

    fn invite(&mut self, invite: &Message) -> Reply {
        self.hears(AppEvent::Invite(invite));
        self.reply()
    }

    fn request(&mut self, request: &Message) -> Reply {
        self.hears(AppEvent::Request(request));
        self.reply()
    }

    fn reply(&mut self) -> Reply {
        let mut reply = Reply::default();
        for command in self.out.drain(..) {
            match command {
                AppCommand::Answer(answer) => reply.answer = Some(*answer),
                AppCommand::Refuse {
                    status, headers, ..
                } => reply.refused = Some((status.code(), headers)),
                AppCommand::Media(MediaCmd::Peer(port, peer)) => reply.peers.push((port, peer)),
                AppCommand::Media(MediaCmd::Record(port, record)) => {
                    reply.records.push((port, record));
                }
                AppCommand::Media(MediaCmd::Release(port)) => reply.released.push(port),
                AppCommand::Hangup => reply.hung_up = true,
                other @ AppCommand::Media(_) => panic!("{other:?}"),
            }
        }
        reply
    }

    /// The folder of the one recording.
    fn folder(&self) -> PathBuf {
        let mut folders = std::fs::read_dir(self.dir.path()).unwrap();
        let folder = folders.next().expect("a recording").unwrap().path();
        assert!(folders.next().is_none(), "more than one recording");
        folder
    }

    /// `recording.json`.
    fn sheet(&self) -> Value {
        let text = std::fs::read(self.folder().join("recording.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

/// What came of a request.
#[derive(Default)]
struct Reply {
    answer: Option<AppAnswer>,
    refused: Option<(u16, Vec<(HeaderName, String)>)>,
    peers: Vec<(PortId, Peer)>,
    records: Vec<(PortId, Record)>,
    released: Vec<PortId>,
    hung_up: bool,
}

impl Reply {
    fn sdp(&self) -> Sdp {
        let answer = self.answer.as_ref().expect("an answer");
        assert_eq!(answer.content_type, "application/sdp");
        Sdp::parse(&answer.body).unwrap()
    }

    /// The m-lines and directions of the answer.
    fn lines(&self) -> Vec<String> {
        let answer = self.answer.as_ref().expect("an answer");
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        let wanted = ["m=", "a=recvonly", "a=inactive", "a=label", "a=send"];
        let lines = text
            .lines()
            .filter(|l| wanted.iter().any(|w| l.starts_with(w)));
        lines.map(str::to_owned).collect()
    }
}

/// A request whose body has this type.
fn request(method: &str, more: &str, content_type: &str, body: &str) -> Message {
    let content_type = match content_type {
        "" => String::new(),
        some => format!("Content-Type: {some}\n"),
    };
    let headers = format!(
        "{method} sip:rec@srs.example SIP/2.0
         Via: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK-1
         Max-Forwards: 70
         From: <sip:sbc@192.0.2.1>;tag=src-1
         To: <sip:rec@srs.example>
         Call-ID: rs-1@192.0.2.1
         CSeq: 1 {method}
         {more}{content_type}"
    );
    message(&headers, body)
}

/// What a client by the book adds.
const BY_THE_BOOK: &str = "Require: siprec\nContact: <sip:sbc@192.0.2.1:5060>;+sip.src\n";

/// An offer of these media blocks.
fn offer(media: &str) -> String {
    format!("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n{media}")
}

/// Two streams as our own client offers them.
const TWO: &str = "m=audio 20000 RTP/AVP 8 0 101
    a=rtpmap:8 PCMA/8000
    a=rtpmap:0 PCMU/8000
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-15
    a=label:1
    a=sendonly
    m=audio 20002 RTP/AVP 0 101
    a=rtpmap:101 telephone-event/8000
    a=label:2
    a=sendonly
";

/// Alice is stream 1, Bob stream 2.
const METADATA: &str = "<?xml version='1.0' encoding='UTF-8'?>
<recording xmlns='urn:ietf:params:xml:ns:recording:1'><datamode>complete</datamode>
<session session_id='S=='><start-time>2026-01-05T10:00:00.000Z</start-time></session>
<participant participant_id='A=='>
<nameID aor='sip:alice@example.com'><name>Alice</name></nameID></participant>
<participant participant_id='B=='><nameID aor='tel:+12025550123'/></participant>
<stream stream_id='1==' session_id='S=='><label>1</label></stream>
<stream stream_id='2==' session_id='S=='><label>2</label></stream>
<participantstreamassoc participant_id='A=='>
<send>1==</send><recv>2==</recv></participantstreamassoc>
<participantstreamassoc participant_id='B=='>
<send>2==</send><recv>1==</recv></participantstreamassoc>
</recording>
";

/// A multipart request of an offer and metadata.
fn multipart(method: &str, more: &str, sdp: &str, xml: &str) -> Message {
    let body = format!(
        "--b
         Content-Type: application/sdp

         {sdp}
         --b
         Content-Type: application/rs-metadata+xml
         Content-Disposition: recording-session

         {}
         --b--",
        xml.trim_end()
    );
    request(method, more, "multipart/mixed;boundary=b", &body)
}

/// The INVITE that everything else is compared with.
fn by_the_book() -> Message {
    multipart("INVITE", BY_THE_BOOK, &offer(TWO), METADATA)
}

/// The document as it goes over the wire.
fn document() -> String {
    crlf(METADATA.trim_end()).trim_end().to_owned()
}
