//! Requests over a limit: what is needed to refuse them (RFC 3261 §21.5.14), and no more.
//!
//! One pass over bytes that are bounded already. What is kept is the first line and, of the headers
//! that an answer repeats (§8.2.6.2), the lines within the limits: so the answer is never larger
//! than the request.

use super::{Defect, Message, Method};
use crate::limits;
use bytes::Bytes;

impl Message {
    /// Of a request that a limit kept from being read, a message with [`Defect::TooLarge`] that an
    /// answer can be made to. Nothing: it is a response or an ACK, or the headers that an answer
    /// needs are not there.
    #[must_use]
    pub fn of_excess(bytes: &[u8]) -> Option<Self> {
        let mut lines = Lines(bytes);
        let first = lines.next().filter(|line| fits(line))?;
        let mut kept = first.to_vec();
        let mut vias = 0;
        for line in lines.take_while(|line| !is_blank(line)) {
            match repeated(line) {
                Some(Repeated::Via) if vias < limits::VIAS && fits(line) => vias += 1,
                Some(Repeated::Once) if fits(line) => {}
                _ => continue,
            }
            kept.extend_from_slice(line);
        }
        kept.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        let mut message = Self::parse_datagram(Bytes::from(kept)).ok()?;
        let can_be_answered = message.is_request()
            && message.method() != Some(&Method::Ack)
            && message.defects().is_empty();
        can_be_answered.then(|| {
            message.accuse(Defect::TooLarge);
            message
        })
    }
}

/// Header lines with what follows them folded, line ends included; what has no line end is none.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut end = memchr::memchr(b'\n', self.0)? + 1;
        if !is_blank(&self.0[..end]) {
            while matches!(self.0.get(end), Some(b' ' | b'\t')) {
                end += memchr::memchr(b'\n', &self.0[end..])? + 1;
            }
        }
        let (line, rest) = self.0.split_at(end);
        self.0 = rest;
        Some(line)
    }
}

fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"\r\n" | b"\n")
}

fn fits(line: &[u8]) -> bool {
    line.len() <= limits::HEADER_LINE_BYTES
}

enum Repeated {
    Via,
    Once,
}

/// Whether an answer repeats this header.
fn repeated(line: &[u8]) -> Option<Repeated> {
    let colon = memchr::memchr(b':', line)?;
    let name = line[..colon].trim_ascii_end();
    let is = |names: &[&str]| {
        let mut names = names.iter();
        names.any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
    };
    if is(&["Via", "v"]) {
        return Some(Repeated::Via);
    }
    is(&["From", "f", "To", "t", "Call-ID", "i", "CSeq"]).then_some(Repeated::Once)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::{ParseError, StatusCode};

    const HEAD: &str = "INVITE sip:bob@192.0.2.1 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1\r\n\
        Max-Forwards: 70\r\nf: <sip:alice@192.0.2.7>;tag=1\r\nTo:\r\n <sip:bob@192.0.2.1>\r\n\
        Call-ID: a\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@192.0.2.7>\r\n";

    fn excess(text: &str) -> Option<Message> {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let read = Message::parse_datagram(bytes);
        assert!(matches!(read, Err(ParseError::Limit(_))), "{read:?}");
        Message::of_excess(text.as_bytes())
    }

    #[test]
    fn too_many_headers_or_vias_and_too_long_lines_are_refused_by_an_answer_that_is_smaller() {
        let many = "X: y\r\n".repeat(limits::HEADERS);
        let long = format!("X: {}\r\n", "y".repeat(limits::HEADER_LINE_BYTES));
        let vias = "v: SIP/2.0/UDP 192.0.2.8\r\n".repeat(limits::VIAS);
        for more in [many, long, vias] {
            let text = format!("{HEAD}{more}Content-Length: 0\r\n\r\n");
            let message = excess(&text).expect("can be answered");
            assert_eq!(message.defects(), [Defect::TooLarge]);
            let (status, reason) = Defect::TooLarge.refusal();
            let reply = Message::reply_to(&message, status, reason, Some("tag"));
            assert_eq!(reply.status(), Some(StatusCode::of(513)));
            assert_eq!(reply.branch(), Some("z9hG4bK1"));
            assert_eq!(reply.call_id(), Some("a"));
            assert!(reply.to_bytes().len() < text.len());
        }
    }

    #[test]
    fn what_cannot_or_must_not_be_answered_is_none() {
        let many = "X: y\r\n".repeat(limits::HEADERS);
        let end = format!("{many}Content-Length: 0\r\n\r\n");
        let ack = HEAD.replace("INVITE", "ACK");
        let response = HEAD.replace("INVITE sip:bob@192.0.2.1 SIP/2.0", "SIP/2.0 200 OK");
        let nobody = HEAD.replace("Call-ID: a\r\n", "");
        for head in [ack, response, nobody] {
            assert!(excess(&format!("{head}{end}")).is_none(), "{head}");
        }
    }
}
