//! Rust text without its comments and literals, so that plain searching and brace counting are
//! right. Every byte keeps its place: a comment becomes blanks, the inside of a literal becomes
//! `s`, line ends stay.

/// Masks `text`; the result has the same length and the same line ends.
pub(crate) fn mask(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (end, fill) = if rest.starts_with(b"//") {
            (
                at + rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len()),
                b' ',
            )
        } else if rest.starts_with(b"/*") {
            (at + block_comment(rest), b' ')
        } else if let Some(length) = literal(bytes, at) {
            (at + length, b's')
        } else {
            (at + 1, 0)
        };
        if fill != 0 {
            out[at..end]
                .iter_mut()
                .filter(|b| **b != b'\n')
                .for_each(|b| *b = fill);
        }
        at = end;
    }
    // Bytes above 0x7f stand only in what was not masked: identifiers, which keep theirs.
    String::from_utf8(out).expect("masking replaces whole characters by ASCII")
}

/// Length of the block comment that `rest` begins with; they nest.
fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// Length of the string or character literal at `at`, prefix included, if one begins there.
fn literal(bytes: &[u8], at: usize) -> Option<usize> {
    if at > 0 && is_word(bytes[at - 1]) {
        return None;
    }
    let rest = &bytes[at..];
    let prefix = rest
        .iter()
        .take_while(|b| matches!(b, b'b' | b'c' | b'r'))
        .count()
        .min(2);
    let body = &rest[prefix..];
    let raw = rest[..prefix].contains(&b'r');
    let hashes = if raw {
        body.iter().take_while(|&&b| b == b'#').count()
    } else {
        0
    };
    match body.get(hashes)? {
        b'"' if raw => {
            let closing = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
            let inside = &body[hashes + 1..];
            let length = inside
                .windows(closing.len())
                .position(|window| window == closing)?;
            Some(prefix + hashes + 1 + length + closing.len())
        }
        b'"' => Some(prefix + closing_quote(body, b'"')),
        // A lifetime has no closing quote after its first character.
        b'\'' if !raw && (body.get(1) == Some(&b'\\') || is_char(body)) => {
            Some(prefix + closing_quote(body, b'\''))
        }
        _ => None,
    }
}

/// Length of a literal with escapes, both quotes included.
fn closing_quote(body: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < body.len() && body[at] != quote {
        at += if body[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(body.len())
}

/// Whether `'x'` stands here, x one character of any length in UTF-8.
fn is_char(body: &[u8]) -> bool {
    let width = match body.get(1) {
        Some(0xf0..) => 4,
        Some(0xe0..) => 3,
        Some(0xc0..) => 2,
        _ => 1,
    };
    body.get(1 + width) == Some(&b'\'')
}

pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Positions where `word` stands by itself in masked text.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |&at| {
            (at == 0 || !is_word(bytes[at - 1]))
                && bytes
                    .get(at + word.len())
                    .is_none_or(|&next| !is_word(next))
        })
}

#[test]
fn comments_and_literals_are_masked_and_nothing_moves() {
    let cases = [
        ("a // {\nb", "a     \nb"),
        ("/* { /* } */ */ x", "                x"),
        (r#"f("{\"}")"#, "f(ssssss)"),
        (r##"r#"{"}"# {"##, "ssssssss {"),
        ("b'{' '\\'' '\u{e4}' {", "ssss ssss ssss {"),
        ("fn f<'a>(x: &'a str) {", "fn f<'a>(x: &'a str) {"),
        ("brr {", "brr {"),
    ];
    for (text, masked) in cases {
        assert_eq!(mask(text), masked, "{text}");
    }
}
