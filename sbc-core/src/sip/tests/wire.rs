use super::super::{Defect, HeaderName, Host, Message, Method, ParseError, StartLine, StatusCode};
use super::{INVITE, datagram, print};
use bytes::Bytes;

fn parse(wire: &[u8]) -> Result<Message, ParseError> {
    Message::parse_datagram(Bytes::copy_from_slice(wire))
}

/// The five headers that every message has, behind a first line, before more headers.
fn with(first: &str, more: &str) -> Message {
    datagram(&format!(
        "{first}
Via: SIP/2.0/UDP h;branch=z9hG4bK1
From: <sip:a@h>;tag=1
To: <sip:b@h>
Call-ID: c
CSeq: 1 OPTIONS
{more}{}
",
        if more.is_empty() { "" } else { "\n" }
    ))
}

#[test]
fn every_view_of_an_invite_reads_what_is_written() {
    let m = datagram(INVITE);
    assert!(m.defects().is_empty(), "{:?}", m.defects());
    assert!(m.is_request());
    assert_eq!(m.method(), Some(&Method::Invite));
    assert_eq!(m.request_uri(), "sip:bob@biloxi.example");
    assert_eq!(m.status(), None);
    assert_eq!(m.branch(), Some("z9hG4bK776asdhds"));
    assert_eq!(m.call_id(), Some("a84b4c76e66710"));
    assert_eq!(m.from_tag(), Some("1928301774"));
    assert_eq!(m.to_tag(), None);
    assert_eq!(&*m.from().unwrap().display, "Alice");
    assert_eq!(
        m.to().unwrap().to_string(),
        "\"Bob\" <sip:bob@biloxi.example>"
    );
    let contact = m.contact().unwrap();
    assert_eq!(
        contact.uri.host,
        Some(Host::Name("pc33.atlanta.example".into()))
    );
    let cseq = m.cseq().unwrap();
    assert_eq!((cseq.number, cseq.method), (314_159, &Method::Invite));
    assert_eq!(m.max_forwards(), Some(70));
    assert_eq!(m.header(&HeaderName::parse("x-foo")), Some("one"));
    assert_eq!(m.header(&HeaderName::Subject), Some(""));
    assert_eq!(m.header(&HeaderName::Route), None);
    assert_eq!(&m.body()[..], b"v=0\r");
    assert_eq!(m.via().unwrap().param("rport"), Some(""));
    assert_eq!(m.headers().count(), 11);
    assert_eq!(m.headers().nth(3).unwrap().written, "f");
}

#[test]
fn an_untouched_message_prints_the_bytes_it_came_with() {
    let wire = format!(
        "\r\n\r\n{}more behind the body",
        INVITE.replace('\n', "\r\n")
    );
    let m = parse(wire.as_bytes()).unwrap();
    let printed = m.to_bytes();
    assert!(wire.as_bytes()[4..].starts_with(&printed));
    assert_eq!(m.body().len(), 4);
    assert_eq!(printed.len(), m.size_hint());
}

#[test]
fn a_response_has_status_reason_and_the_method_of_its_cseq() {
    let m = with("SIP/2.0 486 Busy  Here", "");
    assert_eq!(
        m.start(),
        StartLine::Response {
            status: StatusCode::of(486),
            reason: "Busy  Here"
        }
    );
    assert_eq!(m.method(), Some(&Method::Options));
    assert_eq!(m.request_uri(), "");
    assert!(m.defects().is_empty());
    for line in ["SIP/2.0 200", "SIP/2.0 200 ", "sip/2.0 200 OK"] {
        let m = with(line, "");
        assert_eq!(m.status(), Some(StatusCode::of(200)));
        assert!(m.defects().is_empty());
    }
}

#[test]
fn what_is_no_first_line_of_sip_makes_no_message() {
    for line in [
        "GET / HTTP/1.1",
        "INVITE sip:a@h",
        "INVITE",
        "INVITE SIP/2.0",
        "INV@TE sip:a@h SIP/2.0",
        "INVITE sip:a@h SIP/2",
        "INVITE sip:a@h SIP/x.0",
        "SIP/2.0",
        "SIP/2.0 20 OK",
        "SIP/2.0 2000 OK",
        "SIP/2.0 099 OK",
        "SIP/2.0 700 OK",
        "SIP/2.0 +20 OK",
        "\u{1}\u{2}",
    ] {
        let wire = format!("{line}\r\nVia: x\r\n\r\n");
        let error = parse(wire.as_bytes()).unwrap_err();
        assert_eq!(error, ParseError::StartLine, "{line}");
    }
    for wire in ["\r\n\r\n", "\r\n", "", "\n"] {
        assert_eq!(parse(wire.as_bytes()).unwrap_err(), ParseError::KeepAlive);
    }
    for wire in [
        "INVITE sip:a@h SIP/2.0\r\nTo: x\r\n",
        "INVITE sip:a@h SIP/2.0\r\nTo: x",
        "INVITE sip:a@h SIP/2.0\r\nTo: x\r\n\r",
        "INVITE sip:a@h SIP/2.0\r\n",
        "INVITE",
    ] {
        assert_eq!(parse(wire.as_bytes()).unwrap_err(), ParseError::Truncated);
    }
}

