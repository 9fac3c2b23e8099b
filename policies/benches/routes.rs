//! What a large configuration costs: 1,000 trunks and 10,000 routes, to load and to choose among.
//!
//! `cargo bench -p policies`.

#[path = "../tests/fake/mod.rs"]
mod fake;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use policies::{Engine, Loaded};
use sbc_core::Entropy;
use sbc_core::b2bua::plan::CallPlan;
use sbc_core::net::ListenerId;
use sbc_core::ports::{PolicyEngine, RequestFacts};
use sbc_core::sip::Message;
use sbc_core::transport::{Flow, Transport};
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;

const TRUNKS: u32 = 1_000;
const ROUTES: u32 = 10_000;

/// A number plan of `ROUTES` rules that all may be for every call of a trusted side; `when` is the
/// condition of the nth.
fn plan(when: impl Fn(u32) -> String) -> String {
    let mut text = String::from(
        "version: 1\n\
         listeners:\n  \
           outside: { realm: outside, udp: \"198.51.100.1:5060\" }\n  \
           inside: { realm: inside, udp: \"10.0.0.1:5060\" }\n\
         realms: { outside: { trust: none }, inside: { trust: full } }\n\
         trunks:\n",
    );
    for n in 0..TRUNKS {
        let (a, b) = (n / 250, n % 250 + 1);
        let _infallible = writeln!(
            text,
            "  trunk-{n}: {{ realm: outside, match: {{ source: [ 192.0.{a}.{b} ] }}, \
             targets: [ \"sip:192.0.{a}.{b}:5060\" ] }}"
        );
    }
    text.push_str("profiles:\n");
    for n in 0..100 {
        let _infallible = writeln!(
            text,
            "  profile-{n}: {{ headers: [ {{ set: X-Customer, to: \"customer {n}\" }} ] }}"
        );
    }
    text.push_str("routes:\n");
    for n in 0..ROUTES {
        let _infallible = writeln!(
            text,
            "  - {{ name: route-{n}, when: {{ {} }}, to: [ trunk-{} ], profile: profile-{} }}",
            when(n),
            n % TRUNKS,
            n % 100
        );
    }
    text
}

/// Numbers by their beginning, as in a least-cost table.
fn by_prefix(n: u32) -> String {
    format!("ruri.user: '^\\+49{n:05}\\d{{2,8}}$'")
}

/// Conditions in which nothing stands at a fixed place: each has to be tried.
fn by_anything(n: u32) -> String {
    format!("from.display: 'customer.*{n:05}'")
}

fn load(text: &str) -> Arc<Engine> {
    let loaded = Loaded::from_text("large.yaml", text).expect("YAML");
    let compiled = loaded.compile(&fake::Fake::default()).expect("no error");
    Arc::clone(&compiled.engine)
}

fn invite(number: &str) -> Message {
    let text = format!(
        "INVITE sip:{number}@sbc SIP/2.0\r\n\
         Via: SIP/2.0/UDP 10.0.0.20:5060;branch=z9hG4bK1\r\n\
         Max-Forwards: 70\r\n\
         From: \"customer 99999\" <sip:7001@pbx.example>;tag=1\r\n\
         To: <sip:{number}@sbc>\r\n\
         Call-ID: 1\r\n\
         CSeq: 1 INVITE\r\n\
         Contact: <sip:7001@10.0.0.20>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    Message::parse_datagram(Bytes::from(text)).expect("a request")
}

fn choose(engine: &Engine, message: &Message) -> CallPlan {
    let flow = Flow {
        listener: ListenerId(1),
        transport: Transport::Udp,
        remote: "10.0.0.20:5060".parse().expect("an address"),
        connection: None,
    };
    let mut entropy = Entropy::from_seed(1);
    engine.plan(
        &RequestFacts {
            message,
            flow: &flow,
        },
        &mut entropy,
    )
}

fn large(c: &mut Criterion) {
    let text = plan(by_prefix);
    c.bench_function("load 1,000 trunks and 10,000 routes", |b| {
        b.iter(|| load(black_box(&text)));
    });
    let engine = load(&text);
    let last = invite("+490999912345");
    assert!(matches!(choose(&engine, &last), CallPlan::Connect(_)));
    c.bench_function("choose the last of 10,000 routes by number", |b| {
        b.iter(|| choose(&engine, black_box(&last)));
    });
    let none = invite("+1555");
    assert!(matches!(choose(&engine, &none), CallPlan::Refuse(_)));
    c.bench_function("choose none of 10,000 routes by number", |b| {
        b.iter(|| choose(&engine, black_box(&none)));
    });
    let engine = load(&plan(by_anything));
    c.bench_function(
        "choose none of 10,000 routes without a fixed beginning",
        |b| {
            b.iter(|| choose(&engine, black_box(&none)));
        },
    );
}

criterion_group!(benches, large);
criterion_main!(benches);
