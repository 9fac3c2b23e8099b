//! What the server answers, and what it refuses.

use super::{BY_THE_BOOK, Bench, TWO, by_the_book, multipart, offer, request};
use crate::RecordingServer;
use crate::testing::at;
use sbc_core::ports::{AppEvent, PortId, RecordCodec};
use sbc_core::sip::{HeaderName, Message};
use std::net::SocketAddr;
use std::time::Duration;

fn sdp_invite(media: &str) -> Message {
    request("INVITE", BY_THE_BOOK, "application/sdp", &offer(media))
}

#[test]
fn an_invite_by_the_book_is_answered_recvonly_with_both_labels() {
    let mut bench = Bench::new();
    bench.clock = Duration::from_millis(120);
    let reply = bench.invite(&by_the_book());
    let answer = reply.answer.as_ref().unwrap();
    assert_eq!(answer.status.code(), 200);
    assert_eq!(answer.contact_params, "+sip.srs");
    assert_eq!(
        reply.lines(),
        [
            "m=audio 30000 RTP/AVP 8 0 101",
            "a=label:1",
            "a=recvonly",
            "m=audio 30002 RTP/AVP 0 101",
            "a=label:2",
            "a=recvonly"
        ]
    );
    let (port, record) = &reply.records[1];
    assert_eq!(*port, PortId(101));
    assert_eq!(record.start, at(bench.clock));
    assert_eq!(record.path, bench.folder().join("stream-2.wav"));
    assert_eq!(
        record.codecs,
        [
            (0, RecordCodec::Pcmu),
            (101, RecordCodec::TelephoneEvent),
            (8, RecordCodec::Pcma)
        ]
    );
    let (_, peer) = reply.peers[0];
    assert_eq!(peer.rtp, "192.0.2.1:20000".parse::<SocketAddr>().unwrap());
    assert_eq!(peer.rtcp.port(), 20001);
    assert!(peer.receive && !peer.send);
}

#[test]
fn the_origin_line_is_ours_and_its_version_grows_only_with_a_change() {
    let (mut bench, reply) = Bench::recording(&by_the_book());
    let origin = |reply: &super::Reply| reply.sdp().origin().to_owned();
    let first = origin(&reply);
    assert!(first.ends_with(" 1 IN IP4 192.0.2.10"), "{first}");
    assert!(!first.starts_with("- 1 "));
    let again = bench.request(&by_the_book());
    assert_eq!(again.answer.unwrap().body, reply.answer.unwrap().body);
    let held = offer(&TWO.replace("sendonly", "inactive"));
    let reply = bench.request(&request("INVITE", "", "application/sdp", &held));
    assert_eq!(origin(&reply), first.replace(" 1 IN", " 2 IN"));
}

#[test]
fn directions_are_answered_as_the_table_says() {
    for (offered, answered) in [
        ("a=sendonly\n", "a=recvonly"),
        ("a=sendrecv\n", "a=recvonly"),
        ("", "a=recvonly"),
        ("a=inactive\n", "a=inactive"),
        ("a=recvonly\n", "a=inactive"),
    ] {
        let invite = sdp_invite(&format!("m=audio 20000 RTP/AVP 8\n{offered}"));
        let (_, reply) = Bench::recording(&invite);
        assert_eq!(reply.lines()[1], answered, "{offered:?}");
        assert_eq!(reply.peers[0].1.receive, answered == "a=recvonly");
        assert_eq!(reply.records.len(), 1);
    }
}

#[test]
fn streams_that_cannot_be_recorded_get_port_zero_in_their_place() {
    let invite = sdp_invite(
        "m=video 20000 RTP/AVP 96
         a=rtpmap:96 H264/90000
         a=label:v
         m=audio 20002 RTP/SAVP 8
         m=audio 0 RTP/AVP 8
         m=audio 20004 RTP/AVP 18 101
         a=rtpmap:101 telephone-event/8000
         m=audio 20006 RTP/AVP 98 9 8
         a=rtpmap:98 opus/48000/2
         a=label:a
         m=message 20008 TCP/MSRP *",
    );
    let (_, reply) = Bench::recording(&invite);
    assert_eq!(
        reply.lines(),
        [
            "m=video 0 RTP/AVP 96",
            "a=label:v",
            "m=audio 0 RTP/SAVP 8",
            "m=audio 0 RTP/AVP 8",
            "m=audio 0 RTP/AVP 18 101",
            "m=audio 30000 RTP/AVP 8",
            "a=label:a",
            "a=recvonly",
            "m=message 0 TCP/MSRP *"
        ]
    );
    assert!(reply.records[0].1.path.ends_with("stream-5.wav"));
}

