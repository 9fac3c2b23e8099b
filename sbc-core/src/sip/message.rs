//! The wire message.

use super::headers::NameId;
use super::index::{Core, Defects, Others, Slot, Start};
use super::{
    Defect, Disposition, HeaderName, Method, MultipartError, NameAddr, Part, StatusCode, UriError,
    Via, text,
};
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
    /// What came: the head, and of a datagram the body too. Empty for a message of ours.
    pub(super) base: Bytes,
    /// Where the head ends in `base`.
    pub(super) head_len: usize,
    /// Text of edits and of headers that had to be unfolded.
    pub(super) extra: Vec<u8>,
    pub(super) start: Start,
    pub(super) slots: Vec<Slot>,
    pub(super) others: Others,
    pub(super) body: Body,
    pub(super) core: Core,
    /// How many Via values there are.
    pub(super) vias: usize,
    pub(super) defects: Defects,
    /// It is no longer what came, or never came.
    pub(super) edited: bool,
}

/// Where the body is.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// Behind the head, so many bytes.
    InBase {
        len: usize,
    },
    Own(Bytes),
}

impl Message {
    /// The first line.
    #[must_use]
    pub fn start(&self) -> StartLine<'_> {
        match &self.start {
            Start::Request { method, uri } => StartLine::Request {
                method,
                uri: self.text(*uri).unwrap_or_default(),
            },
            Start::Response { status, reason } => StartLine::Response {
                status: *status,
                reason: self.text(*reason).unwrap_or_default(),
            },
        }
    }

    /// Whether it is a request.
    #[must_use]
    pub fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// The method of a request; of a response, that of its CSeq.
    #[must_use]
    pub fn method(&self) -> Option<&Method> {
        match &self.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => self.core.cseq.as_ref().map(|(_, method)| method),
        }
    }

    /// The Request-URI as written; empty for a response.
    #[must_use]
    pub fn request_uri(&self) -> &str {
        match self.start() {
            StartLine::Request { uri, .. } => uri,
            StartLine::Response { .. } => "",
        }
    }

    /// The status of a response.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(status),
        }
    }

    /// The reason phrase of a response; empty for a request.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self.start() {
            StartLine::Request { .. } => "",
            StartLine::Response { reason, .. } => reason,
        }
    }

    /// What is wrong with it.
    #[must_use]
    pub fn defects(&self) -> &[Defect] {
        &self.defects
    }

    /// The topmost Via.
    #[must_use]
    pub fn via(&self) -> Option<Via<'_>> {
        let line = self.text(self.first(NameId::VIA)?)?;
        Via::parse(text::list(line).next()?).ok()
    }

    /// The branch of the topmost Via; nothing where it has none.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.text(self.core.branch?)
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(&self) -> Option<&str> {
        self.text(self.core.call_id?)
    }

    /// The tag of From.
    #[must_use]
    pub fn from_tag(&self) -> Option<&str> {
        self.text(self.core.from_tag?)
    }

    /// The tag of To.
    #[must_use]
    pub fn to_tag(&self) -> Option<&str> {
        self.text(self.core.to_tag?)
    }

    /// From.
    ///
    /// # Errors
    /// Where it is missing or broken.
    pub fn from(&self) -> Result<NameAddr, UriError> {
        self.party(&HeaderName::From)
    }

    /// To.
    ///
    /// # Errors
    /// Where it is missing or broken.
    pub fn to(&self) -> Result<NameAddr, UriError> {
        self.party(&HeaderName::To)
    }

    /// The first Contact.
    #[must_use]
    pub fn contact(&self) -> Option<NameAddr> {
        NameAddr::parse(self.header_values(&HeaderName::Contact).next()?).ok()
    }

    /// CSeq.
    #[must_use]
    pub fn cseq(&self) -> Option<CSeq<'_>> {
        let (number, method) = self.core.cseq.as_ref()?;
        Some(CSeq {
            number: *number,
            method,
        })
    }

    /// Max-Forwards; nothing where it is missing or no number from 0 to 255 (RFC 3261 §20.22),
    /// which counts as missing (RFC 4475 §3.1.2.4).
    #[must_use]
    pub fn max_forwards(&self) -> Option<u32> {
        text::number(self.header(&HeaderName::MaxForwards)?).filter(|hops| *hops <= 255)
    }

    /// The value of the first header of this name that is text.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.slots_of(name).find_map(|slot| self.text(slot.value))
    }

    /// The values of every line of this name, in order; a line may hold a comma list.
    pub fn header_lines<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a str> {
        self.slots_of(name).filter_map(|slot| self.text(slot.value))
    }

    /// The values of this name, in order, comma lists split.
    pub fn header_values<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a str> {
        self.header_lines(name).flat_map(super::split_list)
    }

    /// Every header line, in order.
    pub fn headers(&self) -> impl Iterator<Item = HeaderRef<'_>> {
        self.slots.iter().map(|slot| HeaderRef {
            name: self.name(slot),
            // A name is a token, so it is text.
            written: std::str::from_utf8(self.written(slot)).unwrap_or_default(),
            raw: self.bytes(slot.value),
        })
    }

    /// Whether a comma list of tokens (Require, Supported, Allow) holds `token`, without case.
    #[must_use]
    pub fn lists(&self, name: &HeaderName, token: &str) -> bool {
        self.header_values(name)
            .any(|t| t.eq_ignore_ascii_case(token))
    }

    /// The body, empty where there is none.
    #[must_use]
    pub fn body(&self) -> Bytes {
        match &self.body {
            Body::InBase { len } => self.base.slice(self.head_len..self.head_len + len),
            Body::Own(body) => body.clone(),
        }
    }

    /// The leaf parts of the body (one for a plain body, none for an empty one).
    ///
    /// # Errors
    /// See [`super::parse_multipart`].
    pub fn parts(&self) -> Result<Vec<Part>, MultipartError> {
        let body = self.body();
        if body.is_empty() {
            return Ok(Vec::new());
        }
        let content_type = self.header(&HeaderName::ContentType).unwrap_or_default();
        let mut parts = super::parse_multipart(content_type, &body)?;
        if !super::body::is_multipart(content_type)
            && let (Some(part), Some(written)) = (
                parts.first_mut(),
                self.header(&HeaderName::ContentDisposition),
            )
        {
            part.disposition = Disposition::parse(written);
        }
        Ok(parts)
    }

    /// The SDP of the body: the `application/sdp` body, or the first such part of a multipart.
    #[must_use]
    pub fn sdp(&self) -> Option<Bytes> {
        let mut parts = self.parts().ok()?.into_iter();
        parts
            .find(|part| part.is("application/sdp"))
            .map(|part| part.body)
    }

    fn party(&self, name: &HeaderName) -> Result<NameAddr, UriError> {
        NameAddr::parse(
            self.header(name)
                .ok_or(UriError("there is no such header"))?,
        )
    }
}
