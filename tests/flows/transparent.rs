//! `transparent_dialog_ids`: the callee sees the Call-ID and the From tag of the caller.

use crate::world::{ALICE, BOB, INSIDE, OUTSIDE, World, border, secs, to_bob};
use sbc_core::sip::Message;
use sbc_core::testing::{Answering, End, Fixed, Link, NodeId, Placed, Route, Say, Sim};
use sbc_core::transport::Transport;

const CAROL: &str = "198.51.100.30";

fn call() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(5))
}

fn world(seed: u64, route: Route) -> World {
    let policy = border().otherwise(route.with_transparent_ids());
    let mut world = World::with(seed, policy);
    if seed > 0 {
        world.sim.set_link(Link::BAD);
    }
    world
}

/// The INVITE that began the first call of a phone that was called.
fn invite(sim: &Sim, phone: NodeId) -> &Message {
    let call = &sim.phone(phone).calls()[0];
    &call.messages()[0].message
}

/// Call-ID and From tag as a caller made them: those of the first response.
fn callers_ids(sim: &Sim, phone: NodeId) -> (&str, &str) {
    ids(&sim.phone(phone).calls()[0].messages()[0].message)
}

fn ids(message: &Message) -> (&str, &str) {
    let ids = (message.call_id(), message.from_tag());
    (ids.0.expect("a Call-ID"), ids.1.expect("a tag"))
}

fn cseq(message: &Message) -> u32 {
    message.cseq().expect("a CSeq").number
}

#[test]
fn the_callee_sees_the_callers_ids() {
    for seed in 0..30 {
        for caller_ends in [true, false] {
            let mut world = world(seed, to_bob());
            let mut placed = call();
            if !caller_ends {
                placed.hang_up_after = None;
                let answering = Answering::after_ringing().hanging_up_after(secs(5));
                world = world.bob_answers(answering);
            }
            let world = world.run(placed);
            let (alice, bob) = (world.alice, world.bob);
            let invite = invite(&world.sim, bob);
            assert_eq!(ids(invite), callers_ids(&world.sim, alice));
            let response = &world.alices().messages()[0].message;
            assert_eq!(cseq(invite), cseq(response) + 1);
            let ended = (world.alices().ended(), world.bobs().ended());
            let ways = (Some(End::HungUp), Some(End::ByPeer));
            let wanted = if caller_ends { ways } else { (ways.1, ways.0) };
            assert_eq!(ended, wanted);
        }
    }
}

#[test]
fn both_parties_may_be_on_one_side_of_the_border() {
    for seed in 0..20 {
        let policy = border().otherwise(Route::to(0, "10.1.0.20", Transport::Udp));
        let mut sim = Sim::seed(seed);
        sim.set_link(Link::BAD);
        sim.add_sbc(policy);
        let alice = sim.add_phone("alice", ALICE);
        let bob = sim.add_phone("bob", "10.1.0.20");
        sim.call(alice, call());
        sim.finish();
        assert_eq!(sim.phone(alice).calls()[0].ended(), Some(End::HungUp));
        assert_eq!(sim.phone(bob).calls()[0].ended(), Some(End::ByPeer));
    }
}

#[test]
fn offers_inside_the_call_cross() {
    for seed in 0..20 {
        for caller in [true, false] {
            let mut world = world(0, to_bob());
            world.sim.call(world.alice, call());
            world.sim.run_for(secs(4));
            if seed > 0 {
                world.sim.set_link(Link::BAD);
            }
            let phone = if caller { world.alice } else { world.bob };
            world.sim.request(phone, 0, "INVITE");
            world.sim.finish();
            assert_eq!(world.alices().ended(), Some(End::HungUp), "seed {seed}");
        }
    }
}

#[test]
fn the_next_target_gets_them_too_with_another_cseq() {
    for seed in 0..30 {
        let mut world = world(seed, to_bob().or_to(1, CAROL, Transport::Udp))
            .bob_answers(Answering::refusing(503));
        let carol = world.sim.add_phone("carol", CAROL);
        let world = world.run(call());
        let (first, second) = (invite(&world.sim, world.bob), invite(&world.sim, carol));
        assert_eq!(ids(first), ids(second));
        assert_eq!(cseq(first) + 1, cseq(second));
        assert_eq!(world.alices().ended(), Some(End::HungUp));
        let carols = &world.sim.phone(carol).calls()[0];
        assert_eq!(carols.ended(), Some(End::ByPeer));
    }
}

