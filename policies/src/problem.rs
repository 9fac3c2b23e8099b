//! What is wrong with a configuration: where, what was expected, what may have been meant.
//!
//! A [`Problem`] prints like a compiler's message:
//!
//! ```text
//! sbc.yaml:12:5: unknown key `target` in trunks.carrier
//!    12 |     target: [ "sip:1.2.3.4" ]
//!       |     ^^^^^^ expected one of: realm, match, targets; did you mean `targets`?
//! ```

use crate::limits;
use crate::secret::{self, Concealed};
use crate::tree::{Node, Position};
use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// A file, as it was read.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: Box<str>,
    pub(crate) text: Box<str>,
    pub(crate) root: Option<Node>,
    /// The literal secrets in it, looked for when the first problem is shown.
    concealed: OnceLock<Vec<Concealed>>,
    /// Its number among the files of a configuration.
    number: usize,
}

impl Source {
    pub(crate) fn new(name: &str, text: &str, root: Option<Node>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            root,
            concealed: OnceLock::new(),
            number: 0,
        }
    }

    pub(crate) fn numbered(self, number: usize) -> Self {
        Self { number, ..self }
    }

    /// The folder to which paths in the file are relative.
    pub(crate) fn dir(&self) -> &Path {
        Path::new(&*self.name)
            .parent()
            .unwrap_or_else(|| Path::new(""))
    }

    /// The line of a position without its secrets, and where the position is on it then.
    fn line(&self, at: Position) -> (String, Position) {
        let index = usize::try_from(at.line.saturating_sub(1)).unwrap_or(usize::MAX);
        let line = self.text.lines().nth(index).unwrap_or("");
        match &self.root {
            Some(_) => secret::masked(line, at, self.concealed()),
            None => secret::masked(line, at, &secret::in_line(line, at.line)),
        }
    }

    fn concealed(&self) -> &[Concealed] {
        let find = || self.root.as_ref().map(secret::in_tree).unwrap_or_default();
        self.concealed.get_or_init(find)
    }

    /// A text about a value, without the secrets of the file.
    fn discreet(&self, text: String) -> String {
        secret::discreet(text, self.concealed())
    }
}

/// How a problem is related to the key or value it points at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum About {
    /// The value, or the whole entry: its path stands before the message.
    Value,
    /// A key as such: the path of its map stands behind the message.
    Key,
    /// Something that a map lacks: the path of the map stands behind the message.
    Map,
    /// The text as such: no path.
    Text,
}

/// One thing that is wrong, or (as a warning) odd.
#[derive(Clone, Debug)]
pub struct Problem {
    source: Arc<Source>,
    at: Option<Position>,
    path: String,
    /// How much of the path is that of the map or list around.
    parent: usize,
    about: About,
    message: String,
    /// Stands behind the place of a key.
    predicate: &'static str,
    hint: String,
    warning: bool,
}

impl Problem {
    pub(crate) fn new(
        source: &Arc<Source>,
        at: Position,
        about: About,
        message: String,
        hint: String,
    ) -> Self {
        let path = source.root.as_ref().and_then(|root| root.path_of(at.id));
        let (path, parent) = path.unwrap_or_default();
        let (message, hint) = (source.discreet(message), source.discreet(hint));
        Self {
            source: Arc::clone(source),
            at: Some(at),
            path,
            parent,
            about,
            message,
            predicate: "",
            hint,
            warning: false,
        }
    }

    pub(crate) fn of_file(name: &str, message: String) -> Self {
        Self {
            source: Arc::new(Source::new(name, "", None)),
            at: None,
            path: String::new(),
            parent: 0,
            about: About::Text,
            message,
            predicate: "",
            hint: String::new(),
            warning: false,
        }
    }

    pub(crate) fn with_predicate(mut self, predicate: &'static str) -> Self {
        self.predicate = predicate;
        self
    }

    pub(crate) fn into_warning(mut self) -> Self {
        self.warning = true;
        self
    }

    /// The file it is about.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// Where it stands; nothing where the whole file is meant.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.at
    }

    /// The path of the key or value: `trunks.carrier.targets[0]`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong, in one line, without position.
    #[must_use]
    pub fn message(&self) -> String {
        match self.about {
            About::Value if !self.path.is_empty() => format!("{}: {}", self.path, self.message),
            About::Value | About::Text => self.message.clone(),
            About::Key => {
                let place = place(&self.path[..self.parent]);
                format!("{} {place}{}", self.message, self.predicate)
            }
            About::Map => format!("{} {}", self.message, place(&self.path)),
        }
    }

    /// What was expected, and what may have been meant. May be empty.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }

    fn order(&self) -> (usize, u32, u32) {
        let (line, column) = self.at.map_or((0, 0), |at| (at.line, at.column));
        (self.source.number, line, column)
    }

    fn same_as(&self, other: &Self) -> bool {
        self.order() == other.order() && self.message == other.message && self.hint == other.hint
    }
}

