//! Typed strings: durations, addresses, prefixes, port ranges, regular expressions, URIs.

use crate::problem::nearest;
use crate::visit::Scalar;
use sbc_core::ports::Param;
use sbc_core::sip::{Scheme, StatusCode, Uri};
use sbc_core::transport::{Transport, UdpMax};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

impl Scalar for bool {
    const EXPECTED: &'static str = "true or false";

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| String::new())
    }
}

impl Scalar for Duration {
    const EXPECTED: &'static str = "a duration like 500ms, 30s, 5m or 2h";

    fn read(text: &str) -> Result<Self, String> {
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return Err("a duration without unit".to_owned());
        }
        Param::Text(text.to_owned())
            .duration()
            .ok_or_else(String::new)
    }
}

impl Scalar for IpAddr {
    const EXPECTED: &'static str = "an IP address like 192.0.2.1";

    fn read(text: &str) -> Result<Self, String> {
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
        bare.unwrap_or(text).parse().map_err(|_| String::new())
    }
}

impl Scalar for SocketAddr {
    const EXPECTED: &'static str =
        "an address with port like \"192.0.2.1:5060\" or \"[2001:db8::1]:5060\"";

    fn read(text: &str) -> Result<Self, String> {
        if IpAddr::read(text).is_ok() {
            return Err("an address without port".to_owned());
        }
        text.parse().map_err(|_| match text.rsplit_once(':') {
            Some((host, port)) if IpAddr::read(host).is_err() && is_number(port) => {
                format!("`{host}` is no IP address")
            }
            Some((_, port)) if is_number(port) => "ports end at 65535".to_owned(),
            _ => String::new(),
        })
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// An address, with or without port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Advertised {
    /// The address.
    pub ip: IpAddr,
    /// The port, where another one than the local one.
    pub port: Option<u16>,
}

impl Scalar for Advertised {
    const EXPECTED: &'static str = "an IP address like 198.51.100.7, or one with port";

    fn read(text: &str) -> Result<Self, String> {
        let fixed = match IpAddr::read(text) {
            Ok(ip) => Self { ip, port: None },
            Err(_) => {
                let address: SocketAddr = text.parse().map_err(|_| String::new())?;
                Self {
                    ip: address.ip(),
                    port: Some(address.port()),
                }
            }
        };
        if fixed.ip.is_unspecified() {
            return Err("nobody can send to an unspecified address".to_owned());
        }
        Ok(fixed)
    }
}

/// A range of addresses: `192.0.2.0/28`, or one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prefix {
    /// The first address.
    pub address: IpAddr,
    /// Leading bits that count.
    pub bits: u8,
}

impl Prefix {
    /// Whether an address is within.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        masked(address, self.bits) == Some(self.address)
    }
}

/// The address with all but its first `bits` bits zero; nothing where it has fewer.
pub(crate) fn masked(address: IpAddr, bits: u8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => {
            let shift = 32u32.checked_sub(bits.into())?;
            let mask = u32::MAX.checked_shl(shift).unwrap_or(0);
            Some(IpAddr::V4((v4.to_bits() & mask).into()))
        }
        IpAddr::V6(v6) => {
            let shift = 128u32.checked_sub(bits.into())?;
            let mask = u128::MAX.checked_shl(shift).unwrap_or(0);
            Some(IpAddr::V6((v6.to_bits() & mask).into()))
        }
    }
}

impl Scalar for Prefix {
    const EXPECTED: &'static str = "an address or a range of addresses like 192.0.2.0/28";

    fn read(text: &str) -> Result<Self, String> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address = IpAddr::read(address)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => width,
            Some(bits) => bits
                .parse()
                .ok()
                .filter(|bits| *bits <= width)
                .ok_or_else(|| format!("the length is not a number from 0 to {width}"))?,
        };
        match masked(address, bits) {
            Some(first) if first == address => Ok(Self { address, bits }),
            first => {
                let first = first.unwrap_or(address);
                Err(format!(
                    "bits are set behind the first {bits}; did you mean `{first}/{bits}`?"
                ))
            }
        }
    }
}

/// Media ports: `20000-29999`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ports {
    /// The first, even.
    pub first: u16,
    /// The last, included.
    pub last: u16,
}

impl Scalar for Ports {
    const EXPECTED: &'static str = "a range of ports like 20000-29999";

    fn read(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').ok_or_else(String::new)?;
        let port = |text: &str| text.trim().parse::<u16>().map_err(|_| String::new());
        let (first, last) = (port(first)?, port(last)?);
        if first < 1024 {
            return Err("ports below 1024 are not for media".to_owned());
        }
        if first % 2 == 1 {
            return Err(format!(
                "RTP has even ports, the range cannot start at {first}; did you mean `{}-{last}`?",
                first - 1
            ));
        }
        if last <= first {
            return Err("the range must hold a pair of ports (RTP and RTCP)".to_owned());
        }
        Ok(Self { first, last })
    }
}

/// A status code that refuses: 300 to 699.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RefusalCode(pub u16);

impl Scalar for RefusalCode {
    const EXPECTED: &'static str = "a status code from 300 to 699";

    fn read(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(code @ 300..=699) => Ok(Self(code)),
            _ => Err(String::new()),
        }
    }
}

/// Status codes from 400 to 699: one, or a class of them (`5xx`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Codes {
    /// The first.
    pub first: u16,
    /// The last, included.
    pub last: u16,
}

