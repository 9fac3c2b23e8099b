//! SIP, SDP, transactions, dialogs and the B2BUA call machine: sans-IO, with a thin tokio shell.

pub mod b2bua;
pub mod dialog;
pub mod endpoint;
pub mod limits;
pub mod net;
pub mod ports;
pub mod quota;
pub mod sdp;
pub mod sip;
pub mod state_book;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transaction;
pub mod transport;
pub mod ua;

mod entropy;
mod probe;
mod time;

pub use entropy::{Entropy, Seed};
pub use probe::{Met, Probe};
pub use time::{Clock, Instant, Now, SystemClock, UnixMillis};
