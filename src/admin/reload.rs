//! `/v1/reload` and `/v1/config`.

use super::Admin;
use super::openapi::{About, Answer, Page, number, object, or_null, text, time, word};
use crate::reload::{Complaint, Ending, Outcome};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use policies::Change;
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Debug, Serialize)]
struct Reloaded {
    result: &'static str,
    generation: u64,
    changed: bool,
    changes: Vec<Changed>,
    warnings: Vec<Complaint>,
    errors: Vec<Complaint>,
    /// As in every answer that is an error.
    error: Option<String>,
    hint: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Changed {
    path: String,
    before: Option<String>,
    after: Option<String>,
}

#[derive(Debug, Serialize)]
struct Used {
    generation: u64,
    since: String,
    files: Vec<String>,
}

pub(super) fn pages() -> Vec<Page> {
    vec![
        Page {
            path: "/v1/reload",
            method: "post",
            serves: post(reload),
            about: About {
                id: "reload",
                summary: "Reads the configuration again and uses it; running calls keep theirs",
                parameters: Vec::new(),
                body: None,
                answers: vec![
                    Answer::json(200, "It is used, or nothing had changed", schema()),
                    Answer::json(
                        422,
                        "It is wrong, or needs a restart: nothing changed",
                        schema(),
                    ),
                    Answer::json(500, "It could not be tried: nothing changed", schema()),
                ],
            },
        },
        Page {
            path: "/v1/config",
            method: "get",
            serves: get(config),
            about: About {
                id: "config",
                summary: "Which configuration is used",
                parameters: Vec::new(),
                body: None,
                answers: vec![Answer::json(200, "It", used())],
            },
        },
    ]
}

async fn reload(State(admin): State<Admin>) -> (StatusCode, Json<Reloaded>) {
    let outcome = admin.reloader.reload().await;
    let status = match outcome.ending {
        Ending::Changed | Ending::Unchanged => StatusCode::OK,
        Ending::Refused => StatusCode::UNPROCESSABLE_ENTITY,
        Ending::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, Json(outcome.into()))
}

async fn config(State(admin): State<Admin>) -> Json<Used> {
    let current = admin.reloader.current();
    let files = current.files.iter();
    Json(Used {
        generation: current.generation,
        since: current.since.rfc3339(),
        files: files.map(|file| file.display().to_string()).collect(),
    })
}

impl From<Outcome> for Reloaded {
    fn from(outcome: Outcome) -> Self {
        let is_error = matches!(outcome.ending, Ending::Refused | Ending::Failed);
        Self {
            result: outcome.ending.name(),
            generation: outcome.generation,
            changed: outcome.ending == Ending::Changed,
            error: is_error.then(|| outcome.sentence()),
            hint: is_error.then_some("`errors` says why; nothing changed"),
            changes: outcome.changes.into_iter().map(Changed::from).collect(),
            warnings: outcome.warnings,
            errors: outcome.errors,
        }
    }
}

impl From<Change> for Changed {
    fn from(change: Change) -> Self {
        Self {
            path: change.path,
            before: change.before,
            after: change.after,
        }
    }
}

fn list(items: &Value, about: &str) -> Value {
    json!({ "type": "array", "items": items, "description": about })
}

fn schema() -> Value {
    let change = object([
        (
            "path",
            text("`trunks.carrier.limits.calls`; items with names: `routes[out]`"),
        ),
        (
            "before",
            or_null(text("The value before; null where there was none")),
        ),
        (
            "after",
            or_null(text("The value after; null where it is gone")),
        ),
    ]);
    let complaint = object([
        (
            "file",
            or_null(text("The file; null where none is at fault")),
        ),
        ("line", or_null(number("From 1"))),
        ("column", or_null(number("From 1"))),
        ("path", text("Of the key or value")),
        ("message", text("What is wrong, in one line")),
        ("hint", text("What was expected; may be empty")),
        ("text", text("All of it, as `sbc check` prints it")),
    ]);
    object([
        (
            "result",
            word(&Ending::ALL.map(Ending::name), "How it ended"),
        ),
        (
            "generation",
            number("Of the configuration that is used now"),
        ),
        (
            "changed",
            json!({ "type": "boolean", "description": "Whether another one is used" }),
        ),
        ("changes", list(&change, "What changed, or would have")),
        ("warnings", list(&complaint, "What is odd and still works")),
        ("errors", list(&complaint, "Why nothing changed; all of it")),
        (
            "error",
            or_null(text("The same in a sentence; null where it is used")),
        ),
        ("hint", or_null(text("What to do about it"))),
    ])
}

fn used() -> Value {
    object([
        (
            "generation",
            number("From 1, one more with each reload that changed something"),
        ),
        ("since", time("When it began to be used")),
        (
            "files",
            list(&text("A path"), "The file, then those that it includes"),
        ),
    ])
}
