//! The endpoint: finds the owner of each message, runs calls as tasks, and answers what nobody
//! owns.

mod core;
mod driver;
mod hooks;
mod late_fork;
mod linger;
mod shell;
mod stateless;

pub use self::core::{Begun, Dropped, EndpointCore, Route};
pub use hooks::{HOOK_DEADLINE, run_start_hooks};
pub use shell::{Endpoint, EndpointConfig, Observer};
