//! Configurations and requests by seed.

use bytes::Bytes;
use sbc_core::Entropy;
use sbc_core::net::Network;
use sbc_core::transport::Transport;
use std::fmt::Write;
use std::net::SocketAddr;

pub(super) fn one<'a, T: ?Sized>(entropy: &mut Entropy, of: &[&'a T]) -> &'a T {
    let n = entropy.below(of.len() as u64);
    of[usize::try_from(n).unwrap_or(0)]
}

const USERS: [&str; 9] = [
    "+4930123",
    "0900123",
    "030456",
    "alice",
    "anonymous",
    "a:secret",
    "%41b",
    "",
    "9",
];
const HOSTS: [&str; 6] = [
    "sbc",
    "203.0.113.10",
    "10.0.0.10",
    "[2001:db8::7]",
    "gw.example",
    "192.0.2.99:5070",
];

fn template(entropy: &mut Entropy) -> &'static str {
    one(
        entropy,
        &[
            "acme",
            "${from.user}",
            "<sip:${from.user | default('nobody')}@pbx.example>",
            "${header['X-Foo'] | upper}",
            "${trunk.name}/${target.name}/${source.ip}:${source.port}",
            "${to.display}${ruri.params.user}",
        ],
    )
}

fn condition(entropy: &mut Entropy) -> &'static str {
    one(
        entropy,
        &[
            r"to.user: '^\+4930'",
            "ruri.user: '^0'",
            "from.user: anonymous",
            "not: { from.user: anonymous }",
            "any: [ { ruri.user: '^9' }, { source.ip: '^10' }, { method: OPTIONS } ]",
            r#"header["X-Foo"]: 'a'"#,
            "trunk.name: carrier",
            "listener: tcp, not: { any: [ { contact.host: '^192' }, { to.host: sbc } ] }",
            "ruri.scheme: tel",
        ],
    )
}

fn rule(entropy: &mut Entropy) -> String {
    let header = one(
        entropy,
        &["X-Foo", "Subject", "P-Asserted-Identity", "From", "To"],
    );
    let value = template(entropy).replace('"', "'");
    let mut rule = match entropy.below(4) {
        0 if !["From", "To"].contains(&header) => format!("remove: {header}"),
        1 => "remove: \"X-*\"".to_owned(),
        2 if !["From", "To"].contains(&header) => format!("add: {header}, to: \"{value}\""),
        _ => format!("set: {header}, to: \"{value}\""),
    };
    if entropy.chance(0.4) {
        let _infallible = write!(rule, ", when: {{ {} }}", condition(entropy));
    }
    format!("      - {{ {rule} }}\n")
}

fn targets(entropy: &mut Entropy, hosts: &[&str]) -> String {
    let count = 1 + entropy.below(3);
    let target = |entropy: &mut Entropy| {
        let (user, host) = (one(entropy, &["", "5@"]), one(entropy, hosts));
        let tcp = one(entropy, &["", ";transport=tcp"]);
        let (priority, weight) = (1 + entropy.below(2), entropy.below(4));
        format!("{{ uri: \"sip:{user}{host}{tcp}\", priority: {priority}, weight: {weight} }}")
    };
    let list: Vec<_> = (0..count).map(|_| target(entropy)).collect();
    list.join(", ")
}

fn route(entropy: &mut Entropy, n: u64) -> String {
    let mut route = format!("  - {{ name: r{n}");
    let from = one(
        entropy,
        &[
            "",
            "",
            ", from: carrier",
            ", from: pbx",
            ", from: inside",
            ", from: outside",
        ],
    );
    route.push_str(from);
    if entropy.chance(0.7) {
        let _infallible = write!(route, ", when: {{ {} }}", condition(entropy));
    }
    match entropy.below(8) {
        0 => route.push_str(", reject: 404"),
        1 => route.push_str(", reject: { code: 603, reason: Not From Here }"),
        2 if !["outside", "carrier"]
            .iter()
            .any(|name| from.ends_with(name)) =>
        {
            let realm = one(entropy, &["inside", "outside"]);
            let _infallible = write!(route, ", to: [ {{ request-uri: {{ realm: {realm} }} }} ]");
        }
        3 => route.push_str(", to: [ { app: echo } ]"),
        _ => route.push_str(one(
            entropy,
            &[
                ", to: [ pbx ]",
                ", to: [ carrier ]",
                ", to: [ pbx, carrier ]",
            ],
        )),
    }
    if !route.contains("app:") && !route.contains("reject") {
        route.push_str(one(
            entropy,
            &[
                "",
                ", profile: base",
                ", profile: child",
                ", profile: child",
            ],
        ));
    }
    route.push_str(" }\n");
    route
}

