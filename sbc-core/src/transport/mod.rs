//! Where messages come from and go to. The types are for every layer; the I/O is tokio's.

mod flow;

pub use flow::{ConnectionId, Flow, Incoming, Target, Transmit, Transport};
