//! Which module of `sbc-core` may name which, so that each layer can be read, tested and replaced
//! without those above it.
//!
//! A layer may name the layers to its left in [`LAYERS`] and the ground that all share,
//! [`GROUND`]. Three files hold data that crosses layers and are judged by themselves:
//! `transport::flow` (where a message came from and goes to), `b2bua::plan` and `b2bua::event`
//! (what a policy decides and what a call tells, which the traits in `ports` speak of). Tests
//! inside a file are exempt, and `lib.rs`, which lists what the crate exports.

use crate::mask::{is_word, words};
use crate::none;
use crate::tree::{File, rust};
use std::collections::BTreeMap;

/// From the wire upwards; the endpoint is last because it drives all the others (decision 008).
const LAYERS: [&str; 10] = [
    "sip",
    "sdp",
    "auth",
    "transaction",
    "dialog",
    "ua",
    "registrar",
    "b2bua",
    "transport",
    "endpoint",
];

/// What every layer may name, and what each of these may name itself.
const GROUND: [(&str, &[&str]); 14] = [
    ("time", &[]),
    ("probe", &[]),
    ("entropy", &["time"]),
    ("limits", &["time"]),
    ("error", &["sip"]),
    ("net", &["sip", "transport::flow"]),
    ("transport::flow", &["net", "sip"]),
    // Names of counters, and one struct for each event that is logged and counted.
    ("metrics", &["net", "sip"]),
    (
        "telemetry",
        &["metrics", "net", "sip", "time", "transport::flow"],
    ),
    // State that outlives a configuration: keys and boxed values.
    ("state_book", &["time"]),
    ("quota", &["net", "sip", "state_book", "time"]),
    (
        "ports",
        &[
            "entropy",
            "error",
            "limits",
            "net",
            "probe",
            "quota",
            "sip",
            "sdp",
            "state_book",
            "time",
            DATA,
        ],
    ),
    (
        "b2bua::plan",
        &[
            "net",
            "ports",
            "quota",
            "sdp",
            "sip",
            "time",
            "transport::flow",
        ],
    ),
    (
        "b2bua::event",
        &["net", "ports", "sdp", "sip", "time", "transport::flow"],
    ),
];

/// Stands for the three files of data.
const DATA: &str = "data";
const DATA_FILES: [&str; 3] = ["transport::flow", "b2bua::plan", "b2bua::event"];

/// Virtual clock, network and phones: it drives everything and nothing may know of it.
const TESTING: &str = "testing";

#[test]
fn no_module_of_sbc_core_names_a_higher_layer() {
    let files: Vec<&File> = rust()
        .filter(|file| file.path.starts_with("sbc-core/src/") && !is_test(file))
        .collect();
    let exports = exports(&files);
    let mut breaches = Vec::new();
    for file in &files {
        let module = module(&file.path);
        let Some(first) = module.first().filter(|&&first| first != TESTING) else {
            continue;
        };
        let from = place(&module);
        if !LAYERS.contains(first) && !is_ground(first) {
            breaches.push(format!(
                "{}: {first} has no place in LAYERS or GROUND",
                file.path
            ));
            continue;
        }
        for (at, path) in references(without_tests(&file.code), &module) {
            let to = place(&resolve(&path, &exports));
            if !to.is_empty() && !may_name(&from, &to) {
                breaches.push(format!("{}: {from} must not name {to}", file.place(at)));
            }
        }
    }
    breaches.dedup();
    none(&breaches);
}

fn is_ground(module: &str) -> bool {
    GROUND.iter().any(|(name, _)| *name == module)
}

/// What a module counts as: its first part, or the file of data that it is.
fn place(module: &[&str]) -> String {
    let two = module
        .iter()
        .take(2)
        .copied()
        .collect::<Vec<_>>()
        .join("::");
    if DATA_FILES.contains(&two.as_str()) {
        return two;
    }
    module
        .first()
        .map(|first| (*first).to_owned())
        .unwrap_or_default()
}

fn may_name(from: &str, to: &str) -> bool {
    if from == to {
        return true;
    }
    if let Some((_, allowed)) = GROUND.iter().find(|(name, _)| *name == from) {
        return allowed.contains(&to) || (allowed.contains(&DATA) && DATA_FILES.contains(&to));
    }
    // A machine may know what it is told to do and what it tells: to the left of b2bua this is
    // only reached through `ports`, so naming the plan there would be a detour.
    let position = |layer: &str| LAYERS.iter().position(|name| *name == layer);
    match to.split_once("::") {
        Some(("b2bua", _)) => position(from) >= position("b2bua"),
        _ if is_ground(to) => true,
        _ => position(to).is_some_and(|to| Some(to) < position(from)),
    }
}

/// `sbc-core/src/a/b.rs` is `[a, b]`.
fn module(path: &str) -> Vec<&str> {
    let inner = path
        .trim_start_matches("sbc-core/src/")
        .trim_end_matches(".rs");
    inner
        .split('/')
        .filter(|part| !["mod", "lib"].contains(part))
        .collect()
}

fn is_test(file: &File) -> bool {
    file.path.ends_with("/tests.rs") || file.path.contains("/tests/")
}

