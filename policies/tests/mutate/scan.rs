//! Where keys and values of the sample stand. It reads the YAML that the sample is written in and
//! no other, and knows nothing of the loader, which it is there to judge.

use std::ops::Range;

/// A key of the sample.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    /// Its path as in the table of keys: `trunks.*.match`.
    pub(crate) path: String,
    /// Where it begins.
    pub(crate) at: usize,
    /// The key around it.
    pub(crate) parent: Option<usize>,
    /// The line of the item of a list that it is in, if it is in one.
    pub(crate) item: Option<usize>,
    /// Its value; a block begins in the next line.
    pub(crate) value: Range<usize>,
    /// Whether it stands within braces.
    pub(crate) flow: bool,
}

/// A scalar that is a value, or an item of a list.
#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    /// The path of its key, with `[]` for an item.
    pub(crate) path: String,
    pub(crate) range: Range<usize>,
}

/// What was found.
#[derive(Default)]
pub(crate) struct Scan {
    pub(crate) keys: Vec<Key>,
    pub(crate) scalars: Vec<Scalar>,
}

/// Sections whose keys are names that the user chose.
const NAMED: [&str; 7] = [
    "listeners",
    "realms",
    "trunks",
    "recorders",
    "profiles",
    "control",
    "maps",
];

/// The line of an offset, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    1 + text[..at].matches('\n').count()
}

fn below(path: &str, name: &str) -> String {
    if NAMED.contains(&path) {
        format!("{path}.*")
    } else if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Scans a text.
pub(crate) fn scan(text: &str) -> Scan {
    let mut scanner = Scanner {
        text,
        at: 0,
        found: Scan::default(),
        item: None,
    };
    scanner.block(0, "", None);
    scanner.found
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    found: Scan,
    item: Option<usize>,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Goes on to the next line that is neither blank nor a comment; its indentation.
    fn next_line(&mut self) -> Option<usize> {
        loop {
            let line = self.rest().lines().next()?;
            let indent = line.len() - line.trim_start().len();
            if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
                return Some(indent);
            }
            self.at += line.len() + 1;
            if self.at >= self.text.len() {
                return None;
            }
        }
    }

    /// The entries or items of a block of this indentation.
    fn block(&mut self, indent: usize, path: &str, parent: Option<usize>) {
        while self.next_line() == Some(indent) {
            self.at += indent;
            if self.rest().starts_with("- ") {
                let outer = self.item.replace(line_of(self.text, self.at));
                self.at += 2;
                self.item_of(indent + 2, &format!("{path}[]"), parent);
                self.item = outer;
            } else {
                self.entry(indent, path, parent, false);
            }
            if self.at >= self.text.len() {
                break;
            }
        }
    }

    fn item_of(&mut self, indent: usize, path: &str, parent: Option<usize>) {
        if self.rest().starts_with(['{', '[', '"', '\'']) {
            self.flow(path, parent);
            self.at += 1;
            return;
        }
        self.entry(indent, path, parent, false);
        if self.next_line() == Some(indent) {
            self.block(indent, path, parent);
        }
    }

    /// `key: value`, with a block of more indentation where the value is not on the line.
    fn entry(&mut self, indent: usize, path: &str, parent: Option<usize>, flow: bool) {
        let at = self.at;
        let name = self.rest().split(':').next().expect("a key").to_owned();
        self.at += name.len() + 1;
        let path = below(path, &name);
        let own = self.found.keys.len();
        self.found.keys.push(Key {
            name,
            path: path.clone(),
            at,
            parent,
            item: self.item,
            value: 0..0,
            flow,
        });
        let outer = self.item.take();
        let value = if self.rest().starts_with('\n') {
            self.at += 1;
            let start = self.at;
            let inner = self.next_line().filter(|inner| *inner > indent);
            if let Some(inner) = inner {
                self.block(inner, &path, Some(own));
            }
            start..self.at
        } else {
            self.at += 1;
            let start = self.at;
            self.flow(&path, Some(own));
            let end = self.at;
            if !flow {
                self.at += 1;
            }
            start..end
        };
        self.item = outer;
        self.found.keys[own].value = value;
    }

    fn blanks(&mut self) {
        while self.rest().starts_with([' ', ',']) {
            self.at += 1;
        }
    }

    /// A value on one line.
    fn flow(&mut self, path: &str, parent: Option<usize>) {
        match self.rest().chars().next().expect("a value") {
            '{' => {
                self.at += 1;
                self.blanks();
                while !self.rest().starts_with('}') {
                    self.entry(0, path, parent, true);
                    self.blanks();
                }
                self.at += 1;
            }
            '[' => {
                self.at += 1;
                self.blanks();
                while !self.rest().starts_with(']') {
                    let line = line_of(self.text, self.at);
                    let outer = self.item.replace(line);
                    self.flow(&format!("{path}[]"), parent);
                    self.item = outer;
                    self.blanks();
                }
                self.at += 1;
            }
            quote @ ('"' | '\'') => {
                let inner = &self.text[self.at + 1..];
                let end = inner.find(quote).expect("the end of a quoted text");
                self.scalar(path, end + 2);
            }
            _ => {
                let end = self.rest().find([',', '}', ']', '\n']);
                let end = end.unwrap_or_else(|| self.rest().len());
                let plain = self.rest()[..end].trim_end().len();
                self.scalar(path, plain);
                self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
            }
        }
    }

    fn scalar(&mut self, path: &str, length: usize) {
        let range = self.at..self.at + length;
        self.at = range.end;
        let path = path.to_owned();
        self.found.scalars.push(Scalar { path, range });
    }
}
