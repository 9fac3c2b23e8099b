//! Where a text that is no YAML is wrong.
//!
//! A YAML parser notices a mistake where it cannot go on, which is often lines behind it: a bracket
//! that nobody closed, a quote that ends at the next one, a key without `:`, a line that begins one
//! column off. [`blame`] looks for these before the place of the parser's error, in the way that a
//! reader would, and falls back to that place.

use crate::tree::{Position, SyntaxError};

/// The error at the line that is wrong, where that can be told.
pub(crate) fn blame(text: &str, error: SyntaxError) -> SyntaxError {
    if !error.is_syntax {
        return error;
    }
    let last = error.at.line as usize;
    let lines: Vec<&str> = text.lines().take(last).collect();
    let is_end = !text.lines().skip(last).any(has_text);
    // The parser may stop before a tab.
    let with_next: Vec<&str> = text.lines().take(last + 1).collect();
    let found = tab(&with_next)
        .or_else(|| Brackets::of(&lines).blamed(last, is_end))
        .or_else(|| without_colon(&lines))
        .or_else(|| off_column(&lines, text));
    match found {
        None => in_plain_words(error),
        Some((line, column, message, hint)) => SyntaxError {
            at: Position {
                line: number(line),
                column: number(column),
                length: 1,
                ..error.at
            },
            message: format!("this is not YAML: {message}"),
            hint,
            ..error
        },
    }
}

/// The parser's error in words that say what to do, for those that people meet.
fn in_plain_words(error: SyntaxError) -> SyntaxError {
    let known = [
        (
            "unknown anchor",
            "no `&name` above has the name of this alias",
            "expected `*` and a name that stands above with `&`",
        ),
        (
            "did not find expected key",
            "this line does not belong to what is above it",
            "expected the indentation of one of the lines above",
        ),
        (
            "mapping values are not allowed",
            "a value cannot hold `: ` here",
            "expected quotes around the value, or a line of its own",
        ),
        (
            "trailing content after",
            "there is text behind the closing quote",
            "expected quotes around all of the value",
        ),
        (
            "did not find expected ',' or '}'",
            "something is missing before this",
            "expected `,` or }",
        ),
        (
            "expected ',' or ']'",
            "something is missing before this",
            "expected `,` or ]",
        ),
    ];
    let plain = known
        .iter()
        .find(|(words, ..)| error.message.contains(words));
    match plain {
        None => error,
        Some((_, message, hint)) => SyntaxError {
            message: format!("this is not YAML: {message}"),
            hint: (*hint).to_owned(),
            ..error
        },
    }
}

/// Line and column, from 1, what is wrong, and what was expected.
type Blame = (usize, usize, String, String);

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn has_text(line: &str) -> bool {
    let text = line.trim();
    !text.is_empty() && !text.starts_with('#')
}

/// The column of a tab before the text of a line.
pub(crate) fn tab_before_text(line: &str) -> Option<usize> {
    let blank = &line[..line.len() - line.trim_start().len()];
    blank.find('\t').map(|at| at + 1).filter(|_| has_text(line))
}

fn tab(lines: &[&str]) -> Option<Blame> {
    let (n, column) = lines
        .iter()
        .enumerate()
        .rev()
        .find_map(|(n, line)| Some((n, tab_before_text(line)?)))?;
    let message = "a tab before the text of a line".to_owned();
    Some((n + 1, column, message, "expected spaces".to_owned()))
}

/// A bracket that is open, or a quote.
#[derive(Clone, Copy)]
struct Open {
    sign: char,
    line: usize,
    column: usize,
}

/// Brackets and quotes of a text up to a line.
#[derive(Default)]
struct Brackets {
    open: Vec<Open>,
    /// A bracket that another one's end closed.
    crossed: Option<Open>,
    /// The last quoted text that went on over lines, and the line of its end.
    long: Option<(Open, usize)>,
}

