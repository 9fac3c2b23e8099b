//! Inside a call that is up: what a phone asks of its peer, and how it takes the peer's offers.
//!
//! | own offer | input | becomes | says |
//! |---|---|---|---|
//! | none | time to act | open | INVITE or UPDATE |
//! | none, the peer's is open | time to act | none | nothing; tries in half a second |
//! | open | 2xx | none | ACK, with the answer where it had asked for an offer |
//! | open | 491 | none | ACK; the same offer after the time of RFC 3261 §14.1 |
//! | open | 500 with Retry-After | none | ACK; the same offer after that time |
//! | open | other refusal | none | ACK; what it wanted before goes on |
//!
//! | the peer's offer | while | says |
//! |---|---|---|
//! | re-INVITE, UPDATE | nothing is open | what its plan says, at once or later |
//! | re-INVITE, UPDATE | its own is open, or its 2xx has no ACK | 491 |
//! | re-INVITE, UPDATE | another of the peer's is open | 500 with Retry-After |
//! | re-INVITE that waits | CANCEL, BYE | 487 |

use super::call::{Side, State, Step};
use super::repeat::{Client, Renews, Unacked};
use super::text::{self, Body, Request};
use super::{Act, Phone, Post, Renewal, Spelling, Way, header, peer_of, sdp_of};
use crate::sip::{HeaderName, Message, Method};
use crate::time::Instant;
use std::time::Duration;

/// How long it waits until it looks again whether the peer's offer is answered.
const BUSY: Duration = Duration::from_millis(500);
/// How often an offer is made that meets 491 each time.
const TRIES: u8 = 6;

/// An offer of the peer's that the phone thinks about.
#[derive(Debug)]
pub(super) struct Offered {
    number: u64,
    call: usize,
    dialog: usize,
    request: Box<Message>,
    way: Way,
}

impl Phone {
    /// Acts in a call that is up, now. Nothing happens where the call is not up, or where an offer
    /// is open.
    pub(in crate::testing) fn act_now(&mut self, now: Instant, call: usize, act: Act) -> Vec<Post> {
        let mut out = Vec::new();
        let dialogs = &self.calls[call].dialogs;
        if let Some(dialog) = dialogs.iter().position(|d| d.state == State::Up)
            && !(act.renews() && self.is_busy(call, dialog))
        {
            self.act(now, (call, dialog), act, 1, &mut out);
        }
        out
    }

    /// As [`Self::act_now`], though an offer be open or nobody have answered yet.
    pub(in crate::testing) fn act_rudely(
        &mut self,
        now: Instant,
        call: usize,
        act: Act,
    ) -> Vec<Post> {
        let mut out = Vec::new();
        let dialogs = &self.calls[call].dialogs;
        let is = |state| dialogs.iter().position(|d| d.state == state);
        if let Some(dialog) = is(State::Up).or_else(|| is(State::Early)) {
            self.act(now, (call, dialog), act, TRIES, &mut out);
        }
        out
    }

    /// As [`Self::act_now`]; INVITE and UPDATE with an offer of another port than before.
    pub(in crate::testing) fn request(
        &mut self,
        now: Instant,
        call: usize,
        method: &'static str,
    ) -> Vec<Post> {
        let act = match method {
            "INVITE" => Act::Invite(Spelling::Moved),
            "UPDATE" => Act::Update(Spelling::Moved),
            "INFO" => Act::Info,
            other => Act::Other(other),
        };
        self.act_now(now, call, act)
    }

    /// The first of what it does by plan.
    pub(super) fn begin_acts(&mut self, now: Instant, call: usize, dialog: usize) {
        if let Some((after, _)) = self.calls[call].acts().first().copied() {
            self.wake(now + after, call, Step::Act(dialog, 0));
        }
    }

    pub(super) fn on_act(
        &mut self,
        now: Instant,
        (call, dialog): (usize, usize),
        number: usize,
        out: &mut Vec<Post>,
    ) {
        let acts = self.calls[call].acts();
        let next = acts.get(number + 1).map(|(after, _)| *after);
        let Some((_, act)) = acts.get(number).copied() else {
            return;
        };
        if self.calls[call].dialogs[dialog].state != State::Up {
            return;
        }
        if act.renews() && self.is_busy(call, dialog) {
            return self.wake(now + BUSY, call, Step::Act(dialog, number));
        }
        self.act(now, (call, dialog), act, 1, out);
        if let Some(after) = next {
            self.wake(now + after, call, Step::Act(dialog, number + 1));
        }
    }

    pub(super) fn on_again(
        &mut self,
        now: Instant,
        (call, dialog): (usize, usize),
        (act, tries): (Act, u8),
        out: &mut Vec<Post>,
    ) {
        if self.calls[call].dialogs[dialog].state != State::Up {
            return;
        }
        if self.is_busy(call, dialog) {
            return self.wake(now + BUSY, call, Step::Again(dialog, act, tries));
        }
        self.act(now, (call, dialog), act, tries, out);
    }

