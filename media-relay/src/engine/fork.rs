//! The sender towards a recorder: an RTP endpoint of its own (RFC 7866 §8.2.1), fed by the packets
//! of a stream of the call.
//!
//! It belongs to the port that faces the recorder, so that a pause, a re-fork or another source
//! does not show: SSRC and CNAME stay, sequence numbers and timestamps go on.
//!
//! | state | input | state | packet to the recorder |
//! |---|---|---|---|
//! | Resting | packet of a mapped type | Following | next number; timestamp by the time gone by |
//! | Resting | packet of another type | Resting | none |
//! | Following | next or later number, mapped | Following | same distance in number and timestamp |
//! | Following | next or later number, not mapped | Following, the hole closes; fence | none |
//! | Following | earlier number, behind the fence | Following | same distance: it was only late |
//! | Following | earlier number, before the fence | Following | none: its number may be taken |
//! | Following | other SSRC, or a jump that is no loss | as if Resting | |
//! | any | `Fork`, `Unfork` | Resting | |
//! | any | report due | same | SR if sent since the last two, else RR (RFC 3550 §6.4) |

use crate::rtp::packet::{Header, write};
use crate::rtp::rtcp::{SenderInfo, write_report};
use crate::rtp::sequence::{continues, distance};
use crate::rtp::units;
use sbc_core::ports::Fork;
use sbc_core::{Entropy, Instant, Now};
use std::time::Duration;

/// The smallest mean interval of reports (RFC 3550 §6.2).
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(crate) struct Sender {
    ssrc: u32,
    fork: Fork,
    line: Line,
    /// The newest packet sent: number, timestamp, time. Random before the first.
    sequence: u16,
    timestamp: u32,
    sent_at: Option<Instant>,
    packets: u32,
    octets: u32,
    report_at: Instant,
    /// Reports since the last packet.
    silent_reports: u8,
}

#[derive(Clone, Copy, Debug)]
enum Line {
    Resting,
    Following {
        /// The source's SSRC and its highest number so far.
        ssrc: u32,
        highest: u16,
        /// Numbers up to this one have been given away.
        fence: u16,
        /// Added to the source's numbers and timestamps.
        sequence_shift: u16,
        timestamp_shift: u32,
    },
}

/// Where a packet stands in the sender's stream.
struct Place {
    sequence: u16,
    timestamp: u32,
    newest: bool,
}

impl Sender {
    /// A new endpoint: random SSRC, first number and timestamp (RFC 3550 §5.1, §8).
    pub(crate) fn new(now: Instant, fork: Fork, entropy: &mut Entropy) -> Self {
        let numbers = entropy.u32().to_be_bytes();
        Self {
            ssrc: entropy.u32().max(1),
            fork,
            line: Line::Resting,
            sequence: u16::from_be_bytes([numbers[0], numbers[1]]),
            timestamp: entropy.u32(),
            sent_at: None,
            packets: 0,
            octets: 0,
            // §6.2: half of it before the first report.
            report_at: now + interval(REPORT_INTERVAL / 2, entropy),
            silent_reports: 0,
        }
    }

    /// `Fork` again: other payload types; the stream goes on.
    pub(crate) fn change(&mut self, fork: Fork) {
        self.fork = fork;
        self.line = Line::Resting;
    }

    /// `Unfork`: the stream rests.
    pub(crate) fn rest(&mut self) {
        self.line = Line::Resting;
    }

