//! Names for what is drawn at random: the first tag of the SBC is `TAG1` wherever it stands, in
//! what it sends and in what its peers say then.

use sbc_core::sip::{HeaderName, Message};

/// Each value with its name, in the order of their appearance.
#[derive(Debug, Default)]
pub(crate) struct Names {
    given: Vec<(String, String)>,
    /// Everything that peers said: what stands in it is theirs.
    said: String,
}

impl Names {
    /// What a peer says, with values in the place of their names.
    pub(crate) fn filled_in(&mut self, text: &str) -> String {
        let mut filled = text.to_owned();
        // `TAG12` before `TAG1`.
        let mut given: Vec<&(String, String)> = self.given.iter().collect();
        given.sort_by_key(|(_, name)| std::cmp::Reverse(name.len()));
        for (value, name) in given {
            filled = filled.replace(name.as_str(), value);
        }
        self.said.push_str(&filled);
        filled
    }

    /// A message as a page shows it.
    pub(crate) fn shown(&mut self, message: &Message) -> String {
        let owned = |value: Option<&str>| value.map(ToOwned::to_owned);
        let call_id = owned(message.call_id());
        let tags = [owned(message.from_tag()), owned(message.to_tag())];
        self.name("CALL-ID", call_id);
        for tag in tags {
            self.name("TAG", tag);
        }
        self.name("BRANCH", owned(message.branch()));
        let bytes = message.to_bytes();
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut out = String::new();
        let is_length = |line: &str| line.starts_with("Content-Length:");
        for line in head.lines().filter(|line| !is_length(line)) {
            out.push_str(line);
            out.push('\n');
        }
        for (value, name) in &self.given {
            // Short ones are ports and the like, which stand in bodies only.
            if value.len() > 5 {
                out = out.replace(value.as_str(), name);
            }
        }
        if !body.is_empty() {
            out.push('\n');
        }
        for line in body.lines() {
            out.push_str(&self.line_of_body(line));
            out.push('\n');
        }
        out
    }

    fn name(&mut self, kind: &str, value: Option<String>) -> Option<String> {
        let value = value?;
        if let Some((_, name)) = self.given.iter().find(|(given, _)| *given == value) {
            return Some(name.clone());
        }
        if value.is_empty() || self.said.contains(&value) {
            return None;
        }
        let count = self
            .given
            .iter()
            .filter(|(_, n)| n.starts_with(kind))
            .count();
        let name = format!("{kind}{}", count + 1);
        self.given.push((value, name.clone()));
        Some(name)
    }

    /// A line of SDP: its port, or the number of its session.
    fn line_of_body(&mut self, line: &str) -> String {
        let (kind, place) = match line {
            line if line.starts_with("m=") => ("PORT", 1),
            line if line.starts_with("a=rtcp:") => ("PORT", 0),
            line if line.starts_with("o=") => ("SESSION", 1),
            _ => return line.to_owned(),
        };
        let start = line.find([':', '=']).map_or(0, |at| at + 1);
        let start = if line.starts_with("a=") {
            "a=rtcp:".len()
        } else {
            start
        };
        let (key, value) = line.split_at(start);
        let mut words: Vec<String> = value.split(' ').map(ToOwned::to_owned).collect();
        let word = words.get(place).filter(|word| *word != "0").cloned();
        if let Some(name) = self.name(kind, word) {
            words[place] = name;
        }
        format!("{key}{}", words.join(" "))
    }
}

/// Bytes of a message that is written with `\n`, without Content-Length.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let (head, body) = text
        .split_once("\n\n")
        .unwrap_or_else(|| (text.trim_end(), ""));
    let crlf = |text: &str| -> String { text.lines().map(|l| format!("{l}\r\n")).collect() };
    let (head, body) = (crlf(head), crlf(body));
    format!(
        "{head}{}: {}\r\n\r\n{body}",
        HeaderName::ContentLength.as_str(),
        body.len()
    )
    .into()
}