/// A configuration that loads.
pub(super) fn configuration(entropy: &mut Entropy) -> String {
    let trust = |entropy: &mut Entropy| one(entropy, &["none", "full", "full"]);
    let (inside, outside) = (trust(entropy), trust(entropy));
    let carrier = targets(
        entropy,
        &["192.0.2.1", "192.0.2.2:5080", "sbc1.carrier.example"],
    );
    let pbx = targets(entropy, &["10.0.0.20", "10.0.0.21:5066"]);
    let udp_max = one(entropy, &["", ", udp_max: never", ", udp_max: 600"]);
    let mut text = format!(
        r#"
listeners:
  udp: {{ realm: outside, udp: "203.0.113.10:5060", advertise: 198.51.100.7 }}
  tcp: {{ realm: outside, tcp: "203.0.113.10:5060", advertise: 198.51.100.7 }}
  in: {{ realm: inside, udp: "10.0.0.10:5060" }}
  in-tcp: {{ realm: inside, tcp: "10.0.0.10:5060" }}
realms:
  outside: {{ trust: {outside}, media: {{ ports: 20000-20009 }} }}
  inside: {{ trust: {inside}, media: {{ ports: 10000-19999 }} }}
trunks:
  carrier: {{ realm: outside, match: {{ source: [192.0.2.0/28] }},
    targets: [ {carrier} ]{udp_max} }}
  wide: {{ realm: outside, match: {{ source: [192.0.2.0/24] }} }}
  pbx: {{ realm: inside, match: {{ source: [10.0.0.0/24] }}, targets: [ {pbx} ] }}
profiles:
  base:
    control: [ {{ use: call_timer, max: 2h }}, {{ use: choosy }} ]
    headers:
"#
    );
    for _ in 0..1 + entropy.below(3) {
        text.push_str(&rule(entropy));
    }
    text.push_str("  child:\n    extends: base\n");
    let child = [
        "    request_uri: \"sip:${ruri.user}@10.9.9.9\"\n",
        "    transparent_dialog_ids: true\n",
        "    media: { relay: never }\n",
        "    control: []\n",
    ];
    for line in child {
        if entropy.chance(0.3) {
            text.push_str(line);
        }
    }
    text.push_str("    headers:\n");
    text.push_str(&rule(entropy));
    text.push_str("routes:\n");
    for n in 0..1 + entropy.below(7) {
        text.push_str(&route(entropy, n));
    }
    text
}

fn uri(entropy: &mut Entropy) -> String {
    let (user, host) = (one(entropy, &USERS), one(entropy, &HOSTS));
    let at = if user.is_empty() { "" } else { "@" };
    let rest = one(
        entropy,
        &[
            "",
            "",
            ";user=phone",
            ";transport=tcp;x=1",
            ";maddr=10.0.0.1",
        ],
    );
    match entropy.below(12) {
        0 => format!("tel:+49{}", entropy.below(1000)),
        1 if entropy.chance(0.3) => format!("sips:{user}{at}{host}"),
        2 if entropy.chance(0.3) => "urn:service:sos".to_owned(),
        _ => format!("sip:{user}{at}{host}{rest}"),
    }
}

fn party(entropy: &mut Entropy) -> String {
    let name = one(entropy, &["", "\"Al \\\"x\\\" Ice\" ", "Bob "]);
    format!("{name}<{}>", uri(entropy))
}

const LINES: [&str; 16] = [
    "Subject: lunch",
    "X-Foo: bar",
    "X-Foo: baz, caf\u{e9}",
    "P-Asserted-Identity: <sip:+49301@carrier.example>",
    "Privacy: id",
    "Supported: timer, 100rel",
    "Require: 100rel",
    "User-Agent: phone",
    "Diversion: <sip:7@10.0.0.3>",
    "Accept: text/plain",
    "Allow: INVITE, ACK, BYE",
    "Alert-Info: <urn:alert>",
    "X-Foo: a",
    "X-Bar: b",
    "Call-Info: <http://192.0.2.3/>;purpose=icon",
    "History-Info: <sip:1@x>",
];

