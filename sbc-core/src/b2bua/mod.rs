//! The B2BUA: plans, calls, legs.

pub mod plan;

mod event;

pub use event::{CallEvent, CallSummary, EndedBy, Side};
