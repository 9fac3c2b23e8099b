//! Files of received audio: what a worker hands over, and the thread that writes.
//!
//! A worker never touches the disk. It copies a payload into a bounded queue; when the disk cannot
//! follow, packets are lost (and counted) and silence stands in their place, because every packet
//! is placed by its own time. Notes that open and close files are kept by the worker until the
//! queue has room ([`Desk`]).

use crate::limits::RECORD_PAYLOAD_BYTES;
use crate::rtp::packet::Header;
use crate::track::Track;
use crate::wav::WavFile;
use crate::{g711, limits};
use sbc_core::ports::{MediaEvent, MediaEvents, PortId, RecordCodec, SessionId};
use sbc_core::{Clock, Instant};
use smallvec::SmallVec;
use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

/// The name of an open file between worker and writer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct FileId(u64);

/// A port's way to its file.
#[derive(Debug)]
pub(crate) struct Tap {
    pub(crate) file: FileId,
    codecs: Vec<(u8, RecordCodec)>,
}

/// From a worker to the writer.
#[expect(
    clippy::large_enum_variant,
    reason = "packets are nearly all of them, and shall not be allocated"
)]
#[derive(Debug)]
pub(crate) enum Note {
    /// A file begins.
    Open {
        file: FileId,
        session: SessionId,
        port: PortId,
        path: PathBuf,
        /// The moment of its first sample.
        start: Instant,
    },
    /// A packet of it.
    Packet { file: FileId, heard: Heard },
    /// It ends; it is padded with silence up to this moment.
    Close { file: FileId, at: Instant },
}

/// A packet, as far as a file needs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Heard {
    pub(crate) at: Instant,
    pub(crate) ssrc: u32,
    pub(crate) timestamp: u32,
    pub(crate) codec: RecordCodec,
    pub(crate) payload: SmallVec<[u8; 256]>,
}

impl Tap {
    pub(crate) fn new(mut codecs: Vec<(u8, RecordCodec)>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        codecs.truncate(limits::PAYLOAD_TYPES);
        Self {
            file: FileId(NEXT.fetch_add(1, Ordering::Relaxed)),
            codecs,
        }
    }

    /// The note for a packet; `None` for payload types that are not recorded.
    pub(crate) fn note(&self, now: Instant, header: &Header, packet: &[u8]) -> Option<Note> {
        let mut codecs = self.codecs.iter();
        let (_, codec) = codecs.find(|(kind, _)| *kind == header.payload_type)?;
        let payload = packet.get(header.payload(packet)?)?;
        let payload = match codec {
            RecordCodec::TelephoneEvent => SmallVec::new(),
            _ if payload.len() > RECORD_PAYLOAD_BYTES => return None,
            _ => SmallVec::from_slice(payload),
        };
        Some(Note::Packet {
            file: self.file,
            heard: Heard {
                at: now,
                ssrc: header.ssrc,
                timestamp: header.timestamp,
                codec: *codec,
                payload,
            },
        })
    }
}

impl Heard {
    /// The packet's samples; none for events.
    pub(crate) fn samples(&self, out: &mut Vec<i16>) {
        out.clear();
        let table = match self.codec {
            RecordCodec::Pcmu => &g711::ULAW,
            RecordCodec::Pcma => &g711::ALAW,
            RecordCodec::TelephoneEvent => return,
        };
        out.extend(self.payload.iter().map(|code| table[usize::from(*code)]));
    }
}

/// A worker's side of the queue.
#[derive(Debug)]
pub(crate) struct Desk {
    queue: SyncSender<Note>,
    writer: Thread,
    /// Opens and closes that found the queue full, in order. At most two for each port.
    waiting: VecDeque<Note>,
}

