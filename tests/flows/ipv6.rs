//! IPv6 on both legs, and on one.

use crate::world::{World, raw_invite, secs};
use sbc_core::sdp::Sdp;
use sbc_core::sip::{HeaderName, Host, Message};
use sbc_core::testing::{Answering, End, Fixed, Link, PhoneCall, Placed, Route, Sim};
use sbc_core::transport::{Transport, UdpMax};

const INSIDE: &str = "2001:db8:1::1";
const OUTSIDE: &str = "2001:db8:2::1";
const ALICE: &str = "2001:db8:1::10";
const BOB: &str = "2001:db8:2::20";
/// The same of IPv4.
const FOUR: [&str; 4] = ["10.1.0.1", "198.51.100.1", "10.1.0.10", "198.51.100.20"];

/// The SBC's addresses inside and outside, Alice's and Bob's.
fn world(seed: u64, [inside, outside, alice, bob]: [&str; 4], route: Route) -> World {
    let policy = Fixed::new()
        .realm("inside", inside)
        .realm("outside", outside)
        .otherwise(route);
    of_policy(seed, policy, [alice, bob])
}

/// Over a network that misbehaves, from seed 1 on; with Alice's address and Bob's.
fn of_policy(seed: u64, policy: Fixed, [alice, bob]: [&str; 2]) -> World {
    let mut sim = Sim::seed(seed);
    if seed > 0 {
        sim.set_link(Link::BAD);
    }
    let sbc = sim.add_sbc(policy);
    let (alice, bob) = (sim.add_phone("alice", alice), sim.add_phone("bob", bob));
    World {
        sim,
        sbc,
        alice,
        bob,
    }
}

fn six(seed: u64, to_bob: Transport) -> World {
    let route = Route::to(1, BOB, to_bob);
    world(seed, [INSIDE, OUTSIDE, ALICE, BOB], route)
}

fn call(sbc: &str) -> Placed {
    Placed::to("bob", sbc).hanging_up_after(secs(60))
}

fn host(ip: &str) -> Host {
    Host::Ip(ip.parse().expect("an address"))
}

fn heard<'a>(call: &'a PhoneCall, what: &str) -> &'a Message {
    let found = call.messages().iter().find(|heard| heard.what == what);
    &found.expect("it was heard").message
}

#[test]
fn a_call_over_ipv6_on_both_legs_by_any_transports() {
    for to_bob in [Transport::Udp, Transport::Tcp] {
        for seed in 0..20 {
            for by_tcp in [false, true] {
                let placed = call(INSIDE);
                let placed = if by_tcp { placed.by_tcp() } else { placed };
                let world = six(seed, to_bob).run(placed);
                assert_eq!(world.alices().ended(), Some(End::HungUp));
                assert_eq!(world.bobs().ended(), Some(End::ByPeer));
            }
        }
    }
}

#[test]
fn each_side_sees_our_address_of_its_own_as_each_place_writes_it() {
    let world = six(0, Transport::Udp).run(call(INSIDE));
    let invite = heard(world.bobs(), "INVITE");
    let via = invite.header(&HeaderName::Via).expect("a Via");
    assert!(
        via.starts_with("SIP/2.0/UDP [2001:db8:2::1]:5060;"),
        "{via}"
    );
    assert!(invite.request_uri().contains("@[2001:db8:2::20]"));
    for (message, ours) in [
        (invite, OUTSIDE),
        (heard(world.alices(), "200 INVITE"), INSIDE),
    ] {
        let ours = ours.parse().expect("an address");
        let contact = message.contact().expect("a Contact");
        assert_eq!(contact.uri.host, Some(Host::Ip(ours)));
        let sdp = message.sdp().expect("a description");
        assert!(String::from_utf8_lossy(&sdp).contains(&format!("c=IN IP6 {ours}\r\n")));
        let sdp = Sdp::parse(&sdp).expect("a description");
        assert_eq!(sdp.media(0).connection(), Some(ours));
    }
}

