//! The calls of the process as log, metrics and API see them.

mod explained;
mod table;

use crate::events::{Events, What};
use crate::logging::party;
use crate::metrics::{Metrics, status_name};
use crate::reload::Ending;
use explained::Question;
use sbc_core::UnixMillis;
use sbc_core::b2bua::{CallEvent, CallKey, CallSummary, EndedBy};
use sbc_core::endpoint::{CallInputs, Observer, Verdicts};
use sbc_core::ports::{PortId, PortStats, RecorderState};
use sbc_core::sip::StatusCode;
use sbc_core::transport::{Incoming, Transmit};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use table::Table;

/// A call, running or over.
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
    pub(crate) generation: u64,
    pub(crate) state: State,
    pub(crate) started_at: UnixMillis,
    pub(crate) answered_at: Option<UnixMillis>,
    pub(crate) recorders: Vec<RecorderState>,
    /// Where it is over.
    pub(crate) end: Option<End>,
}

/// How far a call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Trying,
    Ringing,
    Answered,
    Ended,
}

impl State {
    pub(crate) const ALL: [Self; 4] = [Self::Trying, Self::Ringing, Self::Answered, Self::Ended];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Trying => "trying",
            Self::Ringing => "ringing",
            Self::Answered => "answered",
            Self::Ended => "ended",
        }
    }
}

/// How a call ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) at: UnixMillis,
    pub(crate) status: StatusCode,
    pub(crate) by: EndedBy,
    pub(crate) reason: Box<str>,
    pub(crate) media: Vec<(PortId, PortStats)>,
}

impl Row {
    /// As the call stands, which has this state.
    fn new(key: CallKey, call: &CallSummary, state: State) -> Self {
        Self {
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
            generation: call.generation,
            state,
            started_at: call.started_at,
            answered_at: call.answered_at,
            recorders: call.recorders.clone(),
            end: (state == State::Ended).then(|| End {
                at: call.ended_at,
                status: call.status,
                by: call.ended_by,
                reason: call.reason.clone(),
                media: call.media.clone(),
            }),
        }
    }
}

/// Which calls a page shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Those that came from this trunk or went to it.
    pub(crate) trunk: Option<Box<str>>,
    /// Those in this state; otherwise all that are not over.
    pub(crate) state: Option<State>,
    /// Those behind this one.
    pub(crate) after: Option<CallKey>,
    /// How many at most.
    pub(crate) limit: usize,
}

impl Wanted {
    fn has(&self, row: &Row) -> bool {
        let is = |trunk: &str| {
            [&row.trunk, &row.target]
                .into_iter()
                .flatten()
                .any(|t| **t == *trunk)
        };
        self.trunk.as_deref().is_none_or(is) && self.state.is_none_or(|s| s == row.state)
    }
}

/// Some of the calls.
pub(crate) struct Found {
    pub(crate) rows: Vec<Arc<Row>>,
    /// There are more of them, behind this one.
    pub(crate) more_after: Option<CallKey>,
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
    table: Mutex<Table>,
    pub(crate) metrics: Metrics,
    private: AtomicBool,
    events: Arc<Events>,
    tap: Option<Arc<dyn Tap>>,
}

impl Calls {
    pub(crate) fn new(private: bool, events: Arc<Events>, tap: Option<Arc<dyn Tap>>) -> Self {
        Self {
            table: Mutex::default(),
            metrics: Metrics::new(),
            private: AtomicBool::new(private),
            events,
            tap,
        }
    }

    /// The calls that are wanted, the oldest first. The table is held for a bounded time at once.
    pub(crate) fn page(&self, wanted: &Wanted) -> Found {
        let finished = wanted.state == Some(State::Ended);
        let (mut rows, mut after) = (Vec::new(), wanted.after);
        loop {
            let some = self.table().behind(after, finished);
            let Some(last) = some.last() else {
                return Found {
                    rows,
                    more_after: None,
                };
            };
            after = Some(last.key);
            for row in some {
                if !wanted.has(&row) {
                    continue;
                }
                if rows.len() == wanted.limit {
                    let more_after = rows.last().map(|row: &Arc<Row>| row.key);
                    return Found { rows, more_after };
                }
                rows.push(row);
            }
        }
    }

    /// Whether numbers of subscribers stand in the log from now on.
    pub(crate) fn set_private(&self, private: bool) {
        self.private.store(private, Relaxed);
    }

    fn party(&self, uri: &str) -> String {
        party(uri, self.private.load(Relaxed))
    }

    /// A reload ended; of this generation is the configuration that is used now.
    pub(crate) fn reloaded(&self, ending: Ending, generation: u64) {
        self.metrics.reloaded(ending);
        self.events.tell(What::Reload(ending, generation));
    }

    /// How many are not over.
    pub(crate) fn running(&self) -> usize {
        self.table().running()
    }

