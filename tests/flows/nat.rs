//! Where responses and requests go whose sender is not where it says (RFC 3261 §18.2, RFC 3581).

use crate::world::{ALICE, BOB, INSIDE, OUTSIDE, World, border, millis, secs, to_bob};
use sbc_core::sip::{HeaderName, Message};
use sbc_core::testing::{Answering, End, Link, Placed};
use sbc_core::transport::{Transport, UdpMax};

const REAL: &str = "10.1.0.10:5060";

/// Where our answers go to an OPTIONS with this Via by UDP from [`REAL`], and the Via of those that
/// arrive there.
fn answered(seed: u64, via: &str) -> (Vec<String>, Vec<String>) {
    let mut world = World::bad(seed);
    let text = format!(
        "OPTIONS sip:{INSIDE} SIP/2.0\nVia: SIP/2.0/UDP {via};branch=z9hG4bKraw1\n\
         Max-Forwards: 70\nFrom: <sip:alice@alice.example>;tag=a1\nTo: <sip:{INSIDE}>\n\
         Call-ID: raw1@alice.example\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n"
    );
    let phone = world.alice;
    world.sim.send_raw(phone, INSIDE, Transport::Udp, &text);
    world.sim.finish();
    let from = format!("udp {INSIDE}:5060 -> ");
    let ladder = world.sim.ladder();
    let sent = ladder.lines().filter_map(|line| line.split_once(&from));
    let to = sent.filter_map(|(_, rest)| rest.split(' ').next());
    let via = |reply: &Message| reply.header(&HeaderName::Via).map(ToOwned::to_owned);
    let vias = world.sim.phone(phone).replies().iter().filter_map(via);
    (to.map(ToOwned::to_owned).collect(), vias.collect())
}

/// What our answer's Via has beside the branch, and where it goes, over a good network and a bad
/// one.
fn goes(via: &str, stamped: &str, to: &str) {
    let (mut sent, mut heard) = (0, 0);
    for seed in 0..20 {
        let (to_all, vias) = answered(seed, via);
        for went in &to_all {
            assert_eq!(went, to, "{via}");
        }
        for seen in &vias {
            let rest = seen.replace(";branch=z9hG4bKraw1", "");
            assert_eq!(rest, format!("SIP/2.0/UDP {stamped}"), "{via}");
        }
        (sent, heard) = (sent + to_all.len(), heard + vias.len());
    }
    assert!(sent > 10, "{via}: {sent} answers");
    assert_eq!(heard > 10, to == REAL, "{via}: {heard} answers heard");
}

#[test]
fn with_rport_the_answer_goes_where_the_request_came_from() {
    let seen = ";rport=5060;received=10.1.0.10";
    for host in ["10.1.0.10", "192.168.1.5", "phone.example"] {
        for port in ["", ":5060", ":5070"] {
            let at = format!("{host}{port}");
            goes(&format!("{at};rport"), &format!("{at}{seen}"), REAL);
        }
    }
}

#[test]
fn what_the_sender_writes_into_rport_and_received_is_not_believed() {
    let told = "10.1.0.10:5070;rport=9;received=203.0.113.9";
    goes(told, "10.1.0.10:5070;rport=5060;received=10.1.0.10", REAL);
    let told = "10.1.0.10:5060;received=203.0.113.9";
    goes(told, "10.1.0.10:5060", REAL);
}

#[test]
fn without_rport_the_answer_goes_to_the_port_of_the_via_unless_that_is_another_hosts() {
    goes("10.1.0.10:5070", "10.1.0.10:5070", "10.1.0.10:5070");
    goes("10.1.0.10", "10.1.0.10", REAL);
    // The port of a host that is not seen means nothing where it is seen from.
    let seen = "192.168.1.5:5070;received=10.1.0.10";
    goes("192.168.1.5:5070", seen, REAL);
    let seen = "phone.example:5070;received=10.1.0.10";
    goes("phone.example:5070", seen, REAL);
}

#[test]
fn a_call_of_phones_that_do_not_know_their_addresses() {
    for rport in [true, false] {
        for (alice, bob) in [
            ("192.168.1.5:5062", "198.51.100.20:5060"),
            ("10.1.0.10:5060", "192.168.7.7:5064"),
            ("192.168.1.5:5062", "192.168.7.7:5064"),
        ] {
            for seed in 0..20 {
                let answering = Answering::after_ringing().hanging_up_after(secs(50));
                let mut world = World::new(seed).bob_answers(answering);
                if seed > 0 {
                    world.sim.set_link(Link::BAD);
                }
                for (phone, told) in [(world.alice, alice), (world.bob, bob)] {
                    world.sim.phone_mut(phone).believe(told, rport);
                }
                world.sim.call(world.alice, Placed::to("bob", INSIDE));
                world.sim.run_for(secs(15));
                for phone in [world.alice, world.bob] {
                    for method in ["INVITE", "UPDATE", "INFO"] {
                        world.sim.request(phone, 0, method);
                        world.sim.run_for(secs(5));
                    }
                }
                world.sim.finish();
                assert_eq!(world.alices().ended(), Some(End::ByPeer), "{alice} {bob}");
                assert_eq!(world.bobs().ended(), Some(End::HungUp), "{alice} {bob}");
                for line in world.sim.ladder().lines() {
                    assert!(!line.contains("-> 192.168."), "{line}");
                }
            }
        }
    }
}

#[test]
fn nobody_tries_to_connect_to_behind_a_nat() {
    let route = to_bob().udp_max(UdpMax::bytes(500));
    let mut world = World::with(0, border().otherwise(route));
    let alice = world.sim.phone_mut(world.alice);
    alice.believe("192.168.1.5:5062", true);
    world.sim.call(world.alice, Placed::to("bob", INSIDE));
    world.sim.run_for(secs(10));
    let before = world.sim.connections();
    world.sim.swallow_connections(ALICE);
    world.sim.request(world.bob, 0, "UPDATE");
    world.sim.run_for(millis(100));
    assert!(world.alices().heard().contains(&"UPDATE"), "at once");
    assert_eq!(world.sim.connections(), before);
}

#[test]
fn a_keep_alive_by_udp_gets_no_answer() {
    let mut world = World::new(0);
    for (phone, to) in [(world.alice, INSIDE), (world.bob, OUTSIDE)] {
        for text in ["\n\n", "\n"] {
            world.sim.send_raw(phone, to, Transport::Udp, text);
        }
    }
    world.sim.finish();
    let ladder = world.sim.ladder();
    assert!(!ladder.contains(&format!("-> {ALICE}")), "{ladder}");
    assert!(!ladder.contains(&format!("-> {BOB}")), "{ladder}");
    assert_eq!(ladder.lines().count(), 4);
}
