//! A proxy behind the callee's address forks: several dialogs of one INVITE (RFC 3261 §12.1,
//! §13.2.2.4).

use crate::world::{INSIDE, World, secs};
use sbc_core::testing::{Answering, End, Placed, Say};

fn call() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(20))
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

#[test]
fn forks_over_a_bad_network() {
    for seed in 1..100 {
        let answering = Answering::with(&[
            (20, Say::with_sdp(183)),
            (50, Say::with_sdp(183).by_fork(1)),
            (50, Say::status(180).by_fork(2)),
            (1000, Say::with_sdp(200).by_fork(2)),
        ]);
        let world = World::bad(seed).bob_answers(answering).run(call());
        assert_eq!(world.alices().ended(), Some(End::HungUp));
        assert!(world.bobs().was_answered());
    }
}

#[test]
fn a_second_answer_gets_ack_and_bye_and_the_caller_hears_nothing_of_it() {
    for seed in 0..50 {
        let answering = Answering::with(&[
            (20, Say::status(180)),
            (20, Say::status(180).by_fork(1)),
            (1000, Say::with_sdp(200)),
            (30, Say::with_sdp(200).by_fork(1)),
        ]);
        let world = World::bad(seed).bob_answers(answering).run(call());
        assert_eq!(world.alices().ended(), Some(End::HungUp));
        let byes = world.bobs().heard().iter().filter(|h| **h == "BYE").count();
        assert_eq!(byes, 2, "one for each answer");
        assert_eq!(world.told().last(), Some(&"ended"));
    }
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
