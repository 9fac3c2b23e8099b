//! Where media would go: a packet sent to what one side was told comes out at what the other side
//! said.

use crate::world::{INSIDE, World, border, secs, to_bob};
use sbc_core::sdp::Sdp;
use sbc_core::testing::{Answering, NodeId, Placed, Say};
use sbc_core::transport::Transport;
use std::net::SocketAddr;

const CAROL: &str = "198.51.100.30";

fn rtp(sdp: &[u8]) -> SocketAddr {
    let sdp = Sdp::parse(sdp).expect("an SDP");
    let media = sdp.media(0);
    SocketAddr::new(media.connection().expect("an address"), media.port())
}

/// What a phone was told last.
fn told(world: &World, phone: NodeId) -> SocketAddr {
    let messages = world.sim.phone(phone).calls()[0].messages().iter();
    let last = messages.filter_map(|heard| heard.message.sdp()).last();
    rtp(&last.expect("an SDP"))
}

fn said(world: &World, phone: NodeId) -> SocketAddr {
    let sdp = world.sim.phone(phone).calls()[0].said_sdp();
    rtp(sdp.expect("an SDP").as_bytes())
}

/// Media flows both ways between Alice and `other` now.
fn flows(world: &World, other: NodeId) {
    let media = world.sim.sbc(world.sbc).media();
    for (from, to) in [(world.alice, other), (other, world.alice)] {
        assert_eq!(media.ways_of(told(world, from)), [said(world, to)]);
    }
}

fn call() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(60))
}

#[test]
fn media_reaches_the_other_side() {
    for call in [call(), call().without_offer()] {
        let mut world = World::new(1);
        world.sim.call(world.alice, call);
        world.sim.run_for(secs(10));
        flows(&world, world.bob);
        world.sim.finish();
    }
}

#[test]
fn early_media_reaches_the_caller_before_the_answer() {
    let answering = Answering::with(&[(20, Say::with_sdp(183)), (9000, Say::with_sdp(200))]);
    let mut world = World::new(1).bob_answers(answering);
    world.sim.call(world.alice, call());
    world.sim.run_for(secs(2));
    flows(&world, world.bob);
    world.sim.run_for(secs(10));
    flows(&world, world.bob);
    world.sim.finish();
}

#[test]
fn media_follows_the_phone_that_answered() {
    let answering = Answering::with(&[
        (20, Say::with_sdp(183)),
        (100, Say::with_sdp(183).by_fork(1)),
        (500, Say::with_sdp(183)),
        (500, Say::with_sdp(200).by_fork(1)),
    ]);
    let mut world = World::new(1).bob_answers(answering);
    world.sim.call(world.alice, call());
    world.sim.run_for(secs(10));
    flows(&world, world.bob);
    world.sim.finish();
}

#[test]
fn media_follows_the_fork_that_answered_though_another_spoke_last() {
    let answering = Answering::with(&[
        (20, Say::with_sdp(183)),
        (100, Say::with_sdp(183).by_fork(1)),
        (500, Say::with_sdp(200)),
    ]);
    let mut world = World::new(1).bob_answers(answering);
    world.sim.call(world.alice, call());
    world.sim.run_for(secs(10));
    flows(&world, world.bob);
    world.sim.finish();
}

#[test]
fn media_follows_the_target_that_answered() {
    let early = Answering::with(&[(20, Say::with_sdp(183)), (1000, Say::status(503))]);
    let route = to_bob().or_to(1, CAROL, Transport::Udp);
    let mut world = World::with(1, border().otherwise(route)).bob_answers(early);
    let carol = world.sim.add_phone("carol", CAROL);
    world.sim.call(world.alice, call());
    world.sim.run_for(secs(10));
    flows(&world, carol);
    world.sim.finish();
}
