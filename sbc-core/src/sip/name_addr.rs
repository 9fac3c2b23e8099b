//! `name-addr` and `addr-spec` with header parameters: From, To, Contact, Route and kin
//! (RFC 3261 §20.10, §25.1).

use super::text;
use super::uri::UriParts;
use super::{Uri, UriError};
use std::fmt::{self, Write as _};

/// One value of From, To, Contact, Route, Record-Route, P-Asserted-Identity, Refer-To.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameAddr {
    /// The display name, unquoted and unescaped; empty where none.
    pub display: Box<str>,
    /// The URI. Without angle brackets, parameters behind it belong to the header (§20).
    pub uri: Uri,
    /// Header parameters without the leading semicolon, as written.
    pub params: Box<str>,
}

impl NameAddr {
    /// Reads one value.
    ///
    /// # Errors
    /// Where the text breaks the grammar. Read liberally: an unquoted display name may hold any
    /// character but comma, quote and control characters (RFC 4475 §3.1.2.15).
    pub fn parse(text: &str) -> Result<Self, UriError> {
        let parts = NameAddrParts::scan(text)?;
        Ok(Self {
            display: unescape(parts.display),
            uri: Uri::parse(parts.uri)?,
            params: parts.params.into(),
        })
    }

    /// A value of a display name (quoted and escaped when printed) and a URI.
    #[must_use]
    pub fn new(display: &str, uri: Uri) -> Self {
        Self {
            display: display.into(),
            uri,
            params: Box::default(),
        }
    }

    /// The value of a header parameter, names without case; `Some("")` for one without value;
    /// quoted values are unquoted.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        text::param(&self.params, name)
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.param("tag").filter(|tag| !tag.is_empty())
    }

    /// Sets or replaces a header parameter. A value that is neither one word nor a quoted string
    /// is quoted.
    pub fn set_param(&mut self, name: &str, value: Option<&str>) {
        let mut quoted = String::new();
        let value = value.map(|value| {
            if text::is_line(value.as_bytes()) && text::is_param_value(value) {
                return value;
            }
            quote(value, &mut quoted);
            &quoted
        });
        self.params = text::with_param(&self.params, name, value).into();
    }

    /// Removes a header parameter.
    pub fn remove_param(&mut self, name: &str) {
        if let Some(params) = text::without_param(&self.params, name) {
            self.params = params.into();
        }
    }
}

/// Prints `"Display" <uri>;params`, always with angle brackets. CR, LF and NUL of a display name
/// (they can come in as escapes, RFC 4475 §3.1.1.2) print as blanks.
impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.display.is_empty() {
            let mut quoted = String::with_capacity(self.display.len() + 3);
            quote(&self.display, &mut quoted);
            write!(f, "{quoted} ")?;
        }
        write!(f, "<{}>", self.uri)?;
        if !self.params.is_empty() {
            f.write_char(';')?;
            f.write_str(&self.params)?;
        }
        Ok(())
    }
}

/// Splits a header value at the commas that stand outside quotes, angle brackets and comments;
/// each piece trimmed, empty pieces left out (RFC 3261 §7.3.1).
pub fn split_list(value: &str) -> impl Iterator<Item = &str> {
    text::list(value).filter(|piece| !piece.is_empty())
}

/// The parts of one value, borrowed and checked.
#[derive(Clone, Copy)]
pub(super) struct NameAddrParts<'a> {
    /// As written, with its quotes.
    display: &'a str,
    uri: &'a str,
    params: &'a str,
    /// Nothing where it is missing or empty.
    pub(super) tag: Option<&'a str>,
}

impl<'a> NameAddrParts<'a> {
    pub(super) fn scan(value: &'a str) -> Result<Self, UriError> {
        let value = text::trim(value);
        let (display, rest) = if value.starts_with('"') {
            let end = text::quoted_end(value.as_bytes(), 0)
                .ok_or(UriError("a display name without closing quote"))?;
            let rest = text::trim(&value[end..]);
            let rest = rest
                .strip_prefix('<')
                .ok_or(UriError("no < behind the display name"))?;
            (&value[..end], rest)
        } else if let Some((display, rest)) = text::split(value, b'<') {
            let display = text::trim(display);
            let foreign = |b: u8| b < b' ' && b != b'\t' || matches!(b, b',' | b'"' | b'>' | 0x7f);
            if display.bytes().any(foreign) {
                return Err(UriError("a display name that needs quotes"));
            }
            (display, rest)
        } else {
            return Self::scan_addr_spec(value);
        };
        let (uri, tail) = text::split(rest, b'>').ok_or(UriError("no closing >"))?;
        UriParts::scan(uri)?;
        let tail = text::trim(tail);
        let (params, tag) = match tail.strip_prefix(';') {
            Some(params) => Self::scan_params(params)?,
            None if tail.is_empty() => ("", None),
            None => return Err(UriError("text behind the closing >")),
        };
        Ok(Self {
            display,
            uri,
            params,
            tag,
        })
    }

