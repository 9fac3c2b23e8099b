//! Requests too large for UDP, with a callee that has UDP and TCP at one address, or UDP only.

use crate::border::{Border, CALLEE, CALLER, Setup};
use crate::peers::plain::{Dialog, Plain, Text};
use sbc_core::transport::Transport;
use socket2::SockRef;
use std::net::{SocketAddr, TcpListener, TcpStream};

/// A caller by UDP, the SBC, and a callee that is named without transport.
struct Scene {
    border: Border,
    caller: Plain,
    by_udp: Plain,
    at: SocketAddr,
}

impl Scene {
    fn set(keys: &str) -> Self {
        let by_udp = Plain::udp(CALLEE, "bob");
        let at = by_udp.sip;
        let yaml = Setup::to(format!("sip:{at}")).yaml();
        let yaml = yaml.replace("pbx: { ", &format!("pbx: {{ {keys}"));
        let border = Border::from_yaml(&format!(
            "{yaml}observe: {{ api: \"127.0.0.1:0\", metrics: \"127.0.0.1:0\" }}\n"
        ));
        let mut caller = Plain::udp(CALLER, "alice");
        caller.sbc = Some(border.outside(Transport::Udp));
        Self {
            border,
            caller,
            by_udp,
            at,
        }
    }

    /// The caller sends an INVITE of more than 1300 bytes.
    fn invite(&mut self) -> Dialog {
        let mut call = self.caller.dialog("4930123456");
        let subject = format!("Subject: {}\r\n", "x".repeat(1200));
        let offer = self.caller.sdp(4002);
        self.caller.send(&mut call, "INVITE", &subject, &offer);
        call
    }

    /// The rest of a call whose INVITE was answered, with requests that are small.
    fn talk_and_hang_up(mut self, mut call: Dialog) {
        let ok = self.caller.expect("200");
        call.established(&ok);
        self.caller.send(&mut call, "ACK", "", "");
        self.by_udp.expect("ACK");
        self.caller.send(&mut call, "BYE", "", "");
        let bye = self.by_udp.expect("BYE");
        self.by_udp.reply(&bye, "200 OK", "", "");
        self.caller.expect("200");
        self.border.until_nothing_is_left();
    }
}

/// Answers with a Contact that names no transport.
fn answer(callee: &mut Plain, invite: &Text, at: SocketAddr) {
    let contact = format!("Contact: <sip:bob@{at}>\r\n");
    let answer = callee.sdp(4000);
    callee.reply(invite, "200 OK", &contact, &answer);
}

fn went_by(invite: &Text, transport: &str) -> bool {
    invite
        .header("Via")
        .starts_with(&format!("SIP/2.0/{transport} "))
}

#[test]
fn a_large_invite_goes_by_tcp_and_the_small_requests_of_its_call_by_udp() {
    let mut scene = Scene::set("");
    let mut by_tcp = Plain::tcp_listening_at(scene.at, "bob");
    let call = scene.invite();
    let invite = by_tcp.expect("INVITE");
    assert!(
        invite.0.len() > 1300 && went_by(&invite, "TCP"),
        "{}",
        invite.0
    );
    answer(&mut by_tcp, &invite, scene.at);
    scene.talk_and_hang_up(call);
}

#[test]
fn a_callee_without_tcp_gets_a_large_invite_by_udp() {
    let mut scene = Scene::set("");
    let call = scene.invite();
    let invite = scene.by_udp.expect("INVITE");
    assert!(
        invite.0.len() > 1300 && went_by(&invite, "UDP"),
        "{}",
        invite.0
    );
    let at = scene.at;
    answer(&mut scene.by_udp, &invite, at);
    scene.talk_and_hang_up(call);
}

#[test]
fn a_callee_that_never_takes_the_connection_gets_a_large_invite_by_udp() {
    let mut scene = Scene::set("");
    // A listener whose backlog is full drops further SYNs.
    let full = TcpListener::bind(scene.at).expect("the address is free");
    SockRef::from(&full).listen(0).expect("it listens");
    let _fill = TcpStream::connect(scene.at).expect("one fits");
    let call = scene.invite();
    let invite = scene.by_udp.expect("INVITE");
    assert!(went_by(&invite, "UDP"), "{}", invite.0);
    let at = scene.at;
    answer(&mut scene.by_udp, &invite, at);
    scene.talk_and_hang_up(call);
}

#[test]
fn a_trunk_that_never_takes_tcp_is_not_asked_for_a_connection() {
    let mut scene = Scene::set("udp_max: never, ");
    let mut by_tcp = Plain::tcp_listening_at(scene.at, "bob");
    let call = scene.invite();
    let invite = scene.by_udp.expect("INVITE");
    assert!(went_by(&invite, "UDP"), "{}", invite.0);
    assert!(!by_tcp.is_called());
    let at = scene.at;
    answer(&mut scene.by_udp, &invite, at);
    scene.talk_and_hang_up(call);
}
