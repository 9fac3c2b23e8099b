//! The call as recorders see it: who speaks in which stream, and how it is coded.

use super::event::Side;
use super::media::CallMedia;
use crate::ports::{CallView, MediaPort, Participant, StreamView};
use crate::sdp::{Codec, Direction, Sdp};
use crate::time::Now;

/// What both sides last agreed on: each half as it was passed on, with the codecs that crossed.
#[derive(Clone, Debug)]
pub(super) struct Agreed {
    pub(super) offer: Vec<u8>,
    pub(super) answer: Vec<u8>,
    pub(super) offered_by: Side,
}

impl CallMedia {
    /// The call as recorders see it.
    pub(super) fn view(
        &self,
        participants: Vec<Participant>,
        agreed: &Agreed,
        call_id: &str,
        answered_at: Now,
    ) -> CallView {
        let mut streams = Vec::new();
        if let (Ok(offer), Ok(answer)) = (Sdp::parse(&agreed.offer), Sdp::parse(&agreed.answer)) {
            for (index, a, b) in self.connected() {
                if index >= offer.media_count() || index >= answer.media_count() {
                    continue;
                }
                let pair = Pair {
                    offer: &offer,
                    answer: &answer,
                    index,
                };
                let (by_a, by_b) = match agreed.offered_by {
                    Side::A => (pair.said_by_offerer(), pair.said_by_answerer()),
                    Side::B => (pair.said_by_answerer(), pair.said_by_offerer()),
                };
                let stream =
                    |port: MediaPort, from, to, said: (Vec<Codec>, Direction)| StreamView {
                        port: port.id,
                        from,
                        to,
                        kind: offer.media(index).kind().into(),
                        codecs: said.0,
                        ptime_ms: answer.media(index).ptime_ms(),
                        direction: said.1,
                    };
                streams.push(stream(a, 0, 1, by_a));
                streams.push(stream(b, 1, 0, by_b));
            }
        }
        CallView {
            participants,
            streams,
            call_id: call_id.into(),
            answered_at,
        }
    }
}

/// One m-line of an offer and its answer.
struct Pair<'a> {
    offer: &'a Sdp,
    answer: &'a Sdp,
    index: usize,
}

impl Pair<'_> {
    /// The offerer sends what the answer takes, numbered as the answer says (RFC 3264 §7).
    fn said_by_offerer(&self) -> (Vec<Codec>, Direction) {
        (
            self.answer.media(self.index).codecs(),
            self.offer.media(self.index).direction(),
        )
    }

    /// The answerer sends what both have, in its own order, numbered as the offer says (§6.1).
    fn said_by_answerer(&self) -> (Vec<Codec>, Direction) {
        let offered = self.offer.media(self.index).codecs();
        let codecs = self
            .answer
            .media(self.index)
            .codecs()
            .iter()
            .filter_map(|c| offered.iter().find(|o| same_codec(o, c)).cloned())
            .collect();
        (codecs, self.answer.media(self.index).direction())
    }
}

fn same_codec(a: &Codec, b: &Codec) -> bool {
    a.name.eq_ignore_ascii_case(&b.name) && a.clock_rate == b.clock_rate && a.channels == b.channels
}
