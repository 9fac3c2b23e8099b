//! The endpoint as a program part: transports in front, a task for each call behind.

use super::core::{EndpointCore, Route};
use super::driver::{self, Beginning, mailbox};
use super::hooks::Verdicts;
use super::opening::Opening;
use crate::b2bua::{CallEvent, CallKey, CallSummary, Command, Input};
use crate::ports::{MediaEvent, MediaEvents, MediaPlane, PolicyEngine, SessionId};
use crate::quota::{Full, Slot, Way};
use crate::sip::{HeaderName, Method, StatusCode};
use crate::time::{Clock, Now, SystemClock};
use crate::transport::{ConnectionId, Flow, Incoming, Transmit, TransportEvents, Transports};
use crate::ua::TcpRefusals;
use crate::{Entropy, Seed};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

/// What a call began with: all that its decision came from, so that it can be made once more
/// ([`super::rehearse`]) and be explained.
#[derive(Clone)]
pub struct CallInputs {
    /// The INVITE as the call had it: its topmost Via carries `received` and `rport`.
    pub invite: Bytes,
    /// The way it came.
    pub flow: Flow,
    /// When.
    pub at: Now,
    /// What decided.
    pub policy: Arc<dyn PolicyEngine>,
    /// What the call's randomness began with.
    pub seed: Seed,
}

/// Hears what calls do: for log, metrics and the API. Called on calls' tasks: must not block.
pub trait Observer: Send + Sync {
    /// A call begins with this; [`CallEvent::Started`] follows at once.
    fn on_begun(&self, _key: CallKey, _inputs: CallInputs) {}

    /// The modules of a call decided.
    fn on_decided(&self, _key: CallKey, _verdicts: &Verdicts) {}

    /// Something happened to a call; `call` is as it stands now.
    fn on_call(&self, key: CallKey, call: &CallSummary, event: &CallEvent);

    /// A call ended by a fault of the program, without [`CallEvent::Ended`].
    fn on_lost(&self, key: CallKey);

    /// A message arrived.
    fn on_received(&self, _incoming: &Incoming) {}

    /// A message leaves.
    fn on_sent(&self, _transmit: &Transmit) {}
}

/// What an endpoint is made of.
pub struct EndpointConfig {
    /// Bound, not started.
    pub transports: Transports,
    /// Where media goes.
    pub media: Arc<dyn MediaPlane>,
    /// What is decided.
    pub policy: Arc<dyn PolicyEngine>,
    /// The clock.
    pub clock: SystemClock,
    /// The seed of all randomness.
    pub entropy: Entropy,
    /// Who hears of calls.
    pub observer: Arc<dyn Observer>,
}

/// The endpoint. Cheap to clone; all clones are the same endpoint.
#[derive(Clone)]
pub struct Endpoint(Arc<Inner>);

pub(super) struct Inner {
    core: Mutex<EndpointCore>,
    calls: Mutex<HashMap<CallKey, Sender<Input>>>,
    transports: Transports,
    pub(super) media: Arc<dyn MediaPlane>,
    policy: RwLock<Arc<dyn PolicyEngine>>,
    pub(super) clock: SystemClock,
    entropy: Mutex<Entropy>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) runtime: Handle,
    next_key: AtomicU64,
    pub(super) refusals: TcpRefusals,
    draining: AtomicBool,
    idle: Notify,
}

impl Endpoint {
    /// Wires the parts together and starts the transports. Within a tokio runtime.
    #[must_use]
    pub fn start(config: EndpointConfig) -> Self {
        let transports = config.transports.clone();
        let endpoint = Self(Arc::new(Inner {
            core: Mutex::new(EndpointCore::new()),
            calls: Mutex::new(HashMap::new()),
            transports: config.transports,
            media: config.media,
            policy: RwLock::new(config.policy),
            clock: config.clock,
            entropy: Mutex::new(config.entropy),
            observer: config.observer,
            runtime: Handle::current(),
            next_key: AtomicU64::new(1),
            refusals: TcpRefusals::default(),
            draining: AtomicBool::new(false),
            idle: Notify::new(),
        }));
        transports.start(Arc::new(endpoint.clone()));
        tokio::spawn(sweep(Arc::downgrade(&endpoint.0)));
        endpoint
    }

