//! `include`: one configuration of several files.
//!
//! An included file counts as if it were written in the place of `include`: above `routes`, its
//! routes come before those of the file, below, after them. Sections are put together ([`merge`]):
//! maps by key, lists one behind the other; what stands twice then is an error that names both
//! places, as within one file. Paths are relative to the file that names them; `*` in a file's name
//! stands for anything, and what it finds is taken in the order of the names.

use crate::problem::{About, Errors, Problem, Source};
use crate::schema::Spanned;
use crate::tree::{self, Budget, Data, Entry, Node, Position};
use crate::visit::{self, Report};
use crate::{decode, limits, syntax};
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A configuration as one tree, with what was wrong so far.
pub(crate) struct Tree {
    pub(crate) root: Node,
    pub(crate) report: Report,
    /// The files it was read from, the first one first.
    pub(crate) files: Vec<PathBuf>,
}

/// Reads a text named `name`, and the files that it includes.
///
/// # Errors
/// Where the text itself is no YAML. What is wrong with other files is in the report.
pub(crate) fn tree(name: &str, text: &str) -> Result<Tree, Errors> {
    let mut reader = Reader {
        report: Report::new(),
        budget: Budget::default(),
        bytes: text.len() as u64,
        taken: HashMap::new(),
        files: Vec::new(),
    };
    let path = PathBuf::from(name);
    let Some(root) = reader.parse(&path, text) else {
        let (errors, _) = reader.report.into_parts();
        return Err(Errors::new(errors));
    };
    let data = match root.data {
        Data::Map(entries) => {
            let mut chain = vec![path.canonicalize().unwrap_or(path)];
            let entries = reader.expand(entries, &mut chain);
            Data::Map(merge(&reader.report, entries))
        }
        other => other,
    };
    Ok(Tree {
        root: Node { at: root.at, data },
        report: reader.report,
        files: reader.files,
    })
}

