//! Our client records with our server: what one writes the other takes, without any complaint.

use crate::testing::{Ports, at};
use crate::{RecordingServer, SiprecRecorder};
use sbc_core::net::RealmId;
use sbc_core::ports::{
    AppAnswer, AppCommand, AppCx, AppEvent, AppFactory, CallView, LegNews, MediaCmd, Participant,
    PortId, RecorderPlan, RecorderStatus, SideCommand, SideCx, SideDial, SideEvent, SideLeg,
    SideLegFactory, StreamView,
};
use sbc_core::sdp::{Codec, Direction};
use sbc_core::sip::{HeaderName, Message, Method, StatusCode, Uri};
use sbc_core::{Entropy, Probe};
use std::collections::VecDeque;
use std::time::Duration;

fn view() -> CallView {
    let person = |aor: &str, name: &str| Participant {
        aor: aor.into(),
        name: name.into(),
    };
    let codec = |payload_type, name: &str| Codec {
        payload_type,
        name: name.into(),
        clock_rate: 8000,
        channels: 1,
        fmtp: None,
    };
    let stream = |from: usize, kind: &str, codec| StreamView {
        port: PortId(u64::try_from(from).unwrap() + 1),
        from,
        to: 1 - from,
        kind: kind.into(),
        codecs: vec![codec],
        ptime_ms: None,
        direction: Direction::SendRecv,
    };
    CallView {
        participants: vec![
            person("sip:alice@example.com", "\"Alice\" <R&D> \u{1}日本"),
            person("sip:bob@example.com?a=b&c='d'", ""),
        ],
        streams: vec![
            stream(0, "audio", codec(8, "PCMA")),
            stream(1, "audio", codec(0, "PCMU")),
            stream(0, "video", codec(97, "VP8")),
        ],
        call_id: "a&b@<c>".into(),
        answered_at: at(Duration::ZERO),
    }
}

/// What the client wants after an event.
fn client(leg: &mut dyn SideLeg, ports: &mut Ports, event: SideEvent<'_>) -> Vec<SideCommand> {
    let mut out = VecDeque::new();
    let mut cx = SideCx {
        now: at(Duration::ZERO),
        entropy: &mut Entropy::from_seed(5),
        reserve: ports,
        out: &mut out,
        probe: &Probe::default(),
    };
    leg.on_event(&mut cx, event);
    out.into()
}

/// What a call makes of a dial.
fn invite(dial: &SideDial) -> Message {
    let mut invite = Message::request(Method::Invite, &dial.uri.to_string());
    let contact = format!("<sip:192.0.2.10>;{}", dial.contact_params);
    for (name, value) in [
        (HeaderName::Via, "SIP/2.0/TCP 192.0.2.10;branch=z9hG4bK-1"),
        (HeaderName::From, "<sip:sbc@192.0.2.10>;tag=a"),
        (HeaderName::To, "<sip:srs.example>"),
        (HeaderName::CallId, "rs-1"),
        (HeaderName::CSeq, "1 INVITE"),
        (HeaderName::Contact, &contact),
    ] {
        invite.push(name, value).unwrap();
    }
    for (name, value) in &dial.headers {
        invite.push(name.clone(), value).unwrap();
    }
    invite
        .set_body(&dial.content_type, dial.body.clone())
        .unwrap();
    // Over the wire, so that the body is what a peer would see.
    Message::parse_datagram(invite.to_bytes()).unwrap()
}

fn response(invite: &Message, answer: &AppAnswer) -> Message {
    let mut response = Message::reply_to(invite, answer.status, "", Some("b"));
    response
        .set_body(&answer.content_type, answer.body.clone())
        .unwrap();
    Message::parse_datagram(response.to_bytes()).unwrap()
}

#[test]
fn our_client_is_recorded_by_our_server_without_complaint() {
    let recorder = SiprecRecorder::new(RecorderPlan {
        name: "main".into(),
        srs: vec![Uri::parse("sip:srs.example").unwrap()],
        timeout: Duration::from_millis(1500),
        skip_failover_codes: None,
        realm: RealmId(0),
    })
    .unwrap();
    let mut leg = recorder.open();
    let mut ports = Ports::new(3);
    let commands = client(&mut *leg, &mut ports, SideEvent::Answered(&view()));
    let dial = commands.iter().find_map(|command| match command {
        SideCommand::Dial(dial) => Some(dial),
        _ => None,
    });
    let invite = invite(dial.expect("an INVITE"));
    assert!(invite.defects().is_empty(), "{:?}", invite.defects());

    let dir = tempfile::tempdir().unwrap();
    let mut app = RecordingServer::new(dir.path()).unwrap().open();
    let mut out = VecDeque::new();
    let mut cx = AppCx {
        now: at(Duration::ZERO),
        entropy: &mut Entropy::from_seed(6),
        realm: RealmId(0),
        reserve: &mut Ports::new(2),
        out: &mut out,
    };
    app.on_event(&mut cx, AppEvent::Invite(&invite));
    let mut answer = None;
    let mut files = Vec::new();
    for command in out {
        match command {
            AppCommand::Answer(given) => answer = Some(given),
            AppCommand::Media(MediaCmd::Record(_, record)) => files.push(record.path),
            AppCommand::Media(MediaCmd::Peer(..)) => {}
            other => panic!("{other:?}"),
        }
    }
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, StatusCode::of(200));
    assert_eq!(files.len(), 2, "the video stream is declined");

    let response = response(&invite, &answer);
    let news = SideEvent::Leg(LegNews::Answered(&response));
    let commands = client(&mut *leg, &mut ports, news);
    let forks: Vec<_> = commands
        .iter()
        .filter_map(|command| match command {
            SideCommand::Fork(from, to, fork) => Some((from.0, to.0, fork.payload_types[0])),
            _ => None,
        })
        .collect();
    assert_eq!(forks, [(1, 100, (8, 8)), (2, 101, (0, 0))]);
    let recording = commands.iter().any(|command| {
        matches!(command, SideCommand::Event(state) if state.status == RecorderStatus::Recording)
    });
    assert!(recording);

    let sheet = files[0].parent().unwrap().join("recording.json");
    let sheet: serde_json::Value = serde_json::from_slice(&std::fs::read(sheet).unwrap()).unwrap();
    assert_eq!(sheet["complaints"], serde_json::json!([]));
    let people = sheet["participants"].as_array().unwrap();
    assert_eq!(people[0]["name"], "\"Alice\" <R&D> \u{fffd}日本");
    assert_eq!(people[1]["aor"], "sip:bob@example.com?a=b&c='d'");
    for (n, person) in people.iter().enumerate() {
        assert_eq!(sheet["streams"][n]["participants"][0], person["id"]);
    }
    assert_eq!(sheet["sessions"][0]["call_id"], "a&b@<c>");
}
