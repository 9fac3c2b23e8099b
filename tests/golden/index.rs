//! The list of all rules, `index.md`: text, with the rules as quotes, and under each what shows it.
//!
//! ````text
//! ```yaml
//! what stands around every case
//! ```
//!
//! <!-- contents -->
//!
//! ## A heading
//!
//! > A sentence of the rules.
//!
//! - TOPIC/CASE
//! - path/of/a/file.rs::a_test
//! - not built: KEY
//! ````

use super::case::Case;
use std::collections::BTreeSet;

/// The list.
#[derive(Debug)]
pub(crate) struct Index {
    lines: Vec<String>,
}

/// A rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) says: String,
    pub(crate) shown: Vec<Shown>,
}

/// What shows a rule.
#[derive(Debug)]
pub(crate) enum Shown {
    Case(String),
    Test(String, String),
    /// The configuration refuses this key.
    NotBuilt(String),
}

impl Shown {
    fn parse(line: &str) -> Option<Self> {
        let name = line.strip_prefix("- ")?;
        if let Some(key) = name.strip_prefix("not built: ") {
            return Some(Self::NotBuilt(key.to_owned()));
        }
        Some(match name.split_once("::") {
            Some((path, function)) => Self::Test(path.to_owned(), function.to_owned()),
            None => Self::Case(name.to_owned()),
        })
    }
}

impl Index {
    pub(crate) fn parse(text: &str) -> Self {
        Self {
            lines: text.lines().map(ToOwned::to_owned).collect(),
        }
    }

    /// The YAML that stands around every case.
    pub(crate) fn around(&self) -> String {
        let lines = self.lines.iter().skip_while(|line| *line != "```yaml");
        let lines = lines.skip(1).take_while(|line| *line != "```");
        lines.map(|line| format!("{line}\n")).collect()
    }

    pub(crate) fn rules(&self) -> Vec<Rule> {
        let mut rules: Vec<Rule> = Vec::new();
        let mut in_quote = false;
        for line in &self.lines {
            let quote = line.strip_prefix("> ");
            match (quote, rules.last_mut()) {
                (Some(more), Some(rule)) if in_quote => {
                    rule.says.push(' ');
                    rule.says.push_str(more);
                }
                (Some(says), _) => rules.push(Rule {
                    says: says.to_owned(),
                    shown: Vec::new(),
                }),
                (None, Some(rule)) => rule.shown.extend(Shown::parse(line)),
                (None, None) => {}
            }
            in_quote = quote.is_some();
        }
        rules
    }

    /// The page for readers: every case stands under the first rule that it shows.
    pub(crate) fn page(&self, case: impl Fn(&str) -> Case) -> String {
        let mut out = String::new();
        let mut seen = BTreeSet::new();
        let mut has_rule = false;
        for line in &self.lines {
            has_rule |= line.starts_with("> ");
            match Shown::parse(line).filter(|_| has_rule) {
                Some(Shown::Case(name)) => {
                    let case = case(&name);
                    if seen.insert(name) {
                        out.push_str(&format!("### {}\n{}", case.title, case.body()));
                    } else {
                        let anchor = anchor(&case.title);
                        out.push_str(&format!("See [{}](#{anchor}).\n", case.title));
                    }
                    out.push('\n');
                }
                Some(Shown::Test(path, function)) => {
                    out.push_str(&format!("Test: `{function}` in `{path}`.\n\n"));
                }
                Some(Shown::NotBuilt(key)) => {
                    out.push_str(&format!("Not in this version: `{key}`.\n\n"));
                }
                None if line == "<!-- contents -->" => {
                    let headings = self.lines.iter().filter_map(|l| l.strip_prefix("## "));
                    for heading in headings {
                        out.push_str(&format!("- [{heading}](#{})\n", anchor(heading)));
                    }
                }
                // What stands between two of a list was a line end.
                None if line.is_empty() && out.ends_with("\n\n") => {}
                None => {
                    out.push_str(line);
                    out.push('\n');
                }
            }
        }
        format!("{}\n", out.trim_end())
    }
}

/// The name that a heading has in links.
fn anchor(title: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let title = title.to_lowercase();
    title
        .chars()
        .filter(kept)
        .collect::<String>()
        .replace(' ', "-")
}
