//! A WAV file that can be played at any moment of its making: 16 bit, mono, 8000 Hz.
//!
//! RIFF with `fmt ` and `data`. The lengths in the header are written after the samples that they
//! count, so that a crash leaves a file that is at most a little longer than it says. Silence that
//! was never written is a hole in the file.

use crate::limits::WAV_SAMPLES;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const HEADER_BYTES: usize = 44;
/// Samples a second.
pub(crate) const RATE: u32 = 8000;

/// Where a track writes its samples.
pub(crate) trait Samples {
    /// Writes samples at a position; between the end so far and the position there is silence.
    fn write_at(&mut self, position: u64, samples: &[i16]) -> io::Result<()>;
    /// Makes the file as long as this many samples, and says so in its header.
    fn set_len(&mut self, samples: u64) -> io::Result<()>;
}

/// See the module.
#[derive(Debug)]
pub(crate) struct WavFile {
    file: File,
    path: PathBuf,
    bytes: Vec<u8>,
}

impl WavFile {
    /// A new file without samples.
    ///
    /// # Errors
    /// When it exists, or cannot be created.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all_at(&header(0), 0)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            bytes: Vec::new(),
        })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Samples for WavFile {
    fn write_at(&mut self, position: u64, samples: &[i16]) -> io::Result<()> {
        if position + samples.len() as u64 > WAV_SAMPLES {
            return Err(too_long());
        }
        self.bytes.clear();
        self.bytes
            .extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        self.file
            .write_all_at(&self.bytes, HEADER_BYTES as u64 + 2 * position)
    }

    fn set_len(&mut self, samples: u64) -> io::Result<()> {
        let bytes = u32::try_from(2 * samples).ok();
        let bytes = bytes
            .filter(|_| samples <= WAV_SAMPLES)
            .ok_or_else(too_long)?;
        self.file.set_len(HEADER_BYTES as u64 + u64::from(bytes))?;
        self.file.write_all_at(&header(bytes), 0)
    }
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "a WAV file ends at 4 GiB")
}

/// The header of a file with this many bytes of samples.
fn header(bytes: u32) -> [u8; HEADER_BYTES] {
    let mut out = [0; HEADER_BYTES];
    let fields: [&[u8]; 13] = [
        b"RIFF",
        &(bytes + 36).to_le_bytes(),
        b"WAVE",
        b"fmt ",
        &16_u32.to_le_bytes(),
        &1_u16.to_le_bytes(), // PCM
        &1_u16.to_le_bytes(), // mono
        &RATE.to_le_bytes(),
        &(2 * RATE).to_le_bytes(),
        &2_u16.to_le_bytes(),  // bytes of a frame
        &16_u16.to_le_bytes(), // bits of a sample
        b"data",
        &bytes.to_le_bytes(),
    ];
    let bytes = fields.into_iter().flatten();
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_playable_after_each_patch_and_gaps_are_silence() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wav");
        let mut wav = WavFile::create(&path).unwrap();
        assert_eq!(hound::WavReader::open(&path).unwrap().duration(), 0);
        wav.write_at(3, &[1, -2]).unwrap();
        wav.set_len(5).unwrap();
        let mut reader = hound::WavReader::open(&path).unwrap();
        let spec = reader.spec();
        assert_eq!((spec.channels, spec.sample_rate), (1, 8000));
        assert_eq!(spec.bits_per_sample, 16);
        let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
        assert_eq!(samples, [0, 0, 0, 1, -2]);
        wav.set_len(8).unwrap();
        assert_eq!(hound::WavReader::open(&path).unwrap().duration(), 8);
    }

    #[test]
    fn a_file_that_exists_is_never_overwritten_and_4_gib_are_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wav");
        let mut wav = WavFile::create(&path).unwrap();
        let again = WavFile::create(&path).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert!(wav.write_at(WAV_SAMPLES, &[1]).is_err());
        assert!(wav.set_len(WAV_SAMPLES + 1).is_err());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 44);
    }
}
