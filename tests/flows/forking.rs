//! A proxy behind the callee's address forks: several dialogs of one INVITE (RFC 3261 §12.1,
//! §13.2.2.4). The rule, which no policy changes:
//!
//! - Each early dialog of the callee's is one of the caller's, with a tag of its own, up to 16; of
//!   any further one the caller hears nothing until it answers.
//! - Early media: the caller's goes to the fork that described its media last.
//! - The first 2xx is the answer, whichever fork it comes from; each further one gets ACK and BYE,
//!   also when the call is over.

use crate::world::{INSIDE, World, each_network, secs};
use sbc_core::testing::{Answering, End, Link, Placed, Say};

fn call() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(20))
}

fn byes(world: &World) -> usize {
    world.bobs().heard().iter().filter(|h| **h == "BYE").count()
}

fn tags(world: &World) -> Vec<(String, String)> {
    let heard = world.alices().messages().iter();
    heard
        .filter(|h| h.what.ends_with("INVITE") && h.what != "100 INVITE")
        .map(|h| {
            let tag = h.message.to_tag().unwrap_or_default();
            (h.what.clone(), tag.to_owned())
        })
        .collect()
}

#[test]
fn each_early_dialog_of_the_callee_is_one_of_the_callers() {
    let answering = Answering::with(&[
        (20, Say::with_sdp(183)),
        (500, Say::with_sdp(183).by_fork(1)),
        (500, Say::status(180)),
        (1000, Say::with_sdp(200).by_fork(1)),
    ]);
    let world = World::new(1).bob_answers(answering).run(call());
    let tags = tags(&world);
    let said: Vec<&str> = tags.iter().map(|(what, _)| what.as_str()).collect();
    assert_eq!(
        said,
        ["183 INVITE", "183 INVITE", "180 INVITE", "200 INVITE"]
    );
    assert_ne!(tags[0].1, tags[1].1);
    assert_eq!(tags[0].1, tags[2].1);
    assert_eq!(tags[1].1, tags[3].1);
    assert_eq!(world.bobs().ended(), Some(End::ByPeer));
}

/// Each fork says it three times: the network may lose it.
fn early(forks: usize) -> Vec<(u64, Say)> {
    let say = |fork: usize| Say::with_sdp(183).by_fork(fork);
    let once: Vec<_> = (0..forks).map(|fork| (60, say(fork))).collect();
    [once.clone(), once.clone(), once].concat()
}

#[test]
fn whichever_fork_answers_has_the_media_and_the_caller_sees_its_dialog() {
    each_network(|run| {
        for answers in 0..4 {
            let mut steps = early(3);
            steps.push((1000, Say::with_sdp(200).by_fork(answers)));
            let mut world = run.world().bob_answers(Answering::with(&steps));
            world = world.up(Placed::to("bob", INSIDE).hanging_up_after(secs(100)));
            for (one, other) in world.pairs() {
                assert!(world.hears(one, other));
            }
            world.sim.finish();
            let tags = tags(&world);
            let answer = tags.iter().find(|(what, _)| what == "200 INVITE");
            let answer = answer.expect("an answer");
            let rang = tags
                .iter()
                .any(|(what, tag)| what != "200 INVITE" && *tag == answer.1);
            // The fourth was never heard of before.
            assert!(if answers < 3 {
                rang || !run.is_good()
            } else {
                !rang
            });
            assert_eq!(world.alices().ended(), Some(End::HungUp));
        }
    });
}

#[test]
fn early_media_go_to_the_fork_that_described_its_own_last() {
    let mut steps = early(3);
    steps.push((60, Say::with_sdp(183).by_fork(3)));
    steps.push((60, Say::status(180).by_fork(1)));
    steps.push((60_000, Say::with_sdp(200)));
    let mut world = World::new(1).bob_answers(Answering::with(&steps));
    world.sim.call(world.alice, call());
    world.sim.run_for(secs(5));
    let ports: Vec<u16> = world
        .ways_from(world.alice)
        .iter()
        .map(std::net::SocketAddr::port)
        .collect();
    // Bob's phones take a port each, in order.
    assert_eq!(ports, [50_006]);
    world.sim.finish();
}

