//! Whom a port believes, and where it sends: symmetric RTP (RFC 4961) behind a window.
//!
//! RTP. `sdp` is the address in the peer's SDP, `before` the source that an earlier window locked
//! to while the SDP said the same address.
//!
//! | state | input | state | what happens with the packet |
//! |---|---|---|---|
//! | any | `Peer`, strict | Strict | |
//! | any | `Peer`, once or follow | Open | the window is empty |
//! | Deaf | packet | Deaf | stray: the peer is not known yet |
//! | Strict | packet from `sdp` | Locked | taken |
//! | Strict | packet from elsewhere | Strict | stray |
//! | Open | packet from `sdp` or `before` | Locked | taken |
//! | Open | one of the first four from elsewhere | Open | counted; taken if its source leads |
//! | Open | the fifth from elsewhere | Locked to the leader | taken if it is the leader's |
//! | Locked | packet from the source | Locked | taken |
//! | Locked | packet from `sdp`, which is not the source | Locked to `sdp`, for good | taken |
//! | Locked | packet from elsewhere | Locked | stray |
//!
//! With `follow` a lock is not for good: a party that changes its network, or whose NAT forgets it,
//! goes on from a new address. Silence is counted from the last packet of the source.
//!
//! | state | input | state | what happens with the packet |
//! |---|---|---|---|
//! | Locked, follow | packet from the source | Locked | taken; the count begins anew |
//! | Locked, follow, silent for 2 s | first packet of a source, or of an SSRC of it, or not the next number | Locked | stray, the first of the count |
//! | Locked, follow, silent for 2 s | the next number of the same stream: the second to fourth | Locked | stray, counted |
//! | Locked, follow, silent for 2 s | the next number of the same stream: the fifth | Locked to its source | taken |
//! | Locked, follow, not silent | packet from elsewhere | Locked | stray, not counted |
//!
//! One stream is counted at a time: two that mix keep one another out. Who guesses numbers, or
//! sends while the party talks, wins nothing; a party that is silent for long can be replaced by
//! whoever knows the port, which is the price of `follow`.
//!
//! The leader is the source of most of the packets looked at, the earliest of equals: one packet
//! of a sprayer that comes first wins nothing. Until the lock, packets go to `before`, else to
//! `sdp`; never to a source that has not won. So no packet is ever sent to a stranger who does not
//! win the window, and at most four of a stranger are taken.
//!
//! The SDP's own address wins over a learned one at any time: a stranger whose packets come first
//! holds the port only until the party's first one. A party behind NAT never sends from that
//! address, so nothing but its own first packets protects it.
//!
//! RTCP follows with its own port: taken from the SDP's RTCP address, or from the address (any
//! port) that RTP is locked to; the first such source is kept, but the SDP's address wins here too.
//!
//! | state | input | state |
//! |---|---|---|
//! | any | `Peer` | Open; destination kept if the SDP says the same |
//! | Open | from the SDP's address; or, not strict, from the IP that RTP is locked to | Locked |
//! | Locked | from the SDP's address | Locked to it, for good |
//! | Locked | RTP locks to another IP, and the source is not the SDP's | Open |
//! | Locked, follow | RTP locks to another source, and the source is not the SDP's | Open |

use crate::limits::{FOLLOW_SILENCE, LATCH_PACKETS};
use sbc_core::Instant;
use sbc_core::ports::Latch as Rule;
use smallvec::SmallVec;
use std::net::{IpAddr, SocketAddr};

/// Whether two addresses are one: an IPv6 flow label or scope makes no other peer.
fn same(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port() && a.ip() == b.ip()
}

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// Not from the peer.
    Stray,
    /// From the peer.
    Taken,
    /// Not from the peer, but it was the last one looked at: the peer is known now.
    StrayLocked(SocketAddr),
    /// From the peer, who is known now.
    Locked(SocketAddr),
}

