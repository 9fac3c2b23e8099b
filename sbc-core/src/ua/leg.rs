//! The leg: its state, and what is the same for caller and callee.
//!
//! | state | input | next | outputs | RFC 3261 |
//! |---|---|---|---|---|
//! | Resolving | addresses | Calling | INVITE | §8.1.2 |
//! | Resolving | no address; hang up | Ended | Failed; none | |
//! | Calling | 1xx above 100 | Calling | Provisional; CANCEL where one is wanted | §13.2.2.1, §9.1 |
//! | Calling | 2xx | Answered | Answered | §13.2.2.4 |
//! | Calling, hung up | 2xx | Closing | ACK, BYE | §15 |
//! | Calling | 300 to 699 | Ended | Refused | §13.2.2.3 |
//! | Calling | Timer B, transport error | Ended | Failed | §8.1.3.1 |
//! | Calling | hang up | Calling | CANCEL once a 1xx came | §9.1 |
//! | Calling, CANCEL sent | 64 T1 without final response | Ended | none | §9.1 |
//! | Answered | owner's ACK | Confirmed | ACK | §13.2.2.4 |
//! | Answered | hang up | Closing | ACK, BYE | §15 |
//! | Confirmed | 2xx again | Confirmed | ACK again, that of its own INVITE | §13.2.2.4 |
//! | Confirmed | 2xx of another dialog | Confirmed | ACK and BYE in that one | §13.2.2.4 |
//! | Ended, other forks heard of | 2xx of another dialog | Ended | ACK and BYE in that one | §13.2.2.4 |
//! | Ended, other forks heard of | 64 T1 | Ended | nothing; the leg is done | §13.2.2.4 |
//! | Incoming | owner's 1xx | Incoming | 1xx | §13.3.1.1 |
//! | Incoming | owner's 2xx | Unconfirmed | 2xx | §13.3.1.4 |
//! | Incoming | owner's refusal; hang up | Ended | refusal; 480 | §13.3.1.3 |
//! | Incoming | CANCEL, early BYE | Ended | 200, 487, Cancelled | §9.2, §15 |
//! | Unconfirmed | timer | Unconfirmed | 2xx again: T1 doubled up to T2 | §13.3.1.4 |
//! | Confirmed | timer of a re-INVITE's 2xx, 64 T1 | Confirmed | 2xx again; AckMissing | §14.2 |
//! | Unconfirmed | ACK with another tag of ours, or none | Unconfirmed | none | §12.2.2 |
//! | Unconfirmed | ACK | Confirmed | Acked; BYE where one is wanted | |
//! | Unconfirmed | hang up | Unconfirmed | BYE once the ACK came | §15 |
//! | Unconfirmed | 64 T1 | Confirmed | AckMissing; BYE where one is wanted | §13.3.1.4 |
//! | Unconfirmed, Confirmed, Answered | BYE | Ended | 200, Bye | §15.1.2 |
//! | Calling, in an early dialog | another request | Calling | Request, or 500 for an old CSeq | §12.2.2 |
//! | Calling | BYE | Calling | 481: no callee may | §15 |
//! | Unconfirmed, Confirmed | another request | same | Request, or 500 for an old CSeq | §12.2.2 |
//! | Confirmed | hang up | Closing | BYE | §15.1.1 |
//! | Closing | final response, Timer F, transport error | Ended | none | §15.1.1 |
//! | Closing | BYE (crossing) | Closing | 200 | |
//! | Ended | anything new | Ended | 481 | §12.2.2 |
//!
//! A request that is larger than UDP should carry may go by TCP: see `switch` (§18.1.1).

use super::event::{LegEvent, LegOutput};
use super::incoming::{Incoming as IncomingSide, Unacked, Unconfirmed};
use super::outgoing::{Answered, Calling, Resolving};
use super::reoffer::Reoffer;
use super::route;
use super::switch::{Acked, TcpRefusals};
use crate::dialog::Dialog;
use crate::net::{Network, RealmId};
use crate::sip::{HeaderName, InvalidValue, Message, Method, StatusCode};
use crate::time::Instant;
use crate::transaction::{Outcome, Residue, TransactionSet, TxId, TxOutput};
use crate::transport::{Flow, Incoming, UdpMax};
use crate::{Entropy, Probe};
use std::collections::VecDeque;
use std::sync::Arc;

