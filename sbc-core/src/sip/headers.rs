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

        /// The places of the names in [`KNOWN`].
        #[derive(Clone, Copy)]
        #[repr(u8)]
        enum Place {
            $($variant,)*
        }

        impl HeaderName {
            /// The name in its long form, spelled as in its RFC.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(name) => name,
                }
            }

            /// The number of a known name, however it is spelled; nothing for another.
            #[inline]
            pub(super) fn id(&self) -> Option<NameId> {
                Some(NameId(match self {
                    $(Self::$variant => Place::$variant as u32,)*
                    Self::Other(name) => return NameId::known(name.as_bytes()),
                }))
            }
        }
    };
}

/// A name in the index of a message: the place of a known one in [`KNOWN`]; behind those, places
/// of names that the message keeps itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NameId(u32);

#[expect(clippy::cast_possible_truncation, reason = "fewer than 255 names")]
const FIRST_OTHER: u32 = KNOWN.len() as u32;

impl NameId {
    pub(super) const VIA: Self = Self(Place::Via as u32);
    pub(super) const FROM: Self = Self(Place::From as u32);
    pub(super) const TO: Self = Self(Place::To as u32);
    pub(super) const CALL_ID: Self = Self(Place::CallId as u32);
    pub(super) const CSEQ: Self = Self(Place::CSeq as u32);
    pub(super) const CONTACT: Self = Self(Place::Contact as u32);
    pub(super) const CONTENT_LENGTH: Self = Self(Place::ContentLength as u32);

    /// The known name of these letters, long or compact, in any case.
    pub(super) fn known(name: &[u8]) -> Option<Self> {
        let mut letters = [0; LONGEST];
        letters.get_mut(..name.len())?.copy_from_slice(name);
        // Below a blank, a byte could be taken for a letter in the other case.
        let printable = name.iter().all(|b| *b > b' ');
        printable.then(|| Self::starting(&letters, name.len()))?
    }

    /// Rare enough, and long enough, to stay out of the way of the rest.
    #[cold]
    fn compact(letter: u8) -> Option<Self> {
        HeaderName::compact(letter)?.id()
    }

    /// The same for the first `len` of printable bytes.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "once a line; the call costs as much as the look"
    )]
    pub(super) fn starting(bytes: &[u8; LONGEST], len: usize) -> Option<Self> {
        if len == 1 {
            return Self::compact(bytes[0]);
        }
        let letters = letters(bytes, len);
        let place = TABLE[slot_of(letters, MIX)];
        let key = KEYS.get(usize::from(place))?;
        (*key == letters).then(|| Self(place.into()))
    }

    /// The name at this place among those that the message keeps itself.
    pub(super) fn other(place: usize) -> Self {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        Self(FIRST_OTHER.saturating_add(place))
    }

    /// The known name, or the place among those that the message keeps itself.
    pub(super) fn resolve(self) -> Result<&'static HeaderName, usize> {
        match KNOWN.get(self.0 as usize) {
            Some((_, name)) => Ok(name),
            None => Err((self.0 - FIRST_OTHER) as usize),
        }
    }

    /// See [`HeaderName::single`].
    pub(super) fn single(self) -> Option<usize> {
        const PLACES: [u8; KNOWN.len()] = {
            let mut places = [NONE; KNOWN.len()];
            let mut at = 0;
            while at < KNOWN.len() {
                if let Some(place) = KNOWN[at].1.single() {
                    #[expect(clippy::cast_possible_truncation, reason = "fewer than 20")]
                    let place = place as u8;
                    places[at] = place;
                }
                at += 1;
            }
            places
        };
        let place = PLACES.get(self.0 as usize).copied();
        place.filter(|place| *place != NONE).map(usize::from)
    }
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
    InfoPackage => "Info-Package",
    RecvInfo => "Recv-Info",
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

/// No known name is longer.
pub(super) const LONGEST: usize = 24;

/// The letters of a name without case, in numbers that are compared at once.
type Letters = [u64; LONGEST / 8];

/// The first `len` of `bytes`, which are printable, without case.
#[inline]
const fn letters(bytes: &[u8; LONGEST], len: usize) -> Letters {
    let (words, _) = bytes.as_chunks::<8>();
    let mut letters = [0; LONGEST / 8];
    let mut at = 0;
    while at < letters.len() {
        let word = u64::from_le_bytes(words[at]) | u64::from_le_bytes([0x20; 8]);
        letters[at] = word & MASKS[if len < LONGEST { len } else { LONGEST }][at];
        at += 1;
    }
    letters
}

