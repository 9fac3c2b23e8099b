//! `/healthz` and `/readyz`, for whoever watches the process or balances load.

use super::Admin;
use super::openapi::{About, Answer, Page, text};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

const TEXT: &str = "text/plain; charset=utf-8";

pub(super) fn pages() -> Vec<Page> {
    let page = |path, serves, id, summary, answers| Page {
        path,
        method: "get",
        serves,
        about: About {
            id,
            summary,
            parameters: Vec::new(),
            body: None,
            answers,
        },
    };
    let says = |status, about, word| Answer::of(status, about, TEXT, text(word));
    vec![
        page(
            "/healthz",
            get(|| async { "ok\n" }),
            "health",
            "Whether the process answers",
            vec![says(200, "It does", "ok")],
        ),
        page(
            "/readyz",
            get(ready),
            "ready",
            "Whether new calls are taken",
            vec![
                says(200, "They are", "ready"),
                says(503, "They are not: it drains", "draining"),
            ],
        ),
    ]
}

async fn ready(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    if admin.endpoint.is_draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n");
    }
    (StatusCode::OK, "ready\n")
}
