//! Header rules, replies, expressions and maps: what a profile makes of messages.

mod fake;

use bytes::Bytes;
use policies::{Compiled, Loaded};
use sbc_core::Entropy;
use sbc_core::b2bua::plan::{CallPlan, Connect};
use sbc_core::net::ListenerId;
use sbc_core::ports::{PolicyEngine, RequestFacts, RuleFacts};
use sbc_core::sip::{HeaderName, Message, Method, StatusCode};
use sbc_core::transport::{Flow, Transport};
use std::sync::Arc;

/// A trusted realm `a` with the trunk `x` (10.0.0.0/8), and `b` with the trunk `z`.
const AROUND: &str = r#"
listeners:
  in: { realm: a, udp: "127.0.0.1:5060" }
  out: { realm: b, udp: "127.0.0.2:5060" }
realms: { a: { trust: full }, b: }
trunks:
  x: { realm: a, match: { source: [10.0.0.0/8] }, targets: ["sip:127.0.0.1:6001"] }
  z: { realm: b, targets: ["sip:127.0.0.2:6003"] }
"#;

fn load(text: &str) -> Result<Compiled, String> {
    let loaded = Loaded::from_text("test.yaml", &format!("{text}\n{AROUND}"));
    let compiled = loaded.and_then(|l| l.compile(&fake::Fake::default()));
    compiled.map_err(|e| e.to_string())
}

fn compiled(text: &str) -> Compiled {
    load(text).unwrap_or_else(|e| panic!("{e}"))
}

/// All calls take the profile `p`, which has these keys.
fn profile(keys: &str) -> String {
    format!("profiles:\n  p:\n{keys}\nroutes: [ {{ name: all, to: [z], profile: p }} ]\n")
}

fn flow() -> Flow {
    Flow {
        listener: ListenerId(0),
        transport: Transport::Udp,
        remote: "10.0.0.1:5070".parse().expect("an address"),
        connection: None,
    }
}

/// From `"Al, Ice" <sip:100@..>` to `<sip:0301234@..>`.
fn invite() -> Message {
    let text = "INVITE sip:0301234@sbc.example:5060;user=phone;x=1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK1\r\n\
         From: \"Al, Ice\" <sip:100:pw@caller.example:5066;user=phone>;tag=1;f=2\r\n\
         To: <sip:0301234@sbc.example>\r\n\
         Call-ID: 1@10.0.0.1\r\n\
         CSeq: 1 INVITE\r\n\
         Contact: <sip:caller@10.0.0.1:5070;transport=udp>;q=0.5\r\n\
         X-Account: acme\r\n\
         X-Empty:\r\n\
         X-Flag: 0\r\n\
         Max-Forwards: 70\r\n\
         Content-Length: 0\r\n\r\n";
    Message::parse_datagram(Bytes::from(text)).expect("a message")
}

fn plan_of(compiled: &Compiled, message: &Message) -> CallPlan {
    let flow = flow();
    let request = RequestFacts {
        message,
        flow: &flow,
    };
    compiled.engine.plan(&request, &mut Entropy::from_seed(1))
}

fn connect(compiled: &Compiled) -> Arc<Connect> {
    match plan_of(compiled, &invite()) {
        CallPlan::Connect(connect) => connect,
        other => panic!("not connected: {other:?}"),
    }
}

fn lines_of(message: &Message) -> Vec<String> {
    let lines = message.headers();
    lines
        .map(|l| format!("{}: {}", l.written, l.value().expect("text")))
        .collect()
}

fn push_all(message: &mut Message, headers: &[(&str, &str)]) {
    for (name, value) in headers {
        message
            .push(HeaderName::parse(name), value)
            .expect("a good value");
    }
}

/// What the rules of `keys` make of a request with these headers.
fn ruled(keys: &str, headers: &[(&str, &str)]) -> Vec<String> {
    ruled_by(&profile(keys), headers)
}

