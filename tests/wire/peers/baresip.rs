//! baresip as a phone that plays one tone and records what it hears, steered over its `ctrl_tcp`
//! port (JSON in netstrings: commands there, events back).
//!
//! What its Debian build (1.0.0) does, as far as tests must know:
//! - `sip_listen` is UDP and TCP; the port above it is taken for TLS as well.
//! - `aufile` plays a WAV file and cannot write one. `sndfile`, an audio filter, writes what is
//!   sent (`dump-*-enc.wav`) and what is received (`dump-*-dec.wav`); for the latter there must be
//!   a player, and `aubridge` is one without a sound card.
//! - `net_interface` takes an address: with 127.0.0.1 nothing else is named in SIP or SDP.
//! - It prints through a buffer, so that its lines tell nothing in time; events do.

use super::audio::write_tone;
use super::ports::{block, local};
use super::process::Process;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const MODULES: &str = "/usr/lib/baresip/modules";
/// The longest call that a phone can fill with its tone.
const TONE_SECONDS: u32 = 60;

/// A running phone.
pub(crate) struct Baresip {
    process: Process,
    control: BufReader<TcpStream>,
    /// Events that came while something else was awaited.
    events: VecDeque<Value>,
    pub(crate) sip: SocketAddr,
    folder: TempDir,
}

impl Baresip {
    /// Starts a phone with the given address and user name that answers every call, and waits until
    /// it can be called. What it says is a tone.
    pub(crate) fn start(program: &Path, ip: Ipv4Addr, user: &str, hertz: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder of its own can be made");
        // SIP, TLS, control, and from the fourth on RTP and RTCP.
        let first = block(24);
        let (sip, control) = (SocketAddr::from((ip, first)), local(first + 2));
        write_tone(&folder.path().join("say.wav"), hertz, TONE_SECONDS);
        let rtp = format!("{}-{}", first + 4, first + 23);
        let files = [
            ("config", config(folder.path(), sip, control, &rtp)),
            ("accounts", account(user, sip)),
        ];
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("the folder can be written");
        }
        let mut process = Process::start(Command::new(program).arg("-f").arg(folder.path()));
        let mut stream = None;
        process.wait_until("control port", Duration::from_secs(20), || {
            stream = TcpStream::connect(control).ok();
            stream.is_some()
        });
        let control = BufReader::new(stream.expect("the wait ends when there is one"));
        Self {
            process,
            control,
            events: VecDeque::new(),
            sip,
            folder,
        }
    }

    /// Dials `uri`, such as `sip:bob@127.0.0.1:5060;transport=tcp`.
    pub(crate) fn dial(&mut self, uri: &str) {
        self.command("dial", uri);
    }

    pub(crate) fn hang_up(&mut self) {
        self.command("hangup", "");
    }

    /// Waits for a call event: `CALL_INCOMING`, `CALL_RINGING`, `CALL_ESTABLISHED`, `CALL_CLOSED`.
    pub(crate) fn wait_for(&mut self, kind: &str, within: Duration) -> Value {
        while let Some(event) = self.events.pop_front() {
            if event["type"] == kind {
                return event;
            }
        }
        loop {
            let message = self.read(kind, within);
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// Waits until it has recorded so much of the other side.
    pub(crate) fn listen(&mut self, length: Duration) {
        let bytes = length.as_millis() * u128::from(super::audio::RATE / 1000) * 2;
        let folder = self.folder.path().to_owned();
        let heard = || {
            let file = recording(&folder).and_then(|file| file.metadata().ok());
            file.is_some_and(|file| u128::from(file.len()) > bytes)
        };
        self.process
            .wait_until("audio", length + Duration::from_secs(20), heard);
    }

    /// The WAV file of what it heard; complete after `CALL_CLOSED`.
    pub(crate) fn heard(&self) -> PathBuf {
        recording(self.folder.path()).expect("a call was recorded")
    }

    /// Sends a command and waits for its answer. Panics when it was refused.
    fn command(&mut self, command: &str, parameters: &str) {
        let text =
            json!({ "command": command, "params": parameters, "token": command }).to_string();
        let packet = format!("{}:{text},", text.len());
        self.control
            .get_mut()
            .write_all(packet.as_bytes())
            .expect("baresip listens");
        loop {
            let message = self.read(command, Duration::from_secs(10));
            if message["response"] == true {
                assert_eq!(message["ok"], true, "{command} {parameters}: {message}");
                return;
            }
            self.events.push_back(message);
        }
    }

    /// The next netstring. Panics when none comes within `patience`, naming what was awaited.
    fn read(&mut self, awaited: &str, patience: Duration) -> Value {
        self.control
            .get_ref()
            .set_read_timeout(Some(patience))
            .expect("a valid timeout");
        let mut length = Vec::new();
        let mut body = Vec::new();
        let result = self.control.read_until(b':', &mut length).and_then(|_| {
            length.pop();
            let length = String::from_utf8_lossy(&length).parse().unwrap_or(0);
            // The netstring's comma is read with its body.
            (&mut self.control).take(length + 1).read_to_end(&mut body)
        });
        body.pop();
        match (result, serde_json::from_slice(&body)) {
            (Ok(_), Ok(value)) => value,
            (result, parsed) => panic!(
                "no {awaited} from baresip ({result:?}, {parsed:?}); it said:\n{}",
                self.process.output()
            ),
        }
    }
}

fn config(folder: &Path, sip: SocketAddr, control: SocketAddr, rtp: &str) -> String {
    let folder = folder.display();
    format!(
        "sip_listen {sip}\nnet_interface {ip}\nrtp_ports {rtp}\ncall_max_calls 4\n\
         audio_source aufile,{folder}/say.wav\naudio_player aubridge,heard\n\
         audio_alert aubridge,alert\nausrc_srate 8000\nauplay_srate 8000\naudio_buffer 20-160\n\
         jitter_buffer_delay 1-10\nsnd_path {folder}\nmodule_path {MODULES}\n\
         module g711.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\n\
         module_tmp account.so\nmodule_app menu.so\n\
         module_app ctrl_tcp.so\nctrl_tcp_listen {control}\n",
        ip = sip.ip()
    )
}

fn account(user: &str, sip: SocketAddr) -> String {
    format!("<sip:{user}@{sip}>;regint=0;answermode=auto;audio_codecs=PCMU,PCMA\n")
}

fn recording(folder: &Path) -> Option<PathBuf> {
    let files = folder
        .read_dir()
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()));
    files
        .into_iter()
        .find(|file| file.to_string_lossy().ends_with("-dec.wav"))
}

