//! From bytes to a message (RFC 3261 §7). One pass over the lines; nothing is copied but what was
//! folded. Streams are cut in [`super::Framer`] and read by the same code.

use super::headers::NameId;
use super::index::{Core, Defects, FIVE, Others, Slot, Span, Start};
use super::lines::{self, Line};
use super::message::Body;
use super::uri::{Kind, UriParts};
use super::{Defect, HeaderName, Message, Method, StatusCode, text};
use crate::limits;
use bytes::{Buf, Bytes};
use std::borrow::Cow;

/// Why no message could be made at all. What can be answered is a [`Message`] with defects instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParseError {
    /// Only CR and LF: a keep-alive (RFC 5626 §3.5.1, §4.4.1).
    #[error("keep-alive")]
    KeepAlive,
    /// Neither request line nor status line.
    #[error("the first line is neither a request line nor a status line of SIP/2.0")]
    StartLine,
    /// A bound of `limits` was passed; says which.
    #[error("message over a limit: {0}")]
    Limit(&'static str),
    /// No empty line behind the headers.
    #[error("the headers have no end")]
    Truncated,
    /// A stream where the end of the message cannot be known (RFC 3261 §18.3).
    #[error("the stream cannot be cut into messages: {0}")]
    Framing(&'static str),
}

impl Message {
    /// Reads one datagram. Body: Content-Length bytes, or the rest where there is none; bytes
    /// behind the body are dropped; a body shorter than Content-Length is a defect (§18.3).
    ///
    /// # Errors
    /// Where there is nothing that could be answered.
    pub fn parse_datagram(mut datagram: Bytes) -> Result<Self, ParseError> {
        if datagram.len() > limits::DATAGRAM_BYTES {
            return Err(ParseError::Limit("bytes of a datagram"));
        }
        // §7.5: empty lines before the first line are ignored.
        let lead = datagram
            .iter()
            .take_while(|b| matches!(b, b'\r' | b'\n'))
            .count();
        datagram.advance(lead);
        if datagram.is_empty() {
            return Err(ParseError::KeepAlive);
        }
        let Head {
            mut message,
            length,
            ..
        } = parse_head(datagram)?;
        let rest = message.base.len() - message.head_len;
        let len = match length {
            Length::Is(len) if len > rest => {
                message.accuse(Defect::ContentLength);
                rest
            }
            Length::Is(len) => len,
            Length::None | Length::Bad => rest,
        };
        message.body = Body::InBase { len };
        Ok(message)
    }
}

/// What the Content-Length lines say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Length {
    None,
    Is(usize),
    /// No number, or two different ones: the message has a defect that says so.
    Bad,
}

/// A message whose body is still to be found.
pub(super) struct Head {
    pub(super) message: Message,
    pub(super) length: Length,
    /// Some line ends with a bare LF.
    pub(super) bare_lf: bool,
}

/// Reads first line and headers.
pub(super) fn parse_head(base: Bytes) -> Result<Head, ParseError> {
    let mut reader = Reader::new(&base);
    let first = lines::physical(&base, 0).ok_or(ParseError::Truncated)?;
    let start = reader.start_line(first)?;
    let head_len = reader.headers(first.next)?;
    let Reader {
        extra,
        slots,
        others,
        defects,
        length,
        bare_lf,
        contact,
        ..
    } = reader;
    let mut message = Message {
        head_len,
        extra,
        start,
        slots,
        others,
        body: Body::InBase { len: 0 },
        core: Core::default(),
        vias: 0,
        defects,
        edited: false,
        base,
    };
    for name in FIVE {
        message.read_core(name);
    }
    if contact {
        message.read_core(NameId::CONTACT);
    }
    if message.vias > limits::VIAS {
        return Err(ParseError::Limit("Via values"));
    }
    Ok(Head {
        message,
        length,
        bare_lf,
    })
}

/// Whether a whole first line begins a SIP message; for streams whose headers are still coming.
pub(super) fn is_start_line(line: &[u8]) -> bool {
    let mut reader = Reader::new(line);
    lines::physical(line, 0).is_some_and(|first| reader.start_line(first).is_ok())
}

/// Header lines of a usual INVITE; more of them cost one more allocation.
const USUAL_HEADERS: usize = 32;

struct Reader<'a> {
    base: &'a [u8],
    extra: Vec<u8>,
    slots: Vec<Slot>,
    others: Others,
    defects: Defects,
    length: Length,
    bare_lf: bool,
    contact: bool,
    /// For each header that may stand once: one more than the slot of its first line.
    seen: [u8; HeaderName::SINGLES],
}

