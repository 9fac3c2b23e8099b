//! Routes and their index.

use super::{Scope, profiles};
use crate::engine::{
    self, ActionPlan, DestinationPlan, Index, ProfilePlan, RoutePlan, TrunkId, TrunkPlan,
};
use crate::schema::{Action, Destination, Route, Spanned};
use crate::tree::Position;
use crate::visit::Report;
use sbc_core::b2bua::plan::{AppPlan, Refusal};
use sbc_core::net::{RealmId, Trust};
use sbc_core::sip::StatusCode;
use std::collections::HashMap;
use std::sync::Arc;

/// Where a route's calls come from.
#[derive(Clone, Copy)]
enum From {
    Any,
    Realm(RealmId),
    Trunk(TrunkId, RealmId),
}

pub(super) fn routes(
    report: &mut Report,
    scope: &Scope<'_>,
    trunks: &[TrunkPlan],
    profiles: &HashMap<String, Arc<ProfilePlan>>,
) -> (Vec<RoutePlan>, Index) {
    let ids: HashMap<&str, TrunkId> = trunks
        .iter()
        .enumerate()
        .map(|(n, t)| (&*t.name, TrunkId(n)))
        .collect();
    let compiler = Compiler {
        scope,
        trunks,
        ids,
        profiles,
        built_in: Arc::new(profiles::built_in()),
    };
    let mut plans = Vec::new();
    let mut index = Index::new(scope.network.realms.len(), trunks.len());
    for route in &scope.config.routes {
        let from = compiler.from(report, route);
        let plan = compiler.route(report, route, from);
        let Some(plan) = plan else {
            continue;
        };
        let Ok(n) = u32::try_from(plans.len()) else {
            break;
        };
        index.push(n, plan.from, &plan.when);
        plans.push(plan);
    }
    (plans, index)
}

struct Compiler<'c> {
    scope: &'c Scope<'c>,
    trunks: &'c [TrunkPlan],
    ids: HashMap<&'c str, TrunkId>,
    profiles: &'c HashMap<String, Arc<ProfilePlan>>,
    built_in: Arc<ProfilePlan>,
}

