//! Requests that belong to no call, or not to a call as it is.

use crate::world::{ALICE, INSIDE, World, secs};
use sbc_core::b2bua::Command;
use sbc_core::sip::{HeaderName, Message};
use sbc_core::testing::{Answering, End, Placed};
use sbc_core::transport::Transport;

/// A request of a stranger, and what it gets.
fn ask(start: &str, lines: &str) -> Vec<Message> {
    let method = start.split(' ').next().unwrap_or_default();
    let text = format!(
        "{start} SIP/2.0\nVia: SIP/2.0/UDP {ALICE}:5060;branch=z9hG4bKraw1;rport\n\
         Max-Forwards: 70\nFrom: <sip:alice@alice.example>;tag=a1\nTo: <sip:{INSIDE}>\n\
         Call-ID: raw1@alice.example\nCSeq: 1 {method}\nContact: <sip:alice@{ALICE}>\n{lines}\n"
    );
    send(&text)
}

fn send(text: &str) -> Vec<Message> {
    let mut world = World::new(1);
    world
        .sim
        .send_raw(world.alice, INSIDE, Transport::Udp, text);
    world.sim.finish();
    assert!(world.told().is_empty(), "no call began");
    world.sim.phone(world.alice).replies().to_vec()
}

fn status(replies: &[Message]) -> Vec<u16> {
    let codes = replies.iter().filter_map(Message::status);
    codes.map(|s| s.code()).collect()
}

#[test]
fn options_is_answered_with_what_we_understand() {
    let replies = ask("OPTIONS sip:10.1.0.1", "Content-Length: 0\n");
    assert_eq!(status(&replies), [200]);
    let header = |name| replies[0].header(&name).map(ToOwned::to_owned);
    assert!(header(HeaderName::Allow).is_some_and(|allow| allow.contains("INVITE")));
    assert_eq!(
        header(HeaderName::Accept).as_deref(),
        Some("application/sdp")
    );
}

#[test]
fn a_request_of_a_dialog_that_is_not_ours_gets_481() {
    for method in ["BYE", "INFO", "INVITE", "UPDATE"] {
        let text = format!(
            "{method} sip:{INSIDE} SIP/2.0\nVia: SIP/2.0/UDP {ALICE};branch=z9hG4bKraw1;rport\n\
             Max-Forwards: 70\nFrom: <sip:alice@alice.example>;tag=a1\n\
             To: <sip:{INSIDE}>;tag=nobodys\nCall-ID: raw1@alice.example\nCSeq: 1 {method}\n\
             Contact: <sip:alice@{ALICE}>\nContent-Length: 0\n\n"
        );
        assert_eq!(status(&send(&text)), [481], "{method}");
    }
    assert_eq!(
        status(&ask("BYE sip:10.1.0.1", "Content-Length: 0\n")),
        [481]
    );
    assert_eq!(
        status(&ask("CANCEL sip:10.1.0.1", "Content-Length: 0\n")),
        [481]
    );
}

#[test]
fn an_ack_to_nothing_gets_no_answer() {
    assert!(ask("ACK sip:10.1.0.1", "Content-Length: 0\n").is_empty());
}

#[test]
fn methods_that_are_not_ours_are_refused_by_what_they_are() {
    let known = ask("SUBSCRIBE sip:10.1.0.1", "Content-Length: 0\n");
    assert_eq!(status(&known), [405]);
    assert!(known[0].header(&HeaderName::Allow).is_some());
    assert_eq!(
        status(&ask("JUMP sip:10.1.0.1", "Content-Length: 0\n")),
        [501]
    );
}

#[test]
fn what_cannot_be_understood_is_refused_and_says_why() {
    let scheme = ask("INVITE mailto:bob@example.com", "Content-Length: 0\n");
    assert_eq!(status(&scheme), [416]);
    let extension = ask(
        "INVITE sip:bob@10.1.0.1",
        "Require: 100rel, teleport\nContent-Length: 0\n",
    );
    assert_eq!(status(&extension), [420]);
    assert_eq!(
        extension[0].header(&HeaderName::Unsupported),
        Some("100rel, teleport")
    );
    let body = ask(
        "INVITE sip:bob@10.1.0.1",
        "Content-Type: text/plain\nContent-Length: 4\n\nhi",
    );
    assert_eq!(status(&body), [415]);
    assert!(body[0].header(&HeaderName::Accept).is_some());
}

