//! What is not built is negotiated away or refused: reliable provisional responses (RFC 3262),
//! session timers (RFC 4028), Replaces (RFC 3891), and the methods of other usages. What is built
//! passes: INFO with its body, UPDATE.

use crate::world::{INSIDE, World, each_network, millis, secs};
use sbc_core::sip::{HeaderName, Message};
use sbc_core::testing::{Act, Answering, End, NodeId, Placed, Say, Spelling};
use sbc_core::transport::Transport;

fn call() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(200))
}

fn all<'a>(world: &'a World, phone: NodeId, what: &str) -> Vec<&'a Message> {
    let heard = world.sim.phone(phone).calls()[0].messages().iter();
    let found = heard.filter(|heard| heard.what == what);
    found.map(|heard| &heard.message).collect()
}

fn last<'a>(world: &'a World, phone: NodeId, what: &str) -> &'a Message {
    let found = all(world, phone, what).pop();
    found.unwrap_or_else(|| panic!("no {what}\n{}", world.sim.ladder()))
}

/// Nothing of extensions is in it.
fn is_plain(message: &Message) {
    for name in [
        HeaderName::Require,
        HeaderName::Supported,
        HeaderName::SessionExpires,
        HeaderName::MinSe,
        HeaderName::RSeq,
        HeaderName::RAck,
        HeaderName::Replaces,
    ] {
        assert_eq!(message.header(&name), None, "{name:?}");
    }
    let allow = message.header(&HeaderName::Allow).unwrap_or_default();
    for method in ["PRACK", "REFER", "SUBSCRIBE", "NOTIFY"] {
        assert!(!allow.contains(method));
    }
}

#[test]
fn what_a_caller_offers_of_extensions_stays_on_its_side() {
    each_network(|run| {
        let mut call = call();
        for line in [
            "Supported: timer, 100rel, replaces, outbound",
            "Session-Expires: 1800;refresher=uac",
            "Min-SE: 90",
            "Replaces: 12345@nowhere.example;to-tag=1;from-tag=2",
            "Allow: INVITE, ACK, BYE, CANCEL, PRACK, REFER, SUBSCRIBE, NOTIFY",
        ] {
            call.headers.push(line.into());
        }
        let world = run.world().run(call);
        assert_eq!(world.alices().ended(), Some(End::HungUp));
        is_plain(last(&world, world.bob, "INVITE"));
        for what in ["200 INVITE", "200 BYE"] {
            is_plain(last(&world, world.alice, what));
        }
    });
}

#[test]
fn what_is_demanded_and_not_built_is_refused_by_its_name() {
    each_network(|run| {
        for tag in ["100rel", "timer", "replaces", "precondition"] {
            let mut call = call();
            call.headers.push(format!("Require: {tag}"));
            let world = run.world().run(call);
            assert_eq!(world.alices().ended(), Some(End::Refused(420)));
            let refusal = last(&world, world.alice, "420 INVITE");
            assert_eq!(refusal.header(&HeaderName::Unsupported), Some(tag));
            assert!(world.sim.phone(world.bob).calls().is_empty());
        }
    });
}

#[test]
fn it_is_refused_inside_a_call_too_and_the_call_goes_on() {
    each_network(|run| {
        for side in 0..2 {
            let mut world = run.world().up(call());
            let (one, other) = world.pairs()[side];
            for (act, method) in [
                (Act::Invite(Spelling::SendOnly), "INVITE"),
                (Act::Update(Spelling::SendOnly), "UPDATE"),
                (Act::Info, "INFO"),
                (Act::Other("OPTIONS"), "OPTIONS"),
            ] {
                let phone = world.sim.phone_mut(one);
                phone.saying_next("Require: timer");
                phone.saying_next("Session-Expires: 90;refresher=uac");
                world.sim.act(one, 0, act);
                world.sim.run_for(secs(20));
                let refusal = last(&world, one, &format!("420 {method}"));
                assert_eq!(refusal.header(&HeaderName::Unsupported), Some("timer"));
                assert!(world.hears(one, other) && world.hears(other, one));
            }
            world.sim.finish();
            assert_eq!(world.alices().ended(), Some(End::HungUp));
        }
    });
}

