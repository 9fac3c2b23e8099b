//! Finds the names in an expression.
//!
//! minijinja can tell the variables of an expression, but not those of every construct (not those
//! of `x[1:2]`). A name that is overlooked would be empty at call time instead of an error at load:
//! so the names are found here, by tokens, and each becomes a variable of its own.

use super::{FILTERS, Scope, TESTS, TemplateError, number_of};
use crate::facts::{Field, Part, UnknownField};
use crate::maps::Map;
use crate::problem::expected;
use std::sync::Arc;

/// Words of the expression language that are not names.
const WORDS: [&str; 13] = [
    "and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None",
];

/// An expression whose names have become variables.
pub(super) struct Scanned {
    /// The expression: `from.user | lower` as `f0 | lower`.
    pub(super) text: String,
    /// What the variables stand for, in order.
    pub(super) uses: Vec<Use>,
}

/// What a variable stands for.
pub(super) enum Use {
    Field(Field),
    /// `map.NAME`, which a key in brackets follows.
    Map(Arc<Map>),
    /// `$1`.
    Group(u8),
}

/// The name of the variable at a position of [`Scanned::uses`].
pub(super) fn variable(n: usize) -> String {
    format!("f{n}")
}

/// Finds names, filters and tests.
pub(super) fn scan(text: &str, scope: Scope<'_>) -> Result<Scanned, TemplateError> {
    let mut out = Scanned {
        text: String::with_capacity(text.len()),
        uses: Vec::new(),
    };
    let mut rest = text;
    let mut before = Before::Other;
    while let Some(token) = token(rest) {
        let is_name = token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_argument = || is_argument(&rest[token.len()..]);
        let free = before == Before::Other;
        let used = if free && is_name && !WORDS.contains(&token) && !is_argument() {
            Some(name(rest, token, scope)?)
        } else if free && token == "$" {
            group(rest, scope)?
        } else {
            None
        };
        if let Some((length, used)) = used {
            out.text.push_str(&variable(out.uses.len()));
            out.uses.push(used);
            rest = &rest[length..];
        } else {
            before.check(token)?;
            out.text.push_str(token);
            rest = &rest[token.len()..];
        }
        before = before.next(token);
    }
    Ok(out)
}

/// The name that `text` begins with, whose first word is `token`, and how long it is.
fn name(text: &str, token: &str, scope: Scope<'_>) -> Result<(usize, Use), TemplateError> {
    if token == "map" {
        return map(text, scope);
    }
    let name = if token == "header" {
        header(text)
    } else {
        chain(text)
    };
    let field = scope.field(name)?;
    let is_asked = text[name.len()..].trim_start().starts_with('[');
    if let (Field::Party(_, Part::Whole), true) = (&field, is_asked) {
        return Err(UnknownField::suggest(&text[..name.len() + 1]).into());
    }
    Ok((name.len(), Use::Field(field)))
}

/// `map.NAME`, with `[` behind it, at the start of `text`.
fn map(text: &str, scope: Scope<'_>) -> Result<(usize, Use), TemplateError> {
    let behind = text["map".len()..].strip_prefix('.');
    let (name, _) = behind
        .and_then(|behind| behind.split_once('['))
        .ok_or(TemplateError::Keyless)?;
    let length = "map.".len() + name.len();
    let name = name.trim_end();
    let maps = scope.maps.map(|maps| maps.names()).unwrap_or_default();
    let unknown = || TemplateError::Map(name.to_owned(), expected(name, "map", &maps));
    let map = scope.maps.and_then(|maps| maps.get(name));
    Ok((length, Use::Map(map.ok_or_else(unknown)?)))
}

/// `$1` at the start of `text`.
fn group(text: &str, scope: Scope<'_>) -> Result<Option<(usize, Use)>, TemplateError> {
    match text.chars().nth(1) {
        Some(digit @ '0'..='9') if scope.groups => Ok(Some((2, Use::Group(number_of(digit))))),
        Some(digit @ '0'..='9') => Err(TemplateError::Group(digit)),
        _ => Ok(None),
    }
}

/// The token that `text` begins with.
fn token(text: &str) -> Option<&str> {
    let first = text.chars().next()?;
    let length = match first {
        '"' | '\'' => quoted(text).unwrap_or(text.len()),
        c if c.is_ascii_alphanumeric() || c == '_' => word(text),
        c => c.len_utf8(),
    };
    Some(&text[..length])
}

/// The length of the word that `text` begins with.
fn word(text: &str) -> usize {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    end.unwrap_or(text.len())
}

/// Whether a name is that of an argument: `x=1`.
fn is_argument(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.starts_with('=') && !rest.starts_with("==")
}

/// `a.b.c` at the start of `text`.
fn chain(text: &str) -> &str {
    let mut length = word(text);
    while text[length..].starts_with('.') {
        match word(&text[length + 1..]) {
            0 => break,
            part => length += 1 + part,
        }
    }
    &text[..length]
}

/// `header["X-Foo"]` at the start of `text`; what there is, where that is something else.
fn header(text: &str) -> &str {
    let start = "header".len();
    let inner = text[start..].trim_start();
    if !inner.starts_with('[') {
        return chain(text);
    }
    match inner.find(']') {
        Some(end) => &text[..text.len() - inner.len() + end + 1],
        None => text,
    }
}

/// What stands before a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Dot,
    Pipe,
    Is,
    Other,
}

impl Before {
    fn check(self, token: &str) -> Result<(), TemplateError> {
        let is_name = token.starts_with(|c: char| c.is_ascii_alphabetic());
        match self {
            Self::Pipe if is_name && !FILTERS.contains(&token) => {
                Err(TemplateError::Filter(token.to_owned()))
            }
            Self::Is if is_name && token != "not" && !TESTS.contains(&token) => {
                Err(TemplateError::Test(token.to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn next(self, token: &str) -> Self {
        match token {
            "." => Self::Dot,
            "|" => Self::Pipe,
            "is" if self != Self::Dot => Self::Is,
            "not" if self == Self::Is => Self::Is,
            blank if blank.trim().is_empty() => self,
            _ => Self::Other,
        }
    }
}

/// The length of the string that `text` begins with, quotes included.
fn quoted(text: &str) -> Option<usize> {
    let quote = text.chars().next()?;
    let mut escaped = false;
    for (n, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(n + 1),
            _ => {}
        }
    }
    None
}
