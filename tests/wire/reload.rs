//! The program `sbc` is given another configuration while it runs: by SIGHUP, by HTTP and by
//! `sbc reload`.

use crate::border::{CALLEE, CALLER, OUTSIDE, Setup, http, metric, post};
use crate::manager::Manager;
use crate::peers::plain::{Dialog, Plain, Text};
use crate::peers::ports::{block, local};
use crate::peers::process::Process;
use crate::stage::{media_socket, phones, port};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

/// `sbc run` between two phones that send each other media.
struct Running {
    process: Process,
    api: SocketAddr,
    metrics: SocketAddr,
    caller: Plain,
    callee: Plain,
    media: [UdpSocket; 2],
    file: PathBuf,
    yaml: String,
    folder: TempDir,
}

/// A call that is up, and where its media goes.
struct Call {
    caller: Dialog,
    ways: [SocketAddr; 2],
    invite: Text,
}

impl Running {
    /// What goes inwards says `X-Policy: p0`, and each call leaves a CDR.
    fn start() -> Self {
        let (mut setup, caller, callee) = phones(Setup::to(""));
        let (api, metrics) = (local(setup.port + 2), local(setup.port + 3));
        let folder = tempfile::tempdir().expect("a folder of its own can be made");
        let cdr = folder.path().join("cdr.jsonl").display().to_string();
        setup.more = format!(
            "observe: {{ api: \"{api}\", metrics: \"{metrics}\" }}\n\
             control: {{ cdr: {{ sinks: [ {{ file: '{cdr}' }} ] }} }}\n"
        );
        let profile = "base: { control: [ { use: cdr } ], headers: [ { set: X-Policy, to: p0 } ] }";
        let yaml = setup.yaml().replace("base: {}", profile);
        assert!(yaml.contains(profile), "{yaml}");
        let file = folder.path().join("sbc.yaml");
        std::fs::write(&file, &yaml).expect("the folder can be written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sbc"));
        let mut process = Process::start(command.args(["run", "--config"]).arg(&file));
        process.wait_for_line("sbc ready", PATIENCE);
        Self {
            process,
            api,
            metrics,
            caller,
            callee,
            media: [CALLER, CALLEE].map(media_socket),
            file,
            yaml,
            folder,
        }
    }

    fn write(&self, yaml: &str) {
        // In one step: a reload may read at any moment.
        let new = self.folder.path().join("new.yaml");
        std::fs::write(&new, yaml).expect("the folder can be written");
        std::fs::rename(&new, &self.file).expect("it can be renamed");
    }

    /// The configuration in which what goes inwards says this.
    fn saying(&self, policy: &str) -> String {
        self.yaml.replace("to: p0", &format!("to: {policy}"))
    }

    fn reloaded(&self) -> (u16, Value) {
        let (status, page) = post(self.api, "/v1/reload");
        let json = serde_json::from_str(&page).unwrap_or_else(|e| panic!("{e}: {page}"));
        (status, json)
    }

    fn generation(&self) -> u64 {
        let page = http(self.api, "/v1/config").1;
        let json: Value = serde_json::from_str(&page).expect("JSON");
        let of_metrics = metric(&http(self.metrics, "/metrics").1, "sbc_config_generation");
        let generation = json["generation"].as_u64().expect("a number");
        assert!((of_metrics - generation as f64).abs() < 0.5, "{of_metrics}");
        generation
    }

    fn call(&mut self) -> Call {
        let mut call = self.caller.dialog("4930123456");
        let offer = self.caller.sdp(port(&self.media[0]));
        self.caller.send(&mut call, "INVITE", "", &offer);
        let invite = self.callee.expect("INVITE");
        let answer = self.callee.sdp(port(&self.media[1]));
        self.callee.reply(&invite, "200 OK", "", &answer);
        let ok = self.caller.expect("200");
        call.established(&ok);
        self.caller.send(&mut call, "ACK", "", "");
        self.callee.expect("ACK");
        Call {
            caller: call,
            ways: [ok.media(), invite.media()],
            invite,
        }
    }

    /// Media passes in both directions.
    fn talk(&self, call: &Call) {
        let packet = [
            0x80, 0, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff,
        ];
        for (from, to) in [(0, 1), (1, 0)] {
            let mut heard = [0; 100];
            let sent = self.media[from].send_to(&packet, call.ways[from]);
            assert_eq!(sent.ok(), Some(packet.len()));
            let length = self.media[to].recv(&mut heard).expect("media passes");
            assert_eq!(heard[..length], packet);
        }
    }

    fn renew(&mut self, call: &mut Call) -> Text {
        let offer = self.caller.sdp(port(&self.media[0]));
        call.caller.cseq += 1;
        self.caller.send(&mut call.caller, "INVITE", "", &offer);
        let invite = self.callee.expect("INVITE");
        let answer = self.callee.sdp(port(&self.media[1]));
        self.callee.reply(&invite, "200 OK", "", &answer);
        let ok = self.caller.expect("200");
        call.caller.established(&ok);
        self.caller.send(&mut call.caller, "ACK", "", "");
        self.callee.expect("ACK");
        invite
    }

    fn hang_up(&mut self, mut call: Call) -> Text {
        self.caller.send(&mut call.caller, "BYE", "", "");
        let bye = self.callee.expect("BYE");
        self.callee.reply(&bye, "200 OK", "", "");
        self.caller.expect("200");
        bye
    }

    /// `sbc reload`: exit code, what it printed to stdout, and to both.
    fn sbc_reload(&self, more: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sbc"));
        command.arg("reload").arg("--api").arg(self.api.to_string());
        let mut process = Process::start(command.args(more));
        let status = process.wait_for_end(PATIENCE);
        (status.code(), process.stdout(), process.output())
    }
}

