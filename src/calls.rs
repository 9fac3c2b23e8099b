//! The calls of the process as log, metrics and API see them.

use crate::logging::party;
use crate::metrics::{Metrics, status_name};
use sbc_core::UnixMillis;
use sbc_core::b2bua::{CallEvent, CallKey, CallSummary};
use sbc_core::endpoint::Observer;
use sbc_core::ports::RecorderState;
use sbc_core::transport::{Incoming, Transmit};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A call that is not over.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) key: CallKey,
    pub(crate) id: Box<str>,
    pub(crate) call_id_a: Box<str>,
    pub(crate) call_id_b: Option<Box<str>>,
    pub(crate) from: Box<str>,
    pub(crate) to: Box<str>,
    pub(crate) trunk: Option<Arc<str>>,
    pub(crate) target: Option<Arc<str>>,
    pub(crate) route: Arc<str>,
    pub(crate) profile: Arc<str>,
    pub(crate) state: &'static str,
    pub(crate) started_at: UnixMillis,
    pub(crate) answered_at: Option<UnixMillis>,
    pub(crate) recorders: Vec<RecorderState>,
}

/// Sees every message that comes and goes: for the demo's ladder.
pub(crate) trait Tap: Send + Sync {
    /// A message that arrived.
    fn received(&self, incoming: &Incoming);
    /// A message that leaves.
    fn sent(&self, transmit: &Transmit);
    /// A recording changed.
    fn recorder(&self, state: &RecorderState);
}

/// Keeps the rows, counts, logs.
pub(crate) struct Calls {
    rows: Mutex<BTreeMap<CallKey, Row>>,
    pub(crate) metrics: Metrics,
    private: bool,
    tap: Option<Arc<dyn Tap>>,
}

impl Calls {
    pub(crate) fn new(private: bool, tap: Option<Arc<dyn Tap>>) -> Self {
        Self {
            rows: Mutex::default(),
            metrics: Metrics::new(),
            private,
            tap,
        }
    }

    pub(crate) fn all(&self) -> Vec<Row> {
        self.rows().values().cloned().collect()
    }

    pub(crate) fn find(&self, id: &str) -> Option<Row> {
        self.rows().values().find(|row| *row.id == *id).cloned()
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<CallKey, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, key: CallKey, change: impl FnOnce(&mut Row)) {
        if let Some(row) = self.rows().get_mut(&key) {
            change(row);
        }
    }

    fn started(&self, key: CallKey, call: &CallSummary) {
        self.metrics.call_started();
        tracing::debug!(
            call = &*call.id,
            from = party(&call.from, self.private),
            to = party(&call.to, self.private),
            route = &*call.route,
            "call started"
        );
        let row = Row {
            key,
            id: call.id.clone(),
            call_id_a: call.call_id_a.clone(),
            call_id_b: call.call_id_b.clone(),
            from: call.from.clone(),
            to: call.to.clone(),
            trunk: call.trunk.clone(),
            target: call.target.clone(),
            route: Arc::clone(&call.route),
            profile: Arc::clone(&call.profile),
            state: "trying",
            started_at: call.started_at,
            answered_at: None,
            recorders: Vec::new(),
        };
        self.rows().insert(key, row);
    }

    fn ended(&self, key: CallKey, call: &CallSummary) {
        self.metrics.call_ended(call);
        self.rows().remove(&key);
        tracing::info!(
            call = &*call.id,
            from = party(&call.from, self.private),
            to = party(&call.to, self.private),
            route = &*call.route,
            status = call.status.code(),
            by = ?call.ended_by,
            reason = &*call.reason,
            "call ended"
        );
    }

    fn recorder(&self, key: CallKey, call: &CallSummary, state: &RecorderState) {
        self.metrics.recorder(state);
        if let Some(tap) = &self.tap {
            tap.recorder(state);
        }
        tracing::info!(
            call = &*call.id,
            recorder = &*state.recorder,
            server = &*state.server,
            state = status_name(state.status),
            reason = &*state.reason,
            "recording"
        );
        self.update(key, |row| row.recorders.clone_from(&call.recorders));
    }
}

impl Observer for Calls {
    fn on_call(&self, key: CallKey, call: &CallSummary, event: &CallEvent) {
        match event {
            CallEvent::Started => self.started(key, call),
            CallEvent::Ringing(_) => self.update(key, |row| {
                row.state = "ringing";
                row.call_id_b.clone_from(&call.call_id_b);
                row.target.clone_from(&call.target);
            }),
            CallEvent::Answered => {
                self.metrics.call_answered();
                self.update(key, |row| {
                    row.state = "answered";
                    row.answered_at = call.answered_at;
                    row.call_id_b.clone_from(&call.call_id_b);
                    row.target.clone_from(&call.target);
                });
            }
            CallEvent::Recorder(state) => self.recorder(key, call, state),
            CallEvent::Ended(summary) => self.ended(key, summary),
        }
    }

    fn on_lost(&self, key: CallKey) {
        self.metrics.call_lost();
        self.rows().remove(&key);
        tracing::error!(
            call = key.0,
            "a fault of this program ended a call; please report it"
        );
    }

    fn on_received(&self, incoming: &Incoming) {
        if let Some(tap) = &self.tap {
            tap.received(incoming);
        }
    }

    fn on_sent(&self, transmit: &Transmit) {
        if let Some(tap) = &self.tap {
            tap.sent(transmit);
        }
    }
}
