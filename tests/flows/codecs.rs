//! Codec policy: what an offer loses on its way, in which order it arrives, what an answer may
//! hold, and what is refused.

use crate::world::{
    ALICE, BOB, INSIDE, Run, World, border, each_network, raw_invite, secs, to_bob,
};
use sbc_core::sdp::{CodecChoice, CodecName, CodecPolicy, Sdp};
use sbc_core::sip::{HeaderName, Message};
use sbc_core::testing::{Act, Answering, End, Fixed, NodeId, Placed, Route, Say, Spelling};
use sbc_core::transport::Transport;

const NO_CODEC: &str = "305 - \"incompatible media format: no codec that may cross\"";

fn call() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(200))
}

fn names(list: &[&str]) -> Vec<CodecName> {
    let read = |name: &&str| CodecName::parse(name).expect("a codec");
    list.iter().map(read).collect()
}

fn keep(list: &[&str]) -> CodecPolicy {
    CodecPolicy {
        choice: CodecChoice::Keep(names(list)),
        order: Vec::new(),
    }
}

fn drop(list: &[&str]) -> CodecPolicy {
    CodecPolicy {
        choice: CodecChoice::Drop(names(list)),
        order: Vec::new(),
    }
}

fn order(list: &[&str]) -> CodecPolicy {
    CodecPolicy {
        choice: CodecChoice::All,
        order: names(list),
    }
}

/// With media through the SBC; and past it, between two of one side, who may see one another.
fn each_way(run: &Run, codecs: &CodecPolicy) -> [World; 2] {
    let past = Route::to(0, BOB, Transport::Udp).without_relay();
    let one_side = Fixed::new().realm("inside", INSIDE);
    [
        run.with(border().otherwise(to_bob().with_codecs(codecs.clone()))),
        run.with(one_side.otherwise(past.with_codecs(codecs.clone()))),
    ]
}

fn through(run: &Run, codecs: &CodecPolicy) -> World {
    let [relayed, _] = each_way(run, codecs);
    relayed
}

/// The payload types of the first stream in the last SDP that a phone was told.
fn told(world: &World, phone: NodeId) -> String {
    let sdp = world.told_sdp(phone);
    sdp.media(0).formats().collect::<Vec<_>>().join(" ")
}

fn last<'a>(world: &'a World, phone: NodeId, what: &str) -> &'a Message {
    let heard = world.sim.phone(phone).calls()[0].messages().iter();
    let found = heard.filter(|heard| heard.what == what).last();
    let none = || panic!("no {what}\n{}", world.sim.ladder());
    &found.unwrap_or_else(none).message
}

fn warning(message: &Message) -> Option<&str> {
    message.header(&HeaderName::Warning)
}

fn both_hear(world: &World) -> bool {
    let [(alice, bob), _] = world.pairs();
    world.hears(alice, bob) && world.hears(bob, alice)
}

#[test]
fn offers_of_either_side_are_left_with_what_may_cross() {
    each_network(|run| {
        for policy in [keep(&["PCMA", "telephone-event"]), drop(&["pcmu/8000"])] {
            for (n, world) in each_way(run, &policy).into_iter().enumerate() {
                let mut world = world.up(call());
                assert_eq!(told(&world, world.bob), "8 101");
                assert_eq!(told(&world, world.alice), "8");
                for (one, other) in world.pairs() {
                    for act in [
                        Act::Invite(Spelling::Moved),
                        Act::Update(Spelling::SendOnly),
                        Act::Invite(Spelling::SendRecv),
                    ] {
                        world.sim.act(one, 0, act);
                        world.sim.run_for(secs(20));
                        assert_eq!(told(&world, other), "8 101");
                        assert_eq!(told(&world, one), "8");
                    }
                }
                assert!(n == 1 || both_hear(&world));
                world.sim.finish();
                assert_eq!(world.alices().ended(), Some(End::HungUp));
            }
        }
    });
}

