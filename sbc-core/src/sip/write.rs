//! From a message to bytes, in one pass.

use super::Message;
use super::headers::NameId;
use super::index::{Slot, Start};
use super::message::Body;
use bytes::Bytes;

const VERSION: &[u8] = b"SIP/2.0";
const LENGTH: &[u8] = b"Content-Length: ";

impl Message {
    /// Appends the message to `out`: untouched, the very bytes it came with (without what stood
    /// behind its body); edited, each line anew, Content-Length always right.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.reserve(self.size_hint());
        if self.edited {
            self.write_start(out);
            self.write_headers(out);
            out.extend_from_slice(LENGTH);
            write_number(self.body_bytes().len(), out);
            out.extend_from_slice(b"\r\n\r\n");
        } else {
            out.extend_from_slice(&self.base[..self.head_len]);
        }
        out.extend_from_slice(self.body_bytes());
    }

    /// The message in a buffer of its own.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.size_hint());
        self.write_to(&mut out);
        out.into()
    }

    /// How many bytes it will take.
    #[must_use]
    pub fn size_hint(&self) -> usize {
        let body = self.body_bytes().len();
        if !self.edited {
            return self.head_len + body;
        }
        let start = match &self.start {
            Start::Request { method, uri } => method.as_str().len() + 1 + uri.len as usize,
            Start::Response { reason, .. } => 4 + reason.len as usize,
        };
        let lines: usize = self
            .printed()
            .map(|slot| match slot.written.len {
                0 => self.name(slot).as_str().len() + slot.value.len as usize + 4,
                written => written as usize + slot.value.len as usize + 4,
            })
            .sum();
        start + 1 + VERSION.len() + 2 + lines + LENGTH.len() + digits(body) + 4 + body
    }

    pub(super) fn body_bytes(&self) -> &[u8] {
        match &self.body {
            Body::InBase { len } => &self.base[self.head_len..self.head_len + len],
            Body::Own(body) => body,
        }
    }

    pub(super) fn written<'a>(&'a self, slot: &'a Slot) -> &'a [u8] {
        match slot.written.len {
            0 => self.name(slot).as_str().as_bytes(),
            _ => self.bytes(slot.written),
        }
    }

    fn printed(&self) -> impl Iterator<Item = &Slot> {
        self.slots
            .iter()
            .filter(|slot| slot.name != NameId::CONTENT_LENGTH)
    }

    fn write_start(&self, out: &mut Vec<u8>) {
        match &self.start {
            Start::Request { method, uri } => {
                out.extend_from_slice(method.as_str().as_bytes());
                out.push(b' ');
                out.extend_from_slice(self.bytes(*uri));
                out.push(b' ');
                out.extend_from_slice(VERSION);
            }
            Start::Response { status, reason } => {
                out.extend_from_slice(VERSION);
                out.push(b' ');
                write_number(status.code().into(), out);
                out.push(b' ');
                out.extend_from_slice(self.bytes(*reason));
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Lines that stand in the base buffer just as they would be printed are copied in runs.
    fn write_headers(&self, out: &mut Vec<u8>) {
        let mut run = 0..0_usize;
        for slot in self.printed() {
            let (start, end) = (slot.written.at as usize, slot.value.end() as usize + 2);
            if slot.verbatim && run.end == start {
                run.end = end;
                continue;
            }
            out.extend_from_slice(&self.base[run]);
            run = if slot.verbatim { start..end } else { 0..0 };
            if !slot.verbatim {
                out.extend_from_slice(self.written(slot));
                out.extend_from_slice(b": ");
                out.extend_from_slice(self.bytes(slot.value));
                out.extend_from_slice(b"\r\n");
            }
        }
        out.extend_from_slice(&self.base[run]);
    }
}

const fn digits(mut number: usize) -> usize {
    let mut count = 1;
    while number > 9 {
        number /= 10;
        count += 1;
    }
    count
}

fn write_number(mut number: usize, out: &mut Vec<u8>) {
    let at = out.len();
    let count = digits(number);
    out.resize(at + count, b'0');
    for place in out[at..].iter_mut().rev() {
        #[expect(clippy::cast_possible_truncation, reason = "a digit")]
        let digit = (number % 10) as u8;
        *place += digit;
        number /= 10;
    }
}
