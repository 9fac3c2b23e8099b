//! Mistakes: a sound configuration with one thing changed, and what must be said of it.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file uses a part of it"
)]

pub(crate) mod scan;

use scan::{Key, Scan, line_of};

/// The sample: everything that a configuration can say.
pub(crate) const FULL: &str = include_str!("full.yaml");

/// A kind of mistake.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// One letter of a key.
    Key,
    /// One letter of a name that refers to something, or of a word.
    Name,
    /// A key that must be there is not.
    Missing,
    /// A key stands twice.
    Twice,
    /// A scalar where a collection belongs, or the other way round.
    Type,
    /// A value that is none.
    Value,
    /// A name that refers to nothing.
    Unknown,
    /// A line begins too far to the left or to the right, or with a tab.
    Indent,
    /// A bracket, a quote, a colon or a comma is not there.
    Sign,
}

/// A mistake.
#[derive(Clone, Debug)]
pub(crate) struct Mistake {
    pub(crate) kind: Kind,
    /// What was done, for the report of a test.
    pub(crate) what: String,
    /// What of the sample was replaced, and by what.
    pub(crate) at: std::ops::Range<usize>,
    pub(crate) by: String,
    /// The line that must be named.
    pub(crate) line: usize,
    /// The name that must be suggested.
    pub(crate) meant: Option<String>,
}

impl Mistake {
    /// The sample with this mistake.
    pub(crate) fn text(&self) -> String {
        let mut text = FULL.to_owned();
        text.replace_range(self.at.clone(), &self.by);
        text
    }
}

/// Numbers that are the same in every run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).expect("a small number")
    }

    fn letter(&mut self) -> char {
        char::from(b'a' + u8::try_from(self.below(26)).expect("a letter"))
    }
}

/// What the loader's table of keys says of a path: the type, and whether it must be there.
pub(crate) type Table<'t> = &'t dyn Fn(&str) -> Option<(&'static str, bool)>;

/// Every mistake that is tried, the same in every run. `is_key` says whether a path is a key, so
/// that no typo is another key by chance.
pub(crate) fn all(table: Table<'_>) -> Vec<Mistake> {
    let scan = scan::scan(FULL);
    let mut dice = Dice::new(4_711);
    let mut all = Vec::new();
    for key in &scan.keys {
        keys(key, table, &mut dice, &mut all);
        missing(&scan, key, table, &mut all);
        twice(key, &mut all);
        types(key, table, &mut all);
    }
    for scalar in &scan.scalars {
        values(scalar, table, &mut dice, &mut all);
    }
    indents(&mut all);
    signs(&mut dice, &mut all);
    all
}

/// A word with one letter deleted, inserted, replaced, or two transposed.
fn typo(word: &str, kind: usize, dice: &mut Dice) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let at = dice.below(letters.len());
    match kind {
        0 => {
            letters.remove(at);
        }
        1 => letters.insert(at, dice.letter()),
        2 => letters[at] = dice.letter(),
        _ => {
            let at = at.min(letters.len() - 2);
            letters.swap(at, at + 1);
        }
    }
    letters.into_iter().collect()
}

/// Paths whose last part the user chose.
fn is_chosen(path: &str) -> bool {
    path.ends_with(".*")
}

fn keys(key: &Key, table: Table<'_>, dice: &mut Dice, all: &mut Vec<Mistake>) {
    if is_chosen(&key.path) {
        return;
    }
    for kind in 0..4 {
        let wrong = loop {
            let wrong = typo(&key.name, kind, dice);
            let path = key.path.strip_suffix(&*key.name).expect("its own name");
            let other = table(&format!("{path}{wrong}"));
            if wrong != key.name && wrong.len() > 1 && other.is_none() {
                break wrong;
            }
            if kind == 0 && key.name.len() == 2 {
                break format!("{}x", key.name);
            }
        };
        all.push(Mistake {
            kind: Kind::Key,
            what: format!("{} -> {wrong}", key.path),
            at: key.at..key.at + key.name.len(),
            by: wrong,
            line: line_of(FULL, key.at),
            meant: Some(key.name.clone()),
        });
    }
}

