//! Calls that are not answered: refused, timed out, passed on to the next target.

use crate::world::{BOB, INSIDE, OUTSIDE, World, border, each_network, secs, to_bob};
use sbc_core::b2bua::EndedBy;
use sbc_core::sip::HeaderName;
use sbc_core::testing::{Answering, End, Placed, Say};
use sbc_core::transport::Transport;

const CAROL: &str = "198.51.100.30";

fn call() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(5))
}

#[test]
fn a_refusal_of_each_class_is_passed_on() {
    for status in [300, 302, 400, 404, 407, 480, 486, 488, 500, 503, 600, 603] {
        each_network(|run| {
            let world = run
                .world()
                .bob_answers(Answering::refusing(status))
                .run(call());
            assert_eq!(world.alices().ended(), Some(End::Refused(status)));
            assert_eq!(world.bobs().ended(), Some(End::Refused(status)));
            assert_eq!(world.summary().status.code(), status);
            assert_eq!(world.summary().ended_by, EndedBy::Callee);
        });
    }
}

#[test]
fn a_refusal_after_ringing_crosses_once_and_its_acks_stay_on_their_sides() {
    let answering = Answering::with(&[(20, Say::status(180)), (2000, Say::status(486))]);
    let world = World::new(1).bob_answers(answering).run(call());
    assert_eq!(
        world.alices().heard(),
        ["100 INVITE", "180 INVITE", "486 INVITE"]
    );
    assert_eq!(world.bobs().heard(), ["INVITE"], "the ACK is no call's");
}

#[test]
fn a_challenge_and_a_retry_after_cross() {
    let challenge = "Proxy-Authenticate: Digest realm=\"b\", nonce=\"1\"";
    let say = Say::status(407).saying(challenge).saying("Retry-After: 7");
    let world = World::new(1)
        .bob_answers(Answering::with(&[(20, say)]))
        .run(call());
    let refusal = &world.alices().messages()[1].message;
    let header = |name| refusal.header(&name).map(ToOwned::to_owned);
    assert_eq!(
        header(HeaderName::ProxyAuthenticate).as_deref(),
        Some("Digest realm=\"b\", nonce=\"1\"")
    );
    assert_eq!(header(HeaderName::RetryAfter).as_deref(), Some("7"));
}

#[test]
fn a_callee_that_says_nothing_is_a_408_after_32_seconds() {
    let mut world = World::new(1).bob_answers(Answering::silent());
    world.sim.call(world.alice, call());
    world.sim.run_for(secs(31));
    assert_eq!(world.alices().ended(), None);
    world.sim.run_for(secs(2));
    assert_eq!(world.alices().ended(), Some(End::Refused(408)));
    world.sim.finish();
}

#[test]
fn a_callee_that_rings_too_long_is_cancelled_and_a_408() {
    let policy = border().otherwise(to_bob().ringing(secs(20)));
    let mut world = World::with(1, policy).bob_answers(Answering::with(&[(20, Say::status(180))]));
    world.sim.call(world.alice, call());
    world.sim.run_for(secs(19));
    assert_eq!(world.alices().ended(), None);
    world.sim.run_for(secs(2));
    assert_eq!(world.alices().ended(), Some(End::Refused(408)));
    assert_eq!(world.bobs().ended(), Some(End::Cancelled));
    world.sim.finish();
}

#[test]
fn the_policys_own_refusal_reaches_the_caller() {
    let policy = border().refuse("bob", 603);
    let world = World::with(1, policy).run(call());
    assert_eq!(world.alices().ended(), Some(End::Refused(603)));
    assert_eq!(world.summary().ended_by, EndedBy::Us);
    assert_eq!(world.told(), ["started", "ended"]);
}

/// Bob first, then Carol.
fn two_targets(
    seed: u64,
    transport: Transport,
    bob: Answering,
) -> (World, sbc_core::testing::NodeId) {
    let route = to_bob_by(transport).or_to(1, CAROL, Transport::Udp);
    let mut world = World::with(seed, border().otherwise(route)).bob_answers(bob);
    let carol = world.sim.add_phone("carol", CAROL);
    (world, carol)
}

