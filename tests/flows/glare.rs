//! Offers that cross, and offers one upon the other (RFC 3261 §14.1, §14.2; RFC 3311 §5.2).

use crate::world::{INSIDE, World, each_network, millis, secs};
use sbc_core::sip::{HeaderName, Message};
use sbc_core::testing::{Act, Answering, End, NodeId, Placed, Renewal, Spelling};
use std::collections::BTreeSet;

const OFFERS: [Act; 3] = [
    Act::Invite(Spelling::Moved),
    Act::Update(Spelling::Moved),
    Act::Ask,
];

fn call() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(200))
}

/// Both phones think for `ms` about each offer.
fn thinking(mut world: World, ms: u64) -> World {
    let renewal = Renewal {
        after: millis(ms),
        ..Renewal::default()
    };
    world = world.bob_answers(Answering::after_ringing().renewing(renewal));
    world.up(call().renewing(renewal))
}

fn count(world: &World, phone: NodeId, what: &str) -> usize {
    let heard = world.sim.phone(phone).calls()[0].heard();
    heard.iter().filter(|h| **h == what).count()
}

fn last<'a>(world: &'a World, phone: NodeId, what: &str) -> &'a Message {
    let mut heard = world.sim.phone(phone).calls()[0].messages().iter().rev();
    let found = heard.find(|h| h.what == what);
    &found.unwrap_or_else(|| panic!("no {what}")).message
}

const fn method(act: Act) -> &'static str {
    match act {
        Act::Update(_) => "UPDATE",
        _ => "INVITE",
    }
}

#[test]
fn offers_of_both_sides_at_once_are_refused_with_491_and_get_through_one_after_the_other() {
    for (first, second) in OFFERS.into_iter().flat_map(|a| OFFERS.map(|b| (a, b))) {
        let mut world = World::new(1).up(call());
        world.sim.act(world.alice, 0, first);
        world.sim.act(world.bob, 0, second);
        // The callee did not make its Call-ID: it tries again first, within two seconds.
        world.sim.run_for(millis(2080));
        for (phone, act) in [(world.alice, first), (world.bob, second)] {
            let refused = format!("491 {}", method(act));
            assert_eq!(count(&world, phone, &refused), 1, "{first:?} {second:?}");
        }
        assert_eq!(count(&world, world.alice, method(second)), 1);
        // The caller did: after 2.1 to 4 s.
        assert_eq!(
            count(&world, world.bob, method(first)),
            if first == Act::Ask || method(first) == "INVITE" {
                2
            } else {
                1
            }
        );
        world.sim.run_for(secs(3));
        for (phone, act) in [(world.alice, first), (world.bob, second)] {
            let answered = last(&world, phone, &format!("200 {}", method(act)));
            assert!(answered.sdp().is_some());
        }
        for (one, other) in world.pairs() {
            assert!(world.hears(one, other));
        }
        world.sim.finish();
        assert_eq!(world.alices().ended(), Some(End::HungUp));
    }
}

#[test]
fn offers_that_cross_end_in_one_session_over_any_network() {
    each_network(|run| {
        for (first, second) in OFFERS.into_iter().flat_map(|a| OFFERS.map(|b| (a, b))) {
            let mut world = thinking(run.world(), 300 * (run.seed % 2));
            world.sim.act(world.alice, 0, first);
            world.sim.run_for(millis(7 * run.seed));
            world.sim.act(world.bob, 0, second);
            world.sim.run_for(secs(120));
            for (one, other) in world.pairs() {
                assert!(world.hears(one, other), "{}", world.sim.ladder());
            }
            world.sim.finish();
            assert_eq!(world.alices().ended(), Some(End::HungUp));
        }
    });
}

