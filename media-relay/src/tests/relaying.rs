//! Relaying, latching, RTCP.

use super::*;
use sbc_core::ports::PortId;
use std::net::Ipv6Addr;

const SENDER_REPORT: [u8; 28] = {
    let mut packet = [0; 28];
    packet[0] = 0x80;
    packet[1] = 200;
    packet[3] = 6;
    packet
};

#[test]
fn two_calls_talk_both_ways_unchanged_and_apart() {
    let bench = bench(22_000);
    let calls = [bench.call(1), bench.call(2)];
    for n in 0..50 {
        for (c, call) in calls.iter().enumerate() {
            let [a, b] = &call.phones;
            let [at_a, at_b] = &call.ports;
            let there = rtp(10 + c as u32, n, 0, 1);
            let back = rtp(20 + c as u32, n, 0, 2);
            a.rtp.send_to(&there, at_a.rtp).unwrap();
            assert_eq!(
                receive(&b.rtp),
                (there, at_b.rtp),
                "from the advertised port"
            );
            b.rtp.send_to(&back, at_b.rtp).unwrap();
            assert_eq!(receive(&a.rtp), (back, at_a.rtp));
        }
    }
    for (session, call) in [1, 2].into_iter().zip(&calls) {
        let [a, _] = &call.ports;
        bench.until("all is counted", || bench.stats(session, a).sent == 50);
        let stats = bench.stats(session, a);
        assert_eq!((stats.received, stats.received_bytes), (50, 50 * 172));
        assert_eq!((stats.lost, stats.strays, stats.malformed), (0, 0, 0));
        assert_eq!(stats.ssrc, 9 + session as u32);
    }
    bench.until("totals", || bench.relay.totals().relayed == 200);
    let totals = bench.relay.totals();
    assert_eq!((totals.packets, totals.bytes), (200, 200 * 172));
    assert_eq!(
        (totals.sessions, totals.ports, totals.ports_free),
        (2, 4, 46)
    );
}

#[test]
fn rtcp_goes_by_the_odd_port_and_by_the_even_one_of_a_muxed_side() {
    let bench = bench(22_100);
    let call = bench.call(1);
    let ([a, b], [at_a, at_b]) = (&call.phones, &call.ports);
    a.rtcp.send_to(&SENDER_REPORT, at_a.rtcp).unwrap();
    assert_eq!(receive(&b.rtcp), (SENDER_REPORT.to_vec(), at_b.rtcp));
    let muxed = Peer {
        rtcp: b.peer().rtp,
        ..b.peer()
    };
    bench.command(1, [MediaCmd::Peer(at_b.id, muxed)]);
    a.rtcp.send_to(&SENDER_REPORT, at_a.rtcp).unwrap();
    assert_eq!(receive(&b.rtp), (SENDER_REPORT.to_vec(), at_b.rtp));
    b.rtp.send_to(&SENDER_REPORT, at_b.rtp).unwrap();
    assert_eq!(receive(&a.rtcp), (SENDER_REPORT.to_vec(), at_a.rtcp));
    assert_eq!(bench.stats(1, at_b).rtcp_received, 1);
    assert_eq!(bench.stats(1, at_b).received, 0, "it is no RTP");
}

#[test]
fn a_stranger_is_neither_heard_nor_sent_to() {
    let bench = bench(22_200);
    let call = bench.call(1);
    let ([a, b], [at_a, at_b]) = (&call.phones, &call.ports);
    let stranger = Phone::new();
    a.rtp.send_to(&rtp(1, 0, 0, 1), at_a.rtp).unwrap();
    receive(&b.rtp);
    assert_eq!(
        bench.event(),
        MediaEvent::Latched(at_a.id, a.rtp.local_addr().unwrap())
    );
    for n in 0..20 {
        stranger.rtp.send_to(&rtp(9, n, 0, 9), at_a.rtp).unwrap();
        stranger.rtcp.send_to(&SENDER_REPORT, at_a.rtcp).unwrap();
    }
    bench.until("strays are counted", || bench.stats(1, at_a).strays >= 20);
    a.rtp.send_to(&rtp(1, 1, 0, 1), at_a.rtp).unwrap();
    assert_eq!(receive(&b.rtp).0, rtp(1, 1, 0, 1), "nothing was injected");
    for n in 0..20 {
        b.rtp.send_to(&rtp(2, n, 0, 2), at_b.rtp).unwrap();
        receive(&a.rtp);
    }
    assert!(is_silent(&stranger.rtp), "nothing bled");
}

