//! One task for each call: mailbox, deadline and hooks go in, outputs are carried out.

use super::hooks::{Verdicts, run_start_hooks};
use super::opening::Opening;
use super::shell::{CallInputs, Inner};
use crate::b2bua::plan::Connect;
use crate::b2bua::{Call, CallEvent, CallKey, CallSummary, Cx, EndedBy, Input, LegId};
use crate::b2bua::{Names, Output};
use crate::limits;
use crate::ports::{CallHooks, MediaCmd, PolicyEngine, SessionId, Verdict};
use crate::quota::Slot;
use crate::sip::Message;
use crate::time::{Clock, Instant, Now};
use crate::transport::{Incoming, Target, resolve};
use crate::{Entropy, Probe, Seed};
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;
use tokio::time::sleep_until;

/// Where messages of a call wait for it.
pub(super) fn mailbox() -> (Sender<Input>, Receiver<Input>) {
    channel(limits::CALL_MAILBOX)
}

/// What a call begins with.
pub(super) struct Beginning {
    pub(super) key: CallKey,
    pub(super) opening: Opening,
    /// Of the opening.
    pub(super) seed: Seed,
    /// The policy of the moment when its INVITE arrived.
    pub(super) policy: Arc<dyn PolicyEngine>,
    pub(super) shares_call_id: bool,
    pub(super) incoming: Box<Incoming>,
    /// Its place among the calls of the box.
    pub(super) slot: Slot,
    pub(super) sender: Sender<Input>,
    pub(super) receiver: Receiver<Input>,
}

impl Beginning {
    fn inputs(&self, at: Now) -> CallInputs {
        CallInputs {
            invite: self.incoming.message.to_bytes(),
            flow: self.incoming.flow,
            at,
            policy: Arc::clone(&self.policy),
            seed: self.seed,
        }
    }
}

type Hooks = Vec<Box<dyn CallHooks>>;

/// The modules of the call: at rest, or deciding.
enum Modules {
    Ready(Hooks),
    Deciding {
        done: oneshot::Receiver<(Hooks, Verdicts)>,
        missed: Vec<CallEvent>,
    },
}

struct Driver {
    shell: Arc<Inner>,
    key: CallKey,
    entropy: Entropy,
    sender: Sender<Input>,
    modules: Modules,
    invite: Option<Message>,
    /// Until the observer is told.
    inputs: Option<CallInputs>,
    /// The call as it stood when its modules were asked: what they hear of if a panic ends it.
    summary: Option<Box<CallSummary>>,
    /// What a panic must give back.
    claims: Vec<(Box<str>, Box<str>)>,
    /// Until the end is told: what lingers for retransmissions takes nobody's place.
    slot: Option<Slot>,
    gone: bool,
}

/// Runs a call to its end.
pub(super) async fn run(shell: Arc<Inner>, beginning: Beginning) {
    let inputs = beginning.inputs(shell.clock.now());
    let Beginning {
        key,
        opening: Opening { tag, id, entropy },
        shares_call_id,
        incoming,
        policy,
        slot,
        sender,
        mut receiver,
        ..
    } = beginning;
    let call_id: Box<str> = incoming.message.call_id().unwrap_or_default().into();
    let mut driver = Driver {
        shell,
        key,
        entropy,
        sender,
        modules: Modules::Ready(Vec::new()),
        invite: Some(incoming.message.clone()),
        inputs: Some(inputs),
        summary: None,
        claims: vec![(call_id, tag.as_str().into())],
        slot: Some(slot),
        gone: false,
    };
    let names = Names {
        key,
        id: &id,
        local_tag: &tag,
        shares_call_id,
    };
    let begun = driver.begin(&*policy, &names, incoming);
    drop(policy);
    let Some(mut call) = begun else {
        return;
    };
    let mut sleep = pin!(sleep_until(tokio::time::Instant::from_std(
        driver.std_of(None)
    )));
    let mut deadline: Option<Instant> = None;
    loop {
        while let Some(output) = call.poll_output() {
            driver.perform(&call, output);
        }
        if driver.gone {
            return driver.tell_late_modules().await;
        }
        let wanted = call.poll_timeout();
        if wanted != deadline {
            deadline = wanted;
            sleep
                .as_mut()
                .reset(tokio::time::Instant::from_std(driver.std_of(wanted)));
        }
        let input = tokio::select! {
            input = receiver.recv() => match input {
                Some(input) => input,
                None => return,
            },
            () = &mut sleep, if deadline.is_some() => Input::Timeout,
            decided = driver.modules.decided() => driver.on_decided(decided),
        };
        driver.handle(&mut call, input);
    }
}