fn ruled_by(text: &str, headers: &[(&str, &str)]) -> Vec<String> {
    let (connect, message, flow) = (connect(&compiled(text)), invite(), flow());
    let request = RequestFacts {
        message: &message,
        flow: &flow,
    };
    let target = Some("z");
    let facts = RuleFacts { request, target };
    let mut out = Message::request(Method::Invite, "sip:x");
    push_all(&mut out, headers);
    let rules = connect.rules.as_ref().expect("rules");
    rules.apply(&facts, &mut out);
    lines_of(&out)
}

/// What the rules for replies make of one with these headers, to a request with this method.
fn replied(text: &str, method: &Method, status: u16, headers: &[(&str, &str)]) -> Vec<String> {
    let (connect, message, flow) = (connect(&compiled(text)), invite(), flow());
    let request = RequestFacts {
        message: &message,
        flow: &flow,
    };
    let target = Some("z");
    let facts = RuleFacts { request, target };
    let mut out = Message::response(StatusCode::of(status), "");
    push_all(&mut out, headers);
    let rules = connect.rules.as_ref().expect("rules");
    rules.apply_to_reply(&facts, method, &mut out);
    lines_of(&out)
}

/// What a template makes of the request.
fn rendered(template: &str) -> String {
    rendered_with("", template)
}

/// The same with maps.
fn rendered_with(maps: &str, template: &str) -> String {
    let keys = format!("    headers: [ {{ set: X-Out, to: {template:?} }} ]");
    let lines = ruled_by(&format!("{maps}\n{}", profile(&keys)), &[]);
    let [line] = &lines[..] else {
        panic!("{template}: {lines:?}")
    };
    line["X-Out: ".len()..].to_owned()
}

#[test]
fn replace_acts_on_the_part_that_matches_of_each_value() {
    let keys = r#"
    headers:
      - replace: P-Asserted-Identity
        match: '<sip:0(\d+)@([^>]*)>'
        with: '<sip:+49$1@$2;x=$$$0>'
      - { replace: X-List, match: ',\s*b', with: ';$0$0' }
      - { replace: Subject, match: '\d+', with: '<$0>' }
      - { replace: Date, match: 'nothing', with: '' }
"#;
    let lines = ruled(
        keys,
        &[
            (
                "P-Asserted-Identity",
                "\"A, <sip:09@no>\" <sip:0301@x>, <tel:+491>, \"B\" <sip:030@y>;p=1",
            ),
            ("P-Asserted-Identity", "<sip:1@x>"),
            ("X-List", "a, b, b"),
            ("Subject", "call 12, then 34"),
            ("Date", "Sat, 13 Nov 2010 23:29:00 GMT"),
        ],
    );
    assert_eq!(
        lines,
        [
            // The quoted `<sip:09@no>` is what is found first in its value.
            "P-Asserted-Identity: \"A, <sip:+499@no;x=$<sip:09@no>>\" <sip:0301@x>, \
             <tel:+491>, \"B\" <sip:+4930@y;x=$<sip:030@y>>;p=1",
            "P-Asserted-Identity: <sip:1@x>",
            "X-List: a;, b, b, b",
            "Subject: call <12>, then 34",
            "Date: Sat, 13 Nov 2010 23:29:00 GMT",
        ]
    );
}

#[test]
fn a_value_of_a_list_that_becomes_empty_is_gone_and_a_line_of_none_too() {
    let keys = r#"
    headers:
      - { replace: Call-Info, match: '^<http://a>.*', with: '' }
      - { replace: Alert-Info, match: '.*', with: '' }
"#;
    let lines = ruled(
        keys,
        &[
            ("Call-Info", "<http://a>;purpose=icon, <http://b>"),
            ("Alert-Info", "<http://c>, <http://d>"),
            ("Subject", "x"),
        ],
    );
    assert_eq!(lines, ["Call-Info: <http://b>", "Subject: x"]);
}

