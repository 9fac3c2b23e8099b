//! An SBC of the simulation: an [`EndpointCore`] and its calls, driven as `endpoint::driver` does.

use super::media::FakeMedia;
use super::reached::Reached;
use super::scanner::Scanner;
use super::wires::{Post, Way};
use crate::b2bua::{Call, CallEvent, CallKey, CallSummary, Command, Cx, Input, LegId};
use crate::b2bua::{Names, Output};
use crate::endpoint::{EndpointCore, Opening, Route, ask_at_once};
use crate::net::ListenerId;
use crate::ports::{CallHooks, MediaPlane, PolicyEngine, SessionId, Verdict};
use crate::quota::{self, Full, Quotas, Slot};
use crate::sip::{HeaderName, Host, Message, StatusCode};
use crate::time::{Instant, Now};
use crate::transport::{Flow, Incoming, Transmit};
use crate::ua::TcpRefusals;
use crate::{Entropy, Probe};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// A call asks its driver for its timeout at most this often at one and the same moment.
const TIMEOUTS_AT_ONCE: u32 = 100;

/// What an SBC wants of the world.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    pub(super) posts: Vec<Post>,
    pub(super) lookups: Vec<(CallKey, LegId, Host)>,
    pub(super) verdicts: Vec<(CallKey, Duration, Verdict)>,
}

/// An SBC.
pub struct Sbc {
    core: EndpointCore,
    calls: BTreeMap<CallKey, Live>,
    deadlines: BTreeSet<(Instant, CallKey)>,
    policy: Arc<dyn PolicyEngine>,
    media: Arc<FakeMedia>,
    entropy: Entropy,
    next_key: u64,
    events: Vec<(Instant, CallKey, CallEvent)>,
    refusals: TcpRefusals,
    scanner: Scanner,
    probe: Probe,
    faults: Vec<String>,
    /// How long its call-control modules think.
    pub(super) modules_take: Duration,
    /// The moment of the last timeout, and how many there were at it.
    timeouts: (Instant, CallKey, u32),
}

struct Live {
    call: Call,
    entropy: Entropy,
    deadline: Option<Instant>,
    hooks: Vec<Box<dyn CallHooks>>,
    invite: Option<Message>,
    /// Verdicts that the modules gave while outputs were carried out.
    verdict: Option<Verdict>,
    /// Until its end is told.
    slot: Option<Slot>,
    gone: bool,
}

impl Sbc {
    /// `ids_cross`: whether Call-IDs of one side may show on the other.
    pub(super) fn new(policy: Arc<dyn PolicyEngine>, ids_cross: bool, entropy: Entropy) -> Self {
        let scanner = Scanner::new(policy.network(), ids_cross);
        Self {
            core: EndpointCore::new(),
            calls: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            policy,
            media: Arc::default(),
            entropy,
            next_key: 1,
            events: Vec::new(),
            refusals: TcpRefusals::default(),
            scanner,
            probe: Probe::keeping(),
            faults: Vec::new(),
            modules_take: Duration::ZERO,
            timeouts: (Instant::default(), CallKey(0), 0),
        }
    }

    /// A policy for the calls that begin from now on. Its listeners are the same, by the same ids.
    pub(super) fn set_policy(&mut self, policy: Arc<dyn PolicyEngine>) {
        let bound = |policy: &dyn PolicyEngine| -> Vec<_> {
            let listeners = &policy.network().listeners;
            listeners.iter().map(|l| (l.bind, l.transport)).collect()
        };
        assert_eq!(bound(&*self.policy), bound(&*policy), "they are bound");
        self.policy = policy;
    }

    /// What its calls told, in order.
    #[must_use]
    pub fn events(&self) -> &[(Instant, CallKey, CallEvent)] {
        &self.events
    }

    /// The summaries of the calls that ended, in order.
    pub fn ended(&self) -> impl Iterator<Item = &CallSummary> {
        self.events.iter().filter_map(|(_, _, event)| match event {
            CallEvent::Ended(summary) => Some(&**summary),
            _ => None,
        })
    }

