//! The B2BUA: a call takes an INVITE in on one side and places it on the other.
//!
//! [`Call`] is sans-IO: inputs with the time go in, outputs are polled. Policies decide with a
//! [`plan::CallPlan`]; `docs/call-phases.md` has the chart.

pub mod plan;

mod admission;
mod answer;
mod app;
mod call;
mod event;
mod in_dialog;
mod io;
mod legs;
mod media;
mod recording;
mod redirect;
mod relay;
mod replies;
mod setup;
mod teardown;
mod view;

pub use call::Call;
pub use event::{CallEvent, CallSummary, EndedBy, Side};
pub use io::{CallKey, Command, Cx, Input, LegId, Names, Output};
