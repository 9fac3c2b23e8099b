//! Peers as they are met: they repeat themselves, fork, break connections, send garbage, ask for
//! what we do not have.

use crate::border::open_descriptors;
use crate::border::{Border, CALLEE, CALLER, Setup};
use crate::peers::plain::Plain;
use crate::stage::Stage;
use sbc_core::transport::Transport;
use std::net::SocketAddr;
use std::time::Duration;

#[test]
fn a_repeated_invite_is_one_call() {
    let mut stage = Stage::set();
    let offer = stage.offer();
    let invite = stage.invite();
    stage.callee.reply(&invite, "180 Ringing", "", "");
    stage.caller.expect("180");
    stage.caller.send(&mut stage.call, "INVITE", "", &offer);
    // The last provisional response again (RFC 3261 17.2.1).
    stage.caller.expect("180");
    let calls = stage.border.api("/v1/calls");
    assert_eq!(calls["calls"].as_array().map(Vec::len), Some(1), "{calls}");
    stage.callee.reply(&invite, "486 Busy Here", "", "");
    stage.callee.expect("ACK");
    let refused = stage.caller.expect("486");
    stage.call.refused(&refused);
    stage.caller.send(&mut stage.call, "ACK", "", "");
    stage.border.until_nothing_is_left();
}

#[test]
fn an_invite_that_arrives_by_two_ways_is_one_call() {
    let mut stage = Stage::set();
    let offer = stage.offer();
    let invite = stage.invite();
    let first = stage.call.branch.clone();
    stage.call.branch.push_str("-other-way");
    stage.caller.send(&mut stage.call, "INVITE", "", &offer);
    let merged = stage.caller.expect("482");
    assert!(merged.header("Via").contains("-other-way"), "{}", merged.0);
    let mut other = stage.call.clone();
    other.refused(&merged);
    stage.caller.send(&mut other, "ACK", "", "");
    stage.call.branch = first;
    stage.callee.reply(&invite, "486 Busy Here", "", "");
    let refused = stage.caller.expect("486");
    stage.call.refused(&refused);
    stage.caller.send(&mut stage.call, "ACK", "", "");
    stage.border.until_nothing_is_left();
}

#[test]
fn a_request_with_more_than_fits_is_refused_and_the_next_one_is_taken() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut stage = Stage::over(transport, transport);
        let many = "X-More: of the same\r\n".repeat(130);
        let long = format!("X-Long: {}\r\n", "x".repeat(9_000));
        let vias = "Via: SIP/2.0/UDP 192.0.2.1\r\n".repeat(71);
        let at = stage.border.outside(transport);
        for more in [many, long, vias] {
            let mut caller = match transport {
                Transport::Tcp => Plain::tcp(CALLER, "anna", at),
                _ => Plain::udp(CALLER, "anna"),
            };
            caller.sbc = Some(at);
            let mut call = caller.dialog("4930123456");
            caller.send(&mut call, "INVITE", &more, "");
            let refused = caller.expect("513");
            assert!(refused.header("CSeq").ends_with("INVITE"), "{}", refused.0);
        }
        let _invite = stage.invite();
    }
}

#[test]
fn what_is_required_and_not_there_is_refused_by_name() {
    let mut stage = Stage::set();
    let offer = stage.offer();
    let require = "Require: 100rel, teleport\r\n";
    stage
        .caller
        .send(&mut stage.call, "INVITE", require, &offer);
    let refused = stage.caller.expect("420");
    let unsupported = refused.headers("Unsupported").join(",");
    assert!(unsupported.contains("teleport"), "{}", refused.0);
    stage.call.refused(&refused);
    stage.caller.send(&mut stage.call, "ACK", "", "");
    for (method, status) in [("REGISTER", "405"), ("DANCE", "501"), ("SUBSCRIBE", "405")] {
        let mut other = stage.caller.dialog("sbc");
        stage.caller.send(&mut other, method, "", "");
        let refused = stage.caller.expect(status);
        assert!(refused.header("Allow").contains("INVITE"), "{}", refused.0);
    }
    stage.border.until_nothing_is_left();
}