#[test]
fn received_has_no_brackets_and_rport_the_port() {
    let world = six(0, Transport::Udp).run(call(INSIDE));
    let ok = heard(world.alices(), "200 INVITE");
    let via = ok.via().expect("a Via");
    // RFC 3261 §25.1, via-received: an IPv6address, not an IPv6reference.
    assert_eq!(via.param("received"), Some(ALICE));
    assert_eq!(via.param("rport"), Some("5060"));
}

#[test]
fn requests_inside_a_call_cross_over_ipv6_from_either_side() {
    for seed in 0..20 {
        let mut world = six(seed, Transport::Udp);
        world.sim.call(world.alice, call(INSIDE));
        world.sim.run_for(secs(10));
        for phone in [world.alice, world.bob] {
            for method in ["INVITE", "UPDATE", "INFO"] {
                world.sim.request(phone, 0, method);
                world.sim.run_for(secs(5));
            }
        }
        world.sim.finish();
        for call in [world.alices(), world.bobs()] {
            for answer in ["200 INVITE", "200 UPDATE", "200 INFO"] {
                assert!(call.heard().contains(&answer), "{answer}");
            }
        }
        assert_eq!(world.alices().ended(), Some(End::HungUp));
    }
}

#[test]
fn a_large_request_goes_by_tcp_over_ipv6_too() {
    for (refused, by) in [(false, "TCP"), (true, "UDP")] {
        let route = Route::to(1, BOB, Transport::Udp).udp_max(UdpMax::bytes(500));
        let mut world = world(0, [INSIDE, OUTSIDE, ALICE, BOB], route);
        if refused {
            world.sim.refuse_connections(BOB);
        }
        let world = world.run(call(INSIDE));
        let via = heard(world.bobs(), "INVITE").via().expect("a Via");
        assert!(via.transport.eq_ignore_ascii_case(by));
    }
}

#[test]
fn cancel_and_refusal_over_ipv6() {
    for seed in 0..20 {
        let placed = call(INSIDE).cancelling_after(secs(1));
        let world = six(seed, Transport::Udp).run(placed);
        assert_eq!(world.alices().ended(), Some(End::Refused(487)));
        let world = six(seed, Transport::Udp)
            .bob_answers(Answering::refusing(486))
            .run(call(INSIDE));
        assert_eq!(world.alices().ended(), Some(End::Refused(486)));
    }
}

#[test]
fn sides_without_a_family_in_common_get_488_and_a_warning_that_says_so() {
    let [inside, outside, alice, bob] = FOUR;
    for addresses in [[inside, OUTSIDE, alice, BOB], [INSIDE, outside, ALICE, bob]] {
        for seed in 0..10 {
            let route = Route::to(1, addresses[3], Transport::Udp);
            let world = world(seed, addresses, route).run(call(addresses[0]));
            assert_eq!(world.alices().ended(), Some(End::Refused(488)));
            assert!(world.sim.phone(world.bob).calls().is_empty());
            let refusal = heard(world.alices(), "488 INVITE");
            let warning = refusal.header(&HeaderName::Warning);
            assert_eq!(
                warning,
                Some("301 - \"the sides have no address family in common\"")
            );
        }
    }
}

/// Both realms have both families.
fn both(seed: u64, phones: [&str; 2], route: Route) -> World {
    let [inside, outside, ..] = FOUR;
    let policy = Fixed::new()
        .realm("inside", inside)
        .and_at(INSIDE)
        .realm("outside", outside)
        .and_at(OUTSIDE)
        .otherwise(route);
    of_policy(seed, policy, phones)
}

