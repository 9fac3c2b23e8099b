//! `/v1/calls`.

use super::Admin;
use super::limits::{PAGE, PAGE_DEFAULT};
use super::openapi::{About, Answer, Page, in_path, in_query, number, text, word};
use super::problem::Problem;
use super::views;
use crate::calls::{Found, Row, State, Wanted};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query, State as Of};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{delete, get};
use sbc_core::b2bua::{CallKey, Command};
use sbc_core::ports::{MediaPlane, SessionId};
use serde::Deserialize;

pub(super) fn pages() -> Vec<Page> {
    let id = || vec![in_path("id", "The call's id")];
    let unknown = || Answer::problem(404, "There is no such call");
    vec![
        Page {
            path: "/v1/calls",
            method: "get",
            serves: get(list),
            about: About {
                id: "listCalls",
                summary: "The calls that are not over, or those that ended of late",
                parameters: list_parameters(),
                body: None,
                answers: vec![Answer::json(200, "A page", views::Calls::schema())],
            },
        },
        Page {
            path: "/v1/calls/{id}",
            method: "get",
            serves: get(show),
            about: About {
                id: "showCall",
                summary: "One call, running or one of the last that ended",
                parameters: id(),
                body: None,
                answers: vec![
                    Answer::json(200, "The call", views::Explained::schema()),
                    unknown(),
                ],
            },
        },
        Page {
            path: "/v1/calls/{id}",
            method: "delete",
            serves: delete(hang_up),
            about: About {
                id: "hangUp",
                summary: "Ends a call: BYE to both sides and to recorders",
                parameters: id(),
                body: None,
                answers: vec![
                    Answer::json(202, "It is being ended", views::Call::schema()),
                    unknown(),
                    Answer::problem(503, "It is too busy to be told; try again"),
                ],
            },
        },
    ]
}

fn list_parameters() -> Vec<serde_json::Value> {
    let states = State::ALL.map(State::name);
    vec![
        in_query(
            "trunk",
            "Calls that came from this trunk or went to it",
            &text("Its name in the configuration"),
        ),
        in_query(
            "state",
            "Calls in this state; `ended` are the last that are over, without it all that are not",
            &word(&states, "A state"),
        ),
        in_query(
            "limit",
            "How many at most, from 1 to 1000; 100 where nothing is said",
            &number("A number"),
        ),
        in_query(
            "after",
            "What was `next` on the page before this one",
            &text("A place in the list"),
        ),
    ]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    trunk: Option<Box<str>>,
    state: Option<Box<str>>,
    limit: Option<usize>,
    after: Option<u64>,
}

impl Asked {
    fn wanted(self) -> Result<Wanted, Problem> {
        let states = State::ALL;
        let state = self.state.map(|name| {
            let found = states.into_iter().find(|state| state.name() == &*name);
            let names = states.map(State::name).join(", ");
            found.ok_or_else(|| {
                Problem::bad(format!("no state {name:?}")).hint(format!("expected one of {names}"))
            })
        });
        let limit = self.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE).contains(&limit) {
            let hint = format!("expected a number from 1 to {PAGE}; `after` gives the next page");
            return Err(Problem::bad(format!("limit {limit}")).hint(hint));
        }
        Ok(Wanted {
            trunk: self.trunk,
            state: state.transpose()?,
            after: self.after.map(CallKey),
            limit,
        })
    }
}

/// The id in the path.
struct Id(String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::from_request_parts(parts, state).await;
        let Path(id) = path.map_err(|rejection| Problem::bad(rejection.body_text()))?;
        Ok(Self(id))
    }
}

async fn list(
    Of(admin): Of<Admin>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<views::Calls>, Problem> {
    let Query(asked) = asked
        .map_err(|e| Problem::bad(e.body_text()).hint("parameters: trunk, state, limit, after"))?;
    let Found { rows, more_after } = admin.calls.page(&asked.wanted()?);
    Ok(Json(views::Calls {
        calls: rows.iter().map(|row| view(&admin, row)).collect(),
        running: admin.calls.running(),
        next: more_after.map(|key| key.0.to_string()),
    }))
}

async fn show(Of(admin): Of<Admin>, Id(id): Id) -> Result<Json<views::Explained>, Problem> {
    let row = admin.calls.find(&id).ok_or_else(|| unknown(&id))?;
    let explanation = match admin.calls.question(row.key) {
        // Thousands of routes are walked: not on a thread that others wait for.
        Ok(question) => tokio::task::spawn_blocking(|| question.explain())
            .await
            .unwrap_or(Err("it cannot be explained; please report it")),
        Err(why) => Err(why),
    };
    Ok(Json(views::Explained::new(view(&admin, &row), explanation)))
}

async fn hang_up(
    Of(admin): Of<Admin>,
    Id(id): Id,
) -> Result<(StatusCode, Json<views::Call>), Problem> {
    let row = admin.calls.find(&id).ok_or_else(|| unknown(&id))?;
    let over = || Problem::new(StatusCode::NOT_FOUND, format!("the call {id} is over"));
    if row.end.is_some() {
        return Err(over());
    }
    let view = view(&admin, &row);
    if admin.endpoint.command(row.key, Command::HangUp) {
        return Ok((StatusCode::ACCEPTED, Json(view)));
    }
    // Gone meanwhile, or so many messages wait for it that it takes no more.
    match admin.calls.find(&id) {
        Some(row) if row.end.is_none() => {
            let busy = Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("{id} is too busy"));
            Err(busy.hint("try again").header("retry-after", "1"))
        }
        _ => Err(over()),
    }
}

fn view(admin: &Admin, row: &Row) -> views::Call {
    let media = match row.end {
        Some(_) => Vec::new(),
        None => admin.media.stats(SessionId(row.key.0)),
    };
    views::Call::new(row, &media)
}

fn unknown(id: &str) -> Problem {
    let error = format!("there is no call {id}");
    let hint = "it never was, or ended so long ago that it is forgotten; the CDR has it";
    Problem::new(StatusCode::NOT_FOUND, error).hint(hint)
}