    /// A policy for the calls that begin from now on; the others keep theirs to their end. Its
    /// listeners must be those that are bound, by the same ids.
    pub fn set_policy(&self, policy: Arc<dyn PolicyEngine>) {
        *self
            .0
            .policy
            .write()
            .unwrap_or_else(PoisonError::into_inner) = policy;
    }

    /// The policy of the calls that begin now: its quotas say what was counted.
    #[must_use]
    pub fn policy(&self) -> Arc<dyn PolicyEngine> {
        self.0.policy()
    }

    /// How many calls there are, the ending ones included.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.0.calls().len()
    }

    /// How many dialogs are claimed, and how many Call-IDs have something lingering.
    #[must_use]
    pub fn claimed_and_lingering(&self) -> (usize, usize) {
        let mut core = self.0.core();
        core.sweep(self.0.clock.now().mono);
        (core.claimed(), core.lingering())
    }

    /// Gives a command to a call. False: there is no such call.
    #[must_use]
    pub fn command(&self, key: CallKey, command: Command) -> bool {
        let sender = self.0.calls().get(&key).cloned();
        sender.is_some_and(|sender| sender.try_send(Input::Command(command)).is_ok())
    }

    /// Takes no new calls from now on: INVITE and OPTIONS get 503.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Whether it takes new calls.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// Ends every call.
    pub async fn end_all(&self) {
        let senders: Vec<_> = self.0.calls().values().cloned().collect();
        for sender in senders {
            // A call that is gone needs no ending.
            let _gone = sender.send(Input::Command(Command::Shutdown)).await;
        }
    }

    /// Returns when there are no calls.
    pub async fn idle(&self) {
        loop {
            let notified = self.0.idle.notified();
            if self.calls() == 0 {
                return;
            }
            notified.await;
        }
    }

    /// Stops the transports, flushing what is queued within a bound.
    pub async fn shutdown(&self) {
        self.0.transports.shutdown().await;
    }
}

impl Inner {
    pub(super) fn core(&self) -> MutexGuard<'_, EndpointCore> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<CallKey, Sender<Input>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn policy(&self) -> Arc<dyn PolicyEngine> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn send(&self, owner: u64, transmit: Transmit) {
        self.observer.on_sent(&transmit);
        self.transports.send(owner, transmit);
    }

    /// The call is gone.
    pub(super) fn forget(&self, key: CallKey) {
        let mut calls = self.calls();
        calls.remove(&key);
        if calls.is_empty() {
            self.idle.notify_waiters();
        }
    }

    /// Puts an input into a call's mailbox; gives it back where the mailbox is full.
    fn deliver(&self, key: CallKey, input: Input) -> Result<(), Input> {
        let Some(sender) = self.calls().get(&key).cloned() else {
            return Ok(());
        };
        match sender.try_send(input) {
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
            Err(TrySendError::Full(input)) => Err(input),
        }
    }

    /// A mailbox is full: on UDP the sender repeats what matters, on a stream it hears 503.
    fn shed(&self, incoming: &Incoming) {
        if incoming.flow.transport.is_reliable() {
            self.refuse(incoming);
        }
    }

    fn refuse(&self, incoming: &Incoming) {
        self.refuse_with(incoming, StatusCode::of(503), "", Some("5"));
    }

    /// The box is full. Without state: an INVITE that comes again because this was lost is judged
    /// again.
    fn refuse_full(&self, incoming: &Incoming, full: &Full) {
        let limits = &full.limits;
        self.refuse_with(incoming, limits.status, &limits.reason, full.retry_after());
    }

    fn refuse_with(
        &self,
        incoming: &Incoming,
        status: StatusCode,
        reason: &str,
        retry_after: Option<&str>,
    ) {
        let headers = retry_after.map(|seconds| (HeaderName::RetryAfter, seconds));
        let refusal = self
            .core()
            .refuse(incoming, status, reason, headers.as_slice());
        if let Some(transmit) = refusal {
            self.send(0, transmit);
        }
    }
}

