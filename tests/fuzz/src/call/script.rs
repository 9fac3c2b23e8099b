//! Messages of the parties of a call: sound ones, in which the input changes what it likes.

use super::super::take::Take;
use bytes::Bytes;
use sbc_core::sip::{HeaderName, Message, Method, StatusCode};

const METHODS: [&str; 12] = [
    "ACK", "BYE", "CANCEL", "INVITE", "UPDATE", "INFO", "OPTIONS", "PRACK", "REFER", "MESSAGE",
    "NOTIFY", "FOO",
];

const CODES: [u16; 24] = [
    100, 180, 183, 200, 202, 299, 300, 302, 400, 401, 404, 407, 408, 420, 422, 481, 486, 487, 488,
    491, 500, 503, 600, 699,
];

const SDP: [&str; 12] = [
    "",
    "m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n",
    "m=audio 4000 RTP/AVP 8\r\na=sendonly\r\n",
    "m=audio 4000 RTP/AVP 0\r\na=inactive\r\n",
    "m=audio 0 RTP/AVP 0\r\n",
    "m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n",
    "m=audio 4000 RTP/AVP 0\r\nm=audio 4002 RTP/AVP 8\r\nm=audio 4004 RTP/AVP 18\r\n",
    "c=IN IP6 2001:db8::7\r\nm=audio 4000 RTP/AVP 0\r\n",
    "c=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 0\r\n",
    "m=audio 4000 RTP/SAVP 0\r\na=rtcp-mux\r\n",
    "m=image 4000 udptl t38\r\n",
    "m=audio 4000 RTP/AVP 77\r\na=rtcp:4000 IN IP4 192.0.2.77\r\n",
];

/// Header lines that mean something to a call, and values that are right, odd or wrong there.
const EDITS: [(&str, &[&str]); 22] = [
    ("Require", &["100rel", "timer", "x, replaces", ""]),
    ("Supported", &["100rel, timer", "replaces", "path"]),
    ("RSeq", &["1", "2", "4294967295", "x"]),
    ("RAck", &["1 1 INVITE", "2 1 INVITE"]),
    ("Session-Expires", &["90", "1800;refresher=uac", "1"]),
    ("Min-SE", &["3600"]),
    ("Replaces", &["c1@example.com;to-tag=a;from-tag=b"]),
    ("Max-Forwards", &["0", "1", "70", "255", "x"]),
    (
        "Record-Route",
        &[
            "<sip:p1.example.com;lr>",
            "<sip:10.0.0.30>, <sip:10.0.0.31;lr>",
            "<",
        ],
    ),
    (
        "Route",
        &["<sip:198.51.100.1;lr>", "<sip:strict.example.com>"],
    ),
    (
        "Contact",
        &[
            "<sip:x@10.0.0.99:5099>",
            "<tel:+1>",
            "<sip:[2001:db8::9]>",
            "*",
            "<",
        ],
    ),
    (
        "Content-Type",
        &[
            "text/plain",
            "multipart/mixed;boundary=b",
            "application/dtmf-relay",
            "",
        ],
    ),
    (
        "Content-Disposition",
        &["session", "render", "session;handling=optional"],
    ),
    ("Retry-After", &["1", "5 (soon)", "x"]),
    (
        "From",
        &["<sip:other@example.com>;tag=ft", "<sip:other@example.com>"],
    ),
    (
        "To",
        &[
            "<sip:bob@example.com>;tag=zzz",
            "\"B\" <sip:bob@example.com>",
        ],
    ),
    (
        "CSeq",
        &[
            "1 INVITE",
            "2 INVITE",
            "3 BYE",
            "2147483647 UPDATE",
            "0 ACK",
        ],
    ),
    (
        "Call-ID",
        &["c1@example.com", "c2@example.com", "c1@EXAMPLE.com"],
    ),
    (
        "Via",
        &[
            "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK1;rport",
            "SIP/2.0/TCP host.example.com",
            "",
        ],
    ),
    ("Privacy", &["id", "none"]),
    (
        "P-Asserted-Identity",
        &["<sip:a@example.com>", "\"x\" <tel:+1>, <sip:b@example.com>"],
    ),
    (
        "Reason",
        &[
            "Q.850;cause=16",
            "SIP;cause=200;text=\"Call completed elsewhere\"",
        ],
    ),
];

/// The INVITE that begins a call.
pub(super) fn invite(take: &mut Take<'_>) -> Bytes {
    let mut message = head("INVITE", "sip:bob@198.51.100.1");
    via(&mut message, "192.0.2.10", 1);
    parties(
        &mut message,
        "<sip:alice@example.com>;tag=ft",
        "<sip:bob@example.com>",
        "c1@example.com",
    );
    push(&mut message, "CSeq", "1 INVITE");
    push(&mut message, "Contact", "<sip:alice@192.0.2.10>");
    finished(take, message)
}