/// The status and one header of a refusal; nothing is left behind.
fn refused(invite: &Message) -> (u16, Option<String>) {
    let mut bench = Bench::new();
    let reply = bench.invite(invite);
    assert!(reply.answer.is_none());
    assert_eq!(std::fs::read_dir(bench.dir.path()).unwrap().count(), 0);
    assert_eq!(bench.ports.given.len(), 0);
    let (status, mut headers) = reply.refused.expect("a refusal");
    bench.hears(AppEvent::Ended);
    assert!(bench.out.is_empty());
    (status, headers.pop().map(|(_, value)| value))
}

#[test]
fn what_cannot_be_recorded_is_refused_with_its_own_code() {
    let none = "m=audio 20000 RTP/AVP 18\n";
    assert_eq!(refused(&sdp_invite(none)).0, 488);
    assert_eq!(refused(&request("INVITE", BY_THE_BOOK, "", "")).0, 488);
    let broken = request("INVITE", BY_THE_BOOK, "application/sdp", "hello\n");
    assert_eq!(refused(&broken).0, 400);
    let text = request("INVITE", BY_THE_BOOK, "text/plain", "hello\n");
    let (status, accept) = refused(&text);
    assert_eq!(status, 415);
    assert!(accept.unwrap().contains("application/sdp"));
    let call = request(
        "INVITE",
        "Contact: <sip:a@b>\n",
        "application/sdp",
        &offer(TWO),
    );
    assert_eq!(refused(&call).0, 403);
}

#[test]
fn an_unknown_extension_is_refused_by_name() {
    let more = "Require: siprec, 100rel, foo\nContact: <sip:a@b>;+sip.src\n";
    let invite = request("INVITE", more, "application/sdp", &offer(TWO));
    assert_eq!(refused(&invite), (420, Some("100rel, foo".into())));
}

#[test]
fn one_mark_of_a_recording_session_is_enough_and_the_others_are_missed() {
    for more in [
        "Require: siprec\nContact: <sip:a@b>\n",
        "Contact: <sip:a@b>;+sip.src\n",
        "Contact: <sip:a@b>;src\n",
        "Contact: <sip:a@b;+sip.src>\n",
        "Contact: <sip:a@b>;+sip-src\n",
        "Contact: <sip:a@b>\nX-Cisco-Recording-Participant: sip:7001@cucm;media-index=\"0\"\n",
    ] {
        let invite = request("INVITE", more, "application/sdp", &offer(TWO));
        let (bench, _) = Bench::recording(&invite);
        let complaints = bench.sheet()["complaints"].to_string();
        assert!(complaints.contains("no metadata"), "{more}");
    }
    let (bench, _) = Bench::recording(&multipart("INVITE", "", &offer(TWO), super::METADATA));
    assert_eq!(
        bench.sheet()["complaints"],
        serde_json::json!([
            "the INVITE has no `Require: siprec`",
            "the Contact of the INVITE has no `+sip.src`"
        ])
    );
}

