//! SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966).

use super::text::{self, ByteSet, byte_set};
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
        let (scheme, rest) = text::split(text, b':').ok_or(UriError("no scheme"))?;
        let mut letters = scheme.bytes();
        let named = letters.next().is_some_and(|b| b.is_ascii_alphabetic())
            && letters.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        if !named {
            return Err(UriError("a scheme is letters and digits"));
        }
        if rest.is_empty() {
            return Err(UriError("nothing behind the scheme"));
        }
        if rest.bytes().any(|b| FOREIGN[usize::from(b)]) {
            return Err(UriError(
                "a blank, control character, quote or angle bracket",
            ));
        }
        let mut parts = Self {
            kind: Kind::Other,
            scheme,
            user: None,
            host: "",
            port: None,
            params: "",
            headers: "",
        };
        if scheme.eq_ignore_ascii_case("sip") {
            parts.kind = Kind::Sip;
            parts.scan_sip(rest)?;
        } else if scheme.eq_ignore_ascii_case("sips") {
            parts.kind = Kind::Sips;
            parts.scan_sip(rest)?;
        } else if scheme.eq_ignore_ascii_case("tel") {
            parts.kind = Kind::Tel;
            parts.scan_tel(rest)?;
        } else {
            parts.user = Some(rest);
        }
        Ok(parts)
    }

    fn scan_sip(&mut self, rest: &'a str) -> Result<(), UriError> {
        // `;`, `?` and `:` may stand in the user part, `@` nowhere but behind it (§25.1).
        let rest = match text::split(rest, b'@') {
            Some(("", _)) => return Err(UriError("an empty user part")),
            Some((user, rest)) => {
                check_escapes(user)?;
                self.user = Some(user);
                rest
            }
            None => rest,
        };
        if memchr::memchr(b'@', rest.as_bytes()).is_some() {
            return Err(UriError("more than one @"));
        }
        let (rest, headers) = text::split(rest, b'?').unwrap_or((rest, ""));
        let (host_port, params) = text::split(rest, b';').unwrap_or((rest, ""));
        check_escapes(headers)?;
        check_escapes(params)?;
        self.headers = headers;
        self.params = params;
        (self.host, self.port) = split_port(host_port)?;
        scan_host(self.host).map(drop)
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

/// Splits `host[:port]`; blanks around the colon are legal in a Via (§25.1).
pub(super) fn split_port(text: &str) -> Result<(&str, Option<u16>), UriError> {
    let end = match text.strip_prefix('[') {
        Some(inner) => inner.find(']').ok_or(UriError("an open bracket"))? + 2,
        None => memchr::memchr(b':', text.as_bytes()).unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(end);
    let rest = text::trim(rest);
    if rest.is_empty() {
        return Ok((text::trim(host), None));
    }
    let port = rest
        .strip_prefix(':')
        .and_then(|port| text::number(text::trim(port)))
        .and_then(|port| u16::try_from(port).ok())
        .ok_or(UriError("a port is a number up to 65535"))?;
    Ok((text::trim(host), Some(port)))
}

/// Checks a host; the address where it is a literal.
pub(super) fn scan_host(text: &str) -> Result<Option<IpAddr>, UriError> {
    if let Some(inner) = text.strip_prefix('[') {
        return inner
            .strip_suffix(']')
            .and_then(|ip| ip.parse::<Ipv6Addr>().ok())
            .map(|ip| Some(IpAddr::V6(ip)))
            .ok_or(UriError("not an IPv6 address"));
    }
    if text.is_empty() {
        return Err(UriError("no host"));
    }
    if !text.bytes().all(|b| HOST[usize::from(b)]) {
        return Err(UriError("a character that no host name has"));
    }
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        // §25.1: the last label of a name starts with a letter, so this can only be an address.
        return text
            .parse::<Ipv4Addr>()
            .map(|ip| Some(IpAddr::V4(ip)))
            .map_err(|_| UriError("not an IPv4 address"));
    }
    Ok(None)
}

/// What no URI holds.
const FOREIGN: ByteSet = byte_set!(|b| b <= b' ' || matches!(b, b'"' | b'<' | b'>' | 0x7f));

/// What host names hold; `_` is liberal.
const HOST: ByteSet = byte_set!(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));

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
