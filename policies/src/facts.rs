//! What conditions and templates may ask about a call: one list of names for both.

use crate::problem::nearest;
use sbc_core::ports::RequestFacts;
use sbc_core::sip::{HeaderName, Method, NameAddr, Scheme, StatusCode, Uri};
use std::borrow::Cow;
use std::cell::OnceCell;

/// A name that a condition or a template may use.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Field {
    /// A part of an address.
    Party(Party, Part),
    /// The first value of a header: `header["X-Foo"]`.
    Header(HeaderName),
    /// The method of the request that leaves (in routes: that came).
    Method,
    /// The address the request came from.
    SourceIp,
    /// Its port.
    SourcePort,
    /// The name of the listener.
    Listener,
    /// The name of the realm it came from.
    Realm,
    /// The name of the trunk it came from.
    Trunk,
    /// The name of the trunk it goes to.
    Target,
    /// The status code of the reply.
    Status,
}

/// Which address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Party {
    /// The Request-URI.
    Ruri,
    /// From.
    From,
    /// To.
    To,
    /// The first Contact.
    Contact,
}

/// Which part of an address.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Part {
    /// The user, without password.
    User,
    /// The host, IPv6 in brackets.
    Host,
    /// The port, where one is written.
    Port,
    /// `sip`, `tel`.
    Scheme,
    /// The display name, with quotes and backslashes escaped: between quotes it stays one name,
    /// whatever a caller writes into it. Not in the Request-URI.
    Display,
    /// The whole URI.
    Uri,
    /// Display name and URI, without parameters of the header; of the Request-URI all of it.
    Whole,
    /// A parameter of the URI, else of the header.
    Param(Box<str>),
}

/// Names that stand alone, for error texts.
const WHOLE: [&str; 7] = [
    "method",
    "source.ip",
    "source.port",
    "listener",
    "realm",
    "trunk.name",
    "target.name",
];
const PARTIES: [(&str, Party); 4] = [
    ("ruri", Party::Ruri),
    ("from", Party::From),
    ("to", Party::To),
    ("contact", Party::Contact),
];
const PARTS: [(&str, Part); 6] = [
    ("user", Part::User),
    ("host", Part::Host),
    ("port", Part::Port),
    ("scheme", Part::Scheme),
    ("display", Part::Display),
    ("uri", Part::Uri),
];

impl Field {
    /// Reads a name.
    ///
    /// # Errors
    /// Where there is no such name: what is wrong, and what may have been meant.
    pub fn parse(name: &str) -> Result<Self, UnknownField> {
        if let Some(rest) = name.strip_prefix("header") {
            return header_name(rest)
                .ok_or_else(|| UnknownField::new(name, "write header[\"X-Foo\"]".to_owned()));
        }
        let field = match name {
            "method" => Self::Method,
            "source.ip" => Self::SourceIp,
            "source.port" => Self::SourcePort,
            "listener" => Self::Listener,
            "realm" => Self::Realm,
            "trunk.name" => Self::Trunk,
            "target.name" => Self::Target,
            "status" => Self::Status,
            _ => return party(name).ok_or_else(|| UnknownField::suggest(name)),
        };
        Ok(field)
    }
}

fn header_name(rest: &str) -> Option<Field> {
    let inner = rest.trim_start().strip_prefix('[')?;
    let quoted = inner.strip_suffix(']')?.trim();
    let bare = quoted
        .strip_prefix('"')
        .and_then(|q| q.strip_suffix('"'))
        .or_else(|| quoted.strip_prefix('\'').and_then(|q| q.strip_suffix('\'')))?;
    is_token(bare).then(|| Field::Header(HeaderName::parse(bare)))
}

fn party(name: &str) -> Option<Field> {
    let (party, part) = name.split_once('.').unwrap_or((name, ""));
    let party = PARTIES.iter().find(|(n, _)| *n == party)?.1;
    if part.is_empty() && !name.ends_with('.') {
        return Some(Field::Party(party, Part::Whole));
    }
    let part = match part.strip_prefix("params.") {
        Some(param) if is_token(param) => Part::Param(param.into()),
        Some(_) => return None,
        None => PARTS.iter().find(|(n, _)| *n == part)?.1.clone(),
    };
    match (party, &part) {
        (Party::Ruri, Part::Display) => None,
        _ => Some(Field::Party(party, part)),
    }
}

/// Whether this is a token of RFC 3261 §25.1: what a header's name may be made of.
pub(crate) fn is_token(text: &str) -> bool {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
    !text.is_empty() && text.bytes().all(fine)
}

/// A name that a condition or template uses and that does not exist.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown name `{name}`")]
pub struct UnknownField {
    name: String,
    hint: String,
}

impl UnknownField {
    fn new(name: &str, hint: String) -> Self {
        Self {
            name: name.to_owned(),
            hint,
        }
    }

