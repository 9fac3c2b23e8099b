//! Requests too large for UDP go by TCP, and by UDP where TCP cannot be had (RFC 3261 §18.1.1).

use crate::recorder;
use crate::world::{ALICE, BOB, INSIDE, OUTSIDE, World, border, millis, secs, to_bob};
use sbc_core::sip::{Message, Method};
use sbc_core::testing::{Answering, End, Fixed, Link, NodeId, Placed, Route, Say};
use sbc_core::transport::{Transport, UdpMax};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Our INVITE to Bob has more than 1300 bytes.
fn large() -> Placed {
    let mut call = small();
    call.headers.push(format!("Subject: {}", "x".repeat(1000)));
    call
}

fn small() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(5))
}

/// Bob's answers name no transport in Contact.
fn answering() -> Answering {
    Answering::after_ringing().with_plain_contact()
}

fn world(seed: u64) -> World {
    World::bad(seed).bob_answers(answering())
}

fn with(seed: u64, policy: Fixed) -> World {
    let mut world = World::with(seed, policy).bob_answers(answering());
    if seed > 0 {
        world.sim.set_link(Link::BAD);
    }
    world
}

/// Each request that a phone heard, once, and what its Via says it came by.
fn requests(world: &World, phone: NodeId) -> Vec<(Method, String)> {
    let mut known = BTreeSet::new();
    let calls = world.sim.phone(phone).calls().iter();
    let heard = calls.flat_map(|call| call.messages());
    let requests = heard.map(|heard| &heard.message).filter(|m| m.is_request());
    requests
        .filter(|m| known.insert(m.branch().map(ToOwned::to_owned)))
        .map(|m| (m.method().expect("a method").clone(), transport(m)))
        .collect()
}

fn transport(request: &Message) -> String {
    request.via().expect("a Via").transport.to_ascii_lowercase()
}

fn bobs(world: &World, method: &Method) -> Vec<String> {
    let requests = requests(world, world.bob).into_iter();
    let of_method = requests.filter(|(m, _)| m == method);
    of_method.map(|(_, transport)| transport).collect()
}

/// The call went well, and Bob got each request once: these by these transports.
fn assert_went(world: &World, invite: &str, ack: &str, bye: &str) {
    assert_eq!(world.alices().ended(), Some(End::HungUp));
    assert_eq!(world.bobs().ended(), Some(End::ByPeer));
    assert_eq!(bobs(world, &Method::Invite), [invite]);
    assert_eq!(bobs(world, &Method::Ack), [ack]);
    assert_eq!(bobs(world, &Method::Bye), [bye]);
}

#[test]
fn a_large_invite_goes_by_tcp_and_what_follows_by_udp() {
    for seed in 0..30 {
        let world = world(seed).run(large());
        assert_went(&world, "tcp", "udp", "udp");
    }
}

#[test]
fn a_small_invite_goes_by_udp() {
    for seed in 0..30 {
        assert_went(&world(seed).run(small()), "udp", "udp", "udp");
    }
}

#[test]
fn what_our_contact_says_is_udp_whatever_the_invite_went_by() {
    let world = world(0).run(large());
    let invite = &world.bobs().messages()[0].message;
    let contact = invite.contact().expect("a Contact");
    assert_eq!(contact.uri.param("transport"), None);
}

#[test]
fn a_callee_that_refuses_the_connection_gets_the_invite_by_udp_at_once() {
    for seed in 0..30 {
        let mut world = world(seed);
        world.sim.refuse_connections(BOB);
        assert_went(&world.run(large()), "udp", "udp", "udp");
    }
    let mut world = world(0);
    world.sim.refuse_connections(BOB);
    world.sim.call(world.alice, large());
    world.sim.run_for(millis(50));
    assert_eq!(bobs(&world, &Method::Invite), ["udp"]);
}

