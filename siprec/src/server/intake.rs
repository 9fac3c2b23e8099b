//! What all metadata documents of a recording have said so far.
//!
//! People and streams are remembered when later documents no longer name them (a transfer, new ids
//! in the same dialog): their voices are in the files. Of what is said twice the last counts.

use super::store::{ParticipantEntry, SessionEntry};
use crate::limits;
use crate::metadata::{Id, Participant, Reading, Session};

/// The sum of the documents.
#[derive(Debug, Default)]
pub(super) struct Intake {
    participants: Vec<Participant>,
    sessions: Vec<Session>,
    /// Streams with their labels.
    streams: Vec<(Id, Option<String>)>,
    /// Who spoke in which stream.
    speakers: Vec<(Id, Id)>,
}

impl Intake {
    /// Adds a document; gives what is wrong with it.
    pub(super) fn add(&mut self, reading: Reading) -> Vec<String> {
        let mut complaints = reading.complaints;
        let document = reading.recording;
        for participant in document.participants {
            let known = self
                .participants
                .iter_mut()
                .find(|p| p.id == participant.id);
            match known {
                // A partial document without names leaves those that are known.
                Some(known) if !participant.names.is_empty() => *known = participant,
                Some(_) => {}
                None => bounded(&mut self.participants, participant, limits::PARTICIPANTS),
            }
        }
        for session in document.sessions {
            match self.sessions.iter_mut().find(|s| s.id == session.id) {
                Some(known) => merge(known, session),
                None => bounded(&mut self.sessions, session, limits::PARTICIPANTS),
            }
        }
        for stream in document.streams {
            match self.streams.iter_mut().find(|(id, _)| *id == stream.id) {
                Some((_, label)) => *label = stream.label.or_else(|| label.take()),
                None => bounded(
                    &mut self.streams,
                    (stream.id, stream.label),
                    limits::STREAM_IDS,
                ),
            }
        }
        for speaks in document.participant_streams {
            for stream in speaks.send {
                complaints.extend(self.unknown(&speaks.participant, &stream));
                let pair = (stream, speaks.participant.clone());
                if !self.speakers.contains(&pair) {
                    bounded(&mut self.speakers, pair, limits::STREAM_IDS);
                }
            }
        }
        complaints
    }

    /// Says so where an association names something that no document describes.
    fn unknown(&self, participant: &Id, stream: &Id) -> Option<String> {
        if !self.participants.iter().any(|p| p.id == *participant) {
            let id = crate::quoted(participant.as_str());
            return Some(format!("no document describes participant `{id}`"));
        }
        if !self.streams.iter().any(|(id, _)| id == stream) {
            let id = crate::quoted(stream.as_str());
            return Some(format!("no document describes stream `{id}`"));
        }
        None
    }

    /// The ids of those who spoke in the stream of this label.
    pub(super) fn speakers(&self, label: &str) -> Vec<&str> {
        let labelled = |stream: &Id| {
            let mut streams = self.streams.iter();
            streams.any(|(id, l)| id == stream && l.as_deref() == Some(label))
        };
        let mut ids = Vec::new();
        for (stream, participant) in &self.speakers {
            if labelled(stream) && !ids.contains(&participant.as_str()) {
                ids.push(participant.as_str());
            }
        }
        ids
    }

    /// Everybody, with the first address.
    pub(super) fn participants(&self) -> Vec<ParticipantEntry<'_>> {
        let people = self.participants.iter();
        people
            .map(|p| ParticipantEntry {
                id: p.id.as_str(),
                aor: p.names.first().map_or("", |n| n.aor.as_str()),
                name: p.names.first().map_or("", |n| n.name.as_str()),
            })
            .collect()
    }

    /// Every session.
    pub(super) fn sessions(&self) -> Vec<SessionEntry<'_>> {
        let sessions = self.sessions.iter();
        sessions
            .map(|s| SessionEntry {
                id: s.id.as_str(),
                sip_session_ids: &s.sip_session_ids,
                call_id: s.call_id.as_deref(),
                start_time: s.start_time.as_deref(),
                stop_time: s.stop_time.as_deref(),
            })
            .collect()
    }
}

/// Single children merge, lists replace (RFC 7865 §8.2 shows partial documents with times alone).
fn merge(known: &mut Session, later: Session) {
    if !later.sip_session_ids.is_empty() {
        known.sip_session_ids = later.sip_session_ids;
    }
    known.call_id = later.call_id.or_else(|| known.call_id.take());
    known.start_time = later.start_time.or_else(|| known.start_time.take());
    known.stop_time = later.stop_time.or_else(|| known.stop_time.take());
}

fn bounded<T>(list: &mut Vec<T>, item: T, limit: usize) {
    if list.len() < limit {
        list.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::read;

    #[test]
    fn what_is_remembered_of_a_recording_is_bounded_at_the_limit() {
        let mut intake = Intake::default();
        let count = limits::PARTICIPANTS.max(limits::STREAM_IDS) + 1;
        for n in 0..count {
            let document = format!(
                "<recording><session session_id='s{n}'/><participant participant_id='p{n}'>\
                 <nameID aor='sip:a@example.com'/></participant>\
                 <stream stream_id='x{n}'><label>{n}</label></stream>\
                 <participantstreamassoc participant_id='p{n}'><send>x{n}</send>\
                 </participantstreamassoc></recording>"
            );
            intake.add(read(document.as_bytes()).unwrap());
            let kept = (n + 1).min(limits::PARTICIPANTS);
            assert_eq!(intake.participants.len(), kept);
            assert_eq!(intake.sessions.len(), kept);
            assert_eq!(intake.streams.len(), (n + 1).min(limits::STREAM_IDS));
            assert_eq!(intake.speakers.len(), (n + 1).min(limits::STREAM_IDS));
        }
    }

    #[test]
    fn text_from_the_wire_is_quoted_up_to_the_limit() {
        let quoted = |count| crate::quoted(&"\u{e9}\r".repeat(count / 2));
        assert_eq!(
            quoted(limits::QUOTED_CHARS).chars().count(),
            limits::QUOTED_CHARS
        );
        assert_eq!(
            quoted(2 * limits::QUOTED_CHARS).chars().count(),
            limits::QUOTED_CHARS
        );
        assert!(!quoted(2).contains('\r'));
    }
}
