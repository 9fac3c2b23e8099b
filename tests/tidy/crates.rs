//! What Cargo knows: who depends on whom, under which licence, and how often.

use crate::docs::table;
use crate::none;
use crate::tree::{read, root};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::OnceLock;

/// The crates between the root and `sbc-core`: each may be used without the others.
const MIDDLE: [&str; 5] = ["apps", "call-control", "media-relay", "policies", "siprec"];

#[test]
fn crates_depend_downwards_only() {
    let mut breaches = Vec::new();
    let members = members();
    for package in packages().filter(|package| members.contains(id(package))) {
        let name = name(package);
        let allowed: &[&str] = match name {
            "sbc" => continue,
            "sbc-core" => &[],
            _ if MIDDLE.contains(&name) => &["sbc-core"],
            _ => {
                breaches.push(format!("{name} is not in the list MIDDLE"));
                continue;
            }
        };
        for dependency in list(&package["dependencies"]) {
            let other = text(&dependency["name"]);
            if dependency["path"].is_string() && !allowed.contains(&other) {
                breaches.push(format!("{name} must not depend on {other}"));
            }
        }
    }
    none(&breaches);
}

/// `deny.toml` holds the list, so that cargo-deny and this test agree.
#[test]
fn every_licence_is_on_the_list_in_deny_toml() {
    let allowed = entries("allow");
    let clarified = entries("clarified");
    let mut breaches = Vec::new();
    for package in packages().filter(|package| package["source"].is_string()) {
        match package["license"].as_str() {
            Some(expression) if permits(expression, &allowed) => {}
            Some(expression) => breaches.push(format!("{}: {expression}", versioned(package))),
            None if clarified.iter().any(|known| known == name(package)) => {}
            None => breaches.push(format!("{}: no licence expression", versioned(package))),
        }
    }
    none(&breaches);
}

#[test]
fn a_crate_in_two_versions_has_its_reason_in_deny_toml() {
    let mut breaches = Vec::new();
    let skipped = entries("skip");
    let mut doubled = BTreeSet::new();
    for (name, versions) in versions_used() {
        if versions.len() < 2 {
            continue;
        }
        let known = |version: &&String| skipped.contains(&format!("{name}@{version}"));
        let listed = versions.iter().filter(known).count();
        doubled.extend(versions.iter().map(|version| format!("{name}@{version}")));
        if listed + 1 < versions.len() {
            let all = versions
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ");
            breaches.push(format!("{name} in versions {all}: see `cargo tree -d`"));
        }
    }
    for stale in skipped.iter().filter(|entry| !doubled.contains(*entry)) {
        breaches.push(format!(
            "{stale} is not doubled any more: remove it from deny.toml"
        ));
    }
    none(&breaches);
}

#[test]
fn no_dependency_wants_a_newer_compiler_than_we_promise() {
    let ours = packages()
        .find(|package| name(package) == "sbc")
        .map(compiler);
    let breaches: Vec<String> = packages()
        .filter(|package| Some(compiler(package)) > ours)
        .map(|package| format!("{} wants {}", versioned(package), package["rust_version"]))
        .collect();
    none(&breaches);
}

/// `docs/dependencies.md`: tables whose rows begin with a name in backticks and its version.
#[test]
fn every_dependency_is_explained() {
    let members = members();
    let direct: BTreeSet<&str> = packages()
        .filter(|package| members.contains(id(package)))
        .flat_map(|package| list(&package["dependencies"]))
        .filter(|dependency| !dependency["path"].is_string())
        .map(|dependency| text(&dependency["name"]))
        .collect();
    let mut breaches = Vec::new();
    let mut explained = BTreeSet::new();
    for (number, row) in table(read("docs/dependencies.md")) {
        let name = row[0].trim_matches('`');
        let version = row.get(1).copied().unwrap_or_default();
        explained.insert(name);
        let locked: Vec<&str> = packages()
            .filter(|package| crate::crates::name(package) == name)
            .map(|package| text(&package["version"]))
            .collect();
        if !row[0].starts_with('`') {
            continue;
        }
        if !direct.contains(name) {
            breaches.push(format!("docs/dependencies.md:{number}: {name} is not used"));
        } else if !locked.contains(&version) {
            let locked = locked.join(", ");
            breaches.push(format!(
                "docs/dependencies.md:{number}: {name} is at {locked}"
            ));
        }
    }
    for name in direct.difference(&explained) {
        breaches.push(format!("docs/dependencies.md has no row for {name}"));
    }
    none(&breaches);
}

