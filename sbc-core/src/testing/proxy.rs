//! A proxy between an SBC and a phone: it keeps no state, records itself in the route of each
//! dialog, and sends on what comes (RFC 3261 §16.11, §16.6, §16.12). By UDP only.
//!
//! A strict one is of RFC 2543: it puts itself into Record-Route without `lr`, finds itself in the
//! Request-URI of what is sent to it, and puts the next Route there.

use super::SIP_PORT;
use super::wires::{Post, Way};
use crate::sip::{Host, Message, Uri};
use crate::transport::Transport;
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};

/// The proxy.
#[derive(Debug)]
pub(super) struct Proxy {
    ip: IpAddr,
    /// Where calls to it go.
    target: IpAddr,
    strict: bool,
}

impl Proxy {
    pub(super) const fn new(ip: IpAddr, target: IpAddr, strict: bool) -> Self {
        Self { ip, target, strict }
    }

    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.ip, SIP_PORT)
    }

    /// What it sends on; nothing where it does not know where to.
    pub(super) fn on_message(&self, way: &Way, message: &Message) -> Option<Post> {
        let text = String::from_utf8_lossy(&message.to_bytes()).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines: Vec<String> = head.split("\r\n").map(ToOwned::to_owned).collect();
        let remote = if message.is_request() {
            self.forward(way, message, &mut lines)?
        } else {
            back(&mut lines)?
        };
        Some(Post {
            transport: Transport::Udp,
            local: self.address(),
            remote,
            connection: None,
            owner: 0,
            hurried: false,
            bytes: Bytes::from(format!("{}\r\n\r\n{body}", lines.join("\r\n"))),
        })
    }

    fn forward(&self, way: &Way, message: &Message, lines: &mut Vec<String>) -> Option<SocketAddr> {
        let mut uri = message.request_uri().to_owned();
        let is_route = |line: &String| line.starts_with("Route:");
        if self.is_here(&uri) {
            match lines.iter().position(is_route) {
                Some(first) if self.strict => uri = address(&lines.remove(first)).to_owned(),
                _ => uri = format!("sip:{}@{}", user_of(&uri), self.target),
            }
        }
        if let Some(first) = lines.iter().position(is_route)
            && self.is_here(address(&lines[first]))
        {
            lines.remove(first);
        }
        let next = lines.iter().find(|line| is_route(line) && !self.strict);
        let next = host(next.map_or(&*uri, |line| address(line)))?;
        let method = lines[0].split(' ').next()?.to_owned();
        lines[0] = format!("{method} {uri} SIP/2.0");
        let via = lines.iter_mut().find(|line| line.starts_with("Via:"))?;
        let seen = format!(";received={};rport={}", way.remote.ip(), way.remote.port());
        *via = via.replace(";rport", &seen);
        let hops = lines.iter_mut().find(|l| l.starts_with("Max-Forwards:"))?;
        let left = hops
            .split(' ')
            .nth(1)?
            .parse::<u32>()
            .ok()?
            .checked_sub(1)?;
        *hops = format!("Max-Forwards: {left}");
        if message.to_tag().is_none() && method == "INVITE" {
            let lr = if self.strict { "" } else { ";lr" };
            lines.insert(1, format!("Record-Route: <sip:{}{lr}>", self.ip));
        }
        let branch = message.branch()?;
        let sent_by = self.address();
        lines.insert(1, format!("Via: SIP/2.0/UDP {sent_by};branch={branch}.p"));
        Some(next)
    }

    fn is_here(&self, uri: &str) -> bool {
        host(uri) == Some(self.address())
    }
}

/// A response goes where the next Via says, its own left out.
fn back(lines: &mut Vec<String>) -> Option<SocketAddr> {
    let own = lines.iter().position(|line| line.starts_with("Via:"))?;
    lines.remove(own);
    let next = lines.iter().find(|line| line.starts_with("Via:"))?;
    let param = |name: &str| {
        let mut params = next.split(';').skip(1);
        params.find_map(|p| p.strip_prefix(name).map(ToOwned::to_owned))
    };
    if let (Some(ip), Some(port)) = (param("received="), param("rport=")) {
        return Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?));
    }
    let sent_by = next.split(' ').nth(2)?.split(';').next()?;
    sent_by
        .parse()
        .ok()
        .or_else(|| Some(SocketAddr::new(sent_by.parse().ok()?, SIP_PORT)))
}

/// What stands between `<` and `>`.
fn address(line: &str) -> &str {
    let inner = line.split_once('<').map_or(line, |(_, rest)| rest);
    inner.split('>').next().unwrap_or_default()
}

fn user_of(uri: &str) -> String {
    let user = Uri::parse(uri).ok().and_then(|uri| uri.user);
    user.unwrap_or_default().into_string()
}

fn host(uri: &str) -> Option<SocketAddr> {
    let uri = Uri::parse(uri).ok()?;
    match uri.host {
        Some(Host::Ip(ip)) => Some(SocketAddr::new(ip, uri.port.unwrap_or(SIP_PORT))),
        _ => None,
    }
}
