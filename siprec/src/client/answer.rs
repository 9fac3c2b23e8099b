//! What a recorder's answer says of each m-line that we offered (RFC 3264 §6, RFC 7866 §7.2).

use super::offer::{Line, is_media};
use sbc_core::ports::{Fork, Latch, Peer};
use sbc_core::sdp::{Codec, Direction, MediaView, Sdp, SdpError};
use sbc_core::sip::Message;

/// Why an answer is of no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum AnswerError {
    /// No SDP in the 2xx.
    #[error("the recorder's 2xx holds no SDP")]
    NoSdp,
    /// Not readable.
    #[error("the recorder's answer cannot be read: {0}")]
    BadSdp(#[from] SdpError),
    /// Every m-line is declined, or answered in a way that nothing can be sent to.
    #[error("the recorder's answer takes no stream")]
    NothingTaken,
}

/// An m-line that the recorder took.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Taken {
    /// Where its media goes.
    pub(super) peer: Peer,
    /// Its codecs as the recorder numbers them.
    codecs: Vec<Codec>,
    /// Whether it wants media now: `inactive` means later (RFC 7866 §7.2).
    wants_media: bool,
}

/// For each line that was offered: what became of it; nothing where it is declined.
pub(super) fn read(message: &Message, lines: &[Line]) -> Result<Vec<Option<Taken>>, AnswerError> {
    let body = message.sdp().ok_or(AnswerError::NoSdp)?;
    let sdp = Sdp::parse(&body)?;
    let places = places(&sdp, lines);
    let taken: Vec<_> = lines
        .iter()
        .zip(places)
        .map(|(line, place)| taken(line, sdp.media(place?)))
        .collect();
    if taken.iter().all(Option::is_none) {
        return Err(AnswerError::NothingTaken);
    }
    Ok(taken)
}

/// Which m-line of the answer belongs to which line. By position, as RFC 3264 §6 demands; by label
/// where the answer holds exactly our labels: there are recorders that answer in another order.
fn places(sdp: &Sdp, lines: &[Line]) -> Vec<Option<usize>> {
    let count = sdp.media_count();
    let by_label = |line: &Line| {
        let mut found = (0..count).filter(|n| sdp.media(*n).label() == Some(&line.label));
        found.next().filter(|_| found.next().is_none())
    };
    let labelled: Option<Vec<_>> = lines.iter().map(by_label).collect();
    match labelled {
        Some(places) => places.into_iter().map(Some).collect(),
        None => (0..lines.len()).map(|n| (n < count).then_some(n)).collect(),
    }
}

fn taken(line: &Line, media: MediaView<'_>) -> Option<Taken> {
    let (rtp, rtcp) = media.wanted_at()?;
    if media.port() == 0 || !media.is_rtp() || !media.kind().eq_ignore_ascii_case(&line.stream.kind)
    {
        return None;
    }
    if rtp.is_ipv4() != line.port.rtp.is_ipv4() {
        return None;
    }
    let codecs = media.codecs();
    if payload_types(&line.offered, &codecs).is_empty() {
        return None;
    }
    let held = rtp.ip().is_unspecified();
    Some(Taken {
        peer: Peer {
            rtp,
            rtcp,
            latch: Latch::Once,
            send: !held,
            receive: true,
        },
        codecs,
        wants_media: !held
            && matches!(media.direction(), Direction::RecvOnly | Direction::SendRecv),
    })
}

impl Taken {
    /// The fork that feeds the recorder; nothing where it wants none now, or takes nothing of what
    /// the speaker may send at present.
    pub(super) fn fork(&self, line: &Line, cname: Box<str>) -> Option<Fork> {
        let payload_types = payload_types(&line.stream.codecs, &self.codecs);
        let media =
            line.stream.codecs.iter().find(|c| {
                is_media(c) && payload_types.iter().any(|(pt, _)| *pt == c.payload_type)
            })?;
        self.wants_media.then_some(Fork {
            clock_rate: media.clock_rate,
            payload_types,
            cname,
        })
    }
}

/// Pairs of payload types, ours first, of the codecs that both lists hold; empty where they share
/// no codec for media. Several codecs of one name (H.264 profiles) are told apart by their
/// parameters where these are equal, else by the number.
fn payload_types(ours: &[Codec], theirs: &[Codec]) -> Vec<(u8, u8)> {
    let mut media = false;
    let mut pairs = Vec::with_capacity(ours.len());
    for our in ours {
        let same: Vec<_> = theirs
            .iter()
            .filter(|their| same_codec(our, their))
            .collect();
        let best = same
            .iter()
            .find(|their| their.fmtp == our.fmtp)
            .or_else(|| same.iter().find(|t| t.payload_type == our.payload_type))
            .or_else(|| same.first());
        if let Some(their) = best {
            media |= is_media(our);
            pairs.push((our.payload_type, their.payload_type));
        }
    }
    if media { pairs } else { Vec::new() }
}

fn same_codec(a: &Codec, b: &Codec) -> bool {
    a.name.eq_ignore_ascii_case(&b.name)
        && a.clock_rate == b.clock_rate
        && a.channels.max(1) == b.channels.max(1)
}
