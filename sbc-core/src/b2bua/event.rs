//! What a call tells the rest of the program.

use crate::ports::{PortId, PortStats, RecorderState};
use crate::sip::StatusCode;
use crate::time::UnixMillis;
use std::sync::Arc;

/// Which side of the call: `A` is the caller's, `B` the callee's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "said above")]
pub enum Side {
    A,
    B,
}

impl Side {
    /// The one across.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// Who ended a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndedBy {
    /// The caller: BYE or CANCEL.
    Caller,
    /// The callee: BYE, or its refusal.
    Callee,
    /// Us: a refusal by policy, a missing ACK, a limit, an operator, a shutdown.
    Us,
}

/// Something happened to a call.
#[derive(Clone, PartialEq, Debug)]
pub enum CallEvent {
    /// The policy has decided where it goes; told once, first.
    Started,
    /// A provisional response above 100 was passed to the caller.
    Ringing(StatusCode),
    /// The caller was answered.
    Answered,
    /// A recording's state changed.
    Recorder(RecorderState),
    /// The call is over: told exactly once, last.
    Ended(Box<CallSummary>),
}

/// A call in retrospect: what a CDR says.
#[derive(Clone, PartialEq, Debug)]
pub struct CallSummary {
    /// Our id of the call, as in the API.
    pub id: Box<str>,
    /// Call-ID of the caller's leg.
    pub call_id_a: Box<str>,
    /// Call-ID of the last leg towards a callee.
    pub call_id_b: Option<Box<str>>,
    /// From as received, without parameters.
    pub from: Box<str>,
    /// To as received, without parameters.
    pub to: Box<str>,
    /// The trunk it came from.
    pub trunk: Option<Arc<str>>,
    /// The trunk it went to.
    pub target: Option<Arc<str>>,
    /// The route; empty where none matched.
    pub route: Arc<str>,
    /// The profile.
    pub profile: Arc<str>,
    /// The configuration that it began with, from 1 in each process; 0 where nobody counts them.
    pub generation: u64,
    /// INVITE received.
    pub started_at: UnixMillis,
    /// Caller answered.
    pub answered_at: Option<UnixMillis>,
    /// Over.
    pub ended_at: UnixMillis,
    /// The final status the caller heard.
    pub status: StatusCode,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// Why, in words.
    pub reason: Box<str>,
    /// Counters of its media ports.
    pub media: Vec<(PortId, PortStats)>,
    /// Each recording as it stood last.
    pub recorders: Vec<RecorderState>,
}
