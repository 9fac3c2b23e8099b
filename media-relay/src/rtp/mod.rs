//! RTP and RTCP on the wire (RFC 3550), as far as a relay has to read them.

pub(crate) mod packet;
pub(crate) mod rtcp;
pub(crate) mod sequence;

/// Clock rate of a static payload type (RFC 3551 §6); `None` for dynamic ones, which only SDP
/// can tell.
pub(crate) fn clock_rate(payload_type: u8) -> Option<u32> {
    match payload_type {
        0 | 3..=5 | 7..=9 | 12 | 13 | 15 | 18 => Some(8_000),
        6 => Some(16_000),
        10 | 11 => Some(44_100),
        14 | 25 | 26 | 28 | 31..=34 => Some(90_000),
        16 => Some(11_025),
        17 => Some(22_050),
        _ => None,
    }
}

/// A duration in units of an RTP clock, modulo 2^32 as timestamps are.
#[expect(
    clippy::cast_possible_truncation,
    reason = "RTP timestamps are modulo 2^32 (RFC 3550 §5.1)"
)]
pub(crate) fn units(time: std::time::Duration, clock_rate: u32) -> u32 {
    (time.as_nanos() * u128::from(clock_rate) / 1_000_000_000) as u32
}
