//! What is owed for a 2xx, and what does not count: faults that chaos found, each with its flow.

use crate::world::{ALICE, BOB, INSIDE, OUTSIDE, World, secs};
use sbc_core::b2bua::Command;
use sbc_core::sip::{HeaderName, Message};
use sbc_core::testing::{Act, Answering, Placed, Renewal, Say, Spelling};
use sbc_core::transport::Transport;

fn call() -> Placed {
    Placed::to("bob", INSIDE).hanging_up_after(secs(60))
}

/// The header lines that a response or an ACK has in common with the message that it is about.
fn lines_of(message: &Message, names: &[(&str, HeaderName)]) -> String {
    let line = |(text, name): &(&str, HeaderName)| {
        format!("{text}: {}\n", message.header(name).unwrap_or_default())
    };
    names.iter().map(line).collect()
}

fn heard<'a>(messages: &'a [sbc_core::testing::Heard], what: &str) -> &'a Message {
    let found = messages.iter().find(|heard| heard.what == what);
    &found.expect(what).message
}

#[test]
fn an_accepted_re_invite_is_acknowledged_before_the_call_is_hung_up() {
    let mut world = World::new(0);
    world.sim.call(world.alice, call().then(secs(5), Act::Ask));
    world.sim.run_for(secs(7));
    // Bob has answered; Alice's ACK, which brings the answer, never comes.
    world.sim.lose(ALICE, INSIDE, "ACK", 100);
    world.sim.run_for(secs(3));
    assert_eq!(world.bobs().heard(), ["INVITE", "ACK", "INVITE"]);
    world.sim.command_all(world.sbc, Command::HangUp);
    world.sim.run_for(secs(1));
    let told = world.bobs().heard();
    assert_eq!(told, ["INVITE", "ACK", "INVITE", "ACK", "BYE"]);
}

#[test]
fn the_first_2xx_that_comes_again_after_a_re_invite_gets_its_own_ack() {
    let mut world = World::new(0);
    let renewed = call().then(secs(2), Act::Invite(Spelling::Moved));
    world.sim.call(world.alice, renewed);
    world.sim.run_for(secs(10));
    let messages = world.bobs().messages();
    let (invite, ack) = (heard(messages, "INVITE"), heard(messages, "ACK"));
    let again = format!(
        "SIP/2.0 200 OK\n{}{}Contact: <sip:bob@{BOB}>\nContent-Length: 0\n\n",
        lines_of(
            invite,
            &[("Via", HeaderName::Via), ("CSeq", HeaderName::CSeq)]
        ),
        lines_of(
            ack,
            &[
                ("From", HeaderName::From),
                ("To", HeaderName::To),
                ("Call-ID", HeaderName::CallId),
            ]
        ),
    );
    let (before, number) = (messages.len(), ack.cseq().map(|cseq| cseq.number));
    world
        .sim
        .send_raw(world.bob, OUTSIDE, Transport::Udp, &again);
    world.sim.run_for(secs(1));
    let more = &world.bobs().messages()[before..];
    assert_eq!(more.len(), 1, "{:?}", world.bobs().heard());
    assert_eq!(more[0].what, "ACK");
    assert_eq!(more[0].message.cseq().map(|cseq| cseq.number), number);
    world.sim.finish();
}

#[test]
fn an_ack_of_another_dialog_is_none_of_our_2xx() {
    let mut world = World::new(0);
    let mut silent = call();
    silent.acks = false;
    world.sim.call(world.alice, silent);
    world.sim.run_for(secs(3));
    let ok = heard(world.alices().messages(), "200 INVITE");
    let to = ok.header(&HeaderName::To).expect("To");
    let (to, _tag) = to.split_once(";tag=").expect("a tag");
    let number = ok.cseq().expect("CSeq").number;
    let ack = format!(
        "ACK sip:{INSIDE} SIP/2.0\nVia: SIP/2.0/UDP {ALICE}:5060;branch=z9hG4bKstray\n{}\
         To: {to};tag=another\nCSeq: {number} ACK\nMax-Forwards: 70\nContent-Length: 0\n\n",
        lines_of(
            ok,
            &[("From", HeaderName::From), ("Call-ID", HeaderName::CallId)]
        ),
    );
    world
        .sim
        .send_raw(world.alice, INSIDE, Transport::Udp, &ack);
    let none = ack.replace(";tag=another", "");
    world
        .sim
        .send_raw(world.alice, INSIDE, Transport::Udp, &none);
    world.sim.run_to_the_end();
    assert_eq!(&*world.summary().reason, "the caller sent no ACK");
}

#[test]
fn the_description_in_a_refusal_stays_on_its_side() {
    let slow = Renewal {
        after: secs(300),
        status: 488,
    };
    let answering = Answering::with(&[(20, Say::with_sdp(200))]).renewing(slow);
    let mut world = World::new(0).bob_answers(answering);
    let renewed = call().then(secs(2), Act::Invite(Spelling::Moved));
    world.sim.call(world.alice, renewed);
    world.sim.run_for(secs(4));
    let told = world.bobs().messages();
    let reinvite = &told.last().expect("a re-INVITE").message;
    let sdp = format!("v=0\no=- 1 1 IN IP4 {BOB}\ns=-\nt=0 0\nm=audio 0 RTP/AVP 0\n");
    let refusal = format!(
        "SIP/2.0 488 Not Acceptable Here\n{}Content-Type: application/sdp\nContent-Length: {}\n\n\
         {sdp}",
        lines_of(
            reinvite,
            &[
                ("Via", HeaderName::Via),
                ("From", HeaderName::From),
                ("To", HeaderName::To),
                ("Call-ID", HeaderName::CallId),
                ("CSeq", HeaderName::CSeq),
            ]
        ),
        sdp.len() + sdp.lines().count(),
    );
    world
        .sim
        .send_raw(world.bob, OUTSIDE, Transport::Udp, &refusal);
    world.sim.run_for(secs(1));
    let refused = heard(world.alices().messages(), "488 INVITE");
    assert!(refused.body().is_empty());
    assert!(world.sim.sbc(world.sbc).faults().is_empty());
}
