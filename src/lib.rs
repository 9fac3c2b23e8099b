//! Session Border Controller and B2BUA with SIPREC recording: the daemon that puts the crates
//! together.
//!
//! The one crate that knows all others by name. [`run_cli`] is the program; [`Daemon`] is what it
//! runs, and what tests run in process.

mod admin;
mod calls;
mod cli;
mod ctl;
mod daemon;
mod demo;
mod drain;
mod events;
mod explain;
mod limits;
mod logging;
mod metrics;
mod registry;
mod reload;
mod signals;
mod srs;

pub use cli::{exit, run_cli};
pub use daemon::{Daemon, StartError};
pub use registry::Modules;
