//! Runs the deciding hooks of call-control modules, each with a deadline.

use crate::ports::{CallHooks, Effect, Verdict};
use crate::sip::{Message, StatusCode};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How long one module may take to decide.
pub const HOOK_DEADLINE: Duration = Duration::from_secs(2);

/// What the modules of a call said, in their order. The first refusal counts and nobody is asked
/// behind it; effects add up.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdicts(Vec<Verdict>);

impl Verdicts {
    /// What each module said that was asked.
    #[must_use]
    pub fn each(&self) -> &[Verdict] {
        &self.0
    }

    /// What that means for the call.
    #[must_use]
    pub fn sum(&self) -> Verdict {
        let mut effects: Vec<Effect> = Vec::new();
        for verdict in &self.0 {
            match verdict {
                Verdict::Continue(more) => effects.extend(more.iter().cloned()),
                Verdict::Refuse(..) => return verdict.clone(),
            }
        }
        Verdict::Continue(effects)
    }

    /// Takes what the next module said; whether the one behind it is asked.
    pub(crate) fn hear(&mut self, verdict: Verdict) -> bool {
        let goes_on = matches!(verdict, Verdict::Continue(_));
        self.0.push(verdict);
        goes_on
    }
}

/// Asks each module in order. A module that does not decide in time refuses the call with 503: what
/// must be asked is not skipped.
pub async fn run_start_hooks(hooks: &mut [Box<dyn CallHooks>], invite: &Message) -> Verdicts {
    let mut said = Verdicts::default();
    for hook in hooks {
        let verdict = match tokio::time::timeout(HOOK_DEADLINE, hook.on_start(invite)).await {
            Ok(verdict) => verdict,
            Err(_) => {
                tracing::warn!(module = ?hook, "call control did not decide in time");
                Verdict::Refuse(StatusCode::of(503), "Call Control Timeout".into())
            }
        };
        if !said.hear(verdict) {
            break;
        }
    }
    said
}

/// Asks each module in order where nobody can wait; `late` is what one says that does not decide at
/// once.
pub(crate) fn ask_at_once(
    hooks: &mut [Box<dyn CallHooks>],
    invite: &Message,
    mut late: impl FnMut(usize) -> Verdict,
) -> Verdicts {
    let mut said = Verdicts::default();
    for (n, hook) in hooks.iter_mut().enumerate() {
        let mut context = Context::from_waker(Waker::noop());
        let verdict = match hook.on_start(invite).as_mut().poll(&mut context) {
            Poll::Ready(verdict) => verdict,
            Poll::Pending => late(n),
        };
        if !said.hear(verdict) {
            break;
        }
    }
    said
}
