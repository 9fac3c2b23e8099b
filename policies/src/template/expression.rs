//! Expressions of minijinja: what stands in `${...}`, and what `expr` of a condition is.

use super::scan::{self, Use};
use super::{RenderError, Scope, TemplateError, Values};
use crate::facts::{Facts, Field, Part};
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, UndefinedBehavior, filters, tests as jinja_tests};
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};

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

/// An expression whose names are resolved.
pub(super) struct Compiled {
    expression: minijinja::Expression<'static, 'static>,
    /// What its variables stand for, in order: see [`scan`].
    uses: Vec<Use>,
}

impl Compiled {
    pub(super) fn parse(text: &str, scope: Scope<'_>) -> Result<Self, TemplateError> {
        let scanned = scan::scan(text, scope)?;
        let expression = ENVIRONMENT
            .compile_expression_owned(scanned.text)
            .map_err(|e| {
                let why = e.detail().unwrap_or("not an expression").to_owned();
                TemplateError::Expression(text.to_owned(), why)
            })?;
        Ok(Self {
            expression,
            uses: scanned.uses,
        })
    }

    pub(super) fn highest_group(&self) -> Option<u8> {
        let of = |used: &Use| match used {
            Use::Group(number) => Some(*number),
            Use::Field(_) | Use::Map(_) => None,
        };
        self.uses.iter().filter_map(of).max()
    }

    pub(super) fn has_maps(&self) -> bool {
        self.uses.iter().any(|used| matches!(used, Use::Map(_)))
    }

    fn eval(&self, values: &Values<'_>) -> Result<Value, RenderError> {
        let pairs = self.uses.iter().enumerate().map(|(n, used)| {
            let value = match used {
                Use::Field(field) => {
                    let text = (values.lookup)(field);
                    text.map_or(Value::UNDEFINED, |text| typed(field, text))
                }
                Use::Map(map) => Value::from_dyn_object(Arc::clone(map)),
                Use::Group(number) => Value::from(values.group(*number)),
            };
            (scan::variable(n), value)
        });
        self.expression
            .eval(Value::from_pairs(pairs))
            .map_err(|e| RenderError(e.to_string()))
    }

    pub(super) fn text(&self, values: &Values<'_>) -> Result<String, RenderError> {
        let value = self.eval(values)?;
        Ok(match value.kind() {
            ValueKind::Undefined | ValueKind::None => String::new(),
            ValueKind::Bool => value.is_true().to_string(),
            _ => value.to_string(),
        })
    }
}

/// Ports and status codes are numbers, all else is text: a user `0049` is none.
fn typed(field: &Field, text: String) -> Value {
    let is_number = matches!(
        field,
        Field::Status | Field::SourcePort | Field::Party(_, Part::Port)
    );
    let number = text.parse::<u64>().ok().filter(|_| is_number);
    number.map_or_else(|| Value::from(text), Value::from)
}

/// An expression that holds or does not: `expr` of a condition.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    compiled: Arc<Compiled>,
}

impl Expression {
    pub(crate) fn parse_in(text: &str, scope: Scope<'_>) -> Result<Self, TemplateError> {
        if text.trim().is_empty() {
            return Err(TemplateError::Empty);
        }
        Ok(Self {
            source: text.into(),
            compiled: Arc::new(Compiled::parse(text.trim(), scope)?),
        })
    }

    /// As written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The fields that it asks for.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.compiled.uses.iter().filter_map(|used| match used {
            Use::Field(field) => Some(field),
            Use::Map(_) | Use::Group(_) => None,
        })
    }

    /// Whether it holds: not where it is false, absent, empty text or zero, nor where it cannot be
    /// evaluated for this call.
    pub(crate) fn holds(&self, facts: &Facts<'_>) -> bool {
        let values = Values {
            lookup: &|field| facts.value(field).map(Cow::into_owned),
            groups: None,
        };
        match self.compiled.eval(&values) {
            Ok(value) => value.is_true(),
            Err(error) => {
                tracing::warn!(expr = self.source(), %error, "a condition cannot be evaluated");
                false
            }
        }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}
