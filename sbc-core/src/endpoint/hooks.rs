//! Runs the deciding hooks of call-control modules, each with a deadline.

use crate::ports::{CallHooks, Effect, Verdict};
use crate::sip::{Message, StatusCode};
use std::time::Duration;

/// How long one module may take to decide.
pub const HOOK_DEADLINE: Duration = Duration::from_secs(2);

/// Asks each module in order; the first refusal counts, effects add up. A module that does not
/// decide in time refuses the call with 503: what must be asked is not skipped.
pub async fn run_start_hooks(hooks: &mut [Box<dyn CallHooks>], invite: &Message) -> Verdict {
    let mut effects: Vec<Effect> = Vec::new();
    for hook in hooks {
        match tokio::time::timeout(HOOK_DEADLINE, hook.on_start(invite)).await {
            Ok(Verdict::Continue(more)) => effects.extend(more),
            Ok(refusal) => return refusal,
            Err(_) => {
                tracing::warn!(module = ?hook, "call control did not decide in time");
                return Verdict::Refuse(StatusCode::of(503), "Call Control Timeout".into());
            }
        }
    }
    Verdict::Continue(effects)
}
