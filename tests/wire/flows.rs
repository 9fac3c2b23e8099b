//! Flows of one call, message by message, over real sockets: what RFC 3261 wants of each side.

use crate::border::{Border, CALLEE, CALLER, OUTSIDE, Setup};
use crate::peers::plain::{Plain, Text};
use crate::stage::Stage;
use sbc_core::transport::Transport;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

#[test]
fn the_caller_hears_100_at_once_and_the_ringing_later() {
    let mut stage = Stage::set();
    let invite = stage.invite();
    // The callee says nothing yet.
    let first = stage.caller.next().expect("something comes at once");
    assert_eq!(first.status(), 100, "{}", first.0);
    stage.callee.reply(&invite, "180 Ringing", "", "");
    let ringing = stage.caller.expect("180");
    assert!(ringing.header("To").contains(";tag="), "{}", ringing.0);
    let answer = stage.answer();
    stage.callee.reply(&invite, "200 OK", "", &answer);
    let ok = stage.caller.expect("200");
    assert_eq!(ok.header("To"), ringing.header("To"), "one dialog");
    stage.call.established(&ok);
    stage.caller.send(&mut stage.call, "ACK", "", "");
    stage.callee.expect("ACK");
    stage.hang_up();
}

#[test]
fn early_media_arrives_with_its_description() {
    let mut stage = Stage::set();
    let invite = stage.invite();
    let early = stage.answer();
    stage
        .callee
        .reply(&invite, "183 Session Progress", "", &early);
    let progress = stage.caller.expect("183");
    let media = progress.media();
    assert_eq!(media.ip(), IpAddr::from(OUTSIDE));
    // What the callee plays before it answers is heard.
    let [listener, announcer] = &stage.media;
    let packet = [&[0x80, 0, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4][..], &[0x55; 160]].concat();
    announcer.send_to(&packet, invite.media()).unwrap();
    let mut heard = [0; 400];
    let (length, from) = listener.recv_from(&mut heard).expect("early media comes");
    assert_eq!((&heard[..length], from), (&packet[..], media));
    stage.callee.reply(&invite, "200 OK", "", &early);
    let ok = stage.caller.expect("200");
    assert_eq!(ok.media(), media, "the answer is the one of the 183");
    stage.call.established(&ok);
    stage.caller.send(&mut stage.call, "ACK", "", "");
    stage.callee.expect("ACK");
    stage.hang_up();
}

#[test]
fn each_class_of_refusal_is_passed_on() {
    for refusal in [
        "302 Moved Temporarily",
        "404 Not Found",
        "486 Busy Here",
        "603 Decline",
    ] {
        let mut stage = Stage::set();
        let invite = stage.invite();
        let elsewhere = format!("Contact: <sip:bob@{CALLEE}:7777>\r\n");
        stage.callee.reply(&invite, refusal, &elsewhere, "");
        let ack = stage.callee.expect("ACK");
        assert_eq!(ack.uri(), invite.uri(), "{}", ack.0);
        let heard = stage.caller.expect(&refusal[..3]);
        assert!(heard.header("To").contains(";tag="), "{}", heard.0);
        stage.call.refused(&heard);
        stage.caller.send(&mut stage.call, "ACK", "", "");
        stage.border.until_nothing_is_left();
    }
}

#[test]
fn an_overloaded_callee_is_a_refusal_when_there_is_no_other_target() {
    let mut stage = Stage::set();
    let invite = stage.invite();
    stage
        .callee
        .reply(&invite, "503 Service Unavailable", "Retry-After: 7\r\n", "");
    stage.callee.expect("ACK");
    let heard = loop {
        let next = stage.caller.next().expect("a final response comes");
        if next.status() >= 200 {
            break next;
        }
    };
    // RFC 3261 16.7, 6: a 503 of the far side is no reason to avoid this SBC.
    assert!(matches!(heard.status(), 500 | 503), "{}", heard.0);
    stage.call.refused(&heard);
    stage.caller.send(&mut stage.call, "ACK", "", "");
    stage.border.until_nothing_is_left();
}