#[test]
fn a_callee_that_takes_no_connection_gets_the_invite_by_udp_after_half_a_second() {
    for seed in 0..30 {
        let mut world = world(seed);
        world.sim.swallow_connections(BOB);
        assert_went(&world.run(large()), "udp", "udp", "udp");
    }
    let mut world = world(0);
    world.sim.swallow_connections(BOB);
    world.sim.call(world.alice, large());
    world.sim.run_for(millis(510));
    assert!(bobs(&world, &Method::Invite).is_empty());
    world.sim.run_for(millis(20));
    assert_eq!(bobs(&world, &Method::Invite), ["udp"]);
}

#[test]
fn that_a_callee_took_no_connection_is_remembered_for_a_minute() {
    let mut world = world(0);
    world.sim.swallow_connections(BOB);
    world.sim.call(world.alice, large());
    world.sim.run_for(secs(30));
    world.sim.take_connections(BOB);
    world.sim.call(world.alice, large());
    world.sim.run_for(secs(40));
    world.sim.call(world.alice, large());
    world.sim.finish();
    assert_eq!(bobs(&world, &Method::Invite), ["udp", "udp", "tcp"]);
}

#[test]
fn while_it_is_remembered_nobody_waits_for_a_connection() {
    let mut world = world(0);
    world.sim.swallow_connections(BOB);
    world.sim.call(world.alice, large());
    world.sim.run_for(secs(30));
    world.sim.call(world.alice, large());
    world.sim.run_for(millis(30));
    assert_eq!(bobs(&world, &Method::Invite), ["udp", "udp"]);
}

#[test]
fn a_trunk_that_never_takes_tcp_gets_everything_by_udp() {
    for seed in 0..20 {
        let never = to_bob().udp_max(UdpMax::NEVER_TCP);
        let world = with(seed, border().otherwise(never)).run(large());
        assert_went(&world, "udp", "udp", "udp");
    }
}

#[test]
fn a_realm_without_tcp_sends_everything_by_udp() {
    for seed in 0..20 {
        let policy = border().without_tcp().otherwise(to_bob());
        assert_went(&with(seed, policy).run(large()), "udp", "udp", "udp");
    }
}

/// Nothing larger than this goes by UDP.
fn at_most(bytes: u16) -> Fixed {
    border().otherwise(to_bob().udp_max(UdpMax::bytes(bytes)))
}

#[test]
fn inside_a_call_each_request_goes_by_its_own_size_to_either_side() {
    for refused in [false, true] {
        for seed in 0..20 {
            let mut world = with(0, at_most(500));
            world
                .sim
                .call(world.alice, small().hanging_up_after(secs(60)));
            world.sim.run_for(secs(5));
            world.sim.reset(OUTSIDE, BOB);
            if refused {
                world.sim.refuse_connections(BOB);
                world.sim.refuse_connections(ALICE);
            }
            world
                .sim
                .set_link(if seed > 0 { Link::BAD } else { Link::GOOD });
            let expected = if refused { "udp" } else { "tcp" };
            for (asks, hears) in [(world.alice, world.bob), (world.bob, world.alice)] {
                for (method, by) in [("INFO", "udp"), ("UPDATE", expected), ("INVITE", expected)] {
                    world.sim.request(asks, 0, method);
                    world.sim.run_for(secs(5));
                    let heard = requests(&world, hears);
                    let of_method = |m: &&(Method, String)| m.0.as_str() == method;
                    let last = heard.iter().rfind(of_method).expect("it came");
                    assert_eq!(last.1, by, "{method}");
                }
            }
            world.sim.finish();
            assert_eq!(world.alices().ended(), Some(End::HungUp));
        }
    }
}

#[test]
fn an_ack_with_a_large_answer_goes_by_tcp_and_where_that_fails_by_udp() {
    for (refused, by) in [(false, "tcp"), (true, "udp")] {
        for seed in 0..20 {
            let mut world = with(seed, at_most(400));
            world.sim.call(world.alice, small().without_offer());
            world.sim.run_for(millis(500));
            if refused {
                world.sim.reset(OUTSIDE, BOB);
                world.sim.swallow_connections(BOB);
            }
            world.sim.finish();
            assert_eq!(bobs(&world, &Method::Ack), [by]);
            let sdp = world.bobs().messages().iter().find(|m| m.what == "ACK");
            assert!(sdp.is_some_and(|ack| ack.message.sdp().is_some()));
            assert_eq!(world.bobs().ended(), Some(End::ByPeer));
        }
    }
}

