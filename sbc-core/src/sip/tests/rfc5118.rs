//! The messages of RFC 5118 (SIP with IPv6), where the text of the RFC lies beside the repository;
//! the repository's own set is in `tests/torture`, at the names that begin with `ipv`.

use crate::sdp::Sdp;
use crate::sip::{Defect, HeaderName, Host, Message, Uri};
use bytes::Bytes;
use std::path::Path;

/// A message as §4 prints it: without page breaks and margins, long lines put together, its
/// Content-Length made true (that of the RFC counts other line ends).
fn message(name: &str) -> Option<Message> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/rfc/rfc5118.txt");
    let text = std::fs::read_to_string(path).ok()?;
    let label = format!("Message Details: {name}\n");
    let (_, behind) = text.split_once(&label).expect("the RFC has it");
    let mut lines: Vec<String> = Vec::new();
    let mut whole = false;
    for line in behind.lines().skip_while(|line| line.is_empty()) {
        let Some(line) = line.strip_prefix("      ") else {
            if line.is_empty() {
                lines.push(String::new());
                continue;
            }
            break;
        };
        match (line, lines.last_mut()) {
            ("<allOneLine>" | "</allOneLine>", _) => {
                whole = !whole;
                lines.extend(whole.then(String::new));
            }
            (part, Some(last)) if whole => last.push_str(part),
            (line, _) => lines.push(line.to_owned()),
        }
    }
    let text = lines.join("\r\n");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let body = body.trim_start_matches("\r\n").trim_end();
    let body = if body.is_empty() {
        String::new()
    } else {
        format!("{body}\r\n")
    };
    let head: Vec<&str> = head
        .lines()
        .filter(|line| !line.starts_with("Content-Length"))
        .collect();
    let (head, length) = (head.join("\r\n"), body.len());
    let wire = format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}");
    Some(Message::parse_datagram(Bytes::from(wire)).expect("a message"))
}

fn ip(text: &str) -> Option<Host> {
    text.parse().ok().map(Host::Ip)
}

fn target(message: &Message) -> Uri {
    Uri::parse(message.request_uri()).expect("a URI")
}

#[test]
fn well_formed_messages_have_no_defect_and_print_back() {
    for name in [
        "ipv6-good",
        "port-ambiguous",
        "port-unambiguous",
        "via-received-param-with-delim",
        "via-received-param-no-delim",
        "ipv6-in-sdp",
        "mult-ip-in-header",
        "mult-ip-in-sdp",
        "ipv4-mapped-ipv6",
        "ipv6-correct-abnf-2-colons",
    ] {
        let Some(message) = message(name) else { return };
        assert_eq!(message.defects(), [], "{name}");
        let again = Message::parse_datagram(message.to_bytes()).expect("a message");
        assert_eq!(again.to_bytes(), message.to_bytes(), "{name}");
    }
}

#[test]
fn addresses_without_brackets_or_with_three_colons_are_none() {
    // §4.2 asks for 400. §4.10 would let us read three colons; no address has them.
    for name in ["ipv6-bad", "ipv6-bug-abnf-3-colons"] {
        let Some(message) = message(name) else { return };
        assert!(message.defects().iter().any(Defect::is_fatal), "{name}");
    }
}

#[test]
fn a_port_counts_behind_the_bracket_only() {
    let Some(ambiguous) = message("port-ambiguous") else {
        return;
    };
    let uri = target(&ambiguous);
    assert_eq!((uri.host, uri.port), (ip("2001:db8::10:5070"), None));
    let uri = target(&message("port-unambiguous").expect("it is there"));
    assert_eq!((uri.host, uri.port), (ip("2001:db8::10"), Some(5070)));
    let uri = target(&message("ipv6-correct-abnf-2-colons").expect("it is there"));
    assert_eq!(uri.host, ip("2001:db8::192.0.2.1"));
}

#[test]
fn received_is_read_with_brackets_and_without_and_written_without() {
    let source = "[2001:db8::9:7]:5060".parse().expect("an address");
    for name in [
        "via-received-param-with-delim",
        "via-received-param-no-delim",
    ] {
        let Some(mut message) = message(name) else {
            return;
        };
        assert_eq!(message.via().map(|via| via.host), ip("2001:db8::9:1"));
        message.stamp_received(source);
        let via = message.via().expect("a Via");
        assert_eq!(via.param("received"), Some("2001:db8::9:7"), "{name}");
    }
}

#[test]
fn each_via_and_each_line_of_sdp_has_its_own_family() {
    let Some(vias) = message("mult-ip-in-header") else {
        return;
    };
    assert_eq!(vias.header_values(&HeaderName::Via).count(), 3);
    let via = vias.via().expect("a Via");
    assert_eq!(
        (Some(via.host), via.port),
        (ip("2001:db8::9:1"), Some(6050))
    );
    let connections = |name| {
        let sdp = message(name).and_then(|m| m.sdp()).expect("a description");
        let sdp = Sdp::parse(&sdp).expect("a description");
        let all = (0..sdp.media_count()).map(|n| sdp.media(n).connection());
        all.map(|ip| ip.map(|ip| ip.to_string()))
            .collect::<Vec<_>>()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        connections("mult-ip-in-sdp"),
        [some("192.0.2.1"), some("2001:db8::1")]
    );
    assert_eq!(
        connections("ipv6-in-sdp"),
        [some("2001:db8::20"), some("2001:db8::20")]
    );
    assert_eq!(
        connections("ipv4-mapped-ipv6"),
        [some("::ffff:192.0.2.2"), some("::ffff:192.0.2.2")]
    );
}
