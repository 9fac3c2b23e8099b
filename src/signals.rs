//! Signals, and what the service manager is told.

use crate::daemon::Daemon;
use crate::drain;
use crate::reload::Reloader;
use rustix::time::{ClockId, clock_gettime};
use std::os::unix::net::UnixDatagram;
use std::pin::pin;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for SIGTERM or SIGINT, or until somebody else has told the daemon to drain; then drains. A
/// second signal ends at once. SIGHUP reloads until then.
pub(crate) async fn until_ended(signals: Signals, daemon: &Daemon) {
    let Signals { mut ends, hang_up } = signals;
    let reloads = tokio::spawn(reload_at(hang_up, Arc::clone(daemon.reloader())));
    let drain = daemon.drain();
    let mut signalled = tokio::select! {
        () = ends.terminated() => {
            drain.hasten(daemon.grace());
            true
        }
        _ = drain.begun() => false,
    };
    reloads.abort();
    notify("STOPPING=1");
    let mut over = pin!(drain::run(daemon));
    loop {
        tokio::select! {
            () = &mut over => {
                tracing::info!("drained");
                return;
            }
            () = ends.terminated() => {}
        }
        if signalled {
            tracing::warn!("ended before every call was over");
            return;
        }
        drain.hasten(daemon.grace());
        signalled = true;
    }
}

/// Each SIGHUP reloads. Those that arrive while a reload goes on are one more: the file may have
/// changed since it was read.
async fn reload_at(mut hang_up: Signal, reloader: Arc<Reloader>) {
    while hang_up.recv().await.is_some() {
        reloader.reload().await;
    }
}

/// The signals that are heard from now on, instead of ending the process.
pub(crate) struct Signals {
    ends: Ends,
    hang_up: Signal,
}

struct Ends {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Before anybody is told that the daemon is ready: who is told may send SIGTERM at once.
    pub(crate) fn install() -> std::io::Result<Self> {
        Ok(Self {
            ends: Ends {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            },
            hang_up: signal(SignalKind::hangup())?,
        })
    }
}

impl Ends {
    async fn terminated(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Tells systemd that a reload begins, and when (`sd_notify(3)`, for `Type=notify-reload`).
pub(crate) fn notify_reloading() {
    let now = clock_gettime(ClockId::Monotonic);
    let usec = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
    notify(&format!("RELOADING=1\nMONOTONIC_USEC={usec}"));
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
