//! From YAML text to a tree that keeps positions. The only module that knows the YAML crate.
//!
//! The tree holds every entry of a map in order, twice-written keys included, so that its reader
//! can report all of them. Scalars stay text: what `0123` means is decided by who reads it.

use crate::limits;
use crate::syntax;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};
use std::collections::HashMap;

/// Characters of a value that an error text quotes.
pub(crate) const QUOTED: usize = 40;

/// Where something stands in its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Characters on that line.
    pub length: u32,
    /// Which key or value of the tree it is; unique but for copies made by aliases.
    pub(crate) id: u32,
    /// Whether it goes on in the next line.
    pub(crate) goes_on: bool,
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) data: Data,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar; `plain` where it was not quoted.
    Scalar { text: Box<str>, plain: bool },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in order, with keys that stand twice.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Box<str>,
    pub(crate) at: Position,
    pub(crate) value: Node,
}

impl Node {
    /// What it is, for error texts.
    pub(crate) fn describe(&self) -> String {
        match &self.data {
            Data::Null => "nothing".to_owned(),
            Data::Scalar { text, .. } if text.chars().count() > QUOTED => {
                let start: String = text.chars().take(QUOTED).collect();
                format!("`{start}...`")
            }
            Data::Scalar { text, .. } => format!("`{text}`"),
            Data::List(_) => "a list".to_owned(),
            Data::Map(_) => "a map".to_owned(),
        }
    }

    /// The path of a key or value below this node, `trunks.carrier.targets[0]`, and how much of it
    /// is the path of the map or list that holds it.
    pub(crate) fn path_of(&self, id: u32) -> Option<(String, usize)> {
        let mut path = String::new();
        let mut parent = 0;
        self.find(id, &mut path, &mut parent)
            .then_some((path, parent))
    }

    fn find(&self, id: u32, path: &mut String, parent: &mut usize) -> bool {
        if self.at.id == id {
            return true;
        }
        let length = path.len();
        *parent = length;
        match &self.data {
            Data::Null | Data::Scalar { .. } => {}
            Data::List(items) => {
                for (n, item) in items.iter().enumerate() {
                    path.push_str(&format!("[{n}]"));
                    if item.find(id, path, parent) {
                        return true;
                    }
                    *parent = length;
                    path.truncate(length);
                }
            }
            Data::Map(entries) => {
                for entry in entries {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(&entry.key);
                    if entry.at.id == id || entry.value.find(id, path, parent) {
                        return true;
                    }
                    *parent = length;
                    path.truncate(length);
                }
            }
        }
        false
    }

    fn count(&self) -> usize {
        1 + match &self.data {
            Data::Null | Data::Scalar { .. } => 0,
            Data::List(items) => items.iter().map(Self::count).sum(),
            Data::Map(entries) => entries.iter().map(|e| 1 + e.value.count()).sum(),
        }
    }
}

/// Text that is no YAML tree.
#[derive(Clone, Debug)]
pub(crate) struct SyntaxError {
    pub(crate) at: Position,
    pub(crate) message: String,
    pub(crate) hint: String,
    /// Whether the text breaks the rules of YAML, and not only ours.
    pub(crate) is_syntax: bool,
}

/// What the files of one configuration use up together.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    /// The last id that was given away.
    ids: u32,
    /// Nodes that aliases added.
    copied: usize,
}

impl Budget {
    /// The id of the next key or value that is read.
    pub(crate) fn next_id(&self) -> u32 {
        self.ids + 1
    }

    fn id(&mut self) -> u32 {
        self.ids += 1;
        self.ids
    }
}

/// Reads a file of one document. An empty file is an empty map.
pub(crate) fn parse(text: &str, budget: &mut Budget) -> Result<Node, SyntaxError> {
    let mut builder = Builder::new(budget);
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => builder.take(event, span)?,
            Err(error) => {
                let at = builder.position(Span::empty(*error.marker()));
                let error = SyntaxError {
                    at: last_text(text, at),
                    message: format!("this is not YAML: {}", error.info()),
                    hint: String::new(),
                    is_syntax: true,
                };
                return Err(syntax::blame(text, error));
            }
        }
    }
    let at = Position {
        line: 1,
        column: 1,
        length: 1,
        id: builder.budget.id(),
        goes_on: false,
    };
    let data = Data::Map(Vec::new());
    Ok(builder.root.unwrap_or(Node { at, data }))
}

