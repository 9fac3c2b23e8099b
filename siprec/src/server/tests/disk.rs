//! Disks on which there is no room.

use super::{BY_THE_BOOK, Bench, TWO, by_the_book, multipart, offer, request};
use sbc_core::ports::{AppEvent, MediaEvent, PortId};
use sbc_core::sip::HeaderName;
use serde_json::json;

/// Set in a process that [`small_files`] started.
const CHILD: &str = "SIPREC_TEST_SMALL_FILES";

/// Runs a test of this module again in a process whose files cannot grow beyond so many blocks of
/// 512 bytes (some shells: 1024): the limit is the process's. The signal that comes with it is
/// ignored, so that a write fails as it does on a full disk. True in that process.
fn small_files(test: &str, blocks: usize) -> bool {
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let path = format!("{}::{test}", module_path!().split_once("::").unwrap().1);
    let script = format!("trap '' XFSZ; ulimit -f {blocks} && exec \"$0\" --exact \"$1\"");
    let child = std::process::Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .arg(path)
        .env(CHILD, "1")
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&child.stdout);
    assert!(out.contains("1 passed"), "{out}");
    false
}

fn nothing_is_left(bench: &Bench) {
    assert_eq!(std::fs::read_dir(bench.dir.path()).unwrap().count(), 0);
}

#[test]
fn a_full_disk_refuses_for_now_and_nothing_is_left() {
    if !small_files("a_full_disk_refuses_for_now_and_nothing_is_left", 0) {
        return;
    }
    let mut bench = Bench::new();
    let reply = bench.invite(&by_the_book());
    let (status, headers) = reply.refused.unwrap();
    assert_eq!(status, 503);
    assert_eq!(headers, [(HeaderName::RetryAfter, "10".to_owned())]);
    assert!(reply.answer.is_none() && reply.records.is_empty());
    assert!(bench.ports.given.is_empty());
    nothing_is_left(&bench);
    // The session is over.
    assert_eq!(bench.request(&by_the_book()).refused.unwrap().0, 481);
}

#[test]
fn first_metadata_for_which_there_is_no_room_refuses_for_now() {
    // More than the reserve, less than the document.
    let blocks = crate::limits::RESERVE_BYTES / 512 + 8;
    let name = "first_metadata_for_which_there_is_no_room_refuses_for_now";
    if !small_files(name, blocks) {
        return;
    }
    let one = "m=audio 20000 RTP/AVP 0\na=label:1\n";
    let long = format!("<recording><!--{}--></recording>", "x".repeat(60_000));
    let mut bench = Bench::new();
    let reply = bench.invite(&multipart("INVITE", BY_THE_BOOK, &offer(one), &long));
    assert_eq!(reply.refused.unwrap().0, 503);
    assert!(reply.answer.is_none());
    // No file is opened in a folder that is gone.
    assert!(reply.records.is_empty() && reply.peers.is_empty());
    assert_eq!(reply.released, [PortId(100)]);
    nothing_is_left(&bench);

    // Later documents are another matter: the streams are what counts.
    let (mut bench, _) = Bench::recording(&request(
        "INVITE",
        BY_THE_BOOK,
        "application/sdp",
        &offer(one),
    ));
    let kind = "application/rs-metadata+xml";
    let reply = bench.request(&request("UPDATE", "", kind, &long));
    assert!(reply.answer.is_some());
    let complaints = bench.sheet()["complaints"].to_string();
    assert!(complaints.contains("could not be kept"), "{complaints}");
    let folder = std::fs::read_dir(bench.folder()).unwrap();
    assert_eq!(folder.count(), 2, "half a document stays");
}

#[test]
fn a_recording_whose_last_stream_fails_hangs_up() {
    let (mut bench, _) = Bench::recording(&by_the_book());
    let mut fails = |port| {
        let failed = MediaEvent::RecordFailed(PortId(port), "No space left on device".into());
        bench.hears(AppEvent::Media(failed));
        bench.reply().hung_up
    };
    assert_eq!(
        [100, 100, 7, 101, 101].map(&mut fails),
        [false, false, false, true, false]
    );
    for ended in [json!(null), json!("2026-01-05T10:00:00.000Z")] {
        let sheet = bench.sheet();
        assert_eq!(sheet["state"], "failed");
        assert_eq!(sheet["error"], "No space left on device");
        assert_eq!(sheet["ended"], ended);
        bench.hears(AppEvent::Ended);
    }
}

#[test]
fn the_reserve_is_kept_while_a_recording_goes_on() {
    let (mut bench, _) = Bench::recording(&by_the_book());
    let reserve = bench.folder().join(".reserve");
    let kept = std::fs::metadata(&reserve).unwrap().len();
    assert_eq!(kept, 2 * crate::limits::RESERVE_BYTES as u64);
    bench.hears(AppEvent::Ended);
    assert!(!reserve.exists());
}

#[test]
fn labels_that_are_missing_or_not_unique_are_noted() {
    let complaints = |media: &str| {
        let invite = multipart("INVITE", BY_THE_BOOK, &offer(media), super::METADATA);
        Bench::recording(&invite).0.sheet()["complaints"].clone()
    };
    assert_eq!(complaints(TWO), json!([]));
    assert_eq!(
        complaints(&TWO.replace("a=label:2", "a=label:1")),
        json!(["streams 1 and 2 have the label `1`"])
    );
    assert_eq!(
        complaints(&TWO.replace("a=label:2\n", "")),
        json!(["stream 2 has no label in the offer"])
    );
    // Nothing is said of a stream that is not recorded.
    let refused = "m=video 20004 RTP/AVP 96\na=label:1\n";
    assert_eq!(complaints(&format!("{TWO}{refused}")), json!([]));
}
