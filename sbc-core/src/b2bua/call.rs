//! A call: an arena of legs, the role each plays, and the phase they are in. This file holds the
//! parts and passes inputs on; what happens in each flow is in `setup`, `teardown`, `recording` and
//! `app`.
//!
//! | phase | input | next phase | outputs | where |
//! |---|---|---|---|---|
//! | (new) | INVITE, plan refuses | Ending | 100, refusal | setup |
//! | (new) | INVITE, trunk is full | Ending | 100, refusal; Tell, where the plan has modules | admission |
//! | (new) | INVITE, plan is an app | Serving | 100, what the app says | app |
//! | (new) | INVITE, plan has modules | Admitting | 100, Ask | setup |
//! | (new) | INVITE, plan connects | Dialing | 100, INVITE to the first target | setup |
//! | Admitting | verdict continue | Dialing | INVITE to the first target | setup |
//! | Admitting | verdict refuse | Ending | refusal | setup |
//! | Dialing | callee's 1xx | Dialing | 1xx to the caller; media, where it is the first with SDP of its early dialog | setup |
//! | Dialing | callee's 2xx | Connected | ACK, 2xx to the caller, media | setup |
//! | Dialing | callee refuses, fails, rings too long | Dialing | CANCEL or nothing, next target | setup |
//! | Dialing | callee's 3xx, where it is followed | Dialing | INVITE to its best Contact | setup, redirect |
//! | Dialing | the same with the last target, or those left are full | Ending | refusal to the caller | setup |
//! | any before Connected | caller's CANCEL | Ending | 200, 487, CANCEL to the callee | teardown |
//! | Connected | caller's ACK | Connected | ACK with the answer (late offer), recorders start | setup |
//! | Connected | callee's ACK | Connected | where it brings an answer: ACK with it to the caller | in_dialog |
//! | Connected | re-INVITE, UPDATE, INFO of one side | Connected | the same to the other side | in_dialog |
//! | Connected | its answer | Connected | the same back, media, ACK; recorders hear of it | in_dialog |
//! | Connected | CANCEL of a re-INVITE | Connected | CANCEL of the one that it became | in_dialog |
//! | Connected | BYE of either side | Ending | 200, BYE to the other and to recorders | teardown |
//! | Connected | no ACK, longest duration, operator | Ending | BYE to both and to recorders | teardown |
//! | Serving | BYE, CANCEL, no ACK, operator | Ending | 200 or BYE | teardown, app |
//! | Ending | last transaction over | Done | Done | teardown |

use super::app::Served;
use super::event::{CallEvent, CallSummary, EndedBy};
use super::in_dialog::{Exchange, Ruled};
use super::io::{CallKey, Command, Cx, Input, LegId, Names, Output};
use super::legs::{Role, Seat};
use super::media::CallMedia;
use super::plan::Connect;
use super::recording::Recording;
use crate::net::Network;
use crate::ports::{MediaCmd, MediaEvent, PolicyEngine, SessionId};
use crate::sip::{Message, StatusCode};
use crate::time::{Instant, Now};
use crate::transport::Incoming;
use crate::ua::{Leg, LegCx, LegEvent};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// A callee is being called.
#[derive(Debug)]
pub(super) struct Dialing {
    pub(super) plan: Arc<Connect>,
    /// Index into the plan's targets.
    pub(super) target: usize,
    pub(super) callee: LegId,
    pub(super) give_up_at: Instant,
    /// How many early dialogs of former targets the caller was shown: targets do not share any,
    /// since each answers the offer by itself.
    pub(super) first_early: usize,
    /// The descriptions that the caller was shown in early dialogs of this target.
    pub(super) shown: Vec<(usize, Bytes)>,
}

/// Both sides answered.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) plan: Arc<Connect>,
    /// What header rules need until the end.
    pub(super) ruled: Option<Ruled>,
    pub(super) callee: LegId,
    /// The offer of the callee that waits for the caller's answer in the ACK (late offer).
    pub(super) late_offer: bool,
    /// When the plan's longest duration is over.
    pub(super) end_at: Option<Instant>,
    /// In-dialog requests of one side that the other has not answered yet.
    pub(super) exchanges: Vec<Exchange>,
}