#[test]
fn sixteen_forks_ring_and_the_seventeenth_is_heard_when_it_answers() {
    for answers in [0, 15, 16, 20] {
        let mut steps: Vec<_> = (0..18)
            .map(|fork| (20, Say::with_sdp(183).by_fork(fork)))
            .collect();
        steps.push((1000, Say::with_sdp(200).by_fork(answers)));
        let mut world = World::new(1).bob_answers(Answering::with(&steps));
        world = world.up(call());
        for (one, other) in world.pairs() {
            assert!(world.hears(one, other));
        }
        world.sim.finish();
        let mut rang: Vec<_> = tags(&world);
        let answer = rang.pop().expect("an answer");
        assert_eq!(answer.0, "200 INVITE");
        assert_eq!(rang.len(), 16, "{rang:?}");
        assert_eq!(rang.iter().any(|(_, tag)| *tag == answer.1), answers < 16);
        assert_eq!(world.bobs().ended(), Some(End::ByPeer));
    }
}

#[test]
fn a_second_answer_gets_ack_and_bye_and_the_caller_hears_nothing_of_it() {
    each_network(|run| {
        let answering = Answering::with(&[
            (20, Say::status(180)),
            (20, Say::status(180).by_fork(1)),
            (1000, Say::with_sdp(200)),
            (30, Say::with_sdp(200).by_fork(1)),
        ]);
        let world = run.world().bob_answers(answering).run(call());
        assert_eq!(world.alices().ended(), Some(End::HungUp));
        assert!(byes(&world) >= 2, "one for each answer");
        let alices = world.alices().heard();
        assert!(!alices.contains(&"BYE"));
        assert_eq!(world.told().last(), Some(&"ended"));
    });
}

#[test]
fn answers_that_cross_a_cancel_are_all_released() {
    let mut answering = Answering::with(&[
        (20, Say::status(180)),
        (20, Say::status(180).by_fork(1)),
        (970, Say::with_sdp(200)),
        (5, Say::with_sdp(200).by_fork(1)),
    ]);
    answering.ignores_cancel = true;
    let call = Placed::to("bob", INSIDE).cancelling_after(secs(1));
    let world = World::new(1).bob_answers(answering).run(call);
    assert_eq!(world.alices().ended(), Some(End::Refused(487)));
    let heard = world.bobs().heard();
    assert_eq!(
        heard.iter().filter(|h| **h == "BYE").count(),
        2,
        "{heard:?}"
    );
}

/// Two forks ring; the second answers two seconds after the first, when the call is over.
fn answering_late() -> Answering {
    let mut steps = vec![];
    for _ in 0..3 {
        steps.push((20, Say::status(180)));
        steps.push((20, Say::status(180).by_fork(1)));
    }
    steps.push((1000, Say::with_sdp(200)));
    steps.push((4000, Say::with_sdp(200).by_fork(1)));
    let mut answering = Answering::with(&steps);
    answering.ignores_cancel = true;
    answering
}

#[test]
fn a_fork_that_answers_when_the_call_is_over_gets_ack_and_bye() {
    each_network(|run| {
        let call = Placed::to("bob", INSIDE).hanging_up_after(secs(1));
        let world = run.world().bob_answers(answering_late()).run(call);
        assert_eq!(world.alices().ended(), Some(End::HungUp));
        assert!(byes(&world) >= 2);
    });
}

#[test]
fn a_fork_that_answers_when_the_caller_has_given_up_gets_ack_and_bye() {
    each_network(|run| {
        let call = Placed::to("bob", INSIDE).cancelling_after(secs(1));
        let world = run.world().bob_answers(answering_late()).run(call);
        assert!(byes(&world) >= 2);
        assert!(world.sim.sbc(world.sbc).ended().count() == 1);
    });
}

#[test]
fn a_fork_never_heard_of_that_answers_when_the_call_is_over_gets_ack_and_bye() {
    for seed in 1..10 {
        let mut world = World::new(seed);
        // It reorders and doubles; a lost BYE would be sent again with a lost ACK only.
        world.sim.set_link(Link {
            jitter: std::time::Duration::from_millis(80),
            twice: 0.2,
            ..Link::GOOD
        });
        let mut answering = Answering::with(&[
            (20, Say::status(180)),
            (1000, Say::with_sdp(200)),
            (4000, Say::with_sdp(200).by_fork(1)),
        ]);
        answering.ignores_cancel = true;
        let call = Placed::to("bob", INSIDE).hanging_up_after(secs(1));
        let world = world.bob_answers(answering).run(call);
        assert_eq!(world.sim.sbc(world.sbc).ended().count(), 1);
        assert!(byes(&world) >= 2);
        let acks = world.bobs().heard().iter().filter(|h| **h == "ACK").count();
        assert!(acks >= 2);
    }
}
