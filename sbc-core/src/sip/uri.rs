//! SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966).

use std::fmt;
use std::net::IpAddr;

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
    /// Where the text breaks the grammar of RFC 3261 §25.1.
    pub fn parse(_text: &str) -> Result<Self, UriError> {
        unimplemented!()
    }

    /// A `sip:` URI of parts.
    #[must_use]
    pub fn sip(_user: Option<&str>, _host: Host, _port: Option<u16>) -> Self {
        unimplemented!()
    }

    /// The value of a parameter, names without case; `Some("")` for one without value.
    #[must_use]
    pub fn param(&self, _name: &str) -> Option<&str> {
        unimplemented!()
    }

    /// Sets or replaces a parameter.
    pub fn set_param(&mut self, _name: &str, _value: Option<&str>) {
        unimplemented!()
    }

    /// Removes a parameter.
    pub fn remove_param(&mut self, _name: &str) {
        unimplemented!()
    }

    /// Equality by RFC 3261 §19.1.4.
    #[must_use]
    pub fn same_as(&self, _other: &Self) -> bool {
        unimplemented!()
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        unimplemented!()
    }
}

impl Host {
    /// Reads a host: a name, an IPv4 literal or an IPv6 literal in brackets.
    ///
    /// # Errors
    /// Where it is none of them.
    pub fn parse(_text: &str) -> Result<Self, UriError> {
        unimplemented!()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        unimplemented!()
    }
}
