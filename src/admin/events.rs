//! `/v1/events`: server-sent events, as the HTML standard's section of that name defines them.

use super::Admin;
use super::drain::DrainView;
use super::limits::KEEP_ALIVE;
use super::openapi::{About, Answer, Page, in_query, text};
use super::problem::Problem;
use super::views::{Call, Recorder};
use crate::events::{Event, Listener, What};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::routing::get;
use futures_util::stream::{Stream, unfold};
use sbc_core::UnixMillis;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

const LOST: &str = "lost";

pub(super) fn pages() -> Vec<Page> {
    let stream = text("Server-sent events, without end; docs/http.md tells what each holds");
    vec![Page {
        path: "/v1/events",
        method: "get",
        serves: get(listen),
        about: About {
            id: "events",
            summary: "What happens from now on",
            parameters: vec![in_query(
                "type",
                "Events of these types, with a comma between them",
                &text("Types, as call.ended"),
            )],
            body: None,
            answers: vec![
                Answer::of(200, "The stream", "text/event-stream", stream),
                Answer::problem(503, "There are too many listeners"),
            ],
        },
    }]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(rename = "type")]
    types: Option<String>,
}

impl Asked {
    /// Nothing: all types.
    fn wanted(&self) -> Result<Option<Vec<&'static str>>, Problem> {
        let Some(types) = &self.types else {
            return Ok(None);
        };
        let known = |name: &str| {
            let known = What::NAMES.into_iter().find(|known| *known == name.trim());
            known.ok_or_else(|| {
                let names = What::NAMES.join(", ");
                Problem::bad(format!("no event {name:?}")).hint(format!("there are {names}"))
            })
        };
        types
            .split(',')
            .map(known)
            .collect::<Result<_, _>>()
            .map(Some)
    }
}

async fn listen(
    State(admin): State<Admin>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, Problem> {
    let Query(asked) =
        asked.map_err(|e| Problem::bad(e.body_text()).hint("there is one parameter: type"))?;
    let wanted = asked.wanted()?;
    let listener = admin.events.listen().ok_or_else(|| {
        let full = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many listen already");
        full.header("retry-after", "10")
    })?;
    let since = admin.events.since();
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let missed = seen.and_then(|id| missed(id, since, listener.last));
    let stream = Told {
        listener,
        wanted,
        since,
        missed,
        stop: admin.stop,
    };
    let stream = unfold(stream, |mut told| async {
        let event = told.next().await?;
        Some((Ok(event), told))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// What a listener that comes back has missed, which has seen all up to this id.
fn missed(id: &str, since: UnixMillis, last: u64) -> Option<Lost> {
    let (start, number) = id.split_once('-')?;
    let (start, number): (u64, u64) = (start.parse().ok()?, number.parse().ok()?);
    if start != since.0 {
        // Those of the program that ran before this one: nobody counts them any more.
        return Some(Lost { events: None });
    }
    let events = last.saturating_sub(number);
    (events > 0).then_some(Lost {
        events: Some(events),
    })
}

/// Events that a listener does not get.
#[derive(Debug, PartialEq, Serialize)]
struct Lost {
    /// How many, of all types; nothing: nobody knows.
    events: Option<u64>,
}

/// One stream.
struct Told {
    listener: Listener,
    wanted: Option<Vec<&'static str>>,
    since: UnixMillis,
    missed: Option<Lost>,
    stop: watch::Receiver<bool>,
}

impl Told {
    /// The next event of the stream; nothing: it ends.
    async fn next(&mut self) -> Option<sse::Event> {
        if let Some(missed) = self.missed.take() {
            return Some(event(LOST, &missed));
        }
        loop {
            let received = tokio::select! {
                biased;
                received = self.listener.events.recv() => received,
                _ = self.stop.wait_for(|stop| *stop) => return None,
            };
            match received {
                Ok(received) if self.wants(&received.what) => return Some(self.tell(&received)),
                Ok(_) => {}
                Err(RecvError::Lagged(events)) => {
                    let events = Some(events);
                    return Some(event(LOST, &Lost { events }));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn wants(&self, what: &What) -> bool {
        let wanted = self.wanted.as_ref();
        wanted.is_none_or(|wanted| wanted.contains(&what.name()))
    }

    fn tell(&self, Event { number, what }: &Event) -> sse::Event {
        let name = what.name();
        let told = match what {
            What::CallStarted(row)
            | What::CallRinging(row)
            | What::CallAnswered(row)
            | What::CallEnded(row)
            | What::CallLost(row) => event(name, &Call::new(row, &[])),
            What::Recorder(call, state) => {
                let recorder = Recorder::new(state);
                event(name, &RecorderOfCall { call, recorder })
            }
            What::Reload(ending, generation) => {
                let (result, generation) = (ending.name(), *generation);
                event(name, &Reloaded { result, generation })
            }
            What::Drain(begun) => event(name, &DrainView::new(begun)),
        };
        told.id(format!("{}-{number}", self.since.0))
    }
}

#[derive(Debug, Serialize)]
struct RecorderOfCall<'a> {
    call: &'a str,
    #[serde(flatten)]
    recorder: Recorder,
}

#[derive(Debug, Serialize)]
struct Reloaded {
    result: &'static str,
    generation: u64,
}

fn event(name: &str, data: &impl Serialize) -> sse::Event {
    let json = serde_json::to_string(data).expect("texts and numbers are always JSON");
    sse::Event::default().event(name).data(json)
}
