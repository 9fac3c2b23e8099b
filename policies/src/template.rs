//! Templates: text with `${...}`, where `...` is an expression of minijinja over the names of
//! [`Field`] and the maps of the configuration. Compiled when the configuration is loaded; a name,
//! map, filter or test that does not exist is an error then. At call time a name without a value is
//! empty text.

mod expression;
mod scan;

pub use expression::Expression;

use crate::facts::{Facts, Field, UnknownField};
use crate::maps::Maps;
use crate::problem::expected;
use expression::Compiled;
use regex::Captures;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Filters that expressions may use.
const FILTERS: [&str; 10] = [
    "default", "first", "int", "last", "length", "lower", "replace", "slice", "trim", "upper",
];
/// Tests (`x is defined`) that expressions may use.
const TESTS: [&str; 4] = ["defined", "undefined", "startingwith", "endingwith"];

/// What a template or an expression may use, by where it stands.
#[derive(Clone, Copy, Default)]
pub(crate) struct Scope<'m> {
    /// The maps of the configuration.
    pub(crate) maps: Option<&'m Maps>,
    /// Groups of a regular expression, `$1`.
    pub(crate) groups: bool,
    /// What only replies have: `status`.
    pub(crate) replies: bool,
}

impl Scope<'_> {
    /// Reads a name that may stand here.
    pub(crate) fn field(self, name: &str) -> Result<Field, UnknownField> {
        match Field::parse(name)? {
            Field::Status if !self.replies => Err(UnknownField::of_replies(name)),
            field => Ok(field),
        }
    }
}

/// Where values come from when a template is rendered.
#[derive(Clone, Copy)]
pub(crate) struct Values<'v> {
    pub(crate) lookup: &'v dyn Fn(&Field) -> Option<String>,
    pub(crate) groups: Option<&'v Captures<'v>>,
}

impl Values<'_> {
    fn group(&self, number: u8) -> &str {
        let group = self.groups.and_then(|groups| groups.get(number.into()));
        group.map_or("", |group| group.as_str())
    }
}

/// Why text is no template.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TemplateError {
    /// `${` without `}`.
    #[error("`${{` without `}}`")]
    Unclosed,
    /// `${}`.
    #[error("`${{}}` holds no expression")]
    Empty,
    /// A name that does not exist.
    #[error(transparent)]
    Name(#[from] UnknownField),
    /// A filter that does not exist.
    #[error("unknown filter `{0}`")]
    Filter(String),
    /// A test that does not exist.
    #[error("unknown test `{0}`")]
    Test(String),
    /// Not an expression.
    #[error("`${{{0}}}`: {1}")]
    Expression(String, String),
    /// CR, LF or NUL.
    #[error("the text holds a line break")]
    LineBreak,
    /// `$1` and kin where there is no regular expression.
    #[error("`${0}`: there is no regular expression here that could have groups")]
    Group(char),
    /// A map that does not exist, or one without key; and what was expected.
    #[error("unknown map `{0}`")]
    Map(String, String),
    /// `map` without name and key.
    #[error("`map` without name and key")]
    Keyless,
}

impl TemplateError {
    /// What was expected.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unclosed | Self::Empty | Self::Expression(..) => {
                "expected text with expressions like ${from.user}".to_owned()
            }
            Self::Name(error) => error.hint().to_owned(),
            Self::Filter(name) => expected(name, "filter", &FILTERS),
            Self::Test(name) => expected(name, "test", &TESTS),
            Self::LineBreak => "expected one line".to_owned(),
            Self::Group(_) => "expected ${...}, and `$$` for a dollar; groups stand in `with`, \
                               beside `match`"
                .to_owned(),
            Self::Map(_, hint) => hint.clone(),
            Self::Keyless => "write map.NAME[key], as in map.areas[to.user]".to_owned(),
        }
    }
}

/// A compiled template.
#[derive(Clone)]
pub struct Template {
    source: Arc<str>,
    pieces: Vec<Piece>,
}

#[derive(Clone)]
enum Piece {
    Text(Box<str>),
    /// An expression that is one name: needs no interpreter.
    Field(Field),
    /// A group of the expression that matched.
    Group(u8),
    Expression(Arc<Compiled>),
}

/// A template could not be rendered for this call.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct RenderError(String);

