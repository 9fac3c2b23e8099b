//! Whatever is edited, with whatever text: it reads back as it was meant, and no line end or NUL
//! of a value gets out.

use super::INVITE;
use crate::sip::{
    HeaderName, Message, Method, MultipartWriter, NameAddr, StatusCode, Uri, parse_multipart,
};
use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

#[derive(Clone, Debug)]
enum Edit {
    Push(&'static str, String),
    PushFront(&'static str, String),
    Set(&'static str, String),
    Remove(&'static str),
    Copy(usize),
    Body(String, Vec<u8>),
}

/// Text as somebody might inject it.
fn text() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "\r\n",
        "\n",
        "\r",
        "\0",
        "Via: evil",
        ":",
        " ",
        "\t",
        "x",
        "a b",
        "é",
        "\u{2028}",
        ",",
        ";tag=1",
        "\"",
        "\\",
        "<sip:a@h>",
        "%0d%0a",
    ]);
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn edit() -> impl Strategy<Value = Edit> {
    // Not `From` and its kin: a second one of those is a defect.
    let name = || {
        select(vec![
            "Via",
            "Record-Route",
            "X-Any",
            "x-any",
            "Subject",
            "Contact",
            "Supported",
        ])
    };
    prop_oneof![
        (name(), text()).prop_map(|(name, value)| Edit::Push(name, value)),
        (name(), text()).prop_map(|(name, value)| Edit::PushFront(name, value)),
        (name(), text()).prop_map(|(name, value)| Edit::Set(name, value)),
        name().prop_map(Edit::Remove),
        (0..12_usize).prop_map(Edit::Copy),
        (text(), vec(any::<u8>(), 0..40)).prop_map(|(kind, body)| Edit::Body(kind, body)),
    ]
}

/// What the message should be: its headers by name, and its body.
#[derive(Debug, PartialEq)]
struct Model(Vec<(String, String)>, Bytes);

impl Model {
    fn of(message: &Message) -> Self {
        let lines = message.headers();
        let lines = lines.filter(|line| *line.name != HeaderName::ContentLength);
        let lines = lines.map(|line| {
            let value = String::from_utf8_lossy(line.raw).into_owned();
            (line.name.as_str().to_ascii_lowercase(), value)
        });
        Self(lines.collect(), message.body())
    }

    fn apply(&mut self, edit: &Edit, source: &Self) {
        let taken = |value: &str| !value.contains(['\r', '\n', '\0']);
        let line = |name: &str, value: &str| {
            let value = value.trim_matches([' ', '\t']).to_owned();
            (name.to_ascii_lowercase(), value)
        };
        match edit {
            Edit::Push(name, value) if taken(value) => self.0.push(line(name, value)),
            Edit::PushFront(name, value) if taken(value) => self.0.insert(0, line(name, value)),
            Edit::Set(name, value) if taken(value) => self.set(line(name, value)),
            Edit::Remove(name) => self.remove(name),
            Edit::Copy(index) => self.0.extend(source.0.get(*index).cloned()),
            Edit::Body(kind, body) if taken(kind) => {
                match kind.as_str() {
                    "" => self.remove("content-type"),
                    kind => self.set(line("content-type", kind)),
                }
                self.1 = Bytes::from(body.clone());
            }
            _ => {}
        }
    }

    fn set(&mut self, line: (String, String)) {
        let first = self.0.iter().position(|(name, _)| *name == line.0);
        let at = first.unwrap_or(self.0.len());
        self.0.insert(at, line.clone());
        let mut index = 0;
        self.0.retain(|(name, _)| {
            index += 1;
            index - 1 == at || *name != line.0
        });
    }

    fn remove(&mut self, name: &str) {
        self.0
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }
}

fn perform(message: &mut Message, edit: &Edit, source: &Message) {
    let done = match edit {
        Edit::Push(name, value) => message.push(HeaderName::parse(name), value),
        Edit::PushFront(name, value) => message.push_front(HeaderName::parse(name), value),
        Edit::Set(name, value) => message.set(HeaderName::parse(name), value),
        Edit::Remove(name) => {
            message.remove(&HeaderName::parse(name));
            Ok(())
        }
        Edit::Copy(index) => {
            let lines = source.headers();
            let mut lines = lines.filter(|line| *line.name != HeaderName::ContentLength);
            if let Some(line) = lines.nth(*index) {
                message.push_copy(line);
            }
            Ok(())
        }
        Edit::Body(kind, body) => message.set_body(kind, Bytes::from(body.clone())),
    };
    let value = match edit {
        Edit::Push(_, value) | Edit::PushFront(_, value) | Edit::Set(_, value) => value,
        Edit::Body(kind, _) => kind,
        Edit::Remove(_) | Edit::Copy(_) => "",
    };
    assert_eq!(
        done.is_err(),
        value.contains(['\r', '\n', '\0']),
        "{value:?}"
    );
}

fn invite() -> Message {
    let wire = INVITE
        .replace("Length: 4", "Length: 5")
        .replace('\n', "\r\n");
    Message::parse_datagram(Bytes::from(wire)).unwrap()
}

/// The lines before the body, each ended by CRLF, with no other line end and no NUL.
fn head(message: &Message) -> Vec<String> {
    let bytes = message.to_bytes();
    let head = &bytes[..bytes.len() - message.body().len()];
    let text = String::from_utf8_lossy(head).into_owned();
    let lines = text.strip_suffix("\r\n\r\n").unwrap_or(&text);
    let lines: Vec<String> = lines.split("\r\n").map(str::to_owned).collect();
    for line in &lines {
        assert!(!line.contains(['\r', '\n', '\0']), "{line:?} of {text:?}");
    }
    lines
}

proptest! {
    #[test]
    fn random_edits_read_back_as_they_were_made(edits in vec(edit(), 0..12)) {
        let (source, mut message) = (invite(), invite());
        let of_source = Model::of(&source);
        let mut model = Model::of(&message);
        for edit in &edits {
            perform(&mut message, edit, &source);
            model.apply(edit, &of_source);
        }
        prop_assert_eq!(&Model::of(&message), &model);
        let again = Message::parse_datagram(message.to_bytes()).unwrap();
        prop_assert_eq!(&Model::of(&again), &model);
        prop_assert_eq!(again.branch(), message.branch());
        prop_assert_eq!(again.contact().is_some(), message.contact().is_some());
        prop_assert_eq!(head(&message).len(), 2 + model.0.len());
        prop_assert_eq!(message.size_hint(), message.to_bytes().len());
    }

    #[test]
    fn no_text_of_any_part_ends_a_line(one in text(), other in text()) {
        let mut request = Message::request(Method::parse(&one), &other);
        let mut lines = 1;
        let mut push = |message: &mut Message, name: &str, value: &str| {
            let taken = message.push(HeaderName::parse(name), value).is_ok();
            lines += usize::from(taken);
        };
        let mut uri = Uri::parse("sip:a@example.com").unwrap();
        uri.set_param(&one, Some(&other));
        let mut address = NameAddr::new(&one, uri.clone());
        address.set_param("x", Some(&other));
        push(&mut request, "From", &address.to_string());
        push(&mut request, "To", &format!("<{uri}>"));
        push(&mut request, &one, &other);
        push(&mut request, "Subject", &one);
        // The Content-Length.
        prop_assert_eq!(head(&request).len(), lines + 1);
        for reply in [
            Message::response(StatusCode::of(200), &one),
            Message::reply_to(&request, StatusCode::of(400), &one, Some(&other)),
        ] {
            prop_assert_eq!(head(&reply).len(), 2 + reply.headers().count());
        }
    }

    #[test]
    fn no_type_of_a_part_ends_a_line(kind in text(), disposition in text()) {
        let mut writer = MultipartWriter::new("b0undary".to_owned());
        writer.part(&kind, Some(&disposition), b"one");
        writer.part("text/plain", None, b"two");
        let (content_type, body) = writer.finish();
        let parts = parse_multipart(&content_type, &body).unwrap();
        let bodies: Vec<_> = parts.iter().map(|part| &part.body[..]).collect();
        prop_assert_eq!(bodies, [&b"one"[..], b"two"]);
    }
}
