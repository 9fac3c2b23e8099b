//! Sends bytes to a running SBC and says what came of them: a reply, silence, a call. Behind each,
//! an ordinary call shows that the SBC works as before and that nothing else reached the callee.

use crate::border::{Border, CALLEE, CALLER, Setup};
use crate::peers::plain::{Plain, Text};
use sbc_core::transport::Transport;
use std::net::{Ipv4Addr, SocketAddr};

/// What becomes of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reaction {
    /// This final response.
    Reply(u16),
    /// No response.
    Silence,
    /// No response, and the end of the connection.
    Closed,
    /// 400 or no response, and the end of the connection.
    Ended,
    /// It reaches the callee, whose refusal is the response.
    Call,
}

/// One message and what is demanded of its treatment.
#[derive(Clone, Debug)]
pub(crate) struct Case<'a> {
    pub(crate) name: &'a str,
    pub(crate) wire: Vec<u8>,
    pub(crate) reaction: Reaction,
    /// Headers that the reply has, and a part of their value.
    pub(crate) demands: &'a [(&'a str, &'a str)],
    /// Whether the five headers of the request can be read, so that the reply repeats them.
    pub(crate) echoes: bool,
}

/// The stranger who sends them.
pub(crate) struct Probe {
    border: Border,
    callee: Plain,
    caller: Plain,
    stranger: Plain,
    ip: Ipv4Addr,
}

impl Probe {
    /// `ip` is the stranger's. No Via of the messages names it: as behind a NAT, replies come to
    /// the port that the message came from.
    pub(crate) fn at(ip: Ipv4Addr) -> Self {
        let callee = Plain::udp(CALLEE, "bob");
        let setup = Setup::to(format!("sip:{}", callee.sip));
        let source = format!("source: [ {CALLER}");
        let source_too = format!("source: [ {ip}, {CALLER}");
        let border = Border::from_yaml(&setup.yaml().replace(&source, &source_too));
        let mut caller = Plain::udp(CALLER, "alice");
        caller.sbc = Some(border.outside(Transport::Udp));
        Self {
            border,
            callee,
            caller,
            stranger: Plain::udp(ip, "probe"),
            ip,
        }
    }

    /// Sends it as one datagram.
    pub(crate) fn over_udp(&mut self, case: &Case<'_>) -> Result<(), String> {
        let at = self.border.outside(Transport::Udp);
        self.stranger.write(&case.wire, at);
        if case.reaction == Reaction::Silence {
            let ping = self.ping(self.stranger.sip, "UDP");
            self.stranger.write(ping.as_bytes(), at);
        }
        judge(case, &mut self.callee, &mut self.stranger, at)?;
        self.ordinary_call(case.name)
    }

    /// Sends it on a connection of its own.
    pub(crate) fn over_tcp(&mut self, case: &Case<'_>) -> Result<(), String> {
        let at = self.border.outside(Transport::Tcp);
        let mut stranger = Plain::tcp(self.ip, "probe", at);
        let mut wire = case.wire.clone();
        if case.reaction == Reaction::Silence {
            wire.extend(self.ping(stranger.sip, "TCP").into_bytes());
        }
        stranger.write(&wire, at);
        judge(case, &mut self.callee, &mut stranger, at)?;
        self.ordinary_call(case.name)
    }

