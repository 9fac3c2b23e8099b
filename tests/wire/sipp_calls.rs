//! sipp's own caller and callee with the SBC between them, over each pair of transports.

use crate::border::{Border, CALLEE, CALLER, INSIDE, OUTSIDE, Setup, open_descriptors};
use crate::peers::plain::Plain;
use crate::peers::rtp::RtpSocket;
use crate::peers::sipp::{Calls, Sipp, Transport};
use crate::peers::{may_open_raw_sockets, program};
use std::path::Path;
use std::time::Duration;

const CALLS: u32 = 40;

/// A callee and the SBC before it.
fn stage(program: &Path, transport: Transport) -> (Sipp, Border) {
    let uas = Sipp::uas(program, CALLEE, transport);
    let name = if transport == Transport::Udp {
        "udp"
    } else {
        "tcp"
    };
    let border = Border::start(&Setup::to(format!("sip:{};transport={name}", uas.sip)));
    (uas, border)
}

fn ours(transport: Transport) -> sbc_core::transport::Transport {
    match transport {
        Transport::Udp => sbc_core::transport::Transport::Udp,
        Transport::Tcp => sbc_core::transport::Transport::Tcp,
    }
}

/// Several dozen calls, of which none is lost and nothing is left, and neither sipp hears of the
/// other one.
fn calls_from_sipp_to_sipp(caller: Transport, callee: Transport) {
    let Some(sipp) = program("sipp") else { return };
    let (uas, border) = stage(&sipp, callee);
    let descriptors = open_descriptors();
    let calls = Calls {
        from: CALLER,
        count: CALLS,
        per_second: 100,
        user: "4930123456",
        hold: Duration::from_millis(100),
        ..Calls::one(border.outside(ours(caller)), caller)
    };
    let mut uac = Sipp::uac(&sipp, &calls);
    uac.wait(Duration::from_secs(60))
        .expect("every call goes well");
    // The caller's BYE is answered before the callee has heard of it.
    border.until_nothing_is_left();
    let heard = uas.heard();
    assert_eq!(heard.matches("INVITE sip:4930123456@").count(), 40);
    assert_eq!(heard.matches("BYE sip:").count(), 40);
    assert_eq!(border.metric("sbc_calls_started_total"), f64::from(CALLS));
    assert_eq!(border.metric("sbc_calls_answered_total"), f64::from(CALLS));
    assert_eq!(border.metric("sbc_calls_ended_total"), f64::from(CALLS));
    assert_eq!(border.metric("sbc_calls"), 0.0);
    border.until("descriptors are closed", |_| {
        // A connection of each transport stays open for the next call.
        open_descriptors() <= descriptors + 4
    });
    for (who, heard, other) in [
        ("the callee", heard, [CALLER, OUTSIDE]),
        ("the caller", uac.heard(), [CALLEE, INSIDE]),
    ] {
        assert!(heard.contains("SIP/2.0"), "{who} heard nothing");
        for address in other {
            let told = heard.contains(&address.to_string());
            assert!(!told, "{who} learns {address}:\n{heard}");
        }
    }
}

#[test]
fn sipp_calls_sipp_through_the_sbc_over_udp() {
    calls_from_sipp_to_sipp(Transport::Udp, Transport::Udp);
}

#[test]
fn sipp_calls_sipp_through_the_sbc_over_tcp() {
    calls_from_sipp_to_sipp(Transport::Tcp, Transport::Tcp);
}

#[test]
fn sipp_calls_sipp_through_the_sbc_from_udp_to_tcp() {
    calls_from_sipp_to_sipp(Transport::Udp, Transport::Tcp);
}

#[test]
fn sipp_calls_sipp_through_the_sbc_from_tcp_to_udp() {
    calls_from_sipp_to_sipp(Transport::Tcp, Transport::Udp);
}

#[test]
fn rtp_goes_to_sipp_and_back_and_is_counted() {
    let Some(sipp) = program("sipp") else { return };
    let (_uas, border) = stage(&sipp, Transport::Udp);
    let mut caller = Plain::udp(CALLER, "alice");
    caller.sbc = Some(border.outside(ours(Transport::Udp)));
    let mut rtp = RtpSocket::on(CALLER, 0);
    let mut call = caller.dialog("4930123456");
    let offer = caller.sdp(rtp.port());
    caller.send(&mut call, "INVITE", "", &offer);
    let ok = caller.expect("200");
    call.established(&ok);
    caller.send(&mut call, "ACK", "", "");
    assert_eq!(rtp.echo(ok.media(), 100), 100);
    // A packet arrives before its sender has counted it.
    border.until("the last packet is counted", |border| {
        border.metric("sbc_rtp_relayed_packets_total") >= 200.0
    });
    let calls = border.api("/v1/calls");
    let row = &calls["calls"][0];
    assert_eq!(row["state"], "answered", "{calls}");
    assert_eq!(row["trunk"], "carrier", "{calls}");
    let ports = row["media"].as_array().expect("a list of ports");
    assert_eq!(ports.len(), 2, "{calls}");
    for port in ports {
        assert_eq!(port["received"], 100, "{calls}");
        assert_eq!(port["sent"], 100, "{calls}");
        assert_eq!(port["lost"], 0, "{calls}");
        assert_eq!(port["strays"], 0, "{calls}");
    }
    assert_eq!(border.metric("sbc_rtp_relayed_packets_total"), 200.0);
    assert_eq!(border.metric("sbc_media_sessions"), 1.0);
    caller.send(&mut call, "BYE", "", "");
    caller.expect("200");
    border.until_nothing_is_left();
    assert_eq!(border.metric("sbc_media_ports"), 0.0);
}

#[test]
fn a_recording_played_by_sipp_goes_to_the_callee_and_back() {
    let Some(sipp) = program("sipp") else { return };
    if !may_open_raw_sockets() {
        return;
    }
    let (_uas, border) = stage(&sipp, Transport::Udp);
    let calls = Calls {
        from: CALLER,
        scenario: "uac_pcap",
        user: "4930123456",
        ..Calls::one(border.outside(ours(Transport::Udp)), Transport::Udp)
    };
    let uac = Sipp::uac(&sipp, &calls);
    uac.finish(Duration::from_secs(30)).unwrap();
    border.until_nothing_is_left();
    // Eight seconds of PCMA and a digit, and the same from the echo.
    let (received, relayed) = (
        border.metric("sbc_rtp_received_packets_total"),
        border.metric("sbc_rtp_relayed_packets_total"),
    );
    assert!(received > 400.0, "{received} packets");
    assert!(relayed >= received - 2.0, "{relayed} of {received}");
    assert_eq!(border.metric("sbc_rtp_stray_packets_total"), 0.0);
}
