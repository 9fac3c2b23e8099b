//! WAV files of what arrived.

use super::*;
use sbc_core::ports::{Record, RecordCodec};
use sbc_core::{Instant, Now};
use std::path::{Path, PathBuf};

fn record(path: PathBuf, start: Now) -> Record {
    Record {
        path,
        codecs: vec![
            (0, RecordCodec::Pcmu),
            (8, RecordCodec::Pcma),
            (101, RecordCodec::TelephoneEvent),
        ],
        start,
    }
}

fn samples(path: &Path) -> Vec<i16> {
    let mut reader = hound::WavReader::open(path).unwrap();
    reader.samples().map(Result::unwrap).collect()
}

/// Where the sound is: first sample, and one behind the last.
fn sound(samples: &[i16]) -> (usize, usize) {
    let first = samples.iter().position(|s| *s != 0).unwrap();
    let last = samples.iter().rposition(|s| *s != 0).unwrap();
    (first, last + 1)
}

/// A start that lies a second back, so that the first packet is not at the beginning.
fn a_second_ago(bench: &Bench) -> Now {
    let now = bench.clock.now();
    Now {
        mono: now.mono - Duration::from_secs(1),
        ..now
    }
}

fn at_sample(start: Now, moment: Instant) -> usize {
    usize::try_from(moment.since(start.mono).as_nanos() * 8000 / 1_000_000_000).unwrap()
}

#[test]
fn both_sides_are_decoded_aligned_and_end_together() {
    let bench = bench_with(25_000, Config::default());
    let dir = tempfile::tempdir().unwrap();
    let paths = [
        dir.path().join("stream-0.wav"),
        dir.path().join("stream-1.wav"),
    ];
    let call = bench.call(1);
    // The plane's clock must be past the second that lies back.
    bench.until("a second has passed", || {
        bench.clock.now().mono > Instant::from_nanos(1_000_000_000)
    });
    let start = a_second_ago(&bench);
    let records = call.ports.iter().zip(&paths);
    bench.command(
        1,
        records.map(|(port, path)| MediaCmd::Record(port.id, record(path.clone(), start))),
    );
    let ([a, b], [at_a, at_b]) = (&call.phones, &call.ports);
    let before = bench.clock.now().mono;
    for n in [0_u16, 1, 4, 3] {
        a.rtp.send_to(&rtp(1, n, 0, 0x80), at_a.rtp).unwrap();
        b.rtp.send_to(&rtp(2, n, 8, 0xaa), at_b.rtp).unwrap();
        receive(&a.rtp);
        receive(&b.rtp);
    }
    let after = bench.clock.now().mono;
    bench.until("the files live", || {
        paths
            .iter()
            .all(|path| path.exists() && samples(path).len() >= 8000)
    });
    // Behind the last sample, which was spoken "later" than it arrived.
    bench.until("the words are over", || {
        bench.clock.now().mono > after + Duration::from_millis(200)
    });
    bench.command(1, [MediaCmd::Close]);
    drop(bench);
    let both = paths.each_ref().map(|path| samples(path));
    assert_eq!(both[0].len(), both[1].len());
    for (heard, value) in both.iter().zip([32_124, 32_256]) {
        let (first, end) = sound(heard);
        assert_eq!(end - first, 5 * 160, "by timestamps");
        let lost = &heard[first + 320..first + 480];
        assert_eq!(lost, [0; 160], "the third packet is missing");
        assert!(heard[first..first + 320].iter().all(|s| *s == value));
        assert!(heard[first + 480..end].iter().all(|s| *s == value));
        let arrived = at_sample(start, before)..=at_sample(start, after);
        assert!(arrived.contains(&(first + 160)), "{first} in {arrived:?}");
    }
}

#[test]
fn a_file_that_cannot_be_made_is_an_event_and_the_call_goes_on() {
    let bench = bench(25_100);
    let dir = tempfile::tempdir().unwrap();
    let call = bench.call(1);
    let ([a, b], [at_a, _]) = (&call.phones, &call.ports);
    let taken = dir.path().join("taken.wav");
    std::fs::write(&taken, "mine").unwrap();
    for path in [taken.clone(), dir.path().join("no/folder.wav")] {
        let record = record(path.clone(), bench.clock.now());
        bench.command(1, [MediaCmd::Record(at_a.id, record)]);
        let MediaEvent::RecordFailed(port, why) = bench.event() else {
            panic!("another event");
        };
        assert_eq!(port, at_a.id);
        assert!(why.contains(path.to_str().unwrap()), "{why}");
    }
    a.rtp.send_to(&rtp(1, 0, 0, 1), at_a.rtp).unwrap();
    receive(&b.rtp);
    assert_eq!(std::fs::read(&taken).unwrap(), b"mine");
}

/// A clock on which 80 hours have passed since its start.
struct Late(SystemClock);

impl Clock for Late {
    fn now(&self) -> Now {
        let now = self.0.now();
        Now {
            mono: now.mono + Duration::from_secs(80 * 3600),
            ..now
        }
    }
}

#[test]
fn a_file_that_cannot_grow_is_an_event_and_the_call_goes_on() {
    let clock = Arc::new(Late(SystemClock::start()));
    let bench = bench_on(25_200, Config::default(), clock);
    let call = bench.call(1);
    let ([a, b], [at_a, _]) = (&call.phones, &call.ports);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long.wav");
    // A WAV file ends at 74 hours.
    let record = record(path.clone(), Now::default());
    bench.command(1, [MediaCmd::Record(at_a.id, record)]);
    a.rtp.send_to(&rtp(1, 0, 0, 1), at_a.rtp).unwrap();
    receive(&b.rtp);
    let MediaEvent::Latched(..) = bench.event() else {
        panic!("another event");
    };
    let MediaEvent::RecordFailed(_, why) = bench.event() else {
        panic!("another event");
    };
    assert!(why.contains("4 GiB"), "{why}");
    a.rtp.send_to(&rtp(1, 1, 0, 1), at_a.rtp).unwrap();
    receive(&b.rtp);
    assert_eq!(samples(&path), []);
}
