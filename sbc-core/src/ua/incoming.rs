//! The callee's half of a leg (UAS).

use super::event::LegEvent;
use super::leg::{ALLOW, Leg, LegCx, State};
use super::route;
use crate::Probe;
use crate::dialog::{Dialog, OaState, OfferAnswer};
use crate::net::Network;
use crate::sip::{HeaderName, InvalidValue, Message, Method, StatusCode};
use crate::time::Instant;
use crate::transaction::{T1, T2, TIMER_H, TransactionSet, TxId};
use crate::transport::{Flow, Incoming as Arrived, UdpMax};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// An INVITE that waits for its final response.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) invite: TxId,
    pub(super) request: Box<Message>,
    /// Offer/answer of each early dialog, by our tag. The first tag is the leg's own.
    early: Vec<(Box<str>, OfferAnswer)>,
}

/// A 2xx to an INVITE (the first one, or a re-INVITE) that waits for its ACK (§13.3.1.4).
#[derive(Debug)]
pub(super) struct Unacked {
    invite: TxId,
    cseq: u32,
    ok: Box<Message>,
    resend_at: Instant,
    interval: Duration,
    give_up_at: Instant,
}

impl Unacked {
    fn new(now: Instant, invite: TxId, cseq: u32, ok: Message) -> Self {
        Self {
            invite,
            cseq,
            ok: Box::new(ok),
            resend_at: now + T1,
            interval: T1,
            give_up_at: now + TIMER_H,
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.resend_at.min(self.give_up_at)
    }

    fn is_acked_by(&self, ack: &Message) -> bool {
        ack.cseq().map(|c| c.number) == Some(self.cseq)
    }
}

/// The first 2xx waits for its ACK.
#[derive(Debug)]
pub(super) struct Unconfirmed {
    unacked: Unacked,
    /// A BYE waits for the ACK; these are its headers.
    hang_up: Option<Box<Message>>,
}

impl Unconfirmed {
    pub(super) fn hang_up_later(&mut self, headers: Option<&Message>) {
        let empty = || Message::request(Method::Bye, "");
        self.hang_up
            .get_or_insert_with(|| Box::new(headers.cloned().unwrap_or_else(empty)));
    }
}

/// A response to the INVITE.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// The status.
    pub status: StatusCode,
    /// The reason phrase; the code's own where empty.
    pub reason: &'a str,
    /// The early dialog it belongs to, by our tag; the leg's own where nothing.
    pub tag: Option<&'a str>,
    /// Its header lines are copied, apart from those that any response has.
    pub headers: Option<&'a Message>,
    /// Content-Type, empty without body.
    pub content_type: &'a str,
    /// The body: an SDP counts as the answer to the INVITE's offer, or as our offer.
    pub body: &'a Bytes,
}

impl Leg {
    /// Takes an INVITE that begins a dialog, and sends 100 (RFC 3261 §13.3.1, §8.2.6.1). Nothing:
    /// it has no readable From, To, Call-ID or CSeq.
    #[must_use]
    pub fn accept(
        cx: &mut LegCx<'_>,
        network: Arc<Network>,
        arrived: Box<Arrived>,
        local_tag: &str,
        contact_params: &'static str,
    ) -> Option<Self> {
        let Arrived { flow, message } = *arrived;
        let mut transactions = TransactionSet::noting(cx.probe.clone());
        let mut out = Vec::new();
        let back = flow.for_responses(&message);
        let invite = transactions.on_request(cx.now, back, &message, &mut out)?;
        let dialog = Dialog::incoming(&message, local_tag)?;
        let mut offer_answer = OfferAnswer::new();
        if message.sdp().is_some() {
            cx.probe.note(|| offer_answer.met("an offer arrives"));
            offer_answer.receive_offer().ok()?;
        }
        let realm = network.listener(flow.listener).realm;
        let nat = route::sender_behind_nat(&message, &flow);
        let trying = Message::reply_to(&message, StatusCode::of(100), "", None);
        let mut leg = Self {
            network,
            realm,
            transactions,
            state: State::Incoming(Box::new(Incoming {
                invite,
                request: Box::new(message),
                early: vec![(local_tag.into(), offer_answer)],
            })),
            dialog,
            flow,
            behind_nat: nat,
            udp_max: UdpMax::default(),
            contact_params,
            acks: Vec::new(),
            released: Vec::new(),
            forks_until: None,
            reinvite: None,
            reoffer: None,
        };
        leg.update_flow(&flow, nat);
        leg.absorb(cx, out);
        leg.send_reply(cx, invite, &trying);
        Some(leg)
    }

    /// The INVITE that waits for its answer.
    #[must_use]
    pub fn waiting_invite(&self) -> Option<&Message> {
        match &self.state {
            State::Incoming(side) => Some(&side.request),
            _ => None,
        }
    }