/// `cargo metadata` for this platform, with every feature.
fn metadata() -> &'static Value {
    static METADATA: OnceLock<Value> = OnceLock::new();
    METADATA.get_or_init(|| {
        let version = cargo(&["--version", "--verbose"]);
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.expect("cargo says which platform it runs on");
        let metadata = [
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--all-features",
        ];
        let json = cargo(&[&metadata[..], &["--filter-platform", host]].concat());
        serde_json::from_str(&json).expect("cargo metadata prints JSON")
    })
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .output();
    let output = output.expect("the cargo that built this test can be run");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo {}: {complaint}",
        arguments.join(" ")
    );
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

fn packages() -> impl Iterator<Item = &'static Value> {
    list(&metadata()["packages"]).iter()
}

fn members() -> BTreeSet<&'static str> {
    list(&metadata()["workspace_members"])
        .iter()
        .map(text)
        .collect()
}

/// Name and versions of everything that is compiled on this platform, tests included.
fn versions_used() -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut versions: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for package in packages() {
        versions
            .entry(name(package))
            .or_default()
            .insert(text(&package["version"]).to_owned());
    }
    versions
}

fn compiler(package: &Value) -> Vec<u32> {
    let version = package["rust_version"].as_str().unwrap_or("1.0");
    let mut parts: Vec<u32> = version
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect();
    parts.resize(3, 0);
    parts
}

fn list(value: &'static Value) -> &'static [Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("cargo metadata gives a string here")
}

fn id(package: &Value) -> &str {
    text(&package["id"])
}

fn name(package: &Value) -> &str {
    text(&package["name"])
}

fn versioned(package: &Value) -> String {
    format!("{} {}", name(package), text(&package["version"]))
}

/// The first string of each line between `key = [` and `]` in `deny.toml`; of `[[..clarify]]`
/// tables the name of the crate, under the key `clarified`.
fn entries(key: &str) -> Vec<String> {
    let opening = if key == "clarified" {
        "[[licenses.clarify]]".into()
    } else {
        format!("{key} = [")
    };
    let closing = if key == "clarified" { "" } else { "]" };
    let mut found = Vec::new();
    let mut inside = false;
    for line in read("deny.toml").lines().map(str::trim) {
        if line == opening {
            inside = true;
        } else if line == closing {
            inside = false;
        } else if inside
            && !line.starts_with('#')
            && (key != "clarified" || line.starts_with("crate = "))
        {
            found.extend(line.split('"').nth(1).map(str::to_owned));
        }
    }
    assert!(!found.is_empty(), "deny.toml has no list {key}");
    found
}

/// Whether an SPDX expression (`/` is the old way of writing OR) can be met by allowed licences.
fn permits(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    either(&tokens, &mut at, allowed) && at == tokens.len()
}

fn either(tokens: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut permitted = both(tokens, at, allowed);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        permitted |= both(tokens, at, allowed);
    }
    permitted
}

fn both(tokens: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut permitted = licence(tokens, at, allowed);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        permitted &= licence(tokens, at, allowed);
    }
    permitted
}

fn licence(tokens: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let Some(&token) = tokens.get(*at) else {
        return false;
    };
    *at += 1;
    if token == "(" {
        let permitted = either(tokens, at, allowed);
        *at += 1;
        return permitted;
    }
    let mut name = token.to_owned();
    if tokens.get(*at) == Some(&"WITH") {
        name = format!("{token} WITH {}", tokens.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    allowed.contains(&name)
}

#[test]
fn licence_expressions_are_evaluated() {
    let allowed = [
        "MIT".to_owned(),
        "Unicode-3.0".to_owned(),
        "A WITH E".to_owned(),
    ];
    for good in [
        "MIT",
        "GPL-3.0 OR MIT",
        "GPL/MIT",
        "(X OR MIT) AND Unicode-3.0",
        "A WITH E",
    ] {
        assert!(permits(good, &allowed), "{good}");
    }
    for bad in [
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR X) AND Y",
        "A",
        "MIT WITH E",
        "",
    ] {
        assert!(!permits(bad, &allowed), "{bad}");
    }
}