/// How often lingering transactions that are over are forgotten where no call ends meanwhile.
const SWEEP: Duration = Duration::from_secs(5);

/// Forgets what no longer lingers, as long as the endpoint is there.
async fn sweep(endpoint: Weak<Inner>) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        ticks.tick().await;
        let Some(inner) = endpoint.upgrade() else {
            return;
        };
        let now = inner.clock.now().mono;
        inner.core().sweep(now);
    }
}

impl TransportEvents for Endpoint {
    fn on_message(&self, incoming: Incoming) {
        let inner = &self.0;
        inner.observer.on_received(&incoming);
        let now = inner.clock.now().mono;
        let begins = incoming.message.is_request()
            && incoming.message.to_tag().is_none()
            && matches!(
                incoming.message.method(),
                Some(Method::Invite | Method::Options)
            );
        let mut core = inner.core();
        match core.route(now, &incoming) {
            Route::Owner(key) => {
                drop(core);
                if let Err(Input::Message(incoming)) =
                    inner.deliver(key, Input::Message(Box::new(incoming)))
                {
                    inner.shed(&incoming);
                }
            }
            Route::Begin | Route::Reply(_) if begins && self.is_draining() => {
                drop(core);
                inner.refuse(&incoming);
            }
            Route::Begin => {
                let policy = inner.policy();
                match policy.quotas().whole.take(now, Way::In) {
                    Ok(slot) => self.begin(core, incoming, policy, slot),
                    Err(full) => {
                        drop(core);
                        inner.refuse_full(&incoming, &full);
                    }
                }
            }
            Route::Reply(transmit) => {
                drop(core);
                inner.send(0, transmit);
            }
            Route::HangUp(requests) => {
                drop(core);
                requests
                    .into_iter()
                    .for_each(|request| inner.send(0, request));
            }
            Route::Drop(why) => tracing::trace!(?why, remote = %incoming.flow.remote, "dropped"),
        }
    }

    fn on_send_failed(&self, owner: u64, flow: Flow) {
        self.on_transport_error(owner, Input::Unsent(Box::new(flow)));
    }

    fn on_connection_lost(&self, owner: u64, flow: Flow) {
        self.on_transport_error(owner, Input::TransportError(Box::new(flow)));
    }

    fn on_closed(&self, connection: ConnectionId) {
        tracing::trace!(connection = connection.0, "connection closed");
    }
}

impl Endpoint {
    fn on_transport_error(&self, owner: u64, error: Input) {
        if self.0.deliver(CallKey(owner), error).is_err() {
            tracing::debug!(
                owner,
                "a call's mailbox is full; a transport error is dropped"
            );
        }
    }

    fn begin(
        &self,
        mut core: MutexGuard<'_, EndpointCore>,
        incoming: Incoming,
        policy: Arc<dyn PolicyEngine>,
        slot: Slot,
    ) {
        let inner = &self.0;
        let key = CallKey(inner.next_key.fetch_add(1, Ordering::Relaxed));
        let seed = {
            let mut entropy = inner.entropy.lock().unwrap_or_else(PoisonError::into_inner);
            entropy.seed()
        };
        let opening = Opening::draw(seed.entropy());
        let begun = core.begin(key, &opening.tag, &incoming.message);
        let (sender, receiver) = mailbox();
        inner.calls().insert(key, sender.clone());
        drop(core);
        let incoming = Box::new(incoming);
        let beginning = Beginning {
            key,
            seed,
            policy,
            opening,
            shares_call_id: begun.is_shared,
            incoming,
            slot,
            sender,
            receiver,
        };
        inner
            .runtime
            .spawn(driver::run(Arc::clone(inner), beginning));
    }
}

impl MediaEvents for Endpoint {
    fn on_media(&self, session: SessionId, event: MediaEvent) {
        if self
            .0
            .deliver(CallKey(session.0), Input::Media(Box::new(event)))
            .is_err()
        {
            tracing::debug!(
                session = session.0,
                "a call's mailbox is full; a media event is dropped"
            );
        }
    }
}
