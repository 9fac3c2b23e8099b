//! The commands that talk to a running daemon, and what the daemon makes of them.

use crate::border::{CALLEE, Setup, http};
use crate::peers::plain::{Dialog, Plain};
use crate::peers::ports::{block, local};
use crate::peers::process::Process;
use crate::stage::{establish, phones};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

/// The program with these arguments, and nothing of the tests' own environment that it reads.
fn sbc(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sbc"));
    command
        .args(arguments)
        .env_remove("SBC_API")
        .env_remove("SBC_TOKEN");
    command
}

/// Exit code and everything that was printed.
fn ended(command: &mut Command) -> (Option<i32>, String) {
    let mut process = Process::start(command);
    let status = process.wait_for_end(PATIENCE);
    (status.code(), process.output())
}

/// `sbc run` between two phones, and the file that says where its API is.
struct Running {
    process: Process,
    file: PathBuf,
    api: SocketAddr,
    caller: Plain,
    callee: Plain,
    _folder: TempDir,
}

impl Running {
    fn start() -> Self {
        let (mut setup, caller, callee) = phones(Setup::to(""));
        let api = local(setup.port + 2);
        let folder = tempfile::tempdir().expect("a folder of its own can be made");
        let cdr = folder.path().join("cdr.jsonl");
        setup.more = format!(
            "drain: 0s\nobserve: {{ api: \"{api}\" }}\ncontrol:\n  \
             cdr: {{ sinks: [ {{ file: \"{}\" }} ] }}\n",
            cdr.display()
        );
        let yaml = setup
            .yaml()
            .replace("base: {}", "base: { control: [ { use: cdr } ] }");
        let file = folder.path().join("sbc.yaml");
        std::fs::write(&file, yaml).expect("the folder can be written");
        let mut process = Process::start(sbc(&["run"]).arg("--config").arg(&file));
        process.wait_for_line("sbc ready", PATIENCE);
        Self {
            process,
            file,
            api,
            caller,
            callee,
            _folder: folder,
        }
    }

    fn call(&mut self) -> Dialog {
        let call = establish(&mut self.caller, &mut self.callee);
        // The list hears of the answer after both parties do.
        let api = self.api;
        self.process.wait_until("answered", PATIENCE, || {
            http(api, "/v1/calls").1.contains("\"answered\"")
        });
        call
    }

    /// Runs a command that finds the daemon by its configuration.
    fn ask(&self, arguments: &[&str]) -> (Option<i32>, String) {
        ended(sbc(arguments).arg("--config").arg(&self.file))
    }

    fn ask_json(&self, arguments: &[&str]) -> Value {
        let (code, said) = self.ask(&[arguments, &["--json"]].concat());
        assert_eq!(code, Some(0), "{said}");
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }
}

