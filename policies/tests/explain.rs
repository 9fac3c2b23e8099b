//! What an explanation says.

mod fake;

use bytes::Bytes;
use policies::explain::{Case, Explanation};
use policies::{Compiled, Loaded};
use sbc_core::net::ListenerId;
use sbc_core::sip::Message;
use sbc_core::transport::{Flow, Incoming};
use sbc_core::{Entropy, Now};

fn compiled(text: &str) -> Compiled {
    let loaded = Loaded::from_text("test.yaml", text).unwrap_or_else(|e| panic!("{e}"));
    loaded
        .compile(&fake::Fake::default())
        .unwrap_or_else(|e| panic!("{e}"))
}

fn explain(compiled: &Compiled, listener: u16, source: &str, text: &str) -> Explanation {
    let mut message = Message::parse_datagram(Bytes::from(text.replace('\n', "\r\n")));
    let message = message.as_mut().expect("a message");
    let flow = Flow {
        listener: ListenerId(listener),
        transport: compiled.network.listener(ListenerId(listener)).transport,
        remote: source.parse().expect("an address"),
        connection: None,
    };
    message.stamp_received(flow.remote);
    compiled.engine.explain(Case {
        incoming: Incoming {
            flow,
            message: message.clone(),
        },
        now: Now::default(),
        entropy: Entropy::from_seed(1),
        verdicts: None,
    })
}

fn invite(ruri: &str) -> String {
    format!(
        "INVITE {ruri} SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.3;branch=z9hG4bK1\nMax-Forwards: 70\n\
         From: \"Al\" <sip:+491@carrier.example>;tag=1\nTo: <{ruri}>\nCall-ID: 1\n\
         CSeq: 1 INVITE\nContact: <sip:c@192.0.2.3>\nX-Foo: bar\nContent-Length: 0\n\n"
    )
}

const FILE: &str = r#"
listeners:
  outside: { realm: outside, udp: "203.0.113.10:5060" }
  inside: { realm: inside, udp: "10.0.0.10:5060" }
realms: { outside: , inside: { trust: full } }
trunks:
  carrier: { realm: outside, match: { source: [192.0.2.0/28] }, targets: ["sip:gw.example"] }
  wide: { realm: outside, match: { source: [192.0.0.0/16] } }
  far: { realm: outside, match: { source: [10.7.0.0/16] } }
  here: { realm: inside, match: { source: [192.0.2.0/24] } }
  a: { realm: outside, match: { source: [193.0.2.0/28] } }
  pbx:
    realm: inside
    match: { source: [10.0.0.0/24] }
    targets: [ { uri: "sip:10.0.0.20", weight: 1 }, { uri: "sip:10.0.0.21", priority: 2 } ]
profiles:
  base: { media: { latch: strict }, headers: [ { remove: "X-*" } ] }
  child:
    extends: base
    control: [ { use: call_timer, max: 2h } ]
    headers:
      - { set: P-Asserted-Identity, to: "<sip:${from.user}@pbx>", when: { from.user: '^\+' } }
      - { add: X-Trunk, to: "${trunk.name}", when: { method: BYE } }
      - { remove: Diversion }
routes:
  - { name: premium, when: { ruri.user: '^0900' }, reject: 403 }
  - { name: out, from: pbx, to: [ carrier ] }
  - { name: no-anonymous, from: carrier, when: { not: { from.user: '^\+' } }, reject: 433 }
  - { name: in, from: carrier, to: [ pbx ], profile: child }
  - { name: rest, reject: 404 }
"#;

#[test]
fn everything_that_an_explanation_says() {
    let file = compiled(FILE);
    let cases = [
        ("a call that goes on", 0, "192.0.2.3:5060", "sip:7001@sbc"),
        ("a call of nobody", 0, "192.0.9.9:5060", "sip:7001@sbc"),
        ("a scheme that cannot be", 0, "192.0.2.3:5060", "mailto:a@b"),
        (
            "a target that is a name",
            1,
            "10.0.0.20:5060",
            "sip:+49@sbc",
        ),
    ];
    let mut text = String::new();
    for (name, listener, source, uri) in cases {
        let explanation = explain(&file, listener, source, &invite(uri));
        text.push_str(&format!("== {name}\n{explanation}\n"));
    }
    for method in ["OPTIONS", "ACK", "SUBSCRIBE"] {
        let request = invite("sip:7001@sbc").replace("INVITE", method);
        let explanation = explain(&file, 0, "192.0.2.3:5060", &request);
        text.push_str(&format!("== {method}\n{}\n\n", explanation.headline()));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/explain.txt");
    let tag = |line: &str| match line.split_once(";tag=") {
        Some((before, tag)) if line.trim_start().starts_with("To: ") && tag.len() == 16 => {
            format!("{before};tag=(one of ours)")
        }
        _ => line.to_owned(),
    };
    let text: String = text.lines().map(|line| tag(line) + "\n").collect();
    if std::env::var("GOLDEN").is_ok_and(|golden| golden == "write") {
        std::fs::write(path, &text).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(path).expect("the golden file");
    assert_eq!(text, golden, "GOLDEN=write rewrites the file");
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn as_many_trunks_that_nearly_match_are_named_and_no_more() {
    let file = compiled(FILE);
    let explanation = explain(&file, 0, "192.3.2.3:5060", &invite("sip:7001@sbc"));
    let origin = &explanation.origin;
    assert_eq!(origin.trunk, None);
    let others: Vec<_> = origin.others.iter().map(|o| (&*o.trunk, &*o.why)).collect();
    let why = "192.3.2.3 is not in it";
    assert_eq!(others, [("wide", why), ("carrier", why), ("a", why)]);
}
