//! `docs/configuration` and `examples` agree with the loader: every YAML block loads, every key has
//! its row. The tables of keys are made from `schema::KEYS`; to write them anew:
//! `GOLDEN=write cargo test -p policies --test documentation`.

mod fake;

use policies::Loaded;
use policies::schema::{KEYS, Key};
use std::path::{Path, PathBuf};

/// What a fragment needs around it.
const AROUND: [(&str, &str); 6] = [
    (
        "listeners",
        r#"listeners:
  outside-udp: { realm: outside, udp: "127.0.0.1:5060" }
  inside-udp: { realm: inside, udp: "127.0.0.2:5060" }
  inside-tcp: { realm: inside, tcp: "127.0.0.2:5060" }
"#,
    ),
    (
        "realms",
        "realms: { outside: { trust: none }, inside: { trust: full } }\n",
    ),
    (
        "trunks",
        r#"trunks:
  carrier: { realm: outside, match: { source: [192.0.2.0/28] }, targets: ["sip:192.0.2.1"] }
  pbx: { realm: inside, match: { source: [10.0.0.0/24] }, targets: ["sip:10.0.0.20"] }
"#,
    ),
    (
        "recorders",
        "recorders: { main: { srs: [\"sip:10.0.0.31\"] } }\n",
    ),
    ("profiles", "profiles: { base: }\n"),
    (
        "routes",
        "routes: [ { name: in, from: carrier, to: [ pbx ] } ]\n",
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).expect("the folder is there");
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == ending));
    files.sort();
    assert!(!files.is_empty());
    files
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a text file")
}

/// The files of secrets that blocks name: each lies beside the block.
const SECRETS: [&str; 1] = ["api-token"];

fn load(name: &str, text: &str) {
    let folder = tempfile::tempdir().expect("a folder of its own can be made");
    for secret in SECRETS {
        let written = std::fs::write(folder.path().join(secret), "0123456789abcdef\n");
        written.expect("the folder can be written");
    }
    // The request of a case.
    let invite = std::fs::copy(
        root().join("examples/invite.sip"),
        folder.path().join("invite.sip"),
    );
    invite.expect("the folder can be written");
    let file = folder.path().join("sbc.yaml");
    std::fs::write(&file, text).expect("the folder can be written");
    let registry = fake::Fake::default();
    if let Err(errors) = Loaded::from_path(&file).and_then(|l| l.compile(&registry)) {
        panic!("{name}: {errors}");
    }
}

/// A fragment with the sections around it that it does not have; a whole file (`version:`) as it
/// is.
fn whole(fragment: &str) -> String {
    let has = |section: &str| {
        let key = format!("{section}:");
        fragment.lines().any(|line| line.starts_with(&key))
    };
    if has("version") {
        return fragment.to_owned();
    }
    let around = AROUND.iter().filter(|(section, _)| !has(section));
    let mut text = fragment.to_owned();
    text.extend(around.map(|(_, text)| *text));
    text
}

#[test]
fn every_yaml_block_of_the_pages_loads() {
    let mut blocks = 0;
    for path in files("docs/configuration", "md") {
        for block in read(&path).split("```yaml\n").skip(1) {
            let (yaml, _) = block.split_once("```").expect("a block has an end");
            load(&path.display().to_string(), &whole(yaml));
            blocks += 1;
        }
    }
    assert!(blocks >= 12, "{blocks} blocks");
}

#[test]
fn every_example_loads_without_warnings() {
    for path in files("examples", "yaml") {
        let registry = fake::Fake::default();
        match Loaded::from_path(&path).and_then(|l| l.compile(&registry)) {
            Ok(compiled) => assert!(compiled.warnings.is_empty(), "{:?}", compiled.warnings),
            Err(errors) => panic!("{errors}"),
        }
    }
}

/// The rows of a section, or of the keys at the top.
fn table(section: &str) -> String {
    let mut out = "| key | value | default | |\n|---|---|---|---|\n".to_owned();
    for key in KEYS.iter().filter(|key| key.built) {
        let is_of = match section {
            "" => !key.path.contains(['.', '[']),
            section => key
                .path
                .strip_prefix(section)
                .is_some_and(|rest| rest.starts_with(['.', '['])),
        };
        if is_of || key.path == section {
            out.push_str(&row(key));
        }
    }
    out
}

