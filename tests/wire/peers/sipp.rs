//! sipp with the scenarios that it carries inside, as caller (`uac`) and callee (`uas`).
//!
//! What its Debian build (3.6.1) does, as far as tests must know:
//! - `uac` offers PCMU and sends no audio. `uac_pcap` replays eight seconds of PCMA through a raw
//!   socket, from the port that its SDP names, and takes nine seconds.
//! - `uas` answers at once. With `-rtp_echo` it returns every packet to where it came from; it
//!   lingers 4 s after a BYE and does not report what it echoed.
//! - Media sockets are bound in any case, two of them two ports apart, and a control port, by
//!   default 8888 on all addresses.
//! - `uac` exits with 0 when each call went as the scenario says.

use super::ports::{block, is_bound_udp, local};
use super::process::Process;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Where Debian keeps the recordings that `uac_pcap` looks for in `pcap/`.
const RECORDINGS: &str = "/usr/share/sip-tester";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

impl Transport {
    /// sipp's name of it, with one socket for all calls.
    const fn mode(self) -> &'static str {
        match self {
            Self::Udp => "u1",
            Self::Tcp => "t1",
        }
    }
}

/// A running sipp and where it is.
pub(crate) struct Sipp {
    pub(crate) process: Process,
    pub(crate) sip: SocketAddr,
    /// Where its SDP says that it receives audio.
    pub(crate) media: SocketAddr,
    folder: TempDir,
}

/// What a caller is to do.
pub(crate) struct Calls {
    /// Where it calls from.
    pub(crate) from: Ipv4Addr,
    /// `uac` or `uac_pcap`.
    pub(crate) scenario: &'static str,
    pub(crate) target: SocketAddr,
    /// User part of the Request-URI.
    pub(crate) user: &'static str,
    pub(crate) transport: Transport,
    pub(crate) count: u32,
    pub(crate) per_second: u32,
    /// How long each call is held by `uac`.
    pub(crate) hold: Duration,
}

impl Calls {
    /// One call of `uac`, without a pause.
    pub(crate) fn one(target: SocketAddr, transport: Transport) -> Self {
        let hold = Duration::ZERO;
        let user = "service";
        Self {
            from: Ipv4Addr::LOCALHOST,
            scenario: "uac",
            target,
            user,
            transport,
            count: 1,
            per_second: 10,
            hold,
        }
    }
}

impl Sipp {
    /// A callee that answers every call and returns every RTP packet; it listens when this returns.
    pub(crate) fn uas(program: &Path, ip: Ipv4Addr, transport: Transport) -> Self {
        let arguments = ["-sn", "uas", "-rtp_echo"];
        Self::listening(program, ip.into(), transport.mode(), &arguments)
    }

    /// A callee with a scenario of `tests/wire/scenarios`.
    pub(crate) fn playing(
        program: &Path,
        ip: Ipv4Addr,
        transport: Transport,
        scenario: &str,
    ) -> Self {
        Self::answering(program, ip.into(), transport.mode(), scenario, &[])
    }

    /// The same with sipp's own name of the transport (`u1`, `t1`, `tn`) and further arguments.
    pub(crate) fn answering(
        program: &Path,
        ip: IpAddr,
        mode: &str,
        scenario: &str,
        more: &[&str],
    ) -> Self {
        let file = file(scenario);
        let arguments = [&["-sf", &file], more].concat();
        Self::listening(program, ip, mode, &arguments)
    }

    /// A caller of `target` with a scenario of `tests/wire/scenarios`, otherwise as
    /// [`Self::answering`].
    pub(crate) fn calling(
        program: &Path,
        from: IpAddr,
        mode: &str,
        scenario: &str,
        more: &[&str],
    ) -> Self {
        let file = file(scenario);
        let arguments = [&["-sf", &file], more].concat();
        Self::start(program, from, mode, &arguments)
    }

    fn listening(program: &Path, ip: IpAddr, mode: &str, arguments: &[&str]) -> Self {
        let mut sipp = Self::start(program, ip, mode, arguments);
        let (sip, media) = (sipp.sip, sipp.media);
        let listens = || match mode {
            "u1" => is_bound_udp(sip),
            _ => std::net::TcpStream::connect(sip).is_ok(),
        };
        let ready = move || listens() && is_bound_udp(media);
        sipp.process
            .wait_until("sipp listening", Duration::from_secs(10), ready);
        sipp
    }

    /// A caller; [`Self::finish`] waits for its calls.
    pub(crate) fn uac(program: &Path, calls: &Calls) -> Self {
        let (target, count) = (calls.target.to_string(), calls.count.to_string());
        let (rate, hold) = (
            calls.per_second.to_string(),
            calls.hold.as_millis().to_string(),
        );
        let arguments = ["-sn", calls.scenario, &target, "-s", calls.user];
        let load = ["-m", &count, "-r", &rate, "-d", &hold];
        let limits = [
            "-recv_timeout",
            "20000",
            "-timeout",
            "120",
            "-timeout_error",
        ];
        let all = [&arguments[..], &load, &limits].concat();
        Self::start(program, calls.from.into(), calls.transport.mode(), &all)
    }

