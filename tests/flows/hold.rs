//! Hold and resume: from either side, by re-INVITE and by UPDATE, in every spelling (RFC 3264 §8.4,
//! §6.1; RFC 3261 §14). The direction reaches the other side as the holder meant it, `o=` goes up
//! by one with a change and only then (RFC 3264 §8), and media stop and come back.

use crate::world::{INSIDE, OUTSIDE, World, each_network, secs};
use sbc_core::sdp::{Direction, Sdp};
use sbc_core::testing::{Act, Answering, End, NodeId, Placed, Renewal, Say, Spelling};
use std::net::IpAddr;

fn call() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(3000))
}

/// What the other side of a hold is to read: direction, and whether the stream is there at all.
fn meant(how: Spelling) -> Option<Direction> {
    Some(match how {
        Spelling::NoPort => return None,
        Spelling::SendRecv | Spelling::Unsaid | Spelling::Moved => Direction::SendRecv,
        Spelling::SendOnly | Spelling::SendOnlyForAll | Spelling::NoAddress => Direction::SendOnly,
        Spelling::RecvOnly => Direction::RecvOnly,
        Spelling::Inactive | Spelling::InactiveForAll => Direction::Inactive,
    })
}

fn ours(world: &World, phone: NodeId) -> IpAddr {
    let ip = if phone == world.alice {
        INSIDE
    } else {
        OUTSIDE
    };
    ip.parse().expect("an address")
}

fn direction(sdp: &Sdp) -> Option<Direction> {
    let media = sdp.media(0);
    (media.port() != 0).then(|| media.direction())
}

/// What a phone reads of its peer's stream, which is always to be sent to one of our addresses.
fn told(world: &World, phone: NodeId) -> Option<Direction> {
    let sdp = world.told_sdp(phone);
    assert_eq!(sdp.media_count(), 1);
    if sdp.media(0).port() != 0 {
        assert_eq!(sdp.media(0).connection(), Some(ours(world, phone)));
        assert_eq!(sdp.connection(), Some(ours(world, phone)));
    }
    direction(&sdp)
}

/// Nobody is held.
fn talks(world: &World) {
    for (one, other) in world.pairs() {
        assert_eq!(told(world, one), Some(Direction::SendRecv));
        assert!(world.hears(one, other));
    }
}

/// `holder` holds by `how`, and the other side knows it.
fn is_held(world: &World, holder: NodeId, other: NodeId, how: Spelling) {
    assert_eq!(told(world, other), meant(how), "{how:?}");
    let mirrored = meant(how).map(Direction::mirrored);
    assert_eq!(told(world, holder), mirrored, "{how:?}");
    assert_eq!(world.hears(holder, other), how.sends(), "{how:?}");
    assert_eq!(world.hears(other, holder), how.receives(), "{how:?}");
}

fn act(world: &mut World, phone: NodeId, act: Act) {
    world.sim.act(phone, 0, act);
    world.sim.run_for(secs(20));
}

fn every_spelling(by: fn(Spelling) -> Act) {
    each_network(|run| {
        for side in 0..2 {
            let mut world = run.world().up(call());
            let (holder, other) = world.pairs()[side];
            for how in Spelling::ALL {
                act(&mut world, holder, by(how));
                is_held(&world, holder, other, how);
                act(&mut world, holder, by(Spelling::SendRecv));
                talks(&world);
            }
            world.sim.finish();
            assert_eq!(world.alices().ended(), Some(End::HungUp));
        }
    });
}

#[test]
fn each_spelling_by_reinvite_from_either_side() {
    every_spelling(Act::Invite);
}

#[test]
fn each_spelling_by_update_from_either_side() {
    every_spelling(Act::Update);
}

#[test]
fn a_hold_in_one_spelling_may_follow_one_in_another() {
    each_network(|run| {
        let mut world = run.world().up(call());
        let (alice, bob) = (world.alice, world.bob);
        for how in Spelling::HOLDS.into_iter().chain(Spelling::HOLDS) {
            act(&mut world, alice, Act::Invite(how));
            is_held(&world, alice, bob, how);
        }
        act(&mut world, alice, Act::Update(Spelling::Unsaid));
        talks(&world);
        world.sim.finish();
    });
}

#[test]
fn both_sides_may_hold_and_each_resumes_for_itself() {
    each_network(|run| {
        for side in 0..2 {
            let mut world = run.world().up(call());
            let (first, second) = world.pairs()[side];
            act(&mut world, first, Act::Invite(Spelling::SendOnly));
            // Whoever is held may only listen: to hold as well is to be inactive.
            act(&mut world, second, Act::Invite(Spelling::SendOnly));
            assert_eq!(told(&world, first), Some(Direction::SendOnly));
            assert_eq!(told(&world, second), Some(Direction::Inactive));
            for (one, other) in world.pairs() {
                assert!(!world.hears(one, other));
            }
            act(&mut world, first, Act::Invite(Spelling::SendRecv));
            assert_eq!(told(&world, second), Some(Direction::SendRecv));
            assert_eq!(told(&world, first), Some(Direction::SendOnly));
            assert!(world.hears(second, first) && !world.hears(first, second));
            act(&mut world, second, Act::Invite(Spelling::SendRecv));
            talks(&world);
            world.sim.finish();
        }
    });
}