    /// Whether an offer is open in either direction.
    fn is_busy(&self, call: usize, dialog: usize) -> bool {
        self.has_own_offer(call, dialog)
            || self.waits_for_ack(call, dialog)
            || self
                .offered
                .iter()
                .any(|o| (o.call, o.dialog) == (call, dialog))
    }

    fn has_own_offer(&self, call: usize, dialog: usize) -> bool {
        let open = |c: &Client| (c.call, c.dialog) == (call, dialog) && c.offers() && !c.done;
        self.clients.iter().any(open)
    }

    fn waits_for_ack(&self, call: usize, dialog: usize) -> bool {
        self.unacked
            .iter()
            .any(|u| (u.call, u.dialog) == (call, dialog))
    }

    fn act(
        &mut self,
        now: Instant,
        (call, dialog): (usize, usize),
        act: Act,
        tries: u8,
        out: &mut Vec<Post>,
    ) {
        let port = (act == Act::Invite(Spelling::Moved) || act == Act::Update(Spelling::Moved))
            .then(|| self.port());
        let session = &mut self.calls[call].dialogs[dialog].session;
        let before = session.wanted();
        if let Some(port) = port {
            session.move_to(port);
        }
        let body = match act {
            Act::Invite(wish) | Act::Update(wish) | Act::InviteAndCancel(wish) => {
                session.spelling = wish;
                Some(Body::sdp(session.offer()))
            }
            Act::Ask => {
                session.spelling = Spelling::SendRecv;
                None
            }
            Act::Info => Some(Body {
                kind: "application/dtmf-relay",
                text: "Signal=5\r\nDuration=160\r\n".into(),
            }),
            Act::Text(_) => Some(Body {
                kind: "text/plain",
                text: "hello\r\n".into(),
            }),
            Act::Body(method, kind, text) => {
                if method != "INFO" {
                    session.said = Some(text.into());
                }
                let text = text.into();
                Some(Body { kind, text })
            }
            Act::Other(_) => None,
        };
        self.calls[call].dialogs[dialog].cseq += 1;
        let cseq = self.calls[call].dialogs[dialog].cseq;
        let (branch, post) = self.in_dialog(act.method(), (call, dialog), cseq, body);
        let method = Method::parse(act.method());
        let mut client = Client::new(now, &branch, method, (call, dialog), post.clone());
        client.renews = act.renews().then_some(Renews { act, tries, before });
        self.clients.push(client);
        out.push(post);
    }

    /// The answer to a re-INVITE: its ACK.
    pub(super) fn on_renewed(&mut self, found: usize, response: &Message, out: &mut Vec<Post>) {
        let (call, dialog) = (self.clients[found].call, self.clients[found].dialog);
        if !self.clients[found].done {
            let answer = self.take_answer(found, response);
            self.clients[found].finish();
            let cseq = response.cseq().map_or(0, |c| c.number);
            let body = answer.map(Body::sdp);
            let ack = self.in_dialog("ACK", (call, dialog), cseq, body).1;
            self.clients[found].ack = Some(ack);
        }
        out.extend(self.clients[found].ack.clone());
    }

    /// What the 2xx of an own offer says; the answer where it brings an offer.
    pub(super) fn take_answer(&mut self, found: usize, response: &Message) -> Option<String> {
        let (call, dialog) = (self.clients[found].call, self.clients[found].dialog);
        let asked = matches!(&self.clients[found].renews, Some(r) if r.act == Act::Ask);
        if let Some(peer) = peer_of(response) {
            self.calls[call].dialogs[dialog].peer.follow(peer);
        }
        let Some(sdp) = sdp_of(response) else {
            self.fault("an answer to an offer without SDP", response);
            return None;
        };
        self.hear_sdp((call, dialog), &sdp, response);
        let session = &mut self.calls[call].dialogs[dialog].session;
        if asked {
            return Some(session.answer(&sdp));
        }
        if let Some(why) = session.judge_answer(&sdp) {
            self.fault(why, response);
        }
        None
    }

    /// Notes the peer's description.
    pub(super) fn hear_sdp(
        &mut self,
        (call, dialog): (usize, usize),
        sdp: &str,
        message: &Message,
    ) {
        let tag = if message.is_request() {
            message.from_tag()
        } else {
            message.to_tag()
        };
        let session = &mut self.calls[call].dialogs[dialog].session;
        if let Some(why) = session.hear(tag.unwrap_or_default(), sdp) {
            self.fault(why, message);
        }
    }

    /// An own offer was refused: what was wanted before goes on, and where the peer asks for it,
    /// the offer is made again.
    pub(super) fn on_offer_refused(&mut self, now: Instant, found: usize, response: &Message) {
        let (call, dialog) = (self.clients[found].call, self.clients[found].dialog);
        let Some(Renews { act, tries, before }) = self.clients[found].renews else {
            return;
        };
        self.calls[call].dialogs[dialog].session.want(before);
        let owner = matches!(self.calls[call].side, Side::Caller { .. });
        let tens = match response.status().map_or(0, |s| s.code()) {
            491 if owner => 210 + self.entropy.below(191),
            491 => self.entropy.below(201),
            500 => match header(response, &HeaderName::RetryAfter).parse::<u64>() {
                Ok(seconds) => seconds * 100,
                Err(_) => return,
            },
            _ => return,
        };
        if tries < TRIES {
            let at = now + Duration::from_millis(tens * 10);
            self.wake(at, call, Step::Again(dialog, act, tries + 1));
        }
    }