/// The code before the module of tests, which house order puts last.
fn without_tests(code: &str) -> &str {
    let tests = code.match_indices("#[cfg(test)]").find(|(at, marker)| {
        let next = code[at + marker.len()..].trim_start();
        next.starts_with("mod ")
            && next
                .find('{')
                .is_some_and(|open| !next[..open].contains(';'))
    });
    tests.map_or(code, |(at, _)| &code[..at])
}

/// `(module, item) -> path below the module` of what the `mod.rs` and `lib.rs` files re-export.
type Exports<'a> = BTreeMap<(Vec<&'a str>, &'a str), Vec<&'a str>>;

fn exports<'a>(files: &[&'a File]) -> Exports<'a> {
    let mut exports = Exports::new();
    for file in files
        .iter()
        .filter(|f| f.path.ends_with("mod.rs") || f.path.ends_with("lib.rs"))
    {
        let module = module(&file.path);
        for (at, _) in file.code.match_indices("pub use ") {
            let mut found = Vec::new();
            tree(&file.code[at + "pub use ".len()..], &[], &mut found);
            for path in found {
                if let Some(item) = path.last() {
                    exports.insert((module.clone(), item), path.clone());
                }
            }
        }
    }
    exports
}

/// Follows re-exports: `[Entropy]` is `[entropy, Entropy]`.
fn resolve<'a>(path: &[&'a str], exports: &Exports<'a>) -> Vec<&'a str> {
    let mut path = path.to_vec();
    for depth in 0..path.len().min(2) {
        let key = (path[..depth].to_vec(), path[depth]);
        if let Some(target) = exports.get(&key).filter(|target| target.len() > 1) {
            let full = if target[0] == "crate" {
                &target[1..]
            } else {
                target
            };
            path.splice(depth..=depth, full.iter().copied());
        }
    }
    path
}

/// Every path that begins with `crate` or `super`, from the root of the crate.
fn references<'a>(code: &'a str, module: &[&'a str]) -> Vec<(usize, Vec<&'a str>)> {
    let mut references = Vec::new();
    for at in words(code, "crate").chain(words(code, "super")) {
        let mut found = Vec::new();
        tree(&code[at..], &[], &mut found);
        let inner = code[..at].ends_with("super::");
        for path in found.into_iter().filter(|path| path.len() > 1 && !inner) {
            let ups = path.iter().take_while(|part| **part == "super").count();
            let base = if ups == 0 {
                &[]
            } else {
                &module[..module.len().saturating_sub(ups)]
            };
            let below = path.iter().skip(ups.max(1)).copied();
            references.push((at, base.iter().copied().chain(below).collect()));
        }
    }
    references
}

/// The paths of the use tree that `code` begins with; returns where it ends.
fn tree<'a>(code: &'a str, prefix: &[&'a str], found: &mut Vec<Vec<&'a str>>) -> usize {
    let mut path = prefix.to_vec();
    let mut at = 0;
    loop {
        at += code[at..].len() - code[at..].trim_start().len();
        if code[at..].starts_with('{') {
            at += 1;
            while !code[at..].trim_start().starts_with('}') && at < code.len() {
                at += tree(&code[at..], &path, found).max(1);
                at += code[at..].find([',', '}']).unwrap_or(code.len() - at);
                at += usize::from(code[at..].starts_with(','));
            }
            return at + code[at..].find('}').map_or(0, |end| end + 1);
        }
        let end = code[at..]
            .bytes()
            .position(|b| !is_word(b))
            .unwrap_or(code.len() - at);
        if end > 0 && &code[at..at + end] != "self" {
            path.push(&code[at..at + end]);
        }
        at += end;
        if !code[at..].starts_with("::") {
            found.push(path);
            return at;
        }
        at += 2;
    }
}

#[test]
fn a_lower_layer_that_names_a_higher_one_is_found() {
    let code = "use crate::{time::Now, b2bua::{call::Call, plan::{CallPlan}}};\n\
                use super::super::endpoint::Route;\nfn f(x: crate::sip::Uri, y: super::Own) {}\n";
    let module = ["dialog", "state"];
    let named: Vec<String> = references(code, &module)
        .iter()
        .map(|(_, p)| place(p))
        .collect();
    assert_eq!(
        named,
        ["time", "b2bua", "b2bua::plan", "sip", "endpoint", "dialog"]
    );
    let refused: Vec<&str> = named
        .iter()
        .map(String::as_str)
        .filter(|to| !may_name("dialog", to))
        .collect();
    assert_eq!(refused, ["b2bua", "b2bua::plan", "endpoint"]);
    assert!(may_name("ports", "b2bua::plan") && !may_name("ports", "b2bua"));
    assert!(may_name("sip", "transport::flow") && !may_name("sip", "transport"));
    assert!(may_name("endpoint", "transport") && !may_name("transport", "endpoint"));
}

#[test]
fn a_re_export_counts_as_the_module_that_owns_it() {
    let exports: Exports<'_> = [
        ((vec![], "Entropy"), vec!["entropy", "Entropy"]),
        ((vec!["b2bua"], "CallPlan"), vec!["plan", "CallPlan"]),
    ]
    .into();
    assert_eq!(place(&resolve(&["Entropy"], &exports)), "entropy");
    assert_eq!(
        place(&resolve(&["b2bua", "CallPlan"], &exports)),
        "b2bua::plan"
    );
    assert_eq!(place(&resolve(&["b2bua", "Call"], &exports)), "b2bua");
}
