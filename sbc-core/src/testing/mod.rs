//! The simulator: whole SBCs, phones and recorders in one thread, in virtual time, over a network
//! that loses, doubles and overtakes what a seed tells it to.
//!
//! ```text
//! Sim: one clock, one queue ---- Sbc    EndpointCore and Calls, driven as endpoint::driver does
//!   |                       \--- Phone  a user agent of its own making (see `phone`)
//!   |                       \--- Wires  datagrams and streams between addresses
//!
//!   Scanner: every byte that leaves an Sbc      FakeMedia: ports that are numbers
//!   Fixed: the policy, a table of users         Reached: which state met which input
//! ```
//!
//! [`Sim::finish`] lets time pass to the end and judges the run.

mod alone;
mod media;
mod peers;
mod phone;
mod policy;
mod proxy;
mod reached;
mod sbc;
mod scanner;
mod sim;
mod table;
pub mod tables;
mod trouble;
mod wires;

pub use alone::Sent;
pub use media::FakeMedia;
pub use peers::HeardByPeer;
pub use phone::{Act, Answering, End, Heard, Phone, PhoneCall, Placed, Renewal, Say, Spelling};
pub use policy::{Fixed, Route, SIP_PORT};
pub use reached::{Coverage, Reached};
pub use sbc::Sbc;
pub use sim::Sim;
pub use table::{Never, Table};
pub use wires::{Link, NodeId};
