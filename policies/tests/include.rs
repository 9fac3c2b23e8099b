//! `include`: several files are one configuration, and each error stands at its place in its file.

mod fake;

use policies::{Compiled, Loaded};
use std::path::Path;
use tempfile::TempDir;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = dir.path().join(name);
        let folder = path.parent().expect("a folder");
        std::fs::create_dir_all(folder).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    dir
}

fn load(path: &Path) -> Result<Compiled, String> {
    let registry = fake::Fake::default();
    let loaded = Loaded::from_path(path).and_then(|l| l.compile(&registry));
    loaded.map_err(|e| e.to_string())
}

/// `sbc.yaml` of a folder with these files.
fn sound(files: &[(&str, &str)]) -> (Compiled, TempDir) {
    let dir = folder(files);
    let compiled = load(&dir.path().join("sbc.yaml")).unwrap_or_else(|e| panic!("{e}"));
    (compiled, dir)
}

/// What is wrong with `sbc.yaml` of a folder with these files, without the folder's name.
fn wrong(files: &[(&str, &str)]) -> String {
    let dir = folder(files);
    let error = load(&dir.path().join("sbc.yaml")).expect_err("an error");
    let error = error.replace(&format!("{}/", dir.path().display()), "");
    // Which keys there are is not of interest here.
    let mut parts = error.split("expected one of: ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        let rest = part.split_once("; ").map_or("", |(_, rest)| rest);
        all + rest
    })
}

fn routes(compiled: &Compiled) -> Vec<&str> {
    let routes = compiled.config.routes.iter();
    routes.map(|r| r.name.value.as_str()).collect()
}

const NETWORK: &str = "listeners: { a: { realm: r, udp: \"127.0.0.1:5060\" } }\n\
                       realms: { r: { trust: full } }\n";

#[test]
fn sections_of_several_files_are_one() {
    let (compiled, dir) = sound(&[
        (
            "sbc.yaml",
            "version: 1\ninclude: [ network.yaml, \"trunks/*.yaml\" ]\n\
             routes: [ { name: out, from: b, to: [ a, b ] }, { name: in, from: a, to: [ b ] } ]\n\
             log: { level: warn }\n",
        ),
        (
            "network.yaml",
            &format!("version: 1\n{NETWORK}log: {{ format: json }}\n"),
        ),
        (
            "trunks/b.yaml",
            "trunks: { b: { realm: r, match: { source: [ 127.0.0.3 ] }, \
             targets: [ \"sip:127.0.0.3\" ] } }",
        ),
        (
            "trunks/a.yaml",
            "\u{feff}trunks: { a: { realm: r, match: { source: [ 127.0.0.2 ] }, \
             targets: [ \"sip:127.0.0.2\" ] } }",
        ),
        ("trunks/.a.yaml.swp.yaml", "what: an editor leaves behind"),
        ("trunks/a.yml", "not: asked for"),
    ]);
    let trunks: Vec<_> = compiled
        .config
        .trunks
        .iter()
        .map(|(n, _)| n.value.as_str())
        .collect();
    assert_eq!(trunks, ["a", "b"]);
    assert_eq!(compiled.network.listeners.len(), 1);
    assert_eq!(
        (compiled.config.log.level, compiled.config.log.format),
        (
            policies::schema::LogLevel::Warn,
            policies::schema::LogFormat::Json
        )
    );
    let files = ["sbc.yaml", "network.yaml", "trunks/a.yaml", "trunks/b.yaml"];
    assert_eq!(compiled.files, files.map(|name| dir.path().join(name)));
    assert!(compiled.warnings.is_empty(), "{:?}", compiled.warnings);
}

#[test]
fn routes_of_a_file_stand_in_the_place_of_its_include() {
    let own = "routes: [ { name: own, from: r, reject: 404, when: { to.user: own } } ]\n";
    let more = |name: &str| {
        format!("routes: [ {{ name: {name}, reject: 404, when: {{ to.user: {name} }} }} ]\n")
    };
    let inner = format!("{}include: [ c.yaml ]\n", more("b"));
    let (b, c) = (("b.yaml", inner.as_str()), more("c"));
    let include = "include: [ b.yaml ]\n";
    for (text, wanted) in [
        (format!("{NETWORK}{include}{own}"), ["b", "c", "own"]),
        (format!("{NETWORK}{own}{include}"), ["own", "b", "c"]),
    ] {
        let (compiled, _dir) = sound(&[("sbc.yaml", &text), b, ("c.yaml", &c)]);
        assert_eq!(routes(&compiled), wanted);
    }
}