    /// Its SSRC.
    #[cfg(test)]
    pub(crate) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Writes the recorder's packet for one of the call into `out`; false where there is none.
    pub(crate) fn on_packet(
        &mut self,
        now: Instant,
        header: &Header,
        packet: &[u8],
        out: &mut Vec<u8>,
    ) -> bool {
        let mapped = self.mapped(header.payload_type);
        let payload = header.payload(packet);
        let wanted = mapped.is_some() && payload.is_some();
        let (Some(place), Some(kind), Some(payload)) =
            (self.place(now, header, wanted), mapped, payload)
        else {
            return false;
        };
        if place.newest {
            self.sequence = place.sequence;
            self.timestamp = place.timestamp;
            self.sent_at = Some(now);
        }
        out.clear();
        out.extend(write(
            header.marker,
            kind,
            place.sequence,
            place.timestamp,
            self.ssrc,
        ));
        out.extend_from_slice(&packet[payload.clone()]);
        self.packets = self.packets.wrapping_add(1);
        let octets = u32::try_from(payload.len()).unwrap_or(0);
        self.octets = self.octets.wrapping_add(octets);
        self.silent_reports = 0;
        true
    }

    /// The table of the module, without the reports.
    fn place(&mut self, now: Instant, header: &Header, wanted: bool) -> Option<Place> {
        if let Line::Following {
            ssrc,
            highest,
            fence,
            sequence_shift,
            timestamp_shift,
        } = &mut self.line
            && *ssrc == header.ssrc
            && continues(*highest, header.sequence)
        {
            let newest = distance(*highest, header.sequence) > 0;
            if newest {
                *highest = header.sequence;
            }
            if !wanted {
                if newest {
                    *sequence_shift = sequence_shift.wrapping_sub(1);
                    *fence = header.sequence;
                }
                return None;
            }
            let place = Place {
                sequence: header.sequence.wrapping_add(*sequence_shift),
                timestamp: header.timestamp.wrapping_add(*timestamp_shift),
                newest,
            };
            return (distance(*fence, header.sequence) > 0).then_some(place);
        }
        wanted.then(|| self.follow(now, header))
    }

    /// Begins to follow a source where the sender's own stream goes on.
    fn follow(&mut self, now: Instant, header: &Header) -> Place {
        let place = Place {
            sequence: self.sequence.wrapping_add(1),
            timestamp: self.timestamp_at(now),
            newest: true,
        };
        self.line = Line::Following {
            ssrc: header.ssrc,
            highest: header.sequence,
            fence: header.sequence.wrapping_sub(1),
            sequence_shift: place.sequence.wrapping_sub(header.sequence),
            timestamp_shift: place.timestamp.wrapping_sub(header.timestamp),
        };
        place
    }

    /// The RTP clock of this sender at a moment.
    fn timestamp_at(&self, now: Instant) -> u32 {
        let gone = self.sent_at.map_or(Duration::ZERO, |at| now.since(at));
        self.timestamp
            .wrapping_add(units(gone, self.fork.clock_rate))
    }

    fn mapped(&self, payload_type: u8) -> Option<u8> {
        let mut types = self.fork.payload_types.iter();
        types
            .find(|(arriving, _)| *arriving == payload_type)
            .map(|(_, sent)| *sent)
    }

    /// Writes a report into `out` where one is due.
    pub(crate) fn on_timeout(
        &mut self,
        now: Now,
        entropy: &mut Entropy,
        out: &mut Vec<u8>,
    ) -> bool {
        if now.mono < self.report_at {
            return false;
        }
        self.report_at = now.mono + interval(REPORT_INTERVAL, entropy);
        self.report(now, false, out);
        true
    }

    /// Writes the last report, with BYE, into `out`; false where nothing was ever sent.
    pub(crate) fn leave(&mut self, now: Now, out: &mut Vec<u8>) -> bool {
        let heard_of = self.sent_at.is_some();
        if heard_of {
            self.report(now, true, out);
        }
        heard_of
    }

    fn report(&mut self, now: Now, leaving: bool, out: &mut Vec<u8>) {
        let sent = (self.sent_at.is_some() && self.silent_reports < 2).then(|| SenderInfo {
            at: now.unix,
            timestamp: self.timestamp_at(now.mono),
            packets: self.packets,
            octets: self.octets,
        });
        self.silent_reports = self.silent_reports.saturating_add(1);
        write_report(out, self.ssrc, &self.fork.cname, sent, leaving);
    }
}