#[test]
fn a_call_is_listed_shown_and_hung_up_from_the_command_line() {
    let mut running = Running::start();
    running.call();
    let (code, said) = running.ask(&["calls"]);
    assert_eq!(code, Some(0), "{said}");
    let mut lines = said.lines();
    let headings = lines.next().unwrap_or_default();
    assert!(
        headings.starts_with("ID ") && headings.contains("STATE"),
        "{said}"
    );
    let line = lines.next().unwrap_or_default();
    assert!(
        line.contains("answered") && line.contains("carrier"),
        "{said}"
    );
    let listed = running.ask_json(&["calls", "--trunk", "pbx", "--state", "answered"]);
    let id = listed["calls"][0]["id"]
        .as_str()
        .expect("one call")
        .to_owned();
    assert!(line.starts_with(&id), "{said}");
    let trunks = running.ask_json(&["trunks"]);
    assert_eq!(trunks["trunks"][0]["calls_in"], 1, "{trunks}");
    assert_eq!(trunks["trunks"][1]["calls_out"], 1, "{trunks}");
    let (code, said) = running.ask(&["trunks"]);
    assert_eq!(
        (code, said.contains("carrier  outside")),
        (Some(0), true),
        "{said}"
    );
    let (code, said) = running.ask(&["call", &id, "show"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("route        inwards"), "{said}");

    let (code, said) = running.ask(&["call", &id, "hangup"]);
    assert_eq!(code, Some(0), "{said}");
    for peer in [&mut running.caller, &mut running.callee] {
        let bye = peer.expect("BYE");
        peer.reply(&bye, "200 OK", "", "");
    }
    let (api, page) = (running.api, format!("/v1/calls/{id}"));
    running.process.wait_until("ended", PATIENCE, || {
        http(api, &page).1.contains("\"ended\"")
    });
    let shown = running.ask_json(&["call", &id, "show"]);
    assert_eq!(shown["reason"], "ended by an operator");
    assert_eq!(shown["ended_by"], "us");
    let cdr = running.file.with_file_name("cdr.jsonl");
    running.process.wait_until("the CDR", PATIENCE, || {
        std::fs::read_to_string(&cdr).is_ok_and(|line| line.contains("ended by an operator"))
    });
    let (code, said) = running.ask(&["call", &id, "hangup"]);
    assert_eq!((code, said.contains("is over")), (Some(1), true), "{said}");
    let (code, said) = running.ask(&["call", "nobody", "show"]);
    assert_eq!(
        (code, said.contains("no call nobody")),
        (Some(1), true),
        "{said}"
    );
    let (code, said) = running.ask(&["calls", "--state", "asleep"]);
    assert_eq!(
        (code, said.contains("expected one of")),
        (Some(1), true),
        "{said}"
    );
}

#[test]
fn the_daemon_is_found_by_argument_by_environment_and_by_configuration() {
    let running = Running::start();
    let url = format!("http://{}", running.api);
    let found = |command: &mut Command| {
        let (code, said) = ended(command);
        assert_eq!(code, Some(0), "{said}");
    };
    found(&mut sbc(&["calls", "--api", &url]));
    found(sbc(&["calls"]).env("SBC_API", &url));
    found(sbc(&["calls", "--config"]).arg(&running.file));
    // The argument comes before the environment.
    found(sbc(&["calls", "--api", &url]).env("SBC_API", "http://127.0.0.1:1"));
}

#[test]
fn a_daemon_with_a_token_answers_whoever_has_it_and_nobody_else() {
    const TOKEN: &str = "0123456789abcdef-right";
    let folder = tempfile::tempdir().unwrap();
    let (file, token) = (folder.path().join("sbc.yaml"), folder.path().join("token"));
    let mut setup = Setup::to(format!("sip:{CALLEE}"));
    setup.port = block(4);
    // Off loopback, as far as this machine goes: every address of it.
    let port = setup.port + 2;
    setup.more = format!("observe: {{ api: \"0.0.0.0:{port}\", token: {{ file: token }} }}\n");
    std::fs::write(&file, setup.yaml()).unwrap();
    std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
    let mut daemon = Process::start(sbc(&["run"]).arg("--config").arg(&file));
    daemon.wait_for_line("sbc ready", PATIENCE);
    let url = format!("http://{}", local(port));
    let calls = || sbc(&["calls", "--json", "--api", &url]);

    let (code, said) = ended(&mut calls());
    assert_eq!(
        (code, said.contains("SBC_TOKEN")),
        (Some(1), true),
        "{said}"
    );
    let (code, said) = ended(calls().env("SBC_TOKEN", "0123456789abcdef-wrong"));
    assert_eq!(
        (code, said.contains("a wrong token")),
        (Some(1), true),
        "{said}"
    );
    for command in [
        calls().env("SBC_TOKEN", TOKEN),
        calls().arg("--token-file").arg(&token),
        sbc(&["calls", "--json", "--config"]).arg(&file),
    ] {
        let (code, said) = ended(command);
        assert_eq!(code, Some(0), "{said}");
    }
    // That of the configuration goes nowhere else.
    let (code, said) = ended(calls().arg("--config").arg(&file));
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(http(local(port), "/readyz").0, 200);
    assert!(!daemon.output().contains(TOKEN), "{}", daemon.output());
}

#[test]
fn a_daemon_that_cannot_be_reached_exits_69_and_says_what_to_do() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = closed.local_addr().unwrap();
    drop(closed);
    let (code, said) = ended(&mut sbc(&["calls", "--api", &at.to_string()]));
    assert_eq!(code, Some(69), "{said}");
    assert!(
        said.contains(&at.to_string()) && said.contains("--api"),
        "{said}"
    );

    // Somebody else answers there.
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = other.local_addr().unwrap();
    let answers = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = other.accept().unwrap();
        let read = stream.read(&mut [0; 4096]).unwrap();
        let page = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        stream.write_all(page).unwrap();
        read
    });
    let (code, said) = ended(&mut sbc(&["calls", "--api", &at.to_string()]));
    assert!(answers.join().unwrap() > 0);
    assert_eq!(
        (code, said.contains("not the API of sbc")),
        (Some(69), true),
        "{said}"
    );
}

