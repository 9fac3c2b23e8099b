//! The document: session lines, then one block of lines for each `m=`.

use super::media::{MediaLine, MediaView};
use crate::limits;
use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::ops::Range;

/// Why bytes are no SDP that could be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("bad SDP: {0}")]
pub struct SdpError(pub &'static str);

/// A session description. Lines keep their order and their bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sdp {
    /// Every line with a CRLF behind it.
    text: String,
    /// Where each line starts.
    starts: Vec<u32>,
    /// Which lines are `m=`, by index into `starts`.
    media: Vec<u32>,
}

impl Sdp {
    /// Reads a description; bare LF line ends are taken, blanks at line ends kept, empty lines and
    /// a missing end of the last line forgiven, and so is the want of any line but `v=`.
    ///
    /// # Errors
    /// No `v=0`, a line that is not `<letter>=...`, a broken `m=` or `c=`, NUL or a bare CR inside
    /// a line, over a limit, not UTF-8.
    pub fn parse(bytes: &[u8]) -> Result<Self, SdpError> {
        if bytes.len() > limits::STREAM_MESSAGE_BYTES {
            return Err(SdpError("longer than a message can be"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| SdpError("not UTF-8"))?;
        let mut sdp = Self::with_capacity(text.len() + 2);
        for line in text.split('\n') {
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                continue;
            }
            check_line(line)?;
            if sdp.starts.is_empty() && line.trim_end() != "v=0" {
                return Err(SdpError("the first line is not v=0"));
            }
            sdp.push(line);
            if sdp.starts.len() > limits::SDP_LINES {
                return Err(SdpError("too many lines"));
            }
            if sdp.media.len() > limits::SDP_MEDIA {
                return Err(SdpError("too many media descriptions"));
            }
        }
        if sdp.starts.is_empty() {
            return Err(SdpError("empty"));
        }
        Ok(sdp)
    }

    /// The description with CRLF line ends.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.text.as_bytes().to_vec()
    }

    /// The `o=` line without `o=`; empty where there is none.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.session_lines('o').next().unwrap_or("")
    }

    /// The address of the session level `c=`; nothing where there is none or where it is a name.
    /// `0.0.0.0` is given as it is (hold in the way of RFC 2543).
    #[must_use]
    pub fn connection(&self) -> Option<IpAddr> {
        self.session_lines('c').next().and_then(connection_address)
    }

    /// How many media descriptions there are.
    #[must_use]
    pub fn media_count(&self) -> usize {
        self.media.len()
    }

    /// The media description at `index`.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn media(&self, index: usize) -> MediaView<'_> {
        assert!(
            index < self.media.len(),
            "media description {index} of {}",
            self.media.len()
        );
        MediaView::new(self, index)
    }

    /// Every media description in order.
    pub fn medias(&self) -> impl Iterator<Item = MediaView<'_>> {
        (0..self.media.len()).map(|index| MediaView::new(self, index))
    }

    /// The values of a session level line type (`s`, `t`, `b`), in order.
    pub fn session_lines(&self, kind: char) -> impl Iterator<Item = &str> {
        values(self.session_block(), kind)
    }

    /// The value of the first session level attribute of this name; `Some("")` for a flag.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.session_block()
            .filter_map(attribute)
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The lines before the first `m=`.
    pub(super) fn session_block(&self) -> impl Iterator<Item = &str> {
        let end = self.media.first().map_or(self.starts.len(), index);
        self.lines(0..end)
    }

    /// The lines of one media description, its `m=` first.
    pub(super) fn media_block(&self, at: usize) -> impl Iterator<Item = &str> {
        let end = self.media.get(at + 1).map_or(self.starts.len(), index);
        self.lines(index(&self.media[at])..end)
    }

    /// Every line of the document.
    pub(super) fn all_lines(&self) -> impl Iterator<Item = &str> {
        self.lines(0..self.starts.len())
    }

    fn lines(&self, range: Range<usize>) -> impl Iterator<Item = &str> {
        range.map(|n| {
            let start = index(&self.starts[n]);
            let end = self.starts.get(n + 1).map_or(self.text.len(), index);
            &self.text[start..end - 2]
        })
    }

    /// A document without lines, to be filled by [`Self::push`].
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
            starts: Vec::with_capacity(bytes / 24 + 4),
            media: Vec::with_capacity(2),
        }
    }

    /// How many bytes it takes.
    pub(super) fn size(&self) -> usize {
        self.text.len()
    }

    /// Adds a line. It has no line end in it: it comes from a document or is made of numbers.
    pub(super) fn push(&mut self, line: &str) {
        self.push_fmt(format_args!("{line}"));
    }

    /// Adds a line.
    pub(super) fn push_fmt(&mut self, line: fmt::Arguments<'_>) {
        let start = self.text.len();
        self.text
            .write_fmt(line)
            .expect("writing to a String does not fail");
        if self.text[start..].starts_with("m=") {
            self.media.push(offset(self.starts.len()));
        }
        self.starts.push(offset(start));
        self.text.push_str("\r\n");
    }
}

