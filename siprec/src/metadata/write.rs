//! Prints a document in the order that the schema of RFC 7865 §9 demands.

use super::model::{
    DataMode, Id, Participant, ParticipantSession, ParticipantStream, Recording, Session, Stream,
    Times,
};

/// The media type of a document (RFC 7865 §5, RFC 9806).
pub const MEDIA_TYPE: &str = "application/rs-metadata+xml";

/// The namespace of our one extension element, `call-id` in `session`.
const EXTENSION: &str = "urn:x-sbc:recording:1";

/// The document as UTF-8 with its XML declaration. Every text is escaped; characters that XML 1.0
/// cannot hold (§2.2: most control characters) become U+FFFD.
#[must_use]
pub fn write(recording: &Recording) -> String {
    let mut xml = Xml(String::with_capacity(2048));
    xml.0.push_str(concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n",
        "<recording xmlns=\"urn:ietf:params:xml:ns:recording:1\">\r\n"
    ));
    let mode = match recording.mode {
        DataMode::Complete => "complete",
        DataMode::Partial => "partial",
    };
    xml.text("datamode", mode).end_line();
    for session in &recording.sessions {
        xml.session(session);
    }
    for participant in &recording.participants {
        xml.participant(participant);
    }
    for stream in &recording.streams {
        xml.stream(stream);
    }
    for assoc in &recording.session_recordings {
        xml.open("sessionrecordingassoc", &[("session_id", &assoc.session)])
            .times(&assoc.times)
            .close("sessionrecordingassoc");
    }
    for assoc in &recording.participant_sessions {
        xml.participant_session(assoc);
    }
    for assoc in &recording.participant_streams {
        xml.participant_stream(assoc);
    }
    xml.0.push_str("</recording>\r\n");
    xml.0
}

/// A document in the making. Element and attribute names are ours, values anybody's.
struct Xml(String);

impl Xml {
    fn session(&mut self, session: &Session) {
        self.open("session", &[("session_id", &session.id)]);
        for id in &session.sip_session_ids {
            self.text("sipSessionID", id);
        }
        self.optional("start-time", session.start_time.as_deref());
        self.optional("stop-time", session.stop_time.as_deref());
        if let Some(call_id) = &session.call_id {
            self.0.push_str("<call-id");
            self.attribute("xmlns", EXTENSION);
            self.0.push('>');
            self.escaped(call_id);
            self.0.push_str("</call-id>");
        }
        self.close("session");
    }

    fn participant(&mut self, participant: &Participant) {
        self.open("participant", &[("participant_id", &participant.id)]);
        for name in &participant.names {
            self.0.push_str("<nameID");
            self.attribute("aor", &name.aor);
            self.0.push('>');
            if !name.name.is_empty() {
                self.text("name", &name.name);
            }
            self.0.push_str("</nameID>");
        }
        self.close("participant");
    }

    fn stream(&mut self, stream: &Stream) {
        match &stream.session {
            Some(session) => self.open(
                "stream",
                &[("stream_id", &stream.id), ("session_id", session)],
            ),
            None => self.open("stream", &[("stream_id", &stream.id)]),
        };
        self.optional("label", stream.label.as_deref())
            .close("stream");
    }

    fn participant_session(&mut self, assoc: &ParticipantSession) {
        self.open(
            "participantsessionassoc",
            &[
                ("participant_id", &assoc.participant),
                ("session_id", &assoc.session),
            ],
        )
        .times(&assoc.times)
        .close("participantsessionassoc");
    }

    fn participant_stream(&mut self, assoc: &ParticipantStream) {
        self.open(
            "participantstreamassoc",
            &[("participant_id", &assoc.participant)],
        );
        for id in &assoc.send {
            self.text("send", id.as_str());
        }
        for id in &assoc.recv {
            self.text("recv", id.as_str());
        }
        self.times(&assoc.times).close("participantstreamassoc");
    }

    fn times(&mut self, times: &Times) -> &mut Self {
        self.optional("associate-time", times.associate.as_deref())
            .optional("disassociate-time", times.disassociate.as_deref())
    }

    fn open(&mut self, name: &str, ids: &[(&str, &Id)]) -> &mut Self {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, id) in ids {
            self.attribute(attribute, id.as_str());
        }
        self.0.push('>');
        self
    }

    fn close(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
        self.end_line();
    }

    fn end_line(&mut self) {
        self.0.push_str("\r\n");
    }

    fn optional(&mut self, name: &str, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    fn text(&mut self, name: &str, text: &str) -> &mut Self {
        self.open(name, &[]);
        self.escaped(text);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
        self
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.0.push(' ');
        self.0.push_str(name);
        self.0.push_str("=\"");
        self.escaped(value);
        self.0.push('"');
    }

    /// Text for an element or an attribute. Tab, CR and LF are written as references, because
    /// readers would turn them into blanks in attributes (XML 1.0 §3.3.3), and CR into LF
    /// everywhere (§2.11).
    fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&apos;"),
                '\t' => self.0.push_str("&#9;"),
                '\n' => self.0.push_str("&#10;"),
                '\r' => self.0.push_str("&#13;"),
                '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
    }
}
