//! From the INVITE to the answer: plan, modules, targets one after the other, early media, 2xx.

use super::call::{Call, Connected, Dialing, Phase, Role, Seat};
use super::event::{CallEvent, EndedBy, Side};
use super::io::{Cx, LegId, Output};
use super::media::MediaFault;
use super::plan::{CallPlan, Connect, TargetPlan};
use super::relay::{Border, cross};
use crate::ports::{Effect, MediaError, RequestFacts, RuleFacts, Verdict};
use crate::sip::{HeaderName, Message, Method, StatusCode, new_call_id, new_tag};
use crate::transport::Incoming;
use crate::ua::{Dial, Failure, Leg, LegCx, Reply};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

/// Max-Forwards of a request that has none (RFC 3261 §8.1.1.6).
const MAX_FORWARDS: u32 = 70;

impl Call {
    /// Asks the policy and acts on it.
    pub(super) fn begin_plan(&mut self, cx: &mut Cx<'_>) {
        let Some(incoming) = self.invite.take() else {
            return;
        };
        if incoming.message.max_forwards() == Some(0) {
            self.event(CallEvent::Started);
            return self.refuse(cx, StatusCode::of(483), "", "Max-Forwards is zero");
        }
        let facts = RequestFacts {
            message: &incoming.message,
            flow: &incoming.flow,
        };
        let plan = cx.policy.plan(&facts);
        self.note_plan(&plan);
        self.event(CallEvent::Started);
        match plan {
            CallPlan::Refuse(refusal) => {
                self.refuse(cx, refusal.status, &refusal.reason, "refused by policy");
            }
            CallPlan::App(plan) => {
                self.serve(cx, &plan, incoming);
            }
            CallPlan::Connect(plan) => {
                self.invite = Some(incoming);
                self.media.set_latch(plan.latch);
                if plan.modules.is_empty() {
                    self.dial(cx, plan, 0, None);
                } else {
                    self.out.push_back(Output::Ask(Arc::clone(&plan)));
                    self.phase = Phase::Admitting(plan);
                }
            }
        }
    }

    fn note_plan(&mut self, plan: &CallPlan) {
        match plan {
            CallPlan::Refuse(refusal) => self.summary.route = refusal.rule.as_ref().into(),
            CallPlan::App(plan) => self.summary.route = Arc::clone(&plan.route),
            CallPlan::Connect(plan) => {
                self.summary.trunk.clone_from(&plan.trunk);
                self.summary.route = Arc::clone(&plan.route);
                self.summary.profile = Arc::clone(&plan.profile);
            }
        }
    }

    /// The modules decided.
    pub(super) fn on_verdict(&mut self, cx: &mut Cx<'_>, verdict: Verdict) {
        let Phase::Admitting(plan) = &self.phase else {
            return;
        };
        let plan = Arc::clone(plan);
        match verdict {
            Verdict::Continue(effects) => {
                for Effect::EndAfter(longest) in effects {
                    self.longest = Some(self.longest.map_or(longest, |l| l.min(longest)));
                }
                self.dial(cx, plan, 0, None);
            }
            Verdict::Refuse(status, reason) => {
                self.refuse(cx, status, &reason, "refused by call control");
            }
        }
    }

    /// Calls target number `target`; where there is none left, refuses the caller with what the
    /// last one said.
    fn dial(
        &mut self,
        cx: &mut Cx<'_>,
        plan: Arc<Connect>,
        target: usize,
        last: Option<(StatusCode, String, Option<Message>)>,
    ) {
        let Some(wanted) = plan.targets.get(target) else {
            let (status, reason, headers) =
                last.unwrap_or((StatusCode::of(503), String::new(), None));
            return self.refuse_with(cx, status, &reason, headers.as_ref(), EndedBy::Callee);
        };
        let Some(incoming) = self.invite.take() else {
            return;
        };
        let draft = self.draft(cx, &plan, wanted, &incoming);
        let draft = match draft {
            Ok(draft) => draft,
            Err(fault) => return self.refuse_media(cx, fault),
        };
        let leg = self.new_dial(cx, wanted, &incoming.message, draft);
        self.invite = Some(incoming);
        let Some(dial) = leg else {
            return self.refuse(
                cx,
                StatusCode::of(500),
                "",
                "a header rule made a bad From or To",
            );
        };
        self.summary.target.clone_from(&wanted.trunk);
        self.summary.call_id_b = Some(dial.call_id.clone());
        let give_up_at = cx.now.mono + plan.ring_timeout;
        let callee = self.new_leg_id();
        self.phase = Phase::Dialing(Box::new(Dialing {
            plan,
            target,
            callee,
            give_up_at,
            first_tag: self.shown_tags,
        }));
        self.place(cx, callee, Role::Callee, dial);
    }