fn open(plan: &Connect) -> Hooks {
    plan.modules.iter().map(|module| module.open()).collect()
}

impl Modules {
    /// Waits until the modules have decided; for ever where none are asked.
    async fn decided(&mut self) -> Option<(Hooks, Verdicts)> {
        match self {
            Self::Ready(_) => std::future::pending().await,
            Self::Deciding { done, .. } => done.await.ok(),
        }
    }
}

impl Driver {
    fn begin(
        &mut self,
        policy: &dyn PolicyEngine,
        names: &Names<'_>,
        incoming: Box<Incoming>,
    ) -> Option<Call> {
        let mut cx = Cx {
            now: self.shell.clock.now(),
            entropy: &mut self.entropy,
            media: &*self.shell.media,
            probe: &Probe::default(),
            refusals: &self.shell.refusals,
        };
        let call = Call::begin(&mut cx, policy, names, incoming)?;
        self.give_slot_back(&call);
        Some(call)
    }

    fn handle(&mut self, call: &mut Call, input: Input) {
        let mut cx = Cx {
            now: self.shell.clock.now(),
            entropy: &mut self.entropy,
            media: &*self.shell.media,
            probe: &Probe::default(),
            refusals: &self.shell.refusals,
        };
        call.handle(&mut cx, input);
        self.give_slot_back(call);
    }

    /// Before anything of the end is sent: who hears of it may call at once.
    fn give_slot_back(&mut self, call: &Call) {
        if call.has_ended() {
            self.slot = None;
        }
    }

    fn std_of(&self, at: Option<Instant>) -> std::time::Instant {
        self.shell
            .clock
            .to_std(at.unwrap_or_else(|| self.shell.clock.now().mono))
    }

    fn perform(&mut self, call: &Call, output: Output) {
        match output {
            Output::Transmit(transmit) => self.shell.send(self.key.0, transmit),
            Output::Resolve(leg, target) => self.resolve(leg, target),
            Output::Ask(plan) => self.ask(call, &plan),
            Output::Tell(plan) => self.modules = Modules::Ready(open(&plan)),
            Output::Media(commands) => {
                self.shell.media.command(SessionId(self.key.0), commands);
            }
            Output::Event(event) => self.on_event(call, event),
            Output::Claim { call_id, tag } => {
                self.shell.core().claim(self.key, &call_id, &tag);
                self.claims.push((call_id, tag));
            }
            Output::Release {
                call_id,
                tags,
                residues,
            } => {
                let now = self.shell.clock.now().mono;
                self.shell.core().release(now, &call_id, &tags, residues);
                for tag in tags {
                    let is_it = |(id, ours): &(_, _)| *id == call_id && *ours == tag;
                    if let Some(at) = self.claims.iter().position(is_it) {
                        self.claims.swap_remove(at);
                    }
                }
            }
            Output::Done => {
                self.shell.forget(self.key);
                self.gone = true;
            }
        }
    }

    fn resolve(&self, leg: LegId, target: Target) {
        let sender = self.sender.clone();
        self.shell.runtime.spawn(async move {
            let addresses = resolve(&target.host).await;
            // The call may be gone by now.
            let _gone = sender
                .send(Input::Resolved(Box::new((leg, addresses))))
                .await;
        });
    }