#[test]
fn a_running_call_keeps_its_plan_and_the_next_one_has_the_new_configuration() {
    let mut running = Running::start();
    let mut call = running.call();
    running.talk(&call);
    assert_eq!(call.invite.header("X-Policy"), "p0");
    assert_eq!(running.generation(), 1);
    running.write(&running.saying("p1"));
    running.process.hang_up();
    running
        .process
        .wait_for_line("configuration 2 is used", PATIENCE);
    let said = running.process.output();
    let change = "profiles.base.headers[0].to: p0 -> p1";
    assert!(said.contains(change), "{said}");
    assert_eq!(running.generation(), 2);
    running.talk(&call);
    assert_eq!(running.renew(&mut call).header("X-Policy"), "p0");
    running.talk(&call);
    let next = running.call();
    assert_eq!(next.invite.header("X-Policy"), "p1");
    running.talk(&next);
    assert_eq!(running.hang_up(call).header("X-Policy"), "p0");
    assert_eq!(running.hang_up(next).header("X-Policy"), "p1");
    running.process.terminate();
    let status = running.process.wait_for_end(PATIENCE);
    assert_eq!(status.code(), Some(0), "{}", running.process.output());
    let cdrs = std::fs::read_to_string(running.folder.path().join("cdr.jsonl")).unwrap();
    let records: Vec<Value> = cdrs
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let mut generations: Vec<_> = records.iter().map(|r| r["generation"].as_u64()).collect();
    generations.sort_unstable();
    assert_eq!(generations, [Some(1), Some(2)], "one file for both: {cdrs}");
}

