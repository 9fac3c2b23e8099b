//! Which call takes which route, and what its outgoing request says: the rules of the contract.

mod fake;

use bytes::Bytes;
use policies::{Compiled, Engine, Loaded};
use sbc_core::Entropy;
use sbc_core::b2bua::plan::{CallPlan, Connect, Redirect};
use sbc_core::net::ListenerId;
use sbc_core::ports::{PolicyEngine, RequestFacts, RuleFacts};
use sbc_core::sip::{HeaderName, Message, Method, StatusCode};
use sbc_core::transport::{Flow, Transport, UdpMax};
use std::sync::Arc;

const EXAMPLE: &str = include_str!("../../examples/carrier-pbx-recorders.yaml");
const OUTSIDE: u16 = 0;
const INSIDE: u16 = 1;

fn compiled(text: &str) -> Compiled {
    let loaded = Loaded::from_text("test.yaml", text).unwrap_or_else(|e| panic!("{e}"));
    loaded
        .compile(&fake::Fake::default())
        .unwrap_or_else(|e| panic!("{e}"))
}

fn engine(text: &str) -> Arc<Engine> {
    compiled(text).engine
}

/// A configuration with these routes; `a` is a trusted realm with trunks `x` (10.0.0.0/8) and `y`
/// (10.1.0.0/16), `b` one that is not, with trunk `z` (10.0.0.0/8).
fn with(rest: &str) -> Arc<Engine> {
    engine(&format!(
        r#"
listeners:
  a: {{ realm: a, udp: "127.0.0.1:5060" }}
  b: {{ realm: b, udp: "127.0.0.2:5060", advertise: 203.0.113.9 }}
  a-tcp: {{ realm: a, tcp: "127.0.0.1:5060" }}
realms: {{ a: {{ trust: full }}, b: }}
trunks:
  x: {{ realm: a, match: {{ source: [10.0.0.0/8] }}, targets: ["sip:127.0.0.1:6001"] }}
  y: {{ realm: a, match: {{ source: [10.1.0.0/16] }}, targets: ["sip:9@gw.example;transport=tcp"] }}
  z: {{ realm: b, match: {{ source: [10.0.0.0/8] }}, targets: ["sip:127.0.0.2:6003"] }}
{rest}"#
    ))
}

fn flow(listener: u16, source: &str) -> Flow {
    Flow {
        listener: ListenerId(listener),
        transport: Transport::Udp,
        remote: source.parse().expect("an address"),
        connection: None,
    }
}

fn invite(ruri: &str, from: &str, to: &str) -> Message {
    let text = format!(
        "INVITE {ruri} SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.3:5060;branch=z9hG4bK1\r\n\
         From: {from};tag=1\r\n\
         To: {to}\r\n\
         Call-ID: 1@192.0.2.3\r\n\
         CSeq: 1 INVITE\r\n\
         Contact: <sip:caller@192.0.2.3:5060>\r\n\
         X-Account: acme\r\n\
         Max-Forwards: 70\r\n\
         Content-Length: 0\r\n\r\n"
    );
    Message::parse_datagram(Bytes::from(text)).expect("a message")
}

fn usual() -> Message {
    invite(
        "sip:200@sbc.example;user=phone;transport=udp",
        "\"Al \\\"x\\\" Ice\" <sip:100@caller.example:5066;user=phone;secret=1>",
        "<sip:200@sbc.example;x=y>",
    )
}

fn plan_of(engine: &Engine, listener: u16, source: &str, message: &Message) -> CallPlan {
    let flow = flow(listener, source);
    let request = RequestFacts {
        message,
        flow: &flow,
    };
    engine.plan(&request, &mut Entropy::from_seed(1))
}

fn connect(plan: CallPlan) -> Arc<Connect> {
    match plan {
        CallPlan::Connect(connect) => connect,
        other => panic!("not connected: {other:?}"),
    }
}