#[test]
fn a_second_answer_of_a_forking_callee_is_acknowledged_and_ended() {
    let mut stage = Stage::set();
    let invite = stage.answered();
    let answer = stage.answer();
    let mut other = invite.clone();
    let to = format!("To: {}", invite.header("To"));
    other.0 = other.0.replace(&to, &format!("{to};tag=other-phone"));
    stage.callee.reply(&other, "200 OK", "", &answer);
    let ack = stage.callee.expect("ACK");
    assert!(ack.header("To").contains("tag=other-phone"), "{}", ack.0);
    let bye = stage.callee.expect("BYE");
    assert!(bye.header("To").contains("tag=other-phone"), "{}", bye.0);
    stage.callee.reply(&bye, "200 OK", "", "");
    stage.hang_up();
}

#[test]
fn a_call_without_offer_is_answered_with_one() {
    let mut stage = Stage::set();
    stage.caller.send(&mut stage.call, "INVITE", "", "");
    let invite = stage.callee.expect("INVITE");
    assert_eq!(invite.body(), "", "{}", invite.0);
    let offer = stage.answer();
    stage.callee.reply(&invite, "200 OK", "", &offer);
    let ok = stage.caller.expect("200");
    assert!(ok.body().contains("m=audio"), "{}", ok.0);
    stage.call.established(&ok);
    let answer = stage.offer();
    stage.caller.send(&mut stage.call, "ACK", "", &answer);
    let ack = stage.callee.expect("ACK");
    assert!(ack.body().contains("m=audio"), "{}", ack.0);
    // Audio goes both ways.
    let [mine, theirs] = &stage.media;
    let packet = [&[0x80, 0, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4][..], &[0x55; 160]].concat();
    mine.send_to(&packet, ok.media()).unwrap();
    let mut heard = [0; 400];
    assert_eq!(theirs.recv_from(&mut heard).unwrap(), (172, ack.media()));
    theirs.send_to(&packet, ack.media()).unwrap();
    assert_eq!(mine.recv_from(&mut heard).unwrap(), (172, ok.media()));
    stage.hang_up();
}

#[test]
fn the_next_target_is_tried_when_one_cannot_be_reached_or_is_down() {
    let nobody = Plain::tcp_listening(CALLEE, "nobody").sip;
    let (mut down, mut bob) = (Plain::udp(CALLEE, "down"), Plain::udp(CALLEE, "bob"));
    let border = Border::start(&Setup::to(format!(
        "sip:{nobody};transport=tcp\", \"sip:{}\", \"sip:{}",
        down.sip, bob.sip
    )));
    let mut caller = Plain::udp(CALLER, "alice");
    caller.sbc = Some(border.outside(Transport::Udp));
    let mut call = caller.dialog("4930123456");
    let offer = caller.sdp(4000);
    caller.send(&mut call, "INVITE", "", &offer);
    let invite = down.expect("INVITE");
    down.reply(&invite, "180 Ringing", "", "");
    let early = caller.expect("180");
    down.reply(&invite, "503 Service Unavailable", "", "");
    down.expect("ACK");
    let invite = bob.expect("INVITE");
    let answer = bob.sdp(4002);
    bob.reply(&invite, "200 OK", "", &answer);
    let ok = caller.expect("200");
    assert_ne!(early.header("To"), ok.header("To"), "another dialog");
    call.established(&ok);
    caller.send(&mut call, "ACK", "", "");
    bob.expect("ACK");
    caller.send(&mut call, "BYE", "", "");
    let bye = bob.expect("BYE");
    bob.reply(&bye, "200 OK", "", "");
    caller.expect("200");
    border.until_nothing_is_left();
}

#[test]
fn the_next_target_is_tried_at_once_when_one_closes_its_connection_without_an_answer() {
    let mut first = Plain::tcp_listening(CALLEE, "first");
    let mut bob = Plain::udp(CALLEE, "bob");
    let border = Border::start(&Setup::to(format!(
        "sip:{};transport=tcp\", \"sip:{}",
        first.sip, bob.sip
    )));
    let mut caller = Plain::udp(CALLER, "alice");
    caller.sbc = Some(border.outside(Transport::Udp));
    let mut call = caller.dialog("4930123456");
    let offer = caller.sdp(4000);
    caller.send(&mut call, "INVITE", "", &offer);
    first.expect("INVITE");
    drop(first);
    // Long before Timer B: the peers' patience is a few seconds.
    let invite = bob.expect("INVITE");
    bob.reply(&invite, "486 Busy Here", "", "");
    let busy = caller.expect("486");
    call.refused(&busy);
    caller.send(&mut call, "ACK", "", "");
    bob.expect("ACK");
    border.until_nothing_is_left();
}