#[cfg(test)]
mod tests {
    use super::super::audio::share_of_tone;
    use super::super::program;
    use super::*;

    fn hear_each_other(transport: &str) {
        let Some(baresip) = program("baresip") else {
            return;
        };
        let patience = Duration::from_secs(20);
        let mut alice = Baresip::start(&baresip, Ipv4Addr::LOCALHOST, "alice", 400);
        let mut bob = Baresip::start(&baresip, Ipv4Addr::LOCALHOST, "bob", 1000);
        alice.dial(&format!("sip:bob@{};transport={transport}", bob.sip));
        alice.wait_for("CALL_ESTABLISHED", patience);
        bob.wait_for("CALL_ESTABLISHED", patience);
        alice.listen(Duration::from_secs(1));
        bob.listen(Duration::from_secs(1));
        alice.hang_up();
        alice.wait_for("CALL_CLOSED", patience);
        bob.wait_for("CALL_CLOSED", patience);
        let (heard_by_alice, heard_by_bob) = (alice.heard(), bob.heard());
        for (file, hertz, other) in [(heard_by_alice, 1000, 400), (heard_by_bob, 400, 1000)] {
            let (right, wrong) = (share_of_tone(&file, hertz), share_of_tone(&file, other));
            assert!(
                right > 0.8 && wrong < 0.05,
                "{hertz} Hz: {right}, {other} Hz: {wrong}"
            );
        }
    }

    #[test]
    fn two_phones_hear_each_other_over_udp() {
        hear_each_other("udp");
    }

    #[test]
    fn two_phones_hear_each_other_over_tcp() {
        hear_each_other("tcp");
    }
}