#[test]
fn too_few_ports_refuse_the_whole_session_for_now() {
    let mut bench = Bench::new();
    bench.ports.left = 1;
    let reply = bench.invite(&by_the_book());
    let (status, headers) = reply.refused.unwrap();
    assert_eq!(status, 503);
    assert_eq!(headers, [(HeaderName::RetryAfter, "10".to_owned())]);
    assert_eq!(reply.released, [PortId(100)]);
    assert!(reply.records.is_empty());
    assert_eq!(std::fs::read_dir(bench.dir.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_that_vanished_refuses_for_now() {
    let mut bench = Bench::new();
    std::fs::remove_dir_all(bench.dir.path()).unwrap();
    let reply = bench.invite(&by_the_book());
    assert_eq!(reply.refused.unwrap().0, 503);
    assert!(bench.ports.given.is_empty());
}

#[test]
fn a_folder_that_cannot_be_used_is_a_configuration_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = RecordingServer::new(&file.join("below")).unwrap_err();
    assert_eq!(error.key.as_deref(), Some("dir"));
    RecordingServer::new(&dir.path().join("a/b/c")).unwrap();
}

#[test]
fn a_reinvite_keeps_ports_and_files_and_adds_new_streams() {
    let (mut bench, first) = Bench::recording(&by_the_book());
    let more = format!("{TWO}m=audio 20004 RTP/AVP 0\na=label:3\na=sendonly\n");
    let moved = more.replace("m=audio 20002", "m=audio 20102");
    let reply = bench.request(&request("INVITE", "", "application/sdp", &offer(&moved)));
    let port = |n: usize| reply.sdp().media(n).port();
    assert_eq!([port(0), port(1), port(2)], [30000, 30002, 30004]);
    assert_eq!(first.records.len(), 2);
    assert_eq!(reply.records.len(), 1);
    assert!(reply.records[0].1.path.ends_with("stream-3.wav"));
    let told: Vec<_> = reply
        .peers
        .iter()
        .map(|(p, peer)| (p.0, peer.rtp.port()))
        .collect();
    assert_eq!(
        told,
        [(101, 20102), (102, 20004)],
        "port 100 has not changed"
    );
}

#[test]
fn a_stream_switched_off_and_on_keeps_its_file() {
    let (mut bench, _) = Bench::recording(&by_the_book());
    let off = TWO.replace("m=audio 20002", "m=audio 0");
    let reply = bench.request(&request("INVITE", "", "application/sdp", &offer(&off)));
    assert_eq!(reply.sdp().media(1).port(), 0);
    assert!(!reply.peers[0].1.receive);
    let reply = bench.request(&request("UPDATE", "", "application/sdp", &offer(TWO)));
    assert_eq!(reply.sdp().media(1).port(), 30002);
    assert!(reply.peers[0].1.receive);
    assert!(reply.records.is_empty());
}

#[test]
fn a_codec_change_is_taken_where_the_file_can_be_decoded() {
    let (mut bench, _) = Bench::recording(&by_the_book());
    let swapped = offer(
        "m=audio 20000 RTP/AVP 0
         m=audio 20002 RTP/AVP 101 8
         a=rtpmap:101 PCMU/8000",
    );
    let reply = bench.request(&request("INVITE", "", "application/sdp", &swapped));
    assert_eq!(
        reply.lines()[..3],
        [
            "m=audio 30000 RTP/AVP 0",
            "a=recvonly",
            "m=audio 30002 RTP/AVP 8"
        ]
    );
}

#[test]
fn an_invite_without_offer_in_the_dialog_is_answered_with_our_description() {
    let (mut bench, first) = Bench::recording(&by_the_book());
    let reply = bench.request(&request("INVITE", "", "", ""));
    assert_eq!(reply.answer.unwrap().body, first.answer.unwrap().body);
}

#[test]
fn an_update_with_metadata_alone_is_answered_without_body() {
    let (mut bench, _) = Bench::recording(&by_the_book());
    let update = request("UPDATE", "", "application/rs-metadata+xml", super::METADATA);
    let reply = bench.request(&update);
    let answer = reply.answer.unwrap();
    assert!(answer.body.is_empty() && answer.content_type.is_empty());
    assert_eq!(bench.sheet()["metadata"][1]["file"], "metadata-0002.xml");
}

#[test]
fn bad_requests_in_the_dialog_are_refused_and_the_recording_goes_on() {
    let (mut bench, first) = Bench::recording(&by_the_book());
    let broken = request("INVITE", "", "application/sdp", "hello\n");
    assert_eq!(bench.request(&broken).refused.unwrap().0, 400);
    let info = request("INFO", "", "application/dtmf-relay", "Signal=1\n");
    assert_eq!(bench.request(&info).refused.unwrap().0, 415);
    assert!(bench.request(&request("INFO", "", "", "")).answer.is_some());
    bench.ports.left = 0;
    let more = format!("{TWO}m=audio 20004 RTP/AVP 0\n");
    let reply = bench.request(&request("INVITE", "", "application/sdp", &offer(&more)));
    assert_eq!(reply.refused.unwrap().0, 503);
    let again = bench.request(&by_the_book());
    assert_eq!(again.answer.unwrap().body, first.answer.unwrap().body);
}

#[test]
fn after_the_end_every_request_is_refused() {
    let (mut bench, _) = Bench::recording(&by_the_book());
    bench.hears(AppEvent::Confirmed);
    bench.hears(AppEvent::Ended);
    assert_eq!(bench.request(&by_the_book()).refused.unwrap().0, 481);
}

#[test]
fn more_streams_than_the_limit_get_port_zero() {
    let mut bench = Bench::new();
    bench.ports.left = 100;
    let reply = bench.invite(&sdp_invite(&"m=audio 20000 RTP/AVP 8\n".repeat(20)));
    let sdp = reply.sdp();
    assert_eq!(sdp.media_count(), 20);
    let open = (0..20).filter(|n| sdp.media(*n).port() > 0).count();
    assert_eq!(open, crate::limits::STREAMS);
}