/// `route` or `status (rule)`.
fn outcome(plan: &CallPlan) -> String {
    match plan {
        CallPlan::Connect(connect) => connect.route.to_string(),
        CallPlan::App(app) => format!("app {}", app.route),
        CallPlan::Refuse(refusal) => format!("{} ({})", refusal.status, refusal.rule),
    }
}

#[test]
fn failover_codes_reach_the_plan_and_replace_the_usual_ones() {
    let engine = with(
        "routes:
  - { name: own, from: a, when: { ruri.user: ^1 }, to: [x], failover_codes: [404, 6xx] }
  - { name: none, from: a, when: { ruri.user: ^2 }, to: [x], failover_codes: [] }
  - { name: usual, from: a, to: [x] }
",
    );
    let codes = |user: &str| {
        let message = invite(&format!("sip:{user}@a"), "<sip:1@a>", "<sip:2@a>");
        let plan = connect(plan_of(&engine, 0, "10.2.0.1:5060", &message));
        let all = (300..=699).filter(|c| plan.failover.contains(StatusCode::of(*c)));
        all.collect::<Vec<u16>>()
    };
    assert_eq!(
        codes("1"),
        Vec::from_iter([404].into_iter().chain(600..=699))
    );
    assert!(codes("2").is_empty());
    let usual = [408, 430, 480].into_iter().chain(500..=599);
    assert_eq!(codes("3"), Vec::from_iter(usual));
}

#[test]
fn the_plan_says_what_becomes_of_redirections() {
    let engine = with(
        "routes:
  - { name: follow, from: a, when: { ruri.user: ^1 }, to: [x], redirect: follow }
  - { name: pass, from: a, when: { ruri.user: ^2 }, to: [x], redirect: pass }
  - { name: usual, from: a, to: [x] }
",
    );
    let redirect = |user: &str| {
        let message = invite(&format!("sip:{user}@a"), "<sip:1@a>", "<sip:2@a>");
        connect(plan_of(&engine, 0, "10.2.0.1:5060", &message)).redirect
    };
    assert_eq!(redirect("1"), Redirect::Follow);
    assert_eq!(redirect("2"), Redirect::Pass);
    assert_eq!(redirect("3"), Redirect::PassIfTrusted);
}

#[test]
fn the_callers_ids_are_kept_where_the_profile_or_its_parent_says_so() {
    let engine = with(
        "profiles:
  keep: { transparent_dialog_ids: true }
  child: { extends: keep }
  not: { extends: keep, transparent_dialog_ids: false }
routes:
  - { name: keep, from: a, when: { ruri.user: ^1 }, to: [x], profile: keep }
  - { name: child, from: a, when: { ruri.user: ^2 }, to: [x], profile: child }
  - { name: not, from: a, when: { ruri.user: ^3 }, to: [x], profile: not }
  - { name: usual, from: a, to: [x] }
",
    );
    let kept = |user: &str| {
        let message = invite(&format!("sip:{user}@a"), "<sip:1@a>", "<sip:2@a>");
        connect(plan_of(&engine, 0, "10.2.0.1:5060", &message)).transparent_ids
    };
    let users = ["1", "2", "3", "4"];
    assert_eq!(users.map(kept), [true, true, false, false]);
}

#[test]
fn targets_of_one_priority_share_calls_by_weight() {
    let text = r#"
listeners: { a: { realm: a, udp: "127.0.0.1:5060" } }
realms: { a: { trust: full } }
trunks:
  t:
    realm: a
    targets:
      - { uri: "sip:10.0.0.3", priority: 2 }
      - { uri: "sip:10.0.0.1", weight: 75 }
      - { uri: "sip:10.0.0.2", weight: 25 }
routes: [ { name: out, from: a, to: [t] } ]
"#;
    let engine = engine(text);
    let (flow, message) = (flow(0, "10.2.0.1:5060"), usual());
    let request = RequestFacts {
        message: &message,
        flow: &flow,
    };
    let mut entropy = Entropy::from_seed(3);
    let mut first = 0_i32;
    for _ in 0..2000 {
        let plan = connect(engine.plan(&request, &mut entropy));
        let hosts: Vec<String> = plan
            .targets
            .iter()
            .map(|t| t.target.host.to_string())
            .collect();
        assert_eq!(hosts[2], "10.0.0.3");
        assert_ne!(hosts[0], hosts[1]);
        first += i32::from(hosts[0] == "10.0.0.1");
    }
    // Four standard deviations are 77.
    assert!((first - 1500).abs() < 78, "{first}");
}

