//! Whom a port believes, and where it sends: symmetric RTP (RFC 4961) behind a window.
//!
//! RTP. `sdp` is the address in the peer's SDP, `before` the source that an earlier window locked
//! to while the SDP said the same address.
//!
//! | state | input | state | what happens with the packet |
//! |---|---|---|---|
//! | any | `Peer`, strict | Strict | |
//! | any | `Peer`, once | Open | the window is empty |
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

use crate::limits::LATCH_PACKETS;
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
    },
    /// The source is known.
    Locked { sdp: SocketAddr, source: SocketAddr },
}

impl RtpLatch {
    /// `Peer`: a window opens.
    pub(crate) fn open(&mut self, sdp: SocketAddr, rule: Rule) {
        let before = match self {
            Self::Locked { sdp: old, source } if same(*old, sdp) => Some(*source),
            Self::Open {
                sdp: old, before, ..
            } if same(*old, sdp) => *before,
            _ => None,
        };
        *self = match rule {
            Rule::Strict => Self::Strict { sdp },
            Rule::Once => Self::Open {
                sdp,
                before,
                heard: SmallVec::new(),
            },
        };
    }

    /// A valid packet arrived.
    pub(crate) fn on_packet(&mut self, from: SocketAddr) -> Verdict {
        match self {
            Self::Locked { sdp, source } => {
                let sdp = *sdp;
                if same(*source, from) {
                    Verdict::Taken
                } else if same(sdp, from) {
                    self.lock(sdp, from, true)
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
                self.lock(sdp, from, true)
            }
            Self::Open { sdp, before, heard } => {
                let (sdp, before) = (*sdp, *before);
                if same(sdp, from) || before.is_some_and(|b| same(b, from)) {
                    return self.lock(sdp, from, true);
                }
                let leader = count(heard, from);
                let looked_at: u8 = heard.iter().map(|(_, n)| n).sum();
                if looked_at >= LATCH_PACKETS {
                    self.lock(sdp, leader, same(leader, from))
                } else if same(leader, from) {
                    Verdict::Taken
                } else {
                    Verdict::Stray
                }
            }
        }
    }

    fn lock(&mut self, sdp: SocketAddr, source: SocketAddr, taken: bool) -> Verdict {
        *self = Self::Locked { sdp, source };
        if taken {
            Verdict::Locked(source)
        } else {
            Verdict::StrayLocked(source)
        }
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
                Rule::Once,
            ) if same(*old, sdp) => *source,
            (Self::Open { sdp: old, to, .. }, Rule::Once) if same(*old, sdp) => *to,
            _ => sdp,
        };
        *self = Self::Open { sdp, to, rule };
    }

    /// RTP locked to this source.
    pub(crate) fn on_rtp_locked(&mut self, to: SocketAddr) {
        match *self {
            Self::Locked { sdp, source, rule } if source.ip() != to.ip() && !same(source, sdp) => {
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
                    && rule == Rule::Once
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn addr(n: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, n], 4000 + u16::from(n)))
    }

    fn open(rule: Rule) -> RtpLatch {
        let mut latch = RtpLatch::default();
        latch.open(addr(1), rule);
        latch
    }

    #[test]
    fn nothing_is_believed_before_the_peer_is_known() {
        let mut latch = RtpLatch::default();
        assert_eq!(latch.on_packet(addr(1)), Verdict::Stray);
        assert_eq!(latch.destination(), None);
    }

    #[test]
    fn the_address_of_the_sdp_locks_at_once_even_late_in_the_window() {
        let mut latch = open(Rule::Once);
        for _ in 0..4 {
            assert_eq!(latch.on_packet(addr(9)), Verdict::Taken);
            assert_eq!(latch.destination(), Some(addr(1)), "never sent to it");
        }
        assert_eq!(latch.on_packet(addr(1)), Verdict::Locked(addr(1)));
        assert_eq!(latch.on_packet(addr(9)), Verdict::Stray);
        assert_eq!(latch.destination(), Some(addr(1)));
    }

    #[test]
    fn a_peer_behind_nat_is_locked_with_its_fifth_packet() {
        let mut latch = open(Rule::Once);
        for _ in 0..4 {
            assert_eq!(latch.on_packet(addr(2)), Verdict::Taken);
        }
        assert_eq!(latch.on_packet(addr(2)), Verdict::Locked(addr(2)));
        assert_eq!(latch.destination(), Some(addr(2)));
        assert_eq!(latch.on_packet(addr(9)), Verdict::Stray);
    }

    #[test]
    fn an_injector_that_came_first_yields_to_the_address_of_the_sdp_for_good() {
        let mut latch = open(Rule::Once);
        for _ in 0..20 {
            latch.on_packet(addr(9));
        }
        assert_eq!(latch.destination(), Some(addr(9)));
        assert_eq!(latch.on_packet(addr(1)), Verdict::Locked(addr(1)));
        for _ in 0..20 {
            assert_eq!(latch.on_packet(addr(9)), Verdict::Stray);
        }
        assert_eq!(latch.on_packet(addr(1)), Verdict::Taken);
        assert_eq!(latch.destination(), Some(addr(1)));
        latch.open(addr(1), Rule::Once);
        assert_eq!(latch.destination(), Some(addr(1)), "and is forgotten");
    }

    #[test]
    fn rtcp_of_an_injector_yields_to_the_address_of_the_sdp_for_good() {
        let at = |ip, port| SocketAddr::from(([192, 0, 2, ip], port));
        let mut rtp = open(Rule::Once);
        let mut rtcp = RtcpLatch::default();
        rtcp.open(at(1, 4002), Rule::Once);
        // The injector sits at the party's own IP, so that RTP's next lock does not free RTCP.
        for _ in 0..5 {
            rtp.on_packet(at(1, 6000));
        }
        assert!(rtcp.on_packet(at(1, 6001), &rtp));
        assert_eq!(rtp.on_packet(addr(1)), Verdict::Locked(addr(1)));
        rtcp.on_rtp_locked(addr(1));
        assert_eq!(rtcp.destination(), Some(at(1, 6001)));
        assert!(rtcp.on_packet(at(1, 4002), &rtp));
        assert!(!rtcp.on_packet(at(1, 6001), &rtp));
        assert_eq!(rtcp.destination(), Some(at(1, 4002)));
    }

    #[test]
    fn a_sprayer_that_comes_first_does_not_win_the_window() {
        let mut latch = open(Rule::Once);
        assert_eq!(latch.on_packet(addr(9)), Verdict::Taken);
        assert_eq!(
            latch.on_packet(addr(2)),
            Verdict::Stray,
            "a tie: the first leads"
        );
        assert_eq!(latch.on_packet(addr(2)), Verdict::Taken);
        assert_eq!(latch.on_packet(addr(2)), Verdict::Taken);
        assert_eq!(latch.on_packet(addr(9)), Verdict::StrayLocked(addr(2)));
        assert_eq!(latch.on_packet(addr(9)), Verdict::Stray);
        assert_eq!(latch.destination(), Some(addr(2)));
    }

    #[test]
    fn strict_believes_only_the_sdp() {
        let mut latch = open(Rule::Strict);
        for _ in 0..20 {
            assert_eq!(latch.on_packet(addr(2)), Verdict::Stray);
        }
        assert_eq!(latch.on_packet(addr(1)), Verdict::Locked(addr(1)));
        assert_eq!(latch.on_packet(addr(2)), Verdict::Stray);
    }

    #[test]
    fn a_new_window_keeps_the_learned_source_while_the_sdp_says_the_same() {
        let mut latch = open(Rule::Once);
        for _ in 0..5 {
            latch.on_packet(addr(2));
        }
        latch.open(addr(1), Rule::Once);
        assert_eq!(latch.destination(), Some(addr(2)), "audio goes on");
        assert_eq!(latch.on_packet(addr(9)), Verdict::Taken);
        assert_eq!(latch.on_packet(addr(2)), Verdict::Locked(addr(2)));
        latch.open(addr(3), Rule::Once);
        assert_eq!(
            latch.destination(),
            Some(addr(3)),
            "another address: forgotten"
        );
    }

    #[test]
    fn rtcp_follows_the_address_of_rtp_with_a_port_of_its_own() {
        let mut rtp = open(Rule::Once);
        let mut rtcp = RtcpLatch::default();
        let sdp = SocketAddr::from(([192, 0, 2, 1], 4002));
        let natted = SocketAddr::from(([192, 0, 2, 2], 61_000));
        rtcp.open(sdp, Rule::Once);
        assert!(!rtcp.on_packet(natted, &rtp), "RTP is not locked yet");
        for _ in 0..5 {
            rtp.on_packet(addr(2));
        }
        assert_eq!(rtcp.destination(), Some(sdp));
        assert!(rtcp.on_packet(natted, &rtp));
        assert_eq!(rtcp.destination(), Some(natted));
        assert!(
            !rtcp.on_packet(addr(2), &rtp),
            "another port of that address"
        );
        rtcp.on_rtp_locked(addr(7));
        assert_eq!(rtcp.destination(), Some(sdp), "RTP moved away");
    }

    proptest! {
        #[test]
        fn only_a_source_that_won_is_ever_sent_to(
            sources in proptest::collection::vec(1_u8..5, 0..40),
        ) {
            let mut latch = open(Rule::Once);
            let mut foreign = 0_u32;
            for n in sources {
                let before = latch.destination();
                let verdict = latch.on_packet(addr(n));
                let now = latch.destination();
                let locked = matches!(verdict, Verdict::Locked(_) | Verdict::StrayLocked(_));
                prop_assert!(locked || before == now);
                if matches!(verdict, Verdict::Taken | Verdict::Locked(_)) && now != Some(addr(n)) {
                    foreign += 1;
                }
            }
            prop_assert!(foreign <= 4, "packets taken from sources that did not win");
        }
    }
}