#[test]
fn cancel_goes_the_way_of_its_invite() {
    for (refused, by) in [(false, "tcp"), (true, "udp")] {
        for seed in 0..20 {
            let ringing = Answering::with(&[(20, Say::status(180))]);
            let mut world = world(seed).bob_answers(ringing);
            if refused {
                world.sim.refuse_connections(BOB);
            }
            let world = world.run(large().cancelling_after(secs(3)));
            assert_eq!(world.bobs().ended(), Some(End::Cancelled));
            assert_eq!(
                bobs(&world, &Method::Cancel),
                [] as [&str; 0],
                "same branch"
            );
            let mut heard = world.bobs().messages().iter();
            let cancel = heard
                .find(|heard| heard.what == "CANCEL")
                .expect("a CANCEL");
            assert_eq!(transport(&cancel.message), by);
        }
    }
}

#[test]
fn a_refusal_by_tcp_is_acknowledged_by_tcp() {
    for seed in 0..20 {
        let world = world(seed)
            .bob_answers(Answering::refusing(486))
            .run(large());
        assert_eq!(world.alices().ended(), Some(End::Refused(486)));
        let ladder = world.sim.ladder();
        let acks = ladder
            .lines()
            .filter(|l| l.contains(&format!("-> {BOB}")) && l.contains("  ACK "));
        let by_tcp: Vec<bool> = acks.map(|l| l.contains("tcp ")).collect();
        assert_eq!(by_tcp, [true]);
    }
}

#[test]
fn a_call_given_up_while_nobody_has_its_invite_is_not_begun_by_udp() {
    let mut world = world(0);
    world.sim.swallow_connections(BOB);
    let world = world.run(large().cancelling_after(millis(200)));
    assert_eq!(world.alices().ended(), Some(End::Refused(487)));
    assert!(world.sim.phone(world.bob).calls().is_empty());
}

#[test]
fn an_invite_whose_connection_is_lost_behind_it_is_not_sent_again() {
    let late = Answering::with(&[(5000, Say::status(180))]);
    let mut world = world(0).bob_answers(late);
    world.sim.call(world.alice, large());
    world.sim.run_for(secs(1));
    world.sim.reset(OUTSIDE, BOB);
    world.sim.run_for(secs(1));
    assert_eq!(world.alices().ended(), Some(End::Refused(503)));
    assert_eq!(bobs(&world, &Method::Invite), ["tcp"]);
}

#[test]
fn a_recorder_named_with_udp_is_asked_by_tcp_first() {
    const RECORDER: &str = "10.9.0.51";
    for (refused, by) in [(false, "tcp"), (true, "udp")] {
        for seed in 0..20 {
            let uri = format!("sip:rec@{RECORDER};transport=udp");
            let recorder = recorder::plan(&[&uri], secs(5));
            let route: Route = to_bob().recorded_by(Arc::new(recorder));
            let policy = border().realm("recording", "10.9.0.1").otherwise(route);
            let mut world = with(seed, policy);
            let srs = world.sim.add_phone("rec", RECORDER);
            let taking = Answering::with(&[(50, Say::with_sdp(200))]).with_plain_contact();
            world.sim.phone_mut(srs).answer_with(taking);
            if refused {
                world.sim.refuse_connections(RECORDER);
            }
            let world = world.run(small());
            let heard = requests(&world, srs);
            assert_eq!(heard[0], (Method::Invite, by.to_owned()));
            assert_eq!(heard.last(), Some(&(Method::Bye, "udp".to_owned())));
            assert!(world.sim.phone(srs).calls()[0].was_answered());
        }
    }
}

#[test]
fn a_target_named_with_tcp_is_not_called_by_udp() {
    let by_tcp = Route::to(1, BOB, Transport::Tcp);
    let mut world = with(0, border().otherwise(by_tcp));
    world.sim.refuse_connections(BOB);
    let world = world.run(large());
    assert_eq!(world.alices().ended(), Some(End::Refused(503)));
    assert!(world.sim.phone(world.bob).calls().is_empty());
}
