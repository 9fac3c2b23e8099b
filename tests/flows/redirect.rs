//! Redirections: followed, or passed to the caller.

use crate::world::{INSIDE, OUTSIDE, World, border, secs, to_bob};
use sbc_core::b2bua::plan::{FailoverCodes, Redirect};
use sbc_core::sip::HeaderName;
use sbc_core::testing::{Answering, End, Fixed, Link, NodeId, Placed, Say};
use sbc_core::transport::Transport;

const CAROL: &str = "198.51.100.30";
const DAVE: &str = "198.51.100.40";

fn call() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(5))
}

fn moved(contacts: &[&str]) -> Answering {
    moved_with(302, contacts)
}

fn moved_with(status: u16, contacts: &[&str]) -> Answering {
    let mut say = Say::status(status);
    for contact in contacts {
        say = say.saying(&format!("Contact: {contact}"));
    }
    Answering::with(&[(20, say)])
}

/// Bob redirects; Carol and Dave are there.
fn world(seed: u64, bob: Answering) -> (World, NodeId, NodeId) {
    let route = to_bob().redirected(Redirect::Follow);
    in_world(seed, border().otherwise(route), bob)
}

fn in_world(seed: u64, policy: Fixed, bob: Answering) -> (World, NodeId, NodeId) {
    let mut world = World::with(seed, policy).bob_answers(bob);
    if seed > 0 {
        world.sim.set_link(Link::BAD);
    }
    let carol = world.sim.add_phone("carol", CAROL);
    let dave = world.sim.add_phone("dave", DAVE);
    (world, carol, dave)
}

fn called(world: &World, phone: NodeId) -> usize {
    world.sim.phone(phone).calls().len()
}

fn request_uri(world: &World, phone: NodeId) -> String {
    let call = &world.sim.phone(phone).calls()[0];
    call.messages()[0].message.request_uri().to_owned()
}

#[test]
fn the_contacts_of_a_redirection_are_called_the_best_first() {
    for seed in 0..20 {
        for status in [300, 301, 302] {
            let contacts = [
                "<sip:dave@198.51.100.40>;q=0.5",
                "<sip:carol@198.51.100.30;x=y?Subject=no>;q=0.9, <mailto:c@example.com>;q=1",
            ];
            let (world, carol, dave) = world(seed, moved_with(status, &contacts));
            let world = world.run(call());
            assert_eq!(world.alices().ended(), Some(End::HungUp));
            assert_eq!(request_uri(&world, carol), "sip:carol@198.51.100.30;x=y");
            let invite = &world.sim.phone(carol).calls()[0].messages()[0].message;
            let to = invite.to().expect("a To");
            assert_eq!(to.uri.user.as_deref(), Some("bob"), "To is who was called");
            assert_eq!(called(&world, dave), 0);
            let heard = world.alices().heard();
            assert!(!heard.iter().any(|h| h.starts_with('3')), "{heard:?}");
        }
    }
}

#[test]
fn the_next_contact_is_called_where_one_is_busy_and_none_where_it_declines_for_all() {
    for (status, calls) in [(486, 1), (404, 1), (503, 1), (603, 0)] {
        let bob = moved(&["<sip:carol@198.51.100.30>, <sip:dave@198.51.100.40>"]);
        let (mut world, carol, dave) = world(1, bob);
        let refusing = Answering::refusing(status);
        world.sim.phone_mut(carol).answer_with(refusing);
        let world = world.run(call());
        assert_eq!(called(&world, dave), calls, "{status}");
        let ended = world.alices().ended();
        let refused = End::Refused(status);
        assert_eq!(ended, Some(if calls == 1 { End::HungUp } else { refused }));
    }
}

#[test]
fn behind_the_last_contact_the_routes_codes_decide() {
    for (codes, calls) in [
        (FailoverCodes::default(), 0),
        (FailoverCodes::NONE.with(486, 486), 1),
    ] {
        let route = to_bob()
            .or_to(1, DAVE, Transport::Udp)
            .going_on_after(codes)
            .redirected(Redirect::Follow);
        let bob = moved(&["<sip:carol@198.51.100.30>"]);
        let (mut world, carol, dave) = in_world(1, border().otherwise(route), bob);
        let busy = Answering::refusing(486);
        world.sim.phone_mut(carol).answer_with(busy);
        let world = world.run(call());
        assert_eq!(called(&world, carol), 1);
        assert_eq!(called(&world, dave), calls);
    }
}

