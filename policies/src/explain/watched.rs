//! The engine, with somebody listening: what [`super`] rehearses under.

use super::words::{self, failed};
use super::{Line, Rule, Target};
use crate::engine::{Considered, Engine, HeaderRules, RuleWatch};
use crate::facts::Facts;
use crate::schema::HeaderRule;
use sbc_core::Entropy;
use sbc_core::b2bua::plan::{CallPlan, Refusal};
use sbc_core::net::Network;
use sbc_core::ports::{MessageRules, PolicyEngine, RequestFacts, RuleFacts};
use sbc_core::quota::{Quota, Quotas};
use sbc_core::sip::{Message, Method};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The engine; notes targets, and what header rules do to the first INVITE.
#[derive(Debug)]
pub(super) struct Watched<'e> {
    engine: &'e Engine,
    targets: Mutex<Vec<Target>>,
    rules: Arc<Mutex<Vec<Rule>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'e> Watched<'e> {
    pub(super) fn new(engine: &'e Engine) -> Self {
        Self {
            engine,
            targets: Mutex::default(),
            rules: Arc::default(),
        }
    }

    /// Targets, and rules.
    pub(super) fn into_parts(self) -> (Vec<Target>, Vec<Rule>) {
        let rules = std::mem::take(&mut *locked(&self.rules));
        let targets = self.targets.into_inner();
        (targets.unwrap_or_else(PoisonError::into_inner), rules)
    }
}

impl PolicyEngine for Watched<'_> {
    fn network(&self) -> &Arc<Network> {
        self.engine.network()
    }

    fn quotas(&self) -> &Quotas {
        self.engine.quotas()
    }

    fn origin(&self, request: &RequestFacts<'_>) -> Option<&Quota> {
        self.engine.origin(request)
    }

    fn plan(&self, request: &RequestFacts<'_>, entropy: &mut Entropy) -> CallPlan {
        let mut targets = locked(&self.targets);
        let mut plan = self.engine.decide(request, entropy, &mut |considered| {
            targets.push(target(&considered));
        });
        if let CallPlan::Connect(connect) = &mut plan {
            let routes = &self.engine.book().routes;
            let route = routes.iter().find(|route| route.name == connect.route);
            let inner = route.and_then(|route| route.profile.rules.clone());
            let noted = Arc::clone(&self.rules);
            let watched = |inner| Arc::new(WatchedRules { inner, noted }) as Arc<dyn MessageRules>;
            Arc::make_mut(connect).rules = inner.map(watched);
        }
        plan
    }
}

fn target(considered: &Considered<'_>) -> Target {
    let (listed, plan) = (considered.of_trunk, considered.plan);
    let own = || plan.map_or_else(|_| "request-uri".to_owned(), |p| p.request_uri.to_string());
    Target {
        trunk: listed.map(|(trunk, _)| trunk.name.to_string()),
        uri: listed.map_or_else(own, |(_, listed)| listed.uri.0.to_string()),
        priority: listed.map(|(_, listed)| listed.priority),
        weight: listed.map(|(_, listed)| listed.weight),
        skipped: plan.err().map(why),
    }
}

/// Why a target cannot be tried.
fn why(refusal: &Refusal) -> String {
    let words = match refusal.status.code() {
        403 => "requests from a realm with `trust: none` may not choose where they go",
        404 => "the Request-URI names no host to send to, or an address of ours",
        416 => "the Request-URI is neither `sip:` nor `tel:`",
        484 => "`request_uri` of the profile makes no URI of this request",
        503 => "the realm has no listener that could send there",
        _ => "From, To or the Request-URI cannot be read",
    };
    format!("{words} ({})", refusal.status.code())
}

/// Header rules, with what they do noted.
#[derive(Debug)]
struct WatchedRules {
    inner: Arc<HeaderRules>,
    noted: Arc<Mutex<Vec<Rule>>>,
}

impl MessageRules for WatchedRules {
    fn apply(&self, facts: &RuleFacts<'_>, message: &mut Message) {
        let mut notes = Notes::default();
        self.inner.apply_watched(facts, message, &mut notes);
        *locked(&self.noted) = notes.rules;
    }

    fn apply_to_reply(&self, facts: &RuleFacts<'_>, method: &Method, reply: &mut Message) {
        self.inner.apply_to_reply(facts, method, reply);
    }
}

#[derive(Default)]
struct Notes {
    rules: Vec<Rule>,
    before: Vec<String>,
}

/// The lines of a message.
fn lines(message: &Message) -> Vec<String> {
    let line = |raw: &[u8]| String::from_utf8_lossy(raw).into_owned();
    let lines = message.headers();
    lines
        .map(|h| format!("{}: {}", h.name.as_str(), line(h.raw)))
        .collect()
}

impl RuleWatch for Notes {
    fn before(&mut self, rule: &HeaderRule, facts: &Facts<'_>, message: &Message) {
        let when = rule.when.as_deref().unwrap_or_default();
        self.rules.push(Rule {
            rule: words::rule(rule),
            from: String::new(),
            changes: Vec::new(),
            why: failed(when, facts).map(|failed| failed.to_string()),
        });
        self.before = lines(message);
    }

    fn after(&mut self, done: Option<&Result<(), String>>, message: &Message) {
        let Some(rule) = self.rules.last_mut() else {
            return;
        };
        let mut after = lines(message);
        for line in self.before.drain(..) {
            match after.iter().position(|other| *other == line) {
                Some(at) => drop(after.remove(at)),
                None => rule.changes.push(Line::Gone(line)),
            }
        }
        rule.changes.extend(after.into_iter().map(Line::New));
        match done {
            Some(Err(why)) => rule.why = Some(format!("left out: {why}")),
            Some(Ok(())) if rule.changes.is_empty() => {
                rule.why = Some("there is nothing to change".to_owned());
            }
            _ => {}
        }
    }
}