#[test]
fn the_example_sends_a_call_of_the_carrier_to_the_pbx_with_its_rules() {
    let compiled = compiled(EXAMPLE);
    assert!(compiled.warnings.is_empty(), "{:?}", compiled.warnings);
    let engine = compiled.engine;
    let message = invite(
        "sip:4930123456@127.0.0.1:5060",
        "<sip:7001@carrier.example>",
        "<sip:4930123456@127.0.0.1>",
    );
    let connect = connect(plan_of(&engine, OUTSIDE, "127.0.0.1:5070", &message));
    assert_eq!(&*connect.route, "numbers-of-acme");
    assert_eq!(connect.trunk.as_deref(), Some("carrier"));
    assert_eq!(&*connect.profile, "from-carrier");
    assert!(connect.relay);
    let names: Vec<&str> = connect.recorders.iter().map(|r| &**r.name()).collect();
    assert_eq!(names, ["main", "archive"]);
    let target = &connect.targets[0];
    assert_eq!(target.trunk.as_deref(), Some("pbx"));
    assert_eq!(
        target.request_uri.to_string(),
        "sip:4930123456@127.0.0.2:5080"
    );
    assert_eq!(target.from.to_string(), "<sip:7001@127.0.0.2>");
    assert_eq!(target.to.to_string(), "<sip:4930123456@127.0.0.2>");

    let flow = flow(OUTSIDE, "127.0.0.1:5070");
    let facts = RuleFacts {
        request: RequestFacts {
            message: &message,
            flow: &flow,
        },
        target: Some("pbx"),
    };
    let rules = connect.rules.as_ref().unwrap();
    let mut out = Message::request(Method::Invite, "sip:x@127.0.0.2");
    out.push(HeaderName::parse("x-account"), "acme").unwrap();
    out.push(HeaderName::PAssertedIdentity, "<sip:spoof@x>")
        .unwrap();
    rules.apply(&facts, &mut out);
    let lines: Vec<(&str, &str)> = out
        .headers()
        .map(|line| (line.written, line.value().unwrap()))
        .collect();
    assert_eq!(
        lines,
        [
            ("P-Asserted-Identity", "<sip:7001@pbx.example>"),
            ("X-Trunk", "carrier")
        ]
    );
    let mut bye = Message::request(Method::Bye, "sip:x@127.0.0.2");
    rules.apply(&facts, &mut bye);
    assert_eq!(
        bye.header(&HeaderName::parse("X-Trunk")),
        None,
        "`when` names INVITE"
    );
}

#[test]
fn anonymous_callers_and_other_numbers_fall_through_to_the_last_route() {
    let engine = engine(EXAMPLE);
    for (user, to) in [("anonymous", "4930123456"), ("7001", "110")] {
        let message = invite(
            "sip:4930123456@127.0.0.1",
            &format!("<sip:{user}@x>"),
            &format!("<sip:{to}@x>"),
        );
        let plan = plan_of(&engine, OUTSIDE, "127.0.0.1:5070", &message);
        assert_eq!(outcome(&plan), "404 (nothing-else)");
    }
}

#[test]
fn requests_to_the_recording_server_are_for_its_app() {
    let engine = engine(EXAMPLE);
    let udp = engine
        .network()
        .listeners
        .iter()
        .position(|l| l.bind.port() == 5070);
    let listener = u16::try_from(udp.unwrap()).unwrap();
    let plan = plan_of(&engine, listener, "192.0.2.77:5060", &usual());
    assert_eq!(outcome(&plan), "app (srs)");
}

