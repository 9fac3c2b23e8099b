//! The caller's half of a leg (UAC).

use super::event::{Failure, LegEvent, LegOutput};
use super::leg::{ALLOW, Leg, LegCx, State, push_draft};
use super::switch::Routed;
use crate::Probe;
use crate::dialog::{Dialog, DialogIds, OfferAnswer};
use crate::limits;
use crate::net::{ListenerId, Network, RealmId};
use crate::sip::{HeaderName, Host, InvalidValue, Message, Method, NameAddr, StatusCode, Uri};
use crate::time::Instant;
use crate::transaction::{Outcome, TIMER_B, TIMER_M, TransactionSet, TxId};
use crate::transport::{Flow, Target, UdpMax};
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// A call to be placed.
#[derive(Clone, Debug)]
pub struct Dial {
    /// The side it leaves by.
    pub realm: RealmId,
    /// Where the INVITE is sent.
    pub target: Target,
    /// The largest request that goes by UDP.
    pub udp_max: UdpMax,
    /// Call-ID, our tag, CSeq.
    pub ids: DialogIds,
    /// Request-URI.
    pub request_uri: Uri,
    /// From, without tag.
    pub from: NameAddr,
    /// To, without tag.
    pub to: NameAddr,
    /// Max-Forwards.
    pub max_forwards: u32,
    /// Header parameters of our Contact.
    pub contact_params: &'static str,
    /// Further header lines, and the body with its Content-Type.
    pub draft: Box<Message>,
}

/// An INVITE whose target has no address yet.
#[derive(Debug)]
pub(super) struct Resolving {
    dial: Dial,
}

/// An INVITE that waits for its final response.
#[derive(Debug)]
pub(super) struct Calling {
    pub(super) invite: TxId,
    /// Whether the INVITE made the offer.
    offers: bool,
    /// Further addresses of the target, tried where the one before cannot be reached (RFC 3263
    /// §4.3).
    others: Vec<IpAddr>,
    dial: Dial,
    /// Each early dialog by the peer's tag.
    early: Vec<Early>,
    cancel: Cancel,
    /// After the CANCEL: when the INVITE is given up (§9.1).
    pub(super) forget_at: Option<Instant>,
    /// The flow of the last response.
    pub(super) answered_by: Option<Flow>,
    provisional: bool,
}

/// Whether the INVITE is to be cancelled.
#[derive(Debug)]
enum Cancel {
    No,
    /// As soon as a provisional response comes (§9.1); with the value of a Reason header.
    Wanted(Box<str>),
    Sent,
}

/// An early dialog: offer/answer of its own.
#[derive(Debug)]
struct Early {
    tag: Option<Box<str>>,
    exchange: OfferAnswer,
    answer: Option<Bytes>,
    /// The CSeq of the peer's last request.
    cseq: Option<u32>,
}

/// A 2xx that waits for the owner's ACK.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) invite: TxId,
    pub(super) cseq: u32,
}

