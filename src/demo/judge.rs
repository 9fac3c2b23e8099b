//! Whether the recording is right.

use super::{Fault, tone};
use crate::cli::say;
use std::path::{Path, PathBuf};

/// How much of a file's power must be its own side's tone.
const OWN: f64 = 0.7;
/// How much of it may be the other side's.
const OTHER: f64 = 0.02;

/// What was found.
pub(super) struct Verdict {
    metadata: String,
    metadata_path: PathBuf,
    files: Vec<File>,
}

struct File {
    path: PathBuf,
    who: &'static str,
    seconds: f64,
    own: f64,
    other: f64,
}

/// Looks at the one recording below `dir`. Stream 1 is the caller's, stream 2 the callee's.
pub(super) fn recording(dir: &Path, caller: f64, callee: f64) -> Result<Verdict, Fault> {
    let mut folders = Vec::new();
    let entries = std::fs::read_dir(dir).map_err(|e| Fault::Io("the recordings", e))?;
    for entry in entries {
        let path = entry.map_err(|e| Fault::Io("the recordings", e))?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    let [folder] = folders.as_slice() else {
        let found = folders.len();
        return Err(Fault::Wrong(format!(
            "{found} recordings below {}, not 1",
            dir.display()
        )));
    };
    let metadata_path = folder.join("metadata-0001.xml");
    let metadata = std::fs::read_to_string(&metadata_path)
        .map_err(|e| Fault::Io("the recording's metadata", e))?;
    let files = vec![
        file(folder, 1, "caller", caller, callee)?,
        file(folder, 2, "callee", callee, caller)?,
    ];
    Ok(Verdict {
        metadata,
        metadata_path,
        files,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a few seconds of samples")]
fn file(
    folder: &Path,
    number: usize,
    who: &'static str,
    own: f64,
    other: f64,
) -> Result<File, Fault> {
    let path = folder.join(format!("stream-{number}.wav"));
    let wrong = |e: hound::Error| Fault::Wrong(format!("{}: {e}", path.display()));
    let mut reader = hound::WavReader::open(&path).map_err(wrong)?;
    let samples: Vec<i16> = reader
        .samples::<i16>()
        .collect::<Result<_, _>>()
        .map_err(wrong)?;
    let loud: Vec<i16> = samples.iter().copied().filter(|s| *s != 0).collect();
    // Silence before and after the talk is not what is judged: from the first to the last sound.
    let first = samples
        .iter()
        .position(|s| s.unsigned_abs() > 500)
        .unwrap_or(0);
    let last = samples
        .iter()
        .rposition(|s| s.unsigned_abs() > 500)
        .unwrap_or(0);
    let talk = samples.get(first..=last).unwrap_or_default();
    Ok(File {
        who,
        seconds: loud.len() as f64 / tone::RATE,
        own: windows(talk, own),
        other: windows(talk, other),
        path,
    })
}

/// The mean share of a tone over windows of 100 ms: a gap of a lost packet shifts the phase behind
/// it.
#[expect(clippy::cast_precision_loss, reason = "a few windows")]
fn windows(samples: &[i16], frequency: f64) -> f64 {
    let shares: Vec<f64> = samples
        .chunks_exact(800)
        .map(|window| tone::share(window, frequency))
        .collect();
    if shares.is_empty() {
        0.0
    } else {
        shares.iter().sum::<f64>() / shares.len() as f64
    }
}

impl Verdict {
    pub(super) fn print(&self) {
        say(&format!(
            "Metadata ({}):\n\n{}\n",
            self.metadata_path.display(),
            self.metadata.trim()
        ));
        for file in &self.files {
            say(&format!(
                "{}: {:.1} s of sound, {:.0} % the {}'s tone, {:.1} % the other's",
                file.path.display(),
                file.seconds,
                file.own * 100.0,
                file.who,
                file.other * 100.0
            ));
        }
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        for name in ["Alice", "Bob", "alice", "+4930123456"] {
            if !self.metadata.contains(name) {
                return Err(Fault::Wrong(format!("the metadata does not name {name}")));
            }
        }
        for file in &self.files {
            if file.seconds < 1.0 || file.own < OWN || file.other > OTHER {
                let path = file.path.display();
                return Err(Fault::Wrong(format!(
                    "{path} is not what the {} said",
                    file.who
                )));
            }
        }
        Ok(())
    }
}
