//! Bodies: multipart reader and writer (RFC 2046 §5.1, RFC 5621).

use super::{HeaderName, lines, text};
use crate::limits;
use bytes::Bytes;
use memchr::memchr;

/// The Content-Disposition of a part (RFC 5621 §3, RFC 3261 §20.11).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Disposition {
    /// `session`, also where none is written on an SDP part.
    #[default]
    Session,
    /// `recording-session` (RFC 7866 §9.1).
    RecordingSession,
    /// Any other.
    Other,
}

impl Disposition {
    /// The disposition that a Content-Disposition value names.
    pub(super) fn parse(value: &str) -> Self {
        let kind = text::trim(value.split(';').next().unwrap_or_default());
        if kind.eq_ignore_ascii_case("session") {
            Self::Session
        } else if kind.eq_ignore_ascii_case("recording-session") {
            Self::RecordingSession
        } else {
            Self::Other
        }
    }
}

/// One part of a body. A body that is not multipart reads as one part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Content-Type as written, with parameters; `text/plain` where none is written
    /// (RFC 2046 §5.2).
    pub content_type: Box<str>,
    /// Its disposition.
    pub disposition: Disposition,
    /// The bytes, as they came.
    pub body: Bytes,
}

impl Part {
    /// Whether the media type is `essence`, without case and parameters: `application/sdp`.
    #[must_use]
    pub fn is(&self, essence: &str) -> bool {
        is_type(&self.content_type, essence)
    }

    fn new(content_type: &str, disposition: Option<&str>, body: Bytes) -> Self {
        let content_type = match text::trim(content_type) {
            "" => "text/plain",
            written => written,
        };
        let disposition = match disposition {
            Some(written) => Disposition::parse(written),
            None if is_type(content_type, "application/sdp") => Disposition::Session,
            // RFC 3261 §20.11: `render` for what is not a session description.
            None => Disposition::Other,
        };
        Self {
            content_type: content_type.into(),
            disposition,
            body,
        }
    }
}

/// Why a multipart body cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("bad multipart body: {0}")]
pub struct MultipartError(pub &'static str);

/// All leaf parts of a body in order, nested multiparts flattened. Lenient as RFC 2046 §5.1.1
/// asks of readers: preamble and epilogue, bare LF line ends, quoted boundary, blanks behind a
/// boundary, parts without headers, Content-Length inside parts (ignored), no closing boundary.
///
/// # Errors
/// No boundary parameter, boundary never found, more parts or deeper nesting than `limits` allow.
pub fn parse_multipart(content_type: &str, body: &Bytes) -> Result<Vec<Part>, MultipartError> {
    let mut out = Vec::new();
    if !is_multipart(content_type) {
        out.push(Part::new(content_type, None, body.clone()));
        return Ok(out);
    }
    flatten(content_type, body, 1, &mut out)?;
    Ok(out)
}

/// Whether a Content-Type is `multipart/*`.
pub(super) fn is_multipart(content_type: &str) -> bool {
    let (kind, _) = content_type.split_once('/').unwrap_or_default();
    text::trim(kind).eq_ignore_ascii_case("multipart")
}

fn is_type(content_type: &str, essence: &str) -> bool {
    let written = content_type.split(';').next().unwrap_or_default();
    match (written.split_once('/'), essence.split_once('/')) {
        // Blanks around the slash are legal (RFC 3261 §25.1, SLASH).
        (Some((a, b)), Some((c, d))) => {
            text::trim(a).eq_ignore_ascii_case(c) && text::trim(b).eq_ignore_ascii_case(d)
        }
        _ => false,
    }
}

/// `depth` is bounded, so this recursion is too.
fn flatten(
    content_type: &str,
    body: &Bytes,
    depth: usize,
    out: &mut Vec<Part>,
) -> Result<(), MultipartError> {
    if depth > limits::BODY_NESTING {
        return Err(MultipartError("nested too deep"));
    }
    let params = content_type
        .split_once(';')
        .map_or("", |(_, params)| params);
    // RFC 2046 §5.1.1: one to seventy characters.
    let boundary = text::param(params, "boundary")
        .filter(|boundary| (1..=70).contains(&boundary.len()))
        .ok_or(MultipartError("no boundary"))?;
    let mut found = false;
    for raw in RawParts::new(body, boundary) {
        found = true;
        let (content_type, disposition, content) = part_headers(&raw);
        if is_multipart(&content_type) {
            flatten(&content_type, &content, depth + 1, out)?;
            continue;
        }
        if out.len() == limits::BODY_PARTS {
            return Err(MultipartError("too many parts"));
        }
        out.push(Part::new(&content_type, disposition.as_deref(), content));
    }
    if found {
        Ok(())
    } else {
        Err(MultipartError("the boundary does not appear"))
    }
}

/// The text between delimiter lines.
struct RawParts<'a> {
    body: &'a Bytes,
    boundary: &'a str,
    /// Where the next part starts; nothing behind the closing delimiter.
    at: Option<usize>,
}