impl Scalar for Codes {
    const EXPECTED: &'static str = "a status code from 400 to 699, or 4xx, 5xx or 6xx";

    fn read(text: &str) -> Result<Self, String> {
        let (first, last) = match text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
            Some("4") => (400, 499),
            Some("5") => (500, 599),
            Some("6") => (600, 699),
            Some("3") => return Err(REDIRECTION.to_owned()),
            Some(_) => return Err(String::new()),
            None => match text.parse() {
                Ok(code @ 400..=699) => (code, code),
                Ok(300..=399) => return Err(REDIRECTION.to_owned()),
                _ => return Err(String::new()),
            },
        };
        Ok(Self { first, last })
    }
}

/// Status codes of replies that may be told as others: one, or a class of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReplyKey {
    /// The first.
    pub first: StatusCode,
    /// The last, included.
    pub last: StatusCode,
}

impl Scalar for ReplyKey {
    const EXPECTED: &'static str = "a status code like 486 or 180, or a class like 5xx";

    fn read(text: &str) -> Result<Self, String> {
        let (first, last) = match text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
            // 100 is between neighbours.
            Some("1") => (101, 199),
            Some("2") => return Err(SUCCESS.to_owned()),
            Some("3") => (300, 399),
            Some("4") => (400, 499),
            Some("5") => (500, 599),
            Some("6") => (600, 699),
            Some(_) => return Err(String::new()),
            None => {
                let code = reply_code(text)?.code();
                (code, code)
            }
        };
        match (StatusCode::new(first), StatusCode::new(last)) {
            (Some(first), Some(last)) => Ok(Self { first, last }),
            _ => Err(String::new()),
        }
    }
}

/// What a reply is told as: a status code, and a phrase.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplyStatus {
    /// The code.
    pub code: StatusCode,
    /// The phrase; the code's own where empty.
    pub reason: Box<str>,
}

impl Scalar for ReplyStatus {
    const EXPECTED: &'static str = "a status code and a phrase like \"480 Busy elsewhere\"";

    fn read(text: &str) -> Result<Self, String> {
        let (code, reason) = text.split_once(' ').unwrap_or((text, ""));
        if reason.contains(['\r', '\n', '\0']) {
            return Err("the phrase holds a line break".to_owned());
        }
        let code = reply_code(code)?;
        let reason = reason.trim().into();
        Ok(Self { code, reason })
    }
}

/// A code that a reply may have which crosses and is no success.
fn reply_code(text: &str) -> Result<StatusCode, String> {
    let is_code = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
    let code = text
        .parse()
        .ok()
        .filter(|_| is_code)
        .and_then(StatusCode::new);
    match code.map(|code| (code, code.code())) {
        Some((_, 100)) => Err("100 stays between neighbours".to_owned()),
        Some((_, 200..=299)) => Err(SUCCESS.to_owned()),
        Some((code, _)) => Ok(code),
        None => Err(String::new()),
    }
}

/// Why no 2xx is translated.
const SUCCESS: &str = "a call that is answered stays so";

/// Why no 3xx is a failure.
const REDIRECTION: &str = "a redirection says where else to go, not that the target failed";

impl Scalar for u16 {
    const EXPECTED: &'static str = "a number from 0 to 65535";

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| String::new())
    }
}

impl Scalar for UdpMax {
    const EXPECTED: &'static str = "`never` or a number of bytes from 500 to 65535";

    fn read(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self::NEVER_TCP);
        }
        match text.parse() {
            Ok(bytes @ 500..) => Ok(Self::bytes(bytes)),
            Ok(_) => Err("nearly every request is larger than that".to_owned()),
            Err(_) => Err(String::new()),
        }
    }
}

impl Scalar for PathBuf {
    const EXPECTED: &'static str = "a path";

    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err(String::new());
        }
        Ok(Self::from(text))
    }
}

/// A SIP URI that something is sent to, checked: `sip:`, with a host, over a transport that is
/// built.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SipUri(pub Uri);

impl SipUri {
    /// The transport that is written.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        self.0.param("transport").and_then(Transport::from_param)
    }
}

impl Scalar for SipUri {
    const EXPECTED: &'static str = "a SIP URI like \"sip:192.0.2.1:5060;transport=tcp\"";

    fn read(text: &str) -> Result<Self, String> {
        let uri = Uri::parse(text).map_err(|error| {
            if text.contains(':') && text.split(':').next() == Some("sip") {
                error.to_string()
            } else {
                "not a URI; SIP URIs begin with `sip:`".to_owned()
            }
        })?;
        match uri.scheme {
            Scheme::Sip => {}
            Scheme::Sips => return Err("TLS (`sips:`) is not in this version".to_owned()),
            _ => return Err("not a `sip:` URI".to_owned()),
        }
        if uri.host.is_none() {
            return Err("a URI without host".to_owned());
        }
        match uri.param("transport") {
            None => {}
            Some(t) if Transport::from_param(t).is_some() => {}
            Some(t @ ("tls" | "TLS" | "ws" | "wss" | "sctp")) => {
                return Err(format!("transport `{t}` is not in this version"));
            }
            Some(t) => {
                let near = nearest(t, ["udp", "tcp"]).map(|n| format!("; did you mean `{n}`?"));
                return Err(format!(
                    "unknown transport `{t}`{}",
                    near.unwrap_or_default()
                ));
            }
        }
        Ok(Self(uri))
    }
}
