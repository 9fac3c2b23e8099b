//! Answers as people read them.

use serde_json::Value;

/// Columns that are as wide as their widest cell, under headings in capitals where there are any.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(headings: &[&str]) -> Self {
        let headings: Vec<_> = headings.iter().map(|h| h.to_uppercase()).collect();
        let rows = if headings.is_empty() {
            Vec::new()
        } else {
            vec![headings]
        };
        Self { rows }
    }

    pub(super) fn row(&mut self, cells: &[&Value]) {
        self.rows
            .push(cells.iter().map(|cell| shown(cell)).collect());
    }

    /// With a line end behind each row.
    pub(super) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let widths = cells.map(|cell: &String| cell.chars().count());
            widths.max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut out = String::new();
        for row in &self.rows {
            let start = out.len();
            for (cell, width) in row.iter().zip(&widths) {
                out.push_str(&format!("{cell:width$}  "));
            }
            out.truncate(start + out[start..].trim_end().len());
            out.push('\n');
        }
        out
    }
}

/// A value as a cell: what there is not is a dash. Parties write what stands in some of them:
/// nothing of it may command the terminal.
pub(super) fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => return "-".to_owned(),
        Value::String(text) if text.is_empty() => return "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    printable(&text)
}

/// The text with each control character but the line end replaced.
pub(super) fn printable(text: &str) -> String {
    let harmless = |c: char| {
        if c.is_control() && c != '\n' {
            '\u{fffd}'
        } else {
            c
        }
    };
    text.chars().map(harmless).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_aligned_and_nothing_stands_behind_the_last() {
        let mut table = Table::new(&["id", "state", "to"]);
        table.row(&[&json!("a-long-id"), &json!("trying"), &json!(null)]);
        table.row(&[&json!("b"), &json!("answered"), &json!("sip:b")]);
        let expected = "ID         STATE     TO\n\
                        a-long-id  trying    -\n\
                        b          answered  sip:b\n";
        assert_eq!(table.render(), expected);
    }

    #[test]
    fn what_a_party_wrote_does_not_command_the_terminal() {
        let cell = shown(&json!("sip:\u{1b}[2J\u{9b}m\u{7}@x"));
        assert_eq!(cell, "sip:\u{fffd}[2J\u{fffd}m\u{fffd}@x");
    }
}
