//! The wire message.

use super::{HeaderName, Method, NameAddr, Part, StatusCode, UriError, Via};
use bytes::Bytes;

/// The first line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartLine<'a> {
    /// Method and Request-URI, as written.
    Request {
        /// The method.
        method: &'a Method,
        /// The Request-URI as written.
        uri: &'a str,
    },
    /// Status and reason phrase.
    Response {
        /// The status.
        status: StatusCode,
        /// The reason phrase, possibly empty.
        reason: &'a str,
    },
}

/// CSeq (RFC 3261 §20.16).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CSeq<'a> {
    /// The number, below 2^31 (§8.1.1.5).
    pub number: u32,
    /// The method.
    pub method: &'a Method,
}

/// What is wrong with a message that could otherwise be read. Each knows the status that refuses it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Defect {
    /// A header that RFC 3261 §8.1.1 demands is not there.
    Missing(HeaderName),
    /// A header that may stand once stands twice with different values.
    Twice(HeaderName),
    /// A header of the five that are always read breaks its grammar.
    Malformed(HeaderName),
    /// The Request-URI breaks its grammar.
    RequestUri,
    /// The method of CSeq is not that of the request line.
    CSeqMethod,
    /// Content-Length is larger than what came, or no number.
    ContentLength,
    /// A line without colon, or a name that is no token.
    HeaderLine,
    /// A header's value is not UTF-8; it is there in raw form only.
    NotUtf8(HeaderName),
    /// A version other than SIP/2.0 (505).
    Version,
    /// A control character (NUL, bare CR) in a header.
    ControlCharacter,
}

impl Defect {
    /// The status that refuses a request with this defect, and text for its reason phrase.
    #[must_use]
    pub fn refusal(&self) -> (StatusCode, &'static str) {
        unimplemented!()
    }
}

/// A value that must not go on the wire: it holds CR, LF or NUL.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a header value must not hold CR, LF or NUL")]
pub struct InvalidValue;

/// A header line.
#[derive(Clone, Copy, Debug)]
pub struct HeaderRef<'a> {
    /// The name; for compare.
    pub name: &'a HeaderName,
    /// The name as it will be printed.
    pub written: &'a str,
    /// The value, unfolded and trimmed, as bytes.
    pub raw: &'a [u8],
}

impl<'a> HeaderRef<'a> {
    /// The value as text; nothing where it is not UTF-8.
    #[must_use]
    pub fn value(&self) -> Option<&'a str> {
        std::str::from_utf8(self.raw).ok()
    }
}

/// A SIP request or response: one buffer, an index, an overlay of edits.
///
/// Via, From, To, Call-ID and CSeq are validated once, when the message is made; where they are
/// broken or missing, their views give nothing and [`Message::defects`] says why.
#[derive(Clone, Debug)]
pub struct Message {
    _base: Bytes,
}

impl Message {
    /// A request without headers.
    #[must_use]
    pub fn request(_method: Method, _uri: &str) -> Self {
        unimplemented!()
    }

    /// A response without headers. CR, LF and NUL in `reason` become blanks.
    #[must_use]
    pub fn response(_status: StatusCode, _reason: &str) -> Self {
        unimplemented!()
    }

    /// A response to `request`: every Via, From, To (with `to_tag` where it had none), Call-ID,
    /// CSeq, copied in this order (RFC 3261 §8.2.6.2), and on a 100 the Timestamp.
    /// Via carries what RFC 3581 §4 wants if [`Message::stamp_received`] was called on the request.
    #[must_use]
    pub fn reply_to(
        _request: &Self,
        _status: StatusCode,
        _reason: &str,
        _to_tag: Option<&str>,
    ) -> Self {
        unimplemented!()
    }

