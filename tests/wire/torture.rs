//! Each message of `tests/torture` through the whole daemon: what its file says comes back, nothing
//! else, and the next call works.

#[path = "../../sbc-core/src/sip/tests/torture_case.rs"]
mod torture_case;

use crate::probe::{Case, Probe, Reaction};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use torture_case::Case as File;

/// The most that a datagram over IPv4 holds.
const DATAGRAM: usize = 65_507;

/// What ends with a datagram is followed by another message on a stream, which is treated too.
const ANOTHER_BEHIND: [&str; 2] = [
    "bytes-behind-the-body.txt",
    "two-messages-in-a-datagram.txt",
];

fn files() -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let entries = std::fs::read_dir(folder).expect("the set is in the repository");
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    assert!(paths.len() >= 90, "the set is not there");
    paths.iter().map(|path| File::read(path)).collect()
}

fn reaction(file: &File, is_tcp: bool) -> Reaction {
    let datagram = file.expected("datagram").unwrap_or("ok");
    let stream = file.expected("stream").unwrap_or(datagram);
    let is_excess = stream.starts_with("error Limit") && file.expected("reply").is_some();
    if is_tcp && stream.starts_with("error") && !is_excess {
        return Reaction::Ended;
    }
    match file.expected("reply") {
        Some("none") => Reaction::Silence,
        Some("call") => Reaction::Call,
        Some(status) => Reaction::Reply(status.parse().expect("a status")),
        None if datagram.starts_with("error") => Reaction::Silence,
        None if file.wire.starts_with(b"SIP/2.0 ") => Reaction::Silence,
        None if datagram == "ok" => Reaction::Reply(200),
        None => Reaction::Reply(400),
    }
}

fn run(ip: [u8; 4], is_tcp: bool) {
    let mut probe = Probe::at(Ipv4Addr::from(ip));
    let mut wrong = Vec::new();
    for file in files() {
        let verdicts = ["stream", "datagram"].map(|key| file.expected(key).unwrap_or_default());
        let cannot_be = match is_tcp {
            // On a stream the rest is awaited.
            true => verdicts.contains(&"error Truncated") || ANOTHER_BEHIND.contains(&&*file.name),
            false => file.wire.len() > DATAGRAM,
        };
        if cannot_be {
            continue;
        }
        let case = Case {
            name: &file.name,
            reaction: reaction(&file, is_tcp),
            demands: &[],
            echoes: file.expected("datagram").unwrap_or("ok") == "ok",
            wire: file.wire.clone(),
        };
        let found = if is_tcp {
            probe.over_tcp(&case)
        } else {
            probe.over_udp(&case)
        };
        wrong.extend(found.err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_torture_message_is_answered_as_its_file_says_over_udp() {
    run([127, 1, 9, 3], false);
}

#[test]
fn every_torture_message_is_answered_as_its_file_says_over_tcp() {
    run([127, 1, 9, 4], true);
}