#[test]
fn the_trunk_with_the_longest_prefix_in_the_realm_wins() {
    let engine = with("routes: [{ name: all, to: [z] }]");
    for (listener, source, trunk) in [
        (0, "10.2.0.1:5060", Some("x")),
        (0, "10.1.0.1:5060", Some("y")),
        (0, "[::ffff:10.1.0.1]:5060", Some("y")),
        (0, "192.0.2.1:5060", None),
        (1, "10.1.0.1:5060", Some("z")),
    ] {
        let connect = connect(plan_of(&engine, listener, source, &usual()));
        assert_eq!(connect.trunk.as_deref(), trunk, "{source} at {listener}");
    }
}

#[test]
fn the_first_route_that_matches_decides_whatever_it_names() {
    let engine = with(
        "routes:\n\
         - { name: trunk, from: y, when: { to.user: '^1' }, to: [z] }\n\
         - { name: realm, from: a, when: { to.user: '^(1|2)' }, to: [z] }\n\
         - { name: any, to: [z] }\n",
    );
    let to = |user: &str| invite("sip:1@x", "<sip:1@x>", &format!("<sip:{user}@x>"));
    let route =
        |listener, source, user: &str| outcome(&plan_of(&engine, listener, source, &to(user)));
    assert_eq!(route(0, "10.1.0.1:5060", "1"), "trunk");
    assert_eq!(route(0, "10.2.0.1:5060", "1"), "realm");
    assert_eq!(route(0, "10.1.0.1:5060", "2"), "realm");
    assert_eq!(route(0, "10.1.0.1:5060", "3"), "any");
    assert_eq!(route(1, "10.1.0.1:5060", "1"), "any");
}

#[test]
fn a_stranger_of_an_untrusted_realm_matches_only_what_names_it_or_rejects() {
    let stranger = "192.0.2.1:5060";
    let routes = "routes: [{ name: any, to: [x] }]";
    let plan = plan_of(&with(routes), 1, stranger, &usual());
    assert_eq!(outcome(&plan), "403 (no route)");
    let plan = plan_of(&with(routes), 1, "10.0.0.1:5060", &usual());
    assert_eq!(outcome(&plan), "any", "z is a trunk");
    let plan = plan_of(&with(routes), 0, stranger, &usual());
    assert_eq!(outcome(&plan), "any", "a is trusted");

    let routes = "routes: [{ name: any, to: [x] }, { name: no, reject: 404 }]";
    let plan = plan_of(&with(routes), 1, stranger, &usual());
    assert_eq!(outcome(&plan), "404 (no)");
    let routes = "routes: [{ name: any, to: [x] }, { name: named, from: b, to: [x] }]";
    let plan = plan_of(&with(routes), 1, stranger, &usual());
    assert_eq!(outcome(&plan), "named");
}

#[test]
fn no_route_is_404_for_those_who_are_known() {
    let engine = with("routes: [{ name: no, when: { method: '^BYE$' }, reject: 403 }]");
    let plan = plan_of(&engine, 0, "10.0.0.1:5060", &usual());
    assert_eq!(outcome(&plan), "404 (no route)");
}

#[test]
fn the_outgoing_request_keeps_users_and_takes_hosts_of_its_side() {
    let engine = with("routes: [{ name: all, to: [z, y] }]");
    let connect = connect(plan_of(&engine, 0, "10.0.0.1:5060", &usual()));
    let [z, y] = &connect.targets[..] else {
        panic!("two targets")
    };
    assert_eq!(
        z.request_uri.to_string(),
        "sip:200@127.0.0.2:6003;user=phone"
    );
    let name = "\"Al \\\"x\\\" Ice\"";
    assert_eq!(
        z.from.to_string(),
        format!("{name} <sip:100@203.0.113.9;user=phone>")
    );
    assert_eq!(z.to.to_string(), "<sip:200@127.0.0.2>");
    assert_eq!(z.target.port, 6003);

    let uri = y.request_uri.to_string();
    assert_eq!(
        uri, "sip:9@gw.example;user=phone;transport=tcp",
        "the target's user wins"
    );
    assert_eq!(
        y.from.to_string(),
        format!("{name} <sip:100@127.0.0.1;user=phone>")
    );
    assert_eq!(y.to.to_string(), "<sip:200@gw.example>");
    assert_eq!((y.target.port, y.target.transport), (5060, Transport::Tcp));
}

