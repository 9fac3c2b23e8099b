//! The endpoint: finds the owner of each message, runs calls as tasks, and answers what nobody
//! owns.

mod core;
mod driver;
mod hooks;
mod late_fork;
mod linger;
mod opening;
mod rehearsal;
mod shell;
mod stateless;

pub use self::core::{Begun, Dropped, EndpointCore, Route};
#[cfg(feature = "testing")]
pub(crate) use hooks::ask_at_once;
pub use hooks::{HOOK_DEADLINE, Verdicts, run_start_hooks};
#[cfg(feature = "testing")]
pub(crate) use opening::Opening;
pub use rehearsal::{Fate, Rehearsal, Stage, rehearse};
pub use shell::{CallInputs, Endpoint, EndpointConfig, Observer};
