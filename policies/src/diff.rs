//! What changed from one configuration to the next.
//!
//! Compared is what the files say, not how: comments, the order of keys and the way in which
//! something is written are no change, the order of a list is. So is the order of listeners and
//! realms, of which the first one counts. A secret that comes from the environment or a file counts
//! by what was read there; none is ever shown.

use crate::explain::Profiles;
use crate::limits;
use crate::secret::{self, MASK, Secret};
use crate::tree::{Data, Entry, Node};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// A configuration as its file says it.
#[derive(Clone, Debug)]
pub struct Document {
    root: Node,
    /// What was read elsewhere, by the id of the value that says where.
    secrets: HashMap<u32, Secret>,
}

/// One difference between two configurations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Of the key: `trunks.carrier.limits.calls`; items of a list that have names by them:
    /// `routes[outgoing].to[0]`.
    pub path: String,
    /// The value before; nothing where there was none. Long ones are cut.
    pub before: Option<String>,
    /// The value after; nothing where it is gone.
    pub after: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, "{path}: {before} -> {after}"),
            (Some(before), None) => write!(f, "{path}: removed: {before}"),
            (None, Some(after)) => write!(f, "{path}: added: {after}"),
            (None, None) => f.write_str(path),
        }
    }
}

/// Maps whose order says something.
const IN_ORDER: [&str; 2] = ["listeners", "realms"];

impl Document {
    pub(crate) fn new(root: Node, secrets: HashMap<u32, Secret>) -> Self {
        Self { root, secrets }
    }

    /// Leaves everything aside but these sections.
    pub(crate) fn only(&mut self, sections: &[&str]) {
        if let Data::Map(entries) = &mut self.root.data {
            entries.retain(|entry| sections.contains(&&*entry.key));
        }
    }

    /// What its profiles say, for explanations.
    pub(crate) fn profiles(&self) -> Profiles {
        Profiles::of(&self.root)
    }

    /// What changed from `self` to `after`; empty where both say the same.
    #[must_use]
    pub fn changes(&self, after: &Self) -> Vec<Change> {
        let mut walk = Walk {
            before: self,
            after,
            path: String::new(),
            changes: Vec::new(),
        };
        walk.nodes(&self.root, &after.root, false);
        walk.changes
    }
}

struct Walk<'d> {
    before: &'d Document,
    after: &'d Document,
    path: String,
    changes: Vec<Change>,
}

impl Walk<'_> {
    fn push(&mut self, before: Option<&Node>, after: Option<&Node>, secret: bool) {
        self.changes.push(Change {
            path: self.path.clone(),
            before: before.map(|node| shown(node, secret)),
            after: after.map(|node| shown(node, secret)),
        });
    }

    /// At a path that goes on with `step`.
    fn below(&mut self, step: &str, act: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(step);
        act(self);
        self.path.truncate(length);
    }

    fn key(&mut self, key: &str, act: impl FnOnce(&mut Self)) {
        let dot = if self.path.is_empty() { "" } else { "." };
        self.below(&format!("{dot}{key}"), act);
    }

    fn nodes(&mut self, before: &Node, after: &Node, secret: bool) {
        match (&before.data, &after.data) {
            (Data::Map(b), Data::Map(a)) => self.maps(b, a, secret),
            (Data::List(b), Data::List(a)) => self.lists((before, b), (after, a), secret),
            _ if self.same(before, after) => {}
            (Data::Scalar { text: b, .. }, Data::Scalar { text: a, .. }) if a == b => {
                // The same place, and another secret in it.
                let named = self.after.secrets.contains_key(&after.at.id);
                self.push(Some(before), Some(after), secret || named);
            }
            _ => self.push(Some(before), Some(after), secret),
        }
    }

    fn maps(&mut self, before: &[Entry], after: &[Entry], secret: bool) {
        let index = |entries: &[Entry]| -> HashMap<Box<str>, usize> {
            let keys = entries.iter().enumerate();
            keys.map(|(n, entry)| (entry.key.clone(), n)).collect()
        };
        let (had, has) = (index(before), index(after));
        for entry in before {
            let secret = secret::conceals(entry, secret);
            self.key(&entry.key, |walk| match has.get(&entry.key) {
                Some(&n) => walk.nodes(&entry.value, &after[n].value, secret),
                None => walk.push(Some(&entry.value), None, secret),
            });
        }
        for entry in after.iter().filter(|e| !had.contains_key(&e.key)) {
            let secret = secret::conceals(entry, secret);
            self.key(&entry.key, |walk| {
                walk.push(None, Some(&entry.value), secret);
            });
        }
        if IN_ORDER.contains(&&*self.path) {
            let names = |entries: &[Entry]| entries.iter().map(|e| e.key.clone()).collect();
            self.order(names(before), names(after));
        }
    }

    fn lists(&mut self, before: (&Node, &[Node]), after: (&Node, &[Node]), secret: bool) {
        let ((whole_before, before), (whole_after, after)) = (before, after);
        if let (Some(had), Some(has)) = (by_name(before), by_name(after)) {
            return self.named(&had, &has, secret);
        }
        if before.iter().chain(after).all(is_plain) {
            if !self.same(whole_before, whole_after) {
                self.push(Some(whole_before), Some(whole_after), secret);
            }
            return;
        }
        // What both begin and end with stays aside, so that an item more shows as one item more.
        let same = |(b, a): &(&Node, &Node)| self.same(b, a);
        let start = before.iter().zip(after).take_while(same).count();
        let (before, after) = (&before[start..], &after[start..]);
        let both = before.iter().rev().zip(after.iter().rev());
        let end = both.take_while(same).count();
        let before = &before[..before.len() - end];
        let after = &after[..after.len() - end];
        for n in 0..before.len().max(after.len()) {
            let index = format!("[{}]", start + n);
            self.below(&index, |walk| match (before.get(n), after.get(n)) {
                (Some(b), Some(a)) => walk.nodes(b, a, secret),
                (b, a) => walk.push(b, a, secret),
            });
        }
    }

    fn named(&mut self, before: &[(&str, &Node)], after: &[(&str, &Node)], secret: bool) {
        let had: HashMap<&str, &Node> = before.iter().copied().collect();
        let has: HashMap<&str, &Node> = after.iter().copied().collect();
        for (name, b) in before {
            self.below(&format!("[{name}]"), |walk| match has.get(name) {
                Some(a) => walk.nodes(b, a, secret),
                None => walk.push(Some(b), None, secret),
            });
        }
        for (name, a) in after.iter().filter(|(name, _)| !had.contains_key(name)) {
            self.below(&format!("[{name}]"), |walk| {
                walk.push(None, Some(a), secret)
            });
        }
        let names = |list: &[(&str, &Node)]| list.iter().map(|(name, _)| (*name).into()).collect();
        self.order(names(before), names(after));
    }

    /// Whether what both have is in another order.
    fn order(&mut self, mut before: Vec<Box<str>>, mut after: Vec<Box<str>>) {
        let had: HashSet<Box<str>> = before.iter().cloned().collect();
        let has: HashSet<Box<str>> = after.iter().cloned().collect();
        before.retain(|name| has.contains(name));
        after.retain(|name| had.contains(name));
        if before == after {
            return;
        }
        let text = |names: &[Box<str>]| cut(format!("order {}", names.join(", ")));
        self.changes.push(Change {
            path: self.path.clone(),
            before: Some(text(&before)),
            after: Some(text(&after)),
        });
    }

    /// Whether two values say the same.
    fn same(&self, before: &Node, after: &Node) -> bool {
        let elsewhere = self.before.secrets.get(&before.at.id);
        if elsewhere != self.after.secrets.get(&after.at.id) {
            return false;
        }
        match (&before.data, &after.data) {
            (Data::Null, Data::Null) => true,
            (Data::Scalar { text: b, plain: p }, Data::Scalar { text: a, plain: q }) => {
                b == a && (p == q || !is_typed(b))
            }
            (Data::List(b), Data::List(a)) => {
                b.len() == a.len() && b.iter().zip(a).all(|(b, a)| self.same(b, a))
            }
            (Data::Map(b), Data::Map(a)) => {
                let twin = |entry: &&Entry| {
                    let twin = a.iter().find(|other| other.key == entry.key);
                    twin.is_some_and(|twin| self.same(&entry.value, &twin.value))
                };
                b.len() == a.len() && b.iter().all(|entry| twin(&entry))
            }
            _ => false,
        }
    }
}

