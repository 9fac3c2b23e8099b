//! Call-control modules: decide whether a call may begin, observe it, hear its end once.
//!
//! A call in rehearsal (`sbc explain`, `sbc test`, the explanation of a call) opens hooks, asks
//! [`CallHooks::on_start`] and drops them: neither events nor an end follow. So a module leaves no
//! lasting trace of [`ModuleFactory::open`] and `on_start`: what it takes there (a seat of a quota)
//! it gives back when it is dropped, and what it writes it writes in [`CallHooks::on_end`].

use crate::b2bua::{CallEvent, CallSummary};
use crate::sip::{Message, StatusCode};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// Makes the hooks of one call. One for each `control` entry of a profile.
pub trait ModuleFactory: Send + Sync + fmt::Debug {
    /// As in `use:`.
    fn name(&self) -> &str;

    /// Hooks for a new call.
    fn open(&self) -> Box<dyn CallHooks>;
}

/// What a module wants to happen to its call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The call ends this long after its answer.
    EndAfter(Duration),
}

/// Whether a call may go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It may, with these effects.
    Continue(Vec<Effect>),
    /// It is refused.
    Refuse(StatusCode, Box<str>),
}

/// What a deciding hook returns.
pub type HookFuture<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// One module at work in one call. Each method has a default that does nothing.
pub trait CallHooks: Send + fmt::Debug {
    /// The INVITE arrived, nothing else has happened; 100 is sent. May take its time: the driver
    /// has a deadline, and a CANCEL is obeyed meanwhile.
    fn on_start<'a>(&'a mut self, _invite: &'a Message) -> HookFuture<'a> {
        Box::pin(std::future::ready(Verdict::Continue(Vec::new())))
    }

    /// Something happened.
    fn on_event(&mut self, _event: &CallEvent) {}

    /// The call ended; called exactly once, whatever happened.
    fn on_end(&mut self, _summary: &CallSummary) {}
}