/// Offsets are `u32`: a document is no longer than a message, and edits add little to it.
fn offset(n: usize) -> u32 {
    u32::try_from(n).expect("a description is far below 4 GiB")
}

fn index(offset: &u32) -> usize {
    *offset as usize
}

fn check_line(line: &str) -> Result<(), SdpError> {
    let bytes = line.as_bytes();
    if bytes.len() < 2 || !bytes[0].is_ascii_alphabetic() || bytes[1] != b'=' {
        return Err(SdpError("a line does not begin with a letter and ="));
    }
    // A bare CR is a line end to some readers: behind it an address could cross unseen.
    if bytes.iter().any(|b| matches!(b, 0 | b'\r')) {
        return Err(SdpError("NUL or CR inside a line"));
    }
    match bytes[0] {
        b'm' if MediaLine::parse(line).is_none() => Err(SdpError(
            "an m= line is not <media> <port> <protocol> <formats>",
        )),
        b'c' if line[2..].split_ascii_whitespace().count() < 3 => Err(SdpError(
            "a c= line is not <network type> <address type> <address>",
        )),
        _ => Ok(()),
    }
}

/// The values of the lines of one type.
pub(super) fn values<'a>(
    lines: impl Iterator<Item = &'a str>,
    kind: char,
) -> impl Iterator<Item = &'a str> {
    lines
        .filter(move |line| line.starts_with(kind))
        .map(|line| &line[2..])
}

/// Name and value of an `a=` line; a flag has an empty value. Blanks around both are cut off.
pub(super) fn attribute(line: &str) -> Option<(&str, &str)> {
    let text = line.strip_prefix("a=")?;
    let (name, value) = text.split_once(':').unwrap_or((text, ""));
    Some((name.trim(), value.trim()))
}

/// The host of `IN IP4 host/ttl/count`, in `c=` and wherever else this form stands.
pub(super) fn connection_host(value: &str) -> Option<&str> {
    let address = value.split_ascii_whitespace().nth(2)?;
    address.split('/').next()
}

/// Its address. The type in front is not compared: the address itself says which family it is.
pub(super) fn connection_address(value: &str) -> Option<IpAddr> {
    connection_host(value)?.parse().ok()
}

