//! One media description as a typed view.

use super::Sdp;
use super::session::{attribute, connection_address, values};
use std::net::{IpAddr, SocketAddr};

/// `sendrecv`, `sendonly`, `recvonly`, `inactive` (RFC 8866 §6.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "the names are the attributes")]
pub enum Direction {
    #[default]
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    /// The attribute's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// From an attribute's name.
    #[must_use]
    pub fn from_attribute(name: &str) -> Option<Self> {
        [
            Self::SendRecv,
            Self::SendOnly,
            Self::RecvOnly,
            Self::Inactive,
        ]
        .into_iter()
        .find(|d| d.as_str().eq_ignore_ascii_case(name))
    }

    /// The same as the other side writes it (RFC 3264 §6.1).
    #[must_use]
    pub const fn mirrored(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            same @ (Self::SendRecv | Self::Inactive) => same,
        }
    }

    /// Whether who writes it sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether who writes it wants to receive.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// A payload type with its mapping; static types are filled in (RFC 3551 §6).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Codec {
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// The encoding name as written (`PCMA`, `telephone-event`); `?` for a dynamic type without
    /// rtpmap.
    pub name: Box<str>,
    /// The RTP clock rate in hertz, never zero: where nothing says it, 8000, and 90000 for video.
    pub clock_rate: u32,
    /// Channels, 1 where none are written.
    pub channels: u8,
    /// The fmtp parameters as written.
    pub fmtp: Option<Box<str>>,
}

/// The fields of an `m=` line.
#[derive(Clone, Copy, Debug)]
pub(super) struct MediaLine<'a> {
    pub(super) kind: &'a str,
    pub(super) port: u16,
    /// Protocol, formats and the blanks between them.
    pub(super) rest: &'a str,
}

impl<'a> MediaLine<'a> {
    /// Reads `m=<media> <port>[/<count>] <protocol> <formats>`. No formats at all are let pass:
    /// some refuse a stream in that way.
    pub(super) fn parse(line: &'a str) -> Option<Self> {
        let (kind, rest) = word(line.strip_prefix("m=")?);
        let (port, rest) = word(rest);
        let port = port.split('/').next()?.parse().ok()?;
        (!kind.is_empty() && !rest.is_empty()).then_some(Self { kind, port, rest })
    }

    pub(super) fn protocol(&self) -> &'a str {
        word(self.rest).0
    }

    pub(super) fn formats(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.rest.split_ascii_whitespace().skip(1)
    }
}

/// The first word, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_ascii_start();
    let end = text
        .find(|c: char| c.is_ascii_whitespace())
        .unwrap_or(text.len());
    (&text[..end], text[end..].trim_ascii_start())
}

/// A read-only view of one media description.
#[derive(Clone, Copy, Debug)]
pub struct MediaView<'a> {
    sdp: &'a Sdp,
    index: usize,
    line: MediaLine<'a>,
}

impl<'a> MediaView<'a> {
    pub(super) fn new(sdp: &'a Sdp, index: usize) -> Self {
        let line = sdp
            .media_block(index)
            .next()
            .and_then(MediaLine::parse)
            .expect("every m= line was checked when the document was read");
        Self { sdp, index, line }
    }