    /// The first line.
    #[must_use]
    pub fn start(&self) -> StartLine<'_> {
        unimplemented!()
    }

    /// Whether it is a request.
    #[must_use]
    pub fn is_request(&self) -> bool {
        unimplemented!()
    }

    /// The method of a request; of a response, that of its CSeq.
    #[must_use]
    pub fn method(&self) -> Option<&Method> {
        unimplemented!()
    }

    /// The Request-URI as written; empty for a response.
    #[must_use]
    pub fn request_uri(&self) -> &str {
        unimplemented!()
    }

    /// The status of a response.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        unimplemented!()
    }

    /// What is wrong with it.
    #[must_use]
    pub fn defects(&self) -> &[Defect] {
        unimplemented!()
    }

    /// The topmost Via.
    #[must_use]
    pub fn via(&self) -> Option<Via<'_>> {
        unimplemented!()
    }

    /// The branch of the topmost Via; nothing where it has none.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        unimplemented!()
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(&self) -> Option<&str> {
        unimplemented!()
    }

    /// The tag of From.
    #[must_use]
    pub fn from_tag(&self) -> Option<&str> {
        unimplemented!()
    }

    /// The tag of To.
    #[must_use]
    pub fn to_tag(&self) -> Option<&str> {
        unimplemented!()
    }

    /// From.
    ///
    /// # Errors
    /// Where it is missing or broken.
    pub fn from(&self) -> Result<NameAddr, UriError> {
        unimplemented!()
    }

    /// To.
    ///
    /// # Errors
    /// Where it is missing or broken.
    pub fn to(&self) -> Result<NameAddr, UriError> {
        unimplemented!()
    }

    /// The first Contact.
    #[must_use]
    pub fn contact(&self) -> Option<NameAddr> {
        unimplemented!()
    }

    /// CSeq.
    #[must_use]
    pub fn cseq(&self) -> Option<CSeq<'_>> {
        unimplemented!()
    }

    /// Max-Forwards; nothing where it is missing or no number.
    #[must_use]
    pub fn max_forwards(&self) -> Option<u32> {
        unimplemented!()
    }

    /// The value of the first header of this name that is text.
    #[must_use]
    pub fn header(&self, _name: &HeaderName) -> Option<&str> {
        unimplemented!()
    }

    /// The values of every line of this name, in order; a line may hold a comma list.
    pub fn header_lines<'a>(&'a self, _name: &'a HeaderName) -> impl Iterator<Item = &'a str> {
        std::iter::empty()
    }

    /// The values of this name, in order, comma lists split.
    pub fn header_values<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a str> {
        self.header_lines(name).flat_map(super::split_list)
    }

    /// Every header line, in order.
    pub fn headers(&self) -> impl Iterator<Item = HeaderRef<'_>> {
        std::iter::empty()
    }

    /// Whether a comma list of tokens (Require, Supported, Allow) holds `token`, without case.
    #[must_use]
    pub fn lists(&self, name: &HeaderName, token: &str) -> bool {
        self.header_values(name)
            .any(|t| t.eq_ignore_ascii_case(token))
    }

    /// Adds a header behind all others.
    ///
    /// # Errors
    /// CR, LF or NUL in the value (or in the name).
    pub fn push(&mut self, _name: HeaderName, _value: &str) -> Result<(), InvalidValue> {
        unimplemented!()
    }

    /// Adds a header before all others (Via).
    ///
    /// # Errors
    /// CR, LF or NUL in the value.
    pub fn push_front(&mut self, _name: HeaderName, _value: &str) -> Result<(), InvalidValue> {
        unimplemented!()
    }

    /// Replaces every line of this name by one, at the place of the first; adds it where none was.
    ///
    /// # Errors
    /// CR, LF or NUL in the value.
    pub fn set(&mut self, _name: HeaderName, _value: &str) -> Result<(), InvalidValue> {
        unimplemented!()
    }

    /// Removes every line of this name; true if there was one.
    pub fn remove(&mut self, _name: &HeaderName) -> bool {
        unimplemented!()
    }

    /// Copies a header line of `other`, byte for byte.
    pub fn push_copy(&mut self, _line: HeaderRef<'_>) {
        unimplemented!()
    }

    /// The body, empty where there is none.
    #[must_use]
    pub fn body(&self) -> Bytes {
        unimplemented!()
    }

    /// Sets body and Content-Type. An empty body with an empty type removes both.
    ///
    /// # Errors
    /// CR, LF or NUL in the type.
    pub fn set_body(&mut self, _content_type: &str, _body: Bytes) -> Result<(), InvalidValue> {
        unimplemented!()
    }

    /// The leaf parts of the body (one for a plain body, none for an empty one).
    ///
    /// # Errors
    /// See [`super::parse_multipart`].
    pub fn parts(&self) -> Result<Vec<Part>, super::MultipartError> {
        unimplemented!()
    }

    /// The SDP of the body: the `application/sdp` body, or the first such part of a multipart.
    #[must_use]
    pub fn sdp(&self) -> Option<Bytes> {
        unimplemented!()
    }

    /// Notes on the topmost Via where the request came from (RFC 3261 §18.2.1, RFC 3581 §4):
    /// `received` where the host differs or `rport` was asked for, `rport` with its value where asked for.
    pub fn stamp_received(&mut self, _source: std::net::SocketAddr) {
        unimplemented!()
    }
}