#[test]
fn a_broken_request_gets_400() {
    let text = format!(
        "INVITE sip:bob@{INSIDE} SIP/2.0\nVia: SIP/2.0/UDP {ALICE};branch=z9hG4bKraw1;rport\n\
         Max-Forwards: 70\nFrom: <sip:alice@alice.example>;tag=a1\nTo: <sip:bob@{INSIDE}>\n\
         Call-ID: raw1@alice.example\nCSeq: one INVITE\nContent-Length: 0\n\n"
    );
    let mut world = World::new(1);
    world
        .sim
        .send_raw(world.alice, INSIDE, Transport::Udp, &text);
    world.sim.run_to_the_end();
    assert!(world.told().is_empty());
    assert!(
        world.sim.ladder().contains("SIP/2.0 400"),
        "{}",
        world.sim.ladder()
    );
}

#[test]
fn max_forwards_at_its_end_gets_483() {
    let mut call = Placed::to("bob", INSIDE);
    call.max_forwards = 0;
    let world = World::new(1).run(call);
    assert_eq!(world.alices().ended(), Some(End::Refused(483)));
}

/// Alice's INVITE once more, by another branch; `later` is added to its CSeq.
fn send_again(world: &mut World, branch: &str, later: u32) {
    let rung = &world.alices().messages()[0].message;
    let cseq = rung.cseq().expect("CSeq").number + later;
    let tag = rung.from_tag().expect("a tag").to_owned();
    let call_id = world.alices().call_id().to_owned();
    let text = format!(
        "INVITE sip:bob@{INSIDE} SIP/2.0\nVia: SIP/2.0/UDP {ALICE};branch={branch};rport\n\
         Max-Forwards: 70\nFrom: <sip:alice@alice.example>;tag={tag}\nTo: <sip:bob@{INSIDE}>\n\
         Call-ID: {call_id}\nCSeq: {cseq} INVITE\nContact: <sip:alice@{ALICE}>\n\
         Content-Length: 0\n\n"
    );
    world
        .sim
        .send_raw(world.alice, INSIDE, Transport::Udp, &text);
}

#[test]
fn the_same_invite_by_another_way_gets_482() {
    let mut world = World::new(1);
    let placed = Placed::to("bob", INSIDE).hanging_up_after(secs(5));
    world.sim.call(world.alice, placed);
    world.sim.run_for(secs(1));
    send_again(&mut world, "z9hG4bKraw2", 0);
    world.sim.finish();
    assert_eq!(status(world.sim.phone(world.alice).replies()), [482]);
    assert_eq!(world.alices().ended(), Some(End::HungUp));
}

#[test]
fn the_same_invite_by_another_way_gets_482_where_its_call_is_over() {
    for (refused, over) in [(true, secs(2)), (false, secs(10))] {
        let mut world = World::new(1);
        if refused {
            world = world.bob_answers(Answering::refusing(486));
        }
        let placed = Placed::to("bob", INSIDE).hanging_up_after(secs(5));
        world.sim.call(world.alice, placed);
        world.sim.run_for(over);
        assert!(world.alices().ended().is_some());
        send_again(&mut world, "z9hG4bKraw2", 0);
        world.sim.run_for(secs(1));
        let replies = status(world.sim.phone(world.alice).replies());
        assert_eq!(replies, [482], "refused: {refused}");
        assert_eq!(world.sim.phone(world.bob).calls().len(), 1);
        send_again(&mut world, "z9hG4bKraw3", 1);
        world.sim.run_for(secs(1));
        let rung = world.sim.phone(world.bob).calls().len();
        assert_eq!(rung, 2, "another CSeq is another call");
    }
}

#[test]
fn an_operators_command_ends_a_call_on_both_sides() {
    let mut world = World::new(1);
    world.sim.call(world.alice, Placed::to("bob", INSIDE));
    world.sim.run_for(secs(10));
    world.sim.command_all(world.sbc, Command::HangUp);
    world.sim.finish();
    assert_eq!(world.alices().ended(), Some(End::ByPeer));
    assert_eq!(world.bobs().ended(), Some(End::ByPeer));
    assert_eq!(&*world.summary().reason, "ended by an operator");
}

#[test]
fn a_shutdown_ends_a_call_that_rings() {
    let mut world = World::new(1);
    world.sim.call(world.alice, Placed::to("bob", INSIDE));
    world.sim.run_for(secs(1));
    world.sim.command_all(world.sbc, Command::Shutdown);
    world.sim.finish();
    assert_eq!(world.alices().ended(), Some(End::Refused(480)));
    assert_eq!(world.bobs().ended(), Some(End::Cancelled));
}
