//! Signals, and what the service manager is told.

use crate::daemon::Daemon;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

/// How long BYEs of the calls that drain cut off may wait for their answers.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Waits for SIGTERM or SIGINT, then drains: no new calls, running ones may end within `grace`, the
/// rest get BYE. A second signal ends at once.
pub(crate) async fn until_ended(mut signals: Signals, daemon: &Daemon, grace: Duration) {
    signals.terminated().await;
    tracing::info!(
        calls = daemon.endpoint().calls(),
        grace_s = grace.as_secs(),
        "draining"
    );
    notify("STOPPING=1");
    tokio::select! {
        () = drain(daemon, grace) => tracing::info!("drained"),
        () = signals.terminated() => tracing::warn!("ended before every call was over"),
    }
}

async fn drain(daemon: &Daemon, grace: Duration) {
    let endpoint = daemon.endpoint();
    endpoint.drain();
    if timeout(grace, endpoint.idle()).await.is_err() {
        tracing::info!(calls = endpoint.calls(), "ending the calls that are left");
        endpoint.end_all().await;
        if timeout(LAST_WORDS, endpoint.idle()).await.is_err() {
            tracing::warn!(calls = endpoint.calls(), "calls whose BYE got no answer");
        }
    }
    daemon.shutdown().await;
}

/// The signals that are heard from now on, instead of ending the process.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Before anybody is told that the daemon is ready: who is told may send SIGTERM at once.
    pub(crate) fn install() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn terminated(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => {
                    tracing::warn!("SIGHUP: reload is not in this version; restart to change it");
                }
            }
        }
    }
}

/// Tells systemd, where it listens (`sd_notify(3)`).
pub(crate) fn notify(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let told = UnixDatagram::unbound().and_then(|socket| socket.send_to(state.as_bytes(), path));
    if let Err(error) = told {
        tracing::debug!(%error, "the service manager does not listen");
    }
}
