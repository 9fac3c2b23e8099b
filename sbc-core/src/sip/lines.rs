//! Header lines: where they end, which of them are folded (RFC 3261 §7.3.1). The same rules hold
//! for datagrams, streams and the parts of a multipart body, so that no two readers disagree on
//! where a header begins.

use super::headers::LONGEST;
use super::text::{is_blank, token_len};
use memchr::memchr3;

/// One line and its continuation lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// Where its text ends, before the line end.
    pub(super) end: usize,
    /// Where the next line starts.
    pub(super) next: usize,
    /// It goes on over continuation lines.
    pub(super) folded: bool,
    /// It holds a bare CR, or a NUL that is not escaped (RFC 4475 §3.1.1.2 has an escaped one).
    pub(super) control: bool,
    /// A line end is a bare LF.
    pub(super) bare_lf: bool,
}

/// The line that starts at `at`, without continuation; nothing where its end is not there.
pub(super) fn physical(buf: &[u8], at: usize) -> Option<Line> {
    let mut control = false;
    let mut i = at;
    loop {
        i += memchr3(b'\n', b'\r', 0, buf.get(i..)?)?;
        let cr = buf[i] == b'\r';
        if buf[i] == b'\n' || cr && buf.get(i + 1)? == &b'\n' {
            return Some(Line {
                end: i,
                next: i + 1 + usize::from(cr),
                folded: false,
                control,
                bare_lf: !cr,
            });
        }
        control |= cr || i == at || buf[i - 1] != b'\\';
        i += 1;
    }
}

/// The line that starts at `at` with its continuation lines; nothing where its end is not there.
/// The empty line has none. Stops growing behind `limit` bytes.
pub(super) fn logical(buf: &[u8], at: usize, limit: usize) -> Option<Line> {
    let mut line = physical(buf, at)?;
    if line.end == at {
        return Some(line);
    }
    while line.end - at <= limit && buf.get(line.next).copied().is_some_and(is_blank) {
        let more = physical(buf, line.next)?;
        line = Line {
            end: more.end,
            next: more.next,
            folded: true,
            control: line.control || more.control,
            bare_lf: line.bare_lf || more.bare_lf,
        };
    }
    Some(line)
}

/// Where the header line ends that starts at `at`, if it is plain: ASCII without control
/// characters, not empty, with CR LF behind it, and not gone on with in the next line. Nearly all
/// are; looks at many bytes at a time, and tells in one pass what the other readers need three for.
#[inline]
pub(super) fn plain(buf: &[u8], at: usize) -> Option<usize> {
    let (chunks, _) = buf.get(at..)?.as_chunks::<16>();
    // Without a branch for each byte, so that the compiler makes a vector of it. As a signed
    // number, what is beyond ASCII is below a blank too.
    let odd = |odd, byte: &u8| odd | (byte.cast_signed() < b' '.cast_signed());
    let index = chunks
        .iter()
        .position(|chunk| chunk.iter().fold(false, odd))?;
    let bits = below_blank(u128::from_le_bytes(chunks[index]));
    let end = at + index * 16 + bits.trailing_zeros() as usize / 8;
    let ends = buf.get(end..end + 2)? == b"\r\n";
    let goes_on = buf.get(end + 2).copied().is_some_and(is_blank);
    (ends && end > at && !goes_on).then_some(end)
}

/// The high bit of each byte that is below a blank or beyond ASCII.
const fn below_blank(bytes: u128) -> u128 {
    const ONES: u128 = u128::from_le_bytes([1; 16]);
    // 0x60 carries everything from a blank on into the high bit, and nothing out of its byte.
    let from_blank = (bytes & (ONES * 0x7f)) + ONES * 0x60;
    (!from_blank | bytes) & (ONES * 0x80)
}

/// Where the first colon stands.
#[inline]
pub(super) fn colon(name: &[u8; LONGEST]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let (words, _) = name.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let other = u64::from_le_bytes(*word) ^ (ONES * b':' as u64);
        let found = other.wrapping_sub(ONES) & !other & (ONES * 0x80);
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    None
}

/// Name and value of a header line: a token, blanks perhaps, a colon, and the rest without blanks
/// at its ends.
pub(super) fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, rest) = line.split_at(token_len(line));
    let mut rest = rest;
    while let [first, more @ ..] = rest
        && is_blank(*first)
    {
        rest = more;
    }
    match rest {
        [b':', value @ ..] if !name.is_empty() => Some((name, trim_fold(value))),
        _ => None,
    }
}

fn trim_fold(mut value: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = value
        && (is_blank(*first) || is_line_end(*first))
    {
        value = rest;
    }
    while let [rest @ .., last] = value
        && (is_blank(*last) || is_line_end(*last))
    {
        value = rest;
    }
    value
}

const fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Appends `value` with each fold made one blank, and bare CR and unescaped NUL made blanks.
pub(super) fn unfold(value: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let mut i = 0;
    while let Some(byte) = value.get(i) {
        i += 1;
        match byte {
            b'\r' | b'\n' => {
                while out.len() > start && out.last().copied().is_some_and(is_blank) {
                    out.pop();
                }
                while value
                    .get(i)
                    .is_some_and(|b| is_blank(*b) || is_line_end(*b))
                {
                    i += 1;
                }
                out.push(b' ');
            }
            0 if out.len() == start || out.last() != Some(&b'\\') => out.push(b' '),
            byte => out.push(*byte),
        }
    }
}