impl Leg {
    /// Places a call. The owner hears [`LegOutput::Resolve`] where the target is a name.
    #[must_use]
    pub fn dial(cx: &mut LegCx<'_>, network: Arc<Network>, dial: Dial) -> Self {
        let dialog = Dialog::outgoing(&dial.ids, &dial.from, &dial.to, &dial.request_uri);
        let target = dial.target.clone();
        let flow = Flow {
            listener: ListenerId(0),
            transport: target.transport,
            remote: SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), target.port),
            connection: None,
        };
        let mut leg = Self {
            network,
            realm: dial.realm,
            transactions: TransactionSet::noting(cx.probe.clone()),
            state: State::Ended,
            dialog,
            flow,
            behind_nat: false,
            udp_max: dial.udp_max,
            contact_params: dial.contact_params,
            acks: Vec::new(),
            released: Vec::new(),
            forks_until: None,
            reinvite: None,
            reoffer: None,
        };
        leg.state = State::Resolving(Box::new(Resolving { dial }));
        match target.host {
            Host::Ip(ip) => leg.on_resolved(cx, vec![ip]),
            Host::Name(_) => cx.out.push_back(LegOutput::Resolve(target)),
        }
        leg
    }

    /// The addresses of the target, best first; none where the name has none.
    pub fn on_resolved(&mut self, cx: &mut LegCx<'_>, addresses: Vec<IpAddr>) {
        let found = !addresses.is_empty();
        self.met(cx, if found { "addresses" } else { "no address" });
        if !matches!(self.state, State::Resolving(_)) {
            return;
        }
        let State::Resolving(resolving) = std::mem::replace(&mut self.state, State::Ended) else {
            return;
        };
        self.invite_first(cx, resolving.dial, addresses);
    }

    /// Sends the INVITE to the first address that can be sent to.
    fn invite_first(&mut self, cx: &mut LegCx<'_>, dial: Dial, mut addresses: Vec<IpAddr>) {
        while !addresses.is_empty() {
            let ip = addresses.remove(0);
            let transport = dial.target.transport;
            let Some(listener) = self.network.sender(self.realm, transport, ip) else {
                continue;
            };
            let remote = SocketAddr::new(ip, dial.target.port);
            self.flow = Flow {
                listener,
                transport,
                remote,
                connection: None,
            };
            match self.build_invite(&dial).and_then(|r| self.routed(cx, r)) {
                Ok(request) => return self.send_invite(cx, dial, request, addresses),
                Err(InvalidValue) => {
                    tracing::error!("an INVITE of ours holds a line break in a header; not sent");
                    break;
                }
            }
        }
        cx.event(LegEvent::Failed(Failure::Unresolved));
    }

    fn send_invite(
        &mut self,
        cx: &mut LegCx<'_>,
        dial: Dial,
        request: Routed,
        others: Vec<IpAddr>,
    ) {
        let offers = dial.draft.sdp().is_some();
        let invite = self.send(cx, request);
        self.state = State::Calling(Box::new(Calling {
            invite,
            offers,
            others,
            dial,
            early: Vec::new(),
            cancel: Cancel::No,
            forget_at: None,
            answered_by: None,
            provisional: false,
        }));
    }

    /// Without Via.
    fn build_invite(&mut self, dial: &Dial) -> Result<Message, InvalidValue> {
        let mut request = self.dialog.request(Method::Invite)?;
        request.set(HeaderName::MaxForwards, &dial.max_forwards.to_string())?;
        request.push(HeaderName::Contact, &self.contact())?;
        if dial.draft.header(&HeaderName::Allow).is_none() {
            request.push(HeaderName::Allow, ALLOW)?;
        }
        push_draft(&mut request, &dial.draft)?;
        Ok(request)
    }

    pub(super) fn on_invite_outcome(&mut self, cx: &mut LegCx<'_>, outcome: Outcome) {
        match outcome {
            Outcome::Response(response) => match response.status() {
                Some(status) if status.is_provisional() => self.on_provisional(cx, response),
                Some(status) if status.is_success() => self.on_success(cx, response),
                Some(_) => {
                    let hung_up = self.is_hung_up();
                    self.state = State::Ended;
                    if !hung_up {
                        cx.event(LegEvent::Refused(response));
                    }
                }
                None => {}
            },
            Outcome::TimedOut => self.on_unreached(cx, Failure::TimedOut),
            Outcome::TransportFailed => self.on_unreached(cx, Failure::Transport),
        }
    }

    /// Nobody there: the next address of the target where there is one (RFC 3263 §4.3).
    fn on_unreached(&mut self, cx: &mut LegCx<'_>, failure: Failure) {
        let hung_up = self.is_hung_up();
        let State::Calling(calling) = std::mem::replace(&mut self.state, State::Ended) else {
            return;
        };
        match (hung_up, failure) {
            (true, _) => {}
            (false, Failure::Transport) if !calling.others.is_empty() => {
                self.invite_first(cx, calling.dial, calling.others);
            }
            (false, _) => cx.event(LegEvent::Failed(failure)),
        }
    }

    pub(super) fn is_hung_up(&self) -> bool {
        matches!(&self.state, State::Calling(c) if !matches!(c.cancel, Cancel::No))
    }

    fn on_provisional(&mut self, cx: &mut LegCx<'_>, response: Box<Message>) {
        let State::Calling(calling) = &mut self.state else {
            return;
        };
        calling.provisional = true;
        match std::mem::replace(&mut calling.cancel, Cancel::No) {
            Cancel::Wanted(reason) => return self.send_cancel(cx, &reason),
            Cancel::Sent => {
                calling.cancel = Cancel::Sent;
                return;
            }
            Cancel::No => {}
        }
        if response.status() == Some(StatusCode::of(100)) {
            return;
        }
        let Some((early, answer)) = calling.note_session(cx.probe, &response) else {
            return;
        };
        cx.event(LegEvent::Provisional {
            message: response,
            early,
            answer,
        });
    }

    fn on_success(&mut self, cx: &mut LegCx<'_>, response: Box<Message>) {
        let hung_up = self.is_hung_up();
        let came_by = self.flow;
        let State::Calling(mut calling) = std::mem::replace(&mut self.state, State::Ended) else {
            return;
        };
        let early = calling
            .note_session(cx.probe, &response)
            .map_or(0, |(early, _)| early);
        if calling.early.len() > 1 {
            self.forks_until = Some(cx.now + TIMER_M);
        }
        let cseq = self.dialog.local_cseq();
        self.dialog = self.dialog.established(&response);
        let confirmed = calling.early.get(early);
        self.dialog.heard(confirmed.and_then(|early| early.cseq));
        self.update_flow(&calling.answered_by.unwrap_or(came_by), false);
        self.state = State::Answered(Box::new(Answered {
            invite: calling.invite,
            cseq,
        }));
        if hung_up {
            self.hang_up(cx, None);
            return;
        }
        let sdp = match calling.early.get(early) {
            Some(dialog) if dialog.exchange.is_stable() => dialog.answer.clone(),
            _ => response.sdp(),
        };
        cx.event(LegEvent::Answered {
            message: response,
            early,
            sdp,
        });
    }

    /// A 2xx to an INVITE that is answered already: the same again, or from another branch of a
    /// fork.
    pub(super) fn on_further_success(&mut self, cx: &mut LegCx<'_>, tx: TxId, outcome: Outcome) {
        let Outcome::Response(response) = outcome else {
            return;
        };
        if !response.status().is_some_and(StatusCode::is_success) {
            return;
        }
        if response.to_tag() == self.dialog.remote_tag() {
            self.met(cx, "2xx again");
            self.met_further_success(cx.probe);
            // Of the first INVITE or of a re-INVITE: each has its own.
            if let Some((_, ack)) = self.acks.iter().find(|(invite, _)| *invite == tx) {
                Self::transmit_ack(cx, ack);
            }
            return;
        }
        self.met(cx, "2xx of another dialog");
        let tag = response.to_tag().unwrap_or_default();
        match self.released.iter().find(|(known, _)| **known == *tag) {
            Some((_, ack)) => Self::transmit_ack(cx, ack),
            None if self.released.len() < limits::EARLY_DIALOGS => {
                self.release_fork(cx, &response);
            }
            None => {}
        }
    }

    /// ACK and BYE to a branch that answered too late (§13.2.2.4); when its 2xx comes again, the
    /// same ACK.
    fn release_fork(&mut self, cx: &mut LegCx<'_>, response: &Message) {
        let cseq = response.cseq().map_or(1, |c| c.number);
        let mut dialog = self.dialog.established(response);
        let built = (|| {
            let ack = self.routed(cx, dialog.request_numbered(Method::Ack, cseq)?)?;
            let bye = self.routed(cx, dialog.request(Method::Bye)?)?;
            Ok::<_, InvalidValue>((ack.into_ack(), bye))
        })();
        let Ok((ack, bye)) = built else { return };
        Self::transmit_ack(cx, &ack);
        let tag = response.to_tag().unwrap_or_default();
        self.released.push((tag.into(), ack));
        let _bye = self.send(cx, bye);
    }

    /// Acknowledges the 2xx, with the header lines and the body of `draft`: a body is the answer to
    /// an offer that came with the 2xx.
    pub fn ack(&mut self, cx: &mut LegCx<'_>, draft: Option<&Message>) {
        self.met(cx, "owner's ACK");
        let State::Answered(answered) = &self.state else {
            return;
        };
        let (invite, cseq) = (answered.invite, answered.cseq);
        self.send_ack(cx, invite, cseq, draft);
        self.state = State::Confirmed;
    }

    pub(super) fn send_ack(
        &mut self,
        cx: &mut LegCx<'_>,
        invite: TxId,
        cseq: u32,
        draft: Option<&Message>,
    ) {
        let built = self
            .dialog
            .request_numbered(Method::Ack, cseq)
            .and_then(|mut ack| {
                if let Some(draft) = draft {
                    push_draft(&mut ack, draft)?;
                }
                self.routed(cx, ack)
            });
        let Ok(ack) = built.map(Routed::into_ack) else {
            return;
        };
        self.transactions
            .acknowledged(invite, ack.transmit().clone());
        Self::transmit_ack(cx, &ack);
        let lingers = |invite: &TxId| self.transactions.invite(*invite).is_some();
        self.acks.retain(|(invite, _)| lingers(invite));
        self.acks.push((invite, ack));
    }

    pub(super) fn cancel(&mut self, cx: &mut LegCx<'_>, headers: Option<&Message>) {
        let State::Calling(calling) = &mut self.state else {
            return;
        };
        if !matches!(calling.cancel, Cancel::No) {
            return;
        }
        let reason = headers
            .and_then(|h| h.header(&HeaderName::Reason))
            .unwrap_or_default();
        if calling.provisional {
            self.send_cancel(cx, reason);
        } else {
            calling.cancel = Cancel::Wanted(reason.into());
        }
    }

    fn send_cancel(&mut self, cx: &mut LegCx<'_>, reason: &str) {
        let State::Calling(calling) = &mut self.state else {
            return;
        };
        calling.cancel = Cancel::Sent;
        calling.forget_at = Some(cx.now + TIMER_B);
        let invite = calling.invite;
        self.cancel_invite(cx, invite, reason);
    }

    /// Sends a CANCEL the way that an INVITE of ours went.
    pub(super) fn cancel_invite(&mut self, cx: &mut LegCx<'_>, invite: TxId, reason: &str) {
        let Some((flow, invite)) = self.transactions.invite(invite) else {
            return;
        };
        let Ok(cancel) = build_cancel(invite, reason) else {
            return;
        };
        let mut out = Vec::new();
        let _tx = self
            .transactions
            .send_request(cx.now, flow, &cancel, &mut out);
        self.absorb(cx, out);
    }
}

