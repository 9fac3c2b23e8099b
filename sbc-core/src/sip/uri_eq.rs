//! When two URIs are the same (RFC 3261 §19.1.4, RFC 3966 §5).

use super::text;
use super::{Host, Scheme, Uri};

impl Uri {
    /// Equality by RFC 3261 §19.1.4; of `tel:` by RFC 3966 §5; of others by their text.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        match (&self.scheme, &other.scheme) {
            (Scheme::Sip, Scheme::Sip) | (Scheme::Sips, Scheme::Sips) => self.same_sip(other),
            (Scheme::Tel, Scheme::Tel) => self.same_tel(other),
            (Scheme::Other(a), Scheme::Other(b)) => {
                a.eq_ignore_ascii_case(b) && self.user == other.user
            }
            _ => false,
        }
    }

    fn same_sip(&self, other: &Self) -> bool {
        let host = match (&self.host, &other.host) {
            (Some(Host::Name(a)), Some(Host::Name(b))) => a.eq_ignore_ascii_case(b),
            (a, b) => a == b,
        };
        let user = match (&self.user, &other.user) {
            (Some(a), Some(b)) => canonical(a) == canonical(b),
            (a, b) => a == b,
        };
        host && user
            && self.port == other.port
            && same_params(&self.params, &other.params)
            && sorted(self.headers.split('&')) == sorted(other.headers.split('&'))
    }

    fn same_tel(&self, other: &Self) -> bool {
        let digits = |uri: &Self| -> String {
            let number = uri.user.as_deref().unwrap_or_default().bytes();
            number
                .filter(|b| !matches!(b, b'-' | b'.' | b'(' | b')'))
                .map(|b| char::from(b.to_ascii_lowercase()))
                .collect()
        };
        let params = |uri: &Self| sorted(uri.params.to_ascii_lowercase().split(';'));
        digits(self) == digits(other) && params(self) == params(other)
    }
}

/// Parameters of both must agree; these four must be on both or on neither (§19.1.4).
fn same_params(a: &str, b: &str) -> bool {
    const BINDING: [&str; 4] = ["user", "ttl", "method", "maddr"];
    let (a, b) = (keyed(a), keyed(b));
    let alone = |from: &[(String, String)], among: &[(String, String)]| {
        from.iter()
            .any(|(name, _)| BINDING.contains(&name.as_str()) && find(among, name).is_none())
    };
    !alone(&a, &b)
        && !alone(&b, &a)
        && a.iter()
            .all(|(name, value)| find(&b, name).is_none_or(|other| other == value))
}

fn find<'a>(params: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let at = params.binary_search_by(|(key, _)| key.as_str().cmp(name));
    at.ok().map(|at| params[at].1.as_str())
}

fn keyed(params: &str) -> Vec<(String, String)> {
    let mut out: Vec<_> = text::params(params)
        .map(|(name, value)| {
            (
                canonical(name).to_ascii_lowercase(),
                canonical(value.unwrap_or_default()).to_ascii_lowercase(),
            )
        })
        .collect();
    out.sort_unstable();
    out.dedup_by(|next, kept| next.0 == kept.0);
    out
}

/// `name=value` pieces in an order of their own, names without case.
fn sorted<'a>(pieces: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let mut out: Vec<_> = pieces
        .filter(|piece| !piece.is_empty())
        .map(|piece| {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            (canonical(name).to_ascii_lowercase(), canonical(value))
        })
        .collect();
    out.sort_unstable();
    out
}

/// Escapes undone where that changes no meaning: those of the reserved set stay, in upper case
/// (§19.1.4: "characters other than those in the reserved set are equivalent to their encoding").
fn canonical(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while let Some(byte) = bytes.get(i) {
        let escaped = (*byte == b'%')
            .then(|| bytes.get(i + 1..i + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(plain) if b";/?:@&=+$,%".contains(&plain) || !plain.is_ascii() => {
                out.extend(bytes[i..i + 3].to_ascii_uppercase());
                i += 3;
            }
            Some(plain) => {
                out.push(plain);
                i += 3;
            }
            None => {
                out.push(*byte);
                i += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.into())
}
