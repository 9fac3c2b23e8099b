//! The caller gives up (RFC 3261 §9, §15).

use crate::world::{ALICE, BOB, INSIDE, OUTSIDE, World, each_network, millis, secs};
use sbc_core::b2bua::EndedBy;
use sbc_core::testing::{Answering, End, Placed, Say};

fn cancelling_after(ms: u64) -> Placed {
    Placed::to("bob", INSIDE).cancelling_after(millis(ms))
}

fn is_cancelled(world: &World) {
    assert_eq!(world.alices().ended(), Some(End::Refused(487)));
    assert_eq!(world.summary().status.code(), 487);
    assert_eq!(world.summary().ended_by, EndedBy::Caller);
    assert!(world.summary().answered_at.is_none());
}

#[test]
fn a_call_that_rings_is_cancelled_on_both_sides() {
    each_network(|run| {
        let answering = Answering::with(&[(20, Say::status(180))]);
        let world = run
            .world()
            .bob_answers(answering)
            .run(cancelling_after(5000));
        is_cancelled(&world);
        assert_eq!(world.bobs().ended(), Some(End::Cancelled));
    });
}

#[test]
fn cancel_and_its_answers_cross_once_over_a_good_network() {
    let answering = Answering::with(&[(20, Say::status(180))]);
    let world = World::new(1)
        .bob_answers(answering)
        .run(cancelling_after(5000));
    assert_eq!(
        world.alices().heard(),
        ["100 INVITE", "180 INVITE", "200 CANCEL", "487 INVITE"]
    );
    assert_eq!(world.bobs().heard(), ["INVITE", "CANCEL"]);
}

#[test]
fn the_cancel_waits_for_the_callees_first_provisional_response() {
    let answering = Answering::with(&[(3000, Say::status(180)), (20_000, Say::with_sdp(200))]);
    let world = World::new(1)
        .bob_answers(answering)
        .run(cancelling_after(100));
    is_cancelled(&world);
    assert_eq!(world.bobs().heard(), ["INVITE", "CANCEL"]);
}

#[test]
fn a_callee_that_never_says_anything_needs_no_cancel() {
    let world = World::new(1)
        .bob_answers(Answering::silent())
        .run(cancelling_after(100));
    is_cancelled(&world);
    assert!(world.sim.phone(world.bob).calls().is_empty());
}

#[test]
fn a_callee_that_ignores_the_cancel_is_given_up_after_32_seconds() {
    let mut answering = Answering::with(&[(20, Say::status(180))]);
    answering.ignores_cancel = true;
    let mut world = World::new(1).bob_answers(answering);
    world.sim.call(world.alice, cancelling_after(1000));
    world.sim.run_for(secs(40));
    is_cancelled(&world);
    assert_eq!(world.sim.sbc(world.sbc).calls().count(), 0);
}

#[test]
fn a_cancel_that_crosses_the_answer_ends_in_ack_and_bye_towards_the_callee() {
    // The callee's 200 leaves before the CANCEL reaches it.
    let mut answering = Answering::with(&[(20, Say::status(180)), (1010, Say::with_sdp(200))]);
    answering.ignores_cancel = true;
    let world = World::new(1)
        .bob_answers(answering)
        .run(cancelling_after(1035));
    is_cancelled(&world);
    assert_eq!(world.bobs().heard(), ["INVITE", "CANCEL", "ACK", "BYE"]);
    assert_eq!(world.bobs().ended(), Some(End::ByPeer));
}

#[test]
fn a_cancel_that_comes_after_the_answer_changes_nothing() {
    let answering = Answering::with(&[(20, Say::status(180)), (1000, Say::with_sdp(200))]);
    let mut world = World::new(1).bob_answers(answering);
    // The first 200 is lost: the caller cancels a call that is answered already.
    world.sim.lose(INSIDE, ALICE, "200 INVITE", 1);
    let world = world.run(cancelling_after(1100));
    assert_eq!(world.alices().ended(), Some(End::HungUp));
    assert_eq!(world.summary().status.code(), 200);
    assert_eq!(world.bobs().ended(), Some(End::ByPeer));
}

#[test]
fn a_bye_before_the_answer_is_as_good_as_a_cancel() {
    each_network(|run| {
        // Over a bad network the only 180 might be lost, and with it the dialog.
        let answering = Answering::with(&vec![(200, Say::status(180)); 9]);
        let mut call = cancelling_after(3000);
        call.cancels_by_bye = true;
        let world = run.world().bob_answers(answering).run(call);
        assert_eq!(world.bobs().ended(), Some(End::Cancelled));
        assert_eq!(world.summary().status.code(), 487);
    });
}

#[test]
fn lost_cancels_are_repeated() {
    let answering = Answering::with(&[(20, Say::status(180))]);
    let mut world = World::new(1).bob_answers(answering);
    world.sim.lose(ALICE, INSIDE, "CANCEL", 3);
    world.sim.lose(OUTSIDE, BOB, "CANCEL", 3);
    let world = world.run(cancelling_after(5000));
    is_cancelled(&world);
    assert_eq!(world.bobs().ended(), Some(End::Cancelled));
}

#[test]
fn a_cancel_around_the_answer_leaves_nobody_in_a_call_alone() {
    each_network(|run| {
        // The answer is on its way from 1000 to 1020 ms, or what the network makes of it.
        for ms in (980..1100).step_by(17) {
            for ignores_cancel in [false, true] {
                let steps = [(20, Say::status(180)), (980, Say::with_sdp(200))];
                let mut answering = Answering::with(&steps);
                answering.ignores_cancel = ignores_cancel;
                let call = cancelling_after(ms).hanging_up_after(secs(5));
                let world = run.world().bob_answers(answering).run(call);
                let answered = world.summary().answered_at.is_some();
                match world.alices().ended() {
                    Some(End::Refused(487)) => assert!(!answered),
                    Some(End::HungUp) => assert!(answered),
                    other => panic!("{other:?}"),
                }
                let bobs = world.bobs().ended();
                assert!(
                    matches!(bobs, Some(End::ByPeer | End::Cancelled)),
                    "{bobs:?}"
                );
            }
        }
    });
}