    /// Adds a leg that places a call.
    pub(super) fn place(&mut self, cx: &mut Cx<'_>, id: LegId, role: Role, dial: Dial) {
        self.out.push_back(Output::Claim {
            call_id: dial.call_id.clone(),
            tag: dial.local_tag.clone(),
        });
        let tags = vec![dial.local_tag.clone()];
        let mut outputs = VecDeque::new();
        let mut leg_cx = LegCx {
            now: cx.now.mono,
            entropy: cx.entropy,
            out: &mut outputs,
        };
        let leg = Leg::dial(&mut leg_cx, Arc::clone(&self.network), dial);
        self.legs.push(Seat {
            id,
            role,
            leg,
            tags,
        });
        self.take_outputs(id, outputs);
    }

    /// What the outgoing INVITE says apart from its dialog: From, To, headers that cross, rules,
    /// body.
    fn draft(
        &mut self,
        cx: &mut Cx<'_>,
        plan: &Connect,
        target: &TargetPlan,
        incoming: &Incoming,
    ) -> Result<Message, MediaFault> {
        let mut draft = Message::request(Method::Invite, &target.request_uri.to_string());
        let here = self.network.listener(incoming.flow.listener).realm;
        let border = Border {
            from: self.network.realm(here).trust,
            to: self.network.realm(target.realm).trust,
        };
        // From and To come from parsed values and hold no line breaks.
        let _from = draft.push(HeaderName::From, &target.from.to_string());
        let _to = draft.push(HeaderName::To, &target.to.to_string());
        cross(&incoming.message, &mut draft, border);
        if let Some(rules) = &plan.rules {
            let request = RequestFacts {
                message: &incoming.message,
                flow: &incoming.flow,
            };
            let facts = RuleFacts {
                request,
                target: target.trunk.as_deref(),
            };
            rules.apply(&facts, &mut draft);
        }
        if plan.relay {
            let mut commands = Vec::new();
            self.media.set_target(target.realm, &mut commands);
            self.media_commands(commands);
        }
        let Some(sdp) = incoming.message.sdp() else {
            return Ok(draft);
        };
        let body = if plan.relay {
            let network = Arc::clone(&self.network);
            let mut commands = Vec::new();
            let offer = self.media.offer(cx, &network, Side::A, &sdp, &mut commands);
            self.media_commands(commands);
            Bytes::from(offer?)
        } else {
            sdp
        };
        let _typed = draft.set_body("application/sdp", body);
        Ok(draft)
    }

    fn new_dial(
        &self,
        cx: &mut Cx<'_>,
        target: &TargetPlan,
        invite: &Message,
        mut draft: Message,
    ) -> Option<Dial> {
        let (from, to) = (draft.from().ok()?, draft.to().ok()?);
        draft.remove(&HeaderName::From);
        draft.remove(&HeaderName::To);
        Some(Dial {
            realm: target.realm,
            target: target.target.clone(),
            call_id: new_call_id(cx.entropy).into(),
            local_tag: new_tag(cx.entropy).into(),
            request_uri: target.request_uri.clone(),
            from,
            to,
            max_forwards: invite
                .max_forwards()
                .unwrap_or(MAX_FORWARDS)
                .saturating_sub(1),
            contact_params: "",
            draft: Box::new(draft),
        })
    }

