//! Where each packet of a recorded stream belongs in its file. Sans-IO.
//!
//! Position zero is the moment that the recording started; all files of a recording share it, so
//! that they align. The first packet of a source is placed by its arrival (its samples were spoken
//! before it arrived, so it ends there); the following ones by their RTP timestamps, as long as
//! these agree with the arrival within [`DRIFT`]. A timestamp that does not (a jump, a restart, a
//! clock that runs away) is forgotten, and the packet placed by its arrival. So no timestamp can
//! make a file longer than its time by more than [`DRIFT`].
//!
//! | packet | place |
//! |---|---|
//! | first of an SSRC, or more than [`DRIFT`] away | by arrival, behind what is there; anchors |
//! | other | anchor + timestamp; nearest in time anchors |
//! | older than [`TAIL`] before the end | dropped |
//! | late or again within [`TAIL`] | over the silence, or over itself |
//! | telephone event | nowhere: its time is left as silence; anchors if first |

use crate::recorder::Heard;
use crate::wav::{RATE, Samples, WavFile};
use sbc_core::Instant;
use sbc_core::ports::RecordCodec;
use std::io;
use std::path::Path;

/// Timestamps and arrival may be this far apart: two seconds, more than a network's worst stall.
const DRIFT: u64 = 2 * RATE as u64;
/// The end of a file that is kept at hand for packets out of order: half a second.
const TAIL: usize = RATE as usize / 2;

/// See the module.
#[derive(Debug)]
pub(crate) struct Track<S> {
    start: Instant,
    out: S,
    anchor: Option<Anchor>,
    /// The newest samples, and the position of the first of them.
    tail: Vec<i16>,
    tail_at: u64,
    dirty: bool,
}

#[derive(Clone, Copy, Debug)]
struct Anchor {
    ssrc: u32,
    timestamp: u32,
    position: u64,
}

impl Track<WavFile> {
    /// The file's path.
    pub(crate) fn path(&self) -> &Path {
        self.out.path()
    }
}

impl<S: Samples> Track<S> {
    pub(crate) fn new(start: Instant, out: S) -> Self {
        Self {
            start,
            out,
            anchor: None,
            tail: Vec::with_capacity(4 * TAIL),
            tail_at: 0,
            dirty: false,
        }
    }

    /// A packet, and its samples (none for an event).
    pub(crate) fn on_packet(&mut self, heard: &Heard, samples: &[i16]) -> io::Result<()> {
        let event = heard.codec == RecordCodec::TelephoneEvent;
        if event && self.anchor.is_some() {
            return Ok(());
        }
        let len = samples.len() as u64;
        let spoken = self.position(heard.at).saturating_sub(len);
        let position = match self.anchor {
            Some(anchor) if anchor.ssrc == heard.ssrc => anchor.place(heard.timestamp, spoken),
            _ => None,
        };
        let position = position.unwrap_or_else(|| spoken.max(self.end()));
        if position > spoken + DRIFT {
            return Ok(());
        }
        if self
            .anchor
            .is_none_or(|anchor| anchor.ssrc != heard.ssrc || position >= anchor.position)
        {
            self.anchor = Some(Anchor {
                ssrc: heard.ssrc,
                timestamp: heard.timestamp,
                position,
            });
        }
        if event {
            return Ok(());
        }
        self.put(position, samples)
    }

