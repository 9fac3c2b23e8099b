//! A recorded call: the real recording client against scripted recorders and against the real
//! recording server. Whatever a recorder does, the call does not notice.

use crate::world::{INSIDE, World, border, millis, secs, to_bob};
use sbc_core::net::RealmId;
use sbc_core::ports::{MediaCmd, RecorderPlan, RecorderStatus};
use sbc_core::sip::{HeaderName, Uri};
use sbc_core::testing::{Answering, End, Fixed, Link, NodeId, PhoneCall, Placed, Say};
use siprec::{RecordingServer, SiprecRecorder};
use std::sync::Arc;
use std::time::Duration;

const FIRST: &str = "10.9.0.51";
const SECOND: &str = "10.9.0.52";
const OURS: &str = "10.9.0.1";

/// A recorder with servers at these URIs.
pub(crate) fn plan(uris: &[&str], timeout: Duration) -> SiprecRecorder {
    let srs = uris.iter().map(|uri| Uri::parse(uri).expect("a URI"));
    let plan = RecorderPlan {
        name: "main".into(),
        srs: srs.collect(),
        timeout,
        skip_failover_codes: None,
        realm: RealmId(2),
    };
    SiprecRecorder::new(plan).expect("a plan")
}

/// Calls to Bob are recorded.
fn recorded(uris: &[&str], timeout: Duration) -> Fixed {
    border()
        .realm("recording", OURS)
        .otherwise(to_bob().recorded_by(Arc::new(plan(uris, timeout))))
}

fn world(seed: u64) -> (World, [NodeId; 2]) {
    let uris = [format!("sip:rec@{FIRST}"), format!("sip:rec@{SECOND}")];
    let policy = recorded(&[&uris[0], &uris[1]], secs(2));
    let mut world = World::with(seed, policy);
    if seed > 1 {
        world.sim.set_link(Link::BAD);
    }
    let recorders = [
        world.sim.add_phone("rec1", FIRST),
        world.sim.add_phone("rec2", SECOND),
    ];
    for recorder in recorders {
        let taking = Answering::with(&[(50, Say::with_sdp(200))]);
        world.sim.phone_mut(recorder).answer_with(taking);
    }
    (world, recorders)
}

fn call() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(60))
}

/// The call went as if nobody had recorded it.
fn is_unharmed(world: &World) {
    assert_eq!(world.alices().ended(), Some(End::HungUp));
    assert_eq!(world.bobs().ended(), Some(End::ByPeer));
    assert_eq!(world.summary().status.code(), 200);
}

fn recording(world: &World, recorder: NodeId) -> &PhoneCall {
    world
        .sim
        .phone(recorder)
        .calls()
        .first()
        .expect("an INVITE")
}

fn statuses(world: &World) -> Vec<(RecorderStatus, Box<str>)> {
    let recorders = world.summary().recorders.iter();
    recorders.map(|r| (r.status, r.server.clone())).collect()
}

#[test]
fn a_call_is_recorded_until_it_ends() {
    for seed in 1..50 {
        let (world, [first, second]) = world(seed);
        let world = world.run(call());
        is_unharmed(&world);
        assert_eq!(recording(&world, first).ended(), Some(End::ByPeer));
        assert!(recording(&world, first).was_answered());
        assert!(world.sim.phone(second).calls().is_empty());
        assert_eq!(statuses(&world)[0].0, RecorderStatus::Stopped);
    }
}

#[test]
fn the_recorder_is_asked_by_tcp_with_the_marks_of_siprec_and_gets_both_streams() {
    let (mut world, [first, _]) = world(1);
    world.sim.call(world.alice, call());
    world.sim.run_for(secs(10));
    let media = world.sim.sbc(world.sbc).media();
    assert_eq!(
        media.open(),
        (1, 4),
        "two ports of the call, two of the recording"
    );
    assert_eq!(media.paths(), (2, 2));
    let invite = &recording(&world, first).messages()[0].message;
    assert_eq!(invite.header(&HeaderName::Require), Some("siprec"));
    assert!(
        invite
            .header(&HeaderName::Contact)
            .is_some_and(|c| c.contains("+sip.src"))
    );
    assert!(
        invite
            .header(&HeaderName::Via)
            .is_some_and(|v| v.starts_with("SIP/2.0/TCP"))
    );
    world.sim.finish();
    is_unharmed(&world);
}

#[test]
fn the_next_server_records_where_the_first_refuses() {
    for status in [302, 403, 486, 500, 503, 603] {
        let (mut world, [first, second]) = world(1);
        let refusing = Answering::refusing(status);
        world.sim.phone_mut(first).answer_with(refusing);
        let world = world.run(call());
        is_unharmed(&world);
        assert_eq!(recording(&world, first).ended(), Some(End::Refused(status)));
        assert_eq!(recording(&world, second).ended(), Some(End::ByPeer));
    }
}

#[test]
fn the_next_server_records_where_the_first_says_nothing() {
    let (mut world, [first, second]) = world(1);
    world.sim.phone_mut(first).answer_with(Answering::silent());
    world.sim.call(world.alice, call());
    world.sim.run_for(secs(6));
    assert!(
        recording(&world, second).was_answered(),
        "2 s after the first"
    );
    world.sim.finish();
    is_unharmed(&world);
}

