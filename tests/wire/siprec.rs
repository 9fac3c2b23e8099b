//! The recording client on the wire: what it sends, judged by tshark and xmllint, and whom it asks.

use crate::border::{Border, CALLEE, CALLER, RECORDER, Setup};
use crate::peers::plain::{Dialog, Plain, Text};
use crate::peers::process::Process;
use crate::peers::program;
use crate::peers::sipp::{self, Sipp};
use crate::peers::tshark::judge;
use sbc_core::transport::Transport;
use sbc_core::{Clock, SystemClock};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A call that is answered, so that its recording begins.
struct Call {
    border: Border,
    caller: Plain,
    callee: Plain,
    dialog: Dialog,
}

impl Call {
    fn answered(recorders: Vec<String>, recorder_keys: &str) -> Self {
        let mut callee = Plain::udp(CALLEE, "bob");
        let border = Border::start(&Setup {
            recorders,
            recorder_keys: recorder_keys.into(),
            ..Setup::to(format!("sip:{}", callee.sip))
        });
        let mut caller = Plain::udp(CALLER, "alice");
        caller.sbc = Some(border.outside(Transport::Udp));
        let mut dialog = caller.dialog("4930123456");
        let offer = caller.sdp(4000);
        caller.send(&mut dialog, "INVITE", "", &offer);
        let invite = callee.expect("INVITE");
        let answer = callee.sdp(4002);
        callee.reply(&invite, "200 OK", "", &answer);
        let ok = caller.expect("200");
        dialog.established(&ok);
        caller.send(&mut dialog, "ACK", "", "");
        callee.expect("ACK");
        Self {
            border,
            caller,
            callee,
            dialog,
        }
    }

    fn hang_up(&mut self) {
        self.caller.send(&mut self.dialog, "BYE", "", "");
        let bye = self.callee.expect("BYE");
        self.callee.reply(&bye, "200 OK", "", "");
        self.caller.expect("200");
    }

    /// What the API says of the recorder.
    fn state(&self) -> String {
        let calls = self.border.api("/v1/calls");
        let state = &calls["calls"][0]["recorders"][0]["state"];
        state.as_str().unwrap_or_default().to_owned()
    }
}

fn server() -> Plain {
    Plain::tcp_listening(RECORDER, "srs")
}

fn uris(servers: &[&Plain]) -> Vec<String> {
    servers.iter().map(|s| format!("sip:{}", s.sip)).collect()
}

/// Takes both streams.
fn take(server: &mut Plain, invite: &Text) {
    let (ip, at) = (server.sip.ip(), server.sip);
    let answer = format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio 4010 RTP/AVP 0\r\na=label:1\r\na=recvonly\r\n\
         m=audio 4012 RTP/AVP 0\r\na=label:2\r\na=recvonly\r\n"
    );
    let contact = format!("Contact: <sip:{at};transport=tcp>;+sip.srs\r\n");
    server.reply(invite, "200 OK", &contact, &answer);
    server.expect("ACK");
}

/// The part of a multipart body with this content type.
fn part<'a>(invite: &'a Text, content_type: &str) -> &'a str {
    let kind = invite.header("Content-Type");
    let (_, boundary) = kind.split_once("boundary=").expect("a boundary");
    let delimiter = format!("--{}", boundary.trim_matches('"'));
    let mut parts = invite.body().split(&*delimiter).skip(1);
    let found = parts.find(|part| part.contains(content_type));
    let (_, body) = found
        .and_then(|part| part.split_once("\r\n\r\n"))
        .unwrap_or_else(|| panic!("no {content_type} in:\n{}", invite.0));
    body.trim_end()
}

#[test]
fn the_recording_invite_says_what_rfc_7866_wants_and_its_end_is_told() {
    let mut srs = server();
    let mut call = Call::answered(uris(&[&srs]), "");
    let invite = srs.expect("INVITE");
    assert_eq!(invite.header("Require"), "siprec");
    assert!(invite.header("Contact").contains(";+sip.src"));
    assert!(invite.header("Via").starts_with("SIP/2.0/TCP "));
    let sdp = part(&invite, "application/sdp");
    assert_eq!(sdp.matches("m=audio").count(), 2, "{sdp}");
    assert_eq!(sdp.matches("a=sendonly").count(), 2, "{sdp}");
    assert_eq!(sdp.matches("a=label:").count(), 2, "{sdp}");
    let metadata = part(&invite, "application/rs-metadata");
    for party in ["sip:alice@", "sip:4930123456@"] {
        assert!(metadata.contains(party), "no {party} in {metadata}");
    }
    take(&mut srs, &invite);
    call.border
        .until("recording", |_| call.state() == "recording");
    call.hang_up();
    let bye = srs.expect("BYE");
    srs.reply(&bye, "200 OK", "", "");
    call.border.until_nothing_is_left();
    let text = String::from_utf8_lossy(&srs.heard).into_owned();
    assert_eq!(text.matches("INVITE sip:").count(), 1, "{text}");
}

