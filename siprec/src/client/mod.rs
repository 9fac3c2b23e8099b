//! The recording client (RFC 7866 §6.1): a side leg of a call.

mod answer;
mod failover;
mod offer;
mod session;
#[cfg(test)]
mod tests;

use failover::Servers;
use sbc_core::ports::{BuildError, RecorderPlan, SideLeg, SideLegFactory};
use session::RecordingClient;
use std::sync::Arc;

/// A recorder, ready to be used by calls: makes one recording client for each.
#[derive(Debug)]
pub struct SiprecRecorder {
    servers: Arc<Servers>,
}

impl SiprecRecorder {
    /// Checks the plan and compiles its regular expression.
    ///
    /// # Errors
    /// No server, a timeout of zero, a regular expression that cannot be compiled.
    pub fn new(plan: RecorderPlan) -> Result<Self, BuildError> {
        Ok(Self {
            servers: Arc::new(Servers::new(plan)?),
        })
    }
}

impl SideLegFactory for SiprecRecorder {
    fn name(&self) -> &Arc<str> {
        self.servers.recorder()
    }

    fn open(&self) -> Box<dyn SideLeg> {
        Box::new(RecordingClient::new(Arc::clone(&self.servers)))
    }
}
