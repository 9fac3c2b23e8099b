//! The INVITE of a recording session.

use super::{Bench, codec, view};
use crate::metadata::read;
use sbc_core::ports::SideEvent;
use sbc_core::sdp::{Direction, Sdp};
use sbc_core::sip::{Disposition, HeaderName, parse_multipart};

/// The body as it must be, byte for byte; random parts by name.
const GOLDEN: &str = include_str!("invite.golden");

#[test]
fn the_body_is_the_golden_one() {
    let dial = Bench::answered().dial();
    let body = String::from_utf8(dial.body.to_vec()).unwrap();
    assert_eq!(
        with_names(&body, &dial.content_type),
        GOLDEN.replace('\n', "\r\n")
    );
}

/// The body with names for what is random: the boundary, the SDP's session id, and each id of
/// metadata.
fn with_names(body: &str, content_type: &str) -> String {
    let boundary = content_type.split("boundary=").nth(1).unwrap();
    let mut body = body.replace(boundary.trim_matches('"'), "BOUNDARY");
    let id = body
        .split("o=- ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .to_owned();
    body = body.replace(&format!("o=- {id} "), "o=- ID ");
    for (name, before) in [
        ("SESSION", "<session session_id=\""),
        ("ALICE", "<participant participant_id=\""),
        ("BOB", "<participant participant_id=\""),
        ("STREAM-1", "<stream stream_id=\""),
        ("STREAM-2", "<stream stream_id=\""),
    ] {
        let ids = body.split(before).skip(1).map(|rest| &rest[..24]);
        let id = ids
            .into_iter()
            .find(|id| id.ends_with("=="))
            .unwrap()
            .to_owned();
        body = body.replace(&id, name);
    }
    body
}

#[test]
fn the_headers_are_those_of_rfc_7866() {
    let dial = Bench::answered().dial();
    assert_eq!(dial.contact_params, "+sip.src");
    assert_eq!(dial.uri.to_string(), "sip:srs1.example");
    assert!(dial.content_type.starts_with("multipart/mixed;"));
    let header = |name| {
        let mut values = dial.headers.iter().filter(|(n, _)| *n == name);
        values.next().map(|(_, value)| value.as_str())
    };
    assert_eq!(header(HeaderName::Require), Some("siprec"));
    let accept = header(HeaderName::Accept).unwrap();
    assert!(accept.starts_with("application/sdp, application/rs-metadata+xml"));
}

#[test]
fn the_parts_are_an_offer_and_then_metadata_for_the_recording_session() {
    let dial = Bench::answered().dial();
    let parts = parse_multipart(&dial.content_type, &dial.body).unwrap();
    assert_eq!(parts.len(), 2);
    assert!(parts[0].is("application/sdp"));
    assert!(parts[1].is("application/rs-metadata+xml"));
    assert_eq!(parts[1].disposition, Disposition::RecordingSession);

    let offer = Sdp::parse(&parts[0].body).unwrap();
    let reading = read(&parts[1].body).unwrap();
    assert!(reading.complaints.is_empty(), "{:?}", reading.complaints);
    let labels = reading.recording.streams.iter().map(|s| s.label.as_deref());
    let offered = (0..offer.media_count()).map(|n| offer.media(n).label());
    assert_eq!(labels.collect::<Vec<_>>(), offered.collect::<Vec<_>>());
    let speaker = &reading.recording.participant_streams[0];
    assert_eq!(speaker.send, [reading.recording.streams[0].id.clone()]);
    assert_eq!(speaker.recv, [reading.recording.streams[1].id.clone()]);
}

#[test]
fn two_calls_share_no_ids() {
    let mut bench = Bench::answered();
    let first = bench.dial().body;
    let mut other = Bench::new(1, None);
    other.entropy = sbc_core::Entropy::from_seed(2);
    other.hears(SideEvent::Answered(&view()));
    let second = other.dial().body;
    let ids = |body: &[u8]| {
        let text = String::from_utf8(body.to_vec()).unwrap();
        let ids = text
            .split('"')
            .filter(|t| t.ends_with("=="))
            .map(str::to_owned);
        ids.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(ids(&first).len(), 5);
    assert!(ids(&first).is_disjoint(&ids(&second)));
}

#[test]
fn the_next_server_hears_the_same_ids_and_ports() {
    let mut bench = Bench::answered();
    let first = bench.dial();
    bench.refused(503);
    let second = bench.dial();
    assert_ne!(first.content_type, second.content_type);
    let name = |d: &sbc_core::ports::SideDial| {
        let body = String::from_utf8(d.body.to_vec()).unwrap();
        let boundary = d.content_type.split("boundary=").nth(1).unwrap().to_owned();
        body.replace(boundary.trim_matches('"'), "B")
    };
    assert_eq!(name(&first), name(&second));
}

#[test]
fn a_stream_on_hold_is_offered_inactive_and_spoken_by_nobody() {
    let mut bench = Bench::new(1, None);
    let mut held = view();
    held.streams[1].direction = Direction::RecvOnly;
    bench.hears(SideEvent::Answered(&held));
    let dial = bench.dial();
    let parts = parse_multipart(&dial.content_type, &dial.body).unwrap();
    let offer = Sdp::parse(&parts[0].body).unwrap();
    assert_eq!(offer.media(0).direction(), Direction::SendOnly);
    assert_eq!(offer.media(1).direction(), Direction::Inactive);
    let reading = read(&parts[1].body).unwrap();
    assert!(reading.recording.participant_streams[1].send.is_empty());
    assert!(reading.recording.participant_streams[0].recv.is_empty());
}

#[test]
fn streams_that_cannot_be_described_are_left_out() {
    let mut bench = Bench::new(1, None);
    let mut odd = view();
    odd.streams[0].codecs = vec![codec(97, "?"), codec(101, "telephone-event")];
    odd.participants[1].aor = "".into();
    bench.hears(SideEvent::Answered(&odd));
    let dial = bench.dial();
    let parts = parse_multipart(&dial.content_type, &dial.body).unwrap();
    let offer = Sdp::parse(&parts[0].body).unwrap();
    assert_eq!(offer.media_count(), 1);
    assert_eq!(offer.media(0).label(), Some("1"));
    assert_eq!(bench.ports.given.len(), 1);
    let people = read(&parts[1].body).unwrap().recording.participants;
    assert_eq!(people[1].names[0].aor, "sip:anonymous@anonymous.invalid");
}