#[test]
fn a_stranger_who_comes_first_yields_to_the_party() {
    let bench = bench(23_500);
    let call = bench.call(1);
    let ([a, b], [at_a, at_b]) = (&call.phones, &call.ports);
    let stranger = Phone::new();
    for n in 0..5 {
        stranger.rtp.send_to(&rtp(9, n, 0, 9), at_a.rtp).unwrap();
        receive(&b.rtp);
    }
    a.rtp.send_to(&rtp(1, 0, 0, 1), at_a.rtp).unwrap();
    assert_eq!(receive(&b.rtp).0, rtp(1, 0, 0, 1));
    for n in 5..25 {
        stranger.rtp.send_to(&rtp(9, n, 0, 9), at_a.rtp).unwrap();
    }
    bench.until("strays are counted", || bench.stats(1, at_a).strays >= 20);
    assert!(is_silent(&b.rtp));
    b.rtp.send_to(&rtp(2, 0, 0, 2), at_b.rtp).unwrap();
    receive(&a.rtp);
    assert!(is_silent(&stranger.rtp));
}

#[test]
fn a_peer_behind_nat_is_found_within_five_packets() {
    let bench = bench(22_300);
    let (port, other) = (bench.reserve(1), bench.reserve(1));
    let (inside, outside, b) = (Phone::new(), Phone::new(), Phone::new());
    bench.command(
        1,
        [
            MediaCmd::Peer(port.id, inside.peer()),
            MediaCmd::Peer(other.id, b.peer()),
            MediaCmd::Relay(other.id, port.id),
            MediaCmd::Relay(port.id, other.id),
        ],
    );
    for n in 0..5 {
        b.rtp.send_to(&rtp(2, n, 0, 2), other.rtp).unwrap();
        receive(&inside.rtp);
        outside.rtp.send_to(&rtp(1, n, 0, 1), port.rtp).unwrap();
        receive(&b.rtp);
    }
    b.rtp.send_to(&rtp(2, 5, 0, 2), other.rtp).unwrap();
    assert_eq!(receive(&outside.rtp).1, port.rtp);
    assert!(is_silent(&inside.rtp));
    // RTCP follows: the same address, a port of its own.
    outside.rtcp.send_to(&SENDER_REPORT, port.rtcp).unwrap();
    receive(&b.rtcp);
    b.rtcp.send_to(&SENDER_REPORT, other.rtcp).unwrap();
    assert_eq!(receive(&outside.rtcp).1, port.rtcp);
}

#[test]
fn a_new_address_in_the_sdp_moves_the_stream() {
    let bench = bench(22_400);
    let call = bench.call(1);
    let ([a, b], [at_a, at_b]) = (&call.phones, &call.ports);
    a.rtp.send_to(&rtp(1, 0, 0, 1), at_a.rtp).unwrap();
    receive(&b.rtp);
    let moved = Phone::new();
    bench.command(1, [MediaCmd::Peer(at_a.id, moved.peer())]);
    b.rtp.send_to(&rtp(2, 0, 0, 2), at_b.rtp).unwrap();
    receive(&moved.rtp);
    moved.rtp.send_to(&rtp(3, 0, 0, 3), at_a.rtp).unwrap();
    assert_eq!(receive(&b.rtp).0, rtp(3, 0, 0, 3));
    assert!(is_silent(&a.rtp));
}

