//! The words of the grammar that every view shares: tokens, blanks, quoted strings, parameters
//! (RFC 3261 §25.1). All of it is linear in the text and allocates nothing.

use memchr::{memchr, memchr2, memchr3};

/// A set of bytes: asking it costs one load, whatever is in it.
type ByteSet = [bool; 256];

/// The set of the bytes for which the expression is true.
macro_rules! byte_set {
    (|$byte:ident| $legal:expr) => {{
        let mut set = [false; 256];
        let mut $byte = u8::MAX;
        loop {
            set[$byte as usize] = $legal;
            if $byte == 0 {
                break set;
            }
            $byte -= 1;
        }
    }};
}

const TOKEN: ByteSet = byte_set!(|b| b.is_ascii_alphanumeric()
    || matches!(
        b,
        b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
    ));

/// What no parameter's word holds.
const FOREIGN: ByteSet =
    byte_set!(|b| b <= b' ' || matches!(b, b'"' | b',' | b';' | b'<' | b'>' | 0x7f));

/// Whether `text` is a token: not empty and of token characters only.
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && token_len(text) == text.len()
}

/// How many token characters stand at the start.
pub(super) fn token_len(text: &[u8]) -> usize {
    let end = text.iter().position(|b| !TOKEN[usize::from(*b)]);
    end.unwrap_or(text.len())
}

/// The blanks that may stand in an unfolded value.
pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Without blanks at both ends.
pub(super) fn trim(text: &str) -> &str {
    // Most text has none, and needs no second look at where it begins.
    if let [first, .., last] = text.as_bytes()
        && *first > b' '
        && *last > b' '
    {
        return text;
    }
    let inner = trim_bytes(text.as_bytes());
    let at = inner.as_ptr() as usize - text.as_ptr() as usize;
    &text[at..at + inner.len()]
}

/// Without blanks at both ends, for bytes.
pub(super) const fn trim_bytes(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

/// Text with the prefix taken off, compared without case.
pub(super) fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    head.eq_ignore_ascii_case(word).then(|| &text[word.len()..])
}

/// The text before and behind the first `byte`, which is ASCII.
pub(super) fn split(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr(byte, text.as_bytes())?;
    Some((&text[..at], &text[at + 1..]))
}

/// The text before and behind the first blank.
pub(super) fn split_blank(text: &str) -> Option<(&str, &str)> {
    let at = text.bytes().position(is_blank)?;
    Some((&text[..at], &text[at + 1..]))
}

/// The text before and behind the last blank.
pub(super) fn rsplit_blank(text: &str) -> Option<(&str, &str)> {
    let at = text.bytes().rposition(is_blank)?;
    Some((&text[..at], &text[at + 1..]))
}

/// Digits only, without sign, within `u32`; leading zeros are legal (RFC 4475 §3.1.1.1).
pub(super) fn number(text: &str) -> Option<u32> {
    number_of(text.as_bytes())
}

/// The same for bytes.
pub(super) fn number_of(bytes: &[u8]) -> Option<u32> {
    let (first, rest) = bytes.split_first()?;
    rest.iter().try_fold(digit(*first)?, |number, byte| {
        number.checked_mul(10)?.checked_add(digit(*byte)?)
    })
}

fn digit(byte: u8) -> Option<u32> {
    byte.is_ascii_digit().then(|| u32::from(byte - b'0'))
}

/// Where the quoted string that starts at `at` ends: the index behind its closing quote.
pub(super) fn quoted_end(text: &[u8], at: usize) -> Option<usize> {
    let mut i = at + 1;
    while let Some(step) = text.get(i..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        if text[i + step] == b'"' {
            return Some(i + step + 1);
        }
        i += step + 2;
    }
    None
}

/// Where the comment that starts at `at` ends; comments nest.
fn comment_end(text: &[u8], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut i = at;
    while let Some(byte) = text.get(i) {
        match byte {
            b'\\' => i += 1,
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        i += 1;
        if depth == 0 {
            return Some(i);
        }
    }
    None
}

/// Where the first comma outside quotes, angle brackets and comments stands.
fn comma(text: &[u8]) -> Option<usize> {
    // Most values hold none.
    memchr(b',', text)?;
    let mut i = 0;
    while let Some(byte) = text.get(i) {
        i = match byte {
            b',' => return Some(i),
            b'"' => quoted_end(text, i)?,
            b'(' => comment_end(text, i)?,
            b'<' => i + memchr(b'>', &text[i..])?,
            _ => i + 1,
        };
    }
    None
}

/// Where the first semicolon outside quotes stands.
fn semicolon(text: &[u8]) -> Option<usize> {
    let mut i = 0;
    loop {
        i += memchr2(b';', b'"', text.get(i..)?)?;
        if text[i] == b';' {
            return Some(i);
        }
        i = quoted_end(text, i)?;
    }
}

/// The pieces between separators, trimmed, empty ones included.
#[derive(Clone)]
pub(super) struct Pieces<'a> {
    rest: Option<&'a str>,
    find: fn(&[u8]) -> Option<usize>,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let piece = match (self.find)(rest.as_bytes()) {
            Some(at) => {
                self.rest = Some(&rest[at + 1..]);
                &rest[..at]
            }
            None => self.rest.take()?,
        };
        Some(trim(piece))
    }
}

