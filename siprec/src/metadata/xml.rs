//! XML as a small tree: what of it a metadata reader may be given.
//!
//! No DOCTYPE, no entities but the five of XML and character references, bounded in size, depth and
//! number of elements. Prefixes are dropped: clients put the same elements into several namespaces.

use super::read::ReadError;
use crate::limits;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

/// An element: local names, text of its own without that of its children.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) text: String,
    pub(super) children: Vec<Self>,
}

impl Element {
    /// The first of these attributes that is there, trimmed.
    pub(super) fn attribute(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| {
            let found = self.attributes.iter().find(|(n, _)| n == name)?;
            Some(found.1.trim())
        })
    }

    /// The children of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |c| c.name == name)
    }

    /// The text of the first child of this name, trimmed; nothing where it is empty.
    pub(super) fn child_text(&self, name: &str) -> Option<String> {
        let text = self.children.iter().find(|c| c.name == name)?.text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// The root element.
pub(super) fn parse(text: &str) -> Result<Element, ReadError> {
    if text.len() > limits::XML_BYTES {
        return Err(ReadError::Limit("256 KiB"));
    }
    // Some clients put blanks before the declaration, which XML forbids.
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}').trim_start());
    reader.config_mut().allow_dangling_amp = true; // OpenSIPS does not escape display names
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut elements = 0;
    loop {
        let event = reader
            .read_event()
            .map_err(|e| ReadError::Xml(e.to_string()))?;
        match event {
            Event::Start(_) | Event::Empty(_) if root.is_some() => {
                return Err(ReadError::SecondRoot);
            }
            Event::Start(start) => {
                if open.len() >= limits::XML_DEPTH {
                    return Err(ReadError::Limit("32 nested elements"));
                }
                open.push(element(&start, &mut elements)?);
            }
            Event::Empty(start) => {
                let empty = element(&start, &mut elements)?;
                close(&mut open, &mut root, empty);
            }
            Event::End(_) => {
                if let Some(done) = open.pop() {
                    close(&mut open, &mut root, done);
                }
            }
            Event::Text(text) => append(&mut open, &text.xml10_content())?,
            Event::CData(text) => append(&mut open, &text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let c = character(&reference)?;
                append(&mut open, c.encode_utf8(&mut [0; 4]))?;
            }
            Event::DocType(_) => return Err(ReadError::DocType),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof if open.is_empty() => return root.ok_or(ReadError::Empty),
            Event::Eof => return Err(ReadError::Truncated),
        }
    }
}

fn element(start: &BytesStart<'_>, elements: &mut usize) -> Result<Element, ReadError> {
    *elements += 1;
    if *elements > limits::XML_ELEMENTS {
        return Err(ReadError::Limit("8192 elements"));
    }
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|e| ReadError::Xml(e.to_string()))?;
        if attributes.len() == limits::XML_ATTRIBUTES {
            return Err(ReadError::Limit("64 attributes"));
        }
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|e| ReadError::Xml(e.to_string()))?;
        let name = attribute.key.local_name().as_ref().to_owned();
        attributes.push((name, value.into_owned()));
    }
    Ok(Element {
        name: start.local_name().as_ref().to_owned(),
        attributes,
        ..Element::default()
    })
}

fn close(open: &mut [Element], root: &mut Option<Element>, done: Element) {
    match open.last_mut() {
        Some(parent) => parent.children.push(done),
        None => *root = Some(done),
    }
}

/// Text outside the root is dropped where it is white space.
fn append(open: &mut [Element], text: &str) -> Result<(), ReadError> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(ReadError::TextOutside),
    }
    Ok(())
}

/// What `&name;` stands for: a character reference, or one of the five of XML 1.0 §4.6.
fn character(reference: &BytesRef<'_>) -> Result<char, ReadError> {
    let resolved = reference
        .resolve_char_ref()
        .map_err(|e| ReadError::Xml(e.to_string()))?;
    if let Some(c) = resolved {
        return Ok(c);
    }
    match reference.xml10_content().as_ref() {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(ReadError::Entity),
    }
}
