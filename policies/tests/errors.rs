//! Error texts, word by word: they are what an operator sees.
//!
//! `golden/errors.txt` holds cases `# title`, configuration, `---`, what is printed. To write the
//! printed parts anew, and then read them: `GOLDEN=write cargo test -p policies --test errors`.

mod fake;

use policies::Loaded;
use proptest::prelude::*;
use std::path::Path;

/// What is printed for a text: errors, else warnings.
fn printed(text: &str) -> String {
    let registry = fake::Fake::default();
    match Loaded::from_text("sbc.yaml", text).and_then(|l| l.compile(&registry)) {
        Ok(compiled) => {
            let warnings = compiled.warnings.iter().map(ToString::to_string);
            warnings.collect::<Vec<_>>().join("\n")
        }
        Err(errors) => errors.to_string(),
    }
}

#[test]
fn every_error_text_is_as_written_down() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/errors.txt");
    let golden = std::fs::read_to_string(&path).unwrap();
    let mut actual = String::new();
    for case in golden.split("\n# ").map(|c| c.trim_start_matches("# ")) {
        let (title, rest) = case.split_once('\n').unwrap();
        let (yaml, _) = rest.split_once("---\n").unwrap();
        let output = printed(yaml);
        if !actual.is_empty() {
            actual.push('\n');
        }
        actual.push_str(&format!("# {title}\n{yaml}---\n{}\n", output.trim_end()));
    }
    if std::env::var_os("GOLDEN").is_some() {
        std::fs::write(&path, &actual).unwrap();
    }
    for (have, want) in actual.split("\n# ").zip(golden.split("\n# ")) {
        assert_eq!(have.trim_end(), want.trim_end());
    }
    assert!(golden.matches("\n# ").count() >= 60);
}

#[test]
fn a_file_that_is_not_there_is_an_error_without_position() {
    let path = Path::new("no-such-folder/sbc.yaml");
    let error = Loaded::from_path(path).unwrap_err().to_string();
    assert!(
        error.starts_with("no-such-folder/sbc.yaml: the file cannot be read: "),
        "{error}"
    );
}

#[test]
fn a_file_that_is_not_text_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sbc.yaml");
    std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    let error = Loaded::from_path(&path).unwrap_err().to_string();
    assert!(
        error.ends_with("the file cannot be read: not UTF-8"),
        "{error}"
    );
}

#[test]
fn a_recording_server_alone_needs_its_section() {
    let registry = fake::Fake::default();
    let alone = |text: &str| {
        let loaded = Loaded::from_text("sbc.yaml", text).unwrap().only_srs();
        loaded.compile(&registry).map_err(|e| e.to_string())
    };
    let without = "listeners: { a: { realm: r, udp: \"127.0.0.1:5060\" } }\n\
                   realms: { r: {} }\nroutes: [ { name: n, reject: 404 } ]\n";
    let error = alone(without).unwrap_err();
    assert!(
        error.starts_with("sbc.yaml:1:1: missing key `srs` at the top level"),
        "{error}"
    );
    let with = "srs: { listen: \"127.0.0.1:5070\", dir: recordings }\n";
    assert!(alone(&format!("{without}{with}")).is_ok());
    // What is wrong with the section is said once.
    let broken = alone("srs: { dir: recordings }\n").unwrap_err();
    assert!(!broken.contains("`srs`"), "{broken}");
}

#[test]
fn aliases_cannot_fill_the_memory() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..9 {
        let before = format!("*a{}", n - 1);
        let items = vec![before; 10].join(", ");
        text.push_str(&format!("a{n}: &a{n} [{items}]\n"));
    }
    let error = printed(&text);
    assert!(error.contains("aliases make the file too large"), "{error}");
    let error = printed(&"[".repeat(40));
    assert!(error.contains("nested too deeply"), "{error}");
    let error = printed(&"[".repeat(100_000));
    assert!(
        error.starts_with("sbc.yaml:1:") && error.len() < 1000,
        "{error}"
    );
}

const EXAMPLE: &str = include_str!("../../examples/carrier-pbx-recorders.yaml");

proptest! {
    #[test]
    fn no_damage_to_a_file_makes_the_loader_panic(
        damage in prop::collection::vec((0..EXAMPLE.len(), 0..4u8, any::<char>()), 1..6)
    ) {
        let mut text: Vec<char> = EXAMPLE.chars().collect();
        for (at, kind, c) in damage {
            let at = at.min(text.len().saturating_sub(1));
            match kind {
                0 => { text.remove(at); }
                1 => text.insert(at, c),
                2 => text[at] = c,
                _ => { let other = text[(at * 7) % text.len()]; text[at] = other; }
            }
        }
        let text: String = text.into_iter().collect();
        printed(&text);
    }

    #[test]
    fn no_text_at_all_makes_the_loader_panic(text in ".{0,200}") {
        printed(&text);
    }
}

#[test]
fn no_error_text_commands_the_terminal() {
    let text = "profiles: { \"a\\e[31m\": { extends: \"\\u202e\\e[2J\" } }\n\
                # \u{202e}\nroutes: \u{202e}\n";
    let said = match Loaded::from_text("sbc.yaml", text).map(|l| l.compile(&fake::Fake::default()))
    {
        Ok(Err(errors)) | Err(errors) => errors.to_string(),
        Ok(Ok(_)) => panic!("it is refused"),
    };
    let obeyed = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!said.contains(obeyed), "{said:?}");
    assert!(said.contains('\u{fffd}'), "{said:?}");
}
