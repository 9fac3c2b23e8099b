//! What is kept of one recording session: its folder, its streams, and what its metadata says.

use super::answer::{self, Wanted};
use super::app::Refusal;
use super::intake::Intake;
use super::store::{Dialog, Folder, Gap, MetadataEntry, Progress, Sheet, StreamEntry};
use crate::{limits, metadata};
use sbc_core::ports::{AppCommand, AppCx, MediaCmd, MediaPort, Peer, PortId, Record, RecordCodec};
use sbc_core::sdp::{Codec, Origin, Sdp, describe};
use sbc_core::sip::{Disposition, Message, Part};
use sbc_core::{Now, UnixMillis};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// A recording session whose streams are being written.
#[derive(Debug)]
pub(super) struct Session {
    folder: Folder,
    started: UnixMillis,
    ended: Option<UnixMillis>,
    call_id: String,
    from: String,
    to: String,
    /// By the index of the m-line. A stream that was recorded once keeps port and file to the end.
    tracks: BTreeMap<usize, Track>,
    origin: Origin,
    /// Our last description.
    description: Vec<u8>,
    intake: Intake,
    documents: Vec<MetadataEntry>,
    complaints: Vec<String>,
}

/// A stream with its file.
#[derive(Debug)]
struct Track {
    port: MediaPort,
    peer: Peer,
    /// As answered last.
    codecs: Vec<Codec>,
    /// As the file is decoded.
    fixed: Vec<(u8, RecordCodec)>,
    started: UnixMillis,
    label: Option<String>,
    /// The codecs it ever had, for the sheet.
    names: Vec<String>,
    gaps: Vec<Gap>,
    error: Option<String>,
}

/// Whether a part holds a metadata document.
pub(super) fn is_document(part: &Part) -> bool {
    metadata::is_metadata(&part.content_type)
        || (part.disposition == Disposition::RecordingSession && !part.is("application/sdp"))
}

impl Session {
    /// Begins to record what of the offer can be recorded: all of it, or nothing.
    pub(super) fn begin(
        cx: &mut AppCx<'_>,
        dir: &Path,
        invite: &Message,
        offer: &Sdp,
    ) -> Result<Self, Refusal> {
        let streams = wanted(offer, &BTreeMap::new()).len();
        if streams == 0 {
            let reason = "No audio stream with PCMU or PCMA over RTP/AVP";
            return Err(Refusal::new(488, reason));
        }
        let reserve = streams * limits::RESERVE_BYTES;
        let folder = Folder::create(dir, cx.now, cx.entropy, reserve)
            .map_err(|error| cannot_be_written(dir, &error))?;
        let uri = |address: Result<sbc_core::sip::NameAddr, _>| {
            address.map(|a| a.uri.to_string()).unwrap_or_default()
        };
        let mut session = Self {
            folder,
            started: cx.now.unix,
            ended: None,
            call_id: invite.call_id().unwrap_or_default().to_owned(),
            from: uri(invite.from()),
            to: uri(invite.to()),
            tracks: BTreeMap::new(),
            origin: Origin {
                // Below 2^63, because some clients keep it in a signed number.
                id: cx.entropy.u64() >> 1,
                version: 0,
                address: std::net::Ipv4Addr::UNSPECIFIED.into(),
            },
            description: Vec::new(),
            intake: Intake::default(),
            documents: Vec::new(),
            complaints: Vec::new(),
        };
        match session.renew(cx, offer) {
            Ok(()) => Ok(session),
            Err(refusal) => {
                session.folder.discard();
                Err(refusal)
            }
        }
    }

    /// Leaves nothing of a session that is refused after all, because its first files could not be
    /// written. What it told the media plane must not have been passed on.
    pub(super) fn give_up(self, cx: &mut AppCx<'_>, dir: &Path, error: &io::Error) -> Refusal {
        for track in self.tracks.values() {
            media(cx, MediaCmd::Release(track.port.id));
        }
        self.folder.discard();
        cannot_be_written(dir, error)
    }

