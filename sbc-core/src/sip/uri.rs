//! SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966).

use super::text;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The scheme of a URI.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names are the schemes")]
pub enum Scheme {
    Sip,
    Sips,
    Tel,
    /// Any other; the URI is kept as text.
    Other(Box<str>),
}

/// The host of a SIP URI or of a Via.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Host {
    /// An address literal; IPv6 stands in brackets on the wire.
    Ip(IpAddr),
    /// A domain name, as written.
    Name(Box<str>),
}

/// Why text is no URI.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a URI: {0}")]
pub struct UriError(pub &'static str);

/// A parsed URI. Parts are owned text, as written (escapes are kept).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Uri {
    /// The scheme.
    pub scheme: Scheme,
    /// The user part with its password, as written; the number of a `tel:` URI; the whole rest of
    /// a URI of another scheme.
    pub user: Option<Box<str>>,
    /// The host; nothing for `tel:` and other schemes.
    pub host: Option<Host>,
    /// The port where one is written.
    pub port: Option<u16>,
    /// `;name=value` parameters without the leading semicolon, as written; empty where none.
    pub params: Box<str>,
    /// `?headers` without the question mark; empty where none.
    pub headers: Box<str>,
}

impl Uri {
    /// Reads a URI that stands alone (no angle brackets).
    ///
    /// # Errors
    /// Where the text breaks the grammar of RFC 3261 §25.1. Read liberally, because telephone
    /// networks write so: `#` and bytes beyond ASCII in the user part, `_` in host names.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        let parts = UriParts::scan(text)?;
        let host = match parts.kind {
            Kind::Sip | Kind::Sips => Some(Host::parse(parts.host)?),
            Kind::Tel | Kind::Other => None,
        };
        Ok(Self {
            scheme: match parts.kind {
                Kind::Sip => Scheme::Sip,
                Kind::Sips => Scheme::Sips,
                Kind::Tel => Scheme::Tel,
                Kind::Other => Scheme::Other(parts.scheme.into()),
            },
            user: parts.user.map(Into::into),
            host,
            port: parts.port,
            params: parts.params.into(),
            headers: parts.headers.into(),
        })
    }

    /// A `sip:` URI of parts. What may not stand in a user part is escaped.
    #[must_use]
    pub fn sip(user: Option<&str>, host: Host, port: Option<u16>) -> Self {
        Self {
            scheme: Scheme::Sip,
            user: user.map(|user| escape(user, is_user_byte).into()),
            host: Some(host),
            port,
            params: Box::default(),
            headers: Box::default(),
        }
    }

    /// The value of a parameter, names without case; `Some("")` for one without value.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        text::param(&self.params, name)
    }

    /// Sets or replaces a parameter. What may not stand in a parameter is escaped.
    pub fn set_param(&mut self, name: &str, value: Option<&str>) {
        let (name, value) = (
            escape(name, is_param_byte),
            value.map(|value| escape(value, is_param_byte)),
        );
        self.params = text::with_param(&self.params, &name, value.as_deref()).into();
    }

    /// Removes a parameter.
    pub fn remove_param(&mut self, name: &str) {
        if let Some(params) = text::without_param(&self.params, name) {
            self.params = params.into();
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match &self.scheme {
            Scheme::Sip => "sip",
            Scheme::Sips => "sips",
            Scheme::Tel => "tel",
            Scheme::Other(other) => other,
        };
        write!(f, "{scheme}:")?;
        if let Some(user) = &self.user {
            f.write_str(user)?;
        }
        if let Some(host) = &self.host {
            if self.user.is_some() {
                f.write_str("@")?;
            }
            host.fmt(f)?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        if !self.params.is_empty() {
            write!(f, ";{}", self.params)?;
        }
        if !self.headers.is_empty() {
            write!(f, "?{}", self.headers)?;
        }
        Ok(())
    }
}

impl Host {
    /// Reads a host: a name, an IPv4 literal or an IPv6 literal in brackets.
    ///
    /// # Errors
    /// Where it is none of them.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        Ok(match scan_host(text)? {
            Some(ip) => Self::Ip(ip),
            None => Self::Name(text.into()),
        })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sip,
    Sips,
    Tel,
    Other,
}

/// The parts of a URI, borrowed: what checking costs without owning anything.
#[derive(Clone, Copy)]
pub(super) struct UriParts<'a> {
    pub(super) kind: Kind,
    pub(super) scheme: &'a str,
    pub(super) user: Option<&'a str>,
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
    pub(super) params: &'a str,
    pub(super) headers: &'a str,
}

