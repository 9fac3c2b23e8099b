//! Requests inside the call: re-INVITE and UPDATE (hold, resume, another codec or address), INFO.
//! Each is taken in on one side and made anew on the other; the answer comes back the same way.
//!
//! | the request | while | answer |
//! |---|---|---|
//! | re-INVITE | the call is settled | 100 (RFC 3261 §17.2.1), passed on |
//! | UPDATE with SDP | the call is settled | passed on |
//! | re-INVITE, UPDATE with SDP | one of the same side is open | 500 with Retry-After (RFC 3261 §14.2, RFC 3311 §5.2) |
//! | UPDATE without SDP | an UPDATE of the same side is open | 500 with Retry-After (RFC 3311 §5.2) |
//! | re-INVITE, UPDATE with SDP | one of the other side is open, or an ACK is missing | 491 (RFC 3261 §14.2, RFC 3311 §5.2) |
//! | INFO, else UPDATE without SDP | connected | passed on |
//! | with a Require that is not ours | any time | 420 with Unsupported (RFC 3261 §8.2.2.3) |
//! | re-INVITE, UPDATE with a body that holds no SDP | any time | 415 (§8.2.3) |
//! | INFO with SDP, or a multipart that cannot be read | any time | 415: it offers nothing (RFC 6337 §2.2) and would show a side's addresses |
//! | UPDATE with SDP of the callee | before the answer | 491: our offer has no answer that is certain (RFC 3311 §5.2, RFC 6337 §2.2) |
//! | any other of them | before the answer | 500 with Retry-After (RFC 3261 §14.2, RFC 3311 §5.2) |
//! | OPTIONS | any time | 200 |
//! | any other | any time | 405 (§8.2.1) |
//!
//! | the other side answers | to the side that asked | media |
//! |---|---|---|
//! | 2xx with the answer | 2xx with it; ACK to the other side | as agreed |
//! | 2xx with an offer (re-INVITE without SDP) | 2xx with it; its ACK brings the answer, which the ACK passes on | as agreed |
//! | 300 to 699 | the same, without SDP: it names hosts (§21.4.26 allows one) | as before the offer (§14.1) |
//! | 481, 408, nothing | the same; then the call ends (§12.2.1.2) | closed |
//! | it cannot be reached | 503 | as before the offer |
//!
//! Nobody but the phones waits and tries again: where both sides offer at once, each gets 491, from
//! us or from the other side through us, and chooses its time by whether the Call-ID of its own
//! dialog is its own (§14.1). The caller's is and the callee's is not, so that they do not meet
//! again; in a chain of border controllers it is the same at both of its ends.

use super::call::{Call, Connected, Phase};
use super::event::{EndedBy, Side};
use super::io::{Cx, LegId};
use super::media::{Before, Half, MediaFault, Passing, Version};
use super::plan::Connect;
use super::relay::{cross, cross_description};
use super::setup::reason_of;
use crate::limits;
use crate::ports::{MessageRules, RequestFacts, RuleFacts};
use crate::sip::{HeaderName, Message, Method, StatusCode};
use crate::transaction::{Outcome, TxId};
use crate::transport::Incoming;
use crate::ua::{ALLOW, Leg, Reply, unknown_extensions};
use bytes::Bytes;
use std::sync::Arc;

const SDP: &str = "application/sdp";
/// What an INFO may bring (RFC 3261 §20.1).
const NO_SDP: &str = "application/sdp;q=0, */*";

/// The header rules of the call, and the request they look at.
#[derive(Debug)]
pub(super) struct Ruled {
    rules: Arc<dyn MessageRules>,
    invite: Box<Incoming>,
    target: Option<Arc<str>>,
}

impl Ruled {
    /// Nothing where the profile has no rules: then nobody needs the INVITE any more.
    pub(super) fn new(plan: &Connect, target: usize, invite: Box<Incoming>) -> Option<Self> {
        let rules = Arc::clone(plan.rules.as_ref()?);
        let target = plan.targets.get(target).and_then(|t| t.trunk.clone());
        Some(Self {
            rules,
            invite,
            target,
        })
    }

    /// The header lines that the rules give a request towards the callee.
    pub(super) fn draft(&self, method: Method) -> Message {
        let mut draft = Message::request(method, "");
        self.apply(&mut draft);
        draft
    }