    /// A call that is not over, or is one of the last that ended.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Row>> {
        self.table().find(id)
    }

    /// What the explanation of a call is made of, or why there is none.
    pub(crate) fn question(&self, key: CallKey) -> Result<Question, &'static str> {
        self.table().explained.question(key)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn started(&self, key: CallKey, call: &CallSummary) {
        self.metrics.call_started();
        tracing::debug!(
            call = &*call.id,
            from = self.party(&call.from),
            to = self.party(&call.to),
            route = &*call.route,
            "call started"
        );
        let row = self.table().insert(Row::new(key, call, State::Trying));
        self.events.tell(What::CallStarted(row));
    }

    fn went_on(&self, key: CallKey, call: &CallSummary, state: State) -> Option<Arc<Row>> {
        self.table().update(key, |row| {
            row.state = state;
            row.answered_at = call.answered_at;
            row.call_id_b.clone_from(&call.call_id_b);
            row.target.clone_from(&call.target);
        })
    }

    fn ended(&self, key: CallKey, call: &CallSummary) {
        self.metrics.call_ended(call);
        let row = self.table().finish(Row::new(key, call, State::Ended));
        self.events.tell(What::CallEnded(row));
        tracing::info!(
            call = &*call.id,
            from = self.party(&call.from),
            to = self.party(&call.to),
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
        self.table()
            .update(key, |row| row.recorders.clone_from(&call.recorders));
        let told = What::Recorder(call.id.clone(), state.clone());
        self.events.tell(told);
    }
}

impl Observer for Calls {
    fn on_begun(&self, key: CallKey, inputs: CallInputs) {
        self.table().explained.begun(key, inputs);
    }

    fn on_decided(&self, key: CallKey, verdicts: &Verdicts) {
        self.table().explained.decided(key, verdicts);
    }

    fn on_call(&self, key: CallKey, call: &CallSummary, event: &CallEvent) {
        match event {
            CallEvent::Started => self.started(key, call),
            CallEvent::Ringing(_) => {
                if let Some(row) = self.went_on(key, call, State::Ringing) {
                    self.events.tell(What::CallRinging(row));
                }
            }
            CallEvent::Answered => {
                self.metrics.call_answered();
                if let Some(row) = self.went_on(key, call, State::Answered) {
                    self.events.tell(What::CallAnswered(row));
                }
            }
            CallEvent::Recorder(state) => self.recorder(key, call, state),
            CallEvent::Ended(summary) => self.ended(key, summary),
        }
    }

    fn on_lost(&self, key: CallKey) {
        self.metrics.call_lost();
        let row = self.table().forget(key);
        if let Some(row) = row {
            self.events.tell(What::CallLost(row));
        }
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A call that was just answered, with ids made of its key.
    pub(crate) fn row(key: u64) -> Row {
        Row::new(CallKey(key), &summary(key), State::Answered)
    }

    /// From the trunk `carrier` where the key is even, from `pbx` where it is odd.
    pub(crate) fn summary(key: u64) -> CallSummary {
        let trunks = if key.is_multiple_of(2) {
            ["carrier", "pbx"]
        } else {
            ["pbx", "office"]
        };
        let [trunk, target] = trunks.map(|name| Some(name.into()));
        CallSummary {
            id: format!("call-{key}").into(),
            call_id_a: format!("a-{key}").into(),
            call_id_b: Some(format!("b-{key}").into()),
            from: "sip:+4930123456@carrier.example".into(),
            to: "sip:7001@pbx.example".into(),
            trunk,
            target,
            route: "inwards".into(),
            profile: "base".into(),
            generation: 3,
            started_at: UnixMillis(1_000),
            answered_at: Some(UnixMillis(2_000)),
            ended_at: UnixMillis(3_000),
            status: StatusCode::of(200),
            ended_by: EndedBy::Caller,
            reason: "hung up".into(),
            media: Vec::new(),
            recorders: Vec::new(),
        }
    }

    fn calls(count: u64) -> Calls {
        let events = Arc::new(Events::new(UnixMillis(0)));
        let calls = Calls::new(false, events, None);
        for key in 0..count {
            calls.on_call(CallKey(key), &summary(key), &CallEvent::Started);
        }
        calls
    }

    #[test]
    fn pages_follow_one_another_and_show_what_is_wanted_once() {
        let calls = calls(1_000);
        let mut wanted = Wanted {
            trunk: Some("carrier".into()),
            limit: 300,
            ..Wanted::default()
        };
        let mut seen = Vec::new();
        loop {
            let found = calls.page(&wanted);
            assert!(found.rows.len() <= 300);
            seen.extend(found.rows.iter().map(|row| row.key.0));
            let Some(after) = found.more_after else { break };
            wanted.after = Some(after);
        }
        assert_eq!(seen, (0..1_000).step_by(2).collect::<Vec<_>>());
    }

    #[test]
    fn a_page_that_is_just_full_has_none_behind_it() {
        let wanted = Wanted {
            limit: 10,
            ..Wanted::default()
        };
        assert!(calls(10).page(&wanted).more_after.is_none());
        assert_eq!(calls(11).page(&wanted).more_after, Some(CallKey(9)));
    }

    #[test]
    fn a_call_that_ended_is_among_the_ended_and_found_by_its_id() {
        let calls = calls(2);
        let ended = CallEvent::Ended(Box::new(summary(1)));
        calls.on_call(CallKey(1), &summary(1), &ended);
        let of = |state| {
            let limit = 10;
            let wanted = Wanted {
                state,
                limit,
                ..Wanted::default()
            };
            let rows = calls.page(&wanted).rows;
            rows.iter().map(|row| row.key.0).collect::<Vec<_>>()
        };
        assert_eq!((of(None), of(Some(State::Trying))), (vec![0], vec![0]));
        assert_eq!(
            (of(Some(State::Ended)), of(Some(State::Answered))),
            (vec![1], vec![])
        );
        let row = calls.find("call-1").expect("it is kept for a while");
        let end = row.end.as_ref().expect("it is over");
        assert_eq!((&*end.reason, calls.running()), ("hung up", 1));
    }
}