/// The line of what is around a key.
fn parent_line(scan: &Scan, key: &Key) -> usize {
    let first = || scan.keys.first().map(|k| line_of(FULL, k.at));
    let parent = || key.parent.map(|n| line_of(FULL, scan.keys[n].at));
    key.item.or_else(parent).or_else(first).expect("a line")
}

/// The text of an entry, with the comma or the lines that go with it.
fn entry(key: &Key) -> std::ops::Range<usize> {
    if key.flow {
        let rest = &FULL[key.value.end..];
        let trimmed = rest.trim_start_matches(' ');
        let end = key.value.end + (rest.len() - trimmed.len());
        return match trimmed.strip_prefix(", ") {
            Some(_) => key.at..end + 2,
            None => {
                let before = FULL[..key.at].trim_end_matches([',', ' ']);
                before.len()..end
            }
        };
    }
    let start = FULL[..key.at].rfind('\n').map_or(0, |n| n + 1);
    let end = match FULL[key.value.end.saturating_sub(1)..].find('\n') {
        Some(n) => key.value.end.saturating_sub(1) + n + 1,
        None => FULL.len(),
    };
    let text = FULL[start..end].trim_end_matches('\n');
    start..start + text.len() + 1
}

fn missing(scan: &Scan, key: &Key, table: Table<'_>, all: &mut Vec<Mistake>) {
    let required = table(&key.path).is_some_and(|(_, required)| required);
    let is_item = FULL[..key.at].ends_with("- ");
    if !required || is_item {
        return;
    }
    all.push(Mistake {
        kind: Kind::Missing,
        what: format!("without {}", key.path),
        at: entry(key),
        by: if key.flow && !FULL[entry(key)].ends_with(", ") {
            " ".to_owned()
        } else {
            String::new()
        },
        line: parent_line(scan, key),
        meant: None,
    });
}

fn twice(key: &Key, all: &mut Vec<Mistake>) {
    let line = line_of(FULL, key.at);
    let what = format!("{} twice", key.path);
    if key.flow {
        let text = FULL[key.at..key.value.end].trim_end();
        all.push(Mistake {
            kind: Kind::Twice,
            what,
            at: key.at..key.at,
            by: format!("{text}, "),
            line,
            meant: None,
        });
        return;
    }
    if FULL[..key.at].ends_with("- ") {
        return;
    }
    let entry = entry(key);
    let text = FULL[entry.clone()].to_owned();
    all.push(Mistake {
        kind: Kind::Twice,
        what,
        at: entry.end..entry.end,
        line: line + text.matches('\n').count(),
        by: text,
        meant: None,
    });
}

fn types(key: &Key, table: Table<'_>, all: &mut Vec<Mistake>) {
    let value = FULL[key.value.clone()].trim_end();
    let block = !key.flow && FULL[..key.value.start].ends_with('\n');
    let is_list = value.trim_start().starts_with(['[', '-']);
    let is_map = value.trim_start().starts_with('{') || (block && !is_list);
    let by = match table(&key.path).map(|(kind, _)| kind) {
        // What takes all that a scalar or list can be.
        Some(kind) if kind.contains("or map") => "[ 5 ]",
        _ if key.path.starts_with("control.*.") || key.path.ends_with("control[].max") => return,
        _ if is_list || is_map => "5",
        _ => "{ x: y }",
    };
    // Names in realms and profiles may have nothing below, and then have it all from elsewhere.
    let start = if block {
        key.value.start - 1
    } else {
        key.value.start
    };
    all.push(Mistake {
        kind: Kind::Type,
        what: format!("{}: {by}", key.path),
        at: start..key.value.start + value.len(),
        by: if block {
            format!(" {by}")
        } else {
            by.to_owned()
        },
        line: line_of(FULL, key.at),
        meant: None,
    });
}

/// What is no value of a type; nothing for a type that takes all text.
pub(crate) fn wrong_value(kind: &str) -> Option<&'static str> {
    let wrong = match kind.strip_suffix(", or a list").unwrap_or(kind) {
        "number" | "duration" | "`never` or a number of bytes" => "soon",
        "true or false" => "perhaps",
        "range of ports" => "20000",
        "address" | "address with port" | "address, with or without port" => "somewhere",
        "list of addresses or ranges" => "10.0.0.0/33",
        "regular expression" => "\"((\"",
        "condition" => "\"((\"",
        "SIP URI" | "list of SIP URIs" => "\"http:x\"",
        "template" => "\"${from.user\"",
        "header name" | "header name, or its start and `*`" => "\"a b\"",
        "name" => "\"a b\"",
        "status code" | "status code, or map" => "99",
        "list of status codes and classes" => "6x",
        kind if kind.contains(" or ") && !kind.contains("name of") => "perhaps",
        _ => return None,
    };
    Some(wrong)
}

