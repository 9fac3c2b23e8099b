//! Slots of trunks: what lets a call begin, and where it may go.
//!
//! | of a call | its slot of a trunk |
//! |---|---|
//! | leg of the caller, from a trunk | from the plan to the end of the call |
//! | leg of a callee, at a trunk | from its INVITE until the next target is tried, or to the end |
//! | next target of the same trunk | keeps the slot: one call, one slot, however many INVITEs |
//! | both legs at one trunk (a spiral) | two slots |
//! | refused by policy, or by Max-Forwards | none |
//!
//! The end is when the call's end is told: what still lingers for retransmissions holds no slot. A
//! leg owns its slot, so that nothing that becomes of a call, a panic included, can keep it.

use super::call::Call;
use super::event::EndedBy;
use super::io::{Cx, LegId, Output};
use super::legs::Role;
use super::plan::{CallPlan, Connect};
use crate::ports::{PolicyEngine, RequestFacts};
use crate::quota::{Full, Slot, Way};
use crate::sip::{HeaderName, Message, StatusCode};
use crate::time::Instant;
use std::sync::Arc;

/// What the caller hears if nobody is left to be called: what the last target said.
pub(super) struct Last {
    pub(super) status: StatusCode,
    pub(super) phrase: Box<str>,
    pub(super) by: EndedBy,
    /// For the record of the call; the status says it where this is empty.
    pub(super) why: Box<str>,
}

impl Last {
    pub(super) fn of(status: u16) -> Self {
        Self {
            status: StatusCode::of(status),
            phrase: "".into(),
            by: EndedBy::Callee,
            why: "".into(),
        }
    }
}

impl From<Full> for Last {
    /// Without Retry-After: that would keep the caller's proxy from calling anybody through us (RFC
    /// 3261 §21.5.4), and it is one trunk that is full.
    fn from(full: Full) -> Self {
        Self {
            status: full.limits.status,
            phrase: full.limits.reason.clone(),
            by: EndedBy::Us,
            why: full.rule().into(),
        }
    }
}

/// The slot of the trunk that a call comes from, where it comes from one. A call that policy
/// refuses needs none.
pub(super) fn arrival(
    policy: &dyn PolicyEngine,
    facts: &RequestFacts<'_>,
    plan: &CallPlan,
    now: Instant,
) -> Result<Option<Slot>, Full> {
    if matches!(plan, CallPlan::Refuse(_)) {
        return Ok(None);
    }
    let quota = policy.origin(facts);
    quota.map(|quota| quota.take(now, Way::In)).transpose()
}

/// The first target from number `target` on whose trunk has a slot, with that slot; `held` is the
/// one of the target before, given back where it is of another trunk. Nothing: there is no target
/// left, and `last` says what to tell the caller.
pub(super) fn vacant(
    plan: &Connect,
    mut target: usize,
    held: Option<Slot>,
    now: Instant,
    last: &mut Last,
) -> Option<(usize, Option<Slot>)> {
    let quota_of = |target: usize| plan.targets.get(target).map(|t| t.quota.as_ref());
    let next = quota_of(target).flatten();
    let held = held.filter(|slot| next.is_some_and(|quota| quota.gave(slot)));
    if held.is_some() {
        return Some((target, held));
    }
    loop {
        let Some(quota) = quota_of(target)? else {
            return Some((target, None));
        };
        match quota.take(now, Way::Out) {
            Ok(slot) => return Some((target, Some(slot))),
            Err(full) => *last = full.into(),
        }
        // It is as full for its other targets, and was asked.
        target += 1;
        while quota_of(target)?.is_some_and(|next| next.counts_with(quota)) {
            target += 1;
        }
    }
}

impl Call {
    /// The leg holds this slot from now on.
    pub(super) fn hold(&mut self, leg: LegId, slot: Option<Slot>) {
        if let Some(seat) = self.legs.iter_mut().find(|seat| seat.id == leg) {
            seat.slot = slot;
        }
    }

    /// Takes the slot from the callee that was called last.
    pub(super) fn slot_of_callee(&mut self) -> Option<Slot> {
        let mut callees = self.legs.iter_mut().filter(|s| s.role == Role::Callee);
        callees.find_map(|seat| seat.slot.take())
    }

    /// Gives all slots back: the call is over.
    pub(super) fn give_slots_back(&mut self) {
        for seat in &mut self.legs {
            seat.slot = None;
        }
    }

    /// The trunk that the call came from is full.
    pub(super) fn refuse_full(&mut self, cx: &mut Cx<'_>, plan: &CallPlan, full: &Full) {
        if let CallPlan::Connect(plan) = plan
            && !plan.modules.is_empty()
        {
            self.out.push_back(Output::Tell(Arc::clone(plan)));
        }
        let mut headers = Message::response(StatusCode::of(200), "");
        if let Some(seconds) = full.retry_after() {
            let _fixed = headers.push(HeaderName::RetryAfter, seconds);
        }
        self.summary.trunk = Some(Arc::clone(&full.trunk));
        self.summary.reason = full.rule().into();
        let (status, phrase) = (full.limits.status, &full.limits.reason);
        self.refuse_with(cx, status, phrase, Some(&headers), EndedBy::Us);
    }
}
