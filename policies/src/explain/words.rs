//! Conditions and rules in the words of the file, and why a condition failed.

use super::Failed;
use crate::condition::{self, Watch};
use crate::facts::{Facts, Field, Part, Party};
use crate::schema::{HeaderRule, Test, Verb};
use std::fmt;

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Party(party, part) => write!(f, "{party}{part}"),
            Self::Header(name) => write!(f, "header[\"{}\"]", name.as_str()),
            Self::Method => f.write_str("method"),
            Self::SourceIp => f.write_str("source.ip"),
            Self::SourcePort => f.write_str("source.port"),
            Self::Listener => f.write_str("listener"),
            Self::Realm => f.write_str("realm"),
            Self::Trunk => f.write_str("trunk.name"),
            Self::Target => f.write_str("target.name"),
            Self::Status => f.write_str("status"),
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ruri => "ruri",
            Self::From => "from",
            Self::To => "to",
            Self::Contact => "contact",
        })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User => f.write_str(".user"),
            Self::Host => f.write_str(".host"),
            Self::Port => f.write_str(".port"),
            Self::Scheme => f.write_str(".scheme"),
            Self::Display => f.write_str(".display"),
            Self::Uri => f.write_str(".uri"),
            Self::Whole => Ok(()),
            Self::Param(name) => write!(f, ".params.{name}"),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Matches(field, pattern) => write!(f, "{field}: '{}'", pattern.source()),
            Self::Not(inner) => write!(f, "not: {}", all(inner)),
            Self::Any(any) => {
                let any: Vec<_> = any.iter().map(|inner| all(inner)).collect();
                write!(f, "any: [{}]", any.join(", "))
            }
            Self::Expr(expression) => write!(f, "expr: \"{}\"", expression.source()),
        }
    }
}

fn all(tests: &[Test]) -> String {
    let tests: Vec<_> = tests.iter().map(ToString::to_string).collect();
    format!("{{ {} }}", tests.join(", "))
}

/// A header rule as the file has it.
pub(super) fn rule(rule: &HeaderRule) -> String {
    match &rule.verb {
        Verb::Set(name, template) => format!("set {}: {}", name.as_str(), template.source()),
        Verb::Add(name, template) => format!("add {}: {}", name.as_str(), template.source()),
        Verb::Remove(name) => format!("remove {}", name.as_str()),
        Verb::RemovePrefix(start) => format!("remove {start}*"),
        Verb::Replace(name, pattern, with) => format!(
            "replace {}: '{}' with {}",
            name.as_str(),
            pattern.source(),
            with.source()
        ),
    }
}

/// What was compared, each field once.
#[derive(Default)]
struct Compared(Vec<(String, Option<String>)>);

impl Watch for Compared {
    fn compared(&mut self, field: &Field, value: Option<&str>) {
        let seen = (field.to_string(), value.map(str::to_owned));
        if !self.0.contains(&seen) {
            self.0.push(seen);
        }
    }
}

/// The first part of a condition that fails, and what the request has there; nothing where all
/// hold.
pub(super) fn failed(when: &[Test], facts: &Facts<'_>) -> Option<Failed> {
    when.iter().find_map(|test| {
        let mut compared = Compared::default();
        let test = condition::failing(std::slice::from_ref(test), facts, &mut compared)?;
        Some(Failed {
            condition: test.to_string(),
            found: compared.0.into_iter().collect(),
        })
    })
}
