//! `maps`: what templates look up.

use super::headers::with_groups;
use crate::include;
use crate::limits;
use crate::maps::{Map, Maps, read_table};
use crate::problem::{About, Problem, Source};
use crate::schema::{Pattern, Secret, Spanned};
use crate::template::{Scope, Template};
use crate::tree::{Data, Entry, Node, Position};
use crate::visit::{self, MapView, Report};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) fn maps(report: &mut Report, entry: &Entry) -> Maps {
    Maps::new(super::named(report, entry, "maps", map))
}

fn map(report: &mut Report, entry: &Entry) -> Option<Arc<Map>> {
    const SHAPE: &str = "{ table: { KEY: VALUE } }, { file: PATH } or \
                         { regex: [ { match: REGEX, with: TEXT } ] }";
    let map = MapView::of(report, &entry.value, entry.at, "maps.*")?;
    let read = match (map.get("table"), map.get("regex"), map.get("file")) {
        (Some(table), None, None) => entries(report, table).map(Map::Table),
        (None, Some(rules), None) => Some(Map::Regex(regexes(report, rules))),
        (None, None, Some(path)) => file(report, path).map(Map::Table),
        (None, None, None) => {
            map.lacks(report, "`table`, `file` or `regex`", SHAPE);
            None
        }
        _ => {
            let hint = format!("expected {SHAPE}");
            report.value(entry.at, "a map is one thing", hint);
            None
        }
    };
    map.finish(report);
    read.map(Arc::new)
}

fn entries(report: &mut Report, entry: &Entry) -> Option<HashMap<Box<str>, Arc<str>>> {
    let Data::Map(entries) = &entry.value.data else {
        let message = format!("{} is not a map", entry.value.describe());
        report.value(entry.at, message, "expected keys with their values");
        return None;
    };
    visit::duplicates(report, entries);
    let mut table = HashMap::with_capacity(entries.len());
    for entry in entries {
        let value: Option<Spanned<String>> = visit::field(report, Some(entry));
        if let Some(value) = value {
            table.insert(entry.key.clone(), value.value.into());
        }
    }
    Some(table)
}

fn regexes(report: &mut Report, entry: &Entry) -> Vec<(Pattern, Template)> {
    let nodes = visit::full_list(report, entry, "{ match: REGEX, with: TEXT }");
    if let Some(node) = nodes.get(limits::MAP_REGEXES) {
        let hint = format!("expected at most {}", limits::MAP_REGEXES);
        report.value(node.at, "too many expressions of one map", hint);
        return Vec::new();
    }
    let rules = nodes.iter().filter_map(|node| regex(report, node));
    rules.collect()
}

fn regex(report: &mut Report, node: &Node) -> Option<(Pattern, Template)> {
    let map = MapView::of(report, node, node.at, "maps.*.regex[]")?;
    let pattern = map.required(report, "match");
    let pattern: Option<Spanned<Pattern>> = visit::field(report, pattern);
    let entry = map.required(report, "with");
    let with = with_groups(report, entry, Scope::default(), pattern.as_ref());
    map.finish(report);
    let with = with?;
    if let (true, Some(entry)) = (with.has_expressions(), entry) {
        report.value(
            entry.value.at,
            "a map knows its key only",
            "expected text with `$0` to `$9`; `${...}` stands where the map is asked",
        );
        return None;
    }
    Some((pattern?.value, with))
}

/// A table in a file of its own.
fn file(report: &mut Report, entry: &Entry) -> Option<HashMap<Box<str>, Arc<str>>> {
    let path: Spanned<PathBuf> = visit::field(report, Some(entry))?;
    let full = report.dir(path.at).join(&path.value);
    let text = match include::text_of_file(&full, limits::FILE_BYTES) {
        Ok(text) => text,
        Err(why) => {
            let message = format!("the file cannot be read: {why}");
            let hint = "expected the path of a file with a line `key,value` for each entry";
            report.value(path.at, message, hint);
            return None;
        }
    };
    // A reload compares what was read, and shows none of it.
    report.read_elsewhere(path.at, &Secret::of(&text));
    match read_table(text.strip_prefix('\u{feff}').unwrap_or(&text)) {
        Ok(table) => Some(table),
        Err((line, message)) => {
            report.add_problem(bad_line(&full, &text, line, message));
            None
        }
    }
}

/// A mistake in a file of entries, shown as one of the configuration is.
fn bad_line(path: &Path, text: &str, line: usize, message: String) -> Problem {
    let length = text.lines().nth(line - 1).map_or(1, |l| l.chars().count());
    let source = Source::new(&path.display().to_string(), text, None);
    let at = Position {
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: 1,
        length: u32::try_from(length).unwrap_or(1),
        ..Position::default()
    };
    let hint = "expected key, comma, value; each key once".to_owned();
    Problem::new(&Arc::new(source), at, About::Text, message, hint)
}
