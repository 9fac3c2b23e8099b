//! Streams: on either side, on both, broken in the middle of a call.

use crate::world::{ALICE, BOB, INSIDE, OUTSIDE, World, border, secs, to_bob};
use sbc_core::b2bua::EndedBy;
use sbc_core::testing::{Answering, End, Fixed, Link, PhoneCall, Placed, Route, Say};
use sbc_core::transport::Transport;

fn policy(outside: Transport) -> Fixed {
    border().otherwise(Route::to(1, BOB, outside))
}

fn call(inside: Transport) -> Placed {
    let call = Placed::to("bob", INSIDE).hanging_up_after(secs(20));
    match inside {
        Transport::Tcp => call.by_tcp(),
        Transport::Udp => call,
    }
}

const BOTH: [Transport; 2] = [Transport::Udp, Transport::Tcp];

#[test]
fn a_call_by_any_pair_of_transports_ended_by_either_side() {
    for inside in BOTH {
        for outside in BOTH {
            for seed in 0..20 {
                let mut world = World::with(seed, policy(outside));
                world.sim.set_link(Link::BAD);
                let world = world.run(call(inside));
                assert_eq!(world.bobs().ended(), Some(End::ByPeer));
                let answering = Answering::after_ringing().hanging_up_after(secs(3));
                let mut world = World::with(seed, policy(outside)).bob_answers(answering);
                world.sim.set_link(Link::BAD);
                let world = world.run(call(inside));
                assert_eq!(world.alices().ended(), Some(End::ByPeer));
            }
        }
    }
}

#[test]
fn a_call_by_tcp_is_cancelled_and_refused_as_one_by_udp() {
    for seed in 0..20 {
        let ringing = Answering::with(&[(20, Say::status(180))]);
        let mut world = World::with(seed, policy(Transport::Tcp)).bob_answers(ringing);
        world.sim.set_link(Link::BAD);
        let mut cancelling = call(Transport::Tcp);
        cancelling.cancel_after = Some(secs(3));
        let world = world.run(cancelling);
        assert_eq!(world.bobs().ended(), Some(End::Cancelled));
        let refusing = Answering::refusing(486);
        let world = World::with(seed, policy(Transport::Tcp))
            .bob_answers(refusing)
            .run(call(Transport::Tcp));
        assert_eq!(world.alices().ended(), Some(End::Refused(486)));
    }
}

#[test]
fn nothing_but_the_answer_is_repeated_on_a_stream() {
    let answering = Answering::with(&[(5000, Say::with_sdp(200))]);
    let world = World::with(1, policy(Transport::Tcp))
        .bob_answers(answering)
        .run(call(Transport::Tcp));
    assert_eq!(world.bobs().heard(), ["INVITE", "ACK", "BYE"]);
    assert_eq!(
        world.alices().heard(),
        ["100 INVITE", "200 INVITE", "200 BYE"]
    );
}

#[test]
fn a_target_that_takes_no_connection_is_a_503() {
    let mut world = World::with(1, policy(Transport::Tcp));
    world.sim.refuse_connections(BOB);
    let world = world.run(call(Transport::Udp));
    assert_eq!(world.alices().ended(), Some(End::Refused(503)));
    assert_eq!(world.summary().ended_by, EndedBy::Callee);
}

#[test]
fn a_call_outlives_its_connections() {
    let mut world = World::with(1, policy(Transport::Tcp));
    world.sim.call(world.alice, call(Transport::Tcp));
    world.sim.run_for(secs(10));
    world.sim.reset(ALICE, INSIDE);
    world.sim.reset(OUTSIDE, BOB);
    world.sim.finish();
    assert_eq!(world.alices().ended(), Some(End::HungUp));
    assert_eq!(world.bobs().ended(), Some(End::ByPeer));
}

#[test]
fn a_bye_to_a_caller_that_is_gone_ends_the_call_all_the_same() {
    let answering = Answering::after_ringing().hanging_up_after(secs(20));
    let mut world = World::with(1, border().otherwise(to_bob())).bob_answers(answering);
    let mut placed = call(Transport::Tcp);
    placed.hang_up_after = None;
    world.sim.call(world.alice, placed);
    world.sim.run_for(secs(10));
    world.sim.reset(ALICE, INSIDE);
    world.sim.refuse_connections(ALICE);
    world.sim.run_for(secs(60));
    assert_eq!(world.bobs().ended(), Some(End::HungUp));
    assert_eq!(world.told().last(), Some(&"ended"));
    assert_eq!(world.sim.sbc(world.sbc).calls().count(), 0);
}

#[test]
fn calls_by_tcp_share_a_connection_in_each_direction() {
    for seed in 0..10 {
        let mut world = World::with(seed, policy(Transport::Tcp));
        world.sim.set_link(Link::BAD);
        for _ in 0..3 {
            world.sim.call(world.alice, call(Transport::Tcp));
            world.sim.run_for(secs(10));
            for phone in [world.alice, world.bob] {
                let last = world.sim.phone(phone).calls().len() - 1;
                world.sim.request(phone, last, "INVITE");
            }
            world.sim.run_for(secs(60));
        }
        world.sim.finish();
        // Alice's to us, ours to Bob, and his to our Contact: phones do not reuse ours.
        assert_eq!(world.sim.connections(), 3);
        let ended = world.sim.phone(world.alice).calls().iter();
        assert!(ended.map(PhoneCall::ended).all(|e| e == Some(End::HungUp)));
    }
}

#[test]
fn what_the_callee_asks_goes_by_the_connection_that_the_caller_opened() {
    let answering = Answering::after_ringing().hanging_up_after(secs(3));
    let mut world = World::with(1, policy(Transport::Udp)).bob_answers(answering);
    // Alice is behind a firewall: only connections of her own.
    world.sim.refuse_connections(ALICE);
    let mut placed = call(Transport::Tcp);
    placed.hang_up_after = None;
    let world = world.run(placed);
    assert_eq!(world.alices().ended(), Some(End::ByPeer));
    assert_eq!(world.sim.connections(), 1);
}

#[test]
fn a_connection_lost_while_nobody_has_answered_leads_to_the_next_target() {
    let carol = "198.51.100.30";
    let both = Route::to(1, BOB, Transport::Tcp).or_to(1, carol, Transport::Tcp);
    for seed in 0..10 {
        let late = Answering::with(&[(3000, Say::status(180))]);
        let mut world = World::with(seed, border().otherwise(both.clone())).bob_answers(late);
        let third = world.sim.add_phone("carol", carol);
        world.sim.call(world.alice, call(Transport::Udp));
        world.sim.run_for(secs(1));
        world.sim.reset(OUTSIDE, BOB);
        world.sim.run_for(secs(1));
        assert_eq!(world.sim.phone(third).calls().len(), 1, "at once");
        world.sim.run_for(secs(60));
        assert_eq!(world.alices().ended(), Some(End::HungUp));
        assert!(world.sim.phone(third).calls()[0].was_answered());
    }
}

#[test]
fn a_connection_lost_while_it_rings_costs_no_call() {
    let ringing = Answering::with(&[(20, Say::status(180)), (20_000, Say::with_sdp(200))]);
    for seed in 0..10 {
        let mut world = World::with(seed, policy(Transport::Udp)).bob_answers(ringing.clone());
        world.sim.call(world.alice, call(Transport::Tcp));
        world.sim.run_for(secs(5));
        world.sim.reset(ALICE, INSIDE);
        world.sim.finish();
        assert_eq!(world.alices().ended(), Some(End::HungUp));
        assert_eq!(world.bobs().ended(), Some(End::ByPeer));
    }
}
