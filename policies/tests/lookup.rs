//! The index over routes finds what a search through all of them does.

mod fake;

use bytes::Bytes;
use policies::{Engine, Loaded};
use proptest::prelude::*;
use proptest::sample::select;
use sbc_core::Entropy;
use sbc_core::b2bua::plan::CallPlan;
use sbc_core::net::ListenerId;
use sbc_core::ports::{PolicyEngine, RequestFacts};
use sbc_core::sip::Message;
use sbc_core::transport::{Flow, Transport};
use std::fmt::Write;
use std::sync::Arc;

/// A route: where it is from, its conditions.
type Rule = (&'static str, Vec<(&'static str, String)>);

/// Routes that refuse or connect, each with its number in its name. `by_search`: no expression
/// tells what it begins with, so that each route is tried.
fn engine(rules: &[Rule], by_search: bool) -> Arc<Engine> {
    let mut text = String::from(
        "listeners: { a: { realm: a, udp: \"127.0.0.1:5060\" } }\n\
         realms: { a: { trust: full } }\n\
         trunks:\n  \
           x: { realm: a, match: { source: [ 10.0.0.0/8 ] }, targets: [ \"sip:127.0.0.9\" ] }\n  \
           y: { realm: a, match: { source: [ 10.1.0.0/16 ] }, targets: [ \"sip:127.0.0.9\" ] }\n\
         routes:\n",
    );
    for (n, (from, tests)) in rules.iter().enumerate() {
        let mut when = String::new();
        for (field, pattern) in tests {
            let pattern = match by_search {
                true => format!("(?:{pattern}|never)"),
                false => pattern.clone(),
            };
            let _infallible = write!(when, "{field}: '{pattern}', ");
        }
        let action = if n % 3 == 0 {
            "reject: 404"
        } else {
            "to: [ x ]"
        };
        let _infallible = writeln!(
            text,
            "  - {{ name: r{n}, {from} when: {{ {when} }}, {action} }}"
        );
    }
    let loaded = Loaded::from_text("test.yaml", &text).unwrap_or_else(|e| panic!("{e}"));
    let compiled = loaded.compile(&fake::Fake::default());
    compiled.unwrap_or_else(|e| panic!("{e}")).engine
}

/// The name of the route that a call takes.
fn chosen(engine: &Engine, number: &str, caller: &str, source: &str) -> String {
    let text = format!(
        "INVITE sip:{number}@sbc SIP/2.0\r\n\
         Via: SIP/2.0/UDP {source}:5060;branch=z9hG4bK1\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:{caller}@pbx.example>;tag=1\r\n\
         To: <sip:{number}@sbc>\r\n\
         Call-ID: 1\r\n\
         CSeq: 1 INVITE\r\n\
         Contact: <sip:{caller}@{source}>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let message = Message::parse_datagram(Bytes::from(text)).expect("a request");
    let flow = Flow {
        listener: ListenerId(0),
        transport: Transport::Udp,
        remote: format!("{source}:5060").parse().expect("an address"),
        connection: None,
    };
    let facts = RequestFacts {
        message: &message,
        flow: &flow,
    };
    match engine.plan(&facts, &mut Entropy::from_seed(1)) {
        CallPlan::Refuse(refusal) => refusal.rule.into(),
        CallPlan::Connect(connect) => connect.route.to_string(),
        CallPlan::App(app) => app.route.to_string(),
    }
}

fn pattern() -> impl Strategy<Value = String> {
    let part = select(vec![
        "1", "2", "12", "(1|2)", "1?", "\\d", ".*", "[12]", "(12|1|)",
    ]);
    let parts = prop::collection::vec(part, 1..4).prop_map(|parts| parts.concat());
    (
        select(vec!["^", "^", "^", "", "(?i)^"]),
        parts,
        select(vec!["", "$"]),
    )
        .prop_map(|(start, parts, end)| format!("{start}{parts}{end}"))
}

fn rule() -> impl Strategy<Value = Rule> {
    let from = select(vec!["", "", "from: a,", "from: x,", "from: y,"]);
    let fields = prop::collection::btree_map(
        select(vec!["ruri.user", "from.user", "to.user", "source.ip"]),
        pattern(),
        1..3,
    );
    (from, fields.prop_map(|fields| fields.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_index_and_a_search_choose_the_same_route(
        rules in prop::collection::vec(rule(), 1..12),
        calls in prop::collection::vec(("[12]{0,4}", "[12a]{1,3}", 0_usize..3), 8),
    ) {
        let (indexed, searched) = (engine(&rules, false), engine(&rules, true));
        for (number, caller, source) in calls {
            let source = ["10.0.0.1", "10.1.0.1", "12.0.0.1"][source];
            let of = |engine| chosen(engine, &number, &caller, source);
            prop_assert_eq!(of(&indexed), of(&searched), "{} {} {}", number, caller, source);
        }
    }
}
