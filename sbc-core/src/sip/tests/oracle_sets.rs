//! Against rsip as an oracle, over whole sets: the torture messages, those of RFC 4475 where they
//! lie beside the repository, the corpus of the fuzzer, and messages drawn at random. Wherever rsip
//! accepts a message that we find no defect in, both must read the same; where they do not, one of
//! [`EXCEPTIONS`] says why.

use super::INVITE;
use crate::sip::{HeaderName, Message, NameAddr, Via};
use ::rsip::SipMessage;
use ::rsip::headers::{ToTypedHeader as _, UntypedHeader as _};
use ::rsip::message::{HasHeaders as _, HeadersExt as _};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;
use std::path::Path;

/// A field that is not the same in both.
#[derive(Debug)]
struct Difference {
    field: &'static str,
    ours: String,
    theirs: String,
}

/// A difference that has a reason: whether it is this one, and the reason.
type Exception = (fn(&Difference, &Message) -> bool, &'static str);

const EXCEPTIONS: [Exception; 10] = [
    (
        |d, _| {
            d.field == "name"
                && HeaderName::parse(&d.theirs)
                    .as_str()
                    .eq_ignore_ascii_case(&d.ours)
        },
        "rsip keeps compact names as they are written",
    ),
    (
        |d, _| d.field == "body" && d.theirs.starts_with(d.ours.trim_end_matches('\u{fffd}')),
        "rsip takes all of a datagram as body, whatever Content-Length says (RFC 3261 §18.3)",
    ),
    (
        |d, m| matches!(d.field, "headers" | "name" | "value" | "body") && has_bare_lf(m),
        "rsip takes a bare LF as part of a value",
    ),
    (
        |d, m| d.field == "to-tag" && !has(m, &HeaderName::To, '<'),
        "rsip gives `;tag` of a bare address to the URI (RFC 3261 §20: it is the header's)",
    ),
    (
        |d, m| d.field == "branch" && d.theirs == "-" && has(m, &HeaderName::Via, '"'),
        "rsip loses the parameters of a Via behind a quoted one",
    ),
    (
        |d, _| matches!(d.field, "method" | "cseq") && d.ours.eq_ignore_ascii_case(&d.theirs),
        "rsip ignores the case of methods (RFC 3261 §7.1: it matters)",
    ),
    (
        |d, _| d.field.ends_with("-tag") && d.ours == "-" && d.theirs.is_empty(),
        "rsip tells a tag without value from none (RFC 3261 §25.1 has no such tag)",
    ),
    (
        |d, _| matches!(d.field, "uri" | "from" | "to") && d.ours.eq_ignore_ascii_case(&d.theirs),
        "rsip writes the value of `transport` in upper case",
    ),
    (
        |d, _| matches!(d.field, "uri" | "from" | "to") && semicolon_in_user(&d.ours),
        "rsip ends the user part of a URI at a semicolon (RFC 4475 §3.1.1.9 has one)",
    ),
    (
        |d, m| is_quoted(m, d.field),
        "rsip looks for brackets in quoted display names (RFC 3261 §25.1)",
    ),
];

/// Messages of the torture set that rsip reads and we refuse as a whole.
const REFUSED_BY_US: [(&str, &str); 4] = [
    ("datagram-too-long.txt", "rsip has no limits"),
    ("header-longer-than-the-limit.txt", "rsip has no limits"),
    (
        "no-end-of-headers.txt",
        "rsip needs no empty line behind the headers",
    ),
    ("seventy-one-vias.txt", "rsip has no limits"),
];

fn has(message: &Message, name: &HeaderName, what: char) -> bool {
    message.header_lines(name).any(|line| line.contains(what))
}

/// From or To, by the name of the field.
fn is_quoted(message: &Message, field: &str) -> bool {
    match field {
        "from" => has(message, &HeaderName::From, '"'),
        "to" => has(message, &HeaderName::To, '"'),
        _ => false,
    }
}

fn semicolon_in_user(uri: &str) -> bool {
    uri.split_once('@')
        .is_some_and(|(user, _)| user.contains(';'))
}

fn has_bare_lf(message: &Message) -> bool {
    let bytes = message.to_bytes();
    let head = bytes.len() - message.body().len();
    let lines = bytes[..head].split(|b| *b == b'\n');
    lines
        .take_while(|l| !l.is_empty() && l != b"\r")
        .any(|l| !l.ends_with(b"\r"))
}

/// Where the two read something else.
fn differences(ours: &Message, theirs: &SipMessage) -> Vec<Difference> {
    let mut out = Vec::new();
    let mut same = |field, ours: String, theirs: String| {
        if ours != theirs {
            out.push(Difference {
                field,
                ours,
                theirs,
            });
        }
    };
    let text = |value: Option<&str>| value.unwrap_or("-").to_owned();
    match theirs {
        SipMessage::Request(request) => {
            same("kind", ours.is_request().to_string(), "true".into());
            same(
                "method",
                text(ours.method().map(|m| m.as_str())),
                request.method.to_string(),
            );
            same("uri", ours.request_uri().into(), request.uri.to_string());
        }
        SipMessage::Response(response) => {
            same("kind", ours.is_request().to_string(), "false".into());
            let code = ours.status().map_or(0, |s| s.code());
            same(
                "status",
                code.to_string(),
                response.status_code.code().to_string(),
            );
        }
    }
    let count = theirs.headers().iter().count();
    same(
        "headers",
        ours.headers().count().to_string(),
        count.to_string(),
    );
    for (ours, theirs) in ours.headers().zip(theirs.headers().iter()) {
        let theirs = theirs.to_string();
        let (name, value) = theirs.split_once(": ").unwrap_or((&theirs, ""));
        same(
            "name",
            ours.name.as_str().to_ascii_lowercase(),
            name.to_ascii_lowercase(),
        );
        same("value", text(ours.value()), value.into());
    }
    differences_of_views(ours, theirs, &mut out);
    out
}

fn differences_of_views(ours: &Message, theirs: &SipMessage, out: &mut Vec<Difference>) {
    let mut same = |field, ours: String, theirs: String| {
        if ours != theirs {
            out.push(Difference {
                field,
                ours,
                theirs,
            });
        }
    };
    let text = |value: Option<&str>| value.unwrap_or("-").to_owned();
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    if let Ok(id) = theirs.call_id_header() {
        same("call-id", text(ours.call_id()), id.value().into());
    }
    if let Ok(via) = theirs.via_header().and_then(|h| h.typed()) {
        same(
            "branch",
            text(ours.branch()),
            shown(via.branch().map(ToString::to_string)),
        );
        let sent_by = ours.via().map(|v: Via<'_>| v.host.to_string());
        same(
            "sent-by",
            shown(sent_by),
            via.uri.host_with_port.host.to_string(),
        );
    }
    if let Ok(from) = theirs.from_header().and_then(|h| h.typed()) {
        same(
            "from-tag",
            text(ours.from_tag()),
            shown(from.tag().map(ToString::to_string)),
        );
        let uri = ours.from().ok().map(|a: NameAddr| a.uri.to_string());
        same("from", shown(uri), from.uri.to_string());
    }
    if let Ok(to) = theirs.to_header().and_then(|h| h.typed()) {
        same(
            "to-tag",
            text(ours.to_tag()),
            shown(to.tag().map(ToString::to_string)),
        );
        let uri = ours.to().ok().map(|a: NameAddr| a.uri.to_string());
        same("to", shown(uri), to.uri.to_string());
    }
    if let Ok(cseq) = theirs.cseq_header().and_then(|h| h.typed()) {
        let number = ours.cseq().map(|c| format!("{} {}", c.number, c.method));
        same(
            "cseq",
            shown(number),
            format!("{} {}", cseq.seq, cseq.method),
        );
    }
    let body = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    same("body", body(&ours.body()), body(theirs.body()));
}

/// Compares where both accept; whether they did. Notes the exceptions that were needed.
fn compare(name: &str, wire: &[u8], used: &mut BTreeSet<&'static str>) -> Option<bool> {
    let bytes = Bytes::copy_from_slice(wire);
    let theirs = SipMessage::try_from(bytes.clone()).ok()?;
    let Ok(ours) = Message::parse_datagram(bytes) else {
        return Some(false);
    };
    if !ours.defects().is_empty() {
        return Some(true);
    }
    for difference in differences(&ours, &theirs) {
        let reason = EXCEPTIONS
            .iter()
            .find(|(applies, _)| applies(&difference, &ours));
        let (_, reason) = reason.unwrap_or_else(|| panic!("{name}: {difference:?}"));
        used.insert(reason);
    }
    Some(true)
}

fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_none_or(|e| e != "md"))
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect()
}