    /// `status` where no reply is.
    pub(crate) fn of_replies(name: &str) -> Self {
        let hint = "a request has none; expected it in `reply_headers` only";
        Self::new(name, hint.to_owned())
    }

    pub(crate) fn suggest(name: &str) -> Self {
        match name.split(['.', '[']).next() {
            Some("var") => {
                let hint = "`var` is not in this version: no module sets variables yet";
                return Self::new(name, hint.to_owned());
            }
            Some("map") => {
                let hint = "maps stand in templates and in `expr`, as map.NAME[key]";
                return Self::new(name, hint.to_owned());
            }
            _ => {}
        }
        let mut known: Vec<String> = WHOLE.iter().map(|n| (*n).to_owned()).collect();
        for (party, _) in PARTIES {
            for (part, _) in &PARTS {
                known.push(format!("{party}.{part}"));
            }
            known.push(format!("{party}.params.NAME"));
        }
        known.push("header[\"X-Foo\"]".to_owned());
        known.push("status".to_owned());
        known.retain(|name| name != "ruri.display");
        let mut hint = format!(
            "expected one of: {}, header[\"NAME\"], and of ruri, from, to, contact: .user .host \
             .port .scheme .params.NAME .display .uri",
            WHOLE.join(", ")
        );
        if let Some(near) = nearest(name, known.iter().map(String::as_str)) {
            hint.push_str(&format!("; did you mean `{near}`?"));
        }
        Self::new(name, hint)
    }

    /// What was expected.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

/// Names that belong to where a request came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) listener: &'a str,
    pub(crate) realm: &'a str,
    pub(crate) trunk: Option<&'a str>,
}

/// A request and what is known about it. Addresses are read once, when first asked for.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    request: RequestFacts<'a>,
    origin: Origin<'a>,
    /// The trunk it goes to.
    pub(crate) target: Option<&'a str>,
    /// The method of the message that leaves, where it is another than that of the request.
    pub(crate) method: Option<&'a Method>,
    /// The status of the reply that leaves.
    pub(crate) status: Option<StatusCode>,
    ruri: OnceCell<Option<Uri>>,
    from: OnceCell<Option<NameAddr>>,
    to: OnceCell<Option<NameAddr>>,
    contact: OnceCell<Option<NameAddr>>,
}

impl<'a> Facts<'a> {
    pub(crate) fn new(request: RequestFacts<'a>, origin: Origin<'a>) -> Self {
        Self {
            request,
            origin,
            target: None,
            method: None,
            status: None,
            ruri: OnceCell::new(),
            from: OnceCell::new(),
            to: OnceCell::new(),
            contact: OnceCell::new(),
        }
    }

    pub(crate) fn ruri(&self) -> Option<&Uri> {
        let read = || Uri::parse(self.request.message.request_uri()).ok();
        self.ruri.get_or_init(read).as_ref()
    }

    pub(crate) fn from(&self) -> Option<&NameAddr> {
        let read = || self.request.message.from().ok();
        self.from.get_or_init(read).as_ref()
    }

    pub(crate) fn to(&self) -> Option<&NameAddr> {
        let read = || self.request.message.to().ok();
        self.to.get_or_init(read).as_ref()
    }

    fn contact(&self) -> Option<&NameAddr> {
        let read = || self.request.message.contact();
        self.contact.get_or_init(read).as_ref()
    }

    /// The value of a field; nothing where the request does not have it.
    pub(crate) fn value(&self, field: &Field) -> Option<Cow<'_, str>> {
        match field {
            Field::Party(Party::Ruri, part) => uri_part(self.ruri()?, part),
            Field::Party(Party::From, part) => name_part(self.from()?, part),
            Field::Party(Party::To, part) => name_part(self.to()?, part),
            Field::Party(Party::Contact, part) => name_part(self.contact()?, part),
            Field::Header(name) => self.request.message.header(name).map(Cow::Borrowed),
            Field::Method => {
                let method = self.method.or_else(|| self.request.message.method());
                method.map(|m| Cow::Borrowed(m.as_str()))
            }
            Field::SourceIp => Some(self.request.flow.remote.ip().to_string().into()),
            Field::SourcePort => Some(self.request.flow.remote.port().to_string().into()),
            Field::Listener => Some(Cow::Borrowed(self.origin.listener)),
            Field::Realm => Some(Cow::Borrowed(self.origin.realm)),
            Field::Trunk => self.origin.trunk.map(Cow::Borrowed),
            Field::Target => self.target.map(Cow::Borrowed),
            Field::Status => self.status.map(|status| status.code().to_string().into()),
        }
    }
}