#[test]
fn neither_password_nor_method_of_the_request_uri_cross() {
    let engine = with("routes: [{ name: all, to: [z] }]");
    let message = invite(
        "sip:200:secret@a;method=BYE;x=1",
        "<sip:1@a>",
        "<sip:200@a>",
    );
    let connect = connect(plan_of(&engine, 0, "10.0.0.1:5060", &message));
    assert_eq!(
        connect.targets[0].request_uri.to_string(),
        "sip:200@127.0.0.2:6003;x=1"
    );
}

#[test]
fn a_telephone_uri_becomes_the_user_of_a_sip_uri() {
    let engine = with("routes: [{ name: all, to: [z] }]");
    let message = invite("tel:+49-30-1;ext=5", "<tel:+49>", "<tel:+49-30-1>");
    let connect = connect(plan_of(&engine, 0, "10.0.0.1:5060", &message));
    let z = &connect.targets[0];
    assert_eq!(
        z.request_uri.to_string(),
        "sip:+49-30-1;ext=5@127.0.0.2:6003;user=phone"
    );
    assert_eq!(z.from.to_string(), "<sip:+49@203.0.113.9;user=phone>");
}

#[test]
fn schemes_that_cannot_be_sent_on_are_refused() {
    let engine = with("routes: [{ name: all, to: [z] }]");
    for ruri in ["sips:1@x", "http://x/"] {
        let message = invite(ruri, "<sip:1@x>", "<sip:1@x>");
        let plan = plan_of(&engine, 0, "10.0.0.1:5060", &message);
        assert_eq!(outcome(&plan), "416 (all)", "{ruri}");
    }
}

#[test]
fn the_request_uri_is_followed_but_not_to_ourselves() {
    let engine = with("routes: [{ name: all, from: a, to: [{ request-uri: { realm: b } }] }]");
    let to = |ruri: &str| {
        let message = invite(ruri, "<sip:1@x>", "<sip:200@sbc.example>");
        plan_of(&engine, 0, "192.0.2.9:5060", &message)
    };
    let out = connect(to("sip:bob@127.0.0.9:5099;a=b"));
    let target = &out.targets[0];
    assert_eq!(target.trunk, None);
    assert_eq!(target.request_uri.to_string(), "sip:bob@127.0.0.9:5099;a=b");
    assert_eq!(target.target.port, 5099);
    assert_eq!(target.to.to_string(), "<sip:200@127.0.0.9>");
    assert_eq!(outcome(&to("sip:bob@127.0.0.2")), "404 (all)");
    assert_eq!(
        outcome(&to("sip:bob@203.0.113.9")),
        "404 (all)",
        "advertised"
    );
    assert_eq!(
        outcome(&to("sip:bob@127.0.0.1:5060")),
        "404 (all)",
        "of another realm"
    );
    assert_eq!(outcome(&to("sip:bob@x;maddr=127.0.0.1")), "404 (all)");
    assert_eq!(
        outcome(&to("sip:bob@x;transport=tcp")),
        "503 (all)",
        "b has no TCP"
    );
    assert_eq!(outcome(&to("sip:bob@x;transport=tls")), "404 (all)");
}