fn values(scalar: &scan::Scalar, table: Table<'_>, dice: &mut Dice, all: &mut Vec<Mistake>) {
    let text = &FULL[scalar.range.clone()];
    let line = line_of(FULL, scalar.range.start);
    let path = scalar.path.as_str();
    let of_list = path.strip_suffix("[]").unwrap_or(path);
    let Some((kind, _)) = table(path).or_else(|| table(of_list)) else {
        return;
    };
    let mut push = |kind: Kind, by: String, meant: Option<&str>| {
        all.push(Mistake {
            kind,
            what: format!("{path}: {by}"),
            at: scalar.range.clone(),
            by,
            line,
            meant: meant.map(str::to_owned),
        });
    };
    if let Some(wrong) = wrong_value(kind) {
        push(Kind::Value, wrong.to_owned(), None);
    }
    let is_word = kind.contains(" or ") && wrong_value(kind) == Some("perhaps");
    let refers = kind.contains("name of") || kind.contains("names of") || path == "routes[].to[]";
    if refers {
        push(Kind::Unknown, "nowhere".to_owned(), None);
    }
    if (is_word && kind != "true or false") || refers {
        for op in 0..4 {
            let wrong = typo(text, op, dice);
            // By chance a letter may have been replaced by itself.
            let wrong = if wrong == text {
                format!("{text}x")
            } else {
                wrong
            };
            push(Kind::Name, wrong, Some(text));
        }
    }
}

/// Lines that have a neighbour of the same indentation: those that have none may begin where they
/// like.
fn has_neighbour(n: usize, spaces: usize) -> bool {
    let lines: Vec<&str> = FULL.lines().collect();
    let same = |line: &&&str| indent_of(line) == spaces;
    let own = |line: &&&str| !line.trim().is_empty() && indent_of(line) >= spaces;
    lines[n + 1..].iter().take_while(own).any(|l| same(&l))
        || lines[..n].iter().rev().take_while(own).any(|l| same(&l))
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn indents(all: &mut Vec<Mistake>) {
    let mut at = 0;
    for (n, line) in FULL.split_inclusive('\n').enumerate() {
        let spaces = indent_of(line);
        let text = line.trim();
        if spaces > 0 && !text.is_empty() && !text.starts_with('#') {
            for (what, by) in [
                ("less", " ".repeat(spaces - 1)),
                ("more", " ".repeat(spaces + 1)),
                ("a tab", format!("{}\t", " ".repeat(spaces - 1))),
            ] {
                if what != "a tab" && !has_neighbour(n, spaces) {
                    continue;
                }
                all.push(Mistake {
                    kind: Kind::Indent,
                    what: format!("{what}: {text}"),
                    at: at..at + spaces,
                    by,
                    line: n + 1,
                    meant: None,
                });
            }
        }
        at += line.len();
    }
}

fn signs(dice: &mut Dice, all: &mut Vec<Mistake>) {
    for (at, sign) in FULL.char_indices() {
        let line = line_of(FULL, at);
        let text = FULL.lines().nth(line - 1).unwrap_or_default();
        let is_sign = match sign {
            ':' => FULL[at + 1..].starts_with([' ', '\n']),
            '{' => !FULL[..at].ends_with('$') && !FULL[..at].ends_with("\\d"),
            '}' => FULL[..at].ends_with(' '),
            '[' | ']' | '"' | '\'' => true,
            ',' => FULL[at + 1..].starts_with(' '),
            _ => false,
        };
        if is_sign && !text.starts_with('#') && dice.below(2) == 0 {
            all.push(Mistake {
                kind: Kind::Sign,
                what: format!("without {sign} behind {}", &FULL[at - 12..at]),
                at: at..at + 1,
                by: String::new(),
                line,
                meant: None,
            });
        }
    }
}