/// RFC 3550 §6.3.1: half to one and a half of it, divided by e - 3/2.
fn interval(mean: Duration, entropy: &mut Entropy) -> Duration {
    entropy.between(mean / 2, mean * 3 / 2) * 100_000 / 121_828
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sbc_core::UnixMillis;

    fn spec(types: &[(u8, u8)]) -> Fork {
        Fork {
            payload_types: types.to_vec(),
            clock_rate: 8000,
            cname: "a".into(),
        }
    }

    fn sender() -> Sender {
        let fork = spec(&[(0, 96), (101, 97)]);
        Sender::new(at(0), fork, &mut Entropy::from_seed(7))
    }

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    fn push(sender: &mut Sender, ms: u64, packet: &[u8]) -> Option<Header> {
        let header = Header::parse(packet).unwrap();
        let mut out = Vec::new();
        sender
            .on_packet(at(ms), &header, packet, &mut out)
            .then(|| Header::parse(&out).unwrap())
    }

    fn rtp(ssrc: u32, kind: u8, sequence: u16, timestamp: u32) -> Vec<u8> {
        write(false, kind, sequence, timestamp, ssrc).to_vec()
    }

    #[test]
    fn the_fork_has_its_own_ssrc_and_mapped_types_and_keeps_marker_and_payload() {
        let mut sender = sender();
        let mut packet = write(true, 101, 65_535, 1000, 5).to_vec();
        packet[0] |= 0x30; // an extension and padding
        packet.extend([0xbe, 0xde, 0, 0]);
        packet.extend(*b"tone");
        packet.extend([0, 2]);
        let header = Header::parse(&packet).unwrap();
        let mut out = Vec::new();
        assert!(sender.on_packet(at(0), &header, &packet, &mut out));
        let sent = Header::parse(&out).unwrap();
        assert_eq!(&out[12..], b"tone");
        assert_eq!(out[0], 0x80);
        assert!(sent.marker && sent.payload_type == 97);
        assert_eq!(sent.ssrc, sender.ssrc());
        assert_ne!(sent.ssrc, 5);
    }

    #[test]
    fn lost_packets_stay_lost_and_types_that_are_not_sent_leave_no_hole() {
        let mut sender = sender();
        let first = push(&mut sender, 0, &rtp(5, 0, 65_534, 0)).unwrap();
        let mut sequence = |packet: &[u8]| {
            push(&mut sender, 0, packet).map(|sent| sent.sequence.wrapping_sub(first.sequence))
        };
        assert_eq!(sequence(&rtp(5, 0, 65_535, 160)), Some(1));
        assert_eq!(
            sequence(&rtp(5, 13, 0, 320)),
            None,
            "comfort noise is not mapped"
        );
        assert_eq!(sequence(&rtp(5, 0, 1, 480)), Some(2));
        assert_eq!(sequence(&rtp(5, 0, 4, 960)), Some(5), "2 and 3 were lost");
        assert_eq!(sequence(&rtp(5, 0, 3, 800)), Some(4), "or only late");
        assert_eq!(sequence(&rtp(5, 13, 5, 1120)), None);
        assert_eq!(
            sequence(&rtp(5, 0, 2, 640)),
            None,
            "its number may be taken"
        );
    }

    #[test]
    fn an_ssrc_change_a_jump_and_a_re_fork_do_not_show() {
        let mut sender = sender();
        let first = push(&mut sender, 0, &rtp(5, 0, 100, 50_000)).unwrap();
        let moved = push(&mut sender, 20, &rtp(6, 0, 9, 7)).unwrap();
        assert_eq!(moved.ssrc, first.ssrc);
        assert_eq!(moved.sequence, first.sequence.wrapping_add(1));
        assert_eq!(moved.timestamp, first.timestamp.wrapping_add(160));
        let jumped = push(&mut sender, 40, &rtp(6, 0, 30_000, 90_000)).unwrap();
        assert_eq!(jumped.sequence, first.sequence.wrapping_add(2));
        assert_eq!(jumped.timestamp, first.timestamp.wrapping_add(320));
        sender.change(spec(&[(8, 8)]));
        assert!(push(&mut sender, 60, &rtp(6, 0, 30_001, 90_160)).is_none());
        let later = push(&mut sender, 2040, &rtp(6, 8, 30_100, 200_000)).unwrap();
        assert_eq!(later.ssrc, first.ssrc);
        assert_eq!(later.sequence, first.sequence.wrapping_add(3));
        assert_eq!(later.timestamp, first.timestamp.wrapping_add(320 + 16_000));
    }

    #[test]
    fn reports_come_at_random_intervals_of_about_five_seconds() {
        let mut entropy = Entropy::from_seed(1);
        let mut sender = sender();
        let mut out = Vec::new();
        push(&mut sender, 0, &rtp(5, 0, 1, 0));
        let mut reports = Vec::new();
        for ms in (0..60_000).step_by(100) {
            let now = Now {
                mono: at(ms),
                unix: UnixMillis(ms),
            };
            if sender.on_timeout(now, &mut entropy, &mut out) {
                reports.push((ms, out[1]));
            }
        }
        let gaps: Vec<_> = reports.windows(2).map(|w| w[1].0 - w[0].0).collect();
        assert!((1000..=3200).contains(&reports[0].0), "{reports:?}");
        assert!(gaps.iter().all(|g| (2000..=6300).contains(g)), "{gaps:?}");
        assert!(gaps.iter().any(|g| *g != gaps[0]), "all alike: {gaps:?}");
        let kinds: Vec<_> = reports.iter().take(4).map(|r| r.1).collect();
        assert_eq!(
            kinds,
            [200, 200, 201, 201],
            "RR once nothing was sent for two"
        );
    }

    #[test]
    fn a_report_names_the_same_moment_on_both_clocks() {
        let mut sender = sender();
        let sent = push(&mut sender, 1000, &rtp(5, 0, 1, 0)).unwrap();
        let mut out = Vec::new();
        let now = Now {
            mono: at(1500),
            unix: UnixMillis(10_500),
        };
        assert!(sender.leave(now, &mut out));
        let timestamp = u32::from_be_bytes(*out[16..].first_chunk().unwrap());
        assert_eq!(timestamp, sent.timestamp.wrapping_add(4000));
        assert_eq!(out[8..12], 2_208_988_810_u32.to_be_bytes());
    }

    proptest! {
        #[test]
        fn numbers_are_contiguous_whatever_arrives_in_order(
            steps in proptest::collection::vec((0_u8..3, 1_u16..2), 1..200),
        ) {
            let mut sender = sender();
            let (mut number, mut sent) = (65_000_u16, Vec::new());
            for (kind, step) in steps {
                number = number.wrapping_add(step);
                let kind = [0, 13, 101][usize::from(kind)];
                sent.extend(push(&mut sender, 0, &rtp(1, kind, number, 0)).map(|h| h.sequence));
            }
            prop_assert!(sent.windows(2).all(|w| w[1] == w[0].wrapping_add(1)));
        }

        #[test]
        fn no_two_packets_of_different_numbers_share_one(
            numbers in proptest::collection::vec((0_u16..60, any::<bool>()), 1..80),
        ) {
            let mut sender = sender();
            let mut given = std::collections::HashMap::new();
            for (number, wanted) in numbers {
                let kind = if wanted { 0 } else { 13 };
                if let Some(sent) = push(&mut sender, 0, &rtp(1, kind, number, 0)) {
                    let owner = *given.entry(sent.sequence).or_insert(number);
                    prop_assert_eq!(owner, number);
                }
            }
        }
    }
}
