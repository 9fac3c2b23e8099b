//! The media of a call: which ports it has, what they face, and the descriptions that name them.
//!
//! Every RTP m-line of the call has a port on side A and one on side B. An offer of one side is
//! passed to the other with that other side's ports in it; the answer comes back with this side's.
//! Where the plan says which codecs cross, a description is filtered first, and what is said of it
//! below holds of what is left.

use super::event::Side;
use super::io::Cx;
use super::plan::Connect;
use super::view::Agreed;
use crate::net::{MediaAddress, Network, RealmId};
use crate::ports::{Latch, MediaCmd, MediaError, MediaPlane, MediaPort, Peer, Reserve, SessionId};
use crate::sdp::{CodecPolicy, OfferedCodecs, Origin, OurMedia, Sdp, SdpError, rewrite};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Why a description cannot be passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum MediaFault {
    #[error(transparent)]
    Sdp(#[from] SdpError),
    #[error(transparent)]
    Media(#[from] MediaError),
    /// RFC 3261 §20.43: Warning 301.
    #[error("the two sides have no address family in common")]
    Family,
    #[error("no media that can be relayed")]
    Nothing,
    /// RFC 3261 §20.43: Warning 305.
    #[error("no codec that may cross")]
    Codecs,
    /// RFC 3264 §6: the same number of media descriptions, of the same kinds.
    #[error("the answer does not fit the offer")]
    Misfit,
    /// RFC 3264 §8: an offer inside a call has at least the media descriptions of the one before.
    #[error("an offer with fewer media descriptions than before")]
    Fewer,
}

impl MediaFault {
    /// What an offer with it is refused with: status and Warning (RFC 3261 §20.43), which may be
    /// empty.
    pub(super) const fn refusal(self) -> (u16, &'static str) {
        match self {
            Self::Sdp(_) => (488, "399 - \"the SDP cannot be read\""),
            Self::Family => (488, "301 - \"the sides have no address family in common\""),
            Self::Nothing | Self::Misfit => (488, "304 - \"no media that can be relayed\""),
            Self::Codecs => (
                488,
                "305 - \"incompatible media format: no codec that may cross\"",
            ),
            Self::Fewer => (488, "399 - \"fewer media descriptions than before\""),
            Self::Media(MediaError::SessionFull) => (
                488,
                "399 - \"more media descriptions than a call may have\"",
            ),
            Self::Media(MediaError::NoPorts | MediaError::NoDescriptors) => (503, ""),
            Self::Media(MediaError::Bind | MediaError::Closed) => (500, ""),
        }
    }
}

/// One m-line.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    a: Option<MediaPort>,
    b: Option<MediaPort>,
    connected: bool,
}

impl Line {
    const fn port(&self, side: Side) -> Option<MediaPort> {
        match side {
            Side::A => self.a,
            Side::B => self.b,
        }
    }
}

/// What to go back to where an offer is refused (RFC 3261 §14.1).
#[derive(Debug)]
pub(super) struct Before {
    lines: Vec<Line>,
    peers: HashMap<u64, Peer>,
}

/// The description that a side was last sent: its `o=` line is ours, its version grows by one with
/// each change (RFC 3264 §8).
#[derive(Debug, Default)]
struct Sent {
    id: u64,
    version: u64,
    body: Vec<u8>,
}

/// Which version of its description a side is to see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Version {
    /// The first in its dialog, of the early dialog with this number.
    Early(u64),
    /// The next one, or the last one again if nothing changed.
    Next,
}

/// Which half of the exchange a description is (RFC 3264).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Half {
    Offer,
    Answer,
}

/// A description on its way from one side to the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passing<'a> {
    pub(super) half: Half,
    pub(super) from: Side,
    pub(super) sdp: &'a [u8],
    pub(super) version: Version,
}

/// A line of the offer that waits for its answer.
#[derive(Debug)]
struct Offered {
    kind: Box<str>,
    open: bool,
}

/// The media of a call.
#[derive(Debug)]
pub(super) struct CallMedia {
    session: SessionId,
    latch: Latch,
    codecs: Option<Arc<CodecPolicy>>,
    realm_a: RealmId,
    realm_b: RealmId,
    lines: Vec<Line>,
    /// What the last offer was for, line by line: `audio`, `video`.
    offered: Vec<Offered>,
    /// What the answer to it may choose from.
    codecs_offered: OfferedCodecs,
    /// What each port was last told to face.
    peers: HashMap<u64, Peer>,
    sent_a: Sent,
    sent_b: Sent,
    reserved: bool,
}

