//! Mistakes in header rules, what else crosses, expressions and maps: each has its error.

mod fake;

use policies::{Compiled, Loaded};

const AROUND: &str = r#"
listeners: { in: { realm: a, udp: "127.0.0.1:5060" } }
realms: { a: }
trunks: { z: { realm: a, targets: ["sip:127.0.0.2:6003"] } }
"#;

fn load(text: &str) -> Result<Compiled, String> {
    let loaded = Loaded::from_text("test.yaml", &format!("{text}\n{AROUND}"));
    let compiled = loaded.and_then(|l| l.compile(&fake::Fake::default()));
    compiled.map_err(|e| e.to_string())
}

/// All calls take the profile `p`, which has these keys.
fn profile(keys: &str) -> String {
    format!("profiles:\n  p:\n{keys}\nroutes: [ {{ name: all, to: [z], profile: p }} ]\n")
}

/// Keys of a profile, and what their error says.
const WRONG: &[(&str, &str)] = &[
    (
        "headers: [ { set: X, to: '${status}' } ]",
        "unknown name `status`",
    ),
    (
        "headers: [ { set: X, to: 1, when: { status: 4 } } ]",
        "unknown name `status`",
    ),
    (
        "headers: [ { set: X, to: 1, when: { expr: 'status > 4' } } ]",
        "unknown name `status`",
    ),
    (
        "headers: [ { set: X, to: '${var.x}' } ]",
        "no module sets variables yet",
    ),
    (
        "headers: [ { set: X, to: '$1' } ]",
        "groups stand in `with`, beside `match`",
    ),
    (
        "headers: [ { set: X, to: '${$1}' } ]",
        "groups stand in `with`, beside `match`",
    ),
    (
        "headers: [ { replace: To, match: 'a(b)', with: '$2' } ]",
        "expected `$0` to `$1`",
    ),
    (
        "headers: [ { replace: To, match: 'ab', with: '${$1}' } ]",
        "`match` has no groups",
    ),
    (
        "headers: [ { replace: Via, match: a, with: b } ]",
        "Via belongs to the SBC",
    ),
    (
        "headers: [ { replace: X, match: a } ]",
        "missing key `with`",
    ),
    (
        "headers: [ { replace: X, with: a } ]",
        "missing key `match`",
    ),
    (
        "headers: [ { replace: X, match: a, with: b, to: c } ]",
        "`to` beside `replace`",
    ),
    (
        "headers: [ { set: X, match: a, to: b } ]",
        "`match` beside `set`",
    ),
    (
        "headers: [ { set: X, add: X, to: b } ]",
        "a rule does one thing",
    ),
    (
        "reply_headers: [ { set: To, to: '<sip:a@b>' } ]",
        "To of a reply is that of its request",
    ),
    (
        "reply_headers: [ { remove: Contact } ]",
        "Contact belongs to the SBC",
    ),
    ("headers_pass: [ Contact ]", "Contact belongs to the SBC"),
    (
        "headers_pass: [ Content-Foo ]",
        "Content-Foo belongs to the SBC",
    ),
    (
        "headers_pass: [ 'content-*' ]",
        "content-* belongs to the SBC",
    ),
    (
        "headers_pass: [ p-asserted-identity ]",
        "P-Asserted-Identity crosses does not depend",
    ),
    (
        "headers_pass: [ User-Agent ]",
        "a rule in `headers` may set",
    ),
    ("headers_pass: [ 'a b' ]", "`a b` is not a header name"),
    (
        "reply_codes: { 200: 202 }",
        "a call that is answered stays so",
    ),
    (
        "reply_codes: { 486: 200 OK }",
        "a call that is answered stays so",
    ),
    ("reply_codes: { 486: 183 }", "486 cannot become 183"),
    ("reply_codes: { 180: 486 }", "180 cannot become 486"),
    ("reply_codes: { 100: 180 }", "100 stays between neighbours"),
    ("reply_codes: { 183: 100 }", "100 stays between neighbours"),
    (
        "reply_codes: { 2xx: 404 }",
        "a call that is answered stays so",
    ),
    (
        "reply_codes: { 486: \"480 a\\r\\nb\" }",
        "the phrase holds a line break",
    ),
    ("reply_codes: { 4: 486 }", "`4` is no status code"),
    ("reply_codes: [ 486 ]", "is not a map"),
];