    fn scan_addr_spec(value: &'a str) -> Result<Self, UriError> {
        let (uri, (params, tag)) = match text::split(value, b';') {
            Some((uri, params)) => (text::trim(uri), Self::scan_params(params)?),
            None => (value, ("", None)),
        };
        if uri.contains(['?', ',']) {
            // §20: such a URI must stand in angle brackets.
            return Err(UriError("? or , in a URI without angle brackets"));
        }
        UriParts::scan(uri)?;
        Ok(Self {
            display: "",
            uri,
            params,
            tag,
        })
    }

    /// The parameters, trimmed, and the tag among them.
    fn scan_params(params: &'a str) -> Result<(&'a str, Option<&'a str>), UriError> {
        let params = text::trim(params);
        let tag = text::check_params(params, "tag").map_err(UriError)?;
        Ok((params, tag))
    }
}

/// The text of a quoted string, or the text itself.
fn unescape(display: &str) -> Box<str> {
    let Some(inner) = display
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return display.into();
    };
    if !inner.contains('\\') {
        return inner.into();
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' {
            chars.next().unwrap_or('\\')
        } else {
            c
        });
    }
    out.into()
}

fn quote(value: &str, out: &mut String) {
    out.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\r' | '\n' | '\0' => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> NameAddr {
        NameAddr::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn a_quoted_display_name_is_unescaped_and_printed_escaped() {
        let text = r#""J \"R\" \\x" <sip:j@example.com;lr>;tag=a1;x="q;,<""#;
        let n = parse(text);
        assert_eq!(&*n.display, r#"J "R" \x"#);
        assert_eq!(n.uri.param("lr"), Some(""));
        assert_eq!(n.tag(), Some("a1"));
        assert_eq!(n.param("X"), Some("q;,<"));
        assert_eq!(n.to_string(), text);
    }

    #[test]
    fn tokens_and_nothing_are_display_names_too() {
        assert_eq!(&*parse("Bob  Smith <sip:b@h>").display, "Bob  Smith");
        assert_eq!(&*parse("<sip:b@h>").display, "");
        assert_eq!(parse("\"\"<sip:b@h>").to_string(), "<sip:b@h>");
        assert_eq!(&*parse("Müller (2) <sip:b@h>").display, "Müller (2)");
    }

    #[test]
    fn without_brackets_parameters_belong_to_the_header() {
        let n = parse("sip:a@h:5070;transport=tcp ; tag = 7");
        assert_eq!(&*n.uri.params, "");
        assert_eq!(n.uri.port, Some(5070));
        assert_eq!(n.param("transport"), Some("tcp"));
        assert_eq!(n.tag(), Some("7"));
        assert_eq!(&*parse("tel:+123;tag=1").uri.params, "");
        assert_eq!(parse("<tel:+123;ext=1>;tag=1").uri.param("ext"), Some("1"));
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        for text in [
            "",
            "*",
            "\"open <sip:a@h>",
            "\"x\" sip:a@h",
            "\"x\"",
            "x <sip:a@h",
            "a, b <sip:a@h>",
            "a \"b\" <sip:a@h>",
            "< sip:a@h >",
            "<sip:a@h> x",
            "<sip:a@h>;;tag=1",
            "<sip:a@h>;",
            "<sip:a@h>;=1",
            "<sip:a@h>;tag=1, <sip:b@h>",
            "<sip:a@h>;x=\"open",
            "<sip:a@h>;x=a b",
            "sip:a@h?Route=x",
            "sip:a@h, sip:b@h",
            "sip:a @h",
        ] {
            assert!(NameAddr::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn parameters_are_set_quoted_where_needed_and_removed() {
        let mut n = parse("<sip:a@h>;q=0.5;expires=60");
        n.set_param("expires", Some("0"));
        n.set_param("+sip.src", None);
        n.set_param("text", Some("two; words\r\n\"x\""));
        n.set_param("+sip.instance", Some("\"<urn:uuid:1>\""));
        n.remove_param("Q");
        assert_eq!(
            n.to_string(),
            "<sip:a@h>;expires=0;+sip.src;text=\"two; words  \\\"x\\\"\";\
             +sip.instance=\"<urn:uuid:1>\""
        );
        assert_eq!(parse(&n.to_string()), n);
    }

    #[test]
    fn a_display_name_cannot_break_the_line() {
        let n = NameAddr::new("a\r\nVia: x\0\"", parse("<sip:a@h>").uri);
        assert_eq!(n.to_string(), "\"a  Via: x \\\"\" <sip:a@h>");
    }

    #[test]
    fn lists_split_outside_quotes_brackets_and_comments() {
        let split: Vec<_> =
            split_list(r#" "a, \" b" <sip:a,b@h>;x="1,2" ,, c (d, (e), f) , <sip:g@h> "#).collect();
        assert_eq!(
            split,
            [
                r#""a, \" b" <sip:a,b@h>;x="1,2""#,
                "c (d, (e), f)",
                "<sip:g@h>"
            ]
        );
        assert_eq!(split_list("").count(), 0);
        assert_eq!(split_list("\"open, a").count(), 1);
        assert_eq!(split_list("a, <open, b").count(), 2);
    }
}
