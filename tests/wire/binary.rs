//! The program `sbc`: what it prints, how it ends, what it says to whom when it is told to end.

use crate::border::{CALLEE, INSIDE, OUTSIDE, RECORDER, Setup, http};
use crate::manager::Manager;
use crate::peers::plain::{Dialog, Plain};
use crate::peers::ports::{block, local};
use crate::peers::process::Process;
use crate::stage::{establish, phones};
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

/// The program with these arguments.
fn sbc(arguments: &[&str]) -> Process {
    Process::start(Command::new(env!("CARGO_BIN_EXE_sbc")).args(arguments))
}

/// Exit code and everything that was printed.
fn ended(mut process: Process) -> (Option<i32>, String) {
    let status = process.wait_for_end(PATIENCE);
    (status.code(), process.output())
}

/// `sbc run` between two phones over UDP.
struct Running {
    process: Process,
    api: SocketAddr,
    caller: Plain,
    callee: Plain,
    _folder: TempDir,
}

impl Running {
    fn start(setup: Setup, drain: &str) -> Self {
        let (mut setup, caller, callee) = phones(setup);
        let api = local(setup.port + 2);
        setup.more = format!("drain: {drain}\nobserve: {{ api: \"{api}\" }}\n");
        let folder = tempfile::tempdir().expect("a folder of its own can be made");
        let file = folder.path().join("sbc.yaml");
        std::fs::write(&file, setup.yaml()).expect("the folder can be written");
        let mut process = sbc(&["run", "--config", &file.display().to_string()]);
        process.wait_for_line("sbc ready", PATIENCE);
        Self {
            process,
            api,
            caller,
            callee,
            _folder: folder,
        }
    }

    fn call(&mut self) -> Dialog {
        establish(&mut self.caller, &mut self.callee)
    }

    fn hang_up(&mut self, call: &mut Dialog) {
        self.caller.send(call, "BYE", "", "");
        let bye = self.callee.expect("BYE");
        self.callee.reply(&bye, "200 OK", "", "");
        self.caller.expect("200");
    }

    /// SIGTERM, and waits until it says that it takes no more calls.
    fn drain(&mut self) {
        assert_eq!(http(self.api, "/readyz").0, 200);
        self.process.terminate();
        let api = self.api;
        self.process
            .wait_until("readyz", PATIENCE, || http(api, "/readyz").0 == 503);
    }

    fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.process.id());
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    }
}

#[test]
fn it_says_that_it_is_ready_once_and_ends_when_told_to() {
    let mut running = Running::start(Setup::to(""), "5s");
    running.process.terminate();
    let status = running.process.wait_for_end(PATIENCE);
    assert_eq!(status.code(), Some(0), "{}", running.process.output());
    assert_eq!(running.process.stdout(), "sbc ready\n");
}

#[test]
fn while_it_drains_new_calls_get_503_and_the_running_one_may_end() {
    let mut running = Running::start(Setup::to(""), "25s");
    let mut call = running.call();
    running.drain();
    for method in ["INVITE", "OPTIONS"] {
        let mut late = running.caller.dialog("4930123456");
        let offer = running.caller.sdp(4000);
        running.caller.send(&mut late, method, "", &offer);
        let refused = running.caller.expect("503");
        assert!(refused.header("CSeq").ends_with(method), "{}", refused.0);
        let seconds: u32 = refused.header("Retry-After").parse().expect("seconds");
        assert!(seconds > 0);
        late.refused(&refused);
        if method == "INVITE" {
            running.caller.send(&mut late, "ACK", "", "");
        }
    }
    // The list hears of the answer after both parties do.
    running.process.wait_until("answered", PATIENCE, || {
        http(running.api, "/v1/calls").1.contains("\"answered\"")
    });
    running.hang_up(&mut call);
    let status = running.process.wait_for_end(PATIENCE);
    assert_eq!(status.code(), Some(0), "{}", running.process.output());
}