    /// Takes an offer: streams that go on keep port and file, new ones get their own.
    ///
    /// # Errors
    /// No port is free for a new stream; nothing is changed then.
    pub(super) fn renew(&mut self, cx: &mut AppCx<'_>, offer: &Sdp) -> Result<(), Refusal> {
        let wanted = wanted(offer, &self.tracks);
        let ports = self.reserve(cx, wanted.keys().copied())?;
        for index in 0..offer.media_count() {
            let label = offer.media(index).label().map(str::to_owned);
            match (self.tracks.get_mut(&index), wanted.get(&index)) {
                (Some(track), Some(wanted)) => track.go_on(cx, wanted, label),
                (Some(track), None) => track.pause(cx),
                (None, Some(wanted)) => {
                    let path = self.folder.stream_path(index + 1);
                    let track = Track::begin(cx, path, ports[&index], wanted, label);
                    self.tracks.insert(index, track);
                }
                (None, None) => {}
            }
        }
        for (_, track) in self.tracks.range_mut(offer.media_count()..) {
            track.pause(cx);
        }
        self.look_at_labels(offer, &wanted);
        self.describe(offer, &wanted);
        Ok(())
    }

    /// Complains about labels by which metadata cannot name one stream (RFC 7866 §7.1.1).
    fn look_at_labels(&mut self, offer: &Sdp, wanted: &BTreeMap<usize, Wanted>) {
        let mut seen = BTreeMap::new();
        for &index in wanted.keys() {
            let n = index + 1;
            match offer.media(index).label() {
                None => self.complain(format!("stream {n} has no label in the offer")),
                Some(label) => {
                    if let Some(first) = seen.insert(label, n) {
                        let label = crate::quoted(label);
                        self.complain(format!("streams {first} and {n} have the label `{label}`"));
                    }
                }
            }
        }
    }

    /// Ports for those of these m-lines that have none; all or none.
    fn reserve(
        &self,
        cx: &mut AppCx<'_>,
        indices: impl Iterator<Item = usize>,
    ) -> Result<BTreeMap<usize, MediaPort>, Refusal> {
        let mut ports = BTreeMap::new();
        for index in indices.filter(|n| !self.tracks.contains_key(n)) {
            match cx.reserve.reserve(cx.realm, None) {
                Ok(port) => {
                    ports.insert(index, port);
                }
                Err(error) => {
                    for port in ports.values() {
                        media(cx, MediaCmd::Release(port.id));
                    }
                    tracing::warn!(%error, "a recording is refused");
                    return Err(Refusal::later("No media port is free"));
                }
            }
        }
        Ok(ports)
    }

    /// Writes our answer. The version grows with each description that differs (RFC 3264 §8).
    fn describe(&mut self, offer: &Sdp, wanted: &BTreeMap<usize, Wanted>) {
        if let Some(track) = self.tracks.values().next() {
            self.origin.address = track.port.rtp.ip();
        }
        let lines: Vec<_> = (0..offer.media_count())
            .map(|index| {
                let open = wanted.get(&index).and_then(|_| self.tracks.get(&index));
                let open = open.map(|track| (track.port, track.codecs.as_slice()));
                answer::line(offer.media(index), open)
            })
            .collect();
        if describe(&self.origin, &lines).to_bytes() != self.description {
            self.origin.version += 1;
            self.description = describe(&self.origin, &lines).to_bytes();
        }
    }

    /// Our last description.
    pub(super) fn description(&self) -> Vec<u8> {
        self.description.clone()
    }