    /// Sends a 1xx above 100.
    pub fn ring(&mut self, cx: &mut LegCx<'_>, reply: &Reply<'_>) {
        self.met(cx, "owner's 1xx");
        let Some((tx, message)) = self.build_reply(cx.probe, reply) else {
            return;
        };
        self.send_reply(cx, tx, &message);
    }

    /// Sends a 2xx, which is repeated until its ACK comes.
    pub fn answer(&mut self, cx: &mut LegCx<'_>, reply: &Reply<'_>) {
        self.met(cx, "owner's 2xx");
        let Some((tx, message)) = self.build_reply(cx.probe, reply) else {
            return;
        };
        let Some(cseq) = message.cseq().map(|c| c.number) else {
            return;
        };
        self.send_reply(cx, tx, &message);
        if let Some(tag) = reply.tag {
            self.dialog = self.dialog.with_local_tag(tag);
        }
        let unacked = Unacked::new(cx.now, tx, cseq, message);
        self.state = State::Unconfirmed(Box::new(Unconfirmed {
            unacked,
            hang_up: None,
        }));
    }

    /// Answers a request that [`LegEvent::Request`] told of, with Contact, further headers and a
    /// body. The 2xx of a re-INVITE is repeated until its ACK comes.
    pub fn answer_request(
        &mut self,
        cx: &mut LegCx<'_>,
        tx: TxId,
        request: &Message,
        reply: &Reply<'_>,
    ) {
        let tag = self.dialog.local_tag();
        let mut message = Message::reply_to(request, reply.status, reply.reason, Some(tag));
        if finish_reply(&mut message, reply, request, &self.contact()).is_err() {
            tracing::error!("a response of ours holds a line break in a header; not sent");
            return;
        }
        if reply.status.is_success() && request.contact().is_some() {
            self.dialog.refresh_target(request);
            let came_by = self.transactions.flow(tx).unwrap_or(self.flow);
            self.update_flow(&came_by, route::sender_behind_nat(request, &came_by));
        }
        self.send_reply(cx, tx, &message);
        if request.method() == Some(&Method::Invite) && reply.status.is_success() {
            let cseq = request.cseq().map_or(0, |c| c.number);
            self.reinvite = Some(Box::new(Unacked::new(cx.now, tx, cseq, message)));
        }
    }

    /// Refuses the INVITE: 300 to 699.
    pub fn refuse(
        &mut self,
        cx: &mut LegCx<'_>,
        status: StatusCode,
        reason: &str,
        headers: Option<&Message>,
    ) {
        self.met(cx, "owner's refusal");
        let body = Bytes::new();
        let reply = Reply {
            status,
            reason,
            tag: None,
            headers,
            content_type: "",
            body: &body,
        };
        let Some((tx, message)) = self.build_reply(cx.probe, &reply) else {
            return;
        };
        self.state = State::Ended;
        self.send_reply(cx, tx, &message);
    }

    fn build_reply(&mut self, probe: &Probe, reply: &Reply<'_>) -> Option<(TxId, Message)> {
        let contact = self.contact();
        let own_tag = self.dialog.local_tag();
        let State::Incoming(side) = &mut self.state else {
            return None;
        };
        let tag = reply.tag.unwrap_or(own_tag);
        let mut message = Message::reply_to(&side.request, reply.status, reply.reason, Some(tag));
        if reply.status.class() <= 2 {
            note_session(probe, side, tag, reply);
        }
        match finish_reply(&mut message, reply, &side.request, &contact) {
            Ok(()) => Some((side.invite, message)),
            Err(InvalidValue) => {
                tracing::error!("a response of ours holds a line break in a header; not sent");
                None
            }
        }
    }

    pub(super) fn on_ack(&mut self, cx: &mut LegCx<'_>, ack: Box<Message>) {
        self.met(cx, "ACK");
        if self.transactions.on_ack(cx.now, &ack) {
            return;
        }
        let dialog = &self.dialog;
        if ack.from_tag() != dialog.remote_tag() || ack.to_tag() != Some(dialog.local_tag()) {
            return;
        }
        if self.reinvite.as_ref().is_some_and(|r| r.is_acked_by(&ack)) {
            self.reinvite = None;
            return cx.event(LegEvent::Acked(ack));
        }
        let State::Unconfirmed(side) = &mut self.state else {
            return;
        };
        if !side.unacked.is_acked_by(&ack) {
            return;
        }
        let hang_up = side.hang_up.take();
        self.state = State::Confirmed;
        cx.event(LegEvent::Acked(ack));
        if let Some(headers) = hang_up {
            self.send_bye(cx, Some(&headers));
        }
    }

