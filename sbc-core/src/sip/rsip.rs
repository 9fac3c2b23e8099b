//! Conversions to and from the message model of the `rsip` crate (feature `rsip`), for code that
//! was written on it.
//!
//! rsip 0.4 reads less than SIP has: no Request-URI of most `tel:` forms or with an IPv6 literal.
//! Such a message gives an error. Names are handed over in their long form, folded lines unfolded,
//! each Via on a line of its own, because rsip reads them no other way.

use super::{HeaderName, InvalidValue, Message, Method, StatusCode, split_list};
use ::rsip::SipMessage;
use ::rsip::message::HasHeaders as _;
use std::fmt::Write as _;

/// Why a message has no form in the other model.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConversionError {
    /// rsip does not read it.
    #[error("rsip cannot read the message: {0}")]
    Rsip(::rsip::Error),
    /// A header or the first line is not text (RFC 3261 §25.1: UTF-8).
    #[error("header {0} is not UTF-8")]
    NotUtf8(HeaderName),
    /// A header that must not go on the wire.
    #[error(transparent)]
    Value(#[from] InvalidValue),
    /// A status code outside 100 to 699.
    #[error("{0} is no SIP status code")]
    Status(u16),
}

impl TryFrom<&Message> for SipMessage {
    type Error = ConversionError;

    fn try_from(message: &Message) -> Result<Self, ConversionError> {
        let mut text = String::with_capacity(message.size_hint() + 64);
        let mut line = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            write!(text, "{name}{value}\r\n").unwrap_or_default();
        };
        match (message.method(), message.status()) {
            (_, Some(status)) => {
                let reason = message.reason();
                line("SIP/2.0 ", &format!("{status} {reason}"));
            }
            (Some(method), None) => {
                let uri = message.request_uri();
                line(method.as_str(), &format!(" {uri} SIP/2.0"));
            }
            (None, None) => {}
        }
        let body = message.body();
        for header in message.headers() {
            let name = header.name;
            let value = header
                .value()
                .ok_or_else(|| ConversionError::NotUtf8(name.clone()))?;
            let prefix = format!("{name}: ");
            match name {
                HeaderName::ContentLength => {}
                HeaderName::Via => split_list(value).for_each(|via| line(&prefix, via)),
                _ => line(&prefix, value),
            }
        }
        line("Content-Length: ", &body.len().to_string());
        line("", "");
        let mut converted = Self::try_from(text).map_err(ConversionError::Rsip)?;
        // rsip would read the body as text.
        *converted.body_mut() = body.to_vec();
        Ok(converted)
    }
}

impl TryFrom<&SipMessage> for Message {
    type Error = ConversionError;

    fn try_from(message: &SipMessage) -> Result<Self, ConversionError> {
        let mut converted = match message {
            SipMessage::Request(request) => {
                let method = Method::parse(&request.method.to_string());
                Self::request(method, &request.uri.to_string())
            }
            SipMessage::Response(response) => {
                let code = response.status_code.code();
                let status = StatusCode::new(code).ok_or(ConversionError::Status(code))?;
                Self::response(status, status.reason())
            }
        };
        for header in message.headers().iter() {
            let line = header.to_string();
            let (name, value) = line.split_once(':').ok_or(InvalidValue)?;
            let name = HeaderName::parse(name);
            if name != HeaderName::ContentLength {
                converted.push(name, value)?;
            }
        }
        converted.replace_body(message.body().clone().into());
        Ok(converted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const WIRE: &[u8] = b"INVITE sip:bob@biloxi.example SIP/2.0\r\n\
        v: SIP/2.0/UDP a.example;branch=z9hG4bK1 , SIP/2.0/TCP b.example\r\n\
        f: \"A\"\r\n <sip:a@atlanta.example>;tag=1\r\nt: <sip:bob@biloxi.example>\r\n\
        i: c1\r\nCSeq: 7 INVITE\r\nX-Foo: bar\r\nl: 4\r\n\r\n\xff\x00\r\n";

    #[test]
    fn a_message_goes_to_rsip_and_comes_back() {
        let ours = Message::parse_datagram(Bytes::from_static(WIRE)).unwrap();
        let theirs = SipMessage::try_from(&ours).unwrap();
        assert!(theirs.is_request());
        assert_eq!(theirs.body(), b"\xff\x00\r\n");
        assert_eq!(theirs.headers().iter().count(), 8);
        let back = Message::try_from(&theirs).unwrap();
        assert_eq!(back.defects(), []);
        assert_eq!(back.method(), Some(&Method::Invite));
        assert_eq!(back.request_uri(), ours.request_uri());
        assert_eq!(back.branch(), ours.branch());
        assert_eq!(back.from_tag(), ours.from_tag());
        assert_eq!(back.call_id(), Some("c1"));
        assert_eq!(back.header(&HeaderName::parse("x-foo")), Some("bar"));
        assert_eq!(back.header_lines(&HeaderName::Via).count(), 2);
        assert_eq!(back.body(), ours.body());
    }

    #[test]
    fn a_response_goes_to_rsip_and_comes_back() {
        let request = Message::parse_datagram(Bytes::from_static(WIRE)).unwrap();
        let ours = Message::reply_to(&request, StatusCode::of(486), "Busy Here", Some("t"));
        let theirs = SipMessage::try_from(&ours).unwrap();
        let back = Message::try_from(&theirs).unwrap();
        assert_eq!(back.status(), Some(StatusCode::of(486)));
        assert_eq!(back.to_tag(), Some("t"));
        assert_eq!(back.defects(), []);
    }

    #[test]
    fn what_one_model_cannot_hold_is_an_error() {
        let ours = Message::request(Method::Options, "sip:[::1");
        assert!(matches!(
            SipMessage::try_from(&ours),
            Err(ConversionError::Rsip(_))
        ));
        let mut theirs = SipMessage::try_from("OPTIONS sip:a@example.com SIP/2.0\r\n\r\n").unwrap();
        let smuggled = ::rsip::Header::Other("X".into(), "a\r\nVia: b".into());
        theirs.headers_mut().push(smuggled);
        assert_eq!(
            Message::try_from(&theirs).unwrap_err(),
            ConversionError::Value(InvalidValue)
        );
    }
}