/// A line of the body that may be a delimiter.
enum Delimiter {
    None,
    Open,
    Close,
}

impl<'a> RawParts<'a> {
    fn new(body: &'a Bytes, boundary: &'a str) -> Self {
        let mut parts = Self {
            body,
            boundary,
            at: Some(0),
        };
        // The first piece is the preamble.
        parts.at = match parts.delimiter(0) {
            Some((_, next, Delimiter::Open)) => Some(next),
            _ => None,
        };
        parts
    }

    fn classify(&self, line: &[u8]) -> Delimiter {
        let rest = line
            .strip_prefix(b"--")
            .and_then(|rest| rest.strip_prefix(self.boundary.as_bytes()));
        let blank = |rest: &[u8]| rest.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r'));
        match rest {
            Some(rest) if blank(rest) => Delimiter::Open,
            Some(rest) if rest.strip_prefix(b"--").is_some_and(blank) => Delimiter::Close,
            _ => Delimiter::None,
        }
    }

    /// The first delimiter line from `at`: where it starts, where the next line starts.
    fn delimiter(&self, mut at: usize) -> Option<(usize, usize, Delimiter)> {
        while at < self.body.len() {
            let end = memchr(b'\n', &self.body[at..]).map_or(self.body.len(), |step| at + step);
            let next = (end + 1).min(self.body.len());
            match self.classify(&self.body[at..end]) {
                Delimiter::None => at = next,
                kind => return Some((at, next, kind)),
            }
        }
        None
    }
}

impl Iterator for RawParts<'_> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let start = self.at?;
        let end = match self.delimiter(start) {
            Some((end, next, kind)) => {
                self.at = matches!(kind, Delimiter::Open).then_some(next);
                // The line end before a delimiter belongs to the delimiter.
                let text = &self.body[start..end];
                let text = text.strip_suffix(b"\n").unwrap_or(text);
                start + text.strip_suffix(b"\r").unwrap_or(text).len()
            }
            None => {
                self.at = None;
                self.body.len()
            }
        };
        Some(self.body.slice(start..end))
    }
}

/// Content-Type, Content-Disposition and content of a part.
fn part_headers(raw: &Bytes) -> (String, Option<String>, Bytes) {
    let mut content_type = String::new();
    let mut disposition = None;
    let mut at = 0;
    while at < raw.len() {
        // The last line may lack its end: a part of headers only.
        let (end, next) = lines::logical(raw, at, limits::HEADER_LINE_BYTES)
            .map_or((raw.len(), raw.len()), |line| (line.end, line.next));
        if end == at {
            return (content_type, disposition, raw.slice(next..));
        }
        let Some((name, value)) = lines::split(&raw[at..end]) else {
            if at == 0 {
                // No headers and no empty line either: all of it is content.
                return (content_type, disposition, raw.clone());
            }
            at = next;
            continue;
        };
        let mut unfolded = Vec::with_capacity(value.len());
        lines::unfold(value, &mut unfolded);
        let value = String::from_utf8_lossy(&unfolded).into_owned();
        match HeaderName::parse(&String::from_utf8_lossy(name)) {
            HeaderName::ContentType => content_type = value,
            HeaderName::ContentDisposition => disposition = Some(value),
            _ => {}
        }
        at = next;
    }
    (content_type, disposition, Bytes::new())
}

/// Writes `multipart/mixed`.
#[derive(Debug)]
pub struct MultipartWriter {
    boundary: String,
    out: Vec<u8>,
}

impl MultipartWriter {
    /// With a boundary that no part holds: random text from the caller, of letters and digits.
    #[must_use]
    pub const fn new(boundary: String) -> Self {
        Self {
            boundary,
            out: Vec::new(),
        }
    }

    /// Adds a part; `disposition` is the value of its Content-Disposition where one is wanted.
    /// CR, LF and NUL in either become blanks.
    pub fn part(&mut self, content_type: &str, disposition: Option<&str>, body: &[u8]) {
        self.delimiter("");
        self.line("Content-Type", content_type);
        if let Some(disposition) = disposition {
            self.line("Content-Disposition", disposition);
        }
        self.out.extend_from_slice(b"\r\n");
        self.out.extend_from_slice(body);
        self.out.extend_from_slice(b"\r\n");
    }

    /// The Content-Type value with the boundary, and the body.
    #[must_use]
    pub fn finish(mut self) -> (String, Bytes) {
        self.delimiter("--");
        let boundary = &self.boundary;
        (
            format!("multipart/mixed;boundary={boundary}"),
            self.out.into(),
        )
    }

    fn delimiter(&mut self, end: &str) {
        for piece in ["--", &self.boundary, end, "\r\n"] {
            self.out.extend_from_slice(piece.as_bytes());
        }
    }

    fn line(&mut self, name: &str, value: &str) {
        for piece in [name, ": ", &text::one_line(value), "\r\n"] {
            self.out.extend_from_slice(piece.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests;
