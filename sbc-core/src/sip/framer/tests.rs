use super::*;
use crate::sip::Method;

const BYE: &str = "BYE sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n\
    From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: c\r\nCSeq: 1 BYE\r\n";

fn bye(length: &str, body: &str) -> String {
    format!("{BYE}{length}\r\n{body}")
}

/// Everything that comes out, as one letter each, and the error at the end.
fn read(framer: &mut Framer) -> (String, Option<ParseError>) {
    let mut out = String::new();
    loop {
        match framer.next() {
            Ok(None) => return (out, None),
            Ok(Some(Framed::Ping)) => out.push('p'),
            Ok(Some(Framed::Pong)) => out.push('o'),
            Ok(Some(Framed::Message(m))) => out.push_str(&format!("m{}", m.body().len())),
            Err(error) => return (out, Some(error)),
        }
    }
}

fn whole(bytes: impl AsRef<[u8]>) -> (String, Option<ParseError>) {
    let mut framer = Framer::new();
    framer.push(bytes.as_ref());
    read(&mut framer)
}

#[test]
fn messages_behind_each_other_are_cut_by_content_length() {
    let two = bye("Content-Length: 3\r\n", "abc") + &bye("l: 0\r\n", "");
    assert_eq!(whole(&two), ("m3m0".to_owned(), None));
    let mut framer = Framer::new();
    framer.push(two.as_bytes());
    let Ok(Some(Framed::Message(first))) = framer.next() else {
        panic!("no message");
    };
    assert_eq!(
        &first.to_bytes()[..],
        &two.as_bytes()[..two.len() - BYE.len() - 8]
    );
    assert_eq!(first.method(), Some(&Method::Bye));
}

#[test]
fn a_stream_fed_byte_by_byte_gives_the_same() {
    let stream = format!(
        "{}\r\n\r\n{}\r\n{}",
        bye("Content-Length: 3\r\n", "abc"),
        bye("l:0\r\n", ""),
        bye("Content-Length:\r\n 2\r\n", "\r\n")
    );
    assert_eq!(whole(&stream), ("m3pm0om2".to_owned(), None));
    let mut framer = Framer::new();
    let mut messages = String::new();
    for byte in stream.as_bytes() {
        framer.push(&[*byte]);
        let (out, error) = read(&mut framer);
        assert_eq!(error, None);
        messages.push_str(&out);
    }
    assert_eq!(messages.replace(['o', 'p'], ""), "m3m0m2");
    assert!(!framer.in_message());
}

#[test]
fn keep_alives_between_messages_are_told_apart() {
    assert_eq!(whole("\r\n\r\n"), ("p".to_owned(), None));
    assert_eq!(whole("\r\n"), ("o".to_owned(), None));
    assert_eq!(whole("\r\n\r"), (String::new(), None));
    assert_eq!(whole("\r\n\r\n\r\n\r\n"), ("pp".to_owned(), None));
    let mut framer = Framer::new();
    for (bytes, out) in [
        ("\r\n", "o"),
        ("\r\n", "po"),
        ("\r\n", "o"),
        ("\r\n\r\n", "p"),
    ] {
        framer.push(bytes.as_bytes());
        assert_eq!(read(&mut framer), (out.to_owned(), None));
        assert!(!framer.in_message());
    }
}

#[test]
fn without_a_sure_length_the_stream_ends_and_can_be_answered() {
    for (length, error, defect) in [
        (
            "",
            ParseError::Framing("no Content-Length"),
            Defect::Missing(HeaderName::ContentLength),
        ),
        (
            "Content-Length: -1\r\n",
            ParseError::Framing("Content-Length is no number, or two"),
            Defect::ContentLength,
        ),
        (
            "Content-Length: 1, 1\r\n",
            ParseError::Framing("Content-Length is no number, or two"),
            Defect::ContentLength,
        ),
        (
            "Content-Length: 1\r\nl: 2\r\n",
            ParseError::Framing("Content-Length is no number, or two"),
            Defect::Twice(HeaderName::ContentLength),
        ),
        (
            "Content-Length: 65536\r\n",
            ParseError::Limit("bytes of a message"),
            Defect::ContentLength,
        ),
        (
            "Content-Length: 99999999999999999999999\r\n",
            ParseError::Framing("Content-Length is no number, or two"),
            Defect::ContentLength,
        ),
        (
            "Content-Length: 0\n",
            ParseError::Framing("a line ends with a bare LF"),
            Defect::HeaderLine,
        ),
    ] {
        let mut framer = Framer::new();
        let stream = bye(length, "") + &bye("l: 0\r\n", "");
        framer.push(stream.as_bytes());
        assert_eq!(read(&mut framer), (String::new(), Some(error)), "{length}");
        framer.push(stream.as_bytes());
        assert_eq!(framer.next().unwrap_err(), error);
        assert!(!framer.in_message());
        let broken = framer.broken().unwrap();
        assert!(broken.defects().contains(&defect), "{:?}", broken.defects());
        assert_eq!(broken.call_id(), Some("c"));
        assert!(framer.broken().is_none());
    }
    let same = bye("Content-Length: 1\r\nl: 1\r\n", "x");
    assert_eq!(whole(same), ("m1".to_owned(), None));
}

