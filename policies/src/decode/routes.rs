//! `routes`: which call goes where.

use crate::schema::{Action, Codes, Destination, RefusalCode, Route, Spanned};
use crate::template::Scope;
use crate::tree::{Data, Entry, Node, Position};
use crate::visit::{self, MapView, Report};
use sbc_core::b2bua::plan::{FailoverCodes, Redirect};
use std::collections::HashMap;
use std::time::Duration;

/// How long a target may ring: Timer C of RFC 3261 §16.6.
const RING_TIMEOUT: Duration = Duration::from_secs(180);

pub(super) fn routes(report: &mut Report, entry: &Entry) -> Vec<Route> {
    let nodes = visit::full_list(report, entry, "rules");
    let mut names = HashMap::new();
    let mut routes = Vec::new();
    for node in nodes {
        routes.extend(route(report, node, &mut names));
    }
    routes
}

/// The name of a route, which no earlier one has.
fn name(
    report: &mut Report,
    map: &MapView<'_>,
    names: &mut HashMap<String, Position>,
) -> Option<Spanned<String>> {
    let entry = map.required(report, "name");
    let name: Spanned<String> = visit::field(report, entry)?;
    visit::check_name(report, &name, name.at);
    if let Some(first) = names.get(&name.value) {
        let hint = format!("the first is in {}", report.place(*first, name.at));
        report.value(name.at, format!("duplicate name `{}`", name.value), hint);
    } else {
        names.insert(name.value.clone(), name.at);
    }
    Some(name)
}

fn route(report: &mut Report, node: &Node, names: &mut HashMap<String, Position>) -> Option<Route> {
    let map = MapView::of(report, node, node.at, "routes[]")?;
    let name = name(report, &map, names);
    let action = match (map.get("to"), map.get("reject")) {
        (Some(to), None) => destinations(report, to),
        (None, Some(entry)) => reject(report, entry),
        (Some(_), Some(entry)) => {
            let hint = "expected one of them";
            report.key(entry.at, "`to` and `reject` stand together", hint);
            None
        }
        (None, None) => {
            let hint = "where the call goes, or the status code that refuses it";
            map.lacks(report, "`to` or `reject`", hint);
            None
        }
    };
    let from = visit::field(report, map.get("from"));
    let when = map
        .get("when")
        .map(|e| super::when(report, &e.value, e.at, Scope::default()));
    let profile = visit::field(report, map.get("profile"));
    let ring: Option<Spanned<Duration>> = visit::field(report, map.get("ring_timeout"));
    if let Some(ring) = ring.filter(|r| r.is_zero()) {
        report.value(
            ring.at,
            "nobody answers in no time",
            "expected more than 0s",
        );
    }
    let failover = map
        .get("failover_codes")
        .map(|entry| failover(report, entry));
    let words = [("follow", Redirect::Follow), ("pass", Redirect::Pass)];
    let redirect = visit::word(report, map.get("redirect"), &words);
    if let Some(Action::Reject(..) | Action::App(_)) = action {
        has_no_targets(report, &map, "failover_codes");
        has_no_targets(report, &map, "redirect");
    }
    map.finish(report);
    Some(Route {
        name: name?,
        from,
        when: when.unwrap_or_default(),
        action: action?,
        profile,
        ring_timeout: ring.map_or(RING_TIMEOUT, |r| r.value),
        failover: failover.unwrap_or_default(),
        redirect: redirect.map(|r| r.value).unwrap_or_default(),
    })
}

fn failover(report: &mut Report, entry: &Entry) -> FailoverCodes {
    let nodes = visit::list(report, entry, "status codes");
    let codes: Vec<Spanned<Codes>> = super::scalars(report, nodes);
    codes.iter().fold(FailoverCodes::NONE, |set, codes| {
        set.with(codes.first, codes.last)
    })
}

/// Reports a key that says something of targets, of which there are none.
fn has_no_targets(report: &mut Report, map: &MapView<'_>, key: &'static str) {
    if let Some(entry) = map.get(key) {
        let message = format!("`{key}` of a route that calls nobody");
        report.key(entry.at, message, "remove it");
    }
}

fn reject(report: &mut Report, entry: &Entry) -> Option<Action> {
    let Data::Map(_) = entry.value.data else {
        let code: Spanned<RefusalCode> = visit::field(report, Some(entry))?;
        return Some(Action::Reject(code.value, String::new()));
    };
    let map = MapView::of(report, &entry.value, entry.at, "routes[].reject")?;
    let code = map.required(report, "code");
    let code: Option<Spanned<RefusalCode>> = visit::field(report, code);
    let reason: Option<Spanned<String>> = visit::field(report, map.get("reason"));
    if let Some(reason) = &reason {
        visit::one_line(report, reason);
    }
    map.finish(report);
    Some(Action::Reject(
        code?.value,
        reason.map(|r| r.value).unwrap_or_default(),
    ))
}

fn destinations(report: &mut Report, entry: &Entry) -> Option<Action> {
    let nodes = visit::full_list(report, entry, "trunks");
    let mut destinations = Vec::new();
    let mut app = None;
    for node in nodes {
        match &node.data {
            Data::Map(_) => match place(report, node) {
                Some(Place::App(name)) => app = Some(name),
                Some(Place::Destination(d)) => destinations.push(d),
                None => {}
            },
            _ => {
                let name: Option<Spanned<String>> = visit::scalar(report, node, node.at);
                destinations.extend(name.map(|name| match name.value.as_str() {
                    "request-uri" => Destination::RequestUri(None, name.at),
                    _ => Destination::Trunk(name),
                }));
            }
        }
    }
    match app {
        Some(app) if nodes.len() > 1 => {
            let hint = "expected the app alone";
            report.value(app.at, "an app answers every call", hint);
            None
        }
        Some(app) => Some(Action::App(app)),
        None if destinations.is_empty() => None,
        None => Some(Action::To(destinations)),
    }
}

enum Place {
    App(Spanned<String>),
    Destination(Destination),
}

fn place(report: &mut Report, node: &Node) -> Option<Place> {
    let map = MapView::of(report, node, node.at, "routes[].to[]")?;
    let place = match (map.get("app"), map.get("request-uri")) {
        (Some(app), None) => visit::field(report, Some(app)).map(Place::App),
        (None, Some(uri)) => {
            let realm = match uri.value.data {
                Data::Null => None,
                _ => request_uri_realm(report, uri),
            };
            Some(Place::Destination(Destination::RequestUri(realm, uri.at)))
        }
        _ => {
            let hint =
                "expected the name of a trunk, { request-uri: { realm: NAME } } or { app: NAME }";
            report.value(node.at, "this is no place to send a call to", hint);
            None
        }
    };
    map.finish(report);
    place
}

fn request_uri_realm(report: &mut Report, entry: &Entry) -> Option<Spanned<String>> {
    let map = MapView::of(report, &entry.value, entry.at, "routes[].to[].request-uri")?;
    let realm = visit::field(report, map.get("realm"));
    map.finish(report);
    realm
}
