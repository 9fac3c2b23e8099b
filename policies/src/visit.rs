//! Visitors that read the tree and collect what is wrong, instead of stopping at it.
//!
//! A decoder takes a [`MapView`] of its map, asks it for each key that the schema has, and ends it
//! with [`MapView::finish`], which reports the keys that nobody asked for: unknown ones, and those
//! of [`crate::schema::KEYS`] that this version does not have. A decoder returns nothing only where
//! something mandatory is missing or wrong; all else falls back to its default, with an error on
//! record.

use crate::maps::Maps;
use crate::problem::{About, Problem, Source, did_you_mean, expected, suggested};
use crate::schema::{Secret, Spanned, keys};
use crate::tree::{Data, Entry, Node, Position};
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::path::Path;
use std::sync::Arc;

/// Collects problems of the files of one configuration.
#[derive(Debug)]
pub(crate) struct Report {
    /// What templates may look up.
    pub(crate) maps: Maps,
    /// With the id of the first key or value of each, in this order.
    sources: Vec<(u32, Arc<Source>)>,
    /// Whether a file could not be read: what is missing may be in it.
    lacks_a_part: bool,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
    secrets: HashMap<u32, Secret>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            maps: Maps::default(),
            sources: Vec::new(),
            lacks_a_part: false,
            errors: Vec::new(),
            warnings: Vec::new(),
            secrets: HashMap::new(),
        }
    }

    /// Takes in a file, whose keys and values have ids from `first` on.
    pub(crate) fn add(&mut self, source: Source, first: u32) {
        let source = source.numbered(self.sources.len());
        self.sources.push((first, Arc::new(source)));
    }

    /// Notes that a file could not be read.
    pub(crate) fn lacks_a_part(&mut self) {
        self.lacks_a_part = true;
    }

    /// Whether a file could not be read.
    pub(crate) fn is_in_part(&self) -> bool {
        self.lacks_a_part
    }

    /// How many errors there are so far.
    pub(crate) fn count(&self) -> usize {
        self.errors.len()
    }

    /// The file in which something stands.
    fn source(&self, at: Position) -> &Arc<Source> {
        let after = self.sources.partition_point(|(first, _)| *first <= at.id);
        let (_, source) = &self.sources[after.saturating_sub(1)];
        source
    }

    /// Whether two things stand in one file.
    pub(crate) fn of_one_file(&self, one: Position, other: Position) -> bool {
        Arc::ptr_eq(self.source(one), self.source(other))
    }

    /// Where something stands, seen from another place: `line 3`, or `base.yaml:3`.
    pub(crate) fn place(&self, at: Position, from: Position) -> String {
        if self.of_one_file(at, from) {
            format!("line {}", at.line)
        } else {
            format!("{}:{}", self.source(at).name, at.line)
        }
    }

    /// A problem of a file that is no part of the configuration.
    pub(crate) fn add_problem(&mut self, problem: Problem) {
        self.errors.push(problem);
    }

    pub(crate) fn push(&mut self, at: Position, about: About, message: String, hint: String) {
        let problem = Problem::new(self.source(at), at, about, message, hint);
        self.errors.push(problem);
    }

    /// A value that is wrong; `hint` stands at the caret.
    pub(crate) fn value(
        &mut self,
        at: Position,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(at, About::Value, message.into(), hint.into());
    }

    /// A key that is wrong.
    pub(crate) fn key(
        &mut self,
        at: Position,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(at, About::Key, message.into(), hint.into());
    }

    /// A key that this version does not have.
    pub(crate) fn later(&mut self, entry: &Entry, hint: String) {
        let message = format!("`{}`", entry.key);
        let problem = Problem::new(self.source(entry.at), entry.at, About::Key, message, hint);
        self.errors
            .push(problem.with_predicate(" is not in this version"));
    }

    /// A name that refers to nothing: `what` is `trunk`, `profile`.
    pub(crate) fn unknown(&mut self, name: &Spanned<String>, what: &str, names: &[&str]) {
        let hint = expected(name, what, names);
        self.value(name.at, format!("unknown {what} `{}`", name.value), hint);
    }

    /// A key that the map at `at` must have and has not; `schema` is the map's path.
    pub(crate) fn missing(&mut self, at: Position, schema: &str, key: &str) {
        let hint = keys::doc(schema, key).unwrap_or_default();
        let message = format!("missing key `{key}`");
        self.push(at, About::Map, message, format!("expected `{key}`: {hint}"));
    }

    /// The folder to which a path that stands at `at` is relative.
    pub(crate) fn dir(&self, at: Position) -> &Path {
        self.source(at).dir()
    }

    /// A secret that was read in the place that the value at `at` names.
    pub(crate) fn read_elsewhere(&mut self, at: Position, secret: &Secret) {
        self.secrets.insert(at.id, secret.clone());
    }

    /// The secrets that were read elsewhere, by the ids of the values that name the places.
    pub(crate) fn take_secrets(&mut self) -> HashMap<u32, Secret> {
        std::mem::take(&mut self.secrets)
    }

    /// Whether anything is wrong so far.
    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Something that is odd and still works.
    pub(crate) fn warn(
        &mut self,
        at: Position,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let source = self.source(at);
        let problem = Problem::new(source, at, About::Value, message.into(), hint.into());
        self.warnings.push(problem.into_warning());
    }

    /// Errors and warnings.
    pub(crate) fn into_parts(self) -> (Vec<Problem>, Vec<Problem>) {
        (self.errors, self.warnings)
    }

    fn wrong_type(&mut self, node: &Node, at: Position, wanted: &str) {
        self.value(
            at,
            format!("{} is not {}", node.describe(), short(wanted)),
            format!("expected {wanted}"),
        );
    }
}

