//! Reload: another configuration takes the place of the one that is used, while calls run.
//!
//! | step | where | what may go wrong |
//! |---|---|---|
//! | the file is read, checked and compiled | off the path, on a thread that may block | every error of the file: nothing changes |
//! | it is compared with the one in use | there too | something changed that needs a restart: nothing changes |
//! | policy, log level, drain time and the rest are swapped | in one step, without waiting | nothing |
//!
//! A call that runs keeps the plan it began with; state that outlives a configuration is found
//! again in the [`StateBook`](sbc_core::state_book::StateBook). One reload at a time: who asks
//! meanwhile waits, and gets a reload of the file as it is then.

mod outcome;
mod restart;
#[cfg(test)]
mod tests;

pub(crate) use outcome::{Complaint, Ending, Outcome};

use crate::calls::Calls;
use crate::daemon::probe_media;
use crate::registry::Modules;
use crate::{logging, signals};
use policies::schema::Config;
use policies::{Compiled, Document, Engine, Errors, Loaded, Problem};
use sbc_core::endpoint::Endpoint;
use sbc_core::net::Network;
use sbc_core::ports::Registry;
use sbc_core::{Clock, SystemClock, UnixMillis};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

/// The number of the configuration that a daemon starts with.
pub(crate) const FIRST: u64 = 1;

/// Where a configuration comes from, so that it can be read again.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) path: PathBuf,
    pub(crate) read: fn(&Path) -> Result<Loaded, Errors>,
    /// With the book that the configuration in use was compiled with.
    pub(crate) modules: Modules,
}

/// The configuration that is used.
pub(crate) struct Current {
    /// From 1, one more with each reload that changed something.
    pub(crate) generation: u64,
    pub(crate) since: UnixMillis,
    pub(crate) config: Config,
    pub(crate) files: Vec<PathBuf>,
    document: Document,
    /// Before binding.
    network: Arc<Network>,
}

/// What a reload changes.
pub(crate) struct Parts {
    pub(crate) endpoint: Endpoint,
    pub(crate) calls: Arc<Calls>,
    /// Where the listeners are bound, by id.
    pub(crate) bound: Vec<SocketAddr>,
    pub(crate) clock: SystemClock,
}

/// See the module.
pub(crate) struct Reloader {
    origin: Option<Origin>,
    parts: Parts,
    current: RwLock<Arc<Current>>,
    turn: Mutex<()>,
}

/// A file that was read, against the configuration in use.
enum Read {
    Wrong(Errors),
    Same(Vec<Problem>),
    Unusable(Vec<Complaint>, Vec<policies::Change>),
    New(Box<New>),
}

struct New {
    compiled: Compiled,
    /// Over the listeners as they are bound.
    engine: Engine,
    changes: Vec<policies::Change>,
}

impl Current {
    fn new(generation: u64, since: UnixMillis, compiled: Compiled) -> Self {
        Self {
            generation,
            since,
            config: compiled.config,
            files: compiled.files,
            document: compiled.document,
            network: compiled.network,
        }
    }
}

impl Reloader {
    /// For a configuration that is in use from now on, as the first generation.
    pub(crate) fn new(origin: Option<Origin>, parts: Parts, compiled: Compiled) -> Self {
        let since = parts.clock.now().unix;
        let current = Current::new(FIRST, since, compiled);
        parts.calls.metrics.generation(current.generation);
        Self {
            origin,
            parts,
            current: RwLock::new(Arc::new(current)),
            turn: Mutex::default(),
        }
    }

    /// The configuration that is used.
    pub(crate) fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file again and uses it, if it is right and different.
    pub(crate) async fn reload(self: &Arc<Self>) -> Outcome {
        // Not on the asker's task: one that goes away leaves no reload half done.
        let this = Arc::clone(self);
        let done = tokio::spawn(async move { this.in_turn().await }).await;
        done.unwrap_or_else(|_| self.failed("a fault of this program; please report it"))
    }

