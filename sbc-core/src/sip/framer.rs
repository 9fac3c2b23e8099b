//! Streams: cutting bytes into messages by Content-Length (RFC 3261 §18.3), keep-alives between
//! them (RFC 5626 §4.4.1).
//!
//! | state | input | next state | output |
//! |---|---|---|---|
//! | Between | double CRLF | Between | Ping (RFC 5626 §4.4.1) |
//! | Between | CRLF and something else, or nothing yet | Between, CRLF noted | Pong |
//! | Between, CRLF noted | CRLF alone | Owed | Ping: the other half of a double CRLF came late |
//! | Owed | - | Between | Pong: or it was one more answer; who waits for it must see it |
//! | Between | any other byte | Head | - |
//! | Head | no end of the headers yet | Head | - |
//! | Head | over a limit, no start line, bare LF, no good Content-Length | Failed | error |
//! | Head | the end of the headers | Body | - |
//! | Body | fewer bytes than Content-Length | Body | - |
//! | Body | the rest | Between | the message |
//! | Failed | any | Failed | the same error; bytes are dropped |

use super::message::{Body, Message};
use super::parse::{Head, Length, ParseError, is_start_line, parse_head};
use super::{Defect, HeaderName};
use crate::limits;
use bytes::Bytes;
use memchr::memchr;

/// What came out of a stream.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every one is a message, and it is moved on at once"
)]
pub enum Framed {
    /// One message.
    Message(Message),
    /// A double CRLF, to be answered with one CRLF (RFC 5626 §4.4.1).
    Ping,
    /// The single CRLF that answers ours.
    Pong,
}

/// Cuts a stream into messages by Content-Length. After an error the stream cannot be read on:
/// never resynchronised by guess; the owner answers 400 or 513 where [`Framer::broken`] has a
/// message, and closes. The owner calls [`Framer::next`] until it gives nothing before it pushes
/// more, so that no more than one message and one read are held.
#[derive(Debug, Default)]
pub struct Framer {
    buf: Vec<u8>,
    /// What lies before this was handed out.
    at: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    Between {
        /// The last thing was a CRLF that stood alone.
        crlf: bool,
    },
    Owed,
    Head {
        /// No line end that closes the headers lies before this.
        scanned: usize,
        /// The first line was seen and is one.
        started: bool,
    },
    Body {
        message: Box<Message>,
        len: usize,
    },
    Failed {
        error: ParseError,
        message: Option<Box<Message>>,
    },
}

impl Default for State {
    fn default() -> Self {
        Self::Between { crlf: false }
    }
}

/// A drained buffer larger than this is given back: idle connections hold little.
const KEEP_BYTES: usize = 8 * 1024;

