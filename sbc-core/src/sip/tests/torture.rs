//! The torture messages of this repository: each file of `tests/torture` is a message and what
//! must become of it.
//!
//! `torture_case` says how a file reads.

use super::torture_case::Case;
use crate::sip::{Framed, Framer, HeaderName, Message, ParseError};
use bytes::Bytes;
use std::path::{Path, PathBuf};

fn verdict(result: &Result<Message, ParseError>) -> String {
    match result {
        Err(error) => format!("error {error:?}"),
        Ok(message) if message.defects().is_empty() => "ok".to_owned(),
        Ok(message) => {
            let defects: Vec<_> = message.defects().iter().map(|d| format!("{d:?}")).collect();
            defects.join("; ")
        }
    }
}

fn on_a_stream(wire: &[u8]) -> Result<Message, ParseError> {
    let mut framer = Framer::new();
    framer.push(wire);
    loop {
        match framer.next()? {
            Some(Framed::Message(message)) => return Ok(message),
            Some(_) => {}
            None => return Err(ParseError::Truncated),
        }
    }
}

fn view(message: &Message, key: &str) -> String {
    if let Some(name) = key.strip_prefix("header ") {
        return message
            .header(&HeaderName::parse(name))
            .unwrap_or("-")
            .to_owned();
    }
    let text = |value: Option<&str>| value.unwrap_or("-").to_owned();
    match key {
        "method" => text(message.method().map(|m| m.as_str())),
        "uri" => message.request_uri().to_owned(),
        "call-id" => text(message.call_id()),
        "branch" => text(message.branch()),
        "from-tag" => text(message.from_tag()),
        "to-tag" => text(message.to_tag()),
        "vias" => message.header_values(&HeaderName::Via).count().to_string(),
        "cseq" => message
            .cseq()
            .map_or_else(|| "-".to_owned(), |c| format!("{} {}", c.number, c.method)),
        "contact" => message
            .contact()
            .map_or_else(|| "-".to_owned(), |c| c.to_string()),
        "body" => message.body().len().to_string(),
        "parts" => message
            .parts()
            .map_or_else(|e| e.0.to_owned(), |parts| parts.len().to_string()),
        other => panic!("unknown key {other}"),
    }
}

/// The whole set, by name.
pub(super) fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/torture");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 90, "the set is not there");
    paths.iter().map(|path| Case::read(path)).collect()
}

#[test]
fn every_torture_message_becomes_what_its_file_says() {
    let mut wrong = Vec::new();
    for case in cases() {
        let mut check = |key: &str, found: String, expected: &str| {
            if found != expected {
                wrong.push(format!("{}: {key}: {found}, not {expected}", case.name));
            }
        };
        let datagram = Message::parse_datagram(Bytes::from(case.wire.clone()));
        let expected = case.expected("datagram").unwrap_or("ok");
        check("datagram", verdict(&datagram), expected);
        let stream = on_a_stream(&case.wire);
        check(
            "stream",
            verdict(&stream),
            case.expected("stream").unwrap_or(expected),
        );
        for (key, expected) in &case.expect {
            if let (false, Ok(message)) = (
                matches!(key.as_str(), "datagram" | "stream" | "reply"),
                &datagram,
            ) {
                check(key, view(message, key), expected);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