const AUDIO: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 192.0.2.3\r\nt=0 0\r\n\
                     m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";
const VIDEO: &str = "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=sendonly\r\n";

fn body(entropy: &mut Entropy) -> (&'static str, String) {
    match entropy.below(16) {
        0 => ("", String::new()),
        1 => ("application/sdp", AUDIO.to_owned() + VIDEO),
        2 => (
            "application/sdp",
            AUDIO.replace("IP4 192.0.2.3", "IP6 2001:db8::3"),
        ),
        3 => ("application/sdp", AUDIO.to_owned() + &VIDEO.repeat(6)),
        4 => ("application/sdp", "not SDP at all".to_owned()),
        5 => ("text/plain", "hello".to_owned()),
        _ => ("application/sdp", AUDIO.to_owned()),
    }
}

/// A request as text: most are INVITEs that begin a call, some are neither.
pub(super) fn request(entropy: &mut Entropy, n: usize) -> Bytes {
    let method = match entropy.below(20) {
        0 => one(
            entropy,
            &["OPTIONS", "BYE", "CANCEL", "ACK", "MESSAGE", "FOO"],
        ),
        _ => "INVITE",
    };
    let forwards = one(
        entropy,
        &["70", "70", "70", "70", "70", "70", "1", "0", "255"],
    );
    let mut text = format!(
        "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.3:5060;branch=z9hG4bK{n}{}\r\n\
         Max-Forwards: {forwards}\r\nFrom: {};tag=f{n}\r\nTo: {}{}\r\n\
         Call-ID: {n}@192.0.2.3\r\nCSeq: {} {method}\r\nContact: <sip:caller@192.0.2.3:5060>\r\n",
        uri(entropy),
        one(entropy, &["", ";rport"]),
        party(entropy),
        party(entropy),
        if entropy.chance(0.03) { ";tag=t" } else { "" },
        entropy.below(100),
    );
    for _ in 0..entropy.below(3) {
        text.push_str(one(entropy, &LINES));
        text.push_str("\r\n");
    }
    if entropy.chance(0.03) {
        let _infallible = write!(text, "X-Long: {}\r\n", "x".repeat(1300));
    }
    let (kind, body) = body(entropy);
    if !kind.is_empty() {
        let _infallible = write!(text, "Content-Type: {kind}\r\n");
    }
    let _infallible = write!(text, "Content-Length: {}\r\n\r\n{body}", body.len());
    let mut bytes = text.into_bytes();
    if entropy.chance(0.1) {
        damage(entropy, &mut bytes);
    }
    Bytes::from(bytes)
}

/// Something of it is not as it was.
fn damage(entropy: &mut Entropy, bytes: &mut Vec<u8>) {
    for _ in 0..=entropy.below(3) {
        let at = usize::try_from(entropy.below(bytes.len() as u64)).unwrap_or(0);
        match entropy.below(3) {
            0 => bytes[at] = entropy.u32().to_le_bytes()[0],
            1 => drop(bytes.remove(at)),
            _ => bytes.insert(
                at,
                *one(entropy, &[&b'\r', &b'\n', &b'"', &b'<', &b';', &0xff]),
            ),
        }
    }
}

/// Which way a request comes.
pub(super) fn way(entropy: &mut Entropy, network: &Network) -> (Transport, SocketAddr, SocketAddr) {
    let listeners: Vec<_> = network.listeners.iter().collect();
    let listener = one(entropy, &listeners);
    let source = match entropy.below(5) {
        0 => one(entropy, &["10.0.0.20:5060", "192.0.2.3:40000"]),
        _ if listener.bind.ip().to_string() == "10.0.0.10" => one(
            entropy,
            &["10.0.0.20:5060", "10.0.0.77:5061", "10.1.0.1:5060"],
        ),
        _ => one(
            entropy,
            &["192.0.2.3:5060", "192.0.2.99:5060", "198.51.100.200:1024"],
        ),
    };
    let source = source.parse().expect("an address");
    (listener.transport, listener.bind, source)
}