/// Where the call stands; see the table above.
#[derive(Debug)]
pub(super) enum Phase {
    Admitting(Arc<Connect>),
    Dialing(Box<Dialing>),
    Connected(Box<Connected>),
    Serving(Served),
    Ending,
}

/// How far the end has been told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    No,
    /// [`CallEvent::Ended`] was put out.
    Told,
    /// [`Output::Done`] was put out.
    Gone,
}

/// A call.
#[derive(Debug)]
pub struct Call {
    pub(super) key: CallKey,
    pub(super) network: Arc<Network>,
    pub(super) phase: Phase,
    pub(super) legs: Vec<Seat>,
    pub(super) next_leg: u32,
    /// How many of the caller's tags responses have shown.
    pub(super) shown_tags: usize,
    pub(super) media: CallMedia,
    pub(super) recordings: Vec<Recording>,
    /// The INVITE that began it, until the callee answered.
    pub(super) invite: Option<Box<Incoming>>,
    /// Another call bears the Call-ID of the caller's leg too.
    pub(super) shares_call_id: bool,
    pub(super) longest: Option<Duration>,
    pub(super) summary: Box<CallSummary>,
    pub(super) answered_at: Option<Now>,
    pub(super) ended: Ended,
    pub(super) events: VecDeque<(LegId, LegEvent)>,
    pub(super) out: VecDeque<Output>,
}

impl Call {
    /// A call begins with an INVITE that has no defects. Nothing: the INVITE cannot begin a dialog.
    ///
    /// The policy is asked here and never again: what it says and its network are the call's to its
    /// end, whatever is configured meanwhile.
    #[must_use]
    pub fn begin(
        cx: &mut Cx<'_>,
        policy: &dyn PolicyEngine,
        names: &Names<'_>,
        incoming: Box<Incoming>,
    ) -> Option<Self> {
        let &Names {
            key,
            id,
            local_tag,
            shares_call_id,
        } = names;
        let network = Arc::clone(policy.network());
        let realm = network.listener(incoming.flow.listener).realm;
        let mut outputs = VecDeque::new();
        let mut leg_cx = LegCx {
            now: cx.now.mono,
            entropy: cx.entropy,
            refusals: cx.refusals,
            out: &mut outputs,
            probe: cx.probe,
        };
        let arrived = incoming.clone();
        let leg = Leg::accept(&mut leg_cx, Arc::clone(&network), arrived, local_tag, "")?;
        let mut call = Self {
            key,
            network,
            phase: Phase::Ending,
            legs: Vec::with_capacity(2),
            next_leg: 1,
            shown_tags: 0,
            media: CallMedia::new(SessionId(key.0), realm),
            recordings: Vec::new(),
            summary: Box::new(CallSummary {
                generation: policy.generation(),
                ..summary(id, &incoming.message, cx.now)
            }),
            invite: Some(incoming),
            shares_call_id,
            longest: None,
            answered_at: None,
            ended: Ended::No,
            events: VecDeque::new(),
            out: VecDeque::with_capacity(8),
        };
        let tags = vec![local_tag.into()];
        call.legs.push(Seat {
            id: LegId(0),
            role: Role::Caller,
            leg,
            tags,
            slot: None,
        });
        call.take_outputs(LegId(0), outputs);
        call.begin_plan(cx, policy);
        call.settle(cx);
        Some(call)
    }

