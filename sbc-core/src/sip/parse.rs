//! From bytes to a message: datagrams and streams (RFC 3261 §7.5, §18.3).

use super::Message;
use bytes::Bytes;

/// Why no message could be made at all. What can be answered is a [`Message`] with defects instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParseError {
    /// Only CR and LF: a keep-alive (RFC 5626 §3.5.1, §4.4.1).
    #[error("keep-alive")]
    KeepAlive,
    /// Neither request line nor status line.
    #[error("the first line is neither a request line nor a status line of SIP/2.0")]
    StartLine,
    /// A bound of `limits` was passed; says which.
    #[error("message over a limit: {0}")]
    Limit(&'static str),
    /// No empty line behind the headers.
    #[error("the headers have no end")]
    Truncated,
}

impl Message {
    /// Reads one datagram. Body: Content-Length bytes, or the rest where there is none; bytes
    /// behind the body are dropped; a body shorter than Content-Length is a defect (§18.3).
    ///
    /// # Errors
    /// Where there is nothing that could be answered.
    pub fn parse_datagram(_datagram: Bytes) -> Result<Self, ParseError> {
        unimplemented!()
    }
}

/// What came out of a stream.
#[derive(Debug)]
pub enum Framed {
    /// One message.
    Message(Message),
    /// A double CRLF, to be answered with one CRLF (RFC 5626 §4.4.1).
    Ping,
    /// The single CRLF that answers ours.
    Pong,
}

/// Cuts a stream into messages by Content-Length. After an error the stream cannot be read on:
/// never resynchronised by guess; the owner answers 400 where `Framer::broken` has a message, and closes.
#[derive(Debug, Default)]
pub struct Framer {
    _buf: Vec<u8>,
}

impl Framer {
    /// With the bounds of `limits`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes as they came.
    pub fn push(&mut self, _bytes: &[u8]) {
        unimplemented!()
    }

    /// The next whole message.
    ///
    /// # Errors
    /// Over a limit, no start line, Content-Length missing, negative, twice with other values.
    #[expect(
        clippy::should_implement_trait,
        reason = "a stream of results, not an iterator"
    )]
    pub fn next(&mut self) -> Result<Option<Framed>, ParseError> {
        unimplemented!()
    }

    /// After an error: the headers as far as they can be read, to answer 400 with.
    pub fn broken(&mut self) -> Option<Message> {
        unimplemented!()
    }

    /// True while the start of a message waits for its rest.
    #[must_use]
    pub fn in_message(&self) -> bool {
        unimplemented!()
    }
}
