use super::*;
use proptest::prelude::*;

fn addr(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 4000 + u16::from(n)))
}

/// A packet whose number and time do not matter.
fn from(from: SocketAddr) -> Arrival {
    Arrival {
        at: Instant::default(),
        from,
        ssrc: 1,
        sequence: 1,
    }
}

fn open(rule: Rule) -> RtpLatch {
    let mut latch = RtpLatch::default();
    latch.open(addr(1), rule);
    latch
}

#[test]
fn nothing_is_believed_before_the_peer_is_known() {
    let mut latch = RtpLatch::default();
    assert_eq!(latch.on_packet(from(addr(1))), Verdict::Stray);
    assert_eq!(latch.destination(), None);
}

#[test]
fn the_address_of_the_sdp_locks_at_once_even_late_in_the_window() {
    let mut latch = open(Rule::Once);
    for _ in 0..4 {
        assert_eq!(latch.on_packet(from(addr(9))), Verdict::Taken);
        assert_eq!(latch.destination(), Some(addr(1)), "never sent to it");
    }
    assert_eq!(latch.on_packet(from(addr(1))), Verdict::Locked(addr(1)));
    assert_eq!(latch.on_packet(from(addr(9))), Verdict::Stray);
    assert_eq!(latch.destination(), Some(addr(1)));
}

#[test]
fn a_peer_behind_nat_is_locked_with_its_fifth_packet() {
    let mut latch = open(Rule::Once);
    for _ in 0..4 {
        assert_eq!(latch.on_packet(from(addr(2))), Verdict::Taken);
    }
    assert_eq!(latch.on_packet(from(addr(2))), Verdict::Locked(addr(2)));
    assert_eq!(latch.destination(), Some(addr(2)));
    assert_eq!(latch.on_packet(from(addr(9))), Verdict::Stray);
}

#[test]
fn an_injector_that_came_first_yields_to_the_address_of_the_sdp_for_good() {
    let mut latch = open(Rule::Once);
    for _ in 0..20 {
        latch.on_packet(from(addr(9)));
    }
    assert_eq!(latch.destination(), Some(addr(9)));
    assert_eq!(latch.on_packet(from(addr(1))), Verdict::Locked(addr(1)));
    for _ in 0..20 {
        assert_eq!(latch.on_packet(from(addr(9))), Verdict::Stray);
    }
    assert_eq!(latch.on_packet(from(addr(1))), Verdict::Taken);
    assert_eq!(latch.destination(), Some(addr(1)));
    latch.open(addr(1), Rule::Once);
    assert_eq!(latch.destination(), Some(addr(1)), "and is forgotten");
}

#[test]
fn rtcp_of_an_injector_yields_to_the_address_of_the_sdp_for_good() {
    let at = |ip, port| SocketAddr::from(([192, 0, 2, ip], port));
    let mut rtp = open(Rule::Once);
    let mut rtcp = RtcpLatch::default();
    rtcp.open(at(1, 4002), Rule::Once);
    // The injector sits at the party's own IP, so that RTP's next lock does not free RTCP.
    for _ in 0..5 {
        rtp.on_packet(from(at(1, 6000)));
    }
    assert!(rtcp.on_packet(at(1, 6001), &rtp));
    assert_eq!(rtp.on_packet(from(addr(1))), Verdict::Locked(addr(1)));
    rtcp.on_rtp_locked(addr(1));
    assert_eq!(rtcp.destination(), Some(at(1, 6001)));
    assert!(rtcp.on_packet(at(1, 4002), &rtp));
    assert!(!rtcp.on_packet(at(1, 6001), &rtp));
    assert_eq!(rtcp.destination(), Some(at(1, 4002)));
}

#[test]
fn a_sprayer_that_comes_first_does_not_win_the_window() {
    let mut latch = open(Rule::Once);
    assert_eq!(latch.on_packet(from(addr(9))), Verdict::Taken);
    assert_eq!(
        latch.on_packet(from(addr(2))),
        Verdict::Stray,
        "a tie: the first leads"
    );
    assert_eq!(latch.on_packet(from(addr(2))), Verdict::Taken);
    assert_eq!(latch.on_packet(from(addr(2))), Verdict::Taken);
    assert_eq!(
        latch.on_packet(from(addr(9))),
        Verdict::StrayLocked(addr(2))
    );
    assert_eq!(latch.on_packet(from(addr(9))), Verdict::Stray);
    assert_eq!(latch.destination(), Some(addr(2)));
}