#[test]
fn a_configuration_that_does_not_say_where_the_api_is_exits_78() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sbc.yaml");
    let absent = file.display().to_string();
    let without = folder.path().join("without.yaml");
    std::fs::write(&without, Setup::to("sip:127.2.0.2").yaml()).unwrap();
    let without = without.display().to_string();
    for file in [absent, without] {
        let (code, said) = ended(&mut sbc(&["calls", "--config", &file]));
        assert_eq!(code, Some(78), "{said}");
        assert!(said.contains(&file) && said.contains("--api"), "{said}");
    }
}

#[test]
fn what_is_wrong_on_the_command_line_exits_64() {
    let cases: [&[&str]; 6] = [
        &["calls", "--api", "https://127.0.0.1:1"],
        &["calls", "--api", "http://127.0.0.1:1/v1"],
        &[
            "calls",
            "--api",
            "127.0.0.1:1",
            "--token-file",
            "/nowhere/token",
        ],
        &["call"],
        &["call", "an-id"],
        &["call", "an-id", "record"],
    ];
    for arguments in cases {
        let (code, said) = ended(&mut sbc(arguments));
        assert_eq!(code, Some(64), "{arguments:?}: {said}");
    }
    let (code, said) = ended(sbc(&["calls"]).env("SBC_API", "ftp://a"));
    assert_eq!((code, said.contains("SBC_API")), (Some(64), true), "{said}");
}

#[test]
fn a_drain_from_the_command_line_is_answered_and_ends_the_daemon() {
    let mut running = Running::start();
    running.call();
    let told = running.ask_json(&["drain", "--grace", "10m"]);
    assert_eq!(
        (&told["already"], &told["calls"]),
        (&false.into(), &1.into())
    );
    let (code, said) = running.ask(&["drain", "--grace", "0s"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("drained already"), "{said}");
    let mut late = running.caller.dialog("4930123456");
    let offer = running.caller.sdp(4000);
    running.caller.send(&mut late, "INVITE", "", &offer);
    let refused = running.caller.expect("503");
    late.refused(&refused);
    running.caller.send(&mut late, "ACK", "", "");
    let (code, said) = running.ask(&["drain", "--grace", "soon"]);
    assert_eq!(
        (code, said.contains("30s or 2h")),
        (Some(1), true),
        "{said}"
    );
    // A signal now means the configured grace, which is none here; it does not cut calls off.
    running.process.terminate();
    for peer in [&mut running.caller, &mut running.callee] {
        let bye = peer.expect("BYE");
        peer.reply(&bye, "200 OK", "", "");
    }
    let status = running.process.wait_for_end(PATIENCE);
    assert_eq!(status.code(), Some(0), "{}", running.process.output());
    assert!(!running.process.output().contains("before every call"));
}

/// Nothing is left to wait for: the answer must not be lost with the process.
#[test]
fn a_drain_that_ends_at_once_is_answered() {
    for _ in 0..10 {
        let mut running = Running::start();
        let told = running.ask_json(&["drain", "--grace", "0s"]);
        assert_eq!(told["calls"], 0);
        let status = running.process.wait_for_end(PATIENCE);
        assert_eq!(status.code(), Some(0), "{}", running.process.output());
    }
}

/// As `sbc calls | head -0` does it.
#[test]
fn whoever_stops_reading_ends_a_command_without_a_word() {
    let running = Running::start();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = sbc(&["calls", "--config"]);
    command.arg(&running.file).stdin(Stdio::null());
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn();
    let output = child.unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
