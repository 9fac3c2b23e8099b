//! A plan: every decision that a policy can take about a call, as data. The call obeys it and keeps
//! it to its end, whatever becomes of the configuration.

mod crossing;

pub use crossing::{HeaderPass, Passed, ReplyCodes, Translation};

use crate::net::RealmId;
use crate::ports::{AppFactory, Latch, MessageRules, ModuleFactory, SideLegFactory};
use crate::quota::Quota;
use crate::sdp::CodecPolicy;
use crate::sip::{NameAddr, StatusCode, Uri};
use crate::transport::{Target, UdpMax};
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
    /// The largest request that goes to the caller by UDP.
    pub udp_max: UdpMax,
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
    /// Which codecs cross, in both directions; nothing: every description as it is.
    pub codecs: Option<Arc<CodecPolicy>>,
    /// Header rules for requests towards the callee and for replies towards the caller.
    pub rules: Option<Arc<dyn MessageRules>>,
    /// Unknown headers that cross, in both directions.
    pub header_pass: HeaderPass,
    /// Status codes of replies that the other side hears as others, in both directions.
    pub reply_codes: ReplyCodes,
    /// Recorders.
    pub recorders: Vec<Arc<dyn SideLegFactory>>,
    /// Call-control modules, in order.
    pub modules: Vec<Arc<dyn ModuleFactory>>,
    /// How long a target may ring.
    pub ring_timeout: Duration,
    /// After which refusals the next target is tried.
    pub failover: FailoverCodes,
    /// What becomes of a redirection.
    pub redirect: Redirect,
    /// Whether the callee sees the Call-ID and the From tag of the caller and not ones of ours. A
    /// call whose Call-ID another one bears already takes its own all the same.
    pub transparent_ids: bool,
}

/// What becomes of a 3xx of a target (RFC 3261 §8.1.3.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Redirect {
    /// Its Contacts become further targets, in the same realm.
    Follow,
    /// The caller gets it, with its Contacts.
    Pass,
    /// The caller gets it, with its Contacts where both sides are trusted.
    #[default]
    PassIfTrusted,
}

/// The refusals, of 300 to 699, after which the next target is tried. Silence and transport errors
/// are none of them: the next target is tried after those in any case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FailoverCodes([u64; Self::WORDS]);

impl FailoverCodes {
    const FIRST: u16 = 300;
    const WORDS: usize = 7;

    /// None at all.
    pub const NONE: Self = Self([0; Self::WORDS]);

    /// These as well: all from `first` to `last`, both included; what is no refusal is left out.
    #[must_use]
    pub const fn with(mut self, first: u16, last: u16) -> Self {
        let mut code = first;
        while code <= last {
            if let Some((word, bit)) = Self::place(code) {
                self.0[word] |= bit;
            }
            code += 1;
        }
        self
    }

    /// Whether this refusal is one of them.
    #[must_use]
    pub const fn contains(&self, status: StatusCode) -> bool {
        match Self::place(status.code()) {
            Some((word, bit)) => self.0[word] & bit != 0,
            None => false,
        }
    }

    const fn place(code: u16) -> Option<(usize, u64)> {
        if code < Self::FIRST || code > 699 {
            return None;
        }
        let index = code - Self::FIRST;
        Some(((index / 64) as usize, 1 << (index % 64)))
    }
}

impl Default for FailoverCodes {
    /// 408, 430, 480 and 5xx: the target is out of order, or its user is not there.
    fn default() -> Self {
        Self::NONE
            .with(408, 408)
            .with(430, 430)
            .with(480, 480)
            .with(500, 599)
    }
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
    /// The largest request that goes there by UDP.
    pub udp_max: UdpMax,
    /// The Request-URI.
    pub request_uri: Uri,
    /// From, without tag.
    pub from: NameAddr,
    /// To, without tag.
    pub to: NameAddr,
    /// The trunk's limits, and what is counted there.
    pub quota: Option<Quota>,
    /// Whether a redirection named it and not the policy.
    pub redirected: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_codes_holds_what_was_put_in_and_nothing_beside_it() {
        let set = FailoverCodes::NONE
            .with(404, 404)
            .with(500, 599)
            .with(699, 800);
        for code in 100..=699 {
            let wanted = code == 404 || code == 699 || (500..600).contains(&code);
            assert_eq!(set.contains(StatusCode::of(code)), wanted, "{code}");
        }
    }
}
