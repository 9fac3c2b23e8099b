//! The shape of a configuration, after decoding and before compiling.
//!
//! Every value that a later stage may complain about carries its [`Position`]. The table [`KEYS`]
//! holds every key of the file with its type, default and documentation.

mod cases;
mod json;
pub(crate) mod keys;

pub use crate::pattern::Pattern;
pub use crate::secret::Secret;
pub use crate::value::{
    Advertised, Codes, Ports, Prefix, RefusalCode, ReplyKey, ReplyStatus, SipUri,
};
pub use json::json_schema;
pub use keys::{KEYS, Key};

pub use cases::{Expect, Rejected, TestCase, TestRequest, TestTarget, Text};

use crate::template::{Expression, Template};
pub use crate::tree::Position;
use sbc_core::b2bua::plan::{FailoverCodes, Passed, Redirect};
use sbc_core::net::Trust;
use sbc_core::ports::{Latch, Param};
use sbc_core::quota::Limits;
use sbc_core::sdp::{CodecChoice, CodecName};
use sbc_core::sip::HeaderName;
use sbc_core::transport::UdpMax;
use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::path::PathBuf;
use std::time::Duration;

/// A value, and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub at: Position,
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Things by name, in the order of the file.
#[derive(Clone, Debug)]
pub struct Names<T> {
    entries: Vec<(Spanned<String>, T)>,
    /// Positions in `entries`; nothing for what could not be read.
    index: HashMap<String, Option<usize>>,
    /// What was read with errors.
    unsound: HashSet<String>,
    /// Whether there may be more than could be read.
    in_part: bool,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            index: HashMap::new(),
            unsound: HashSet::new(),
            in_part: false,
        }
    }
}

impl<T> Names<T> {
    /// What has this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&T> {
        let at = self.index.get(name).copied().flatten()?;
        self.entries.get(at).map(|(_, value)| value)
    }

    /// Names and what they name.
    pub fn iter(&self) -> impl Iterator<Item = (&Spanned<String>, &T)> {
        self.entries.iter().map(|(name, value)| (name, value))
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes something in. What has a name that is there already was reported, and is left out.
    pub(crate) fn push(&mut self, name: Spanned<String>, value: Option<T>) {
        let at = value.as_ref().map(|_| self.entries.len());
        if let Slot::Vacant(slot) = self.index.entry(name.value.clone()) {
            slot.insert(at);
            self.entries.extend(value.map(|value| (name, value)));
        }
    }

    /// Notes that something was read with errors.
    pub(crate) fn doubt(&mut self, name: &str) {
        self.unsound.insert(name.to_owned());
    }

    /// Notes that there may be more than could be read.
    pub(crate) fn doubt_all(&mut self) {
        self.in_part = true;
    }

    /// Whether what has this name was read without errors: else what it lacks may only have been
    /// mistyped, and there is no more to say.
    pub(crate) fn is_sound(&self, name: &str) -> bool {
        !self.in_part && !self.unsound.contains(name)
    }

    /// As [`Names::is_sound`], for all of them.
    pub(crate) fn all_sound(&self) -> bool {
        !self.in_part && self.unsound.is_empty()
    }

    /// Whether the file has this name, even if what it names could not be read: then the reference
    /// is right, and the error is elsewhere.
    pub(crate) fn is_declared(&self, name: &str) -> bool {
        self.in_part || self.index.contains_key(name)
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.entries.iter().map(|(n, _)| n.value.as_str()).collect()
    }
}

/// A whole file.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where SIP arrives.
    pub listeners: Names<Listener>,
    /// Sides of the border.
    pub realms: Names<Realm>,
    /// Peers.
    pub trunks: Names<Trunk>,
    /// Recorders.
    pub recorders: Names<Recorder>,
    /// What is done to a call.
    pub profiles: Names<Profile>,
    /// Which call goes where, in order.
    pub routes: Vec<Route>,
    /// Shared settings of call-control modules, by the module's name.
    pub control: Vec<(Spanned<String>, Vec<Parameter>)>,
    /// HTTP.
    pub observe: Observe,
    /// How long running calls may go on after SIGTERM.
    pub drain: Drain,
    /// How many calls the box takes.
    pub limits: Limits,
    /// Log.
    pub log: Log,
    /// The embedded recording server.
    pub srs: Option<Srs>,
    /// What `sbc test` runs.
    pub tests: Vec<TestCase>,
}

