use super::*;
use crate::problem::Source;
use crate::tree::{self, Budget};
use crate::visit::Report;

fn parse(text: &str) -> Node {
    let parsed = tree::parse(text, &mut Budget::default());
    parsed.unwrap_or_else(|error| panic!("{}", error.message))
}

fn document(text: &str) -> Document {
    Document::new(parse(text), HashMap::new())
}

fn told(before: &Document, after: &Document) -> Vec<String> {
    let changes = before.changes(after);
    changes.iter().map(ToString::to_string).collect()
}

fn changes(before: &str, after: &str) -> Vec<String> {
    told(&document(before), &document(after))
}

const TRUNKS: &str = "
trunks:
  carrier:
    realm: outside
    match: { source: [ 192.0.2.0/28, 192.0.2.32 ] }
    targets: [ 'sip:a', { uri: 'sip:b', priority: 2 } ]
  pbx: { realm: inside }
drain: 30s
";

#[test]
fn comments_spelling_and_the_order_of_keys_are_no_change() {
    let same = "
drain: \"30s\" # as before
trunks:
  pbx:
    realm: inside
  carrier: {
    match: { source: [ 192.0.2.0/28, '192.0.2.32' ] }, realm: \"outside\",
    targets: [ sip:a, { priority: 2, uri: 'sip:b' } ] }
";
    assert_eq!(changes(TRUNKS, same), Vec::<String>::new());
}

#[test]
fn each_change_has_its_path_and_both_values() {
    let after = TRUNKS
        .replace("30s", "1m")
        .replace("priority: 2", "priority: 3")
        .replace(", 192.0.2.32", "");
    let expected = [
        "trunks.carrier.match.source: [192.0.2.0/28, 192.0.2.32] -> [192.0.2.0/28]",
        "trunks.carrier.targets[1].priority: 2 -> 3",
        "drain: 30s -> 1m",
    ];
    assert_eq!(changes(TRUNKS, &after), expected);
    let back = changes(&after, TRUNKS);
    assert_eq!(back[1], "trunks.carrier.targets[1].priority: 3 -> 2");
}

#[test]
fn what_is_new_and_what_is_gone_is_shown_whole() {
    let after = TRUNKS
        .replace("pbx: {", "pbx: { udp_max: never,")
        .replace("drain: 30s", "log: { level: debug }");
    let expected = [
        "trunks.pbx.udp_max: added: never",
        "drain: removed: 30s",
        "log: added: { level: debug }",
    ];
    assert_eq!(changes(TRUNKS, &after), expected);
}

#[test]
fn an_item_more_in_a_list_is_one_change_wherever_it_stands() {
    let list = |items: &str| format!("headers: [ {items} ]");
    let (a, b, c) = ("{ remove: A }", "{ set: B, to: x }", "{ remove: C }");
    let two = list(&format!("{a}, {b}"));
    for (items, change) in [
        (format!("{c}, {a}, {b}"), "headers[0]: added: { remove: C }"),
        (format!("{a}, {c}, {b}"), "headers[1]: added: { remove: C }"),
        (format!("{a}, {b}, {c}"), "headers[2]: added: { remove: C }"),
    ] {
        assert_eq!(changes(&two, &list(&items)), [change]);
    }
    assert_eq!(
        changes(&two, &list(b)),
        ["headers[0]: removed: { remove: A }"]
    );
    assert_eq!(
        changes(&list(&format!("{a}, {c}")), &list(&format!("{c}, {a}"))),
        ["headers[0].remove: A -> C", "headers[1].remove: C -> A"]
    );
}

#[test]
fn items_with_names_are_found_by_them_and_their_order_counts() {
    let (one, two) = ("{ name: one, to: [ a ] }", "{ name: two, reject: 404 }");
    let routes = |items: &[&str]| format!("routes: [ {} ]", items.join(", "));
    let before = routes(&[one, two]);
    let three = "{ name: three, reject: 403 }";
    let changed = "{ name: two, reject: 480 }";
    assert_eq!(
        changes(&before, &routes(&[three, one, changed])),
        [
            "routes[two].reject: 404 -> 480",
            "routes[three]: added: { name: three, reject: 403 }",
        ]
    );
    assert_eq!(
        changes(&before, &routes(&[two, one])),
        ["routes: order one, two -> order two, one"]
    );
}

#[test]
fn the_order_of_listeners_and_realms_is_a_change_because_the_first_counts() {
    let before = "listeners: { a: { realm: x }, b: { realm: x } }\nprofiles: { a: ~, b: ~ }";
    let after = "listeners: { b: { realm: x }, a: { realm: x } }\nprofiles: { b: ~, a: ~ }";
    assert_eq!(
        changes(before, after),
        ["listeners: order a, b -> order b, a"]
    );
}

#[test]
fn a_number_in_quotes_is_text_to_a_module() {
    let change = changes("control: { m: { n: 5 } }", "control: { m: { n: '5' } }");
    assert_eq!(change, ["control.m.n: 5 -> \"5\""]);
}

#[test]
fn no_secret_is_shown() {
    let literal = |password: &str| format!("trunks: {{ t: {{ password: {password} }} }}");
    let s3cret = literal("s3cret");
    assert_eq!(
        changes(&s3cret, &literal("0ther")),
        ["trunks.t.password: *** -> ***"]
    );
    assert_eq!(
        changes(&s3cret, "trunks: {}"),
        ["trunks.t: removed: { password: *** }"]
    );
    assert_eq!(
        changes(&s3cret, &literal("{ env: NAME }")),
        ["trunks.t.password: *** -> { env: NAME }"]
    );
}

#[test]
fn a_secret_in_a_file_counts_by_what_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let text = format!("token: {{ file: {} }}", file.display());
    let read = |secret: &str| {
        std::fs::write(&file, secret).unwrap();
        let root = parse(&text);
        let mut report = Report::new();
        report.add(Source::new("test", &text, None), 1);
        let Data::Map(entries) = &root.data else {
            panic!("a map")
        };
        secret::field(&mut report, entries.first()).expect("a secret");
        Document::new(root, report.take_secrets())
    };
    let (one, again, two) = (read("one\n"), read("one"), read("two"));
    assert_eq!(told(&one, &again), Vec::<String>::new());
    assert_eq!(told(&one, &two), ["token.file: *** -> ***"]);
}

#[test]
fn a_map_in_a_file_counts_by_what_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("map.csv");
    let text = format!(
        "version: 1\nmaps: {{ m: {{ file: '{}' }} }}\n",
        file.display()
    );
    let read = |line: &str| {
        std::fs::write(&file, line).unwrap();
        let loaded = crate::Loaded::from_text("test", &text);
        loaded
            .unwrap_or_else(|errors| panic!("{errors}"))
            .document()
            .clone()
    };
    let (one, again, two) = (read("a,1\n"), read("a,1\n"), read("a,2\n"));
    assert_eq!(told(&one, &again), Vec::<String>::new());
    assert_eq!(told(&one, &two), ["maps.m.file: *** -> ***"]);
}

#[test]
fn long_values_are_cut_and_control_characters_are_spelled_out() {
    let change = changes("a: 1", &format!("a: {}", "x".repeat(1000)));
    let length = "a: 1 -> ...".len() + limits::CHANGE;
    assert_eq!(change[0].chars().count(), length);
    assert_eq!(changes("a: 1", "a: \"x\\e[2J\""), ["a: 1 -> x\\u{1b}[2J"]);
}