#[test]
fn strict_believes_only_the_sdp() {
    let mut latch = open(Rule::Strict);
    for _ in 0..20 {
        assert_eq!(latch.on_packet(from(addr(2))), Verdict::Stray);
    }
    assert_eq!(latch.on_packet(from(addr(1))), Verdict::Locked(addr(1)));
    assert_eq!(latch.on_packet(from(addr(2))), Verdict::Stray);
}

#[test]
fn a_new_window_keeps_the_learned_source_while_the_sdp_says_the_same() {
    let mut latch = open(Rule::Once);
    for _ in 0..5 {
        latch.on_packet(from(addr(2)));
    }
    latch.open(addr(1), Rule::Once);
    assert_eq!(latch.destination(), Some(addr(2)), "audio goes on");
    assert_eq!(latch.on_packet(from(addr(9))), Verdict::Taken);
    assert_eq!(latch.on_packet(from(addr(2))), Verdict::Locked(addr(2)));
    latch.open(addr(3), Rule::Once);
    assert_eq!(
        latch.destination(),
        Some(addr(3)),
        "another address: forgotten"
    );
}

#[test]
fn rtcp_follows_the_address_of_rtp_with_a_port_of_its_own() {
    let mut rtp = open(Rule::Once);
    let mut rtcp = RtcpLatch::default();
    let sdp = SocketAddr::from(([192, 0, 2, 1], 4002));
    let natted = SocketAddr::from(([192, 0, 2, 2], 61_000));
    rtcp.open(sdp, Rule::Once);
    assert!(!rtcp.on_packet(natted, &rtp), "RTP is not locked yet");
    for _ in 0..5 {
        rtp.on_packet(from(addr(2)));
    }
    assert_eq!(rtcp.destination(), Some(sdp));
    assert!(rtcp.on_packet(natted, &rtp));
    assert_eq!(rtcp.destination(), Some(natted));
    assert!(
        !rtcp.on_packet(addr(2), &rtp),
        "another port of that address"
    );
    rtcp.on_rtp_locked(addr(7));
    assert_eq!(rtcp.destination(), Some(sdp), "RTP moved away");
}

/// A latch that follows, locked to a party behind NAT that sent its last packet at second 10.
fn followed() -> RtpLatch {
    let mut latch = open(Rule::Follow);
    for sequence in 0..5 {
        latch.on_packet(packet(2, 10_000, 1, sequence));
    }
    assert_eq!(latch.destination(), Some(addr(2)));
    latch
}

fn packet(from: u8, ms: u64, ssrc: u32, sequence: u16) -> Arrival {
    Arrival {
        at: Instant::from_nanos(ms * 1_000_000),
        from: addr(from),
        ssrc,
        sequence,
    }
}

#[test]
fn a_party_that_moves_is_followed_after_two_seconds_and_five_packets_in_sequence() {
    let mut latch = followed();
    // Across the end of the numbers.
    for (n, sequence) in (65_533..=65_535).chain([0]).enumerate() {
        let verdict = latch.on_packet(packet(7, 12_000 + 20 * n as u64, 9, sequence));
        assert_eq!(verdict, Verdict::Stray);
        assert_eq!(latch.destination(), Some(addr(2)), "not yet");
    }
    let fifth = latch.on_packet(packet(7, 12_100, 9, 1));
    assert_eq!(fifth, Verdict::Locked(addr(7)));
    assert_eq!(latch.destination(), Some(addr(7)));
    assert_eq!(latch.on_packet(packet(2, 12_120, 1, 9)), Verdict::Stray);
}

