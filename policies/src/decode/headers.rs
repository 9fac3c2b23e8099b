//! Header rules and templates.

use crate::facts::is_token;
use crate::header;
use crate::schema::{HeaderRule, Pattern, Spanned, Verb};
use crate::template::{Scope, Template};
use crate::tree::{Data, Entry, Node, Position};
use crate::visit::{self, MapView, Report};
use sbc_core::sip::HeaderName;

/// Which list a rule is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rules {
    /// `headers`.
    Requests,
    /// `reply_headers`.
    Replies,
}

impl Rules {
    /// The path of a rule in the table of keys.
    const fn schema(self) -> &'static str {
        match self {
            Self::Requests => "profiles.*.headers[]",
            Self::Replies => "profiles.*.reply_headers[]",
        }
    }

    const fn scope(self) -> Scope<'static> {
        Scope {
            maps: None,
            groups: false,
            replies: matches!(self, Self::Replies),
        }
    }
}

pub(super) fn rules(report: &mut Report, entry: &Entry, of: Rules) -> Vec<HeaderRule> {
    let nodes = visit::list(report, entry, "rules");
    let rules = nodes.iter().filter_map(|node| rule(report, node, of));
    rules.collect()
}

/// A template, which may ask the maps of the configuration too.
pub(super) fn template(
    report: &mut Report,
    entry: Option<&Entry>,
    scope: Scope<'_>,
) -> Option<Spanned<Template>> {
    let text: Spanned<String> = visit::field(report, entry)?;
    let maps = Some(&report.maps);
    match Template::parse_in(&text, Scope { maps, ..scope }) {
        Ok(value) => Some(Spanned { value, at: text.at }),
        Err(error) => {
            report.value(text.at, error.to_string(), error.hint());
            None
        }
    }
}

const SHAPE: &str = "expected one of: { set: NAME, to: VALUE }, { add: NAME, to: VALUE }, \
                     { remove: NAME }, { replace: NAME, match: REGEX, with: TEXT }";
/// What a rule may do, with the keys that go with it.
const VERBS: [(&str, &[&str]); 4] = [
    ("set", &["to"]),
    ("add", &["to"]),
    ("remove", &[]),
    ("replace", &["match", "with"]),
];
const OBJECTS: [&str; 3] = ["to", "match", "with"];

fn rule(report: &mut Report, node: &Node, of: Rules) -> Option<HeaderRule> {
    let Data::Map(_) = &node.data else {
        let message = format!("{} is not a header rule", node.describe());
        report.value(node.at, message, SHAPE);
        return None;
    };
    let map = MapView::of(report, node, node.at, of.schema())?;
    let when = map
        .get("when")
        .map(|e| super::when(report, &e.value, e.at, of.scope()));
    let mut verbs = VERBS.iter().filter(|(verb, _)| map.get(verb).is_some());
    let verb = match (verbs.next(), verbs.next()) {
        (Some((verb, objects)), None) => {
            let alien = OBJECTS.iter().filter(|key| !objects.contains(key));
            for entry in alien.filter_map(|key| map.get(key)) {
                let message = format!("`{}` beside `{verb}`", entry.key);
                report.key(entry.at, message, "remove it");
            }
            match *verb {
                "remove" => removal(report, map.get("remove")?, of),
                "replace" => replacement(report, &map, of),
                verb => value_verb(report, &map, verb, of),
            }
        }
        _ => {
            report.value(node.at, "a rule does one thing", SHAPE);
            None
        }
    };
    map.finish(report);
    Some(HeaderRule { verb: verb?, when })
}

/// `set` and `add`.
fn value_verb(
    report: &mut Report,
    map: &MapView<'_>,
    verb: &'static str,
    of: Rules,
) -> Option<Verb> {
    let entry = map.get(verb)?;
    let name = name(report, entry, of);
    let to = map.required(report, "to");
    let to = template(report, to, of.scope());
    let (name, to) = (name?, to?.value);
    if verb == "set" {
        return Some(Verb::Set(name, to));
    }
    if matches!(name, HeaderName::From | HeaderName::To) {
        report.value(
            entry.value.at,
            format!("there is one {} in a request", name.as_str()),
            "expected `set` instead of `add`",
        );
    }
    Some(Verb::Add(name, to))
}