    /// Writes what is at hand, and makes the file playable as far as it goes.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if !self.dirty {
            return Ok(());
        }
        self.out.write_at(self.tail_at, &self.tail)?;
        self.out.set_len(self.end())?;
        self.dirty = false;
        self.trim();
        Ok(())
    }

    /// The recording ends at this moment: silence up to it, so that all its files end together.
    pub(crate) fn finish(&mut self, at: Instant) -> io::Result<()> {
        self.flush()?;
        self.out.set_len(self.end().max(self.position(at)))
    }

    /// What it wrote to.
    #[cfg(feature = "testing")]
    pub(crate) fn into_samples(self) -> S {
        self.out
    }

    fn put(&mut self, position: u64, samples: &[i16]) -> io::Result<()> {
        let end = position + samples.len() as u64;
        if end <= self.tail_at {
            return Ok(());
        }
        if position > self.end() + TAIL as u64 {
            // A long silence is not written but left out (see `Samples::write_at`).
            self.flush()?;
            self.tail.clear();
            self.tail_at = position;
        }
        let early = usize::try_from(self.tail_at.saturating_sub(position)).unwrap_or(usize::MAX);
        let samples = samples.get(early..).unwrap_or_default();
        let at = usize::try_from(position.saturating_sub(self.tail_at)).unwrap_or(usize::MAX);
        if self.tail.len() < at + samples.len() {
            self.tail.resize(at + samples.len(), 0);
        }
        self.tail[at..at + samples.len()].copy_from_slice(samples);
        self.dirty = true;
        if self.tail.len() > 3 * TAIL {
            self.out.write_at(self.tail_at, &self.tail)?;
            self.trim();
        }
        Ok(())
    }

    /// Lets go of what is written and older than the tail.
    fn trim(&mut self) {
        let old = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..old);
        self.tail_at += old as u64;
    }

    fn end(&self) -> u64 {
        self.tail_at + self.tail.len() as u64
    }

    /// The position of a moment.
    fn position(&self, at: Instant) -> u64 {
        let samples = at.since(self.start).as_nanos() * u128::from(RATE) / 1_000_000_000;
        u64::try_from(samples).unwrap_or(u64::MAX)
    }
}

