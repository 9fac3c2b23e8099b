//! Bodies: multipart reader and writer (RFC 2046 §5.1, RFC 5621).

use bytes::Bytes;

/// The Content-Disposition of a part (RFC 5621 §3, RFC 3261 §20.11).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Disposition {
    /// `session`, also where none is written on an SDP part.
    #[default]
    Session,
    /// `recording-session` (RFC 7866 §9.1).
    RecordingSession,
    /// Any other.
    Other,
}

/// One part of a body. A body that is not multipart reads as one part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Content-Type as written, with parameters; `text/plain` where none is written (RFC 2046 §5.2).
    pub content_type: Box<str>,
    /// Its disposition.
    pub disposition: Disposition,
    /// The bytes, as they came.
    pub body: Bytes,
}

impl Part {
    /// Whether the media type is `essence`, without case and parameters: `application/sdp`.
    #[must_use]
    pub fn is(&self, _essence: &str) -> bool {
        unimplemented!()
    }
}

/// Why a multipart body cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("bad multipart body: {0}")]
pub struct MultipartError(pub &'static str);

/// All leaf parts of a body in order, nested multiparts flattened. Lenient as RFC 2046 §5.1.1
/// asks of readers: preamble and epilogue, bare LF line ends, quoted boundary, blanks behind a
/// boundary, parts without headers, Content-Length inside parts (ignored).
///
/// # Errors
/// No boundary parameter, boundary never found, more parts or deeper nesting than `limits` allow.
pub fn parse_multipart(_content_type: &str, _body: &Bytes) -> Result<Vec<Part>, MultipartError> {
    unimplemented!()
}

/// Writes `multipart/mixed`.
#[derive(Debug)]
pub struct MultipartWriter {
    _boundary: String,
    _out: Vec<u8>,
}

impl MultipartWriter {
    /// With a boundary that no part holds: random text from the caller.
    #[must_use]
    pub fn new(_boundary: String) -> Self {
        unimplemented!()
    }

    /// Adds a part; `disposition` is the value of its Content-Disposition where one is wanted.
    pub fn part(&mut self, _content_type: &str, _disposition: Option<&str>, _body: &[u8]) {
        unimplemented!()
    }

    /// The Content-Type value with the boundary, and the body.
    #[must_use]
    pub fn finish(self) -> (String, Bytes) {
        unimplemented!()
    }
}
