//! From the configuration to the lines of the file.

use super::*;
use sbc_core::UnixMillis;
use sbc_core::b2bua::EndedBy;
use sbc_core::ports::{PortId, PortStats, RecorderState, RecorderStatus};
use sbc_core::sip::StatusCode;
use sbc_core::state_book::StateBook;
use serde_json::{Value, json};
use tempfile::TempDir;

fn text(text: &str) -> Param {
    Param::Text(text.to_owned())
}

/// `sinks: [ { file: .. }, .. ]`.
fn files(paths: &[&Path]) -> Vec<(String, Param)> {
    let sink = |path: &&Path| Param::Map(vec![("file".to_owned(), text(path.to_str().unwrap()))]);
    let list = paths.iter().map(sink).collect();
    vec![("sinks".to_owned(), Param::List(list))]
}

/// An answered and recorded call of 12.34 s.
fn call() -> CallSummary {
    CallSummary {
        id: "c-1".into(),
        call_id_a: "a@198.51.100.1".into(),
        call_id_b: Some("b@192.0.2.9".into()),
        from: "sip:100@198.51.100.1".into(),
        to: "sip:200@192.0.2.9".into(),
        trunk: Some("carrier".into()),
        target: Some("pbx".into()),
        route: "in".into(),
        profile: "base".into(),
        generation: 3,
        started_at: UnixMillis(1_767_607_200_000),
        answered_at: Some(UnixMillis(1_767_607_205_000)),
        ended_at: UnixMillis(1_767_607_217_340),
        status: StatusCode::of(200),
        ended_by: EndedBy::Callee,
        reason: "hung up".into(),
        media: vec![(
            PortId(3),
            PortStats {
                received: 617,
                received_bytes: 106_124,
                sent: 616,
                lost: 2,
                strays: 1,
                malformed: 4,
                rtcp_received: 5,
                ssrc: 99,
                jitter: 17,
            },
        )],
        recorders: vec![RecorderState {
            recorder: "main".into(),
            server: "sip:10.0.0.31".into(),
            status: RecorderStatus::Stopped,
            reason: "".into(),
        }],
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let lines = text.lines().map(|l| serde_json::from_str(l).unwrap());
    lines.collect()
}

fn error(entry: &[(String, Param)], shared: &[(String, Param)]) -> (String, String) {
    let error = crate::build("cdr", entry, shared, &StateBook::new()).unwrap_err();
    (error.key.expect("a key"), error.message)
}

#[test]
fn a_call_that_ended_is_one_line_with_everything_that_is_known_of_it() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("cdr.jsonl");
    let module = crate::build("cdr", &[], &files(&[&path]), &StateBook::new()).unwrap();
    assert_eq!(module.name(), "cdr");
    let mut hooks = module.open();
    assert_eq!(lines(&path).len(), 0, "the file is there from the start");
    hooks.on_end(&call());
    drop((module, hooks));
    let wanted = json!({
        "version": 1,
        "id": "c-1",
        "call_id_a": "a@198.51.100.1",
        "call_id_b": "b@192.0.2.9",
        "from": "sip:100@198.51.100.1",
        "to": "sip:200@192.0.2.9",
        "trunk": "carrier",
        "target": "pbx",
        "route": "in",
        "profile": "base",
        "generation": 3,
        "started": "2026-01-05T10:00:00.000Z",
        "answered": "2026-01-05T10:00:05.000Z",
        "ended": "2026-01-05T10:00:17.340Z",
        "duration_s": 12.34,
        "ended_by": "callee",
        "status": 200,
        "reason": "hung up",
        "media": [{
            "port_id": 3, "received": 617, "received_bytes": 106_124, "sent": 616, "lost": 2,
            "strays": 1, "malformed": 4, "rtcp_received": 5, "ssrc": 99, "jitter": 17,
        }],
        "recorders": [{
            "recorder": "main", "server": "sip:10.0.0.31", "status": "stopped", "reason": "",
        }],
    });
    assert_eq!(lines(&path), [wanted]);
}

#[test]
fn a_call_that_nobody_answered_lasted_no_time_and_has_the_same_keys() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("cdr.jsonl");
    let module = crate::build("cdr", &[], &files(&[&path]), &StateBook::new()).unwrap();
    module.open().on_end(&call());
    module.open().on_end(&CallSummary {
        call_id_b: None,
        trunk: None,
        target: None,
        answered_at: None,
        status: StatusCode::of(486),
        reason: "a \"line\"\r\nbreak".into(),
        media: Vec::new(),
        recorders: Vec::new(),
        ..call()
    });
    drop(module);
    let lines = lines(&path);
    let keys = |n: usize| lines[n].as_object().unwrap().keys().collect::<Vec<_>>();
    assert_eq!(keys(1), keys(0));
    assert_eq!(lines[1]["duration_s"], 0.0);
    assert_eq!(lines[1]["answered"], Value::Null);
    assert_eq!(lines[1]["status"], 486);
    assert_eq!(lines[1]["reason"], "a \"line\"\r\nbreak");
}

