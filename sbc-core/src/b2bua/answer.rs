//! From the callee's first answer to the caller's ACK: early media, 2xx, late offer, recorders.

use super::call::{Call, Connected, Phase};
use super::event::{CallEvent, EndedBy, Side};
use super::in_dialog::Ruled;
use super::io::{Cx, LegId, Output};
use super::media::{Half, MediaFault, Passing, Version};
use super::plan::Connect;
use super::setup::reason_of;
use crate::sip::{Message, Method, StatusCode, new_tag};
use crate::ua::Reply;
use bytes::Bytes;
use std::sync::Arc;

impl Call {
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
        let early = dialing.first_early + early;
        let (plan, Some(status)) = (Arc::clone(&dialing.plan), message.status()) else {
            return;
        };
        let version = Version::Early(early as u64);
        let body = match answer {
            Some(sdp) => {
                let (half, from) = (Half::Answer, Side::B);
                let passing = Passing {
                    half,
                    from,
                    sdp: &sdp,
                    version,
                };
                let body = self.pass_sdp(cx, &plan, &passing).unwrap_or_default();
                self.note_shown(early, &body);
                body
            }
            // Repeated for a caller that may have lost it; media stay where they are.
            None if message.sdp().is_some() => self.shown(early),
            None => Bytes::new(),
        };
        let headers = self.passed_reply(id, LegId(0), &Method::Invite, message);
        let status = headers.status().unwrap_or(status);
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

    fn note_shown(&mut self, early: usize, body: &Bytes) {
        if let Phase::Dialing(dialing) = &mut self.phase {
            dialing.shown.push((early, body.clone()));
        }
    }

    /// The description that the caller was shown in this early dialog; none where it was not.
    fn shown(&self, early: usize) -> Bytes {
        let Phase::Dialing(dialing) = &self.phase else {
            return Bytes::new();
        };
        let shown = dialing.shown.iter().find(|(of, _)| *of == early);
        shown.map(|(_, body)| body.clone()).unwrap_or_default()
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
        let early = dialing.first_early + early;
        let (plan, target) = (Arc::clone(&dialing.plan), dialing.target);
        // While the INVITE is here that its rules look at.
        let headers = self.passed_reply(id, LegId(0), &Method::Invite, message);
        let Some(incoming) = self.invite.take() else {
            return;
        };
        let offer = incoming.message.sdp();
        let ruled = Ruled::new(&plan, target, incoming);
        if offer.is_some() || sdp.is_none() {
            let ack = ruled.as_ref().map(|ruled| ruled.draft(Method::Ack));
            self.with_leg(cx, id, |leg, cx| leg.ack(cx, ack.as_ref()));
        }
        let version = Version::Early(early as u64);
        let half = if offer.is_some() {
            Half::Answer
        } else {
            Half::Offer
        };
        let passed = match (&sdp, &offer) {
            (Some(sdp), _) => {
                let passing = Passing {
                    half,
                    from: Side::B,
                    sdp,
                    version,
                };
                self.pass_sdp(cx, &plan, &passing)
            }
            (None, None) => Ok(Bytes::new()),
            (None, Some(_)) => Err(MediaFault::Nothing),
        };
        let body = match passed {
            Ok(body) => body,
            Err(fault) => {
                tracing::info!(%fault, "the callee's answer cannot be used");
                self.with_leg(cx, id, |leg, cx| leg.hang_up(cx, None));
                if fault == MediaFault::Codecs && half == Half::Offer {
                    return self.refuse_media(cx, fault);
                }
                return self.refuse(cx, StatusCode::of(502), "", "the callee's SDP is unusable");
            }
        };
        self.answer_caller(cx, &headers, early, &body);
        let end_at = self.longest.map(|longest| cx.now.mono + longest);
        let late_offer = half == Half::Offer && sdp.is_some();
        let agreed = (half == Half::Answer).then(|| self.media.agreed(Side::A));
        let started = Arc::clone(&plan);
        self.phase = Phase::Connected(Box::new(Connected {
            plan,
            ruled,
            callee: id,
            late_offer,
            end_at,
            exchanges: Vec::new(),
        }));
        self.answered_at = Some(cx.now);
        self.summary.answered_at = Some(cx.now.unix);
        self.event(CallEvent::Answered);
        self.open_recordings(&started);
        if let Some(agreed) = agreed {
            self.tell_recordings(cx, &agreed);
        }
    }

    fn answer_caller(&mut self, cx: &mut Cx<'_>, headers: &Message, early: usize, body: &Bytes) {
        let tag = self.caller_tag(cx, early);
        let status = headers.status().unwrap_or(StatusCode::of(200));
        self.summary.status = status;
        self.with_leg(cx, LegId(0), |leg, cx| {
            leg.answer(
                cx,
                &Reply {
                    status,
                    reason: reason_of(headers),
                    tag: Some(&tag),
                    headers: Some(headers),
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
        let (callee, plan) = (connected.callee, Arc::clone(&connected.plan));
        if !std::mem::take(&mut connected.late_offer) {
            return self.on_exchange_ack(cx, Side::A, ack);
        }
        let Some(answer) = ack.sdp() else {
            return self.end(cx, EndedBy::Us, "the caller's ACK brought no answer");
        };
        let (half, version) = (Half::Answer, Version::Early(0));
        let passing = Passing {
            half,
            from: Side::A,
            sdp: &answer,
            version,
        };
        match self.pass_sdp(cx, &plan, &passing) {
            Ok(body) => {
                let ack = self.draft_for(Side::A, Method::Ack, Some(ack), body);
                self.with_leg(cx, callee, |leg, cx| leg.ack(cx, Some(&ack)));
                let agreed = self.media.agreed(Side::B);
                self.tell_recordings(cx, &agreed);
            }
            Err(fault) => {
                tracing::info!(%fault, "the caller's answer cannot be used");
                self.end(cx, EndedBy::Us, "the caller's SDP is unusable");
            }
        }
    }

    /// A description of one side, as the other is to see it.
    pub(super) fn pass_sdp(
        &mut self,
        cx: &mut Cx<'_>,
        plan: &Connect,
        passing: &Passing<'_>,
    ) -> Result<Bytes, MediaFault> {
        if !plan.relay {
            return Ok(self.media.pass_by(passing)?.into());
        }
        let network = Arc::clone(&self.network);
        let mut commands = Vec::new();
        let passed = self.media.pass(cx, &network, passing, &mut commands);
        self.media_commands(commands);
        Ok(passed?.into())
    }

    /// The tag that shows the caller an early dialog of the callee's: each has its own (RFC 3261
    /// §12.1).
    fn caller_tag(&mut self, cx: &mut Cx<'_>, early: usize) -> Box<str> {
        self.shown_tags = self.shown_tags.max(early + 1);
        let Some(caller) = self.legs.first_mut() else {
            return "".into();
        };
        while caller.tags.len() <= early {
            let tag: Box<str> = new_tag(cx.entropy).into();
            let call_id = caller.leg.call_id().into();
            self.out.push_back(Output::Claim {
                call_id,
                tag: tag.clone(),
            });
            caller.tags.push(tag);
        }
        caller.tags[early].clone()
    }
}
