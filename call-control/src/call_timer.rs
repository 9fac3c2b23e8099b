//! `call_timer`: a call ends some time after its answer, with BYE to both sides.
//!
//! ```yaml
//! control: [ { use: call_timer, max: 2h } ]
//! ```

use crate::params::{only, value, wrong};
use sbc_core::ports::{
    BuildError, CallHooks, Effect, HookFuture, ModuleFactory, Param, ParamKey, Verdict,
};
use sbc_core::sip::Message;
use std::time::Duration;

/// What it takes.
pub(crate) const KEYS: &[ParamKey] = &[ParamKey {
    path: "max",
    kind: "duration",
    required: true,
    shared: false,
    doc: "how long a call may last from its answer on",
}];

/// The module with its parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallTimer {
    max: Duration,
}

impl CallTimer {
    pub(crate) fn new(
        entry: &[(String, Param)],
        shared: &[(String, Param)],
    ) -> Result<Self, BuildError> {
        only(entry, &["max"])?;
        only(shared, &[])?;
        let expected = "expected a duration above zero, such as 2h";
        let max =
            value(entry, "max").ok_or_else(|| wrong("max", format!("missing; {expected}")))?;
        match max.duration() {
            Some(max) if !max.is_zero() => Ok(Self { max }),
            Some(_) => Err(wrong("max", format!("no call could last; {expected}"))),
            None => Err(wrong("max", format!("this is no duration; {expected}"))),
        }
    }
}

impl ModuleFactory for CallTimer {
    fn name(&self) -> &'static str {
        "call_timer"
    }

    fn open(&self) -> Box<dyn CallHooks> {
        Box::new(*self)
    }
}

impl CallHooks for CallTimer {
    fn on_start<'a>(&'a mut self, _invite: &'a Message) -> HookFuture<'a> {
        let verdict = Verdict::Continue(vec![Effect::EndAfter(self.max)]);
        Box::pin(std::future::ready(verdict))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sbc_core::sip::StatusCode;
    use sbc_core::state_book::StateBook;
    use std::task::{Context, Poll, Waker};

    fn text(key: &str, value: &str) -> (String, Param) {
        (key.to_owned(), Param::Text(value.to_owned()))
    }

    #[test]
    fn a_call_may_begin_and_ends_after_its_time() {
        let module =
            crate::build("call_timer", &[text("max", "90m")], &[], &StateBook::new()).unwrap();
        assert_eq!(module.name(), "call_timer");
        let mut hooks = module.open();
        let invite = Message::response(StatusCode::of(200), "");
        let mut decision = hooks.on_start(&invite);
        let mut cx = Context::from_waker(Waker::noop());
        let wanted = vec![Effect::EndAfter(Duration::from_secs(5400))];
        assert_eq!(
            decision.as_mut().poll(&mut cx),
            Poll::Ready(Verdict::Continue(wanted))
        );
    }

    #[test]
    fn a_wrong_parameter_is_named_with_what_was_expected() {
        let max = |value: Param| vec![("max".to_owned(), value)];
        for (entry, shared, key, message) in [
            (
                vec![],
                vec![],
                "max",
                "missing; expected a duration above zero, such as 2h",
            ),
            (
                max(Param::Int(7200)),
                vec![],
                "max",
                "this is no duration; expected a duration above zero, such as 2h",
            ),
            (
                max(Param::Text("0s".into())),
                vec![],
                "max",
                "no call could last; expected a duration above zero, such as 2h",
            ),
            (
                vec![text("max", "2h"), text("maximum", "2h")],
                vec![],
                "maximum",
                "unknown key; expected `max`",
            ),
            (
                vec![text("max", "2h")],
                vec![text("max", "2h")],
                "max",
                "unknown key; expected none here",
            ),
        ] {
            let error = crate::build("call_timer", &entry, &shared, &StateBook::new()).unwrap_err();
            assert_eq!(
                (error.key.as_deref(), &*error.message),
                (Some(key), message)
            );
        }
    }
}
