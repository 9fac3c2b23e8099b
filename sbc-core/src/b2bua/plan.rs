//! A plan: every decision that a policy can take about a call, as data. The call obeys it and keeps
//! it to its end, whatever becomes of the configuration.

use crate::net::RealmId;
use crate::ports::{AppFactory, Latch, MessageRules, ModuleFactory, SideLegFactory};
use crate::sip::{NameAddr, StatusCode, Uri};
use crate::transport::Target;
use std::sync::Arc;
use std::time::Duration;

/// What shall be done with a request that begins a call.
#[derive(Clone, Debug)]
pub enum CallPlan {
    /// It is refused.
    Refuse(Refusal),
    /// It is connected to the first target that takes it.
    Connect(Arc<Connect>),
    /// An app answers it.
    App(Arc<AppPlan>),
}

/// A refusal by policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// 300 to 699.
    pub status: StatusCode,
    /// Reason phrase; the code's own where empty.
    pub reason: Box<str>,
    /// The rule that refused, for logs: a route's name, or what was missing.
    pub rule: Box<str>,
}

/// An app answers.
#[derive(Clone, Debug)]
pub struct AppPlan {
    /// The route's name.
    pub route: Arc<str>,
    /// The app.
    pub app: Arc<dyn AppFactory>,
}

/// A call to somewhere.
#[derive(Clone, Debug)]
pub struct Connect {
    /// The trunk the request came from.
    pub trunk: Option<Arc<str>>,
    /// The route's name.
    pub route: Arc<str>,
    /// The profile's name; `built-in` without one.
    pub profile: Arc<str>,
    /// Where it goes, in the order to be tried; at least one.
    pub targets: Vec<TargetPlan>,
    /// Whether media passes through us.
    pub relay: bool,
    /// How sources are learned, on both sides.
    pub latch: Latch,
    /// Header rules for requests towards the other side.
    pub rules: Option<Arc<dyn MessageRules>>,
    /// Recorders.
    pub recorders: Vec<Arc<dyn SideLegFactory>>,
    /// Call-control modules, in order.
    pub modules: Vec<Arc<dyn ModuleFactory>>,
    /// How long a target may ring.
    pub ring_timeout: Duration,
}

/// One target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TargetPlan {
    /// The trunk's name; nothing for a target taken from the request's own URI.
    pub trunk: Option<Arc<str>>,
    /// Its side.
    pub realm: RealmId,
    /// Where the request is sent.
    pub target: Target,
    /// The Request-URI.
    pub request_uri: Uri,
    /// From, without tag.
    pub from: NameAddr,
    /// To, without tag.
    pub to: NameAddr,
}