    async fn in_turn(&self) -> Outcome {
        let _turn = self.turn.lock().await;
        // Who is told that the daemon stops is not told that it is ready again.
        let tells = !self.parts.endpoint.is_draining();
        if tells {
            signals::notify_reloading();
        }
        let outcome = self.read_and_swap().await;
        self.parts
            .calls
            .reloaded(outcome.ending, outcome.generation);
        outcome.log();
        if tells && !self.parts.endpoint.is_draining() {
            signals::notify(&format!(
                "READY=1\nSTATUS=configuration {}, last reload: {}",
                outcome.generation,
                outcome.ending.name()
            ));
        }
        outcome
    }

    async fn read_and_swap(&self) -> Outcome {
        let current = self.current();
        let Some(origin) = self.origin.clone() else {
            return self.failed("this daemon was not started from a file");
        };
        let (bound, used) = (self.parts.bound.clone(), Arc::clone(&current));
        let read = spawn_blocking(move || {
            let read = read(&origin, &used, &bound);
            if !matches!(read, Read::New(_)) {
                origin.modules.state_book().sweep();
            }
            read
        });
        match read.await {
            Err(panic) => {
                tracing::error!(%panic, "a reload ended by a fault of this program");
                self.failed("a fault of this program; please report it")
            }
            Ok(Read::Wrong(errors)) => Outcome::wrong(current.generation, &errors),
            Ok(Read::Unusable(errors, changes)) => {
                Outcome::unusable(current.generation, errors, changes)
            }
            Ok(Read::Same(warnings)) => Outcome::same(current.generation, &warnings),
            Ok(Read::New(new)) => self.swap(&current, *new).await,
        }
    }

    /// The one step: what begins after it begins with the new configuration.
    async fn swap(&self, before: &Arc<Current>, new: New) -> Outcome {
        let generation = before.generation + 1;
        let since = self.parts.clock.now().unix;
        let outcome = Outcome::changed(generation, new.changes, &new.compiled.warnings);
        let log = new.compiled.config.log;
        let mut next = Arc::new(Current::new(generation, since, new.compiled));
        let engine = new.engine.of_generation(generation);
        self.parts.endpoint.set_policy(Arc::new(engine));
        self.parts.calls.set_private(log.private);
        logging::set_level(log.level);
        {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut *current, &mut next);
        }
        self.parts.calls.metrics.generation(generation);
        // What only the old one had may have files to close: not here.
        let origin = self.origin.clone();
        let swept = spawn_blocking(move || {
            drop(next);
            if let Some(origin) = origin {
                origin.modules.state_book().sweep();
            }
        });
        if let Err(panic) = swept.await {
            tracing::error!(%panic, "what an old configuration had was not put away");
        }
        outcome
    }

    fn failed(&self, why: &str) -> Outcome {
        Outcome::failed(self.current().generation, why)
    }
}

/// Everything that takes time, or may go wrong.
fn read(origin: &Origin, current: &Current, bound: &[SocketAddr]) -> Read {
    let loaded = (origin.read)(&origin.path);
    let compiled = match loaded.and_then(|loaded| loaded.compile(&origin.modules)) {
        Ok(compiled) => compiled,
        Err(errors) => return Read::Wrong(errors),
    };
    let changes = current.document.changes(&compiled.document);
    if changes.is_empty() {
        return Read::Same(compiled.warnings);
    }
    let fixed = restart::needed(current, &compiled, &changes);
    if !fixed.is_empty() {
        return Read::Unusable(fixed, changes);
    }
    // Media ports are bound call by call, by each call those of its own configuration.
    if let Err(error) = probe_media(&compiled.network) {
        let complaint = Complaint::new("realms", error.to_string(), "nothing changed");
        return Read::Unusable(vec![complaint], changes);
    }
    let engine = compiled.engine.bound(bound);
    Read::New(Box::new(New {
        compiled,
        engine,
        changes,
    }))
}
