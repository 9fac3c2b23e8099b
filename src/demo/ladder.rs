//! What the SBC sent and received, as a ladder.

use crate::calls::Tap;
use crate::cli::say;
use crate::metrics::status_name;
use sbc_core::ports::{RecorderState, RecorderStatus};
use sbc_core::sip::{Message, StartLine};
use sbc_core::transport::{Incoming, Transmit};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Columns of the ladder.
const PARTIES: [&str; 4] = ["caller", "callee", "recorder 1", "recorder 2"];

#[derive(Default)]
struct Seen {
    names: HashMap<SocketAddr, &'static str>,
    lines: Vec<String>,
    failover: bool,
}

/// Collects lines.
pub(super) struct Ladder {
    seen: Mutex<Seen>,
    recording: watch::Sender<bool>,
}

impl Default for Ladder {
    fn default() -> Self {
        Self {
            seen: Mutex::default(),
            recording: watch::Sender::new(false),
        }
    }
}

impl Ladder {
    /// Who is at this address.
    pub(super) fn name(&self, address: SocketAddr, name: &'static str) {
        self.seen().names.insert(address, name);
    }

    /// Returns once a recorder took the call.
    pub(super) async fn recording(&self) {
        // The sender is ours: it cannot be gone.
        let mut recording = self.recording.subscribe();
        let _state = recording.wait_for(|recording| *recording).await;
    }

    pub(super) fn saw_failover(&self) -> bool {
        self.seen().failover
    }

    pub(super) fn print(&self) {
        say("What the SBC sent (->) and received (<-):\n");
        for line in &self.seen().lines {
            say(line);
        }
        say("");
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, arrow: &str, remote: SocketAddr, message: &Message) {
        let what = match message.start() {
            StartLine::Request { method, .. } => method.to_string(),
            StartLine::Response { status, reason } => {
                let method = message
                    .method()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                format!("{status} {reason} ({method})")
            }
        };
        let mut seen = self.seen();
        let who = seen.names.get(&remote).copied().unwrap_or("?");
        let column = PARTIES.iter().position(|p| *p == who).unwrap_or(0);
        seen.lines.push(format!(
            "  {:indent$}SBC {arrow} {who}  {what}",
            "",
            indent = column * 4
        ));
    }
}

impl Tap for Ladder {
    fn received(&self, incoming: &Incoming) {
        self.note("<-", incoming.flow.remote, &incoming.message);
    }

    fn sent(&self, transmit: &Transmit) {
        if let Ok(message) = Message::parse_datagram(transmit.bytes.clone()) {
            self.note("->", transmit.flow.remote, &message);
        }
    }

    fn recorder(&self, state: &RecorderState) {
        let mut seen = self.seen();
        seen.failover |= state.status == RecorderStatus::Failover;
        let reason = if state.reason.is_empty() {
            String::new()
        } else {
            format!(" ({})", state.reason)
        };
        let line = format!(
            "  ** recorder {}: {} {}{reason}",
            state.recorder,
            status_name(state.status),
            state.server
        );
        seen.lines.push(line);
        drop(seen);
        if state.status == RecorderStatus::Recording {
            self.recording.send_replace(true);
        }
    }
}
