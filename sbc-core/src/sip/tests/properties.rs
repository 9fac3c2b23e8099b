//! What must hold for every input.

use super::super::{
    Framed, Framer, HeaderName, Host, Message, NameAddr, ParseError, Uri, Via, parse_multipart,
    split_list,
};
use super::INVITE;
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::hint::black_box;
use std::net::IpAddr;

/// Pieces that mean something to some part of the grammar.
const PIECES: &[&str] = &[
    "\r\n",
    "\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    ":",
    ",",
    ";",
    "=",
    "\"",
    "\\",
    "\\\0",
    "<",
    ">",
    "(",
    ")",
    "\0",
    "@",
    "%",
    "%41",
    "?",
    "/",
    "*",
    "[",
    "[::1]",
    "SIP/2.0",
    "SIP/2.0/UDP h",
    "INVITE",
    "sip:a@h",
    "tel:+1",
    "Via: ",
    "v:",
    "From: ",
    "t:",
    "i: x",
    "CSeq: 1 INVITE",
    "m:",
    "Content-Length: ",
    "l: 1",
    "Content-Type: ",
    "multipart/mixed;boundary=b",
    "--b",
    "--",
    "tag=1",
    "branch=z9hG4bK",
    "rport",
    "1",
    "99999999999",
    "é",
    "\u{7f}",
    "x",
];

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        20 => select(PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// A first line, soup between the headers of an INVITE, soup as its body.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let invite = INVITE.replace('\n', "\r\n");
    let cuts = vec(0..invite.len(), 0..4);
    (cuts, soup(), any::<bool>()).prop_map(move |(mut cuts, soup, tail)| {
        let mut wire = invite.clone().into_bytes();
        cuts.sort_unstable();
        for cut in cuts.into_iter().rev() {
            let piece = &soup[..soup.len().min(cut % 40)];
            wire.splice(cut..cut, piece.iter().copied());
        }
        if tail {
            wire.extend_from_slice(&soup);
        }
        wire
    })
}

/// Headers as they would be read again: name, written name, value.
fn headers(message: &Message) -> Vec<(String, String, Vec<u8>)> {
    message
        .headers()
        .filter(|line| *line.name != HeaderName::ContentLength)
        .map(|line| {
            let (name, written) = (line.name.as_str().to_owned(), line.written.to_owned());
            (name, written, line.raw.to_vec())
        })
        .collect()
}

fn look_at_everything(message: &Message) {
    black_box(message.start());
    black_box(message.via().map(|via| via.to_string()));
    drop((message.from(), message.to(), message.contact()));
    drop((message.cseq(), message.max_forwards(), message.parts()));
    drop((message.sdp(), message.branch()));
    for line in message.headers() {
        assert!(!line.raw.contains(&b'\r') && !line.raw.contains(&b'\n'));
        if let Some(value) = line.value() {
            split_list(value).map(NameAddr::parse).for_each(drop);
        }
    }
    assert_eq!(message.to_bytes().len(), message.size_hint());
}

/// The same message with one blank more behind each name, so that no line is read the short way.
fn wider(wire: &[u8]) -> Vec<u8> {
    let text = wire.split_inclusive(|byte| *byte == b'\n');
    let mut head = true;
    let mut out = Vec::with_capacity(wire.len() + 64);
    for (index, line) in text.enumerate() {
        head &= index == 0 || !matches!(line, b"\r\n" | b"\n");
        let continues = matches!(line, [b' ' | b'\t', ..]);
        let colon = line.iter().position(|byte| *byte == b':');
        match colon.filter(|_| head && index > 0 && !continues) {
            Some(colon) => {
                out.extend_from_slice(&line[..=colon]);
                out.push(b' ');
                out.extend_from_slice(&line[colon + 1..]);
            }
            None => out.extend_from_slice(line),
        }
    }
    out
}

/// All that comes out of a stream that was fed in these chunks.
fn frames(stream: &[u8], chunks: &[usize]) -> (Vec<Bytes>, Option<ParseError>) {
    let mut framer = Framer::new();
    let mut out = Vec::new();
    let mut rest = stream;
    let mut chunks = chunks.iter().cycle();
    while !rest.is_empty() {
        let (chunk, behind) = rest.split_at(rest.len().min(*chunks.next().unwrap()));
        framer.push(chunk);
        rest = behind;
        loop {
            match framer.next() {
                Ok(None) => break,
                Ok(Some(Framed::Message(message))) => {
                    look_at_everything(&message);
                    out.push(message.to_bytes());
                }
                Ok(Some(Framed::Ping | Framed::Pong)) => {}
                Err(error) => {
                    if let Some(message) = framer.broken() {
                        look_at_everything(&message);
                    }
                    return (out, Some(error));
                }
            }
        }
    }
    (out, None)
}

