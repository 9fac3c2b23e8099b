//! Which server is tried when, and what the rest of the program hears of it: each row of the table.

use super::{Bench, both_streams, plan, view};
use crate::SiprecRecorder;
use crate::testing::at;
use sbc_core::ports::{LegNews, SideEvent};
use sbc_core::sip::StatusCode;
use std::time::Duration;

#[test]
fn an_answered_call_dials_the_first_server() {
    let mut bench = Bench::answered();
    assert_eq!(
        bench.said(),
        ["connecting sip:srs1.example: ", "dial sip:srs1.example"]
    );
    let deadline = at(Duration::from_millis(1500)).mono;
    assert_eq!(bench.leg.poll_timeout(), Some(deadline));
}

#[test]
fn a_call_that_ends_unanswered_is_never_recorded() {
    let mut bench = Bench::new(1, None);
    bench.hears(SideEvent::Ended);
    assert_eq!(bench.said(), ["finished"]);
    bench.hears(SideEvent::Answered(&view()));
    assert!(bench.said().is_empty());
}

#[test]
fn every_class_of_refusal_goes_to_the_next_server_with_the_same_ports() {
    for code in [302, 404, 401, 407, 486, 503, 603] {
        let mut bench = Bench::answered();
        bench.said();
        bench.refused(code);
        let said = bench.said();
        let reason = StatusCode::of(code).reason();
        assert_eq!(
            said,
            [
                format!("failover sip:srs2.example: sip:srs1.example: {code} {reason}"),
                "dial sip:srs2.example".into()
            ]
        );
        assert_eq!(bench.ports.given.len(), 2);
    }
}

#[test]
fn a_server_that_cannot_be_reached_is_passed_over() {
    for news in [
        LegNews::TransportFailed,
        LegNews::TimedOut,
        LegNews::EndedByPeer,
    ] {
        let mut bench = Bench::answered();
        bench.said();
        bench.hears(SideEvent::Leg(news));
        assert_eq!(bench.said()[1..], ["dial sip:srs2.example"]);
    }
}

#[test]
fn a_silent_server_is_passed_over_at_its_deadline_and_not_before() {
    let mut bench = Bench::answered();
    bench.said();
    bench.clock = Duration::from_millis(1499);
    bench.hears(SideEvent::Timeout);
    assert!(bench.said().is_empty());
    bench.deadline();
    assert_eq!(bench.clock, Duration::from_millis(1500));
    assert_eq!(
        bench.said(),
        [
            "failover sip:srs2.example: sip:srs1.example: no final response within 1.5s",
            "dial sip:srs2.example"
        ]
    );
}

#[test]
fn a_provisional_response_above_100_moves_the_deadline_once() {
    let mut bench = Bench::answered();
    let provisional = |bench: &mut Bench, millis, code| {
        bench.clock = Duration::from_millis(millis);
        bench.hears(SideEvent::Leg(LegNews::Provisional(StatusCode::of(code))));
        bench.leg.poll_timeout().unwrap()
    };
    let due = |millis| at(Duration::from_millis(millis)).mono;
    assert_eq!(provisional(&mut bench, 100, 100), due(1500));
    assert_eq!(provisional(&mut bench, 1000, 180), due(2500));
    assert_eq!(provisional(&mut bench, 2000, 183), due(2500));
    bench.deadline();
    // The next server has its own time.
    assert_eq!(provisional(&mut bench, 3000, 180), due(4500));
}

#[test]
fn codes_without_failover_match_the_whole_code() {
    let last = |code, skip| {
        let mut bench = Bench::answered_with(2, Some(skip));
        bench.said();
        bench.refused(code);
        bench.said().last().cloned().unwrap()
    };
    assert_eq!(last(486, "486|603"), "finished");
    assert_eq!(last(603, "486|603"), "finished");
    assert_eq!(last(603, "486|60"), "dial sip:srs2.example");
    assert_eq!(last(503, "50"), "dial sip:srs2.example");
    assert_eq!(last(503, "5.."), "finished");
}

#[test]
fn codes_without_failover_say_nothing_about_silence() {
    let mut bench = Bench::answered_with(2, Some("..."));
    bench.said();
    bench.deadline();
    assert_eq!(bench.said()[1], "dial sip:srs2.example");
}