#[test]
fn calls_that_outlive_the_drain_get_bye_on_both_sides_and_at_the_recorder() {
    let mut srs = Plain::tcp_listening(RECORDER, "srs");
    let mut setup = Setup::to("");
    setup.recorders = vec![format!("sip:{}", srs.sip)];
    let mut running = Running::start(setup, "1s");
    running.call();
    let invite = srs.expect("INVITE");
    let answer = format!(
        "v=0\r\no=- 1 1 IN IP4 {RECORDER}\r\ns=-\r\nc=IN IP4 {RECORDER}\r\nt=0 0\r\n\
         m=audio 4010 RTP/AVP 0\r\na=recvonly\r\nm=audio 4012 RTP/AVP 0\r\na=recvonly\r\n"
    );
    srs.reply(&invite, "200 OK", "", &answer);
    srs.expect("ACK");
    running.drain();
    for peer in [&mut running.caller, &mut running.callee, &mut srs] {
        let bye = peer.expect("BYE");
        peer.reply(&bye, "200 OK", "", "");
    }
    let status = running.process.wait_for_end(PATIENCE);
    assert_eq!(status.code(), Some(0), "{}", running.process.output());
    let said = running.process.output();
    assert!(!said.contains("got no answer"), "{said}");
}

#[test]
fn a_second_sigterm_ends_it_at_once() {
    let mut running = Running::start(Setup::to(""), "10m");
    running.call();
    running.drain();
    running.process.terminate();
    let status = running.process.wait_for_end(Duration::from_secs(5));
    assert_eq!(status.code(), Some(0), "{}", running.process.output());
}

#[test]
fn the_service_manager_is_told_when_it_is_ready_and_when_it_stops() {
    let manager = Manager::start(PATIENCE);
    assert_eq!(manager.told(), "READY=1");
    manager.process.terminate();
    assert_eq!(manager.told(), "STOPPING=1");
    assert_eq!(ended(manager.process).0, Some(0));
}

#[test]
fn a_hundred_calls_leave_no_descriptor_open() {
    let mut running = Running::start(Setup::to(""), "5s");
    let descriptors = running.descriptors();
    for _ in 0..100 {
        let mut call = running.call();
        running.hang_up(&mut call);
    }
    let folder = format!("/proc/{}/fd", running.process.id());
    running.process.wait_until("baseline", PATIENCE, || {
        std::fs::read_dir(&folder).map_or(0, Iterator::count) <= descriptors
    });
}

#[test]
fn a_wrong_configuration_is_shown_with_its_place_and_exits_78() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.yaml");
    let good = Setup::to(format!("sip:{CALLEE}")).yaml();
    std::fs::write(
        &file,
        good.replace("realm: inside, udp:", "realm: insight, udp:"),
    )
    .unwrap();
    let path = file.display().to_string();
    for command in ["run", "check"] {
        let process = sbc(&[command, "--config", &path]);
        let (code, said) = ended(process);
        assert_eq!(code, Some(78), "{said}");
        assert!(said.contains(&format!("{path}:5:")), "{said}");
        assert!(
            said.contains("insight") && said.contains("inside"),
            "{said}"
        );
        assert!(!said.contains("sbc ready"), "{said}");
    }
    let (code, said) = ended(sbc(&["check", "--json", "--config", &path]));
    let json: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((code, &json["errors"][0]["line"]), (Some(78), &5.into()));
    let absent = folder.path().join("absent.yaml").display().to_string();
    let (code, said) = ended(sbc(&["run", "--config", &absent]));
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains(&absent), "{said}");
}

