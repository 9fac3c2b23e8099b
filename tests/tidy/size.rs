//! Length of files, functions and lines.

use crate::mask::{is_word, words};
use crate::none;
use crate::tree::rust;

/// Lines of a file at which it is worth asking whether it holds two things.
const FILE_SOFT: usize = 500;
/// Lines that no file may exceed, tests included.
const FILE_HARD: usize = 800;
/// Lines of code in the body of a function; blank lines and comments do not count.
const FUNCTION: usize = 70;
/// Characters of a line. rustfmt keeps code under it, but leaves long strings and comments alone.
/// The row of a table in a comment cannot be broken: the tables of the machines are exempt.
const LINE: usize = 100;

#[test]
fn no_file_is_longer_than_800_lines() {
    let mut breaches = Vec::new();
    for file in rust() {
        let lines = file.text.lines().count();
        if lines > FILE_HARD {
            breaches.push(format!(
                "{}: {lines} lines, at most {FILE_HARD}: split it",
                file.path
            ));
        } else if lines > FILE_SOFT {
            println!(
                "note: {} has {lines} lines: does it hold two things?",
                file.path
            );
        }
    }
    none(&breaches);
}

#[test]
fn no_function_is_longer_than_70_lines() {
    let mut breaches = Vec::new();
    for file in rust() {
        for (at, lines) in functions(&file.code) {
            if lines > FUNCTION {
                let place = file.place(at);
                breaches.push(format!(
                    "{place}: function of {lines} lines, at most {FUNCTION}"
                ));
            }
        }
        let exempt = concat!("clippy::too_many", "_lines");
        for (at, _) in file.text.match_indices(exempt) {
            breaches.push(format!("{}: {exempt} has no exceptions", file.place(at)));
        }
    }
    none(&breaches);
}

#[test]
fn no_line_is_longer_than_100_characters() {
    let mut breaches = Vec::new();
    for file in rust() {
        for (number, line) in file.text.lines().enumerate() {
            let length = line.chars().count();
            let row = line.trim_start().starts_with("//") && line.ends_with('|');
            if length > LINE && !row {
                breaches.push(format!("{}:{}: {length} characters", file.path, number + 1));
            }
        }
    }
    none(&breaches);
}

/// Each function with a body: where its `fn` stands, and how many lines of code the body has.
fn functions(code: &str) -> Vec<(usize, usize)> {
    words(code, "fn")
        .filter_map(|at| {
            let open = at + body(&code[at..])?;
            let inside = &code[open + 1..open + closing_brace(&code[open..])];
            let lines = inside
                .lines()
                .filter(|line| !line.trim().is_empty())
                .count();
            Some((at, lines))
        })
        .collect()
}

/// Where the body opens of the function that `code` begins with; none of a bare declaration or of
/// a type `fn(..)`.
fn body(code: &str) -> Option<usize> {
    let name = code.strip_prefix("fn ")?.bytes().next()?;
    if !is_word(name) {
        return None;
    }
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.checked_sub(1)?,
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Where the brace that `code` begins with is closed.
fn closing_brace(code: &str) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    code.len()
}

#[test]
fn functions_are_measured_without_blank_lines_and_comments() {
    let text = "fn a<T: Iterator<Item = u8>>(x: [u8; 2]) -> u8\nwhere\n    T: Fn(u8, u8),\n{\n\
                \n    // why\n    let s = \"{\";\n    0\n}\nfn b();\nstruct S { f: fn(u8) }\n\
                fn c() { fn d() {} }\n";
    let found = functions(&crate::mask::mask(text));
    let lines: Vec<usize> = found.iter().map(|found| found.1).collect();
    assert_eq!(lines, [2, 1, 0]);
}
