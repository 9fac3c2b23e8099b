//! The end of a call, from whatever side it comes.

use super::call::{Call, Ended, Phase};
use super::event::{CallEvent, EndedBy, Side};
use super::io::{Cx, LegId, Output};
use super::legs::Role;
use crate::ports::{MediaCmd, SessionId};
use crate::sip::{Message, Method, StatusCode};
use bytes::Bytes;

impl Call {
    /// CANCEL, or a BYE before the answer.
    pub(super) fn on_cancelled(&mut self, cx: &mut Cx<'_>, request: &Message) {
        self.summary.status = StatusCode::of(487);
        self.end_telling(cx, EndedBy::Caller, "cancelled", Some((Side::A, request)));
    }

    /// A side hung up.
    pub(super) fn on_bye(&mut self, cx: &mut Cx<'_>, side: Side, bye: &Message) {
        let by = match side {
            Side::A => EndedBy::Caller,
            Side::B => EndedBy::Callee,
        };
        self.end_telling(cx, by, "hung up", Some((side, bye)));
    }

    /// Ends every leg that is not over yet, media and recordings, and tells it once.
    pub(super) fn end(&mut self, cx: &mut Cx<'_>, by: EndedBy, why: &str) {
        self.end_telling(cx, by, why, None);
    }

    /// As [`Self::end`]; what crosses of the message that ended it is told to the other side.
    fn end_telling(
        &mut self,
        cx: &mut Cx<'_>,
        by: EndedBy,
        why: &str,
        told_by: Option<(Side, &Message)>,
    ) {
        if self.ended != Ended::No {
            return;
        }
        if let Phase::Serving(_) = &self.phase {
            self.end_app(cx);
        }
        self.refuse_exchanges(cx);
        let mut drafts = Vec::with_capacity(2);
        for side in [Side::A, Side::B] {
            let told = told_by
                .filter(|(from, _)| *from == side)
                .map(|(_, message)| message);
            drafts.push(self.draft_for(side, Method::Bye, told, Bytes::new()));
        }
        self.phase = Phase::Ending;
        self.invite = None;
        self.give_slots_back();
        if self.summary.status.is_provisional() {
            // What hanging up a caller without answer tells it.
            self.summary.status = StatusCode::of(480);
        }
        let ids: Vec<(LegId, Role)> = self.legs.iter().map(|seat| (seat.id, seat.role)).collect();
        for (id, role) in ids {
            if !matches!(role, Role::Recorder(_)) {
                // What one side says is told to the other.
                let draft = if role == Role::Caller {
                    &drafts[1]
                } else {
                    &drafts[0]
                };
                self.with_leg(cx, id, |leg, cx| leg.hang_up(cx, Some(draft)));
            }
        }
        self.end_recordings(cx);
        self.close_media(cx);
        self.summary.ended_at = cx.now.unix;
        self.summary.ended_by = by;
        self.summary.reason = why.into();
        self.ended = Ended::Told;
        let summary = self.summary.clone();
        self.event(CallEvent::Ended(summary));
    }

    fn close_media(&mut self, cx: &Cx<'_>) {
        if self.media.is_open() {
            self.summary.media = cx.media.stats(SessionId(self.key.0));
            self.media_commands(vec![MediaCmd::Close]);
        }
    }

    /// Lets go of legs that are done; the last one takes the call with it.
    pub(super) fn release_done_legs(&mut self, cx: &Cx<'_>) {
        let mut index = 0;
        while index < self.legs.len() {
            if !self.legs[index].leg.is_done() {
                index += 1;
                continue;
            }
            let mut seat = self.legs.remove(index);
            self.out.push_back(Output::Release {
                call_id: seat.leg.call_id().into(),
                tags: seat.tags,
                residues: seat.leg.take_residues(cx.now.mono),
            });
        }
        if self.legs.is_empty() && self.ended == Ended::Told {
            self.met(cx, "last transaction over");
            self.ended = Ended::Gone;
            self.out.push_back(Output::Done);
        }
    }
}