#[test]
fn realms_of_both_families_take_calls_of_each_and_answer_in_its_own() {
    let [inside, outside, alice, bob] = FOUR;
    for (ours, theirs) in [
        ([inside, outside], [alice, bob]),
        ([INSIDE, OUTSIDE], [ALICE, BOB]),
    ] {
        for transport in [Transport::Udp, Transport::Tcp] {
            for seed in 0..10 {
                let route = Route::to(1, theirs[1], transport);
                let mut world = both(seed, theirs, route).up(call(ours[0]));
                for (one, other) in world.pairs() {
                    assert!(world.hears(one, other));
                    world.sim.request(one, 0, "INVITE");
                    world.sim.run_for(secs(5));
                }
                world.sim.finish();
                assert_eq!(world.alices().ended(), Some(End::HungUp));
                let invite = heard(world.bobs(), "INVITE");
                let via = invite.via().expect("a Via");
                assert_eq!(via.host, host(ours[1]));
                for (message, ours) in [
                    (invite, ours[1]),
                    (heard(world.alices(), "200 INVITE"), ours[0]),
                ] {
                    let contact = message.contact().expect("a Contact");
                    assert_eq!(contact.uri.host, Some(host(ours)));
                    let sdp = Sdp::parse(&message.sdp().expect("SDP")).expect("SDP");
                    assert_eq!(sdp.media(0).connection(), ours.parse().ok());
                }
            }
        }
    }
}

#[test]
fn an_app_answers_in_the_family_of_the_caller() {
    let [inside, _, alice, _] = FOUR;
    for (ours, theirs) in [(inside, alice), (INSIDE, ALICE)] {
        let mut sim = Sim::seed(1);
        let policy = Fixed::new()
            .realm("inside", inside)
            .and_at(INSIDE)
            .otherwise_app(apps::build("echo").expect("an app"));
        sim.add_sbc(policy);
        let alice = sim.add_phone("alice", theirs);
        sim.call(alice, call(ours));
        sim.finish();
        let call = &sim.phone(alice).calls()[0];
        assert_eq!(call.ended(), Some(End::HungUp));
        let sdp = heard(call, "200 INVITE").sdp().expect("an answer");
        let sdp = Sdp::parse(&sdp).expect("SDP that can be read");
        assert_eq!(sdp.media(0).connection(), ours.parse().ok());
    }
}

#[test]
fn a_realm_of_both_families_refuses_what_the_other_side_has_not() {
    let [inside, _, _, bob] = FOUR;
    for seed in 0..10 {
        let mut sim = Sim::seed(seed);
        let policy = Fixed::new()
            .realm("inside", inside)
            .and_at(INSIDE)
            .realm("outside", FOUR[1])
            .otherwise(Route::to(1, bob, Transport::Udp));
        let sbc = sim.add_sbc(policy);
        let (alice, bob) = (sim.add_phone("alice", ALICE), sim.add_phone("bob", bob));
        let world = World {
            sim,
            sbc,
            alice,
            bob,
        };
        let world = world.run(call(INSIDE));
        assert_eq!(world.alices().ended(), Some(End::Refused(488)));
        let refusal = heard(world.alices(), "488 INVITE");
        let warning = refusal.header(&HeaderName::Warning).unwrap_or_default();
        assert!(warning.starts_with("301 "), "{warning}");
    }
}

/// RFC 5118 §4.8: each line of a description may have an address of another family.
#[test]
fn a_line_of_another_family_than_the_first_is_closed_and_the_others_go_on() {
    let [inside, outside, alice, bob] = FOUR;
    let route = Route::to(1, bob, Transport::Udp);
    let mut world = world(0, [inside, outside, alice, bob], route);
    let sdp = format!(
        "v=0\no=- 1 1 IN IP4 {alice}\ns=-\nt=0 0\nm=audio 22334 RTP/AVP 0\nc=IN IP4 {alice}\n\
         m=video 6024 RTP/AVP 107\nc=IN IP6 2001:db8::1\na=rtpmap:107 H263-1998/90000\n"
    );
    let text = raw_invite(alice, inside, &sdp);
    let caller = world.alice;
    world.sim.send_raw(caller, inside, Transport::Udp, &text);
    world.sim.finish();
    let offer = heard(world.bobs(), "INVITE").sdp().expect("an offer");
    let offer = Sdp::parse(&offer).expect("a description");
    assert_eq!(offer.media_count(), 2);
    assert_ne!(offer.media(0).port(), 0);
    assert_eq!(offer.media(0).connection(), outside.parse().ok());
    assert_eq!(offer.media(1).port(), 0);
    assert_ne!(offer.media(1).connection(), "2001:db8::1".parse().ok());
}