/// Bob answers just when he has been given up, with the same ids in use towards Carol.
#[test]
fn a_target_that_answers_too_late_is_hung_up_beside_the_next_one() {
    for seed in 0..60 {
        let route = to_bob().or_to(1, CAROL, Transport::Udp).ringing(secs(3));
        let mut late = Answering::with(&[(20, Say::status(180)), (3000, Say::with_sdp(200))]);
        late.ignores_cancel = true;
        let mut world = world(seed, route).bob_answers(late);
        let carol = world.sim.add_phone("carol", CAROL);
        world.sim.phone_mut(carol).answer_with(Answering::with(&[
            (20, Say::status(180)),
            (900, Say::with_sdp(200)),
        ]));
        let world = world.run(call());
        assert_eq!(world.bobs().ended(), Some(End::ByPeer), "seed {seed}");
        let carols = &world.sim.phone(carol).calls()[0];
        assert_eq!(carols.ended(), Some(End::ByPeer));
        assert_eq!(world.alices().ended(), Some(End::HungUp));
    }
}

/// Bob rings, is given up and says no more: his leg waits 32 s for the end of his INVITE, and
/// Carol's answer is hers all the same.
#[test]
fn a_target_that_never_ends_its_ringing_does_not_take_the_next_ones_answers() {
    for seed in 0..20 {
        let route = to_bob().or_to(1, CAROL, Transport::Udp).ringing(secs(3));
        let mut ringing = Answering::with(&[(20, Say::status(180))]);
        ringing.ignores_cancel = true;
        let mut world = world(seed, route).bob_answers(ringing);
        let carol = world.sim.add_phone("carol", CAROL);
        world.sim.call(world.alice, call());
        world.sim.run_for(secs(100));
        let carols = &world.sim.phone(carol).calls()[0];
        assert_eq!(carols.ended(), Some(End::ByPeer), "seed {seed}");
        assert_eq!(world.alices().ended(), Some(End::HungUp));
    }
}

/// What Bob repeats after his leg is gone is answered as ever, though Carol's leg has the same ids.
#[test]
fn what_lingers_of_one_target_answers_while_the_next_one_has_the_same_ids() {
    for seed in 0..20 {
        let mut world = world(0, to_bob().or_to(1, CAROL, Transport::Udp))
            .bob_answers(Answering::refusing(503));
        world.sim.set_link(Link::BAD);
        let _carol = world.sim.add_phone("carol", CAROL);
        // Our ACK of the refusal is lost again and again: Bob repeats the 503.
        world.sim.lose(OUTSIDE, BOB, "ACK", 3);
        let mut placed = call();
        placed.hang_up_after = Some(secs(60));
        let world = world.run(placed);
        assert_eq!(world.bobs().ended(), Some(End::Refused(503)));
        // Three that were lost, and one at least for a 503 that came again.
        let ladder = world.sim.ladder().to_string();
        let acks = ladder.matches("ACK sip:bob@198.51.100.20").count();
        assert!(acks > 3, "seed {seed}\n{ladder}");
        assert_eq!(world.alices().ended(), Some(End::HungUp));
    }
}

#[test]
fn a_call_that_comes_back_takes_ids_of_its_own() {
    for seed in 0..20 {
        let mut sim = Sim::seed(seed);
        sim.set_link(Link::BAD);
        // From inside to a second SBC, which sends it back; from there to Bob.
        let there = Route::to(1, "198.51.100.2", Transport::Udp).with_transparent_ids();
        let on = Route::to(1, BOB, Transport::Udp).with_transparent_ids();
        let first = sim.add_sbc(border().arriving(0, there).arriving(1, on));
        let back = Route::to(0, OUTSIDE, Transport::Udp).with_transparent_ids();
        let near = Fixed::new().realm("near", "198.51.100.2");
        sim.add_sbc(near.otherwise(back));
        let alice = sim.add_phone("alice", ALICE);
        let bob = sim.add_phone("bob", BOB);
        sim.call(alice, call());
        sim.finish();
        assert_eq!(sim.phone(alice).calls()[0].ended(), Some(End::HungUp));
        assert_eq!(sim.phone(bob).calls()[0].ended(), Some(End::ByPeer));
        assert_ne!(ids(invite(&sim, bob)), callers_ids(&sim, alice));
        let ended: Vec<_> = sim.sbc(first).ended().collect();
        assert_eq!(ended.len(), 2);
        // Both calls of the first SBC bear Alice's Call-ID on their caller's side.
        assert_eq!(ended[0].call_id_a, ended[1].call_id_a);
        let kept = ended
            .iter()
            .filter(|call| call.call_id_b.as_deref() == Some(&*call.call_id_a));
        assert_eq!(kept.count(), 1);
    }
}