#[test]
fn the_preferred_codec_is_offered_first_and_so_answered() {
    each_network(|run| {
        for world in each_way(run, &order(&["opus", "pcma"])) {
            let mut world = world.up(call());
            assert_eq!(told(&world, world.bob), "8 0 101");
            assert_eq!(told(&world, world.alice), "8");
            world.sim.act(world.bob, 0, Act::Invite(Spelling::SendRecv));
            world.sim.run_for(secs(20));
            assert_eq!(told(&world, world.alice), "8 0 101");
            world.sim.finish();
        }
    });
}

#[test]
fn an_answer_keeps_the_order_of_who_answers() {
    each_network(|run| {
        let policy = CodecPolicy {
            order: names(&["pcmu"]),
            ..drop(&["g729"])
        };
        for mut world in each_way(run, &policy) {
            world.sim.phone_mut(world.bob).speaking("101 8 0");
            let world = world.run(call());
            assert_eq!(told(&world, world.alice), "101 8 0");
        }
    });
}

#[test]
fn what_an_answer_holds_beside_the_offer_does_not_cross() {
    each_network(|run| {
        let answering = Answering::with(&[(20, Say::with_sdp(183)), (500, Say::with_sdp(200))]);
        for world in each_way(run, &keep(&["pcma", "g722", "telephone-event"])) {
            let mut world = world.bob_answers(answering.clone());
            world.sim.phone_mut(world.bob).speaking("0 9 8 101");
            let world = world.run(call());
            let text = last(&world, world.alice, "200 INVITE").sdp().expect("SDP");
            let answer = Sdp::parse(&text).expect("SDP that can be read");
            // 0 may not cross, and 9 was not offered.
            assert_eq!(answer.media(0).formats().collect::<Vec<_>>(), ["8", "101"]);
            assert_eq!(world.alices().ended(), Some(End::HungUp));
        }
    });
}

#[test]
fn an_answer_with_nothing_that_may_cross_ends_the_call() {
    each_network(|run| {
        for mut world in each_way(run, &keep(&["pcma"])) {
            world.sim.phone_mut(world.bob).speaking("0");
            let world = world.run(call());
            assert_eq!(world.alices().ended(), Some(End::Refused(502)));
            assert_eq!(world.bobs().ended(), Some(End::ByPeer));
        }
    });
}

#[test]
fn an_offer_with_nothing_that_may_cross_gets_488_and_a_warning() {
    each_network(|run| {
        for policy in [keep(&["g729"]), drop(&["pcmu", "pcma"])] {
            for world in each_way(run, &policy) {
                let world = world.run(call());
                assert_eq!(world.alices().ended(), Some(End::Refused(488)));
                let refusal = last(&world, world.alice, "488 INVITE");
                assert_eq!(warning(refusal), Some(NO_CODEC));
                assert!(world.sim.phone(world.bob).calls().is_empty());
            }
        }
    });
}

#[test]
fn an_offer_inside_a_call_with_nothing_that_may_cross_is_refused_and_the_call_goes_on() {
    const OFFER: &str = "v=0\r\no=- 7 1 IN IP4 10.1.0.10\r\ns=-\r\nc=IN IP4 10.1.0.10\r\nt=0 0\r\n\
        m=audio 30000 RTP/AVP 18 101\r\na=rtpmap:101 telephone-event/8000\r\n";
    each_network(|run| {
        let policy = keep(&["pcmu", "telephone-event"]);
        for (n, world) in each_way(run, &policy).into_iter().enumerate() {
            let mut world = world.up(call());
            let before = [world.alice, world.bob].map(|phone| world.ways_from(phone));
            for (one, other) in world.pairs() {
                for method in ["INVITE", "UPDATE"] {
                    world
                        .sim
                        .act(one, 0, Act::Body(method, "application/sdp", OFFER));
                    world.sim.run_for(secs(20));
                    let refusal = last(&world, one, &format!("488 {method}"));
                    assert_eq!(warning(refusal), Some(NO_CODEC));
                    assert!(
                        !world.sim.phone(other).calls()[0]
                            .heard()
                            .contains(&"UPDATE")
                    );
                }
            }
            let after = [world.alice, world.bob].map(|phone| world.ways_from(phone));
            assert_eq!(after, before);
            assert!(n == 1 || after.iter().all(|ways| ways.len() == 1));
            world.sim.finish();
            assert_eq!(world.alices().ended(), Some(End::HungUp));
        }
    });
}