    /// A request behind the message: where its reply comes first, there was none to the message.
    fn ping(&self, own: SocketAddr, transport: &str) -> String {
        let ip = self.ip;
        format!(
            "OPTIONS sip:sbc@{ip} SIP/2.0\r\n\
             Via: SIP/2.0/{transport} {own};rport;branch=z9hG4bKping\r\n\
             Max-Forwards: 70\r\nFrom: <sip:probe@{ip}>;tag=1\r\nTo: <sip:sbc@{ip}>\r\n\
             Call-ID: ping\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
    }

    /// A call that is refused by the callee, who hears of nothing else.
    fn ordinary_call(&mut self, name: &str) -> Result<(), String> {
        let mut call = self.caller.dialog("4930123456");
        let offer = self.caller.sdp(4000);
        self.caller.send(&mut call, "INVITE", "", &offer);
        let Some(invite) = self.callee.next() else {
            return Err(format!("{name}: afterwards no call works"));
        };
        if invite.method() != "INVITE" || !invite.header("From").contains("alice") {
            return Err(format!("{name}: this reached the callee:\n{}", invite.0));
        }
        self.callee.reply(&invite, "486 Busy Here", "", "");
        let busy = self.caller.expect("486");
        call.refused(&busy);
        self.caller.send(&mut call, "ACK", "", "");
        self.callee.expect("ACK");
        Ok(())
    }
}

/// Whether the reaction is the one demanded.
fn judge(
    case: &Case<'_>,
    callee: &mut Plain,
    stranger: &mut Plain,
    at: SocketAddr,
) -> Result<(), String> {
    let name = case.name;
    if case.reaction == Reaction::Call {
        let invite = callee.next().ok_or_else(|| format!("{name}: no call"))?;
        callee.reply(&invite, "486 Busy Here", "", "");
        callee.expect("ACK");
    }
    let found = loop {
        let Some(found) = stranger.next() else {
            return match case.reaction {
                Reaction::Closed | Reaction::Ended => Ok(()),
                reaction => Err(format!("{name}: no {reaction:?}, nothing comes")),
            };
        };
        if case.reaction == Reaction::Ended && found.status() == 400 {
            continue;
        }
        if found.status() >= 200 {
            break found;
        }
    };
    let pinged = fields(found.0.as_bytes(), "Call-ID", "i") == "ping";
    let status = match case.reaction {
        Reaction::Reply(status) => status,
        Reaction::Call => 486,
        Reaction::Silence if pinged => return Ok(()),
        Reaction::Silence | Reaction::Closed | Reaction::Ended => {
            return Err(format!("{name}: this comes:\n{}", found.0));
        }
    };
    if found.status() != status {
        return Err(format!("{name}: not {status}:\n{}", found.0));
    }
    if case.wire.starts_with(b"INVITE") {
        stranger.write(ack(&found, &case.wire).as_bytes(), at);
    }
    for (header, part) in case.demands {
        if !found.headers(header).join(", ").contains(part) {
            return Err(format!("{name}: no {header}: {part} in:\n{}", found.0));
        }
    }
    if !case.echoes {
        return Ok(());
    }
    repeated(case, &found)
}

/// RFC 3261 8.2.6.2: Via, From, Call-ID and CSeq as they came; To as well, with a tag.
fn repeated(case: &Case<'_>, reply: &Text) -> Result<(), String> {
    for (long, short) in [
        ("Via", "v"),
        ("From", "f"),
        ("To", "t"),
        ("Call-ID", "i"),
        ("CSeq", ""),
    ] {
        let (mut came, mut went) = (
            fields(&case.wire, long, short),
            fields(reply.0.as_bytes(), long, short),
        );
        went.retain(|c| !c.is_whitespace());
        came.retain(|c| !c.is_whitespace());
        if long == "Via" {
            // The topmost one says where it came from (RFC 3261 18.2.1, RFC 3581 4).
            for name in ["received", "rport"] {
                (came, went) = (without(&came, name), without(&went, name));
            }
        } else if let Some((first, again)) = came.split_once(',')
            && first == again
        {
            // The same line twice is one.
            came.truncate(first.len());
        }
        let tagged = long == "To" && went.starts_with(&came) && went.contains(";tag=");
        if went != came && !tagged {
            return Err(format!(
                "{}: {long}: {came} is repeated as {went}",
                case.name
            ));
        }
    }
    Ok(())
}

/// The text without this parameter and its values.
fn without(text: &str, name: &str) -> String {
    let start = format!(";{name}");
    let mut pieces = text.split(&start);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        // An IPv6 address has no separator of parameters in it.
        out.push_str(&piece[piece.find([';', ',']).unwrap_or(piece.len())..]);
    }
    out
}

/// Every value of a header as written, without line ends.
fn fields(wire: &[u8], long: &str, short: &str) -> String {
    let text = String::from_utf8_lossy(wire)
        .replace("\r\n ", " ")
        .replace("\r\n\t", " ");
    let text = text.trim_start();
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let named = head.split("\r\n").filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let name = name.trim();
        let is = name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short);
        is.then(|| value.trim())
    });
    named.collect::<Vec<_>>().join(",")
}

/// The ACK of a refusal (RFC 3261 17.1.1.3), made of what the refusal repeats.
fn ack(refusal: &Text, invite: &[u8]) -> String {
    let start = String::from_utf8_lossy(invite);
    let uri = start.split_whitespace().nth(1).unwrap_or_default();
    let one = |long: &str, short: &str| fields(refusal.0.as_bytes(), long, short);
    let (vias, cseq) = (one("Via", "v"), one("CSeq", ""));
    let via = vias.split(',').next().unwrap_or_default();
    let number = cseq.split(' ').next().unwrap_or_default();
    format!(
        "ACK {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n\
         Call-ID: {}\r\nCSeq: {number} ACK\r\nContent-Length: 0\r\n\r\n",
        one("From", "f"),
        one("To", "t"),
        one("Call-ID", "i"),
    )
}