#[test]
fn sets_of_messages_read_the_same_in_rsip_but_for_what_is_written_down() {
    let mut used = BTreeSet::new();
    let mut refused = Vec::new();
    let mut accepted = 0;
    for case in super::torture::cases() {
        match compare(&case.name, &case.wire, &mut used) {
            Some(true) => accepted += 1,
            Some(false) => refused.push(case.name),
            None => {}
        }
    }
    assert!(accepted >= 40, "{accepted} of the torture messages");
    assert_eq!(refused, REFUSED_BY_US.map(|(name, _)| name));
    for folder in ["../../shared/data/rfc4475", "../tests/fuzz/corpus/datagram"] {
        for (name, wire) in files(folder) {
            compare(&name, &wire, &mut used);
        }
    }
    let bob = "sip:bob@biloxi.example>";
    for (from, to) in [
        (bob, "sip:bob@biloxi.example;transport=tcp>"),
        (bob, "sip:b.+;c@192.0.2.4;user=phone>"),
        ("Bob <", "\"<\" <"),
        ("pc33.atlanta.example;b", "[2001:db8::1]:5060;b"),
    ] {
        let wire = INVITE.replace('\n', "\r\n").replace(from, to);
        assert_eq!(compare(to, wire.as_bytes(), &mut used), Some(true));
    }
    for (_, reason) in EXCEPTIONS {
        assert!(used.contains(reason), "no longer so: {reason}");
    }
}