proptest! {
    #[test]
    fn the_short_way_through_a_line_and_the_long_one_read_the_same(wire in message()) {
        let short = Message::parse_datagram(Bytes::copy_from_slice(&wire));
        let long = Message::parse_datagram(wider(&wire).into());
        let (Ok(short), Ok(long)) = (&short, &long) else {
            prop_assert_eq!(short.err(), long.err());
            return Ok(());
        };
        prop_assert_eq!(short.defects(), long.defects());
        prop_assert_eq!(headers(short), headers(long));
        prop_assert_eq!(short.start(), long.start());
        prop_assert_eq!(short.branch(), long.branch());
        prop_assert_eq!(
            (short.call_id(), short.cseq(), short.from_tag(), short.to_tag()),
            (long.call_id(), long.cseq(), long.from_tag(), long.to_tag())
        );
    }

    #[test]
    fn digits_and_dots_are_a_host_where_std_reads_an_address(text in "[0-9.]{1,16}") {
        let ours = Host::parse(&text).ok();
        prop_assert_eq!(ours, text.parse().ok().map(|ip| Host::Ip(IpAddr::V4(ip))));
    }

    #[test]
    fn numbers_and_dots_are_a_host_where_std_reads_an_address(
        numbers in vec(prop_oneof![0..300_u16, Just(0), Just(255), Just(256)], 3..6),
    ) {
        let text = numbers.iter().map(u16::to_string).collect::<Vec<_>>().join(".");
        let ours = Host::parse(&text).ok();
        prop_assert_eq!(ours, text.parse().ok().map(|ip| Host::Ip(IpAddr::V4(ip))));
    }

    #[test]
    fn no_datagram_panics_and_an_untouched_one_prints_as_it_came(
        wire in prop_oneof![message(), soup()],
    ) {
        let Ok(message) = Message::parse_datagram(Bytes::from(wire.clone())) else {
            return Ok(());
        };
        look_at_everything(&message);
        let printed = message.to_bytes();
        let lead = wire.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        prop_assert!(wire[lead..].starts_with(&printed));
    }

    #[test]
    fn an_edited_message_reads_back_with_the_same_headers_and_body(wire in message()) {
        let Ok(mut message) = Message::parse_datagram(Bytes::from(wire)) else {
            return Ok(());
        };
        message.push(HeaderName::UserAgent, "x").unwrap();
        look_at_everything(&message);
        let again = Message::parse_datagram(message.to_bytes()).unwrap();
        prop_assert_eq!(headers(&again), headers(&message));
        prop_assert_eq!(again.body(), message.body());
        prop_assert_eq!(again.method(), message.method());
        prop_assert_eq!(again.request_uri(), message.request_uri());
        let lengths = again.header_lines(&HeaderName::ContentLength).count();
        prop_assert_eq!(lengths, 1);
        let mut bare_cr = message.to_bytes().to_vec();
        bare_cr.truncate(bare_cr.len() - message.body().len());
        let crs = bare_cr.iter().filter(|b| **b == b'\r').count();
        let lfs = bare_cr.iter().filter(|b| **b == b'\n').count();
        prop_assert_eq!(crs, lfs);
    }

    #[test]
    fn any_value_that_is_taken_reads_back_and_adds_one_line(value in "\\PC*|[ -~\r\n\0\t]*") {
        let mut message = Message::parse_datagram(Bytes::from(INVITE.replace('\n', "\r\n")))
            .unwrap();
        let before = headers(&message);
        let taken = message.push(HeaderName::Subject, &value).is_ok();
        prop_assert_eq!(taken, !value.contains(['\r', '\n', '\0']));
        let again = Message::parse_datagram(message.to_bytes()).unwrap();
        prop_assert_eq!(again.headers().count(), message.headers().count());
        prop_assert_eq!(&headers(&again)[..before.len()], &before[..]);
    }

    #[test]
    fn any_chunking_of_a_stream_gives_the_same_messages(
        messages in vec(prop_oneof![
            3 => Just(INVITE.replace("Content-Length: 4", "l: 6").replace('\n', "\r\n")
                .into_bytes().into_iter().chain(*b"x").collect::<Vec<u8>>()),
            1 => Just(b"\r\n".to_vec()),
            1 => Just(b"\r\n\r\n".to_vec()),
            1 => message(),
        ], 0..6),
        chunks in vec(1_usize..200, 1..8),
    ) {
        let stream = messages.concat();
        prop_assert_eq!(frames(&stream, &chunks), frames(&stream, &[stream.len().max(1)]));
    }

    #[test]
    fn no_view_panics_and_what_it_reads_prints_as_the_same(wire in soup()) {
        let text = String::from_utf8_lossy(&wire).into_owned();
        if let Ok(uri) = Uri::parse(&text) {
            let again = Uri::parse(&uri.to_string());
            prop_assert_eq!(again.as_ref(), Ok(&uri));
            prop_assert!(uri.same_as(&uri));
        }
        if let Ok(name) = NameAddr::parse(&text) {
            let again = NameAddr::parse(&name.to_string()).unwrap();
            prop_assert_eq!(again.uri, name.uri);
            prop_assert_eq!(again.params, name.params);
        }
        if let Ok(via) = Via::parse(&text) {
            let printed = via.to_string();
            let again = Via::parse(&printed).unwrap();
            prop_assert_eq!(again.params, via.params);
            prop_assert_eq!((again.host, again.port), (via.host, via.port));
        }
        let body = Bytes::from(wire);
        drop(parse_multipart("multipart/mixed;boundary=b", &body));
    }
}
