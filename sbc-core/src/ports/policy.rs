//! Policy: what shall be done with a request. Pure and synchronous.

use crate::Entropy;
use crate::b2bua::plan::CallPlan;
use crate::net::Network;
use crate::quota::{Quota, Quotas};
use crate::sip::{Message, Method};
use crate::transport::Flow;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// An initial request, as the policy sees it.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// The request, free of defects.
    pub message: &'a Message,
    /// The way it came.
    pub flow: &'a Flow,
}

/// Decides. One value for each configuration generation.
pub trait PolicyEngine: Send + Sync {
    /// Realms and listeners.
    fn network(&self) -> &Arc<Network>;

    /// Which configuration of the process it is, from 1; 0 where nobody counts them.
    fn generation(&self) -> u64 {
        0
    }

    /// Limits and counts: of the box, and of every trunk.
    fn quotas(&self) -> &Quotas;

    /// Those of the trunk that a request comes from, where it comes from one.
    fn origin(&self, request: &RequestFacts<'_>) -> Option<&Quota>;

    /// Itself, for whoever knows which engine it may be and wants to ask it more than this; nothing
    /// for one that lends from another.
    fn as_any(&self) -> Option<&dyn Any> {
        None
    }

    /// What shall be done with a request that begins a call; `entropy` chooses among targets that
    /// share calls by weight.
    fn plan(&self, request: &RequestFacts<'_>, entropy: &mut Entropy) -> CallPlan;
}

/// What header rules may look at besides the message they change.
#[derive(Clone, Copy, Debug)]
pub struct RuleFacts<'a> {
    /// The request that began the call.
    pub request: RequestFacts<'a>,
    /// The name of the trunk the call goes to, where it goes to one.
    pub target: Option<&'a str>,
}

/// Header rules of a profile, compiled.
pub trait MessageRules: Send + Sync + fmt::Debug {
    /// Changes a message that is about to leave. Its dialog and transaction headers are not there
    /// yet: From and To stand without tags, and keep what the rules make of them for the whole
    /// dialog.
    fn apply(&self, facts: &RuleFacts<'_>, message: &mut Message);

    /// Changes a reply to the caller that is about to leave: provisional or final, to the INVITE
    /// or to a request inside the call, whose method is `method`. `reply` bears the status that the
    /// caller will hear, and has no header yet that every reply has.
    fn apply_to_reply(&self, facts: &RuleFacts<'_>, method: &Method, reply: &mut Message);
}