impl<'a> Reader<'a> {
    fn new(base: &'a [u8]) -> Self {
        Self {
            base,
            extra: Vec::new(),
            slots: Vec::new(),
            others: Others::new(),
            defects: Defects::new(),
            length: Length::None,
            bare_lf: false,
            contact: false,
            seen: [0; HeaderName::SINGLES],
        }
    }

    fn accuse(&mut self, defect: Defect) {
        if !self.defects.contains(&defect) {
            self.defects.push(defect);
        }
    }

    fn start_line(&mut self, line: Line) -> Result<Start, ParseError> {
        if line.end > limits::HEADER_LINE_BYTES {
            return Err(ParseError::Limit("bytes of the first line"));
        }
        self.bare_lf |= line.bare_lf;
        let raw: &'a [u8] = &self.base[..line.end];
        let (mut whole, utf8) = match std::str::from_utf8(raw) {
            Ok(text) => (Cow::Borrowed(text), true),
            Err(_) => (String::from_utf8_lossy(raw), false),
        };
        if line.control {
            self.accuse(Defect::ControlCharacter);
            whole = Cow::Owned(text::one_line(&whole));
        }
        let trimmed = text::trim(&whole);
        if let Some(rest) = text::strip_word(trimmed, "SIP/") {
            return self.status_line(rest);
        }
        // RFC 4475 §3.1.2.9 and .10: blanks around the parts are repaired, those inside the URI
        // are not.
        let (method, rest) = text::split_blank(trimmed).ok_or(ParseError::StartLine)?;
        let (uri, version) = text::rsplit_blank(rest).ok_or(ParseError::StartLine)?;
        let version = text::strip_word(version, "SIP/").ok_or(ParseError::StartLine)?;
        self.version(version)?;
        if !text::is_token(method.as_bytes()) {
            return Err(ParseError::StartLine);
        }
        let uri = text::trim(uri);
        let sound = UriParts::scan(uri).is_ok_and(|parts| {
            matches!(parts.kind, Kind::Tel | Kind::Other) || parts.headers.is_empty()
        });
        if !sound || !utf8 {
            self.accuse(Defect::RequestUri);
        }
        Ok(Start::Request {
            method: Method::parse(method),
            uri: self.keep(uri),
        })
    }

    fn status_line(&mut self, rest: &str) -> Result<Start, ParseError> {
        let (version, rest) = text::split_blank(rest).ok_or(ParseError::StartLine)?;
        self.version(version)?;
        let rest = text::trim(rest);
        let (code, reason) = text::split_blank(rest).unwrap_or((rest, ""));
        let status = (code.len() == 3)
            .then(|| text::number(code))
            .flatten()
            .and_then(|code| u16::try_from(code).ok())
            .and_then(StatusCode::new)
            .ok_or(ParseError::StartLine)?;
        Ok(Start::Response {
            status,
            reason: self.keep(text::trim(reason)),
        })
    }

    fn version(&mut self, version: &str) -> Result<(), ParseError> {
        if version == "2.0" {
            return Ok(());
        }
        let (major, minor) = version.split_once('.').ok_or(ParseError::StartLine)?;
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(major) || !digits(minor) {
            return Err(ParseError::StartLine);
        }
        self.accuse(Defect::Version);
        Ok(())
    }

    /// The span of a piece of the first line: in the base buffer, or copied where it was repaired.
    fn keep(&mut self, piece: &str) -> Span {
        let base = self.base.as_ptr() as usize;
        let at = (piece.as_ptr() as usize).wrapping_sub(base);
        if at < self.base.len() {
            return Span::new(at, piece.len());
        }
        let at = self.base.len() + self.extra.len();
        self.extra.extend_from_slice(piece.as_bytes());
        Span::new(at, piece.len())
    }

    /// Reads all header lines; where the body starts.
    fn headers(&mut self, mut at: usize) -> Result<usize, ParseError> {
        self.slots.reserve(USUAL_HEADERS);
        let mut count = 0;
        loop {
            let mut unusual = None;
            let slot = if let Some((slot, next)) = self.usual(at) {
                at = next;
                Some(slot)
            } else {
                let line = lines::logical(self.base, at, limits::HEADER_LINE_BYTES)
                    .ok_or(ParseError::Truncated)?;
                self.bare_lf |= line.bare_lf;
                if line.end == at {
                    return Ok(line.next);
                }
                if line.end - at > limits::HEADER_LINE_BYTES && count < limits::HEADERS {
                    return Err(ParseError::Limit("bytes of a header line"));
                }
                unusual = Some(line);
                let slot = self.unusual(at, line);
                at = line.next;
                slot
            };
            count += 1;
            if count > limits::HEADERS {
                return Err(ParseError::Limit("header lines"));
            }
            if let Some(slot) = slot {
                self.slots.push(slot);
                self.judge(&slot, unusual);
            }
        }
    }