    /// The earlier deadline of the 2xx that wait for their ACK.
    pub(super) fn unacked_deadline(&self) -> Option<Instant> {
        let first = match &self.state {
            State::Unconfirmed(side) => Some(side.unacked.deadline()),
            _ => None,
        };
        [first, self.reinvite.as_ref().map(|r| r.deadline())]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn on_unacked_timeout(&mut self, cx: &mut LegCx<'_>) {
        let waiting = match &mut self.state {
            State::Unconfirmed(side) if side.unacked.deadline() <= cx.now => {
                Some(&mut side.unacked)
            }
            _ => self
                .reinvite
                .as_deref_mut()
                .filter(|r| r.deadline() <= cx.now),
        };
        let Some(waiting) = waiting else { return };
        if waiting.give_up_at > cx.now {
            waiting.interval = (waiting.interval * 2).min(T2);
            waiting.resend_at = cx.now + waiting.interval;
            let (tx, ok) = (waiting.invite, waiting.ok.clone());
            self.met(cx, "timer");
            return self.send_reply(cx, tx, &ok);
        }
        self.met(cx, "64 T1");
        self.reinvite = None;
        let hang_up = match &mut self.state {
            State::Unconfirmed(side) => side.hang_up.take(),
            _ => None,
        };
        if !self.is_over() {
            self.state = State::Confirmed;
        }
        cx.event(LegEvent::AckMissing);
        if let Some(headers) = hang_up {
            self.send_bye(cx, Some(&headers));
        }
    }

    pub(super) fn on_cancel(&mut self, cx: &mut LegCx<'_>, flow: Flow, cancel: Message) {
        self.met(cx, "CANCEL");
        let cancelled = self.transactions.cancelled_by(&cancel);
        let mut out = Vec::new();
        let tx = self
            .transactions
            .on_request(cx.now, flow, &cancel, &mut out);
        self.absorb(cx, out);
        let Some(tx) = tx else { return };
        let status = if cancelled.is_some() { 200 } else { 481 };
        self.reply(cx, tx, &cancel, StatusCode::of(status));
        let Some(invite) = cancelled else { return };
        if !matches!(self.state, State::Incoming(_)) {
            return cx.event(LegEvent::RequestCancelled(invite));
        }
        if let State::Incoming(side) = std::mem::replace(&mut self.state, State::Ended) {
            self.terminate_invite(cx, &side);
            cx.event(LegEvent::Cancelled(Box::new(cancel)));
        }
    }

    /// 487 to the INVITE (§9.2, §15.1.2).
    pub(super) fn terminate_invite(&mut self, cx: &mut LegCx<'_>, side: &Incoming) {
        let tag = self.dialog.local_tag();
        let reply = Message::reply_to(&side.request, StatusCode::of(487), "", Some(tag));
        self.send_reply(cx, side.invite, &reply);
    }
}

/// Offer/answer of the early dialog that a 1xx or 2xx with SDP belongs to.
fn note_session(probe: &Probe, side: &mut Incoming, tag: &str, reply: &Reply<'_>) {
    let fresh = side.early.first().map(|(_, first)| match first.state() {
        OaState::Idle => OfferAnswer::new(),
        _ => {
            let mut offered = OfferAnswer::new();
            // From Idle an offer is always taken.
            let _taken = offered.receive_offer();
            offered
        }
    });
    if !side.early.iter().any(|(t, _)| &**t == tag) {
        side.early.push((tag.into(), fresh.unwrap_or_default()));
    }
    let Some((_, exchange)) = side.early.iter_mut().find(|(t, _)| &**t == tag) else {
        return;
    };
    if !reply.content_type.starts_with("application/sdp") {
        return;
    }
    // Without an offer in the INVITE this is ours; from Idle it can always be sent, and so can an
    // answer that is owed. What is said again changes nothing.
    let _sent = match exchange.state() {
        OaState::Idle => {
            probe.note(|| exchange.met("we send an offer"));
            exchange.send_offer()
        }
        OaState::RemoteOffer { .. } => {
            probe.note(|| exchange.met("we send the answer"));
            exchange.send_answer()
        }
        OaState::LocalOffer { .. } | OaState::Stable => {
            probe.note(|| exchange.met("what we said is said again"));
            Ok(())
        }
    };
}

fn finish_reply(
    message: &mut Message,
    reply: &Reply<'_>,
    request: &Message,
    contact: &str,
) -> Result<(), InvalidValue> {
    if reply.status.class() <= 2 {
        for route in request.header_lines(&HeaderName::RecordRoute) {
            message.push(HeaderName::RecordRoute, route)?;
        }
        message.push(HeaderName::Contact, contact)?;
        message.push(HeaderName::Allow, ALLOW)?;
    }
    if let Some(headers) = reply.headers {
        for line in headers.headers() {
            message.push_copy(line);
        }
    }
    message.set_body(reply.content_type, reply.body.clone())
}