impl Framer {
    /// With the bounds of `limits`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        if matches!(self.state, State::Failed { .. }) {
            return;
        }
        if self.at * 2 >= self.buf.len() {
            // At least half is spent, so that moving the rest is paid for.
            self.buf.drain(..self.at);
            self.at = 0;
        }
        self.buf.extend_from_slice(bytes);
    }

    /// The next whole message.
    ///
    /// # Errors
    /// Over a limit, no start line, Content-Length missing, negative, twice with other values; a
    /// line that ends with a bare LF.
    #[expect(
        clippy::should_implement_trait,
        reason = "a stream of results, not an iterator"
    )]
    pub fn next(&mut self) -> Result<Option<Framed>, ParseError> {
        loop {
            match &mut self.state {
                State::Between { crlf } => {
                    let crlf = *crlf;
                    if let Some(found) = self.between(crlf) {
                        return Ok(found);
                    }
                }
                State::Owed => {
                    self.state = State::default();
                    return Ok(Some(Framed::Pong));
                }
                State::Head { scanned, started } => {
                    let (scanned, started) = (*scanned, *started);
                    let Some(end) = self.head_end(scanned, started)? else {
                        return Ok(None);
                    };
                    self.head(end)?;
                }
                State::Body { len, .. } => {
                    let len = *len;
                    return Ok(self.body(len));
                }
                State::Failed { error, .. } => return Err(*error),
            }
        }
    }

    /// After an error: the headers as far as they can be read, to answer 400 with.
    pub fn broken(&mut self) -> Option<Message> {
        match &mut self.state {
            State::Failed { message, .. } => message.take().map(|message| *message),
            _ => None,
        }
    }

    /// True while the start of a message waits for its rest.
    #[must_use]
    pub const fn in_message(&self) -> bool {
        matches!(self.state, State::Head { .. } | State::Body { .. })
    }

    fn rest(&self) -> &[u8] {
        &self.buf[self.at..]
    }

    fn spend(&mut self, count: usize) {
        self.at += count;
        if self.at == self.buf.len() {
            self.at = 0;
            if self.buf.capacity() > KEEP_BYTES {
                self.buf = Vec::new();
            } else {
                self.buf.clear();
            }
        }
    }

    fn fail(&mut self, error: ParseError, message: Option<Box<Message>>) -> ParseError {
        self.state = State::Failed { error, message };
        self.buf = Vec::new();
        self.at = 0;
        error
    }

    /// Fails with what an answer needs of the first `len` bytes, where a limit was passed.
    fn fail_by(&mut self, error: ParseError, len: usize) -> ParseError {
        let message = match error {
            ParseError::Limit(_) => Message::of_excess(&self.rest()[..len]).map(Box::new),
            _ => None,
        };
        self.fail(error, message)
    }

    /// Between messages: a keep-alive, or `Some(None)` to wait; nothing where a message starts.
    fn between(&mut self, crlf: bool) -> Option<Option<Framed>> {
        match self.rest() {
            [] | [b'\r'] | [b'\r', b'\n', b'\r'] => Some(None),
            [b'\r', b'\n', b'\r', b'\n', ..] => {
                self.spend(4);
                self.state = State::default();
                Some(Some(Framed::Ping))
            }
            [b'\r', b'\n', ..] => {
                self.spend(2);
                if crlf {
                    self.state = State::Owed;
                    return Some(Some(Framed::Ping));
                }
                self.state = State::Between { crlf: true };
                Some(Some(Framed::Pong))
            }
            _ => {
                self.state = State::Head {
                    scanned: 0,
                    started: false,
                };
                None
            }
        }
    }

    /// Where the headers end, seen from the first byte of the message.
    fn head_end(&mut self, scanned: usize, started: bool) -> Result<Option<usize>, ParseError> {
        let rest = self.rest();
        let mut i = scanned;
        let mut first_line = None;
        while let Some(step) = memchr(b'\n', &rest[i..]) {
            i += step + 1;
            first_line = first_line.or(Some(i));
            match &rest[i..] {
                [b'\n', ..] => return Ok(Some(i + 1)),
                [b'\r', b'\n', ..] => return Ok(Some(i + 2)),
                _ => {}
            }
        }
        let len = rest.len();
        if len > limits::STREAM_MESSAGE_BYTES {
            return Err(self.fail_by(ParseError::Limit("bytes of a message"), len));
        }
        if let Some(end) = first_line
            && !started
            && !is_start_line(&rest[..end])
        {
            return Err(self.fail(ParseError::StartLine, None));
        }
        let started = started || first_line.is_some();
        if !started && len > limits::HEADER_LINE_BYTES {
            return Err(self.fail(ParseError::Limit("bytes of the first line"), None));
        }
        // The last two bytes may be the start of the end.
        self.state = State::Head {
            scanned: len.saturating_sub(2),
            started,
        };
        Ok(None)
    }

    /// Reads the headers, which end at `end`.
    fn head(&mut self, end: usize) -> Result<(), ParseError> {
        if end > limits::STREAM_MESSAGE_BYTES {
            return Err(self.fail_by(ParseError::Limit("bytes of a message"), end));
        }
        let base = Bytes::copy_from_slice(&self.rest()[..end]);
        let Head {
            mut message,
            length,
            bare_lf,
        } = match parse_head(base) {
            Ok(head) => head,
            Err(error) => {
                return Err(self.fail_by(error, end));
            }
        };
        let (error, defect) = match length {
            _ if bare_lf => (
                ParseError::Framing("a line ends with a bare LF"),
                Defect::HeaderLine,
            ),
            Length::None => (
                ParseError::Framing("no Content-Length"),
                Defect::Missing(HeaderName::ContentLength),
            ),
            Length::Bad => (
                ParseError::Framing("Content-Length is no number, or two"),
                Defect::ContentLength,
            ),
            Length::Is(len) if len > limits::STREAM_MESSAGE_BYTES - end => (
                ParseError::Limit("bytes of a message"),
                Defect::ContentLength,
            ),
            Length::Is(len) => {
                self.spend(end);
                self.state = State::Body {
                    message: Box::new(message),
                    len,
                };
                return Ok(());
            }
        };
        message.accuse(defect);
        Err(self.fail(error, Some(Box::new(message))))
    }

    fn body(&mut self, len: usize) -> Option<Framed> {
        let body = Bytes::copy_from_slice(self.rest().get(..len)?);
        let State::Body { mut message, .. } = std::mem::take(&mut self.state) else {
            return None;
        };
        self.spend(len);
        message.body = Body::Own(body);
        Some(Framed::Message(*message))
    }
}

#[cfg(test)]
mod tests;
