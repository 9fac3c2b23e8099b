//! G.711 decoding (ITU-T G.711) to 16 bit linear samples, by table.

/// Samples of the 256 mu-law codes.
pub(crate) static ULAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = ulaw(code as i16);
        code += 1;
    }
    table
};

/// Samples of the 256 A-law codes.
pub(crate) static ALAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = alaw(code as i16);
        code += 1;
    }
    table
};

/// All bits are sent inverted: sign, three bits of segment, four of position.
const fn ulaw(code: i16) -> i16 {
    let bits = !code & 0xff;
    let size = (((bits & 0x0f) << 3) + 0x84) << ((bits & 0x70) >> 4);
    if bits & 0x80 != 0 {
        0x84 - size
    } else {
        size - 0x84
    }
}

/// Even bits are sent inverted; the first two segments have the same step.
const fn alaw(code: i16) -> i16 {
    let bits = code ^ 0x55;
    let position = ((bits & 0x0f) << 4) + 8;
    let size = match (bits & 0x70) >> 4 {
        0 => position,
        segment => (position + 0x100) << (segment - 1),
    };
    if bits & 0x80 != 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_codes_have_the_values_of_the_recommendation() {
        let ulaw = [
            (0xff, 0),
            (0x7f, 0),
            (0x00, -32_124),
            (0x80, 32_124),
            (0xfe, 8),
        ];
        for (code, sample) in ulaw {
            assert_eq!(ULAW[code], sample, "mu-law {code:#x}");
        }
        let alaw = [
            (0xd5, 8),
            (0x55, -8),
            (0xaa, 32_256),
            (0x2a, -32_256),
            (0xd4, 24),
        ];
        for (code, sample) in alaw {
            assert_eq!(ALAW[code], sample, "A-law {code:#x}");
        }
    }

    #[test]
    fn louder_codes_decode_to_larger_samples_all_along_both_laws() {
        // Codes in the order of their size, each half of both tables.
        for (table, mask) in [(&ULAW, 0xff_usize), (&ALAW, 0x55)] {
            for sign in [0_usize, 0x80] {
                let sizes: Vec<_> = (0..128)
                    .map(|size| table[(size | sign) ^ mask].unsigned_abs())
                    .collect();
                assert!(sizes.windows(2).all(|w| w[0] < w[1]), "{sizes:?}");
            }
        }
    }
}
