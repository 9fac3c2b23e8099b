//! `sbc explain` and `sbc test` as an operator runs them, and as the documentation shows them.

use std::path::Path;
use std::process::{Command, Output, Stdio};

const FILE: &str = r#"
listeners:
  outside-udp: { realm: outside, udp: "127.0.0.1:5060" }
  inside-udp: { realm: inside, udp: "127.0.0.2:5060" }
realms: { outside: , inside: { trust: full } }
trunks:
  carrier: { realm: outside, match: { source: [192.0.2.0/28] }, targets: ["sip:192.0.2.1"] }
  pbx: { realm: inside, match: { source: [10.0.0.0/24] }, targets: ["sip:10.0.0.20"] }
profiles:
  base: { media: { latch: strict }, headers: [ { remove: "X-*" } ] }
  from-carrier:
    extends: base
    headers: [ { set: Subject, to: "from ${trunk.name}", when: { from.user: '^\+' } } ]
routes:
  - { name: premium, when: { ruri.user: '^0900' }, reject: { code: 403, reason: Not Here } }
  - { name: in, from: carrier, to: [ pbx ], profile: from-carrier }
  - { name: rest, reject: 404 }
"#;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the program with a configuration of this text.
fn run(text: &str, args: &[&str], stdin: Option<&str>) -> Output {
    let dir = tempfile::tempdir().expect("a folder of its own can be made");
    let file = dir.path().join("sbc.yaml");
    std::fs::write(&file, text).expect("the file can be written");
    let (command, rest) = args.split_first().expect("a command");
    let mut child = Command::new(env!("CARGO_BIN_EXE_sbc"))
        .arg(command)
        .arg("--config")
        .arg(&file)
        .args(rest)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    if let Some(text) = stdin {
        let mut pipe = child.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut pipe, text.as_bytes()).expect("it reads");
    }
    drop(child.stdin.take());
    child.wait_with_output().expect("the program ends")
}

fn explain(args: &[&str], stdin: Option<&str>) -> Output {
    let mut all = vec!["explain", "--source", "192.0.2.3:5060"];
    all.extend(args);
    run(FILE, &all, stdin)
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What `docs/explain.md` and `docs/configuration/tests.md` show is what the program prints; ids
/// are drawn, the same each time.
#[test]
fn the_documentation_shows_what_the_commands_print() {
    let args = [
        "--listener",
        "outside-udp",
        "--ruri",
        "sip:7001@sbc.example",
    ];
    let printed = explain(
        &[&args[..], &["--from", "sip:+491@carrier.example"]].concat(),
        None,
    );
    assert_eq!(printed.status.code(), Some(0), "{}", complaint(&printed));
    let page = std::fs::read_to_string(root().join("docs/explain.md")).expect("the page");
    assert!(
        page.contains(FILE.trim()),
        "the configuration of the example"
    );
    let printed = out(&printed);
    assert!(
        page.contains(printed.trim_end()),
        "the page does not show this:\n{printed}"
    );
    for line in printed.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    let page = std::fs::read_to_string(root().join("docs/configuration/tests.md"));
    let page = page.expect("the page");
    let yaml = page
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let text = FILE.replace("profile: from-carrier ", "") + yaml.expect("an example");
    let text = text.replace("198.51.100.9", "192.0.2.9");
    let tested = run(&text, &["test"], None);
    assert_eq!(tested.status.code(), Some(1), "{}", complaint(&tested));
    let without_line = |text: &str| {
        let lines = text
            .lines()
            .map(|l| l.split(" (line ").next().unwrap_or_default());
        lines.collect::<Vec<_>>().join("\n")
    };
    let (page, printed) = (without_line(&page), without_line(&out(&tested)));
    assert!(
        page.contains(printed.trim_end()),
        "the page does not show this:\n{printed}"
    );
}

#[test]
fn a_message_comes_from_a_file_or_from_standard_input() {
    let text = "INVITE sip:09001@sbc SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.3;branch=z9hG4bK1\n\
                From: <sip:1@a>;tag=1\nTo: <sip:2@a>\nCall-ID: 1\nCSeq: 1 INVITE\n\
                Contact: <sip:1@192.0.2.3>\nMax-Forwards: 70\n";
    let args = ["--listener", "outside-udp", "--message", "-"];
    let printed = explain(&args, Some(text));
    assert_eq!(
        printed.status.code(),
        Some(0),
        "a refusal is an answer, too"
    );
    let first = "INVITE sip:09001@sbc: refused: 403 Not Here, by route premium\n";
    assert!(out(&printed).starts_with(first), "{}", out(&printed));
    let args = [&args[..], &["--json"]].concat();
    let json = out(&explain(&args, Some(text)));
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["outcome"]["status"], 403);
    assert_eq!(json["routes"][0]["fate"], "taken");
}

#[test]
fn what_cannot_be_explained_is_told_and_ends_with_64() {
    let printed = explain(&["--listener", "outside-upd"], None);
    assert_eq!(printed.status.code(), Some(64));
    let near = "did you mean `outside-udp`?";
    assert!(
        complaint(&printed).contains(near),
        "{}",
        complaint(&printed)
    );
    let args = ["--listener", "outside-udp", "--message", "-"];
    let printed = explain(&args, Some("hello\n"));
    assert_eq!(printed.status.code(), Some(64));
    let why = "sbc explain: -: line 1: the first line is neither a request line";
    assert!(
        complaint(&printed).starts_with(why),
        "{}",
        complaint(&printed)
    );
    let printed = run(
        "listeners: 7",
        &["explain", "--listener", "a", "--source", "1.2.3.4:5"],
        None,
    );
    assert_eq!(printed.status.code(), Some(78));
}

#[test]
fn cases_that_pass_end_with_0_and_broken_files_with_78() {
    let case = |expect: &str| {
        let invite = "{ listener: outside-udp, source: \"192.0.2.3:5060\", ruri: \"sip:1@a\" }";
        format!("{FILE}\ntests: [ {{ name: a, invite: {invite}, expect: {expect} }} ]\n")
    };
    let passes = [
        "{ to: pbx, route: in, profile: from-carrier }",
        "{ target: \"sip:10.0.0.20\", request_uri: /^sip:1@/, headers: { X-A: ~ } }",
        "{ headers: { f: /127/ } }",
    ];
    for expect in passes {
        let tested = run(&case(expect), &["test"], None);
        assert_eq!(
            out(&tested),
            "ok     a\nthe one case passed\n",
            "{}",
            complaint(&tested)
        );
        assert_eq!(tested.status.code(), Some(0));
    }
    let fails = [
        "{ reject: 404 }",
        "{ to: carrier }",
        "{ to: request-uri }",
        "{ to: { app: echo } }",
        "{ route: rest }",
        "{ profile: base }",
        "{ target: /21$/ }",
        "{ request_uri: sip:1@a }",
        "{ headers: { Subject: a } }",
        "{ headers: { From: ~ } }",
    ];
    for expect in fails {
        let tested = run(&case(expect), &["test", "--json"], None);
        let json: serde_json::Value = serde_json::from_str(&out(&tested)).expect("JSON");
        let failures = json["results"][0]["failures"].as_array().map(Vec::len);
        assert_eq!(
            (tested.status.code(), failures),
            (Some(1), Some(1)),
            "{expect}: {json}"
        );
    }
    let tested = run(&case("{ route: inn }"), &["test"], None);
    assert_eq!(tested.status.code(), Some(78));
    assert!(
        complaint(&tested).contains("did you mean `in`?"),
        "{}",
        complaint(&tested)
    );
}