#[test]
fn the_next_server_records_where_the_first_takes_no_connection() {
    let (mut world, [_, second]) = world(1);
    world.sim.refuse_connections(FIRST);
    let world = world.run(call());
    is_unharmed(&world);
    assert!(recording(&world, second).was_answered());
}

#[test]
fn a_first_server_that_rings_too_long_is_cancelled() {
    let (mut world, [first, second]) = world(1);
    let ringing = Answering::with(&[(20, Say::status(180))]);
    world.sim.phone_mut(first).answer_with(ringing);
    let world = world.run(call());
    is_unharmed(&world);
    assert_eq!(recording(&world, first).ended(), Some(End::Cancelled));
    assert!(recording(&world, second).was_answered());
}

#[test]
fn a_first_server_that_answers_too_late_gets_ack_and_bye() {
    let (mut world, [first, second]) = world(1);
    let mut late = Answering::with(&[(20, Say::status(180)), (4100, Say::with_sdp(200))]);
    late.ignores_cancel = true;
    world.sim.phone_mut(first).answer_with(late);
    let world = world.run(call());
    is_unharmed(&world);
    assert_eq!(recording(&world, first).ended(), Some(End::ByPeer));
    assert!(recording(&world, second).was_answered());
}

#[test]
fn a_call_that_nobody_records_is_unharmed_and_keeps_no_port_for_it() {
    let (mut world, recorders) = world(1);
    world
        .sim
        .phone_mut(recorders[0])
        .answer_with(Answering::refusing(500));
    world.sim.refuse_connections(SECOND);
    world.sim.call(world.alice, call());
    world.sim.run_for(secs(20));
    let media = world.sim.sbc(world.sbc).media();
    assert_eq!(media.open(), (1, 2));
    assert_eq!(media.paths(), (2, 0));
    world.sim.finish();
    is_unharmed(&world);
    assert_eq!(statuses(&world)[0].0, RecorderStatus::Failed);
}

#[test]
fn a_recorder_that_hangs_up_ends_its_recording_only() {
    for seed in 1..20 {
        let (mut world, [first, _]) = world(seed);
        let taking = Answering::with(&[(50, Say::with_sdp(200))]).hanging_up_after(secs(10));
        world.sim.phone_mut(first).answer_with(taking);
        world.sim.call(world.alice, call());
        world.sim.run_for(secs(40));
        assert_eq!(world.alices().ended(), None);
        let media = world.sim.sbc(world.sbc).media();
        assert_eq!(media.paths(), (2, 0), "nothing is copied to it any more");
        world.sim.finish();
        is_unharmed(&world);
        assert_eq!(recording(&world, first).ended(), Some(End::HungUp));
    }
}

#[test]
fn a_call_that_ends_while_the_recorder_rings_cancels_it() {
    let (mut world, [first, _]) = world(1);
    let ringing = Answering::with(&[(20, Say::status(180))]);
    world.sim.phone_mut(first).answer_with(ringing);
    let mut call = call();
    call.hang_up_after = Some(millis(500));
    let world = world.run(call);
    is_unharmed(&world);
    assert_eq!(recording(&world, first).ended(), Some(End::Cancelled));
}

#[test]
fn a_recorders_answer_that_crosses_the_end_of_the_call_gets_ack_and_bye() {
    for late in [0, 10, 20, 30, 40, 60, 100] {
        let (mut world, [first, _]) = world(1);
        let mut taking =
            Answering::with(&[(20, Say::status(180)), (300 + late, Say::with_sdp(200))]);
        taking.ignores_cancel = true;
        world.sim.phone_mut(first).answer_with(taking);
        let mut call = call();
        call.hang_up_after = Some(millis(350));
        let world = world.run(call);
        is_unharmed(&world);
        assert!(recording(&world, first).was_answered(), "{late}");
        assert_eq!(recording(&world, first).ended(), Some(End::ByPeer));
    }
}

#[test]
fn a_call_without_offer_is_recorded_too() {
    let (world, [first, _]) = world(1);
    let world = world.run(call().without_offer());
    is_unharmed(&world);
    assert!(recording(&world, first).was_answered());
}

#[test]
fn a_recording_by_udp_over_a_bad_network() {
    for seed in 1..30 {
        let policy = recorded(&[&format!("sip:rec@{FIRST};transport=udp")], secs(20));
        let mut world = World::with(seed, policy);
        world.sim.set_link(Link::BAD);
        let first = world.sim.add_phone("rec1", FIRST);
        let world = world.run(call());
        is_unharmed(&world);
        assert_eq!(recording(&world, first).ended(), Some(End::ByPeer));
    }
}

#[test]
fn the_real_recording_server_writes_each_side_to_a_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = RecordingServer::new(dir.path()).expect("a folder that can be written");
    let mut world = World::with(1, recorded(&[&format!("sip:rec@{FIRST}")], secs(2)));
    let srs = world.sim.add_sbc(
        Fixed::new()
            .realm("recordings", FIRST)
            .otherwise_app(Arc::new(server)),
    );
    world.sim.call(world.alice, call());
    world.sim.run_for(secs(10));
    assert_eq!(world.sim.sbc(srs).media().open(), (1, 2));
    world.sim.finish();
    is_unharmed(&world);
    let commands = world.sim.sbc(srs).media().commands();
    let files = commands
        .iter()
        .filter(|(_, c)| matches!(c, MediaCmd::Record(..)));
    assert_eq!(files.count(), 2);
}
