//! The traits that other crates implement, and the data that crosses them.

mod app;
mod media;
mod module;
mod policy;
mod registry;
mod side_leg;

pub use app::{App, AppAnswer, AppCommand, AppCx, AppEvent, AppFactory};
pub use media::{
    Fork, Latch, MediaCmd, MediaError, MediaEvent, MediaEvents, MediaPlane, MediaPort, Peer,
    PortId, PortStats, Record, RecordCodec, SessionId,
};
pub use module::{CallHooks, Effect, HookFuture, ModuleFactory, Verdict};
pub use policy::{MessageRules, PolicyEngine, RequestFacts, RuleFacts};
pub use registry::{BuildError, Param, ParamKey, Registry};
pub use side_leg::{
    CallView, LegNews, Participant, RecorderPlan, RecorderState, RecorderStatus, Reserve,
    SideCommand, SideCx, SideDial, SideEvent, SideLeg, SideLegFactory, StreamView,
};