/// Whether quotes make another value of it: a module's parameter is a number, or text.
fn is_typed(text: &str) -> bool {
    matches!(text, "true" | "false" | "" | "~" | "null") || text.parse::<f64>().is_ok()
}

fn is_plain(node: &Node) -> bool {
    matches!(node.data, Data::Null | Data::Scalar { .. })
}

/// The items by their names, where all have one and no two the same.
fn by_name(items: &[Node]) -> Option<Vec<(&str, &Node)>> {
    let named: Option<Vec<_>> = items.iter().map(|n| Some((name(n)?, n))).collect();
    let mut seen = HashSet::new();
    named.filter(|named| named.iter().all(|(name, _)| seen.insert(*name)))
}

fn name(item: &Node) -> Option<&str> {
    let Data::Map(entries) = &item.data else {
        return None;
    };
    match &entries.iter().find(|e| &*e.key == "name")?.value.data {
        Data::Scalar { text, .. } => Some(text),
        _ => None,
    }
}

/// A value on one line, as YAML would have it.
pub(crate) fn shown(node: &Node, secret: bool) -> String {
    let mut text = String::new();
    write(node, secret, &mut text);
    cut(text)
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(limits::CHANGE) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

fn write(node: &Node, secret: bool, text: &mut String) {
    // What is longer is cut anyway.
    if text.len() > 4 * limits::CHANGE {
        return;
    }
    match &node.data {
        Data::Null => text.push('~'),
        Data::Scalar { .. } if secret => text.push_str(MASK),
        Data::Scalar { text: t, plain } if *plain || !is_typed(t) => {
            // Nothing that a terminal obeys.
            text.extend(t.chars().flat_map(|c| match c.is_control() {
                true => c.escape_default().collect::<Vec<_>>(),
                false => vec![c],
            }));
        }
        Data::Scalar { text: t, .. } => text.push_str(&format!("\"{t}\"")),
        Data::List(items) => {
            text.push('[');
            for (n, item) in items.iter().enumerate() {
                text.push_str(if n == 0 { "" } else { ", " });
                write(item, secret, text);
            }
            text.push(']');
        }
        Data::Map(entries) => {
            text.push('{');
            for (n, entry) in entries.iter().enumerate() {
                text.push_str(if n == 0 { " " } else { ", " });
                text.push_str(&entry.key);
                text.push_str(": ");
                write(&entry.value, secret::conceals(entry, secret), text);
            }
            text.push_str(if entries.is_empty() { "}" } else { " }" });
        }
    }
}

#[cfg(test)]
mod tests;
