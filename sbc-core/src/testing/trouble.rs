//! What goes wrong in a world, and who lies in it.
//!
//! A forger sees everything on the wires and sends SBCs messages that nobody meant: what was said
//! again, or in other words; answers to what they asked; requests in their dialogs, and in dialogs
//! that nobody has.

use super::SIP_PORT;
use super::phone::text;
use super::sim::{Event, Sim, address};
use super::wires::{NodeId, Post};
use crate::Entropy;
use crate::b2bua::Command;
use crate::sip::{HeaderName, Message};
use bytes::Bytes;
use std::net::SocketAddr;
use std::time::Duration;

/// The forger looks at so many of the last messages.
const RECENT: usize = 60;
const METHODS: [&str; 9] = [
    "BYE", "ACK", "CANCEL", "INFO", "OPTIONS", "INVITE", "UPDATE", "MESSAGE", "PRACK",
];
const STATUSES: [u16; 12] = [100, 180, 183, 200, 202, 302, 404, 408, 481, 487, 491, 603];

impl Sim {
    /// From now on nothing can be sent to this address, or again it can: senders hear of it.
    pub fn set_unreachable(&mut self, ip: &str, unreachable: bool) {
        if unreachable {
            self.wires.unreachable.insert(address(ip));
        } else {
            self.wires.unreachable.remove(&address(ip));
        }
    }

    /// From now on a lookup of a name takes so long, and the network's delay.
    pub fn lookups_take(&mut self, time: Duration) {
        self.lookup = time;
    }

    /// From now on the call-control modules of an SBC think so long.
    pub fn modules_take(&mut self, sbc: NodeId, time: Duration) {
        self.sbc_mut(sbc).modules_take = time;
    }

    /// An operator's command to one call that an SBC has, drawn.
    pub fn command_one(&mut self, sbc: NodeId, command: Command, dice: &mut Entropy) {
        let keys: Vec<_> = self.sbc(sbc).calls().collect();
        if let Some(key) = pick(dice, &keys) {
            self.push(self.now, Event::Command(sbc, *key, command));
        }
    }

    /// Somebody sends an SBC a message that nobody meant, made of one that went over the wires
    /// lately.
    pub fn forge(&mut self, sbc: NodeId, dice: &mut Entropy) {
        let ours = self.sbc(sbc).addresses();
        let touches = |post: &&Post| ours.contains(&post.local) || ours.contains(&post.remote);
        let recent: Vec<Post> = self
            .wires
            .recent()
            .filter(touches)
            .take(RECENT)
            .cloned()
            .collect();
        let Some(post) = pick(dice, &recent) else {
            return;
        };
        let Ok(message) = Message::parse_datagram(post.bytes.clone()) else {
            return;
        };
        let said_to_us = ours.contains(&post.remote);
        let (us, them) = if said_to_us {
            (post.remote, post.local)
        } else {
            (post.local, post.remote)
        };
        let them = SocketAddr::new(them.ip(), SIP_PORT);
        let Some(node) = self.wires.receiver(them) else {
            return;
        };
        let bytes = match (said_to_us, message.is_request()) {
            (true, _) => said_otherwise(dice, &post.bytes, &message),
            (false, true) if dice.chance(0.7) => answer(dice, &message, them),
            (false, _) => ask(dice, &message, post, them),
        };
        let bytes = if dice.chance(0.1) {
            in_no_dialog(&bytes)
        } else {
            bytes
        };
        let forged = Post {
            transport: post.transport,
            local: them,
            remote: us,
            connection: post.connection,
            owner: 0,
            hurried: false,
            bytes,
        };
        self.post(node, vec![forged]);
    }
}

fn pick<'a, T>(dice: &mut Entropy, of: &'a [T]) -> Option<&'a T> {
    let drawn = dice.below(of.len().max(1) as u64);
    of.get(usize::try_from(drawn).unwrap_or(0))
}

/// A message again, with another status, or with another method and the same branch.
fn said_otherwise(dice: &mut Entropy, bytes: &Bytes, message: &Message) -> Bytes {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let Some((line, rest)) = text.split_once("\r\n") else {
        return bytes.clone();
    };
    if !message.is_request() {
        let mut status = pick(dice, &STATUSES).copied().unwrap_or(200);
        if message.to_tag().is_none() && (200..300).contains(&status) {
            status = 486;
        }
        return format!("SIP/2.0 {status} Forged\r\n{rest}").into();
    }
    let method = message.method().map_or("", |method| method.as_str());
    if dice.chance(0.4) {
        return bytes.clone();
    }
    let other = pick(dice, &["ACK", "CANCEL", "ACK", "BYE", "INFO"])
        .copied()
        .unwrap_or("ACK");
    let line = line.replacen(method, other, 1);
    let number = message.cseq().map_or(1, |cseq| cseq.number);
    let rest = rest.replacen(
        &format!("{number} {method}"),
        &format!("{number} {other}"),
        1,
    );
    format!("{line}\r\n{rest}").into()
}

/// A response to a request of the SBC's.
fn answer(dice: &mut Entropy, request: &Message, them: SocketAddr) -> Bytes {
    let status = pick(dice, &STATUSES).copied().unwrap_or(200);
    let call_id = request.call_id().unwrap_or_default();
    let which = pick(dice, &["one", "two"]).copied().unwrap_or("one");
    let tag = format!("{which}of{}", call_id.get(..12).unwrap_or(call_id));
    let contact = format!("Contact: <sip:forger@{them}>");
    let body = dice.chance(0.5).then(|| sdp(them));
    let body = body.as_ref().map(|body| body.text.as_str());
    text::response(request, status, Some(&tag), &[contact], body)
}

/// A request in the dialog of a message of the SBC's.
fn ask(dice: &mut Entropy, message: &Message, post: &Post, them: SocketAddr) -> Bytes {
    let header = |name| message.header(&name).unwrap_or_default().to_owned();
    let (mut from, mut to) = (header(HeaderName::From), header(HeaderName::To));
    if message.is_request() {
        std::mem::swap(&mut from, &mut to);
    }
    let method = pick(dice, &METHODS).copied().unwrap_or("BYE");
    let past = message.cseq().map_or(1, |cseq| cseq.number);
    let cseq = past.wrapping_add(u32::try_from(dice.below(50)).unwrap_or(0));
    let branch = dice.token(12);
    text::Request {
        method,
        uri: "sip:somebody@sbc.example",
        via: format!(
            "SIP/2.0/{} {them};branch=z9hG4bK{branch};rport",
            post.transport.via()
        ),
        from,
        to,
        call_id: message.call_id().unwrap_or_default(),
        cseq,
        max_forwards: 70,
        lines: vec![format!("Contact: <sip:forger@{them}>")],
        body: (matches!(method, "INVITE" | "UPDATE") && dice.chance(0.5)).then(|| sdp(them)),
    }
    .write()
}

fn sdp(them: SocketAddr) -> text::Body {
    let ip = them.ip();
    text::Body::sdp(format!(
        "v=0\r\no=forger 7 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio 40000 RTP/AVP 0\r\n"
    ))
}

/// The same with a Call-ID, tags and a branch that nobody has.
fn in_no_dialog(bytes: &Bytes) -> Bytes {
    let text = String::from_utf8_lossy(bytes);
    text.replacen("Call-ID: ", "Call-ID: no-", 1)
        .replace("tag=", "tag=no")
        .replace("branch=z9hG4bK", "branch=z9hG4bKno")
        .into()
}
