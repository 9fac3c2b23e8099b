//! HTTP: the API and the metrics page. Each on its own address, loopback unless configured
//! otherwise.

mod body;
mod bounded;
mod calls;
mod drain;
mod events;
mod guard;
mod health;
mod limits;
mod openapi;
mod problem;
mod reload;
#[cfg(test)]
pub(crate) mod tests;
mod trunks;
mod views;

use crate::calls::Calls;
use crate::drain::Drain;
use crate::events::Events;
use crate::reload::Reloader;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bounded::Bounded;
use media_relay::MediaRelay;
use openapi::{About, Answer, Page};
use problem::Problem;
use sbc_core::endpoint::Endpoint;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What the pages are made from.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) calls: Arc<Calls>,
    pub(crate) media: Arc<MediaRelay>,
    pub(crate) endpoint: Endpoint,
    pub(crate) reloader: Arc<Reloader>,
    pub(crate) drain: Arc<Drain>,
    pub(crate) events: Arc<Events>,
    /// The daemon ends.
    pub(crate) stop: watch::Receiver<bool>,
}

/// Serves a router until `stop` says so.
pub(crate) async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let stopped = async move {
        // An error: the daemon is gone.
        let _gone = stop.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(Bounded::new(listener), router)
        .with_graceful_shutdown(stopped)
        .await
    {
        tracing::error!(%error, "HTTP ended");
    }
}

/// Binds one of the two addresses.
pub(crate) async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// The pages of `observe.api`, but for the one that tells of them.
fn pages() -> Vec<Page> {
    let mut pages = calls::pages();
    pages.extend(reload::pages());
    pages.extend(drain::pages());
    pages.extend(events::pages());
    pages.extend(trunks::pages());
    pages.extend(health::pages());
    pages
}

/// `/openapi.json`, which tells of itself too.
fn contents(document: Arc<Value>) -> Page {
    Page {
        path: "/openapi.json",
        method: "get",
        serves: get(move || async move { Json(Value::clone(&document)) }),
        about: About {
            id: "contents",
            summary: "This document",
            parameters: Vec::new(),
            body: None,
            answers: vec![Answer::json(
                200,
                "OpenAPI 3.1",
                json!({ "type": "object" }),
            )],
        },
    }
}

/// `observe.api`.
pub(crate) fn api(admin: Admin) -> Router {
    let mut pages = pages();
    pages.push(contents(Arc::default()));
    let document = Arc::new(openapi::document(&pages));
    pages.pop();
    pages.push(contents(document));
    openapi::router(pages)
        .fallback(|| async {
            Problem::new(StatusCode::NOT_FOUND, "no such page").hint("/openapi.json tells them all")
        })
        .method_not_allowed_fallback(|| async {
            let hint = "the header Allow says which methods it has";
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "the page has no such method",
            )
            .hint(hint)
        })
        .layer(from_fn_with_state(admin.clone(), guard::guard))
        .with_state(admin)
}

/// `observe.metrics`.
pub(crate) fn metrics(admin: Admin) -> Router {
    Router::new()
        .route("/metrics", get(render))
        .layer(from_fn_with_state(admin.clone(), guard::guard))
        .with_state(admin)
}

async fn render(State(admin): State<Admin>) -> Response {
    let (media, policy) = (admin.media.totals(), admin.endpoint.policy());
    let page = admin.calls.metrics.render(&media, policy.quotas());
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        page,
    )
        .into_response()
}