impl CallMedia {
    pub(super) fn new(session: SessionId, realm_a: RealmId) -> Self {
        Self {
            session,
            latch: Latch::default(),
            codecs: None,
            realm_a,
            realm_b: realm_a,
            lines: Vec::new(),
            offered: Vec::new(),
            codecs_offered: OfferedCodecs::default(),
            peers: HashMap::new(),
            sent_a: Sent::default(),
            sent_b: Sent::default(),
            reserved: false,
        }
    }

    /// Whether the plane knows of the session.
    pub(super) const fn is_open(&self) -> bool {
        self.reserved
    }

    /// What the plan says of media.
    pub(super) fn obey(&mut self, plan: &Connect) {
        self.latch = plan.latch;
        self.codecs.clone_from(&plan.codecs);
    }

    /// The side that the next offer goes to. Ports of a former target on another side are given
    /// back.
    pub(super) fn set_target(&mut self, realm_b: RealmId, commands: &mut Vec<MediaCmd>) {
        if realm_b == self.realm_b {
            return;
        }
        self.realm_b = realm_b;
        for line in &mut self.lines {
            if let Some(port) = line.b.take() {
                commands.push(MediaCmd::Release(port.id));
            }
            line.connected = false;
        }
    }

    /// A description of one side as it is passed to the other: an offer gets ports on both sides,
    /// an answer connects them.
    pub(super) fn pass(
        &mut self,
        cx: &mut Cx<'_>,
        network: &Network,
        passing: &Passing<'_>,
        commands: &mut Vec<MediaCmd>,
    ) -> Result<Vec<u8>, MediaFault> {
        let (sdp, emptied) = self.filtered(passing)?;
        let addresses = self.addresses(network, &sdp)?;
        let kinds = || (0..sdp.media_count()).map(|index| sdp.media(index).kind());
        if passing.half == Half::Answer && !kinds().eq(self.offered.iter().map(|o| &*o.kind)) {
            return Err(MediaFault::Misfit);
        }
        if passing.half == Half::Offer {
            if passing.version == Version::Next && sdp.media_count() < self.lines.len() {
                return Err(MediaFault::Fewer);
            }
            self.lines
                .resize(sdp.media_count().max(self.lines.len()), Line::default());
        }
        let lines = self.lines.len();
        // A line of another family than the description's has no port of ours to face.
        let v4 = addresses.0.bind.is_ipv4();
        let ours = |ip: IpAddr| ip.is_ipv4() == v4 || ip.is_unspecified();
        let can_open = |index: usize| {
            let media = || sdp.media(index);
            let open = index < lines && media().port() != 0 && media().is_rtp();
            open && media().connection().is_none_or(ours)
        };
        if passing.half == Half::Offer {
            let offered = |(index, kind): (usize, &str)| Offered {
                kind: kind.into(),
                open: can_open(index),
            };
            self.offered = kinds().enumerate().map(offered).collect();
        }
        // A line that the offer closed stays so, whatever the answer says (RFC 3264 §6).
        let open: Vec<bool> = (0..sdp.media_count())
            .map(|index| can_open(index) && self.offered.get(index).is_some_and(|o| o.open))
            .collect();
        let usable = open.iter().take(lines).any(|open| *open);
        let first_offer = passing.half == Half::Offer && passing.version != Version::Next;
        if !usable && emptied {
            return Err(MediaFault::Codecs);
        }
        if !usable && first_offer && sdp.media_count() > 0 {
            return Err(MediaFault::Nothing);
        }
        for (index, open) in open.iter().enumerate().take(lines) {
            if !open {
                self.close(index, passing.from, commands);
                continue;
            }
            if passing.half == Half::Offer {
                self.reserve_line(cx, index, &addresses)?;
            }
            self.face(index, passing.from, &sdp, commands);
            if passing.half == Half::Answer {
                self.connect(index, commands);
            }
        }
        let to = passing.from.other();
        let mut ours = self.ours(to, |index| open.get(index) == Some(&true));
        ours.truncate(sdp.media_count());
        Ok(self.passed(cx, to, passing.version, &addresses, &sdp, &ours))
    }

    /// A description with the codecs that may cross, and whether a line of it has none of them.
    fn filtered(&mut self, passing: &Passing<'_>) -> Result<(Sdp, bool), SdpError> {
        let sdp = Sdp::parse(passing.sdp)?;
        let Some(policy) = &self.codecs else {
            return Ok((sdp, false));
        };
        let filtered = match passing.half {
            Half::Offer => policy.offer(sdp),
            Half::Answer => policy.answer(sdp, &self.codecs_offered),
        };
        if passing.half == Half::Offer {
            self.codecs_offered = filtered.codecs;
        }
        Ok((filtered.sdp, filtered.closed > 0))
    }