impl<'a> UriParts<'a> {
    pub(super) fn scan(text: &'a str) -> Result<Self, UriError> {
        let (kind, at) = match text.as_bytes() {
            [b's' | b'S', b'i' | b'I', b'p' | b'P', b':', ..] => (Kind::Sip, 3),
            [b's' | b'S', b'i' | b'I', b'p' | b'P', b's' | b'S', b':', ..] => (Kind::Sips, 4),
            [b't' | b'T', b'e' | b'E', b'l' | b'L', b':', ..] => (Kind::Tel, 3),
            bytes => (Kind::Other, scheme_len(bytes)?),
        };
        let (scheme, rest) = (&text[..at], &text[at + 1..]);
        if rest.is_empty() {
            return Err(UriError("nothing behind the scheme"));
        }
        let mut parts = Self {
            kind,
            scheme,
            user: None,
            host: "",
            port: None,
            params: "",
            headers: "",
        };
        let holds = match kind {
            Kind::Sip | Kind::Sips => parts.scan_sip(rest)?,
            Kind::Tel | Kind::Other => bits(rest),
        };
        if holds & FOREIGN != 0 {
            return Err(UriError(
                "a blank, control character, quote or angle bracket",
            ));
        }
        match kind {
            Kind::Sip | Kind::Sips => {
                if holds & PERCENT != 0 {
                    check_escapes(rest)?;
                }
            }
            Kind::Tel => parts.scan_tel(rest)?,
            Kind::Other => parts.user = Some(rest),
        }
        Ok(parts)
    }

    /// Gives the bits of what stands around host and port.
    fn scan_sip(&mut self, rest: &'a str) -> Result<u8, UriError> {
        // `;`, `?` and `:` may stand in the user part, `@` nowhere but behind it (§25.1).
        let (user, rest) = match text::split(rest, b'@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, rest),
        };
        let mut holds = 0;
        if let Some(user) = user {
            if user.is_empty() {
                return Err(UriError("an empty user part"));
            }
            self.user = Some(user);
            holds = bits(user);
        }
        let (host, port, rest) = scan_host_port(rest, false)?;
        (self.host, self.port) = (host, port);
        if rest.is_empty() {
            return Ok(holds);
        }
        let behind = bits(rest);
        if behind & AT != 0 {
            return Err(UriError("more than one @"));
        }
        let (params, headers) = match behind & QUESTION {
            0 => (rest, ""),
            _ => text::split(rest, b'?').unwrap_or((rest, "")),
        };
        self.headers = headers;
        if !params.is_empty() {
            let params = params.strip_prefix(';');
            self.params = params.ok_or(UriError("text behind the host"))?;
        }
        Ok(holds | behind)
    }

    fn scan_tel(&mut self, rest: &'a str) -> Result<(), UriError> {
        let (number, params) = text::split(rest, b';').unwrap_or((rest, ""));
        let digits =
            |b: u8| b.is_ascii_hexdigit() || matches!(b, b'*' | b'#' | b'-' | b'.' | b'(' | b')');
        let local = number.strip_prefix('+').unwrap_or(number);
        if local.is_empty() || !local.bytes().all(digits) {
            return Err(UriError("a telephone number is digits and separators"));
        }
        self.user = Some(number);
        self.params = params;
        Ok(())
    }
}

/// Reads `host[:port]`, checked, and what stands behind it. Blanks around the colon are legal in a
/// Via (§25.1).
pub(super) fn scan_host_port(
    text: &str,
    blanks: bool,
) -> Result<(&str, Option<u16>, &str), UriError> {
    let bytes = text.as_bytes();
    let skip = |at| match blanks {
        true => text::skip_blanks(bytes, at),
        false => at,
    };
    let mut end = 0;
    let mut holds = 0;
    if let [b'[', ..] = bytes {
        end = memchr::memchr(b']', bytes).ok_or(UriError("an open bracket"))? + 1;
        holds = NO_HOST;
    } else {
        while let Some(byte) = bytes.get(end)
            && BITS[usize::from(*byte)] & NO_HOST == 0
        {
            holds |= BITS[usize::from(*byte)];
            end += 1;
        }
    }
    let host = &text[..end];
    check_host(host, holds)?;
    let mut at = skip(end);
    if bytes.get(at) != Some(&b':') {
        return Ok((host, None, &text[at..]));
    }
    let first = skip(at + 1);
    let mut port = 0_u32;
    at = first;
    while let Some(digit @ b'0'..=b'9') = bytes.get(at)
        && port <= u16::MAX.into()
    {
        port = port * 10 + u32::from(digit - b'0');
        at += 1;
    }
    let port = u16::try_from(port).ok().filter(|_| at > first);
    let port = port.ok_or(UriError("a port is a number up to 65535"))?;
    Ok((host, Some(port), &text[skip(at)..]))
}

