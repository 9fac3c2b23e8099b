//! A case: a page of Markdown that can be played.
//!
//! ````text
//! # What the case shows, in one sentence
//!
//! ```yaml
//! sections of a configuration; those that are missing are those of `index.md`
//! ```
//!
//! Nobody takes connections at 10.0.0.20.        before what is sent: TCP is refused there
//! gw.example is 10.0.0.21.                      a name that is looked up
//!
//! `192.0.2.3:5060` to `outside`:                from a peer to a listener: what is sent
//!
//! ```sip
//! ...
//! ```
//!
//! `inside` to `10.0.0.20:5060`:                 the other way: what leaves then
//!
//! ```sip
//! ...
//! ```
//!
//! After 32 s:                                   time passes; what leaves meanwhile follows
//!
//! Refused when it is loaded:                    what `sbc check` says
//!
//! ```text
//! ...
//! ```
//! ````
//!
//! Any other paragraph is for the reader. What leaves, and what `sbc check` says, is written by the
//! run.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const REFUSED: &str = "Refused when it is loaded:";
const WARNED: &str = "Loaded with a warning:";

/// A case.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) title: String,
    pub(crate) pieces: Vec<Piece>,
}

/// A piece of a case.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Piece {
    /// For the reader.
    Text(String),
    Yaml(String),
    /// No connection is taken there.
    Closed(IpAddr),
    /// A name has this address.
    Name(String, IpAddr),
    /// Somebody says something to a listener.
    Say(SocketAddr, String, String),
    /// A listener says something to somebody.
    Hear(String, SocketAddr, String),
    /// Time passes.
    Pass(Duration),
    /// The configuration is refused.
    Refused(String),
    /// The configuration is loaded, and this is odd.
    Warned(String),
}

impl Case {
    pub(crate) fn parse(name: &str, text: &str) -> Self {
        let mut blocks = blocks(text).into_iter().peekable();
        let title = blocks.next().unwrap_or_default();
        let title = title.strip_prefix("# ");
        let title = title.unwrap_or_else(|| panic!("{name}: begins with `# ` and its rule"));
        let mut pieces = Vec::new();
        while let Some(block) = blocks.next() {
            let mut fenced = |kind: &str| {
                let open = format!("```{kind}\n");
                let next = blocks.next().unwrap_or_default();
                let inner = next.strip_prefix(&open).and_then(|b| b.strip_suffix("```"));
                inner
                    .unwrap_or_else(|| panic!("{name}: {kind} block behind \"{block}\""))
                    .to_owned()
            };
            pieces.push(match way(&block) {
                Some((from, to)) => match (from.parse(), to.parse()) {
                    (Ok(from), _) => Piece::Say(from, to, fenced("sip")),
                    (_, Ok(to)) => Piece::Hear(from, to, fenced("sip")),
                    _ => panic!("{name}: no address in \"{block}\""),
                },
                None if block == REFUSED => Piece::Refused(fenced("text")),
                None if block == WARNED => Piece::Warned(fenced("text")),
                None => piece(&block),
            });
        }
        Self {
            title: title.to_owned(),
            pieces,
        }
    }

    /// The case as it stands in its file.
    pub(crate) fn write(&self) -> String {
        format!("# {}\n{}", self.title, self.body())
    }

    /// The case without its title.
    pub(crate) fn body(&self) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            out.push('\n');
            out.push_str(&piece.write());
        }
        out
    }
}

impl Piece {
    fn write(&self) -> String {
        match self {
            Self::Text(text) => format!("{text}\n"),
            Self::Yaml(yaml) => format!("```yaml\n{yaml}```\n"),
            Self::Closed(ip) => format!("Nobody takes connections at {ip}.\n"),
            Self::Name(name, ip) => format!("{name} is {ip}.\n"),
            Self::Say(from, to, sip) => format!("`{from}` to `{to}`:\n\n```sip\n{sip}```\n"),
            Self::Hear(from, to, sip) => format!("`{from}` to `{to}`:\n\n```sip\n{sip}```\n"),
            Self::Pass(time) => format!("After {} s:\n", time.as_secs_f64()),
            Self::Refused(text) => format!("{REFUSED}\n\n```text\n{text}```\n"),
            Self::Warned(text) => format!("{WARNED}\n\n```text\n{text}```\n"),
        }
    }

    /// Whether a run writes it.
    pub(crate) const fn is_outcome(&self) -> bool {
        matches!(self, Self::Hear(..) | Self::Refused(_) | Self::Warned(_))
    }
}

/// Paragraphs and fenced blocks, in order.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let mut block = line.to_owned();
        if line.starts_with("```") {
            block.push('\n');
            for line in lines.by_ref() {
                block.push_str(line);
                if line == "```" {
                    break;
                }
                block.push('\n');
            }
        } else {
            for line in lines.by_ref().take_while(|line| !line.is_empty()) {
                block.push('\n');
                block.push_str(line);
            }
        }
        blocks.push(block);
    }
    blocks
}

/// The two ends of `` `A` to `B`: ``.
fn way(block: &str) -> Option<(String, String)> {
    let inner = block.strip_prefix('`')?.strip_suffix("`:")?;
    let (from, to) = inner.split_once("` to `")?;
    (!to.contains('`')).then(|| (from.to_owned(), to.to_owned()))
}

fn piece(block: &str) -> Piece {
    if let Some(yaml) = block.strip_prefix("```yaml\n") {
        return Piece::Yaml(yaml.trim_end_matches("```").to_owned());
    }
    let inner = |start: &str, end: &str| block.strip_prefix(start)?.strip_suffix(end);
    if let Some(Ok(ip)) = inner("Nobody takes connections at ", ".").map(str::parse) {
        return Piece::Closed(ip);
    }
    if let Some(Ok(seconds)) = inner("After ", " s:").map(str::parse) {
        return Piece::Pass(Duration::from_secs_f64(seconds));
    }
    let named = inner("", ".").and_then(|b| b.split_once(" is "));
    match named.map(|(name, ip)| (name, ip.parse())) {
        Some((name, Ok(ip))) => Piece::Name(name.to_owned(), ip),
        _ => Piece::Text(block.to_owned()),
    }
}
