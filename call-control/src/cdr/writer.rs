//! One file with the thread that writes it.
//!
//! Lines go through a bounded queue and reach the file by one `write` each, in append mode, so
//! that a reader finds whole lines and several processes may write to it. Nobody waits: a line that
//! finds the queue full, or the disk, is lost, counted and complained about. A file that was
//! renamed is left within a second, and a new one begun under its path; one that was cut is
//! written on.

use crate::limits;
use sbc_core::{Clock, Instant};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

type Line = Arc<[u8]>;

/// Writes to one file. Who drops it waits until the queue is in the file.
#[derive(Debug)]
pub(super) struct Writer {
    /// Nothing only while it is dropped.
    queue: Option<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. `lost` counts what reaches no file.
    pub(super) fn start(
        file: File,
        path: PathBuf,
        clock: impl Clock + 'static,
        capacity: usize,
        lost: Arc<AtomicU64>,
    ) -> io::Result<Self> {
        let (queue, lines) = queue(capacity, Arc::clone(&lost));
        let mut journal = Journal::new(file, path, clock, lost, Arc::clone(&queue.unsaid));
        let pending = Arc::clone(&queue.pending);
        let thread = std::thread::Builder::new()
            .name("cdr".to_owned())
            .spawn(move || {
                for line in lines {
                    journal.append(&line);
                    pending.less();
                }
                journal.close();
            })?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Queues a line, which has its line end.
    pub(super) fn write(&self, line: Line) {
        if let Some(queue) = &self.queue {
            queue.push(line);
        }
    }
}

impl Writer {
    /// Waits until what is queued is in the file, or lost; false where that takes longer.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let queue = self.queue.as_ref();
        queue.is_none_or(|queue| queue.pending.settle(within))
    }
}

/// How many lines are queued or being written.
#[derive(Debug, Default)]
struct Pending {
    lines: Mutex<usize>,
    fewer: Condvar,
}

impl Pending {
    fn lines(&self) -> MutexGuard<'_, usize> {
        // A number is whole, whoever panicked beside it.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn more(&self) {
        *self.lines() += 1;
    }

    fn less(&self) {
        let mut lines = self.lines();
        *lines = lines.saturating_sub(1);
        self.fewer.notify_all();
    }

    fn settle(&self, within: Duration) -> bool {
        let waited = self
            .fewer
            .wait_timeout_while(self.lines(), within, |lines| *lines > 0);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if self.thread.take().is_some_and(|t| t.join().is_err()) {
            tracing::error!("the thread of a CDR file panicked: records are missing");
        }
    }
}

/// The callers' end of the queue.
#[derive(Debug)]
struct Queue {
    lines: SyncSender<Line>,
    lost: Arc<AtomicU64>,
    /// Lost here, and not yet told by the thread.
    unsaid: Arc<AtomicU64>,
    pending: Arc<Pending>,
}

fn queue(capacity: usize, lost: Arc<AtomicU64>) -> (Queue, Receiver<Line>) {
    let (lines, receiver) = sync_channel(capacity);
    let queue = Queue {
        lines,
        lost,
        unsaid: Arc::default(),
        pending: Arc::default(),
    };
    (queue, receiver)
}

impl Queue {
    fn push(&self, line: Line) {
        self.pending.more();
        let why = match self.lines.try_send(line) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => "the disk is too slow and the queue full",
            Err(TrySendError::Disconnected(_)) => "the thread of the file is gone",
        };
        self.pending.less();
        self.lost.fetch_add(1, Relaxed);
        // The thread may hang in a write: the first loss is told here, it tells how many followed.
        if self.unsaid.fetch_add(1, Relaxed) == 0 {
            tracing::error!(error = why, "a CDR is lost");
        }
    }
}

/// The thread's end: the file, and what there is to say about it.
struct Journal<C> {
    path: PathBuf,
    file: Lines<File>,
    clock: C,
    /// When to look whether the path leads to another file.
    look_at: Instant,
    lost: Arc<AtomicU64>,
    lost_in_queue: Arc<AtomicU64>,
    /// Lost in writing, and not yet told.
    unsaid: u64,
    quiet_until: Instant,
}

impl<C: Clock> Journal<C> {
    fn new(
        file: File,
        path: PathBuf,
        clock: C,
        lost: Arc<AtomicU64>,
        lost_in_queue: Arc<AtomicU64>,
    ) -> Self {
        let now = clock.now().mono;
        Self {
            file: Lines::new(file, ends_torn(&path)),
            path,
            look_at: now + limits::CDR_RENAMED,
            clock,
            lost,
            lost_in_queue,
            unsaid: 0,
            quiet_until: now,
        }
    }

    fn append(&mut self, line: &[u8]) {
        let now = self.clock.now().mono;
        if now >= self.look_at {
            self.look_at = now + limits::CDR_RENAMED;
            self.follow_path();
        }
        let failed = self.file.write(line).err();
        if failed.is_some() {
            self.lost.fetch_add(1, Relaxed);
            self.unsaid += 1;
        }
        if now >= self.quiet_until && self.complain(failed.as_ref()) {
            self.quiet_until = now + limits::CDR_COMPLAINT;
        }
    }

    /// Opens the path again where it leads elsewhere by now; the old file goes on where that fails.
    fn follow_path(&mut self) {
        let same = |there: &Metadata| {
            let ours = self.file.out.metadata();
            ours.is_ok_and(|o| (o.dev(), o.ino()) == (there.dev(), there.ino()))
        };
        if std::fs::metadata(&self.path).is_ok_and(|there| same(&there)) {
            return;
        }
        match append_to(&self.path) {
            Ok(file) => self.file = Lines::new(file, ends_torn(&self.path)),
            Err(error) => tracing::error!(
                file = %self.path.display(), %error,
                "the CDR file was moved and cannot be made anew: records go to the moved one"
            ),
        }
    }

    /// Tells what was lost since it was told last; false where nothing was.
    fn complain(&mut self, failed: Option<&io::Error>) -> bool {
        let in_queue = self.lost_in_queue.swap(0, Relaxed);
        let unsaid = std::mem::take(&mut self.unsaid);
        if (in_queue, unsaid) == (0, 0) {
            return false;
        }
        let file = self.path.display();
        let error = failed.map_or_else(String::new, ToString::to_string);
        tracing::error!(%file, in_queue, in_writing = unsaid, error, "CDRs are lost");
        true
    }

    fn close(mut self) {
        self.complain(None);
    }
}

/// Whole lines into a file, also after one that did not fit.
struct Lines<W> {
    out: W,
    /// The file ends within a line.
    torn: bool,
}

impl<W: Write> Lines<W> {
    const fn new(out: W, torn: bool) -> Self {
        Self { out, torn }
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.out.write_all(b"\n")?;
            self.torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    rest = &rest[n..];
                    self.torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Opens a file to write at its end; one that is made is for owner and group. What is no file with
/// an end is refused: to open a pipe would wait for its reader.
pub(super) fn append_to(path: &Path) -> io::Result<File> {
    let kind = std::fs::metadata(path).map(|there| there.file_type());
    if kind.is_ok_and(|kind| kind.is_dir() || kind.is_fifo() || kind.is_socket()) {
        return Err(io::Error::other("it is a folder, a pipe or a socket"));
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o640).open(path)
}

/// Whether the file's last line has no end: the disk was full. Not known counts as no.
fn ends_torn(path: &Path) -> bool {
    let last = || {
        let mut file = File::open(path)?;
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        Ok::<_, io::Error>(last[0])
    };
    path.is_file() && last().is_ok_and(|last| last != b'\n')
}

#[cfg(test)]
mod tests;
