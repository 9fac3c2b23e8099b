//! The folder of one recording.
//!
//! | file | what |
//! |---|---|
//! | `stream-<n>.wav` | the m-line at position n, from 1; written by the media plane |
//! | `metadata-<nnnn>.xml` | every metadata document, as received |
//! | `recording.json` | what is known of the recording: [`Sheet`] |
//! | `.reserve` | while it is written: room for the last `recording.json` on a disk that is full |
//!
//! All names are ours: nothing from the wire is ever part of a path. The small files are written
//! beside their place and renamed, so that a reader never sees half of one.

use crate::limits;
use sbc_core::{Entropy, Now};
use serde::Serialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The version of the shape of `recording.json`.
const SHEET_VERSION: u32 = 1;

/// `recording.json`.
#[derive(Serialize, Debug)]
pub(super) struct Sheet<'a> {
    version: u32,
    /// The folder's name.
    id: &'a str,
    pub(super) state: Progress,
    /// The moment of our 2xx, and of the first sample of every stream that it accepted.
    pub(super) started: String,
    pub(super) ended: Option<String>,
    /// Why nothing is written any more, where the recording failed.
    pub(super) error: Option<&'a str>,
    pub(super) recording_session: Dialog<'a>,
    pub(super) streams: Vec<StreamEntry<'a>>,
    pub(super) participants: Vec<ParticipantEntry<'a>>,
    pub(super) sessions: Vec<SessionEntry<'a>>,
    pub(super) metadata: &'a [MetadataEntry],
    pub(super) complaints: &'a [String],
}

/// How a recording stands.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(super) enum Progress {
    Recording,
    /// Its dialog ended; a stream may still have an error of its own.
    Finished,
    /// None of its streams could be written to the end.
    Failed,
}

/// The dialog with the recording client.
#[derive(Serialize, Debug)]
pub(super) struct Dialog<'a> {
    pub(super) call_id: &'a str,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
}

#[derive(Serialize, Debug)]
pub(super) struct StreamEntry<'a> {
    /// Position of the m-line, from 1.
    pub(super) n: usize,
    pub(super) file: String,
    pub(super) started: String,
    pub(super) label: Option<&'a str>,
    pub(super) codecs: &'a [String],
    /// Ids of those who spoke in it, in the order in which metadata named them.
    pub(super) participants: Vec<&'a str>,
    /// When the client had switched the stream off.
    pub(super) gaps: &'a [Gap],
    /// Why the file ends early, where it does.
    pub(super) error: Option<&'a str>,
}

#[derive(Serialize, Debug)]
pub(super) struct Gap {
    pub(super) from: String,
    pub(super) to: Option<String>,
}

#[derive(Serialize, Debug)]
pub(super) struct ParticipantEntry<'a> {
    pub(super) id: &'a str,
    pub(super) aor: &'a str,
    pub(super) name: &'a str,
}

#[derive(Serialize, Debug)]
pub(super) struct SessionEntry<'a> {
    pub(super) id: &'a str,
    pub(super) sip_session_ids: &'a [String],
    pub(super) call_id: Option<&'a str>,
    pub(super) start_time: Option<&'a str>,
    pub(super) stop_time: Option<&'a str>,
}

#[derive(Serialize, Debug)]
pub(super) struct MetadataEntry {
    pub(super) file: String,
    pub(super) received: String,
}

impl<'a> Sheet<'a> {
    /// A sheet of a recording that has just begun.
    pub(super) fn new(folder: &'a Folder, started: String, dialog: Dialog<'a>) -> Self {
        Self {
            version: SHEET_VERSION,
            id: &folder.id,
            state: Progress::Recording,
            started,
            ended: None,
            error: None,
            recording_session: dialog,
            streams: Vec::new(),
            participants: Vec::new(),
            sessions: Vec::new(),
            metadata: &[],
            complaints: &[],
        }
    }
}

/// Makes `dir` where it is missing, and tries whether a file can be made in it.
pub(super) fn probe(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let file = dir.join(".sbc-probe");
    fs::write(&file, b"")?;
    fs::remove_file(file)
}

/// The folder of a recording.
#[derive(Debug)]
pub(super) struct Folder {
    id: String,
    path: PathBuf,
}

impl Folder {
    /// A new one below `dir`, named by the time and at random, with a reserve of so many bytes.
    ///
    /// # Errors
    /// It cannot be made, or the disk has no room for the reserve; nothing is left then.
    pub(super) fn create(
        dir: &Path,
        now: Now,
        entropy: &mut Entropy,
        reserve: usize,
    ) -> io::Result<Self> {
        let time: String = now
            .unix
            .rfc3339()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        let id = format!("{time}-{}", entropy.token(12));
        let path = dir.join(&id);
        fs::create_dir(&path)?;
        let folder = Self { id, path };
        match folder.take_reserve(reserve) {
            Ok(()) => Ok(folder),
            Err(error) => {
                folder.discard();
                Err(error)
            }
        }
    }

    /// The recording's id.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The name of the file of the m-line at position `n`, counted from 1.
    pub(super) fn stream_name(n: usize) -> String {
        format!("stream-{n}.wav")
    }

    /// Its path.
    pub(super) fn stream_path(&self, n: usize) -> PathBuf {
        self.path.join(Self::stream_name(n))
    }

    /// Keeps a metadata document, the first being number 1; gives its name.
    pub(super) fn keep_metadata(&self, n: usize, document: &[u8]) -> io::Result<String> {
        let name = format!("metadata-{n:04}.xml");
        self.replace(&name, document)?;
        Ok(name)
    }

    /// Writes `recording.json`, into the room of the reserve where there is no other.
    pub(super) fn keep_sheet(&self, sheet: &Sheet<'_>) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(sheet)?;
        text.push(b'\n');
        self.replace("recording.json", &text).or_else(|error| {
            // Without a reserve it fails as it did.
            fs::remove_file(self.reserve()).map_err(|_| error)?;
            let kept = self.replace("recording.json", &text);
            // The next one needs room too. What there is of it will have to do.
            if let Err(error) = self.take_reserve(limits::RESERVE_BYTES) {
                tracing::debug!(recording = self.id, %error, "the reserve is not whole again");
            }
            kept
        })
    }

    /// Not zeros: there are file systems that keep none of those.
    fn take_reserve(&self, bytes: usize) -> io::Result<()> {
        fs::write(self.reserve(), vec![0xa5; bytes])
    }

    /// Gives the reserve back to the disk: nothing more will be written.
    pub(super) fn release_reserve(&self) {
        match fs::remove_file(self.reserve()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(recording = self.id, %error, "the reserve of a recording stays");
            }
            _ => {}
        }
    }

    /// Removes the folder of a recording that was refused.
    pub(super) fn discard(self) {
        if let Err(error) = fs::remove_dir_all(self.path) {
            tracing::warn!(recording = self.id, %error, "the folder of a refused recording stays");
        }
    }

    fn reserve(&self) -> PathBuf {
        self.path.join(".reserve")
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let beside = self.path.join(format!(".{name}.part"));
        let kept =
            fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, self.path.join(name)));
        if kept.is_err()
            && let Err(error) = fs::remove_file(beside)
        {
            // It is told by `kept`; half of a file need not be there.
            tracing::debug!(recording = self.id, %error, "no half of a file is removed");
        }
        kept
    }
}