#[test]
fn a_bye_of_the_other_side_of_the_border_ends_nothing() {
    let mut stage = Stage::over(Transport::Udp, Transport::Udp);
    stage.answered();
    // The ids of the caller's dialog, sent to the listener of the callee's side.
    let bye = stage.caller.request(&stage.call, "BYE", "", "");
    let inside = stage.border.at("inside", Transport::Udp);
    let mut stranger = Plain::udp(CALLEE, "stranger");
    stranger.write(bye.as_bytes(), inside);
    stranger.expect("481");
    stage.hang_up();
}

#[test]
fn garbage_over_udp_is_dropped_and_calls_go_on() {
    let mut stage = Stage::set();
    let at = stage.caller.sbc.unwrap();
    let call = stage.call.clone();
    let whole = stage.caller.request(&call, "INVITE", "", &stage.offer());
    let mut seed = 7_u32;
    for length in (0..whole.len()).step_by(7) {
        let mut bytes = whole.as_bytes()[..length].to_vec();
        stage.caller.write(&bytes, at);
        // And with one byte that is wrong.
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if let Some(byte) = bytes.get_mut(seed as usize % length.max(1)) {
            *byte = (seed >> 24) as u8;
        }
        bytes[..length.min(8)].reverse();
        stage.caller.write(&bytes, at);
    }
    stage.caller.write(&[0xff; 65_000], at);
    stage.caller.write(b"SIP/2.0 200 OK\r\n\r\n", at);
    stage.caller.write(b"\r\n\r\n", at);
    // What was read as a request was refused; none of it was a call.
    stage.call = stage.caller.dialog("4930123456");
    let offer = stage.offer();
    stage.caller.send(&mut stage.call, "INVITE", "", &offer);
    let invite = stage.callee.expect("INVITE");
    assert_eq!(stage.border.metric("sbc_calls_started_total"), 1.0);
    stage.callee.reply(&invite, "486 Busy Here", "", "");
    let refused = stage.caller.expect("486");
    stage.call.refused(&refused);
    stage.caller.send(&mut stage.call, "ACK", "", "");
    stage.border.until_nothing_is_left();
}

#[test]
fn a_message_may_come_byte_by_byte_and_two_may_come_at_once_over_tcp() {
    let mut stage = Stage::over(Transport::Tcp, Transport::Tcp);
    let at = stage.caller.sbc.unwrap();
    let call = stage.call.clone();
    let offer = stage.offer();
    let invite = stage.caller.request(&call, "INVITE", "", &offer);
    for byte in invite.as_bytes() {
        stage.caller.write(&[*byte], at);
    }
    let invite = stage.callee.expect("INVITE");
    let answer = stage.answer();
    stage.callee.reply(&invite, "200 OK", "", &answer);
    let ok = stage.caller.expect("200");
    stage.call.established(&ok);
    let ack = stage.caller.request(&stage.call, "ACK", "", "");
    let options = stage.caller.dialog("sbc");
    let options = stage.caller.request(&options, "OPTIONS", "", "");
    let both = format!("\r\n\r\n{ack}\r\n{options}");
    stage.caller.write(both.as_bytes(), at);
    stage.caller.expect("200");
    stage.callee.expect("ACK");
    stage.hang_up();
}

#[test]
fn a_stream_of_garbage_is_closed_and_others_are_not() {
    let mut stage = Stage::over(Transport::Tcp, Transport::Udp);
    let at = stage.caller.sbc.unwrap();
    let mut noise = Plain::tcp(CALLER, "noise", at);
    noise.write(&[b'x'; 100_000], at);
    noise.patience(Duration::from_secs(20));
    assert!(noise.next().is_none());
    let invite = stage.invite();
    stage.callee.reply(&invite, "486 Busy Here", "", "");
    let refused = stage.caller.expect("486");
    stage.call.refused(&refused);
    stage.caller.send(&mut stage.call, "ACK", "", "");
    stage.border.until_nothing_is_left();
}