#[test]
fn a_wrong_file_changes_nothing_and_says_why() {
    let mut running = Running::start();
    let call = running.call();
    let wrong = running
        .saying("p1")
        .replace("realm: inside, udp:", "realm: insight, udp:")
        .replace("reject: 404", "reject: 4040");
    running.write(&wrong);
    running.process.hang_up();
    running
        .process
        .wait_for_line("configuration 1 is still used", PATIENCE);
    let said = running.process.output();
    let place = format!("{}:5:", running.file.display());
    assert!(said.contains(&place) && said.contains("insight"), "{said}");
    let (status, json) = running.reloaded();
    assert_eq!((status, &json["changed"]), (422, &false.into()), "{json}");
    let errors = json["errors"].as_array().expect("a list");
    let last = errors.last().expect("several errors");
    assert_eq!(last["path"], "routes[2].reject", "{json}");
    let first = &errors[0];
    assert_eq!(first["line"], 5, "{json}");
    assert_eq!(first["path"], "listeners.inside-udp.realm", "{json}");
    assert!(first["hint"].as_str().unwrap().contains("inside"), "{json}");
    std::fs::remove_file(&running.file).unwrap();
    let (status, json) = running.reloaded();
    assert_eq!(status, 422, "{json}");
    let message = json["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("cannot be read"), "{json}");
    assert_eq!(running.generation(), 1);
    running.talk(&call);
    let next = running.call();
    assert_eq!(next.invite.header("X-Policy"), "p0");
    running.hang_up(next);
    running.hang_up(call);
    let reloads = metric(&http(running.metrics, "/metrics").1, "sbc_reloads_total");
    assert!((reloads - 3.0).abs() < 0.5, "{reloads}");
}

#[test]
fn a_file_that_says_the_same_is_no_new_configuration() {
    let mut running = Running::start();
    running.write(&format!("# a comment\n{}", running.yaml));
    running.process.hang_up();
    running
        .process
        .wait_for_line("nothing changed: configuration 1 is used", PATIENCE);
    let (status, json) = running.reloaded();
    let expected = ("unchanged", 1, false);
    let got = (
        json["result"].as_str().unwrap(),
        json["generation"].as_u64().unwrap(),
        json["changed"].as_bool().unwrap(),
    );
    assert_eq!((status, got), (200, expected), "{json}");
    assert_eq!(json["changes"], Value::Array(Vec::new()));
    assert_eq!(running.generation(), 1);
}

#[test]
fn what_needs_a_restart_is_named_and_nothing_else_of_the_file_is_used() {
    let mut running = Running::start();
    let moved = running
        .saying("p1")
        .replace(
            "outside-tcp: { realm: outside",
            "outside-tcp: { realm: inside",
        )
        .replace(&running.metrics.to_string(), "127.0.0.1:1");
    running.write(&format!("{moved}log: {{ format: json }}\n"));
    let (status, json) = running.reloaded();
    assert_eq!(status, 422, "{json}");
    let errors = json["errors"].as_array().expect("a list").iter();
    let paths: Vec<_> = errors.map(|e| e["path"].as_str().unwrap()).collect();
    let expected = [
        "listeners.outside-tcp.realm",
        "observe.metrics",
        "log.format",
    ];
    assert_eq!(paths, expected, "{json}");
    let message = json["errors"][0]["message"].as_str().unwrap();
    assert_eq!(
        message,
        "listeners.outside-tcp.realm: outside -> inside: this needs a restart"
    );
    assert_eq!(running.generation(), 1);
    let call = running.call();
    assert_eq!(call.invite.header("X-Policy"), "p0");
    running.hang_up(call);
}

#[test]
fn media_of_a_realm_moves_for_the_calls_that_begin_after_it() {
    let mut running = Running::start();
    let mut call = running.call();
    let moved = running.yaml.replace(
        &format!("media: {{ bind: {OUTSIDE}, ports: 2048-11999 }}"),
        "media: { bind: 127.1.0.9, ports: 3000-3019, quarantine: 1s }",
    );
    assert_ne!(moved, running.yaml);
    running.write(&moved.replace("127.1.0.9", "192.0.2.9"));
    let (status, json) = running.reloaded();
    assert_eq!(status, 422, "{json}");
    let message = json["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("cannot bind 192.0.2.9"), "{json}");
    running.write(&moved);
    let (status, json) = running.reloaded();
    assert_eq!(status, 200, "{json}");
    let next = running.call();
    let at = next.ways[0];
    let is_there = at.ip() == Ipv4Addr::new(127, 1, 0, 9) && (3_000..3_020).contains(&at.port());
    assert!(is_there, "{at}");
    running.talk(&next);
    running.renew(&mut call);
    assert_eq!(call.ways[0].ip(), OUTSIDE);
    running.talk(&call);
    running.hang_up(call);
    running.hang_up(next);
}

#[test]
fn a_limit_counts_the_calls_that_began_before_it() {
    let mut running = Running::start();
    let call = running.call();
    let limited = running
        .saying("p1")
        .replace("  carrier:\n", "  carrier:\n    limits: { calls: 1 }\n");
    running.write(&limited);
    let (status, json) = running.reloaded();
    assert_eq!(status, 200, "{json}");
    let mut refused = running.caller.dialog("4930123456");
    let offer = running.caller.sdp(4000);
    running.caller.send(&mut refused, "INVITE", "", &offer);
    let refusal = running.caller.expect("503");
    refused.refused(&refusal);
    running.caller.send(&mut refused, "ACK", "", "");
    running.hang_up(call);
    let api = running.api;
    running.process.wait_until("the end", PATIENCE, || {
        http(api, "/v1/calls").1.contains("\"running\":0")
    });
    let next = running.call();
    running.hang_up(next);
}

#[test]
fn log_level_and_drain_time_follow_the_file() {
    let mut running = Running::start();
    let call = running.call();
    assert!(!running.process.output().contains("call started"));
    assert!(!running.process.output().contains("4930123456"));
    let log = "log: { level: debug, private: true }";
    running.write(&format!("{}{log}\ndrain: 1s\n", running.yaml));
    let (status, json) = running.reloaded();
    assert_eq!(status, 200, "{json}");
    let next = running.call();
    running.process.wait_for_line("call started", PATIENCE);
    let said = running.process.output();
    assert!(said.contains("4930123456"), "numbers in clear: {said}");
    running.hang_up(next);
    // Nobody hangs up: it is the SBC that does, after a second.
    running.process.terminate();
    running.process.wait_for_line("grace_s=1", PATIENCE);
    for peer in [&mut running.caller, &mut running.callee] {
        let bye = peer.expect("BYE");
        peer.reply(&bye, "200 OK", "", "");
    }
    let status = running.process.wait_for_end(PATIENCE);
    assert_eq!(status.code(), Some(0), "{}", running.process.output());
    drop(call);
}

#[test]
fn of_many_signals_at_once_the_last_file_is_used() {
    let mut running = Running::start();
    let call = running.call();
    for n in 1..=30 {
        running.write(&running.saying(&format!("p{n}")));
        running.process.hang_up();
    }
    running.process.wait_for_line("-> p30", PATIENCE);
    let askers: Vec<_> = (0..8)
        .map(|_| {
            let api = running.api;
            std::thread::spawn(move || post(api, "/v1/reload").0)
        })
        .collect();
    for asker in askers {
        assert_eq!(asker.join().expect("an answer"), 200);
    }
    let (_, json) = running.reloaded();
    assert_eq!(json["result"], "unchanged", "{json}");
    running.talk(&call);
    let next = running.call();
    assert_eq!(next.invite.header("X-Policy"), "p30");
    running.hang_up(next);
    running.hang_up(call);
}

#[test]
fn the_log_names_fifty_changes_and_counts_the_rest() {
    let mut running = Running::start();
    let more: String = (0..60)
        .map(|n| format!("  - {{ name: more-{n}, from: carrier, reject: 403 }}\n"))
        .collect();
    let yaml = running
        .yaml
        .replace("routes:\n", &format!("routes:\n{more}"));
    running.write(&yaml);
    let (_, json) = running.reloaded();
    let changes = json["changes"].as_array().expect("a list");
    assert_eq!(changes.len(), 60, "{json}");
    running.process.wait_for_line("unsaid=10", PATIENCE);
    let said = running.process.output();
    let named = said.lines().filter(|line| line.contains("added")).count();
    assert_eq!(named, 50, "{said}");
}

#[test]
fn a_file_that_is_included_counts_and_is_named_in_its_errors() {
    let running = Running::start();
    let (before, trunks) = running.yaml.split_once("trunks:\n").unwrap();
    let (trunks, after) = trunks.split_once("profiles:\n").unwrap();
    let included = running.folder.path().join("trunks.yaml");
    let write = |text: &str| std::fs::write(&included, format!("trunks:\n{text}")).unwrap();
    write(trunks);
    running.write(&format!(
        "{before}include: [ trunks.yaml ]\nprofiles:\n{after}"
    ));
    let (status, json) = running.reloaded();
    assert_eq!(status, 200, "{json}");
    write(&trunks.replace("realm: inside", "realm: insight"));
    let (status, json) = running.reloaded();
    assert_eq!(status, 422, "{json}");
    let file = json["errors"][0]["file"].as_str().unwrap();
    assert!(file.ends_with("trunks.yaml"), "{json}");
    let line = trunks.lines().position(|l| l.contains("pbx")).unwrap() + 2;
    assert_eq!(json["errors"][0]["line"], line, "{json}");
    write(&trunks.replace("realm: inside", "udp_max: never, realm: inside"));
    let (status, json) = running.reloaded();
    assert_eq!(status, 200, "{json}");
    assert_eq!(json["changes"][0]["path"], "trunks.pbx.udp_max", "{json}");
}

#[test]
fn the_command_shows_what_changed_or_every_error() {
    let running = Running::start();
    running.write(&running.saying("p1"));
    let (code, said, all) = running.sbc_reload(&[]);
    assert_eq!(code, Some(0), "{all}");
    let expected = "profiles.base.headers[0].to: p0 -> p1\nconfiguration 2 is used\n";
    assert_eq!(said, expected);
    let (code, said, _) = running.sbc_reload(&[]);
    let expected = "nothing changed: configuration 2 is used\n";
    assert_eq!((code, said.as_str()), (Some(0), expected));
    running.write(&running.yaml.replace("reject: 404", "reject: 4040"));
    let (code, _, said) = running.sbc_reload(&[]);
    assert_eq!(code, Some(78), "{said}");
    let mut check = Command::new(env!("CARGO_BIN_EXE_sbc"));
    let mut check = Process::start(check.args(["check", "--config"]).arg(&running.file));
    check.wait_for_end(PATIENCE);
    let errors = check.output();
    assert!(said.starts_with(&errors), "{said}\n--\n{errors}");
    assert!(said.contains("configuration 2 is still used"), "{said}");
    let (code, said, all) = running.sbc_reload(&["--json"]);
    assert_eq!(code, Some(78), "{all}");
    let json: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(json["result"], "refused");
}

/// `sbc srs` with these arguments.
fn srs(arguments: &[&str]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sbc"));
    let mut process = Process::start(command.arg("srs").args(arguments));
    process.wait_for_line("sbc ready", PATIENCE);
    process
}

#[test]
fn the_recording_server_alone_reloads_what_it_uses_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let listen = local(block(2)).to_string();
    let dir = folder.path().join("recordings").display().to_string();
    let file = folder.path().join("srs.yaml");
    let write = |dir: &str, more: &str| {
        let srs = format!("srs: {{ listen: \"{listen}\", dir: '{dir}' }}");
        std::fs::write(&file, format!("version: 1\n{srs}\n{more}\n")).unwrap();
    };
    write(&dir, "");
    let mut process = srs(&["--config", &file.display().to_string()]);
    write(&dir, "trunks: {}");
    process.hang_up();
    process.wait_for_line("nothing changed", PATIENCE);
    write(&dir, "log: { level: debug }");
    process.hang_up();
    process.wait_for_line("configuration 2 is used", PATIENCE);
    write(&format!("{dir}-2"), "");
    process.hang_up();
    let refused = process.wait_for_line("this needs a restart", PATIENCE);
    assert!(refused.contains("srs.dir"), "{refused}");
    process.terminate();
    assert_eq!(process.wait_for_end(PATIENCE).code(), Some(0));
}

#[test]
fn a_recording_server_without_a_file_says_that_there_is_nothing_to_reload() {
    let folder = tempfile::tempdir().unwrap();
    let listen = local(block(2)).to_string();
    let dir = folder.path().display().to_string();
    let mut process = srs(&["--listen", &listen, "--dir", &dir]);
    process.hang_up();
    process.wait_for_line("not started from a file", PATIENCE);
    process.terminate();
    assert_eq!(process.wait_for_end(PATIENCE).code(), Some(0));
}

#[test]
fn the_service_manager_is_told_when_a_reload_begins_and_ends() {
    let manager = Manager::start(PATIENCE);
    assert_eq!(manager.told(), "READY=1");
    manager.process.hang_up();
    let begun = manager.told();
    let time = begun.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
    assert!(time.is_some_and(|t| t.parse::<u64>().is_ok()), "{begun}");
    let ended = manager.told();
    assert!(ended.starts_with("READY=1\nSTATUS="), "{ended}");
    assert!(ended.contains("unchanged"), "{ended}");
}