fn uri() -> impl Strategy<Value = String> {
    let user = "[a-z0-9._+-]{1,12}(;[a-z]{1,4})?";
    let host = prop_oneof![
        "[a-z][a-z0-9]{0,8}(\\.[a-z]{2,5}){1,2}",
        any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()),
    ];
    let port = prop_oneof![Just(String::new()), (1_u16..).prop_map(|p| format!(":{p}"))];
    let params = select(vec!["", ";lr", ";user=phone", ";x=y;z", ";transport=udp"]);
    (user, host, port, params).prop_map(|(u, h, p, x)| format!("sip:{u}@{h}{p}{x}"))
}

fn address() -> impl Strategy<Value = String> {
    let name = prop_oneof!["", "[A-Za-z]{1,8} ", "\"[A-Za-z0-9 ,;:<>@]{0,12}\" "];
    (name, uri()).prop_map(|(name, uri)| format!("{name}<{uri}>"))
}

fn header() -> impl Strategy<Value = String> {
    let name = select(vec![
        "Subject",
        "X-Any",
        "User-Agent",
        "Supported",
        "Date",
        "Organization",
    ]);
    (name, "[!-~]{1,5}( [ -~]{0,20}[!-~])?")
        .prop_map(|(name, value)| format!("{name}: {value}\r\n"))
}

fn via() -> impl Strategy<Value = String> {
    let params = select(vec!["", ";rport", ";received=192.0.2.1"]);
    ("[a-z]{1,9}\\.example", "z9hG4bK[A-Za-z0-9.]{1,20}", params).prop_map(
        |(host, branch, params)| format!("Via: SIP/2.0/UDP {host};branch={branch}{params}\r\n"),
    )
}

fn tags() -> impl Strategy<Value = (String, String)> {
    ("[a-z0-9]{1,12}", "(;tag=[a-z0-9]{1,9})?")
}

prop_compose! {
    fn message()(
        method in select(vec!["INVITE", "BYE", "OPTIONS", "UPDATE", "INFO"]),
        code in select(vec![0_u16, 100, 180, 183, 200, 302, 404, 486, 503, 603]),
        vias in vec(via(), 1..5),
        (target, from, to, contact) in (uri(), address(), address(), address()),
        (from_tag, to_tag) in tags(),
        call_id in "[A-Za-z0-9.-]{1,20}(@[a-z.]{1,9}[a-z])?",
        number in 0_u32..0x8000_0000,
        more in vec(header(), 0..6),
        body in "[ -~\r\n]{0,80}",
    ) -> String {
        let mut text = match code {
            0 => format!("{method} {target} SIP/2.0\r\n"),
            code => format!("SIP/2.0 {code} Said\r\n"),
        };
        text.push_str(&vias.concat());
        text.push_str(&format!(
            "Max-Forwards: 70\r\nFrom: {from};tag={from_tag}\r\nTo: {to}{to_tag}\r\n\
             Call-ID: {call_id}\r\nCSeq: {number} {method}\r\nContact: {contact}\r\n{}\
             Content-Length: {}\r\n\r\n{body}",
            more.concat(),
            body.len()
        ));
        text
    }
}

proptest! {
    #[test]
    fn messages_drawn_at_random_read_the_same_in_rsip(text in message()) {
        let mut used = BTreeSet::new();
        let ours = Message::parse_datagram(Bytes::from(text.clone())).unwrap();
        prop_assert_eq!(ours.defects(), []);
        // Too many that rsip does not take fail the test.
        prop_assume!(compare(&text, text.as_bytes(), &mut used) == Some(true));
    }
}
