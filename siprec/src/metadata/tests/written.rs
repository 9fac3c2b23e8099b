//! What we write: valid against the schema, and read back as it was.

use crate::metadata::xml::{self, Element};
use crate::metadata::{
    DataMode, Id, NameId, Participant, ParticipantSession, ParticipantStream, Recording, Session,
    SessionRecording, Stream, Times, read, write,
};
use proptest::prelude::*;
use sbc_core::Entropy;
use std::path::Path;
use std::process::{Command, Stdio};

/// A document that holds every element, with `name` and `aor` of its first participant.
pub(super) fn sample(name: &str, aor: &str) -> Recording {
    let mut entropy = Entropy::from_seed(7);
    let session = Id::random(&mut entropy);
    let people = [Id::random(&mut entropy), Id::random(&mut entropy)];
    let streams = [Id::random(&mut entropy), Id::random(&mut entropy)];
    let times = Times {
        associate: Some("2026-01-05T10:00:00.000Z".into()),
        disassociate: Some("2026-01-05T10:05:00.000Z".into()),
    };
    let person = |n: usize, aor: &str, name: &str| Participant {
        id: people[n].clone(),
        names: vec![NameId {
            aor: aor.into(),
            name: name.into(),
        }],
    };
    let speaks = |n: usize| ParticipantStream {
        participant: people[n].clone(),
        send: vec![streams[n].clone()],
        recv: vec![streams[1 - n].clone()],
        times: times.clone(),
    };
    Recording {
        mode: DataMode::Complete,
        sessions: vec![Session {
            id: session.clone(),
            sip_session_ids: vec!["0f1e;remote=2d3c".into()],
            call_id: Some("a&b@<host>".into()),
            start_time: Some("2026-01-05T10:00:00.000Z".into()),
            stop_time: Some("2026-01-05T10:05:00.000Z".into()),
        }],
        participants: vec![person(0, aor, name), person(1, "tel:+12025550123", "")],
        streams: (0..2)
            .map(|n| Stream {
                id: streams[n].clone(),
                session: (n == 0).then(|| session.clone()),
                label: Some((n + 1).to_string()),
            })
            .collect(),
        session_recordings: vec![SessionRecording {
            session: session.clone(),
            times: times.clone(),
        }],
        participant_sessions: (0..2)
            .map(|n| ParticipantSession {
                participant: people[n].clone(),
                session: session.clone(),
                times: times.clone(),
            })
            .collect(),
        participant_streams: vec![speaks(0), speaks(1)],
    }
}

#[test]
fn every_element_is_read_back_as_it_was_written() {
    let recording = sample("Alice R&D <\"x\">", "sip:alice@example.com;a=b?c=d&e=f");
    let reading = read(write(&recording).as_bytes()).unwrap();
    assert_eq!(reading.complaints, Vec::<String>::new());
    assert_eq!(reading.recording, recording);
    let partial = Recording {
        mode: DataMode::Partial,
        ..recording
    };
    assert_eq!(read(write(&partial).as_bytes()).unwrap().recording, partial);
}

#[test]
fn elements_stand_in_the_order_of_the_schema() {
    let document = write(&sample("A", "sip:a@b"));
    let root = xml::parse(&document).unwrap();
    assert!(document.contains("xmlns=\"urn:ietf:params:xml:ns:recording:1\""));
    in_order(
        &root,
        &[
            "datamode",
            "group",
            "session",
            "participant",
            "stream",
            "sessionrecordingassoc",
            "participantsessionassoc",
            "participantstreamassoc",
        ],
    );
    let times = ["associate-time", "disassociate-time"];
    for child in &root.children {
        match child.name.as_str() {
            "session" => in_order(
                child,
                &[
                    "sipSessionID",
                    "reason",
                    "group-ref",
                    "start-time",
                    "stop-time",
                    "call-id",
                ],
            ),
            "sessionrecordingassoc" | "participantsessionassoc" => in_order(child, &times),
            "participantstreamassoc" => in_order(child, &["send", "recv", times[0], times[1]]),
            _ => {}
        }
    }
}

fn in_order(element: &Element, order: &[&str]) {
    let places: Vec<_> = element
        .children
        .iter()
        .map(|c| {
            order
                .iter()
                .position(|name| *name == c.name)
                .expect("a child of the schema")
        })
        .collect();
    assert!(places.is_sorted(), "{}: {places:?}", element.name);
}

/// Needs `xmllint` and the schema of RFC 7865 beside the repository; passes without them.
#[test]
fn what_we_write_is_valid_against_the_schema_of_rfc_7865() {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/rfc7865.xsd");
    let Ok(schema) = std::fs::read_to_string(schema) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    // The schema imports xml:lang from the network; here from beside it.
    let schema = schema.replace("https://www.w3.org/2001/xml.xsd", "xml.xsd");
    std::fs::write(path("rfc7865.xsd"), schema).unwrap();
    std::fs::write(
        path("xml.xsd"),
        "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' \
         targetNamespace='http://www.w3.org/XML/1998/namespace'>\
         <xs:attribute name='lang' type='xs:string'/></xs:schema>",
    )
    .unwrap();
    let names = [
        "Alice",
        "R&D <b> \"q\" 'a'",
        "\u{1}\u{ffff}\u{0}",
        "\r\n\t",
        "日本 🎙",
    ];
    for (n, name) in names.iter().enumerate() {
        let file = path(&format!("{n}.xml"));
        std::fs::write(&file, write(&sample(name, "sip:alice@example.com"))).unwrap();
        let run = Command::new("xmllint")
            .args(["--nonet", "--noout", "--schema"])
            .args([path("rfc7865.xsd"), file])
            .stdin(Stdio::null())
            .output();
        let Ok(run) = run else { return };
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{name:?}: {said}");
    }
}

/// What XML 1.0 can hold of a text, and what our reader trims.
fn kept(text: &str) -> String {
    let replaced = text.chars().map(|c| match c {
        '\t' | '\n' | '\r' => c,
        '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        c => c,
    });
    replaced.collect::<String>().trim().to_owned()
}

proptest! {
    #[test]
    fn any_display_name_and_address_is_escaped_and_read_back(
        name in any::<String>(),
        aor in "[^<>]{0,60}",
    ) {
        let written = write(&sample(&name, &aor));
        prop_assert!(!written.contains('\0'));
        let reading = read(written.as_bytes()).unwrap();
        prop_assert_eq!(&reading.complaints, &Vec::<String>::new());
        let read_back = &reading.recording.participants[0].names[0];
        prop_assert_eq!(&read_back.name, &kept(&name));
        prop_assert_eq!(&read_back.aor, &kept(&aor));
    }

    #[test]
    fn random_text_never_panics_the_reader(document in any::<Vec<u8>>()) {
        drop(read(&document));
    }

    #[test]
    fn a_document_cut_or_changed_anywhere_never_panics_the_reader(
        cut in any::<prop::sample::Index>(),
        change in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut document = write(&sample("Alice", "sip:alice@example.com")).into_bytes();
        let at = change.index(document.len());
        document[at] = byte;
        drop(read(&document));
        let end = cut.index(document.len());
        drop(read(&document[..end]));
    }
}
