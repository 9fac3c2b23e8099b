//! Reads a document: elements in any order, with any prefix, and in the shapes of the drafts and
//! vendors that are still seen.
//!
//! | shape | seen at | taken as |
//! |---|---|---|
//! | `rs-metadata` as media type | RFC 7866, AudioCodes, Metaswitch | the same |
//! | root `recording_metadata`, another namespace | BroadWorks | `recording` |
//! | `dataMode`, as element or attribute of the root | Avaya, BroadWorks, SEMS | `datamode` |
//! | attributes `id`, `session`, `participant` | Oracle, Metaswitch | `..._id` |
//! | `send` and `recv` inside `participant` | Oracle | `participantstreamassoc` |
//! | `aor` and `name` as children of `participant` | old drafts | `nameID` |
//! | `aor` holds a name-addr, or digits | SEMS, Metaswitch | the URI in it; digits stay digits |
//! | `send` names a label | Ribbon | the stream of that label |
//! | elements with empty ids | Avaya | left out |
//!
//! Nothing that is wrong with single elements makes a document unreadable: it is left out, and a
//! complaint says so.

use super::model::{
    DataMode, Id, NameId, Participant, ParticipantSession, ParticipantStream, Recording, Session,
    SessionRecording, Stream, Times,
};
use super::xml::{self, Element};
use crate::limits;
use std::collections::HashSet;

/// Why a document cannot be read at all.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReadError {
    /// A document type declaration: never needed, and the door to every entity attack.
    #[error("metadata holds a DOCTYPE, which is not allowed")]
    DocType,
    /// A reference to an entity that XML does not define by itself.
    #[error("metadata refers to an entity that XML does not define")]
    Entity,
    /// A bound was passed; says which.
    #[error("metadata is over the limit of {0}")]
    Limit(&'static str),
    /// Not well-formed; says how.
    #[error("metadata is not well-formed XML: {0}")]
    Xml(String),
    /// It ends inside an element.
    #[error("metadata ends inside an element")]
    Truncated,
    /// A second root element (RFC 7865 §5.1.2).
    #[error("metadata has more than one root element")]
    SecondRoot,
    /// Text outside the root element.
    #[error("metadata has text outside its root element")]
    TextOutside,
    /// No element at all.
    #[error("metadata is empty")]
    Empty,
    /// A request for a snapshot, which only a recording client can answer (RFC 7866 §9.2).
    #[error("a snapshot request is no metadata")]
    SnapshotRequest,
    /// Another root element than `recording`.
    #[error("the root element of metadata is not `recording`")]
    Root,
}

/// A document that could be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    /// What it says.
    pub recording: Recording,
    /// What is wrong with it, one sentence each.
    pub complaints: Vec<String>,
}

/// Whether a media type is one of metadata (RFC 9806, RFC 7866 §11.3): with parameters, in any
/// case.
#[must_use]
pub fn is_metadata(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(super::MEDIA_TYPE)
        || essence.eq_ignore_ascii_case("application/rs-metadata")
}

/// Reads a document.
///
/// # Errors
/// See [`ReadError`].
pub fn read(document: &[u8]) -> Result<Reading, ReadError> {
    if document.len() > limits::XML_BYTES {
        return Err(ReadError::Limit("256 KiB"));
    }
    let text = String::from_utf8_lossy(document);
    let root = xml::parse(&text)?;
    let mut reader = Reader::default();
    if matches!(text, std::borrow::Cow::Owned(_)) {
        reader.complain("the document is not UTF-8".into());
    }
    match root.name.as_str() {
        "recording" | "recording_metadata" => reader.recording(&root),
        "requestsnapshot" => return Err(ReadError::SnapshotRequest),
        _ => return Err(ReadError::Root),
    }
    Ok(Reading {
        recording: reader.out,
        complaints: reader.complaints,
    })
}

#[derive(Default)]
struct Reader {
    out: Recording,
    complaints: Vec<String>,
    /// Ids of sessions, participants and streams: one id must not name two elements (§6.10).
    ids: HashSet<Id>,
}

impl Reader {
    fn recording(&mut self, root: &Element) {
        let mode = root
            .attribute(&["datamode", "dataMode"])
            .map(str::to_owned)
            .or_else(|| root.child_text("datamode"))
            .or_else(|| root.child_text("dataMode"));
        match mode.as_deref() {
            None => {}
            Some(text) if text.eq_ignore_ascii_case("complete") => {}
            Some(text) if text.eq_ignore_ascii_case("partial") => self.out.mode = DataMode::Partial,
            Some(text) => self.complain(format!(
                "datamode `{}` is neither complete nor partial, read as complete",
                crate::quoted(text)
            )),
        }
        // Streams first, whatever their place: others refer to them by id or by label.
        for element in root.all("stream") {
            self.stream(element);
        }
        for element in &root.children {
            match element.name.as_str() {
                "session" => self.session(element),
                "participant" => self.participant(element),
                "sessionrecordingassoc" => self.session_recording(element),
                "participantsessionassoc" => self.participant_session(element),
                "participantstreamassoc" => self.participant_stream(element),
                _ => {}
            }
        }
    }

