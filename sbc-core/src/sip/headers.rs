//! Header names, with their compact forms (RFC 3261 §7.3.3, §20, and the registry of RFC 3968).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::mem::discriminant;

macro_rules! names {
    ($($variant:ident => $text:literal,)*) => {
        /// A header's name. Names compare without case; the compact form is the same name.
        #[derive(Clone, Debug)]
        #[expect(missing_docs, reason = "the names are the headers")]
        pub enum HeaderName {
            $($variant,)*
            /// Any other name, as it was written.
            Other(Box<str>),
        }

        const KNOWN: &[(&str, HeaderName)] = &[$(($text, HeaderName::$variant),)*];

        impl HeaderName {
            /// The name in its long form, spelled as in its RFC.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(name) => name,
                }
            }
        }
    };
}

names! {
    Via => "Via",
    From => "From",
    To => "To",
    CallId => "Call-ID",
    CSeq => "CSeq",
    Contact => "Contact",
    MaxForwards => "Max-Forwards",
    Route => "Route",
    RecordRoute => "Record-Route",
    ContentType => "Content-Type",
    ContentLength => "Content-Length",
    ContentDisposition => "Content-Disposition",
    ContentEncoding => "Content-Encoding",
    ContentLanguage => "Content-Language",
    MimeVersion => "MIME-Version",
    Allow => "Allow",
    Accept => "Accept",
    AcceptEncoding => "Accept-Encoding",
    AcceptLanguage => "Accept-Language",
    Supported => "Supported",
    Unsupported => "Unsupported",
    Require => "Require",
    ProxyRequire => "Proxy-Require",
    Expires => "Expires",
    MinExpires => "Min-Expires",
    Warning => "Warning",
    RetryAfter => "Retry-After",
    Reason => "Reason",
    UserAgent => "User-Agent",
    Server => "Server",
    Authorization => "Authorization",
    ProxyAuthorization => "Proxy-Authorization",
    WwwAuthenticate => "WWW-Authenticate",
    ProxyAuthenticate => "Proxy-Authenticate",
    SessionExpires => "Session-Expires",
    MinSe => "Min-SE",
    RSeq => "RSeq",
    RAck => "RAck",
    Replaces => "Replaces",
    ReferTo => "Refer-To",
    ReferredBy => "Referred-By",
    Event => "Event",
    AllowEvents => "Allow-Events",
    SubscriptionState => "Subscription-State",
    Subject => "Subject",
    Date => "Date",
    Timestamp => "Timestamp",
    Priority => "Priority",
    Organization => "Organization",
    AlertInfo => "Alert-Info",
    CallInfo => "Call-Info",
    ErrorInfo => "Error-Info",
    InReplyTo => "In-Reply-To",
    UserToUser => "User-to-User",
    Privacy => "Privacy",
    PAssertedIdentity => "P-Asserted-Identity",
    PPreferredIdentity => "P-Preferred-Identity",
    PEarlyMedia => "P-Early-Media",
    Diversion => "Diversion",
    HistoryInfo => "History-Info",
    SessionId => "Session-ID",
    Path => "Path",
    ServiceRoute => "Service-Route",
    AcceptContact => "Accept-Contact",
    RejectContact => "Reject-Contact",
    RequestDisposition => "Request-Disposition",
    Identity => "Identity",
    AuthenticationInfo => "Authentication-Info",
    Join => "Join",
    TargetDialog => "Target-Dialog",
    ReferSub => "Refer-Sub",
    SipEtag => "SIP-ETag",
    SipIfMatch => "SIP-If-Match",
    PAccessNetworkInfo => "P-Access-Network-Info",
    PChargingVector => "P-Charging-Vector",
}

/// Where a name of this length and these outer letters is found in [`KNOWN`]: an open-addressed
/// table, made at compile time, so that a lookup compares one or two names.
const SLOTS: usize = 256;
const NONE: u8 = u8::MAX;

const fn slot_of(name: &[u8]) -> usize {
    let first = name[0].to_ascii_lowercase() as usize;
    let last = name[name.len() - 1].to_ascii_lowercase() as usize;
    let middle = name[name.len() / 2].to_ascii_lowercase() as usize;
    (name.len() * 37 + first * 7 + last * 3 + middle * 19) % SLOTS
}

const TABLE: [u8; SLOTS] = {
    let mut table = [NONE; SLOTS];
    let mut at = 0;
    while at < KNOWN.len() {
        let mut slot = slot_of(KNOWN[at].0.as_bytes());
        while table[slot] != NONE {
            slot = (slot + 1) % SLOTS;
        }
        #[expect(clippy::cast_possible_truncation, reason = "fewer than 255 names")]
        let index = at as u8;
        table[slot] = index;
        at += 1;
    }
    table
};

