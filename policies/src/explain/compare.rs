//! An outgoing message beside the incoming one: header by header, whatever order they stand in; the
//! body line by line.

use super::Line;
use sbc_core::sip::{HeaderName, Message};

/// The lines of both, those of one header together.
pub(super) fn messages(incoming: &Message, outgoing: &Message) -> Vec<Line> {
    let mut lines = Vec::new();
    change(&mut lines, &[first_line(incoming)], &[first_line(outgoing)]);
    let mut names: Vec<&HeaderName> = Vec::new();
    for line in incoming.headers().chain(outgoing.headers()) {
        if !names.contains(&line.name) {
            names.push(line.name);
        }
    }
    let (mut incoming_of, mut outgoing_of) = (of(incoming), of(outgoing));
    for name in names {
        change(&mut lines, &incoming_of(name), &outgoing_of(name));
    }
    let (before, after) = (body(incoming), body(outgoing));
    if !before.is_empty() || !after.is_empty() {
        lines.push(Line::Same(String::new()));
        texts(&mut lines, &before, &after);
    }
    lines
}

fn first_line(message: &Message) -> String {
    let bytes = message.to_bytes();
    let text = String::from_utf8_lossy(&bytes);
    text.lines().next().unwrap_or_default().to_owned()
}

fn of(message: &Message) -> impl FnMut(&HeaderName) -> Vec<String> {
    move |name| {
        let lines = message.headers().filter(|line| line.name == name);
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        lines
            .map(|line| format!("{}: {}", line.name.as_str(), text(line.raw)))
            .collect()
    }
}

fn body(message: &Message) -> Vec<String> {
    let body = message.body();
    let text = String::from_utf8_lossy(&body);
    text.lines().map(str::to_owned).collect()
}

/// All of the one, then all of the other, unless they are the same.
fn change(lines: &mut Vec<Line>, before: &[String], after: &[String]) {
    if before == after {
        lines.extend(before.iter().cloned().map(Line::Same));
        return;
    }
    lines.extend(before.iter().cloned().map(Line::Gone));
    lines.extend(after.iter().cloned().map(Line::New));
}

/// The longest lines that both have in common stay, as in `diff`.
fn texts(lines: &mut Vec<Line>, before: &[String], after: &[String]) {
    let (rows, columns) = (before.len(), after.len());
    if rows.saturating_mul(columns) > crate::limits::COMPARED {
        return change(lines, before, after);
    }
    // How many lines both have in common from here on.
    let mut common = vec![vec![0_u16; columns + 1]; rows + 1];
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            common[i][j] = if before[i] == after[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < rows || j < columns {
        let is_gone = j == columns || (i < rows && common[i + 1][j] >= common[i][j + 1]);
        if i < rows && j < columns && before[i] == after[j] {
            lines.push(Line::Same(before[i].clone()));
            (i, j) = (i + 1, j + 1);
        } else if is_gone {
            lines.push(Line::Gone(before[i].clone()));
            i += 1;
        } else {
            lines.push(Line::New(after[j].clone()));
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(before: &str, after: &str) -> String {
        let split = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        let mut lines = Vec::new();
        texts(&mut lines, &split(before), &split(after));
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lines_that_both_have_stay_and_others_go_and_come() {
        assert_eq!(compared("abcd", "abcd"), "  a  b  c  d");
        assert_eq!(compared("abcd", "axcd"), "  a- b+ x  c  d");
        assert_eq!(compared("ab", "abc"), "  a  b+ c");
        assert_eq!(compared("", "a"), "+ a");
        assert_eq!(compared("a", ""), "- a");
    }

    #[test]
    fn texts_beyond_the_bound_are_shown_one_behind_the_other() {
        let long = "x".repeat(1_001);
        let both = compared(&long, &format!("{long}y"));
        assert!(both.starts_with("- x- x"), "{both}");
        let short = "x".repeat(1_000);
        assert!(compared(&short, &short).starts_with("  x"));
    }
}
