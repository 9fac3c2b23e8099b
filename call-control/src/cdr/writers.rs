//! The files of a process: each is open once.

use super::writer::Writer;
use crate::limits;
use sbc_core::SystemClock;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// Files that are being written, by their true paths.
#[derive(Debug, Default)]
pub(super) struct Writers {
    open: Mutex<Vec<(PathBuf, Weak<Writer>)>>,
    lost: Arc<AtomicU64>,
}

impl Writers {
    /// The writer of a file, which is made where it is missing.
    pub(super) fn open(&self, path: &Path) -> io::Result<Arc<Writer>> {
        // Nothing is left half done by whoever panicked with it.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(_, writer)| writer.strong_count() > 0);
        let file = super::writer::append_to(path)?;
        let path = path.canonicalize()?;
        let known = open.iter().find(|(known, _)| *known == path);
        if let Some(writer) = known.and_then(|(_, writer)| writer.upgrade()) {
            return Ok(writer);
        }
        let clock = SystemClock::start();
        let lost = Arc::clone(&self.lost);
        let writer = Writer::start(file, path.clone(), clock, limits::CDR_QUEUE, lost)?;
        let writer = Arc::new(writer);
        open.push((path, Arc::downgrade(&writer)));
        Ok(writer)
    }

    /// Waits until what is queued is in the files, for each of them so long; false where it is not.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let writers: Vec<_> = open.iter().filter_map(|(_, w)| w.upgrade()).collect();
        drop(open);
        // Each is waited for, whatever the others do.
        let flushed = writers.iter().filter(|writer| writer.flush(within));
        flushed.count() == writers.len()
    }

    /// Records that are in no file.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_nobody_writes_any_more_is_forgotten() {
        let dir = tempfile::TempDir::new().unwrap();
        let writers = Writers::default();
        for n in 0..3 {
            drop(writers.open(&dir.path().join(n.to_string())).unwrap());
        }
        assert_eq!(writers.open.lock().unwrap().len(), 1);
    }
}