    /// Keeps the metadata of a request, and learns from it. What is wrong with it is a complaint.
    ///
    /// # Errors
    /// A document could not be written; it was read all the same, and a complaint says so.
    pub(super) fn take_metadata(&mut self, now: Now, request: &Message) -> io::Result<()> {
        let parts = match request.parts() {
            Ok(parts) => parts,
            Err(error) => {
                self.complain(error.to_string());
                return Ok(());
            }
        };
        let mut written = Ok(());
        for part in parts.iter().filter(|p| is_document(p)) {
            let number = self.documents.len() + 1;
            if number > limits::METADATA_VERSIONS {
                self.complain("too many metadata documents, no more are kept".into());
                break;
            }
            match self.folder.keep_metadata(number, &part.body) {
                Ok(file) => self.documents.push(MetadataEntry {
                    file,
                    received: now.unix.rfc3339(),
                }),
                Err(error) => {
                    self.complain(format!("a metadata document could not be kept: {error}"));
                    written = Err(error);
                }
            }
            let complaints = match metadata::read(&part.body) {
                Ok(reading) => self.intake.add(reading),
                Err(error) => vec![error.to_string()],
            };
            for complaint in complaints {
                self.complain(format!("metadata document {number}: {complaint}"));
            }
        }
        written
    }

    /// A file ends early. True where it was the last one that could be written.
    pub(super) fn on_record_failed(&mut self, port: PortId, why: &str) -> bool {
        let failed_before = self.failure().is_some();
        tracing::error!(
            recording = self.folder.id(),
            error = why,
            "a stream is not written"
        );
        if let Some(track) = self.tracks.values_mut().find(|t| t.port.id == port) {
            track.error = Some(crate::quoted(why));
        }
        !failed_before && self.failure().is_some()
    }

    /// Why nothing is written any more: an error of one stream, where all have one.
    fn failure(&self) -> Option<&str> {
        let mut errors = self.tracks.values().map(|track| track.error.as_deref());
        let first = errors.next()??;
        errors.all(|error| error.is_some()).then_some(first)
    }

    /// The dialog is over.
    pub(super) fn end(&mut self, now: Now) {
        self.ended = Some(now.unix);
        for track in self.tracks.values_mut() {
            track.close_gap(now.unix);
        }
        self.keep_sheet();
        self.folder.release_reserve();
    }

    /// Notes what is wrong with the client.
    pub(super) fn complain(&mut self, complaint: String) {
        if self.complaints.len() < limits::COMPLAINTS && !self.complaints.contains(&complaint) {
            self.complaints.push(complaint);
        }
    }

    /// Writes `recording.json`. Where that fails, the recording goes on.
    pub(super) fn keep_sheet(&self) {
        if let Err(error) = self.write_sheet() {
            tracing::warn!(recording = self.folder.id(), %error, "recording.json is not written");
        }
    }

    /// Writes `recording.json`.
    pub(super) fn write_sheet(&self) -> io::Result<()> {
        let dialog = Dialog {
            call_id: &self.call_id,
            from: &self.from,
            to: &self.to,
        };
        let mut sheet = Sheet::new(&self.folder, self.started.rfc3339(), dialog);
        if let Some(ended) = self.ended {
            sheet.state = Progress::Finished;
            sheet.ended = Some(ended.rfc3339());
        }
        if let Some(error) = self.failure() {
            sheet.state = Progress::Failed;
            sheet.error = Some(error);
        }
        let tracks = self.tracks.iter();
        sheet.streams = tracks.map(|(n, track)| self.entry(*n, track)).collect();
        sheet.participants = self.intake.participants();
        sheet.sessions = self.intake.sessions();
        sheet.metadata = &self.documents;
        sheet.complaints = &self.complaints;
        self.folder.keep_sheet(&sheet)
    }

    fn entry<'a>(&'a self, index: usize, track: &'a Track) -> StreamEntry<'a> {
        let label = track.label.as_deref();
        StreamEntry {
            n: index + 1,
            file: Folder::stream_name(index + 1),
            started: track.started.rfc3339(),
            label,
            codecs: &track.names,
            participants: label.map_or_else(Vec::new, |l| self.intake.speakers(l)),
            gaps: &track.gaps,
            error: track.error.as_deref(),
        }
    }
}

