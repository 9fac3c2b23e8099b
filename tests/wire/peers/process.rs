//! A child process whose output is kept and whose end is certain.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a condition is looked at that announces itself in no other way.
const GLANCE: Duration = Duration::from_millis(20);
/// Output that is kept; a peer that prints more is not listened to any longer.
const OUTPUT_LIMIT: usize = 4 << 20;

/// A running program; killed when dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    output: Arc<Output>,
}

#[derive(Default)]
struct Output {
    said: Mutex<Said>,
    grew: Condvar,
}

#[derive(Default)]
struct Said {
    text: String,
    /// What of it came from stdout.
    stdout: String,
    /// Of stdout and stderr, how many are read to their end.
    finished: u8,
}

impl Process {
    /// Starts `command` with nothing to read and its output captured.
    pub(crate) fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("{name} does not start: {error}"),
        };
        let output = Arc::new(Output::default());
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let stderr = child.stderr.take().expect("stderr is a pipe");
        listen(stdout, Arc::clone(&output), true);
        listen(stderr, Arc::clone(&output), false);
        Self {
            name,
            child,
            output,
        }
    }

    /// Everything printed so far, both streams in the order of arrival.
    pub(crate) fn output(&self) -> String {
        self.said().text.clone()
    }

    /// What it printed to stdout.
    pub(crate) fn stdout(&self) -> String {
        self.said().stdout.clone()
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Sends it SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.signal(rustix::process::Signal::HUP);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.id()).expect("a process number");
        let id = rustix::process::Pid::from_raw(id).expect("not zero");
        let sent = rustix::process::kill_process(id, signal);
        sent.expect("a child may be sent signals");
    }

    /// The first line that contains `part`. Panics after `within`, or when the process ends first.
    pub(crate) fn wait_for_line(&mut self, part: &str, within: Duration) -> String {
        let found = |text: &str| {
            text.lines()
                .find(|line| line.contains(part))
                .map(str::to_owned)
        };
        self.wait(&format!("a line with {part:?}"), within, found)
    }

    /// Waits until `condition` holds, which is looked at again and again. Panics after `within`,
    /// or when the process ends first.
    pub(crate) fn wait_until(
        &mut self,
        what: &str,
        within: Duration,
        mut condition: impl FnMut() -> bool,
    ) {
        self.wait(what, within, |_| condition().then_some(()));
    }

    /// How it ended; nothing when it has not after `within`.
    pub(crate) fn end_within(&mut self, within: Duration) -> Option<ExitStatus> {
        let mut silent = 0;
        while silent < glances(within) {
            let ended = self.ended();
            if ended.is_some() {
                return ended;
            }
            silent += self.glance();
        }
        None
    }

    /// How it ended. Panics when it has not after `within`.
    pub(crate) fn wait_for_end(&mut self, within: Duration) -> ExitStatus {
        if let Some(status) = self.end_within(within) {
            return status;
        }
        panic!(
            "{} has not ended within {within:?}; it said:\n{}",
            self.name,
            self.output()
        );
    }

    fn wait<T>(
        &mut self,
        what: &str,
        within: Duration,
        mut look: impl FnMut(&str) -> Option<T>,
    ) -> T {
        let mut silent = 0;
        while silent < glances(within) {
            let ended = self.ended();
            if let Some(found) = look(&self.said().text) {
                return found;
            }
            if let Some(status) = ended {
                let name = &self.name;
                panic!("{name} ended ({status}) before {what}:\n{}", self.output());
            }
            silent += self.glance();
        }
        panic!(
            "{}: no {what} within {within:?}; it said:\n{}",
            self.name,
            self.output()
        );
    }

    /// Its status once it has ended and its last words were read.
    fn ended(&mut self) -> Option<ExitStatus> {
        let status = self
            .child
            .try_wait()
            .expect("a child can be asked whether it has ended")?;
        (self.said().finished == 2).then_some(status)
    }

    /// Waits until there is more output, for a moment at most. 1 when nothing came: only silence
    /// counts as time gone by, and output is bounded.
    fn glance(&self) -> u128 {
        let woken = self.output.grew.wait_timeout(self.said(), GLANCE);
        woken
            .unwrap_or_else(PoisonError::into_inner)
            .1
            .timed_out()
            .into()
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.output.said()
    }
}

impl Output {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where the process has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn glances(within: Duration) -> u128 {
    within.as_millis().div_ceil(GLANCE.as_millis())
}

fn listen(stream: impl Read + Send + 'static, output: Arc<Output>, is_stdout: bool) {
    std::thread::spawn(move || {
        let mut stream = BufReader::new(stream.take(OUTPUT_LIMIT as u64));
        let mut line = Vec::new();
        while stream
            .read_until(b'\n', &mut line)
            .is_ok_and(|length| length > 0)
        {
            let text = String::from_utf8_lossy(&line);
            let mut said = output.said();
            said.text.push_str(&text);
            if is_stdout {
                said.stdout.push_str(&text);
            }
            drop(said);
            output.grew.notify_all();
            line.clear();
        }
        output.said().finished += 1;
        output.grew.notify_all();
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn shell(script: &str) -> Process {
        Process::start(Command::new("sh").args(["-c", script]))
    }

    fn complaint(what: impl FnOnce()) -> String {
        let panic = catch_unwind(AssertUnwindSafe(what)).expect_err("it waits in vain");
        panic
            .downcast::<String>()
            .map(|text| *text)
            .unwrap_or_default()
    }

    #[test]
    fn a_line_is_awaited_and_the_end_is_reported() {
        let mut process = shell("echo one; echo two >&2; exit 3");
        assert_eq!(process.wait_for_line("tw", Duration::from_secs(5)), "two");
        assert_eq!(process.wait_for_end(Duration::from_secs(5)).code(), Some(3));
        assert!(process.output().contains("one\n"));
    }

    #[test]
    fn waiting_in_vain_ends_and_shows_the_output() {
        let mut process = shell("echo hello; exec tail -f /dev/null");
        let text = complaint(|| {
            process.wait_for_line("bye", Duration::from_millis(300));
        });
        assert!(text.contains("hello"), "{text}");
        let mut process = shell("echo hello; exit 1");
        let text = complaint(|| process.wait_until("rain", Duration::from_secs(60), || false));
        assert!(
            text.contains("exit status: 1") && text.contains("rain"),
            "{text}"
        );
    }

    #[test]
    fn a_dropped_process_is_gone() {
        let mut process = shell("echo $$; exec tail -f /dev/null");
        let id = process.wait_for_line("", Duration::from_secs(5));
        let folder = format!("/proc/{id}");
        assert!(std::path::Path::new(&folder).exists());
        drop(process);
        assert!(!std::path::Path::new(&folder).exists());
    }
}
