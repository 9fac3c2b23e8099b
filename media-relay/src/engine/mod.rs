//! The engine of a worker: sessions, their ports, and what becomes of each packet. Sans-IO: time
//! and packets are arguments, everything that leaves goes through [`Outbound`].

mod fork;
mod latch;
mod port;
mod session;
mod sink;

#[cfg(test)]
mod tests;

pub(crate) use port::{Channel, NewPort, PortKey};
pub(crate) use session::Engine;

use crate::recorder::Note;
use sbc_core::ports::{MediaEvent, SessionId};
use std::net::SocketAddr;

/// What the engine asks of the worker that owns it.
pub(crate) trait Outbound {
    /// Sends a packet out of a port's socket; false if the operating system did not take it.
    fn send(&mut self, port: PortKey, channel: Channel, to: SocketAddr, packet: &[u8]) -> bool;
    /// Tells what happened.
    fn event(&mut self, session: SessionId, event: MediaEvent);
    /// Hands something to the file writer; false if it is too busy and a packet was lost.
    /// Other notes than packets are never lost.
    fn record(&mut self, note: Note) -> bool;
    /// The port is gone: its sockets close, its place may be used again.
    fn close(&mut self, port: PortKey);
}