    fn start(program: &Path, ip: IpAddr, mode: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder of its own can be made");
        link_recordings(folder.path());
        // SIP and control port, then audio and, two above, video with their RTCP.
        let first = block(6);
        let at = |port| SocketAddr::from((ip, port));
        let (sip, media) = (at(first), at(first + 2));
        let mut command = Command::new(program);
        command.current_dir(&folder).args(arguments);
        // By default more than a process may have: `tn` would not start.
        command.args(["-t", mode, "-max_socket", "100"]);
        for (ip, port, address) in [
            ("-i", "-p", sip),
            ("-ci", "-cp", local(first + 1)),
            ("-mi", "-mp", media),
        ] {
            command.args([
                ip,
                &address.ip().to_string(),
                port,
                &address.port().to_string(),
            ]);
        }
        command.args(["-nostdin", "-trace_err", "-error_file", "errors.log"]);
        command.args(["-trace_msg", "-message_file", "messages.log"]);
        Self {
            process: Process::start(&mut command),
            sip,
            media,
            folder,
        }
    }

    /// Waits until the caller's calls are over. The error is what sipp complained about, with all
    /// its messages.
    pub(crate) fn finish(mut self, within: Duration) -> Result<(), String> {
        self.wait(within)
    }

    /// As [`Self::finish`], for who reads its messages afterwards.
    pub(crate) fn wait(&mut self, within: Duration) -> Result<(), String> {
        let status = self.process.wait_for_end(within);
        if status.success() {
            return Ok(());
        }
        let (errors, said) = (self.read("errors.log"), self.process.output());
        Err(format!(
            "sipp: {status}\n{errors}\n{said}\n{}",
            self.messages()
        ))
    }

    /// Every message sent and received so far, with sipp's headings between them.
    pub(crate) fn messages(&self) -> String {
        self.read("messages.log")
    }

    /// What it received, without its headings and what it sent.
    pub(crate) fn heard(&self) -> String {
        let log = self.messages();
        // "----- DATE", then "UDP message received [123] bytes :", an empty line and the message.
        let messages = log
            .split("-----------------------------------------------")
            .skip(1);
        let received = messages.filter_map(|message| {
            let (heading, text) = message.split_once("bytes :")?;
            heading.contains(" received ").then_some(text)
        });
        received.collect()
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).unwrap_or_default()
    }
}

/// The whole path of a scenario.
fn file(scenario: &str) -> String {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/scenarios");
    scenarios.join(scenario).display().to_string()
}

fn link_recordings(folder: &Path) {
    let recordings = PathBuf::from(RECORDINGS);
    if recordings.is_dir() {
        let linked = std::os::unix::fs::symlink(recordings, folder.join("pcap"));
        linked.expect("an empty folder takes a link");
    }
}

#[cfg(test)]
mod tests {
    use super::super::rtp::RtpSocket;
    use super::super::{may_open_raw_sockets, program};
    use super::*;

    fn calls_reach_the_callee(transport: Transport) {
        let Some(sipp) = program("sipp") else { return };
        let uas = Sipp::uas(&sipp, Ipv4Addr::LOCALHOST, transport);
        let calls = Calls {
            count: 3,
            user: "alice",
            ..Calls::one(uas.sip, transport)
        };
        Sipp::uac(&sipp, &calls)
            .finish(Duration::from_secs(30))
            .unwrap();
        let heard = uas.messages();
        assert_eq!(heard.matches("INVITE sip:alice@").count(), 3, "{heard}");
        assert_eq!(heard.matches("BYE sip:").count(), 3, "{heard}");
    }

    #[test]
    fn sipp_calls_sipp_over_udp() {
        calls_reach_the_callee(Transport::Udp);
    }

    #[test]
    fn sipp_calls_sipp_over_tcp() {
        calls_reach_the_callee(Transport::Tcp);
    }

    #[test]
    fn the_callee_returns_rtp() {
        let Some(sipp) = program("sipp") else { return };
        let uas = Sipp::uas(&sipp, Ipv4Addr::LOCALHOST, Transport::Udp);
        assert_eq!(RtpSocket::bind(block(2)).echo(uas.media, 50), 50);
    }

    #[test]
    fn the_caller_with_a_recording_ends_its_call() {
        let Some(sipp) = program("sipp") else { return };
        if !may_open_raw_sockets() {
            return;
        }
        let uas = Sipp::uas(&sipp, Ipv4Addr::LOCALHOST, Transport::Udp);
        let calls = Calls {
            scenario: "uac_pcap",
            ..Calls::one(uas.sip, Transport::Udp)
        };
        Sipp::uac(&sipp, &calls)
            .finish(Duration::from_secs(30))
            .unwrap();
    }

    #[test]
    fn a_call_that_fails_is_reported() {
        let Some(sipp) = program("sipp") else {
            panic!("sipp: exit status, were it here")
        };
        let nobody = std::net::UdpSocket::bind(local(block(2))).unwrap();
        let target = nobody.local_addr().unwrap();
        let caller = Sipp::uac(&sipp, &Calls::one(target, Transport::Udp));
        let mut buffer = [0; 4096];
        let (length, from) = nobody.recv_from(&mut buffer).unwrap();
        let invite = String::from_utf8_lossy(&buffer[..length]);
        let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
        let lines = invite
            .lines()
            .filter(|line| kept.iter().any(|name| line.starts_with(name)));
        let refusal: String = std::iter::once("SIP/2.0 486 Busy Here")
            .chain(lines)
            .chain(["Content-Length: 0", ""])
            .flat_map(|line| [line, "\r\n"])
            .collect();
        nobody.send_to(refusal.as_bytes(), from).unwrap();
        let complaint = caller.finish(Duration::from_secs(30)).unwrap_err();
        assert!(complaint.contains("486 Busy Here"), "{complaint}");
    }
}