impl Brackets {
    fn of(lines: &[&str]) -> Self {
        let mut all = Self::default();
        let mut quote: Option<Open> = None;
        // The indentation of the line above a text that `|` or `>` begins.
        let mut text_below = None;
        for (n, line) in lines.iter().enumerate() {
            if quote.is_none() && all.open.is_empty() {
                let is_text = |above| indent(line) > above || line.trim().is_empty();
                if text_below.is_some_and(is_text) {
                    continue;
                }
                text_below = begins_text(line).then(|| indent(line));
            }
            quote = all.line(line, n + 1, quote);
        }
        if let Some(open) = quote {
            all.long = Some((open, lines.len() + 1));
        }
        all
    }

    /// Takes a line; the quote that is open before it, and the one that is behind it.
    fn line(&mut self, line: &str, number: usize, mut quote: Option<Open>) -> Option<Open> {
        let mut chars = line.chars().enumerate().peekable();
        // Whether a value may begin here.
        let mut fresh = true;
        let mut before = ' ';
        while let Some((at, sign)) = chars.next() {
            if let Some(open) = quote {
                if sign == '\\' && open.sign == '"' {
                    chars.next();
                } else if sign == open.sign {
                    let doubled = |next: &(usize, char)| sign == '\'' && next.1 == '\'';
                    if chars.next_if(doubled).is_none() {
                        quote = None;
                        fresh = false;
                        if open.line < number {
                            self.long = Some((open, number));
                        }
                    }
                }
                continue;
            }
            let here = Open {
                sign,
                line: number,
                column: at + 1,
            };
            match sign {
                '#' if before.is_whitespace() => break,
                '"' | '\'' if fresh => quote = Some(here),
                '{' | '[' if fresh => self.open.push(here),
                '}' | ']' => self.close(sign),
                _ => {}
            }
            let ends_key =
                matches!(sign, ':' | '-' | '?') && chars.peek().is_none_or(|next| next.1 == ' ');
            let in_flow = !self.open.is_empty() && matches!(sign, ',' | ':');
            fresh = match sign {
                ' ' | '\t' => fresh,
                '{' | '[' => fresh,
                _ => ends_key || in_flow,
            };
            before = sign;
        }
        quote
    }

    fn close(&mut self, sign: char) {
        let Some(top) = self.open.pop() else { return };
        let fits = matches!((top.sign, sign), ('{', '}') | ('[', ']'));
        if fits || self.crossed.is_some() {
            return;
        }
        self.crossed = Some(top);
        // What was meant is the one around it.
        self.open.pop();
    }

    fn blamed(&self, last: usize, is_end: bool) -> Option<Blame> {
        if let Some((open, end)) = self.long
            && (end > last || (end == last && open.line < last))
        {
            let message = "the quote is not closed on this line".to_owned();
            let hint = format!("expected another {} behind the value", open.sign);
            return Some((open.line, open.column, message, hint));
        }
        let before = self
            .open
            .iter()
            .rev()
            .find(|open| open.line < last || is_end);
        let open = self.crossed.as_ref().or(before)?;
        let (end, what) = match open.sign {
            '{' => ('}', "brace"),
            _ => (']', "bracket"),
        };
        let message = format!("the {what} is not closed");
        Some((open.line, open.column, message, format!("expected {end}")))
    }
}

/// A line above the error, or that of the error, which has no `:` where one is needed.
fn without_colon(lines: &[&str]) -> Option<Blame> {
    let last = lines.len();
    let below = lines.last().map_or(0, |line| indent(line));
    for (n, line) in lines.iter().enumerate().rev().take(50) {
        if !has_text(line) {
            continue;
        }
        let text = line.trim();
        let item = text.strip_prefix("- ");
        let value = item.unwrap_or(text);
        let is_key = value.contains(": ") || value.ends_with(':');
        let is_word = value.starts_with(|c: char| c.is_alphanumeric());
        if is_key && n + 1 < last {
            return None;
        }
        let misses = match item {
            None => !is_key && is_word,
            // An item may be a word; but what belongs to it is behind it then.
            Some(_) => !is_key && is_word && n + 1 < last && below > indent(line),
        };
        if misses && !is_in_text(lines, n) {
            let word = value.split_whitespace().next().unwrap_or(value);
            let column = line
                .find(word)
                .map_or(1, |at| line[..at].chars().count() + 1);
            let message = format!("there is no `:` behind `{word}`");
            return Some((n + 1, column, message, format!("expected `{word}: ..`")));
        }
    }
    None
}

