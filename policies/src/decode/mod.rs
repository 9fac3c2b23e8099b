//! From the tree to the schema: one visitor for each section, all of them collecting.

mod cases;
mod codecs;
mod crossing;
mod headers;
mod maps;
mod network;
mod peers;
mod profiles;
mod quota;
mod rest;
mod routes;

use crate::problem::{did_you_mean, suggested};
use crate::schema::{Config, Inner, Parameter, Pattern, Spanned, Test, When};
use crate::template::{Expression, Scope};
use crate::tree::{Data, Entry, Node, Position};
use crate::visit::{self, MapView, Report, Scalar};
use sbc_core::ports::Param;

/// Reads a whole file. What could not be read is missing or has its default, with an error on
/// record.
pub(crate) fn config(report: &mut Report, root: &Node) -> Config {
    let mut config = Config::default();
    let Some(map) = MapView::of(report, root, root.at, "") else {
        return config;
    };
    version(report, map.get("version"));
    if let Some(entry) = map.get("listeners") {
        config.listeners = network::listeners(report, entry);
    }
    if let Some(entry) = map.get("realms") {
        config.realms = network::realms(report, entry);
    }
    if let Some(entry) = map.get("trunks") {
        config.trunks = peers::trunks(report, entry);
    }
    if let Some(entry) = map.get("recorders") {
        config.recorders = peers::recorders(report, entry);
    }
    // Before what looks them up.
    if let Some(entry) = map.get("maps") {
        report.maps = maps::maps(report, entry);
    }
    if let Some(entry) = map.get("profiles") {
        config.profiles = profiles::profiles(report, entry);
    }
    if let Some(entry) = map.get("routes") {
        config.routes = routes::routes(report, entry);
    }
    if let Some(entry) = map.get("control") {
        config.control = rest::control(report, entry);
    }
    if let Some(entry) = map.get("observe") {
        config.observe = rest::observe(report, entry);
    }
    if let Some(drain) = visit::field(report, map.get("drain")) {
        config.drain = crate::schema::Drain(drain.value);
    }
    config.limits = quota::limits(report, map.get("limits"), "limits");
    if let Some(entry) = map.get("log") {
        config.log = rest::log(report, entry);
    }
    if let Some(entry) = map.get("tests") {
        config.tests = cases::cases(report, entry);
    }
    config.srs = map.get("srs").and_then(|e| rest::srs(report, e));
    // What is missing may be in the file that could not be read.
    let is_whole = !report.is_in_part();
    if is_whole && map.get("srs").is_none() {
        map.required(report, "listeners");
    }
    if is_whole && map.get("listeners").is_some() {
        map.required(report, "realms");
        map.required(report, "routes");
    }
    doubts(report, &map, &mut config);
    map.finish(report);
    config
}

/// Notes which sections are not there because their names are mistyped, or a file cannot be read:
/// whoever refers to what is in them is right.
fn doubts(report: &Report, map: &MapView<'_>, config: &mut Config) {
    let in_part = report.is_in_part();
    let lacks = |section: &'static str| {
        let is_needed = section == "realms" && map.get("listeners").is_some();
        in_part || (map.get(section).is_none() && (is_needed || map.is_mistyped(section)))
    };
    if lacks("listeners") {
        config.listeners.doubt_all();
    }
    if lacks("realms") {
        config.realms.doubt_all();
    }
    if lacks("trunks") {
        config.trunks.doubt_all();
    }
    if lacks("recorders") {
        config.recorders.doubt_all();
    }
    if lacks("profiles") {
        config.profiles.doubt_all();
    }
}

pub(crate) fn version(report: &mut Report, entry: Option<&Entry>) {
    let Some(version): Option<Spanned<u16>> = visit::field(report, entry) else {
        return;
    };
    if version.value != 1 {
        let message = format!("version {} is not known", version.value);
        report.value(version.at, message, "expected 1");
    }
}

/// Things by name, each read by `read`.
fn named<T>(
    report: &mut Report,
    entry: &Entry,
    what: &str,
    read: impl Fn(&mut Report, &Entry) -> Option<T>,
) -> crate::schema::Names<T> {
    let mut names = crate::schema::Names::default();
    if !matches!(entry.value.data, Data::Map(_) | Data::Null) {
        names.doubt_all();
    }
    for entry in visit::names(report, entry, what) {
        let errors = report.count();
        let value = read(report, entry);
        if report.count() > errors {
            names.doubt(&entry.key);
        }
        let name = Spanned {
            value: entry.key.to_string(),
            at: entry.at,
        };
        names.push(name, value);
    }
    names
}

/// A list of scalars.
fn scalars<T: Scalar>(report: &mut Report, nodes: &[Node]) -> Vec<Spanned<T>> {
    nodes
        .iter()
        .filter_map(|node| visit::scalar(report, node, node.at))
        .collect()
}

