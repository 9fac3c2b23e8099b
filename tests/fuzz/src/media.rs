//! Packets of a call that stands.
//!
//! One byte says how the parties were described, then come packets: one byte says where it arrives
//! and from whom, one how much time went by, one how long it is, then it follows.

use super::take::Take;
use media_relay::testing::{Bench, Party, Sent, Setting};
use sbc_core::ports::Latch;
use std::net::SocketAddr;
use std::time::Duration;

/// RTP, at any socket.
pub fn rtp(data: &[u8]) {
    packets(data, false);
}

/// RTCP: at its own socket, or muxed.
pub fn rtcp(data: &[u8]) {
    packets(data, true);
}

fn packets(data: &[u8], rtcp: bool) {
    let mut take = Take(data);
    let choice = take.byte();
    let setting = Setting {
        latch: [Latch::Once, Latch::Strict, Latch::Follow, Latch::Follow]
            [usize::from(choice & 1 | choice >> 2 & 2)],
        muxed: choice & 2 != 0,
        receive: choice & 4 == 0,
    };
    let mut bench = Bench::new(setting);
    while !take.is_empty() {
        let flags = take.byte();
        for sent in bench.pass(pause(take.byte())) {
            assert_eq!(sent.to, Party::Recorder, "a report to a party of the call");
            assert!(is_rtp_or_rtcp(&sent.bytes));
        }
        let party = [Party::Caller, Party::Callee, Party::Recorder][usize::from(flags & 3) % 3];
        match flags >> 5 {
            6 => bench.face(party, setting),
            7 => bench.fork(),
            _ => {}
        }
        let to_rtcp = flags & 4 != 0 || rtcp && !setting.muxed;
        let from = source(party, flags >> 3 & 3, to_rtcp && !setting.muxed);
        let len = usize::from(take.byte());
        let packet = take.bytes(len);
        let before: u64 = bench.counted().iter().sum();
        let sent = bench.packet(party, to_rtcp, from, packet);
        let after: u64 = bench.counted().iter().sum();
        assert_eq!(after, before + 1, "a packet is counted once");
        judge(party, packet, &sent);
    }
    let [file, passed] = bench.finish();
    assert!(file <= passed + Duration::from_secs(2), "{file:?}");
}

/// Mostly the 20 ms of audio; up to 17 minutes.
const fn pause(choice: u8) -> Duration {
    match choice {
        0..=127 => Duration::from_millis(20),
        128..=191 => Duration::from_millis(choice as u64 - 128),
        _ => Duration::from_secs(16 * (choice as u64 - 191)),
    }
}

fn source(party: Party, choice: u8, rtcp: bool) -> SocketAddr {
    let mut from = Bench::address(party);
    from.set_port(from.port() + u16::from(rtcp));
    match choice {
        1 => from.set_ip([203, 0, 113, 7].into()),
        2 => from.set_port(61_000),
        3 => from.set_ip([203, 0, 113, 8].into()),
        _ => {}
    }
    from
}

fn judge(party: Party, packet: &[u8], sent: &[Sent]) {
    assert!(sent.len() <= 2, "one packet became {}", sent.len());
    for sent in sent {
        if sent.to == Party::Recorder {
            assert_eq!(party, Party::Caller);
            assert!(sent.bytes.len() <= packet.len() && !sent.rtcp);
        } else {
            assert_eq!(sent.bytes, packet, "not as it came");
            assert_ne!(sent.to, party);
        }
        assert!(is_rtp_or_rtcp(&sent.bytes));
    }
}

fn is_rtp_or_rtcp(packet: &[u8]) -> bool {
    packet.len() >= 8 && packet[0] >> 6 == 2
}