fn row(key: &Key) -> String {
    let default = if key.default.is_empty() {
        "required"
    } else {
        key.default
    };
    let path = key.path.replace('*', "NAME");
    format!("| `{path}` | {} | {default} | {} |\n", key.kind, key.doc)
}

fn later() -> String {
    let mut out = "| key | what it is about |\n|---|---|\n".to_owned();
    for key in KEYS.iter().filter(|key| !key.built) {
        let path = key.path.replace('*', "NAME");
        out.push_str(&format!("| `{path}` | {} |\n", key.doc));
    }
    out
}

/// The page with each table behind its mark as `KEYS` has it.
fn with_tables(page: &str) -> String {
    let mut out = String::new();
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        let made = match line
            .strip_prefix("<!-- keys:")
            .and_then(|l| l.strip_suffix("-->"))
        {
            Some(section) => table(section.trim()),
            None if line == "<!-- later -->" => later(),
            None => continue,
        };
        out.push('\n');
        out.push_str(&made);
        while lines
            .next_if(|l| l.is_empty() || l.starts_with('|'))
            .is_some()
        {}
        if lines.peek().is_some() {
            out.push('\n');
        }
    }
    out
}

#[test]
fn every_key_stands_in_the_table_of_its_page() {
    let mut documented = String::new();
    for path in files("docs/configuration", "md") {
        let page = read(&path);
        let wanted = with_tables(&page);
        if std::env::var_os("GOLDEN").is_some() {
            std::fs::write(&path, &wanted).expect("the page can be written");
        } else {
            assert_eq!(page, wanted, "{}", path.display());
        }
        documented.push_str(&wanted);
    }
    for key in KEYS {
        let name = format!("| `{}` |", key.path.replace('*', "NAME"));
        assert!(documented.contains(&name), "{} is not documented", key.path);
    }
}

/// The YAML blocks of all pages.
fn blocks() -> String {
    let mut blocks = String::new();
    for path in files("docs/configuration", "md") {
        // Also those with a file's name behind the word.
        for block in read(&path).split("```yaml").skip(1) {
            blocks.extend(block.split("```").next());
        }
    }
    blocks
}

#[test]
fn every_key_stands_in_an_example() {
    let blocks = blocks();
    let mut missing = Vec::new();
    for key in KEYS.iter().filter(|key| key.built) {
        let name = key.path.rsplit('.').next().expect("a part");
        let name = name.trim_end_matches("[]");
        // As a key, and not as the end of another one.
        let used = [' ', '{', '\n'].iter().any(|before| {
            let as_key = format!("{before}{name}:");
            blocks.contains(&as_key)
        });
        if name != "*" && !used {
            missing.push(key.path);
        }
    }
    assert!(missing.is_empty(), "in no YAML block: {missing:?}");
}

#[test]
fn every_section_has_a_page_with_its_keys_and_stands_in_the_list() {
    let list = read(&root().join("docs/configuration/README.md"));
    let top = |key: &&Key| key.built && !key.path.contains(['.', '[']);
    for key in KEYS.iter().filter(top) {
        let name = key.path;
        if name == "version" {
            continue; // A number, told by the list itself.
        }
        let page = read(&root().join(format!("docs/configuration/{name}.md")));
        let mark = format!("\n<!-- keys: {name} -->\n");
        assert!(page.contains(&mark), "{name}.md has no table of its keys");
        assert!(page.contains("```yaml"), "{name}.md has no example");
        let link = format!("[{name}]({name}.md)");
        assert!(
            list.contains(&link),
            "{name} is not in the list of sections"
        );
    }
}

#[test]
fn every_key_says_what_it_does_and_stands_once() {
    for (n, key) in KEYS.iter().enumerate() {
        assert!(!key.doc.is_empty(), "{}", key.path);
        assert!(
            !KEYS[..n].iter().any(|k| k.path == key.path),
            "{}",
            key.path
        );
        if let Some((parent, _)) = key.path.rsplit_once('.') {
            let parent = parent.trim_end_matches(".*").trim_end_matches("[]");
            assert!(
                KEYS.iter().any(|k| k.path == parent),
                "{} has no parent",
                key.path
            );
        }
    }
}