/// A condition: fields with expressions, `not`, `any`, `expr`. `scope` says what else than maps may
/// be asked where it stands.
fn when(report: &mut Report, node: &Node, at: Position, scope: Scope<'static>) -> When {
    let Data::Map(entries) = &node.data else {
        report.value(
            at,
            format!("{} is not a condition", node.describe()),
            "expected fields with regular expressions: { to.user: '^1', not: { .. }, \
             any: [ .. ] }, or { expr: EXPRESSION }",
        );
        return Vec::new();
    };
    visit::duplicates(report, entries);
    entries
        .iter()
        .filter_map(|entry| test(report, entry, scope))
        .collect()
}

fn test(report: &mut Report, entry: &Entry, scope: Scope<'static>) -> Option<Test> {
    match &*entry.key {
        "not" => Some(Test::Not(when(report, &entry.value, entry.at, scope))),
        "any" => {
            let nodes = visit::full_list(report, entry, "conditions");
            let any = nodes.iter().map(|node| when(report, node, node.at, scope));
            Some(Test::Any(any.collect()))
        }
        "expr" => expression(report, entry, scope).map(Test::Expr),
        name => match scope.field(name) {
            Ok(field) => {
                let pattern: Option<Spanned<Pattern>> = visit::field(report, Some(entry));
                Some(Test::Matches(field, pattern?.value))
            }
            Err(error) => {
                let mut hint = error.hint().to_owned();
                if !hint.contains("did you mean") {
                    let near = suggested(name, ["not", "any", "expr"]);
                    hint.push_str(&did_you_mean(&near));
                }
                report.key(entry.at, error.to_string(), hint);
                None
            }
        },
    }
}

/// `expr`: one expression that holds or does not.
fn expression(report: &mut Report, entry: &Entry, scope: Scope<'static>) -> Option<Expression> {
    let text: Spanned<String> = visit::field(report, Some(entry))?;
    if text.contains("${") {
        report.value(
            text.at,
            "`expr` is an expression as a whole",
            "remove `${` and `}`",
        );
        return None;
    }
    let maps = Some(&report.maps);
    let parsed = Expression::parse_in(&text, Scope { maps, ..scope });
    parsed
        .map_err(|error| report.value(text.at, error.to_string(), error.hint()))
        .ok()
}

/// Parameters of a module: every entry but `use`.
fn parameters(entries: &[Entry]) -> Vec<Parameter> {
    entries
        .iter()
        .filter(|entry| &*entry.key != "use")
        .map(|entry| Parameter {
            key: Spanned {
                value: entry.key.to_string(),
                at: entry.at,
            },
            value: param(&entry.value),
            at: visit::node_position(&entry.value, entry.at),
            inner: inner(&entry.value),
        })
        .collect()
}

/// Reports keys that stand twice, however deep.
fn duplicates(report: &mut Report, node: &Node) {
    match &node.data {
        Data::Null | Data::Scalar { .. } => {}
        Data::List(items) => items.iter().for_each(|item| duplicates(report, item)),
        Data::Map(entries) => {
            visit::duplicates(report, entries);
            for entry in entries {
                duplicates(report, &entry.value);
            }
        }
    }
}

fn inner(node: &Node) -> Vec<Inner> {
    let mut all = Vec::new();
    collect(node, "", &mut all);
    all
}

fn collect(node: &Node, path: &str, all: &mut Vec<Inner>) {
    match &node.data {
        Data::Null | Data::Scalar { .. } => {}
        Data::List(items) => {
            for (n, item) in items.iter().enumerate() {
                let path = format!("{path}[{n}]");
                collect(item, &path, all);
                all.push(Inner {
                    path,
                    name: String::new(),
                    key: item.at,
                    at: item.at,
                });
            }
        }
        Data::Map(entries) => {
            for entry in entries {
                let path = format!("{path}.{}", entry.key);
                collect(&entry.value, &path, all);
                all.push(Inner {
                    path,
                    name: entry.key.to_string(),
                    key: entry.at,
                    at: visit::node_position(&entry.value, entry.at),
                });
            }
        }
    }
}

fn param(node: &Node) -> Param {
    match &node.data {
        Data::Null => Param::Text(String::new()),
        Data::Scalar { text, plain: false } => Param::Text(text.to_string()),
        Data::Scalar { text, plain: true } => match &**text {
            "true" => Param::Bool(true),
            "false" => Param::Bool(false),
            text => number(text).unwrap_or_else(|| Param::Text(text.to_owned())),
        },
        Data::List(items) => Param::List(items.iter().map(param).collect()),
        Data::Map(entries) => {
            let pairs = entries.iter().map(|e| (e.key.to_string(), param(&e.value)));
            Param::Map(pairs.collect())
        }
    }
}

/// A plain number; text with a leading zero or plus (a phone number) is none.
fn number(text: &str) -> Option<Param> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let first = digits.bytes().next()?;
    if !first.is_ascii_digit() || (first == b'0' && digits.len() > 1 && !digits.starts_with("0.")) {
        return None;
    }
    let int = text.parse().ok().map(Param::Int);
    int.or_else(|| text.parse().ok().map(Param::Float))
}