/// Whether a line belongs to a text that `|` or `>` begins.
fn is_in_text(lines: &[&str], n: usize) -> bool {
    let own = indent(lines[n]);
    let mut above = lines[..n].iter().rev().filter(|line| has_text(line));
    above
        .find(|line| indent(line) < own)
        .is_some_and(|line| begins_text(line))
}

fn begins_text(line: &str) -> bool {
    let end = line.trim_end().trim_end_matches(['+', '-']);
    has_text(line) && (end.ends_with(": |") || end.ends_with(": >"))
}

/// A line whose indentation is odd in a file where nearly all are even.
fn off_column(lines: &[&str], text: &str) -> Option<Blame> {
    let odd = |line: &str| has_text(line) && indent(line) % 2 == 1;
    let all = text
        .lines()
        .filter(|line| has_text(line) && indent(line) > 0);
    let (odd_ones, all) = all.fold((0, 0), |(odd_ones, all), line| {
        (odd_ones + usize::from(odd(line)), all + 1)
    });
    if odd_ones * 4 > all {
        return None;
    }
    let n = lines.iter().rposition(|line| odd(line))?;
    let own = indent(lines[n]);
    let message = format!("the line begins with {own} spaces, which fits no other line");
    let hint = format!("expected {} or {}", own - 1, own + 1);
    Some((n + 1, own + 1, message, hint))
}

#[cfg(test)]
mod tests {
    use crate::tree::{self, Budget};

    /// Line and column that are blamed, and the message.
    fn blamed(text: &str) -> (u32, u32, String) {
        let error = tree::parse(text, &mut Budget::default()).expect_err("no YAML");
        let message = error.message.trim_start_matches("this is not YAML: ");
        (error.at.line, error.at.column, message.to_owned())
    }

    #[test]
    fn the_line_that_is_wrong_is_blamed() {
        for (text, line, column, message) in [
            ("a:\n  b: { c: 1\n  d: 2\n", 2, 6, "the brace is not closed"),
            (
                "a:\n  - [ c, 1\n  - 2\nb: 1\n",
                2,
                5,
                "the bracket is not closed",
            ),
            (
                "a: [ { b: 1, { c: 2 } ]\nb: 1\n",
                1,
                6,
                "the brace is not closed",
            ),
            ("a: { b: [ 1 }\nc: 2\n", 1, 9, "the bracket is not closed"),
            (
                "a: \"b\nc: \"d\"\n",
                1,
                4,
                "the quote is not closed on this line",
            ),
            (
                "a: 'b\nc: d\n",
                1,
                4,
                "the quote is not closed on this line",
            ),
            (
                "a:\n  b: 1\n  c\n  d: 2\n",
                3,
                3,
                "there is no `:` behind `c`",
            ),
            (
                "a: 1\n\nb 5s\n# no\nc: 1\n",
                3,
                1,
                "there is no `:` behind `b`",
            ),
            (
                "a:\n  b\n    - 1\n    - x: 2\n",
                2,
                3,
                "there is no `:` behind `b`",
            ),
            (
                "a:\n  - b c\n    d: 1\n",
                2,
                5,
                "there is no `:` behind `b`",
            ),
            (
                "a:\n   b: 1\n  c: 1\n  d: 1\n  e: 1\n",
                2,
                4,
                "the line begins with 3 spaces, which fits no other line",
            ),
            (
                "a:\n  b: 1\n\tc: 1\n",
                3,
                1,
                "a tab before the text of a line",
            ),
        ] {
            assert_eq!(blamed(text), (line, column, message.to_owned()), "{text}");
        }
    }

    #[test]
    fn signs_in_texts_and_comments_are_no_brackets() {
        // The mistake of each is in its last line.
        for text in [
            "a: \"{ [\"\nb: x # {\nc: it's {\nd: 'it''s ['\ne: \"\\\"{\"\nf: {{\n",
            "a: |\n  text without colon\n  { [\nb: ]\n",
        ] {
            let lines = u32::try_from(text.lines().count()).expect("few lines");
            assert_eq!(blamed(text).0, lines, "{text}");
        }
    }
}