/// Drops a peer, and waits until the SBC has closed its end of the connection too.
fn hang_wires(border: &Border, peer: Plain) {
    let before = open_descriptors();
    drop(peer);
    border.until("the connection is closed", |_| {
        open_descriptors() <= before - 2
    });
}

#[test]
fn a_callee_whose_connection_broke_is_reached_by_a_new_one() {
    let mut stage = Stage::over(Transport::Udp, Transport::Tcp);
    let invite = stage.invite();
    let answer = stage.answer();
    let mut again = Plain::tcp_listening(CALLEE, "bob");
    let contact = format!("Contact: <sip:bob@{};transport=tcp>\r\n", again.sip);
    stage.callee.reply(&invite, "200 OK", &contact, &answer);
    let ok = stage.caller.expect("200");
    stage.call.established(&ok);
    stage.caller.send(&mut stage.call, "ACK", "", "");
    // A connection is used as long as it lives.
    stage.callee.expect("ACK");
    hang_wires(&stage.border, stage.callee);
    stage.caller.send(&mut stage.call, "BYE", "", "");
    let bye = again.expect("BYE");
    again.reply(&bye, "200 OK", "", "");
    stage.caller.expect("200");
    stage.border.until_nothing_is_left();
}

#[test]
fn a_caller_whose_connection_broke_hears_the_bye_by_a_new_one() {
    let mut stage = Stage::over(Transport::Tcp, Transport::Udp);
    let invite = stage.answered();
    let gone = stage.caller.sip;
    hang_wires(&stage.border, stage.caller);
    // The Contact of the caller was its end of the connection; there it listens now.
    let mut again = Plain::tcp_listening_at(gone, "alice");
    let mut call = stage.callee.answering(&invite);
    stage.callee.send(&mut call, "BYE", "", "");
    let bye = again.expect("BYE");
    again.reply(&bye, "200 OK", "", "");
    stage.callee.expect("200");
    stage.border.until_nothing_is_left();
}

#[test]
fn a_second_offer_crosses_and_a_request_of_the_past_does_not() {
    let mut stage = Stage::set();
    let invite = stage.answered();
    let offer = stage.offer();
    stage.call.branch.push_str("again");
    stage.call.cseq += 1;
    stage.caller.send(&mut stage.call, "INVITE", "", &offer);
    let second = stage.callee.expect("INVITE");
    assert_eq!(second.header("Call-ID"), invite.header("Call-ID"));
    let answer = stage.answer();
    stage.callee.reply(&second, "200 OK", "", &answer);
    stage.caller.expect("200");
    stage.call.branch.push_str("ack");
    stage.caller.send(&mut stage.call, "ACK", "", "");
    stage.callee.expect("ACK");
    // RFC 3261 12.2.2: a CSeq that goes back.
    let mut past = stage.call.clone();
    past.cseq -= 2;
    past.branch.push_str("past");
    stage.caller.send(&mut past, "BYE", "", "");
    stage.caller.expect("500");
    stage.hang_up();
}

#[test]
fn addresses_of_a_via_are_not_believed_over_where_it_came_from() {
    let mut stage = Stage::set();
    let at = stage.caller.sbc.unwrap();
    let ping = stage.caller.dialog("sbc");
    let text = stage.caller.request(&ping, "OPTIONS", "", "");
    let own = stage.caller.sip.to_string();
    let elsewhere: SocketAddr = (CALLER, 9).into();
    let text = text.replacen(
        &format!("UDP {own};rport"),
        &format!("UDP {elsewhere};rport"),
        1,
    );
    stage.caller.write(text.as_bytes(), at);
    let ok = stage.caller.expect("200");
    let via = ok.header("Via");
    let expected = format!("rport={}", stage.caller.sip.port());
    assert!(
        via.contains(&expected) && via.contains("received="),
        "{via}"
    );
}
