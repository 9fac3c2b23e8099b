//! Trunks, their sources, recorders.

use super::Scope;
use crate::engine::{Listed, Sources, TrunkId, TrunkPlan, addresses, sender, target};
use crate::schema::{SipUri, Spanned};
use crate::visit::Report;
use sbc_core::net::{RealmId, Trust};
use sbc_core::ports::{RecorderPlan, SideLegFactory};
use sbc_core::quota::{Limits, Quota, Quotas, Tally, TrunkQuota};
use sbc_core::transport::{Target, Transport};
use std::collections::HashMap;
use std::sync::Arc;

/// One plan for each trunk of the schema, in its order.
pub(super) fn trunks(report: &mut Report, scope: &Scope<'_>) -> Vec<TrunkPlan> {
    let mut plans = Vec::new();
    for (name, trunk) in scope.config.trunks.iter() {
        if scope.config.realms.get(name).is_some() {
            let hint = "expected another name: routes name trunks and realms in the same place";
            report.value(name.at, format!("`{}` is a realm too", name.value), hint);
        }
        let realm = scope.realm(report, &trunk.realm);
        let mut targets: Vec<_> = trunk
            .targets
            .iter()
            .filter_map(|t| {
                let target = checked(report, scope, realm?, &t.uri, Transport::Udp)?;
                warn_of_ourselves(report, scope, &t.uri, &target);
                Some(Listed {
                    uri: t.uri.value.clone(),
                    target,
                    priority: t.priority,
                    weight: t.weight,
                })
            })
            .collect();
        targets.sort_by_key(|listed| listed.priority);
        plans.push(TrunkPlan {
            name: name.value.as_str().into(),
            realm: realm.unwrap_or(RealmId(0)),
            targets,
            udp_max: trunk.udp_max,
            quota: quota(scope, name, &trunk.limits),
        });
    }
    plans
}

/// Limits of this configuration over the count that all configurations have of the trunk.
fn quota(scope: &Scope<'_>, name: &str, limits: &Limits) -> Quota {
    let tally = scope
        .registry
        .state_book()
        .lend("trunk", name, Tally::default);
    Quota::new(name.into(), limits.clone(), tally)
}

/// All limits, and what is counted.
pub(super) fn quotas(scope: &Scope<'_>, trunks: &[TrunkPlan]) -> Quotas {
    let tally = scope.registry.state_book().lend("box", "", Tally::default);
    Quotas {
        whole: Quota::new("".into(), scope.config.limits.clone(), tally),
        trunks: trunks
            .iter()
            .map(|trunk| TrunkQuota {
                realm: trunk.realm,
                quota: trunk.quota.clone(),
            })
            .collect(),
    }
}

/// A recording server may well be our own; a trunk is not.
fn warn_of_ourselves(
    report: &mut Report,
    scope: &Scope<'_>,
    uri: &Spanned<SipUri>,
    target: &Target,
) {
    if addresses(target).is_some_and(|address| scope.network.is_ours(address)) {
        report.warn(
            uri.at,
            "this target is a listener of our own: what goes there comes back",
            "write where the request shall end",
        );
    }
}

/// Where a URI is sent to, if a listener of the realm can send there.
fn checked(
    report: &mut Report,
    scope: &Scope<'_>,
    realm: RealmId,
    uri: &Spanned<SipUri>,
    default: Transport,
) -> Option<Target> {
    let target = target(&uri.0, default)?;
    // A listener that could not be read may be the one.
    if scope.knows_listeners() && sender(&scope.network, realm, &target).is_none() {
        let name = &scope.network.realm(realm).name;
        let (wanted, other) = match target.transport {
            Transport::Udp => ("udp", "tcp"),
            Transport::Tcp => ("tcp", "udp"),
        };
        report.value(
            uri.at,
            format!("realm {name} has no {wanted} listener that could send there"),
            format!("add a {wanted} listener to {name}, or write ;transport={other}"),
        );
    }
    for param in uri.0.params.split(';').filter(|p| !p.is_empty()) {
        let name = param.split('=').next().unwrap_or(param);
        if !["transport", "maddr", "ttl"]
            .iter()
            .any(|k| k.eq_ignore_ascii_case(name))
        {
            let message = format!("the parameter `{name}` of a target is not sent");
            report.warn(uri.at, message, "write it in `request_uri` of a profile");
        }
    }
    Some(target)
}

/// By realm: its name and where its trunks' requests come from.
pub(super) fn sources(report: &mut Report, scope: &Scope<'_>) -> Vec<(Box<str>, Sources)> {
    let names = scope.network.realms.iter().map(|r| r.name.clone());
    let mut realms: Vec<_> = names.map(|name| (name, Sources::default())).collect();
    for (n, (name, trunk)) in scope.config.trunks.iter().enumerate() {
        let Some(realm) = scope.realms.get(trunk.realm.value.as_str()) else {
            continue;
        };
        let sources = &mut realms[usize::from(realm.0)].1;
        for prefix in &trunk.source {
            let Some(owner) = sources.insert(prefix.value, TrunkId(n)) else {
                continue;
            };
            let other = scope
                .config
                .trunks
                .names()
                .get(owner.0)
                .copied()
                .unwrap_or_default();
            let (message, hint) = if other == name.value {
                (
                    "this range stands here twice".to_owned(),
                    "remove one of them".to_owned(),
                )
            } else {
                (
                    format!(
                        "the trunk {other} of realm {} has the same range",
                        trunk.realm.value
                    ),
                    "expected ranges by which one trunk can be told from the other".to_owned(),
                )
            };
            report.value(prefix.at, message, hint);
        }
    }
    realms
}

/// Recorders that could be built, by name.
pub(super) fn recorders(
    report: &mut Report,
    scope: &Scope<'_>,
) -> HashMap<String, Arc<dyn SideLegFactory>> {
    let mut factories = HashMap::new();
    for (name, recorder) in scope.config.recorders.iter() {
        let realm = match &recorder.realm {
            Some(realm) => scope.realm(report, realm),
            None => default_realm(report, scope, name),
        };
        let Some(realm) = realm else { continue };
        for uri in &recorder.srs {
            checked(report, scope, realm, uri, Transport::Tcp);
        }
        let codes = recorder.skip_failover_codes.as_ref();
        let plan = RecorderPlan {
            name: name.value.as_str().into(),
            srs: recorder.srs.iter().map(|uri| uri.0.clone()).collect(),
            timeout: recorder.timeout,
            skip_failover_codes: codes.map(|pattern| pattern.source().into()),
            realm,
        };
        match scope.registry.recorder(plan) {
            Ok(factory) => {
                factories.insert(name.value.clone(), factory);
            }
            Err(error) => report.value(name.at, error.message, ""),
        }
    }
    factories
}

/// The first trusted realm.
fn default_realm(
    report: &mut Report,
    scope: &Scope<'_>,
    recorder: &Spanned<String>,
) -> Option<RealmId> {
    let trusted = scope
        .config
        .realms
        .iter()
        .find(|(_, r)| r.trust == Trust::Full);
    if trusted.is_none() && scope.config.realms.all_sound() {
        report.value(
            recorder.at,
            "no realm has `trust: full`, so the side of this recorder is not clear",
            "expected `realm: NAME`",
        );
    }
    scope.realms.get(trusted?.0.value.as_str()).copied()
}