#[test]
fn it_can_move_again_and_again_but_each_time_after_a_silence() {
    let mut latch = followed();
    for (at, n) in [(12_000, 7), (14_100, 8), (16_200, 2)] {
        for sequence in 0..5 {
            latch.on_packet(packet(n, at + 20 * u64::from(sequence), 9, sequence));
        }
        assert_eq!(latch.destination(), Some(addr(n)));
    }
    for sequence in 0..50 {
        let early = latch.on_packet(packet(7, 16_290 + u64::from(sequence), 9, sequence));
        assert_eq!(early, Verdict::Stray);
    }
}

#[test]
fn a_stranger_wins_nothing_while_the_party_talks() {
    let mut latch = followed();
    for n in 0..2000_u16 {
        let at = 10_000 + 20 * u64::from(n);
        assert_eq!(latch.on_packet(packet(2, at, 1, 5 + n)), Verdict::Taken);
        for burst in 0..3 {
            let stranger = packet(9, at + 1, 9, 3 * n + burst);
            assert_eq!(latch.on_packet(stranger), Verdict::Stray);
        }
    }
    assert_eq!(latch.destination(), Some(addr(2)));
    // Not even four packets from before a word of the party count after it.
    for sequence in 0..4 {
        latch.on_packet(packet(9, 60_000, 9, sequence));
    }
    latch.on_packet(packet(2, 60_001, 1, 9));
    assert_eq!(latch.on_packet(packet(9, 70_000, 9, 4)), Verdict::Stray);
}

#[test]
fn a_silence_of_less_than_two_seconds_is_none() {
    let mut latch = followed();
    for sequence in 0..50 {
        assert_eq!(
            latch.on_packet(packet(9, 11_999, 9, sequence)),
            Verdict::Stray
        );
    }
    // What came before the silence was long enough is not counted.
    for sequence in 50..54 {
        assert_eq!(
            latch.on_packet(packet(9, 12_000, 9, sequence)),
            Verdict::Stray
        );
    }
    let fifth = latch.on_packet(packet(9, 12_000, 9, 54));
    assert_eq!(fifth, Verdict::Locked(addr(9)));
}

#[test]
fn who_guesses_numbers_or_changes_its_stream_wins_nothing() {
    let mut entropy = sbc_core::Entropy::from_seed(3);
    let mut latch = followed();
    for _ in 0..10_000 {
        let sequence = u16::try_from(entropy.below(65_536)).unwrap();
        let verdict = latch.on_packet(packet(9, 20_000, 9, sequence));
        assert_eq!(verdict, Verdict::Stray);
    }
    // In sequence, each time with another SSRC; then from one port after the other; backwards.
    let streams: [fn(u16) -> Arrival; 3] = [
        |n| packet(9, 20_000, n.into(), n),
        |n| packet(if n % 2 == 0 { 7 } else { 8 }, 20_000, 9, n),
        |n| packet(9, 20_000, 9, 5000 - n),
    ];
    for stream in streams {
        for n in 0..1000 {
            assert_eq!(latch.on_packet(stream(n)), Verdict::Stray);
        }
    }
    assert_eq!(latch.destination(), Some(addr(2)));
}

#[test]
fn two_streams_that_mix_keep_one_another_out_and_a_repeated_packet_counts_once() {
    let mut latch = followed();
    for n in 0..100 {
        for stranger in [packet(8, 20_000, 8, n), packet(9, 20_000, 9, n)] {
            assert_eq!(latch.on_packet(stranger), Verdict::Stray);
        }
    }
    for n in 0..4 {
        for _ in 0..3 {
            let verdict = latch.on_packet(packet(7, 20_000, 7, n));
            assert_eq!(verdict, Verdict::Stray, "{n}");
        }
    }
    assert_eq!(
        latch.on_packet(packet(7, 20_000, 7, 4)),
        Verdict::Locked(addr(7))
    );
}

