//! Where messages come from and go to (RFC 3261 §18). The types are for every layer; the I/O is
//! tokio's.
//!
//! | What arrives | UDP | TCP |
//! |---|---|---|
//! | a message, defects included | delivered | delivered |
//! | CR and LF only (RFC 5626 §4.4.1) | dropped | a ping is answered by a pong |
//! | no message at all | dropped | 400 where its headers can be read, then closed |
//! | a response shorter than its Content-Length (§18.3) | dropped | waits for its rest |
//! | a message whose rest does not come | - | closed after `limits::STREAM_MESSAGE` |
//! | a connection over a cap | - | closed at once |
//!
//! What cannot be sent is told to its owner, never retried here: the transactions know what to do.
//! Everything that is dropped is counted in [`Counts`].

mod bind;
mod connection;
mod counts;
mod deadlines;
mod flow;
mod listen;
mod outbox;
mod pool;
mod resolve;
mod shell;
mod udp;

#[cfg(test)]
mod tests;

pub use bind::BindError;
pub use counts::Counts;
pub use flow::{ConnectionId, Flow, Incoming, Target, Transmit, Transport, UdpMax};
pub use resolve::resolve;
pub use shell::{TransportEvents, Transports};