#[test]
fn a_name_in_two_files_is_an_error_that_names_both() {
    let sbc = format!(
        "{NETWORK}include: [ more.yaml ]\ndrain: 5s\nroutes: [ {{ name: x, reject: 404 }} ]\n\
         observe: {{ api: \"127.0.0.1:8080\" }}\n"
    );
    let more = "realms: { r: { } }\nroutes:\n- { name: x, reject: 404 }\ndrain: 5s\n\
                observe: { api: \"127.0.0.1:8080\" }\n";
    assert_eq!(
        wrong(&[("sbc.yaml", &sbc), ("more.yaml", more)]),
        "sbc.yaml:4:1: duplicate key `drain` at the top level
    4 | drain: 5s
      | ^^^^^ the first is in more.yaml:4
sbc.yaml:5:19: routes[0].name: duplicate name `x`
    5 | routes: [ { name: x, reject: 404 } ]
      |                   ^ the first is in more.yaml:3
sbc.yaml:6:12: duplicate key `api` in observe
    6 | observe: { api: \"127.0.0.1:8080\" }
      |            ^^^ the first is in more.yaml:5
more.yaml:1:11: duplicate key `r` in realms
    1 | realms: { r: { } }
      |           ^ the first is in sbc.yaml:2"
    );
}

#[test]
fn every_error_of_every_file_has_its_place() {
    let sbc = format!("{NETWORK}include: [ a.yaml, b.yaml, sub/c.yaml, d.yaml ]\nrealm: x\n");
    assert_eq!(
        wrong(&[
            ("sbc.yaml", &sbc),
            ("a.yaml", "routes:\n  - { name: y, reject: 4 }\n"),
            ("b.yaml", "trunks: { t: { realm: q }\n"),
            ("sub/c.yaml", "include: [ e.yaml ]\nversion: 2\n"),
            ("sub/e.yaml", "profiles: { p: { extend: q } }\n"),
            ("d.yaml", "hello\n"),
        ]),
        "sbc.yaml:4:1: unknown key `realm` at the top level
    4 | realm: x
      | ^^^^^ did you mean `realms`?
a.yaml:2:24: routes[0].reject: `4` is not a status code from 300 to 699
    2 |   - { name: y, reject: 4 }
      |                        ^ expected a status code from 300 to 699
b.yaml:1:9: this is not YAML: the brace is not closed
    1 | trunks: { t: { realm: q }
      |         ^ expected }
sub/c.yaml:2:10: version: version 2 is not known
    2 | version: 2
      |          ^ expected 1
sub/e.yaml:1:18: unknown key `extend` in profiles.p
    1 | profiles: { p: { extend: q } }
      |                  ^^^^^^ did you mean `extends`?
d.yaml:1:1: `hello` is not a map
    1 | hello
      | ^^^^^ expected sections, like `trunks:` or `routes:`"
    );
}

#[test]
fn what_cannot_be_included_is_said_where_it_is_asked_for() {
    let dir = folder(&[
        ("sub/b.yaml", "include: [ ../sbc.yaml, ../a.yaml ]\n"),
        ("a.yaml", ""),
    ]);
    let path = dir.path().join("sbc.yaml");
    let sbc = "include:
  - none.yaml
  - no/such.yaml
  - no/*.yaml
  - \"*/b.yaml\"
  - ..
  - sub
  - sub/b.yaml
  - sub/b.yaml
  - [ sub/b.yaml ]
include: [ x ]
listeners: { a: { realm: r, udp: \"127.0.0.1:5060\" } }
realms: { r: { } }
routes: [ { name: x, reject: 404 } ]
";
    std::fs::write(&path, sbc).unwrap();
    let error = load(&path).expect_err("an error");
    let here = format!("{}/", dir.path().display());
    let lines: Vec<_> = error
        .replace(&here, "")
        .lines()
        .step_by(3)
        .map(str::to_owned)
        .collect();
    assert_eq!(
        lines,
        [
            "sbc.yaml:2:5: include[0]: the file none.yaml cannot be read: \
             No such file or directory (os error 2)",
            "sbc.yaml:3:5: include[1]: the file no/such.yaml cannot be read: \
             No such file or directory (os error 2)",
            "sbc.yaml:4:5: include[2]: the folder no cannot be read: \
             No such file or directory (os error 2)",
            "sbc.yaml:5:5: include[3]: a star stands in the name of a folder",
            "sbc.yaml:6:5: include[4]: this names no file",
            "sbc.yaml:7:5: include[5]: the file sub cannot be read: not a file",
            "sbc.yaml:9:5: include[7]: sub/b.yaml is included twice",
            "sbc.yaml:10:5: include[8]: a list is not text",
            "sbc.yaml:11:1: duplicate key `include` at the top level",
            "sub/b.yaml:1:12: include[0]: files include one another: \
             sbc.yaml -> b.yaml -> sbc.yaml",
        ]
    );
}

#[test]
fn the_page_shows_the_example_which_loads() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let example = root.join("examples/several-files");
    let compiled = load(&example.join("sbc.yaml")).unwrap_or_else(|e| panic!("{e}"));
    assert!(compiled.warnings.is_empty(), "{:?}", compiled.warnings);
    assert_eq!(
        routes(&compiled),
        ["from-the-carrier", "from-the-pbx", "nothing-else"]
    );
    let page = std::fs::read_to_string(root.join("docs/configuration/include.md")).expect("a page");
    assert_eq!(compiled.files.len(), 3);
    for file in &compiled.files {
        let text = std::fs::read_to_string(file).expect("a file");
        let name = file.strip_prefix(&example).expect("below the example");
        let block = format!("```yaml {}\n{text}```\n", name.display());
        assert!(page.contains(&block), "{block}");
    }
}

#[test]
fn a_pattern_without_files_warns() {
    let text =
        format!("{NETWORK}routes: [ {{ name: x, reject: 404 }} ]\ninclude: [ \"x*.yaml\" ]\n");
    let (compiled, dir) = sound(&[("sbc.yaml", &text)]);
    let warning = compiled.warnings[0].to_string();
    let here = dir.path().display();
    assert_eq!(
        warning,
        format!(
            "{here}/sbc.yaml:4:12: warning: include[0]: no file has such a name\n    4 | \
             include: [ \"x*.yaml\" ]\n      |            ^^^^^^^^^^ in the folder {here}"
        )
    );
}

#[test]
fn a_path_is_relative_to_the_file_that_names_it() {
    let dir = folder(&[
        ("sub/a.yaml", "include: [ b.yaml ]\n"),
        ("sub/b.yaml", "drain: 7s\n"),
    ]);
    let text =
        format!("{NETWORK}routes: [ {{ name: x, reject: 404 }} ]\ninclude: [ sub/a.yaml ]\n");
    std::fs::write(dir.path().join("sbc.yaml"), text).unwrap();
    let compiled = load(&dir.path().join("sbc.yaml")).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(compiled.config.drain.0.as_secs(), 7);
}

#[test]
fn files_may_be_so_many_so_deep_and_so_large() {
    let rest = format!("{NETWORK}routes: [ {{ name: x, reject: 404 }} ]\n");
    let dir = folder(&[(
        "sbc.yaml",
        &format!("{rest}include: [ \"part/*\", 0.yaml ]\n"),
    )]);
    let path = dir.path().join("sbc.yaml");
    std::fs::create_dir(dir.path().join("part")).unwrap();
    let part = |n: usize| dir.path().join(format!("part/{n}"));
    // With `0.yaml` to `7.yaml` these are a thousand.
    for n in 0..992 {
        std::fs::write(part(n), "").unwrap();
    }
    for n in 0..7 {
        let text = format!("include: [ {}.yaml ]\n", n + 1);
        std::fs::write(dir.path().join(format!("{n}.yaml")), text).unwrap();
    }
    std::fs::write(dir.path().join("7.yaml"), "").unwrap();
    load(&path).unwrap_or_else(|e| panic!("{e}"));
    std::fs::write(dir.path().join("7.yaml"), "include: [ 8.yaml ]").unwrap();
    let error = load(&path).expect_err("too deep");
    assert!(
        error.contains("/7.yaml:1:12: include[0]: files are included too deeply"),
        "{error}"
    );
    std::fs::write(dir.path().join("7.yaml"), "").unwrap();
    std::fs::write(part(992), "").unwrap();
    let error = load(&path).expect_err("too many");
    assert!(
        error.contains("/6.yaml:1:12: include[0]: too many files"),
        "{error}"
    );
    std::fs::remove_file(part(992)).unwrap();
    // All files together may have 16 MiB; the last one has what is left.
    let len = |path: &Path| std::fs::metadata(path).unwrap().len();
    let others: u64 = (0..7)
        .map(|n| len(&dir.path().join(format!("{n}.yaml"))))
        .sum();
    let left = usize::try_from((16 << 20) - others - len(&path)).unwrap();
    std::fs::write(dir.path().join("7.yaml"), "#".repeat(left)).unwrap();
    load(&path).unwrap_or_else(|e| panic!("{e}"));
    std::fs::write(dir.path().join("7.yaml"), "#".repeat(left + 1)).unwrap();
    let error = load(&path).expect_err("too large");
    assert!(
        error.contains("expected at most 16777216 bytes in all files"),
        "{error}"
    );
}
