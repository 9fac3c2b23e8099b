//! Every file of the fuzzer's corpora and every input that once broke something, read by every
//! target, on stable: what the fuzzer found stays found.
//!
//! The targets and what they check are those of `tests/fuzz/src`.

#[path = "../fuzz/src/lib.rs"]
#[expect(
    unreachable_pub,
    reason = "a library of its own where the fuzzer drives it"
)]
mod targets;

use std::fs;
use std::path::{Path, PathBuf};
use targets::TARGETS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

/// The files of a folder, by name; none where the folder is not there.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("a file");
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

/// Runs every target over the files of `folder/<target>`: the one that they are for, and the
/// others, for which they are as good as any.
fn replay(folder: &str) {
    for (name, _) in TARGETS {
        for (path, bytes) in files(&fuzz().join(folder).join(name)) {
            for (target, run) in TARGETS {
                let ran = std::panic::catch_unwind(|| run(&bytes));
                assert!(ran.is_ok(), "target {target} fails on {}", path.display());
            }
        }
    }
}

#[test]
fn every_input_that_once_broke_something_passes() {
    replay("regressions");
}

#[test]
fn every_target_reads_every_file_of_every_corpus() {
    replay("corpus");
}

#[test]
fn every_target_has_a_corpus_and_no_corpus_is_without_target() {
    for (name, _) in TARGETS {
        let count = files(&fuzz().join("corpus").join(name)).len();
        assert!(count >= 5, "{name} has {count} seeds");
        let driver = fuzz().join(format!("fuzz_targets/{name}.rs"));
        assert!(driver.exists(), "{name} has no driver");
    }
    for folder in ["corpus", "regressions"] {
        let entries = fs::read_dir(fuzz().join(folder)).expect("the folder");
        for entry in entries {
            let name = entry.expect("an entry").file_name();
            assert!(
                TARGETS.iter().any(|(target, _)| name == *target),
                "{folder}/{} is no target's",
                name.display()
            );
        }
    }
}

#[test]
fn the_corpora_stay_small() {
    let bytes: usize = ["corpus", "regressions"]
        .iter()
        .flat_map(|folder| TARGETS.map(|(name, _)| fuzz().join(folder).join(name)))
        .flat_map(|folder| files(&folder))
        .map(|(_, bytes)| bytes.len())
        .sum();
    assert!(
        bytes < 700_000,
        "{bytes} bytes: minimise them (cargo fuzz cmin)"
    );
}