#[test]
fn what_is_put_in_place_may_ask_the_call_and_maps_by_groups() {
    let text = format!(
        "maps: {{ areas: {{ table: {{ \"030\": berlin }} }} }}\n{}",
        profile(
            r#"
    headers:
      - { replace: X-Area, match: '^(\d{3})(\d*)', with: '${map.areas[$1]}.$2.${from.user}' }
      - replace: X-Area
        match: '^\.'
        with: "${map.areas['0' ~ $0] | default('none')}"
        when: { expr: "method == 'INVITE'" }
"#
        )
    );
    let lines = ruled_by(&text, &[("X-Area", "0301234"), ("X-Area", "0401")]);
    assert_eq!(lines, ["X-Area: berlin.1234.100", "X-Area: none1.100"]);
}

#[test]
fn a_replacement_that_cannot_be_used_leaves_its_rule_out() {
    // Twelve bytes doubled ten times are more than a header may have.
    let doubling = "      - { replace: X-Big, match: '.+', with: '$0$0' }\n".repeat(16);
    let keys = format!(
        r#"
    headers:
      - {{ replace: X-A, match: 'b', with: "${{'\\r\\nX-Evil: 1'}}" }}
      - {{ replace: From, match: '^<sip:.*>', with: 'nobody at all' }}
      - {{ replace: From, match: '$', with: ';tag=1' }}
      - {{ replace: To, match: '^<sip:0(\d+)@', with: '<sip:+49$1@' }}
{doubling}"#
    );
    let lines = ruled(
        &keys,
        &[
            ("X-A", "a b"),
            ("From", "<sip:1@x>"),
            ("To", "<sip:0301@x>"),
            ("X-Big", "123456789012"),
        ],
    );
    assert_eq!(
        lines[..3],
        ["X-A: a b", "From: <sip:1@x>", "To: <sip:+49301@x>"]
    );
    let big = lines[3].len() - "X-Big: ".len();
    assert!(big <= 8192 && big * 2 > 8192, "{big}");
}

#[test]
fn every_part_of_an_address_of_every_party_is_there() {
    for (template, text) in [
        ("${ruri}", "sip:0301234@sbc.example:5060;user=phone;x=1"),
        ("${ruri.uri}", "sip:0301234@sbc.example:5060;user=phone;x=1"),
        (
            "${ruri.user}|${ruri.host}|${ruri.port}|${ruri.scheme}",
            "0301234|sbc.example|5060|sip",
        ),
        ("${ruri.params.x}", "1"),
        (
            "${from}",
            "\"Al, Ice\" <sip:100:pw@caller.example:5066;user=phone>",
        ),
        ("${from.uri}", "sip:100:pw@caller.example:5066;user=phone"),
        (
            "${from.display}|${from.user}|${from.host}|${from.port}",
            "Al, Ice|100|caller.example|5066",
        ),
        (
            "${from.scheme}|${from.params.user}|${from.params.f}",
            "sip|phone|2",
        ),
        (
            "${to}|${to.uri}",
            "<sip:0301234@sbc.example>|sip:0301234@sbc.example",
        ),
        (
            "${to.user}|${to.host}|${to.port}|${to.scheme}|${to.display}",
            "0301234|sbc.example||sip|",
        ),
        ("${to.params.x}", ""),
        ("${contact}", "<sip:caller@10.0.0.1:5070;transport=udp>"),
        (
            "${contact.user}|${contact.host}|${contact.port}|${contact.scheme}",
            "caller|10.0.0.1|5070|sip",
        ),
        (
            "${contact.params.transport}|${contact.params.q}|${contact.display}",
            "udp|0.5|",
        ),
        (
            "${source.ip}|${source.port}|${listener}|${realm}",
            "10.0.0.1|5070|in|a",
        ),
        ("${trunk.name}|${target.name}|${method}", "x|z|INVITE"),
        (
            "${header[\"X-Account\"]}|${header['x-account'] | upper}",
            "acme|ACME",
        ),
        ("${to.user | replace('0', '+') | slice(0, 2) | lower}", "+3"),
        ("${to.display | default('nobody')}", "nobody"),
        ("$$${ruri.user}$$", "$0301234$"),
        ("$${ruri.user}", "${ruri.user}"),
    ] {
        assert_eq!(rendered(template), text, "{template}");
    }
}

