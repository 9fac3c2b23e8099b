//! Tones: made, sent as G.711 mu-law, and found again.

use std::f64::consts::TAU;

/// Samples a second.
pub(super) const RATE: f64 = 8000.0;
/// Samples of a packet: 20 ms.
pub(super) const FRAME: usize = 160;

/// One packet's worth of a sine, coded; `from` is the number of its first sample.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "audio samples"
)]
pub(super) fn frame(frequency: f64, from: usize) -> [u8; FRAME] {
    std::array::from_fn(|n| {
        let at = (from + n) as f64 / RATE;
        mu_law((8000.0 * (TAU * frequency * at).sin()) as i16)
    })
}

/// G.711 mu-law (ITU-T G.711): sign, exponent, mantissa, inverted.
fn mu_law(sample: i16) -> u8 {
    const BIAS: i32 = 0x84;
    const CLIP: i32 = 32_635;
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(CLIP) + BIAS;
    let exponent = 24 - magnitude.leading_zeros() as i32;
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    !u8::try_from(sign | (exponent << 4) | mantissa).unwrap_or(0)
}

/// Which part of the signal's power is at this frequency, from 0 to 1 (Goertzel).
#[expect(clippy::cast_precision_loss, reason = "audio samples")]
pub(super) fn share(samples: &[i16], frequency: f64) -> f64 {
    let coefficient = 2.0 * (TAU * frequency / RATE).cos();
    let (mut s1, mut s2, mut power) = (0.0_f64, 0.0_f64, 0.0_f64);
    for sample in samples {
        let x = f64::from(*sample);
        let s0 = coefficient.mul_add(s1, x - s2);
        (s2, s1) = (s1, s0);
        power += x * x;
    }
    if power == 0.0 {
        return 0.0;
    }
    let found = (coefficient * s1).mul_add(-s2, s1.mul_add(s1, s2 * s2));
    (2.0 * found / (power * samples.len() as f64)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "samples")]
    fn a_tone_is_found_where_it_is_and_not_elsewhere() {
        let samples: Vec<i16> = (0..8000_i32)
            .map(|n| (8000.0 * (TAU * 440.0 * f64::from(n) / RATE).sin()) as i16)
            .collect();
        assert!(share(&samples, 440.0) > 0.95);
        assert!(share(&samples, 1100.0) < 0.01);
        assert!(share(&[0; 100], 440.0) < 0.01);
    }

    #[test]
    fn mu_law_has_its_landmarks() {
        assert_eq!(mu_law(0), 0xff);
        assert_eq!(mu_law(-1), 0x7f);
        assert_eq!(mu_law(i16::MAX), 0x80);
        assert_eq!(mu_law(i16::MIN), 0x00);
    }
}