fn replacement(report: &mut Report, map: &MapView<'_>, of: Rules) -> Option<Verb> {
    let name = name(report, map.get("replace")?, of);
    let pattern = map.required(report, "match");
    let pattern: Option<Spanned<Pattern>> = visit::field(report, pattern);
    let with = map.required(report, "with");
    let with = with_groups(report, with, of.scope(), pattern.as_ref());
    Some(Verb::Replace(name?, pattern?.value, with?))
}

/// A template that may use the groups of an expression.
pub(super) fn with_groups(
    report: &mut Report,
    entry: Option<&Entry>,
    scope: Scope<'_>,
    pattern: Option<&Spanned<Pattern>>,
) -> Option<Template> {
    let groups = true;
    let with = template(report, entry, Scope { groups, ..scope })?;
    // Number 0 is the whole match, which every expression has.
    if let (Some(group @ 1..), Some(pattern)) = (with.highest_group(), pattern) {
        let has = pattern.regex().captures_len();
        if usize::from(group) >= has {
            let message = format!("`${group}`: the expression has no group {group}");
            let hint = match has {
                0 | 1 => "expected `$0`, the whole match: `match` has no groups".to_owned(),
                has => format!("expected `$0` to `${}`", has - 1),
            };
            report.value(with.at, message, hint);
        }
    }
    Some(with.value)
}

/// A header that rules may name.
fn name(report: &mut Report, entry: &Entry, of: Rules) -> Option<HeaderName> {
    let text: Spanned<String> = visit::field(report, Some(entry))?;
    if !is_token(&text) || text.contains('*') {
        report.value(
            text.at,
            format!("`{}` is not a header name", text.value),
            "expected a name like P-Asserted-Identity",
        );
        return None;
    }
    let name = HeaderName::parse(&text);
    if header::is_protected(&name) {
        protected(report, text.at, name.as_str());
        return None;
    }
    if of == Rules::Replies && matches!(name, HeaderName::From | HeaderName::To) {
        report.value(
            text.at,
            format!("{} of a reply is that of its request", name.as_str()),
            "expected another header; a rule in `headers` may set it",
        );
        return None;
    }
    Some(name)
}

pub(super) fn protected(report: &mut Report, at: Position, name: &str) {
    report.value(
        at,
        format!("{name} belongs to the SBC and cannot be named in a rule"),
        format!(
            "expected another header than {}",
            header::PROTECTED.join(", ")
        ),
    );
}

fn removal(report: &mut Report, entry: &Entry, of: Rules) -> Option<Verb> {
    let text: Spanned<String> = visit::field(report, Some(entry))?;
    if !text.value.ends_with('*') {
        let name = name(report, entry, of)?;
        if matches!(name, HeaderName::From | HeaderName::To) {
            report.value(
                text.at,
                format!("a request must have {}", name.as_str()),
                "expected `set` instead of `remove`",
            );
            return None;
        }
        return Some(Verb::Remove(name));
    }
    Some(Verb::RemovePrefix(prefix(report, &text)?))
}

/// The start of a header's name, `X-*`, in small letters.
pub(super) fn prefix(report: &mut Report, text: &Spanned<String>) -> Option<Box<str>> {
    let start = text.value.strip_suffix('*').unwrap_or(&text.value);
    if !is_token(start) || start.contains('*') {
        report.value(
            text.at,
            format!("`{}` is not the start of a header name", text.value),
            "expected a name like X-Foo, or its start and one star at the end like X-*",
        );
        return None;
    }
    if start.to_lowercase().starts_with("content-") {
        protected(report, text.at, text);
        return None;
    }
    Some(start.to_lowercase().into())
}