#[test]
fn the_address_of_the_sdp_needs_no_silence_and_once_never_moves() {
    let mut latch = followed();
    assert_eq!(
        latch.on_packet(packet(1, 10_001, 1, 9)),
        Verdict::Locked(addr(1))
    );
    assert_eq!(latch.destination(), Some(addr(1)));
    // From there it is followed like from anywhere.
    for sequence in 0..5 {
        latch.on_packet(packet(7, 12_001, 9, sequence));
    }
    assert_eq!(latch.destination(), Some(addr(7)));
    for rule in [Rule::Once, Rule::Strict] {
        let mut latch = open(rule);
        latch.on_packet(packet(1, 0, 1, 1));
        for n in 0..1000 {
            let late = packet(9, 10_000 + u64::from(n), 9, n);
            assert_eq!(latch.on_packet(late), Verdict::Stray);
        }
    }
}

#[test]
fn rtcp_of_a_party_that_moved_is_learned_again() {
    let at = |ip, port| SocketAddr::from(([192, 0, 2, ip], port));
    let mut rtp = followed();
    let mut rtcp = RtcpLatch::default();
    rtcp.open(at(1, 4002), Rule::Follow);
    assert!(rtcp.on_packet(at(2, 6001), &rtp));
    // The NAT chose other ports of the same address.
    for sequence in 0..5 {
        let moved = Arrival {
            from: at(2, 7000),
            ..packet(2, 12_000, 1, sequence)
        };
        if let Verdict::Locked(source) = rtp.on_packet(moved) {
            rtcp.on_rtp_locked(source);
        }
    }
    assert_eq!(rtp.destination(), Some(at(2, 7000)));
    assert!(rtcp.on_packet(at(2, 7001), &rtp));
    assert_eq!(rtcp.destination(), Some(at(2, 7001)));
}

proptest! {
    #[test]
    fn only_a_source_that_won_is_ever_sent_to(
        sources in proptest::collection::vec(1_u8..5, 0..40),
        follows in any::<bool>(),
    ) {
        let mut latch = open(if follows { Rule::Follow } else { Rule::Once });
        let mut foreign = 0_u32;
        for n in sources {
            let before = latch.destination();
            let verdict = latch.on_packet(from(addr(n)));
            let now = latch.destination();
            let locked = matches!(verdict, Verdict::Locked(_) | Verdict::StrayLocked(_));
            prop_assert!(locked || before == now);
            if matches!(verdict, Verdict::Taken | Verdict::Locked(_)) && now != Some(addr(n)) {
                foreign += 1;
            }
        }
        prop_assert!(foreign <= 4, "packets taken from sources that did not win");
    }

    /// Against a model that keeps the whole history.
    #[test]
    fn a_lock_moves_only_after_silence_and_five_in_sequence(
        bursts in proptest::collection::vec((0..4_usize, 0..2500_u64, 1..8, 0..9_u16), 1..60),
    ) {
        let mut latch = followed();
        let (mut now, mut source) = (10_000, 2);
        let mut numbers = [0_u16; 4];
        let mut since: Vec<(u8, u64, u16)> = vec![(2, now, 4)];
        let packets = bursts.into_iter().flat_map(|(who, wait, count, skip)| {
            (0..count).map(move |n| (who, if n == 0 { wait } else { 20 }, skip))
        });
        for (n, (who, wait, skip)) in packets.enumerate() {
            let from = [2, 7, 8, 9][who];
            now += wait;
            // Mostly the next number.
            let step = if n % 9 == usize::from(skip) { 2 } else { 1 };
            numbers[who] = numbers[who].wrapping_add(step);
            let verdict = latch.on_packet(packet(from, now, from.into(), numbers[who]));
            if from == source {
                prop_assert_eq!(verdict, Verdict::Taken);
                since.clear();
            }
            since.push((from, now, numbers[who]));
            let heard = since[0].1;
            let tail = &since[since.len().saturating_sub(5).max(1)..];
            let moves = tail.len() == 5
                && tail.iter().all(|(f, at, _)| *f == from && at - heard >= 2000)
                && tail.windows(2).all(|w| w[0].2.wrapping_add(1) == w[1].2);
            if from != source {
                let wanted = if moves { Verdict::Locked(addr(from)) } else { Verdict::Stray };
                prop_assert_eq!(verdict, wanted);
            }
            if moves && from != source {
                source = from;
                since = vec![(from, now, numbers[who])];
            }
            prop_assert_eq!(latch.destination(), Some(addr(source)));
        }
    }
}