fn name_part<'n>(name: &'n NameAddr, part: &Part) -> Option<Cow<'n, str>> {
    match part {
        Part::Display if name.display.is_empty() => None,
        Part::Display => Some(between_quotes(&name.display)),
        Part::Param(param) => {
            let value = name.uri.param(param).or_else(|| name.param(param));
            value.map(Cow::Borrowed)
        }
        Part::Whole => {
            let bare = NameAddr::new(&name.display, name.uri.clone());
            Some(bare.to_string().into())
        }
        part => uri_part(&name.uri, part),
    }
}

/// As it stands between quotes (RFC 3261 §25.1, quoted-pair).
fn between_quotes(text: &str) -> Cow<'_, str> {
    if text.contains(['"', '\\']) {
        text.replace('\\', r"\\").replace('"', "\\\"").into()
    } else {
        text.into()
    }
}

fn uri_part<'u>(uri: &'u Uri, part: &Part) -> Option<Cow<'u, str>> {
    match part {
        Part::User => match uri.scheme {
            Scheme::Other(_) => None,
            _ => user(uri).map(|user| meant(user, is_number(uri))),
        },
        Part::Host => uri.host.as_ref().map(|host| host.to_string().into()),
        Part::Port => uri.port.map(|port| port.to_string().into()),
        Part::Scheme => Some(match &uri.scheme {
            Scheme::Sip => Cow::Borrowed("sip"),
            Scheme::Sips => Cow::Borrowed("sips"),
            Scheme::Tel => Cow::Borrowed("tel"),
            Scheme::Other(other) => Cow::Borrowed(other),
        }),
        Part::Display => None,
        Part::Uri | Part::Whole => Some(uri.to_string().into()),
        Part::Param(param) => uri.param(param).map(Cow::Borrowed),
    }
}

/// Whether the user is a telephone number: of a `tel:` URI, or said to be one (`user=phone`).
fn is_number(uri: &Uri) -> bool {
    uri.scheme == Scheme::Tel
        || uri
            .param("user")
            .is_some_and(|v| v.eq_ignore_ascii_case("phone"))
}

/// The user as whoever receives it will read it, so that no spelling gets past a condition: escapes
/// of characters that need none are undone (RFC 3261 §19.1.4), and a number is without its visual
/// separators (RFC 3966 §5.1.1). What must be escaped stays so: the text can stand in a URI.
fn meant(user: &str, is_number: bool) -> Cow<'_, str> {
    let number_ends = user.find(';').unwrap_or(user.len());
    let separates = |n: usize, b: u8| is_number && n < number_ends && b"-.()".contains(&b);
    let bytes = user.as_bytes();
    if !bytes.contains(&b'%') && !bytes.iter().enumerate().any(|(n, b)| separates(n, *b)) {
        return Cow::Borrowed(user);
    }
    let mut out = String::with_capacity(user.len());
    let mut letters = user.char_indices();
    while let Some((n, letter)) = letters.next() {
        let is_hex = |hex: &&str| hex.bytes().all(|b| b.is_ascii_hexdigit());
        let escaped = user
            .get(n + 1..n + 3)
            .filter(|_| letter == '%')
            .filter(is_hex);
        let plain = escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let plain = plain.filter(|b| b.is_ascii_alphanumeric() || b"-_.!~*'()+".contains(b));
        match plain {
            Some(plain) => {
                letters.nth(1);
                if !separates(n, plain) {
                    out.push(char::from(plain));
                }
            }
            None if u8::try_from(letter).is_ok_and(|b| separates(n, b)) => {}
            None => out.push(letter),
        }
    }
    Cow::Owned(out)
}

/// The user part without password; nothing where it is empty.
pub(crate) fn user(uri: &Uri) -> Option<&str> {
    let user = uri.user.as_deref()?;
    let bare = user.split(':').next().unwrap_or(user);
    (!bare.is_empty()).then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_read_as_whoever_receives_it_reads_it() {
        for (uri, wanted) in [
            ("sip:%30900123@x", "0900123"),
            ("sip:%2b49%2E1@x", "+49.1"),
            ("sip:%61nonymous@x", "anonymous"),
            ("sip:0-900-123@x", "0-900-123"),
            ("sip:0-900(12)3@x;user=phone", "0900123"),
            ("tel:0(900)12.3;phone-context=a-b", "0900123"),
            ("tel:+49-157-99912", "+4915799912"),
            // What must stay escaped, and what is no escape.
            ("sip:a%40b@x", "a%40b"),
            ("sip:a%3cb@x", "a%3cb"),
        ] {
            let uri = Uri::parse(uri).unwrap_or_else(|e| panic!("{uri}: {e}"));
            let user = uri_part(&uri, &Part::User);
            assert_eq!(user.as_deref(), Some(wanted), "{uri}");
        }
        for (user, wanted) in [("%", "%"), ("%4", "%4"), ("%+1", "%+1"), ("%zz1", "%zz1")] {
            assert_eq!(meant(user, false), wanted);
        }
    }
}
