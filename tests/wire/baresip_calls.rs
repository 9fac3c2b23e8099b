//! baresip calls baresip through the SBC; both hear each other, and the embedded recording server
//! hears both.

use crate::border::{Border, CALLEE, CALLER, Setup};
use crate::peers::audio::share_of_tone;
use crate::peers::baresip::Baresip;
use crate::peers::program;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);
const ALICE: u32 = 400;
const BOB: u32 = 1000;

/// The recording server's address, of its own.
const SERVER: &str = "127.2.0.4:0";

fn hear_each_other_and_are_recorded(transport: sbc_core::transport::Transport) {
    let Some(baresip) = program("baresip") else {
        return;
    };
    let recordings = tempfile::tempdir().expect("a folder of its own can be made");
    let dir = serde_json::Value::from(recordings.path().display().to_string());
    let srs = Border::from_yaml(&format!(
        "version: 1\nsrs: {{ listen: \"{SERVER}\", dir: {dir} }}\n"
    ));
    let server = srs.daemon.network().listeners.iter();
    let tcp = |l: &&sbc_core::net::Listener| l.transport.is_reliable();
    let server = server.clone().find(tcp).expect("it listens on TCP").bind;
    let mut alice = Baresip::start(&baresip, CALLER, "alice", ALICE);
    let mut bob = Baresip::start(&baresip, CALLEE, "4930123456", BOB);
    let name = transport.to_string().to_lowercase();
    let border = Border::start(&Setup {
        recorders: vec![format!("sip:{server}")],
        ..Setup::to(format!("sip:{};transport={name}", bob.sip))
    });
    let sbc = border.outside(transport);
    alice.dial(&format!("sip:4930123456@{sbc};transport={name}"));
    alice.wait_for("CALL_ESTABLISHED", PATIENCE);
    bob.wait_for("CALL_ESTABLISHED", PATIENCE);
    alice.listen(Duration::from_secs(2));
    bob.listen(Duration::from_secs(2));
    let calls = border.api("/v1/calls");
    let recorder = &calls["calls"][0]["recorders"][0];
    assert_eq!(recorder["state"], "recording", "{calls}");
    alice.hang_up();
    alice.wait_for("CALL_CLOSED", PATIENCE);
    bob.wait_for("CALL_CLOSED", PATIENCE);
    border.until_nothing_is_left();
    srs.until_nothing_is_left();
    is_tone(&alice.heard(), BOB, ALICE);
    is_tone(&bob.heard(), ALICE, BOB);
    let folder = only_entry(recordings.path());
    is_tone(&folder.join("stream-1.wav"), ALICE, BOB);
    is_tone(&folder.join("stream-2.wav"), BOB, ALICE);
    let metadata = std::fs::read_to_string(folder.join("metadata-0001.xml"));
    let metadata = metadata.expect("metadata was kept");
    for party in ["sip:alice@", "sip:4930123456@"] {
        assert!(metadata.contains(party), "no {party} in {metadata}");
    }
    let json = std::fs::read_to_string(folder.join("recording.json"));
    let json: serde_json::Value =
        serde_json::from_str(&json.expect("it was written")).expect("it is JSON");
    assert!(
        json.to_string().contains("sip:alice@"),
        "participants: {json}"
    );
}

/// Panics unless the file is one side's tone and not the other's.
fn is_tone(file: &Path, hertz: u32, other: u32) {
    let (right, wrong) = (share_of_tone(file, hertz), share_of_tone(file, other));
    assert!(
        right > 0.7 && wrong < 0.05,
        "{}: {hertz} Hz: {right}, {other} Hz: {wrong}",
        file.display()
    );
}

fn only_entry(folder: &Path) -> PathBuf {
    let entries = folder.read_dir().expect("it is there");
    let paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    let [path] = paths.as_slice() else {
        panic!("not one recording: {paths:?}");
    };
    path.clone()
}

#[test]
fn baresip_calls_baresip_through_the_sbc_over_udp_and_is_recorded() {
    hear_each_other_and_are_recorded(sbc_core::transport::Transport::Udp);
}

#[test]
fn baresip_calls_baresip_through_the_sbc_over_tcp_and_is_recorded() {
    hear_each_other_and_are_recorded(sbc_core::transport::Transport::Tcp);
}