#[test]
fn a_good_configuration_is_checked_without_binding_anything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("good.yaml");
    let mut setup = Setup::to(format!("sip:{CALLEE}"));
    setup.port = block(2);
    std::fs::write(&file, setup.yaml()).unwrap();
    let _taken = std::net::UdpSocket::bind((OUTSIDE, setup.port)).unwrap();
    let (code, said) = ended(sbc(&["check", "--config", &file.display().to_string()]));
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn the_files_of_a_configuration_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let (file, more) = (
        folder.path().join("good.yaml"),
        folder.path().join("more.yaml"),
    );
    let setup = Setup::to(format!("sip:{CALLEE}"));
    std::fs::write(&file, format!("{}include: [ more.yaml ]\n", setup.yaml())).unwrap();
    std::fs::write(&more, "drian: 1s\n").unwrap();
    let (file, more) = (file.display().to_string(), more.display().to_string());
    let (code, said) = ended(sbc(&["check", "--json", "--config", &file]));
    let json: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(code, Some(78), "{said}");
    assert_eq!(json["files"], serde_json::json!([file, more]));
    assert_eq!(json["errors"][0]["file"], serde_json::json!(more));
    std::fs::write(&more, "").unwrap();
    let (code, said) = ended(sbc(&["check", "--config", &file]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("\n  with {more}\n")), "{said}");
}

#[test]
fn the_schema_is_printed_with_the_modules_of_this_program() {
    let (code, said) = ended(sbc(&["schema"]));
    assert_eq!(code, Some(0), "{said}");
    let schema: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let modules = schema["properties"]["control"]["properties"].as_object();
    let modules: Vec<_> = modules.expect("a map").keys().collect();
    assert_eq!(modules, ["call_timer", "cdr"]);
}

#[test]
fn a_port_that_is_taken_exits_71_and_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sbc.yaml");
    let mut setup = Setup::to(format!("sip:{CALLEE}"));
    setup.port = block(4);
    let api = local(setup.port + 2);
    setup.more = format!("observe: {{ api: \"{api}\" }}\n");
    std::fs::write(&file, setup.yaml()).unwrap();
    let sip = SocketAddr::from((INSIDE, setup.port));
    let path = file.display().to_string();
    let taken = std::net::UdpSocket::bind(sip).unwrap();
    let (code, said) = ended(sbc(&["run", "--config", &path]));
    assert_eq!(code, Some(71), "{said}");
    assert!(
        said.contains(&sip.to_string()) && said.contains("inside-udp"),
        "{said}"
    );
    drop(taken);
    let _taken = std::net::TcpListener::bind(api).unwrap();
    let (code, said) = ended(sbc(&["run", "--config", &path]));
    assert_eq!(code, Some(71), "{said}");
    assert!(said.contains(&api.to_string()), "{said}");
    assert!(!said.contains("sbc ready"), "{said}");
}

#[test]
fn a_media_address_of_another_machine_exits_71_and_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sbc.yaml");
    let mut setup = Setup::to(format!("sip:{CALLEE}"));
    setup.port = block(2);
    let media = format!("bind: {INSIDE}, ");
    let yaml = setup.yaml();
    assert!(yaml.contains(&media), "{yaml}");
    let yaml = yaml.replace(&media, "bind: 192.0.2.1, ");
    std::fs::write(&file, yaml).unwrap();
    let (code, said) = ended(sbc(&["run", "--config", &file.display().to_string()]));
    assert_eq!(code, Some(71), "{said}");
    let start = "realms.inside.media.bind: cannot bind 192.0.2.1";
    assert!(said.contains(start), "{said}");
    assert!(!said.contains("sbc ready"), "{said}");
}

#[test]
fn wrong_usage_exits_64() {
    let cases: [&[&str]; 5] = [
        &[],
        &["dial"],
        &["run", "--confg", "x"],
        &["srs"],
        &["srs", "--listen", "nowhere", "--dir", "x"],
    ];
    for arguments in cases {
        let (code, said) = ended(sbc(arguments));
        assert_eq!(code, Some(64), "{arguments:?}: {said}");
        assert!(
            said.contains("Usage: sbc") || said.contains("--help"),
            "{arguments:?}: {said}"
        );
    }
    assert_eq!(ended(sbc(&["--version"])).0, Some(0));
}

#[test]
fn the_demo_shows_a_recorded_call() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo").display().to_string();
    let (code, said) = ended(sbc(&["demo", "--dir", &dir]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("The recording is right"), "{said}");
}
