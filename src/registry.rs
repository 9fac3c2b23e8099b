//! From the names in a configuration to the crates that have what they mean.

use sbc_core::ports::{
    AppFactory, BuildError, ModuleFactory, Param, ParamKey, RecorderPlan, Registry, SideLegFactory,
};
use sbc_core::state_book::StateBook;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Everything this program was built with, and the book of what outlives a configuration: a
/// configuration that takes the place of another is compiled with the same one.
#[derive(Clone, Debug, Default)]
pub struct Modules {
    book: Arc<StateBook>,
}

impl Modules {
    /// With this book; `Modules::default()` has an empty one.
    #[must_use]
    pub const fn new(book: Arc<StateBook>) -> Self {
        Self { book }
    }
}

/// How long the disk may take for the last records of one file.
const LAST_RECORDS: Duration = Duration::from_secs(5);

impl Modules {
    /// What calls have left to write is written; before the process ends.
    pub(crate) fn flush(&self) {
        if !call_control::flush_records(&self.book, LAST_RECORDS) {
            tracing::error!("the disk is too slow: CDRs are lost");
        }
    }
}

impl Registry for Modules {
    fn state_book(&self) -> &StateBook {
        &self.book
    }

    fn recorder(&self, plan: RecorderPlan) -> Result<Arc<dyn SideLegFactory>, BuildError> {
        Ok(Arc::new(siprec::SiprecRecorder::new(plan)?))
    }

    fn recording_server(&self, dir: &Path) -> Result<Arc<dyn AppFactory>, BuildError> {
        Ok(Arc::new(siprec::RecordingServer::new(dir)?))
    }

    fn app(&self, name: &str) -> Option<Arc<dyn AppFactory>> {
        apps::build(name)
    }

    fn app_names(&self) -> Vec<&'static str> {
        apps::NAMES.to_vec()
    }

    fn module(
        &self,
        name: &str,
        entry: &[(String, Param)],
        shared: &[(String, Param)],
    ) -> Result<Arc<dyn ModuleFactory>, BuildError> {
        call_control::build(name, entry, shared, &self.book)
    }

    fn module_names(&self) -> Vec<&'static str> {
        call_control::NAMES.to_vec()
    }

    fn module_keys(&self, name: &str) -> Option<&'static [ParamKey]> {
        call_control::keys(name)
    }

    fn is_later_module(&self, name: &str) -> bool {
        call_control::LATER.contains(&name)
    }
}