/// A map while it is read.
pub(crate) struct MapView<'t> {
    schema: &'static str,
    at: Position,
    entries: &'t [Entry],
}

impl<'t> MapView<'t> {
    /// The map that `node` is, with the keys that the schema has below the path `schema`. Problems
    /// of the map as a whole are shown at `at`: its name, where it has one.
    pub(crate) fn of(
        report: &mut Report,
        node: &'t Node,
        at: Position,
        schema: &'static str,
    ) -> Option<Self> {
        let Data::Map(entries) = &node.data else {
            let names = keys::built(schema);
            let wanted = format!("a map with: {}", names.join(", "));
            let found = node.describe();
            report.value(
                node_position(node, at),
                format!("{found} is not a map"),
                format!("expected {wanted}"),
            );
            return None;
        };
        duplicates(report, entries);
        Some(Self {
            schema,
            at,
            entries,
        })
    }

    /// The entry of a key.
    pub(crate) fn get(&self, key: &'static str) -> Option<&'t Entry> {
        debug_assert!(
            keys::is_built(self.schema, key),
            "`{key}` below `{}` is not in schema::KEYS",
            self.schema
        );
        self.entries.iter().find(|e| *e.key == *key)
    }

    /// The entry of a key that must be there.
    pub(crate) fn required(&self, report: &mut Report, key: &'static str) -> Option<&'t Entry> {
        let entry = self.get(key);
        if entry.is_none() && !self.is_mistyped(key) {
            report.missing(self.at, self.schema, key);
        }
        entry
    }

    /// Whether an unknown key was meant to be this one: then that is what there is to say.
    pub(crate) fn is_mistyped(&self, key: &str) -> bool {
        self.entries
            .iter()
            .any(|entry| !self.is_known(entry) && self.suggested(&entry.key).contains(&key))
    }

    fn is_known(&self, entry: &Entry) -> bool {
        let is_later = || keys::later_doc(self.schema, &entry.key).is_some();
        keys::is_built(self.schema, &entry.key) || is_later()
    }

    /// What an unknown key may have been meant to be.
    fn suggested(&self, key: &str) -> Vec<&'static str> {
        let names = keys::built(self.schema);
        let all = names.into_iter().chain(keys::all_later(self.schema));
        suggested(key, all)
    }

    /// Reports that one of several keys is missing, unless a key of a later version or one that is
    /// mistyped stands there in its place, which is an error of its own.
    pub(crate) fn lacks(&self, report: &mut Report, keys: &str, hint: &str) {
        let later = |e: &Entry| keys::later_doc(self.schema, &e.key).is_some();
        let mut names = keys.split('`').skip(1).step_by(2);
        if self.entries.iter().any(later) || names.any(|name| self.is_mistyped(name)) {
            return;
        }
        let message = format!("missing key {keys}");
        report.push(
            self.at,
            About::Map,
            message,
            format!("expected {keys}: {hint}"),
        );
    }

    /// Reports the keys that the schema does not have, or not in this version.
    pub(crate) fn finish(self, report: &mut Report) {
        for entry in self.entries {
            if keys::is_built(self.schema, &entry.key) {
                continue;
            }
            if let Some(doc) = keys::later_doc(self.schema, &entry.key) {
                report.later(entry, format!("remove it ({doc})"));
                continue;
            }
            if &*entry.key == "<<" {
                let hint = "write out the keys; profiles have `extends`";
                report.key(entry.at, "merge keys (`<<`) are not supported", hint);
                continue;
            }
            let names = keys::built(self.schema);
            let mut hint = format!("expected one of: {}", names.join(", "));
            hint.push_str(&did_you_mean(&self.suggested(&entry.key)));
            report.key(entry.at, format!("unknown key `{}`", entry.key), hint);
        }
    }
}

/// A collection's own position is that of its first item: the name that holds it says more.
pub(crate) fn node_position(node: &Node, at: Position) -> Position {
    match node.data {
        Data::Scalar { .. } => node.at,
        _ => at,
    }
}

pub(crate) fn duplicates(report: &mut Report, entries: &[Entry]) {
    let mut seen = HashMap::new();
    for entry in entries {
        match seen.entry(&*entry.key) {
            Slot::Vacant(slot) => {
                slot.insert(entry.at);
            }
            Slot::Occupied(first) => twice(report, entry, *first.get()),
        }
    }
}

/// Reports a key that stands elsewhere too.
pub(crate) fn twice(report: &mut Report, entry: &Entry, first: Position) {
    let hint = format!("the first is in {}", report.place(first, entry.at));
    report.key(entry.at, format!("duplicate key `{}`", entry.key), hint);
}

/// The items of a list.
pub(crate) fn list<'t>(report: &mut Report, entry: &'t Entry, items: &str) -> &'t [Node] {
    match &entry.value.data {
        Data::List(nodes) => nodes,
        Data::Scalar { text, .. } => {
            report.value(
                entry.value.at,
                format!("`{text}` is not a list"),
                format!("expected a list of {items}: [ {text} ]"),
            );
            &[]
        }
        _ => {
            report.value(
                entry.at,
                format!("{} is not a list", entry.value.describe()),
                format!("expected a list of {items}"),
            );
            &[]
        }
    }
}