impl Anchor {
    /// Where a timestamp belongs; `None` where that is too far from when it was `spoken`.
    fn place(self, timestamp: u32, spoken: u64) -> Option<u64> {
        #[expect(clippy::cast_possible_wrap, reason = "a distance modulo 2^32")]
        let step = timestamp.wrapping_sub(self.timestamp) as i32;
        let position = self.position.checked_add_signed(i64::from(step))?;
        (position.abs_diff(spoken) <= DRIFT).then_some(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use smallvec::SmallVec;

    #[derive(Default, Debug)]
    struct Memory(Vec<i16>);

    impl Samples for Memory {
        fn write_at(&mut self, position: u64, samples: &[i16]) -> io::Result<()> {
            let at = position as usize;
            self.0.resize(self.0.len().max(at + samples.len()), 0);
            self.0[at..at + samples.len()].copy_from_slice(samples);
            Ok(())
        }
        fn set_len(&mut self, samples: u64) -> io::Result<()> {
            self.0.resize(samples as usize, 0);
            Ok(())
        }
    }

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    fn track() -> Track<Memory> {
        Track::new(at(1000), Memory::default())
    }

    fn heard(ms: u64, ssrc: u32, timestamp: u32, codec: RecordCodec) -> Heard {
        Heard {
            at: at(ms),
            ssrc,
            timestamp,
            codec,
            payload: SmallVec::new(),
        }
    }

    /// A packet of 20 ms that arrives at `ms` and holds `value` all over.
    fn push(track: &mut Track<Memory>, ms: u64, ssrc: u32, timestamp: u32, value: i16) {
        let heard = heard(ms, ssrc, timestamp, RecordCodec::Pcmu);
        track.on_packet(&heard, &[value; 160]).unwrap();
    }

    /// Runs of equal samples: (value, length).
    fn runs(track: &mut Track<Memory>, ms: u64) -> Vec<(i16, usize)> {
        track.finish(at(ms)).unwrap();
        let chunks = track.out.0.chunk_by(|a, b| a == b);
        chunks.map(|run| (run[0], run.len())).collect()
    }

    #[test]
    fn the_first_packet_ends_when_it_arrives_and_the_file_ends_with_the_recording() {
        let mut track = track();
        push(&mut track, 1100, 1, 777, 5);
        assert_eq!(runs(&mut track, 1200), [(0, 640), (5, 160), (0, 800)]);
    }

    #[test]
    fn later_packets_are_placed_by_timestamp_whatever_the_network_does() {
        let mut track = track();
        push(&mut track, 1020, 1, u32::MAX - 159, 1);
        push(&mut track, 1090, 1, 320, 4); // 0 and 160 are lost or late
        push(&mut track, 1091, 1, 160, 3);
        push(&mut track, 1092, 1, 320, 4); // again
        assert_eq!(
            runs(&mut track, 1080),
            [(1, 160), (0, 160), (3, 160), (4, 160)]
        );
    }

    #[test]
    fn silence_between_words_is_kept_even_if_it_is_long() {
        let mut track = track();
        push(&mut track, 1020, 1, 0, 1);
        push(&mut track, 61_020, 1, 480_000, 2);
        let silence = 480_000 - 160;
        assert_eq!(runs(&mut track, 61_020), [(1, 160), (0, silence), (2, 160)]);
    }

    #[test]
    fn a_timestamp_that_jumps_is_placed_by_arrival() {
        for jump in [3_000_000_000_u32, 100_000] {
            let mut track = track();
            push(&mut track, 1020, 1, 0, 1);
            push(&mut track, 1040, 1, jump, 2);
            push(&mut track, 1060, 1, jump.wrapping_add(160), 3);
            assert_eq!(runs(&mut track, 1060), [(1, 160), (2, 160), (3, 160)]);
        }
    }

    #[test]
    fn a_new_ssrc_goes_behind_what_is_there() {
        let mut track = track();
        push(&mut track, 1020, 1, 0, 1);
        push(&mut track, 1025, 2, 9_000, 2);
        push(&mut track, 1060, 2, 9_160, 3);
        assert_eq!(runs(&mut track, 1060), [(1, 160), (2, 160), (3, 160)]);
    }

    #[test]
    fn sources_that_take_turns_cannot_fill_the_disk() {
        let mut track = track();
        for n in 0..1000 {
            push(&mut track, 1020, n % 2, 0, 1);
        }
        track.finish(at(1020)).unwrap();
        let len = track.out.0.len() as u64;
        assert!((DRIFT..=DRIFT + 320).contains(&len), "{len}");
    }

    #[test]
    fn a_telephone_event_takes_its_time_as_silence() {
        let mut track = track();
        push(&mut track, 1020, 1, 0, 1);
        for n in 0..150 {
            let event = heard(1040 + 20 * n, 1, 160, RecordCodec::TelephoneEvent);
            track.on_packet(&event, &[]).unwrap();
        }
        // Late, and yet in its place: the events have not moved the anchor.
        push(&mut track, 4070, 1, 160 + 24_000, 2);
        assert_eq!(runs(&mut track, 4040), [(1, 160), (0, 24_000), (2, 160)]);
    }

    #[test]
    fn packets_out_of_order_beyond_the_tail_are_dropped() {
        let mut track = track();
        for n in 0..100 {
            push(&mut track, 1020 + 20 * u64::from(n), 1, 160 * n, 1);
        }
        push(&mut track, 3000, 1, 0, 9);
        assert_eq!(runs(&mut track, 3000), [(1, 16_000)]);
    }

    proptest! {
        #[test]
        fn no_timestamps_make_a_file_longer_than_its_time_and_the_drift(
            packets in proptest::collection::vec(
                (0_u64..50, 0_u32..3, any::<u32>(), any::<bool>()), 0..300),
        ) {
            let mut track = track();
            let (mut ms, mut timestamp) = (1000, 0_u32);
            for (step, ssrc, jump, wild) in packets {
                ms += step;
                timestamp = if wild { jump } else { timestamp.wrapping_add(160) };
                push(&mut track, ms, ssrc, timestamp, 1);
            }
            track.finish(at(ms)).unwrap();
            let time = (ms - 1000) * 8;
            let len = track.out.0.len() as u64;
            prop_assert!(len >= time && len <= time + DRIFT + 160, "{len} of {time}");
            prop_assert!(track.tail.len() <= 4 * TAIL);
        }
    }
}
