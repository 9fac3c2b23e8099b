//! A caller, the SBC and a callee, and how far every flow goes the same way.

use crate::border::{Border, CALLEE, CALLER, OUTSIDE, Setup};
use crate::peers::plain::{Dialog, Plain, Text};
use crate::peers::ports::block;
use sbc_core::transport::Transport;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

/// Two phones and the SBC between them.
pub(crate) struct Stage {
    pub(crate) border: Border,
    pub(crate) caller: Plain,
    pub(crate) callee: Plain,
    pub(crate) call: Dialog,
    /// The media sockets of caller and callee.
    pub(crate) media: [UdpSocket; 2],
}

impl Stage {
    /// Over UDP.
    pub(crate) fn set() -> Self {
        Self::over(Transport::Udp, Transport::Udp)
    }

    /// Over UDP, with more sections, and with pieces of the configuration replaced.
    pub(crate) fn with(more: &str, replaced: &[(&str, &str)]) -> Self {
        let callee = Plain::udp(CALLEE, "bob");
        let setup = Setup::to(format!("sip:{}", callee.sip));
        let mut yaml = setup.yaml();
        for (old, new) in replaced {
            assert!(yaml.contains(old), "{old}\n{yaml}");
            yaml = yaml.replace(old, new);
        }
        yaml.push_str("observe: { metrics: \"127.0.0.1:0\" }\n");
        let border = Border::from_yaml(&(yaml + more));
        let mut caller = Plain::udp(CALLER, "alice");
        caller.sbc = Some(border.outside(Transport::Udp));
        Self {
            call: caller.dialog("4930123456"),
            border,
            caller,
            callee,
            media: [CALLER, CALLEE].map(media_socket),
        }
    }

    /// Over the transports of caller and callee.
    pub(crate) fn over(caller: Transport, callee: Transport) -> Self {
        let transport = callee.to_string().to_lowercase();
        let called = match callee {
            Transport::Tcp => Plain::tcp_listening(CALLEE, "bob"),
            _ => Plain::udp(CALLEE, "bob"),
        };
        let target = format!("sip:{};transport={transport}", called.sip);
        let border = Border::start(&Setup::to(target));
        let at = border.outside(caller);
        let mut calling = match caller {
            Transport::Tcp => Plain::tcp(CALLER, "alice", at),
            _ => Plain::udp(CALLER, "alice"),
        };
        calling.sbc = Some(at);
        Self {
            call: calling.dialog("4930123456"),
            border,
            caller: calling,
            callee: called,
            media: [CALLER, CALLEE].map(media_socket),
        }
    }

    /// What the caller offers.
    pub(crate) fn offer(&self) -> String {
        self.caller.sdp(port(&self.media[0]))
    }

    /// What the callee answers.
    pub(crate) fn answer(&self) -> String {
        self.callee.sdp(port(&self.media[1]))
    }

    /// The caller calls, the callee hears of it.
    pub(crate) fn invite(&mut self) -> Text {
        let offer = self.offer();
        self.caller.send(&mut self.call, "INVITE", "", &offer);
        self.callee.expect("INVITE")
    }

    /// A call that is established.
    pub(crate) fn answered(&mut self) -> Text {
        let invite = self.invite();
        let answer = self.answer();
        self.callee.reply(&invite, "200 OK", "", &answer);
        let ok = self.caller.expect("200");
        self.call.established(&ok);
        self.caller.send(&mut self.call, "ACK", "", "");
        self.callee.expect("ACK");
        invite
    }

    /// The caller hangs up, and nothing is left.
    pub(crate) fn hang_up(&mut self) {
        self.caller.send(&mut self.call, "BYE", "", "");
        let bye = self.callee.expect("BYE");
        self.callee.reply(&bye, "200 OK", "", "");
        let ok = self.caller.expect("200");
        assert!(ok.header("CSeq").ends_with("BYE"), "{}", ok.0);
        self.border.until_nothing_is_left();
    }
}

pub(crate) fn media_socket(ip: Ipv4Addr) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).expect("loopback has ports");
    let patience = Some(Duration::from_secs(10));
    socket.set_read_timeout(patience).expect("is valid");
    socket
}

pub(crate) fn port(socket: &UdpSocket) -> u16 {
    socket.local_addr().expect("it is bound").port()
}

/// A call between two phones that has been answered and acknowledged.
pub(crate) fn establish(caller: &mut Plain, callee: &mut Plain) -> Dialog {
    let mut call = caller.dialog("4930123456");
    let offer = caller.sdp(4000);
    caller.send(&mut call, "INVITE", "", &offer);
    let invite = callee.expect("INVITE");
    let answer = callee.sdp(4002);
    callee.reply(&invite, "200 OK", "", &answer);
    let ok = caller.expect("200");
    call.established(&ok);
    caller.send(&mut call, "ACK", "", "");
    callee.expect("ACK");
    call
}

/// A caller and a callee for `sbc run`, and what its file says of them: the listeners' port and the
/// one behind it are for SIP, the next two for HTTP.
pub(crate) fn phones(mut setup: Setup) -> (Setup, Plain, Plain) {
    let callee = Plain::udp(CALLEE, "bob");
    let mut caller = Plain::udp(CALLER, "alice");
    setup.callee = format!("sip:{}", callee.sip);
    setup.port = block(4);
    caller.sbc = Some((OUTSIDE, setup.port).into());
    (setup, caller, callee)
}
