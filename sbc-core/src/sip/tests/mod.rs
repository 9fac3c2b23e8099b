//! Tests of the message as a whole; the views have theirs beside them.

mod edit;
mod edits;
mod oracle;
mod oracle_sets;
mod properties;
mod rfc4475;
mod rfc5118;
mod torture;
mod torture_case;
mod wire;

use super::Message;
use bytes::Bytes;

/// A datagram written with LF line ends.
fn datagram(text: &str) -> Message {
    let wire = text.replace('\n', "\r\n");
    Message::parse_datagram(Bytes::from(wire)).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn print(message: &Message) -> String {
    String::from_utf8(message.to_bytes().to_vec())
        .unwrap()
        .replace("\r\n", "\n")
}

const INVITE: &str = "INVITE sip:bob@biloxi.example SIP/2.0
Via: SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bK776asdhds;rport
Max-Forwards: 70
To: Bob <sip:bob@biloxi.example>
f: Alice <sip:alice@atlanta.example>;tag=1928301774
Call-ID: a84b4c76e66710
CSeq: 314159 INVITE
Contact: <sip:alice@pc33.atlanta.example>
X-Foo:  one
Subject:
Content-Type: application/sdp
Content-Length: 4

v=0
";