    fn apply(&self, draft: &mut Message) {
        let facts = facts_of(&self.invite, self.target.as_deref());
        self.rules.apply(&facts, draft);
        // They stay what the rules made of them on the INVITE.
        draft.remove(&HeaderName::From);
        draft.remove(&HeaderName::To);
    }

    pub(super) fn apply_to_reply(&self, method: &Method, draft: &mut Message) {
        let facts = facts_of(&self.invite, self.target.as_deref());
        self.rules.apply_to_reply(&facts, method, draft);
    }
}

/// What rules may look at.
pub(super) fn facts_of<'a>(invite: &'a Incoming, target: Option<&'a str>) -> RuleFacts<'a> {
    let request = RequestFacts {
        message: &invite.message,
        flow: &invite.flow,
    };
    RuleFacts { request, target }
}

/// A request of one side that the other has not answered yet.
#[derive(Debug)]
pub(super) struct Exchange {
    from: Side,
    asked: TxId,
    request: Box<Message>,
    passed: TxId,
    state: Session,
}

/// What an exchange is about to change.
#[derive(Debug)]
enum Session {
    /// Nothing.
    Same,
    /// An offer of the side that asked; with what the call had before.
    Offered(Before),
    /// A re-INVITE without SDP: the other side will offer.
    Asked(Before),
    /// It did; the ACK of the side that asked brings the answer.
    Answering,
}

impl Exchange {
    /// Whether it changes the session: one at a time.
    const fn is_offer(&self) -> bool {
        !matches!(self.state, Session::Same)
    }
}

impl Call {
    /// A request inside the call.
    pub(super) fn on_side_request(
        &mut self,
        cx: &mut Cx<'_>,
        side: Side,
        id: LegId,
        tx: TxId,
        request: Box<Message>,
    ) {
        let offers = request.method() == Some(&Method::Invite) || request.sdp().is_some();
        if let Some((status, name, value)) = own_answer(&request) {
            return self.reply_to_side(cx, id, tx, &request, status, &[(name, &value)]);
        }
        let Phase::Connected(connected) = &self.phase else {
            let offered = self
                .invite
                .as_ref()
                .is_some_and(|i| i.message.sdp().is_some());
            if side == Side::B && offered && request.sdp().is_some() {
                return self.reply_to_side(cx, id, tx, &request, 491, &[]);
            }
            return self.put_off(cx, id, tx, &request);
        };
        let (a, b) = (LegId(0), connected.callee);
        let open = connected.exchanges.iter().any(Exchange::is_offer);
        let updates = request.method() == Some(&Method::Update);
        let in_the_way = |e: &Exchange| {
            let update = e.request.method() == Some(&Method::Update);
            e.from == side && (offers && e.is_offer() || updates && update)
        };
        let own = connected.exchanges.iter().any(in_the_way);
        let busy = connected.exchanges.len() >= limits::LEG_TRANSACTIONS;
        if busy || own {
            return self.put_off(cx, id, tx, &request);
        }
        if offers && (open || !self.is_settled(a) || !self.is_settled(b)) {
            return self.reply_to_side(cx, id, tx, &request, 491, &[]);
        }
        self.pass_on(cx, side, tx, request);
    }

    /// Not now: 500, to be tried again after 0 to 10 seconds, drawn at random (RFC 3261 §14.2, RFC
    /// 3311 §5.2).
    pub(super) fn put_off(&mut self, cx: &mut Cx<'_>, id: LegId, tx: TxId, request: &Message) {
        let seconds = cx.entropy.below(11).to_string();
        let later = [(HeaderName::RetryAfter, &*seconds)];
        self.reply_to_side(cx, id, tx, request, 500, &later);
    }

    fn is_settled(&self, id: LegId) -> bool {
        let seat = self.legs.iter().find(|seat| seat.id == id);
        seat.is_some_and(|seat| seat.leg.is_settled())
    }

    fn reply_to_side(
        &mut self,
        cx: &mut Cx<'_>,
        id: LegId,
        tx: TxId,
        request: &Message,
        status: u16,
        headers: &[(HeaderName, &str)],
    ) {
        self.with_leg(cx, id, |leg, cx| {
            leg.reply_to_request(cx, tx, request, StatusCode::of(status), headers);
        });
    }

    fn leg_on(&self, side: Side) -> Option<LegId> {
        match (&self.phase, side) {
            (Phase::Connected(connected), Side::B) => Some(connected.callee),
            (_, Side::A) => Some(LegId(0)),
            _ => None,
        }
    }

