//! Our addresses and ports in somebody's description: topology hiding and media anchoring.

use super::hosts::{SenderHosts, names_a_host};
use super::session::{address_type, attribute};
use super::{Direction, MediaView, Sdp};
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

/// The description as we send it on: `o=` ours, `s=-`, no `i= u= e= p=`, `c=` and ports ours (port
/// 0 where `media` has nothing at that index; connection lines, candidates and every other line
/// that holds an address of the sender are removed: `a=rtcp` is written anew where our RTCP port is
/// not RTP + 1, ICE attributes are dropped), everything else as it was. Media of other protocols
/// than RTP gets port 0.
///
/// What follows from it:
/// - A port that is 0 stays 0, and a port count (`49170/2`) is not repeated.
/// - `a=rtcp-mux` stands where `rtcp` equals `rtp`, and only there (RFC 5761 §5.1.1).
/// - Media that is held by the address `0.0.0.0` (RFC 2543) is held by its direction (RFC 3264
///   §8.4): the address becomes ours, and would say the contrary.
/// - `a=group:BUNDLE` is dropped, and what has a sense only with it (`a=bundle-only`, `a=mid` where
///   no other group remains, the header extension of that name): each media description has a
///   transport of its own here (RFC 9143 §7).
/// - A line that names a host, be it nobody's that we know of, is dropped, except attributes whose
///   values are those of codecs and keys. Words of an `m=` line that do are masked.
/// - A missing `t=` is written, as is `c=` where there was none (RFC 8866 §5.7, §5.9).
#[must_use]
pub fn rewrite(sdp: &Sdp, origin: &Origin, media: &[Option<OurMedia>]) -> Sdp {
    let hosts = SenderHosts::of(sdp);
    let ours: Vec<Option<OurMedia>> = sdp
        .medias()
        .enumerate()
        .map(|(n, view)| {
            let open = view.port() != 0 && view.is_rtp();
            media.get(n).copied().flatten().filter(|_| open)
        })
        .collect();
    let directions = directions(sdp, &ours);
    let grouped = sdp
        .session_block()
        .any(|line| is_group(line) && !is_bundle(line) && crosses(line, &hosts));
    let session_address = ours
        .iter()
        .flatten()
        .next()
        .map_or(origin.address, |m| m.rtp.ip());

    let mut out = Sdp::with_capacity(sdp.size() + 128);
    push_session(&mut out, sdp, origin, session_address, &hosts, &directions);
    for (index, view) in sdp.medias().enumerate() {
        let block = Block {
            ours: ours[index],
            direction: directions.as_ref().map(|d| d[index]),
            session_address,
            grouped,
        };
        block.push(&mut out, view, sdp.media_block(index), &hosts);
    }
    out
}

/// The direction of every media description, where at least one is not to stay as it is written.
fn directions(sdp: &Sdp, ours: &[Option<OurMedia>]) -> Option<Vec<Direction>> {
    let mut changed = false;
    let directions = sdp
        .medias()
        .zip(ours)
        .map(|(view, ours)| {
            let asked = ours.and_then(|m| m.direction);
            let held = || {
                let by_address = view.connection().is_some_and(|a| a.is_unspecified());
                match view.direction() {
                    Direction::SendRecv if by_address => Some(Direction::SendOnly),
                    Direction::RecvOnly if by_address => Some(Direction::Inactive),
                    _ => None,
                }
            };
            let new = asked.or_else(held);
            changed |= new.is_some();
            new.unwrap_or_else(|| view.direction())
        })
        .collect();
    changed.then_some(directions)
}

fn push_session(
    out: &mut Sdp,
    sdp: &Sdp,
    origin: &Origin,
    address: IpAddr,
    hosts: &SenderHosts,
    directions: &Option<Vec<Direction>>,
) {
    let Origin { id, version, .. } = origin;
    let kind = address_type(origin.address);
    out.push("v=0");
    out.push_fmt(format_args!(
        "o=- {id} {version} IN {kind} {}",
        origin.address
    ));
    out.push("s=-");
    push_connection(out, address);
    let mut timed = sdp.session_lines('t').next().is_some();
    for line in sdp.session_block() {
        if line.starts_with(['v', 'o', 's', 'i', 'u', 'e', 'p', 'c']) {
            continue;
        }
        if !timed && !line.starts_with('b') {
            out.push("t=0 0");
            timed = true;
        }
        let replaced = directions.is_some() && is_direction(line);
        if !replaced && !is_bundle(line) && crosses(line, hosts) {
            out.push(line);
        }
    }
    if !timed {
        out.push("t=0 0");
    }
}

/// How one media description is written.
struct Block {
    /// Nothing: port 0.
    ours: Option<OurMedia>,
    /// Written in place of the direction where given.
    direction: Option<Direction>,
    /// What the session's `c=` says.
    session_address: IpAddr,
    /// Whether a group remains that names media descriptions by `a=mid` (RFC 5888).
    grouped: bool,
}