#[test]
fn a_late_offer_is_filtered_and_its_answer_too() {
    each_network(|run| {
        for world in each_way(run, &keep(&["pcma", "telephone-event"])) {
            let mut world = world.up(call().without_offer());
            assert_eq!(told(&world, world.alice), "8 101");
            assert_eq!(told(&world, world.bob), "8");
            world.sim.act(world.bob, 0, Act::Ask);
            world.sim.run_for(secs(20));
            assert_eq!(told(&world, world.bob), "8 101");
            assert_eq!(told(&world, world.alice), "8");
            world.sim.finish();
            assert_eq!(world.alices().ended(), Some(End::HungUp));
        }
    });
}

#[test]
fn a_late_offer_with_nothing_that_may_cross_gets_the_caller_488_and_the_callee_bye() {
    each_network(|run| {
        for world in each_way(run, &keep(&["g729"])) {
            let world = world.run(call().without_offer());
            assert_eq!(world.alices().ended(), Some(End::Refused(488)));
            let refusal = last(&world, world.alice, "488 INVITE");
            assert_eq!(warning(refusal), Some(NO_CODEC));
            assert_eq!(world.bobs().ended(), Some(End::ByPeer));
        }
    });
}

#[test]
fn every_fork_is_offered_the_same_and_each_answer_is_filtered() {
    each_network(|run| {
        let answering = Answering::with(&[
            (20, Say::with_sdp(183)),
            (300, Say::with_sdp(183).by_fork(1)),
            (3000, Say::with_sdp(200).by_fork(1)),
        ]);
        let mut world = through(run, &keep(&["pcma"])).bob_answers(answering);
        world.sim.phone_mut(world.bob).speaking("0 8");
        let world = world.run(call());
        let messages = world.alices().messages().iter();
        let answers: Vec<_> = messages.filter_map(|heard| heard.message.sdp()).collect();
        assert!(!answers.is_empty());
        for answer in answers {
            let answer = Sdp::parse(&answer).expect("SDP that can be read");
            assert_eq!(answer.media(0).formats().collect::<Vec<_>>(), ["8"]);
        }
        assert_eq!(world.alices().ended(), Some(End::HungUp));
    });
}

#[test]
fn video_without_a_codec_that_may_cross_is_closed_and_the_call_goes_on() {
    for seed in 0..10 {
        let route = Route::to(1, BOB, Transport::Udp).with_codecs(keep(&["pcma"]));
        let mut world = World::with(seed, border().otherwise(route));
        let sdp = format!(
            "v=0\no=- 1 1 IN IP4 {ALICE}\ns=-\nc=IN IP4 {ALICE}\nt=0 0\n\
             m=audio 22334 RTP/AVP 0 8\nm=video 6024 RTP/AVP 107 108\n\
             a=rtpmap:107 H264/90000\na=rtpmap:108 VP8/90000\n"
        );
        let text = raw_invite(ALICE, INSIDE, &sdp);
        let caller = world.alice;
        world.sim.send_raw(caller, INSIDE, Transport::Udp, &text);
        world.sim.finish();
        let offer = last(&world, world.bob, "INVITE").sdp().expect("an offer");
        let text = String::from_utf8(offer.to_vec()).expect("text");
        let offer = Sdp::parse(&offer).expect("SDP that can be read");
        assert_ne!(offer.media(0).port(), 0);
        assert_eq!(offer.media(0).formats().collect::<Vec<_>>(), ["8"]);
        assert!(text.contains("m=video 0 RTP/AVP 107\r\n"), "{text}");
        assert!(!text.contains("VP8"));
        let media = world.sim.sbc(world.sbc).media();
        assert_eq!(
            media.open().1,
            0,
            "it never had ports, and the call is over"
        );
    }
}
