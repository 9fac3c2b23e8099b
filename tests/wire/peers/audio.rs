//! Tones: written into a WAV file for a phone to play, and found again in what another one heard.

use std::f64::consts::TAU;
use std::path::Path;

pub(crate) const RATE: u32 = 8000;

/// Writes `seconds` of a sine at a quarter of full scale: 8 kHz, 16 bit, mono.
pub(crate) fn write_tone(path: &Path, hertz: u32, seconds: u32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).expect("the folder can be written");
    for at in 0..RATE * seconds {
        let sine = (TAU * f64::from(hertz) * f64::from(at) / f64::from(RATE)).sin();
        file.write_sample((sine * 8192.0) as i16)
            .expect("the file can be written");
    }
    file.finalize().expect("the file can be written");
}

/// How much of the energy of a WAV file is in one tone: 1 for a pure sine, 0 for silence. The first
/// and last tenth are left out, where the call begins and ends.
pub(crate) fn share_of_tone(path: &Path, hertz: u32) -> f64 {
    let mut file = match hound::WavReader::open(path) {
        Ok(file) => file,
        Err(error) => panic!("{}: {error}", path.display()),
    };
    let rate = f64::from(file.spec().sample_rate);
    let all: Vec<f64> = file
        .samples::<i16>()
        .filter_map(Result::ok)
        .map(f64::from)
        .collect();
    let samples = &all[all.len() / 10..all.len() - all.len() / 10];
    let energy: f64 = samples.iter().map(|sample| sample * sample).sum();
    if energy == 0.0 {
        return 0.0;
    }
    let step = TAU * f64::from(hertz) / rate;
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (at, sample) in samples.iter().enumerate() {
        let angle = step * at as f64;
        real += sample * angle.cos();
        imaginary += sample * angle.sin();
    }
    2.0 * (real * real + imaginary * imaginary) / (samples.len() as f64 * energy)
}

#[test]
fn a_tone_is_found_and_another_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tone.wav");
    write_tone(&file, 400, 1);
    assert!(share_of_tone(&file, 400) > 0.99);
    assert!(share_of_tone(&file, 1000) < 0.01);
}