#[test]
fn profiles_that_name_the_same_file_share_its_writer_and_it_is_closed_with_the_last() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("cdr.jsonl");
    let indirect = dir.path().join("link");
    std::os::unix::fs::symlink(&path, &indirect).unwrap();
    let writers = Arc::<Writers>::default();
    let one = Cdr::with(&writers, &[], &files(&[&path])).unwrap();
    let two = Cdr::with(&writers, &[], &files(&[&indirect])).unwrap();
    assert!(Arc::ptr_eq(&one.sinks[0], &two.sinks[0]));
    let writer = Arc::downgrade(&one.sinks[0]);
    let mut hooks = two.open();
    drop((one, two));
    hooks.on_end(&call());
    drop(hooks);
    assert!(writer.upgrade().is_none());
    let again = Cdr::with(&writers, &[], &files(&[&path])).unwrap();
    again.open().on_end(&call());
    drop(again);
    assert_eq!(lines(&path).len(), 2, "what was there stays");
}

#[test]
fn a_reload_keeps_the_file_and_the_calls_of_both_configurations_write_whole_lines_to_it() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("cdr.jsonl");
    let book = StateBook::new();
    let compile = || Cdr::new(&[], &files(&[&path]), &book).unwrap();
    let mut running = compile();
    let writer = Arc::downgrade(&running.sinks[0]);
    let mut hooks = Vec::new();
    for _ in 0..3 {
        hooks.push(running.open());
        let next = compile();
        assert!(Arc::ptr_eq(&running.sinks[0], &next.sinks[0]));
        running = next;
        book.sweep();
    }
    // No configuration names the file for a while; the calls do.
    drop(running);
    book.sweep();
    book.sweep();
    hooks.push(compile().open());
    std::thread::scope(|scope| {
        for hooks in &mut hooks {
            scope.spawn(|| {
                for _ in 0..50 {
                    hooks.on_end(&call());
                }
            });
        }
    });
    drop(hooks);
    assert!(writer.upgrade().is_none(), "closed with the last call");
    assert_eq!(lines(&path).len(), 200);
    assert_eq!(lost_records(&book), 0);
}

#[test]
fn every_file_of_the_list_has_every_record() {
    let dir = TempDir::new().unwrap();
    let paths = [dir.path().join("a"), dir.path().join("b")];
    let module = Cdr::with(
        &Arc::<Writers>::default(),
        &[],
        &files(&[&paths[0], &paths[1]]),
    )
    .unwrap();
    module.open().on_end(&call());
    drop(module);
    assert_eq!(lines(&paths[0]), lines(&paths[1]));
    assert_eq!(lines(&paths[0]).len(), 1);
}

#[test]
fn a_full_disk_costs_records_that_are_counted_and_nothing_else() {
    let writers = Arc::<Writers>::default();
    let module = Cdr::with(&writers, &[], &files(&[Path::new("/dev/full")])).unwrap();
    for _ in 0..3 {
        module.open().on_end(&call());
    }
    drop(module);
    assert_eq!(writers.lost(), 3);
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_before_any_call() {
    let dir = TempDir::new().unwrap();
    let missing = dir.path().join("missing").join("cdr.jsonl");
    for path in [dir.path(), missing.as_path()] {
        let (key, message) = error(&[], &files(&[path]));
        assert_eq!(key, "sinks[0].file");
        let name = path.display().to_string();
        assert!(
            message.starts_with(&format!("`{name}` cannot be written: ")),
            "{message}"
        );
    }
}

#[test]
fn a_wrong_setting_is_named_with_what_was_expected() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("cdr.jsonl");
    let sinks = |value: Param| vec![("sinks".to_owned(), value)];
    let list = |sink: Param| sinks(Param::List(vec![sink]));
    let map = |key: &str, value: Param| Param::Map(vec![(key.to_owned(), value)]);
    let missing = format!("missing; {EXAMPLE}");
    let none = format!("no list of files; {EXAMPLE}");
    let many: Vec<_> = (0..5).map(|n| dir.path().join(n.to_string())).collect();
    let many: Vec<_> = many.iter().map(std::path::PathBuf::as_path).collect();
    for (shared, key, message) in [
        (vec![], "sinks", &*missing),
        (sinks(text("cdr.jsonl")), "sinks", &*none),
        (sinks(Param::List(vec![])), "sinks", &*none),
        (
            vec![("sink".to_owned(), text("x"))],
            "sink",
            "unknown key; expected `sinks`",
        ),
        (
            list(text("x")),
            "sinks[0]",
            "no sink; expected { file: PATH }",
        ),
        (
            list(map("http", text("x"))),
            "sinks[0].http",
            "unknown key; expected `file`",
        ),
        (
            list(map("file", text(""))),
            "sinks[0].file",
            "no path; expected { file: PATH }",
        ),
        (
            list(map("file", Param::Int(1))),
            "sinks[0].file",
            "no path; expected { file: PATH }",
        ),
        (
            list(Param::Map(vec![])),
            "sinks[0]",
            "missing key `file`; expected { file: PATH }",
        ),
        (files(&many), "sinks", "too many; expected at most 4 files"),
    ] {
        let wanted = (key.to_owned(), message.to_owned());
        assert_eq!(error(&[], &shared), wanted);
    }
    let (key, message) = error(&[("file".to_owned(), text("x"))], &files(&[&path]));
    assert_eq!(
        (&*key, &*message),
        ("file", "unknown key; expected none here")
    );
    let (key, message) = error(&[], &files(&[&path, &path]));
    assert!(message.ends_with("stands twice"), "{message}");
    assert_eq!(key, "sinks[1].file");
}
