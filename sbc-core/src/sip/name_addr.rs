//! `name-addr` and `addr-spec` with header parameters: From, To, Contact, Route and kin
//! (RFC 3261 §20.10, §25.1).

use super::{Uri, UriError};
use std::fmt;

/// One value of From, To, Contact, Route, Record-Route, P-Asserted-Identity, Refer-To.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameAddr {
    /// The display name, unquoted and unescaped; empty where none.
    pub display: Box<str>,
    /// The URI. Without angle brackets, parameters behind it belong to the header (§20).
    pub uri: Uri,
    /// Header parameters without the leading semicolon, as written.
    pub params: Box<str>,
}

impl NameAddr {
    /// Reads one value.
    ///
    /// # Errors
    /// Where the text breaks the grammar.
    pub fn parse(_text: &str) -> Result<Self, UriError> {
        unimplemented!()
    }

    /// A value of a display name (quoted and escaped when printed) and a URI.
    #[must_use]
    pub fn new(_display: &str, _uri: Uri) -> Self {
        unimplemented!()
    }

    /// The value of a header parameter, names without case; `Some("")` for one without value;
    /// quoted values are unquoted.
    #[must_use]
    pub fn param(&self, _name: &str) -> Option<&str> {
        unimplemented!()
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.param("tag")
    }

    /// Sets or replaces a header parameter.
    pub fn set_param(&mut self, _name: &str, _value: Option<&str>) {
        unimplemented!()
    }

    /// Removes a header parameter.
    pub fn remove_param(&mut self, _name: &str) {
        unimplemented!()
    }
}

/// Prints `"Display" <uri>;params`, always with angle brackets.
impl fmt::Display for NameAddr {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        unimplemented!()
    }
}

/// Splits a header value at the commas that stand outside quotes, angle brackets and comments;
/// each piece trimmed, empty pieces left out (RFC 3261 §7.3.1).
pub fn split_list(_value: &str) -> impl Iterator<Item = &str> {
    std::iter::empty()
}
