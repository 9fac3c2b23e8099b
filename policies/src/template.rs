//! Templates: text with `${...}`, where `...` is an expression of minijinja over the names of
//! [`Field`]. Compiled when the configuration is loaded; a name, filter or test that does not exist
//! is an error then. At call time a name without a value is empty text.

mod scan;

use crate::facts::{Facts, Field, UnknownField};
use crate::problem::expected;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Expression, UndefinedBehavior, filters, tests as jinja_tests};
use std::fmt;
use std::sync::{Arc, LazyLock};

/// Filters that expressions may use.
const FILTERS: [&str; 10] = [
    "default", "first", "int", "last", "length", "lower", "replace", "slice", "trim", "upper",
];
/// Tests (`x is defined`) that expressions may use.
const TESTS: [&str; 4] = ["defined", "undefined", "startingwith", "endingwith"];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Lenient);
    env.add_filter("default", filters::default);
    env.add_filter("first", filters::first);
    env.add_filter("int", filters::int);
    env.add_filter("last", filters::last);
    env.add_filter("length", filters::length);
    env.add_filter("lower", filters::lower);
    env.add_filter("replace", filters::replace);
    env.add_filter("slice", slice);
    env.add_filter("trim", filters::trim);
    env.add_filter("upper", filters::upper);
    env.add_test("defined", jinja_tests::is_defined);
    env.add_test("undefined", jinja_tests::is_undefined);
    env.add_test("startingwith", jinja_tests::is_startingwith);
    env.add_test("endingwith", jinja_tests::is_endingwith);
    env
});

/// The characters from `start` up to `end` (or the last); negative numbers count from the end.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape of a filter of minijinja"
)]
fn slice(text: String, start: i64, end: Option<i64>) -> String {
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let from_start = |n: i64| {
        if n < 0 {
            (length + n).max(0)
        } else {
            n.min(length)
        }
    };
    let (start, end) = (from_start(start), from_start(end.unwrap_or(length)));
    let index = |n: i64| usize::try_from(n).unwrap_or(0);
    let count = index(end.saturating_sub(start).max(0));
    text.chars().skip(index(start)).take(count).collect()
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
    /// `$1` and kin.
    #[error("`${0}`: groups of a regular expression are not in this version")]
    Group(char),
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
            Self::Group(_) => "expected ${...}, and `$$` for a dollar".to_owned(),
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
    Expression(Arc<Compiled>),
}

struct Compiled {
    expression: Expression<'static, 'static>,
    /// What its variables stand for, in order: see [`scan`].
    uses: Vec<Field>,
}

/// A template could not be rendered for this call.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct RenderError(String);

impl Template {
    /// Compiles.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.contains(['\r', '\n', '\0']) {
            return Err(TemplateError::LineBreak);
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            if start > 0 {
                pieces.push(Piece::text(&rest[..start])?);
            }
            let inner = &rest[start + 2..];
            let end = closing(inner).ok_or(TemplateError::Unclosed)?;
            pieces.push(Piece::parse(inner[..end].trim())?);
            rest = &inner[end + 1..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::text(rest)?);
        }
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

    /// The text for a call.
    pub(crate) fn render(&self, facts: &Facts<'_>) -> Result<String, RenderError> {
        self.render_with(&|field| facts.value(field).map(std::borrow::Cow::into_owned))
    }

    /// The text where `lookup` knows the values.
    pub(crate) fn render_with(
        &self,
        lookup: &dyn Fn(&Field) -> Option<String>,
    ) -> Result<String, RenderError> {
        let mut out = String::with_capacity(self.source.len());
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Field(field) => out.push_str(&lookup(field).unwrap_or_default()),
                Piece::Expression(compiled) => out.push_str(&compiled.eval(lookup)?),
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
    /// Text between expressions: `$$` is a dollar, and so is one that nothing can be meant by.
    fn text(text: &str) -> Result<Self, TemplateError> {
        let mut out = String::with_capacity(text.len());
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match (letter, letters.peek()) {
                ('$', Some(&digit)) if digit.is_ascii_digit() => {
                    return Err(TemplateError::Group(digit));
                }
                ('$', Some('$')) => {
                    letters.next();
                    out.push('$');
                }
                _ => out.push(letter),
            }
        }
        Ok(Self::Text(out.into()))
    }

    fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.is_empty() {
            return Err(TemplateError::Empty);
        }
        if let Ok(field) = Field::parse(text) {
            return Ok(Self::Field(field));
        }
        let scanned = scan::scan(text)?;
        let expression = ENVIRONMENT
            .compile_expression_owned(scanned.text)
            .map_err(|e| {
                let why = e.detail().unwrap_or("not an expression").to_owned();
                TemplateError::Expression(text.to_owned(), why)
            })?;
        Ok(Self::Expression(Arc::new(Compiled {
            expression,
            uses: scanned.uses,
        })))
    }
}

impl Compiled {
    fn eval(&self, lookup: &dyn Fn(&Field) -> Option<String>) -> Result<String, RenderError> {
        let values = self.uses.iter().enumerate().map(|(n, field)| {
            let value = lookup(field).map_or(Value::UNDEFINED, Value::from);
            (scan::variable(n), value)
        });
        let value = self
            .expression
            .eval(Value::from_pairs(values))
            .map_err(|e| RenderError(e.to_string()))?;
        Ok(match value.kind() {
            ValueKind::Undefined | ValueKind::None => String::new(),
            ValueKind::Bool => value.is_true().to_string(),
            _ => value.to_string(),
        })
    }
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
