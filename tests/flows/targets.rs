//! Which target a call goes to, and when the next one is tried.

use crate::world::{BOB, INSIDE, World, border, each_network, secs, to_bob};
use sbc_core::b2bua::plan::FailoverCodes;
use sbc_core::testing::{Answering, End, Link, Placed, Route, Say};
use sbc_core::transport::Transport;

const CAROL: &str = "198.51.100.30";

fn call() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(5))
}

/// What Alice heard at the end, and whether Carol, the second target, was called, where the first
/// one refuses with `status`.
fn after(seed: u64, status: u16, codes: FailoverCodes) -> (Option<End>, bool) {
    let route = to_bob()
        .or_to(1, CAROL, Transport::Udp)
        .going_on_after(codes);
    let mut world =
        World::with(seed, border().otherwise(route)).bob_answers(Answering::refusing(status));
    world.sim.set_link(Link::BAD);
    let carol = world.sim.add_phone("carol", CAROL);
    let world = world.run(call());
    let called = !world.sim.phone(carol).calls().is_empty();
    (world.alices().ended(), called)
}

#[test]
fn the_routes_own_codes_say_when_the_next_target_is_tried() {
    let codes = FailoverCodes::NONE.with(404, 404).with(600, 699);
    for seed in 0..10 {
        for status in [404, 600, 603] {
            let (ended, called) = after(seed, status, codes);
            assert_eq!((ended, called), (Some(End::HungUp), true), "{status}");
        }
        for status in [408, 430, 480, 486, 500, 503] {
            let (ended, called) = after(seed, status, codes);
            assert_eq!(ended, Some(End::Refused(status)));
            assert!(!called, "{status}");
        }
    }
}

#[test]
fn a_target_that_is_silent_or_cannot_be_reached_is_left_whatever_the_codes() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let route = Route::to(1, BOB, transport)
            .or_to(1, CAROL, Transport::Udp)
            .going_on_after(FailoverCodes::NONE);
        let mut world = World::with(1, border().otherwise(route)).bob_answers(Answering::silent());
        world.sim.refuse_connections(BOB);
        world.sim.add_phone("carol", CAROL);
        let world = world.run(call());
        assert_eq!(world.alices().ended(), Some(End::HungUp));
    }
}

/// Each way in which a first target fails, and how its transport, its answers and the world are
/// then.
fn failing() -> [(&'static str, Transport, Answering); 6] {
    let early = |last| Answering::with(&[(20, Say::with_sdp(183)), (500, last)]);
    [
        ("refuses", Transport::Udp, Answering::refusing(503)),
        (
            "refuses after early media",
            Transport::Udp,
            early(Say::status(480)),
        ),
        ("says nothing", Transport::Udp, Answering::silent()),
        (
            "says 100 only",
            Transport::Udp,
            Answering::with(&[(20, Say::status(100))]),
        ),
        (
            "rings too long",
            Transport::Udp,
            Answering::with(&[(20, Say::status(180))]),
        ),
        (
            "takes no connection",
            Transport::Tcp,
            Answering::after_ringing(),
        ),
    ]
}

#[test]
fn the_caller_notices_nothing_of_a_target_that_fails() {
    each_network(|run| {
        for (how, transport, answering) in failing() {
            let route = Route::to(1, BOB, transport)
                .or_to(1, CAROL, Transport::Udp)
                .ringing(secs(20));
            let mut world = run.with(border().otherwise(route)).bob_answers(answering);
            if transport == Transport::Tcp {
                world.sim.refuse_connections(BOB);
            }
            let carol = world.sim.add_phone("carol", CAROL);
            world
                .sim
                .call(world.alice, call().hanging_up_after(secs(200)));
            world.sim.run_for(secs(100));
            assert!(
                world.alices().was_answered(),
                "{how}\n{}",
                world.sim.ladder()
            );
            // Whatever she heard: provisional responses, then one answer.
            for heard in world.alices().heard() {
                assert!(heard.starts_with(['1', '2']), "{how}: {heard}");
            }
            let bob = world.bob;
            world.bob = carol;
            for (one, other) in world.pairs() {
                assert!(world.hears(one, other), "{how}");
            }
            world.bob = bob;
            world.sim.finish();
            assert_eq!(world.alices().ended(), Some(End::HungUp));
            assert_eq!(world.sim.phone(carol).calls()[0].ended(), Some(End::ByPeer));
            assert_eq!(world.summary().status.code(), 200);
        }
    });
}

#[test]
fn a_caller_may_give_up_while_any_target_is_being_called() {
    each_network(|run| {
        for (_, transport, answering) in failing() {
            for after in [1, 10, 33] {
                let route = Route::to(1, BOB, transport)
                    .or_to(1, CAROL, Transport::Udp)
                    .ringing(secs(20));
                let answering = answering.clone();
                let mut world = run.with(border().otherwise(route)).bob_answers(answering);
                let carol = world.sim.add_phone("carol", CAROL);
                let ringing = Answering::with(&[(20, Say::status(180))]);
                world.sim.phone_mut(carol).answer_with(ringing);
                let placed = Placed::to("bob", INSIDE)
                    .cancelling_after(secs(after))
                    .hanging_up_after(secs(5));
                let world = world.run(placed);
                assert!(world.alices().ended().is_some());
            }
        }
    });
}
