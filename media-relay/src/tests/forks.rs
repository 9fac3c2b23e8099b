//! Copies for recorders.

use super::*;
use sbc_core::ports::Fork;

fn spec() -> Fork {
    Fork {
        payload_types: vec![(0, 96), (101, 97)],
        clock_rate: 8000,
        cname: "leg-a@sbc".into(),
    }
}

/// A port that faces a recorder.
fn recorder(bench: &Bench, session: u64) -> (Phone, MediaPort) {
    let (recorder, port) = (Phone::new(), bench.reserve(session));
    let peer = Peer {
        receive: false,
        ..recorder.peer()
    };
    bench.command(session, [MediaCmd::Peer(port.id, peer)]);
    (recorder, port)
}

#[test]
fn a_recorder_gets_an_endpoint_of_its_own_and_the_call_nothing_back() {
    let bench = bench(24_000);
    let call = bench.call(1);
    let ([a, b], [at_a, _]) = (&call.phones, &call.ports);
    let (srs, to_srs) = recorder(&bench, 1);
    bench.command(1, [MediaCmd::Fork(at_a.id, to_srs.id, spec())]);
    let mut copies = Vec::new();
    for (n, ssrc) in [(10, 1), (11, 1), (500, 2), (501, 2)] {
        a.rtp.send_to(&rtp(ssrc, n, 0, 7), at_a.rtp).unwrap();
        assert_eq!(
            receive(&b.rtp).0,
            rtp(ssrc, n, 0, 7),
            "the call is untouched"
        );
        let (copy, from) = receive(&srs.rtp);
        assert_eq!(from, to_srs.rtp, "symmetric RTP (RFC 4961)");
        assert_eq!(copy[12..], [7; 160]);
        copies.push(header(&copy));
        srs.rtp.send_to(&rtp(99, n, 0, 9), to_srs.rtp).unwrap();
    }
    for (n, copy) in (0..).zip(&copies) {
        assert_eq!(copy.payload_type, 96);
        assert_eq!(copy.ssrc, copies[0].ssrc);
        assert_eq!(copy.sequence, copies[0].sequence.wrapping_add(n));
    }
    assert!(![1, 2].contains(&copies[0].ssrc));
    bench.until("what the recorder sends is dropped", || {
        bench.relay.totals().held == 4
    });
    assert!(is_silent(&a.rtp) && is_silent(&b.rtp));
    assert_eq!(bench.relay.totals().forked, 4);
}

#[test]
fn a_pause_and_a_new_source_do_not_show_and_the_end_says_bye() {
    let bench = bench(24_100);
    let call = bench.call(1);
    let ([a, b], [at_a, at_b]) = (&call.phones, &call.ports);
    let (srs, to_srs) = recorder(&bench, 1);
    bench.command(1, [MediaCmd::Fork(at_a.id, to_srs.id, spec())]);
    a.rtp.send_to(&rtp(1, 10, 0, 7), at_a.rtp).unwrap();
    let first = header(&receive(&srs.rtp).0);
    receive(&b.rtp);
    bench.command(1, [MediaCmd::Unfork(at_a.id, to_srs.id)]);
    a.rtp.send_to(&rtp(1, 11, 0, 7), at_a.rtp).unwrap();
    receive(&b.rtp);
    assert!(is_silent(&srs.rtp));
    bench.command(1, [MediaCmd::Fork(at_b.id, to_srs.id, spec())]);
    b.rtp.send_to(&rtp(2, 700, 0, 8), at_b.rtp).unwrap();
    let second = header(&receive(&srs.rtp).0);
    assert_eq!(second.ssrc, first.ssrc);
    assert_eq!(second.sequence, first.sequence.wrapping_add(1));
    bench.command(1, [MediaCmd::Release(to_srs.id)]);
    let (bye, from) = receive(&srs.rtcp);
    assert_eq!(from, to_srs.rtcp);
    assert_eq!(bye[1], 200, "a sender report at first");
    assert_eq!(bye[4..8], first.ssrc.to_be_bytes());
    assert_eq!(bye[bye.len() - 7], 203, "BYE at last");
    assert!(bye.windows(9).any(|text| text == b"leg-a@sbc"));
}

#[test]
fn reports_reach_the_recorder_by_themselves() {
    let bench = bench(24_200);
    let call = bench.call(1);
    let ([a, _], [at_a, _]) = (&call.phones, &call.ports);
    let (srs, to_srs) = recorder(&bench, 1);
    bench.command(1, [MediaCmd::Fork(at_a.id, to_srs.id, spec())]);
    a.rtp.send_to(&rtp(1, 10, 0, 7), at_a.rtp).unwrap();
    let copy = header(&receive(&srs.rtp).0);
    let (report, from) = receive(&srs.rtcp);
    assert_eq!(from, to_srs.rtcp);
    assert_eq!(
        (report[1], &report[4..8]),
        (200, &copy.ssrc.to_be_bytes()[..])
    );
    assert_eq!(report[20..24], 1_u32.to_be_bytes(), "one packet so far");
}