/// Where SIP arrives.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Whose side it is on.
    pub realm: Spanned<String>,
    /// Its transport.
    pub transport: sbc_core::transport::Transport,
    /// The local addresses: one, or one of each family.
    pub bind: Vec<Spanned<SocketAddr>>,
    /// What stands in Via and Contact instead, for each family.
    pub advertise: Vec<Spanned<Advertised>>,
}

/// A side of the border.
#[derive(Clone, Debug, Default)]
pub struct Realm {
    /// How far it is trusted.
    pub trust: Trust,
    /// Where its media is bound.
    pub media: RealmMedia,
}

/// Where media of a realm is bound.
#[derive(Clone, Debug, Default)]
pub struct RealmMedia {
    /// The local addresses, one of each family; none: those of the realm's first listeners.
    pub bind: Vec<Spanned<IpAddr>>,
    /// What stands in SDP, for each family; none: the local address.
    pub advertise: Vec<Spanned<IpAddr>>,
    /// Its ports.
    pub ports: Option<Spanned<Ports>>,
    /// How long one of them rests after a call.
    pub quarantine: Option<Duration>,
}

/// A peer or a group of peers.
#[derive(Clone, Debug)]
pub struct Trunk {
    /// Its side.
    pub realm: Spanned<String>,
    /// Where its requests come from.
    pub source: Vec<Spanned<Prefix>>,
    /// Where requests to it go.
    pub targets: Vec<TrunkTarget>,
    /// The largest request that goes to it by UDP.
    pub udp_max: UdpMax,
    /// How many calls it takes, in both directions.
    pub limits: Limits,
}

/// One address of a trunk.
#[derive(Clone, Debug)]
pub struct TrunkTarget {
    /// Where.
    pub uri: Spanned<SipUri>,
    /// The lowest goes first.
    pub priority: u16,
    /// Its share of the calls among those of its priority.
    pub weight: u16,
}

/// A recorder.
#[derive(Clone, Debug)]
pub struct Recorder {
    /// Its servers, in order.
    pub srs: Vec<Spanned<SipUri>>,
    /// Until a final response.
    pub timeout: Duration,
    /// No failover on these.
    pub skip_failover_codes: Option<Spanned<Pattern>>,
    /// From which side it is reached.
    pub realm: Option<Spanned<String>>,
}

/// What is done to a call. Nothing where the parent's (or the built-in) value holds.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// Its parent.
    pub extends: Option<Spanned<String>>,
    /// Whether media passes through us.
    pub relay: Option<Spanned<bool>>,
    /// How media sources are learned.
    pub latch: Option<Spanned<Latch>>,
    /// Which codecs cross.
    pub codec_choice: Option<CodecChoice>,
    /// Which codecs an offer names first.
    pub codec_order: Option<Vec<CodecName>>,
    /// Call-control modules, in order.
    pub control: Option<Vec<ModuleUse>>,
    /// Header rules, in order; behind those of the parent.
    pub headers: Vec<HeaderRule>,
    /// The same for replies.
    pub reply_headers: Vec<HeaderRule>,
    /// Unknown headers that cross.
    pub headers_pass: Option<Vec<Passed>>,
    /// Status codes that the other side hears as others, by the key as written.
    pub reply_codes: Vec<(Spanned<ReplyKey>, ReplyStatus)>,
    /// The Request-URI.
    pub request_uri: Option<Spanned<Template>>,
    /// Whether Call-ID and From tag are kept.
    pub transparent_dialog_ids: Option<Spanned<bool>>,
    /// Names of recorders.
    pub recorders: Option<Vec<Spanned<String>>>,
}

/// A call-control module in a profile.
#[derive(Clone, Debug)]
pub struct ModuleUse {
    /// Its name.
    pub name: Spanned<String>,
    /// Where its item of the list begins.
    pub at: Position,
    /// Its parameters here.
    pub params: Vec<Parameter>,
}

/// A parameter of a module.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name.
    pub key: Spanned<String>,
    /// Its value.
    pub value: Param,
    /// Where the value stands.
    pub at: Position,
    /// What is in the value, where that is a list or map.
    pub inner: Vec<Inner>,
}