/// The latch of an RTP socket.
#[derive(Clone, Debug, Default)]
pub(crate) enum RtpLatch {
    /// The peer is not known yet.
    #[default]
    Deaf,
    /// Waits for the SDP's address.
    Strict { sdp: SocketAddr },
    /// The window is open.
    Open {
        sdp: SocketAddr,
        before: Option<SocketAddr>,
        heard: SmallVec<[(SocketAddr, u8); 2]>,
        follows: bool,
    },
    /// The source is known.
    Locked {
        sdp: SocketAddr,
        source: SocketAddr,
        follow: Option<Follow>,
    },
}

/// An RTP packet as the latch sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    pub(crate) from: SocketAddr,
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
}

/// What a lock that may move knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Follow {
    /// The last packet of the source.
    heard: Instant,
    /// The last packet of the stream that may take its place, and how many were in sequence.
    next: Option<(Arrival, u8)>,
}

impl Follow {
    const fn since(heard: Instant) -> Self {
        Self { heard, next: None }
    }

    /// A packet from elsewhere; whether its source takes the place of the silent one.
    fn on_stranger(&mut self, packet: Arrival) -> bool {
        if packet.at.since(self.heard) < FOLLOW_SILENCE {
            return false;
        }
        let stream =
            |(last, _): &(Arrival, u8)| same(last.from, packet.from) && last.ssrc == packet.ssrc;
        let count = match self.next.filter(stream) {
            // The network repeated it.
            Some((last, _)) if last.sequence == packet.sequence => return false,
            Some((last, count)) if last.sequence.wrapping_add(1) == packet.sequence => count + 1,
            _ => 1,
        };
        self.next = Some((packet, count));
        count >= LATCH_PACKETS
    }
}

impl RtpLatch {
    /// `Peer`: a window opens.
    pub(crate) fn open(&mut self, sdp: SocketAddr, rule: Rule) {
        let before = match self {
            Self::Locked {
                sdp: old, source, ..
            } if same(*old, sdp) => Some(*source),
            Self::Open {
                sdp: old, before, ..
            } if same(*old, sdp) => *before,
            _ => None,
        };
        *self = match rule {
            Rule::Strict => Self::Strict { sdp },
            Rule::Once | Rule::Follow => Self::Open {
                sdp,
                before,
                heard: SmallVec::new(),
                follows: rule == Rule::Follow,
            },
        };
    }

    /// A valid packet arrived.
    pub(crate) fn on_packet(&mut self, packet: Arrival) -> Verdict {
        let from = packet.from;
        match self {
            Self::Locked {
                sdp,
                source,
                follow,
            } => {
                if same(*source, from) {
                    if let Some(follow) = follow {
                        *follow = Follow::since(packet.at);
                    }
                    return Verdict::Taken;
                }
                let (sdp, follows) = (*sdp, follow.is_some());
                let mut moves = || follow.as_mut().is_some_and(|f| f.on_stranger(packet));
                if same(sdp, from) || moves() {
                    self.lock(sdp, from, follows.then_some(packet.at))
                } else {
                    Verdict::Stray
                }
            }
            Self::Deaf => Verdict::Stray,
            Self::Strict { sdp } => {
                let sdp = *sdp;
                if !same(sdp, from) {
                    return Verdict::Stray;
                }
                self.lock(sdp, from, None)
            }
            Self::Open {
                sdp,
                before,
                heard,
                follows,
            } => {
                let (sdp, before) = (*sdp, *before);
                let since = follows.then_some(packet.at);
                if same(sdp, from) || before.is_some_and(|b| same(b, from)) {
                    return self.lock(sdp, from, since);
                }
                let leader = count(heard, from);
                let looked_at: u8 = heard.iter().map(|(_, n)| n).sum();
                if looked_at >= LATCH_PACKETS {
                    let locked = self.lock(sdp, leader, since);
                    if same(leader, from) {
                        locked
                    } else {
                        Verdict::StrayLocked(leader)
                    }
                } else if same(leader, from) {
                    Verdict::Taken
                } else {
                    Verdict::Stray
                }
            }
        }
    }

    /// `since`: the lock may move after a silence that is counted from then.
    fn lock(&mut self, sdp: SocketAddr, source: SocketAddr, since: Option<Instant>) -> Verdict {
        let follow = since.map(Follow::since);
        *self = Self::Locked {
            sdp,
            source,
            follow,
        };
        Verdict::Locked(source)
    }