#[test]
fn an_offer_before_the_answer_to_the_one_before_gets_500_and_a_time() {
    let mut times = BTreeSet::new();
    for seed in 1..14 {
        for (first, second) in OFFERS.into_iter().flat_map(|a| OFFERS.map(|b| (a, b))) {
            for side in 0..2 {
                let mut world = thinking(World::new(seed), 2000);
                let (one, other) = world.pairs()[side];
                world.sim.act(one, 0, first);
                world.sim.run_for(millis(100));
                world.sim.act_rudely(one, 0, second);
                world.sim.run_for(millis(100));
                let refusal = last(&world, one, &format!("500 {}", method(second)));
                let after = refusal.header(&HeaderName::RetryAfter).expect("a time");
                let after: u64 = after.parse().expect("seconds");
                assert!(after <= 10);
                times.insert(after);
                // The first is answered in its time, and the other side saw no second one.
                let seen = count(&world, other, method(first));
                world.sim.run_for(secs(3));
                assert_eq!(count(&world, other, method(first)), seen);
                last(&world, one, &format!("200 {}", method(first)));
                world.sim.finish();
            }
        }
    }
    assert!(times.len() > 5, "drawn at random: {times:?}");
}

#[test]
fn an_offer_while_the_other_sides_is_open_gets_491() {
    each_network(|run| {
        for (first, second) in OFFERS.into_iter().flat_map(|a| OFFERS.map(|b| (a, b))) {
            let mut world = thinking(run.world(), 20_000);
            world.sim.act(world.alice, 0, first);
            world.sim.run_for(secs(10));
            world.sim.act_rudely(world.bob, 0, second);
            world.sim.run_for(secs(9));
            let refused = format!("491 {}", method(second));
            assert!(
                count(&world, world.bob, &refused) > 0,
                "{}",
                world.sim.ladder()
            );
            world.sim.run_for(secs(40));
            last(&world, world.alice, &format!("200 {}", method(first)));
            world.sim.finish();
        }
    });
}

#[test]
fn an_update_upon_an_update_gets_500_though_neither_brings_an_offer() {
    let mut world = thinking(World::new(1), 2000);
    world.sim.act(world.alice, 0, Act::Other("UPDATE"));
    world.sim.run_for(millis(100));
    world.sim.act(world.alice, 0, Act::Other("UPDATE"));
    world.sim.run_for(millis(100));
    let refusal = last(&world, world.alice, "500 UPDATE");
    assert!(refusal.header(&HeaderName::RetryAfter).is_some());
    world.sim.run_for(secs(3));
    assert_eq!(count(&world, world.bob, "UPDATE"), 1);
    assert_eq!(count(&world, world.alice, "200 UPDATE"), 1);
    // INFO is none of that.
    world.sim.act(world.alice, 0, Act::Info);
    world.sim.act(world.alice, 0, Act::Info);
    world.sim.run_for(secs(1));
    assert_eq!(count(&world, world.alice, "200 INFO"), 2);
    world.sim.finish();
}

#[test]
fn an_update_without_offer_passes_while_an_offer_is_open() {
    let mut world = thinking(World::new(1), 2000);
    world.sim.act(world.alice, 0, Act::Invite(Spelling::Moved));
    world.sim.run_for(millis(100));
    world.sim.act(world.alice, 0, Act::Other("UPDATE"));
    world.sim.act(world.bob, 0, Act::Other("UPDATE"));
    world.sim.run_for(secs(5));
    assert_eq!(count(&world, world.alice, "200 UPDATE"), 1);
    assert_eq!(count(&world, world.bob, "200 UPDATE"), 1);
    world.sim.finish();
}

#[test]
fn a_reinvite_is_cancelled_on_the_other_side_too() {
    each_network(|run| {
        for side in 0..2 {
            let mut world = thinking(run.world(), 15_000);
            let (one, other) = world.pairs()[side];
            world
                .sim
                .act(one, 0, Act::InviteAndCancel(Spelling::SendOnly));
            world.sim.run_for(secs(60));
            let ended = count(&world, one, "487 INVITE") + count(&world, one, "200 INVITE");
            assert!(ended > 0, "{}", world.sim.ladder());
            if run.is_good() {
                assert_eq!(
                    count(&world, one, "487 INVITE"),
                    1,
                    "{}",
                    world.sim.ladder()
                );
                for (one, other) in world.pairs() {
                    assert_eq!(world.ways_from(one).len(), 1);
                    assert_eq!(count(&world, other, "BYE"), 0);
                }
            }
            world.sim.act(other, 0, Act::Invite(Spelling::Moved));
            world.sim.run_for(secs(60));
            assert!(world.hears(one, other));
            world.sim.finish();
        }
    });
}