#[test]
fn a_refusal_is_repeated_until_it_is_acknowledged() {
    let mut stage = Stage::set();
    let invite = stage.invite();
    stage.callee.reply(&invite, "486 Busy Here", "", "");
    stage.callee.expect("ACK");
    let first = stage.caller.expect("486");
    let again = stage.caller.expect("486");
    assert_eq!(first.0, again.0);
    stage.call.refused(&first);
    stage.caller.send(&mut stage.call, "ACK", "", "");
    stage.border.until_nothing_is_left();
}

#[test]
fn the_caller_cancels_while_it_rings() {
    let mut stage = Stage::set();
    let invite = stage.invite();
    stage.callee.reply(&invite, "180 Ringing", "", "");
    stage.caller.expect("180");
    stage.caller.send(&mut stage.call, "CANCEL", "", "");
    let ok = stage.caller.expect("200");
    assert!(ok.header("CSeq").ends_with("CANCEL"), "{}", ok.0);
    let terminated = stage.caller.expect("487");
    stage.call.refused(&terminated);
    stage.caller.send(&mut stage.call, "ACK", "", "");
    let cancel = stage.callee.expect("CANCEL");
    assert_eq!(cancel.header("Via"), invite.header("Via"), "RFC 3261 9.1");
    stage.callee.reply(&cancel, "200 OK", "", "");
    stage
        .callee
        .reply(&invite, "487 Request Terminated", "", "");
    stage.callee.expect("ACK");
    stage.border.until_nothing_is_left();
}