#[test]
fn a_side_that_shall_not_send_or_not_be_sent_to_is_held() {
    let bench = bench(22_500);
    let call = bench.call(1);
    let ([a, b], [at_a, at_b]) = (&call.phones, &call.ports);
    let held = Peer {
        send: false,
        receive: false,
        ..a.peer()
    };
    bench.command(1, [MediaCmd::Peer(at_a.id, held)]);
    a.rtp.send_to(&rtp(1, 0, 0, 1), at_a.rtp).unwrap();
    b.rtp.send_to(&rtp(2, 0, 0, 2), at_b.rtp).unwrap();
    bench.until("one is held", || bench.relay.totals().held == 1);
    bench.until("one is taken", || bench.stats(1, at_b).received == 1);
    bench.command(1, [MediaCmd::Peer(at_a.id, a.peer())]);
    a.rtp.send_to(&rtp(1, 1, 0, 1), at_a.rtp).unwrap();
    b.rtp.send_to(&rtp(2, 1, 0, 2), at_b.rtp).unwrap();
    assert_eq!(header(&receive(&a.rtp).0).sequence, 1);
    assert_eq!(header(&receive(&b.rtp).0).sequence, 1);
}

#[test]
fn a_port_relayed_to_itself_is_an_echo() {
    let bench = bench(22_600);
    let (port, caller) = (bench.reserve(1), Phone::new());
    let id: PortId = port.id;
    bench.command(
        1,
        [MediaCmd::Peer(id, caller.peer()), MediaCmd::Relay(id, id)],
    );
    caller.rtp.send_to(&rtp(1, 0, 0, 1), port.rtp).unwrap();
    assert_eq!(receive(&caller.rtp), (rtp(1, 0, 0, 1), port.rtp));
    bench.command(1, [MediaCmd::Unrelay(id, id)]);
    caller.rtp.send_to(&rtp(1, 1, 0, 1), port.rtp).unwrap();
    bench.until("both arrived", || bench.stats(1, &port).received == 2);
    assert!(is_silent(&caller.rtp));
}

#[test]
fn what_is_no_rtp_is_dropped_and_counted() {
    let bench = bench(22_700);
    let call = bench.call(1);
    let ([a, b], [at_a, _]) = (&call.phones, &call.ports);
    let stun = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0];
    a.rtp.send_to(&stun, at_a.rtp).unwrap();
    a.rtp.send_to(&[], at_a.rtp).unwrap();
    a.rtcp.send_to(&rtp(1, 0, 0, 1), at_a.rtcp).unwrap();
    bench.until("all are counted", || bench.stats(1, at_a).malformed == 3);
    assert!(is_silent(&b.rtp) && is_silent(&b.rtcp));
    assert_eq!(bench.relay.totals().malformed, 3);
}

#[test]
fn a_busy_worker_loses_nothing_by_pacing_itself() {
    let bench = bench(22_800);
    let call = bench.call(1);
    let ([a, b], [at_a, _]) = (&call.phones, &call.ports);
    // Far more than the limit of a window, in batches that a receive buffer holds.
    for batch in 0..200_u16 {
        for n in 0..20 {
            let packet = rtp(1, batch * 20 + n, 0, 1);
            a.rtp.send_to(&packet, at_a.rtp).unwrap();
        }
        for n in 0..20 {
            assert_eq!(header(&receive(&b.rtp).0).sequence, batch * 20 + n);
        }
    }
}

#[test]
fn ipv6_is_relayed_from_an_ipv4_side_and_back() {
    let mut bench = bench(22_900);
    let ip = Ipv6Addr::LOCALHOST.into();
    if UdpSocket::bind((ip, 0)).is_err() {
        // A machine without IPv6 cannot show it.
        return;
    }
    let (v4, at_v4) = (Phone::new(), bench.reserve(1));
    bench.range.bind = ip;
    bench.range.advertise = ip;
    let at_v6 = bench.reserve(1);
    let v6 = Phone {
        rtp: phone_at(ip),
        rtcp: phone_at(ip),
    };
    bench.command(
        1,
        [
            MediaCmd::Peer(at_v4.id, v4.peer()),
            MediaCmd::Peer(at_v6.id, v6.peer()),
            MediaCmd::Relay(at_v4.id, at_v6.id),
            MediaCmd::Relay(at_v6.id, at_v4.id),
        ],
    );
    v4.rtp.send_to(&rtp(1, 0, 0, 1), at_v4.rtp).unwrap();
    assert_eq!(receive(&v6.rtp), (rtp(1, 0, 0, 1), at_v6.rtp));
    v6.rtp.send_to(&rtp(2, 0, 0, 2), at_v6.rtp).unwrap();
    assert_eq!(receive(&v4.rtp), (rtp(2, 0, 0, 2), at_v4.rtp));
}
