//! Replies of one side as the other hears them: status code, phrase, headers.
//!
//! | reply | code | headers |
//! |---|---|---|
//! | of a target to the INVITE, above 100 | by `reply_codes` of the plan | those that cross, then the rules for replies |
//! | of the callee, inside the call | the same | the same |
//! | of the caller, inside the call | the same | those that cross: the rules are for what the caller hears |
//! | a target is silent, or cannot be reached | 408 or 503, as if it had said so: by `reply_codes` | what the rules add |
//! | our own: refused by policy or modules, 100, 483, 487, 488, 491 and kin | as it is | ours |
//!
//! What becomes of the call is decided by the code that came: the next target, a redirection, the
//! end of a dialog.

use super::call::{Call, Phase};
use super::in_dialog::facts_of;
use super::io::LegId;
use super::plan::{Connect, HeaderPass};
use super::relay::{Border, cross};
use super::setup::reason_of;
use crate::sip::{Message, Method, StatusCode};

impl Call {
    /// A reply that one leg got to a request with this method, as the other is to hear it.
    pub(super) fn passed_reply(
        &self,
        from: LegId,
        to: LegId,
        method: &Method,
        reply: &Message,
    ) -> Message {
        let border = self.border(from, to);
        let mut draft = self.told(border, reply);
        cross(reply, &mut draft, border, self.header_pass());
        if to == LegId(0) {
            self.rule_reply(method, &mut draft);
        }
        draft
    }

    /// What the caller hears of a target that says nothing.
    pub(super) fn reply_of_silence(&self, status: StatusCode) -> Message {
        let border = self.border(LegId(0), LegId(0));
        let mut draft = self.told(border, &Message::response(status, ""));
        self.rule_reply(&Method::Invite, &mut draft);
        draft
    }

    /// Status and phrase. A phrase is free text that may name a host (`404 unknown on 10.0.0.5`):
    /// it crosses where both sides are trusted.
    fn told(&self, border: Border, reply: &Message) -> Message {
        let status = reply.status().unwrap_or(StatusCode::of(500));
        let translated = self.plan().and_then(|plan| plan.reply_codes.told(status));
        match translated {
            Some((status, phrase)) => Message::response(status, phrase),
            None if border.is_trusted() => Message::response(status, reason_of(reply)),
            None => Message::response(status, ""),
        }
    }

    fn rule_reply(&self, method: &Method, draft: &mut Message) {
        match &self.phase {
            Phase::Connected(connected) => {
                if let Some(ruled) = &connected.ruled {
                    ruled.apply_to_reply(method, draft);
                }
            }
            Phase::Dialing(dialing) => {
                let target = dialing.plan.targets.get(dialing.target);
                if let (Some(rules), Some(invite)) = (&dialing.plan.rules, &self.invite) {
                    let target = target.and_then(|target| target.trunk.as_deref());
                    rules.apply_to_reply(&facts_of(invite, target), method, draft);
                }
            }
            _ => {}
        }
    }

    /// What the policy said of the call, while it has two sides.
    pub(super) fn plan(&self) -> Option<&Connect> {
        match &self.phase {
            Phase::Dialing(dialing) => Some(&dialing.plan),
            Phase::Connected(connected) => Some(&connected.plan),
            _ => None,
        }
    }

    /// Headers that nobody knows and that cross nevertheless.
    pub(super) fn header_pass(&self) -> Option<&HeaderPass> {
        self.plan().map(|plan| &plan.header_pass)
    }

    /// The border between the sides of two legs.
    pub(super) fn border(&self, from: LegId, to: LegId) -> Border {
        let trust = |wanted: LegId| {
            let seat = self.legs.iter().find(|seat| seat.id == wanted);
            seat.map(|seat| self.network.realm(seat.leg.realm()).trust)
                .unwrap_or_default()
        };
        Border {
            from: trust(from),
            to: trust(to),
        }
    }
}
