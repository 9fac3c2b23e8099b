//! Loss and jitter of a received stream (RFC 3550 §A.1, §A.3, §A.8).

use super::{clock_rate, units};
use crate::rtp::packet::Header;
use sbc_core::Instant;
use std::time::Duration;

/// A step forward above this is a restart and not loss (RFC 3550 §A.1).
pub(crate) const MAX_DROPOUT: i16 = 3000;
/// A step backward above this is a restart and not reordering (RFC 3550 §A.1).
pub(crate) const MAX_MISORDER: i16 = 100;

/// The signed distance from `from` to `to` in sequence numbers.
#[expect(
    clippy::cast_possible_wrap,
    reason = "modular arithmetic of RFC 3550 §A.1"
)]
pub(crate) fn distance(from: u16, to: u16) -> i16 {
    to.wrapping_sub(from) as i16
}

/// Whether `to` continues a stream that is at `from`.
pub(crate) fn continues(from: u16, to: u16) -> bool {
    (-MAX_MISORDER..=MAX_DROPOUT).contains(&distance(from, to))
}

/// What a port knows of the stream that it receives. A new SSRC, or a jump that is no loss, begins
/// a new run; what was lost before stays counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reception {
    run: Option<Run>,
    /// Lost in earlier runs.
    lost_before: u64,
    /// 16 times the jitter, as in RFC 3550 §A.8.
    jitter: u32,
}

#[derive(Clone, Debug)]
struct Run {
    ssrc: u32,
    highest: u16,
    /// From the first number to the highest, both included.
    expected: u64,
    received: u64,
    /// Arrival less timestamp in units of the clock rate, of the packet before.
    transit: Option<(u32, u32)>,
}

impl Reception {
    /// A packet that was taken. Jitter is measured over static payload types: the clock of a
    /// dynamic one is not known here, and events repeat their timestamps (RFC 4733 §2.2).
    pub(crate) fn on_packet(&mut self, now: Instant, header: &Header) {
        let run = match &mut self.run {
            Some(run) if run.ssrc == header.ssrc && continues(run.highest, header.sequence) => {
                let step = distance(run.highest, header.sequence);
                if let Ok(forward) = u64::try_from(step)
                    && forward > 0
                {
                    run.expected += forward;
                    run.highest = header.sequence;
                }
                run.received += 1;
                run
            }
            slot => {
                self.lost_before += slot.as_ref().map_or(0, Run::lost);
                slot.insert(Run {
                    ssrc: header.ssrc,
                    highest: header.sequence,
                    expected: 1,
                    received: 1,
                    transit: None,
                })
            }
        };
        if let Some(rate) = clock_rate(header.payload_type) {
            let arrival = units(Duration::from_nanos(now.as_nanos()), rate);
            let transit = arrival.wrapping_sub(header.timestamp);
            if let Some((before, at_rate)) = run.transit
                && at_rate == rate
            {
                self.jitter = smooth(self.jitter, transit, before);
            }
            run.transit = Some((transit, rate));
        }
    }

    /// Packets that are missing, over all runs.
    pub(crate) fn lost(&self) -> u64 {
        self.lost_before + self.run.as_ref().map_or(0, Run::lost)
    }

    /// The SSRC that is received; zero before the first packet.
    pub(crate) fn ssrc(&self) -> u32 {
        self.run.as_ref().map_or(0, |run| run.ssrc)
    }

    /// Interarrival jitter in clock units.
    pub(crate) fn jitter(&self) -> u32 {
        self.jitter >> 4
    }
}

impl Run {
    fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.received)
    }
}

/// RFC 3550 §A.8 in integers: `J += (|D| - J) / 16`, with J scaled by 16.
fn smooth(jitter: u32, transit: u32, before: u32) -> u32 {
    #[expect(clippy::cast_possible_wrap, reason = "a difference modulo 2^32")]
    let apart = (transit.wrapping_sub(before) as i32).unsigned_abs();
    jitter
        .saturating_add(apart)
        .saturating_sub((jitter.saturating_add(8)) >> 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::packet::write;

    fn packet(ssrc: u32, sequence: u16, timestamp: u32) -> Header {
        Header::parse(&write(false, 0, sequence, timestamp, ssrc)).unwrap()
    }

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn gaps_are_lost_until_late_packets_fill_them() {
        let mut reception = Reception::default();
        for (n, sequence) in [65_534_u16, 65_535, 2, 3].into_iter().enumerate() {
            reception.on_packet(at(20 * n as u64), &packet(1, sequence, 0));
        }
        assert_eq!(reception.lost(), 2, "0 and 1 over the wrap");
        reception.on_packet(at(100), &packet(1, 0, 0));
        assert_eq!(reception.lost(), 1);
        reception.on_packet(at(100), &packet(1, 3, 0));
        reception.on_packet(at(100), &packet(1, 3, 0));
        assert_eq!(reception.lost(), 0, "duplicates never make it negative");
    }

    #[test]
    fn a_new_ssrc_or_a_jump_is_no_loss_and_keeps_what_was_lost() {
        let mut reception = Reception::default();
        for header in [packet(1, 10, 0), packet(1, 15, 0), packet(2, 60_000, 0)] {
            reception.on_packet(at(0), &header);
        }
        assert_eq!((reception.lost(), reception.ssrc()), (4, 2));
        reception.on_packet(at(0), &packet(2, 100, 0));
        assert_eq!(reception.lost(), 4, "a restart, not 5636 lost packets");
    }

    #[test]
    fn jitter_is_that_of_rfc_3550() {
        let mut reception = Reception::default();
        // Sent each 20 ms, arriving alternately on time and 10 ms late: |D| is 80 units.
        for n in 0..400_u16 {
            let late = if n % 2 == 0 { 0 } else { 10 };
            let header = packet(1, n, u32::from(n) * 160);
            reception.on_packet(at(u64::from(n) * 20 + late), &header);
        }
        assert!((75..=80).contains(&reception.jitter()), "{reception:?}");
    }

    #[test]
    fn jitter_of_an_unknown_clock_is_not_guessed() {
        let mut reception = Reception::default();
        for n in 0..10_u16 {
            let bytes = write(false, 96, n, u32::from(n) * 960, 1);
            let header = Header::parse(&bytes).unwrap();
            reception.on_packet(at(u64::from(n) * 20), &header);
        }
        assert_eq!(reception.jitter(), 0);
    }
}
