//! What a profile says, and which profile of its line says it: read from the file as it stands, so
//! that no key is left out.

use super::{Profile, Value};
use crate::diff::shown;
use crate::limits;
use crate::schema::keys::{KEYS, Key};
use crate::tree::{Data, Entry, Node};
use std::collections::HashMap;

const PROFILES: &str = "profiles.*.";
/// Where a value comes from that nobody wrote.
const BUILT_IN: &str = "built-in";
/// Lists that follow their parents'.
const FOLLOW: [&str; 2] = ["headers", "reply_headers"];

/// Profiles by name, each with all its values.
#[derive(Debug, Default)]
pub(crate) struct Profiles(HashMap<Box<str>, (Profile, Vec<Box<str>>)>);

impl Profiles {
    /// Those of a whole file.
    pub(crate) fn of(root: &Node) -> Self {
        let profiles = child(root, "profiles").map(entries).unwrap_or_default();
        let one = |entry: &Entry| (entry.key.clone(), profile(profiles, entry));
        Self(profiles.iter().map(one).collect())
    }

    /// The one with this name; the built-in one where there is none.
    pub(crate) fn get(&self, name: &str) -> Profile {
        let found = self.0.get(name).map(|(profile, _)| profile.clone());
        found.unwrap_or_else(|| Profile {
            name: name.to_owned(),
            line: vec![name.to_owned()],
            values: values(&[]),
        })
    }

    /// The profile that a header rule of this one was written in.
    pub(crate) fn owner(&self, name: &str, rule: usize) -> String {
        let owners = self.0.get(name).map(|(_, owners)| owners.as_slice());
        let owner = owners.and_then(|owners| owners.get(rule));
        owner.map_or(name, |owner| owner).to_owned()
    }
}

fn entries(node: &Node) -> &[Entry] {
    match &node.data {
        Data::Map(entries) => entries,
        _ => &[],
    }
}

fn child<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let entry = entries(node).iter().find(|entry| &*entry.key == key)?;
    Some(&entry.value)
}

fn profile(all: &[Entry], entry: &Entry) -> (Profile, Vec<Box<str>>) {
    let mut line = vec![(&*entry.key, &entry.value)];
    while let Some(Data::Scalar { text, .. }) =
        child(line[line.len() - 1].1, "extends").map(|n| &n.data)
    {
        let parent = all.iter().find(|entry| entry.key == *text);
        match parent {
            Some(parent) if line.len() <= limits::EXTENDS => {
                line.push((&*parent.key, &parent.value));
            }
            _ => break,
        }
    }
    let profile = Profile {
        name: entry.key.to_string(),
        line: line.iter().map(|(name, _)| (*name).to_owned()).collect(),
        values: values(&line),
    };
    (profile, owners(&line))
}

/// Every key that can stand in a profile, with the value that holds.
fn values(line: &[(&str, &Node)]) -> Vec<Value> {
    let keys = KEYS.iter().filter(|key| key.built);
    let below = keys.filter_map(|key| Some((key.path.strip_prefix(PROFILES)?, key)));
    let mut values = Vec::new();
    for (path, key) in below {
        if path == "extends" || path.contains("[]") || path.contains('*') || is_parent(key) {
            continue;
        }
        if FOLLOW.contains(&path) {
            values.push(following(line, path));
        } else if is_by_name(key) {
            by_name(line, path, &mut values);
        } else {
            values.push(value(line, path, key));
        }
    }
    values
}

/// Whether it only holds other keys of the schema.
fn is_parent(key: &Key) -> bool {
    let mut others = KEYS.iter().filter_map(|k| k.path.strip_prefix(key.path));
    others.any(|rest| {
        rest.strip_prefix('.')
            .is_some_and(|rest| !rest.starts_with('*'))
    })
}

/// Whether its keys are chosen by the user.
fn is_by_name(key: &Key) -> bool {
    let mut others = KEYS.iter().filter_map(|k| k.path.strip_prefix(key.path));
    others.any(|rest| rest.starts_with(".*"))
}

fn at<'n>(profile: &'n Node, path: &str) -> Option<&'n Node> {
    path.split('.').try_fold(profile, child)
}

fn value(line: &[(&str, &Node)], path: &str, key: &Key) -> Value {
    let found = line
        .iter()
        .find_map(|(name, node)| Some((*name, at(node, path)?)));
    Value {
        key: path.to_owned(),
        value: found.map_or_else(|| key.default.to_owned(), |(_, node)| shown(node, false)),
        from: found.map_or(BUILT_IN, |(name, _)| name).to_owned(),
    }
}

/// The rules of each profile of the line, the first parent first.
fn following(line: &[(&str, &Node)], path: &str) -> Value {
    let counts = line.iter().rev().filter_map(|(name, node)| {
        let rules = rules(node, path);
        (rules > 0).then_some((*name, rules))
    });
    let counts: Vec<_> = counts.collect();
    let words = counts.iter().map(|(name, count)| match count {
        1 => format!("1 rule of {name}"),
        count => format!("{count} rules of {name}"),
    });
    let value = words.collect::<Vec<_>>().join(", then ");
    let from = counts.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    Value {
        key: path.to_owned(),
        value: if value.is_empty() {
            "none".to_owned()
        } else {
            value
        },
        from: if from.is_empty() {
            BUILT_IN.to_owned()
        } else {
            from.join(", ")
        },
    }
}

fn rules(profile: &Node, path: &str) -> usize {
    match child(profile, path).map(|node| &node.data) {
        Some(Data::List(items)) => items.len(),
        _ => 0,
    }
}

/// A map that merges key by key.
fn by_name(line: &[(&str, &Node)], path: &str, values: &mut Vec<Value>) {
    let mut seen: Vec<&str> = Vec::new();
    for (name, node) in line {
        for entry in at(node, path).map(entries).unwrap_or_default() {
            if seen.contains(&&*entry.key) {
                continue;
            }
            seen.push(&entry.key);
            values.push(Value {
                key: format!("{path}.{}", entry.key),
                value: shown(&entry.value, false),
                from: (*name).to_owned(),
            });
        }
    }
}

/// Of which profile of the line each header rule is.
fn owners(line: &[(&str, &Node)]) -> Vec<Box<str>> {
    let of = |(name, node): &(&str, &Node)| {
        std::iter::repeat_n((*name).into(), rules(node, "headers")).collect::<Vec<_>>()
    };
    line.iter().rev().flat_map(of).collect()
}
