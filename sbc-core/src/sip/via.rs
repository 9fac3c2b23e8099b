//! Via (RFC 3261 §20.42, RFC 3581).

use super::text;
use super::uri::scan_host_port;
use super::{Host, UriError};
use std::fmt;

/// Why text is no Via.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a Via: {0}")]
pub struct ViaError(pub &'static str);

/// One Via value, borrowed from the message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Via<'a> {
    /// `UDP`, `TCP`, `TLS`, `WS`, `WSS` or another token, as written.
    pub transport: &'a str,
    /// Where the sender says it is.
    pub host: Host,
    /// Its port where one is written.
    pub port: Option<u16>,
    /// Parameters without the leading semicolon, as written.
    pub params: &'a str,
}

impl<'a> Via<'a> {
    /// Reads one value (no comma list: see [`super::split_list`]).
    ///
    /// # Errors
    /// Where the text breaks the grammar.
    pub fn parse(text: &'a str) -> Result<Self, ViaError> {
        let parts = ViaParts::scan(text)?;
        Ok(Self {
            transport: parts.transport,
            host: Host::parse(parts.host).map_err(|UriError(why)| ViaError(why))?,
            port: parts.port,
            params: parts.params,
        })
    }

    /// The value of a parameter; `Some("")` for one without value, as `;rport`.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'a str> {
        text::param(self.params, name)
    }

    /// The branch.
    #[must_use]
    pub fn branch(&self) -> Option<&'a str> {
        self.param("branch").filter(|branch| !branch.is_empty())
    }
}

impl fmt::Display for Via<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        if !self.params.is_empty() {
            write!(f, ";{}", self.params)?;
        }
        Ok(())
    }
}

/// The parts of a Via, borrowed and checked.
#[derive(Clone, Copy)]
pub(super) struct ViaParts<'a> {
    transport: &'a str,
    pub(super) host: &'a str,
    port: Option<u16>,
    pub(super) params: &'a str,
    /// Nothing where it is missing or empty.
    pub(super) branch: Option<&'a str>,
}

impl<'a> ViaParts<'a> {
    pub(super) fn scan(value: &'a str) -> Result<Self, ViaError> {
        let rest = behind_protocol(text::trim(value)).ok_or(ViaError("the protocol is not SIP"))?;
        let (transport, rest) =
            text::split_blank(rest).ok_or(ViaError("no address behind the transport"))?;
        if !text::is_token(transport.as_bytes()) {
            return Err(ViaError("the transport is no token"));
        }
        let (host, port, rest) =
            scan_host_port(text::trim(rest), true).map_err(|UriError(why)| ViaError(why))?;
        let (params, branch) = match rest.strip_prefix(';') {
            Some(params) => {
                let params = text::trim(params);
                let branch = text::check_params(params, "branch").map_err(ViaError)?;
                (params, branch)
            }
            None if rest.is_empty() => ("", None),
            None => return Err(ViaError("text behind the address")),
        };
        Ok(Self {
            transport,
            host,
            port,
            params,
            branch,
        })
    }
}

/// What stands behind `SIP/2.0/`. The version is a token (§25.1); a request of another version
/// says so in its first line, and its refusal must still find the way back (RFC 4475 §3.1.2.16).
fn behind_protocol(value: &str) -> Option<&str> {
    if let Some(rest) = value.strip_prefix("SIP/2.0/") {
        return Some(text::trim(rest));
    }
    let slash = |rest| text::trim(rest).strip_prefix('/').map(text::trim);
    let rest = text::strip_word(value, "SIP").and_then(slash)?;
    let (version, rest) = text::split(rest, b'/')?;
    text::is_token(text::trim(version).as_bytes()).then(|| text::trim(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_and_print_back() {
        let text = "SIP/2.0/UDP [2001:db8::9]:5070;branch=z9hG4bKx;rport;received=192.0.2.1";
        let via = Via::parse(text).unwrap();
        assert_eq!(via.transport, "UDP");
        assert_eq!(via.port, Some(5070));
        assert_eq!(via.branch(), Some("z9hG4bKx"));
        assert_eq!(via.param("rport"), Some(""));
        assert_eq!(via.param("ttl"), None);
        assert_eq!(via.to_string(), text);
    }

    #[test]
    fn blanks_may_stand_around_every_separator() {
        let via =
            Via::parse(" sip  / 2.0  / TCP     spindle.example.com : 5080  ;  branch  =   z9 ;x ")
                .unwrap();
        assert_eq!(
            (via.transport, via.port, via.branch()),
            ("TCP", Some(5080), Some("z9"))
        );
        assert_eq!(via.host, Host::Name("spindle.example.com".into()));
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        for text in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ",
            "SIP//UDP h",
            "HTTP/2.0/UDP h",
            "SIP/2.0/U@P h",
            "SIP/2.0/UDP h h",
            "SIP/2.0/UDP h:x",
            "SIP/2.0/UDP h:99999",
            "SIP/2.0/UDP h;;",
            "SIP/2.0/UDP h;",
            "SIP/2.0/UDP 192.0.2.15;;,;,,",
            "SIP/2.0/UDP h;branch=a b",
            "SIP/2.0/UDP 2001:db8::1",
        ] {
            assert!(Via::parse(text).is_err(), "{text:?}");
        }
    }
}
