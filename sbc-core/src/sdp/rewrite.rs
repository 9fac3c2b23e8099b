//! Our addresses and ports in somebody's description: topology hiding and media anchoring.

use super::{Direction, Sdp};
use std::net::{IpAddr, SocketAddr};

/// The `o=` line that is ours: one for each description we send in a dialog; `version` grows by one
/// with each change (RFC 3264 §8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The session id.
    pub id: u64,
    /// The version.
    pub version: u64,
    /// The address in `o=`.
    pub address: IpAddr,
}

/// What one m-line says of us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OurMedia {
    /// Where RTP is wanted, as the peer shall see it.
    pub rtp: SocketAddr,
    /// Where RTCP is wanted; equal to `rtp` for rtcp-mux.
    pub rtcp: SocketAddr,
    /// Replaces the direction where given.
    pub direction: Option<Direction>,
}

/// The description as we send it on: `o=` ours, `s=-`, no `u= e= p=`, `c=` and ports ours (port 0 where
/// `media` has nothing at that index; connection lines, candidates and every other line that holds an
/// address of the sender are removed: `a=rtcp` is written anew where our RTCP port is not RTP + 1, ICE
/// attributes are dropped), everything else as it was. Media of other protocols than RTP gets port 0.
#[must_use]
pub fn rewrite(_sdp: &Sdp, _origin: &Origin, _media: &[Option<OurMedia>]) -> Sdp {
    unimplemented!()
}
