//! `/v1/drain`.

use super::Admin;
use super::body::Given;
use super::limits::GRACE;
use super::openapi::{About, Answer, Page, flag, number, object, text, time};
use super::problem::Problem;
use crate::drain::Begun;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use sbc_core::ports::Param;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

pub(super) fn pages() -> Vec<Page> {
    vec![Page {
        path: "/v1/drain",
        method: "post",
        serves: post(drain),
        about: About {
            id: "drain",
            summary: "Ends the daemon: no new calls, running ones may end within the grace, the \
                      rest get BYE",
            parameters: Vec::new(),
            body: Some(Asked::schema()),
            answers: vec![
                Answer::json(200, "It drained already; nothing changes", View::schema()),
                Answer::json(202, "It drains from now on", View::schema()),
                Answer::problem(413, "The body is too long"),
                Answer::problem(415, "The body is no JSON"),
            ],
        },
    }]
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    grace: Option<String>,
}

impl Asked {
    fn grace(&self) -> Result<Option<Duration>, Problem> {
        let Some(text) = &self.grace else {
            return Ok(None);
        };
        let grace = Param::Text(text.clone()).duration();
        let grace = grace.filter(|grace| *grace <= GRACE);
        grace.map(Some).ok_or_else(|| {
            let wrong = Problem::bad(format!("grace: {text:?} is no duration that can be used"));
            wrong.hint("expected a duration like 30s or 2h, at most 168h")
        })
    }

    fn schema() -> Value {
        let grace = text("How long running calls may go on, as `30s`; otherwise as configured");
        json!({
            "type": "object",
            "properties": { "grace": grace },
            "additionalProperties": false,
        })
    }
}

#[derive(Debug, Serialize)]
struct View {
    already: bool,
    calls: usize,
    #[serde(flatten)]
    drain: DrainView,
}

/// A drain, as in the answer and in the event.
#[derive(Debug, Serialize)]
pub(super) struct DrainView {
    grace_ms: u64,
    until: String,
}

impl DrainView {
    pub(super) fn new(begun: &Begun) -> Self {
        Self {
            grace_ms: u64::try_from(begun.grace.as_millis()).unwrap_or(u64::MAX),
            until: begun.until.rfc3339(),
        }
    }
}

impl View {
    fn schema() -> Value {
        object([
            ("already", flag("It drained before this was asked")),
            ("calls", number("How many calls are not over")),
            (
                "grace_ms",
                number("How long calls may go on, from when the drain began"),
            ),
            ("until", time("When those that are left get BYE")),
        ])
    }
}

async fn drain(
    State(admin): State<Admin>,
    Given(asked): Given<Asked>,
) -> Result<(StatusCode, Json<View>), Problem> {
    let configured = admin.reloader.current().config.drain.0;
    let grace = asked.grace()?.unwrap_or(configured);
    let (begun, is_new) = admin.drain.begin(grace);
    // Already when the answer says so.
    admin.endpoint.drain();
    let status = if is_new {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    };
    let view = View {
        already: !is_new,
        calls: admin.calls.running(),
        drain: DrainView::new(&begun),
    };
    Ok((status, Json(view)))
}
