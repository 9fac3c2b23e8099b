//! Words that the sources must not hold.

use crate::mask::{is_word, words};
use crate::none;
use crate::tree::{File, files, rust};

/// Macros that stand for code that is not there.
const STUBS: [&str; 2] = ["todo", concat!("unimpl", "emented")];
/// Notes about work that is not done: it belongs into an issue.
const NOTES: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
/// Folders of one machine. What is written here has to work for a stranger.
const FOLDERS: [&str; 5] = ["root", "work", "tmp", "home", "Users"];

#[test]
fn nothing_is_left_undone() {
    let mut breaches = Vec::new();
    for file in rust() {
        for stub in STUBS {
            for at in words(&file.code, stub) {
                if file.code[at + stub.len()..].starts_with('!') {
                    breaches.push(format!("{}: {stub}!", file.place(at)));
                }
            }
        }
    }
    for file in files().iter().filter(|file| !file.path.ends_with(".lock")) {
        for note in NOTES {
            for at in words(&file.text, note) {
                breaches.push(format!("{}: {note}: open an issue instead", file.place(at)));
            }
        }
    }
    none(&breaches);
}

#[test]
fn no_test_is_switched_off() {
    let mut breaches = Vec::new();
    for file in rust() {
        for (at, _) in file.code.match_indices("#[ignore") {
            breaches.push(format!("{}: mend the test or remove it", file.place(at)));
        }
    }
    none(&breaches);
}

#[test]
fn nothing_waits_by_sleeping() {
    let mut breaches = Vec::new();
    for file in rust() {
        for at in words(&file.code, "sleep") {
            let called = file.code[at..].starts_with("sleep(");
            let imported = file.code[..at].ends_with("::");
            if called || imported {
                breaches.push(format!(
                    "{}: wait for the event itself, with a deadline; drivers use sleep_until",
                    file.place(at)
                ));
            }
        }
    }
    none(&breaches);
}

#[test]
fn unsafe_code_stands_in_one_folder_only() {
    let mut breaches = Vec::new();
    for file in rust().filter(|file| !file.path.starts_with("media-relay/src/sys")) {
        for at in words(&file.code, "unsafe") {
            breaches.push(format!("{}: only media-relay/src/sys may", file.place(at)));
        }
    }
    none(&breaches);
}

#[test]
fn no_path_of_somebodys_machine_is_written_down() {
    let breaches: Vec<String> = files().iter().flat_map(machine_paths).collect();
    none(&breaches);
}

fn machine_paths(file: &File) -> Vec<String> {
    let bytes = file.text.as_bytes();
    let mut found = Vec::new();
    for folder in FOLDERS {
        let path = format!("/{folder}");
        for (at, _) in file.text.match_indices(&path) {
            let before = at.checked_sub(1).map(|at| bytes[at]);
            let after = bytes.get(at + path.len()).copied();
            // `a/work`, `../work`, `${x}/work` and `https://work` are not absolute.
            let absolute = before.is_none_or(|b| !is_word(b) && !b"./}~*-)<>".contains(&b));
            if absolute && after.is_none_or(|b| !is_word(b) && !b"-.<".contains(&b)) {
                found.push(format!("{}: {path}", file.place(at)));
            }
        }
    }
    found
}

#[test]
fn a_path_is_known_by_what_stands_around_it() {
    let slash = "/";
    let cases = [
        (format!("see {slash}tmp/x"), 1),
        (format!("\"{slash}root\""), 1),
        (
            format!("a{slash}work, {slash}workers, ..{slash}work, </{slash}root>"),
            0,
        ),
    ];
    for (text, count) in cases {
        let file = File {
            path: "x".into(),
            text,
            code: String::new(),
        };
        assert_eq!(machine_paths(&file).len(), count, "{}", file.text);
    }
}
