use super::super::{Defect, HeaderName, HeaderRef, Message, Method, StatusCode};
use super::{INVITE, datagram, print};
use bytes::Bytes;
use std::net::SocketAddr;

fn from(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn an_edited_message_prints_each_line_anew_and_keeps_names_and_order() {
    let mut m = datagram(INVITE);
    m.set(HeaderName::MaxForwards, "69").unwrap();
    m.push_front(HeaderName::Via, "SIP/2.0/TCP sbc;branch=z9hG4bKnew")
        .unwrap();
    assert!(m.remove(&HeaderName::parse("X-FOO")));
    assert!(!m.remove(&HeaderName::parse("X-FOO")));
    m.push(HeaderName::UserAgent, " sbc ").unwrap();
    assert_eq!(
        print(&m),
        "INVITE sip:bob@biloxi.example SIP/2.0
Via: SIP/2.0/TCP sbc;branch=z9hG4bKnew
Via: SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bK776asdhds;rport
Max-Forwards: 69
To: Bob <sip:bob@biloxi.example>
f: Alice <sip:alice@atlanta.example>;tag=1928301774
Call-ID: a84b4c76e66710
CSeq: 314159 INVITE
Contact: <sip:alice@pc33.atlanta.example>
Subject: 
Content-Type: application/sdp
User-Agent: sbc
Content-Length: 4

v=0\r"
    );
    assert_eq!(m.branch(), Some("z9hG4bKnew"));
    assert_eq!(m.max_forwards(), Some(69));
    assert_eq!(m.to_bytes().len(), m.size_hint());
}

#[test]
fn set_replaces_every_line_of_a_name() {
    let mut m = Message::request(Method::Bye, "sip:a@h");
    m.push(HeaderName::Route, "<sip:1>").unwrap();
    m.push(HeaderName::Subject, "s").unwrap();
    m.push(HeaderName::Route, "<sip:2>").unwrap();
    m.set(HeaderName::Route, "<sip:3>").unwrap();
    m.set(HeaderName::Organization, "o").unwrap();
    assert_eq!(
        print(&m),
        "BYE sip:a@h SIP/2.0\nRoute: <sip:3>\nSubject: s\nOrganization: o\n\
         Content-Length: 0\n\n"
    );
}

#[test]
fn edits_refresh_what_is_cached_and_what_is_wrong() {
    let mut m = datagram(INVITE);
    m.set(HeaderName::To, "<sip:b@h>;tag=9").unwrap();
    m.set(HeaderName::CallId, "other").unwrap();
    m.set(HeaderName::CSeq, "7 INVITE").unwrap();
    assert_eq!(m.to_tag(), Some("9"));
    assert_eq!(m.call_id(), Some("other"));
    assert_eq!(m.cseq().unwrap().number, 7);
    m.set(HeaderName::CSeq, "7 BYE").unwrap();
    assert_eq!(m.defects(), [Defect::CSeqMethod]);
    m.set(HeaderName::CSeq, "x").unwrap();
    assert_eq!(m.defects(), [Defect::Malformed(HeaderName::CSeq)]);
    m.remove(&HeaderName::CSeq);
    assert_eq!(m.defects(), [Defect::Missing(HeaderName::CSeq)]);
    m.push(HeaderName::CSeq, "7 INVITE").unwrap();
    assert_eq!(m.defects(), []);
    m.push(HeaderName::From, "<sip:x@h>;tag=2").unwrap();
    assert_eq!(m.defects(), [Defect::Twice(HeaderName::From)]);
    assert_eq!(m.from_tag(), Some("1928301774"));
    m.set(HeaderName::From, "<sip:x@h>;tag=2").unwrap();
    assert_eq!(m.defects(), []);
}

#[test]
fn no_value_can_break_out_of_its_line() {
    let mut m = Message::request(Method::Options, "sip:a@h\r\nX: y");
    for value in ["a\r\nX: y", "a\nX: y", "a\rb", "a\0b", "\r\n\r\n"] {
        m.push(HeaderName::Subject, value).unwrap_err();
        m.push_front(HeaderName::Subject, value).unwrap_err();
        m.set(HeaderName::Subject, value).unwrap_err();
        m.set_body(value, Bytes::new()).unwrap_err();
    }
    for name in ["", "a b", "a:", "a\r\nb"] {
        m.push(HeaderName::Other(name.into()), "x").unwrap_err();
    }
    let raw = b"a\r\nY: z";
    m.push_copy(HeaderRef {
        name: &HeaderName::Subject,
        written: "Subject",
        raw,
    });
    m.push_copy(HeaderRef {
        name: &HeaderName::Subject,
        written: "Sub\r\nject",
        raw: b"x",
    });
    assert_eq!(
        print(&m),
        "OPTIONS sip:a@h  X: y SIP/2.0\nSubject: a  Y: z\nContent-Length: 0\n\n"
    );
    let r = Message::response(StatusCode::of(200), "a\r\nb\0");
    assert_eq!(print(&r), "SIP/2.0 200 a  b \nContent-Length: 0\n\n");
}

#[test]
fn control_characters_that_came_in_do_not_go_out_of_an_edited_message() {
    let mut m = datagram(&INVITE.replace("one", "one\rVia: x\0y"));
    m.remove(&HeaderName::Subject);
    assert!(print(&m).contains("X-Foo: one Via: x y\n"));
}

#[test]
fn content_length_is_always_right_and_last() {
    let mut m = datagram(&INVITE.replace("Content-Length: 4", "l: 4"));
    m.set_body("text/plain", Bytes::from_static(b"0123456789"))
        .unwrap();
    let text = print(&m);
    assert!(text.ends_with("Content-Type: text/plain\nContent-Length: 10\n\n0123456789"));
    assert_eq!(m.header(&HeaderName::ContentType), Some("text/plain"));
    assert_eq!(m.header(&HeaderName::ContentLength), None);
    m.set_body("", Bytes::new()).unwrap();
    assert!(print(&m).ends_with("Subject: \nContent-Length: 0\n\n"));
    assert!(m.body().is_empty());
    m.push(HeaderName::ContentLength, "77").unwrap();
    assert!(print(&m).ends_with("Subject: \nContent-Length: 0\n\n"));
    assert_eq!(m.to_bytes().len(), m.size_hint());
}

#[test]
fn a_body_of_ours_clears_what_was_wrong_with_the_length() {
    let mut m = datagram(&INVITE.replace("Length: 4", "Length: 400"));
    m.set(HeaderName::Subject, "x").unwrap();
    assert_eq!(m.defects(), [Defect::ContentLength]);
    m.set_body("", Bytes::new()).unwrap();
    assert_eq!(m.defects(), []);
}

#[test]
fn a_reply_copies_what_rfc_3261_section_8_2_6_2_says() {
    let request = datagram(
        "INVITE sip:b@h SIP/2.0
Timestamp: 54
CSeq: 1 INVITE
v: SIP/2.0/UDP a;branch=1,SIP/2.0/UDP b
Call-ID: c
Via: SIP/2.0/TCP d
T: sip:b@h;x=y
From: \"A\" <sip:a@h>;tag=1
Route: <sip:r>

",
    );
    let reply = Message::reply_to(&request, StatusCode::of(180), "Ringing", Some("t1"));
    assert_eq!(
        print(&reply),
        "SIP/2.0 180 Ringing
v: SIP/2.0/UDP a;branch=1,SIP/2.0/UDP b
Via: SIP/2.0/TCP d
From: \"A\" <sip:a@h>;tag=1
T: sip:b@h;x=y;tag=t1
Call-ID: c
CSeq: 1 INVITE
Content-Length: 0

"
    );
    assert_eq!(reply.to_tag(), Some("t1"));
    assert_eq!(reply.from_tag(), Some("1"));
    assert_eq!(reply.branch(), Some("1"));
    assert_eq!(reply.method(), Some(&Method::Invite));
    let trying = Message::reply_to(&request, StatusCode::of(100), "Trying", None);
    assert!(print(&trying).contains("CSeq: 1 INVITE\nTimestamp: 54\n"));
    assert_eq!(trying.to_tag(), None);
    let tagged = Message::reply_to(&reply, StatusCode::of(200), "OK", Some("t2"));
    assert_eq!(tagged.to_tag(), Some("t1"));
}

#[test]
fn the_source_is_stamped_where_the_host_differs_or_rport_asks() {
    let stamp = |via: &str, source: &str| {
        let mut m = Message::request(Method::Options, "sip:h");
        m.push(HeaderName::Via, via).unwrap();
        m.stamp_received(from(source));
        m.header(&HeaderName::Via).unwrap().to_owned()
    };
    for (via, source, stamped) in [
        (
            "SIP/2.0/UDP 192.0.2.1:5060;branch=1",
            "192.0.2.1:5060",
            "SIP/2.0/UDP 192.0.2.1:5060;branch=1",
        ),
        (
            "SIP/2.0/UDP 192.0.2.1;branch=1",
            "[::ffff:192.0.2.1]:9",
            "SIP/2.0/UDP 192.0.2.1;branch=1",
        ),
        (
            "SIP/2.0/UDP h ;branch=1",
            "192.0.2.1:5060",
            "SIP/2.0/UDP h;branch=1;received=192.0.2.1",
        ),
        (
            "SIP/2.0/UDP 192.0.2.1;rport;branch=1",
            "192.0.2.1:1024",
            "SIP/2.0/UDP 192.0.2.1;rport=1024;branch=1;received=192.0.2.1",
        ),
        (
            "SIP/2.0/UDP h;received=203.0.113.1;rport=7",
            "[2001:db8::1]:5",
            "SIP/2.0/UDP h;rport=5;received=2001:db8::1",
        ),
        (
            "SIP/2.0/UDP 192.0.2.1;received=203.0.113.1",
            "192.0.2.1:5",
            "SIP/2.0/UDP 192.0.2.1",
        ),
        (
            "SIP/2.0/UDP h;branch=1 , SIP/2.0/UDP g;rport",
            "192.0.2.1:5",
            "SIP/2.0/UDP h;branch=1;received=192.0.2.1 , SIP/2.0/UDP g;rport",
        ),
        ("nonsense", "192.0.2.1:5", "nonsense"),
    ] {
        assert_eq!(stamp(via, source), stamped);
    }
    let mut m = datagram(INVITE);
    m.stamp_received(from("192.0.2.7:6000"));
    assert_eq!(m.branch(), Some("z9hG4bK776asdhds"));
    assert_eq!(m.via().unwrap().param("rport"), Some("6000"));
    let reply = Message::reply_to(&m, StatusCode::of(200), "OK", Some("x"));
    assert_eq!(reply.via().unwrap().param("received"), Some("192.0.2.7"));
}

#[test]
fn the_sdp_of_plain_and_multipart_bodies_is_found() {
    let mut m = datagram(INVITE);
    assert_eq!(m.sdp().as_deref(), Some(&b"v=0\r"[..]));
    let body = "--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\n\
        Content-Type: Application/SDP\r\n\r\nv=1\r\n--b--\r\n";
    m.set_body("multipart/mixed; boundary=\"b\"", Bytes::from(body))
        .unwrap();
    assert_eq!(m.sdp().as_deref(), Some(&b"v=1"[..]));
    assert_eq!(m.parts().unwrap().len(), 2);
    m.set_body("", Bytes::new()).unwrap();
    assert_eq!(m.sdp(), None);
    assert!(m.parts().unwrap().is_empty());
}

#[test]
fn tokens_of_a_list_are_found_without_case() {
    let mut m = Message::request(Method::Invite, "sip:h");
    m.push(HeaderName::Require, "100rel, Replaces").unwrap();
    m.push(HeaderName::Require, "siprec").unwrap();
    assert!(m.lists(&HeaderName::Require, "replaces"));
    assert!(m.lists(&HeaderName::Require, "SIPREC"));
    assert!(!m.lists(&HeaderName::Require, "rel"));
}
