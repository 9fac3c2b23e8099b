//! Secrets: never in the file if it can be avoided, never in a log, an error text or an answer.
//!
//! ```yaml
//! token: { env: SBC_TOKEN }            # an environment variable
//! token: { file: secrets/api-token }   # a file of one line, beside the configuration
//! token: s3cret                        # works, and warns
//! ```
//!
//! Both are read when the configuration is loaded. The literal ones in a file are found by the
//! names of their keys ([`in_tree`]), so that a line which an error shows does not show them.

use crate::include::text_of_file;
use crate::limits;
use crate::problem::{About, expected};
use crate::schema::{KEYS, Spanned};
use crate::tree::{Data, Entry, Node, Position, QUOTED};
use crate::visit::{self, Report};
use std::fmt;
use std::path::Path;

/// Stands wherever a secret would.
pub(crate) const MASK: &str = "***";
/// Characters of [`MASK`].
const MASKED: u32 = 3;

/// A type of value in [`KEYS`].
pub(crate) const KIND: &str = "secret";

const SHAPE: &str = "expected { env: NAME } or { file: PATH }";

/// A secret. What prints it prints `***`; only [`Secret::expose`] gives it away.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// A text that nothing shall show.
    pub(crate) fn of(text: &str) -> Self {
        Self(text.into())
    }

    /// The secret itself: for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `other` is this secret. How long this takes tells nothing but the length.
    #[must_use]
    pub fn is(&self, other: &str) -> bool {
        let pairs = self.0.bytes().zip(other.bytes());
        let differing = pairs.fold(0, |differing, (a, b)| differing | (a ^ b));
        self.0.len() == other.len() && std::hint::black_box(differing) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Reads the secret of an entry.
pub(crate) fn field(report: &mut Report, entry: Option<&Entry>) -> Option<Spanned<Secret>> {
    let entry = entry?;
    let at = entry.value.at;
    let secret = match &entry.value.data {
        Data::Scalar { text, .. } => match one_line(text) {
            Ok(secret) => {
                let hint = "better { env: NAME } or { file: PATH }";
                let message = "a secret in clear: whoever reads this file has it";
                report.warn(at, message, hint);
                secret
            }
            Err(why) => {
                report.value(at, format!("the secret {why}"), SHAPE);
                return None;
            }
        },
        Data::Map(entries) => return reference(report, entry, entries),
        Data::Null | Data::List(_) => {
            let message = format!("{} is not a secret", entry.value.describe());
            report.value(entry.at, message, SHAPE);
            return None;
        }
    };
    Some(Spanned { value: secret, at })
}

/// `{ env: NAME }` or `{ file: PATH }`.
fn reference(report: &mut Report, entry: &Entry, entries: &[Entry]) -> Option<Spanned<Secret>> {
    visit::duplicates(report, entries);
    let mut sources = Vec::new();
    let mut others = false;
    for entry in entries {
        if matches!(&*entry.key, "env" | "file") {
            sources.push(entry);
        } else {
            others = true;
            let hint = expected(&entry.key, "key", &["env", "file"]);
            report.key(entry.at, format!("unknown key `{}`", entry.key), hint);
        }
    }
    let source = match sources.as_slice() {
        [one] => *one,
        [] if others => return None,
        [] => {
            let message = "missing key `env` or `file`".to_owned();
            report.push(entry.at, About::Map, message, SHAPE.to_owned());
            return None;
        }
        [_, second, ..] => {
            report.key(second.at, "`env` and `file` stand together", SHAPE);
            return None;
        }
    };
    let text: Spanned<String> = visit::field(report, Some(source))?;
    let read = if &*source.key == "env" {
        from_env(&text)
    } else {
        from_file(report.dir(text.at), &text)
    };
    match read {
        Ok(value) => {
            report.read_elsewhere(text.at, &value);
            Some(Spanned { value, at: text.at })
        }
        Err((message, hint)) => {
            report.value(text.at, message, hint);
            None
        }
    }
}

/// What is wrong, and what was expected.
type Wrong = (String, &'static str);

fn from_env(name: &str) -> Result<Secret, Wrong> {
    const HINT: &str = "set it where the daemon is started, for systemd in an EnvironmentFile";
    if !is_env_name(name) {
        let message = "this is no name of an environment variable".to_owned();
        return Err((message, "expected a name like SBC_TOKEN"));
    }
    match std::env::var(name) {
        Ok(text) => {
            one_line(&text).map_err(|why| (format!("the environment variable {name} {why}"), HINT))
        }
        Err(std::env::VarError::NotPresent) => {
            Err((format!("the environment variable {name} is not set"), HINT))
        }
        Err(std::env::VarError::NotUnicode(_)) => Err((
            format!("the environment variable {name} is not UTF-8"),
            HINT,
        )),
    }
}

fn is_env_name(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(fine) && name.starts_with(|c: char| !c.is_ascii_digit())
}

fn from_file(dir: &Path, name: &str) -> Result<Secret, Wrong> {
    const HINT: &str = "expected a file with the secret on one line";
    let path = dir.join(name);
    let read = text_of_file(&path, limits::SECRET_BYTES).map_err(|why| {
        let message = format!("the file {} cannot be read: {why}", path.display());
        (
            message,
            "expected a path, relative to this file or absolute",
        )
    })?;
    let text = read.strip_suffix('\n').unwrap_or(&read);
    let text = text.strip_suffix('\r').unwrap_or(text);
    one_line(text).map_err(|why| (format!("the file {} {why}", path.display()), HINT))
}

fn one_line(text: &str) -> Result<Secret, &'static str> {
    if text.is_empty() {
        return Err("is empty");
    }
    if text.contains(char::is_control) {
        return Err("holds a line break or another control character");
    }
    Ok(Secret(text.into()))
}

/// A literal secret in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Concealed {
    pub(crate) line: u32,
    pub(crate) column: u32,
    /// Characters on its line; all of the rest where it goes on in the next.
    pub(crate) length: Option<u32>,
    pub(crate) text: Box<str>,
}

