//! The RTP header (RFC 3550 §5.1), read in place.

use std::ops::Range;

/// The fixed part of an RTP header.
pub(crate) const HEADER_BYTES: usize = 12;

/// What the header of a packet says. The payload's place is found by [`Header::payload`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    padded: bool,
    /// Where the payload begins, behind CSRCs and header extension.
    body: usize,
}

impl Header {
    /// Reads a header. `None` for what is not RTP version 2 or is shorter than its header says.
    ///
    /// Padding is not looked at: its length is part of what SRTP encrypts (RFC 3711 §3.1).
    pub(crate) fn parse(packet: &[u8]) -> Option<Self> {
        let fixed: &[u8; HEADER_BYTES] = packet.first_chunk()?;
        let [flags, kind, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3] = *fixed;
        if flags >> 6 != 2 {
            return None;
        }
        let mut body = HEADER_BYTES + 4 * usize::from(flags & 0x0f);
        if flags & 0x10 != 0 {
            // RFC 3550 §5.3.1: 16 bits for the profile, then the length in words.
            let &[high, low] = packet.get(body + 2..body + 4)?.first_chunk()?;
            body += 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        }
        (body <= packet.len()).then_some(Self {
            marker: kind & 0x80 != 0,
            payload_type: kind & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([r0, r1, r2, r3]),
            padded: flags & 0x20 != 0,
            body,
        })
    }

    /// Where the payload of `packet`, from which this header was read, is without its padding.
    /// `None` when the padding is longer than the payload or says it has no length.
    pub(crate) fn payload(&self, packet: &[u8]) -> Option<Range<usize>> {
        let mut end = packet.len();
        if self.padded {
            let padding = usize::from(*packet.last()?);
            if padding == 0 {
                return None;
            }
            end = end.checked_sub(padding)?;
        }
        (self.body <= end).then_some(self.body..end)
    }
}

/// The fixed header that an endpoint of ours sends: no CSRC, no extension, no padding.
pub(crate) fn write(
    marker: bool,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
) -> [u8; HEADER_BYTES] {
    let [s0, s1] = sequence.to_be_bytes();
    let [t0, t1, t2, t3] = timestamp.to_be_bytes();
    let [r0, r1, r2, r3] = ssrc.to_be_bytes();
    let kind = u8::from(marker) << 7 | payload_type & 0x7f;
    [0x80, kind, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_header_that_is_written_is_read_back() {
        let packet = write(true, 101, 65_535, 0x1234_5678, 0xdead_beef);
        let header = Header::parse(&packet).unwrap();
        assert!(header.marker);
        assert_eq!(
            (header.payload_type, header.sequence),
            (101, 65_535),
            "payload type and sequence"
        );
        assert_eq!((header.timestamp, header.ssrc), (0x1234_5678, 0xdead_beef));
        assert_eq!(header.payload(&packet), Some(12..12));
    }

    #[test]
    fn the_payload_stands_behind_csrcs_and_extension_and_before_padding() {
        let mut packet = write(false, 0, 1, 2, 3).to_vec();
        packet[0] |= 0x20 | 0x10 | 0x02;
        packet.extend([0; 8]); // two CSRCs
        packet.extend([0xbe, 0xde, 0, 1, 9, 9, 9, 9]); // an extension of one word
        packet.extend(*b"voice");
        packet.extend([0, 0, 3]); // padding
        let header = Header::parse(&packet).unwrap();
        let payload = header.payload(&packet).unwrap();
        assert_eq!(&packet[payload], b"voice");
    }

    #[test]
    fn what_is_not_rtp_version_2_or_too_short_for_its_header_is_refused() {
        let good = write(false, 0, 1, 2, 3);
        assert!(Header::parse(&good[..11]).is_none(), "short");
        let stun = [0_u8, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0];
        assert!(Header::parse(&stun).is_none(), "version 0");
        let mut csrcs = good;
        csrcs[0] |= 1;
        assert!(Header::parse(&csrcs).is_none(), "a CSRC that is not there");
        let mut extended = good;
        extended[0] |= 0x10;
        assert!(Header::parse(&extended).is_none(), "no extension there");
    }

    #[test]
    fn padding_longer_than_the_payload_leaves_no_payload() {
        let mut packet = write(false, 0, 1, 2, 3).to_vec();
        packet[0] |= 0x20;
        packet.extend([0, 0, 4]);
        assert_eq!(Header::parse(&packet).unwrap().payload(&packet), None);
        *packet.last_mut().unwrap() = 0;
        assert_eq!(Header::parse(&packet).unwrap().payload(&packet), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic_and_payloads_lie_inside(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            if let Some(payload) = Header::parse(&bytes).and_then(|h| h.payload(&bytes)) {
                prop_assert!(payload.start >= HEADER_BYTES && payload.end <= bytes.len());
            }
        }
    }
}
