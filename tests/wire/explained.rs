//! Explanations of calls that were.

use crate::border::{Border, CALLEE, CALLER, Setup};
use crate::peers::plain::Plain;
use sbc_core::transport::Transport;

#[test]
fn a_call_that_is_over_tells_the_very_invite_that_its_callee_got() {
    let mut callee = Plain::udp(CALLEE, "bob");
    let border = Border::start(&Setup::to(format!("sip:{}", callee.sip)));
    let mut caller = Plain::udp(CALLER, "alice");
    caller.sbc = Some(border.outside(Transport::Udp));
    let mut dialog = caller.dialog("4930123456");
    let offer = caller.sdp(4000);
    caller.send(&mut dialog, "INVITE", "", &offer);
    let invite = callee.expect("INVITE");
    callee.reply(&invite, "486 Busy Here", "", "");
    callee.expect("ACK");
    let refusal = caller.expect("486");
    dialog.refused(&refusal);
    caller.send(&mut dialog, "ACK", "", "");
    border.until("it is over", |border| {
        let ended = border.api("/v1/calls?state=ended");
        ended["calls"]
            .as_array()
            .is_some_and(|calls| calls.len() == 1)
    });
    let id = border.api("/v1/calls?state=ended")["calls"][0]["id"].clone();
    let call = border.api(&format!("/v1/calls/{}", id.as_str().expect("an id")));
    assert_eq!(call["status"], 486, "{call}");
    let explanation = &call["explanation"];
    assert_eq!(explanation["outcome"]["what"], "connected", "{call}");
    assert_eq!(explanation["outcome"]["route"], "inwards", "{call}");
    let sent = explanation["sent"]["text"].as_str().expect("a message");
    // All but the media ports, and what follows from them.
    let head = |text: &str| text.split("\r\n\r\n").next().unwrap_or_default().to_owned();
    let length = |line: &&str| !line.starts_with("Content-Length:");
    let lines = |text: &str| {
        head(text)
            .lines()
            .filter(length)
            .map(str::to_owned)
            .collect()
    };
    let (told, got): (Vec<String>, Vec<String>) = (lines(sent), lines(&invite.0));
    assert_eq!(told, got);
    let text = call["explanation_text"].as_str().expect("a text");
    assert!(text.contains("inwards"), "{text}");
}
