//! The document as data (RFC 7865 §6).

use sbc_core::Entropy;
use std::fmt;

/// An identifier of an element (RFC 7865 §6.10). Ours are random UUIDs in base64, those of others
/// any text; they compare as text without surrounding white space.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Id(Box<str>);

impl Id {
    /// A random UUID of version 4 in base64: 24 characters, the last two `==`.
    #[must_use]
    pub fn random(entropy: &mut Entropy) -> Self {
        let mut uuid = [0_u8; 16];
        entropy.fill(&mut uuid);
        uuid[6] = (uuid[6] & 0x0f) | 0x40; // RFC 9562 §5.4: version
        uuid[8] = (uuid[8] & 0x3f) | 0x80; // and variant
        Self(base64(uuid).into())
    }

    /// As somebody else wrote it; nothing where it is empty.
    #[must_use]
    pub fn from_wire(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Base64 with padding (RFC 4648 §4).
fn base64(bytes: [u8; 16]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(24);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .chain([0_u8; 2].iter())
            .take(3)
            .fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
        for n in 0..4 {
            if n <= chunk.len() {
                let index = group >> (18 - 6 * n) & 63;
                out.push(char::from(ALPHABET[index as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

/// Whether a document says everything or what changed (RFC 7865 §6.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DataMode {
    /// Everything; also where a document does not say (§5.1.2).
    #[default]
    Complete,
    /// What changed since the document before.
    Partial,
}

/// A document (§6.1). Times are RFC 3339 text, as written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recording {
    /// Everything, or what changed.
    pub mode: DataMode,
    /// The communication sessions.
    pub sessions: Vec<Session>,
    /// The people.
    pub participants: Vec<Participant>,
    /// The media streams.
    pub streams: Vec<Stream>,
    /// Which sessions this recording session records.
    pub session_recordings: Vec<SessionRecording>,
    /// Who takes part in which session.
    pub participant_sessions: Vec<ParticipantSession>,
    /// Who speaks and hears in which stream.
    pub participant_streams: Vec<ParticipantStream>,
}

/// A communication session: the call (§6.3).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// Its id.
    pub id: Id,
    /// Session-ID values (RFC 7989) of its dialogs. Many clients put a Call-ID here.
    pub sip_session_ids: Vec<String>,
    /// Call-ID of the caller's leg: our extension element `call-id`.
    pub call_id: Option<String>,
    /// When it began.
    pub start_time: Option<String>,
    /// When it ended.
    pub stop_time: Option<String>,
}

/// A person or machine (§6.5).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Participant {
    /// Its id.
    pub id: Id,
    /// Its addresses, at least one (§6.5.1).
    pub names: Vec<NameId>,
}

/// An address of record and the name that goes with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameId {
    /// SIP, SIPS or tel URI, without angle brackets; of other clients possibly bare digits.
    pub aor: String,
    /// The display name; empty where none.
    pub name: String,
}

/// A media stream (§6.7).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stream {
    /// Its id.
    pub id: Id,
    /// The session it belongs to.
    pub session: Option<Id>,
    /// `a=label` of its m-line in the SDP of the same message.
    pub label: Option<String>,
}

/// When an association began and ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Times {
    /// It began.
    pub associate: Option<String>,
    /// It ended.
    pub disassociate: Option<String>,
}

/// A session is recorded in this recording session (§6.4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionRecording {
    /// The session.
    pub session: Id,
    /// Since when, until when.
    pub times: Times,
}

/// A participant takes part in a session (§6.6).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParticipantSession {
    /// The participant.
    pub participant: Id,
    /// The session.
    pub session: Id,
    /// Since when, until when.
    pub times: Times,
}

/// What a participant says and hears (§6.8). Neither: it does neither at present.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParticipantStream {
    /// The participant.
    pub participant: Id,
    /// Streams it is the source of.
    pub send: Vec<Id>,
    /// Streams it hears.
    pub recv: Vec<Id>,
    /// Since when, until when.
    pub times: Times,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        assert_eq!(base64(*b"foobarfoobarfoob"), "Zm9vYmFyZm9vYmFyZm9vYg==");
        assert_eq!(base64([0xff; 16]), "/////////////////////w==");
    }

    #[test]
    fn our_ids_are_base64_of_a_uuid_of_version_4() {
        let mut entropy = Entropy::from_seed(1);
        let (a, b) = (Id::random(&mut entropy), Id::random(&mut entropy));
        assert_ne!(a, b);
        for id in [a, b] {
            assert_eq!(id.as_str().len(), 24);
            assert!(id.as_str().ends_with("=="));
        }
    }

    #[test]
    fn ids_from_the_wire_compare_without_white_space() {
        assert_eq!(Id::from_wire(" a\n"), Id::from_wire("a"));
        assert_eq!(Id::from_wire(" \n"), None);
    }
}
