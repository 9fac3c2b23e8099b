//! A 180 that its 200 follows at once: both arrive, and in this order, in every one of 500 calls.

use crate::border::{Border, CALLEE, CALLER, Setup};
use crate::peers::plain::{Dialog, Plain};
use sbc_core::transport::Transport;
use std::collections::HashMap;
use std::time::Duration;

const CALLS: usize = 500;
/// Calls that are set up at the same time.
const AT_ONCE: usize = 20;

/// How far a call has come, as its caller sees it.
struct Progress {
    dialog: Dialog,
    ringing: bool,
    answered: bool,
}

/// Answers every call with 180 and 200 in one go, and every BYE, until all are over.
fn answer_everything(mut callee: Plain) {
    let answer = callee.sdp(4000);
    let mut ended = 0;
    while ended < CALLS {
        let request = callee.next().expect("calls come");
        match request.method() {
            "INVITE" => {
                callee.reply(&request, "180 Ringing", "", "");
                callee.reply(&request, "200 OK", "", &answer);
            }
            "BYE" => {
                callee.reply(&request, "200 OK", "", "");
                ended += 1;
            }
            _ => {}
        }
    }
}

fn ringing_arrives_first(transport: Transport) {
    let callee = match transport {
        Transport::Tcp => Plain::tcp_listening(CALLEE, "bob"),
        _ => Plain::udp(CALLEE, "bob"),
    };
    let name = transport.to_string().to_lowercase();
    let border = Border::start(&Setup::to(format!("sip:{};transport={name}", callee.sip)));
    let at = border.outside(transport);
    let mut caller = match transport {
        Transport::Tcp => Plain::tcp(CALLER, "alice", at),
        _ => Plain::udp(CALLER, "alice"),
    };
    caller.sbc = Some(at);
    caller.patience(Duration::from_secs(10));
    let answering = std::thread::spawn(move || answer_everything(callee));
    let offer = caller.sdp(4002);
    let mut calls = HashMap::new();
    let (mut begun, mut ended) = (0, 0);
    while ended < CALLS {
        while begun < CALLS && begun - ended < AT_ONCE {
            let mut dialog = caller.dialog("4930123456");
            caller.send(&mut dialog, "INVITE", "", &offer);
            let progress = Progress {
                dialog: dialog.clone(),
                ringing: false,
                answered: false,
            };
            calls.insert(dialog.call_id.clone(), progress);
            begun += 1;
        }
        let heard = caller.next().expect("every request is answered");
        let call = calls
            .get_mut(heard.header("Call-ID"))
            .expect("it is one of ours");
        let invited = heard.header("CSeq").ends_with("INVITE");
        match heard.status() {
            100 => {}
            180 => {
                assert!(!call.answered, "180 after 200:\n{}", heard.0);
                call.ringing = true;
            }
            200 if invited && !call.answered => {
                assert!(call.ringing, "200 before 180:\n{}", heard.0);
                call.answered = true;
                call.dialog.established(&heard);
                caller.send(&mut call.dialog, "ACK", "", "");
                caller.send(&mut call.dialog, "BYE", "", "");
            }
            200 if invited => {}
            200 => ended += 1,
            status => panic!("{status}:\n{}", heard.0),
        }
    }
    answering.join().expect("the callee had all its calls");
    border.until_nothing_is_left();
    assert_eq!(border.metric("sbc_calls_answered_total"), 500.0);
}

#[test]
fn a_180_and_its_200_arrive_in_order_in_500_calls_over_udp() {
    ringing_arrives_first(Transport::Udp);
}

#[test]
fn a_180_and_its_200_arrive_in_order_in_500_calls_over_tcp() {
    ringing_arrives_first(Transport::Tcp);
}