impl Block {
    fn push<'a>(
        &self,
        out: &mut Sdp,
        view: MediaView<'_>,
        lines: impl Iterator<Item = &'a str>,
        hosts: &SenderHosts,
    ) {
        let port = self.ours.map_or(0, |m| m.rtp.port());
        if is_told(view.kind(), hosts) || is_told(view.rest(), hosts) {
            self.push_masked(out, view, hosts);
        } else {
            out.push_fmt(format_args!("m={} {port} {}", view.kind(), view.rest()));
        }
        let mut connected = false;
        let mut directed = self.direction.is_none();
        let mut muxed = false;
        for line in lines.skip(1) {
            // `i=` alone stands before `c=` (RFC 8866 §5).
            if !connected && !line.starts_with('i') {
                self.push_own_connection(out);
                connected = true;
            }
            if self.direction.is_some() && is_direction(line) {
                if !directed {
                    self.push_direction(out);
                    directed = true;
                }
            } else if attribute(line).is_some_and(|(n, _)| n.eq_ignore_ascii_case("rtcp-mux")) {
                if self.is_mux() && !muxed {
                    out.push("a=rtcp-mux");
                    muxed = true;
                }
            } else if !line.starts_with('c')
                && (self.grouped || !is_of_bundle(line))
                && crosses(line, hosts)
            {
                out.push(line);
            }
        }
        if !connected {
            self.push_own_connection(out);
        }
        if !directed {
            self.push_direction(out);
        }
        self.push_rtcp(out, muxed);
    }

    /// No honest `m=` line names a host, but each byte of it would cross.
    fn push_masked(&self, out: &mut Sdp, view: MediaView<'_>, hosts: &SenderHosts) {
        let mask = |word| if is_told(word, hosts) { "-" } else { word };
        let port = self.ours.map_or(0, |m| m.rtp.port());
        let rest: Vec<_> = view.rest().split_ascii_whitespace().map(mask).collect();
        let (kind, rest) = (mask(view.kind()), rest.join(" "));
        out.push_fmt(format_args!("m={kind} {port} {rest}"));
    }

    /// A `c=` of its own only where the session's is not right for it: some peers read one alone.
    fn push_own_connection(&self, out: &mut Sdp) {
        if let Some(address) = self.ours.map(|m| m.rtp.ip())
            && address != self.session_address
        {
            push_connection(out, address);
        }
    }

    fn push_direction(&self, out: &mut Sdp) {
        if let Some(direction) = self.direction {
            out.push_fmt(format_args!("a={}", direction.as_str()));
        }
    }

    fn is_mux(&self) -> bool {
        self.ours.is_some_and(|m| m.rtcp == m.rtp)
    }

    fn push_rtcp(&self, out: &mut Sdp, muxed: bool) {
        let Some(OurMedia { rtp, rtcp, .. }) = self.ours else {
            return;
        };
        if self.is_mux() {
            if !muxed {
                out.push("a=rtcp-mux");
            }
        } else if rtcp.ip() != rtp.ip() {
            let (port, address) = (rtcp.port(), rtcp.ip());
            let kind = address_type(address);
            out.push_fmt(format_args!("a=rtcp:{port} IN {kind} {address}"));
        } else if Some(rtcp.port()) != rtp.port().checked_add(1) {
            out.push_fmt(format_args!("a=rtcp:{}", rtcp.port()));
        }
    }
}

fn push_connection(out: &mut Sdp, address: IpAddr) {
    out.push_fmt(format_args!("c=IN {} {address}", address_type(address)));
}

fn is_direction(line: &str) -> bool {
    attribute(line).is_some_and(|(name, _)| Direction::from_attribute(name).is_some())
}

fn starts_with_word(value: &str, word: &str) -> bool {
    value
        .split_ascii_whitespace()
        .next()
        .is_some_and(|first| first.eq_ignore_ascii_case(word))
}

/// Whether a line that is not written anew goes on.
fn crosses(line: &str, hosts: &SenderHosts) -> bool {
    match attribute(line) {
        Some((name, value)) => {
            !names_a_transport(name)
                && !hosts.are_in(line)
                && (is_of_codecs_or_keys(name) || !names_a_host(name) && !names_a_host(value))
        }
        None => !is_told(&line[2..], hosts),
    }
}

/// Whether the text names a host: the sender's, however it is written, or any other.
fn is_told(text: &str, hosts: &SenderHosts) -> bool {
    hosts.are_in(text) || names_a_host(text)
}

/// Attributes that may look as if they named a host, and that media do not work without: parameters
/// of codecs, keys (`a=fingerprint` is full of colons), URIs of header extensions.
fn is_of_codecs_or_keys(name: &str) -> bool {
    const NAMES: [&str; 7] = [
        "rtpmap",
        "fmtp",
        "extmap",
        "imageattr",
        "crypto",
        "key-mgmt",
        "fingerprint",
    ];
    NAMES.iter().any(|n| n.eq_ignore_ascii_case(name))
}

fn is_group(line: &str) -> bool {
    attribute(line).is_some_and(|(name, _)| name.eq_ignore_ascii_case("group"))
}

fn is_bundle(line: &str) -> bool {
    is_group(line) && attribute(line).is_some_and(|(_, value)| starts_with_word(value, "BUNDLE"))
}

/// What a media description says for the sake of its bundle (RFC 9143 §6, §15).
fn is_of_bundle(line: &str) -> bool {
    attribute(line).is_some_and(|(name, value)| {
        name.eq_ignore_ascii_case("mid")
            || name.eq_ignore_ascii_case("bundle-only")
            || name.eq_ignore_ascii_case("extmap") && value.contains(":sdes:mid")
    })
}

/// Attributes that say where packets go, other than through us: ICE (RFC 8839), RTCP (RFC 3605,
/// 8858), sources (RFC 4570), other addresses to choose from (RFC 6947, RFC 7006, X-Lite's `alt`).
fn names_a_transport(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "candidate",
        "remote-candidates",
        "end-of-candidates",
        "rtcp",
        "rtcp-mux-only",
        "source-filter",
        "alt",
        "altc",
        "ccap",
    ];
    NAMES.iter().any(|n| n.eq_ignore_ascii_case(name))
        || name
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("ice-"))
}

#[cfg(test)]
mod tests;