    /// A provisional response to a re-INVITE that it wants to cancel.
    pub(super) fn cancel_renewal(&mut self, now: Instant, found: usize, out: &mut Vec<Post>) {
        let Client {
            call,
            dialog,
            branch,
            renews,
            ..
        } = &mut self.clients[found];
        let (call, dialog, branch) = (*call, *dialog, branch.clone());
        let Some(Renews { act, .. }) = renews else {
            return;
        };
        let Act::InviteAndCancel(wish) = *act else {
            return;
        };
        // Once, and where it is cancelled it is not made again.
        *act = Act::Invite(wish);
        let post = self.clients[found].post().clone();
        let Ok(invite) = Message::parse_datagram(post.bytes.clone()) else {
            return;
        };
        let cancel = Request {
            method: "CANCEL",
            uri: invite.request_uri(),
            via: header(&invite, &HeaderName::Via),
            from: header(&invite, &HeaderName::From),
            to: header(&invite, &HeaderName::To),
            call_id: &self.calls[call].call_id,
            cseq: invite.cseq().map_or(0, |c| c.number),
            max_forwards: 70,
            lines: text::routes(&invite),
            body: None,
        };
        let post = Post {
            bytes: cancel.write(),
            ..post
        };
        let at = (call, dialog);
        self.clients
            .push(Client::new(now, &branch, Method::Cancel, at, post.clone()));
        out.push(post);
    }

    /// A re-INVITE or UPDATE.
    pub(super) fn on_new_offer(
        &mut self,
        now: Instant,
        way: &Way,
        request: &Message,
        (call, dialog): (usize, usize),
        out: &mut Vec<Post>,
    ) {
        let offers = request.method() == Some(&Method::Invite) || request.sdp().is_some();
        if offers && (self.waits_for_ack(call, dialog) || self.has_own_offer(call, dialog)) {
            return self.reply(now, way, request, 491, out);
        }
        let in_the_way = |o: &Offered| {
            (o.call, o.dialog) == (call, dialog)
                && (offers || o.request.method() == request.method())
        };
        if self.offered.iter().any(in_the_way) {
            return self.reply(now, way, request, 500, out);
        }
        let Renewal { after, .. } = self.calls[call].renewal();
        if after.is_zero() {
            return self.renew(now, way, request, (call, dialog), out);
        }
        if request.method() == Some(&Method::Invite) {
            self.reply(now, way, request, 100, out);
        }
        self.last_offered += 1;
        let number = self.last_offered;
        self.offered.push(Offered {
            number,
            call,
            dialog,
            request: Box::new(request.clone()),
            way: way.clone(),
        });
        self.wake(now + after, call, Step::Renew(number));
    }

    pub(super) fn on_thought(&mut self, now: Instant, number: u64, out: &mut Vec<Post>) {
        if let Some(index) = self.offered.iter().position(|o| o.number == number) {
            let offered = self.offered.swap_remove(index);
            let at = (offered.call, offered.dialog);
            self.renew(now, &offered.way, &offered.request, at, out);
        }
    }

    /// Takes a new offer, or refuses it, by plan.
    fn renew(
        &mut self,
        now: Instant,
        way: &Way,
        request: &Message,
        (call, dialog): (usize, usize),
        out: &mut Vec<Post>,
    ) {
        let Renewal { status, .. } = self.calls[call].renewal();
        if status >= 300 {
            return self.reply(now, way, request, status, out);
        }
        if let Some(peer) = peer_of(request) {
            self.calls[call].dialogs[dialog].peer.follow(peer);
        }
        let invite = request.method() == Some(&Method::Invite);
        let offer = sdp_of(request);
        let session = &mut self.calls[call].dialogs[dialog].session;
        let body = match &offer {
            Some(offer) => Some(session.answer(offer)),
            None if invite => Some(session.offer()),
            None => None,
        };
        let lines = [self.contact(way.transport)];
        let bytes = text::response(request, status, None, &lines, body.as_deref());
        let post = self.back(way, bytes);
        self.remember(request, &post);
        if invite {
            let mut unacked = Unacked::new(now, (call, dialog), request, post.clone());
            unacked.offers = offer.is_none();
            self.unacked.push(unacked);
        }
        out.push(post);
    }

    /// Offers of a dialog that wait, of a CANCEL with this branch or of any: 487.
    pub(super) fn drop_offers(
        &mut self,
        now: Instant,
        wanted: impl Fn(usize, usize, Option<&str>) -> bool,
        out: &mut Vec<Post>,
    ) -> bool {
        let fits = |o: &Offered| wanted(o.call, o.dialog, o.request.branch());
        let mut dropped = false;
        while let Some(index) = self.offered.iter().position(fits) {
            let offered = self.offered.swap_remove(index);
            self.reply(now, &offered.way, &offered.request, 487, out);
            dropped = true;
        }
        dropped
    }
}