/// Names that keys of secrets have, in any section and any module.
const NAMES: [&str; 6] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "api_key",
];

/// Whether a key of this name, or one that it was meant to be, holds a secret.
fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    let of_schema = KEYS.iter().filter(|k| k.kind == KIND);
    let of_schema = of_schema.filter_map(|k| k.path.rsplit('.').next());
    NAMES.into_iter().chain(of_schema).any(|name| {
        key.contains(name) || (key.len() > 3 && strsim::damerau_levenshtein(&key, name) <= 1)
    })
}

/// The literal secrets of a file.
pub(crate) fn in_tree(root: &Node) -> Vec<Concealed> {
    let mut found = Vec::new();
    walk(root, false, &mut found);
    found
}

fn walk(node: &Node, secret: bool, found: &mut Vec<Concealed>) {
    match &node.data {
        Data::Null => {}
        Data::Scalar { text, .. } => {
            if secret && !text.is_empty() {
                found.push(Concealed {
                    line: node.at.line,
                    column: node.at.column,
                    length: (!node.at.goes_on).then_some(node.at.length),
                    text: text.clone(),
                });
            }
        }
        Data::List(items) => items.iter().for_each(|item| walk(item, secret, found)),
        Data::Map(entries) => {
            for entry in entries {
                walk(&entry.value, conceals(entry, secret), found);
            }
        }
    }
}

/// Whether the scalars of an entry are secrets; `within`: those of the map around it are.
pub(crate) fn conceals(entry: &Entry, within: bool) -> bool {
    let names_it = match (&*entry.key, &entry.value.data) {
        ("env", Data::Scalar { text, .. }) => is_env_name(text),
        ("file", Data::Scalar { .. }) => true,
        _ => false,
    };
    !(within && names_it) && (within || is_secret(&entry.key))
}

/// The literal secrets of a line that is no YAML: all that follows the key of one.
pub(crate) fn in_line(line: &str, number: u32) -> Vec<Concealed> {
    let mut start = 0;
    for (at, _) in line.match_indices(':') {
        let key = line[start..at].trim_end_matches(['"', '\'', ' ']);
        let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        let word = key.rsplit(|c| !is_of_name(c)).next().unwrap_or(key);
        start = at + 1;
        let value = line[start..].trim_start();
        if is_secret(word) && !value.is_empty() {
            let before = &line[..line.len() - value.len()];
            return vec![Concealed {
                line: number,
                column: u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX),
                length: None,
                text: value.into(),
            }];
        }
    }
    Vec::new()
}

/// A line with [`MASK`] for each of its secrets, and where on it then is what stands at `at`.
pub(crate) fn masked(line: &str, at: Position, secrets: &[Concealed]) -> (String, Position) {
    let mut shown = String::new();
    let mut moved = at;
    // The next column of the line that is not in `shown`.
    let mut next = 1;
    for secret in secrets.iter().filter(|s| s.line == at.line) {
        let (start, length) = (secret.column, secret.length.unwrap_or(u32::MAX));
        let between = start.saturating_sub(next) as usize;
        shown.extend(line.chars().skip(next as usize - 1).take(between));
        next = start.saturating_add(length);
        if at.column >= next {
            moved.column = moved.column.saturating_sub(length).saturating_add(MASKED);
        } else if at.column >= start {
            moved.column = moved.column.saturating_sub(at.column - start);
            moved.length = MASKED;
        }
        shown.push_str(MASK);
    }
    shown.extend(line.chars().skip(next as usize - 1));
    // What goes on in the next lines is looked for by its words.
    let before = |s: &&Concealed| s.length.is_none() && s.line < at.line;
    for secret in secrets.iter().filter(before) {
        for word in secret.text.split_whitespace().filter(|w| w.len() > 3) {
            let start: String = shown.chars().take(moved.column as usize - 1).collect();
            let start = start.replace(word, MASK).chars().count();
            moved.column = u32::try_from(start + 1).unwrap_or(u32::MAX);
            shown = shown.replace(word, MASK);
        }
    }
    (shown, moved)
}

/// A text without the secrets that it quotes.
pub(crate) fn discreet(mut text: String, secrets: &[Concealed]) -> String {
    for secret in secrets {
        let start: String = secret.text.chars().take(QUOTED).collect();
        for quoted in [format!("`{}`", secret.text), format!("`{start}...`")] {
            text = text.replace(&quoted, &format!("`{MASK}`"));
        }
        if secret.text.len() > 5 {
            text = text.replace(&*secret.text, MASK);
        }
    }
    text
}

#[cfg(test)]
mod tests;
