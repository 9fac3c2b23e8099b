//! Ports that are never bound, and messages from text: for the tests of both sides.

use bytes::Bytes;
use sbc_core::net::{MediaAddress, RealmId};
use sbc_core::ports::{MediaError, MediaPort, PortId, Reserve};
use sbc_core::sip::Message;
use sbc_core::{Instant, Now, UnixMillis};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Hands out ports 30000, 30002, ... of 192.0.2.10, as many as there are.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(crate) left: usize,
    pub(crate) given: Vec<MediaPort>,
}

impl Ports {
    pub(crate) fn new(left: usize) -> Self {
        Self {
            left,
            given: Vec::new(),
        }
    }
}

impl Reserve for Ports {
    fn reserve(&mut self, _: RealmId, _: Option<IpAddr>) -> Result<MediaPort, MediaError> {
        if self.left == 0 {
            return Err(MediaError::NoPorts);
        }
        self.left -= 1;
        let n = u16::try_from(self.given.len()).expect("few ports");
        let at = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10)), port);
        let port = MediaPort {
            id: PortId(100 + u64::from(n)),
            rtp: at(30_000 + 2 * n),
            rtcp: at(30_001 + 2 * n),
        };
        self.given.push(port);
        Ok(port)
    }

    fn address(&self, _: RealmId, _: Option<IpAddr>) -> Option<MediaAddress> {
        None
    }
}

/// 2026-01-05T10:00:00Z and some.
pub(crate) fn at(after: Duration) -> Now {
    let millis = u64::try_from(after.as_millis()).expect("a short time");
    Now {
        mono: Instant::from_nanos(1_000_000_000) + after,
        unix: UnixMillis(1_767_607_200_000 + millis),
    }
}

/// A message of headers and a body, both with CRLF, and a Content-Length. Blank lines among the
/// headers are left out.
pub(crate) fn message(headers: &str, body: &str) -> Message {
    let body = crlf(body);
    let lines = headers.lines().filter(|line| !line.trim().is_empty());
    let headers: String = lines.map(|line| format!("{line}\n")).collect();
    let text = format!(
        "{}Content-Length: {}\r\n\r\n{body}",
        crlf(&headers),
        body.len()
    );
    Message::parse_datagram(Bytes::from(text)).expect("a readable message")
}

/// Lines without the indentation of the source, ended by CRLF.
pub(crate) fn crlf(text: &str) -> String {
    text.lines()
        .map(str::trim_start)
        .map(|line| format!("{line}\r\n"))
        .collect()
}