#[test]
fn a_circle_of_redirections_ends() {
    for seed in 0..10 {
        let (mut world, carol, dave) = world(seed, moved(&["<sip:carol@198.51.100.30>"]));
        let back = moved(&["<sip:bob@198.51.100.20:5060>, <sip:carol@198.51.100.30>"]);
        world.sim.phone_mut(carol).answer_with(back);
        let world = world.run(call());
        assert_eq!(world.alices().ended(), Some(End::Refused(302)));
        let calls = [world.bob, carol, dave].map(|phone| called(&world, phone));
        assert_eq!(calls, [1, 1, 0]);
    }
}

#[test]
fn five_contacts_are_followed_and_no_more() {
    let contacts = |from: u32| -> Vec<String> {
        let uri = |n| format!("<sip:u{n}@198.51.100.40>");
        (from..from + 4).map(uri).collect()
    };
    let lines: Vec<String> = contacts(0);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (mut world, _, dave) = world(1, moved(&lines));
    // Each of them names four more.
    let more = contacts(10);
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    world.sim.phone_mut(dave).answer_with(moved(&more));
    let world = world.run(call());
    assert_eq!(called(&world, dave), 5);
    assert_eq!(world.alices().ended(), Some(End::Refused(302)));
}

#[test]
fn a_contact_that_is_ours_or_out_of_reach_is_not_followed() {
    for contact in [
        format!("<sip:carol@{OUTSIDE}>"),
        format!("<sip:carol@{INSIDE}:5060>"),
        format!("<sip:carol@192.0.2.1;maddr={OUTSIDE}>"),
        "<sip:carol@[2001:db8::1]>".into(),
        "<sip:carol@0.0.0.0>".into(),
        "<sip:carol@239.1.2.3>".into(),
        "<sip:carol@198.51.100.30:0>".into(),
        "<sip:carol@198.51.100.30;transport=sctp>".into(),
        "<sips:carol@198.51.100.30>".into(),
        "<tel:+4930>".into(),
        "*".into(),
        "<sip:".into(),
    ] {
        let (world, carol, _) = world(1, moved(&[&contact]));
        let world = world.run(call());
        let ended = world.alices().ended();
        assert_eq!(ended, Some(End::Refused(302)), "{contact}");
        assert_eq!(called(&world, carol), 0, "{contact}");
    }
}

#[test]
fn a_proxy_or_another_service_is_not_followed() {
    for status in [305, 380] {
        let (world, carol, _) = world(1, moved_with(status, &["<sip:carol@198.51.100.30>"]));
        let world = world.run(call());
        assert_eq!(world.alices().ended(), Some(End::Refused(status)));
        assert_eq!(called(&world, carol), 0);
    }
}

/// The Contacts that Alice sees of Bob's 302.
fn seen(seed: u64, policy: Fixed) -> Vec<String> {
    let bob = moved(&["<sip:moved@203.0.113.77>;q=0.3", "<sip:also@203.0.113.78>"]);
    let mut world = in_world(seed, policy, bob).0;
    world.sim.call(world.alice, call());
    world.sim.run_to_the_end();
    // That hosts of the other side cross is what the simulator finds wrong, and nothing else.
    for fault in world.sim.faults_at_the_end() {
        assert!(fault.contains("203.0.113.7"), "{fault}");
    }
    assert_eq!(world.alices().ended(), Some(End::Refused(302)));
    let refusal = world.alices().messages().last().expect("a refusal");
    let contacts = refusal.message.header_lines(&HeaderName::Contact);
    contacts.map(ToOwned::to_owned).collect()
}

#[test]
fn contacts_cross_where_the_route_or_trust_on_both_sides_says_so() {
    let all = ["<sip:moved@203.0.113.77>;q=0.3", "<sip:also@203.0.113.78>"];
    let trusting = || {
        let inside = Fixed::new().realm("inside", INSIDE).trusted();
        inside.realm("outside", OUTSIDE)
    };
    for seed in 0..5 {
        let pass = to_bob().redirected(Redirect::Pass);
        assert_eq!(seen(seed, border().otherwise(pass)), all);
        assert!(seen(seed, border().otherwise(to_bob())).is_empty());
        assert!(seen(seed, trusting().otherwise(to_bob())).is_empty());
        assert_eq!(seen(seed, trusting().trusted().otherwise(to_bob())), all);
    }
}

#[test]
fn a_redirection_without_a_way_to_follow_shows_no_contact() {
    let bob = moved(&["<sip:moved@198.51.100.1>"]);
    let world = world(1, bob).0.run(call());
    let refusal = world.alices().messages().last().expect("a refusal");
    assert_eq!(refusal.message.header(&HeaderName::Contact), None);
}
