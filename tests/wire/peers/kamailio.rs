//! Kamailio as a record-routing proxy, with `tests/wire/kamailio.cfg`.

use super::ports::is_bound_udp;
use super::process::Process;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(10);

/// A running proxy; it ends when dropped.
pub(crate) struct Kamailio {
    process: Process,
    _folder: TempDir,
}

impl Kamailio {
    /// Listens at `here` over UDP and TCP, and sends each call to all of `next` at a time: SIP URIs
    /// of an address and a transport. It listens when this returns.
    pub(crate) fn start(program: &Path, here: SocketAddr, next: &[String]) -> Self {
        let folder = tempfile::tempdir().expect("a folder of its own can be made");
        let (first, rest) = next.split_first().expect("calls go somewhere");
        // A branch goes where `$du` says at that moment.
        let fork: Vec<String> = rest
            .iter()
            .map(|uri| format!("$du = \"{uri}\"; append_branch();"))
            .collect();
        let config = include_str!("../kamailio.cfg")
            .replace("HERE\n", &format!("{here}\n"))
            .replace("\"NEXT\"", &format!("\"{first}\""))
            .replace("    FORK\n", &format!("    {}\n", fork.join("\n    ")));
        let file = folder.path().join("kamailio.cfg");
        std::fs::write(&file, config).expect("a file in a folder of one's own");
        let mut command = Command::new(program);
        command.current_dir(&folder);
        // In the foreground, its messages on stderr, everything that it writes in its folder, and
        // no more memory than a few calls want.
        command.args(["-DD", "-E", "-m", "32", "-M", "8"]);
        command.arg("-f").arg(&file);
        command.arg("-Y").arg(folder.path());
        command.arg("-w").arg(folder.path());
        let mut process = Process::start(&mut command);
        let listens = || is_bound_udp(here) && std::net::TcpStream::connect(here).is_ok();
        process.wait_until("kamailio listening", PATIENCE, listens);
        Self {
            process,
            _folder: folder,
        }
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // Its workers are processes too, which only it can end.
        self.process.terminate();
        self.process.end_within(PATIENCE);
    }
}
