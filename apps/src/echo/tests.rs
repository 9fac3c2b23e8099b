//! The echo against offers of every shape.

use super::*;
use bytes::Bytes;
use sbc_core::net::{MediaAddress, RealmId};
use sbc_core::ports::{MediaError, PortId, Reserve};
use sbc_core::{Entropy, Now};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

const PORT: PortId = PortId(7);

/// One port, 192.0.2.10:30000, or none.
struct Ports(bool);

impl Reserve for Ports {
    fn reserve(&mut self, _: RealmId, _: Option<IpAddr>) -> Result<MediaPort, MediaError> {
        if !std::mem::take(&mut self.0) {
            return Err(MediaError::NoPorts);
        }
        Ok(MediaPort {
            id: PORT,
            rtp: at("192.0.2.10:30000"),
            rtcp: at("192.0.2.10:30001"),
        })
    }

    fn address(&self, _: RealmId, _: Option<IpAddr>) -> Option<MediaAddress> {
        let address = at("192.0.2.10:0").ip();
        Some(MediaAddress {
            bind: address,
            advertise: address,
            first_port: 30_000,
            last_port: 30_001,
            quarantine: MediaAddress::QUARANTINE,
        })
    }
}

/// A call to the echo.
struct Bench {
    app: Box<dyn App>,
    ports: Ports,
    entropy: Entropy,
}

/// What came of an event.
#[derive(Default)]
struct Reply {
    status: u16,
    headers: Vec<(HeaderName, String)>,
    body: String,
    media: Vec<MediaCmd>,
}

impl Bench {
    fn new() -> Self {
        Self {
            app: EchoFactory.open(),
            ports: Ports(true),
            entropy: Entropy::from_seed(1),
        }
    }

    /// A call that was answered.
    fn echoing(offer: &str) -> (Self, Reply) {
        let mut bench = Self::new();
        let reply = bench.invite(offer);
        assert_eq!(reply.status, 200);
        (bench, reply)
    }

    fn hears(&mut self, event: AppEvent<'_>) -> Reply {
        let mut out = VecDeque::new();
        let mut cx = AppCx {
            now: Now::default(),
            entropy: &mut self.entropy,
            realm: RealmId(0),
            reserve: &mut self.ports,
            out: &mut out,
        };
        self.app.on_event(&mut cx, event);
        let mut reply = Reply::default();
        for command in out {
            match command {
                AppCommand::Answer(answer) => {
                    reply.status = answer.status.code();
                    assert_eq!(answer.content_type.is_empty(), answer.body.is_empty());
                    reply.body = String::from_utf8(answer.body.to_vec()).unwrap();
                }
                AppCommand::Refuse {
                    status, headers, ..
                } => {
                    reply.status = status.code();
                    reply.headers = headers;
                }
                AppCommand::Media(command) => reply.media.push(command),
                AppCommand::Hangup => panic!("the echo never hangs up"),
            }
        }
        reply
    }

    fn invite(&mut self, offer: &str) -> Reply {
        self.hears(AppEvent::Invite(&request("INVITE", "", offer)))
    }

    fn request(&mut self, method: &str, offer: &str) -> Reply {
        self.hears(AppEvent::Request(&request(method, "", offer)))
    }
}

impl Reply {
    /// The answer from its first m-line on.
    fn media_lines(&self) -> Vec<&str> {
        let lines = self.body.lines();
        lines.skip_while(|l| !l.starts_with("m=")).collect()
    }

    fn origin(&self) -> (&str, u64) {
        let line = self.body.lines().find(|l| l.starts_with("o=")).unwrap();
        let words: Vec<_> = line.split(' ').collect();
        (words[1], words[2].parse().unwrap())
    }

