//! Warnings about what has no effect: names that nobody uses, routes that nothing reaches.

use crate::schema::{Action, Config, Destination, Route};
use crate::visit::Report;
use sbc_core::net::Trust;
use std::collections::HashSet;

pub(super) fn warn(report: &mut Report, config: &Config) {
    names(report, config);
    routes(report, config);
}

fn names(report: &mut Report, config: &Config) {
    let mut used: HashSet<(&str, &str)> = HashSet::new();
    for route in &config.routes {
        used.extend(
            route
                .profile
                .as_ref()
                .map(|p| ("profile", p.value.as_str())),
        );
        used.extend(route.from.as_ref().map(|f| ("trunk", f.value.as_str())));
        if let Action::To(destinations) = &route.action {
            for destination in destinations {
                if let Destination::Trunk(name) = destination {
                    used.insert(("trunk", &name.value));
                }
            }
        }
    }
    for (_, profile) in config.profiles.iter() {
        used.extend(
            profile
                .extends
                .as_ref()
                .map(|p| ("profile", p.value.as_str())),
        );
        for recorder in profile.recorders.iter().flatten() {
            used.insert(("recorder", &recorder.value));
        }
    }
    for (_, listener) in config.listeners.iter() {
        used.insert(("realm", &listener.realm.value));
    }
    let all = [
        (
            "realm",
            config.realms.iter().map(|(n, _)| n).collect::<Vec<_>>(),
        ),
        ("trunk", config.trunks.iter().map(|(n, _)| n).collect()),
        (
            "recorder",
            config.recorders.iter().map(|(n, _)| n).collect(),
        ),
        ("profile", config.profiles.iter().map(|(n, _)| n).collect()),
    ];
    for (what, names) in all {
        for name in names {
            if used.contains(&(what, name.value.as_str())) {
                continue;
            }
            let why = match what {
                "realm" => "no listener is on this realm",
                "trunk" => "no route names this trunk",
                "recorder" => "no profile names this recorder",
                _ => "no route or profile names this profile",
            };
            report.warn(name.at, why, "");
        }
    }
}

/// Routes behind one that takes all they could have.
fn routes(report: &mut Report, config: &Config) {
    let mut taken: Vec<&Route> = Vec::new();
    let mut seen = HashSet::new();
    for route in &config.routes {
        if let Some(first) = taken.iter().find(|first| covers(config, first, route)) {
            let place = report.place(first.name.at, route.name.at);
            let hint = format!("{} in {place} takes all", first.name.value);
            report.warn(route.name.at, "nothing reaches this route", hint);
        } else if route.when.is_empty() {
            let rejects = matches!(route.action, Action::Reject(..));
            let from = route.from.as_ref().map(|f| f.value.as_str());
            if seen.insert((from, rejects)) {
                taken.push(route);
            }
        }
    }
}

fn covers(config: &Config, first: &Route, later: &Route) -> bool {
    let Some(from) = &first.from else {
        return matches!(first.action, Action::Reject(..)) || !may_be_stranger(config, later);
    };
    let Some(later) = &later.from else {
        return false;
    };
    let realm_of_later = config.trunks.get(later).map(|t| &t.realm.value);
    from.value == later.value || realm_of_later == Some(&from.value)
}

/// Whether a route may be for requests that a route without `from` is not for: those of no trunk,
/// from a side that is not trusted.
fn may_be_stranger(config: &Config, route: &Route) -> bool {
    match &route.from {
        None => matches!(route.action, Action::Reject(..)),
        Some(from) => config
            .realms
            .get(from)
            .is_some_and(|r| r.trust == Trust::None),
    }
}
