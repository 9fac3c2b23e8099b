//! From the schema to the engine. Names are resolved here, and what the registry builds is built;
//! errors are collected as in decoding, so that a file shows all of them in one run.

mod cases;
mod modules;
mod network;
mod peers;
mod profiles;
mod routes;
mod unused;

use crate::diff::Document;
pub(crate) use network::ephemeral;

use crate::engine::{Book, Engine, Origins};
use crate::explain::Profiles;
use crate::problem::Problem;
use crate::schema::{Config, Names, Spanned};
use crate::visit::Report;
use sbc_core::b2bua::plan::AppPlan;
use sbc_core::net::{Network, RealmId};
use sbc_core::ports::{PolicyEngine, Registry};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// A configuration that is right, ready to be used.
#[derive(Debug)]
pub struct Compiled {
    /// As decoded: for what is not the engine's (log, HTTP, drain).
    pub config: Config,
    /// Decides about calls.
    pub engine: Arc<Engine>,
    /// Realms and listeners, before binding.
    pub network: Arc<Network>,
    /// The files it was read from, the first one first.
    pub files: Vec<PathBuf>,
    /// What the files say: to be compared with the next ones.
    pub document: Document,
    /// What is odd and still works, in the order of the files.
    pub warnings: Vec<Problem>,
}

/// What the parts of the compiler look up.
struct Scope<'c> {
    config: &'c Config,
    registry: &'c dyn Registry,
    network: Network,
    /// Whether nothing was wrong when the network was made.
    is_whole: bool,
    realms: HashMap<&'c str, RealmId>,
}

impl Scope<'_> {
    /// Whether every listener of the file is in the network: one that is not was reported.
    fn knows_listeners(&self) -> bool {
        let config = self.config;
        self.is_whole && config.listeners.all_sound() && config.realms.all_sound()
    }

    fn realm(&self, report: &mut Report, name: &Spanned<String>) -> Option<RealmId> {
        let found = self.realms.get(name.value.as_str()).copied();
        if found.is_none() {
            unresolved(report, &self.config.realms, name, "realm");
        }
        found
    }
}

/// Reports a name that refers to nothing, unless what it refers to is there and broken.
fn unresolved<T>(report: &mut Report, names: &Names<T>, name: &Spanned<String>, what: &str) {
    if !names.is_declared(name) {
        report.unknown(name, what, &names.names());
    }
}

/// Compiles; nothing where an error is on record at the end.
pub(crate) fn compile(
    report: &mut Report,
    config: &Config,
    registry: &dyn Registry,
    shown: Profiles,
) -> (Arc<Network>, Arc<Engine>) {
    let errors = report.count();
    let (network, realms) = network::network(report, config);
    let mut scope = Scope {
        config,
        registry,
        network,
        is_whole: report.count() == errors,
        realms,
    };
    let apps: Vec<_> = srs(report, &mut scope).into_iter().collect();
    let trunks = peers::trunks(report, &scope);
    let recorders = peers::recorders(report, &scope);
    let origins = Arc::new(Origins {
        listeners: scope
            .network
            .listeners
            .iter()
            .map(|l| (l.name.clone(), l.realm))
            .collect(),
        realms: peers::sources(report, &scope),
        trunks: trunks.iter().map(|t| Arc::clone(&t.name)).collect(),
    });
    let profiles = profiles::profiles(report, &scope, &recorders, &origins);
    let (routes, index) = routes::routes(report, &scope, &trunks, &profiles);
    cases::check(report, &scope);
    unused::warn(report, config);
    let book = Book {
        quotas: peers::quotas(&scope, &trunks),
        profiles: shown,
        origins,
        trunks,
        routes,
        index,
        apps,
    };
    let network = Arc::new(scope.network);
    let engine = Engine::new(Arc::clone(&network), Arc::new(book));
    (Arc::clone(engine.network()), Arc::new(engine))
}

/// The realm and listeners of the embedded recording server, and the app that answers there.
fn srs(report: &mut Report, scope: &mut Scope<'_>) -> Option<(RealmId, Arc<AppPlan>)> {
    let srs = scope.config.srs.as_ref()?;
    let realm = network::add_srs(report, &mut scope.network, srs)?;
    match scope.registry.recording_server(&srs.dir.value) {
        Ok(app) => {
            let plan = AppPlan {
                route: network::SRS.into(),
                app,
            };
            Some((realm, Arc::new(plan)))
        }
        Err(error) => {
            report.value(
                srs.dir.at,
                error.message,
                "expected a folder that can be written",
            );
            None
        }
    }
}
