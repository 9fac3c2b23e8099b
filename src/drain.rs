//! The end of a daemon: no new calls, running ones may end, the rest get BYE.
//!
//! | told to drain | where it does not drain yet | where it drains |
//! |---|---|---|
//! | by SIGTERM, SIGINT | begins, with the configured grace | the first signal: calls end no later than with the configured grace from now on; the second: ends at once |
//! | by `POST /v1/drain` | begins, with the grace that is given or the configured one | nothing changes, and the answer says so |

use crate::daemon::Daemon;
use crate::events::{Events, What};
use sbc_core::{Clock, Instant, SystemClock, UnixMillis};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{timeout, timeout_at};

/// How long BYEs of the calls that drain cut off may wait for their answers.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Whether the daemon drains, and until when.
pub(crate) struct Drain {
    state: watch::Sender<Option<Begun>>,
    clock: SystemClock,
    events: Arc<Events>,
}

/// A drain that has begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Begun {
    /// How long running calls may go on, from when this was said.
    pub(crate) grace: Duration,
    /// When those that are left get BYE.
    pub(crate) until: UnixMillis,
    deadline: Instant,
}

impl Drain {
    pub(crate) fn new(clock: SystemClock, events: Arc<Events>) -> Self {
        Self {
            state: watch::Sender::new(None),
            clock,
            events,
        }
    }

    /// Begins. Where it has begun already nothing changes, and the second value is false.
    pub(crate) fn begin(&self, grace: Duration) -> (Begun, bool) {
        let begun = self.reckon(grace);
        let is_new = self.change(begun, |before| before.is_none());
        (self.state.borrow().unwrap_or(begun), is_new)
    }

    /// Begins; where it has begun already it ends no later than it would by this.
    pub(crate) fn hasten(&self, grace: Duration) {
        let soon = self.reckon(grace);
        self.change(soon, |before| {
            before.is_none_or(|before| soon.deadline < before.deadline)
        });
    }

    fn change(&self, begun: Begun, takes: impl FnOnce(Option<Begun>) -> bool) -> bool {
        let is_changed = self.state.send_if_modified(|state| {
            let is_changed = takes(*state);
            if is_changed {
                *state = Some(begun);
            }
            is_changed
        });
        if is_changed {
            self.events.tell(What::Drain(begun));
        }
        is_changed
    }

    fn reckon(&self, grace: Duration) -> Begun {
        let now = self.clock.now();
        let millis = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        Begun {
            grace,
            until: UnixMillis(now.unix.0.saturating_add(millis)),
            deadline: now.mono + grace,
        }
    }

    /// Waits until it begins.
    pub(crate) async fn begun(&self) -> Begun {
        let mut state = self.state.subscribe();
        loop {
            if let Some(begun) = *state.borrow_and_update() {
                return begun;
            }
            // Never an error: the sender is ours.
            drop(state.changed().await);
        }
    }

    /// Waits until no call is left, or until the time is over, which may change meanwhile. False:
    /// there are calls left.
    async fn idle(&self, idle: impl Future<Output = ()>) -> bool {
        let mut state = self.state.subscribe();
        let mut idle = std::pin::pin!(idle);
        loop {
            let deadline = state.borrow_and_update().map(|begun| begun.deadline);
            let deadline = self.clock.to_std(deadline.unwrap_or_default()).into();
            let waited = timeout_at(deadline, async {
                tokio::select! {
                    () = &mut idle => true,
                    _ = state.changed() => false,
                }
            });
            match waited.await {
                Ok(true) => return true,
                Ok(false) => {}
                Err(_) => return false,
            }
        }
    }
}

/// Drains from the moment when it has begun, and ends the daemon.
pub(crate) async fn run(daemon: &Daemon) {
    let begun = daemon.drain().begun().await;
    let endpoint = daemon.endpoint();
    endpoint.drain();
    tracing::info!(
        calls = endpoint.calls(),
        grace_s = begun.grace.as_secs(),
        "draining"
    );
    if !daemon.drain().idle(endpoint.idle()).await {
        tracing::info!(calls = endpoint.calls(), "ending the calls that are left");
        endpoint.end_all().await;
        if timeout(LAST_WORDS, endpoint.idle()).await.is_err() {
            tracing::warn!(calls = endpoint.calls(), "calls whose BYE got no answer");
        }
    }
    daemon.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_A_MINUTE: Duration = Duration::from_secs(30);
    const TEN_MINUTES: Duration = Duration::from_secs(600);

    fn drain() -> Drain {
        let events = Arc::new(Events::new(UnixMillis(0)));
        Drain::new(SystemClock::start(), events)
    }

    #[test]
    fn a_drain_begins_once_and_a_second_request_changes_nothing() {
        let drain = drain();
        let (begun, is_new) = drain.begin(TEN_MINUTES);
        assert!(is_new);
        assert_eq!(begun.grace, TEN_MINUTES);
        assert_eq!(drain.begin(HALF_A_MINUTE), (begun, false));
    }

    #[test]
    fn a_signal_makes_a_long_drain_shorter_and_a_short_one_no_longer() {
        let long = drain();
        long.begin(TEN_MINUTES);
        long.hasten(HALF_A_MINUTE);
        assert_eq!(long.begin(TEN_MINUTES).0.grace, HALF_A_MINUTE);
        let short = drain();
        let (begun, _) = short.begin(Duration::ZERO);
        short.hasten(HALF_A_MINUTE);
        assert_eq!(short.begin(TEN_MINUTES), (begun, false));
    }

    #[tokio::test]
    async fn calls_that_are_left_when_the_time_is_over_are_told_apart_from_none_left() {
        let drain = drain();
        drain.begin(TEN_MINUTES);
        assert!(drain.idle(std::future::ready(())).await);
        let waits = drain.idle(std::future::pending());
        let hastens = async { drain.hasten(Duration::ZERO) };
        let (is_idle, ()) = tokio::join!(waits, hastens);
        assert!(!is_idle);
    }
}
