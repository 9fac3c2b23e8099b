//! What recorders answer, and what is forked then.

use super::{Bench, answer, both_streams, codec, view};
use crate::metadata::{Participant, read};
use sbc_core::ports::{SideCommand, SideDial, SideEvent};
use sbc_core::sdp::Direction;
use sbc_core::sip::parse_multipart;

/// What a recorder's answer leads to.
fn said(sdp: &str) -> Vec<String> {
    let mut bench = Bench::answered();
    bench.said();
    bench.accepted(sdp);
    bench.said()
}

fn failed(sdp: &str) -> String {
    let said = said(sdp);
    assert_eq!(said[..3], ["hangup", "release 100", "release 101"]);
    assert_eq!(said[4], "finished");
    assert_eq!(said.len(), 5, "no failover after a 2xx");
    said[3].clone()
}

const ONE: &str = "m=audio 40000 RTP/AVP 8\na=label:1\na=recvonly\n";

#[test]
fn an_answer_that_takes_nothing_hangs_up_without_failover() {
    let declined = answer("m=audio 0 RTP/AVP 8\nm=audio 0 RTP/AVP 8\n");
    assert_eq!(
        failed(&declined),
        "failed sip:srs1.example: the recorder's answer takes no stream"
    );
    assert!(failed("v=0\nnonsense").contains("cannot be read"));
    assert!(failed("").contains("holds no SDP"));
    let other_codec = answer("m=audio 40000 RTP/AVP 18\nm=audio 40002 RTP/AVP 18\n");
    assert!(failed(&other_codec).contains("takes no stream"));
    let other_family = answer("m=audio 40000 RTP/AVP 8\nc=IN IP6 2001:db8::1\n");
    assert!(failed(&other_family).contains("takes no stream"));
    let only_events = answer("m=audio 40000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000\n");
    assert!(failed(&only_events).contains("takes no stream"));
}

#[test]
fn a_stream_answered_with_port_zero_is_not_forked() {
    let sdp = answer(&format!("{ONE}m=audio 0 RTP/AVP 8\na=label:2\n"));
    assert_eq!(
        said(&sdp),
        [
            "peer 100 198.51.100.20:40000",
            "fork 1 to 100 [(8, 8)]",
            "recording sip:srs1.example: 1 of 2 streams declined"
        ]
    );
}

#[test]
fn an_answer_with_fewer_media_descriptions_declines_the_rest() {
    assert_eq!(
        said(&answer(ONE)).last().unwrap(),
        "recording sip:srs1.example: 1 of 2 streams declined"
    );
}

#[test]
fn an_inactive_answer_takes_the_stream_without_a_fork() {
    let sdp = answer(&format!(
        "{ONE}m=audio 40002 RTP/AVP 8\na=inactive\na=label:2\n"
    ));
    assert_eq!(
        said(&sdp),
        [
            "peer 100 198.51.100.20:40000",
            "peer 101 198.51.100.20:40002",
            "fork 1 to 100 [(8, 8)]",
            "recording sip:srs1.example: "
        ]
    );
}

#[test]
fn a_recorder_on_hold_by_its_address_gets_nothing() {
    let sdp = answer(&format!("{ONE}c=IN IP4 0.0.0.0\n"));
    let said = said(&sdp);
    assert!(!said.iter().any(|s| s.starts_with("fork")), "{said:?}");
}

#[test]
fn sendrecv_and_no_direction_are_taken_as_recvonly() {
    let sdp = answer("m=audio 40000 RTP/AVP 8\na=sendrecv\nm=audio 40002 RTP/AVP 8\n");
    let forks = said(&sdp).iter().filter(|s| s.starts_with("fork")).count();
    assert_eq!(forks, 2);
}

#[test]
fn streams_in_another_order_are_told_apart_by_their_labels() {
    let sdp = answer(
        "m=audio 40002 RTP/AVP 8\na=label:2\na=recvonly
         m=audio 40000 RTP/AVP 8\na=label:1\na=recvonly",
    );
    assert_eq!(
        said(&sdp)[..2],
        [
            "peer 100 198.51.100.20:40000",
            "peer 101 198.51.100.20:40002"
        ]
    );
}

#[test]
fn labels_that_are_not_ours_are_no_reason_to_leave_the_order() {
    for labels in [("0", "1"), ("2", "2"), ("x", "1")] {
        let sdp = answer(&format!(
            "m=audio 40000 RTP/AVP 8\na=label:{}\nm=audio 40002 RTP/AVP 8\na=label:{}",
            labels.0, labels.1
        ));
        assert_eq!(
            said(&sdp)[..2],
            [
                "peer 100 198.51.100.20:40000",
                "peer 101 198.51.100.20:40002"
            ]
        );
    }
}

