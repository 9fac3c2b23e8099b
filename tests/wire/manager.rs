//! A service manager that is told how `sbc run` fares (`sd_notify(3)`).

use crate::border::{CALLEE, Setup};
use crate::peers::ports::block;
use crate::peers::process::Process;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) struct Manager {
    pub(crate) process: Process,
    socket: UnixDatagram,
    _folder: TempDir,
}

impl Manager {
    /// Starts `sbc run`.
    pub(crate) fn start(patience: Duration) -> Self {
        let folder = tempfile::tempdir().expect("a folder of its own can be made");
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a new path can be bound");
        socket.set_read_timeout(Some(patience)).expect("is valid");
        let mut setup = Setup::to(format!("sip:{CALLEE}"));
        setup.port = block(2);
        let file = folder.path().join("sbc.yaml");
        std::fs::write(&file, setup.yaml()).expect("the folder can be written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sbc"));
        command.arg("run").arg("--config").arg(&file);
        let process = Process::start(command.env("NOTIFY_SOCKET", &path));
        Self {
            process,
            socket,
            _folder: folder,
        }
    }

    /// What it is told next.
    pub(crate) fn told(&self) -> String {
        let mut buffer = [0; 200];
        let length = self.socket.recv(&mut buffer).expect("it tells");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }
}
