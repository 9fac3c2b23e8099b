//! From the names in a configuration to the crates that have what they mean.

use sbc_core::ports::{
    AppFactory, BuildError, ModuleFactory, Param, RecorderPlan, Registry, SideLegFactory,
};
use std::path::Path;
use std::sync::Arc;

/// Everything this program was built with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Modules;

impl Registry for Modules {
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
        call_control::build(name, entry, shared)
    }

    fn module_names(&self) -> Vec<&'static str> {
        call_control::NAMES.to_vec()
    }
}
