//! One call from its INVITE to its BYE.

use crate::world::{INSIDE, World, each_network, millis, secs};
use sbc_core::b2bua::EndedBy;
use sbc_core::testing::{Answering, End, Placed, Say};

fn call() -> Placed {
    Placed::to("bob", INSIDE)
}

#[test]
fn a_call_that_the_caller_ends() {
    each_network(|run| {
        let world = run.world().run(call().hanging_up_after(secs(60)));
        assert_eq!(world.alices().ended(), Some(End::HungUp));
        assert_eq!(world.bobs().ended(), Some(End::ByPeer));
        assert!(world.alices().was_answered() && world.bobs().was_answered());
        assert_eq!(world.summary().ended_by, EndedBy::Caller);
        assert_eq!(world.summary().status.code(), 200);
    });
}

#[test]
fn a_call_that_the_callee_ends() {
    each_network(|run| {
        let answering = Answering::after_ringing().hanging_up_after(secs(60));
        let world = run.world().bob_answers(answering).run(call());
        assert_eq!(world.alices().ended(), Some(End::ByPeer));
        assert_eq!(world.bobs().ended(), Some(End::HungUp));
        assert_eq!(world.summary().ended_by, EndedBy::Callee);
    });
}

#[test]
fn each_message_of_a_good_call_crosses_once_and_in_order() {
    let world = World::new(1).run(call().hanging_up_after(secs(60)));
    assert_eq!(
        world.alices().heard(),
        ["100 INVITE", "180 INVITE", "200 INVITE", "200 BYE"]
    );
    assert_eq!(world.bobs().heard(), ["INVITE", "ACK", "BYE"]);
    assert_eq!(world.told(), ["started", "ringing", "answered", "ended"]);
}

#[test]
fn ringing_that_is_followed_at_once_by_the_answer_arrives_and_arrives_first() {
    let answering = Answering::with(&[(20, Say::status(180)), (0, Say::with_sdp(200))]);
    let world = World::new(1)
        .bob_answers(answering)
        .run(call().hanging_up_after(secs(1)));
    assert_eq!(
        world.alices().heard(),
        ["100 INVITE", "180 INVITE", "200 INVITE", "200 BYE"]
    );
}

#[test]
fn early_media_and_the_answer_that_repeats_it() {
    each_network(|run| {
        let answering = Answering::with(&[(20, Say::with_sdp(183)), (3000, Say::with_sdp(200))]);
        let world = run
            .world()
            .bob_answers(answering)
            .run(call().hanging_up_after(millis(500)));
        assert!(world.alices().was_answered());
    });
}

#[test]
fn an_answer_without_any_ringing() {
    each_network(|run| {
        let answering = Answering::with(&[(20, Say::with_sdp(200))]);
        let world = run
            .world()
            .bob_answers(answering)
            .run(call().hanging_up_after(secs(0)));
        assert!(world.alices().was_answered());
    });
}