/// A request of the caller; `tag` is ours, where it has one.
pub(super) fn of_caller(take: &mut Take<'_>, tag: Option<&str>) -> Bytes {
    let method = take.one_of(&METHODS);
    let choice = take.byte();
    let number = choice & 7;
    let mut message = head(method, "sip:198.51.100.1:5060");
    // Low numbers come again: retransmissions, ACK and CANCEL of the INVITE.
    via(&mut message, "192.0.2.10", choice >> 3 & 7);
    let mut to = "<sip:bob@example.com>".to_owned();
    if let Some(tag) = tag {
        to = format!("{to};tag={tag}");
    }
    parties(
        &mut message,
        "<sip:alice@example.com>;tag=ft",
        &to,
        "c1@example.com",
    );
    push(&mut message, "CSeq", &format!("{number} {method}"));
    push(&mut message, "Contact", "<sip:alice@192.0.2.10>");
    finished(take, message)
}

/// A response to a request of ours.
pub(super) fn response(take: &mut Take<'_>, request: &Message) -> Bytes {
    let code = take.one_of(&CODES);
    let tag = take.one_of(&["t1", "t2", "t3", ""]);
    let tag = (!tag.is_empty()).then_some(tag);
    let mut message = Message::reply_to(request, StatusCode::of(code), "", tag);
    push(&mut message, "Contact", "<sip:bob@10.0.0.20>");
    finished(take, message)
}

/// A request of whom we sent `request`, in the dialog of it.
pub(super) fn of_callee(take: &mut Take<'_>, request: &Message) -> Bytes {
    let method = take.one_of(&METHODS);
    let choice = take.byte();
    let mut message = head(method, "sip:10.0.0.1:5060");
    via(&mut message, "10.0.0.20", choice >> 3 & 7);
    let from = request.header(&HeaderName::To).unwrap_or_default();
    let to = request.header(&HeaderName::From).unwrap_or_default();
    let tag = ["t1", "t2"][usize::from(choice >> 6 & 1)];
    let from = match request.to_tag() {
        Some(_) => from.to_owned(),
        None => format!("{from};tag={tag}"),
    };
    parties(
        &mut message,
        &from,
        to,
        request.call_id().unwrap_or_default(),
    );
    push(&mut message, "CSeq", &format!("{} {method}", choice & 7));
    push(&mut message, "Contact", "<sip:bob@10.0.0.20>");
    finished(take, message)
}

fn head(method: &str, uri: &str) -> Message {
    Message::request(Method::parse(method), uri)
}

fn via(message: &mut Message, host: &str, number: u8) {
    let via = format!("SIP/2.0/UDP {host};branch=z9hG4bK{number};rport");
    push(message, "Via", &via);
    push(message, "Max-Forwards", "70");
}

fn parties(message: &mut Message, from: &str, to: &str, call_id: &str) {
    push(message, "From", from);
    push(message, "To", to);
    push(message, "Call-ID", call_id);
}

fn push(message: &mut Message, name: &str, value: &str) {
    let name = HeaderName::parse(name);
    message.push(name, value).expect("a value without line end");
}

/// Adds a body, makes the changes that the input asks for, and prints.
fn finished(take: &mut Take<'_>, mut message: Message) -> Bytes {
    let choice = take.byte();
    match usize::from(choice & 15) {
        0 => {}
        15 => {
            let len = usize::from(take.byte());
            let body = Bytes::copy_from_slice(take.bytes(len));
            set_body(&mut message, body);
        }
        which => {
            let media = SDP[which % SDP.len()];
            let version = choice >> 4 & 3;
            let body = format!(
                "v=0\r\no=- 1 {version} IN IP4 192.0.2.10\r\ns=-\r\n\
                 c=IN IP4 192.0.2.10\r\nt=0 0\r\n{media}"
            );
            set_body(&mut message, body.into());
        }
    }
    let changes = choice >> 6;
    for _ in 0..changes {
        change(take, &mut message);
    }
    message.to_bytes()
}

fn set_body(message: &mut Message, body: Bytes) {
    message
        .set_body("application/sdp", body)
        .expect("a type without line end");
}

fn change(take: &mut Take<'_>, message: &mut Message) {
    let (name, values) = take.one_of(&EDITS);
    let name = HeaderName::parse(name);
    let choice = take.byte();
    let value = values[usize::from(choice >> 3) % values.len()];
    let done = match choice & 7 {
        0 => {
            message.remove(&name);
            Ok(())
        }
        1 | 2 => message.push(name, value),
        3 => {
            let len = usize::from(choice >> 3);
            let raw = String::from_utf8_lossy(take.bytes(len)).replace(['\r', '\n', '\0'], "?");
            message.set(name, &raw)
        }
        _ => message.set(name, value),
    };
    done.expect("a value without line end");
}