#[test]
fn a_reinvite_without_offer_resumes() {
    each_network(|run| {
        for side in 0..2 {
            for how in Spelling::HOLDS {
                let mut world = run.world().up(call());
                let (holder, other) = world.pairs()[side];
                act(&mut world, holder, Act::Invite(how));
                is_held(&world, holder, other, how);
                act(&mut world, holder, Act::Ask);
                talks(&world);
                world.sim.finish();
            }
        }
    });
}

#[test]
fn a_refused_hold_changes_nothing() {
    each_network(|run| {
        let renewal = Renewal {
            status: 488,
            ..Renewal::default()
        };
        let answering = Answering::after_ringing().renewing(renewal);
        let mut world = run.world().bob_answers(answering).up(call());
        let (alice, bob) = (world.alice, world.bob);
        let wants = |world: &World| [world.ways_from(alice), world.ways_from(bob)];
        let before = wants(&world);
        for how in Spelling::HOLDS {
            act(&mut world, alice, Act::Invite(how));
            act(&mut world, alice, Act::Update(how));
            // Bob has heard an offer, and refused it.
            assert_eq!(world.ways_from(alice), before[0]);
        }
        let heard = world.alices().heard();
        assert!(heard.contains(&"488 INVITE") && heard.contains(&"488 UPDATE"));
        act(&mut world, bob, Act::Invite(Spelling::SendRecv));
        talks(&world);
        world.sim.finish();
    });
}

#[test]
fn a_hold_by_plan_of_both_sides_survives_any_network() {
    each_network(|run| {
        let mut call = call();
        let mut answering = Answering::with(&[(20, Say::with_sdp(200))]);
        for how in Spelling::HOLDS {
            call = call
                .then(secs(5), Act::Invite(how))
                .then(secs(5), Act::Update(Spelling::SendRecv));
            answering = answering
                .then(secs(4), Act::Update(how))
                .then(secs(4), Act::Ask);
        }
        let mut world = run.world().bob_answers(answering).up(call);
        world.sim.run_for(secs(200));
        talks(&world);
        world.sim.finish();
    });
}

/// The versions of `o=` that a phone heard, in order, repetitions of a message left out.
fn versions(world: &World, phone: NodeId) -> Vec<u64> {
    let messages = world.sim.phone(phone).calls()[0].messages().iter();
    let origin = |sdp: &[u8]| {
        let text = String::from_utf8_lossy(sdp).into_owned();
        let line = text.lines().nth(1).expect("o=").to_owned();
        let version = line.split(' ').nth(2).expect("a version");
        version.parse().expect("a number")
    };
    let sdps = messages.filter_map(|heard| heard.message.sdp());
    sdps.map(|sdp| origin(&sdp)).collect()
}

#[test]
fn the_version_grows_by_one_with_a_change_and_stays_without() {
    for by in [Act::Invite, Act::Update] {
        let mut world = World::new(1).up(call());
        let (alice, bob) = (world.alice, world.bob);
        assert_eq!(versions(&world, bob), [1]);
        assert_eq!(versions(&world, alice), [1]);
        // The same again, as a session refresh is.
        act(&mut world, alice, by(Spelling::SendRecv));
        assert_eq!(versions(&world, bob), [1, 1]);
        assert_eq!(versions(&world, alice), [1, 1]);
        act(&mut world, alice, by(Spelling::SendOnly));
        act(&mut world, alice, by(Spelling::SendOnly));
        assert_eq!(versions(&world, bob), [1, 1, 2, 2]);
        assert_eq!(versions(&world, alice), [1, 1, 2, 2]);
        act(&mut world, alice, by(Spelling::SendRecv));
        assert_eq!(versions(&world, bob), [1, 1, 2, 2, 3]);
        assert_eq!(versions(&world, alice), [1, 1, 2, 2, 3]);
        // Bob offers more than he had answered.
        act(&mut world, bob, by(Spelling::SendOnly));
        act(&mut world, bob, by(Spelling::SendOnly));
        assert_eq!(versions(&world, alice), [1, 1, 2, 2, 3, 4, 4]);
        assert_eq!(versions(&world, bob), [1, 1, 2, 2, 3, 4, 4]);
        world.sim.finish();
    }
}

#[test]
fn another_port_of_a_phone_is_no_change_for_the_other_side() {
    let mut world = World::new(1).up(call());
    let (alice, bob) = (world.alice, world.bob);
    act(&mut world, alice, Act::Invite(Spelling::Moved));
    assert_eq!(versions(&world, bob), [1, 1]);
    talks(&world);
    world.sim.finish();
}