impl Compiler<'_> {
    fn from(&self, report: &mut Report, route: &Route) -> Option<From> {
        let Some(name) = &route.from else {
            return Some(From::Any);
        };
        if let Some(id) = self.ids.get(name.value.as_str()) {
            return Some(From::Trunk(*id, self.trunks[id.0].realm));
        }
        if let Some(realm) = self.scope.realms.get(name.value.as_str()) {
            return Some(From::Realm(*realm));
        }
        let config = self.scope.config;
        if !config.trunks.is_declared(name) && !config.realms.is_declared(name) {
            let mut names = config.trunks.names();
            names.extend(config.realms.names());
            report.unknown(name, "trunk or realm", &names);
        }
        None
    }

    fn route(&self, report: &mut Report, route: &Route, from: Option<From>) -> Option<RoutePlan> {
        let profile = match &route.profile {
            None => Some(Arc::clone(&self.built_in)),
            Some(name) => self.profile(report, name),
        };
        let action = self.action(report, route, from)?;
        let source = match from? {
            From::Any => engine::From::Any {
                rejects: matches!(action, ActionPlan::Refuse(_)),
            },
            From::Realm(realm) => engine::From::Realm(realm),
            From::Trunk(trunk, _) => engine::From::Trunk(trunk),
        };
        Some(RoutePlan {
            from: source,
            name: route.name.value.as_str().into(),
            when: route.when.clone(),
            action,
            profile: profile?,
            ring_timeout: route.ring_timeout,
            failover: route.failover,
            redirect: route.redirect,
        })
    }

    fn profile(&self, report: &mut Report, name: &Spanned<String>) -> Option<Arc<ProfilePlan>> {
        let found = self.profiles.get(&name.value).cloned();
        if found.is_none() {
            super::unresolved(report, &self.scope.config.profiles, name, "profile");
        }
        found
    }

    fn action(&self, report: &mut Report, route: &Route, from: Option<From>) -> Option<ActionPlan> {
        match &route.action {
            Action::Reject(code, reason) => Some(ActionPlan::Refuse(Refusal {
                status: StatusCode::new(code.0)?,
                reason: reason.as_str().into(),
                rule: route.name.value.as_str().into(),
            })),
            Action::App(name) => match self.scope.registry.app(name) {
                Some(app) => {
                    let plan = AppPlan {
                        route: route.name.value.as_str().into(),
                        app,
                    };
                    Some(ActionPlan::App(name.value.as_str().into(), Arc::new(plan)))
                }
                None => {
                    report.unknown(name, "app", &self.scope.registry.app_names());
                    None
                }
            },
            Action::To(destinations) => {
                let plans: Vec<_> = destinations
                    .iter()
                    .filter_map(|d| self.destination(report, d, from))
                    .collect();
                Some(ActionPlan::To(plans))
            }
        }
    }

    fn destination(
        &self,
        report: &mut Report,
        destination: &Destination,
        from: Option<From>,
    ) -> Option<DestinationPlan> {
        match destination {
            Destination::Trunk(name) => {
                let Some(id) = self.ids.get(name.value.as_str()) else {
                    self.no_trunk(report, name);
                    return None;
                };
                let trunk = self.scope.config.trunks.get(name);
                let is_known = self.scope.config.trunks.is_sound(name);
                if is_known && trunk.is_some_and(|t| t.targets.is_empty()) {
                    let message = format!("the trunk {} has no targets", name.value);
                    report.value(name.at, message, "expected a trunk with `targets`");
                }
                Some(DestinationPlan::Trunk(*id))
            }
            Destination::RequestUri(realm, at) => {
                self.trusted(report, *at, from);
                let realm = self.request_uri_realm(report, realm.as_ref(), *at)?;
                Some(DestinationPlan::RequestUri(realm))
            }
        }
    }

    fn no_trunk(&self, report: &mut Report, name: &Spanned<String>) {
        let trunks = &self.scope.config.trunks;
        if trunks.is_declared(name) {
            return;
        }
        if self.scope.config.realms.is_declared(name) {
            report.value(
                name.at,
                format!("`{}` is a realm", name.value),
                format!(
                    "expected the name of a trunk, or {{ request-uri: {{ realm: {} }} }}",
                    name.value
                ),
            );
            return;
        }
        let mut names = trunks.names();
        names.push("request-uri");
        report.unknown(name, "trunk", &names);
    }

    /// Requests from sides that are not trusted do not choose where they go.
    fn trusted(&self, report: &mut Report, at: Position, from: Option<From>) {
        let realm = match from {
            Some(From::Realm(realm) | From::Trunk(_, realm)) => realm,
            Some(From::Any) | None => return,
        };
        let realm = self.scope.network.realm(realm);
        let is_known = self.scope.config.realms.is_sound(&realm.name);
        if is_known && realm.trust == Trust::None {
            report.value(
                at,
                format!(
                    "requests from realm {} (`trust: none`) may not go where they like",
                    realm.name
                ),
                "expected the name of a trunk",
            );
        }
    }

    fn request_uri_realm(
        &self,
        report: &mut Report,
        name: Option<&Spanned<String>>,
        at: Position,
    ) -> Option<RealmId> {
        let Some(name) = name else {
            let realms = &self.scope.config.realms;
            let names = realms.names();
            let only = names.first().filter(|_| names.len() == 1);
            if only.is_none() && names.len() > 1 {
                let hint = format!(
                    "expected {{ request-uri: {{ realm: {} }} }}",
                    names.join(" or ")
                );
                report.value(
                    at,
                    "`request-uri` without realm, and there are several",
                    hint,
                );
            }
            return self.scope.realms.get(*only?).copied();
        };
        let id = self.scope.realm(report, name)?;
        let all_known = self.scope.knows_listeners();
        if all_known && !self.scope.network.listeners.iter().any(|l| l.realm == id) {
            let message = format!("realm {} has no listener that could send", name.value);
            report.value(name.at, message, "expected a realm with listeners");
        }
        Some(id)
    }
}
