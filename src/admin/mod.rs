//! HTTP: the API and the metrics page. Each on its own address, loopback unless configured
//! otherwise.

mod bounded;
mod limits;
mod views;

use crate::calls::Calls;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bounded::Bounded;
use media_relay::MediaRelay;
use sbc_core::b2bua::Command;
use sbc_core::endpoint::Endpoint;
use sbc_core::ports::{MediaPlane, SessionId};
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

/// `observe.api`.
pub(crate) fn api(admin: Admin) -> Router {
    Router::new()
        .route("/v1/calls", get(list))
        .route("/v1/calls/{id}", get(show).delete(hang_up))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "no such page") })
        .with_state(admin)
}

/// `observe.metrics`.
pub(crate) fn metrics(admin: Admin) -> Router {
    Router::new()
        .route("/metrics", get(render))
        .with_state(admin)
}

async fn list(State(admin): State<Admin>) -> Response {
    let calls: Vec<_> = admin
        .calls
        .all()
        .iter()
        .map(|row| views::Call::new(row, &admin.media.stats(SessionId(row.key.0))))
        .collect();
    axum::Json(views::Calls { calls }).into_response()
}

async fn show(State(admin): State<Admin>, Path(id): Path<String>) -> Response {
    match admin.calls.find(&id) {
        Some(row) => {
            let stats = admin.media.stats(SessionId(row.key.0));
            axum::Json(views::Call::new(&row, &stats)).into_response()
        }
        None => problem(
            StatusCode::NOT_FOUND,
            "no such call: it is over, or never was",
        ),
    }
}

async fn hang_up(State(admin): State<Admin>, Path(id): Path<String>) -> Response {
    match admin.calls.find(&id) {
        Some(row) if admin.endpoint.command(row.key, Command::HangUp) => {
            StatusCode::ACCEPTED.into_response()
        }
        _ => problem(
            StatusCode::NOT_FOUND,
            "no such call: it is over, or never was",
        ),
    }
}

async fn ready(State(admin): State<Admin>) -> Response {
    if admin.endpoint.is_draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response();
    }
    "ready\n".into_response()
}

async fn render(State(admin): State<Admin>) -> Response {
    let page = admin.calls.metrics.render(&admin.media.totals());
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        page,
    )
        .into_response()
}

fn problem(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(serde_json::json!({ "error": message }))).into_response()
}