impl Calling {
    /// A request of the peer's in an early dialog; the status that refuses it where it is in none,
    /// where it comes too late, or is a BYE (RFC 3261 §12.2.2, §15: no callee may).
    pub(super) fn on_request(&mut self, request: &Message) -> Result<(), StatusCode> {
        let tag = request.from_tag();
        let early = self.early.iter_mut().find(|e| e.tag.as_deref() == tag);
        let (Cancel::No, Some(early)) = (&self.cancel, early) else {
            return Err(StatusCode::of(481));
        };
        let cseq = request.cseq().map(|c| c.number);
        if request.method() == Some(&Method::Bye) {
            return Err(StatusCode::of(481));
        }
        if early.cseq >= cseq {
            return Err(StatusCode::of(500));
        }
        early.cseq = cseq;
        Ok(())
    }

    /// Finds or adds the early dialog of a response, and takes its SDP as the answer where one is
    /// due. Nothing: one early dialog too many; an answer is heard however many there are.
    fn note_session(
        &mut self,
        probe: &Probe,
        response: &Message,
    ) -> Option<(usize, Option<Bytes>)> {
        let tag = response.to_tag();
        let answers = response.status().is_some_and(StatusCode::is_success);
        let most = limits::EARLY_DIALOGS + usize::from(answers);
        let index = match self.early.iter().position(|e| e.tag.as_deref() == tag) {
            Some(index) => index,
            None if self.early.len() >= most => return None,
            None => {
                let mut exchange = OfferAnswer::new();
                if self.offers {
                    probe.note(|| exchange.met("we send an offer"));
                    // From Idle an offer can always be sent.
                    let _sent = exchange.send_offer();
                }
                self.early.push(Early {
                    tag: tag.map(Into::into),
                    exchange,
                    answer: None,
                    cseq: None,
                });
                self.early.len() - 1
            }
        };
        let early = &mut self.early[index];
        let Some(sdp) = response.sdp() else {
            return Some((index, None));
        };
        probe.note(|| early.exchange.met("an answer arrives"));
        match early.exchange.receive_answer() {
            Ok(true) => {
                early.answer = Some(sdp.clone());
                Some((index, Some(sdp)))
            }
            _ => Some((index, None)),
        }
    }
}

/// RFC 3261 §9.1: one Via, equal to that of the INVITE; its Request-URI, Call-ID, To, From, number
/// of CSeq and Route.
fn build_cancel(invite: &Message, reason: &str) -> Result<Message, InvalidValue> {
    let mut cancel = Message::request(Method::Cancel, invite.request_uri());
    for line in invite.headers() {
        match line.name {
            HeaderName::Via
            | HeaderName::Route
            | HeaderName::From
            | HeaderName::To
            | HeaderName::CallId => cancel.push_copy(line),
            _ => {}
        }
    }
    let number = invite.cseq().map_or(1, |c| c.number);
    cancel.push(HeaderName::CSeq, &format!("{number} CANCEL"))?;
    cancel.push(HeaderName::MaxForwards, "70")?;
    if !reason.is_empty() {
        cancel.push(HeaderName::Reason, reason)?;
    }
    Ok(cancel)
}