    /// A line as nearly everyone writes it (a name, a colon, a blank, and a value that neither
    /// starts nor ends with a blank), and where the next one starts. Nothing for other lines.
    #[inline]
    fn usual(&mut self, at: usize) -> Option<(Slot, usize)> {
        let base: &'a [u8] = self.base;
        let end = lines::plain(base, at)?;
        let first = base[at..].first_chunk()?;
        let len = lines::colon(first)?;
        let [b' ', value @ ..] = base.get(at + len + 1..end)? else {
            return None;
        };
        if end - at > limits::HEADER_LINE_BYTES || *value.first()? <= b' ' || *value.last()? <= b' '
        {
            return None;
        }
        let name = match NameId::starting(first, len) {
            Some(name) => name,
            None => self.other(first.get(..len)?)?,
        };
        let slot = Slot {
            name,
            written: Span::new(at, len),
            value: Span::new(at + len + 2, value.len()),
            verbatim: true,
        };
        Some((slot, end + 2))
    }

    /// Any line. Nothing where it has no name.
    fn unusual(&mut self, at: usize, line: Line) -> Option<Slot> {
        let base: &'a [u8] = self.base;
        let Some((name, value)) = lines::split(&base[at..line.end]) else {
            self.accuse(Defect::HeaderLine);
            return None;
        };
        let value_at = value.as_ptr() as usize - base.as_ptr() as usize;
        let verbatim = !line.folded
            && !line.control
            && !value.is_empty()
            && base[at + name.len()..value_at] == *b": "
            && value_at + value.len() == line.end
            && line.next == line.end + 2;
        if line.control {
            self.accuse(Defect::ControlCharacter);
        }
        let value = if line.folded || line.control {
            let from = self.extra.len();
            lines::unfold(value, &mut self.extra);
            // A control character made a blank may stand at an end now.
            let text = text::trim_bytes(&self.extra[from..]);
            let blanks = text.as_ptr() as usize - self.extra[from..].as_ptr() as usize;
            Span::new(base.len() + from + blanks, text.len())
        } else {
            Span::new(value_at, value.len())
        };
        Some(Slot {
            name: NameId::known(name).or_else(|| self.other(name))?,
            written: Span::new(at, name.len()),
            value,
            verbatim,
        })
    }

    /// Keeps a name that is in no RFC; nothing where it is no token.
    fn other(&mut self, name: &[u8]) -> Option<NameId> {
        let text = std::str::from_utf8(name).ok()?;
        if !text::is_token(name) {
            return None;
        }
        self.others.push(HeaderName::Other(text.into()));
        Some(NameId::other(self.others.len() - 1))
    }

    fn value(&self, slot: &Slot) -> &[u8] {
        let (at, len) = (slot.value.at as usize, slot.value.len as usize);
        match at.checked_sub(self.base.len()) {
            Some(at) => &self.extra[at..at + len],
            None => &self.base[at..at + len],
        }
    }

    /// Looks at the line that was just noted; `unusual`: it was not as nearly everyone writes it.
    fn judge(&mut self, slot: &Slot, unusual: Option<Line>) {
        if unusual.is_some() && std::str::from_utf8(self.value(slot)).is_err() {
            self.accuse(Defect::NotUtf8(self.name_of(slot)));
            return;
        }
        if slot.name == NameId::CONTACT {
            self.contact = true;
        } else if slot.name == NameId::CONTENT_LENGTH {
            // Where a control character was made a blank, others would read another number: no
            // guess where a message ends.
            let control = unusual.is_some_and(|line| line.control);
            let length = text::number_of(self.value(slot)).filter(|_| !control);
            self.content_length(length);
        }
        let Some(single) = slot.name.single() else {
            return;
        };
        match self.seen[single] {
            0 => self.seen[single] = u8::try_from(self.slots.len()).unwrap_or(u8::MAX),
            first => {
                let first = &self.slots[usize::from(first) - 1];
                if self.value(first) != self.value(slot) {
                    self.accuse(Defect::Twice(self.name_of(slot)));
                }
            }
        }
    }

    fn name_of(&self, slot: &Slot) -> HeaderName {
        let name = slot.name.resolve();
        name.unwrap_or_else(|place| &self.others[place]).clone()
    }

    fn content_length(&mut self, length: Option<u32>) {
        let Some(length) = length else {
            self.length = Length::Bad;
            self.accuse(Defect::ContentLength);
            return;
        };
        let length = Length::Is(length as usize);
        self.length = match self.length {
            Length::None => length,
            before if before == length => length,
            _ => Length::Bad,
        };
    }
}
