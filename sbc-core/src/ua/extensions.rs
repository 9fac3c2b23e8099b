//! Extensions that a peer may demand (RFC 3261 §8.2.2.3). What is not here (100rel, timer,
//! replaces) is refused where it is demanded and goes no further where it is offered.

use crate::sip::{HeaderName, Message};

/// Option tags that a Require may name: the recording server knows it, and no other core answers
/// 420 to it (RFC 7866 §6.1.1).
const EXTENSIONS: &[&str] = &["siprec"];

/// What a request demands and we do not know, as the value of an Unsupported header; empty where
/// there is nothing.
pub(crate) fn unknown_extensions(request: &Message) -> String {
    request
        .header_values(&HeaderName::Require)
        .filter(|tag| {
            !EXTENSIONS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(tag))
        })
        .collect::<Vec<_>>()
        .join(", ")
}
