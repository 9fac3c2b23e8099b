//! An INVITE without offer: the callee offers in its 200, the caller answers in its ACK
//! (RFC 3261 §13.2.1).

use crate::world::{ALICE, BOB, INSIDE, OUTSIDE, World, each_network, millis, secs};
use sbc_core::sdp::Sdp;
use sbc_core::sip::Message;
use sbc_core::testing::{Answering, End, Placed, Say};

fn call() -> Placed {
    Placed::to("bob", INSIDE)
        .without_offer()
        .hanging_up_after(secs(5))
}

fn heard(call: &sbc_core::testing::PhoneCall, what: &str) -> Message {
    let found = call.messages().iter().find(|heard| heard.what == what);
    found.expect("it was heard").message.clone()
}

#[test]
fn the_offer_and_its_answer_cross_with_our_addresses_in_them() {
    let world = World::new(1).run(call());
    assert!(heard(world.bobs(), "INVITE").sdp().is_none());
    let offer = heard(world.alices(), "200 INVITE").sdp().expect("an offer");
    let offer = Sdp::parse(&offer).expect("an SDP");
    assert_eq!(offer.media(0).connection(), INSIDE.parse().ok());
    let answer = heard(world.bobs(), "ACK").sdp().expect("an answer");
    let answer = Sdp::parse(&answer).expect("an SDP");
    assert_eq!(answer.media(0).connection(), OUTSIDE.parse().ok());
    assert!(answer.media(0).port() != 0);
}

#[test]
fn a_late_offer_over_a_bad_network() {
    each_network(|run| {
        let world = run.world().run(call());
        assert_eq!(world.alices().ended(), Some(End::HungUp));
        assert_eq!(world.bobs().ended(), Some(End::ByPeer));
        assert!(heard(world.bobs(), "ACK").sdp().is_some());
    });
}

#[test]
fn the_callees_ack_waits_for_the_callers() {
    let mut world = World::new(1);
    world.sim.lose(ALICE, INSIDE, "ACK", 2);
    world.sim.lose(OUTSIDE, BOB, "ACK", 1);
    let world = world.run(call());
    assert!(heard(world.bobs(), "ACK").sdp().is_some());
}

#[test]
fn a_caller_that_hangs_up_at_once_leaves_no_dialog_on_either_side() {
    each_network(|run| {
        let mut call = call();
        call.hang_up_after = Some(millis(0));
        let world = run.world().run(call);
        assert_eq!(world.bobs().ended(), Some(End::ByPeer));
    });
}

#[test]
fn a_caller_that_never_answers_the_offer_is_hung_up() {
    let mut call = call();
    call.acks = false;
    call.hang_up_after = None;
    let world = World::new(1).run(call);
    assert_eq!(world.alices().ended(), Some(End::ByPeer));
    // His 200 was first, so his patience ends first.
    assert_eq!(world.bobs().ended(), Some(End::HungUp));
}

#[test]
fn a_late_offer_is_not_taken_from_a_provisional_response() {
    let early = Answering::with(&[(20, Say::with_sdp(183)), (500, Say::with_sdp(200))]);
    let world = World::new(1).bob_answers(early).run(call());
    assert!(heard(world.alices(), "183 INVITE").sdp().is_none());
    assert!(heard(world.bobs(), "ACK").sdp().is_some());
}