impl Desk {
    /// Hands a note over without waiting; false if a packet was dropped. Packets behind a note
    /// that waits are dropped as well: order is kept.
    pub(crate) fn push(&mut self, note: Note) -> bool {
        self.flush();
        let packet = matches!(note, Note::Packet { .. });
        if !self.waiting.is_empty() {
            if !packet {
                self.waiting.push_back(note);
            }
            return !packet;
        }
        match self.queue.try_send(note) {
            Ok(()) => {
                if !packet {
                    self.writer.unpark();
                }
                true
            }
            Err(TrySendError::Full(note) | TrySendError::Disconnected(note)) => {
                if !packet {
                    self.waiting.push_back(note);
                }
                !packet
            }
        }
    }

    /// Whether notes wait.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Hands over what waits, as far as there is room.
    pub(crate) fn flush(&mut self) {
        while let Some(note) = self.waiting.pop_front() {
            if let Err(TrySendError::Full(note) | TrySendError::Disconnected(note)) =
                self.queue.try_send(note)
            {
                self.waiting.push_front(note);
                break;
            }
        }
    }

    /// The worker ends: waits until everything is handed over.
    pub(crate) fn finish(self) {
        self.writer.unpark();
        for note in self.waiting {
            if self.queue.send(note).is_err() {
                break;
            }
        }
    }
}

/// The writer's thread. It ends, and finishes its files, when the last [`Desk`] is gone.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: SyncSender<Note>,
    thread: JoinHandle<()>,
}

impl Writer {
    pub(crate) fn start(
        clock: Arc<dyn Clock>,
        events: Arc<dyn MediaEvents>,
    ) -> std::io::Result<Self> {
        let (queue, notes) = sync_channel(limits::RECORD_QUEUE);
        let thread = std::thread::Builder::new()
            .name("media-files".into())
            .spawn(move || Files::new(clock, events).run(&notes))?;
        Ok(Self { queue, thread })
    }

    /// A worker's side.
    pub(crate) fn desk(&self) -> Desk {
        Desk {
            queue: self.queue.clone(),
            writer: self.thread.thread().clone(),
            waiting: VecDeque::new(),
        }
    }

    /// The thread, which ends when the desks are gone.
    pub(crate) fn into_thread(self) -> JoinHandle<()> {
        self.thread
    }
}

/// The writer looks at its queue this often; opening and closing wake it at once.
const PAUSE: Duration = Duration::from_millis(20);
/// Headers are brought up to date this often, so that a crash leaves playable files.
const PATCH: Duration = Duration::from_millis(500);

struct Files {
    clock: Arc<dyn Clock>,
    events: Arc<dyn MediaEvents>,
    open: HashMap<FileId, Open>,
    patch_at: Instant,
    samples: Vec<i16>,
}

struct Open {
    session: SessionId,
    port: PortId,
    track: Track<WavFile>,
}

impl Files {
    fn new(clock: Arc<dyn Clock>, events: Arc<dyn MediaEvents>) -> Self {
        let patch_at = clock.now().mono + PATCH;
        Self {
            clock,
            events,
            open: HashMap::new(),
            patch_at,
            samples: Vec::new(),
        }
    }

    fn run(mut self, notes: &Receiver<Note>) {
        loop {
            match notes.try_recv() {
                Ok(note) => self.on_note(note),
                Err(TryRecvError::Empty) => std::thread::park_timeout(PAUSE),
                Err(TryRecvError::Disconnected) => break,
            }
            let now = self.clock.now().mono;
            if now >= self.patch_at {
                self.patch_at = now + PATCH;
                self.patch();
            }
        }
        let now = self.clock.now().mono;
        for file in self.open.keys().copied().collect::<Vec<_>>() {
            self.close(file, now);
        }
    }

    fn on_note(&mut self, note: Note) {
        match note {
            Note::Open {
                file,
                session,
                port,
                path,
                start,
            } => match WavFile::create(&path) {
                Ok(wav) => {
                    let track = Track::new(start, wav);
                    let open = Open {
                        session,
                        port,
                        track,
                    };
                    self.open.insert(file, open);
                }
                Err(error) => {
                    let why = format!("{} cannot be created: {error}", path.display());
                    self.events
                        .on_media(session, MediaEvent::RecordFailed(port, why.into()));
                }
            },
            Note::Packet { file, heard } => {
                if let Some(open) = self.open.get_mut(&file) {
                    heard.samples(&mut self.samples);
                    let written = open.track.on_packet(&heard, &self.samples);
                    self.check(file, written);
                }
            }
            Note::Close { file, at } => self.close(file, at),
        }
    }

