//! The legs of a call: which of them a message belongs to, and who acts on what a leg tells.
//!
//! | what a leg tells | caller's | callee's | recorder's |
//! |---|---|---|---|
//! | 1xx, 2xx, refusal, failure | - | setup, answer | recording |
//! | CANCEL, BYE | teardown | teardown | recording |
//! | ACK, or none | setup; teardown | in_dialog; teardown | - |
//! | another request, its answer | in_dialog, app | in_dialog | recording |

use super::call::{Call, Phase};
use super::event::{EndedBy, Side};
use super::io::{Cx, LegId, Output};
use crate::quota::Slot;
use crate::sip::{Message, Method, StatusCode};
use crate::transport::{Incoming, Transmit};
use crate::ua::{Leg, LegCx, LegEvent, LegOutput};
use std::collections::VecDeque;

/// What a leg is to the call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Side A.
    Caller,
    /// Side B, or one that was to become it.
    Callee,
    /// A recorder: index into the call's recordings.
    Recorder(usize),
}

/// A leg and its role.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) id: LegId,
    pub(super) role: Role,
    pub(super) leg: Leg,
    /// The tags of ours that its messages may bear: one, or one for each early dialog shown.
    pub(super) tags: Vec<Box<str>>,
    /// As long as the call counts at the leg's trunk.
    pub(super) slot: Option<Slot>,
}

impl Call {
    /// The leg that a message belongs to: by Call-ID, our tag and the side it came from; without a
    /// tag of ours it can only be the caller's (an INVITE again, or its CANCEL). Targets that are
    /// called with the caller's ids have both in common: there the transaction or the peer's tag
    /// tells them apart.
    pub(super) fn leg_of(&self, incoming: &Incoming) -> Option<LegId> {
        let message = &incoming.message;
        let call_id = message.call_id()?;
        let realm = self.network.listener(incoming.flow.listener).realm;
        let tag = if message.is_request() {
            message.to_tag()
        } else {
            message.from_tag()
        };
        let mut fitting = self.legs.iter().filter(|seat| {
            seat.leg.call_id() == call_id
                && seat.leg.realm() == realm
                && match tag {
                    Some(tag) => seat.tags.iter().any(|t| **t == *tag),
                    None => seat.role == Role::Caller,
                }
        });
        let first = fitting.next()?;
        let Some(second) = fitting.next() else {
            return Some(first.id);
        };
        let mut all = [first, second].into_iter().chain(fitting);
        let own = all.find(|seat| seat.leg.is_addressed_by(message));
        Some(own.unwrap_or(first).id)
    }

    /// A message that names one of our dialogs and comes from another side of the border: as if
    /// there were no such dialog (RFC 3261 §12.2.2).
    pub(super) fn on_stranger(&mut self, incoming: &Incoming) {
        let Incoming { flow, message } = incoming;
        tracing::debug!(remote = %flow.remote, "a message belongs to no leg of its call");
        if !message.is_request() || message.method() == Some(&Method::Ack) {
            return;
        }
        let reply = Message::reply_to(message, StatusCode::of(481), "", None);
        let back = flow.for_responses(message);
        let transmit = Transmit::new(back, reply.to_bytes());
        self.out.push_back(Output::Transmit(transmit));
    }