/// Something in the value of a [`Parameter`].
#[derive(Clone, Debug)]
pub struct Inner {
    /// Its path below the parameter: `[0].file`.
    pub path: String,
    /// Its name; empty for an item of a list.
    pub name: String,
    /// Where its name stands; the value where it has none.
    pub key: Position,
    /// Where its value stands.
    pub at: Position,
}

/// A rule about headers.
#[derive(Clone, Debug)]
pub struct HeaderRule {
    /// What it does.
    pub verb: Verb,
    /// When it does it.
    pub when: Option<When>,
}

/// What a header rule does.
#[derive(Clone, Debug)]
pub enum Verb {
    /// One line with this value instead of all there are.
    Set(HeaderName, Template),
    /// One more line.
    Add(HeaderName, Template),
    /// No line of this name.
    Remove(HeaderName),
    /// No line of a name that begins so, without case.
    RemovePrefix(Box<str>),
    /// In each value, another text in the place of what the expression finds.
    Replace(HeaderName, Pattern, Template),
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(name, to) => write!(f, "set {} to \"{}\"", name.as_str(), to.source()),
            Self::Add(name, to) => write!(f, "add {} to \"{}\"", name.as_str(), to.source()),
            Self::Remove(name) => write!(f, "remove {}", name.as_str()),
            Self::RemovePrefix(start) => write!(f, "remove {start}*"),
            Self::Replace(name, pattern, with) => {
                let (found, with) = (pattern.source(), with.source());
                write!(
                    f,
                    "replace {} match \"{found}\" with \"{with}\"",
                    name.as_str()
                )
            }
        }
    }
}

/// A condition over a request: all parts must hold.
pub type When = Vec<Test>;

/// A part of a condition.
#[derive(Clone, Debug)]
pub enum Test {
    /// The field is there and the expression is found in it.
    Matches(crate::facts::Field, Pattern),
    /// Not all of these hold.
    Not(When),
    /// One of these holds.
    Any(Vec<When>),
    /// The expression holds.
    Expr(Expression),
}

/// Which call goes where.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name.
    pub name: Spanned<String>,
    /// A trunk or a realm; absent: any.
    pub from: Option<Spanned<String>>,
    /// Further conditions.
    pub when: When,
    /// What becomes of the call.
    pub action: Action,
    /// The profile; absent: the built-in one.
    pub profile: Option<Spanned<String>>,
    /// How long a target may ring.
    pub ring_timeout: Duration,
    /// After which refusals the next target is tried.
    pub failover: FailoverCodes,
    /// What becomes of a redirection.
    pub redirect: Redirect,
}

/// What becomes of a call.
#[derive(Clone, Debug)]
pub enum Action {
    /// It goes to the first of these that takes it.
    To(Vec<Destination>),
    /// An app answers it.
    App(Spanned<String>),
    /// It is refused, with a reason phrase of its own where that is not empty.
    Reject(RefusalCode, String),
}

/// Where a call may go.
#[derive(Clone, Debug)]
pub enum Destination {
    /// The targets of a trunk.
    Trunk(Spanned<String>),
    /// The request's own URI, out of a realm; absent where there is one realm.
    RequestUri(Option<Spanned<String>>, Position),
}

/// HTTP.
#[derive(Clone, Debug, Default)]
pub struct Observe {
    /// The API.
    pub api: Option<Spanned<SocketAddr>>,
    /// Prometheus.
    pub metrics: Option<Spanned<SocketAddr>>,
    /// What opens both.
    pub token: Option<Spanned<Secret>>,
}

/// How long running calls may go on after SIGTERM.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drain(pub Duration);

impl Default for Drain {
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

/// Log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Log {
    /// What is logged.
    pub level: LogLevel,
    /// How it is written.
    pub format: LogFormat,
    /// Whether subscriber numbers stand in clear.
    pub private: bool,
}

/// From which level on is logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "the names are the levels")]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// How log lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The embedded recording server.
#[derive(Clone, Debug)]
pub struct Srs {
    /// Where it listens, UDP and TCP; media is bound to the same address.
    pub listen: Spanned<SocketAddr>,
    /// Where recordings are written.
    pub dir: Spanned<PathBuf>,
    /// Its media ports.
    pub ports: Ports,
}