    /// An input. Take every output before the next one.
    pub fn handle(&mut self, cx: &mut Cx<'_>, input: Input) {
        debug_assert!(
            self.out.is_empty(),
            "outputs are taken before the next input"
        );
        match input {
            Input::Message(incoming) => self.on_message(cx, incoming),
            Input::Timeout => self.on_timeout(cx),
            Input::Verdict(verdict) => self.on_verdict(cx, *verdict),
            Input::Resolved(resolved) => {
                let (id, addresses) = *resolved;
                self.with_leg(cx, id, |leg, cx| leg.on_resolved(cx, addresses));
            }
            Input::Media(event) => self.on_media(cx, *event),
            Input::Unsent(flow) => self.each_leg(cx, |leg, cx| leg.on_unsent(cx, &flow)),
            Input::TransportError(flow) => {
                self.each_leg(cx, |leg, cx| leg.on_transport_error(cx, &flow));
            }
            Input::Command(command) => self.on_command(cx, command),
        }
        self.settle(cx);
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Input::Timeout`] is wanted at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let own = match &self.phase {
            Phase::Dialing(dialing) => Some(dialing.give_up_at),
            Phase::Connected(connected) => connected.end_at,
            Phase::Serving(served) => served.poll_timeout(),
            Phase::Admitting(_) | Phase::Ending => None,
        };
        let legs = self.legs.iter().filter_map(|seat| seat.leg.poll_timeout());
        let recordings = self.recordings.iter().filter_map(Recording::poll_timeout);
        legs.chain(recordings).chain(own).min()
    }

    /// Whether its end has been told, or is among the outputs: what lingers takes nobody's place.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended != Ended::No
    }

    /// Its name in the process.
    #[must_use]
    pub const fn key(&self) -> CallKey {
        self.key
    }

    /// The call as a CDR would show it now.
    #[must_use]
    pub const fn summary(&self) -> &CallSummary {
        &self.summary
    }

    /// Notes an input of the table.
    pub(super) fn met(&self, cx: &Cx<'_>, input: &'static str) {
        cx.probe.note(|| {
            let phase = match &self.phase {
                Phase::Admitting(_) => "Admitting",
                Phase::Dialing(_) => "Dialing",
                Phase::Connected(_) => "Connected",
                Phase::Serving(_) => "Serving",
                Phase::Ending => "Ending",
            };
            ("call", phase, input)
        });
    }

    fn on_message(&mut self, cx: &mut Cx<'_>, incoming: Box<Incoming>) {
        let Some(id) = self.leg_of(&incoming) else {
            return self.on_stranger(&incoming);
        };
        self.with_leg(cx, id, |leg, cx| leg.on_message(cx, incoming));
    }

    fn on_timeout(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now.mono;
        let due: Vec<LegId> = self
            .legs
            .iter()
            .filter(|seat| seat.leg.poll_timeout().is_some_and(|at| at <= now))
            .map(|seat| seat.id)
            .collect();
        for id in due {
            self.with_leg(cx, id, Leg::on_timeout);
        }
        self.settle(cx);
        self.on_recording_timeout(cx);
        match &self.phase {
            Phase::Dialing(dialing) if dialing.give_up_at <= now => {
                self.met(cx, "rings too long");
                self.on_ring_timeout(cx);
            }
            Phase::Connected(connected) if connected.end_at.is_some_and(|at| at <= now) => {
                self.met(cx, "longest duration");
                self.end(cx, EndedBy::Us, "longest duration reached");
            }
            Phase::Serving(_) => self.on_app_timeout(cx),
            _ => {}
        }
    }

    fn on_media(&mut self, cx: &mut Cx<'_>, event: MediaEvent) {
        match &self.phase {
            Phase::Serving(_) => self.on_app_media(cx, event),
            _ => tracing::debug!(?event, "media"),
        }
    }

    fn on_command(&mut self, cx: &mut Cx<'_>, command: Command) {
        self.met(cx, "operator");
        let why = match command {
            Command::HangUp => "ended by an operator",
            Command::Shutdown => "shutdown",
        };
        self.end(cx, EndedBy::Us, why);
    }

    pub(super) fn event(&mut self, event: CallEvent) {
        self.out.push_back(Output::Event(event));
    }

    pub(super) fn media_commands(&mut self, commands: Vec<MediaCmd>) {
        if !commands.is_empty() {
            self.out.push_back(Output::Media(commands));
        }
    }
}

/// What is known of a call when its INVITE arrived.
fn summary(id: &str, invite: &Message, now: Now) -> CallSummary {
    let party = |address: Result<crate::sip::NameAddr, _>| {
        address
            .map(|a| a.uri.to_string())
            .unwrap_or_default()
            .into()
    };
    CallSummary {
        id: id.into(),
        call_id_a: invite.call_id().unwrap_or_default().into(),
        call_id_b: None,
        from: party(invite.from()),
        to: party(invite.to()),
        trunk: None,
        target: None,
        route: "".into(),
        profile: "".into(),
        generation: 0,
        started_at: now.unix,
        answered_at: None,
        ended_at: now.unix,
        status: StatusCode::of(100),
        ended_by: EndedBy::Us,
        reason: "".into(),
        media: Vec::new(),
        recorders: Vec::new(),
    }
}