    /// The callee rings, or plays early media.
    pub(super) fn on_provisional(
        &mut self,
        cx: &mut Cx<'_>,
        id: LegId,
        message: &Message,
        early: usize,
        answer: Option<Bytes>,
    ) {
        let Phase::Dialing(dialing) = &self.phase else {
            return;
        };
        if dialing.callee != id {
            return;
        }
        let (plan, Some(status)) = (Arc::clone(&dialing.plan), message.status()) else {
            return;
        };
        let body = match answer {
            Some(sdp) => self
                .answer_for_caller(cx, &plan, &sdp, early)
                .unwrap_or_default(),
            None => Bytes::new(),
        };
        let headers = self.headers_for_caller(id, message);
        let tag = self.caller_tag(cx, early);
        self.with_leg(cx, LegId(0), |leg, cx| {
            leg.ring(
                cx,
                &Reply {
                    status,
                    reason: reason_of(&headers),
                    tag: Some(&tag),
                    headers: Some(&headers),
                    content_type: if body.is_empty() {
                        ""
                    } else {
                        "application/sdp"
                    },
                    body: &body,
                },
            );
        });
        self.event(CallEvent::Ringing(status));
    }

    /// The callee answered.
    pub(super) fn on_answered(
        &mut self,
        cx: &mut Cx<'_>,
        id: LegId,
        message: &Message,
        early: usize,
        sdp: Option<Bytes>,
    ) {
        let Phase::Dialing(dialing) = &self.phase else {
            return self.with_leg(cx, id, |leg, cx| leg.hang_up(cx, None));
        };
        if dialing.callee != id {
            return self.with_leg(cx, id, |leg, cx| leg.hang_up(cx, None));
        }
        let plan = Arc::clone(&dialing.plan);
        let Some(incoming) = self.invite.take() else {
            return;
        };
        let offer = incoming.message.sdp();
        let late = offer.is_none();
        if !late {
            self.with_leg(cx, id, |leg, cx| leg.ack(cx, "", Bytes::new()));
        }
        let passed = match (&sdp, late) {
            (Some(sdp), false) => self.answer_for_caller(cx, &plan, sdp, early),
            (Some(sdp), true) => self.offer_for_caller(cx, &plan, sdp),
            (None, true) => Ok(Bytes::new()),
            (None, false) => Err(MediaFault::Nothing),
        };
        let body = match passed {
            Ok(body) => body,
            Err(fault) => {
                tracing::info!(%fault, "the callee's answer cannot be used");
                self.with_leg(cx, id, |leg, cx| leg.hang_up(cx, None));
                return self.refuse(cx, StatusCode::of(502), "", "the callee's SDP is unusable");
            }
        };
        self.answer_caller(cx, id, message, early, &body);
        let end_at = self.longest.map(|longest| cx.now.mono + longest);
        let late_offer = if late { sdp.clone() } else { None };
        self.phase = Phase::Connected(Box::new(Connected {
            callee: id,
            late_offer,
            end_at,
        }));
        self.answered_at = Some(cx.now);
        self.summary.answered_at = Some(cx.now.unix);
        self.event(CallEvent::Answered);
        self.open_recordings(&plan);
        if let (Some(offer), Some(answer)) = (offer, sdp)
            && !late
        {
            self.start_recordings(cx, &offer, &answer, Side::A);
        }
    }

    fn answer_caller(
        &mut self,
        cx: &mut Cx<'_>,
        id: LegId,
        message: &Message,
        early: usize,
        body: &Bytes,
    ) {
        let headers = self.headers_for_caller(id, message);
        let tag = self.caller_tag(cx, early);
        let status = message.status().unwrap_or(StatusCode::of(200));
        self.summary.status = status;
        self.with_leg(cx, LegId(0), |leg, cx| {
            leg.answer(
                cx,
                &Reply {
                    status,
                    reason: reason_of(&headers),
                    tag: Some(&tag),
                    headers: Some(&headers),
                    content_type: if body.is_empty() {
                        ""
                    } else {
                        "application/sdp"
                    },
                    body,
                },
            );
        });
    }

    /// The caller's ACK; after a late offer it brings the answer, which the callee's ACK passes on.
    pub(super) fn on_caller_ack(&mut self, cx: &mut Cx<'_>, ack: &Message) {
        let Phase::Connected(connected) = &mut self.phase else {
            return self.on_app_confirmed(cx);
        };
        let callee = connected.callee;
        let Some(offer) = connected.late_offer.take() else {
            return;
        };
        let Some(answer) = ack.sdp() else {
            return self.end(cx, EndedBy::Us, "the caller's ACK brought no answer");
        };
        let network = Arc::clone(&self.network);
        let mut commands = Vec::new();
        let passed = self
            .media
            .answer(cx, &network, Side::A, &answer, 0, &mut commands);
        self.media_commands(commands);
        match passed {
            Ok(body) => {
                self.with_leg(cx, callee, |leg, cx| {
                    leg.ack(cx, "application/sdp", body.into())
                });
                self.start_recordings(cx, &offer, &answer, Side::B);
            }
            Err(fault) => {
                tracing::info!(%fault, "the caller's answer cannot be used");
                self.end(cx, EndedBy::Us, "the caller's SDP is unusable");
            }
        }
    }

