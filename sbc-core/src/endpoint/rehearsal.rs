//! A call in rehearsal: what would become of a request, found out by the machines that live calls
//! run on. Nothing is sent, bound or kept; it ends where the first INVITE towards the other side,
//! or the refusal of the caller, stands ready.
//!
//! What it shares with a live call is the code: [`EndpointCore`], [`Call`], the policy, the hooks
//! of call control. What it brings of its own is the stage: a time, a seed, names that resolve to
//! what the owner says, and media ports that are only numbers.

use super::core::{Dropped, EndpointCore, Route};
use super::hooks::{Verdicts, ask_at_once};
use super::opening::Opening;
use crate::b2bua::plan::{AppPlan, CallPlan, Connect};
use crate::b2bua::{Call, CallKey, CallSummary, Cx, Input, Names, Output};
use crate::net::{MediaAddress, Network};
use crate::ports::{
    App, AppCx, AppEvent, AppFactory, MediaCmd, MediaError, MediaPlane, MediaPort, PolicyEngine,
    PortId, PortStats, RequestFacts, SessionId, Verdict,
};
use crate::quota::{Quota, Quotas};
use crate::time::{Instant, Now};
use crate::transport::{Incoming, Target, Transmit};
use crate::ua::TcpRefusals;
use crate::{Entropy, Probe, limits};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

/// The one call of a rehearsal.
const KEY: CallKey = CallKey(1);

/// What stands around a call in rehearsal.
pub struct Stage<'a> {
    /// What is decided.
    pub policy: &'a dyn PolicyEngine,
    /// The time.
    pub now: Now,
    /// The addresses of a target that is a name, best first.
    pub lookup: &'a dyn Fn(&Target) -> Vec<IpAddr>,
    /// What the modules said, where that is known already; else they are asked.
    pub verdicts: Option<&'a Verdicts>,
}

/// What became of the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It began a call.
    Began,
    /// It was answered without a call.
    Answered,
    /// It gets no answer.
    Dropped(Dropped),
}

/// A rehearsal in retrospect.
#[derive(Debug)]
pub struct Rehearsal {
    /// What became of the request.
    pub fate: Fate,
    /// What was sent, in order: 100 and the INVITE towards the other side, or an answer.
    pub sent: Vec<Transmit>,
    /// What the policy said, where it was asked.
    pub plan: Option<CallPlan>,
    /// What the modules of the plan said.
    pub verdicts: Verdicts,
    /// Which of the modules would decide later, after asking somebody outside: these were taken to
    /// let the call pass.
    pub undecided: Vec<usize>,
    /// The call as a CDR would show it at this point.
    pub summary: Option<Box<CallSummary>>,
}

/// Rehearses what happens to a message that arrives while there are no other calls. `entropy` is
/// what a live call would get as its own; the message of a request carries what the transport
/// stamps on it (`Message::stamp_received`).
#[must_use]
pub fn rehearse(stage: &Stage<'_>, incoming: Incoming, entropy: Entropy) -> Rehearsal {
    let mut rehearsal = Rehearsal {
        fate: Fate::Answered,
        sent: Vec::new(),
        plan: None,
        verdicts: Verdicts::default(),
        undecided: Vec::new(),
        summary: None,
    };
    let mut core = EndpointCore::new();
    match core.route(stage.now.mono, &incoming) {
        // Nothing is claimed.
        Route::Owner(_) => {}
        Route::Begin => {
            rehearsal.fate = Fate::Began;
            begin(stage, &mut core, incoming, entropy, &mut rehearsal);
        }
        Route::Reply(reply) => rehearsal.sent.push(reply),
        Route::HangUp(requests) => rehearsal.sent.extend(*requests),
        Route::Drop(why) => rehearsal.fate = Fate::Dropped(why),
    }
    rehearsal
}

fn begin(
    stage: &Stage<'_>,
    core: &mut EndpointCore,
    incoming: Incoming,
    entropy: Entropy,
    rehearsal: &mut Rehearsal,
) {
    let Opening { tag, id, entropy } = Opening::draw(entropy);
    let begun = core.begin(KEY, &tag, &incoming.message);
    let mut actor = Actor {
        stage,
        entropy,
        media: PaperMedia::default(),
        refusals: TcpRefusals::default(),
    };
    let policy = Prompted {
        policy: stage.policy,
        plan: Mutex::new(None),
    };
    let names = Names {
        key: KEY,
        id: &id,
        local_tag: &tag,
        shares_call_id: begun.is_shared,
    };
    let invite = incoming.clone();
    let call = actor.with_cx(|cx| Call::begin(cx, &policy, &names, Box::new(incoming)));
    if let Some(mut call) = call {
        actor.play(&mut call, &invite, rehearsal);
        rehearsal.summary = Some(Box::new(call.summary().clone()));
    }
    let plan = policy.plan.into_inner();
    rehearsal.plan = plan.unwrap_or_else(PoisonError::into_inner);
}

struct Actor<'a> {
    stage: &'a Stage<'a>,
    entropy: Entropy,
    media: PaperMedia,
    refusals: TcpRefusals,
}

