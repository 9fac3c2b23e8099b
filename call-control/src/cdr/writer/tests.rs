//! The queue and the file, without a thread.

use super::*;
use sbc_core::{Now, UnixMillis};
use std::time::Duration;
use tempfile::TempDir;

/// A clock that stands.
#[derive(Clone, Default)]
struct Standing(Arc<AtomicU64>);

impl Standing {
    fn advance(&self, by: Duration) {
        self.0
            .fetch_add(u64::try_from(by.as_nanos()).unwrap(), Relaxed);
    }
}

impl Clock for Standing {
    fn now(&self) -> Now {
        Now {
            mono: Instant::from_nanos(self.0.load(Relaxed)),
            unix: UnixMillis(0),
        }
    }
}

/// A file in a folder, with what writes it.
struct Bench {
    dir: TempDir,
    clock: Standing,
    journal: Journal<Standing>,
    lost: Arc<AtomicU64>,
}

impl Bench {
    fn new(holding: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("cdr");
        std::fs::write(&path, holding).unwrap();
        let (clock, lost) = (Standing::default(), Arc::default());
        let file = append_to(&path).unwrap();
        let (told, in_queue) = (Arc::clone(&lost), Arc::default());
        Self {
            journal: Journal::new(file, path, clock.clone(), told, in_queue),
            dir,
            clock,
            lost,
        }
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap()
    }

    fn rename(&self, from: &str, to: &str) {
        let at = |name| self.dir.path().join(name);
        std::fs::rename(at(from), at(to)).unwrap();
    }
}

#[test]
fn a_renamed_file_is_left_within_a_second_and_a_new_one_begun() {
    let mut bench = Bench::new("");
    bench.journal.append(b"1\n");
    bench.rename("cdr", "cdr.1");
    bench.journal.append(b"2\n");
    assert_eq!(
        bench.read("cdr.1"),
        "1\n2\n",
        "not every line looks at the path"
    );
    bench.clock.advance(limits::CDR_RENAMED);
    bench.journal.append(b"3\n");
    assert_eq!(
        (&*bench.read("cdr.1"), &*bench.read("cdr")),
        ("1\n2\n", "3\n")
    );
    bench.rename("cdr", "cdr.2");
    bench.journal.append(b"4\n");
    std::fs::write(bench.dir.path().join("cdr"), "").unwrap();
    bench.clock.advance(limits::CDR_RENAMED);
    bench.journal.append(b"5\n");
    assert_eq!(
        (&*bench.read("cdr.2"), &*bench.read("cdr")),
        ("3\n4\n", "5\n")
    );
}

#[test]
fn where_no_new_file_can_be_made_the_renamed_one_goes_on() {
    let mut bench = Bench::new("");
    bench.rename("cdr", "cdr.1");
    std::fs::create_dir(bench.dir.path().join("cdr")).unwrap();
    bench.clock.advance(limits::CDR_RENAMED);
    bench.journal.append(b"1\n");
    assert_eq!(bench.read("cdr.1"), "1\n");
    assert_eq!(bench.lost.load(Relaxed), 0);
}

#[test]
fn a_line_that_an_earlier_run_left_torn_is_ended_before_ours() {
    for (holding, wanted) in [("{\"a\"", "{\"a\"\n1\n"), ("{}\n", "{}\n1\n"), ("", "1\n")] {
        let mut bench = Bench::new(holding);
        bench.journal.append(b"1\n");
        assert_eq!(bench.read("cdr"), wanted);
    }
}

/// Takes so many bytes, at most three at a time, and is full then.
struct Disk {
    room: usize,
    text: Vec<u8>,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.room).min(3);
        if taken == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room -= taken;
        self.text.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_line_that_did_not_fit_spoils_no_other() {
    let text = Vec::new();
    let mut lines = Lines::new(Disk { room: 7, text }, false);
    assert!(lines.write(b"1111\n").is_ok());
    assert!(lines.write(b"2222\n").is_err());
    assert!(lines.write(b"3333\n").is_err());
    lines.out.room = 1;
    assert!(lines.write(b"3333\n").is_err());
    lines.out.room = 100;
    assert!(lines.write(b"4444\n").is_ok());
    assert!(lines.write(b"5555\n").is_ok());
    assert_eq!(lines.out.text, b"1111\n22\n4444\n5555\n");
}

#[test]
fn a_full_queue_loses_lines_and_holds_nobody_up() {
    let lost = Arc::default();
    let (queue, lines) = queue(2, Arc::clone(&lost));
    let line = |n: u8| Line::from([n]);
    for n in 1..=4 {
        queue.push(line(n));
    }
    assert_eq!(lost.load(Relaxed), 2);
    assert_eq!(lines.recv().unwrap(), line(1));
    queue.push(line(5));
    drop(queue);
    assert_eq!(lines.iter().collect::<Vec<_>>(), [line(2), line(5)]);
}

#[test]
fn losses_are_told_together_once_in_ten_seconds() {
    let mut bench = Bench::new("");
    bench.journal.file.out = append_to(Path::new("/dev/full")).unwrap();
    // The path leads to another file, but it is too early to look.
    let untold = |bench: &Bench| {
        let journal = &bench.journal;
        (journal.lost_in_queue.load(Relaxed), journal.unsaid)
    };
    bench.journal.append(b"1\n");
    assert_eq!(untold(&bench), (0, 0), "the first is told at once");
    bench.journal.append(b"2\n");
    bench.journal.lost_in_queue.fetch_add(1, Relaxed);
    bench.journal.append(b"3\n");
    assert_eq!(untold(&bench), (1, 2));
    bench.journal.look_at = Instant::from_nanos(u64::MAX);
    bench.clock.advance(limits::CDR_COMPLAINT);
    bench.journal.append(b"4\n");
    assert_eq!(untold(&bench), (0, 0));
    assert_eq!(bench.lost.load(Relaxed), 4);
}

#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let dir = TempDir::new().unwrap();
    let pipe = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    // Open at both ends, so that opening it would not wait.
    let _reader = OpenOptions::new().read(true).write(true).open(&pipe);
    let error = append_to(&pipe).unwrap_err();
    assert_eq!(error.to_string(), "it is a folder, a pipe or a socket");
}

#[test]
fn a_new_file_is_not_for_everybody_and_a_folder_is_no_file() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("new");
    let mode = append_to(&path).unwrap().metadata().unwrap().mode();
    assert_eq!(mode & 0o007, 0);
    assert!(append_to(dir.path()).is_err());
    assert!(append_to(&dir.path().join("no").join("cdr")).is_err());
}

#[test]
fn what_was_written_is_in_the_file_when_the_flush_returns_true() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("cdr.jsonl");
    let file = append_to(&path).unwrap();
    let clock = sbc_core::SystemClock::start();
    let writer = Writer::start(file, path.clone(), clock, 10_000, Arc::default()).unwrap();
    for _ in 0..5_000 {
        writer.write(Line::from(*b"{}\n"));
    }
    assert!(writer.flush(Duration::from_secs(60)));
    assert_eq!(std::fs::read(&path).unwrap().len(), 15_000);
}

#[test]
fn a_flush_does_not_wait_for_ever_and_lost_lines_are_not_waited_for() {
    let (queue, lines) = queue(1, Arc::default());
    queue.push(Line::from([1]));
    queue.push(Line::from([2]));
    assert!(!queue.pending.settle(Duration::from_millis(10)));
    assert_eq!(lines.recv().unwrap(), Line::from([1]));
    queue.pending.less();
    assert!(
        queue.pending.settle(Duration::from_secs(60)),
        "the other is lost"
    );
}