#[test]
fn a_cancel_before_any_answer_waits_for_the_callees_100() {
    let mut stage = Stage::set();
    let invite = stage.invite();
    stage.caller.send(&mut stage.call, "CANCEL", "", "");
    let terminated = stage.caller.expect("487");
    stage.call.refused(&terminated);
    stage.caller.send(&mut stage.call, "ACK", "", "");
    // RFC 3261 9.1: no CANCEL before a provisional response; only the INVITE is repeated.
    let repeated = stage.callee.next().expect("the INVITE is repeated");
    assert_eq!(repeated.0, invite.0);
    stage.callee.reply(&invite, "100 Trying", "", "");
    let cancel = stage.callee.expect("CANCEL");
    stage.callee.reply(&cancel, "200 OK", "", "");
    stage
        .callee
        .reply(&invite, "487 Request Terminated", "", "");
    stage.callee.expect("ACK");
    stage.border.until_nothing_is_left();
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_ended() {
    let mut stage = Stage::set();
    let invite = stage.invite();
    stage.callee.reply(&invite, "180 Ringing", "", "");
    stage.caller.expect("180");
    stage.caller.send(&mut stage.call, "CANCEL", "", "");
    let cancel = stage.callee.expect("CANCEL");
    stage.callee.reply(&cancel, "200 OK", "", "");
    let answer = stage.answer();
    stage.callee.reply(&invite, "200 OK", "", &answer);
    // Never the BYE before the ACK.
    let ack = stage.callee.next().expect("something follows");
    assert_eq!(ack.method(), "ACK", "{}", ack.0);
    let bye = stage.callee.expect("BYE");
    stage.callee.reply(&bye, "200 OK", "", "");
    let terminated = stage.caller.expect("487");
    stage.call.refused(&terminated);
    stage.caller.send(&mut stage.call, "ACK", "", "");
    stage.border.until_nothing_is_left();
}

#[test]
fn the_callee_hangs_up() {
    let mut stage = Stage::set();
    let invite = stage.answered();
    let mut call = stage.callee.answering(&invite);
    stage.callee.send(&mut call, "BYE", "", "");
    let bye = stage.caller.expect("BYE");
    stage.caller.reply(&bye, "200 OK", "", "");
    let ok = stage.callee.expect("200");
    assert!(ok.header("CSeq").ends_with("1001 BYE"), "{}", ok.0);
    stage.border.until_nothing_is_left();
}

#[test]
fn an_answer_is_repeated_until_it_is_acknowledged() {
    let mut stage = Stage::set();
    let invite = stage.invite();
    let answer = stage.answer();
    stage.callee.reply(&invite, "200 OK", "", &answer);
    let first = stage.caller.expect("200");
    // The ACK is lost.
    let again = stage.caller.expect("200");
    assert_eq!(first.0, again.0);
    stage.call.established(&first);
    stage.caller.send(&mut stage.call, "ACK", "", "");
    stage.callee.expect("ACK");
    // The callee lost that ACK too, and repeats its answer: it is acknowledged again.
    stage.callee.reply(&invite, "200 OK", "", &answer);
    stage.callee.expect("ACK");
    stage.hang_up();
}

#[test]
fn options_are_answered_and_strangers_get_481() {
    let mut stage = Stage::set();
    let mut ping = stage.caller.dialog("sbc");
    stage.caller.send(&mut ping, "OPTIONS", "", "");
    let ok = stage.caller.expect("200");
    assert!(ok.header("Allow").contains("INVITE"), "{}", ok.0);
    for method in ["BYE", "INFO", "UPDATE"] {
        let mut stranger = stage.caller.dialog("4930123456");
        let nobody = Text(format!(
            "To: x\r\nTo: <sip:x@{CALLER}>;tag=x\r\nContact: <sip:x@y>"
        ));
        stranger.refused(&nobody);
        stage.caller.send(&mut stranger, method, "", "");
        stage.caller.expect("481");
    }
    stage.border.until_nothing_is_left();
}

#[test]
fn a_request_that_may_go_no_further_gets_483() {
    let mut stage = Stage::set();
    let offer = stage.offer();
    let hops = "Max-Forwards: 0\r\n";
    stage.caller.send(&mut stage.call, "INVITE", hops, &offer);
    let refused = stage.caller.expect("483");
    stage.call.refused(&refused);
    stage.caller.send(&mut stage.call, "ACK", "", "");
    let mut next = stage.caller.dialog("4930123456");
    let hops = "Max-Forwards: 5\r\n";
    stage.caller.send(&mut next, "INVITE", hops, &offer);
    // The first one did not get here, and this one has one hop less.
    let invite = stage.callee.expect("INVITE");
    assert_eq!(invite.header("Max-Forwards"), "4");
    stage.callee.reply(&invite, "486 Busy Here", "", "");
    let refused = stage.caller.expect("486");
    next.refused(&refused);
    stage.caller.send(&mut next, "ACK", "", "");
    stage.border.until_nothing_is_left();
}

#[test]
fn a_call_to_nowhere_gets_404_and_reaches_nobody() {
    let callee = Plain::udp(CALLEE, "bob");
    let border = Border::start(&Setup::to(format!("sip:{}", callee.sip)));
    let mut stranger = Plain::udp(Ipv4Addr::new(127, 1, 0, 66), "eve");
    stranger.sbc = Some(border.outside(Transport::Udp));
    let mut call = stranger.dialog("4930123456");
    let offer = stranger.sdp(4000);
    stranger.send(&mut call, "INVITE", "", &offer);
    let refused = stranger.expect("404");
    call.refused(&refused);
    stranger.send(&mut call, "ACK", "", "");
    border.until_nothing_is_left();
    callee.patience(Duration::from_millis(1));
    let mut callee = callee;
    assert!(callee.next().is_none(), "nobody calls the callee");
}

#[test]
fn a_line_that_the_offer_closed_is_closed_in_the_answer_whatever_the_callee_says() {
    let mut stage = Stage::set();
    let _invite = stage.answered();
    let mut closed = stage.caller.sdp(0);
    closed = closed.replace("a=rtcp:1\r\n", "");
    stage.call.cseq += 1;
    stage.call.branch.push_str("-again");
    stage.caller.send(&mut stage.call, "INVITE", "", &closed);
    let invite = stage.callee.expect("INVITE");
    assert!(invite.body().contains("m=audio 0 "), "{}", invite.0);
    let answer = stage.answer();
    stage.callee.reply(&invite, "200 OK", "", &answer);
    let ok = stage.caller.expect("200");
    // RFC 3264 §6.
    assert!(ok.body().contains("m=audio 0 "), "{}", ok.0);
    stage.caller.send(&mut stage.call, "ACK", "", "");
    stage.callee.expect("ACK");
    stage.hang_up();
}
