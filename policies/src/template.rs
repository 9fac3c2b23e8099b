//! Templates: text with `${...}`, where `...` is an expression of minijinja over the names of
//! [`Field`]. Compiled when the configuration is loaded; a name, filter or test that does not exist
//! is an error then. At call time a name without a value is empty text.

use crate::facts::{Facts, Field, UnknownField, is_token};
use crate::problem::expected;
use minijinja::value::Value;
use minijinja::{Environment, Expression, UndefinedBehavior, filters, tests};
use sbc_core::sip::HeaderName;
use std::collections::BTreeMap;
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
    env.add_test("defined", tests::is_defined);
    env.add_test("undefined", tests::is_undefined);
    env.add_test("startingwith", tests::is_startingwith);
    env.add_test("endingwith", tests::is_endingwith);
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
    /// The names it uses, with the path that it uses for each.
    uses: Vec<(Vec<String>, Field)>,
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
                pieces.push(Piece::Text(rest[..start].into()));
            }
            let inner = &rest[start + 2..];
            let end = closing(inner).ok_or(TemplateError::Unclosed)?;
            pieces.push(Piece::parse(inner[..end].trim())?);
            rest = &inner[end + 1..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.into()));
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
    fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.is_empty() {
            return Err(TemplateError::Empty);
        }
        if let Ok(field) = Field::parse(text) {
            return Ok(Self::Field(field));
        }
        let scanned = scan(text)?;
        let expression = ENVIRONMENT
            .compile_expression_owned(scanned.text)
            .map_err(|e| {
                let why = e.detail().unwrap_or("not an expression").to_owned();
                TemplateError::Expression(text.to_owned(), why)
            })?;
        let mut names: Vec<String> = expression.undeclared_variables(true).into_iter().collect();
        names.sort();
        let mut uses = Vec::new();
        for name in names {
            let header = name
                .strip_prefix("header.h")
                .and_then(|n| n.parse::<usize>().ok())
                .and_then(|n| scanned.headers.get(n));
            let field = match header {
                Some(header) => Field::Header(header.clone()),
                None => Field::parse(&name)?,
            };
            uses.push((name.split('.').map(str::to_owned).collect(), field));
        }
        Ok(Self::Expression(Arc::new(Compiled { expression, uses })))
    }
}

impl Compiled {
    fn eval(&self, lookup: &dyn Fn(&Field) -> Option<String>) -> Result<String, RenderError> {
        let mut context = Branch::default();
        for (path, field) in &self.uses {
            context.insert(path, lookup(field));
        }
        let value = self
            .expression
            .eval(context.into_value())
            .map_err(|e| RenderError(e.to_string()))?;
        Ok(if value.is_none() || value.is_undefined() {
            String::new()
        } else {
            value.to_string()
        })
    }
}

/// The names of an expression as nested maps.
#[derive(Default)]
struct Branch {
    leaf: Option<String>,
    children: BTreeMap<String, Self>,
}

impl Branch {
    fn insert(&mut self, path: &[String], value: Option<String>) {
        match path.split_first() {
            None => self.leaf = value,
            Some((first, rest)) => {
                let child = self.children.entry(first.clone()).or_default();
                child.insert(rest, value);
            }
        }
    }

    fn into_value(self) -> Value {
        if self.children.is_empty() {
            return self.leaf.map_or(Value::UNDEFINED, Value::from);
        }
        self.children
            .into_iter()
            .map(|(name, child)| (name, child.into_value()))
            .collect()
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

/// An expression in which `header["X"]` has become `header.h0`, so that the names it uses can be
/// told.
struct Scanned {
    text: String,
    headers: Vec<HeaderName>,
}

fn scan(text: &str) -> Result<Scanned, TemplateError> {
    let mut out = Scanned {
        text: String::with_capacity(text.len()),
        headers: Vec::new(),
    };
    let mut rest = text;
    let mut before = Before::Other;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '"' | '\'' => quoted(rest).unwrap_or(rest.len()),
            c if c.is_ascii_alphabetic() || c == '_' => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                end.unwrap_or(rest.len())
            }
            c => c.len_utf8(),
        };
        let token = &rest[..length];
        rest = &rest[length..];
        if token == "header" && before != Before::Dot {
            let (header, after) = subscript(rest).ok_or_else(|| {
                TemplateError::Expression(text.to_owned(), "write header[\"X-Foo\"]".to_owned())
            })?;
            out.text.push_str(&format!("header.h{}", out.headers.len()));
            out.headers.push(HeaderName::parse(header));
            rest = after;
        } else {
            before.check(token)?;
            out.text.push_str(token);
        }
        before = before.next(token);
    }
    Ok(out)
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

/// `["X-Foo"]` at the start of `text`: the name, and the rest.
fn subscript(text: &str) -> Option<(&str, &str)> {
    let inner = text.trim_start().strip_prefix('[')?.trim_start();
    let length = quoted(inner).filter(|_| inner.starts_with(['"', '\'']))?;
    let name = &inner[1..length - 1];
    let rest = inner[length..].trim_start().strip_prefix(']')?;
    is_token(name).then_some((name, rest))
}
