use super::*;
use crate::problem::{Errors, Source, in_order};
use crate::tree::{self, Budget, Position};

fn parsed(name: &str, text: &str) -> (Node, Report) {
    let root = tree::parse(text, &mut Budget::default()).unwrap();
    let mut report = Report::new();
    report.add(Source::new(name, text, Some(root.clone())), 1);
    (root, report)
}

/// What `token` of a file is, and everything that is said about it.
fn read(name: &str, text: &str) -> (Option<Secret>, String) {
    let (root, mut report) = parsed(name, text);
    let Data::Map(entries) = &root.data else {
        panic!("no map")
    };
    let secret = field(&mut report, entries.iter().find(|e| &*e.key == "token"));
    let (errors, warnings) = report.into_parts();
    let mut said = Errors::new(errors).to_string();
    for warning in in_order(warnings) {
        said.push_str(&warning.to_string());
    }
    (secret.map(|s| s.value), said)
}

fn exposed(name: &str, text: &str) -> String {
    let (secret, said) = read(name, text);
    assert_eq!(said, "");
    secret.expect("a secret").expose().to_owned()
}

#[test]
fn a_secret_comes_from_the_environment() {
    // Cargo sets it for every test.
    let name = exposed("sbc.yaml", "token: { env: CARGO_PKG_NAME }");
    assert_eq!(name, "policies");
}

#[test]
fn a_secret_comes_from_a_file_beside_the_configuration_without_its_last_line_end() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("sbc.yaml");
    std::fs::create_dir(dir.path().join("keys")).unwrap();
    for (content, secret) in [
        ("hush", "hush"),
        ("hush\n", "hush"),
        ("hush\r\n", "hush"),
        (" hush \n", " hush "),
    ] {
        std::fs::write(dir.path().join("keys/token"), content).unwrap();
        let config = config.display().to_string();
        assert_eq!(exposed(&config, "token: { file: keys/token }"), secret);
    }
    // An absolute path stays what it is.
    let path = dir.path().join("keys/token").display().to_string();
    assert_eq!(
        exposed("sbc.yaml", &format!("token: {{ file: {path} }}")),
        " hush "
    );
}

#[test]
fn what_is_missing_or_empty_is_an_error_at_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("sbc.yaml").display().to_string();
    let here = dir.path().display();
    std::fs::write(dir.path().join("empty"), "\n").unwrap();
    std::fs::write(dir.path().join("two"), "one\ntwo\n").unwrap();
    std::fs::write(dir.path().join("fits"), "x".repeat(16 * 1024)).unwrap();
    std::fs::write(dir.path().join("large"), "x".repeat(16 * 1024 + 1)).unwrap();
    std::fs::write(dir.path().join("binary"), [0xff, 0xfe]).unwrap();
    for (value, column, wanted) in [
        (
            "{ env: SBC_NO_SUCH_VARIABLE }",
            15,
            "SBC_NO_SUCH_VARIABLE is not set",
        ),
        (
            "{ env: s3cr&t! }",
            15,
            "this is no name of an environment variable",
        ),
        (
            "{ file: none }",
            16,
            &format!("{here}/none cannot be read: No such file"),
        ),
        ("{ file: empty }", 16, "empty is empty"),
        ("{ file: two }", 16, "two holds a line break"),
        (
            "{ file: large }",
            16,
            "large cannot be read: larger than 16384 bytes",
        ),
        ("{ file: binary }", 16, "binary cannot be read: not UTF-8"),
        ("{ file: . }", 16, "cannot be read: not a file"),
        (
            "{ env: A, file: b }",
            18,
            "`env` and `file` stand together in token",
        ),
        ("{ }", 1, "missing key `env` or `file` in token"),
        ("{ fiel: x }", 10, "unknown key `fiel` in token"),
        ("[ x ]", 1, "token: a list is not a secret"),
        ("", 1, "token: nothing is not a secret"),
        ("\"\"", 8, "token: the secret is empty"),
        ("\"a\\nb\"", 8, "token: the secret holds a line break"),
    ] {
        let (secret, said) = read(&config, &format!("token: {value}"));
        assert_eq!(secret, None, "{value}");
        assert!(
            said.starts_with(&format!("{config}:1:{column}: ")),
            "{said}"
        );
        assert!(said.contains(wanted), "{value}: {said}");
    }
    let (secret, said) = read(&config, "token: { file: fits }");
    assert!(secret.is_some(), "{said}");
}