impl Template {
    /// Compiles, without maps and groups.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Self::parse_in(text, Scope::default())
    }

    /// Compiles what stands in a place with these maps and groups.
    pub(crate) fn parse_in(text: &str, scope: Scope<'_>) -> Result<Self, TemplateError> {
        if text.contains(['\r', '\n', '\0']) {
            return Err(TemplateError::LineBreak);
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            if let Some(dollars) = escaping(&rest[..start]) {
                // `$${`: the first dollar means the second, and the brace is text.
                literal(&rest[..dollars + 2], scope, &mut pieces)?;
                rest = &rest[dollars + 2..];
                continue;
            }
            literal(&rest[..start], scope, &mut pieces)?;
            let inner = &rest[start + 2..];
            let end = closing(inner).ok_or(TemplateError::Unclosed)?;
            pieces.push(Piece::parse(inner[..end].trim(), scope)?);
            rest = &inner[end + 1..];
        }
        literal(rest, scope, &mut pieces)?;
        Ok(Self {
            source: text.into(),
            pieces,
        })
    }

    /// As written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The highest number of a group that it uses.
    pub(crate) fn highest_group(&self) -> Option<u8> {
        let of = |piece: &Piece| match piece {
            Piece::Group(number) => Some(*number),
            Piece::Expression(compiled) => compiled.highest_group(),
            Piece::Text(_) | Piece::Field(_) => None,
        };
        self.pieces.iter().filter_map(of).max()
    }

    /// Whether a map is asked: then samples say nothing of what it makes.
    pub(crate) fn has_maps(&self) -> bool {
        let asks = |piece: &Piece| matches!(piece, Piece::Expression(e) if e.has_maps());
        self.pieces.iter().any(asks)
    }

    /// Whether it has `${...}`.
    pub(crate) fn has_expressions(&self) -> bool {
        let is_one = |p: &Piece| matches!(p, Piece::Field(_) | Piece::Expression(_));
        self.pieces.iter().any(is_one)
    }

    /// Commas in the text itself, not in what expressions make of a call.
    pub(crate) fn commas(&self) -> usize {
        let texts = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.matches(',').count()),
            _ => None,
        });
        texts.sum()
    }

    /// The text for a call.
    pub(crate) fn render(&self, facts: &Facts<'_>) -> Result<String, RenderError> {
        self.render_with(&|field| facts.value(field).map(Cow::into_owned))
    }

    /// The text where `lookup` knows the values.
    pub(crate) fn render_with(
        &self,
        lookup: &dyn Fn(&Field) -> Option<String>,
    ) -> Result<String, RenderError> {
        let groups = None;
        self.render_from(&Values { lookup, groups })
    }

    /// The text for what a regular expression found.
    pub(crate) fn render_match(
        &self,
        facts: &Facts<'_>,
        found: &Captures<'_>,
    ) -> Result<String, RenderError> {
        self.render_from(&Values {
            lookup: &|field| facts.value(field).map(Cow::into_owned),
            groups: Some(found),
        })
    }

    pub(crate) fn render_from(&self, values: &Values<'_>) -> Result<String, RenderError> {
        let mut out = String::with_capacity(self.source.len());
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Field(field) => out.push_str(&(values.lookup)(field).unwrap_or_default()),
                Piece::Group(number) => out.push_str(values.group(*number)),
                Piece::Expression(compiled) => out.push_str(&compiled.text(values)?),
            }
        }
        Ok(out)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.source).finish()
    }
}

impl Piece {
    fn parse(text: &str, scope: Scope<'_>) -> Result<Self, TemplateError> {
        if text.is_empty() {
            return Err(TemplateError::Empty);
        }
        if let Ok(field) = scope.field(text) {
            return Ok(Self::Field(field));
        }
        let compiled = Compiled::parse(text, scope)?;
        Ok(Self::Expression(Arc::new(compiled)))
    }
}

/// Where the dollar begins that makes the dollar behind `before` a letter: an odd number of them.
fn escaping(before: &str) -> Option<usize> {
    let dollars = before.len() - before.trim_end_matches('$').len();
    (dollars % 2 == 1).then(|| before.len() - 1)
}

/// Text between expressions: `$$` is a dollar, `$1` a group where there are some, and any other
/// dollar is one that nothing can be meant by.
fn literal(text: &str, scope: Scope<'_>, pieces: &mut Vec<Piece>) -> Result<(), TemplateError> {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek().copied()) {
            ('$', Some(digit @ '0'..='9')) => {
                if !scope.groups {
                    return Err(TemplateError::Group(digit));
                }
                letters.next();
                if !out.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut out).into()));
                }
                pieces.push(Piece::Group(number_of(digit)));
            }
            ('$', Some('$')) => {
                letters.next();
                out.push('$');
            }
            _ => out.push(letter),
        }
    }
    if !out.is_empty() {
        pieces.push(Piece::Text(out.into()));
    }
    Ok(())
}

/// What a digit means.
fn number_of(digit: char) -> u8 {
    let number = digit.to_digit(10).and_then(|n| u8::try_from(n).ok());
    number.unwrap_or_default()
}

/// Where the brace that closes an expression is: outside of quotes, braces paired.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut quote = None;
    let mut escaped = false;
    for (n, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') if depth == 0 => return Some(n),
            (None, '}') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
