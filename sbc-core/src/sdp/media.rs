//! One media description as a typed view.

use std::net::IpAddr;

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

/// A payload type with its mapping; static types are filled in (RFC 3551 §6).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Codec {
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// The encoding name as written (`PCMA`, `telephone-event`); `?` for a dynamic type without rtpmap.
    pub name: Box<str>,
    /// The RTP clock rate in hertz.
    pub clock_rate: u32,
    /// Channels, 1 where none are written.
    pub channels: u8,
    /// The fmtp parameters as written.
    pub fmtp: Option<Box<str>>,
}

/// A read-only view of one media description.
#[derive(Clone, Copy, Debug)]
pub struct MediaView<'a> {
    _lines: &'a [Box<str>],
}

impl<'a> MediaView<'a> {
    /// `audio`, `video`, `image`, ...
    #[must_use]
    pub fn kind(&self) -> &'a str {
        unimplemented!()
    }

    /// The port; zero means refused or switched off (RFC 3264 §6).
    #[must_use]
    pub fn port(&self) -> u16 {
        unimplemented!()
    }

    /// `RTP/AVP`, ...
    #[must_use]
    pub fn protocol(&self) -> &'a str {
        unimplemented!()
    }

    /// Whether it is RTP that a relay can carry without taking part: RTP/AVP, AVPF, SAVP, SAVPF.
    #[must_use]
    pub fn is_rtp(&self) -> bool {
        unimplemented!()
    }

    /// The formats as written.
    pub fn formats(&self) -> impl Iterator<Item = &'a str> {
        std::iter::empty()
    }

    /// The address media is wanted at: its own `c=`, else that of the session.
    #[must_use]
    pub fn connection(&self) -> Option<IpAddr> {
        unimplemented!()
    }

    /// The direction, of the media or of the session level.
    #[must_use]
    pub fn direction(&self) -> Direction {
        unimplemented!()
    }

    /// `a=rtcp-mux` (RFC 5761).
    #[must_use]
    pub fn rtcp_mux(&self) -> bool {
        unimplemented!()
    }

    /// `a=rtcp:` (RFC 3605): port and address where written.
    #[must_use]
    pub fn rtcp(&self) -> Option<(u16, Option<IpAddr>)> {
        unimplemented!()
    }

    /// `a=label:` (RFC 4574).
    #[must_use]
    pub fn label(&self) -> Option<&'a str> {
        unimplemented!()
    }

    /// `a=ptime:` in milliseconds.
    #[must_use]
    pub fn ptime_ms(&self) -> Option<u32> {
        unimplemented!()
    }

    /// The codecs in the order of the m-line.
    #[must_use]
    pub fn codecs(&self) -> Vec<Codec> {
        unimplemented!()
    }

    /// The value of the first attribute of this name; `Some("")` for a flag.
    #[must_use]
    pub fn attribute(&self, _name: &str) -> Option<&'a str> {
        unimplemented!()
    }
}
