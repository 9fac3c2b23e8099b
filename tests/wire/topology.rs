//! Nothing of one side is visible on the other: every byte that a side receives is looked at.

use crate::border::{Border, CALLEE, CALLER, INSIDE, OUTSIDE};
use crate::peers::plain::{Dialog, Plain, Text};
use crate::stage::Stage;
use sbc_core::transport::Transport;

/// What one side has and the other must not learn.
fn secrets(peer: &Plain, user: &str, media: u16) -> Vec<String> {
    let mut secrets: Vec<String> = vec![
        peer.sip.ip().to_string(),
        format!(":{}", peer.sip.port()),
        format!("m=audio {media} "),
        format!("{}", media + 1),
        format!("{user}phone"),
        format!("{user}-tag"),
        "778899".to_owned(),
    ];
    secrets.extend([format!("{user}-call"), format!("z9hG4bK-{user}")]);
    secrets
}

/// Panics where one of `secrets` was heard.
fn scan(who: &str, heard: &[u8], secrets: &[String]) {
    let text = String::from_utf8_lossy(heard).to_lowercase();
    assert!(text.contains("content-length: 0"), "{who} heard a call");
    for secret in secrets {
        let told = holds(&text, &secret.to_lowercase());
        assert!(!told, "{who} learns {secret:?}:\n{text}");
    }
}

/// Whether `word` is in `text`, and not as a part of a longer number or name.
fn holds(text: &str, word: &str) -> bool {
    let goes_on = |a: Option<char>, b: Option<char>| {
        a.zip(b)
            .is_some_and(|(a, b)| a.is_alphanumeric() && b.is_alphanumeric())
    };
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        let begun = goes_on(before.chars().last(), word.chars().next());
        let continued = goes_on(word.chars().last(), after.chars().next());
        !begun && !continued
    })
}

#[test]
fn a_secret_is_found_as_a_word() {
    assert!(holds("a=rtcp:4001\r\n", "4001"));
    assert!(holds("<sip:a@127.1.0.2:5060>", ":5060"));
    assert!(!holds("o=- 540012 1", "4001"));
}

/// Headers that tell on a side, as phones send them.
fn telling(ip: &str, user: &str) -> String {
    format!(
        "Warning: 399 {ip} \"{user}phone is {ip}\"\r\n\
         X-Address: {ip}\r\n\
         P-Asserted-Identity: <sip:{user}@{ip}>\r\nReply-To: <sip:{user}@{ip}>\r\n\
         P-Charging-Vector: icid-value=1;icid-generated-at={ip}\r\n"
    )
}

struct Call {
    border: Border,
    caller: Plain,
    callee: Plain,
    dialog: Dialog,
    telling: [String; 2],
}

const CALLER_MEDIA: u16 = 14_346;
const CALLEE_MEDIA: u16 = 25_458;

impl Call {
    fn set(caller: Transport, callee: Transport) -> Self {
        let stage = Stage::over(caller, callee);
        Self {
            border: stage.border,
            caller: stage.caller,
            callee: stage.callee,
            dialog: stage.call,
            telling: [
                telling(&CALLER.to_string(), "alice"),
                telling(&CALLEE.to_string(), "bob"),
            ],
        }
    }

    fn invite(&mut self) -> Text {
        let offer = self.caller.sdp(CALLER_MEDIA);
        let extra = self.telling[0].clone();
        self.caller.send(&mut self.dialog, "INVITE", &extra, &offer);
        self.callee.expect("INVITE")
    }

    fn reply(&mut self, request: &Text, status: &str, body: &str) {
        let extra = self.telling[1].clone();
        self.callee.reply(request, status, &extra, body);
    }

    /// Both sides have heard all that they will.
    fn judge(self) {
        self.border.until_nothing_is_left();
        let mut of_caller = secrets(&self.caller, "alice", CALLER_MEDIA);
        let mut of_callee = secrets(&self.callee, "bob", CALLEE_MEDIA);
        of_caller.push(OUTSIDE.to_string());
        of_callee.push(INSIDE.to_string());
        scan("the callee", &self.callee.heard, &of_caller);
        scan("the caller", &self.caller.heard, &of_callee);
    }
}

/// Ringing, early media, answer, requests from both sides within the dialog, end.
fn a_whole_call(caller: Transport, callee: Transport) {
    let mut call = Call::set(caller, callee);
    let invite = call.invite();
    let answer = call.callee.sdp(CALLEE_MEDIA);
    call.reply(&invite, "180 Ringing", "");
    call.caller.expect("180");
    call.reply(&invite, "183 Session Progress", &answer);
    call.caller.expect("183");
    call.reply(&invite, "200 OK", &answer);
    let ok = call.caller.expect("200");
    call.dialog.established(&ok);
    let extra = call.telling[0].clone();
    call.caller.send(&mut call.dialog, "ACK", &extra, "");
    call.callee.expect("ACK");
    call.caller.send(&mut call.dialog, "BYE", &extra, "");
    let bye = call.callee.expect("BYE");
    call.reply(&bye, "200 OK", "");
    call.caller.expect("200");
    call.judge();
}

#[test]
fn a_whole_call_over_udp_tells_neither_side_of_the_other() {
    a_whole_call(Transport::Udp, Transport::Udp);
}

#[test]
fn a_whole_call_over_tcp_tells_neither_side_of_the_other() {
    a_whole_call(Transport::Tcp, Transport::Tcp);
}

#[test]
fn a_whole_call_from_tcp_to_udp_tells_neither_side_of_the_other() {
    a_whole_call(Transport::Tcp, Transport::Udp);
}

#[test]
fn a_bye_of_the_callee_tells_nothing_of_it() {
    let mut call = Call::set(Transport::Udp, Transport::Udp);
    let invite = call.invite();
    let answer = call.callee.sdp(CALLEE_MEDIA);
    call.reply(&invite, "200 OK", &answer);
    let ok = call.caller.expect("200");
    call.dialog.established(&ok);
    call.caller.send(&mut call.dialog, "ACK", "", "");
    call.callee.expect("ACK");
    let mut answering = call.callee.answering(&invite);
    let reason = format!(
        "{}Reason: Q.850;cause=16;text=\"bob hung up\"\r\n",
        call.telling[1]
    );
    call.callee.send(&mut answering, "BYE", &reason, "");
    let bye = call.caller.expect("BYE");
    let extra = call.telling[0].clone();
    call.caller.reply(&bye, "200 OK", &extra, "");
    call.callee.expect("200");
    call.judge();
}

#[test]
fn a_refusal_tells_nothing_of_the_callee() {
    for refusal in [
        "302 Moved Temporarily",
        "486 Busy at bobphone",
        "603 Decline",
    ] {
        let mut call = Call::set(Transport::Udp, Transport::Udp);
        let invite = call.invite();
        call.reply(&invite, "180 Ringing", "");
        call.caller.expect("180");
        let to_itself = format!(
            "{}Contact: <sip:bob@{CALLEE}:7777>\r\nRetry-After: 5\r\n",
            call.telling[1]
        );
        call.callee.reply(&invite, refusal, &to_itself, "");
        call.callee.expect("ACK");
        let refused = call.caller.expect(&refusal[..3]);
        call.dialog.refused(&refused);
        call.caller.send(&mut call.dialog, "ACK", "", "");
        call.judge();
    }
}
