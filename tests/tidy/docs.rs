//! Documents that promise something are held to it.

use crate::mask::words;
use crate::none;
use crate::tree::{files, read, rust};
use std::collections::BTreeMap;
use std::path::Path;

const ARCHITECTURE_LINES: usize = 200;

#[test]
fn the_architecture_page_stays_short() {
    let lines = read("docs/ARCHITECTURE.md").lines().count();
    assert!(
        lines <= ARCHITECTURE_LINES,
        "{lines} lines, at most {ARCHITECTURE_LINES}"
    );
}

/// `docs/features.md` is a table `| feature | state | test |`; the last column names tests as
/// `` `path::function` ``, several with a comma. A path with a `/` is the file of the test.
#[test]
fn every_feature_names_a_test_that_exists() {
    let tests = tests();
    let mut breaches = Vec::new();
    for (number, cells) in table(read("docs/features.md")) {
        let place = format!("docs/features.md:{number}");
        let [feature, state, named] = cells.as_slice() else {
            breaches.push(format!("{place}: {} columns, not 3", cells.len()));
            continue;
        };
        if state.is_empty() || named.is_empty() {
            breaches.push(format!("{place}: \"{feature}\" has no state or no test"));
        }
        for name in named.split(',').map(|name| name.trim().trim_matches('`')) {
            let (path, function) = name.rsplit_once("::").unwrap_or(("", name));
            match tests.get(function) {
                None => breaches.push(format!("{place}: there is no test {function}")),
                Some(found) if path.contains('/') && !found.contains(&path) => {
                    breaches.push(format!("{place}: {function} is in {}", found.join(", ")));
                }
                Some(_) => {}
            }
        }
    }
    none(&breaches);
}

/// `docs/rfc-map.md` is a table `| RFC n §s | what | files |`; each file has to name each RFC.
#[test]
fn the_map_of_rfcs_leads_to_files_that_name_them() {
    let mut breaches = Vec::new();
    for (number, cells) in table(read("docs/rfc-map.md")) {
        let rfcs = cells[0].split(", ").filter(|part| part.starts_with("RFC "));
        let rfcs: Vec<&str> = rfcs
            .map(|part| &part[..part.len().min("RFC 0000".len())])
            .collect();
        for path in cells.last().into_iter().flat_map(|paths| paths.split(", ")) {
            let path = path.trim_matches('`').replace("core/", "sbc-core/src/");
            let file = rust().find(|file| file.path == path);
            if !file.is_some_and(|file| rfcs.iter().all(|rfc| file.text.contains(rfc))) {
                let rfcs = rfcs.join(" and ");
                breaches.push(format!(
                    "docs/rfc-map.md:{number}: {path} does not name {rfcs}"
                ));
            }
        }
    }
    none(&breaches);
}

/// `[text](path#heading)` in a page: the path is there, from the page's folder, and the heading.
#[test]
fn every_link_between_pages_leads_somewhere() {
    let mut breaches = Vec::new();
    for page in files().iter().filter(|file| file.path.ends_with(".md")) {
        let folder = Path::new(&page.path)
            .parent()
            .unwrap_or_else(|| Path::new(""));
        for link in links(&page.text) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = resolved(&folder.join(path));
            let target = if path.is_empty() {
                page.path.clone()
            } else {
                target
            };
            let found = files().iter().find(|file| file.path == target);
            let is_folder = files()
                .iter()
                .any(|file| file.path.starts_with(&format!("{target}/")));
            let has_heading = |text: &str| {
                let mut lines = text.lines().filter(|line| line.starts_with('#'));
                lines.any(|line| anchor(line.trim_start_matches('#').trim()) == heading)
            };
            let leads = match found {
                Some(file) => heading.is_empty() || has_heading(&file.text),
                None => is_folder && heading.is_empty(),
            };
            if !leads {
                breaches.push(format!("{}: {link} leads nowhere", page.path));
            }
        }
    }
    none(&breaches);
}

/// What links of a page lead to within the tree.
fn links(page: &str) -> Vec<&str> {
    let ends = page.split("](").skip(1);
    let links = ends.filter_map(|rest| rest.split(')').next());
    let inside = |link: &&str| !link.contains("://") && !link.contains([' ', '\n', '"']);
    links.filter(inside).collect()
}

/// A path without `..`.
fn resolved(path: &Path) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.to_str().unwrap_or_default().split('/') {
        match part {
            ".." => drop(parts.pop()),
            "" | "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The name that a heading has in links.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let heading = heading.to_lowercase();
    let kept: String = heading.chars().filter(kept).collect();
    kept.replace(' ', "-")
}

/// The rows of all tables of a page, without their headings: line number and cells.
pub(crate) fn table(page: &str) -> Vec<(usize, Vec<&str>)> {
    let lines: Vec<&str> = page.lines().map(str::trim).collect();
    let is_rule = |line: &str| line.starts_with('|') && line.chars().all(|c| "|-: ".contains(c));
    lines
        .iter()
        .enumerate()
        .filter(|(at, line)| {
            let heading = lines.get(at + 1).is_some_and(|next| is_rule(next));
            line.starts_with('|') && !is_rule(line) && !heading
        })
        .map(|(at, line)| {
            let inner = line.trim_start_matches('|');
            let inner = inner.strip_suffix('|').unwrap_or(inner);
            (at + 1, inner.split(" | ").map(str::trim).collect())
        })
        .collect()
}

/// Names of all test functions, and the files that hold them.
pub(crate) fn tests() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut tests: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for file in rust() {
        for at in words(&file.code, "test").filter(|&at| is_attribute(&file.code, at)) {
            let Some((_, after)) = file.code[at..].split_once("fn ") else {
                continue;
            };
            let end = after
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(0);
            tests.entry(&after[..end]).or_default().push(&file.path);
        }
    }
    tests
}

/// Whether the `test` at `at` is that of `#[test]` or `#[tokio::test(..)]`.
fn is_attribute(code: &str, at: usize) -> bool {
    let before = code[..at].strip_suffix("tokio::").unwrap_or(&code[..at]);
    let after = code[at + "test".len()..].bytes().next();
    before.ends_with("#[") && matches!(after, Some(b']' | b'('))
}

#[test]
fn a_table_gives_its_rows_without_heading_and_rule() {
    let page = "text\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";
    assert_eq!(table(page), [(5, vec!["1", "2"])]);
    assert!(tests()["a_table_gives_its_rows_without_heading_and_rule"].len() == 1);
}