/// The bits of the first so many bytes.
static MASKS: [Letters; LONGEST + 1] = {
    let mut masks = [[0; LONGEST / 8]; LONGEST + 1];
    let mut len = 1;
    while len <= LONGEST {
        masks[len] = masks[len - 1];
        masks[len][(len - 1) / 8] |= 0xff << ((len - 1) % 8 * 8);
        len += 1;
    }
    masks
};

/// Where a name is found in [`KNOWN`]: a table made at compile time, in which no two known names
/// share a place.
const SLOTS: usize = 512;
const NONE: u8 = u8::MAX;

#[inline]
const fn slot_of(letters: Letters, mix: u64) -> usize {
    let [a, b, c] = letters;
    let mixed = (a ^ b.rotate_left(21) ^ c.rotate_left(42)).wrapping_mul(mix);
    #[expect(clippy::cast_possible_truncation, reason = "9 bits")]
    let slot = (mixed >> (u64::BITS - SLOTS.ilog2())) as usize;
    slot
}

/// The first of some hundred odd numbers that keeps all known names apart.
const MIX: u64 = {
    let mut mix = 0x9e37_79b9_7f4a_7c15_u64;
    'next: loop {
        mix = mix.wrapping_mul(0x5851_f42d_4c95_7f2d) | 1;
        let mut taken = [false; SLOTS];
        let mut at = 0;
        while at < KEYS.len() {
            let slot = slot_of(KEYS[at], mix);
            if taken[slot] {
                continue 'next;
            }
            taken[slot] = true;
            at += 1;
        }
        break mix;
    }
};

/// The letters of each known name.
const KEYS: [Letters; KNOWN.len()] = {
    let mut keys = [[0; LONGEST / 8]; KNOWN.len()];
    let mut at = 0;
    while at < KNOWN.len() {
        let name = KNOWN[at].0.as_bytes();
        let mut bytes = [0; LONGEST];
        let mut i = 0;
        while i < name.len() {
            bytes[i] = name[i];
            i += 1;
        }
        keys[at] = letters(&bytes, name.len());
        at += 1;
    }
    keys
};

static TABLE: [u8; SLOTS] = {
    let mut table = [NONE; SLOTS];
    let mut at = 0;
    while at < KNOWN.len() {
        #[expect(clippy::cast_possible_truncation, reason = "fewer than 255 names")]
        let index = at as u8;
        table[slot_of(KEYS[at], MIX)] = index;
        at += 1;
    }
    table
};

impl HeaderName {
    /// The header that `name` names, long or compact, in any case. The caller has checked that it
    /// is a token.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match NameId::known(name.as_bytes()).map(NameId::resolve) {
            Some(Ok(known)) => known.clone(),
            _ => Self::Other(name.into()),
        }
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

    /// Whether a line may hold several values with commas between them: by RFC 3261 §20, and by
    /// the RFC of each extension. Not those whose one value may hold a comma, as Date (RFC 3261
    /// §20.17) and the headers of digest (§20.44) do.
    #[must_use]
    pub const fn is_list(&self) -> bool {
        matches!(
            self,
            Self::Via
                | Self::Contact
                | Self::Route
                | Self::RecordRoute
                | Self::Path
                | Self::ServiceRoute
                | Self::ContentEncoding
                | Self::ContentLanguage
                | Self::Allow
                | Self::AllowEvents
                | Self::Accept
                | Self::AcceptEncoding
                | Self::AcceptLanguage
                | Self::AcceptContact
                | Self::RejectContact
                | Self::RequestDisposition
                | Self::RecvInfo
                | Self::Supported
                | Self::Unsupported
                | Self::Require
                | Self::ProxyRequire
                | Self::Warning
                | Self::Reason
                | Self::AlertInfo
                | Self::CallInfo
                | Self::ErrorInfo
                | Self::InReplyTo
                | Self::UserToUser
                | Self::PAssertedIdentity
                | Self::PPreferredIdentity
                | Self::PEarlyMedia
                | Self::PAccessNetworkInfo
                | Self::Diversion
                | Self::HistoryInfo
        )
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