#[test]
fn the_last_refusal_fails_the_recording_and_leaves_nothing_behind() {
    let mut bench = Bench::answered_with(1, None);
    bench.said();
    bench.refused(503);
    let said = bench.said();
    assert_eq!(
        said,
        [
            "release 100",
            "release 101",
            "failed sip:srs1.example: 503 Service Unavailable",
            "finished"
        ]
    );
    assert_eq!(bench.leg.poll_timeout(), None);
}

#[test]
fn the_last_silent_server_is_hung_up() {
    let mut bench = Bench::answered_with(1, None);
    bench.said();
    bench.deadline();
    assert_eq!(bench.said()[0], "hangup");
}

#[test]
fn the_whole_list_is_tried_within_ten_seconds() {
    let mut bench = Bench::answered_with(20, None);
    let mut dialled = 1;
    bench.said();
    while bench.leg.poll_timeout().is_some() {
        bench.deadline();
        dialled += bench
            .said()
            .iter()
            .filter(|s| s.starts_with("dial"))
            .count();
    }
    assert_eq!(bench.clock, Duration::from_secs(10));
    assert_eq!(dialled, 7);
}

#[test]
fn a_call_that_ends_while_dialling_cancels() {
    let mut bench = Bench::answered();
    bench.said();
    bench.hears(SideEvent::Ended);
    assert_eq!(
        bench.said(),
        [
            "hangup",
            "release 100",
            "release 101",
            "stopped sip:srs1.example: the call ended before the recorder answered",
            "finished"
        ]
    );
}

#[test]
fn a_recording_starts_and_ends_with_the_call() {
    let mut bench = Bench::answered();
    bench.refused(503);
    bench.said();
    bench.accepted(&both_streams());
    assert_eq!(
        bench.said(),
        [
            "peer 100 198.51.100.20:40000",
            "peer 101 198.51.100.20:40002",
            "fork 1 to 100 [(8, 8), (101, 101)]",
            "fork 2 to 101 [(8, 8), (96, 96)]",
            "recording sip:srs2.example: "
        ]
    );
    assert_eq!(bench.leg.poll_timeout(), None);
    bench.hears(SideEvent::Ended);
    assert_eq!(
        bench.said(),
        [
            "unfork 100 from 1",
            "unfork 101 from 2",
            "hangup",
            "release 100",
            "release 101",
            "stopped sip:srs2.example: the call ended",
            "finished"
        ]
    );
    bench.hears(SideEvent::Ended);
    bench.hears(SideEvent::Leg(LegNews::EndedByPeer));
    assert!(bench.said().is_empty(), "each event once");
}

#[test]
fn a_recorder_that_hangs_up_stops_the_forks_only() {
    let mut bench = Bench::answered();
    bench.accepted(&both_streams());
    bench.said();
    bench.hears(SideEvent::Leg(LegNews::TransportFailed));
    assert!(
        bench.said().is_empty(),
        "a lost connection does not end a dialog"
    );
    bench.hears(SideEvent::Leg(LegNews::EndedByPeer));
    assert_eq!(
        bench.said(),
        [
            "unfork 100 from 1",
            "unfork 101 from 2",
            "release 100",
            "release 101",
            "stopped sip:srs1.example: ended by the recorder",
            "finished"
        ]
    );
}

#[test]
fn a_call_without_free_ports_or_streams_is_not_recorded() {
    let mut bench = Bench::new(1, None);
    bench.ports.left = 1;
    bench.hears(SideEvent::Answered(&view()));
    assert_eq!(
        bench.said(),
        [
            "release 100",
            "failed sip:srs1.example: no media port is free in this realm's range",
            "finished"
        ]
    );
    let mut bench = Bench::new(1, None);
    let mut nothing = view();
    nothing.streams.clear();
    bench.hears(SideEvent::Answered(&nothing));
    assert_eq!(
        bench.said()[0],
        "failed sip:srs1.example: the call has no stream that could be recorded"
    );
}

#[test]
fn plans_that_cannot_work_are_refused_with_their_key() {
    let key = |plan| SiprecRecorder::new(plan).unwrap_err().key.unwrap();
    assert_eq!(key(plan(0, None)), "srs");
    assert_eq!(key(plan(1, Some("48("))), "skip_failover_codes");
    let mut hasty = plan(1, None);
    hasty.timeout = Duration::ZERO;
    assert_eq!(key(hasty), "timeout");
}