/// The items of a comma list.
pub(super) fn list(value: &str) -> Pieces<'_> {
    Pieces {
        rest: Some(value),
        find: comma,
    }
}

/// Name and value of each `;`-separated parameter, trimmed, quotes kept; empty ones left out.
pub(super) fn params(params: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let pieces = Pieces {
        rest: Some(params),
        find: semicolon,
    };
    pieces
        .filter(|piece| !piece.is_empty())
        .map(|piece| match split(piece, b'=') {
            Some((name, value)) => (trim(name), Some(trim(value))),
            None => (piece, None),
        })
}

/// The value of the parameter `name`, quotes taken off; `Some("")` for one without value.
pub(super) fn param<'a>(all: &'a str, name: &str) -> Option<&'a str> {
    params(all)
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| unquote(value.unwrap_or_default()))
}

/// The text between the quotes of a quoted string (escapes kept), or the text itself.
fn unquote(value: &str) -> &str {
    value
        .strip_prefix('"')
        .and_then(|v| v.strip_suffix('"'))
        .unwrap_or(value)
}

/// Checks the parameters of a header (names are tokens, values one word or one quoted string) and
/// looks for one of them on the way: as [`param`] gives it, nothing where it is not there or empty.
pub(super) fn check_params<'a>(
    all: &'a str,
    wanted: &str,
) -> Result<Option<&'a str>, &'static str> {
    let bytes = all.as_bytes();
    let mut found = None;
    let mut at = 0;
    loop {
        at = skip_blanks(bytes, at);
        let name = at..at + token_len(&bytes[at..]);
        if name.is_empty() {
            return Err(match bytes.get(at) {
                None | Some(b';' | b'=') => "an empty parameter",
                _ => "a parameter name is no token",
            });
        }
        let wanted = found.is_none()
            && name.len() == wanted.len()
            && bytes[name.clone()].eq_ignore_ascii_case(wanted.as_bytes());
        at = skip_blanks(bytes, name.end);
        let mut value = at..at;
        if bytes.get(at) == Some(&b'=') {
            let from = skip_blanks(bytes, at + 1);
            value = from..value_end(bytes, from).ok_or("a quoted string without end")?;
            at = skip_blanks(bytes, value.end);
        }
        if wanted {
            found = Some(unquote(&all[value]));
        }
        match bytes.get(at) {
            None => return Ok(found.filter(|found| !found.is_empty())),
            Some(b';') => at += 1,
            Some(_) => return Err("a parameter is more than a token and a word"),
        }
    }
}

/// The first index from `at` on where no blank stands.
pub(super) fn skip_blanks(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).copied().is_some_and(is_blank) {
        at += 1;
    }
    at
}

/// Where the word or the quoted string ends that starts at `at`.
fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) == Some(&b'"') {
        return quoted_end(bytes, at);
    }
    let rest = &bytes[at..];
    let word = rest.iter().position(|b| FOREIGN[usize::from(*b)]);
    Some(at + word.unwrap_or(rest.len()))
}

/// Whether a header parameter's value is one word or one quoted string.
pub(super) fn is_param_value(value: &str) -> bool {
    value_end(value.as_bytes(), 0) == Some(value.len())
}

/// The parameters with `name` set to `value`, at the place where it was or at the end;
/// `value` of `None` writes the bare name.
pub(super) fn with_param(all: &str, name: &str, value: Option<&str>) -> String {
    let mut out = String::with_capacity(all.len() + name.len() + 1 + value.map_or(0, str::len));
    let mut done = false;
    let mut write = |key: &str, value: Option<&str>| {
        if !out.is_empty() {
            out.push(';');
        }
        out.push_str(key);
        if let Some(value) = value {
            out.push('=');
            out.push_str(value);
        }
    };
    for (key, old) in params(all) {
        if !key.eq_ignore_ascii_case(name) {
            write(key, old);
        } else if !done {
            write(name, value);
            done = true;
        }
    }
    if !done {
        write(name, value);
    }
    out
}

/// The parameters without `name`; nothing where it was not there.
pub(super) fn without_param(all: &str, name: &str) -> Option<String> {
    param(all, name)?;
    let mut out = String::with_capacity(all.len());
    for (key, value) in params(all).filter(|(key, _)| !key.eq_ignore_ascii_case(name)) {
        if !out.is_empty() {
            out.push(';');
        }
        out.push_str(key);
        if let Some(value) = value {
            out.push('=');
            out.push_str(value);
        }
    }
    Some(out)
}

/// Whether a value can stand on a header line: no CR, LF or NUL.
pub(super) fn is_line(value: &[u8]) -> bool {
    memchr3(b'\r', b'\n', 0, value).is_none()
}

/// `text` with CR, LF and NUL made blanks.
pub(super) fn one_line(text: &str) -> String {
    text.replace(['\r', '\n', '\0'], " ")
}
