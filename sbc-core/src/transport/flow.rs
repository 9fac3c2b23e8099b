//! Transports, flows and what travels on them. Pure data: the protocol layers name these too.

use crate::net::ListenerId;
use crate::sip::{Host, Message};
use bytes::Bytes;
use std::fmt;
use std::net::SocketAddr;

/// A SIP transport (RFC 3261 §18; TLS and WebSocket are not built yet).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

impl Transport {
    /// As in a Via: `UDP`.
    #[must_use]
    pub const fn via(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }

    /// As in a URI's `transport` parameter: `udp`.
    #[must_use]
    pub const fn param(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }

    /// From a `transport` parameter, without case.
    #[must_use]
    pub fn from_param(text: &str) -> Option<Self> {
        match text {
            t if t.eq_ignore_ascii_case("udp") => Some(Self::Udp),
            t if t.eq_ignore_ascii_case("tcp") => Some(Self::Tcp),
            _ => None,
        }
    }

    /// Whether the transport itself retransmits (RFC 3261 §17.1.1.1).
    #[must_use]
    pub const fn is_reliable(self) -> bool {
        matches!(self, Self::Tcp)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.param())
    }
}

/// A stream connection of this process; never used again for another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u64);

/// The way between one of our listeners and a peer's address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Flow {
    /// The listener it came in by, or goes out by.
    pub listener: ListenerId,
    /// The transport.
    pub transport: Transport,
    /// The peer.
    pub remote: SocketAddr,
    /// The connection it came by. To send: that one if it is still there, else one to `remote`
    /// (RFC 3261 §18.2.2); nothing: any connection of that listener to `remote`, else a new one.
    pub connection: Option<ConnectionId>,
}

impl Flow {
    /// The way of the responses to a request that came by this flow (RFC 3261 §18.2.2, RFC 3581
    /// §4): over UDP without `rport` they go to the port of the Via, unless a NAT hides that one;
    /// over TCP by the connection of the request, and to that port where the connection is gone.
    #[must_use]
    pub fn for_responses(self, request: &Message) -> Self {
        let Some(via) = request.via() else {
            return self;
        };
        let seen = matches!(via.host, Host::Ip(ip) if ip == self.remote.ip());
        let stays = via.param("rport").is_some() || !seen;
        if self.transport == Transport::Udp && stays {
            return self;
        }
        Self {
            remote: SocketAddr::new(self.remote.ip(), via.port.unwrap_or(5060)),
            ..self
        }
    }
}

/// Bytes to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// Which way.
    pub flow: Flow,
    /// One whole message.
    pub bytes: Bytes,
    /// Its sender has another way: for a connection it is waited no longer than
    /// [`limits::CONNECT_OR_UDP`](crate::limits::CONNECT_OR_UDP).
    pub hurried: bool,
}

impl Transmit {
    /// These bytes, this way and no other.
    #[must_use]
    pub const fn new(flow: Flow, bytes: Bytes) -> Self {
        Self {
            flow,
            bytes,
            hurried: false,
        }
    }
}

/// The largest request that goes by UDP where TCP can be had as well (RFC 3261 §18.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UdpMax(u16);

impl UdpMax {
    /// Any request goes by UDP.
    pub const NEVER_TCP: Self = Self(u16::MAX);

    /// Requests of so many bytes, and smaller ones.
    #[must_use]
    pub const fn bytes(bytes: u16) -> Self {
        Self(bytes)
    }

    /// Whether a request of `bytes` bytes may go by UDP.
    #[must_use]
    pub const fn allows(self, bytes: usize) -> bool {
        self.0 == u16::MAX || bytes <= self.0 as usize
    }
}

impl Default for UdpMax {
    /// 1300 bytes: what the RFC allows where nobody knows the MTU of the path.
    fn default() -> Self {
        Self(1300)
    }
}

/// A message that arrived.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The way it came; responses go back by it.
    pub flow: Flow,
    /// The message. On a request the topmost Via carries `received` and `rport` (RFC 3581 §4).
    pub message: Message,
}

/// Where a request shall go before names are resolved: from a URI (RFC 3263 §4) or a Route.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    /// Host of the URI, or its `maddr`.
    pub host: Host,
    /// The port; the transport's default where none was written.
    pub port: u16,
    /// The transport.
    pub transport: Transport,
}
