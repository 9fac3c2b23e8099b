//! Which target a call goes to, and when the next one is tried.

use crate::world::{BOB, INSIDE, World, border, secs, to_bob};
use sbc_core::b2bua::plan::FailoverCodes;
use sbc_core::testing::{Answering, End, Link, Placed, Route};
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
