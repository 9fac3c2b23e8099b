//! `tests`: what `sbc test` runs.

use super::{Pattern, RefusalCode, Spanned};
use sbc_core::sip::{HeaderName, Message};
use std::net::SocketAddr;

/// A case.
#[derive(Clone, Debug)]
pub struct TestCase {
    /// Its name.
    pub name: Spanned<String>,
    /// The listener that the request arrives at.
    pub listener: Spanned<String>,
    /// Where it comes from.
    pub source: Spanned<SocketAddr>,
    /// The request.
    pub request: TestRequest,
    /// What shall become of it.
    pub expect: Expect,
}

/// The request of a case.
#[derive(Clone, Debug)]
pub enum TestRequest {
    /// An INVITE that says this.
    Sample(crate::explain::Sample),
    /// A message that was read from a file.
    File(Box<Message>),
}

/// What a case expects; what is left out may be anything.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// It is refused.
    pub reject: Option<Rejected>,
    /// Where it goes.
    pub to: Option<Spanned<TestTarget>>,
    /// The route that decides.
    pub route: Option<Spanned<String>>,
    /// The profile of the call.
    pub profile: Option<Spanned<String>>,
    /// The first target that is tried, as in the file.
    pub target: Option<Spanned<Text>>,
    /// The Request-URI of the outgoing INVITE.
    pub request_uri: Option<Spanned<Text>>,
    /// Headers of the outgoing INVITE, or of the refusal; nothing: it has no such header.
    pub headers: Vec<(Spanned<HeaderName>, Option<Text>)>,
}

/// How a case expects to be refused.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// The status code.
    pub code: Spanned<RefusalCode>,
    /// The reason phrase.
    pub reason: Option<Spanned<String>>,
}

/// Where a call of a case goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TestTarget {
    /// To a trunk.
    Trunk(String),
    /// To its own URI.
    RequestUri,
    /// To an app.
    App(String),
}

/// A value that is expected: all of it, or `/an expression/` that is found in it.
#[derive(Clone, Debug)]
pub enum Text {
    /// This and nothing else.
    Exact(String),
    /// Something of it.
    Found(Pattern),
}

impl Text {
    /// Whether a value is what was expected.
    #[must_use]
    pub fn is(&self, value: &str) -> bool {
        match self {
            Self::Exact(text) => text == value,
            Self::Found(pattern) => pattern.regex().is_match(value),
        }
    }
}