/// The methods of our dialogs.
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE";

/// What a leg is given with each input.
pub struct LegCx<'a> {
    /// The time.
    pub now: Instant,
    /// Randomness.
    pub entropy: &'a mut Entropy,
    /// Peers that large requests go to by UDP.
    pub refusals: &'a TcpRefusals,
    /// What the leg wants and tells, in order.
    pub out: &'a mut VecDeque<LegOutput>,
    /// Where the leg notes what it meets.
    pub probe: &'a Probe,
}

impl LegCx<'_> {
    pub(super) fn event(&mut self, event: LegEvent) {
        self.out.push_back(LegOutput::Event(event));
    }
}

/// Where the leg stands; see the table above.
#[derive(Debug)]
pub(super) enum State {
    Resolving(Box<Resolving>),
    Calling(Box<Calling>),
    Answered(Box<Answered>),
    Incoming(Box<IncomingSide>),
    Unconfirmed(Box<Unconfirmed>),
    Confirmed,
    Closing { bye: TxId },
    Ended,
}

/// A user agent's side of one INVITE dialog.
#[derive(Debug)]
pub struct Leg {
    pub(super) network: Arc<Network>,
    pub(super) realm: RealmId,
    pub(super) transactions: TransactionSet,
    pub(super) state: State,
    pub(super) dialog: Dialog,
    /// The way of our next request in the dialog.
    pub(super) flow: Flow,
    /// The peer sits behind a NAT: what its Contact says is of no use.
    pub(super) behind_nat: bool,
    /// The largest request that goes by UDP.
    pub(super) udp_max: UdpMax,
    /// Header parameters of our Contact.
    pub(super) contact_params: &'static str,
    /// The ACKs of our INVITEs' 2xx, each to be repeated with its 2xx while that may come.
    pub(super) acks: Vec<(TxId, Acked)>,
    /// Branches that answered our INVITE too late and were hung up: the peer's tag, and the ACK.
    pub(super) released: Vec<(Box<str>, Acked)>,
    /// Until when forks that were heard of may still answer the INVITE, after the first one did.
    pub(super) forks_until: Option<Instant>,
    /// Our 2xx of the peer's re-INVITE, waiting for its ACK.
    pub(super) reinvite: Option<Box<Unacked>>,
    /// Our re-INVITE, waiting for its final response or for our ACK.
    pub(super) reoffer: Option<Box<Reoffer>>,
}

impl Leg {
    /// The Call-ID of its dialog.
    #[must_use]
    pub fn call_id(&self) -> &str {
        self.dialog.call_id()
    }

    /// Our tag.
    #[must_use]
    pub fn local_tag(&self) -> &str {
        self.dialog.local_tag()
    }

    /// The side of the border it is on.
    #[must_use]
    pub fn realm(&self) -> RealmId {
        self.realm
    }

    /// Header parameters of our Contact from now on.
    pub fn set_contact_params(&mut self, params: &'static str) {
        self.contact_params = params;
    }

    /// The dialog.
    #[must_use]
    pub fn dialog(&self) -> &Dialog {
        &self.dialog
    }