    fn peer(&self) -> Peer {
        match self.media.as_slice() {
            [MediaCmd::Peer(PORT, peer), ..] => *peer,
            other => panic!("{other:?}"),
        }
    }
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A request with this body, an SDP where it is one.
fn request(method: &str, more: &str, body: &str) -> Message {
    let body = body.replace('\n', "\r\n");
    let content_type = match body.as_str() {
        "" => "",
        b if b.starts_with("v=") => "Content-Type: application/sdp\r\n",
        _ => "Content-Type: application/dtmf-relay\r\n",
    };
    let text = format!(
        "{method} sip:echo@192.0.2.9 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bK1\r\n\
         From: <sip:100@198.51.100.1>;tag=1\r\n\
         To: <sip:echo@192.0.2.9>\r\n\
         Call-ID: 1@198.51.100.1\r\n\
         CSeq: 1 {method}\r\n\
         {more}{content_type}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Message::parse_datagram(Bytes::from(text)).unwrap()
}

fn offer(media: &str) -> String {
    format!("v=0\no=- 5 5 IN IP4 198.51.100.1\ns=-\nc=IN IP4 198.51.100.1\nt=0 0\n{media}")
}

const AUDIO: &str = "m=audio 40000 RTP/AVP 8 101\na=rtpmap:8 PCMA/8000\n\
     a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n";

#[test]
fn every_codec_of_the_first_audio_comes_back_and_other_media_are_closed() {
    let (_, reply) = Bench::echoing(&offer(
        "m=video 40010 RTP/AVP 96\na=rtpmap:96 H264/90000\n\
         m=audio 40000 RTP/AVP 97 8 98\na=rtpmap:97 opus/48000/2\na=fmtp:97 useinbandfec=1\n\
         a=ptime:30\na=label:x\na=candidate:1 1 UDP 9 198.51.100.1 5 typ host\n\
         m=audio 40020 RTP/AVP 0\nm=image 40030 udptl t38\n",
    ));
    assert_eq!(
        reply.media_lines(),
        [
            "m=video 0 RTP/AVP 96",
            "m=audio 30000 RTP/AVP 97 8",
            "a=rtpmap:97 opus/48000/2",
            "a=fmtp:97 useinbandfec=1",
            "a=rtpmap:8 PCMA/8000",
            "a=ptime:30",
            "a=label:x",
            "a=sendrecv",
            "m=audio 0 RTP/AVP 0",
            "m=image 0 udptl t38",
        ]
    );
}

#[test]
fn the_port_faces_the_caller_and_is_relayed_to_itself() {
    let (_, reply) = Bench::echoing(&offer(&format!("{AUDIO}a=rtcp:40005\n")));
    let peer = Peer {
        rtp: at("198.51.100.1:40000"),
        rtcp: at("198.51.100.1:40005"),
        latch: Latch::Once,
        send: true,
        receive: true,
    };
    let wanted = [MediaCmd::Peer(PORT, peer), MediaCmd::Relay(PORT, PORT)];
    assert_eq!(reply.media, wanted);
}

#[test]
fn directions_are_mirrored_towards_caller_and_port() {
    let held = "c=IN IP4 0.0.0.0\n";
    for (said, answered, send, receive) in [
        ("", "a=sendrecv", true, true),
        ("a=sendonly\n", "a=recvonly", false, true),
        ("a=recvonly\n", "a=sendonly", true, false),
        ("a=inactive\n", "a=inactive", false, false),
        (held, "a=recvonly", false, true),
        (&format!("{held}a=recvonly\n"), "a=inactive", false, false),
    ] {
        let (_, reply) = Bench::echoing(&offer(&format!("{AUDIO}{said}")));
        assert_eq!(reply.media_lines().last(), Some(&answered), "{said}");
        let peer = reply.peer();
        assert_eq!((peer.send, peer.receive), (send, receive), "{said}");
    }
}

#[test]
fn what_cannot_be_echoed_is_refused_and_takes_no_port() {
    let with = |media: &str| offer(media);
    for (body, status) in [
        (String::new(), 488),
        (with(""), 488),
        (with("m=audio 0 RTP/AVP 8\n"), 488),
        (with("m=video 4000 RTP/AVP 31\n"), 488),
        (with("m=audio 4000 RTP/SAVP 8\n"), 488),
        (with("m=audio 4000 UDP/TLS/RTP/SAVPF 8\n"), 488),
        (with("m=audio 4000 RTP/AVP 98\n"), 488),
        (
            with("m=audio 4000 RTP/AVP 8\nc=IN IP4 phone.example\n"),
            488,
        ),
        (with("m=audio 4000 RTP/AVP 8\nc=IN IP6 2001:db8::1\n"), 488),
        ("v=0\nm=audio\n".to_owned(), 400),
        ("Signal=5\n".to_owned(), 415),
    ] {
        let mut bench = Bench::new();
        let reply = bench.invite(&body);
        assert_eq!(reply.status, status, "{body}");
        assert!(reply.media.is_empty() && bench.ports.0, "{body}");
    }
}

#[test]
fn an_extension_that_is_demanded_is_named_as_unsupported() {
    let invite = request("INVITE", "Require: 100rel, siprec\r\n", &offer(AUDIO));
    let reply = Bench::new().hears(AppEvent::Invite(&invite));
    assert_eq!(reply.status, 420);
    let named = (HeaderName::Unsupported, "100rel, siprec".to_owned());
    assert_eq!(reply.headers, [named]);
}

#[test]
fn without_a_free_port_the_caller_is_told_to_come_later() {
    let mut bench = Bench::new();
    bench.ports.0 = false;
    let reply = bench.invite(&offer(AUDIO));
    assert_eq!(reply.status, 503);
    assert_eq!(reply.headers[0].0, HeaderName::RetryAfter);
}

#[test]
fn a_new_offer_keeps_the_port_and_grows_the_version_only_where_something_changes() {
    let (mut bench, first) = Bench::echoing(&offer(AUDIO));
    let again = bench.request("INVITE", &offer(AUDIO));
    assert_eq!(again.body, first.body);
    assert_eq!(again.media, [], "the port's latch is left alone");

    let held = bench.request("UPDATE", &offer(&format!("{AUDIO}a=sendonly\n")));
    assert_eq!(held.media_lines()[0], "m=audio 30000 RTP/AVP 8 101");
    let (id, version) = first.origin();
    assert_eq!(held.origin(), (id, version + 1));
    assert!(!held.peer().send);

    let moved = AUDIO.replace("40000", "40100");
    let moved = bench.request("INVITE", &offer(&format!("m=audio 0 RTP/AVP 0\n{moved}")));
    assert_eq!(
        moved.media_lines()[..2],
        ["m=audio 0 RTP/AVP 0", "m=audio 30000 RTP/AVP 8 101"]
    );
    assert_eq!(moved.peer().rtp, at("198.51.100.1:40100"));
    assert_eq!(moved.origin(), (id, version + 2));
}

#[test]
fn media_that_are_switched_off_leave_a_silent_call_that_can_go_on() {
    let (mut bench, _) = Bench::echoing(&offer(AUDIO));
    let off = bench.request("INVITE", &offer(&AUDIO.replace("40000", "0")));
    assert_eq!(off.media_lines(), ["m=audio 0 RTP/AVP 8 101"]);
    assert!(!off.peer().send && !off.peer().receive);
    let on = bench.request("INVITE", &offer(AUDIO));
    assert_eq!(on.status, 200);
    assert!(on.peer().send && on.peer().receive);
}

#[test]
fn a_refused_new_offer_changes_nothing() {
    let (mut bench, first) = Bench::echoing(&offer(AUDIO));
    for media in [
        "m=audio 4000 RTP/SAVP 8\n",
        "c=IN IP6 2001:db8::1\nm=audio 4000 RTP/AVP 8\n",
    ] {
        let body = offer("").replace("c=IN IP4 198.51.100.1\n", "") + media;
        let reply = bench.request("INVITE", &body);
        assert_eq!((reply.status, reply.media.len()), (488, 0), "{media}");
    }
    assert_eq!(bench.request("INVITE", "").body, first.body);
}

#[test]
fn requests_without_offer_are_answered_as_their_method_wants() {
    let (mut bench, first) = Bench::echoing(&offer(AUDIO));
    assert_eq!(bench.request("INVITE", "").body, first.body);
    for (method, body) in [("UPDATE", ""), ("INFO", ""), ("INFO", "Signal=5\n")] {
        let reply = bench.request(method, body);
        assert_eq!((reply.status, reply.body.as_str()), (200, ""), "{method}");
    }
}

#[test]
fn after_its_end_a_call_is_unknown() {
    let (mut bench, _) = Bench::echoing(&offer(AUDIO));
    let end = bench.hears(AppEvent::Ended);
    assert!(end.media.is_empty(), "the call closes its media itself");
    assert_eq!(bench.request("INVITE", &offer(AUDIO)).status, 481);
}
