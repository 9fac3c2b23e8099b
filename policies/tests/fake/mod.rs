//! A registry that takes everything and builds things that do nothing.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test file uses a part of it"
)]

use sbc_core::Instant;
use sbc_core::ports::{
    App, AppCx, AppEvent, AppFactory, BuildError, CallHooks, ModuleFactory, Param, ParamKey,
    RecorderPlan, Registry, SideCx, SideEvent, SideLeg, SideLegFactory,
};
use sbc_core::state_book::StateBook;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Knows the app `echo` and the modules `blacklist`, `call_timer` and `cdr`.
#[derive(Debug, Default)]
pub(crate) struct Fake {
    /// Recorders that were asked for.
    pub(crate) recorders: Mutex<Vec<RecorderPlan>>,
    /// Modules that were asked for.
    pub(crate) modules: Mutex<Vec<Asked>>,
    /// What outlives a configuration.
    pub(crate) book: StateBook,
}

/// A module that was asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) name: String,
    pub(crate) entry: Vec<(String, Param)>,
    pub(crate) shared: Vec<(String, Param)>,
}

impl Registry for Fake {
    fn state_book(&self) -> &StateBook {
        &self.book
    }

    fn recorder(&self, plan: RecorderPlan) -> Result<Arc<dyn SideLegFactory>, BuildError> {
        let name = Arc::clone(&plan.name);
        self.recorders.lock().expect("not poisoned").push(plan);
        Ok(Arc::new(Recorder(name)))
    }

    fn recording_server(&self, _dir: &Path) -> Result<Arc<dyn AppFactory>, BuildError> {
        Ok(Arc::new(Silent))
    }

    fn app(&self, name: &str) -> Option<Arc<dyn AppFactory>> {
        (name == "echo").then(|| Arc::new(Silent) as Arc<dyn AppFactory>)
    }

    fn app_names(&self) -> Vec<&'static str> {
        vec!["echo"]
    }

    fn module(
        &self,
        name: &str,
        entry: &[(String, Param)],
        shared: &[(String, Param)],
    ) -> Result<Arc<dyn ModuleFactory>, BuildError> {
        let wrong = |key: &str, message: &str| BuildError {
            key: Some(key.to_owned()),
            message: message.to_owned(),
        };
        if name == "call_timer" {
            match entry.iter().find(|(k, _)| k == "max") {
                None => return Err(wrong("max", "missing; expected a duration like 2h")),
                Some((_, value)) if value.duration().is_none() => {
                    return Err(wrong("max", "this is no duration; expected one like 2h"));
                }
                Some(_) => {}
            }
        }
        if let (true, Some((_, Param::List(sinks)))) = (name == "cdr", shared.first()) {
            let is_file = |sink: &Param| match sink {
                Param::Map(keys) => keys.iter().all(|(_, v)| matches!(v, Param::Text(_))),
                _ => false,
            };
            if let Some(n) = sinks.iter().position(|sink| !is_file(sink)) {
                let key = format!("sinks[{n}].file");
                return Err(wrong(&key, "no path; expected { file: PATH }"));
            }
        }
        let asked = Asked {
            name: name.to_owned(),
            entry: entry.to_vec(),
            shared: shared.to_vec(),
        };
        self.modules.lock().expect("not poisoned").push(asked);
        Ok(Arc::new(Module(name.to_owned())))
    }

    fn module_names(&self) -> Vec<&'static str> {
        vec!["blacklist", "call_timer", "cdr"]
    }

    fn module_keys(&self, name: &str) -> Option<&'static [ParamKey]> {
        const TIMER: &[ParamKey] = &[key("max", "duration", false)];
        const CDR: &[ParamKey] = &[
            key("sinks", "list", true),
            key("sinks[].file", "path", true),
        ];
        match name {
            "call_timer" => Some(TIMER),
            "cdr" => Some(CDR),
            _ => None,
        }
    }

    fn is_later_module(&self, name: &str) -> bool {
        name == "prepaid"
    }
}

const fn key(path: &'static str, kind: &'static str, shared: bool) -> ParamKey {
    ParamKey {
        path,
        kind,
        required: true,
        shared,
        doc: "as in the module",
    }
}

#[derive(Debug)]
struct Recorder(Arc<str>);

impl SideLegFactory for Recorder {
    fn name(&self) -> &Arc<str> {
        &self.0
    }

    fn open(&self) -> Box<dyn SideLeg> {
        Box::new(Silent)
    }
}

#[derive(Debug)]
struct Module(String);

impl ModuleFactory for Module {
    fn name(&self) -> &str {
        &self.0
    }

    fn open(&self) -> Box<dyn CallHooks> {
        Box::new(Silent)
    }
}

#[derive(Debug)]
struct Silent;

impl CallHooks for Silent {}

impl AppFactory for Silent {
    fn open(&self) -> Box<dyn App> {
        Box::new(Self)
    }
}

impl App for Silent {
    fn on_event(&mut self, _cx: &mut AppCx<'_>, _event: AppEvent<'_>) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

impl SideLeg for Silent {
    fn on_event(&mut self, _cx: &mut SideCx<'_>, _event: SideEvent<'_>) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}
