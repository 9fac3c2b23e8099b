//! The recording server (RFC 7866 §6.2): an app that answers recording sessions and keeps them.

mod answer;
mod app;
mod intake;
mod session;
mod store;
#[cfg(test)]
mod tests;

use app::RecordingApp;
use sbc_core::ports::{App, AppFactory, BuildError};
use std::path::Path;
use std::sync::Arc;

/// The recording server, writing below one folder.
#[derive(Debug)]
pub struct RecordingServer {
    dir: Arc<Path>,
}

impl RecordingServer {
    /// Makes the folder where it is missing, and looks whether files can be made in it.
    ///
    /// # Errors
    /// Where they cannot.
    pub fn new(dir: &Path) -> Result<Self, BuildError> {
        store::probe(dir).map_err(|error| BuildError {
            key: Some("dir".to_owned()),
            message: format!(
                "recordings cannot be written to {}: {error}; \
                 name a folder that this user may write to",
                dir.display()
            ),
        })?;
        Ok(Self { dir: dir.into() })
    }
}

impl AppFactory for RecordingServer {
    fn open(&self) -> Box<dyn App> {
        Box::new(RecordingApp::new(Arc::clone(&self.dir)))
    }
}
