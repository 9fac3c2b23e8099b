//! Messages that are lost, one kind at a time.

use crate::world::{ALICE, BOB, INSIDE, OUTSIDE, World, each_network, millis, secs};
use sbc_core::b2bua::EndedBy;
use sbc_core::testing::{Answering, End, Placed, Say};

fn call() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(60))
}

fn count(heard: &[&str], what: &str) -> usize {
    heard.iter().filter(|h| **h == what).count()
}

fn losing(from: &str, to: &str, what: &str, times: usize) -> World {
    let mut world = World::new(1);
    world.sim.lose(from, to, what, times);
    let world = world.run(call());
    assert_eq!(world.alices().ended(), Some(End::HungUp), "{what}");
    assert_eq!(world.bobs().ended(), Some(End::ByPeer), "{what}");
    world
}

#[test]
fn each_kind_of_message_may_be_lost_three_times() {
    for (from, to) in [(ALICE, INSIDE), (OUTSIDE, BOB)] {
        for what in ["INVITE", "ACK", "BYE"] {
            losing(from, to, what, 3);
        }
    }
    for (from, to) in [(INSIDE, ALICE), (BOB, OUTSIDE)] {
        for what in ["100 INVITE", "180 INVITE", "200 INVITE", "200 BYE"] {
            losing(from, to, what, 3);
        }
    }
}

#[test]
fn the_answer_is_repeated_until_its_ack_comes() {
    // At 0.5, 1.5, 3.5 seconds: three ACKs are lost, the fourth answers the third repetition.
    let world = losing(ALICE, INSIDE, "ACK", 3);
    assert_eq!(count(&world.alices().heard(), "200 INVITE"), 4);
}

#[test]
fn the_callees_repeated_answer_gets_the_same_ack_again() {
    let world = losing(OUTSIDE, BOB, "ACK", 3);
    assert_eq!(count(&world.bobs().heard(), "ACK"), 1);
}

#[test]
fn a_call_whose_ack_never_comes_ends_after_32_seconds() {
    let mut placed = call();
    placed.acks = false;
    placed.hang_up_after = None;
    let mut world = World::new(1);
    world.sim.call(world.alice, placed);
    world.sim.run_for(secs(30));
    assert_eq!(world.alices().ended(), None);
    world.sim.run_for(secs(10));
    assert_eq!(world.alices().ended(), Some(End::ByPeer));
    assert_eq!(world.bobs().ended(), Some(End::ByPeer));
    assert_eq!(world.summary().ended_by, EndedBy::Us);
    assert_eq!(&*world.summary().reason, "the caller sent no ACK");
    world.sim.finish();
}

#[test]
fn a_bye_towards_the_caller_waits_for_its_ack() {
    let answering = Answering::after_ringing().hanging_up_after(millis(100));
    let mut world = World::new(1).bob_answers(answering);
    world.sim.lose(ALICE, INSIDE, "ACK", 3);
    let world = world.run(Placed::to("bob", INSIDE));
    let heard = world.alices().heard();
    assert_eq!(heard.last(), Some(&"BYE"));
    assert_eq!(count(&heard, "200 INVITE"), 4, "all came before the BYE");
    assert_eq!(world.summary().ended_by, EndedBy::Callee);
}

#[test]
fn an_invite_that_comes_again_gets_the_last_provisional_response_again() {
    let answering = Answering::with(&[(20, Say::status(180)), (9000, Say::with_sdp(200))]);
    let mut world = World::new(1).bob_answers(answering);
    world.sim.lose(INSIDE, ALICE, "100 INVITE", 1);
    world.sim.lose(INSIDE, ALICE, "180 INVITE", 1);
    let world = world.run(call());
    // 0.5 s after the first INVITE its repetition brings the 180, never the 100 again.
    assert_eq!(
        world.alices().heard(),
        ["180 INVITE", "200 INVITE", "200 BYE"]
    );
}

#[test]
fn a_callee_that_vanishes_is_hung_up_without_an_answer() {
    let mut world = World::new(1);
    world.sim.call(world.alice, call());
    world.sim.run_for(secs(10));
    world.sim.darken(BOB);
    world.sim.run_for(secs(120));
    assert_eq!(world.alices().ended(), Some(End::HungUp));
    assert_eq!(world.sim.sbc(world.sbc).calls().count(), 0);
}

#[test]
fn a_refusal_is_repeated_until_its_ack_comes() {
    let mut world = World::new(1).bob_answers(Answering::refusing(486));
    world.sim.lose(ALICE, INSIDE, "ACK", 3);
    world.sim.lose(OUTSIDE, BOB, "ACK", 3);
    let world = world.run(call());
    assert_eq!(count(&world.alices().heard(), "486 INVITE"), 4);
    assert_eq!(world.alices().ended(), Some(End::Refused(486)));
}

#[test]
fn either_side_that_never_acknowledges_is_hung_up_over_any_network() {
    each_network(|run| {
        let mut placed = call();
        placed.acks = false;
        placed.hang_up_after = None;
        let world = run.world().run(placed);
        assert_eq!(world.alices().ended(), Some(End::ByPeer));
        assert_eq!(world.bobs().ended(), Some(End::ByPeer));
        assert_eq!(world.summary().ended_by, EndedBy::Us);
        let answers = count(&world.alices().heard(), "200 INVITE");
        // At 0, 0.5, 1.5, 3.5, and then each 4 s until 32.
        assert!(
            if run.is_good() {
                answers == 11
            } else {
                answers > 4
            },
            "{answers}"
        );
    });
}
