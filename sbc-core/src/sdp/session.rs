//! The document: session lines, then one block of lines for each `m=`.

use super::media::MediaView;
use std::net::IpAddr;

/// Why bytes are no SDP that could be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("bad SDP: {0}")]
pub struct SdpError(pub &'static str);

/// A session description. Lines keep their order and their bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sdp {
    _lines: Vec<Box<str>>,
}

impl Sdp {
    /// Reads a description; bare LF line ends are taken, blanks at line ends kept.
    ///
    /// # Errors
    /// No `v=0`, a line without `=`, a broken `m=` or `c=`, over a limit, not UTF-8.
    pub fn parse(_bytes: &[u8]) -> Result<Self, SdpError> {
        unimplemented!()
    }

    /// The description with CRLF line ends.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        unimplemented!()
    }

    /// The `o=` line without `o=`.
    #[must_use]
    pub fn origin(&self) -> &str {
        unimplemented!()
    }

    /// The address of the session level `c=`.
    #[must_use]
    pub fn connection(&self) -> Option<IpAddr> {
        unimplemented!()
    }

    /// How many media descriptions there are.
    #[must_use]
    pub fn media_count(&self) -> usize {
        unimplemented!()
    }

    /// The media description at `index`.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn media(&self, _index: usize) -> MediaView<'_> {
        unimplemented!()
    }

    /// The values of a session level line type (`s`, `t`, `b`), in order.
    pub fn session_lines(&self, _kind: char) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
}