    pub(super) fn live(&self) -> impl Iterator<Item = &Call> {
        self.calls.values().map(|live| &live.call)
    }

    /// Its calls, the ending ones included.
    pub fn calls(&self) -> impl Iterator<Item = CallKey> {
        self.calls.keys().copied()
    }

    /// Its limits and what is counted.
    #[must_use]
    pub fn quotas(&self) -> &Quotas {
        self.policy.quotas()
    }

    /// Its media.
    #[must_use]
    pub fn media(&self) -> &FakeMedia {
        &self.media
    }

    /// How many dialogs are claimed, and how many Call-IDs have something lingering.
    #[must_use]
    pub fn claimed_and_lingering(&mut self, now: Instant) -> (usize, usize) {
        self.core.sweep(now);
        (self.core.claimed(), self.core.lingering())
    }

    /// Which states of its machines met which inputs.
    #[must_use]
    pub fn reached(&self) -> Reached {
        Reached::of(&self.probe)
    }

    /// What it did wrong.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.faults.clone();
        faults.extend(self.scanner.faults().iter().cloned());
        faults.extend(self.media.faults());
        faults
    }

    /// What it still holds of calls: nothing, when everything is over.
    #[must_use]
    pub fn leftovers(&mut self, now: Instant) -> Vec<String> {
        let mut left = Vec::new();
        let (claimed, lingering) = self.claimed_and_lingering(now);
        let (sessions, ports) = self.media.open();
        let counts = [
            (self.calls.len(), "calls"),
            (self.deadlines.len(), "deadlines"),
            (claimed, "dialogs claimed"),
            (lingering, "Call-IDs lingering"),
            (sessions, "media sessions"),
            (ports, "media ports"),
        ];
        for (count, what) in counts {
            if count > 0 {
                left.push(format!("{count} {what}"));
            }
        }
        let Quotas { whole, trunks } = self.policy.quotas();
        for quota in trunks.iter().map(|trunk| &trunk.quota).chain([whole]) {
            let calls = quota.counts().calls();
            if calls > 0 {
                left.push(format!("{calls} calls counted at `{}`", quota.name()));
            }
        }
        left.extend(self.miscounted_ends());
        left
    }

    /// Every call that began ends once, and says nothing after that.
    fn miscounted_ends(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for key in (1..self.next_key).map(CallKey) {
            let of_call = self.events.iter().filter(|(_, k, _)| *k == key);
            let told: Vec<bool> = of_call
                .map(|(_, _, event)| matches!(event, CallEvent::Ended(_)))
                .collect();
            let ends = told.iter().filter(|ended| **ended).count();
            if ends != 1 || told.last() != Some(&true) {
                wrong.push(format!(
                    "call {} told {ends} ends in {} events",
                    key.0,
                    told.len()
                ));
            }
        }
        wrong
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let listeners = &self.policy.network().listeners;
        listeners.iter().map(|l| l.bind).collect()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// A message arrived: routed as `endpoint::shell` does.
    pub(super) fn on_message(
        &mut self,
        now: Now,
        way: &Way,
        mut message: Message,
        wishes: &mut Wishes,
    ) {
        let Some(flow) = self.flow(way) else { return };
        if message.is_request() {
            message.stamp_received(way.remote);
        }
        let realm = self.policy.network().listener(flow.listener).realm;
        self.scanner.on_received(realm, way.remote, &message);
        let incoming = Incoming { flow, message };
        match self.core.route(now.mono, &incoming) {
            Route::Owner(key) => {
                self.handle(now, key, Input::Message(Box::new(incoming)), wishes);
            }
            Route::Begin => {
                let quota = self.policy.quotas().whole.clone();
                match quota.take(now.mono, quota::Way::In) {
                    Ok(slot) => self.begin(now, incoming, slot, wishes),
                    Err(full) => self.refuse(now, &incoming, &full, wishes),
                }
            }
            Route::Reply(transmit) => self.transmit(now, 0, transmit, wishes),
            Route::HangUp(requests) => {
                for request in *requests {
                    self.transmit(now, 0, request, wishes);
                }
            }
            Route::Drop(_) => {}
        }
    }

    /// The SBC as a whole is full.
    fn refuse(&mut self, now: Now, incoming: &Incoming, full: &Full, wishes: &mut Wishes) {
        let seconds = full.retry_after().map(|s| (HeaderName::RetryAfter, s));
        let (status, reason) = (full.limits.status, &full.limits.reason);
        let refusal = self
            .core
            .refuse(incoming, status, reason, seconds.as_slice());
        if let Some(transmit) = refusal {
            self.transmit(now, 0, transmit, wishes);
        }
    }

    fn begin(&mut self, now: Now, incoming: Incoming, slot: Slot, wishes: &mut Wishes) {
        let key = CallKey(self.next_key);
        self.next_key += 1;
        let opening = Opening::draw(self.entropy.split());
        let Opening {
            tag,
            id,
            mut entropy,
        } = opening;
        let begun = self.core.begin(key, &tag, &incoming.message);
        let invite = incoming.message.clone();
        let policy = Arc::clone(&self.policy);
        let media = Arc::clone(&self.media);
        let mut cx = Cx {
            now,
            entropy: &mut entropy,
            media: &*media,
            probe: &self.probe,
            refusals: &self.refusals,
        };
        let names = Names {
            key,
            id: &id,
            local_tag: &tag,
            shares_call_id: begun.is_shared,
        };
        let Some(call) = Call::begin(&mut cx, &*policy, &names, Box::new(incoming)) else {
            self.faults
                .push("an INVITE without defects did not begin a call".into());
            return;
        };
        let mut live = Live {
            slot: (!call.has_ended()).then_some(slot),
            call,
            entropy,
            deadline: None,
            hooks: Vec::new(),
            invite: Some(invite),
            verdict: None,
            gone: false,
        };
        self.drain(now, &mut live, wishes);
        self.keep(key, live);
    }

    pub(super) fn on_resolved(
        &mut self,
        now: Now,
        key: CallKey,
        leg: LegId,
        addresses: Vec<IpAddr>,
        wishes: &mut Wishes,
    ) {
        self.handle(
            now,
            key,
            Input::Resolved(Box::new((leg, addresses))),
            wishes,
        );
    }

    pub(super) fn on_verdict(
        &mut self,
        now: Now,
        key: CallKey,
        verdict: Verdict,
        wishes: &mut Wishes,
    ) {
        self.handle(now, key, Input::Verdict(Box::new(verdict)), wishes);
    }

    /// Something was not sent, or its connection is lost behind it.
    pub(super) fn on_failed(&mut self, now: Now, post: &Post, unsent: bool, wishes: &mut Wishes) {
        let way = Way {
            transport: post.transport,
            local: post.local,
            remote: post.remote,
            connection: post.connection,
        };
        let Some(flow) = self.flow(&way) else { return };
        let input = if unsent {
            self.scanner.on_unsent(&post.bytes);
            Input::Unsent(Box::new(flow))
        } else {
            Input::TransportError(Box::new(flow))
        };
        self.handle(now, CallKey(post.owner), input, wishes);
    }

    pub(super) fn on_command(
        &mut self,
        now: Now,
        key: CallKey,
        command: Command,
        wishes: &mut Wishes,
    ) {
        self.handle(now, key, Input::Command(command), wishes);
    }

    pub(super) fn on_timeout(&mut self, now: Now, wishes: &mut Wishes) {
        let Some((at, key)) = self.deadlines.first().copied() else {
            return;
        };
        if at > now.mono {
            return;
        }
        let again = self.timeouts.0 == now.mono && self.timeouts.1 == key;
        self.timeouts = (now.mono, key, if again { self.timeouts.2 + 1 } else { 0 });
        assert!(
            self.timeouts.2 < TIMEOUTS_AT_ONCE,
            "call {} is due again and again: {:?}",
            key.0,
            self.calls.get(&key).map(|live| &live.call)
        );
        self.handle(now, key, Input::Timeout, wishes);
    }

    fn handle(&mut self, now: Now, key: CallKey, input: Input, wishes: &mut Wishes) {
        let Some(mut live) = self.calls.remove(&key) else {
            return;
        };
        if let Some(at) = live.deadline.take() {
            self.deadlines.remove(&(at, key));
        }
        self.input(now, &mut live, input);
        self.drain(now, &mut live, wishes);
        self.keep(key, live);
    }

    fn keep(&mut self, key: CallKey, mut live: Live) {
        if live.gone {
            return;
        }
        live.deadline = live.call.poll_timeout();
        if let Some(at) = live.deadline {
            self.deadlines.insert((at, key));
        }
        self.calls.insert(key, live);
    }

    fn input(&self, now: Now, live: &mut Live, input: Input) {
        let media = Arc::clone(&self.media);
        let mut cx = Cx {
            now,
            entropy: &mut live.entropy,
            media: &*media,
            probe: &self.probe,
            refusals: &self.refusals,
        };
        live.call.handle(&mut cx, input);
        if live.call.has_ended() {
            live.slot = None;
        }
    }

    /// Carries out every output, then gives the verdict of modules that were asked.
    fn drain(&mut self, now: Now, live: &mut Live, wishes: &mut Wishes) {
        loop {
            while let Some(output) = live.call.poll_output() {
                self.perform(now, live, output, wishes);
            }
            match live.verdict.take() {
                Some(verdict) => self.input(now, live, Input::Verdict(Box::new(verdict))),
                None => return,
            }
        }
    }

    fn perform(&mut self, now: Now, live: &mut Live, output: Output, wishes: &mut Wishes) {
        let key = live.call.key();
        if live.gone {
            self.faults
                .push(format!("call {} said {output:?} after Done", key.0));
        }
        match output {
            Output::Transmit(transmit) => self.transmit(now, key.0, transmit, wishes),
            Output::Resolve(leg, target) => wishes.lookups.push((key, leg, target.host)),
            Output::Ask(plan) => {
                live.hooks = plan.modules.iter().map(|module| module.open()).collect();
                if let Some(invite) = live.invite.take() {
                    let late = || Verdict::Refuse(StatusCode::of(503), "Too Late".into());
                    let verdict = ask_at_once(&mut live.hooks, &invite, |_| late()).sum();
                    if self.modules_take.is_zero() {
                        live.verdict = Some(verdict);
                    } else {
                        wishes.verdicts.push((key, self.modules_take, verdict));
                    }
                }
            }
            Output::Tell(plan) => {
                live.hooks = plan.modules.iter().map(|module| module.open()).collect();
            }
            Output::Media(commands) => self.media.command(SessionId(key.0), commands),
            Output::Event(event) => {
                for hook in &mut live.hooks {
                    hook.on_event(&event);
                    if let CallEvent::Ended(summary) = &event {
                        hook.on_end(summary);
                    }
                }
                self.events.push((now.mono, key, event));
            }
            Output::Claim { call_id, tag } => self.core.claim(key, &call_id, &tag),
            Output::Release {
                call_id,
                tags,
                residues,
            } => self.core.release(now.mono, &call_id, &tags, residues),
            Output::Done => live.gone = true,
        }
    }

    fn transmit(&mut self, now: Now, owner: u64, transmit: Transmit, wishes: &mut Wishes) {
        let Transmit {
            flow,
            bytes,
            hurried,
        } = transmit;
        let listener = self.policy.network().listener(flow.listener);
        self.scanner.on_sent(now.mono, listener, &flow, &bytes);
        wishes.posts.push(Post {
            transport: flow.transport,
            local: listener.bind,
            remote: flow.remote,
            connection: flow.connection,
            owner,
            hurried,
            bytes,
        });
    }

    fn flow(&self, way: &Way) -> Option<Flow> {
        let listeners = &self.policy.network().listeners;
        let listener = listeners
            .iter()
            .position(|l| l.bind == way.local && l.transport == way.transport)?;
        Some(Flow {
            listener: ListenerId(u16::try_from(listener).ok()?),
            transport: way.transport,
            remote: way.remote,
            connection: way.connection,
        })
    }
}
