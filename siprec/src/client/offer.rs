//! The INVITE of a recording session (RFC 7866 §6.1.1, §7.1.1, §9.1): an SDP offer with one
//! `sendonly` m-line and label for each stream of the call, and a complete metadata document beside
//! it.

use crate::metadata::{
    self, DataMode, Id, NameId, Participant, ParticipantSession, ParticipantStream, Recording,
    Session, SessionRecording, Stream, Times,
};
use bytes::Bytes;
use sbc_core::ports::{CallView, MediaPort, SideCx, SideDial, StreamView};
use sbc_core::sdp::{Codec, Described, Direction, Origin, describe};
use sbc_core::sip::{HeaderName, MultipartWriter, Uri};
use sbc_core::{Entropy, Now};

/// The address of somebody of whom nothing is known (RFC 3323 §4.1.1.3): a nameID needs one.
const ANONYMOUS: &str = "sip:anonymous@anonymous.invalid";

/// A participant's names towards the recorder.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: Id,
    /// The CNAME of its streams, the same on all of them (RFC 7866 §8.1.5.1).
    pub(super) cname: Box<str>,
}

/// One m-line of the recording session: one stream of the call.
#[derive(Debug)]
pub(super) struct Line {
    /// The stream as the call has it now.
    pub(super) stream: StreamView,
    /// The codecs as offered.
    pub(super) offered: Vec<Codec>,
    /// Our port that faces the recorder.
    pub(super) port: MediaPort,
    /// `a=label`: `1` for the first stream, and so on.
    pub(super) label: String,
    /// The stream's id in metadata.
    id: Id,
}

/// What one recorder is told of one call; the same for each of its servers.
#[derive(Debug)]
pub(super) struct Story {
    view: CallView,
    session: Id,
    people: Vec<Person>,
    pub(super) lines: Vec<Line>,
    origin: Origin,
}

/// Whether a stream can be recorded: something of it must be known and not only events or comfort
/// noise.
pub(super) fn recordable(stream: &StreamView) -> Vec<Codec> {
    let known: Vec<_> = stream.codecs.iter().filter(|c| &*c.name != "?").collect();
    if known.iter().any(|c| is_media(c)) {
        known.into_iter().cloned().collect()
    } else {
        Vec::new()
    }
}

/// Whether a codec carries media, and not events or comfort noise beside it.
pub(super) fn is_media(codec: &Codec) -> bool {
    let beside = ["telephone-event", "CN"];
    !beside.iter().any(|n| codec.name.eq_ignore_ascii_case(n))
}

impl Story {
    /// A story of a call whose streams have these ports; at least one.
    pub(super) fn new(
        view: &CallView,
        ports: Vec<(usize, Vec<Codec>, MediaPort)>,
        entropy: &mut Entropy,
    ) -> Self {
        let address = ports[0].2.rtp.ip();
        let lines = ports
            .into_iter()
            .enumerate()
            .map(|(n, (stream, offered, port))| Line {
                stream: view.streams[stream].clone(),
                offered,
                port,
                label: (n + 1).to_string(),
                id: Id::random(entropy),
            })
            .collect();
        Self {
            view: view.clone(),
            session: Id::random(entropy),
            people: view.participants.iter().map(|_| person(entropy)).collect(),
            lines,
            origin: Origin {
                // Below 2^63, because some recorders keep it in a signed number.
                id: entropy.u64() >> 1,
                version: 1,
                address,
            },
        }
    }

    /// The call changed. A participant with another address is another one; streams beyond those we
    /// have ports for are not recorded.
    pub(super) fn change(&mut self, view: &CallView, entropy: &mut Entropy) {
        for (n, now) in view.participants.iter().enumerate() {
            match self.view.participants.get(n) {
                Some(before) if before.aor == now.aor => {}
                Some(_) => self.people[n] = person(entropy),
                None => self.people.push(person(entropy)),
            }
        }
        self.people.truncate(view.participants.len());
        for line in &mut self.lines {
            let before = &line.stream;
            let same = |s: &&StreamView| {
                s.port == before.port && s.from == before.from && s.kind == before.kind
            };
            match view.streams.iter().find(same) {
                Some(now) => line.stream = now.clone(),
                None => line.stream.direction = Direction::Inactive,
            }
        }
        self.view = view.clone();
    }