/// As [`list`], with at least one item.
pub(crate) fn full_list<'t>(report: &mut Report, entry: &'t Entry, items: &str) -> &'t [Node] {
    let nodes = list(report, entry, items);
    if nodes.is_empty() && matches!(entry.value.data, Data::List(_)) {
        let hint = format!("expected {items}, at least one");
        report.value(entry.at, "the list is empty", hint);
    }
    nodes
}

/// The entries of a map whose keys are names that the user chose. Nothing (`trunks:`) is an empty
/// map.
pub(crate) fn names<'t>(report: &mut Report, entry: &'t Entry, of: &str) -> &'t [Entry] {
    let entries = match &entry.value.data {
        Data::Map(entries) => entries.as_slice(),
        Data::Null => &[],
        _ => {
            let at = node_position(&entry.value, entry.at);
            report.wrong_type(&entry.value, at, &format!("a map of {of} by name"));
            &[]
        }
    };
    duplicates(report, entries);
    for entry in entries {
        check_name(report, &entry.key, entry.at);
    }
    entries
}

/// A name that other places may refer to.
pub(crate) fn check_name(report: &mut Report, name: &str, at: Position) {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(fine) {
        let message = match name {
            "" => "the name is empty".to_owned(),
            name => format!("`{name}` is not a name"),
        };
        report.value(at, message, "expected letters, digits, `-`, `_` and `.`");
    }
}

/// A value that is written as one scalar.
pub(crate) trait Scalar: Sized {
    /// What is expected: `a duration like 30s, 500ms or 2h`.
    const EXPECTED: &'static str;

    /// Reads it; the error says what is wrong, or is empty where there is nothing more to say.
    fn read(text: &str) -> Result<Self, String>;
}

impl Scalar for String {
    const EXPECTED: &'static str = "text";

    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

/// Reports a text that cannot stand in a message.
pub(crate) fn one_line(report: &mut Report, text: &Spanned<String>) {
    if text.contains(['\r', '\n', '\0']) {
        let hint = "expected one line";
        report.value(text.at, "the text holds a line break", hint);
    }
}

/// What is expected, without example.
fn short(expected: &str) -> &str {
    let end = expected.find(" like ").or_else(|| expected.find(" ("));
    end.map_or(expected, |end| &expected[..end])
}

/// Reads a scalar.
pub(crate) fn scalar<T: Scalar>(
    report: &mut Report,
    node: &Node,
    at: Position,
) -> Option<Spanned<T>> {
    let Data::Scalar { text, .. } = &node.data else {
        let at = if matches!(node.data, Data::Null) || node.at.id == at.id {
            at
        } else {
            node.at
        };
        report.wrong_type(node, at, T::EXPECTED);
        return None;
    };
    match T::read(text) {
        Ok(value) => Some(Spanned { value, at: node.at }),
        Err(why) => {
            let message = if why.is_empty() {
                format!("`{text}` is not {}", short(T::EXPECTED))
            } else {
                format!("`{text}`: {why}")
            };
            report.value(node.at, message, format!("expected {}", T::EXPECTED));
            None
        }
    }
}

/// Reads the scalar of an entry.
pub(crate) fn field<T: Scalar>(report: &mut Report, entry: Option<&Entry>) -> Option<Spanned<T>> {
    let entry = entry?;
    scalar(report, &entry.value, entry.at)
}

/// One word of several.
pub(crate) fn word<T: Copy>(
    report: &mut Report,
    entry: Option<&Entry>,
    words: &[(&'static str, T)],
) -> Option<Spanned<T>> {
    let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let Data::Scalar { .. } = entry?.value.data else {
        let Entry { at, value, .. } = entry?;
        let hint = format!("expected one of: {}", names.join(", "));
        let message = format!("{} is not a word", value.describe());
        report.value(node_position(value, *at), message, hint);
        return None;
    };
    let text: Spanned<String> = field(report, entry)?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
        return Some(Spanned {
            value: *value,
            at: text.at,
        });
    }
    let hint = expected(&text.value, "value", &names);
    report.value(text.at, format!("unknown value `{}`", text.value), hint);
    None
}