impl Track {
    fn begin(
        cx: &mut AppCx<'_>,
        path: std::path::PathBuf,
        port: MediaPort,
        wanted: &Wanted,
        label: Option<String>,
    ) -> Self {
        let fixed = answer::payload_types(&wanted.codecs);
        let mut track = Self {
            port,
            peer: wanted.peer,
            codecs: wanted.codecs.clone(),
            fixed: fixed.clone(),
            started: cx.now.unix,
            label,
            names: Vec::new(),
            gaps: Vec::new(),
            error: None,
        };
        track.learn_names();
        if !wanted.peer.receive {
            track.open_gap(cx.now.unix);
        }
        let record = Record {
            path,
            codecs: fixed,
            start: cx.now,
        };
        media(cx, MediaCmd::Record(port.id, record));
        media(cx, MediaCmd::Peer(port.id, wanted.peer));
        track
    }

    fn go_on(&mut self, cx: &mut AppCx<'_>, wanted: &Wanted, label: Option<String>) {
        self.codecs.clone_from(&wanted.codecs);
        self.learn_names();
        self.label = label.or_else(|| self.label.take());
        self.face(cx, wanted.peer);
    }

    /// The client switched it off.
    fn pause(&mut self, cx: &mut AppCx<'_>) {
        let peer = Peer {
            receive: false,
            ..self.peer
        };
        self.face(cx, peer);
    }

    fn face(&mut self, cx: &mut AppCx<'_>, peer: Peer) {
        if peer == self.peer {
            return;
        }
        self.peer = peer;
        media(cx, MediaCmd::Peer(self.port.id, peer));
        if peer.receive {
            self.close_gap(cx.now.unix);
        } else {
            self.open_gap(cx.now.unix);
        }
    }

    fn open_gap(&mut self, at: UnixMillis) {
        let open = self.gaps.last().is_some_and(|gap| gap.to.is_none());
        if !open && self.gaps.len() < limits::GAPS {
            self.gaps.push(Gap {
                from: at.rfc3339(),
                to: None,
            });
        }
    }

    fn close_gap(&mut self, at: UnixMillis) {
        if let Some(gap) = self.gaps.last_mut()
            && gap.to.is_none()
        {
            gap.to = Some(at.rfc3339());
        }
    }

    fn learn_names(&mut self) {
        for codec in &self.codecs {
            let name = format!("{}/{}", codec.name, codec.clock_rate);
            // Three codecs can be accepted; their names may be written in many ways.
            if !self.names.contains(&name) && self.names.len() < 8 {
                self.names.push(name);
            }
        }
    }
}

fn wanted(offer: &Sdp, tracks: &BTreeMap<usize, Track>) -> BTreeMap<usize, Wanted> {
    (0..offer.media_count().min(limits::STREAMS))
        .filter_map(|index| {
            let fixed = tracks.get(&index).map(|t| t.fixed.as_slice());
            Some((index, answer::wanted(offer.media(index), fixed)?))
        })
        .collect()
}

fn cannot_be_written(dir: &Path, error: &io::Error) -> Refusal {
    tracing::error!(%error, dir = %dir.display(), "a recording is refused: it cannot be written");
    Refusal::later("Recordings cannot be written")
}

fn media(cx: &mut AppCx<'_>, command: MediaCmd) {
    cx.out.push_back(AppCommand::Media(command));
}

#[cfg(test)]
mod tests {
    use super::*;
    use sbc_core::ports::{Latch, PortId};
    use std::net::SocketAddr;

    #[test]
    fn gaps_of_a_stream_are_noted_up_to_the_limit() {
        let at = SocketAddr::from(([192, 0, 2, 1], 4000));
        let mut track = Track {
            port: MediaPort {
                id: PortId(1),
                rtp: at,
                rtcp: at,
            },
            peer: Peer {
                rtp: at,
                rtcp: at,
                latch: Latch::Once,
                send: false,
                receive: true,
            },
            codecs: Vec::new(),
            fixed: Vec::new(),
            started: UnixMillis(0),
            label: None,
            names: Vec::new(),
            gaps: Vec::new(),
            error: None,
        };
        for n in 1..=limits::GAPS + 1 {
            track.open_gap(UnixMillis(n as u64));
            track.close_gap(UnixMillis(n as u64));
            assert_eq!(track.gaps.len(), n.min(limits::GAPS));
        }
    }
}
