//! SIPREC: recording client and recording server (RFC 7865, RFC 7866).
//!
//! The *client* is a [`sbc_core::ports::SideLeg`]: it hears what happens to a call and decides
//! about one more leg, the recording session. The *server* is a [`sbc_core::ports::App`]: it
//! answers a recording session and has its streams written to files. Both are sans-IO, except that
//! the server writes its small description files itself.

mod client;
pub mod limits;
pub mod metadata;
#[cfg(test)]
mod pair;
mod server;
#[cfg(test)]
mod testing;

pub use client::SiprecRecorder;
pub use server::RecordingServer;

/// Text from the wire as it may stand in a complaint or an event: bounded, without control
/// characters.
pub(crate) fn quoted(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(limits::QUOTED_CHARS).collect()
}