#[test]
fn a_map_is_a_table_or_expressions_of_which_the_first_decides() {
    let maps = r#"
maps:
  areas: { table: { "030": berlin, "089": munich, 49: germany } }
  e.1-64:
    regex:
      - { match: '^00(\d+)$', with: '+$1' }
      - { match: '^0(\d+)$', with: '+49$1' }
      - { match: '(\d)(\d)', with: '$2$1$$' }
"#;
    for (template, text) in [
        ("${map.areas['030']}", "berlin"),
        ("${map.areas[49]}", "germany"),
        ("${map.areas[to.user | slice(0, 3)] | upper}", "BERLIN"),
        ("[${map.areas['040']}]", "[]"),
        ("${map.areas['040'] | default('abroad')}", "abroad"),
        ("${map.areas[to.display] | default('no key')}", "no key"),
        ("${map.areas[header['X-Account']] is defined}", "false"),
        ("${map.e.1-64['0049301']}", "+49301"),
        ("${map.e.1-64[to.user]}", "+49301234"),
        ("${map.e.1-64['12x']}", "21$"),
        ("${map.e.1-64['x'] | default(to.user)}", "0301234"),
        (
            "${map.areas[map.areas[49] | replace('germany', '089')]}",
            "munich",
        ),
    ] {
        assert_eq!(rendered_with(maps, template), text, "{template}");
    }
}

#[test]
fn a_map_of_a_file_beside_the_configuration() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).expect("written");
    };
    let maps = "maps: { areas: { file: areas.csv } }\n";
    let keys = "    headers: [ { set: X-Out, to: \"${map.areas[from.user]}\" } ]";
    write("sbc.yaml", &format!("{maps}{}{AROUND}", profile(keys)));
    let load = |areas: &str| {
        write("areas.csv", areas);
        let loaded = Loaded::from_path(&dir.path().join("sbc.yaml")).expect("YAML");
        loaded.compile(&fake::Fake::default())
    };
    let compiled = load("\u{feff}# areas\n\n 030 , berlin\r\n100,a, b\n").expect("a good file");
    let (connect, message, flow) = (connect(&compiled), invite(), flow());
    let request = RequestFacts {
        message: &message,
        flow: &flow,
    };
    let target = None;
    let mut out = Message::request(Method::Invite, "sip:x");
    let rules = connect.rules.as_ref().expect("rules");
    rules.apply(&RuleFacts { request, target }, &mut out);
    assert_eq!(lines_of(&out), ["X-Out: a, b"]);

    let place = dir.path().join("areas.csv");
    for (areas, error) in [
        (
            "1,2\n\n3\n",
            ":3:1: `3` is not a key and a value\n    3 | 3",
        ),
        ("1,2\n1 ,3\n", ":2:1: duplicate key `1`\n    2 | 1 ,3"),
    ] {
        let errors = load(areas).expect_err("a bad file").to_string();
        let wanted = format!("{}{error}", place.display());
        assert!(errors.starts_with(&wanted), "{errors}");
    }
    std::fs::remove_file(&place).expect("removed");
    let loaded = Loaded::from_path(&dir.path().join("sbc.yaml")).expect("YAML");
    let errors = loaded.compile(&fake::Fake::default()).expect_err("no file");
    assert!(
        errors
            .to_string()
            .contains("maps.areas.file: the file cannot be read"),
        "{errors}"
    );
    assert_eq!(errors.len(), 1, "its users are right");
}

