//! Regular expressions of a configuration. They are checked when the file is loaded, and compiled
//! when the first call needs them: a least-cost table of 10,000 numbers would take a second
//! otherwise, and most of its expressions never meet a call (see `engine::lookup`).

use crate::limits;
use crate::visit::Scalar;
use regex::{Regex, RegexBuilder};
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Class, Hir, HirKind, Look};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A regular expression, unanchored. Cheap to clone.
#[derive(Clone)]
pub struct Pattern(Arc<Inner>);

struct Inner {
    source: Box<str>,
    /// See [`Pattern::beginnings`].
    beginnings: Box<[Box<[u8]>]>,
    regex: OnceLock<Regex>,
}

impl Pattern {
    /// As written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Compiled, at the first call.
    pub(crate) fn regex(&self) -> &Regex {
        self.0.regex.get_or_init(|| {
            let source = &*self.0.source;
            compile(source).unwrap_or_else(|error| {
                // `read` has seen to it that this does not happen.
                tracing::error!(pattern = source, %error, "an expression that matches nothing");
                compile(NOTHING).unwrap_or_else(|_| unreachable!("a class of no letter is small"))
            })
        })
    }

    /// Text of which one must stand at the beginning of whatever matches; empty where that can be
    /// anything. None of it is empty.
    pub(crate) fn beginnings(&self) -> &[Box<[u8]>] {
        &self.0.beginnings
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.0.source).finish()
    }
}

/// Matches nothing.
const NOTHING: &str = "[^\\s\\S]";

impl Scalar for Pattern {
    const EXPECTED: &'static str = "a regular expression (syntax of the Rust crate regex)";

    fn read(text: &str) -> Result<Self, String> {
        // The last line says what is wrong; those before draw the expression.
        let last = |text: String| {
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        };
        let hir = regex_syntax::parse(text).map_err(|error| last(error.to_string()))?;
        let regex = OnceLock::new();
        if states(&hir) > limits::REGEX_STATES {
            // It may be too large: only compiling it says so.
            let compiled = compile(text).map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => {
                    "this expression needs too much memory".to_owned()
                }
                other => last(other.to_string()),
            })?;
            let _first = regex.set(compiled);
        }
        Ok(Self(Arc::new(Inner {
            source: text.into(),
            beginnings: beginnings(&hir),
            regex,
        })))
    }
}

fn compile(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text)
        .size_limit(limits::REGEX_BYTES)
        .dfa_size_limit(limits::REGEX_BYTES)
        .build()
}

/// How many states an expression has when it is compiled: never fewer than said here.
fn states(hir: &Hir) -> usize {
    // A range of letters is up to four sequences of up to four bytes.
    const RANGE: usize = 8;
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Unicode(class)) => class.ranges().len().saturating_mul(RANGE),
        HirKind::Class(Class::Bytes(class)) => class.ranges().len(),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(repetition.min).max(1);
            let times = usize::try_from(most)
                .unwrap_or(usize::MAX)
                .saturating_add(1);
            states(&repetition.sub)
                .saturating_add(1)
                .saturating_mul(times)
        }
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(2),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts
            .iter()
            .fold(1, |sum, part| states(part).saturating_add(sum + 1)),
    }
}

/// See [`Pattern::beginnings`].
fn beginnings(hir: &Hir) -> Box<[Box<[u8]>]> {
    if !hir.properties().look_set_prefix().contains(Look::Start) {
        return Box::default();
    }
    let prefixes = Extractor::new().kind(ExtractKind::Prefix).extract(hir);
    let literals = prefixes.literals().unwrap_or_default();
    if literals.iter().any(|literal| literal.is_empty()) {
        return Box::default();
    }
    let bytes = literals.iter().map(|literal| literal.as_bytes().into());
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::read(text).unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    fn begins(text: &str) -> Vec<String> {
        let pattern = pattern(text);
        let texts = pattern.beginnings().iter();
        let mut texts: Vec<String> = texts
            .map(|b| String::from_utf8_lossy(b).into_owned())
            .collect();
        texts.sort();
        texts
    }

    #[test]
    fn what_an_expression_must_begin_with_is_known_where_it_is_anchored() {
        assert_eq!(begins(r"^\+49\d{2}$"), ["+49"]);
        assert_eq!(begins("^(030|089)1"), ["0301", "0891"]);
        assert_eq!(begins("(?i)^ab"), ["AB", "Ab", "aB", "ab"]);
        assert_eq!(begins("^anonymous$"), ["anonymous"]);
        for anything in ["030", r"^\d", "^", "", "^a|b", "^a?b*", "(?m)^a", "^(a|)"] {
            assert_eq!(begins(anything), [""; 0], "{anything}");
        }
    }

    #[test]
    fn an_expression_is_compiled_at_its_first_use_unless_it_may_be_too_large() {
        let small = pattern(r"^\+49\d{2,8}$");
        assert!(small.0.regex.get().is_none());
        assert!(small.regex().is_match("+49123"));
        assert!(small.0.regex.get().is_some());
        assert!(pattern(r"\w{10}").0.regex.get().is_some());
        let why = Pattern::read(r"\w{500}").expect_err("too large");
        assert_eq!(why, "this expression needs too much memory");
    }

    #[test]
    fn the_largest_expression_that_waits_can_be_compiled() {
        for one in [
            r"\d",
            r"\w",
            r"\pL",
            "a",
            "[a-z]",
            r"(?i)\p{Greek}",
            r"(\d|x)?",
            "(a)",
        ] {
            let times = |n: usize| format!("(?:{one}){{{n}}}");
            let waits = |text: &String| {
                states(&regex_syntax::parse(text).expect("sound")) <= limits::REGEX_STATES
            };
            let most = limits::REGEX_STATES / states(&regex_syntax::parse(one).expect("sound"));
            let text = (1..=most).rev().map(times).find(waits);
            let text = text.expect("a small one");
            assert!(compile(&text).is_ok(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_matches_begins_as_foreseen(
            text in r"\^?(\(?[ab01]{0,3}(\|[ab]{0,2}\))?[?*+]?|\[ab\]|\\d|\$){0,4}",
            value in "[ab01]{0,6}",
        ) {
            let Ok(pattern) = Pattern::read(&text) else { return Ok(()) };
            let begins = pattern.beginnings();
            let foreseen = begins.is_empty()
                || begins.iter().any(|b| value.as_bytes().starts_with(b));
            prop_assert!(foreseen || !pattern.regex().is_match(&value), "{} {}", text, value);
        }
    }
}
