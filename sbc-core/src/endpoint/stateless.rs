//! Answers that need no state: requests that nobody owns and that begin nothing (RFC 3261 §8.2).

use crate::sip::{HeaderName, Message, Method, Scheme, StatusCode, Uri};
use crate::transport::{Flow, Transmit};
use crate::ua::{ALLOW, unknown_extensions};
use std::hash::{BuildHasher, RandomState};

/// Makes the answers. The To tag is a keyed hash of the request, so that a repeated request gets
/// the same one (§8.2.7).
#[derive(Debug, Default)]
pub(super) struct Stateless {
    key: RandomState,
}

/// What a request outside of any dialog deserves.
#[derive(Debug)]
pub(super) enum Verdict {
    /// An INVITE that may begin a call.
    Begin,
    /// This answer.
    Reply(Box<Message>),
    /// Silence.
    Drop,
}

impl Stateless {
    /// Judges a request outside of any dialog, in the order of RFC 3261 §8.2.
    pub(super) fn judge(&self, request: &Message) -> Verdict {
        let Some(method) = request.method() else {
            return Verdict::Drop;
        };
        match method {
            Method::Ack => return Verdict::Drop,
            Method::Cancel => return self.verdict(request, StatusCode::of(481), &[]),
            Method::Invite | Method::Options => {}
            Method::Bye => return self.verdict(request, StatusCode::of(481), &[]),
            Method::Other(_) => return self.verdict(request, StatusCode::of(501), &[allow()]),
            _ => return self.verdict(request, StatusCode::of(405), &[allow()]),
        }
        match Uri::parse(request.request_uri()).map(|uri| uri.scheme) {
            Ok(Scheme::Sip | Scheme::Sips | Scheme::Tel) => {}
            Ok(Scheme::Other(_)) => return self.verdict(request, StatusCode::of(416), &[]),
            Err(_) => return self.verdict(request, StatusCode::of(400), &[]),
        }
        let unknown = unknown_extensions(request);
        if !unknown.is_empty() {
            let headers = [(HeaderName::Unsupported, unknown.as_str())];
            return self.verdict(request, StatusCode::of(420), &headers);
        }
        if *method == Method::Options {
            let accept = (HeaderName::Accept, "application/sdp");
            return self.verdict(request, StatusCode::of(200), &[allow(), accept]);
        }
        if !answer_is_accepted(request) {
            return self.verdict(request, StatusCode::of(406), &[]);
        }
        if !body_is_understood(request) {
            let accept = (HeaderName::Accept, "application/sdp, multipart/mixed");
            return self.verdict(request, StatusCode::of(415), &[accept]);
        }
        Verdict::Begin
    }

    fn verdict(
        &self,
        request: &Message,
        status: StatusCode,
        headers: &[(HeaderName, &str)],
    ) -> Verdict {
        Verdict::Reply(Box::new(self.answer(request, status, "", headers)))
    }

    /// A refusal of a request with defects; nothing for an ACK.
    pub(super) fn refuse_defects(&self, request: &Message) -> Option<Message> {
        let first = request.defects().iter().find(|defect| defect.is_fatal())?;
        if request.method() == Some(&Method::Ack) {
            return None;
        }
        let (status, reason) = first.refusal();
        Some(self.answer(request, status, reason, &[]))
    }

    /// The branch of a request that a response calls for: the same each time it comes.
    pub(super) fn branch(&self, response: &Message, method: &Method) -> String {
        let facts = (response.branch(), response.to_tag(), method.as_str());
        format!("z9hG4bK{:016x}", self.key.hash_one(facts))
    }

    /// Any answer.
    pub(super) fn answer(
        &self,
        request: &Message,
        status: StatusCode,
        reason: &str,
        headers: &[(HeaderName, &str)],
    ) -> Message {
        let facts = (request.call_id(), request.from_tag(), request.branch());
        let tag = format!("{:016x}", self.key.hash_one(facts));
        let mut reply = Message::reply_to(request, status, reason, Some(&tag));
        for (name, value) in headers {
            if reply.push(name.clone(), value).is_err() {
                tracing::debug!(?name, "a header with a line break is left out of an answer");
            }
        }
        reply
    }
}

/// The answer on its way back.
pub(super) fn transmit(flow: Flow, request: &Message, reply: &Message) -> Transmit {
    Transmit::new(flow.for_responses(request), reply.to_bytes())
}

fn allow() -> (HeaderName, &'static str) {
    (HeaderName::Allow, ALLOW)
}

/// Whether the answer to an INVITE may hold SDP: Accept is not there, or names it (RFC 3261 §20.1,
/// RFC 4475 §3.3.15).
fn answer_is_accepted(request: &Message) -> bool {
    let mut ranges = request.header_values(&HeaderName::Accept).peekable();
    ranges.peek().is_none()
        || ranges.any(|range| {
            let essence = range.split(';').next().unwrap_or_default().trim();
            ["application/sdp", "application/*", "*/*"]
                .iter()
                .any(|wanted| essence.eq_ignore_ascii_case(wanted))
        })
}

/// Whether the body is one that a call can begin with (RFC 3261 §8.2.3): none, SDP, or parts.
fn body_is_understood(request: &Message) -> bool {
    if request.body().is_empty() {
        return true;
    }
    let encoded = request
        .header_values(&HeaderName::ContentEncoding)
        .any(|coding| !coding.eq_ignore_ascii_case("identity"));
    let content_type = request.header(&HeaderName::ContentType).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let multipart = essence
        .get(..10)
        .is_some_and(|e| e.eq_ignore_ascii_case("multipart/"));
    !encoded && (multipart || essence.eq_ignore_ascii_case("application/sdp"))
}
