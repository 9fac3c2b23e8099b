//! Whatever is offered, answered, refused, cancelled, lost, said twice or overtaken: when nothing
//! is left to say, both phones believe in the same session, and the media of the SBC flows as it
//! says.
//!
//! The phones are models of their own, see `phone`; a random tape directs them and the network, so
//! that a failure shrinks to the shortest one.

mod phone;
mod sdp;
mod world;

use crate::world::{INSIDE, OUTSIDE};
use proptest::collection::vec;
use proptest::prelude::*;
use sbc_core::b2bua::CallEvent;
use sdp::{Described, Stream};
use std::net::SocketAddr;
use world::World;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 800,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn both_sides_believe_in_the_same_session(
        seed in 0..1_000_u64,
        offers in any::<bool>(),
        relay in proptest::bool::weighted(0.8),
        tape in vec(any::<u8>(), 0..120),
    ) {
        let mut world = World::new(seed, relay);
        let invite = world.phones[0].call(offers);
        world.say(0, invite);
        for choice in tape {
            world.step(choice);
        }
        world.settle();
        let verdict = judge(&world, relay);
        prop_assert!(verdict.is_empty(), "{}\n{}", world.ladder.join("\n"), verdict.join("\n"));
        prop_assert!(world.end(), "something is left\n{}", world.ladder.join("\n"));
        let ends = |event: &&CallEvent| matches!(event, CallEvent::Ended(_));
        prop_assert_eq!(world.told.iter().filter(ends).count(), 1);
    }
}

/// What is wrong, once nobody has anything left to say.
fn judge(world: &World, relay: bool) -> Vec<String> {
    let mut faults = world.media.faults();
    for phone in &world.phones {
        faults.extend(phone.faults.iter().cloned());
        if !phone.up {
            faults.push(format!("{} is in no call", phone.address));
        }
    }
    if !world.is_alive() {
        faults.push("the SBC has ended the call".to_owned());
    }
    let [Some(alice), Some(bob)] = world.phones.each_ref().map(|p| p.session.as_ref()) else {
        faults.push("somebody knows of no session".to_owned());
        return faults;
    };
    let pairs = [(&alice.theirs, &bob.ours), (&bob.theirs, &alice.ours)];
    for (heard, said) in pairs {
        compare(heard, said, &mut faults);
    }
    // A line is on where both sides have it so.
    let on = |a: &Described, b: &Described, n: usize| {
        let is_on = |d: &Described| d.streams.get(n).is_some_and(Stream::is_on);
        is_on(a) && is_on(b)
    };
    let mut wanted = Vec::new();
    for (n, alices) in alice.ours.streams.iter().enumerate() {
        let agreed = on(&alice.ours, &alice.theirs, n);
        if agreed != on(&bob.ours, &bob.theirs, n) {
            faults.push(format!("line {n} is on for one of them"));
        } else if agreed {
            let bobs = &bob.ours.streams[n];
            let ways = [(&alice.theirs, bobs), (&bob.theirs, alices)];
            for (heard, to) in ways {
                flows(world, relay, heard.streams[n].rtp, to, &mut faults);
                wanted.extend(to.receives().then_some(to.rtp));
            }
        }
    }
    let strays = everywhere(world).filter(|to| !wanted.contains(to));
    faults.extend(strays.map(|to| format!("media goes to {to}, where no line is on")));
    faults
}

/// Wherever the SBC would send a packet that arrives at any port of it.
fn everywhere(world: &World) -> impl Iterator<Item = SocketAddr> {
    let at = |ip: &str, port| SocketAddr::new(ip.parse().expect("an address"), port);
    let ports = (20_000..20_040).step_by(2);
    ports
        .flat_map(move |port| [at(INSIDE, port), at(OUTSIDE, port)])
        .flat_map(|at| world.media.ways_of(at))
}

/// What one side heard is what the other said, but for the addresses.
fn compare(heard: &Described, said: &Described, faults: &mut Vec<String>) {
    if heard.streams.len() != said.streams.len() {
        faults.push(format!("{heard:?}\nof {said:?}"));
    }
    for (heard, said) in heard.streams.iter().zip(&said.streams) {
        // What no RTP is does not cross.
        let on = said.is_on() && (said.kind != "image" || heard.is_on());
        let same = heard.kind == said.kind
            && heard.is_on() == on
            && (!on || heard.formats == said.formats && heard.effective() == said.effective());
        if !same {
            faults.push(format!("{heard:?}\nof {said:?}"));
        }
    }
}

/// Packets sent to where a phone was told arrive at the other, if that one wants any.
fn flows(world: &World, relay: bool, told: SocketAddr, to: &Stream, faults: &mut Vec<String>) {
    let ways = if relay {
        world.media.ways_of(told)
    } else {
        vec![told]
    };
    let wanted = match (relay, to.held) {
        (true, _) if to.receives() => vec![to.rtp],
        (true, _) => Vec::new(),
        (false, true) => vec![SocketAddr::new([0, 0, 0, 0].into(), to.rtp.port())],
        (false, false) => vec![to.rtp],
    };
    if ways != wanted {
        faults.push(format!("{told} leads to {ways:?}, wanted is {to:?}"));
    }
}