    fn stream(&mut self, element: &Element) {
        let Some(id) = self.own_id(element, "stream_id") else {
            return;
        };
        let session = reference(element, &["session_id", "session"]);
        let label = element.child_text("label");
        self.out.streams.push(Stream { id, session, label });
    }

    fn session(&mut self, element: &Element) {
        let Some(id) = self.own_id(element, "session_id") else {
            return;
        };
        let strip = |e: &Element| e.text.split_whitespace().collect::<String>();
        self.out.sessions.push(Session {
            id,
            sip_session_ids: element.all("sipSessionID").map(strip).collect(),
            call_id: element.child_text("call-id"),
            start_time: element
                .child_text("start-time")
                .or_else(|| element.child_text("associate-time")),
            stop_time: element.child_text("stop-time"),
        });
    }

    fn participant(&mut self, element: &Element) {
        let Some(id) = self.own_id(element, "participant_id") else {
            return;
        };
        let mut names: Vec<_> = element.all("nameID").map(name_id).collect();
        if names.is_empty() && element.child_text("aor").is_some() {
            names.push(name_id(element));
        }
        if names.is_empty() {
            self.complain(format!(
                "participant `{}` has no nameID",
                crate::quoted(id.as_str())
            ));
        }
        if element.all("send").chain(element.all("recv")).count() > 0 {
            let assoc = self.speaks_and_hears(id.clone(), element);
            self.out.participant_streams.push(assoc);
        }
        self.out.participants.push(Participant { id, names });
    }

    fn session_recording(&mut self, element: &Element) {
        if let Some(session) = self.reference(element, &["session_id", "session", "id"]) {
            let times = times(element);
            self.out
                .session_recordings
                .push(SessionRecording { session, times });
        }
    }

    fn participant_session(&mut self, element: &Element) {
        let participant = self.reference(element, &["participant_id", "participant", "id"]);
        let session = self.reference(element, &["session_id", "session"]);
        if let (Some(participant), Some(session)) = (participant, session) {
            self.out.participant_sessions.push(ParticipantSession {
                participant,
                session,
                times: times(element),
            });
        }
    }

    fn participant_stream(&mut self, element: &Element) {
        let names = ["participant_id", "participant", "id"];
        if let Some(participant) = self.reference(element, &names) {
            let assoc = self.speaks_and_hears(participant, element);
            self.out.participant_streams.push(assoc);
        }
    }

    fn speaks_and_hears(&self, participant: Id, element: &Element) -> ParticipantStream {
        let ids = |name| {
            let ids = element.all(name).filter_map(|e| Id::from_wire(&e.text));
            ids.map(|id| self.stream_of(id)).collect()
        };
        ParticipantStream {
            participant,
            send: ids("send"),
            recv: ids("recv"),
            times: times(element),
        }
    }

    /// The stream that `named` means: of this id, else of this label, else one of an earlier
    /// document.
    fn stream_of(&self, named: Id) -> Id {
        let streams = &self.out.streams;
        if streams.iter().any(|s| s.id == named) {
            return named;
        }
        let labelled = streams
            .iter()
            .find(|s| s.label.as_deref() == Some(named.as_str()));
        labelled.map_or(named, |s| s.id.clone())
    }

    /// The id of an element itself; nothing where the element is to be left out.
    fn own_id(&mut self, element: &Element, name: &'static str) -> Option<Id> {
        let id = self.reference(element, &[name, "id"])?;
        if !self.ids.insert(id.clone()) {
            self.complain(format!(
                "id `{}` names two elements, the second ({}) is left out",
                crate::quoted(id.as_str()),
                element.name
            ));
            return None;
        }
        Some(id)
    }

    fn reference(&mut self, element: &Element, names: &[&'static str]) -> Option<Id> {
        let id = reference(element, names);
        if id.is_none() {
            self.complain(format!(
                "element {} has no {}, it is left out",
                element.name, names[0]
            ));
        }
        id
    }

    fn complain(&mut self, complaint: String) {
        if self.complaints.len() < limits::COMPLAINTS {
            self.complaints.push(complaint);
        }
    }
}

fn reference(element: &Element, names: &[&str]) -> Option<Id> {
    element.attribute(names).and_then(Id::from_wire)
}

fn times(element: &Element) -> Times {
    Times {
        associate: element.child_text("associate-time"),
        disassociate: element.child_text("disassociate-time"),
    }
}

fn name_id(element: &Element) -> NameId {
    let written = element.attribute(&["aor"]).map(str::to_owned);
    let written = written.or_else(|| element.child_text("aor"));
    NameId {
        aor: bare_uri(written.as_deref().unwrap_or_default()).to_owned(),
        name: element.child_text("name").unwrap_or_default(),
    }
}

/// The URI of a name-addr; other text as it is.
fn bare_uri(aor: &str) -> &str {
    let inner = aor.rsplit_once('<').map(|(_, rest)| rest);
    match inner.and_then(|rest| rest.split_once('>')) {
        Some((uri, _)) => uri.trim(),
        None => aor.trim(),
    }
}