#[test]
fn a_condition_may_be_an_expression_beside_other_keys() {
    let text = r#"
maps: { vip: { table: { "100": gold } } }
routes:
  - { name: r1, when: { expr: "from.user == '101'" }, reject: 601 }
  - { name: r2, when: { expr: "to.display" }, reject: 602 }
  - { name: r3, when: { expr: "header['X-Empty']" }, reject: 603 }
  - { name: r4, when: { expr: "header['X-No'] | length > 3" }, reject: 604 }
  - { name: r5, when: { expr: "source.port > 5070" }, reject: 605 }
  - { name: r6, when: { expr: "from.user is not defined" }, reject: 606 }
  - { name: r7, when: { to.user: '^0', expr: "map.vip[from.user] == 'silver'" }, reject: 607 }
  - { name: r8, when: { method: BYE, expr: "true" }, reject: 608 }
  - { name: r9, when: { not: { expr: "'+' not in to.user" } }, reject: 609 }
  - { name: r10, when: { expr: "from.user + 1 > 100" }, reject: 610 }
  - name: r11
    when:
      any: [ { expr: "false" }, { expr: "map.vip[from.user] == 'gold' and source.port == 5070" } ]
      not: { expr: "trunk.name == 'y'" }
      ruri: '^sip:0301234@'
      ruri.uri: ';x=1$'
    reject: 611
"#;
    let compiled = compiled(text);
    match plan_of(&compiled, &invite()) {
        CallPlan::Refuse(refusal) => assert_eq!(&*refusal.rule, "r11"),
        other => panic!("{other:?}"),
    }
    let text = "routes: [ { name: flag, when: { expr: \"header['X-Flag']\" }, reject: 600 } ]";
    let plan = plan_of(&self::compiled(text), &invite());
    assert!(
        matches!(plan, CallPlan::Refuse(r) if &*r.rule == "flag"),
        "text is not empty"
    );
}

#[test]
fn rules_for_replies_see_the_initial_request_and_the_status() {
    let text = profile(
        r#"
    headers: [ { set: X-Request, to: 1 } ]
    reply_headers:
      - { remove: X-Secret }
      - { set: X-To, to: "${to.user} ${status} ${header['X-Account']} ${method}" }
      - { add: X-Busy, to: "${'late' if status > 299 else 'ok'}", when: { status: '^4' } }
      - { add: X-Ok, to: "1", when: { expr: "status >= 200 and status < 300", method: INVITE } }
      - { replace: P-Asserted-Identity, match: '@[^>]*', with: '@us.example' }
"#,
    );
    let given = [
        ("X-Secret", "1"),
        ("X-Account", "of the reply"),
        ("P-Asserted-Identity", "<sip:1@them>, <sip:2@them>"),
    ];
    assert_eq!(
        replied(&text, &Method::Invite, 486, &given),
        [
            "X-Account: of the reply",
            "P-Asserted-Identity: <sip:1@us.example>, <sip:2@us.example>",
            "X-To: 0301234 486 acme INVITE",
            "X-Busy: late",
        ]
    );
    assert_eq!(
        replied(&text, &Method::Invite, 200, &[]),
        ["X-To: 0301234 200 acme INVITE", "X-Ok: 1"]
    );
    assert_eq!(
        replied(&text, &Method::Info, 200, &[]),
        ["X-To: 0301234 200 acme INFO"]
    );
}

#[test]
fn children_add_to_the_rules_for_replies_and_to_the_codes_of_their_parents() {
    let text = r#"
profiles:
  top:
    reply_headers: [ { set: X-A, to: top } ]
    headers_pass: [ X-Top ]
    reply_codes: { "486": "480 Busy elsewhere", 5xx: 500 }
  p:
    extends: top
    reply_headers: [ { add: X-A, to: p } ]
    reply_codes: { "486": "600", 180: 183 }
  q:
    extends: p
    headers_pass: [ "P-*", X-Own ]
routes: [ { name: all, to: [z], profile: p }, { name: q, from: b, to: [x], profile: q } ]
"#;
    assert_eq!(
        replied(text, &Method::Invite, 200, &[]),
        ["X-A: top", "X-A: p"]
    );
    let connect = connect(&compiled(text));
    let told = |code: u16| {
        let told = connect.reply_codes.told(StatusCode::of(code));
        told.map(|(status, reason)| format!("{} {reason}", status.code()))
    };
    assert_eq!(told(486).as_deref(), Some("600 "), "the child's");
    assert_eq!(told(503).as_deref(), Some("500 "), "the parent's");
    assert_eq!(told(180).as_deref(), Some("183 "));
    assert_eq!((told(200), told(404)), (None, None));
    let holds = |name: &str| connect.header_pass.holds(&HeaderName::parse(name));
    assert!(holds("x-top") && !holds("X-Own"), "lists replace");
}