#[test]
fn a_refresh_of_a_session_timer_passes_as_the_offer_that_it_is() {
    each_network(|run| {
        for side in 0..2 {
            let mut world = run.world().up(call());
            let (one, other) = world.pairs()[side];
            for (act, method) in [
                (Act::Invite(Spelling::SendRecv), "INVITE"),
                (Act::Other("UPDATE"), "UPDATE"),
            ] {
                let phone = world.sim.phone_mut(one);
                phone.saying_next("Supported: timer");
                phone.saying_next("Session-Expires: 1800;refresher=uac");
                world.sim.act(one, 0, act);
                world.sim.run_for(secs(20));
                is_plain(last(&world, other, method));
                is_plain(last(&world, one, &format!("200 {method}")));
            }
            world.sim.finish();
        }
    });
}

#[test]
fn a_reliable_response_that_nobody_asked_for_is_taken_as_an_ordinary_one() {
    each_network(|run| {
        let reliable = Say::with_sdp(183)
            .saying("Require: 100rel")
            .saying("RSeq: 7");
        let answering = Answering::with(&[
            (20, reliable.clone()),
            (500, reliable),
            (3000, Say::with_sdp(200)),
        ]);
        let world = run.world().bob_answers(answering).run(call());
        assert_eq!(world.alices().ended(), Some(End::HungUp));
        for response in all(&world, world.alice, "183 INVITE") {
            is_plain(response);
            assert!(response.sdp().is_some());
        }
        assert!(!world.bobs().heard().contains(&"PRACK"));
    });
}

#[test]
fn what_a_callee_says_of_timers_and_features_does_not_reach_the_caller() {
    each_network(|run| {
        let answer = Say::with_sdp(200)
            .saying("Require: timer")
            .saying("Session-Expires: 90;refresher=uac")
            .saying("Supported: timer, 100rel, replaces");
        let answering = Answering::with(&[(20, Say::status(180)), (500, answer)]);
        let world = run.world().bob_answers(answering).run(call());
        is_plain(last(&world, world.alice, "200 INVITE"));
        assert_eq!(world.alices().ended(), Some(End::HungUp));
    });
}

#[test]
fn info_passes_with_its_body_and_type() {
    each_network(|run| {
        for side in 0..2 {
            let mut world = run.world().up(call());
            let (one, other) = world.pairs()[side];
            for digit in 1..4 {
                world.sim.act(one, 0, Act::Info);
                world.sim.run_for(secs(20));
                let heard = all(&world, other, "INFO");
                assert!(heard.len() >= digit);
                let info = heard.last().expect("an INFO");
                let kind = info.header(&HeaderName::ContentType);
                assert_eq!(kind, Some("application/dtmf-relay"));
                assert_eq!(info.body(), "Signal=5\r\nDuration=160\r\n");
            }
            assert!(all(&world, one, "200 INFO").len() >= 3);
            world.sim.finish();
        }
    });
}

#[test]
fn methods_of_other_usages_are_refused_inside_a_call() {
    each_network(|run| {
        for side in 0..2 {
            let mut world = run.world().up(call());
            let (one, other) = world.pairs()[side];
            for method in [
                "REFER",
                "SUBSCRIBE",
                "NOTIFY",
                "MESSAGE",
                "PRACK",
                "PUBLISH",
                "REGISTER",
                "JUMP",
            ] {
                world.sim.act(one, 0, Act::Other(method));
                world.sim.run_for(secs(20));
                let refusal = last(&world, one, &format!("405 {method}"));
                let allow = refusal.header(&HeaderName::Allow).expect("a list");
                assert!(!allow.contains(method));
                assert!(!world.sim.phone(other).calls()[0].heard().contains(&method));
            }
            world.sim.finish();
            assert_eq!(world.alices().ended(), Some(End::HungUp));
        }
    });
}

