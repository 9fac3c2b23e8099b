//! `/v1/events`.

use super::{Site, request};
use crate::limits::{EVENTS, LISTENERS};
use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use futures_util::StreamExt;
use sbc_core::b2bua::{CallEvent, CallKey};
use sbc_core::endpoint::Observer;
use sbc_core::ports::{RecorderState, RecorderStatus};
use sbc_core::sip::StatusCode as Status;
use serde_json::Value;
use std::time::Duration;

/// What a listener hears.
struct Stream(BodyDataStream);

impl Stream {
    /// The next event: id, type, data.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        let frame = self.0.next().await?.expect("the stream does not break");
        let text = String::from_utf8(frame.into()).unwrap();
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim_start_matches(": ").to_owned()
        };
        let data = serde_json::from_str(&field("data")).unwrap_or_else(|e| panic!("{e}: {text}"));
        Some((field("id"), field("event"), data))
    }

    async fn types(&mut self, count: usize) -> Vec<String> {
        let mut types = Vec::new();
        for _ in 0..count {
            types.push(self.next().await.expect("it goes on").1);
        }
        types
    }
}

impl Site {
    fn drain(&self) {
        self.admin.drain.begin(Duration::from_secs(30));
    }

    async fn stream(&self, request: Request<Body>) -> Stream {
        let response = self.raw(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Stream(response.into_body().into_data_stream())
    }

    async fn listen(&self, query: &str) -> Stream {
        self.stream(request("GET", &format!("/v1/events{query}"), ""))
            .await
    }
}

fn recorder() -> RecorderState {
    RecorderState {
        recorder: "main".into(),
        server: "sip:srs1.example".into(),
        status: RecorderStatus::Recording,
        reason: "".into(),
    }
}

#[tokio::test]
async fn a_call_is_told_from_its_start_to_its_end() {
    let site = Site::new().await;
    let mut stream = site.listen("").await;
    site.tell(0, &CallEvent::Started);
    site.tell(0, &CallEvent::Ringing(Status::of(180)));
    site.tell(0, &CallEvent::Answered);
    site.tell(0, &CallEvent::Recorder(recorder()));
    site.end(0);
    site.tell(1, &CallEvent::Started);
    site.admin.calls.on_lost(CallKey(1));
    // From no file, so that it fails.
    site.admin.reloader.reload().await;
    site.drain();
    let mut told = Vec::new();
    for number in 1..=9 {
        let (id, name, data) = stream.next().await.unwrap();
        assert_eq!(id, format!("1700000000000-{number}"));
        told.push((name, data));
    }
    let names: Vec<_> = told.iter().map(|(name, _)| &**name).collect();
    let call = [
        "call.started",
        "call.ringing",
        "call.answered",
        "recorder",
        "call.ended",
    ];
    assert_eq!(names[..5], call);
    assert_eq!(names[5..], ["call.started", "call.lost", "reload", "drain"]);
    assert_eq!(told[0].1["state"], "trying");
    assert_eq!(
        (&told[1].1["state"], &told[1].1["id"]),
        (&"ringing".into(), &"call-0".into())
    );
    assert_eq!(
        (&told[3].1["call"], &told[3].1["state"]),
        (&"call-0".into(), &"recording".into())
    );
    assert_eq!(told[4].1["reason"], "hung up");
    assert_eq!(told[7].1["result"], "failed");
    assert_eq!(
        (&told[7].1["generation"], &told[8].1["grace_ms"]),
        (&1.into(), &30_000.into())
    );
    let shown = site.get("/v1/calls?state=ended").await.json()["calls"][0].clone();
    assert_eq!(told[4].1, shown, "as the page shows it");
}

#[tokio::test]
async fn a_listener_may_want_some_types_only() {
    let site = Site::new().await;
    let mut stream = site.listen("?type=call.ended,drain").await;
    site.tell(0, &CallEvent::Started);
    site.end(0);
    site.drain();
    assert_eq!(stream.types(2).await, ["call.ended", "drain"]);
    for query in ["?type=call", "?type=", "?type=drain,", "?types=drain"] {
        let reply = site.get(&format!("/v1/events{query}")).await;
        assert_eq!(reply.status, 400, "{query}");
    }
}

#[tokio::test]
async fn a_slow_listener_loses_the_oldest_events_and_learns_how_many() {
    let site = Site::new().await;
    let mut slow = site.listen("").await;
    let all = EVENTS as u64 + 10;
    for key in 0..all {
        site.tell(key, &CallEvent::Started);
    }
    let (id, name, data) = slow.next().await.unwrap();
    assert_eq!((&*id, &*name), ("", "lost"));
    assert_eq!(data["events"], 10);
    for number in 11..=all {
        let (id, ..) = slow.next().await.unwrap();
        assert_eq!(id, format!("1700000000000-{number}"));
    }
}

#[tokio::test]
async fn there_are_so_many_listeners_and_no_more() {
    let site = Site::new().await;
    let mut streams = Vec::new();
    for _ in 0..LISTENERS {
        streams.push(site.listen("").await);
    }
    let refused = site.get("/v1/events").await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.headers["retry-after"], "10");
    assert!(refused.json()["error"].is_string());
    streams.pop();
    site.listen("").await;
}

#[tokio::test]
async fn a_listener_that_comes_back_learns_what_it_missed() {
    let site = Site::new().await;
    for key in 0..5 {
        site.tell(key, &CallEvent::Started);
    }
    let back = async |id: &'static str| {
        let mut request = request("GET", "/v1/events", "");
        request
            .headers_mut()
            .insert("last-event-id", id.parse().unwrap());
        let mut stream = site.stream(request).await;
        site.end(0);
        let (_, name, data) = stream.next().await.unwrap();
        (name, data["events"].clone())
    };
    let lost = |events: Value| ("lost".to_owned(), events);
    assert_eq!(back("1700000000000-2").await, lost(3.into()));
    assert_eq!(
        back("1600000000000-2").await,
        lost(Value::Null),
        "of another run"
    );
    for id in ["1700000000000-7", "nonsense"] {
        assert_eq!(back(id).await.0, "call.ended", "{id}: nothing was missed");
    }
}

#[tokio::test]
async fn a_stream_ends_with_the_daemon() {
    let site = Site::new().await;
    let mut stream = site.listen("").await;
    site.drain();
    site.stop.send_replace(true);
    assert_eq!(
        stream.next().await.unwrap().1,
        "drain",
        "what was told before"
    );
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_stream_shows_that_it_lives() {
    let site = Site::new().await;
    let mut stream = site.listen("").await;
    let comment = stream.0.next().await.unwrap().unwrap();
    assert!(comment.starts_with(b":"), "{comment:?}");
    site.tell(0, &CallEvent::Started);
    assert_eq!(stream.types(1).await, ["call.started"]);
}
