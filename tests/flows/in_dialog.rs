//! Requests inside a call: answered by us, or passed on to the other side.

use crate::world::{INSIDE, World, secs};
use sbc_core::testing::{End, Link, NodeId, Placed};

/// A call that is up, and one of its phones.
fn up(seed: u64, caller: bool) -> (World, NodeId, NodeId) {
    let mut world = World::new(seed);
    let placed = Placed::to("bob", INSIDE).hanging_up_after(secs(60));
    world.sim.call(world.alice, placed);
    world.sim.run_for(secs(10));
    if seed > 0 {
        world.sim.set_link(Link::BAD);
    }
    let (alice, bob) = (world.alice, world.bob);
    if caller {
        (world, alice, bob)
    } else {
        (world, bob, alice)
    }
}

fn heard(world: &World, phone: NodeId) -> Vec<&str> {
    world.sim.phone(phone).calls()[0].heard()
}

#[test]
fn offers_inside_a_call_cross_from_either_side() {
    for caller in [true, false] {
        for seed in 0..30 {
            for method in ["INVITE", "UPDATE", "INFO"] {
                let (mut world, one, other) = up(seed, caller);
                world.sim.request(one, 0, method);
                world.sim.finish();
                let answer = format!("200 {method}");
                assert!(heard(&world, one).contains(&answer.as_str()), "{method}");
                assert!(heard(&world, other).contains(&method), "{method}");
                assert_eq!(world.alices().ended(), Some(End::HungUp));
            }
        }
    }
}

#[test]
fn options_is_answered_by_us_and_other_methods_are_refused() {
    for caller in [true, false] {
        for (method, answer) in [("OPTIONS", "200 OPTIONS"), ("MESSAGE", "405 MESSAGE")] {
            let (mut world, one, other) = up(0, caller);
            world.sim.request(one, 0, method);
            world.sim.finish();
            assert!(heard(&world, one).contains(&answer));
            assert!(!heard(&world, other).contains(&method));
        }
    }
}

#[test]
fn offers_that_cross_each_other_are_both_answered_and_the_call_goes_on() {
    for seed in 0..30 {
        let (mut world, one, other) = up(seed, true);
        world.sim.request(one, 0, "INVITE");
        world.sim.request(other, 0, "INVITE");
        world.sim.run_for(secs(40));
        assert_eq!(world.alices().ended(), None);
        for phone in [one, other] {
            let heard = heard(&world, phone);
            let answered =
                |h: &&str| h.len() == 10 && h.ends_with(" INVITE") && !h.starts_with('1');
            assert!(heard.iter().any(answered), "{heard:?}");
        }
        world.sim.finish();
    }
}

#[test]
fn a_call_may_end_while_an_offer_is_open() {
    for seed in 0..60 {
        let (mut world, one, other) = up(seed, seed % 2 == 0);
        world.sim.request(one, 0, "INVITE");
        world
            .sim
            .run_for(std::time::Duration::from_millis(5 * seed));
        world.sim.request(other, 0, "BYE");
        world.sim.run_for(secs(120));
        assert_eq!(world.sim.sbc(world.sbc).calls().count(), 0);
    }
}