#[test]
fn methods_of_other_usages_are_refused_outside_of_one() {
    for (method, status) in [
        ("REFER", 405),
        ("SUBSCRIBE", 405),
        ("NOTIFY", 405),
        ("MESSAGE", 405),
        ("PUBLISH", 405),
        ("REGISTER", 405),
        ("INFO", 405),
        ("UPDATE", 405),
        ("PRACK", 405),
        ("JUMP", 501),
    ] {
        let mut world = World::new(1);
        let text = format!(
            "{method} sip:{INSIDE} SIP/2.0\nVia: SIP/2.0/UDP 10.1.0.10;branch=z9hG4bKraw1;rport\n\
             Max-Forwards: 70\nFrom: <sip:alice@alice.example>;tag=a1\nTo: <sip:bob@{INSIDE}>\n\
             Call-ID: raw1@alice.example\nCSeq: 1 {method}\nContact: <sip:alice@10.1.0.10>\n\
             Event: presence\nContent-Length: 0\n\n"
        );
        let alice = world.alice;
        world.sim.send_raw(alice, INSIDE, Transport::Udp, &text);
        world.sim.finish();
        let replies = world.sim.phone(alice).replies();
        assert_eq!(replies.len(), 1, "{method}");
        let got = replies[0].status().map(|s| s.code());
        assert_eq!(got, Some(status), "{method}");
        let allow = replies[0].header(&HeaderName::Allow).expect("a list");
        assert_eq!(allow.contains(method), matches!(method, "INFO" | "UPDATE"));
    }
}

#[test]
fn an_offer_that_is_no_sdp_gets_415() {
    each_network(|run| {
        for side in 0..2 {
            let mut world = run.world().up(call());
            let (one, _) = world.pairs()[side];
            for method in ["INVITE", "UPDATE"] {
                world.sim.act(one, 0, Act::Text(method));
                world.sim.run_for(secs(20));
                let refusal = last(&world, one, &format!("415 {method}"));
                let accept = refusal.header(&HeaderName::Accept);
                assert_eq!(accept, Some("application/sdp"));
            }
            world.sim.finish();
        }
    });
}

/// Rings for twenty seconds, with early media, and says so again and again: the network may lose
/// it.
fn ringing_long() -> Answering {
    let mut steps = vec![(500, Say::with_sdp(183)); 20];
    steps.push((10_000, Say::with_sdp(200)));
    Answering::with(&steps)
}

#[test]
fn what_either_side_asks_before_the_answer_is_put_off_and_the_call_is_answered() {
    each_network(|run| {
        for side in 0..2 {
            for (act, method, status) in [
                (Act::Update(Spelling::SendRecv), "UPDATE", [500, 491][side]),
                (Act::Other("UPDATE"), "UPDATE", 500),
                (Act::Info, "INFO", 500),
                (Act::Other("OPTIONS"), "OPTIONS", 200),
                (Act::Other("MESSAGE"), "MESSAGE", 405),
            ] {
                let mut world = run.world().bob_answers(ringing_long());
                world.sim.call(world.alice, call());
                world.sim.run_for(secs(8));
                let (one, other) = world.pairs()[side];
                world.sim.act_rudely(one, 0, act);
                world.sim.run_for(millis(9000));
                let answer = last(&world, one, &format!("{status} {method}"));
                let later = answer.header(&HeaderName::RetryAfter);
                assert_eq!(later.is_some(), status == 500);
                assert!(!world.sim.phone(other).calls()[0].heard().contains(&method));
                world.sim.run_for(secs(60));
                assert!(world.alices().was_answered() && world.bobs().was_answered());
                // What the peer counted in the early dialog goes on counting in the call.
                world.sim.act(one, 0, Act::Info);
                world.sim.run_for(secs(20));
                last(&world, one, "200 INFO");
                world.sim.finish();
                assert_eq!(world.alices().ended(), Some(End::HungUp));
            }
        }
    });
}
