//! Why a request fares as it does: the engine that decides about live calls, run again with
//! somebody listening. Nothing of it is on the path of live calls.
//!
//! [`Engine::explain`](crate::Engine::explain) rehearses the request
//! (`sbc_core::endpoint::rehearse`) under a policy that is the engine itself, with its targets and
//! header rules watched, and adds what the engine did not have to look at: the trunks that nearly
//! match, the routes that are not taken, where the values of the profile come from.

mod cases;
mod compare;
mod place;
mod profiles;
mod sample;
mod text;
mod view;
mod watched;
mod words;

pub use cases::{Failure, Tested};
pub(crate) use profiles::Profiles;
pub use sample::{Sample, defects, incoming, listener, read};

use sbc_core::endpoint::Verdicts;
use sbc_core::transport::Incoming;
use sbc_core::{Entropy, Now};
use serde::Serialize;
use std::fmt;

/// A request to be explained.
pub struct Case<'a> {
    /// As it arrives, stamped by the transport (`Message::stamp_received`).
    pub incoming: Incoming,
    /// When.
    pub now: Now,
    /// What a live call would draw from: decides among targets that share calls by weight.
    pub entropy: Entropy,
    /// What the modules said, where that is known; else they are asked.
    pub verdicts: Option<&'a Verdicts>,
}

/// What becomes of a request, and why. In clear: nothing of it is masked.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Explanation {
    /// What becomes of it.
    pub outcome: Outcome,
    /// The request.
    pub request: Request,
    /// Where it comes from.
    pub origin: Origin,
    /// Every route in order; empty where the request is answered before routes are asked.
    pub routes: Vec<Route>,
    /// The profile of the route that was taken.
    pub profile: Option<Profile>,
    /// Targets in the order they are tried, those that cannot be tried among them.
    pub targets: Vec<Target>,
    /// What each call-control module says.
    pub modules: Vec<Module>,
    /// What each header rule does to the first target's INVITE.
    pub rules: Vec<Rule>,
    /// Names of the recorders that will record it once it is answered.
    pub recorders: Vec<String>,
    /// What is sent: the INVITE to the first target, or the answer.
    pub sent: Option<Sent>,
}

/// What becomes of a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Outcome {
    /// It is sent on.
    Connected {
        /// The route that was taken.
        route: String,
        /// The trunk it goes to; nothing for the request's own URI.
        trunk: Option<String>,
        /// The Request-URI it is sent with.
        request_uri: String,
    },
    /// An app answers it.
    App {
        /// The route that was taken.
        route: String,
        /// The app.
        app: String,
    },
    /// It is refused.
    Refused {
        /// The status code.
        status: u16,
        /// The reason phrase.
        reason: String,
        /// Who refused it, in words.
        by: String,
    },
    /// It is answered by the SBC itself: it does not begin a call.
    Answered {
        /// The status code.
        status: u16,
        /// The reason phrase.
        reason: String,
    },
    /// It gets no answer.
    Dropped {
        /// Why not.
        why: String,
    },
}

/// A request in short.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Request {
    /// Its method.
    pub method: String,
    /// Its URI.
    pub uri: String,
    /// From, as written.
    pub from: String,
    /// To, as written.
    pub to: String,
    /// What is wrong with it.
    pub defects: Vec<String>,
}

/// Where a request comes from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Origin {
    /// The listener it arrives at.
    pub listener: String,
    /// Its transport.
    pub transport: String,
    /// The address it comes from.
    pub source: String,
    /// The listener's realm.
    pub realm: String,
    /// Whether that realm is trusted: `full` or `none`.
    pub trust: &'static str,
    /// The trunk it is of.
    pub trunk: Option<Matched>,
    /// Trunks that it might have been of, the nearest first.
    pub others: Vec<Other>,
}

/// A trunk and the range that holds the source.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Matched {
    /// The trunk.
    pub trunk: String,
    /// The range.
    pub range: String,
}

/// A trunk that a request is not of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Other {
    /// The trunk.
    pub trunk: String,
    /// Its range that is nearest to the source.
    pub range: String,
    /// Why it is not of it.
    pub why: String,
}

/// A route and what became of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// What became of it.
    #[serde(flatten)]
    pub fate: RouteFate,
}

/// What became of a route.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "fate", rename_all = "kebab-case")]
pub enum RouteFate {
    /// It decides.
    Taken,
    /// Its condition does not hold.
    Failed(Failed),
    /// It is for requests from elsewhere: from this trunk or realm.
    FromElsewhere {
        /// The trunk or realm it is for.
        from: String,
    },
    /// It is for any request, and this one is of no trunk, from a realm that is not trusted.
    NotForStrangers,
    /// One before it decided.
    Behind,
}

/// A condition that does not hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Failed {
    /// The part of it that does not, as in the file.
    pub condition: String,
    /// The fields that were compared, with what the request has there.
    pub found: Vec<(String, Option<String>)>,
}

/// A profile.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// It and its parents, itself first.
    pub line: Vec<String>,
    /// Everything that can be said in a profile, as it holds here.
    pub values: Vec<Value>,
}

/// A value of a profile.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Value {
    /// The key below the profile: `media.relay`.
    pub key: String,
    /// The value.
    pub value: String,
    /// The profile it was written in; `built-in` where in none.
    pub from: String,
}

/// A target.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Target {
    /// The trunk; nothing for the request's own URI.
    pub trunk: Option<String>,
    /// As in the file; the Request-URI where it is none of a trunk.
    pub uri: String,
    /// Its priority.
    pub priority: Option<u16>,
    /// Its weight.
    pub weight: Option<u16>,
    /// Why it cannot be tried.
    pub skipped: Option<String>,
}

/// A call-control module.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// What it says, in words.
    pub says: String,
    /// Whether it lets the call pass; nothing where it was not asked.
    pub passes: Option<bool>,
}

/// A header rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Rule {
    /// The rule, as in the file.
    pub rule: String,
    /// The profile it was written in.
    pub from: String,
    /// What changed; empty where nothing did.
    pub changes: Vec<Line>,
    /// Why it did not act, or changed nothing.
    pub why: Option<String>,
}

/// A message that is sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Sent {
    /// The transport.
    pub transport: String,
    /// The listener it leaves by.
    pub listener: String,
    /// Where it goes. A target that is a name is not looked up.
    pub remote: String,
    /// The message.
    pub text: String,
    /// An INVITE beside the one that came.
    pub changes: Vec<Line>,
}

/// A line of two texts that are compared.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "is", content = "line", rename_all = "kebab-case")]
pub enum Line {
    /// In both.
    Same(String),
    /// In the first only.
    Gone(String),
    /// In the second only.
    New(String),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.condition)?;
        for (n, (field, value)) in self.found.iter().enumerate() {
            f.write_str(if n == 0 { " - " } else { ", " })?;
            match value {
                Some(value) => write!(f, "{field} is \"{value}\"")?,
                None => write!(f, "there is no {field}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same(text) => write!(f, "  {text}"),
            Self::Gone(text) => write!(f, "- {text}"),
            Self::New(text) => write!(f, "+ {text}"),
        }
    }
}