#[test]
fn what_is_no_sip_ends_the_stream_at_its_first_line() {
    for stream in ["GET / HTTP/1.1\r\n", "\n", "\rINVITE", "\u{16}\u{3}\u{1}\n"] {
        let mut framer = Framer::new();
        framer.push(stream.as_bytes());
        framer.push(b"\n");
        assert_eq!(
            framer.next().unwrap_err(),
            ParseError::StartLine,
            "{stream:?}"
        );
        assert!(framer.broken().is_none());
    }
}

#[test]
fn a_message_without_end_is_bounded() {
    let line = vec![b'a'; limits::HEADER_LINE_BYTES + 1];
    assert_eq!(
        whole(line).1,
        Some(ParseError::Limit("bytes of the first line"))
    );
    let mut framer = Framer::new();
    framer.push(BYE.as_bytes());
    let mut held = BYE.len();
    let error = loop {
        match framer.next() {
            Ok(_) => assert!(framer.in_message()),
            Err(error) => break error,
        }
        assert!(held < limits::STREAM_MESSAGE_BYTES + 1000);
        framer.push(b"X-More: of the same\r\n");
        held += 21;
    };
    assert_eq!(error, ParseError::Limit("bytes of a message"));
    let refused = framer.broken().expect("a message to refuse");
    assert_eq!(refused.defects(), [Defect::TooLarge]);
    let fits = limits::STREAM_MESSAGE_BYTES - bye("Content-Length: 00000\r\n", "").len();
    let largest = bye(&format!("Content-Length: {fits:05}\r\n"), &"x".repeat(fits));
    assert_eq!(whole(&largest).0, format!("m{fits}"));
    let over = bye(&format!("Content-Length: {:05}\r\n", fits + 1), "");
    assert_eq!(
        whole(&over).1,
        Some(ParseError::Limit("bytes of a message"))
    );
}

#[test]
fn a_drained_framer_holds_no_large_buffer() {
    let mut framer = Framer::new();
    framer.push(bye("Content-Length: 20000\r\n", &"x".repeat(20_000)).as_bytes());
    assert_eq!(read(&mut framer).0, "m20000");
    assert!(framer.buf.capacity() <= KEEP_BYTES);
}

/// Request smuggling: whoever reads a length otherwise than the sender's last proxy did takes a
/// body for a message.
#[test]
fn hundreds_of_lies_about_the_length_let_nothing_behind_them_in() {
    const NAMES: [&str; 8] = [
        "Content-Length:",
        "content-length: ",
        "CONTENT-LENGTH :",
        "l:",
        "L:",
        "l :",
        "Content-Length:\r\n ",
        "Content-Length:\t",
    ];
    const LIES: [&str; 24] = [
        "",
        "-0",
        "-1",
        "+0",
        "0x0",
        "0.0",
        "0,0,1",
        "0 0",
        "0;0",
        "\"0\"",
        "0\0",
        "o",
        "0a",
        "0e0",
        "1e1",
        "65536",
        "4294967296",
        "18446744073709551616",
        "99999999999999999999999",
        "0\r\nl: 1",
        "0\r\nContent-Length: -1",
        "1\r\nl:",
        "\u{660}",
        "0\u{b}",
    ];
    let smuggled = bye("l: 0\r\n", "").replace("Call-ID: c", "Call-ID: smuggled");
    let mut tried = 0;
    for name in NAMES {
        for lie in LIES {
            let stream = bye(&format!("{name}{lie}\r\n"), "") + &smuggled;
            let mut framer = Framer::new();
            framer.push(stream.as_bytes());
            let refused = loop {
                match framer.next() {
                    Ok(Some(Framed::Message(message))) => {
                        panic!("{name:?} {lie:?} let {:?} in", message.call_id());
                    }
                    Ok(Some(Framed::Ping | Framed::Pong)) => {}
                    Ok(None) => break false,
                    Err(_) => break true,
                }
            };
            assert!(refused, "{name:?} {lie:?} waits for more");
            tried += 1;
        }
        let honest = bye(&format!("{name}2\r\n"), "ab") + &bye(&format!("{name} 00\r\n"), "");
        assert_eq!(whole(honest), ("m2m0".to_owned(), None), "{name:?}");
    }
    assert_eq!(tried, 192);
}