#[test]
fn a_literal_secret_warns_and_is_shown_to_nobody() {
    let (secret, said) = read("sbc.yaml", "{ a: 1, token: s3cret, b: 2 }");
    let secret = secret.unwrap();
    assert_eq!(secret.expose(), "s3cret");
    assert_eq!(
        format!("{secret} {secret:?} {:#?}", Some(&secret)),
        "*** *** Some(\n    ***,\n)"
    );
    assert_eq!(
        said,
        "sbc.yaml:1:16: warning: token: a secret in clear: whoever reads this file has it\n    \
         1 | { a: 1, token: ***, b: 2 }\n      |                ^^^ better { env: NAME } or \
         { file: PATH }"
    );
}

#[test]
fn a_secret_is_compared_as_a_whole() {
    let secret = Secret("hush".into());
    assert!(secret.is("hush"));
    for other in ["", "hus", "husj", "Hush", "hushh"] {
        assert!(!secret.is(other), "{other}");
    }
}

/// What an error at the key `here` shows.
fn shown(text: &str) -> String {
    let (root, mut report) = parsed("f", text);
    let at = find(&root).expect("a key `here`");
    report.value(at, "about `s3cret` and s3cret", "`s3cret`");
    Errors::new(report.into_parts().0).to_string()
}

fn find(node: &Node) -> Option<Position> {
    match &node.data {
        Data::Map(entries) => entries.iter().find_map(|e| {
            (&*e.key == "here")
                .then_some(e.at)
                .or_else(|| find(&e.value))
        }),
        Data::List(items) => items.iter().find_map(find),
        _ => None,
    }
}

#[test]
fn no_error_shows_a_literal_secret_of_its_line_or_of_its_text() {
    for (text, line, caret) in [
        ("{ token: s3cret, here: 1 }", "{ token: ***, here: 1 }", 14),
        ("{ here: 1, token: s3cret }", "{ here: 1, token: *** }", 2),
        // Nearly a secret's name, or that of another section or of a module.
        ("{ tokn: s3cret, here: 1 }", "{ tokn: ***, here: 1 }", 13),
        ("{ ToKne: s3cret, here: 1 }", "{ ToKne: ***, here: 1 }", 14),
        (
            "{ passwrd: 's3cret', here: 1 }",
            "{ passwrd: ***, here: 1 }",
            16,
        ),
        (
            "{ auth: { password: s3cret }, here: 1 }",
            "{ auth: { password: *** }, here: 1 }",
            27,
        ),
        (
            "{ db_password: s3cret, here: 1 }",
            "{ db_password: ***, here: 1 }",
            20,
        ),
        // Of a wrong shape.
        (
            "{ token: [ s3cret, x ], here: 1 }",
            "{ token: [ ***, *** ], here: 1 }",
            23,
        ),
        (
            "{ token: { value: s3cret }, here: 1 }",
            "{ token: { value: *** }, here: 1 }",
            25,
        ),
        (
            "{ token: { env: s3cret! }, here: 1 }",
            "{ token: { env: *** }, here: 1 }",
            23,
        ),
        (
            "{ token: { env: NAME }, here: 1 }",
            "{ token: { env: NAME }, here: 1 }",
            24,
        ),
        (
            "{ token: { file: a/b }, here: 1 }",
            "{ token: { file: a/b }, here: 1 }",
            24,
        ),
        (
            "{ token: { here: s3cret } }",
            "{ token: { here: *** } }",
            11,
        ),
        // Over several lines.
        (
            "{ token: \"one s3cret\n  s3cret two\", here: 1 }",
            "  *** two\", here: 1 }",
            12,
        ),
    ] {
        let said = shown(text);
        let mut lines = said.lines().skip(1);
        assert_eq!(lines.next().unwrap()[8..], *line, "{text}");
        let carets = lines.next().unwrap();
        assert_eq!(carets.find('^'), Some(8 + caret), "{said}");
        let has_secret = ["NAME", "a/b", "s3cret!", "one"]
            .iter()
            .all(|t| !text.contains(t));
        assert!(!has_secret || !said.contains("s3cret"), "{said}");
    }
}

#[test]
fn a_text_that_is_no_yaml_shows_no_secret_either() {
    for (line, wanted) in [
        ("  token: s3cret: x", "  token: ***"),
        ("{ a: b, \"token\": s3cret", "{ a: b, \"token\": ***"),
        ("  udp: 192.0.2.1:5060", "  udp: 192.0.2.1:5060"),
    ] {
        let at = Position {
            line: 3,
            column: 1,
            ..Position::default()
        };
        assert_eq!(masked(line, at, &in_line(line, 3)).0, wanted);
    }
    let error = crate::Loaded::from_text("f", "a: 1\ntoken: s3cret: x\n").unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("token: ***") && !text.contains("s3cret"),
        "{text}"
    );
}