fn to_bob_by(transport: Transport) -> sbc_core::testing::Route {
    sbc_core::testing::Route::to(1, BOB, transport)
}

fn carol_takes_it(world: World, carol: sbc_core::testing::NodeId) {
    let world = world.run(call());
    assert_eq!(world.alices().ended(), Some(End::HungUp));
    assert_eq!(world.sim.phone(carol).calls()[0].ended(), Some(End::ByPeer));
    assert_eq!(world.told().last(), Some(&"ended"));
}

#[test]
fn the_next_target_is_called_where_the_first_is_out_of_order() {
    for status in [408, 480, 500, 503] {
        let (world, carol) = two_targets(1, Transport::Udp, Answering::refusing(status));
        carol_takes_it(world, carol);
    }
}

#[test]
fn the_next_target_is_called_where_the_first_says_nothing() {
    let (world, carol) = two_targets(1, Transport::Udp, Answering::silent());
    carol_takes_it(world, carol);
}

#[test]
fn the_next_target_is_called_where_the_first_takes_no_connection() {
    let (mut world, carol) = two_targets(1, Transport::Tcp, Answering::after_ringing());
    world.sim.refuse_connections(BOB);
    carol_takes_it(world, carol);
}

#[test]
fn the_next_target_is_called_where_the_first_rings_too_long() {
    let route = to_bob().or_to(1, CAROL, Transport::Udp).ringing(secs(10));
    let ringing = Answering::with(&[(20, Say::status(180))]);
    let mut world = World::with(1, border().otherwise(route)).bob_answers(ringing);
    let carol = world.sim.add_phone("carol", CAROL);
    let world = world.run(call());
    assert_eq!(world.bobs().ended(), Some(End::Cancelled));
    assert_eq!(world.sim.phone(carol).calls()[0].ended(), Some(End::ByPeer));
    // Two phones have rung, each with a tag of its own towards the caller.
    let tags: Vec<_> = world
        .alices()
        .messages()
        .iter()
        .filter(|h| h.what == "180 INVITE")
        .map(|h| h.message.to_tag().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(tags.len(), 2);
    assert_ne!(tags[0], tags[1]);
}

#[test]
fn a_busy_callee_is_not_replaced_by_the_next_target() {
    let (world, carol) = two_targets(1, Transport::Udp, Answering::refusing(486));
    let world = world.run(call());
    assert_eq!(world.alices().ended(), Some(End::Refused(486)));
    assert!(world.sim.phone(carol).calls().is_empty());
}

#[test]
fn the_last_targets_failure_is_what_the_caller_hears() {
    let (mut world, _) = two_targets(1, Transport::Tcp, Answering::after_ringing());
    world.sim.refuse_connections(BOB);
    world.sim.darken(CAROL);
    let world = world.run(call());
    assert_eq!(world.alices().ended(), Some(End::Refused(408)));
}

#[test]
fn a_name_is_looked_up_and_its_second_address_taken_where_the_first_refuses() {
    let route = sbc_core::testing::Route::to(1, "bob.example", Transport::Tcp);
    let mut world = World::with(1, border().otherwise(route));
    world.sim.name("bob.example", &["198.51.100.99", BOB]);
    let world = world.run(call());
    assert_eq!(world.alices().ended(), Some(End::HungUp));
    assert_eq!(world.bobs().ended(), Some(End::ByPeer));
}

#[test]
fn a_name_without_address_is_a_503() {
    let route = sbc_core::testing::Route::to(1, "nobody.example", Transport::Udp);
    let world = World::with(1, border().otherwise(route)).run(call());
    assert_eq!(world.alices().ended(), Some(End::Refused(503)));
}

#[test]
fn a_call_without_free_media_ports_is_a_503_and_holds_none() {
    let policy = sbc_core::testing::Fixed::new()
        .realm("inside", INSIDE)
        .realm("outside", OUTSIDE)
        .media_ports(0)
        .otherwise(to_bob());
    let world = World::with(1, policy).run(call());
    assert_eq!(world.alices().ended(), Some(End::Refused(503)));
}
