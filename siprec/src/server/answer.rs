//! Which m-lines of an offer are recorded, and what our answer says (RFC 3264 §6, RFC 7866 §7.2).
//!
//! | offered | answered |
//! |---|---|
//! | audio over RTP/AVP or RTP/AVPF with G.711 | our port, and each codec that we know |
//! | `sendonly`, `sendrecv`, no direction | `recvonly` |
//! | `inactive`, `recvonly` | `inactive` |
//! | everything else, and port 0 | port 0 |
//!
//! Known are PCMU, PCMA and telephone-event at 8000 Hz; answered in the order of the offer. A label
//! is echoed: there are clients that need it.

use sbc_core::ports::{Latch, MediaPort, Peer, RecordCodec};
use sbc_core::sdp::{Codec, Described, Direction, MediaView};

/// An m-line that can be recorded.
#[derive(Debug)]
pub(super) struct Wanted {
    /// What the answer says.
    pub(super) codecs: Vec<Codec>,
    /// What our port faces.
    pub(super) peer: Peer,
}

/// What an m-line wants of us; nothing where it cannot be recorded. `fixed` are the payload types
/// of a file that is being written: another one under the same number would be decoded wrongly.
pub(super) fn wanted(media: MediaView<'_>, fixed: Option<&[(u8, RecordCodec)]>) -> Option<Wanted> {
    let protocol = media.protocol();
    if media.port() == 0
        || !media.kind().eq_ignore_ascii_case("audio")
        || !["RTP/AVP", "RTP/AVPF"]
            .iter()
            .any(|p| protocol.eq_ignore_ascii_case(p))
    {
        return None;
    }
    let codecs: Vec<_> = media
        .codecs()
        .into_iter()
        .filter(|c| record_codec(c).is_some_and(|known| fits(fixed, c.payload_type, known)))
        .collect();
    let speech = |c: &Codec| record_codec(c).is_some_and(|r| r != RecordCodec::TelephoneEvent);
    if !codecs.iter().any(speech) {
        return None;
    }
    let (rtp, rtcp) = media.wanted_at()?;
    Some(Wanted {
        codecs,
        peer: Peer {
            rtp,
            rtcp,
            latch: Latch::Once,
            send: false,
            receive: direction(media) == Direction::RecvOnly,
        },
    })
}

/// What the answer says to the offered direction.
fn direction(media: MediaView<'_>) -> Direction {
    match media.direction() {
        Direction::SendOnly | Direction::SendRecv => Direction::RecvOnly,
        Direction::RecvOnly | Direction::Inactive => Direction::Inactive,
    }
}

fn fits(fixed: Option<&[(u8, RecordCodec)]>, payload_type: u8, codec: RecordCodec) -> bool {
    let Some(fixed) = fixed else { return true };
    match fixed.iter().find(|(number, _)| *number == payload_type) {
        Some((_, known)) => *known == codec,
        // An unknown number is not decoded: that is what silence is made of.
        None => codec == RecordCodec::TelephoneEvent,
    }
}

fn record_codec(codec: &Codec) -> Option<RecordCodec> {
    if codec.clock_rate != 8000 || codec.channels > 1 {
        return None;
    }
    match codec.name.to_ascii_lowercase().as_str() {
        "pcmu" => Some(RecordCodec::Pcmu),
        "pcma" => Some(RecordCodec::Pcma),
        "telephone-event" => Some(RecordCodec::TelephoneEvent),
        _ => None,
    }
}

/// The payload types of a new file: those answered, and G.711's static ones where their numbers are
/// free, so that a later offer may change to them (RFC 3551 §6).
pub(super) fn payload_types(answered: &[Codec]) -> Vec<(u8, RecordCodec)> {
    let mut types: Vec<_> = answered
        .iter()
        .filter_map(|c| Some((c.payload_type, record_codec(c)?)))
        .collect();
    for (number, codec) in [(0, RecordCodec::Pcmu), (8, RecordCodec::Pcma)] {
        if types.iter().all(|(known, _)| *known != number) {
            types.push((number, codec));
        }
    }
    types
}

/// The line of the answer: open where there is a port for it.
pub(super) fn line<'a>(
    media: MediaView<'a>,
    open: Option<(MediaPort, &'a [Codec])>,
) -> Described<'a> {
    match open {
        Some((port, codecs)) => Described::Open {
            kind: media.kind(),
            protocol: media.protocol(),
            rtp: port.rtp,
            codecs,
            ptime_ms: None,
            label: media.label(),
            direction: direction(media),
        },
        None => Described::Closed {
            kind: media.kind(),
            protocol: media.protocol(),
            formats: media.formats().collect(),
            label: media.label(),
        },
    }
}
