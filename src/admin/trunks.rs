//! `/v1/trunks`.

use super::Admin;
use super::openapi::{About, Answer, Page, list, number, object, or_null, text};
use axum::Json;
use axum::extract::State;
use axum::routing::get;
use policies::schema::Config;
use sbc_core::quota::{Counts, Limits, Quotas};
use serde::Serialize;
use serde_json::Value;

pub(super) fn pages() -> Vec<Page> {
    vec![Page {
        path: "/v1/trunks",
        method: "get",
        serves: get(show),
        about: About {
            id: "listTrunks",
            summary: "The trunks of the configuration in use, and what is counted there",
            parameters: Vec::new(),
            body: None,
            answers: vec![Answer::json(200, "All of them", Trunks::schema())],
        },
    }]
}

#[derive(Debug, Serialize)]
struct Trunks {
    /// Of the whole box.
    limits: Limit,
    trunks: Vec<Trunk>,
}

#[derive(Debug, Serialize)]
struct Trunk {
    name: String,
    realm: String,
    targets: Vec<Target>,
    limits: Limit,
    calls_in: u32,
    calls_out: u32,
    attempts_in: u64,
    attempts_out: u64,
    refused_calls: u64,
    refused_cps: u64,
}

#[derive(Debug, Serialize)]
struct Target {
    uri: String,
    priority: u16,
    weight: u16,
}

#[derive(Debug, Serialize)]
struct Limit {
    calls: Option<u32>,
    cps: Option<u32>,
}

async fn show(State(admin): State<Admin>) -> Json<Trunks> {
    let current = admin.reloader.current();
    let policy = admin.endpoint.policy();
    Json(Trunks::new(&current.config, policy.quotas()))
}

impl Trunks {
    fn new(config: &Config, quotas: &Quotas) -> Self {
        let trunks = config.trunks.iter().map(|(name, trunk)| {
            // A trunk of a configuration that takes the place of another just now has no count.
            let quota = quotas
                .trunks
                .iter()
                .find(|t| **t.quota.name() == *name.value);
            let counts = quota.map(|quota| quota.quota.counts());
            Trunk::new(&name.value, trunk, &counts.unwrap_or_default())
        });
        Self {
            limits: Limit::new(&config.limits),
            trunks: trunks.collect(),
        }
    }

    fn schema() -> Value {
        object([
            ("limits", Limit::schema()),
            (
                "trunks",
                list("In the order of the configuration", &Trunk::schema()),
            ),
        ])
    }
}

impl Trunk {
    fn new(name: &str, trunk: &policies::schema::Trunk, counts: &Counts) -> Self {
        let targets = trunk.targets.iter().map(|target| Target {
            uri: target.uri.value.0.to_string(),
            priority: target.priority,
            weight: target.weight,
        });
        Self {
            name: name.to_owned(),
            realm: trunk.realm.value.clone(),
            targets: targets.collect(),
            limits: Limit::new(&trunk.limits),
            calls_in: counts.calls_in,
            calls_out: counts.calls_out,
            attempts_in: counts.attempts_in,
            attempts_out: counts.attempts_out,
            refused_calls: counts.refused_calls,
            refused_cps: counts.refused_cps,
        }
    }

    fn schema() -> Value {
        object([
            ("name", text("Its name in the configuration")),
            ("realm", text("The side it is on")),
            ("targets", list("Where calls to it go", &Target::schema())),
            ("limits", Limit::schema()),
            ("calls_in", number("Calls from there that are not over")),
            ("calls_out", number("Calls to there that are not over")),
            (
                "attempts_in",
                number("Calls that came from there, with those that were refused"),
            ),
            (
                "attempts_out",
                number("Calls that were to go there, with those that were refused"),
            ),
            (
                "refused_calls",
                number("Refused because so many calls were there"),
            ),
            (
                "refused_cps",
                number("Refused because so many had begun within the second"),
            ),
        ])
    }
}

impl Target {
    fn schema() -> Value {
        object([
            ("uri", text("Where")),
            ("priority", number("The lowest goes first")),
            ("weight", number("Its share among those of its priority")),
        ])
    }
}

impl Limit {
    const fn new(limits: &Limits) -> Self {
        Self {
            calls: limits.calls,
            cps: limits.cps,
        }
    }

    fn schema() -> Value {
        object([
            ("calls", or_null(number("Calls at a time; null: unlimited"))),
            (
                "cps",
                or_null(number("New calls in a second; null: unlimited")),
            ),
        ])
    }
}