#[test]
fn each_defect_is_named_and_refused_with_its_status() {
    let defects = |first: &str, more: &str| with(first, more).defects().to_vec();
    let options = "OPTIONS sip:a@h SIP/2.0";
    for (more, defect) in [
        ("To: <sip:c@h>", Defect::Twice(HeaderName::To)),
        ("f: <sip:c@h>;tag=1", Defect::Twice(HeaderName::From)),
        ("CSeq: 2 OPTIONS", Defect::Twice(HeaderName::CSeq)),
        ("i: d", Defect::Twice(HeaderName::CallId)),
        (
            "Content-Length: 0\nl: 1\n\nx",
            Defect::Twice(HeaderName::ContentLength),
        ),
        ("Via: SIP/2.0/UDP", Defect::Malformed(HeaderName::Via)),
        (
            "Via: SIP/2.0/UDP h,,SIP/2.0/UDP g",
            Defect::Malformed(HeaderName::Via),
        ),
        ("m: sip:a@h?x=y", Defect::Malformed(HeaderName::Contact)),
        ("no colon here", Defect::HeaderLine),
        (": no name", Defect::HeaderLine),
        ("two words: x", Defect::HeaderLine),
        ("Content-Length: -1", Defect::ContentLength),
        ("Content-Length: 0x1", Defect::ContentLength),
        ("Content-Length:", Defect::ContentLength),
        ("Content-Length: 99", Defect::ContentLength),
        (
            "Content-Length: 99999999999999999999",
            Defect::ContentLength,
        ),
        ("X: a\rb", Defect::ControlCharacter),
        ("X: a\0b", Defect::ControlCharacter),
    ] {
        assert_eq!(defects(options, more), vec![defect.clone()], "{more}");
        assert_eq!(defect.refusal().0, StatusCode::of(400));
    }
    assert_eq!(defects("OPTIONS sip:a@h SIP/3.0", ""), [Defect::Version]);
    assert_eq!(Defect::Version.refusal().0, StatusCode::of(505));
    assert_eq!(
        defects("OPTIONS sip:a@h?x=y SIP/2.0", ""),
        [Defect::RequestUri]
    );
    assert_eq!(
        defects("OPTIONS <sip:a@h> SIP/2.0", ""),
        [Defect::RequestUri]
    );
    assert_eq!(
        defects("OPTIONS sip:a@h; lr SIP/2.0", ""),
        [Defect::RequestUri]
    );
    assert_eq!(defects("BYE sip:a@h SIP/2.0", ""), [Defect::CSeqMethod]);
}

#[test]
fn each_of_the_five_is_missed() {
    let m = parse(b"OPTIONS sip:a@h SIP/2.0\r\n\r\n").unwrap();
    let missing = |name| Defect::Missing(name);
    assert_eq!(
        m.defects(),
        [
            missing(HeaderName::Via),
            missing(HeaderName::From),
            missing(HeaderName::To),
            missing(HeaderName::CallId),
            missing(HeaderName::CSeq),
        ]
    );
    assert!(m.via().is_none() && m.call_id().is_none() && m.cseq().is_none());
    assert!(m.from().is_err());
}

#[test]
fn each_broken_one_of_the_five_leaves_the_others_readable() {
    let whole = INVITE.replace('\n', "\r\n");
    for (good, bad, name) in [
        ("SIP/2.0/UDP pc33", "SIP/2.0/UDP p c33", HeaderName::Via),
        ("f: Alice <", "f: \"Alice <", HeaderName::From),
        ("To: Bob <", "To: Bob, <", HeaderName::To),
        ("a84b4c76e66710", "a84b 4c76", HeaderName::CallId),
        ("314159 INVITE", "2147483648 INVITE", HeaderName::CSeq),
        ("314159 INVITE", "314159", HeaderName::CSeq),
        ("314159 INVITE", "-1 INVITE", HeaderName::CSeq),
        ("314159 INVITE", "1 INV@TE", HeaderName::CSeq),
    ] {
        let m = parse(whole.replace(good, bad).as_bytes()).unwrap();
        assert_eq!(m.defects(), [Defect::Malformed(name)], "{bad}");
        let readable = [
            m.via().is_some(),
            m.from().is_ok(),
            m.to().is_ok(),
            m.call_id().is_some(),
            m.cseq().is_some(),
        ];
        assert_eq!(readable.iter().filter(|ok| **ok).count(), 4, "{bad}");
    }
    let top = whole.replace("314159 INVITE", "2147483647 INVITE");
    assert!(parse(top.as_bytes()).unwrap().defects().is_empty());
}

