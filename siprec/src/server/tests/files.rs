//! What is written, and that nothing from the wire becomes a path.

use super::{BY_THE_BOOK, Bench, METADATA, TWO, by_the_book, document, multipart, offer, request};
use crate::metadata::read;
use proptest::prelude::*;
use sbc_core::ports::{AppEvent, MediaEvent, PortId};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

#[test]
fn metadata_is_kept_as_received_in_every_version() {
    let (mut bench, _) = Bench::recording(&by_the_book());
    let partial = "<recording><datamode>partial</datamode></recording>";
    bench.request(&request(
        "UPDATE",
        "",
        "Application/RS-Metadata; x=y",
        partial,
    ));
    let kept = |n: u32| {
        let name = format!("metadata-{n:04}.xml");
        std::fs::read_to_string(bench.folder().join(name)).unwrap()
    };
    assert_eq!(kept(1), document());
    assert_eq!(kept(2), format!("{partial}\r\n"));
}

#[test]
fn the_sheet_says_whose_voice_is_in_which_file() {
    let (mut bench, _) = Bench::recording(&by_the_book());
    assert_eq!(bench.sheet()["state"], "recording");
    bench.clock = Duration::from_millis(61_500);
    bench.hears(AppEvent::Ended);
    let mut sheet = bench.sheet();
    let id = bench
        .folder()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    assert!(id.starts_with("20260105T100000000Z-"), "{id}");
    assert_eq!(sheet["id"].take(), id);
    let stream = |n: usize, codecs: &[&str], speaker: &str| {
        json!({
            "n": n,
            "file": format!("stream-{n}.wav"),
            "started": "2026-01-05T10:00:00.000Z",
            "label": n.to_string(),
            "codecs": codecs,
            "participants": [speaker],
            "gaps": [],
            "error": null
        })
    };
    let expected = json!({
        "version": 1,
        "id": null,
        "state": "finished",
        "started": "2026-01-05T10:00:00.000Z",
        "ended": "2026-01-05T10:01:01.500Z",
        "error": null,
        "recording_session": {
            "call_id": "rs-1@192.0.2.1",
            "from": "sip:sbc@192.0.2.1",
            "to": "sip:rec@srs.example"
        },
        "streams": [
            stream(1, &["PCMA/8000", "PCMU/8000", "telephone-event/8000"], "A=="),
            stream(2, &["PCMU/8000", "telephone-event/8000"], "B==")
        ],
        "participants": [
            { "id": "A==", "aor": "sip:alice@example.com", "name": "Alice" },
            { "id": "B==", "aor": "tel:+12025550123", "name": "" }
        ],
        "sessions": [{
            "id": "S==",
            "sip_session_ids": [],
            "call_id": null,
            "start_time": "2026-01-05T10:00:00.000Z",
            "stop_time": null
        }],
        "metadata": [{ "file": "metadata-0001.xml", "received": "2026-01-05T10:00:00.000Z" }],
        "complaints": []
    });
    assert_eq!(sheet, expected);
}

#[test]
fn gaps_are_the_times_in_which_a_stream_was_switched_off() {
    let (mut bench, _) = Bench::recording(&by_the_book());
    let hold = TWO.replacen("sendonly", "inactive", 1);
    let moved = hold.replace("20000", "20100");
    for (seconds, media) in [(10, &*hold), (15, &*moved), (20, TWO), (30, &*hold)] {
        bench.clock = Duration::from_secs(seconds);
        bench.request(&request("INVITE", "", "application/sdp", &offer(media)));
    }
    bench.clock = Duration::from_secs(40);
    bench.hears(AppEvent::Ended);
    assert_eq!(
        bench.sheet()["streams"][0]["gaps"],
        json!([
            { "from": "2026-01-05T10:00:10.000Z", "to": "2026-01-05T10:00:20.000Z" },
            { "from": "2026-01-05T10:00:30.000Z", "to": "2026-01-05T10:00:40.000Z" }
        ])
    );
    assert_eq!(bench.sheet()["streams"][1]["gaps"], json!([]));
}

#[test]
fn broken_metadata_is_kept_noted_and_never_prevents_a_recording() {
    for broken in [
        "",
        "not xml",
        "<recording>",
        "<!DOCTYPE r [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><recording>&x;</recording>",
        "<requestsnapshot/>",
        "<recording><participantstreamassoc participant_id='A'>\
        <send>1</send></participantstreamassoc></recording>",
    ] {
        let invite = multipart("INVITE", BY_THE_BOOK, &offer(TWO), broken);
        let (bench, reply) = Bench::recording(&invite);
        assert_eq!(reply.records.len(), 2);
        assert!(bench.folder().join("metadata-0001.xml").exists());
        let complaint = bench.sheet()["complaints"][0].to_string();
        assert!(
            complaint.contains("metadata document 1: "),
            "{broken}: {complaint}"
        );
    }
}

