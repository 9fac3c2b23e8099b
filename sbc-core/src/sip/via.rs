//! Via (RFC 3261 §20.42, RFC 3581).

use super::Host;
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
    pub fn parse(_text: &'a str) -> Result<Self, ViaError> {
        unimplemented!()
    }

    /// The value of a parameter; `Some("")` for one without value, as `;rport`.
    #[must_use]
    pub fn param(&self, _name: &str) -> Option<&'a str> {
        unimplemented!()
    }

    /// The branch.
    #[must_use]
    pub fn branch(&self) -> Option<&'a str> {
        self.param("branch")
    }
}

impl fmt::Display for Via<'_> {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        unimplemented!()
    }
}