    fn connected(&mut self) -> Option<&mut Connected> {
        match &mut self.phase {
            Phase::Connected(connected) => Some(connected),
            _ => None,
        }
    }

    /// A request towards the other side of `from`: what crosses of `message`, what the rules add, a
    /// body.
    pub(super) fn draft_for(
        &self,
        from: Side,
        method: Method,
        message: Option<&Message>,
        body: Bytes,
    ) -> Message {
        let mut draft = Message::request(method, "");
        if let (Some(message), Some(here), Some(there)) =
            (message, self.leg_on(from), self.leg_on(from.other()))
        {
            let border = self.border(here, there);
            cross(message, &mut draft, border, self.header_pass());
        }
        if let (Phase::Connected(connected), Side::A) = (&self.phase, from)
            && let Some(ruled) = &connected.ruled
        {
            ruled.apply(&mut draft);
        }
        if !body.is_empty() {
            // A fixed type, without line breaks.
            let _typed = draft.set_body(SDP, body);
        }
        draft
    }

    fn pass_on(&mut self, cx: &mut Cx<'_>, from: Side, asked: TxId, request: Box<Message>) {
        let (Some(method), Some(here), Some(there)) = (
            request.method().cloned(),
            self.leg_on(from),
            self.leg_on(from.other()),
        ) else {
            return;
        };
        let before = self.media.before();
        let (state, body) = match (request.sdp(), &method) {
            (Some(sdp), _) => match self.pass_session(cx, Half::Offer, from, &sdp) {
                Ok(body) => (Session::Offered(before), body),
                Err(fault) => {
                    tracing::info!(%fault, "an offer cannot be passed on");
                    self.restore(before);
                    let warning = [(HeaderName::Warning, fault.refusal().1)];
                    let told = &warning[usize::from(warning[0].1.is_empty())..];
                    return self.reply_to_side(cx, here, asked, &request, 488, told);
                }
            },
            (None, Method::Invite) => (Session::Asked(before), Bytes::new()),
            (None, _) => (Session::Same, Bytes::new()),
        };
        let mut draft = self.draft_for(from, method.clone(), Some(&request), body);
        if matches!(state, Session::Same) && !request.body().is_empty() {
            let content_type = request.header(&HeaderName::ContentType).unwrap_or_default();
            // Read from a header: without line breaks.
            let _typed = draft.set_body(content_type, request.body());
            cross_description(&request, &mut draft);
        }
        if method == Method::Invite {
            self.reply_to_side(cx, here, asked, &request, 100, &[]);
        }
        let mut sent = None;
        self.with_leg(cx, there, |leg, cx| {
            sent = match method {
                Method::Invite => leg.reinvite(cx, &draft).ok(),
                _ => leg.request(cx, method, &draft).ok(),
            };
        });
        match (sent, self.connected()) {
            (Some(passed), Some(connected)) => {
                let exchange = Exchange {
                    from,
                    asked,
                    request,
                    passed,
                    state,
                };
                connected.exchanges.push(exchange);
            }
            _ => {
                if let Session::Offered(before) | Session::Asked(before) = state {
                    self.restore(before);
                }
                self.reply_to_side(cx, here, asked, &request, 500, &[]);
            }
        }
    }

    /// A description of `from` as the other side is to see it.
    fn pass_session(
        &mut self,
        cx: &mut Cx<'_>,
        half: Half,
        from: Side,
        sdp: &Bytes,
    ) -> Result<Bytes, MediaFault> {
        let Some(plan) = self
            .connected()
            .map(|connected| Arc::clone(&connected.plan))
        else {
            return Err(MediaFault::Nothing);
        };
        let version = Version::Next;
        self.pass_sdp(
            cx,
            &plan,
            &Passing {
                half,
                from,
                sdp,
                version,
            },
        )
    }

    fn restore(&mut self, before: Before) {
        let mut commands = Vec::new();
        self.media.restore(before, &mut commands);
        self.media_commands(commands);
    }

    /// Both sides agreed anew, on what `offered_by` had offered. A recorder may still fork the
    /// ports of a closed line: then the call keeps them.
    fn agree(&mut self, cx: &mut Cx<'_>, offered_by: Side) {
        let agreed = self.media.agreed(offered_by);
        self.tell_recordings(cx, &agreed);
        if self.recordings.is_empty() {
            let mut commands = Vec::new();
            self.media.release_closed(&mut commands);
            self.media_commands(commands);
        }
    }