/// Reads a file of at most so many bytes.
pub(crate) fn text_of(path: &Path, most: u64) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|e| e.to_string())?;
    if bytes.len() as u64 > most {
        return Err(format!("larger than {most} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())
}

/// As [`text_of`], for what may be no file at all: a pipe would make the loader wait.
pub(crate) fn text_of_file(path: &Path, most: u64) -> Result<String, String> {
    let about = std::fs::metadata(path).map_err(|e| e.to_string())?;
    if about.is_file() {
        text_of(path, most)
    } else {
        Err("not a file".to_owned())
    }
}

struct Reader {
    report: Report,
    budget: Budget,
    /// Of all files so far.
    bytes: u64,
    /// Who included a file.
    taken: HashMap<PathBuf, Spanned<String>>,
    files: Vec<PathBuf>,
}

impl Reader {
    fn parse(&mut self, path: &Path, text: &str) -> Option<Node> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let first = self.budget.next_id();
        let name = path.display().to_string();
        self.files.push(path.to_owned());
        match tree::parse(text, &mut self.budget) {
            Ok(root) => {
                let source = Source::new(&name, text, Some(root.clone()));
                self.report.add(source, first);
                oddities(&mut self.report, text, &root);
                Some(root)
            }
            Err(error) => {
                self.report.add(Source::new(&name, text, None), first);
                let (message, hint) = (error.message, error.hint);
                self.report.push(error.at, About::Text, message, hint);
                self.report.lacks_a_part();
                None
            }
        }
    }

    /// The entries of a file, those of the files it includes in the place of `include`.
    fn expand(&mut self, entries: Vec<Entry>, chain: &mut Vec<PathBuf>) -> Vec<Entry> {
        let mut all = Vec::new();
        let mut seen = None;
        for entry in entries {
            if &*entry.key != "include" {
                all.push(entry);
                continue;
            }
            if let Some(first) = seen.replace(entry.at) {
                visit::twice(&mut self.report, &entry, first);
                continue;
            }
            for node in visit::list(&mut self.report, &entry, "paths") {
                let name: Option<Spanned<String>> = visit::scalar(&mut self.report, node, node.at);
                let Some(name) = name else { continue };
                for path in self.paths(&name) {
                    all.extend(self.include(&name, &path, chain));
                }
            }
        }
        all
    }

    /// The files that an item of `include` means.
    fn paths(&mut self, name: &Spanned<String>) -> Vec<PathBuf> {
        let path = self.report.dir(name.at).join(&name.value);
        let folder = path.parent().unwrap_or_else(|| Path::new("")).to_owned();
        let Some(pattern) = path.file_name().and_then(|n| n.to_str()) else {
            let hint = "expected the path of a file, like \"trunks/*.yaml\"";
            self.report.value(name.at, "this names no file", hint);
            return Vec::new();
        };
        if folder.to_string_lossy().contains('*') {
            let hint = "expected a pattern like \"trunks/*.yaml\"";
            let message = "a star stands in the name of a folder";
            self.report.value(name.at, message, hint);
            return Vec::new();
        }
        if !pattern.contains('*') {
            return vec![path];
        }
        match matching(&folder, pattern) {
            Ok(paths) => {
                if paths.is_empty() {
                    let hint = format!("in the folder {}", shown(&folder));
                    self.report.warn(name.at, "no file has such a name", hint);
                }
                paths
            }
            Err(why) => {
                let message = format!("the folder {} cannot be read: {why}", shown(&folder));
                self.report.value(name.at, message, RELATIVE);
                Vec::new()
            }
        }
    }

    fn include(
        &mut self,
        name: &Spanned<String>,
        path: &Path,
        chain: &mut Vec<PathBuf>,
    ) -> Vec<Entry> {
        let Some(id) = self.admitted(name, path, chain) else {
            return Vec::new();
        };
        let left = limits::FILE_BYTES.saturating_sub(self.bytes);
        let text = match text_of_file(path, left) {
            Ok(text) => text,
            Err(why) => {
                let message = format!("the file {} cannot be read: {why}", path.display());
                let hint = if why.starts_with("larger") {
                    format!("expected at most {} bytes in all files", limits::FILE_BYTES)
                } else {
                    RELATIVE.to_owned()
                };
                self.report.value(name.at, message, hint);
                self.report.lacks_a_part();
                return Vec::new();
            }
        };
        self.bytes += text.len() as u64;
        self.taken.insert(id.clone(), name.clone());
        let Some(root) = self.parse(path, &text) else {
            return Vec::new();
        };
        let Data::Map(mut entries) = root.data else {
            let message = format!("{} is not a map", root.describe());
            let hint = "expected sections, like `trunks:` or `routes:`";
            self.report.value(root.at, message, hint);
            return Vec::new();
        };
        for version in entries.extract_if(.., |e| &*e.key == "version") {
            decode::version(&mut self.report, Some(&version));
        }
        chain.push(id);
        let entries = self.expand(entries, chain);
        chain.pop();
        entries
    }

    /// What a file is known by, if it may be included here.
    fn admitted(
        &mut self,
        name: &Spanned<String>,
        path: &Path,
        chain: &[PathBuf],
    ) -> Option<PathBuf> {
        let id = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if let Some(start) = chain.iter().position(|other| *other == id) {
            let circle = chain[start..].iter().chain([&id]);
            let circle: Vec<_> = circle.map(|path| file_name(path)).collect();
            let message = format!("files include one another: {}", circle.join(" -> "));
            let hint = "expected a file that includes none of those above it";
            self.report.value(name.at, message, hint);
            self.report.lacks_a_part();
            return None;
        }
        if let Some(first) = self.taken.get(&id) {
            let hint = format!("the first is in {}", self.report.place(first.at, name.at));
            let message = format!("{} is included twice", path.display());
            self.report.value(name.at, message, hint);
            return None;
        }
        if chain.len() > limits::INCLUDE_DEPTH {
            let hint = format!("expected at most {} within another", limits::INCLUDE_DEPTH);
            self.report
                .value(name.at, "files are included too deeply", hint);
            self.report.lacks_a_part();
            return None;
        }
        if self.files.len() > limits::INCLUDED {
            let hint = format!("expected at most {}", limits::INCLUDED);
            self.report.value(name.at, "too many files", hint);
            self.report.lacks_a_part();
            return None;
        }
        Some(id)
    }
}

/// What YAML takes and nobody means: tabs before the text of a line, a quote at one end only.
fn oddities(report: &mut Report, text: &str, root: &Node) {
    let tabs: Vec<u32> = if text.contains('\t') {
        let lines = text.lines().zip(1..);
        let with_tab = lines.filter(|(line, _)| syntax::tab_before_text(line).is_some());
        with_tab.map(|(_, number)| number).collect()
    } else {
        Vec::new()
    };
    odd(report, root, &tabs);
}

fn odd(report: &mut Report, node: &Node, tabs: &[u32]) {
    match &node.data {
        Data::Null => {}
        Data::Scalar { text, plain } => {
            if *plain && text.ends_with(['"', '\'']) {
                let hint = "expected quotes at both ends, or none";
                report.warn(
                    node.at,
                    "the value ends with a quote and begins with none",
                    hint,
                );
            }
        }
        Data::List(items) => {
            for item in items {
                tabbed(report, item.at, tabs);
                odd(report, item, tabs);
            }
        }
        Data::Map(entries) => {
            for entry in entries {
                tabbed(report, entry.at, tabs);
                odd(report, &entry.value, tabs);
            }
        }
    }
}

fn tabbed(report: &mut Report, at: Position, tabs: &[u32]) {
    if tabs.binary_search(&at.line).is_ok() {
        report.value(at, "a tab before the text of a line", "expected spaces");
    }
}

const RELATIVE: &str = "expected a path, relative to this file or absolute";

fn shown(folder: &Path) -> String {
    match folder.as_os_str().is_empty() {
        true => ".".to_owned(),
        false => folder.display().to_string(),
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// The files of a folder whose names match, in the order of their names. A star does not stand for
/// a dot at the start, so that what editors leave behind is not read.
fn matching(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let here = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(here).map_err(|e| e.to_string())? {
        let entry = entry.map_err(|e| e.to_string())?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let hidden = name.starts_with('.') && !pattern.starts_with('.');
        if !hidden && matches(pattern, name) && entry.path().is_file() {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names.iter().map(|name| folder.join(name)).collect())
}

/// Whether `*` in the pattern can be replaced such that it is the name.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(start) else {
        return false;
    };
    let Some((middle, end)) = rest.rsplit_once('*') else {
        return name.ends_with(rest);
    };
    for part in middle.split('*') {
        let Some(at) = name.find(part) else {
            return false;
        };
        name = &name[at + part.len()..];
    }
    name.ends_with(end)
}

/// Sections of several files put together. What cannot be stays twice, which is reported when the
/// section is read.
fn merge(report: &Report, entries: Vec<Entry>) -> Vec<Entry> {
    let mut merged: Vec<Entry> = Vec::new();
    for entry in entries {
        let same = |e: &&mut Entry| e.key == entry.key && !report.of_one_file(e.at, entry.at);
        let Some(first) = merged.iter_mut().find(same) else {
            merged.push(entry);
            continue;
        };
        match (&mut first.value.data, entry.value.data) {
            (_, Data::Null) => {}
            (Data::Map(all), Data::Map(more)) => all.extend(more),
            (Data::List(all), Data::List(more)) => all.extend(more),
            (all @ Data::Null, data) => *all = data,
            (_, data) => merged.push(Entry {
                value: Node {
                    at: entry.value.at,
                    data,
                },
                ..entry
            }),
        }
    }
    merged
}

/// A file that cannot be read at all.
pub(crate) fn unreadable(path: &Path, why: &str) -> Errors {
    let name = path.display().to_string();
    let problem = Problem::of_file(&name, format!("the file cannot be read: {why}"));
    Errors::new(vec![problem])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, good, bad) in [
            (
                "*.yaml",
                &["a.yaml", ".yaml", "a.b.yaml"][..],
                &["a.yml", "yaml"][..],
            ),
            ("a*", &["a", "ab"], &["ba", ""]),
            ("a*b*c", &["abc", "axbxc", "abbcc"], &["ac", "acb", "abcd"]),
            ("a**a", &["aa", "aba"], &["a"]),
            ("*ab*ab", &["abab", "xabab"], &["ab", "xab"]),
            ("*", &["", "a"], &[]),
            ("a", &["a"], &["aa", ""]),
        ] {
            for name in good {
                assert!(matches(pattern, name), "{pattern} {name}");
            }
            for name in bad {
                assert!(!matches(pattern, name), "{pattern} {name}");
            }
        }
    }
}