    /// A description that crosses as it is, but for the codecs: media go past us.
    pub(super) fn pass_by(&mut self, passing: &Passing<'_>) -> Result<Vec<u8>, MediaFault> {
        if self.codecs.is_none() {
            return Ok(passing.sdp.to_vec());
        }
        let (sdp, emptied) = self.filtered(passing)?;
        if emptied && sdp.medias().all(|media| media.port() == 0) {
            return Err(MediaFault::Codecs);
        }
        Ok(sdp.to_bytes())
    }

    /// The media address of each side, in the address family of the description.
    fn addresses(
        &self,
        network: &Network,
        sdp: &Sdp,
    ) -> Result<(MediaAddress, MediaAddress), MediaFault> {
        let told = (0..sdp.media_count()).find_map(|n| sdp.media(n).connection());
        let v4 = told
            .or_else(|| sdp.connection())
            .is_none_or(|ip| ip.is_ipv4());
        let pick = |realm| address(network, realm, v4);
        match (pick(self.realm_a), pick(self.realm_b)) {
            (Some(a), Some(b)) => Ok((a, b)),
            _ => Err(MediaFault::Family),
        }
    }

    fn reserve_line(
        &mut self,
        cx: &Cx<'_>,
        index: usize,
        (a, b): &(MediaAddress, MediaAddress),
    ) -> Result<(), MediaFault> {
        let line = &mut self.lines[index];
        if line.a.is_none() {
            line.a = Some(cx.media.reserve(self.session, a)?);
            self.reserved = true;
        }
        if line.b.is_none() {
            line.b = Some(cx.media.reserve(self.session, b)?);
        }
        Ok(())
    }

    /// Tells the port of `side` what its peer's description says.
    fn face(&mut self, index: usize, side: Side, sdp: &Sdp, commands: &mut Vec<MediaCmd>) {
        let media = sdp.media(index);
        let (Some(port), Some((rtp, rtcp))) = (self.lines[index].port(side), media.wanted_at())
        else {
            return;
        };
        let on_hold = rtp.ip().is_unspecified();
        let peer = Peer {
            rtp,
            rtcp,
            latch: self.latch,
            send: !on_hold && media.direction().receives(),
            receive: true,
        };
        if self.peers.insert(port.id.0, peer) != Some(peer) {
            commands.push(MediaCmd::Peer(port.id, peer));
        }
    }

    /// The side has switched the line off: nothing is sent to it any more, and nothing taken.
    fn close(&mut self, index: usize, side: Side, commands: &mut Vec<MediaCmd>) {
        let Some(port) = self.lines[index].port(side) else {
            return;
        };
        if let Some(peer) = self.peers.get_mut(&port.id.0)
            && (peer.send || peer.receive)
        {
            (peer.send, peer.receive) = (false, false);
            commands.push(MediaCmd::Peer(port.id, *peer));
        }
    }

    fn connect(&mut self, index: usize, commands: &mut Vec<MediaCmd>) {
        let line = &mut self.lines[index];
        if let (Some(a), Some(b), false) = (line.a, line.b, line.connected) {
            commands.push(MediaCmd::Relay(a.id, b.id));
            commands.push(MediaCmd::Relay(b.id, a.id));
            line.connected = true;
        }
    }

    fn ours(&self, side: Side, wanted: impl Fn(usize) -> bool) -> Vec<Option<OurMedia>> {
        let describe = |port: MediaPort| OurMedia {
            rtp: port.rtp,
            rtcp: port.rtcp,
            direction: None,
        };
        self.lines
            .iter()
            .enumerate()
            .map(|(index, line)| line.port(side).filter(|_| wanted(index)).map(describe))
            .collect()
    }

    fn passed(
        &mut self,
        cx: &mut Cx<'_>,
        to: Side,
        version: Version,
        (a, b): &(MediaAddress, MediaAddress),
        sdp: &Sdp,
        ours: &[Option<OurMedia>],
    ) -> Vec<u8> {
        let (sent, address) = match to {
            Side::A => (&mut self.sent_a, a.advertise),
            Side::B => (&mut self.sent_b, b.advertise),
        };
        if sent.id == 0 {
            // Below 2^62: some readers take a signed number (RFC 8866 §5.2 asks for digits only).
            sent.id = (cx.entropy.u64() >> 2).max(1);
        }
        let id = sent.id;
        let build = |version| {
            rewrite(
                sdp,
                &Origin {
                    id,
                    version,
                    address,
                },
                ours,
            )
            .to_bytes()
        };
        let mut number = match version {
            Version::Early(dialog) => dialog + 1,
            Version::Next => sent.version.max(1),
        };
        let mut body = build(number);
        if version == Version::Next && body != sent.body {
            number += 1;
            body = build(number);
        }
        sent.version = number;
        sent.body.clone_from(&body);
        body
    }