#[test]
fn tshark_finds_nothing_wrong_with_what_recorder_and_phones_receive() {
    let Some(tshark) = program("tshark") else {
        return;
    };
    let mut srs = server();
    let mut call = Call::answered(uris(&[&srs]), "");
    let invite = srs.expect("INVITE");
    take(&mut srs, &invite);
    call.hang_up();
    let bye = srs.expect("BYE");
    srs.reply(&bye, "200 OK", "", "");
    let heard = [&srs, &call.caller, &call.callee].map(|peer| &peer.messages);
    let texts: Vec<_> = heard.into_iter().flatten().collect();
    let bytes: Vec<_> = texts.iter().map(|text| text.0.as_bytes()).collect();
    let verdicts = judge(&tshark, &bytes);
    assert_eq!(
        verdicts[0].protocols,
        "raw:ip:udp:sip:mime_multipart:sdp:xml"
    );
    for (verdict, text) in verdicts.iter().zip(texts) {
        assert!(verdict.complaints.is_empty(), "{verdict:?}\n{}", text.0);
    }
}

/// The schema of RFC 7865, where it is beside the repository, copied so that it needs no network.
fn schema(folder: &Path) -> Option<PathBuf> {
    const XML: &str = "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' \
        targetNamespace='http://www.w3.org/XML/1998/namespace'>\
        <xs:attribute name='lang' type='xs:string'/></xs:schema>";
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/rfc7865.xsd");
    let text = std::fs::read_to_string(beside).ok()?;
    let text = text.replace("https://www.w3.org/2001/xml.xsd", "xml.xsd");
    let copy = folder.join("rfc7865.xsd");
    std::fs::write(folder.join("xml.xsd"), XML).expect("the folder can be written");
    std::fs::write(&copy, text).expect("the folder can be written");
    Some(copy)
}

#[test]
fn the_metadata_is_valid_by_the_schema() {
    let Some(xmllint) = program("xmllint") else {
        return;
    };
    let mut srs = server();
    let mut call = Call::answered(uris(&[&srs]), "");
    let invite = srs.expect("INVITE");
    take(&mut srs, &invite);
    call.hang_up();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metadata.xml");
    std::fs::write(&file, part(&invite, "application/rs-metadata")).unwrap();
    let mut command = Command::new(xmllint);
    command.args(["--nonet", "--noout"]);
    if let Some(schema) = schema(folder.path()) {
        command.arg("--schema").arg(schema);
    }
    let mut process = Process::start(command.arg(file));
    let status = process.wait_for_end(Duration::from_secs(20));
    assert!(status.success(), "{}\n{}", process.output(), invite.0);
}

#[test]
fn recorders_are_asked_one_after_the_other_until_one_takes_the_call() {
    // Bound and not listening: refuses connections.
    let refusing = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let refusing = refusing.unwrap();
    let any = std::net::SocketAddr::from((RECORDER, 0));
    refusing.bind(&any.into()).unwrap();
    let refusing_at = refusing.local_addr().unwrap().as_socket().unwrap();
    let (mut silent, mut busy, mut down, mut good) = (server(), server(), server(), server());
    let mut servers = uris(&[&silent, &busy, &down, &good]);
    servers.insert(0, format!("sip:{refusing_at}"));
    let clock = SystemClock::start();
    let mut call = Call::answered(servers, "");
    silent.expect("INVITE");
    let asked = clock.now().mono;
    assert!(!busy.is_called(), "the first has time to answer");
    let invite = busy.expect("INVITE");
    let waited = clock.now().mono.since(asked);
    // 1500 ms by default, from connecting on, which was a little earlier.
    let expected = Duration::from_millis(1300)..Duration::from_millis(2500);
    assert!(expected.contains(&waited), "{waited:?}");
    assert!(!down.is_called(), "the second has not answered");
    busy.reply(&invite, "486 Busy Here", "", "");
    busy.expect("ACK");
    let invite = down.expect("INVITE");
    assert!(!good.is_called(), "the third has not answered");
    down.reply(&invite, "503 Service Unavailable", "Retry-After: 9\r\n", "");
    down.expect("ACK");
    let invite = good.expect("INVITE");
    take(&mut good, &invite);
    call.border
        .until("recording", |_| call.state() == "recording");
    call.hang_up();
    let bye = good.expect("BYE");
    good.reply(&bye, "200 OK", "", "");
    call.border.until("the call is over", |border| {
        border.daemon.media().totals().sessions == 0
    });
}

#[test]
fn a_code_to_skip_failover_for_ends_the_recording_and_not_the_call() {
    let (mut busy, mut next) = (server(), server());
    let servers = uris(&[&busy, &next]);
    let mut call = Call::answered(servers, "skip_failover_codes: \"486|603\"");
    let invite = busy.expect("INVITE");
    busy.reply(&invite, "486 Busy Here", "", "");
    busy.expect("ACK");
    call.border.until("failed", |_| call.state() == "failed");
    assert!(!next.is_called(), "486 is the last word");
    call.hang_up();
    call.border.until_nothing_is_left();
    assert_eq!(call.border.metric("sbc_siprec_sessions_total"), 2.0);
}

#[test]
fn sipp_as_a_recorder_over_tcp_takes_a_call() {
    let Some(program) = program("sipp") else {
        return;
    };
    let srs = Sipp::playing(&program, RECORDER, sipp::Transport::Tcp, "recorder.xml");
    let mut call = Call::answered(vec![format!("sip:{};transport=tcp", srs.sip)], "");
    call.border
        .until("recording", |_| call.state() == "recording");
    call.hang_up();
    call.border.until_nothing_is_left();
    let heard = srs.heard();
    for method in ["INVITE sip:", "ACK sip:", "BYE sip:"] {
        assert_eq!(heard.matches(method).count(), 1, "{method} in {heard}");
    }
}