#[test]
fn names_that_mean_nothing_where_they_stand_are_errors() {
    for (keys, error) in WRONG {
        let error_text = load(&profile(&format!("    {keys}"))).expect_err(keys);
        assert!(error_text.contains(error), "{keys}: {error_text}");
    }
}

#[test]
fn maps_and_expressions_that_cannot_work_are_errors() {
    let uses = |maps: &str, template: &str| {
        let keys = format!("    headers: [ {{ set: X, to: {template:?} }} ]");
        load(&format!("maps: {maps}\n{}", profile(&keys))).map(|c| c.warnings)
    };
    let table = "{ areas: { table: { a: b } } }";
    for (maps, template, error) in [
        (table, "${map.arreas['a']}", "unknown map `arreas`"),
        (table, "${map.arreas['a']}", "did you mean `areas`?"),
        ("{}", "${map.areas['a']}", "no map is configured"),
        (table, "${map.areas}", "`map` without name and key"),
        (table, "${map['areas']}", "write map.NAME[key]"),
        (table, "${map.areas[from.usr]}", "did you mean `from.user`?"),
        (table, "${map.areas['a'}", "map.areas"),
        (
            "{ a: { table: { a: b }, file: x } }",
            "x",
            "a map is one thing",
        ),
        ("{ a: { } }", "x", "missing key `table`, `file` or `regex`"),
        ("{ a: { table: [ a ] } }", "x", "a list is not a map"),
        ("{ a: { table: { a: b, a: c } } }", "x", "duplicate key `a`"),
        ("{ a: { table: { a: [ b ] } } }", "x", "a list is not text"),
        (
            "{ a: { regex: [ { match: '(', with: b } ] } }",
            "x",
            "unclosed group",
        ),
        (
            "{ a: { regex: [ { match: a, with: '$1' } ] } }",
            "x",
            "`match` has no groups",
        ),
        (
            "{ a: { regex: [ { match: a, with: '${from.user}' } ] } }",
            "x",
            "knows its key only",
        ),
        (
            "{ a: { regex: [ { match: a } ] } }",
            "x",
            "missing key `with`",
        ),
        ("{ a: { regx: [] } }", "x", "did you mean `regex`?"),
    ] {
        let text = uses(maps, template).expect_err(template);
        assert!(text.contains(error), "{maps} {template}: {text}");
    }
    let unused = |template| {
        let warnings = uses(table, template).expect("it works");
        let messages = warnings.iter().map(|w| w.message());
        messages.filter(|m| m.contains("map")).collect::<Vec<_>>()
    };
    assert_eq!(unused("x"), ["maps.areas: nothing looks into this map"]);
    assert!(unused("${map.areas['a']}").is_empty());
    for (when, error) in [
        ("expr: ''", "holds no expression"),
        ("expr: 'from.user =='", "unexpected"),
        ("expr: '${from.user}'", "remove `${` and `}`"),
        ("expr: 'frm.user'", "did you mean `from.user`?"),
        ("expr: \"from['user']\"", "unknown name `from[`"),
        ("expr: '$1'", "no regular expression here"),
        ("expr: [ a ]", "a list is not text"),
        ("map.areas: x", "maps stand in templates"),
        ("expr: \"map.areas['a']\"", "unknown map `areas`"),
        ("not: { expr: 'x' }", "unknown name `x`"),
    ] {
        let route = format!("routes: [ {{ name: r, when: {{ {when} }}, reject: 404 }} ]");
        let text = load(&route).expect_err(when);
        assert!(text.contains(error), "{when}: {text}");
    }
}
