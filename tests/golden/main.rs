//! The rules of the configuration, shown: for each one a piece of YAML, what a peer sends, and what
//! leaves the SBC, byte for byte. The real policy engine decides, inside an SBC of the simulator.
//!
//! | file | holds |
//! |---|---|
//! | `index.md` | every sentence of the rules, and what shows it: cases, or a test elsewhere |
//! | `TOPIC/CASE.md` | a case: see `case` |
//! | `docs/semantics.md` | the page made of them |
//!
//! `GOLDEN=write cargo test --test golden` writes what is sent, and the page, anew: then every line
//! that changed is to be read against the rule, since the case is right and not the program.

mod case;
mod index;
mod names;
mod stage;

use case::Case;
use index::{Index, Shown};
use policies::schema::KEYS;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How a page begins that nobody should write by hand.
const MADE: &str = "<!-- Made of tests/golden: change it there, then \
    `GOLDEN=write cargo test --test golden`. -->\n\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn writes() -> bool {
    std::env::var_os("GOLDEN").is_some_and(|value| value == "write")
}

/// Fails unless the file holds this, or writes it.
fn hold(path: &Path, wanted: &str, breaches: &mut Vec<String>) {
    let found = std::fs::read_to_string(path).unwrap_or_default();
    if found == wanted {
        return;
    }
    if writes() {
        return std::fs::write(path, wanted).expect("the file can be written");
    }
    let name = path.strip_prefix(root()).unwrap_or(path).display();
    let differing = found.lines().zip(wanted.lines()).position(|(a, b)| a != b);
    let at = differing.unwrap_or_else(|| found.lines().count().min(wanted.lines().count()));
    let line = |text: &str| text.lines().nth(at).unwrap_or("(the end)").to_owned();
    breaches.push(format!(
        "{name}:{}\n  has      {}\n  but it is {}",
        at + 1,
        line(&found),
        line(wanted)
    ));
}

fn none(breaches: &[String]) {
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

/// Every case, by its name: `TOPIC/CASE`.
fn cases() -> BTreeMap<String, PathBuf> {
    let folder = root().join("tests/golden");
    let entries = |path: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(path).expect("a folder");
        entries.map(|e| e.expect("an entry").path()).collect()
    };
    let topics = entries(&folder).into_iter().filter(|path| path.is_dir());
    let files = topics.flat_map(|topic| entries(&topic));
    files
        .map(|path| {
            let name = path.strip_prefix(&folder).expect("inside");
            let name = name.with_extension("").display().to_string();
            (name, path)
        })
        .collect()
}

fn index() -> Index {
    Index::parse(&read(&root().join("tests/golden/index.md")))
}

/// What is wrong with the cases, or, where they are written anew, could not be played.
fn played() -> Vec<String> {
    let around = index().around();
    let mut breaches = Vec::new();
    for path in cases().values() {
        let case = Case::parse(&path.display().to_string(), &read(path));
        let name = path.display().to_string();
        match stage::play(&name, &around, &case) {
            Ok(played) => hold(path, &played.write(), &mut breaches),
            Err(why) => breaches.push(format!("{name}: {why}")),
        }
    }
    breaches
}

#[test]
fn every_case_is_what_the_sbc_does() {
    none(&played());
}

#[test]
fn every_rule_is_shown_and_every_case_shows_one() {
    let mut breaches = Vec::new();
    let cases = cases();
    let mut unused: Vec<&String> = cases.keys().collect();
    for rule in index().rules() {
        if rule.shown.is_empty() {
            breaches.push(format!("nothing shows \"{}\"", rule.says));
        }
        for shown in &rule.shown {
            match shown {
                Shown::Case(name) if !cases.contains_key(name) => {
                    breaches.push(format!("there is no case {name}"));
                }
                Shown::Case(name) => unused.retain(|case| *case != name),
                Shown::NotBuilt(key) => {
                    let refused = KEYS.iter().any(|k| k.path == key && !k.built);
                    if !refused {
                        breaches.push(format!("{key} is no key that is refused"));
                    }
                }
                Shown::Test(path, function) => breaches.extend(missing(path, function)),
            }
        }
    }
    breaches.extend(unused.iter().map(|name| format!("no rule names {name}")));
    none(&breaches);
}

/// What is wrong with the name of a test.
fn missing(path: &str, function: &str) -> Option<String> {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_default();
    let found = text.split_once(&format!("fn {function}("));
    let attribute = found.map_or("", |(before, _)| {
        before.rsplit("\n\n").next().unwrap_or_default()
    });
    let is_test = attribute.contains("#[test]") || attribute.contains("#[tokio::test");
    (!is_test).then(|| format!("{path} has no test {function}"))
}

#[test]
fn the_page_is_made_of_the_cases() {
    if writes() {
        none(&played());
    }
    let paths = cases();
    let page = index().page(|name| {
        let path = paths.get(name);
        let path = path.unwrap_or_else(|| panic!("there is no case {name}"));
        Case::parse(name, &read(path))
    });
    let mut breaches = Vec::new();
    let path = root().join("docs/semantics.md");
    hold(&path, &format!("{MADE}{page}"), &mut breaches);
    none(&breaches);
}

/// The rules are quoted from the contract that this project is built to, where that is at hand.
#[test]
fn the_rules_are_those_of_the_contract() {
    let path = root().join("../shared/design/interface.md");
    let Ok(contract) = std::fs::read_to_string(path) else {
        return;
    };
    let (_, section) = contract.split_once("\n## Semantics\n").expect("a section");
    let section = section.split("\n## ").next().expect("a first part");
    let mut rest = section.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut breaches = Vec::new();
    for rule in index().rules() {
        let says = rule.says.as_str();
        if rest.contains(says) {
            rest = rest.replacen(says, "", 1);
        } else {
            breaches.push(format!("the contract does not say \"{says}\""));
        }
    }
    // What is left but headings and the sentence that opens the section.
    let said = rest.split("**").step_by(2).skip(1);
    let unsaid = said.filter(|text| text.contains(|c: char| c.is_alphanumeric()));
    breaches.extend(unsaid.map(|text| format!("no rule for \"{}\"", text.trim())));
    none(&breaches);
}