/// The part of a line that is shown, and the column in it: all of it where it is not too long.
fn window(line: &str, column: usize) -> (String, usize) {
    let length = line.chars().count();
    let column = column.clamp(1, length + 1);
    if length <= limits::LINE {
        return (line.to_owned(), column);
    }
    let start = (column - 1).saturating_sub(limits::LINE / 2);
    let part: String = line.chars().skip(start).take(limits::LINE).collect();
    let end = if start + limits::LINE < length {
        "..."
    } else {
        ""
    };
    match start {
        0 => (format!("{part}{end}"), column),
        _ => (format!("...{part}{end}"), column - start + 3),
    }
}

fn place(path: &str) -> String {
    if path.is_empty() {
        "at the top level".to_owned()
    } else {
        format!("in {path}")
    }
}

/// Without what a terminal would obey instead of showing it: control characters, and those that
/// turn the direction of writing. Each becomes one that is as wide.
fn printable(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| {
        let turns = matches!(
            c,
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        );
        turns || c.is_control() && c != '\t'
    };
    if text.contains(obeyed) {
        text.replace(obeyed, "\u{fffd}").into()
    } else {
        text.into()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.warning { "warning: " } else { "" };
        let Some(at) = self.at else {
            let text = format!("{}: {kind}{}", self.source.name, self.message());
            return f.write_str(&printable(&text));
        };
        writeln!(
            f,
            "{}:{}:{}: {kind}{}",
            self.source.name,
            at.line,
            at.column,
            printable(&self.message())
        )?;
        let (line, shown) = self.source.line(at);
        let (line, column) = window(&line, shown.column as usize);
        let before = line.chars().take(column - 1);
        let indent: String = before.map(|c| if c == '\t' { c } else { ' ' }).collect();
        let rest = line.chars().count().saturating_sub(column - 1);
        let length = (shown.length as usize).clamp(1, rest.max(1));
        writeln!(f, "{:5} | {}", at.line, printable(&line))?;
        write!(f, "      | {indent}{}", "^".repeat(length))?;
        if !self.hint.is_empty() {
            write!(f, " {}", printable(&self.hint))?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a configuration, in the order of the files and of their lines.
/// Never empty.
#[derive(Clone, Debug)]
pub struct Errors {
    problems: Vec<Problem>,
}

impl Errors {
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        Self {
            problems: in_order(problems),
        }
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter()
    }

    /// How many; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.problems.len()
    }
}

impl std::error::Error for Errors {}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.problems.iter().take(limits::PROBLEMS).enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        match self.problems.len().saturating_sub(limits::PROBLEMS) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

/// Sorted by position, without doubles (a profile's mistake is found again in those that extend
/// it).
pub(crate) fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(Problem::order);
    problems.dedup_by(|a, b| a.same_as(b));
    problems
}

/// The nearest of `names`, where one is near.
pub(crate) fn nearest<'n>(
    wrong: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    suggested(wrong, names).first().copied()
}

/// The nearest of `names`, all that are equally near; none where none is near.
pub(crate) fn suggested<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let lower = wrong.to_lowercase();
    let mut best = Vec::new();
    let mut least = usize::MAX;
    for name in names {
        let distance = strsim::damerau_levenshtein(&lower, &name.to_lowercase());
        if distance > 1 + name.chars().count().min(wrong.len()) / 4 || distance > least {
            continue;
        }
        if distance < least {
            best.clear();
            least = distance;
        }
        if best.len() < limits::SUGGESTED {
            best.push(name);
        }
    }
    best
}

/// `; did you mean ..`, where there is anything that may have been meant.
pub(crate) fn did_you_mean(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        names => format!("; did you mean `{}`?", names.join("` or `")),
    }
}

/// `expected one of: a, b, c; did you mean `b`?`, for a name that is none of `names`.
pub(crate) fn expected(wrong: &str, what: &str, names: &[&str]) -> String {
    let mut hint = match names {
        [] => format!("no {what} is configured"),
        names if names.len() > 30 => format!("expected the name of a {what}"),
        names => format!("expected one of: {}", names.join(", ")),
    };
    hint.push_str(&did_you_mean(&suggested(wrong, names.iter().copied())));
    hint
}