    /// What became of a request that was passed on to `side`.
    pub(super) fn on_exchange(&mut self, cx: &mut Cx<'_>, side: Side, tx: TxId, outcome: Outcome) {
        if let Outcome::Response(response) = &outcome
            && response.status().is_some_and(StatusCode::is_provisional)
        {
            return;
        }
        let Some(connected) = self.connected() else {
            return;
        };
        let found = |e: &Exchange| e.passed == tx && e.from == side.other();
        let Some(index) = connected.exchanges.iter().position(found) else {
            return;
        };
        let exchange = connected.exchanges.swap_remove(index);
        match outcome {
            Outcome::Response(response)
                if response.status().is_some_and(StatusCode::is_success) =>
            {
                self.on_exchange_success(cx, exchange, &response);
            }
            Outcome::Response(response) => self.on_exchange_refusal(cx, exchange, &response),
            Outcome::TimedOut => {
                self.fail_exchange(cx, exchange, 408);
                self.end(cx, EndedBy::Us, "a request inside the call got no answer");
            }
            Outcome::TransportFailed => self.fail_exchange(cx, exchange, 503),
        }
    }

    fn on_exchange_success(&mut self, cx: &mut Cx<'_>, mut exchange: Exchange, response: &Message) {
        let invite = exchange.request.method() == Some(&Method::Invite);
        let there = exchange.from.other();
        let body = match (&exchange.state, response.sdp()) {
            (Session::Offered(_), Some(answer)) => {
                self.pass_session(cx, Half::Answer, there, &answer)
            }
            (Session::Asked(_), Some(offer)) => self.pass_session(cx, Half::Offer, there, &offer),
            (Session::Offered(_), None) => Err(MediaFault::Nothing),
            (_, _) => Ok(Bytes::new()),
        };
        let late = matches!(
            (&exchange.state, response.sdp()),
            (Session::Asked(_), Some(_))
        );
        if invite && (!late || body.is_err()) {
            let ack = self.draft_for(exchange.from, Method::Ack, None, Bytes::new());
            if let Some(id) = self.leg_on(there) {
                self.with_leg(cx, id, |leg, cx| leg.ack_reinvite(cx, Some(&ack)));
            }
        }
        let body = match body {
            Ok(body) => body,
            Err(fault) => {
                tracing::info!(%fault, "an answer inside the call cannot be used");
                self.fail_exchange(cx, exchange, 500);
                return self.end(cx, EndedBy::Us, "the sides no longer agree on a session");
            }
        };
        self.answer_exchange(cx, &exchange, response, &body);
        match (
            std::mem::replace(&mut exchange.state, Session::Same),
            response.sdp(),
        ) {
            (Session::Offered(_), Some(_)) => self.agree(cx, exchange.from),
            (Session::Asked(_), Some(_)) => {
                exchange.state = Session::Answering;
                if let Some(connected) = self.connected() {
                    connected.exchanges.push(exchange);
                }
            }
            _ => {}
        }
    }

    fn answer_exchange(
        &mut self,
        cx: &mut Cx<'_>,
        exchange: &Exchange,
        response: &Message,
        sdp: &Bytes,
    ) {
        let (Some(here), Some(there)) = (
            self.leg_on(exchange.from),
            self.leg_on(exchange.from.other()),
        ) else {
            return;
        };
        let method = exchange.request.method().unwrap_or(&Method::Info);
        let mut headers = self.passed_reply(there, here, method, response);
        let own_body = response.body();
        let own_type = response
            .header(&HeaderName::ContentType)
            .unwrap_or_default();
        let (content_type, body) = match (sdp.is_empty(), &exchange.state) {
            (false, _) => (SDP, sdp),
            (true, Session::Same) if !own_body.is_empty() && !describes_media(response) => {
                cross_description(response, &mut headers);
                (own_type, &own_body)
            }
            (true, _) => ("", sdp),
        };
        let reply = Reply {
            status: headers.status().unwrap_or(StatusCode::of(500)),
            reason: reason_of(&headers),
            tag: None,
            headers: Some(&headers),
            content_type,
            body,
        };
        let (tx, request) = (exchange.asked, &exchange.request);
        self.with_leg(cx, here, |leg, cx| {
            leg.answer_request(cx, tx, request, &reply)
        });
    }