    fn ask(&mut self, call: &Call, plan: &Connect) {
        self.summary = Some(Box::new(call.summary().clone()));
        let mut hooks = open(plan);
        let Some(invite) = self.invite.take() else {
            return;
        };
        let (tell, done) = oneshot::channel();
        self.modules = Modules::Deciding {
            done,
            missed: Vec::new(),
        };
        self.shell.runtime.spawn(async move {
            let verdicts = run_start_hooks(&mut hooks, &invite).await;
            // The call may be gone by now.
            let _gone = tell.send((hooks, verdicts));
        });
    }

    fn on_decided(&mut self, decided: Option<(Hooks, Verdicts)>) -> Input {
        let refusal = || {
            Verdict::Refuse(
                crate::sip::StatusCode::of(500),
                "Call Control Failure".into(),
            )
        };
        let (hooks, verdict) = match decided {
            Some((hooks, verdicts)) => {
                self.shell.observer.on_decided(self.key, &verdicts);
                (hooks, verdicts.sum())
            }
            None => (Vec::new(), refusal()),
        };
        let deciding = std::mem::replace(&mut self.modules, Modules::Ready(hooks));
        if let Modules::Deciding { missed, .. } = deciding {
            for event in missed {
                self.tell_modules(&event);
            }
        }
        Input::Verdict(Box::new(verdict))
    }

    /// The call is over and its modules were still deciding: they hear of its end once they have.
    async fn tell_late_modules(&mut self) {
        if matches!(self.modules, Modules::Deciding { .. }) {
            let decided = self.modules.decided().await;
            self.on_decided(decided);
        }
    }

    fn on_event(&mut self, call: &Call, event: CallEvent) {
        if let Some(inputs) = self.inputs.take() {
            self.shell.observer.on_begun(self.key, inputs);
        }
        self.shell
            .observer
            .on_call(self.key, call.summary(), &event);
        match (&event, &mut self.summary) {
            (CallEvent::Ended(_), _) => self.summary = None,
            (_, Some(summary)) => summary.as_mut().clone_from(call.summary()),
            (_, None) => {}
        }
        match &mut self.modules {
            Modules::Ready(_) => self.tell_modules(&event),
            Modules::Deciding { missed, .. } => missed.push(event),
        }
    }

    fn tell_modules(&mut self, event: &CallEvent) {
        let Modules::Ready(hooks) = &mut self.modules else {
            return;
        };
        for hook in hooks {
            hook.on_event(event);
            if let CallEvent::Ended(summary) = event {
                hook.on_end(summary);
            }
        }
    }
}

/// The task was given up before the call was gone, by a panic or because the program ends: nothing
/// of the call stays behind, and its modules hear of its end.
impl Drop for Driver {
    fn drop(&mut self) {
        if self.gone {
            return;
        }
        let now = self.shell.clock.now();
        for (call_id, tag) in std::mem::take(&mut self.claims) {
            self.shell
                .core()
                .release(now.mono, &call_id, &[tag], Vec::new());
        }
        self.shell
            .media
            .command(SessionId(self.key.0), vec![MediaCmd::Close]);
        let panicked = std::thread::panicking();
        if let Some(mut summary) = self.summary.take() {
            summary.ended_at = now.unix;
            summary.ended_by = EndedBy::Us;
            summary.reason = if panicked {
                "internal-error"
            } else {
                "shutdown"
            }
            .into();
            if panicked {
                summary.status = crate::sip::StatusCode::of(500);
            }
            self.tell_modules(&CallEvent::Ended(summary));
        }
        self.shell.forget(self.key);
        if panicked {
            self.shell.observer.on_lost(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_takes_so_many_messages_and_no_more() {
        let (sender, _receiver) = mailbox();
        let taken = std::iter::repeat_with(|| sender.try_send(Input::Timeout));
        assert_eq!(
            taken.take_while(Result::is_ok).count(),
            limits::CALL_MAILBOX
        );
    }
}