    /// The way of its next request.
    #[must_use]
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Whether nothing is left to do but to answer what still comes: its residues may be taken.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Ended)
            && !self.transactions.is_busy()
            && self.forks_until.is_none()
    }

    /// Whether the dialog is over or will never be: nothing more will be told.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Ended | State::Closing { .. })
    }

    /// The name of its state.
    pub(super) fn state_name(&self) -> &'static str {
        match &self.state {
            State::Resolving(_) => "Resolving",
            State::Calling(_) => "Calling",
            State::Answered(_) => "Answered",
            State::Incoming(_) => "Incoming",
            State::Unconfirmed(_) => "Unconfirmed",
            State::Confirmed => "Confirmed",
            State::Closing { .. } => "Closing",
            State::Ended => "Ended",
        }
    }

    /// Whether the dialog is confirmed on both sides and no re-INVITE is open in either direction.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self.state, State::Confirmed) && self.reinvite.is_none() && self.reoffer.is_none()
    }

    /// What lingers after the end, for the endpoint.
    pub fn take_residues(&mut self, now: Instant) -> Vec<Residue> {
        self.transactions.take_residues(now)
    }

    /// Whether a message is of a transaction of this leg, or comes from its peer: for legs that
    /// have Call-ID and tag in common.
    #[must_use]
    pub fn is_addressed_by(&self, message: &Message) -> bool {
        if message.is_request() {
            message.from_tag() == self.dialog.remote_tag()
        } else {
            self.transactions.awaits(message)
        }
    }

    /// A message of this leg's dialog, or of one it may still create.
    pub fn on_message(&mut self, cx: &mut LegCx<'_>, incoming: Box<Incoming>) {
        let Incoming { flow, message } = *incoming;
        match message.method().cloned() {
            _ if !message.is_request() => self.on_response(cx, flow, Box::new(message)),
            Some(Method::Ack) => self.on_ack(cx, Box::new(message)),
            Some(Method::Cancel) => self.on_cancel(cx, flow, message),
            Some(_) => self.on_request(cx, flow, Box::new(message)),
            None => {}
        }
    }

    fn on_response(&mut self, cx: &mut LegCx<'_>, flow: Flow, response: Box<Message>) {
        // One that comes by TCP because its INVITE was large says nothing of what follows.
        if let State::Calling(calling) = &mut self.state
            && flow.transport == self.flow.transport
        {
            calling.answered_by = Some(flow);
        }
        let mut out = Vec::new();
        let _known = self.transactions.on_response(cx.now, response, &mut out);
        self.absorb(cx, out);
    }

    fn on_request(&mut self, cx: &mut LegCx<'_>, flow: Flow, request: Box<Message>) {
        let is_bye = request.method() == Some(&Method::Bye);
        self.met(cx, if is_bye { "BYE" } else { "another request" });
        let mut out = Vec::new();
        let tx = self
            .transactions
            .on_request(cx.now, flow, &request, &mut out);
        self.absorb(cx, out);
        let Some(tx) = tx else { return };
        if let State::Calling(calling) = &mut self.state {
            return match calling.on_request(&request) {
                Ok(()) => cx.event(LegEvent::Request { tx, request }),
                Err(status) => self.reply(cx, tx, &request, status),
            };
        }
        let in_dialog = !matches!(self.state, State::Ended | State::Resolving(_))
            && request.from_tag() == self.dialog.remote_tag();
        if !in_dialog {
            return self.reply(cx, tx, &request, StatusCode::of(481));
        }
        if let Err(violation) = self.dialog.on_request(&request) {
            return self.reply(cx, tx, &request, violation.status());
        }
        match (&self.state, request.method()) {
            (_, Some(Method::Bye)) => self.on_bye(cx, tx, request),
            (State::Closing { .. }, _) => self.reply(cx, tx, &request, StatusCode::of(481)),
            _ => cx.event(LegEvent::Request { tx, request }),
        }
    }

    fn on_bye(&mut self, cx: &mut LegCx<'_>, tx: TxId, bye: Box<Message>) {
        self.end_reinvite(cx);
        self.reply(cx, tx, &bye, StatusCode::of(200));
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Closing { bye } => self.state = State::Closing { bye },
            State::Incoming(side) => {
                self.terminate_invite(cx, &side);
                cx.event(LegEvent::Cancelled(bye));
            }
            State::Answered(answered) => {
                // Our ACK is owed before the dialog may end (RFC 3261 §13.2.2.4).
                self.send_ack(cx, answered.invite, answered.cseq, None);
                cx.event(LegEvent::Bye(bye));
            }
            _ => cx.event(LegEvent::Bye(bye)),
        }
    }

    /// A deadline may have passed.
    pub fn on_timeout(&mut self, cx: &mut LegCx<'_>) {
        let mut out = Vec::new();
        self.transactions.on_timeout(cx.now, &mut out);
        self.absorb(cx, out);
        self.on_reinvite_timeout(cx);
        if matches!(self.state, State::Ended) && self.forks_until.is_some_and(|at| at <= cx.now) {
            self.met(cx, "64 T1");
            self.forks_until = None;
        }
        self.on_state_timeout(cx);
    }

    /// The earliest deadline.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let own = match &self.state {
            State::Calling(calling) => calling.forget_at,
            _ => self.unacked_deadline(),
        };
        let reinvite = self.reinvite_deadline();
        let forks = self
            .forks_until
            .filter(|_| matches!(self.state, State::Ended));
        [self.transactions.poll_timeout(), own, reinvite, forks]
            .into_iter()
            .flatten()
            .min()
    }

    fn on_state_timeout(&mut self, cx: &mut LegCx<'_>) {
        match &self.state {
            State::Calling(calling) if calling.forget_at.is_some_and(|at| at <= cx.now) => {
                let invite = calling.invite;
                self.met(cx, "64 T1");
                self.transactions.forget(invite);
                self.state = State::Ended;
            }
            _ => self.on_unacked_timeout(cx),
        }
    }

    /// The connection is lost that this leg sent something by: its answer cannot come any more.
    pub fn on_transport_error(&mut self, cx: &mut LegCx<'_>, flow: &Flow) {
        let mut out = Vec::new();
        self.transactions.on_transport_error(flow, &mut out);
        self.absorb(cx, out);
    }

    /// Ends the leg, whatever its state needs: CANCEL, BYE, a refusal, or nothing. The header lines
    /// of `headers` go into a BYE; into a CANCEL, which mirrors its INVITE, only Reason (RFC 3326).
    pub fn hang_up(&mut self, cx: &mut LegCx<'_>, headers: Option<&Message>) {
        self.met(cx, "hang up");
        match &mut self.state {
            State::Resolving(_) => self.state = State::Ended,
            State::Calling(_) => self.cancel(cx, headers),
            State::Answered(answered) => {
                let (invite, cseq) = (answered.invite, answered.cseq);
                self.send_ack(cx, invite, cseq, None);
                self.send_bye(cx, headers);
            }
            State::Incoming(_) => self.refuse(cx, StatusCode::of(480), "", None),
            State::Unconfirmed(side) => side.hang_up_later(headers),
            State::Confirmed => self.send_bye(cx, headers),
            State::Closing { .. } | State::Ended => {}
        }
    }

    pub(super) fn send_bye(&mut self, cx: &mut LegCx<'_>, headers: Option<&Message>) {
        self.end_reinvite(cx);
        let empty = Message::request(Method::Bye, "");
        self.state = match self.request(cx, Method::Bye, headers.unwrap_or(&empty)) {
            Ok(bye) => State::Closing { bye },
            Err(InvalidValue) => State::Ended,
        };
    }

    /// Sends a request in the dialog: its header lines and body are those of `draft`. An INVITE is
    /// sent with [`Self::reinvite`].
    ///
    /// # Errors
    /// CR, LF or NUL in a header.
    pub fn request(
        &mut self,
        cx: &mut LegCx<'_>,
        method: Method,
        draft: &Message,
    ) -> Result<TxId, InvalidValue> {
        let request = self.build_request(method, draft)?;
        let routed = self.routed(cx, request)?;
        Ok(self.send(cx, routed))
    }

    /// A request in the dialog, without Via.
    pub(super) fn build_request(
        &mut self,
        method: Method,
        draft: &Message,
    ) -> Result<Message, InvalidValue> {
        let with_contact = matches!(method, Method::Invite | Method::Update);
        let mut request = self.dialog.request(method)?;
        if with_contact {
            request.push(HeaderName::Contact, &self.contact())?;
            request.push(HeaderName::Allow, ALLOW)?;
        }
        push_draft(&mut request, draft)?;
        Ok(request)
    }

    /// Answers a request that [`LegEvent::Request`] told of, without body.
    pub fn reply_to_request(
        &mut self,
        cx: &mut LegCx<'_>,
        tx: TxId,
        request: &Message,
        status: StatusCode,
        headers: &[(HeaderName, &str)],
    ) {
        let mut reply = Message::reply_to(request, status, "", Some(self.dialog.local_tag()));
        for (name, value) in headers {
            if reply.push(name.clone(), value).is_err() {
                tracing::error!(?name, "a header of our own holds a line break; left out");
            }
        }
        self.send_reply(cx, tx, &reply);
    }

    pub(super) fn reply(
        &mut self,
        cx: &mut LegCx<'_>,
        tx: TxId,
        request: &Message,
        status: StatusCode,
    ) {
        self.reply_to_request(cx, tx, request, status, &[]);
    }

    pub(super) fn send_reply(&mut self, cx: &mut LegCx<'_>, tx: TxId, reply: &Message) {
        let mut out = Vec::new();
        self.transactions.respond(cx.now, tx, reply, &mut out);
        self.absorb(cx, out);
    }

    /// Passes on what the transactions want, and acts on what they tell.
    pub(super) fn absorb(&mut self, cx: &mut LegCx<'_>, out: Vec<TxOutput>) {
        for output in out {
            match output {
                TxOutput::Transmit(transmit) => cx.out.push_back(LegOutput::Transmit(transmit)),
                TxOutput::Client {
                    tx,
                    method,
                    outcome,
                } => self.on_outcome(cx, tx, &method, outcome),
                TxOutput::AckMissing(_) => {}
            }
        }
    }

    fn on_outcome(&mut self, cx: &mut LegCx<'_>, tx: TxId, method: &Method, outcome: Outcome) {
        match &self.state {
            State::Calling(calling) if calling.invite == tx => {
                self.met(cx, invite_outcome(&outcome));
                self.on_invite_outcome(cx, outcome);
            }
            State::Closing { bye } if *bye == tx => {
                self.met(cx, bye_outcome(&outcome));
                let over = match &outcome {
                    Outcome::Response(r) => r.status().is_none_or(StatusCode::is_final),
                    Outcome::TimedOut | Outcome::TransportFailed => true,
                };
                if over {
                    self.state = State::Ended;
                }
            }
            _ if self.reoffer.as_ref().is_some_and(|r| r.is(tx)) => {
                self.on_reinvite_outcome(cx, tx, outcome);
            }
            _ if *method == Method::Invite => self.on_further_success(cx, tx, outcome),
            _ if matches!(method, Method::Cancel | Method::Bye) => {}
            _ => cx.event(LegEvent::Response { tx, outcome }),
        }
    }

    /// Notes an input of the table.
    pub(super) fn met(&self, cx: &LegCx<'_>, input: &'static str) {
        cx.probe.note(|| ("leg", self.state_name(), input));
    }

    pub(super) fn via(&self, flow: &Flow, branch: &str) -> String {
        let sent_by = self.network.listener(flow.listener).advertise;
        format!(
            "SIP/2.0/{} {sent_by};branch={branch};rport",
            flow.transport.via()
        )
    }

    /// Our Contact on this side.
    pub(super) fn contact(&self) -> String {
        let listener = self.network.listener(self.flow.listener);
        let transport = match self.flow.transport {
            crate::transport::Transport::Udp => String::new(),
            other => format!(";transport={other}"),
        };
        match self.contact_params {
            "" => format!("<sip:{}{transport}>", listener.advertise),
            params => format!("<sip:{}{transport}>;{params}", listener.advertise),
        }
    }

    pub(super) fn update_flow(&mut self, came_by: &Flow, behind_nat: bool) {
        self.behind_nat = behind_nat;
        let next_hop = self.dialog.next_hop();
        self.flow = route::in_dialog(
            &self.network,
            self.realm,
            next_hop.as_ref(),
            came_by,
            behind_nat,
        );
    }
}

/// What became of the INVITE, as the table says it.
fn invite_outcome(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Response(response) => match response.status().map(StatusCode::class) {
            Some(1) => "1xx",
            Some(2) => "2xx",
            _ => "300-699",
        },
        Outcome::TimedOut => "Timer B",
        Outcome::TransportFailed => "transport error",
    }
}

/// What became of the BYE.
fn bye_outcome(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Response(r) if r.status().is_some_and(StatusCode::is_provisional) => "1xx",
        Outcome::Response(_) => "final response",
        Outcome::TimedOut => "Timer F",
        Outcome::TransportFailed => "transport error",
    }
}

/// Puts the header lines and the body of a draft into a request.
pub(super) fn push_draft(request: &mut Message, draft: &Message) -> Result<(), InvalidValue> {
    for line in draft.headers() {
        if !matches!(
            line.name,
            HeaderName::ContentType | HeaderName::ContentLength
        ) {
            request.push_copy(line);
        }
    }
    let content_type = draft.header(&HeaderName::ContentType).unwrap_or_default();
    request.set_body(content_type, draft.body())
}
