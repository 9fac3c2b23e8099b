//! What can be wrong with a message that can still be answered.

use super::{HeaderName, StatusCode};

/// What is wrong with a message that could otherwise be read. Each knows the status that refuses
/// it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Defect {
    /// A header that RFC 3261 §8.1.1 demands is not there.
    Missing(HeaderName),
    /// A header that may stand once stands twice with different values.
    Twice(HeaderName),
    /// A header of the five that are always read, or a Contact of a request, breaks its grammar.
    Malformed(HeaderName),
    /// The Request-URI breaks its grammar, or holds headers (§19.1.1).
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
    /// A bound of `limits` was passed (513); what is there of the message is enough to refuse it.
    TooLarge,
    /// A control character (NUL, bare CR) in a header or the first line; it reads as a blank.
    ControlCharacter,
}

impl Defect {
    /// Whether a request must be refused for it. A value that is not UTF-8 in a header that nobody
    /// here reads is none of our business; it does not cross.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        match self {
            Self::NotUtf8(name) => matches!(
                name,
                HeaderName::Via
                    | HeaderName::From
                    | HeaderName::To
                    | HeaderName::CallId
                    | HeaderName::CSeq
                    | HeaderName::Contact
                    | HeaderName::Route
                    | HeaderName::RecordRoute
                    | HeaderName::Require
                    | HeaderName::ContentType
                    | HeaderName::MaxForwards
            ),
            _ => true,
        }
    }

    /// Whether a response must be dropped for it: one of the headers that its transaction and its
    /// ACK are made of is broken or missing, or its body is cut off (RFC 3261 §18.3).
    #[must_use]
    pub const fn spoils_response(&self) -> bool {
        match self {
            Self::ContentLength => true,
            Self::Missing(name)
            | Self::Twice(name)
            | Self::Malformed(name)
            | Self::NotUtf8(name) => matches!(
                name,
                HeaderName::Via
                    | HeaderName::From
                    | HeaderName::To
                    | HeaderName::CallId
                    | HeaderName::CSeq
            ),
            _ => false,
        }
    }

    /// The status that refuses a request with this defect, and text for its reason phrase.
    #[must_use]
    pub fn refusal(&self) -> (StatusCode, &'static str) {
        const BAD: StatusCode = StatusCode::of(400);
        let text = match self {
            Self::Missing(name) => missing(name),
            Self::Twice(name) => twice(name),
            Self::Malformed(name) => malformed(name),
            Self::RequestUri => "Bad Request-URI",
            Self::CSeqMethod => "CSeq Method Is Not The Request Method",
            Self::ContentLength => "Bad Content-Length",
            Self::HeaderLine => "Bad Header Line",
            Self::NotUtf8(_) => "Header Is Not UTF-8",
            Self::TooLarge => return (StatusCode::of(513), "Message Too Large"),
            Self::Version => return (StatusCode::of(505), "Version Not Supported"),
            Self::ControlCharacter => "Control Character In Header",
        };
        (BAD, text)
    }
}

const fn missing(name: &HeaderName) -> &'static str {
    match name {
        HeaderName::Via => "Missing Via",
        HeaderName::From => "Missing From",
        HeaderName::To => "Missing To",
        HeaderName::CallId => "Missing Call-ID",
        HeaderName::CSeq => "Missing CSeq",
        HeaderName::ContentLength => "Missing Content-Length",
        _ => "Missing Header",
    }
}

const fn twice(name: &HeaderName) -> &'static str {
    match name {
        HeaderName::From => "More Than One From",
        HeaderName::To => "More Than One To",
        HeaderName::CallId => "More Than One Call-ID",
        HeaderName::CSeq => "More Than One CSeq",
        HeaderName::MaxForwards => "More Than One Max-Forwards",
        HeaderName::ContentLength => "More Than One Content-Length",
        HeaderName::ContentType => "More Than One Content-Type",
        _ => "Header Stands Twice",
    }
}

const fn malformed(name: &HeaderName) -> &'static str {
    match name {
        HeaderName::Via => "Bad Via",
        HeaderName::From => "Bad From",
        HeaderName::To => "Bad To",
        HeaderName::CallId => "Bad Call-ID",
        HeaderName::CSeq => "Bad CSeq",
        HeaderName::Contact => "Bad Contact",
        _ => "Bad Header",
    }
}