impl Actor<'_> {
    fn with_cx<T>(&mut self, act: impl FnOnce(&mut Cx<'_>) -> T) -> T {
        act(&mut Cx {
            now: self.stage.now,
            entropy: &mut self.entropy,
            media: &self.media,
            probe: &Probe::default(),
            refusals: &self.refusals,
        })
    }

    /// Carries out outputs, and gives back what comes of them at once, until there is nothing more
    /// to do without the peers.
    fn play(&mut self, call: &mut Call, invite: &Incoming, rehearsal: &mut Rehearsal) {
        loop {
            let mut next = None;
            while let Some(output) = call.poll_output() {
                match output {
                    Output::Transmit(transmit) => rehearsal.sent.push(transmit),
                    Output::Ask(plan) => {
                        let verdict = self.ask(&plan, invite, rehearsal);
                        next = Some(Input::Verdict(Box::new(verdict)));
                    }
                    Output::Resolve(leg, target) => {
                        let addresses = (self.stage.lookup)(&target);
                        next = Some(Input::Resolved(Box::new((leg, addresses))));
                    }
                    Output::Tell(_)
                    | Output::Media(_)
                    | Output::Event(_)
                    | Output::Claim { .. }
                    | Output::Release { .. }
                    | Output::Done => {}
                }
            }
            match next {
                Some(input) => self.with_cx(|cx| call.handle(cx, input)),
                None => return,
            }
        }
    }

    /// Asks the modules; they are dropped afterwards and never hear of an end.
    fn ask(&self, plan: &Connect, invite: &Incoming, rehearsal: &mut Rehearsal) -> Verdict {
        if let Some(known) = self.stage.verdicts {
            rehearsal.verdicts = known.clone();
            return known.sum();
        }
        let mut hooks: Vec<_> = plan.modules.iter().map(|module| module.open()).collect();
        let undecided = &mut rehearsal.undecided;
        rehearsal.verdicts = ask_at_once(&mut hooks, &invite.message, |n| {
            undecided.push(n);
            Verdict::Continue(Vec::new())
        });
        rehearsal.verdicts.sum()
    }
}

/// The policy, with its plan noted. An app is not opened: it could write files. Limits of trunks
/// are not asked.
struct Prompted<'a> {
    policy: &'a dyn PolicyEngine,
    plan: Mutex<Option<CallPlan>>,
}

impl PolicyEngine for Prompted<'_> {
    fn network(&self) -> &Arc<Network> {
        self.policy.network()
    }

    fn generation(&self) -> u64 {
        self.policy.generation()
    }

    fn quotas(&self) -> &Quotas {
        self.policy.quotas()
    }

    /// None: there are no other calls, and this one is not counted.
    fn origin(&self, _request: &RequestFacts<'_>) -> Option<&Quota> {
        None
    }

    fn plan(&self, request: &RequestFacts<'_>, entropy: &mut Entropy) -> CallPlan {
        let plan = self.policy.plan(request, entropy);
        let mut noted = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        *noted = Some(plan.clone());
        match plan {
            CallPlan::App(app) => CallPlan::App(Arc::new(AppPlan {
                app: Arc::new(Silent),
                route: Arc::clone(&app.route),
            })),
            CallPlan::Connect(mut plan) => {
                for target in &mut Arc::make_mut(&mut plan).targets {
                    target.quota = None;
                }
                CallPlan::Connect(plan)
            }
            CallPlan::Refuse(refusal) => CallPlan::Refuse(refusal),
        }
    }
}

/// Stands in for an app: says nothing.
#[derive(Debug)]
struct Silent;

impl AppFactory for Silent {
    fn open(&self) -> Box<dyn App> {
        Box::new(Self)
    }
}

impl App for Silent {
    fn on_event(&mut self, _cx: &mut AppCx<'_>, _event: AppEvent<'_>) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

/// Ports that are numbers: of each range the first, in order, as if no other call had any.
#[derive(Debug, Default)]
struct PaperMedia(Mutex<HashMap<IpAddr, u16>>);

impl MediaPlane for PaperMedia {
    fn reserve(&self, _session: SessionId, at: &MediaAddress) -> Result<MediaPort, MediaError> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sum: u16 = taken.values().sum();
        if usize::from(sum) >= limits::REHEARSED_PORTS {
            return Err(MediaError::SessionFull);
        }
        let of_address = taken.entry(at.bind).or_default();
        let port = (at.first_port..at.last_port)
            .step_by(2)
            .nth(usize::from(*of_address))
            .ok_or(MediaError::NoPorts)?;
        *of_address += 1;
        Ok(MediaPort {
            id: PortId(u64::from(sum) + 1),
            rtp: SocketAddr::new(at.advertise, port),
            rtcp: SocketAddr::new(at.advertise, port + 1),
        })
    }

    fn command(&self, _session: SessionId, _commands: Vec<MediaCmd>) {}

    fn stats(&self, _session: SessionId) -> Vec<(PortId, PortStats)> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_in_rehearsal_has_so_many_ports_and_no_more() {
        let plane = PaperMedia::default();
        let ip = IpAddr::from([192, 0, 2, 1]);
        let at = |last_port| MediaAddress {
            bind: ip,
            advertise: ip,
            first_port: 20_000,
            last_port,
            quarantine: MediaAddress::QUARANTINE,
        };
        let reserve = |last| plane.reserve(SessionId(1), &at(last));
        assert_eq!(reserve(20_001).unwrap().rtp.port(), 20_000);
        assert_eq!(reserve(20_001), Err(MediaError::NoPorts));
        for n in 1..64 {
            assert_eq!(reserve(29_999).unwrap().rtp.port(), 20_000 + 2 * n);
        }
        assert_eq!(reserve(29_999), Err(MediaError::SessionFull));
    }
}