    fn answer_for_caller(
        &mut self,
        cx: &mut Cx<'_>,
        plan: &Connect,
        sdp: &Bytes,
        early: usize,
    ) -> Result<Bytes, MediaFault> {
        if !plan.relay {
            return Ok(sdp.clone());
        }
        let network = Arc::clone(&self.network);
        let mut commands = Vec::new();
        let version = self.tag_number(early) as u64;
        let answer = self
            .media
            .answer(cx, &network, Side::B, sdp, version, &mut commands);
        self.media_commands(commands);
        Ok(answer?.into())
    }

    fn offer_for_caller(
        &mut self,
        cx: &mut Cx<'_>,
        plan: &Connect,
        sdp: &Bytes,
    ) -> Result<Bytes, MediaFault> {
        if !plan.relay {
            return Ok(sdp.clone());
        }
        let network = Arc::clone(&self.network);
        let mut commands = Vec::new();
        let offer = self.media.offer(cx, &network, Side::B, sdp, &mut commands);
        self.media_commands(commands);
        Ok(offer?.into())
    }

    /// What crosses from a response of the callee to the caller: headers, and its phrase where both
    /// sides are trusted. A phrase is free text that may name a host (`404 unknown on 10.0.0.5`).
    fn headers_for_caller(&self, id: LegId, message: &Message) -> Message {
        let realm = |wanted: LegId| {
            let seat = self.legs.iter().find(|seat| seat.id == wanted);
            seat.map(|seat| self.network.realm(seat.leg.realm()).trust)
                .unwrap_or_default()
        };
        let border = Border {
            from: realm(id),
            to: realm(LegId(0)),
        };
        let status = message.status().unwrap_or(StatusCode::of(200));
        let phrase = if border.is_trusted() {
            reason_of(message)
        } else {
            ""
        };
        let mut draft = Message::response(status, phrase);
        cross(message, &mut draft, border);
        draft
    }

    /// Which of the caller's early dialogs shows it this one of the callee's: targets do not share
    /// any, since each answers the offer by itself.
    fn tag_number(&self, early: usize) -> usize {
        match &self.phase {
            Phase::Dialing(dialing) => dialing.first_tag + early,
            _ => early,
        }
    }

    /// The tag that shows the caller an early dialog of the callee's: each has its own (RFC 3261
    /// §12.1).
    fn caller_tag(&mut self, cx: &mut Cx<'_>, early: usize) -> Box<str> {
        let number = self.tag_number(early);
        self.shown_tags = self.shown_tags.max(number + 1);
        let Some(caller) = self.legs.first_mut() else {
            return "".into();
        };
        while caller.tags.len() <= number {
            let tag: Box<str> = new_tag(cx.entropy).into();
            let call_id = caller.leg.call_id().into();
            self.out.push_back(Output::Claim {
                call_id,
                tag: tag.clone(),
            });
            caller.tags.push(tag);
        }
        caller.tags[number].clone()
    }

    /// The callee refused.
    pub(super) fn on_refused(&mut self, cx: &mut Cx<'_>, id: LegId, message: &Message) {
        let Some((plan, target)) = self.dialed(id) else {
            return;
        };
        let status = message.status().unwrap_or(StatusCode::of(500));
        if may_fail_over(status) && target + 1 < plan.targets.len() {
            return self.dial(cx, plan, target + 1, None);
        }
        let headers = self.headers_for_caller(id, message);
        let reason = reason_of(&headers).to_owned();
        self.refuse_with(cx, status, &reason, Some(&headers), EndedBy::Callee);
    }

