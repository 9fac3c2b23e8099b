//! Header rules at work.
//!
//! A rule whose value cannot be used (CR, LF or NUL in it, or no address for From and To) is left
//! out, with a line in the log: the call goes on with the header as it was.

use super::origin::Origins;
use crate::condition;
use crate::facts::Facts;
use crate::header;
use crate::schema::{HeaderRule, Pattern, Verb};
use crate::template::Template;
use sbc_core::limits::HEADER_LINE_BYTES;
use sbc_core::ports::{MessageRules, RuleFacts};
use sbc_core::sip::{HeaderName, Message, Method, NameAddr, split_list};
use std::borrow::Cow;
use std::sync::Arc;

/// The rules of a profile.
#[derive(Debug)]
pub(crate) struct HeaderRules {
    pub(crate) profile: Arc<str>,
    pub(crate) origins: Arc<Origins>,
    /// `headers`.
    pub(crate) rules: Vec<HeaderRule>,
    /// `reply_headers`.
    pub(crate) reply_rules: Vec<HeaderRule>,
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
    fn facts<'f>(&'f self, given: &RuleFacts<'f>) -> Facts<'f> {
        let located = self.origins.locate(given.request.flow);
        let mut facts = Facts::new(given.request, located.origin);
        facts.target = given.target;
        facts
    }

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
            Verb::Replace(name, pattern, with) => Replacement {
                name,
                pattern,
                with,
            }
            .act(facts, message),
        };
        if let Err(why) = &done {
            tracing::warn!(profile = &*self.profile, rule = %verb, why, "header rule left out");
        }
        done
    }

    /// Applies rules in order.
    fn run(
        &self,
        rules: &[HeaderRule],
        facts: &Facts<'_>,
        message: &mut Message,
        watch: &mut impl RuleWatch,
    ) {
        for rule in rules {
            watch.before(rule, facts, message);
            let when = rule.when.as_deref().unwrap_or_default();
            let acts = condition::holds(when, facts);
            let done = acts.then(|| self.act(&rule.verb, facts, message));
            watch.after(done.as_ref(), message);
        }
    }

    /// Applies the rules to a request.
    pub(crate) fn apply_watched(
        &self,
        given: &RuleFacts<'_>,
        message: &mut Message,
        watch: &mut impl RuleWatch,
    ) {
        let method = message.method().cloned();
        let mut facts = self.facts(given);
        facts.method = method.as_ref();
        self.run(&self.rules, &facts, message, watch);
    }
}

impl MessageRules for HeaderRules {
    fn apply(&self, given: &RuleFacts<'_>, message: &mut Message) {
        self.apply_watched(given, message, &mut ());
    }

    fn apply_to_reply(&self, given: &RuleFacts<'_>, method: &Method, reply: &mut Message) {
        let mut facts = self.facts(given);
        facts.method = Some(method);
        facts.status = reply.status();
        self.run(&self.reply_rules, &facts, reply, &mut ());
    }
}

/// The value of a rule, or why it cannot be used. From and To must stay addresses, without tag.
fn value(name: &HeaderName, template: &Template, facts: &Facts<'_>) -> Result<String, String> {
    let value = template.render(facts).map_err(|e| e.to_string())?;
    check(name, &value)?;
    if holds_addresses(name) {
        addresses(&value, template.commas())?;
    }
    Ok(value)
}

/// Headers of addresses that somebody may believe.
fn holds_addresses(name: &HeaderName) -> bool {
    matches!(
        name,
        HeaderName::PAssertedIdentity | HeaderName::PPreferredIdentity | HeaderName::Diversion
    ) || name.as_str().eq_ignore_ascii_case("Remote-Party-ID")
}

/// Each value is an address, and there are no more of them than the template says by itself
/// (`commas`): what a caller wrote brings none along.
fn addresses(value: &str, commas: usize) -> Result<(), String> {
    for part in split_list(value) {
        NameAddr::parse(part).map_err(|e| e.to_string())?;
    }
    count(value, commas)
}

fn count(value: &str, commas: usize) -> Result<(), String> {
    let values = split_list(value).count();
    if values > commas + 1 {
        return Err(format!(
            "{values} addresses where the rule makes {}",
            commas + 1
        ));
    }
    Ok(())
}

fn check(name: &HeaderName, value: &str) -> Result<(), String> {
    if value.len() > HEADER_LINE_BYTES {
        return Err(format!("{} bytes are too many for a header", value.len()));
    }
    if let HeaderName::From | HeaderName::To = name {
        let address = NameAddr::parse(value).map_err(|e| e.to_string())?;
        if address.tag().is_some() {
            return Err("tags belong to the SBC".to_owned());
        }
    }
    Ok(())
}

/// `replace` with what belongs to it.
struct Replacement<'r> {
    name: &'r HeaderName,
    pattern: &'r Pattern,
    with: &'r Template,
}

impl Replacement<'_> {
    /// Acts on each value of each line; where one cannot be used, on none from there on.
    fn act(&self, facts: &Facts<'_>, message: &mut Message) -> Result<(), String> {
        let mut failed = None;
        let rewritten = message.rewrite(self.name, |line| {
            if failed.is_some() {
                return None;
            }
            self.line(line, facts).unwrap_or_else(|why| {
                failed = Some(why);
                None
            })
        });
        failed.map_or_else(|| rewritten.map_err(|e| e.to_string()), Err)
    }

    /// What becomes of a line; nothing where no value of it matches. A value of a list that becomes
    /// empty is no longer of it.
    fn line(&self, line: &str, facts: &Facts<'_>) -> Result<Option<String>, String> {
        let new = if self.name.is_list() {
            self.list(line, facts)?
        } else {
            self.value(line, facts)?
        };
        if let Some(new) = &new {
            check(self.name, new)?;
        }
        Ok(new)
    }

    fn list(&self, line: &str, facts: &Facts<'_>) -> Result<Option<String>, String> {
        let mut values = Vec::new();
        let mut is_changed = false;
        for value in split_list(line) {
            let new = self.value(value, facts)?;
            is_changed |= new.is_some();
            values.push(new.map_or(Cow::Borrowed(value), Cow::Owned));
        }
        values.retain(|value| !value.trim().is_empty());
        Ok(is_changed.then(|| values.join(", ")))
    }

    fn value(&self, value: &str, facts: &Facts<'_>) -> Result<Option<String>, String> {
        let Some(found) = self.pattern.regex().captures(value) else {
            return Ok(None);
        };
        let new = self.with.render_match(facts, &found);
        let new = new.map_err(|e| e.to_string())?;
        let whole = found.get_match();
        let (before, behind) = (&value[..whole.start()], &value[whole.end()..]);
        let new = format!("{before}{new}{behind}");
        if holds_addresses(self.name) {
            count(&new, self.with.commas())?;
        }
        Ok(Some(new))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_wrote_brings_no_address_along() {
        for (value, commas, is_fine) in [
            ("<sip:7001@pbx.example>", 0, true),
            (
                "\"Bob, the builder\" <sip:7001@pbx.example>;screen=yes",
                0,
                true,
            ),
            ("<sip:1@pbx.example>, <tel:+4930123>", 1, true),
            ("<sip:admin@evil>, <sip:x@pbx.example>", 0, false),
            ("<sip:admin@pbx.example> <sip:1@pbx.example>", 0, false),
            ("<sip:@pbx.example>", 0, false),
            ("nobody", 0, false),
        ] {
            assert_eq!(addresses(value, commas).is_ok(), is_fine, "{value}");
        }
    }
}
