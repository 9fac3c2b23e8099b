//! From the INVITE to the answer: plan, modules, targets one after the other, early media, 2xx.

use super::admission::{self, Last};
use super::call::{Call, Dialing, Phase};
use super::event::{CallEvent, EndedBy, Side};
use super::in_dialog::facts_of;
use super::io::{Cx, LegId, Output};
use super::legs::{Role, Seat};
use super::media::{Half, MediaFault, Passing, Version};
use super::plan::{CallPlan, Connect, Redirect, TargetPlan};
use super::redirect;
use super::relay::{Border, cross};
use crate::dialog::DialogIds;
use crate::limits;
use crate::ports::{Effect, PolicyEngine, RequestFacts, Verdict};
use crate::sip::{HeaderName, Message, Method, StatusCode};
use crate::transport::Incoming;
use crate::ua::{Dial, Failure, Leg, LegCx};
use std::collections::VecDeque;
use std::sync::Arc;

impl Call {
    /// Asks the policy and acts on it.
    pub(super) fn begin_plan(&mut self, cx: &mut Cx<'_>, policy: &dyn PolicyEngine) {
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
        let plan = policy.plan(&facts, cx.entropy);
        let slot = admission::arrival(policy, &facts, &plan, cx.now.mono);
        let is_full = slot.is_err();
        cx.probe
            .note(|| ("call", "(new)", input_of(&plan, is_full)));
        self.note_plan(&plan);
        self.event(CallEvent::Started);
        match slot {
            Ok(slot) => self.hold(LegId(0), slot),
            Err(full) => return self.refuse_full(cx, &plan, &full),
        }
        match plan {
            CallPlan::Refuse(refusal) => {
                self.refuse(cx, refusal.status, &refusal.reason, "refused by policy");
            }
            CallPlan::App(plan) => {
                self.serve(cx, &plan, incoming);
            }
            CallPlan::Connect(plan) => {
                self.invite = Some(incoming);
                self.media.obey(&plan);
                let udp_max = plan.udp_max;
                self.with_leg(cx, LegId(0), |leg, _| leg.set_udp_max(udp_max));
                if plan.modules.is_empty() {
                    self.dial(cx, plan, 0, Last::of(503));
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
        let goes_on = matches!(verdict, Verdict::Continue(_));
        self.met(
            cx,
            if goes_on {
                "verdict continue"
            } else {
                "verdict refuse"
            },
        );
        let Phase::Admitting(plan) = &self.phase else {
            return;
        };
        let plan = Arc::clone(plan);
        match verdict {
            Verdict::Continue(effects) => {
                for Effect::EndAfter(longest) in effects {
                    self.longest = Some(self.longest.map_or(longest, |l| l.min(longest)));
                }
                self.dial(cx, plan, 0, Last::of(503));
            }
            Verdict::Refuse(status, reason) => {
                self.refuse(cx, status, &reason, "refused by call control");
            }
        }
    }

    /// Calls target number `target`, or the first behind it whose trunk is not full; where there is
    /// none left, refuses the caller with what the last one said.
    fn dial(&mut self, cx: &mut Cx<'_>, plan: Arc<Connect>, target: usize, mut last: Last) {
        let held = self.slot_of_callee();
        let vacant = admission::vacant(&plan, target, held, cx.now.mono, &mut last);
        let found = vacant.and_then(|(n, slot)| plan.targets.get(n).map(|t| (n, t, slot)));
        let Some((target, wanted, slot)) = found else {
            return self.refuse_at_last(cx, last);
        };
        let Some(incoming) = self.invite.take() else {
            return;
        };
        let draft = self.draft(cx, &plan, wanted, &incoming);
        let draft = match draft {
            Ok(draft) => draft,
            Err(fault) => return self.refuse_media(cx, fault),
        };
        let ids = self.callee_ids(cx, &plan, target, &incoming.message);
        let leg = new_dial(wanted, ids, &incoming.message, draft);
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
        self.summary.call_id_b = Some(dial.ids.call_id.clone());
        let give_up_at = cx.now.mono + plan.ring_timeout;
        let callee = self.new_leg_id();
        self.phase = Phase::Dialing(Box::new(Dialing {
            first_early: self.shown_tags,
            shown: Vec::new(),
            plan,
            target,
            callee,
            give_up_at,
        }));
        self.place(cx, callee, Role::Callee, dial);
        self.hold(callee, slot);
    }

    /// Adds a leg that places a call.
    pub(super) fn place(&mut self, cx: &mut Cx<'_>, id: LegId, role: Role, dial: Dial) {
        self.out.push_back(Output::Claim {
            call_id: dial.ids.call_id.clone(),
            tag: dial.ids.local_tag.clone(),
        });
        let tags = vec![dial.ids.local_tag.clone()];
        let mut outputs = VecDeque::new();
        let mut leg_cx = LegCx {
            now: cx.now.mono,
            entropy: cx.entropy,
            refusals: cx.refusals,
            out: &mut outputs,
            probe: cx.probe,
        };
        let leg = Leg::dial(&mut leg_cx, Arc::clone(&self.network), dial);
        self.legs.push(Seat {
            id,
            role,
            leg,
            tags,
            slot: None,
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
        let pass = Some(&plan.header_pass);
        cross(&incoming.message, &mut draft, border, pass);
        if let Some(rules) = &plan.rules {
            let facts = facts_of(incoming, target.trunk.as_deref());
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
        let version = Version::Early(0);
        let (half, from) = (Half::Offer, Side::A);
        let passing = Passing {
            half,
            from,
            sdp: &sdp,
            version,
        };
        let body = self.pass_sdp(cx, plan, &passing)?;
        let _typed = draft.set_body("application/sdp", body);
        Ok(draft)
    }

    /// The ids of the INVITE to target number `target`: our own, or the caller's where the plan
    /// says so and no other call bears the same.
    fn callee_ids(
        &self,
        cx: &mut Cx<'_>,
        plan: &Connect,
        target: usize,
        invite: &Message,
    ) -> DialogIds {
        let step = u32::try_from(target).unwrap_or(u32::MAX).saturating_add(1);
        let kept = if plan.transparent_ids && !self.shares_call_id {
            DialogIds::carried_on(invite, step)
        } else {
            None
        };
        kept.unwrap_or_else(|| DialogIds::random(cx.entropy))
    }

    /// The callee refused.
    pub(super) fn on_refused(&mut self, cx: &mut Cx<'_>, id: LegId, message: &Message) {
        let Some((mut plan, target)) = self.dialed(id) else {
            return;
        };
        let status = message.status().unwrap_or(StatusCode::of(500));
        let is_followed = plan.redirect == Redirect::Follow
            && redirect::follow(&self.network, &mut plan, target, message);
        let goes_on = plan.failover.contains(status)
            || is_followed
            || redirect::leads_on(&plan, target, status);
        if goes_on && target + 1 < plan.targets.len() {
            return self.dial(cx, plan, target + 1, Last::of(503));
        }
        let mut reply = self.passed_reply(id, LegId(0), &Method::Invite, message);
        let is_redirection = |status: StatusCode| status.class() == 3;
        if is_redirection(status)
            && reply.status().is_some_and(is_redirection)
            && self.shows_contacts(id, plan.redirect)
        {
            let contacts = message.headers().filter(|l| *l.name == HeaderName::Contact);
            contacts.for_each(|line| reply.push_copy(line));
        }
        self.refuse_as(cx, status, &reply);
    }

    /// Refuses the caller where no target is left: for one that said nothing, or by our limits.
    fn refuse_at_last(&mut self, cx: &mut Cx<'_>, last: Last) {
        if last.by == EndedBy::Callee {
            let reply = self.reply_of_silence(last.status);
            return self.refuse_as(cx, last.status, &reply);
        }
        self.summary.reason = last.why;
        self.refuse_with(cx, last.status, &last.phrase, None, last.by);
    }

    /// Refuses the caller for a target, of whose `status` it hears `reply`.
    fn refuse_as(&mut self, cx: &mut Cx<'_>, status: StatusCode, reply: &Message) {
        let told = reply.status().unwrap_or(status);
        if told != status {
            // What the target said stays known.
            self.summary.reason = format!("{} {}", status.code(), status.reason()).into();
        }
        let phrase = reason_of(reply);
        self.refuse_with(cx, told, phrase, Some(reply), EndedBy::Callee);
    }

    /// Whether the caller gets the Contacts of a callee's 3xx: they name hosts of the callee's
    /// side.
    fn shows_contacts(&self, callee: LegId, redirect: Redirect) -> bool {
        match redirect {
            Redirect::Pass => true,
            Redirect::Follow | Redirect::PassIfTrusted => {
                self.border(callee, LegId(0)).is_trusted()
            }
        }
    }

    /// The callee could not be reached, or never answered.
    pub(super) fn on_failed(&mut self, cx: &mut Cx<'_>, id: LegId, failure: Failure) {
        let Some((plan, target)) = self.dialed(id) else {
            return;
        };
        let status = match failure {
            Failure::TimedOut => 408,
            Failure::Transport | Failure::Unresolved => 503,
        };
        self.dial(cx, plan, target + 1, Last::of(status));
    }

    /// The callee rang too long.
    pub(super) fn on_ring_timeout(&mut self, cx: &mut Cx<'_>) {
        let Phase::Dialing(dialing) = &self.phase else {
            return;
        };
        let (plan, target, callee) = (Arc::clone(&dialing.plan), dialing.target, dialing.callee);
        self.with_leg(cx, callee, |leg, cx| leg.hang_up(cx, None));
        self.dial(cx, plan, target + 1, Last::of(408));
    }

    fn dialed(&self, id: LegId) -> Option<(Arc<Connect>, usize)> {
        match &self.phase {
            Phase::Dialing(dialing) if dialing.callee == id => {
                Some((Arc::clone(&dialing.plan), dialing.target))
            }
            _ => None,
        }
    }

    pub(super) fn refuse_media(&mut self, cx: &mut Cx<'_>, fault: MediaFault) {
        tracing::info!(%fault, "an offer cannot be passed on");
        let (status, warning) = fault.refusal();
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

    pub(super) fn refuse_with(
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
}

/// What the policy said, as the call's table has it.
fn input_of(plan: &CallPlan, trunk_is_full: bool) -> &'static str {
    match plan {
        _ if trunk_is_full => "INVITE, trunk is full",
        CallPlan::Refuse(_) => "INVITE, plan refuses",
        CallPlan::App(_) => "INVITE, plan is an app",
        CallPlan::Connect(plan) if plan.modules.is_empty() => "INVITE, plan connects",
        CallPlan::Connect(_) => "INVITE, plan has modules",
    }
}

fn new_dial(
    target: &TargetPlan,
    ids: DialogIds,
    invite: &Message,
    mut draft: Message,
) -> Option<Dial> {
    let (from, to) = (draft.from().ok()?, draft.to().ok()?);
    draft.remove(&HeaderName::From);
    draft.remove(&HeaderName::To);
    Some(Dial {
        realm: target.realm,
        target: target.target.clone(),
        udp_max: target.udp_max,
        ids,
        request_uri: target.request_uri.clone(),
        from,
        to,
        max_forwards: invite
            .max_forwards()
            .unwrap_or(limits::MAX_FORWARDS)
            .min(limits::MAX_FORWARDS)
            .saturating_sub(1),
        contact_params: "",
        draft: Box::new(draft),
    })
}

pub(super) fn reason_of(message: &Message) -> &str {
    match message.start() {
        crate::sip::StartLine::Response { reason, .. } => reason,
        crate::sip::StartLine::Request { .. } => "",
    }
}