/// Checks a host; the address where it is a literal.
pub(super) fn scan_host(text: &str) -> Result<Option<IpAddr>, UriError> {
    check_host(text, bits(text))
}

/// The same where the bits of its bytes are known.
fn check_host(text: &str, holds: u8) -> Result<Option<IpAddr>, UriError> {
    if text.is_empty() {
        return Err(UriError("no host"));
    }
    if holds & NO_HOST != 0 {
        return ipv6(text);
    }
    if holds & NO_IPV4 != 0 {
        return Ok(None);
    }
    // §25.1: the last label of a name starts with a letter, so this can only be an address.
    ipv4(text.as_bytes())
        .map(|ip| Some(IpAddr::V4(ip)))
        .ok_or(UriError("not an IPv4 address"))
}

/// Four numbers up to 255 without leading zeros, of a text of digits and dots.
fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0_u8; 4];
    let mut place = 0;
    let mut fresh = true;
    for byte in text {
        if *byte == b'.' {
            if fresh {
                return None;
            }
            place += 1;
            fresh = true;
            continue;
        }
        let octet = octets.get_mut(place)?;
        if !fresh && *octet == 0 {
            return None;
        }
        *octet = octet.checked_mul(10)?.checked_add(byte - b'0')?;
        fresh = false;
    }
    (place == 3 && !fresh).then(|| octets.into())
}

/// An IPv6 address in brackets, which is the only host that holds what no name holds.
fn ipv6(text: &str) -> Result<Option<IpAddr>, UriError> {
    let inner = text
        .strip_prefix('[')
        .ok_or(UriError("a character that no host name has"))?;
    inner
        .strip_suffix(']')
        .and_then(|ip| ip.parse::<Ipv6Addr>().ok())
        .map(|ip| Some(IpAddr::V6(ip)))
        .ok_or(UriError("not an IPv6 address"))
}

/// What no URI holds.
const FOREIGN: u8 = 1;
const AT: u8 = 2;
const PERCENT: u8 = 8;
const QUESTION: u8 = 4;
/// What host names do not hold; `_` is liberal.
const NO_HOST: u8 = 16;
/// What IPv4 addresses do not hold.
const NO_IPV4: u8 = 32;

/// What each byte may not be or is: the bits of a whole text tell what need not be looked for.
const BITS: [u8; 256] = {
    let mut bits = [0; 256];
    let mut byte = 0_u8;
    loop {
        bits[byte as usize] = match byte {
            0..=b' ' | b'"' | b'<' | b'>' | 0x7f => FOREIGN | NO_HOST | NO_IPV4,
            b'@' => AT | NO_HOST | NO_IPV4,
            b'?' => QUESTION | NO_HOST | NO_IPV4,
            b'%' => PERCENT | NO_HOST | NO_IPV4,
            b'0'..=b'9' | b'.' => 0,
            b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' => NO_IPV4,
            _ => NO_HOST | NO_IPV4,
        };
        if byte == u8::MAX {
            break bits;
        }
        byte += 1;
    }
};

/// The bits of all bytes of a text.
fn bits(text: &str) -> u8 {
    text.bytes()
        .fold(0, |bits, byte| bits | BITS[usize::from(byte)])
}

/// How long a scheme of letters and digits is that a colon ends.
fn scheme_len(text: &[u8]) -> Result<usize, UriError> {
    let len = memchr::memchr(b':', text).ok_or(UriError("no scheme"))?;
    let (first, rest) = text[..len].split_first().unwrap_or((&b':', &[]));
    let named = first.is_ascii_alphabetic()
        && rest
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    named
        .then_some(len)
        .ok_or(UriError("a scheme is letters and digits"))
}

fn check_escapes(text: &str) -> Result<(), UriError> {
    let bytes = text.as_bytes();
    for at in memchr::memchr_iter(b'%', bytes) {
        let hex = bytes
            .get(at + 1..at + 3)
            .is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        if !hex {
            return Err(UriError("a % without two hexadecimal digits"));
        }
    }
    Ok(())
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')'
        )
}

/// `user`, `password` and their colon; `%` because callers hand over text as written.
const fn is_user_byte(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/' | b':' | b'#' | b'%'
        )
}

const fn is_param_byte(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'[' | b']' | b'/' | b':' | b'&' | b'+' | b'$' | b'%')
}

fn escape(text: &str, legal: fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if legal(byte) {
            out.push(char::from(byte));
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

#[cfg(test)]
mod tests;
