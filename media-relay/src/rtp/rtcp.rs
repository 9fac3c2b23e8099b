//! RTCP (RFC 3550 §6): what is checked before a packet is relayed, and the reports of a fork.
//!
//! A compound packet is relayed as it is. Only its first header is checked: behind it SRTCP is
//! encrypted (RFC 3711 §3.4). Nothing in it, BYE least of all, changes the state of a call.

use sbc_core::UnixMillis;

/// Seconds from the NTP era (1900) to the Unix epoch.
const NTP_OFFSET: u64 = 2_208_988_800;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;

/// Whether a packet of a multiplexed port is RTCP: payload types 64 to 95 are (RFC 5761 §4).
pub(crate) fn is_rtcp(packet: &[u8]) -> bool {
    matches!(packet, [_, kind, ..] if (64..96).contains(&(kind & 0x7f)))
}

/// Whether a packet begins with a header of RTCP version 2 that fits into it.
pub(crate) fn is_valid(packet: &[u8]) -> bool {
    let Some(&[flags, kind, high, low, ..]) = packet.first_chunk::<8>() else {
        return false;
    };
    let bytes = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
    flags >> 6 == 2 && (192..=223).contains(&kind) && (8..=packet.len()).contains(&bytes)
}

/// What a sender report says (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct SenderInfo {
    /// The moment of the report.
    pub(crate) at: UnixMillis,
    /// The same moment on the RTP clock.
    pub(crate) timestamp: u32,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

/// Writes a compound packet into `out`: SR where something was sent of late, else an empty RR;
/// SDES with the CNAME (§6.5.1); BYE at the end (§6.6) where the source leaves.
pub(crate) fn write_report(
    out: &mut Vec<u8>,
    ssrc: u32,
    cname: &str,
    sent: Option<SenderInfo>,
    leaving: bool,
) {
    out.clear();
    if let Some(info) = sent {
        out.extend([0x80, SENDER_REPORT, 0, 6]);
        out.extend(ssrc.to_be_bytes());
        out.extend(ntp(info.at).to_be_bytes());
        out.extend(info.timestamp.to_be_bytes());
        out.extend(info.packets.to_be_bytes());
        out.extend(info.octets.to_be_bytes());
    } else {
        out.extend([0x80, RECEIVER_REPORT, 0, 1]);
        out.extend(ssrc.to_be_bytes());
    }
    let cname = cut(cname, 255);
    // An item, its end mark, and zeros up to the next word.
    let words = (2 + cname.len()) / 4 + 1;
    out.extend([0x81, SOURCE_DESCRIPTION]);
    out.extend(u16::try_from(words + 1).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(ssrc.to_be_bytes());
    let end = out.len() + 4 * words;
    out.extend([1, u8::try_from(cname.len()).unwrap_or(u8::MAX)]);
    out.extend(cname.as_bytes());
    out.resize(end, 0);
    if leaving {
        out.extend([0x81, GOODBYE, 0, 1]);
        out.extend(ssrc.to_be_bytes());
    }
}

/// 64 bit NTP time (RFC 3550 §4): seconds since 1900, and a fraction of 32 bits.
fn ntp(at: UnixMillis) -> u64 {
    let seconds = (at.0 / 1000 + NTP_OFFSET) & 0xffff_ffff;
    (seconds << 32) | (((at.0 % 1000) << 32) / 1000)
}

/// The longest beginning of `text` that fits.
fn cut(text: &str, mut bytes: usize) -> &str {
    while bytes < text.len() && !text.is_char_boundary(bytes) {
        bytes -= 1;
    }
    text.get(..bytes).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn info() -> SenderInfo {
        SenderInfo {
            at: UnixMillis(1_500),
            timestamp: 7,
            packets: 8,
            octets: 9,
        }
    }

    /// The packets of a compound: type and bytes.
    fn walk(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut parts = Vec::new();
        while !bytes.is_empty() {
            let len = 4 * (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])) + 1);
            parts.push((bytes[1], bytes[..len].to_vec()));
            bytes = &bytes[len..];
        }
        parts
    }

    #[test]
    fn a_report_is_a_compound_of_sr_sdes_and_bye() {
        let mut out = Vec::new();
        write_report(&mut out, 0xaabb_ccdd, "leg-a@sbc", Some(info()), true);
        assert!(is_valid(&out) && is_rtcp(&out));
        let parts = walk(&out);
        assert_eq!(
            parts.iter().map(|p| p.0).collect::<Vec<_>>(),
            [200, 202, 203]
        );
        let report = &parts[0].1;
        assert_eq!(report[4..8], 0xaabb_ccdd_u32.to_be_bytes());
        assert_eq!(report[8..12], 2_208_988_801_u32.to_be_bytes());
        assert_eq!(report[12..16], 0x8000_0000_u32.to_be_bytes());
        assert_eq!(report[16..28], [0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9]);
        let described = &parts[1].1;
        assert_eq!(described[8..10], [1, 9]);
        assert_eq!(&described[10..19], b"leg-a@sbc");
        assert_eq!(described[19], 0, "the item list ends with a zero");
    }

    #[test]
    fn a_cname_of_every_length_is_padded_to_a_word_with_an_end_mark() {
        for len in 0..300 {
            let mut out = Vec::new();
            write_report(&mut out, 1, &"c".repeat(len), None, false);
            let parts = walk(&out);
            assert_eq!(parts.iter().map(|p| p.0).collect::<Vec<_>>(), [201, 202]);
            let described = &parts[1].1;
            let kept = usize::from(described[9]);
            assert_eq!(kept, len.min(255));
            assert_eq!(described[10 + kept], 0);
        }
    }

    #[test]
    fn only_payload_types_64_to_95_of_a_muxed_port_are_rtcp() {
        assert!(!is_rtcp(&[0x80, 63]) && is_rtcp(&[0x80, 64]));
        assert!(is_rtcp(&[0x80, 0x80 | 95]) && !is_rtcp(&[0x80, 0x80 | 96]));
        assert!(!is_rtcp(&[0x80]));
    }

    #[test]
    fn what_is_not_rtcp_version_2_or_longer_than_it_says_is_refused() {
        let good = [0x80, 201, 0, 1, 0, 0, 0, 1];
        assert!(is_valid(&good));
        assert!(!is_valid(&good[..7]), "short");
        assert!(!is_valid(&[0x40, 201, 0, 1, 0, 0, 0, 1]), "version 1");
        assert!(!is_valid(&[0x80, 0, 0, 1, 0, 0, 0, 1]), "RTP");
        assert!(
            !is_valid(&[0x80, 201, 0, 2, 0, 0, 0, 1]),
            "length beyond the end"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
            cname in ".{0,300}",
        ) {
            let judged = (is_rtcp(&bytes), is_valid(&bytes));
            prop_assert!(!judged.1 || judged.0, "valid RTCP is demultiplexed as RTCP");
            let mut out = Vec::new();
            write_report(&mut out, 1, &cname, None, true);
            prop_assert_eq!(walk(&out).len(), 3);
        }
    }
}