    /// The callee could not be reached, or never answered.
    pub(super) fn on_failed(&mut self, cx: &mut Cx<'_>, id: LegId, failure: Failure) {
        let Some((plan, target)) = self.dialed(id) else {
            return;
        };
        let status = match failure {
            Failure::TimedOut => StatusCode::of(408),
            Failure::Transport | Failure::Unresolved => StatusCode::of(503),
        };
        self.dial(cx, plan, target + 1, Some((status, String::new(), None)));
    }

    /// The callee rang too long.
    pub(super) fn on_ring_timeout(&mut self, cx: &mut Cx<'_>) {
        let Phase::Dialing(dialing) = &self.phase else {
            return;
        };
        let (plan, target, callee) = (Arc::clone(&dialing.plan), dialing.target, dialing.callee);
        self.with_leg(cx, callee, |leg, cx| leg.hang_up(cx, None));
        self.dial(
            cx,
            plan,
            target + 1,
            Some((StatusCode::of(408), String::new(), None)),
        );
    }

    fn dialed(&self, id: LegId) -> Option<(Arc<Connect>, usize)> {
        match &self.phase {
            Phase::Dialing(dialing) if dialing.callee == id => {
                Some((Arc::clone(&dialing.plan), dialing.target))
            }
            _ => None,
        }
    }

    fn refuse_media(&mut self, cx: &mut Cx<'_>, fault: MediaFault) {
        tracing::info!(%fault, "the caller's offer cannot be passed on");
        let (status, warning) = match fault {
            MediaFault::Sdp(_) => (488, "399 - \"the SDP cannot be read\""),
            MediaFault::Family => (488, "300 - \"the sides have no address family in common\""),
            MediaFault::Nothing => (488, "304 - \"no media that can be relayed\""),
            MediaFault::Media(MediaError::NoPorts | MediaError::NoDescriptors) => (503, ""),
            MediaFault::Media(_) => (500, ""),
        };
        let mut headers = Message::response(StatusCode::of(200), "");
        if !warning.is_empty() {
            let _fixed = headers.push(HeaderName::Warning, warning);
        }
        self.refuse_with(cx, StatusCode::of(status), "", Some(&headers), EndedBy::Us);
    }

    /// Refuses the caller and ends the call.
    pub(super) fn refuse(&mut self, cx: &mut Cx<'_>, status: StatusCode, phrase: &str, why: &str) {
        self.summary.reason = why.into();
        self.refuse_with(cx, status, phrase, None, EndedBy::Us);
    }

    fn refuse_with(
        &mut self,
        cx: &mut Cx<'_>,
        status: StatusCode,
        phrase: &str,
        headers: Option<&Message>,
        by: EndedBy,
    ) {
        self.summary.status = status;
        self.with_leg(cx, LegId(0), |leg, cx| {
            leg.refuse(cx, status, phrase, headers)
        });
        let why = std::mem::take(&mut self.summary.reason);
        let why = if why.is_empty() {
            status.reason().into()
        } else {
            why
        };
        self.end(cx, by, &why);
    }

    /// In-dialog requests that are not built yet are refused by the code the RFC has for it: a
    /// re-INVITE keeps its session (RFC 3261 §14.2), other methods are not allowed (§8.2.1).
    pub(super) fn refuse_in_dialog(
        &mut self,
        cx: &mut Cx<'_>,
        id: LegId,
        tx: crate::transaction::TxId,
        request: &Message,
    ) {
        let (status, headers): (u16, &[(HeaderName, &str)]) = match request.method() {
            Some(Method::Invite) => (488, &[]),
            Some(Method::Options) => (200, &[(HeaderName::Allow, crate::ua::ALLOW)]),
            _ => (405, &[(HeaderName::Allow, crate::ua::ALLOW)]),
        };
        self.with_leg(cx, id, |leg, cx| {
            leg.reply_to_request(cx, tx, request, StatusCode::of(status), headers);
        });
    }
}

/// Whether another target may take a call that this one refused: 408, 430, 480 and 5xx.
fn may_fail_over(status: StatusCode) -> bool {
    matches!(status.code(), 408 | 430 | 480) || status.class() == 5
}

fn reason_of(message: &Message) -> &str {
    match message.start() {
        crate::sip::StartLine::Response { reason, .. } => reason,
        crate::sip::StartLine::Request { .. } => "",
    }
}