#[test]
fn a_value_that_is_not_utf8_stays_in_raw_form() {
    let mut wire = b"OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a@h>;tag=1\r\n\
        To: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nSubject: \xe9t\xe9\r\n\r\n"
        .to_vec();
    let m = parse(&wire).unwrap();
    assert_eq!(m.defects(), [Defect::NotUtf8(HeaderName::Subject)]);
    assert_eq!(m.header(&HeaderName::Subject), None);
    assert_eq!(m.headers().last().unwrap().raw, b"\xe9t\xe9");
    assert_eq!(m.headers().last().unwrap().value(), None);
    wire[8] = 0xe9;
    let m = parse(&wire).unwrap();
    assert!(m.defects().contains(&Defect::RequestUri));
}

#[test]
fn folded_lines_read_as_one_and_print_as_one_when_edited() {
    let text = INVITE.replace("one\n", "one \n\t two\n   \n three  \n");
    let mut m = datagram(&text);
    assert_eq!(m.header(&HeaderName::parse("X-Foo")), Some("one two three"));
    assert!(m.defects().is_empty());
    assert!(print(&m).starts_with(text.trim_end()));
    m.set(HeaderName::Subject, "x").unwrap();
    assert!(print(&m).contains("X-Foo: one two three\n"));
}

#[test]
fn several_vias_of_one_line_are_counted_one_by_one() {
    let m = datagram(
        "SIP/2.0 200 OK
v: SIP/2.0/TCP a;branch=1 , SIP/2.0/UDP b;branch=2
Via: SIP/2.0/TLS c;branch=3
From: <sip:a@h>;tag=1
To: <sip:b@h>;tag=2
Call-ID: c
CSeq: 1 OPTIONS

",
    );
    assert_eq!(m.branch(), Some("1"));
    assert_eq!(m.header_values(&HeaderName::Via).count(), 3);
    assert_eq!(m.header_lines(&HeaderName::Via).count(), 2);
    assert_eq!(m.to_tag(), Some("2"));
}

#[test]
fn a_limit_is_kept_and_the_last_that_fits_is_taken() {
    use crate::limits;
    let build = |vias: usize, headers: usize, long: usize| {
        let mut text = "OPTIONS sip:a@h SIP/2.0\r\n".to_owned();
        let values = vec!["SIP/2.0/UDP h"; vias].join(",");
        text.push_str(&format!("Via: {values}\r\n"));
        text.push_str(&"X: y\r\n".repeat(headers - 2));
        text.push_str(&format!("L: {}\r\n\r\n", "z".repeat(long - 3)));
        parse(text.as_bytes()).map(drop)
    };
    let (vias, headers, long) = (limits::VIAS, limits::HEADERS, limits::HEADER_LINE_BYTES);
    assert_eq!(build(vias, headers, long), Ok(()));
    let over = |text| Err(ParseError::Limit(text));
    assert_eq!(build(vias + 1, 3, 9), over("Via values"));
    assert_eq!(build(1, headers + 1, 9), over("header lines"));
    assert_eq!(build(1, 3, long + 1), over("bytes of a header line"));
    let first = format!("OPTIONS sip:{} SIP/2.0\r\n\r\n", "a".repeat(long));
    assert_eq!(
        parse(first.as_bytes()).map(drop),
        over("bytes of the first line")
    );
    let head = "OPTIONS sip:a@h SIP/2.0\r\n\r\n";
    let mut largest = head.as_bytes().to_vec();
    largest.resize(limits::DATAGRAM_BYTES, b'a');
    assert_eq!(parse(&largest).map(drop), Ok(()));
    let datagram = vec![b'a'; limits::DATAGRAM_BYTES + 1];
    assert_eq!(parse(&datagram).map(drop), over("bytes of a datagram"));
}

#[test]
fn bare_line_feeds_end_lines_in_a_datagram() {
    let m = parse(INVITE.as_bytes()).unwrap();
    assert!(m.defects().is_empty());
    assert_eq!(m.headers().count(), 11);
    assert_eq!(&m.body()[..], b"v=0\n");
}

#[test]
fn without_content_length_the_body_is_the_rest() {
    let m = datagram(&INVITE.replace("Content-Length: 4\n", ""));
    assert_eq!(&m.body()[..], b"v=0\r\n");
    assert!(m.defects().is_empty());
}