#[test]
fn a_transfer_adds_its_people_to_the_stream() {
    let (mut bench, _) = Bench::recording(&by_the_book());
    let carol = METADATA
        .replace("B==", "C==")
        .replace("tel:+12025550123", "sip:carol@example.org")
        .replace("'2=='", "'9=='")
        .replace(">2==<", ">9==<");
    bench.request(&multipart("INVITE", BY_THE_BOOK, &offer(TWO), &carol));
    assert_eq!(
        bench.sheet()["streams"][1]["participants"],
        json!(["B==", "C=="])
    );
    assert_eq!(bench.sheet()["participants"].as_array().unwrap().len(), 3);
}

#[test]
fn a_partial_document_adds_and_takes_nothing_away() {
    let (mut bench, _) = Bench::recording(&by_the_book());
    let partial = "<recording><datamode>partial</datamode>
        <session session_id='S=='><stop-time>2026-01-05T10:05:00.000Z</stop-time></session>
        <stream stream_id='1=='/><participant participant_id='A=='/></recording>";
    bench.request(&request(
        "UPDATE",
        "",
        "application/rs-metadata+xml",
        partial,
    ));
    let sheet = bench.sheet();
    assert_eq!(
        sheet["sessions"][0]["start_time"],
        "2026-01-05T10:00:00.000Z"
    );
    assert_eq!(
        sheet["sessions"][0]["stop_time"],
        "2026-01-05T10:05:00.000Z"
    );
    assert_eq!(sheet["streams"][0]["participants"], json!(["A=="]));
    assert_eq!(sheet["participants"][0]["name"], "Alice");
}

#[test]
fn a_mixed_stream_names_both() {
    let mixed = METADATA.replace("<send>2==</send>", "<send>1==</send>");
    let one = "m=audio 20000 RTP/AVP 0\na=label:1\n";
    let (bench, _) = Bench::recording(&multipart("INVITE", BY_THE_BOOK, &offer(one), &mixed));
    assert_eq!(
        bench.sheet()["streams"][0]["participants"],
        json!(["A==", "B=="])
    );
}

#[test]
fn a_file_that_cannot_be_written_is_noted() {
    let (mut bench, _) = Bench::recording(&by_the_book());
    let failed = MediaEvent::RecordFailed(PortId(101), "No space left on device".into());
    bench.hears(AppEvent::Media(failed));
    let streams = &bench.sheet()["streams"];
    assert_eq!(streams[0]["error"], json!(null));
    assert_eq!(streams[1]["error"], "No space left on device");
    assert!(!bench.reply().hung_up);
    assert_eq!(bench.sheet()["state"], "recording");
    bench.hears(AppEvent::Ended);
    assert_eq!(bench.sheet()["state"], "finished");
    assert_eq!(bench.sheet()["error"], json!(null));
}

#[test]
fn a_folder_that_vanishes_under_a_recording_does_not_end_it() {
    let (mut bench, _) = Bench::recording(&by_the_book());
    std::fs::remove_dir_all(bench.folder()).unwrap();
    assert!(bench.request(&by_the_book()).answer.is_some());
    bench.hears(AppEvent::Ended);
}

#[test]
fn no_half_written_file_stays() {
    let (bench, _) = Bench::recording(&by_the_book());
    let mut names: Vec<_> = std::fs::read_dir(bench.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [".reserve", "metadata-0001.xml", "recording.json"]);
}

/// Everything below a folder, and that all of it is directly in one recording's folder.
fn only_our_names(bench: &Bench, paths: &[&Path]) {
    let folder = bench.folder();
    assert_eq!(folder.parent(), Some(bench.dir.path()));
    for path in paths {
        assert_eq!(path.parent(), Some(folder.as_path()));
        let name = path.file_name().unwrap().to_str().unwrap();
        let ours = name
            .strip_prefix("stream-")
            .and_then(|n| n.strip_suffix(".wav"));
        assert!(ours.unwrap().bytes().all(|b| b.is_ascii_digit()), "{name}");
    }
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            [".reserve", "metadata-0001.xml", "recording.json"].contains(&name.as_str()),
            "{name}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn nothing_from_the_wire_becomes_part_of_a_path(
        label in prop_oneof![
            Just("../../../etc/cron.d/x".to_owned()),
            Just("/etc/passwd".to_owned()),
            Just("..".to_owned()),
            Just("a/../../b".to_owned()),
            "[!-~]{1,40}",
        ],
    ) {
        let media = format!("m=audio 20000 RTP/AVP 8\na=label:{label}\n");
        let hostile: String = label.chars().filter(|c| !"<>&'\"".contains(*c)).collect();
        let xml = METADATA.replace("1==", &hostile).replace("A==", &hostile);
        let call_id = format!("X-Recording: {label}\n{BY_THE_BOOK}");
        let invite = multipart("INVITE", &call_id, &offer(&media), &xml);
        let (bench, reply) = Bench::recording(&invite);
        let paths: Vec<_> = reply.records.iter().map(|(_, r)| r.path.as_path()).collect();
        only_our_names(&bench, &paths);
        let sheet = bench.sheet();
        prop_assert_eq!(sheet["streams"][0]["label"].as_str(), Some(label.as_str()));
        let kept = std::fs::read(bench.folder().join("metadata-0001.xml")).unwrap();
        prop_assert!(read(&kept).is_ok());
    }
}