    pub(super) fn each_leg(&mut self, cx: &mut Cx<'_>, act: impl Fn(&mut Leg, &mut LegCx<'_>)) {
        let ids: Vec<LegId> = self.legs.iter().map(|seat| seat.id).collect();
        for id in ids {
            self.with_leg(cx, id, &act);
        }
    }

    /// Runs `act` on a leg and takes what it wants.
    pub(super) fn with_leg(
        &mut self,
        cx: &mut Cx<'_>,
        id: LegId,
        act: impl FnOnce(&mut Leg, &mut LegCx<'_>),
    ) {
        let Some(seat) = self.legs.iter_mut().find(|seat| seat.id == id) else {
            return;
        };
        let mut outputs = VecDeque::new();
        act(
            &mut seat.leg,
            &mut LegCx {
                now: cx.now.mono,
                entropy: cx.entropy,
                refusals: cx.refusals,
                out: &mut outputs,
                probe: cx.probe,
            },
        );
        self.take_outputs(id, outputs);
    }

    pub(super) fn take_outputs(&mut self, id: LegId, outputs: VecDeque<LegOutput>) {
        for output in outputs {
            match output {
                LegOutput::Transmit(transmit) => self.out.push_back(Output::Transmit(transmit)),
                LegOutput::Resolve(target) => self.out.push_back(Output::Resolve(id, target)),
                LegOutput::Event(event) => self.events.push_back((id, event)),
            }
        }
    }

    /// Acts on what legs told until nothing is left, then lets go of legs that are done.
    pub(super) fn settle(&mut self, cx: &mut Cx<'_>) {
        while let Some((id, event)) = self.events.pop_front() {
            match self.role_of(id) {
                Some(Role::Caller) => self.on_caller(cx, event),
                Some(Role::Callee) => self.on_callee(cx, id, event),
                Some(Role::Recorder(index)) => self.on_recorder_leg(cx, index, id, event),
                None => {}
            }
        }
        self.release_done_legs(cx);
    }

    fn role_of(&self, id: LegId) -> Option<Role> {
        self.legs
            .iter()
            .find(|seat| seat.id == id)
            .map(|seat| seat.role)
    }

    fn on_caller(&mut self, cx: &mut Cx<'_>, event: LegEvent) {
        self.met(cx, input_of(&event, Side::A));
        match event {
            LegEvent::Cancelled(request) => self.on_cancelled(cx, &request),
            LegEvent::Acked(ack) => self.on_caller_ack(cx, &ack),
            LegEvent::AckMissing => self.end(cx, EndedBy::Us, "the caller sent no ACK"),
            LegEvent::Bye(bye) => self.on_bye(cx, Side::A, &bye),
            LegEvent::Request { tx, request } => match &self.phase {
                Phase::Serving(_) => self.on_app_request(cx, tx, request),
                _ => self.on_side_request(cx, Side::A, LegId(0), tx, request),
            },
            LegEvent::Response { tx, outcome } => self.on_exchange(cx, Side::A, tx, outcome),
            LegEvent::RequestCancelled(tx) => self.on_exchange_cancelled(cx, Side::A, tx),
            LegEvent::Provisional { .. }
            | LegEvent::Answered { .. }
            | LegEvent::Refused(_)
            | LegEvent::Failed(_) => {}
        }
    }

    fn on_callee(&mut self, cx: &mut Cx<'_>, id: LegId, event: LegEvent) {
        self.met(cx, input_of(&event, Side::B));
        match event {
            LegEvent::Provisional {
                message,
                early,
                answer,
            } => {
                self.on_provisional(cx, id, &message, early, answer);
            }
            LegEvent::Answered {
                message,
                early,
                sdp,
            } => {
                self.on_answered(cx, id, &message, early, sdp);
            }
            LegEvent::Refused(message) => self.on_refused(cx, id, &message),
            LegEvent::Failed(failure) => self.on_failed(cx, id, failure),
            LegEvent::Bye(bye) if self.is_callee(id) => self.on_bye(cx, Side::B, &bye),
            LegEvent::Request { tx, request } => {
                self.on_side_request(cx, Side::B, id, tx, request);
            }
            LegEvent::Response { tx, outcome } => self.on_exchange(cx, Side::B, tx, outcome),
            LegEvent::RequestCancelled(tx) => self.on_exchange_cancelled(cx, Side::B, tx),
            LegEvent::Acked(ack) => self.on_exchange_ack(cx, Side::B, &ack),
            LegEvent::AckMissing => self.end(cx, EndedBy::Us, "the callee sent no ACK"),
            LegEvent::Bye(_) | LegEvent::Cancelled(_) => {}
        }
    }

    /// Whether a leg is the one that the caller talks to: not one that was given up.
    fn is_callee(&self, id: LegId) -> bool {
        match &self.phase {
            Phase::Dialing(dialing) => dialing.callee == id,
            Phase::Connected(connected) => connected.callee == id,
            _ => false,
        }
    }

    pub(super) fn new_leg_id(&mut self) -> LegId {
        let id = LegId(self.next_leg);
        self.next_leg += 1;
        id
    }
}

/// What a leg told, as the table says it.
fn input_of(event: &LegEvent, side: Side) -> &'static str {
    match (event, side) {
        (LegEvent::Provisional { .. }, _) => "callee's 1xx",
        (LegEvent::Answered { .. }, _) => "callee's 2xx",
        (LegEvent::Refused(message), _) => match message.status().map(StatusCode::class) {
            Some(3) => "callee's 3xx",
            _ => "callee refuses",
        },
        (LegEvent::Failed(_), _) => "callee fails",
        (LegEvent::Cancelled(_), _) => "caller's CANCEL",
        (LegEvent::Acked(_), Side::A) => "caller's ACK",
        (LegEvent::Acked(_), Side::B) => "callee's ACK",
        (LegEvent::AckMissing, _) => "no ACK",
        (LegEvent::Bye(_), Side::A) => "caller's BYE",
        (LegEvent::Bye(_), Side::B) => "callee's BYE",
        (LegEvent::Request { .. }, _) => "request of one side",
        (LegEvent::Response { .. }, _) => "its answer",
        (LegEvent::RequestCancelled(_), _) => "CANCEL of a re-INVITE",
    }
}
