//! More than 1,000 mistakes in a sound configuration: each is found, at the line that it is in, and
//! nothing else is said.

mod fake;
mod mutate;

use mutate::{Dice, FULL, Kind, Mistake};
use policies::schema::KEYS;
use policies::{Loaded, Problem};
use std::collections::BTreeMap;

fn table(path: &str) -> Option<(&'static str, bool)> {
    let key = KEYS.iter().find(|key| key.path == path)?;
    Some((key.kind, key.default.is_empty() && key.built))
}

/// What is said of a text: the lines, and the whole of it. Warnings where there are no errors.
fn said(text: &str) -> (Vec<usize>, String) {
    let registry = fake::Fake::default();
    let loaded = Loaded::from_text("full.yaml", text).and_then(|l| l.compile(&registry));
    let problems: Vec<Problem> = match loaded {
        Ok(compiled) => compiled.warnings,
        Err(errors) => errors.iter().cloned().collect(),
    };
    let positions = problems.iter().filter_map(Problem::position);
    let lines = positions.map(|at| at.line as usize).collect();
    let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
    (lines, texts.join("\n"))
}

#[test]
fn the_sample_itself_is_sound() {
    assert_eq!(said(FULL), (Vec::new(), String::new()));
}

#[test]
fn of_a_thousand_mistakes_at_least_95_percent_are_told_with_their_line_and_nothing_else() {
    let mistakes = mutate::all(&table);
    assert!(mistakes.len() >= 1_000, "{} mistakes", mistakes.len());
    let mut of_kind: BTreeMap<Kind, (usize, usize)> = BTreeMap::new();
    let mut elsewhere = Vec::new();
    for mistake in &mistakes {
        let (lines, text) = said(&mistake.text());
        let (all, right) = of_kind.entry(mistake.kind).or_default();
        *all += 1;
        if !lines.is_empty() && lines.iter().all(|line| *line == mistake.line) {
            *right += 1;
        } else {
            let (kind, what, line) = (mistake.kind, &mistake.what, mistake.line);
            elsewhere.push(format!("{kind:?} {what} (line {line}): {lines:?}\n{text}"));
        }
        // One letter of a key or of a name is told apart whatever else is said.
        if let Some(meant) = &mistake.meant {
            let suggested = text.split("did you mean ").skip(1);
            let mut suggested = suggested.filter_map(|rest| rest.split('?').next());
            assert!(
                suggested.any(|names| names.contains(&format!("`{meant}`"))),
                "{}: {meant} is not suggested in\n{text}",
                mistake.what
            );
        }
    }
    let (all, wrong) = (mistakes.len(), elsewhere.len());
    println!("{all} mistakes, {wrong} told elsewhere; of each kind, all and right: {of_kind:?}");
    assert!(
        (all - wrong) * 100 >= all * 95,
        "{wrong} of {all}: {}",
        elsewhere.join("\n\n")
    );
}

/// Whether the texts of two mistakes touch, so that one could hide the other: two in one line, in
/// one value, or one in what the other leaves out.
fn is_apart(one: &Mistake, others: &[&Mistake]) -> bool {
    others.iter().all(|other| {
        let hides = is_below(one, other) || is_below(other, one);
        let (one, other) = (&one.at, &other.at);
        let touch = one.start < other.end + 200 && other.start < one.end + 200;
        !touch && !hides
    })
}

/// Whether a mistake is in what hangs below the line of another: an unknown key is not looked into.
fn is_below(inner: &Mistake, outer: &Mistake) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = FULL.lines().skip(outer.line - 1);
    let own = lines.next().map_or(0, indent);
    let below = lines.take_while(|line| line.trim().is_empty() || indent(line) > own);
    (outer.line + 1..=outer.line + below.count()).contains(&inner.line)
}

/// Whether an offset is in a line that is not of the top level.
fn is_below_the_top(at: usize) -> bool {
    let line = FULL.lines().nth(mutate::scan::line_of(FULL, at) - 1);
    line.is_some_and(|line| line.starts_with(' '))
}

#[test]
fn several_mistakes_are_told_all_at_once() {
    let mistakes = mutate::all(&table);
    // A text that is no YAML has one error; a missing name may be asked for elsewhere.
    let kinds = [Kind::Key, Kind::Name, Kind::Value, Kind::Unknown];
    let words: Vec<&Mistake> = mistakes
        .iter()
        .filter(|m| kinds.contains(&m.kind) && !m.by.contains(['{', '"']))
        // What is in a section that is not there is not looked at.
        .filter(|m| is_below_the_top(m.at.start))
        .collect();
    let mut dice = Dice::new(7);
    for _ in 0..100 {
        let mut chosen: Vec<&Mistake> = Vec::new();
        for _ in 0..30 {
            let next = words[dice.below(words.len())];
            if chosen.len() < 5 && is_apart(next, &chosen) {
                chosen.push(next);
            }
        }
        assert!(chosen.len() > 2);
        chosen.sort_by_key(|m| std::cmp::Reverse(m.at.start));
        let mut text = FULL.to_owned();
        for mistake in &chosen {
            text.replace_range(mistake.at.clone(), &mistake.by);
        }
        let (lines, printed) = said(&text);
        for mistake in &chosen {
            assert!(
                lines.contains(&mistake.line),
                "{} (line {}) is not in\n{printed}",
                mistake.what,
                mistake.line
            );
        }
    }
}
