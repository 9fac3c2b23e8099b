//! `docs/limits.md` is held to the constants of each `limits.rs`.

use crate::docs::{table, tests};
use crate::none;
use crate::tree::{File, read, rust};
use std::collections::BTreeSet;

#[test]
fn every_bound_is_on_the_page_with_its_value_and_its_test() {
    let page = read("docs/limits.md");
    let tests = tests();
    let mut breaches = Vec::new();
    let is_limits = |file: &&File| file.path.ends_with("/limits.rs");
    let of_program = |file: &&File| !file.path.contains("tests/");
    for file in rust().filter(is_limits).filter(of_program) {
        let heading = format!("`{}`\n", file.path);
        let Some((_, section)) = page.split_once(&heading) else {
            breaches.push(format!("docs/limits.md has no section for {}", file.path));
            continue;
        };
        let section = section.split("\n## ").next().unwrap_or_default();
        let rows = table(section);
        let mut named = BTreeSet::new();
        for (_, row) in &rows {
            named.insert(row[0].trim_matches('`'));
            let test = row.last().copied().unwrap_or_default();
            if test.is_empty()
                || test.starts_with('`') && !tests.contains_key(test.trim_matches('`'))
            {
                breaches.push(format!("docs/limits.md: {}: no test {test}", row[0]));
            }
        }
        for (name, value) in constants(file) {
            let row = rows
                .iter()
                .find(|(_, row)| row[0].trim_matches('`') == name);
            let written = row
                .and_then(|(_, row)| row.get(1))
                .map(|v| v.trim_matches('`'));
            if written != Some(value) {
                breaches.push(format!(
                    "docs/limits.md: {name} of {} is {value}",
                    file.path
                ));
            }
            named.remove(name);
        }
        for gone in named {
            breaches.push(format!("docs/limits.md: {} has no {gone}", file.path));
        }
    }
    none(&breaches);
}

/// Names and values of the constants of a file.
fn constants(file: &'static File) -> impl Iterator<Item = (&'static str, &'static str)> {
    file.text.lines().filter_map(|line| {
        let (_, constant) = line.strip_prefix("pub")?.split_once("const ")?;
        let (name, rest) = constant.split_once(':')?;
        let (_, value) = rest.split_once("= ")?;
        Some((name, value.strip_suffix(';')?))
    })
}

#[test]
fn constants_are_found_with_their_values() {
    let file = rust().find(|file| file.path == "sbc-core/src/limits.rs");
    let found: Vec<_> = constants(file.expect("the file")).collect();
    assert!(found.contains(&("HEADERS", "128")));
    assert!(found.contains(&("CONNECT", "Duration::from_secs(5)")));
}