#[test]
fn conditions_join_with_and_any_and_not() {
    let engine = with(
        r#"
routes:
- name: yes
  when:
    header["x-account"]: ^acme$
    any: [ { to.user: ^9 }, { from.params.user: phone, source.ip: '^10\.' } ]
    not: { contact.host: '192\.0\.2\.4' , method: INVITE }
    not_there: x
  to: [z]
"#
        .replace("    not_there: x\n", "")
        .as_str(),
    );
    let plan = plan_of(&engine, 0, "10.0.0.1:5060", &usual());
    assert_eq!(outcome(&plan), "yes");
    let plan = plan_of(&engine, 0, "11.0.0.1:5060", &usual());
    assert_eq!(outcome(&plan), "404 (no route)");
}

#[test]
fn an_absent_field_does_not_match() {
    let engine = with(
        "routes: [{ name: no, when: { to.display: '' }, reject: 600 }, \
         { name: yes, when: { not: { to.display: '' } }, to: [z] }]",
    );
    let plan = plan_of(&engine, 0, "10.0.0.1:5060", &usual());
    assert_eq!(outcome(&plan), "yes");
}

#[test]
fn children_inherit_values_and_their_header_rules_follow_the_parents() {
    let engine = with(
        r#"
profiles:
  top: { media: { relay: never, latch: strict }, headers: [ { set: X-A, to: top } ] }
  mid: { extends: top, media: { relay: always }, headers: [ { add: X-A, to: mid } ] }
  low: { extends: mid, headers: [ { add: X-A, to: "${target.name}" } ] }
routes: [{ name: all, to: [z], profile: low }]
"#,
    );
    let connect = connect(plan_of(&engine, 0, "10.0.0.1:5060", &usual()));
    assert!(connect.relay);
    assert_eq!(connect.latch, sbc_core::ports::Latch::Strict);
    let message = usual();
    let flow = flow(0, "10.0.0.1:5060");
    let facts = RuleFacts {
        request: RequestFacts {
            message: &message,
            flow: &flow,
        },
        target: Some("z"),
    };
    let mut out = Message::request(Method::Invite, "sip:x");
    connect.rules.as_ref().unwrap().apply(&facts, &mut out);
    let name = HeaderName::parse("X-A");
    let values: Vec<&str> = out.header_lines(&name).collect();
    assert_eq!(values, ["top", "mid", "z"]);
}

#[test]
fn priorities_order_the_targets() {
    let engine = engine(
        r#"
listeners: { a: { realm: a, udp: "127.0.0.1:5060" } }
realms: { a: { trust: full } }
trunks:
  x:
    realm: a
    targets: [ { uri: "sip:127.0.0.1:3", priority: 2 }, "sip:127.0.0.1:1", "sip:127.0.0.1:2" ]
routes: [{ name: all, to: [x], ring_timeout: 20s }]
"#,
    );
    let connect = connect(plan_of(&engine, 0, "10.0.0.1:5060", &usual()));
    let ports: Vec<u16> = connect.targets.iter().map(|t| t.target.port).collect();
    assert_eq!(ports, [1, 2, 3]);
    assert_eq!(connect.ring_timeout.as_secs(), 20);
    assert_eq!(&*connect.profile, "built-in");
}

#[test]
fn a_request_uri_that_comes_out_empty_is_484() {
    let engine = with(
        "profiles: { p: { request_uri: '${header[\"X-No\"]}' } }\n\
         routes: [{ name: all, to: [z], profile: p }]",
    );
    let plan = plan_of(&engine, 0, "10.0.0.1:5060", &usual());
    assert_eq!(outcome(&plan), "484 (all)");
}

