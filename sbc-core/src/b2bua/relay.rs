//! Which headers cross from one side to the other. `docs/configuration/headers.md` is this list in
//! words.

use super::plan::HeaderPass;
use crate::net::Trust;
use crate::sip::{HeaderName, Message};

/// Whether the side a message came from and the side it goes to are trusted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Border {
    pub(super) from: Trust,
    pub(super) to: Trust,
}

impl Border {
    pub(super) const fn is_trusted(self) -> bool {
        matches!((self.from, self.to), (Trust::Full, Trust::Full))
    }
}

/// Copies what may cross from `message` to `draft`, line by line, in order; `pass` holds what
/// crosses beside what always does.
pub(super) fn cross(
    message: &Message,
    draft: &mut Message,
    border: Border,
    pass: Option<&HeaderPass>,
) {
    for line in message.headers() {
        let crosses = crosses(line.name, border) || pass.is_some_and(|pass| pass.holds(line.name));
        if crosses && line.value().is_some() {
            draft.push_copy(line);
        }
    }
}

/// Copies what describes a body that crosses as it is, but its type (RFC 3261 §20.11 to §20.13).
pub(super) fn cross_description(message: &Message, draft: &mut Message) {
    for line in message.headers() {
        let describes = matches!(
            line.name,
            HeaderName::ContentDisposition
                | HeaderName::ContentEncoding
                | HeaderName::ContentLanguage
                | HeaderName::MimeVersion
        );
        if describes && line.value().is_some() {
            draft.push_copy(line);
        }
    }
}

/// Whether a header crosses. Anything that is not named here stays on its side: it belongs to the
/// dialog, the transaction, the transport or the body; or it is negotiated with us (Allow,
/// Supported, Require, Session-Expires, Replaces and kin); or it names a host or its software
/// (User-Agent, Server, Warning).
const fn crosses(name: &HeaderName, border: Border) -> bool {
    match name {
        // Between caller and callee.
        HeaderName::Subject
        | HeaderName::Date
        | HeaderName::Priority
        | HeaderName::Organization
        | HeaderName::AlertInfo
        | HeaderName::CallInfo
        | HeaderName::AcceptLanguage
        | HeaderName::UserToUser
        | HeaderName::Reason
        | HeaderName::Privacy
        | HeaderName::RetryAfter
        | HeaderName::AcceptContact
        | HeaderName::RejectContact
        | HeaderName::RequestDisposition
        | HeaderName::InfoPackage
        | HeaderName::RecvInfo
        | HeaderName::Authorization
        | HeaderName::ProxyAuthorization
        | HeaderName::WwwAuthenticate
        | HeaderName::ProxyAuthenticate => true,
        // Identities, and what we do not know.
        HeaderName::PAssertedIdentity
        | HeaderName::PPreferredIdentity
        | HeaderName::PEarlyMedia
        | HeaderName::Diversion
        | HeaderName::HistoryInfo
        | HeaderName::Identity
        | HeaderName::PAccessNetworkInfo
        | HeaderName::PChargingVector
        | HeaderName::Other(_) => border.is_trusted(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crossing(from: Trust, to: Trust) -> Vec<String> {
        let mut message = Message::request(crate::sip::Method::Invite, "sip:bob@example.com");
        for (name, value) in [
            (HeaderName::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
            (HeaderName::Contact, "<sip:alice@192.0.2.1>"),
            (HeaderName::UserAgent, "phone"),
            (HeaderName::Subject, "lunch"),
            (HeaderName::PAssertedIdentity, "<sip:alice@example.com>"),
            (HeaderName::Other("X-Colour".into()), "blue"),
        ] {
            message.push(name, value).expect("a valid value");
        }
        let mut draft = Message::request(crate::sip::Method::Invite, "sip:bob@example.org");
        cross(&message, &mut draft, Border { from, to }, None);
        draft.headers().map(|h| h.written.to_owned()).collect()
    }

    #[test]
    fn identities_and_unknown_headers_cross_between_trusted_sides_only() {
        assert_eq!(
            crossing(Trust::Full, Trust::Full),
            ["Subject", "P-Asserted-Identity", "X-Colour"]
        );
        for (from, to) in [
            (Trust::None, Trust::Full),
            (Trust::Full, Trust::None),
            (Trust::None, Trust::None),
        ] {
            assert_eq!(crossing(from, to), ["Subject"]);
        }
    }
}