    fn on_exchange_refusal(&mut self, cx: &mut Cx<'_>, mut exchange: Exchange, response: &Message) {
        let status = response.status().unwrap_or(StatusCode::of(500));
        match std::mem::replace(&mut exchange.state, Session::Same) {
            Session::Offered(before) | Session::Asked(before) => self.restore(before),
            Session::Same | Session::Answering => {}
        }
        self.answer_exchange(cx, &exchange, response, &Bytes::new());
        if Leg::ends_dialog(status) {
            self.end(cx, EndedBy::Us, "the other side has lost the call");
        }
    }

    fn fail_exchange(&mut self, cx: &mut Cx<'_>, exchange: Exchange, status: u16) {
        if let Session::Offered(before) | Session::Asked(before) = exchange.state {
            self.restore(before);
        }
        if let Some(here) = self.leg_on(exchange.from) {
            self.reply_to_side(cx, here, exchange.asked, &exchange.request, status, &[]);
        }
    }

    /// The ACK of a re-INVITE of `side`; of one without SDP it brings the answer.
    pub(super) fn on_exchange_ack(&mut self, cx: &mut Cx<'_>, side: Side, ack: &Message) {
        let Some(connected) = self.connected() else {
            return;
        };
        let waiting = |e: &Exchange| e.from == side && matches!(e.state, Session::Answering);
        let Some(index) = connected.exchanges.iter().position(waiting) else {
            return;
        };
        let exchange = connected.exchanges.swap_remove(index);
        let (Session::Answering, Some(there)) = (exchange.state, self.leg_on(side.other())) else {
            return;
        };
        let answer = ack.sdp().unwrap_or_default();
        let passed = self.pass_session(cx, Half::Answer, side, &answer);
        let body = passed.clone().unwrap_or_default();
        let draft = self.draft_for(side, Method::Ack, Some(ack), body);
        self.with_leg(cx, there, |leg, cx| leg.ack_reinvite(cx, Some(&draft)));
        match passed {
            Ok(_) => self.agree(cx, side.other()),
            Err(fault) => {
                tracing::info!(%fault, "the answer of an ACK cannot be used");
                self.end(cx, EndedBy::Us, "the sides no longer agree on a session");
            }
        }
    }

    /// A re-INVITE of `side` was cancelled: so is the one that it became.
    pub(super) fn on_exchange_cancelled(&mut self, cx: &mut Cx<'_>, side: Side, tx: TxId) {
        let Some(connected) = self.connected() else {
            return;
        };
        let found = connected
            .exchanges
            .iter()
            .any(|e| e.asked == tx && e.from == side);
        if let (true, Some(there)) = (found, self.leg_on(side.other())) {
            self.with_leg(cx, there, Leg::cancel_reinvite);
        }
    }

    /// The call ends: what waits for an answer gets 487 (RFC 3261 §15.1.2).
    pub(super) fn refuse_exchanges(&mut self, cx: &mut Cx<'_>) {
        let Some(connected) = self.connected() else {
            return;
        };
        for exchange in std::mem::take(&mut connected.exchanges) {
            if matches!(exchange.state, Session::Answering) {
                continue;
            }
            if let Some(here) = self.leg_on(exchange.from) {
                self.reply_to_side(cx, here, exchange.asked, &exchange.request, 487, &[]);
            }
        }
    }
}

/// What is answered by us, whatever the call does: status and a header; nothing for what may be
/// passed on (RFC 3261 §8.2).
fn own_answer(request: &Message) -> Option<(u16, HeaderName, String)> {
    let passes = match request.method() {
        Some(Method::Invite | Method::Update | Method::Info) => true,
        Some(Method::Options) => false,
        _ => return Some((405, HeaderName::Allow, ALLOW.into())),
    };
    let unknown = unknown_extensions(request);
    if !unknown.is_empty() {
        return Some((420, HeaderName::Unsupported, unknown));
    }
    if !passes {
        return Some((200, HeaderName::Allow, ALLOW.into()));
    }
    if request.body().is_empty() {
        return None;
    }
    if request.method() == Some(&Method::Info) {
        let refused = || (415, HeaderName::Accept, NO_SDP.into());
        return describes_media(request).then(refused);
    }
    let offers = request.sdp().is_some();
    (!offers).then(|| (415, HeaderName::Accept, SDP.into()))
}

/// Whether a body holds SDP, or may hold it: a multipart that cannot be read.
fn describes_media(message: &Message) -> bool {
    message.sdp().is_some() || message.parts().is_err()
}