/// `IP4` or `IP6`, as `o=`, `c=` and `a=rtcp` name the family.
pub(super) fn address_type(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "IP4" } else { "IP6" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OFFER: &str = "v=0\r\n\
        o=alice 1 2 IN IP4 192.0.2.1\r\n\
        s=call\r\n\
        c=IN IP4 192.0.2.1\r\n\
        t=0 0\r\n\
        y=unknown type \r\n\
        m=audio 4000 RTP/AVP 8\r\n\
        a=X-thing:\t odd  \r\n\
        m=video 0 RTP/AVP 31\r\n\
        c=IN IP6 2001:db8::1\r\n";

    #[test]
    fn an_untouched_description_prints_byte_for_byte() {
        let sdp = Sdp::parse(OFFER.as_bytes()).unwrap();
        assert_eq!(sdp.to_bytes(), OFFER.as_bytes());
        assert_eq!(sdp.origin(), "alice 1 2 IN IP4 192.0.2.1");
        assert_eq!(sdp.connection(), Some("192.0.2.1".parse().unwrap()));
        assert_eq!(sdp.session_lines('y').next(), Some("unknown type "));
        assert_eq!(sdp.media_count(), 2);
    }

    #[test]
    fn bare_line_feeds_empty_lines_and_a_missing_last_line_end_are_forgiven() {
        let loose = OFFER.replace("\r\n", "\n").replace("t=0 0\n", "t=0 0\n\n");
        let sdp = Sdp::parse(loose.trim_end().as_bytes()).unwrap();
        assert_eq!(sdp.to_bytes(), OFFER.as_bytes());
    }

    #[test]
    fn missing_session_lines_are_forgiven() {
        let sdp = Sdp::parse(b"v=0\nm=audio 4000 RTP/AVP 0").unwrap();
        assert_eq!(sdp.origin(), "");
        assert_eq!(sdp.connection(), None);
        assert_eq!(sdp.media(0).port(), 4000);
    }

    #[test]
    fn what_is_no_description_is_refused_with_the_reason() {
        let why = |text: &str| Sdp::parse(text.as_bytes()).unwrap_err().0;
        assert_eq!(why(""), "empty");
        assert_eq!(why("o=x\r\n"), "the first line is not v=0");
        assert_eq!(why("v=1\r\n"), "the first line is not v=0");
        assert_eq!(
            why("v=0\r\nhello\r\n"),
            "a line does not begin with a letter and ="
        );
        assert_eq!(
            why("v=0\r\nX-a=b\r\n"),
            "a line does not begin with a letter and ="
        );
        for m in [
            "m=audio",
            "m=audio x RTP/AVP 0",
            "m=audio 70000 RTP/AVP 0",
            "m=audio 1",
        ] {
            let text = format!("v=0\r\n{m}\r\n");
            assert!(why(&text).starts_with("an m= line"), "{m}");
        }
        assert!(why("v=0\r\nc=IN IP4\r\n").starts_with("a c= line"));
        assert_eq!(
            why("v=0\r\na=x\rc=IN IP4 192.0.2.9\r\n"),
            "NUL or CR inside a line"
        );
        assert_eq!(why("v=0\r\na=\0\r\n"), "NUL or CR inside a line");
        assert_eq!(Sdp::parse(b"v=0\r\ns=\xff\r\n"), Err(SdpError("not UTF-8")));
    }

    #[test]
    fn the_limits_hold_and_what_is_at_a_limit_passes() {
        let lines = |n: usize| format!("v=0\n{}", "a=x\n".repeat(n - 1));
        assert!(Sdp::parse(lines(limits::SDP_LINES).as_bytes()).is_ok());
        assert_eq!(
            Sdp::parse(lines(limits::SDP_LINES + 1).as_bytes()),
            Err(SdpError("too many lines"))
        );
        let media = |n: usize| format!("v=0\n{}", "m=audio 0 RTP/AVP 0\n".repeat(n));
        assert!(Sdp::parse(media(limits::SDP_MEDIA).as_bytes()).is_ok());
        assert_eq!(
            Sdp::parse(media(limits::SDP_MEDIA + 1).as_bytes()),
            Err(SdpError("too many media descriptions"))
        );
        let long = format!("v=0\ns={}", "x".repeat(limits::STREAM_MESSAGE_BYTES));
        assert!(Sdp::parse(long.as_bytes()).is_err());
    }

    #[test]
    fn connection_addresses_of_every_form_are_read() {
        let address = |value: &str| connection_address(value).map(|a| a.to_string());
        assert_eq!(address("IN IP4 0.0.0.0").as_deref(), Some("0.0.0.0"));
        assert_eq!(
            address("IN IP4 224.2.1.1/127/3").as_deref(),
            Some("224.2.1.1")
        );
        assert_eq!(address("IN IP6 FF15::101/3").as_deref(), Some("ff15::101"));
        assert_eq!(address("IN IP4 pbx.example.com"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            drop(Sdp::parse(&bytes));
        }

        #[test]
        fn lines_of_any_content_survive_in_order(
            lines in proptest::collection::vec("[a-bd-ln-zA-Z]=[^\\r\\n\\x00]{0,40}", 0..30),
        ) {
            let text: String = std::iter::once("v=0".to_owned())
                .chain(lines)
                .map(|line| line + "\r\n")
                .collect();
            let sdp = Sdp::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(sdp.to_bytes(), text.as_bytes());
        }
    }
}
