//! Requests that nobody sent: made of a few words, or read from a file that somebody edited.

use crate::problem::expected;
use bytes::Bytes;
use sbc_core::net::{ListenerId, Network};
use sbc_core::sip::{HeaderName, Message, ParseError};
use sbc_core::transport::{Flow, Incoming};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

/// The user that a sample calls.
const CALLED: &str = "100";
/// The user that a sample is from.
const CALLER: &str = "caller";

/// What an INVITE says; what is left out is made up.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sample {
    /// The Request-URI: user 100 at the listener's address.
    pub ruri: Option<String>,
    /// From, a URI or with display name: `caller` at the source's address.
    pub from: Option<String>,
    /// To, the same: the Request-URI.
    pub to: Option<String>,
    /// Further headers, in order.
    pub headers: Vec<(String, String)>,
}

/// The listener with this name; of one that is bound to both families, that of the source's.
///
/// # Errors
/// What was expected, where there is none.
pub fn listener(network: &Network, name: &str, source: IpAddr) -> Result<ListenerId, String> {
    let place = |v4: bool| {
        let mut listeners = network.listeners.iter();
        listeners.position(|l| *l.name == *name && l.bind.is_ipv4() == v4)
    };
    let v4 = source.is_ipv4();
    let found = place(v4).or_else(|| place(!v4));
    let id = found.and_then(|n| u16::try_from(n).ok());
    id.map(ListenerId).ok_or_else(|| {
        let names: Vec<&str> = network.listeners.iter().map(|l| &*l.name).collect();
        let names: Vec<&str> = names.into_iter().filter(|n| !n.starts_with('(')).collect();
        let hint = expected(name, "listener", &names);
        format!("unknown listener `{name}`; {hint}")
    })
}

/// A message as it arrives at a listener.
#[must_use]
pub fn incoming(
    network: &Network,
    listener: ListenerId,
    source: SocketAddr,
    mut message: Message,
) -> Incoming {
    if message.is_request() {
        message.stamp_received(source);
    }
    let flow = Flow {
        listener,
        transport: network.listener(listener).transport,
        remote: source,
        connection: None,
    };
    Incoming { flow, message }
}

