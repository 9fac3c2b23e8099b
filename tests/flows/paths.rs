//! Ways that are not straight: phones behind a NAT, and proxies that stay on the route of a dialog
//! (RFC 3261 §12.1, §12.2.1.1, §16.12; RFC 3581).

use crate::world::{ALICE, BOB, INSIDE, OUTSIDE, Run, World, border, each_network, millis, secs};
use sbc_core::sip::HeaderName;
use sbc_core::testing::{Act, Answering, End, Link, Placed, Route, Say, Spelling};
use sbc_core::transport::Transport;

const NEAR: [&str; 2] = ["10.1.0.50", "10.1.0.51"];
const FAR: [&str; 2] = ["198.51.100.50", "198.51.100.51"];

/// Both sides hold and resume, ask and tell.
fn talkative(call: Placed) -> (Placed, Answering) {
    let acts = [
        Act::Invite(Spelling::SendOnly),
        Act::Update(Spelling::SendRecv),
        Act::Info,
        Act::Ask,
    ];
    let mut answering = Answering::after_ringing();
    let mut call = call;
    for act in acts {
        call = call.then(secs(11), act);
        answering = answering.then(secs(13), act);
    }
    (call, answering)
}

/// Runs a call that either side ends, and sees that each heard all of the other.
fn lives(world: impl Fn() -> World, call: &Placed) {
    for by_caller in [true, false] {
        let (mut call, mut answering) = talkative(call.clone());
        if by_caller {
            call = call.hanging_up_after(secs(200));
        } else {
            answering = answering.hanging_up_after(secs(200));
        }
        let world = world().bob_answers(answering).run(call);
        for phone in [world.alices(), world.bobs()] {
            assert!(phone.was_answered());
            for what in [
                "INVITE",
                "UPDATE",
                "INFO",
                "200 INVITE",
                "200 UPDATE",
                "200 INFO",
            ] {
                assert!(
                    phone.heard().contains(&what),
                    "{what}\n{}",
                    world.sim.ladder()
                );
            }
        }
        let (ended, other) = if by_caller {
            (world.alices(), world.bobs())
        } else {
            (world.bobs(), world.alices())
        };
        assert_eq!(ended.ended(), Some(End::HungUp));
        assert_eq!(other.ended(), Some(End::ByPeer));
    }
}

#[test]
fn a_caller_behind_a_nat_is_reached_where_it_calls_from() {
    each_network(|run| {
        let world = || {
            let mut world = run.with(border().otherwise(Route::to(0, ALICE, Transport::Udp)));
            let (hidden, seen_as) = ("192.168.1.10", "203.0.113.77:61234");
            let nat = world.sim.add_phone_behind_nat("nat", hidden, seen_as);
            (world.bob, world.alice) = (world.alice, nat);
            world
        };
        lives(world, &Placed::to("alice", OUTSIDE));
    });
}

#[test]
fn a_callee_behind_a_nat_is_reached_where_it_answers_from() {
    each_network(|run| {
        let world = || {
            let seen_as = "203.0.113.77";
            let mut world = run.with(border().otherwise(Route::to(1, seen_as, Transport::Udp)));
            let seen_as = format!("{seen_as}:5060");
            world.bob = world
                .sim
                .add_phone_behind_nat("nat", "192.168.1.10", &seen_as);
            world
        };
        lives(world, &Placed::to("nat", INSIDE));
    });
}

/// Nobody repeats anything between the SBC and a phone: three hops lose together what one loses
/// elsewhere.
fn of_three_hops(run: &Run) -> Link {
    Link {
        loss: run.link.loss / 3.0,
        ..run.link
    }
}

/// Two proxies before the SBC and two behind it.
fn between_proxies(run: &Run) -> World {
    let mut world = run.with(border().otherwise(Route::to(1, FAR[0], Transport::Udp)));
    world.sim.set_link(of_three_hops(run));
    for (proxy, target) in [
        (NEAR[0], NEAR[1]),
        (NEAR[1], INSIDE),
        (FAR[0], FAR[1]),
        (FAR[1], BOB),
    ] {
        world.sim.add_proxy(proxy, target, false);
    }
    world
}

#[test]
fn a_call_between_two_proxies_on_each_side_follows_its_routes() {
    each_network(|run| lives(|| between_proxies(run), &Placed::to("bob", NEAR[0])));
}

#[test]
fn every_request_of_the_call_goes_by_every_proxy() {
    each_network(|run| {
        let call = Placed::to("bob", NEAR[0]).hanging_up_after(secs(30));
        let call = call.then(secs(1), Act::Invite(Spelling::SendOnly));
        let world = between_proxies(run).run(call);
        for heard in world.bobs().messages() {
            // Each took itself out of the route, and put itself into the record once.
            assert_eq!(heard.message.header(&HeaderName::Route), None);
            let begins = heard.message.to_tag().is_none();
            let recorded = heard
                .message
                .header_values(&HeaderName::RecordRoute)
                .count();
            assert_eq!(recorded, if begins { 2 } else { 0 });
            assert_eq!(heard.message.header_values(&HeaderName::Via).count(), 3);
        }
        let ladder = world.sim.ladder();
        for method in ["ACK", "BYE", "INVITE"] {
            for (from, to) in [(OUTSIDE, FAR[0]), (FAR[0], FAR[1]), (FAR[1], BOB)] {
                let hop = format!("{from}:5060 -> {to}:5060  {method} ");
                assert!(ladder.contains(&hop), "{hop}\n{ladder}");
            }
        }
        assert!(!ladder.contains(&format!("{OUTSIDE}:5060 -> {BOB}")));
        assert!(!ladder.contains(&format!("{INSIDE}:5060 -> {ALICE}")));
    });
}

#[test]
fn a_call_that_is_cancelled_or_refused_behind_proxies() {
    each_network(|run| {
        let ringing = Answering::with(&vec![(300, Say::status(180)); 9]);
        let call = Placed::to("bob", NEAR[0]).cancelling_after(millis(5000));
        let world = between_proxies(run).bob_answers(ringing).run(call);
        assert_eq!(world.alices().ended(), Some(End::Refused(487)));
        assert_eq!(world.bobs().ended(), Some(End::Cancelled));
        let busy = Answering::refusing(486);
        let call = Placed::to("bob", NEAR[0]);
        let world = between_proxies(run).bob_answers(busy).run(call);
        assert_eq!(world.alices().ended(), Some(End::Refused(486)));
    });
}

#[test]
fn strict_routers_find_themselves_in_the_request_uri() {
    each_network(|run| {
        let mut world = run.with(border().otherwise(Route::to(1, FAR[0], Transport::Udp)));
        world.sim.set_link(of_three_hops(run));
        world.sim.add_proxy(FAR[0], FAR[1], true);
        world.sim.add_proxy(FAR[1], BOB, true);
        let call = Placed::to("bob", INSIDE)
            .then(secs(5), Act::Invite(Spelling::SendOnly))
            .then(secs(20), Act::Info)
            .hanging_up_after(secs(60));
        let world = world.run(call);
        assert_eq!(world.bobs().ended(), Some(End::ByPeer));
        for what in ["ACK", "INFO", "BYE"] {
            let heard = world.bobs().messages().iter().find(|h| h.what == what);
            let heard = &heard.expect(what).message;
            assert_eq!(heard.request_uri(), format!("sip:bob@{BOB}:5060"));
            assert_eq!(heard.header(&HeaderName::Route), None);
        }
    });
}