    /// `audio`, `video`, `image`, ...
    #[must_use]
    pub fn kind(&self) -> &'a str {
        self.line.kind
    }

    /// The port; zero means refused or switched off (RFC 3264 §6).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.line.port
    }

    /// `RTP/AVP`, ...
    #[must_use]
    pub fn protocol(&self) -> &'a str {
        self.line.protocol()
    }

    /// Whether it is RTP that a relay can carry without taking part: RTP/AVP, AVPF, SAVP, SAVPF.
    #[must_use]
    pub fn is_rtp(&self) -> bool {
        ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"]
            .iter()
            .any(|p| p.eq_ignore_ascii_case(self.protocol()))
    }

    /// The formats as written.
    pub fn formats(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.line.formats()
    }

    /// The address media is wanted at: its own `c=`, else that of the session. Nothing where
    /// neither is there, or where a name stands in its place. `0.0.0.0` is given as it is.
    #[must_use]
    pub fn connection(&self) -> Option<IpAddr> {
        match values(self.sdp.media_block(self.index), 'c').next() {
            Some(own) => connection_address(own),
            None => self.sdp.connection(),
        }
    }

    /// The direction, of the media or of the session level, as written.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.own_direction()
            .or_else(|| first_direction(self.sdp.session_block()))
            .unwrap_or_default()
    }

    /// Whether the sender does not want media now: `sendonly`, `inactive`, or the address `0.0.0.0`
    /// of RFC 2543 (RFC 3264 §8.4).
    #[must_use]
    pub fn is_held(&self) -> bool {
        !self.direction().receives() || self.connection().is_some_and(|a| a.is_unspecified())
    }

    /// Protocol and formats, as written.
    pub(super) fn rest(&self) -> &'a str {
        self.line.rest
    }

    pub(super) fn own_direction(&self) -> Option<Direction> {
        first_direction(self.sdp.media_block(self.index))
    }

    /// `a=rtcp-mux` (RFC 5761).
    #[must_use]
    pub fn rtcp_mux(&self) -> bool {
        self.attribute("rtcp-mux").is_some()
    }

    /// `a=rtcp:` (RFC 3605): port and address where written.
    #[must_use]
    pub fn rtcp(&self) -> Option<(u16, Option<IpAddr>)> {
        let (port, rest) = word(self.attribute("rtcp")?);
        Some((port.parse().ok()?, connection_address(rest)))
    }

    /// Where RTP and RTCP are wanted without `rtcp-mux`: what `a=rtcp:` says, else the next port.
    /// Nothing where no address can be read, or no port is next.
    #[must_use]
    pub fn wanted_at(&self) -> Option<(SocketAddr, SocketAddr)> {
        let address = self.connection()?;
        let (port, at) = match self.rtcp() {
            Some((port, at)) => (port, at.unwrap_or(address)),
            None => (self.port().checked_add(1)?, address),
        };
        let rtp = SocketAddr::new(address, self.port());
        Some((rtp, SocketAddr::new(at, port)))
    }

    /// `a=label:` (RFC 4574).
    #[must_use]
    pub fn label(&self) -> Option<&'a str> {
        self.attribute("label")
    }

    /// `a=ptime:` in milliseconds.
    #[must_use]
    pub fn ptime_ms(&self) -> Option<u32> {
        self.attribute("ptime")?.parse().ok()
    }

    /// The codecs in the order of the m-line, each payload type once; formats that are no payload
    /// types are left out.
    #[must_use]
    pub fn codecs(&self) -> Vec<Codec> {
        // One pass over the attributes: a description may have thousands of them.
        let mut mappings = [None; 128];
        let mut parameters = [None; 128];
        for (name, value) in self.attributes() {
            let table = match name {
                n if n.eq_ignore_ascii_case("rtpmap") => &mut mappings,
                n if n.eq_ignore_ascii_case("fmtp") => &mut parameters,
                _ => continue,
            };
            let (payload_type, rest) = word(value);
            if let Some(slot) = payload_type_of(payload_type).map(|pt| &mut table[usize::from(pt)])
                && slot.is_none()
            {
                *slot = Some(rest);
            }
        }
        let mut seen = 0_u128;
        let mut codecs = Vec::with_capacity(8);
        for payload_type in self.formats().filter_map(payload_type_of) {
            if seen & (1 << payload_type) == 0 {
                seen |= 1 << payload_type;
                let at = usize::from(payload_type);
                let mapping = mappings[at].and_then(rtpmap);
                let (name, clock_rate, channels) = mapping
                    .or_else(|| static_type(payload_type))
                    .unwrap_or_else(|| ("?", self.default_clock_rate(), 1));
                codecs.push(Codec {
                    payload_type,
                    name: name.into(),
                    clock_rate,
                    channels,
                    fmtp: parameters[at].map(Box::from),
                });
            }
        }
        codecs
    }

    fn default_clock_rate(&self) -> u32 {
        if self.kind().eq_ignore_ascii_case("video") {
            90_000
        } else {
            8000
        }
    }

    /// The value of the first attribute of this name; `Some("")` for a flag.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Names and values of its attributes, in order.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.sdp.media_block(self.index).filter_map(attribute)
    }
}

fn first_direction<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Direction> {
    lines
        .filter_map(attribute)
        .find_map(|(name, _)| Direction::from_attribute(name))
}

/// A format that is an RTP payload type.
pub(super) fn payload_type_of(format: &str) -> Option<u8> {
    format.parse().ok().filter(|pt| *pt < 128)
}

/// `PCMA/8000`, `opus/48000/2`; nothing where it is broken, as if it were not there.
fn rtpmap(mapping: &str) -> Option<(&str, u32, u8)> {
    let mut parts = mapping.trim_ascii_end().split('/');
    let name = parts.next().filter(|n| !n.is_empty())?;
    let clock_rate = parts.next()?.trim().parse().ok().filter(|rate| *rate > 0)?;
    let channels = parts.next().map_or(Some(1), |c| c.trim().parse().ok())?;
    Some((name, clock_rate, channels))
}