#[test]
fn ports_that_binding_chose_replace_those_of_the_file() {
    let engine = engine(
        r#"
listeners:
  a: { realm: a, udp: "127.0.0.1:0" }
  b: { realm: a, tcp: "127.0.0.1:0", advertise: "192.0.2.9:99" }
realms: { a: { trust: full } }
routes: [{ name: all, to: [{ app: echo }] }]
"#,
    );
    let bound = engine.bound(&[
        "127.0.0.1:7000".parse().unwrap(),
        "127.0.0.1:7001".parse().unwrap(),
    ]);
    let listeners = &bound.network().listeners;
    assert_eq!(listeners[0].advertise.to_string(), "127.0.0.1:7000");
    assert_eq!(listeners[1].advertise.to_string(), "192.0.2.9:99");
    assert_eq!(listeners[1].bind.port(), 7001);
    let plan = plan_of(&bound, INSIDE, "127.0.0.1:1", &usual());
    assert_eq!(outcome(&plan), "app all");
}

#[test]
fn a_trunk_of_an_untrusted_realm_cannot_choose_where_it_goes() {
    let engine = with("routes: [{ name: all, to: [{ request-uri: { realm: b } }] }]");
    let message = invite("sip:bob@127.0.0.9:5099", "<sip:1@x>", "<sip:2@x>");
    let plan = plan_of(&engine, 1, "10.0.0.1:5060", &message);
    assert_eq!(outcome(&plan), "403 (all)");
    let plan = plan_of(&engine, 0, "10.0.0.1:5060", &message);
    assert_eq!(outcome(&plan), "all");
}

/// The headers that rules make of an INVITE with these, as `Name: value`.
fn ruled(rules: &str, headers: &[(&str, &str)]) -> Vec<String> {
    let engine = with(&format!(
        "profiles: {{ p: {{ headers: {rules} }} }}\nroutes: [{{ name: all, to: [z], profile: p }}]"
    ));
    let message = usual();
    let connect = connect(plan_of(&engine, 0, "10.0.0.1:5060", &message));
    let flow = flow(0, "10.0.0.1:5060");
    let facts = RuleFacts {
        request: RequestFacts {
            message: &message,
            flow: &flow,
        },
        target: Some("z"),
    };
    let mut out = Message::request(Method::Invite, "sip:x");
    for (name, value) in headers {
        out.push(HeaderName::parse(name), value)
            .expect("a good value");
    }
    connect
        .rules
        .as_ref()
        .expect("rules")
        .apply(&facts, &mut out);
    let lines = out.headers();
    lines
        .map(|l| format!("{}: {}", l.written, l.value().expect("text")))
        .collect()
}

#[test]
fn rules_act_in_order_on_all_lines_of_a_name() {
    let rules =
        "[ { add: X-A, to: 3 }, { set: X-B, to: 1 }, { remove: X-A }, { add: X-A, to: 4 } ]";
    let lines = ruled(
        rules,
        &[("X-A", "1"), ("x-b", "1"), ("x-a", "2"), ("X-B", "2")],
    );
    assert_eq!(lines, ["X-B: 1", "X-A: 4"]);
}

#[test]
fn a_prefix_removes_nothing_that_belongs_to_the_sbc() {
    let given = [
        ("From", "<sip:a@b>"),
        ("Contact", "<sip:a@b>"),
        ("Content-Type", "x/y"),
        ("Cost", "1"),
    ];
    let lines = ruled("[ { remove: 'C*' }, { remove: 'f*' } ]", &given);
    assert_eq!(
        lines,
        ["From: <sip:a@b>", "Contact: <sip:a@b>", "Content-Type: x/y"]
    );
}

#[test]
fn a_value_that_would_break_the_message_leaves_its_rule_out() {
    let rules = r#"[ { set: X-A, to: "${'a\\r\\nX-Evil: 1'}" }, { add: X-B, to: "${'\\0'}" },
                     { set: From, to: "nobody" }, { set: From, to: "<sip:a@b>;tag=1" } ]"#;
    let lines = ruled(rules, &[("X-A", "before"), ("From", "<sip:c@d>")]);
    assert_eq!(lines, ["X-A: before", "From: <sip:c@d>"]);
}

