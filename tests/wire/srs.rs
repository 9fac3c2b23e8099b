//! `sbc srs` with a recording client that is not ours.

use crate::border::RECORDER;
use crate::peers::plain::{Plain, Text};
use crate::peers::ports::block;
use crate::peers::process::Process;
use crate::peers::rtp::RtpSocket;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
const SERVER: Ipv4Addr = Ipv4Addr::new(127, 2, 0, 5);

/// As in RFC 7865 6.1, of a client with a label that looks like a path.
const METADATA: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <recording xmlns='urn:ietf:params:xml:ns:recording:1'>\n\
    <datamode>complete</datamode>\n\
    <session session_id=\"AAAAAAAAAAAAAAAAAAAAAA==\"><sipSessionID>ab;remote=cd</sipSessionID>\
    </session>\n\
    <participant participant_id=\"AQAAAAAAAAAAAAAAAAAAAA==\">\
    <nameID aor=\"sip:carol@example.com\"><name xml:lang=\"en\">Carol</name></nameID>\
    </participant>\n\
    <participant participant_id=\"AgAAAAAAAAAAAAAAAAAAAA==\">\
    <nameID aor=\"sip:dave@example.com\"/></participant>\n\
    <stream stream_id=\"AwAAAAAAAAAAAAAAAAAAAA==\" session_id=\"AAAAAAAAAAAAAAAAAAAAAA==\">\
    <label>../../96</label></stream>\n\
    <stream stream_id=\"BAAAAAAAAAAAAAAAAAAAAA==\" session_id=\"AAAAAAAAAAAAAAAAAAAAAA==\">\
    <label>97</label></stream>\n\
    <participantstreamassoc participant_id=\"AQAAAAAAAAAAAAAAAAAAAA==\">\
    <send>AwAAAAAAAAAAAAAAAAAAAA==</send></participantstreamassoc>\n\
    <participantstreamassoc participant_id=\"AgAAAAAAAAAAAAAAAAAAAA==\">\
    <send>BAAAAAAAAAAAAAAAAAAAAA==</send></participantstreamassoc>\n\
    </recording>";

/// SDP of two streams and the metadata.
fn offer(rtp: &[RtpSocket; 2]) -> String {
    let [first, second] = [rtp[0].port(), rtp[1].port()];
    format!(
        "--two words\r\nContent-Type: application/sdp\r\n\r\n\
         v=0\r\no=src 1 1 IN IP4 {RECORDER}\r\ns=-\r\nc=IN IP4 {RECORDER}\r\nt=0 0\r\n\
         m=audio {first} RTP/AVP 0\r\na=label:../../96\r\na=sendonly\r\n\
         m=audio {second} RTP/AVP 0\r\na=label:97\r\na=sendonly\r\n\r\n\
         --two words\r\nContent-Type: application/rs-metadata+xml\r\n\
         Content-Disposition: recording-session\r\n\r\n{METADATA}\r\n--two words--\r\n"
    )
}

/// Where the streams of an answer are to go.
fn media(answer: &Text) -> Vec<SocketAddr> {
    let lines = answer
        .body()
        .lines()
        .filter_map(|line| line.strip_prefix("m=audio "));
    let ports = lines.filter_map(|line| line.split(' ').next()?.parse().ok());
    ports.map(|port| SocketAddr::from((SERVER, port))).collect()
}

fn only_folder(dir: &Path) -> std::path::PathBuf {
    let entries = dir.read_dir().expect("it is there");
    let paths: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    let [path] = paths.as_slice() else {
        panic!("not one recording: {paths:?}");
    };
    path.clone()
}

fn record(client: &mut Plain, process: &mut Process, dir: &Path) {
    let mut rtp = [RtpSocket::on(RECORDER, 0), RtpSocket::on(RECORDER, 0)];
    let mut session = client.dialog("recorder");
    let extra = "Require: siprec\r\nContent-Type: multipart/mixed;boundary=\"two words\"\r\n";
    client.send(&mut session, "INVITE", extra, &offer(&rtp));
    let answer = client.expect("200");
    assert!(
        answer.header("Contact").contains("+sip.srs"),
        "{}",
        answer.0
    );
    assert_eq!(answer.body().matches("a=recvonly").count(), 2);
    session.established(&answer);
    client.send(&mut session, "ACK", "", "");
    let to = media(&answer);
    assert_eq!(to.len(), 2, "{}", answer.0);
    for (socket, peer) in rtp.iter_mut().zip(to) {
        socket.send(peer, 100);
    }
    let folder = only_folder(dir);
    for name in ["stream-1.wav", "stream-2.wav"] {
        let file = folder.join(name);
        process.wait_until(name, PATIENCE, || {
            // Two seconds of 16 bit, but for what was pending.
            file.metadata().is_ok_and(|file| file.len() > 25_000)
        });
    }
    client.send(&mut session, "BYE", "", "");
    client.expect("200");
}

#[test]
fn a_foreign_recording_client_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("recordings");
    let at = SocketAddr::from((SERVER, block(2)));
    let mut command = Command::new(env!("CARGO_BIN_EXE_sbc"));
    command.arg("srs").arg("--listen").arg(at.to_string());
    let mut process = Process::start(command.arg("--dir").arg(&dir));
    process.wait_for_line("sbc ready", PATIENCE);
    let mut client = Plain::tcp(RECORDER, "carol", at);
    record(&mut client, &mut process, &dir);
    process.terminate();
    let status = process.wait_for_end(PATIENCE);
    assert_eq!(status.code(), Some(0), "{}", process.output());
    let recording = only_folder(&dir);
    for name in ["stream-1.wav", "stream-2.wav"] {
        let file = hound::WavReader::open(recording.join(name)).unwrap();
        assert_eq!(file.spec().sample_rate, 8000);
        assert!(file.duration() >= 16_000 - 160, "{}", file.duration());
    }
    let kept = std::fs::read_to_string(recording.join("metadata-0001.xml")).unwrap();
    assert_eq!(kept.trim_end(), METADATA);
    let json = std::fs::read_to_string(recording.join("recording.json")).unwrap();
    for party in ["sip:carol@example.com", "sip:dave@example.com"] {
        assert!(json.contains(party), "no {party} in {json}");
    }
    assert!(json.contains("+sip.src"), "its Contact lacks it: {json}");
    // Labels are the peer's words: they never become paths.
    let files = recording.read_dir().unwrap().count();
    assert_eq!(files, 4, "{files} files");
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}

#[test]
fn who_offers_no_stream_that_can_be_recorded_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = SocketAddr::from((SERVER, block(2)));
    let mut command = Command::new(env!("CARGO_BIN_EXE_sbc"));
    command.arg("srs").arg("--listen").arg(at.to_string());
    let mut process = Process::start(command.arg("--dir").arg(folder.path()));
    process.wait_for_line("sbc ready", PATIENCE);
    let mut client = Plain::tcp(RECORDER, "carol", at);
    let mut session = client.dialog("recorder");
    let offer = client
        .sdp(4000)
        .replace("RTP/AVP 0 101", "RTP/AVP 96")
        .replace("rtpmap:0 PCMU", "rtpmap:96 opus");
    client.send(&mut session, "INVITE", "Require: siprec\r\n", &offer);
    client.expect("488");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}
