//! `profiles`: what is done to a call.

use crate::facts::is_token;
use crate::header;
use crate::problem::suggested;
use crate::schema::{HeaderRule, ModuleUse, Names, Profile, Spanned, Verb};
use crate::template::Template;
use crate::tree::{Data, Entry, Node, Position};
use crate::visit::{self, MapView, Report};
use sbc_core::ports::Latch;
use sbc_core::sip::HeaderName;

pub(super) fn profiles(report: &mut Report, entry: &Entry) -> Names<Profile> {
    super::named(report, entry, "profiles", profile)
}

fn profile(report: &mut Report, entry: &Entry) -> Option<Profile> {
    if matches!(entry.value.data, Data::Null) {
        return Some(Profile::default());
    }
    let map = MapView::of(report, &entry.value, entry.at, "profiles.*")?;
    let mut profile = Profile {
        extends: visit::field(report, map.get("extends")),
        request_uri: template(report, map.get("request_uri")),
        ..Profile::default()
    };
    let words = [("true", true), ("false", false)];
    let kept = map.get("transparent_dialog_ids");
    profile.transparent_dialog_ids = visit::word(report, kept, &words);
    if let Some(entry) = map.get("media") {
        media(report, entry, &mut profile);
    }
    profile.control = map.get("control").map(|entry| {
        let nodes = visit::list(report, entry, "modules");
        nodes
            .iter()
            .filter_map(|node| module(report, node))
            .collect()
    });
    if let Some(entry) = map.get("headers") {
        let nodes = visit::list(report, entry, "rules");
        profile.headers = nodes.iter().filter_map(|node| rule(report, node)).collect();
    }
    profile.recorders = map.get("record").and_then(|entry| record(report, entry));
    map.finish(report);
    Some(profile)
}

fn media(report: &mut Report, entry: &Entry, profile: &mut Profile) {
    let Some(map) = MapView::of(report, &entry.value, entry.at, "profiles.*.media") else {
        return;
    };
    let words = [("always", true), ("never", false)];
    profile.relay = visit::word(report, map.get("relay"), &words);
    let words = [
        ("once", Latch::Once),
        ("follow", Latch::Follow),
        ("strict", Latch::Strict),
    ];
    profile.latch = visit::word(report, map.get("latch"), &words);
    if let Some(entry) = map.get("codecs") {
        super::codecs::codecs(report, entry, profile);
    }
    map.finish(report);
}

fn record(report: &mut Report, entry: &Entry) -> Option<Vec<Spanned<String>>> {
    let map = MapView::of(report, &entry.value, entry.at, "profiles.*.record")?;
    let names = map.get("recorders").map(|entry| {
        let nodes = visit::list(report, entry, "names of recorders");
        super::scalars(report, nodes)
    });
    map.finish(report);
    names
}

fn module(report: &mut Report, node: &Node) -> Option<ModuleUse> {
    let Data::Map(entries) = &node.data else {
        report.value(
            node.at,
            format!("{} is not a module", node.describe()),
            "expected { use: NAME } with the module's parameters",
        );
        return None;
    };
    // The other keys belong to the module, which checks them.
    let map = MapView::of(report, node, node.at, "profiles.*.control[]")?;
    let Some(name) = map.required(report, "use") else {
        let others = entries
            .iter()
            .filter(|e| suggested(&e.key, ["use"]) == ["use"]);
        for other in others {
            let hint = "expected `use` with the name of a module; did you mean `use`?";
            report.key(other.at, format!("unknown key `{}`", other.key), hint);
        }
        return None;
    };
    for entry in entries {
        super::duplicates(report, &entry.value);
    }
    let name = visit::field(report, Some(name))?;
    Some(ModuleUse {
        name,
        at: node.at,
        params: super::parameters(entries),
    })
}

fn template(report: &mut Report, entry: Option<&Entry>) -> Option<Spanned<Template>> {
    let text: Spanned<String> = visit::field(report, entry)?;
    match Template::parse(&text) {
        Ok(value) => Some(Spanned { value, at: text.at }),
        Err(error) => {
            report.value(text.at, error.to_string(), error.hint());
            None
        }
    }
}

fn rule(report: &mut Report, node: &Node) -> Option<HeaderRule> {
    const SHAPE: &str = "expected one of: { set: NAME, to: VALUE }, { add: NAME, to: VALUE }, \
                         { remove: NAME }";
    let Data::Map(entries) = &node.data else {
        let message = format!("{} is not a header rule", node.describe());
        report.value(node.at, message, SHAPE);
        return None;
    };
    let map = MapView::of(report, node, node.at, "profiles.*.headers[]")?;
    let when = map.get("when").map(|e| super::when(report, &e.value, e.at));
    let to = template(report, map.get("to"));
    let (set, add, remove) = (map.get("set"), map.get("add"), map.get("remove"));
    let verb = match (set, add, remove) {
        (Some(entry), None, None) | (None, Some(entry), None) => {
            let name = name(report, entry);
            let has_to = map.required(report, "to").is_some();
            match (name, to.filter(|_| has_to)) {
                (Some(name), Some(to)) => Some(value_verb(report, entry, name, to)),
                _ => None,
            }
        }
        (None, None, Some(entry)) => {
            if let Some(to) = map.get("to") {
                report.key(to.at, "`to` beside `remove`", "remove it");
            }
            removal(report, entry)
        }
        // `replace` is reported by `finish`.
        (None, None, None) if entries.iter().any(|e| &*e.key == "replace") => None,
        _ => {
            report.value(node.at, "a rule does one thing", SHAPE);
            None
        }
    };
    map.finish(report);
    Some(HeaderRule { verb: verb?, when })
}

fn value_verb(report: &mut Report, entry: &Entry, name: HeaderName, to: Spanned<Template>) -> Verb {
    if &*entry.key == "set" {
        return Verb::Set(name, to.value);
    }
    if matches!(name, HeaderName::From | HeaderName::To) {
        report.value(
            entry.value.at,
            format!("there is one {} in a request", name.as_str()),
            "expected `set` instead of `add`",
        );
    }
    Verb::Add(name, to.value)
}

/// A header that rules may name.
fn name(report: &mut Report, entry: &Entry) -> Option<HeaderName> {
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
    Some(name)
}

fn protected(report: &mut Report, at: Position, name: &str) {
    report.value(
        at,
        format!("{name} belongs to the SBC and cannot be named in a rule"),
        format!(
            "expected another header than {}",
            header::PROTECTED.join(", ")
        ),
    );
}

fn removal(report: &mut Report, entry: &Entry) -> Option<Verb> {
    let text: Spanned<String> = visit::field(report, Some(entry))?;
    let Some(start) = text.value.strip_suffix('*') else {
        let name = name(report, entry)?;
        if matches!(name, HeaderName::From | HeaderName::To) {
            report.value(
                text.at,
                format!("a request must have {}", name.as_str()),
                "expected `set` instead of `remove`",
            );
            return None;
        }
        return Some(Verb::Remove(name));
    };
    if !is_token(start) || start.contains('*') {
        report.value(
            text.at,
            format!("`{}` is not the start of a header name", text.value),
            "expected a name like X-Foo, or its start and one star at the end like X-*",
        );
        return None;
    }
    if start.to_lowercase().starts_with("content-") {
        protected(report, text.at, &text);
        return None;
    }
    Some(Verb::RemovePrefix(start.to_lowercase().into()))
}