#[test]
fn payload_types_of_the_fork_are_those_of_the_answer() {
    let sdp = answer(
        "m=audio 40000 RTP/AVP 96 97
         a=rtpmap:96 pcma/8000
         a=rtpmap:97 telephone-event/8000
         m=audio 0 RTP/AVP 8",
    );
    assert_eq!(said(&sdp)[1], "fork 1 to 100 [(8, 96), (101, 97)]");
}

#[test]
fn codecs_of_one_name_are_told_apart_by_their_parameters() {
    let mut bench = Bench::new(1, None);
    let mut video = view();
    let h264 = |payload_type, fmtp: &str| sbc_core::sdp::Codec {
        clock_rate: 90_000,
        fmtp: Some(fmtp.into()),
        ..codec(payload_type, "H264")
    };
    video.streams.truncate(1);
    video.streams[0].codecs = vec![h264(100, "packetization-mode=1"), h264(102, "x=0")];
    bench.hears(SideEvent::Answered(&video));
    bench.said();
    bench.accepted(&answer(
        "m=audio 40000 RTP/AVP 102 100
         a=rtpmap:102 H264/90000
         a=fmtp:102 packetization-mode=1
         a=rtpmap:100 H264/90000
         a=fmtp:100 x=0",
    ));
    let fork = bench.out.iter().find_map(|c| match c {
        SideCommand::Fork(_, _, fork) => Some(fork.clone()),
        _ => None,
    });
    let fork = fork.unwrap();
    assert_eq!(fork.payload_types, [(100, 102), (102, 100)]);
    assert_eq!(fork.clock_rate, 90_000);
}

#[test]
fn the_address_of_rtcp_is_that_of_the_answer() {
    let mut bench = Bench::answered();
    bench.out.clear();
    bench.accepted(&answer(
        "m=audio 40000 RTP/AVP 8\na=rtcp:40100\nm=audio 40002 RTP/AVP 8\n",
    ));
    let rtcp: Vec<_> = bench
        .out
        .iter()
        .filter_map(|c| match c {
            SideCommand::Peer(_, peer) => Some(peer.rtcp.port()),
            _ => None,
        })
        .collect();
    assert_eq!(rtcp, [40100, 40003]);
}

#[test]
fn each_speaker_has_a_cname_of_its_own() {
    let mut bench = Bench::answered();
    bench.accepted(&both_streams());
    let cnames: Vec<_> = bench
        .out
        .iter()
        .filter_map(|c| match c {
            SideCommand::Fork(_, _, fork) => Some(fork.cname.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(cnames.len(), 2);
    assert_ne!(cnames[0], cnames[1]);
}

#[test]
fn a_codec_change_in_the_call_changes_its_fork_only() {
    let mut bench = Bench::answered();
    bench.accepted(&answer(
        "m=audio 40000 RTP/AVP 8\nm=audio 40002 RTP/AVP 8 0\n",
    ));
    bench.said();
    bench.hears(SideEvent::Changed(&view()));
    assert!(bench.said().is_empty(), "nothing changed");
    let mut changed = view();
    changed.streams[1].codecs = vec![codec(0, "PCMU")];
    bench.hears(SideEvent::Changed(&changed));
    assert_eq!(bench.said(), ["fork 2 to 101 [(0, 0)]"]);
    changed.streams[1].codecs = vec![codec(9, "G722")];
    bench.hears(SideEvent::Changed(&changed));
    assert_eq!(bench.said(), ["unfork 101 from 2"]);
    changed.streams[1].codecs = vec![codec(8, "PCMA")];
    bench.hears(SideEvent::Changed(&changed));
    assert_eq!(bench.said(), ["fork 2 to 101 [(8, 8)]"]);
}

#[test]
fn a_change_while_dialling_is_told_to_the_next_server() {
    let mut bench = Bench::answered();
    let mut held = view();
    held.streams[0].direction = Direction::Inactive;
    bench.hears(SideEvent::Changed(&held));
    bench.said();
    bench.refused(503);
    let body = bench.dial().body;
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(body.contains("a=label:1\r\na=inactive"), "{body}");
    assert!(body.contains("a=label:2\r\na=sendonly"), "{body}");
    assert_eq!(body.matches("<send>").count(), 1);
    assert_eq!(body.matches("<recv>").count(), 1);
}

#[test]
fn another_callee_is_another_participant_to_the_next_server() {
    let mut bench = Bench::answered();
    let before = people(&bench.dial());
    let mut transferred = view();
    transferred.participants[1].aor = "sip:carol@example.org".into();
    bench.hears(SideEvent::Changed(&transferred));
    bench.refused(503);
    let after = people(&bench.dial());
    assert_eq!(before[0], after[0]);
    assert_ne!(before[1].id, after[1].id);
    assert_eq!(after[1].names[0].aor, "sip:carol@example.org");
}

fn people(dial: &SideDial) -> Vec<Participant> {
    let parts = parse_multipart(&dial.content_type, &dial.body).unwrap();
    read(&parts[1].body).unwrap().recording.participants
}