    /// What the sides have just agreed on, where media pass through us.
    pub(super) fn agreed(&self, offered_by: Side) -> Agreed {
        let (offer, answer) = match offered_by {
            Side::A => (&self.sent_b, &self.sent_a),
            Side::B => (&self.sent_a, &self.sent_b),
        };
        Agreed {
            offer: offer.body.clone(),
            answer: answer.body.clone(),
            offered_by,
        }
    }

    /// What the call has now: to go back to if an offer is refused.
    pub(super) fn before(&self) -> Before {
        Before {
            lines: self.lines.clone(),
            peers: self.peers.clone(),
        }
    }

    /// The offer was refused: each port faces what it did before (RFC 3261 §14.1), and those that
    /// it was given are given back.
    pub(super) fn restore(&mut self, before: Before, commands: &mut Vec<MediaCmd>) {
        let kept = |line: &Line| [line.a, line.b].into_iter().flatten();
        for port in self.lines.iter().flat_map(kept) {
            if !before.lines.iter().flat_map(kept).any(|b| b.id == port.id) {
                commands.push(MediaCmd::Release(port.id));
            } else if let Some(faced) = before.peers.get(&port.id.0)
                && self.peers.get(&port.id.0) != Some(faced)
            {
                commands.push(MediaCmd::Peer(port.id, *faced));
            }
        }
        self.lines = before.lines;
        self.peers = before.peers;
    }

    /// Both sides agreed: ports of lines that no side has open are given back. One that is opened
    /// again gets others.
    pub(super) fn release_closed(&mut self, commands: &mut Vec<MediaCmd>) {
        let peers = &mut self.peers;
        for line in &mut self.lines {
            let faces = |port: MediaPort| {
                let peer = peers.get(&port.id.0);
                peer.is_some_and(|peer| peer.send || peer.receive)
            };
            let ports = [line.a, line.b].into_iter().flatten();
            if ports.clone().any(faces) {
                continue;
            }
            for port in ports {
                peers.remove(&port.id.0);
                commands.push(MediaCmd::Release(port.id));
            }
            *line = Line::default();
        }
    }

    /// The lines over which media flows: index, port of side A, port of side B.
    pub(super) fn connected(&self) -> impl Iterator<Item = (usize, MediaPort, MediaPort)> {
        self.lines
            .iter()
            .enumerate()
            .filter_map(|(index, line)| Some((index, line.a?, line.b?)).filter(|_| line.connected))
    }
}

fn address(network: &Network, realm: RealmId, v4: bool) -> Option<MediaAddress> {
    network
        .realm(realm)
        .media
        .iter()
        .find(|m| m.advertise.is_ipv4() == v4)
        .copied()
}

/// Ports for side legs and apps of the call.
pub(super) struct Reserver<'a> {
    pub(super) session: SessionId,
    pub(super) network: &'a Network,
    pub(super) plane: &'a dyn MediaPlane,
    pub(super) reserved: &'a mut bool,
}

impl Reserve for Reserver<'_> {
    fn reserve(&mut self, realm: RealmId, peer: Option<IpAddr>) -> Result<MediaPort, MediaError> {
        let address = self.address(realm, peer).ok_or(MediaError::Bind)?;
        let port = self.plane.reserve(self.session, &address)?;
        *self.reserved = true;
        Ok(port)
    }

    fn address(&self, realm: RealmId, peer: Option<IpAddr>) -> Option<MediaAddress> {
        let v4 = peer.is_none_or(|ip| ip.is_ipv4());
        address(self.network, realm, v4).or_else(|| address(self.network, realm, !v4))
    }
}

impl CallMedia {
    /// Ports for side legs and apps.
    pub(super) fn reserver<'a>(
        &'a mut self,
        plane: &'a dyn MediaPlane,
        network: &'a Network,
    ) -> Reserver<'a> {
        Reserver {
            session: self.session,
            network,
            plane,
            reserved: &mut self.reserved,
        }
    }
}