    /// Where to send.
    pub(crate) fn destination(&self) -> Option<SocketAddr> {
        match self {
            Self::Deaf => None,
            Self::Strict { sdp } => Some(*sdp),
            Self::Open { sdp, before, .. } => Some(before.unwrap_or(*sdp)),
            Self::Locked { source, .. } => Some(*source),
        }
    }

    /// The source that it is locked to, or was while the SDP said the same.
    pub(crate) fn source(&self) -> Option<SocketAddr> {
        match self {
            Self::Locked { source, .. } => Some(*source),
            Self::Open { before, .. } => *before,
            Self::Deaf | Self::Strict { .. } => None,
        }
    }

    /// The address that it is locked to.
    fn locked_ip(&self) -> Option<IpAddr> {
        match self {
            Self::Locked { source, .. } => Some(source.ip()),
            _ => None,
        }
    }

    /// Whether this packet's source is that of the RTP: the rule for RTCP on the same port, which
    /// neither opens nor moves a latch.
    pub(crate) fn is_peer(&self, from: SocketAddr) -> bool {
        self.destination().is_some_and(|peer| same(peer, from))
    }
}

/// Counts a packet for its source and names the leader.
fn count(heard: &mut SmallVec<[(SocketAddr, u8); 2]>, from: SocketAddr) -> SocketAddr {
    match heard.iter_mut().find(|(source, _)| same(*source, from)) {
        Some((_, n)) => *n += 1,
        None => heard.push((from, 1)),
    }
    // `rev`, because `max_by_key` names the last of equals.
    let leader = heard.iter().rev().max_by_key(|(_, n)| *n);
    leader.map_or(from, |(source, _)| *source)
}

/// The latch of an RTCP socket.
#[derive(Clone, Debug, Default)]
pub(crate) enum RtcpLatch {
    /// The peer is not known yet.
    #[default]
    Deaf,
    /// The source is not known yet; `to` is where packets go meanwhile.
    Open {
        sdp: SocketAddr,
        to: SocketAddr,
        rule: Rule,
    },
    /// The source is known.
    Locked {
        sdp: SocketAddr,
        source: SocketAddr,
        rule: Rule,
    },
}

impl RtcpLatch {
    /// `Peer`: the source is learned again.
    pub(crate) fn open(&mut self, sdp: SocketAddr, rule: Rule) {
        let to = match (&self, rule) {
            (
                Self::Locked {
                    sdp: old, source, ..
                },
                Rule::Once | Rule::Follow,
            ) if same(*old, sdp) => *source,
            (Self::Open { sdp: old, to, .. }, Rule::Once | Rule::Follow) if same(*old, sdp) => *to,
            _ => sdp,
        };
        *self = Self::Open { sdp, to, rule };
    }

    /// RTP locked to this source.
    pub(crate) fn on_rtp_locked(&mut self, to: SocketAddr) {
        match *self {
            Self::Locked { sdp, source, rule }
                if (source.ip() != to.ip() || rule == Rule::Follow) && !same(source, sdp) =>
            {
                *self = Self::Open { sdp, to: sdp, rule };
            }
            _ => {}
        }
    }

    /// A valid packet arrived; whether it is the peer's.
    pub(crate) fn on_packet(&mut self, from: SocketAddr, rtp: &RtpLatch) -> bool {
        match *self {
            Self::Deaf => false,
            Self::Locked { source, .. } if same(source, from) => true,
            Self::Locked { sdp, rule, .. } | Self::Open { sdp, rule, .. } => {
                let follows = matches!(self, Self::Open { .. })
                    && rule != Rule::Strict
                    && rtp.locked_ip() == Some(from.ip());
                let peer = same(sdp, from) || follows;
                if peer {
                    *self = Self::Locked {
                        sdp,
                        source: from,
                        rule,
                    };
                }
                peer
            }
        }
    }

    /// Where to send.
    pub(crate) fn destination(&self) -> Option<SocketAddr> {
        match self {
            Self::Deaf => None,
            Self::Open { to, .. } => Some(*to),
            Self::Locked { source, .. } => Some(*source),
        }
    }
}

#[cfg(test)]
mod tests;
