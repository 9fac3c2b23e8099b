//! Which headers rules may not name.

use sbc_core::sip::HeaderName;

/// Headers that belong to the SBC: no rule names them. With them every name that begins with
/// `Content-`.
pub(crate) const PROTECTED: [&str; 8] = [
    "Via",
    "Route",
    "Record-Route",
    "Contact",
    "Call-ID",
    "CSeq",
    "Max-Forwards",
    "Content-*",
];

/// Whether a header belongs to the SBC.
pub(crate) fn is_protected(name: &HeaderName) -> bool {
    match name {
        HeaderName::Via
        | HeaderName::Route
        | HeaderName::RecordRoute
        | HeaderName::Contact
        | HeaderName::CallId
        | HeaderName::CSeq
        | HeaderName::MaxForwards => true,
        name => begins_with(name.as_str(), "content-"),
    }
}

/// Whether `name` begins with `start`, without case.
pub(crate) fn begins_with(name: &str, start: &str) -> bool {
    let head = name.as_bytes().get(..start.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
}
