//! `sbc check` and `sbc run` say the same of a configuration, whatever is wrong with it.

#[path = "../../policies/tests/mutate/mod.rs"]
mod mutate;

use crate::peers::process::Process;
use policies::schema::KEYS;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

fn command(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sbc"));
    command
        .args([name, "--config", "sbc.yaml"])
        .current_dir(folder);
    command
}

fn checked(folder: &Path) -> Output {
    command("check", folder).output().expect("the program runs")
}

fn table(path: &str) -> Option<(&'static str, bool)> {
    let key = KEYS.iter().find(|key| key.path == path)?;
    Some((key.kind, key.default.is_empty() && key.built))
}

#[test]
fn check_and_run_agree_on_every_mistake() {
    let folder = tempfile::tempdir().expect("a folder");
    let mistakes = mutate::all(&table);
    let mut refused = 0;
    for mistake in mistakes.iter().step_by(mistakes.len() / 60) {
        std::fs::write(folder.path().join("sbc.yaml"), mistake.text()).expect("a file");
        let check = checked(folder.path());
        if check.status.success() {
            continue;
        }
        refused += 1;
        let run = command("run", folder.path())
            .output()
            .expect("the program runs");
        let what = format!("{:?}: {}", mistake.kind, mistake.what);
        assert_eq!(check.status.code(), Some(78), "{what}");
        assert_eq!(run.status.code(), Some(78), "{what}");
        let said = String::from_utf8_lossy(&check.stderr);
        assert_eq!(said, String::from_utf8_lossy(&run.stderr), "{what}");
        let place = format!("sbc.yaml:{}:", mistake.line);
        assert!(said.contains(&place), "{what}: {said}");
        let meant = mistake.meant.as_deref().unwrap_or_default();
        assert!(said.contains(meant), "{what}: {said}");
    }
    assert!(refused >= 50, "{refused} refused");
}

#[test]
fn what_check_lets_pass_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let odd = mutate::FULL.replace("method: INVITE", "method: INVITE'");
    for (text, warnings) in [(mutate::FULL, 0), (odd.as_str(), 1)] {
        std::fs::write(folder.path().join("sbc.yaml"), text).expect("a file");
        let check = checked(folder.path());
        let said = String::from_utf8_lossy(&check.stderr).into_owned();
        assert_eq!(check.status.code(), Some(0), "{said}");
        assert_eq!(said.matches("warning: ").count(), warnings, "{said}");
        let mut run = Process::start(&mut command("run", folder.path()));
        run.wait_for_line("sbc ready", PATIENCE);
    }
}