#[test]
fn modules_get_the_parameters_of_their_place_and_of_their_section() {
    use sbc_core::ports::Param;
    let registry = fake::Fake::default();
    let text = r#"
listeners: { a: { realm: a, udp: "127.0.0.1:5060" } }
realms: { a: { trust: full } }
profiles:
  p:
    control:
      - { use: blacklist, n: 5, on: true, f: 0.5, to: "5", tel: 0049, l: [a] }
      - { use: cdr }
routes: [{ name: all, reject: 404, profile: p }]
control: { cdr: { sinks: [ { file: cdr.jsonl } ] } }
"#;
    let loaded = Loaded::from_text("test.yaml", text).unwrap();
    loaded.compile(&registry).unwrap();
    let modules = registry.modules.lock().unwrap();
    let names: Vec<&str> = modules.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["blacklist", "cdr"]);
    let text = |t: &str| Param::Text(t.to_owned());
    let pairs = [
        ("n", Param::Int(5)),
        ("on", Param::Bool(true)),
        ("f", Param::Float(0.5)),
        ("to", text("5")),
        ("tel", text("0049")),
        ("l", Param::List(vec![text("a")])),
    ];
    let pairs: Vec<_> = pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    assert_eq!(modules[0].entry, pairs);
    assert!(modules[0].shared.is_empty());
    assert_eq!(modules[1].shared[0].0, "sinks");
}

#[test]
fn recorders_are_reached_from_the_first_trusted_realm_and_keep_their_order() {
    let registry = fake::Fake::default();
    let text = r#"
listeners: { a: { realm: a, udp: "127.0.0.1:5060" }, b: { realm: b, tcp: "127.0.0.2:5060" } }
realms: { a: { trust: none }, b: { trust: full } }
recorders: { m: { srs: ["sip:r2", "sip:r1"], skip_failover_codes: "486|603" } }
profiles: { p: { record: { recorders: [m] } } }
routes: [{ name: all, reject: 404, profile: p }]
"#;
    Loaded::from_text("test.yaml", text)
        .unwrap()
        .compile(&registry)
        .unwrap();
    let recorders = registry.recorders.lock().unwrap();
    assert_eq!(recorders[0].realm.0, 1);
    assert_eq!(recorders[0].timeout.as_millis(), 1500);
    assert_eq!(recorders[0].skip_failover_codes.as_deref(), Some("486|603"));
    let uris: Vec<String> = recorders[0].srs.iter().map(ToString::to_string).collect();
    assert_eq!(uris, ["sip:r2", "sip:r1"]);
}

#[test]
fn udp_max_of_a_trunk_holds_for_its_callers_and_its_callees() {
    let text = |maxima: [&str; 2]| {
        let [from, to] = maxima;
        format!(
            r#"
listeners: {{ a: {{ realm: a, udp: "127.0.0.1:5060" }}, b: {{ realm: a, tcp: "127.0.0.1:5060" }} }}
realms: {{ a: {{ trust: full }} }}
trunks:
  from: {{ realm: a, match: {{ source: [ 10.2.0.1 ] }}{from} }}
  to: {{ realm: a, targets: [ "sip:10.0.0.3" ]{to} }}
routes: [ {{ name: out, from: a, to: [ to, request-uri ] }} ]
"#
        )
    };
    let planned = |maxima| {
        let (flow, message) = (flow(0, "10.2.0.1:5060"), usual());
        let request = RequestFacts {
            message: &message,
            flow: &flow,
        };
        let engine = engine(&text(maxima));
        let plan = connect(engine.plan(&request, &mut Entropy::from_seed(3)));
        let of_targets = plan.targets.iter().map(|t| t.udp_max);
        (plan.udp_max, of_targets.collect::<Vec<_>>())
    };
    let default = UdpMax::bytes(1300);
    assert_eq!(planned(["", ""]), (default, vec![default, default]));
    let (from, to) = planned([", udp_max: never", ", udp_max: 1400"]);
    assert_eq!(from, UdpMax::NEVER_TCP);
    assert_eq!(to, [UdpMax::bytes(1400), default]);
}