/// RFC 3551 §6, tables 4 and 5.
pub(super) fn static_type(payload_type: u8) -> Option<(&'static str, u32, u8)> {
    Some(match payload_type {
        0 => ("PCMU", 8000, 1),
        3 => ("GSM", 8000, 1),
        4 => ("G723", 8000, 1),
        5 => ("DVI4", 8000, 1),
        6 => ("DVI4", 16_000, 1),
        7 => ("LPC", 8000, 1),
        8 => ("PCMA", 8000, 1),
        9 => ("G722", 8000, 1),
        10 => ("L16", 44_100, 2),
        11 => ("L16", 44_100, 1),
        12 => ("QCELP", 8000, 1),
        13 => ("CN", 8000, 1),
        14 => ("MPA", 90_000, 1),
        15 => ("G728", 8000, 1),
        16 => ("DVI4", 11_025, 1),
        17 => ("DVI4", 22_050, 1),
        18 => ("G729", 8000, 1),
        25 => ("CelB", 90_000, 1),
        26 => ("JPEG", 90_000, 1),
        28 => ("nv", 90_000, 1),
        31 => ("H261", 90_000, 1),
        32 => ("MPV", 90_000, 1),
        33 => ("MP2T", 90_000, 1),
        34 => ("H263", 90_000, 1),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Sdp {
        Sdp::parse(format!("v=0\n{text}").as_bytes()).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_audio_description_is_read() {
        let sdp = parse(
            "c=IN IP4 192.0.2.1\nm=audio 49170/2 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\n\
             a=fmtp:101 0-16\na=ptime:20\na=label:1\na=rtcp:53020 IN IP6 2001:db8::4\na=rtcp-mux\n",
        );
        let media = sdp.media(0);
        assert_eq!(media.kind(), "audio");
        assert_eq!(media.port(), 49170);
        assert_eq!(media.protocol(), "RTP/AVP");
        assert!(media.is_rtp());
        assert_eq!(media.formats().collect::<Vec<_>>(), ["8", "101"]);
        assert_eq!(media.connection(), Some(ip("192.0.2.1")));
        assert_eq!(media.ptime_ms(), Some(20));
        assert_eq!(media.label(), Some("1"));
        assert_eq!(media.rtcp(), Some((53020, Some(ip("2001:db8::4")))));
        let told = |text: &str| text.parse().unwrap();
        let both = (told("192.0.2.1:49170"), told("[2001:db8::4]:53020"));
        assert_eq!(media.wanted_at(), Some(both));
        assert!(media.rtcp_mux());
        let codecs = media.codecs();
        assert_eq!(codecs.len(), 2);
        assert_eq!((&*codecs[0].name, codecs[0].clock_rate), ("PCMA", 8000));
        assert_eq!(&*codecs[1].name, "telephone-event");
        assert_eq!(codecs[1].fmtp.as_deref(), Some("0-16"));
    }

    #[test]
    fn mappings_win_over_static_types_and_broken_ones_count_as_missing() {
        let sdp = parse(
            "m=audio 4 RTP/AVP 0 96 97 98 99 96 x 200\na=rtpmap:0 G711-private/16000\n\
             a=rtpmap:96 opus/48000/2\n\
             a=rtpmap:96 L16/8000\na=rtpmap:97 foo/0\na=rtpmap:98\nm=video 4 RTP/AVP 99\n",
        );
        let codecs: Vec<_> = sdp.media(0).codecs();
        let read: Vec<_> = codecs
            .iter()
            .map(|c| (c.payload_type, &*c.name, c.clock_rate, c.channels))
            .collect();
        assert_eq!(
            read,
            [
                (0, "G711-private", 16_000, 1),
                (96, "opus", 48_000, 2),
                (97, "?", 8000, 1),
                (98, "?", 8000, 1),
                (99, "?", 8000, 1),
            ]
        );
        assert_eq!(sdp.media(1).codecs()[0].clock_rate, 90_000);
    }

    #[test]
    fn the_media_level_outranks_the_session_level() {
        let sdp = parse(
            "c=IN IP4 192.0.2.1\na=sendonly\nm=audio 4 RTP/AVP 0\nc=IN IP4 192.0.2.2\na=recvonly\n\
             m=audio 4 RTP/AVP 0\nm=audio 4 RTP/AVP 0\nc=IN IP4 pbx.example.com\na=Inactive \n",
        );
        let view = |n| (sdp.media(n).connection(), sdp.media(n).direction());
        assert_eq!(view(0), (Some(ip("192.0.2.2")), Direction::RecvOnly));
        assert_eq!(view(1), (Some(ip("192.0.2.1")), Direction::SendOnly));
        assert_eq!(view(2), (None, Direction::Inactive));
        assert_eq!(
            parse("m=audio 4 RTP/AVP 0").media(0).direction(),
            Direction::SendRecv
        );
    }

    #[test]
    fn hold_is_seen_in_both_ways_of_writing_it() {
        let held = |text: &str| parse(text).media(0).is_held();
        assert!(held("c=IN IP4 0.0.0.0\nm=audio 4 RTP/AVP 0\n"));
        assert!(held("m=audio 4 RTP/AVP 0\na=sendonly\n"));
        assert!(held("a=inactive\nm=audio 4 RTP/AVP 0\n"));
        assert!(!held(
            "c=IN IP4 192.0.2.1\nm=audio 4 RTP/AVP 0\na=recvonly\n"
        ));
    }

    #[test]
    fn rtcp_is_wanted_at_the_next_port_unless_another_is_named() {
        let wanted = |text: &str| {
            let sdp = parse(&format!("c=IN IP4 192.0.2.1\nm=audio {text}"));
            let both = sdp.media(0).wanted_at();
            both.map(|(rtp, rtcp)| (rtp.port(), rtcp.to_string()))
        };
        let of = |rtp, rtcp: &str| Some((rtp, rtcp.to_owned()));
        assert_eq!(wanted("4 RTP/AVP 0"), of(4, "192.0.2.1:5"));
        assert_eq!(wanted("4 RTP/AVP 0\na=rtcp:9"), of(4, "192.0.2.1:9"));
        assert_eq!(wanted("65535 RTP/AVP 0"), None);
        assert_eq!(parse("m=audio 4 RTP/AVP 0").media(0).wanted_at(), None);
    }

    #[test]
    fn only_plain_rtp_profiles_count_as_rtp() {
        let is_rtp = |p: &str| parse(&format!("m=audio 4 {p} 0\n")).media(0).is_rtp();
        assert!(
            ["RTP/AVP", "rtp/avpf", "RTP/SAVP", "RTP/SAVPF"]
                .into_iter()
                .all(is_rtp)
        );
        assert!(
            !["udptl", "UDP/TLS/RTP/SAVPF", "TCP/MSRP", "RTP"]
                .into_iter()
                .any(is_rtp)
        );
    }

    #[test]
    fn directions_know_who_sends_and_who_receives() {
        let table = ["sendrecv", "sendonly", "recvonly", "inactive"].map(|name| {
            let direction = Direction::from_attribute(name).unwrap();
            assert_eq!(direction.as_str(), name);
            (direction.sends(), direction.receives())
        });
        assert_eq!(
            table,
            [(true, true), (true, false), (false, true), (false, false)]
        );
        assert_eq!(Direction::from_attribute("both"), None);
    }

    proptest! {
        #[test]
        fn views_of_any_media_block_never_panic(
            lines in proptest::collection::vec(
                "(a=(rtpmap|fmtp|rtcp|ptime|label|sendonly):?[ 0-9a-z/]{0,20}|[a-bd-ln-z]=.{0,20})",
                0..20,
            ),
            formats in "[ 0-9a-z]{0,20}",
        ) {
            let text = format!("m=audio 1 RTP/AVP {formats}\n{}\n", lines.join("\n"));
            if let Ok(sdp) = Sdp::parse(format!("v=0\n{text}").as_bytes()) {
                let media = sdp.media(0);
                prop_assert!(media.codecs().iter().all(|c| c.clock_rate > 0));
                // Views that only have to return.
                std::hint::black_box((media.rtcp(), media.ptime_ms(), media.is_held()));
            }
        }

        #[test]
        fn what_another_reader_accepts_is_read_alike(
            port in 0_u16..,
            payload_types in proptest::collection::vec(0_u8..128, 1..6),
            address in any::<std::net::Ipv4Addr>(),
            flag in proptest::sample::select(vec!["sendrecv", "sendonly", "x", "rtcp-mux"]),
        ) {
            let formats: Vec<_> = payload_types.iter().map(u8::to_string).collect();
            let text = format!(
                "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nt=0 0\r\n\
                 m=audio {port} RTP/AVP {}\r\nc=IN IP4 {address}\r\na={flag}\r\n",
                formats.join(" ")
            );
            let theirs = sdp_types::Session::parse(text.as_bytes()).unwrap();
            let ours = Sdp::parse(text.as_bytes()).unwrap();
            let (a, b) = (&theirs.medias[0], ours.media(0));
            prop_assert_eq!(a.port, b.port());
            prop_assert_eq!(&a.media, b.kind());
            prop_assert_eq!(&a.fmt, &b.formats().collect::<Vec<_>>().join(" "));
            prop_assert_eq!(Some(IpAddr::V4(address)), b.connection());
            prop_assert!(b.attribute(flag).is_some());
        }
    }
}