impl Sample {
    /// The INVITE, with an SDP of one audio stream, as the source would write it.
    #[must_use]
    pub fn invite(&self, network: &Network, listener: ListenerId, source: SocketAddr) -> Bytes {
        let at = network.listener(listener);
        let own = || format!("sip:{CALLED}@{}", at.advertise);
        let ruri = self.ruri.clone().unwrap_or_else(own);
        let from = self.from.clone();
        let from = from.unwrap_or_else(|| format!("sip:{CALLER}@{source}"));
        let to = self.to.as_ref().unwrap_or(&ruri);
        let family = if source.is_ipv4() { "IP4" } else { "IP6" };
        let ip = source.ip();
        let sdp = format!(
            "v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
             m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
        );
        let mut text = format!(
            "INVITE {ruri} SIP/2.0\r\nVia: SIP/2.0/{} {source};branch=z9hG4bKsample\r\n\
             Max-Forwards: 70\r\nFrom: {};tag=sample\r\nTo: {}\r\nCall-ID: sample\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:{source}>\r\n",
            at.transport.via(),
            address(&from),
            address(to),
        );
        for (name, value) in &self.headers {
            let _infallible = write!(text, "{name}: {value}\r\n");
        }
        let _infallible = write!(
            text,
            "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        Bytes::from(text)
    }
}

/// A URI alone gets its brackets.
fn address(text: &str) -> String {
    if text.contains('<') {
        text.to_owned()
    } else {
        format!("<{text}>")
    }
}

/// Reads a message from a file. One with LF as line ends is a text that somebody edited: its lines
/// get CR LF, the empty line behind its headers where that is missing, and its Content-Length is
/// made right.
///
/// # Errors
/// What is wrong, with the line where that is known.
pub fn read(file: &[u8]) -> Result<Message, String> {
    let bytes = if is_text(file) {
        mend(file)
    } else {
        file.to_vec()
    };
    Message::parse_datagram(Bytes::from(bytes)).map_err(|error| {
        let first = String::from_utf8_lossy(file);
        let first = first.lines().find(|line| !line.trim().is_empty());
        match (error, first) {
            (_, None) => "the file holds no message".to_owned(),
            (ParseError::StartLine, Some(line)) => {
                format!("line 1: {error}: `{}`", line.escape_debug())
            }
            _ => error.to_string(),
        }
    })
}

/// Whether its head does not end as that of a message does.
fn is_text(file: &[u8]) -> bool {
    !file.windows(4).any(|four| four == b"\r\n\r\n")
}

fn mend(file: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(file);
    let mut lines = text.lines().skip_while(|line| line.trim().is_empty());
    let is_length = |line: &str| {
        let name = line.split(':').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("l")
    };
    let head = lines.by_ref().take_while(|line| !line.is_empty());
    let head: Vec<&str> = head.filter(|line| !is_length(line)).collect();
    let body: String = lines.map(|line| format!("{line}\r\n")).collect();
    let mut out = head.join("\r\n");
    let _infallible = write!(out, "\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    out.into_bytes()
}

/// What is wrong with a message, in words, with the line of its file.
#[must_use]
pub fn defects(message: &Message, file: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(file);
    let line_of = |name: &str| {
        let is_it = |line: &str| {
            let written = line.split(':').next().unwrap_or_default().trim();
            !written.is_empty()
                && HeaderName::parse(written)
                    .as_str()
                    .eq_ignore_ascii_case(name)
        };
        text.lines().position(is_it).map(|n| n + 1)
    };
    let words = super::view::defects(message);
    words
        .map(|(name, words)| match name.and_then(|name| line_of(&name)) {
            Some(line) => format!("line {line}: {words}"),
            None => words,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "INVITE sip:a@b SIP/2.0
Via: SIP/2.0/UDP h;branch=z9hG4bK1
From: <sip:a@b>;tag=1
To: <sip:b@b>
Call-ID: 1
CSeq: 1 INVITE
Contact: <sip:a@b>
Max-Forwards: 70";

    #[test]
    fn a_file_that_somebody_edited_is_read_as_if_its_lines_ended_right() {
        for end in [
            "",
            "\n",
            "\n\n",
            "\nContent-Length: 900\n\nv=0\n",
            "\nl: 1\n\nv=0",
        ] {
            let message = read(format!("{HEAD}{end}").as_bytes()).expect("a message");
            assert!(
                message.defects().is_empty(),
                "{end:?}: {:?}",
                message.defects()
            );
            let body = if end.contains("v=0") { "v=0\r\n" } else { "" };
            assert_eq!(message.body(), body, "{end:?}");
        }
    }

    #[test]
    fn a_file_with_the_right_line_ends_is_taken_as_it_is() {
        let text = format!("{HEAD}\nContent-Length: 900\n\nv=0\n").replace('\n', "\r\n");
        let message = read(text.as_bytes()).expect("a message");
        let said = defects(&message, text.as_bytes());
        assert_eq!(
            said,
            ["line 9: Content-Length is no number, or more than there is"]
        );
    }

    #[test]
    fn what_is_no_message_is_told_with_its_line() {
        assert_eq!(read(b"\n\n").unwrap_err(), "the file holds no message");
        let error = read(b"hello\nworld\n").unwrap_err();
        assert!(
            error.starts_with("line 1: the first line is neither"),
            "{error}"
        );
    }

    #[test]
    fn what_is_wrong_with_a_message_is_told_with_its_line() {
        let text = HEAD.replace("From: <sip:a@b>;", "f: <sip:a@b;;>>");
        let message = read(text.as_bytes()).expect("a message");
        let said = defects(&message, text.as_bytes());
        assert_eq!(said, ["line 3: From breaks its grammar"]);
    }
}
