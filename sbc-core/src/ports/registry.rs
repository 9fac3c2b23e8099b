//! From names in a configuration to what they mean. The root crate, which knows every crate, fills
//! it.

use crate::ports::{AppFactory, ModuleFactory, RecorderPlan, SideLegFactory};
use crate::state_book::StateBook;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A parameter of a call-control module, as configured.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "the names are the YAML types")]
pub enum Param {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Param {
    /// A duration written as `30s`, `2h`, `1500ms`, `5m`.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        let Self::Text(text) = self else { return None };
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = text[..digits].parse().ok()?;
        let millis = match &text[digits..] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        number.checked_mul(millis).map(Duration::from_millis)
    }
}

/// Why something could not be built from its configuration.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct BuildError {
    /// The path of the parameter that is wrong, where it is one: `max`, `sinks[0].file`.
    pub key: Option<String>,
    /// What is wrong, and behind `; ` what was expected. `missing` where the parameter is not
    /// there.
    pub message: String,
}

/// A parameter that a call-control module takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParamKey {
    /// Its path: `max`, `sinks[].file`; `[]` stands for an item of a list.
    pub path: &'static str,
    /// The type of its value, as in the tables of the documentation: `duration`, `path`.
    pub kind: &'static str,
    /// Whether it must be there (where what is around it is there).
    pub required: bool,
    /// Whether it stands in the module's section under `control`, and not in a profile.
    pub shared: bool,
    /// What it does, in one line.
    pub doc: &'static str,
}

/// Builds what policies refer to by name.
pub trait Registry {
    /// Where what is built finds the state that outlives a configuration.
    fn state_book(&self) -> &StateBook;

    /// A recorder.
    ///
    /// # Errors
    /// Where the plan cannot be used (its regular expression, for one).
    fn recorder(&self, plan: RecorderPlan) -> Result<Arc<dyn SideLegFactory>, BuildError>;

    /// The embedded recording server, writing below `dir`.
    ///
    /// # Errors
    /// Where the folder cannot be used.
    fn recording_server(&self, dir: &Path) -> Result<Arc<dyn AppFactory>, BuildError>;

    /// An app by name.
    fn app(&self, name: &str) -> Option<Arc<dyn AppFactory>>;

    /// The names of all apps.
    fn app_names(&self) -> Vec<&'static str>;

    /// A call-control module by name: `entry` holds the parameters of its place in the profile
    /// (without `use`), `shared` those of its section under `control`.
    ///
    /// # Errors
    /// A parameter that it does not know, or a wrong value.
    fn module(
        &self,
        name: &str,
        entry: &[(String, Param)],
        shared: &[(String, Param)],
    ) -> Result<Arc<dyn ModuleFactory>, BuildError>;

    /// The names of all modules.
    fn module_names(&self) -> Vec<&'static str>;

    /// Every parameter that a module takes; nothing where the module alone knows them.
    fn module_keys(&self, _name: &str) -> Option<&'static [ParamKey]> {
        None
    }

    /// Whether the format knows this module and the program does not have it.
    fn is_later_module(&self, _name: &str) -> bool {
        false
    }
}
