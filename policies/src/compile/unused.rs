//! Warnings about what has no effect: names that nobody uses, routes that nothing reaches.

use crate::facts::Field;
use crate::schema::{Action, Config, Destination, Route, Test};
use crate::visit::Report;
use sbc_core::net::Trust;
use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hasher};

pub(super) fn warn(report: &mut Report, config: &Config) {
    names(report, config);
    routes(report, config);
    let maps = std::mem::take(&mut report.maps);
    for name in maps.unused() {
        report.warn(name.at, "nothing looks into this map", "");
    }
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
            let (why, hint) = match what {
                "realm" => (
                    "no listener is on this realm",
                    "remove it, or put a listener on it",
                ),
                "trunk" => (
                    "no route names this trunk",
                    "remove it, or send calls to it",
                ),
                "recorder" => (
                    "no profile names this recorder",
                    "remove it, or name it below `record` of a profile",
                ),
                _ => (
                    "no route or profile names this profile",
                    "remove it, or name it in a route",
                ),
            };
            report.warn(name.at, why, hint);
        }
    }
}

/// What a route asks for: from where, whether it is one of those that take strangers too, and the
/// fingerprints of its conditions.
type Asked<'c> = (Option<&'c str>, bool, Vec<u64>);

/// Routes that no request reaches.
fn routes(report: &mut Report, config: &Config) {
    let mut earlier: HashMap<Asked<'_>, &Route> = HashMap::new();
    for route in &config.routes {
        let from = route.from.as_ref();
        if let Some(from) = from
            && let Some(trunk) = config.trunks.get(from)
            && trunk.source.is_empty()
        {
            let message = format!("no request is known to come from {}", from.value);
            let hint = format!(
                "expected `match: {{ source: [ .. ] }}` in trunks.{}",
                from.value
            );
            report.warn(from.at, message, hint);
        }
        if !route.when.iter().all(may_hold) {
            let hint = "only INVITE is routed: remove the route, or `method`";
            report.warn(route.name.at, "nothing reaches this route", hint);
        }
        let mut tests: Vec<u64> = route.when.iter().map(fingerprint).collect();
        tests.sort_unstable();
        if let Some(first) = covering(config, &earlier, route, &tests) {
            let place = report.place(first.name.at, route.name.at);
            let what = if first.when.is_empty() {
                "all"
            } else {
                "all of these"
            };
            let hint = format!("`{}` in {place} takes {what}", first.name.value);
            report.warn(route.name.at, "nothing reaches this route", hint);
            continue;
        }
        let rejects = from.is_none() && matches!(route.action, Action::Reject(..));
        let asked = (from.map(|f| f.value.as_str()), rejects, tests);
        earlier.entry(asked).or_insert(route);
    }
}

/// An earlier route that takes all that this one could have: from the same or a wider place, with
/// no condition, with one of its conditions, or with the same.
fn covering<'c>(
    config: &'c Config,
    earlier: &HashMap<Asked<'c>, &'c Route>,
    route: &'c Route,
    tests: &[u64],
) -> Option<&'c Route> {
    let mut places = vec![(None, true)];
    if !may_be_stranger(config, route) {
        places.push((None, false));
    }
    if let Some(from) = &route.from {
        places.push((Some(from.value.as_str()), false));
        let realm = config.trunks.get(from).map(|t| t.realm.value.as_str());
        places.extend(realm.map(|realm| (Some(realm), false)));
    }
    let mut conditions = vec![Vec::new()];
    if !tests.is_empty() {
        conditions.extend(tests.iter().map(|test| vec![*test]));
        conditions.push(tests.to_vec());
    }
    let asked = places
        .iter()
        .flat_map(|(from, rejects)| conditions.iter().map(|c| (*from, *rejects, c.clone())));
    asked
        .filter_map(|asked| earlier.get(&asked).copied())
        .next()
}

/// A number that conditions have in common that are written alike.
fn fingerprint(test: &Test) -> u64 {
    struct Sink(DefaultHasher);
    impl Write for Sink {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }
    let mut sink = Sink(DefaultHasher::new());
    let written = write!(sink, "{test:?}");
    debug_assert!(written.is_ok(), "hashing does not fail");
    sink.0.finish()
}

/// Whether a condition of a route can hold, as far as that can be told.
fn may_hold(test: &Test) -> bool {
    match test {
        Test::Matches(Field::Method, pattern) => pattern.regex().is_match("INVITE"),
        _ => true,
    }
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