    fn close(&mut self, file: FileId, at: Instant) {
        if let Some(open) = self.open.get_mut(&file) {
            let finished = open.track.finish(at);
            self.check(file, finished);
            self.open.remove(&file);
        }
    }

    fn patch(&mut self) {
        let failed: Vec<_> = self
            .open
            .iter_mut()
            .filter_map(|(file, open)| Some((*file, open.track.flush().err()?)))
            .collect();
        for (file, error) in failed {
            self.check(file, Err(error));
        }
    }

    /// A file that could not be written is given up; what is there stays.
    fn check(&mut self, file: FileId, result: std::io::Result<()>) {
        if let Err(error) = result
            && let Some(open) = self.open.remove(&file)
        {
            let why = format!("{} cannot be written: {error}", open.track.path().display());
            self.events.on_media(
                open.session,
                MediaEvent::RecordFailed(open.port, why.into()),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk(room: usize) -> (Desk, Receiver<Note>) {
        let (queue, notes) = sync_channel(room);
        let desk = Desk {
            queue,
            writer: std::thread::current(),
            waiting: VecDeque::new(),
        };
        (desk, notes)
    }

    #[test]
    fn payloads_and_their_types_are_taken_up_to_the_limit() {
        let codecs = (0..=u8::MAX).map(|kind| (kind, RecordCodec::Pcmu));
        let tap = Tap::new(codecs.collect());
        assert_eq!(tap.codecs.len(), limits::PAYLOAD_TYPES);
        let taken = |len| {
            let mut packet = crate::rtp::packet::write(false, 0, 1, 2, 3).to_vec();
            packet.resize(packet.len() + len, 0);
            let header = Header::parse(&packet).unwrap();
            tap.note(Instant::default(), &header, &packet).is_some()
        };
        assert!(taken(RECORD_PAYLOAD_BYTES));
        assert!(!taken(RECORD_PAYLOAD_BYTES + 1));
    }

    fn packet(file: u64) -> Note {
        let heard = Heard {
            at: Instant::default(),
            ssrc: 1,
            timestamp: 0,
            codec: RecordCodec::Pcmu,
            payload: SmallVec::new(),
        };
        Note::Packet {
            file: FileId(file),
            heard,
        }
    }

    fn close(file: u64) -> Note {
        Note::Close {
            file: FileId(file),
            at: Instant::default(),
        }
    }

    #[test]
    fn a_slow_disk_loses_packets_but_never_the_end_of_a_file() {
        let (mut desk, notes) = desk(2);
        assert!(desk.push(packet(1)) && desk.push(packet(1)));
        assert!(!desk.push(packet(1)), "no room");
        assert!(desk.push(close(1)));
        assert!(desk.is_waiting());
        assert!(!desk.push(packet(2)), "not before what waits");
        notes.try_iter().take(1).for_each(drop);
        assert!(desk.push(close(2)));
        let seen: Vec<_> = notes.try_iter().collect();
        assert!(
            matches!(
                seen[1],
                Note::Close {
                    file: FileId(1),
                    ..
                }
            ),
            "{seen:?}"
        );
        desk.flush();
        assert!(!desk.is_waiting());
        let last = notes.try_recv();
        assert!(
            matches!(
                last,
                Ok(Note::Close {
                    file: FileId(2),
                    ..
                })
            ),
            "{last:?}"
        );
    }

    #[test]
    fn a_worker_that_ends_hands_over_what_waits() {
        let (mut desk, notes) = desk(1);
        desk.push(packet(1));
        desk.push(close(1));
        let ending = std::thread::spawn(move || desk.finish());
        let seen: Vec<_> = notes.iter().collect();
        assert!(matches!(
            seen[..],
            [Note::Packet { .. }, Note::Close { .. }]
        ));
        ending.join().unwrap();
    }
}