/// A collection that is not finished.
enum Open {
    List(Vec<Node>),
    Map(Vec<Entry>, Option<(Box<str>, Position)>),
}

struct Builder<'b> {
    stack: Vec<(Open, Position, usize)>,
    anchors: HashMap<usize, Node>,
    documents: usize,
    budget: &'b mut Budget,
    root: Option<Node>,
}

impl<'b> Builder<'b> {
    fn new(budget: &'b mut Budget) -> Self {
        Self {
            stack: Vec::new(),
            anchors: HashMap::new(),
            documents: 0,
            budget,
            root: None,
        }
    }

    fn position(&mut self, span: Span) -> Position {
        let length = if span.start.line() == span.end.line() {
            span.end.col().saturating_sub(span.start.col())
        } else {
            1
        };
        Position {
            line: number(span.start.line()).max(1),
            column: number(span.start.col()) + 1,
            length: number(length).max(1),
            id: self.budget.id(),
            goes_on: span.start.line() != span.end.line(),
        }
    }

    fn error(&mut self, at: Marker, message: &str) -> SyntaxError {
        SyntaxError {
            at: self.position(Span::empty(at)),
            message: message.to_owned(),
            hint: String::new(),
            is_syntax: false,
        }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), SyntaxError> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(self.error(span.start, "a file holds one document; remove `---`"));
                }
                Ok(())
            }
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                Err(self.error(span.start, "tags (`!name`) are not supported"))
            }
            Event::Scalar(text, style, anchor, None) => {
                let plain = style == ScalarStyle::Plain;
                let data = match &*text {
                    "" | "~" | "null" if plain => Data::Null,
                    text => Data::Scalar {
                        text: text.into(),
                        plain,
                    },
                };
                let at = self.position(span);
                self.put(Node { at, data }, anchor, span)
            }
            Event::SequenceStart(anchor, None) => self.open(Open::List(Vec::new()), anchor, span),
            Event::MappingStart(anchor, None) => {
                self.open(Open::Map(Vec::new(), None), anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some((open, at, anchor)) = self.stack.pop() else {
                    return Ok(());
                };
                let data = match open {
                    Open::List(items) => Data::List(items),
                    Open::Map(entries, _) => Data::Map(entries),
                };
                self.put(Node { at, data }, anchor, span)
            }
            Event::Alias(anchor) => self.copy(anchor, span),
        }
    }

    fn open(&mut self, open: Open, anchor: usize, span: Span) -> Result<(), SyntaxError> {
        if self.stack.len() >= limits::NESTING {
            return Err(self.error(span.start, "nested too deeply"));
        }
        let at = self.position(Span::empty(span.start));
        self.stack.push((open, at, anchor));
        Ok(())
    }

    fn copy(&mut self, anchor: usize, span: Span) -> Result<(), SyntaxError> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(self.error(span.start, "an alias inside of what it names"));
        };
        self.budget.copied += node.count();
        if self.budget.copied > limits::ALIAS_NODES {
            return Err(self.error(span.start, "aliases make the file too large"));
        }
        let node = node.clone();
        self.put(node, 0, span)
    }

    fn put(&mut self, node: Node, anchor: usize, span: Span) -> Result<(), SyntaxError> {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some((Open::List(items), ..)) => items.push(node),
            Some((Open::Map(entries, key), ..)) => match (key.take(), node.data) {
                (Some((key, at)), data) => entries.push(Entry {
                    key,
                    at,
                    value: Node { at: node.at, data },
                }),
                (None, Data::Scalar { text, .. }) => *key = Some((text, node.at)),
                (None, _) => return Err(self.error(span.start, "a key must be a name")),
            },
        }
        Ok(())
    }
}

/// What is missing at the end of a file is missing behind the last line that is not blank.
fn last_text(text: &str, at: Position) -> Position {
    let lines: Vec<&str> = text.lines().take(at.line as usize).collect();
    if lines.len() == at.line as usize && lines.last().is_some_and(|l| !l.trim().is_empty()) {
        return at;
    }
    let Some(last) = lines.iter().rposition(|line| !line.trim().is_empty()) else {
        return at;
    };
    Position {
        line: number(last) + 1,
        column: number(lines[last].trim_end().chars().count()) + 1,
        length: 1,
        ..at
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
