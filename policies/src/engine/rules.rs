//! Header rules at work.
//!
//! A rule whose value cannot be used (CR, LF or NUL in it, or no address for From and To) is left
//! out, with a line in the log: the call goes on with the header as it was.

use super::origin::Origins;
use crate::condition;
use crate::facts::Facts;
use crate::header;
use crate::schema::{HeaderRule, Verb};
use crate::template::Template;
use sbc_core::ports::{MessageRules, RuleFacts};
use sbc_core::sip::{HeaderName, Message, NameAddr};
use std::sync::Arc;

/// The rules of a profile.
#[derive(Debug)]
pub(crate) struct HeaderRules {
    pub(crate) profile: Arc<str>,
    pub(crate) origins: Arc<Origins>,
    pub(crate) rules: Vec<HeaderRule>,
}

/// Hears of each rule, before and after; live calls have `()`, which hears nothing.
pub(crate) trait RuleWatch {
    /// The next rule, and the message as it stands.
    fn before(&mut self, _rule: &HeaderRule, _facts: &Facts<'_>, _message: &Message) {}

    /// What it made of the message; nothing where it does not act.
    fn after(&mut self, _done: Option<&Result<(), String>>, _message: &Message) {}
}

impl RuleWatch for () {}

impl HeaderRules {
    fn act(&self, verb: &Verb, facts: &Facts<'_>, message: &mut Message) -> Result<(), String> {
        let done = match verb {
            Verb::Set(name, template) => value(name, template, facts)
                .and_then(|v| message.set(name.clone(), &v).map_err(|e| e.to_string())),
            Verb::Add(name, template) => value(name, template, facts)
                .and_then(|v| message.push(name.clone(), &v).map_err(|e| e.to_string())),
            Verb::Remove(name) => {
                message.remove(name);
                Ok(())
            }
            Verb::RemovePrefix(start) => {
                remove_prefix(start, message);
                Ok(())
            }
        };
        if let Err(why) = &done {
            tracing::warn!(profile = &*self.profile, ?verb, why, "header rule left out");
        }
        done
    }

    /// Applies the rules to a request.
    pub(crate) fn apply_watched(
        &self,
        given: &RuleFacts<'_>,
        message: &mut Message,
        watch: &mut impl RuleWatch,
    ) {
        let located = self.origins.locate(given.request.flow);
        let method = message.method().cloned();
        let mut facts = Facts::new(given.request, located.origin);
        facts.target = given.target;
        facts.method = method.as_ref();
        for rule in &self.rules {
            watch.before(rule, &facts, message);
            let when = rule.when.as_deref().unwrap_or_default();
            let acts = condition::holds(when, &facts);
            let done = acts.then(|| self.act(&rule.verb, &facts, message));
            watch.after(done.as_ref(), message);
        }
    }
}

impl MessageRules for HeaderRules {
    fn apply(&self, given: &RuleFacts<'_>, message: &mut Message) {
        self.apply_watched(given, message, &mut ());
    }
}

/// The value of a rule, or why it cannot be used. From and To must stay addresses, without tag.
fn value(name: &HeaderName, template: &Template, facts: &Facts<'_>) -> Result<String, String> {
    let value = template.render(facts).map_err(|e| e.to_string())?;
    if let HeaderName::From | HeaderName::To = name {
        let address = NameAddr::parse(&value).map_err(|e| e.to_string())?;
        if address.tag().is_some() {
            return Err("tags belong to the SBC".to_owned());
        }
    }
    Ok(value)
}

fn remove_prefix(start: &str, message: &mut Message) {
    let names: Vec<HeaderName> = message
        .headers()
        .filter(|line| header::begins_with(line.name.as_str(), start))
        .map(|line| line.name.clone())
        .collect();
    for name in names.iter().filter(|name| is_removable(name)) {
        message.remove(name);
    }
}

/// A prefix never means what a rule may not name, nor what a request must have.
fn is_removable(name: &HeaderName) -> bool {
    !header::is_protected(name) && !matches!(name, HeaderName::From | HeaderName::To)
}