impl HeaderName {
    /// The header that `name` names, long or compact, in any case. The caller has checked that it
    /// is a token.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        Self::known(name.as_bytes()).unwrap_or_else(|| Self::Other(name.into()))
    }

    /// The same for the bytes of a token.
    pub(super) fn parse_token(name: &[u8]) -> Self {
        Self::known(name).unwrap_or_else(|| Self::Other(String::from_utf8_lossy(name).into()))
    }

    fn known(name: &[u8]) -> Option<Self> {
        match name {
            [] => return None,
            [letter] => return Self::compact(*letter),
            _ => {}
        }
        let mut slot = slot_of(name);
        while TABLE[slot] != NONE {
            let (text, known) = &KNOWN[usize::from(TABLE[slot])];
            // The spelling of the RFC is what nearly everyone writes.
            if text.as_bytes() == name || text.as_bytes().eq_ignore_ascii_case(name) {
                return Some(known.clone());
            }
            slot = (slot + 1) % SLOTS;
        }
        None
    }

    const fn compact(letter: u8) -> Option<Self> {
        Some(match letter.to_ascii_lowercase() {
            b'a' => Self::AcceptContact,
            b'b' => Self::ReferredBy,
            b'c' => Self::ContentType,
            b'd' => Self::RequestDisposition,
            b'e' => Self::ContentEncoding,
            b'f' => Self::From,
            b'i' => Self::CallId,
            b'j' => Self::RejectContact,
            b'k' => Self::Supported,
            b'l' => Self::ContentLength,
            b'm' => Self::Contact,
            b'o' => Self::Event,
            b'r' => Self::ReferTo,
            b's' => Self::Subject,
            b't' => Self::To,
            b'u' => Self::AllowEvents,
            b'v' => Self::Via,
            b'x' => Self::SessionExpires,
            b'y' => Self::Identity,
            _ => return None,
        })
    }

    /// The place of a header that may stand once among those of its kind; nothing for lists.
    /// Two different values of one of these leave open what the sender meant.
    pub(super) const fn single(&self) -> Option<usize> {
        Some(match self {
            Self::From => 0,
            Self::To => 1,
            Self::CallId => 2,
            Self::CSeq => 3,
            Self::MaxForwards => 4,
            Self::ContentLength => 5,
            Self::ContentType => 6,
            Self::ContentDisposition => 7,
            Self::Expires => 8,
            Self::MinExpires => 9,
            Self::SessionExpires => 10,
            Self::MinSe => 11,
            Self::RSeq => 12,
            Self::RAck => 13,
            Self::Replaces => 14,
            Self::ReferTo => 15,
            Self::ReferredBy => 16,
            Self::Event => 17,
            Self::SubscriptionState => 18,
            Self::MimeVersion => 19,
            _ => return None,
        })
    }

    /// How many names [`HeaderName::single`] knows.
    pub(super) const SINGLES: usize = 20;
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Other(a), b) | (b, Self::Other(a)) => a.eq_ignore_ascii_case(b.as_str()),
            (a, b) => discriminant(a) == discriminant(b),
        }
    }
}

impl Eq for HeaderName {}

impl Hash for HeaderName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.as_str().bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
        state.write_u8(0xff);
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_name_is_found_in_any_case() {
        for (text, name) in KNOWN {
            assert_eq!(&HeaderName::parse(text), name);
            assert_eq!(&HeaderName::parse(&text.to_uppercase()), name);
            assert!(!matches!(
                HeaderName::parse(&text.to_lowercase()),
                HeaderName::Other(_)
            ));
            assert_eq!(name.as_str(), *text);
        }
    }

    #[test]
    fn compact_forms_are_the_same_names() {
        let pairs = [
            ("v", "Via"),
            ("F", "From"),
            ("t", "To"),
            ("i", "Call-ID"),
            ("m", "Contact"),
            ("c", "Content-Type"),
            ("L", "Content-Length"),
            ("e", "Content-Encoding"),
            ("s", "Subject"),
            ("k", "Supported"),
            ("o", "Event"),
            ("u", "Allow-Events"),
            ("r", "Refer-To"),
            ("b", "Referred-By"),
            ("j", "Reject-Contact"),
            ("d", "Request-Disposition"),
            ("x", "Session-Expires"),
            ("y", "Identity"),
            ("a", "Accept-Contact"),
        ];
        for (short, long) in pairs {
            assert_eq!(HeaderName::parse(short), HeaderName::parse(long));
            assert_eq!(HeaderName::parse(short).as_str(), long);
        }
    }

    #[test]
    fn unknown_names_keep_their_letters_and_compare_without_case() {
        let name = HeaderName::parse("X-Foo");
        assert_eq!(name.as_str(), "X-Foo");
        assert_eq!(name, HeaderName::parse("x-fOO"));
        assert_ne!(name, HeaderName::parse("x-fO"));
        assert_eq!(HeaderName::Other("via".into()), HeaderName::Via);
        let set: HashSet<_> = [name, HeaderName::Other("VIA".into())].into();
        assert!(set.contains(&HeaderName::parse("X-FOO")));
        assert!(set.contains(&HeaderName::Via));
    }
}
