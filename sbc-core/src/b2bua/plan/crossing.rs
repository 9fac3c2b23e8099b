//! What a plan says of headers and status codes that cross.

use crate::sip::{HeaderName, StatusCode};
use std::sync::Arc;

/// Headers that nobody knows and that cross though the sides do not trust one another. Without any,
/// none does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HeaderPass(Arc<[Passed]>);

/// One or more headers of [`HeaderPass`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Passed {
    /// This one.
    Name(HeaderName),
    /// Those whose names begin so, without case.
    Prefix(Box<str>),
}

impl FromIterator<Passed> for HeaderPass {
    fn from_iter<I: IntoIterator<Item = Passed>>(passed: I) -> Self {
        Self(passed.into_iter().collect())
    }
}

impl HeaderPass {
    /// Whether this header is one of them. Never one that is known, which has a rule of its own,
    /// nor one that describes a body.
    #[must_use]
    pub fn holds(&self, name: &HeaderName) -> bool {
        let HeaderName::Other(text) = name else {
            return false;
        };
        !begins(text, "content-")
            && self.0.iter().any(|passed| match passed {
                Passed::Name(wanted) => wanted == name,
                Passed::Prefix(start) => begins(text, start),
            })
    }
}

fn begins(name: &str, start: &str) -> bool {
    let head = name.as_bytes().get(..start.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
}

/// Status codes that the other side hears instead of those that a reply bears.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReplyCodes(Arc<[Translation]>);

/// One entry of [`ReplyCodes`]: the codes from `first` to `last` become `to`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Translation {
    /// The first code.
    pub first: u16,
    /// The last, included.
    pub last: u16,
    /// What is told instead.
    pub to: StatusCode,
    /// With this phrase; the code's own where empty.
    pub reason: Box<str>,
}

impl FromIterator<Translation> for ReplyCodes {
    /// Where ranges overlap, the smaller one decides.
    fn from_iter<I: IntoIterator<Item = Translation>>(all: I) -> Self {
        let mut all: Vec<Translation> = all.into_iter().collect();
        all.sort_by_key(|t| t.last.saturating_sub(t.first));
        Self(all.into())
    }
}

impl ReplyCodes {
    /// What is told instead of `status`, and its phrase; nothing where it is told as it is. A
    /// provisional response stays one, a refusal stays one, 100 and success are never touched:
    /// transactions and dialogs hang on that (RFC 3261 §17, §12.1).
    #[must_use]
    pub fn told(&self, status: StatusCode) -> Option<(StatusCode, &str)> {
        let code = status.code();
        let found = self.0.iter().find(|t| (t.first..=t.last).contains(&code))?;
        Self::may_become(status, found.to).then_some((found.to, &*found.reason))
    }

    /// Whether one code may be told as another.
    #[must_use]
    pub const fn may_become(from: StatusCode, to: StatusCode) -> bool {
        match (from.class(), to.class()) {
            (1, 1) => from.code() > 100 && to.code() > 100,
            (3.., 3..) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translation(first: u16, last: u16, to: u16) -> Translation {
        Translation {
            first,
            last,
            to: StatusCode::of(to),
            reason: "".into(),
        }
    }

    #[test]
    fn the_smallest_range_decides_and_no_code_changes_its_kind() {
        let codes: ReplyCodes = [
            translation(500, 599, 480),
            translation(503, 503, 503),
            translation(100, 183, 199),
            translation(200, 200, 202),
            translation(404, 404, 200),
            translation(184, 184, 100),
        ]
        .into_iter()
        .collect();
        let told = |code| {
            let told = codes.told(StatusCode::of(code));
            told.map(|(status, _)| status.code())
        };
        assert_eq!(told(500), Some(480));
        assert_eq!(told(503), Some(503));
        assert_eq!(told(180), Some(199));
        for code in [100, 184, 200, 202, 404, 600] {
            assert_eq!(told(code), None, "{code}");
        }
    }

    #[test]
    fn known_headers_and_those_of_the_body_are_never_among_those_that_pass() {
        let pass: HeaderPass = [
            Passed::Name(HeaderName::parse("P-Foo")),
            Passed::Name(HeaderName::Via),
            Passed::Prefix("x-".into()),
            Passed::Prefix("c".into()),
        ]
        .into_iter()
        .collect();
        for name in ["p-fOO", "X-Colour", "x-", "Colour"] {
            assert!(pass.holds(&HeaderName::parse(name)), "{name}");
        }
        for name in ["P-Fo", "Via", "v", "Contact", "Content-Foo", "CSeq", "Y-X-"] {
            assert!(!pass.holds(&HeaderName::parse(name)), "{name}");
        }
    }
}
