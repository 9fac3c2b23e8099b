//! Programs that are not ours, run as peers: sipp and baresip as phones, kamailio as
//! a proxy, tshark as a judge.
//!
//! A test asks for its programs first and returns when one is absent:
//!
//! ```ignore
//! let Some(sipp) = peers::program("sipp") else { return };
//! ```
//!
//! Then it is noted as skipped, by name, where `scripts/test` collects it (`SBC_SKIPPED_FILE`);
//! with `SBC_REQUIRE_PEERS=1`, as in CI, it fails. Everything listens on ports of [`ports::block`]
//! and talks over 127.0.0.1. Processes are killed when their value is dropped, and every wait has
//! an end and shows what the process printed.

pub(crate) mod audio;
pub(crate) mod baresip;
pub(crate) mod kamailio;
pub(crate) mod plain;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod rtp;
pub(crate) mod sipp;
pub(crate) mod tshark;

use std::io::Write;
use std::path::PathBuf;

/// Where a program is. `None`: the test has been noted as skipped and returns.
///
/// Panics instead where no test may be left out (`SBC_REQUIRE_PEERS=1`).
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file());
    if found.is_none() {
        skip(&format!("no {name}"));
    }
    found
}

/// Whether this process may open raw sockets (`CAP_NET_RAW`), which sipp needs to replay a pcap.
/// `false`: the test has been noted as skipped and returns.
pub(crate) fn may_open_raw_sockets() -> bool {
    const CAP_NET_RAW: u32 = 13;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let may = effective.is_some_and(|mask| mask >> CAP_NET_RAW & 1 == 1);
    if !may {
        skip("no right to open raw sockets");
    }
    may
}

fn skip(why: &str) {
    let required = std::env::var_os("SBC_REQUIRE_PEERS").is_some_and(|value| value == "1");
    assert!(
        !required,
        "{why}, and SBC_REQUIRE_PEERS=1: run scripts/test as root, it installs it"
    );
    println!("SKIPPED ({why})");
    let Some(list) = std::env::var_os("SBC_SKIPPED_FILE") else {
        return;
    };
    let thread = std::thread::current();
    let line = format!("{} ({why})\n", thread.name().unwrap_or("a test"));
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(list);
    let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
    written.expect("the list of skipped tests can be written");
}