    /// The CNAME of a line's fork.
    pub(super) fn cname(&self, line: &Line) -> Box<str> {
        let speaker = self.people.get(line.stream.from);
        speaker.map_or_else(|| line.id.as_str().into(), |p| p.cname.clone())
    }

    /// The INVITE to a server.
    pub(super) fn dial(
        &self,
        cx: &mut SideCx<'_>,
        realm: sbc_core::net::RealmId,
        uri: &Uri,
    ) -> SideDial {
        let mut body = MultipartWriter::new(cx.entropy.token(24));
        body.part("application/sdp", None, &self.offer());
        let document = metadata::write(&self.snapshot(cx.now));
        body.part(
            metadata::MEDIA_TYPE,
            Some("recording-session"),
            document.as_bytes(),
        );
        let (content_type, body): (String, Bytes) = body.finish();
        SideDial {
            realm,
            uri: uri.clone(),
            contact_params: "+sip.src",
            headers: vec![
                (HeaderName::Require, "siprec".into()),
                (HeaderName::Accept, accept()),
                (HeaderName::MimeVersion, "1.0".into()),
            ],
            content_type,
            body,
        }
    }

    fn offer(&self) -> Vec<u8> {
        let lines: Vec<_> = self
            .lines
            .iter()
            .map(|line| Described::Open {
                kind: &line.stream.kind,
                protocol: "RTP/AVP",
                rtp: line.port.rtp,
                codecs: &line.offered,
                ptime_ms: line.stream.ptime_ms,
                label: Some(&line.label),
                direction: if speaks(&line.stream) {
                    Direction::SendOnly
                } else {
                    Direction::Inactive
                },
            })
            .collect();
        describe(&self.origin, &lines).to_bytes()
    }

    /// Everything there is to say at present (RFC 7865 §5.1.2: `complete`).
    fn snapshot(&self, now: Now) -> Recording {
        let since = Times {
            associate: Some(self.view.answered_at.unix.rfc3339()),
            disassociate: None,
        };
        let people = || self.people.iter().enumerate();
        Recording {
            mode: DataMode::Complete,
            sessions: vec![Session {
                id: self.session.clone(),
                sip_session_ids: Vec::new(),
                call_id: Some(self.view.call_id.to_string()),
                start_time: since.associate.clone(),
                stop_time: None,
            }],
            participants: people()
                .zip(&self.view.participants)
                .map(|((_, person), participant)| Participant {
                    id: person.id.clone(),
                    names: vec![NameId {
                        aor: match &*participant.aor {
                            "" => ANONYMOUS.to_owned(),
                            aor => aor.to_owned(),
                        },
                        name: participant.name.to_string(),
                    }],
                })
                .collect(),
            streams: self
                .lines
                .iter()
                .map(|line| Stream {
                    id: line.id.clone(),
                    session: Some(self.session.clone()),
                    label: Some(line.label.clone()),
                })
                .collect(),
            session_recordings: vec![SessionRecording {
                session: self.session.clone(),
                times: Times {
                    associate: Some(now.unix.rfc3339()),
                    disassociate: None,
                },
            }],
            participant_sessions: people()
                .map(|(_, person)| ParticipantSession {
                    participant: person.id.clone(),
                    session: self.session.clone(),
                    times: since.clone(),
                })
                .collect(),
            participant_streams: people()
                .map(|(n, person)| ParticipantStream {
                    participant: person.id.clone(),
                    send: self.spoken(|stream| stream.from == n),
                    recv: self.spoken(|stream| stream.to == n),
                    times: Times::default(),
                })
                .collect(),
        }
    }

    /// The streams in which somebody speaks, of those that `of` picks.
    fn spoken(&self, of: impl Fn(&StreamView) -> bool) -> Vec<Id> {
        let lines = self.lines.iter();
        lines
            .filter(|line| speaks(&line.stream) && of(&line.stream))
            .map(|line| line.id.clone())
            .collect()
    }
}

fn speaks(stream: &StreamView) -> bool {
    matches!(stream.direction, Direction::SendRecv | Direction::SendOnly)
}

fn person(entropy: &mut Entropy) -> Person {
    Person {
        id: Id::random(entropy),
        cname: entropy.token(16).into(),
    }
}

/// What we take in a body; the last two are for recorders that know RFC 7866 without RFC 9806.
fn accept() -> String {
    format!(
        "application/sdp, {}, application/rs-metadata, application/rs-metadata-request",
        metadata::MEDIA_TYPE
    )
}
