//! What is wrong with a request, as JSON: `{ "error": "..", "hint": ".." }`.

use super::openapi::{object, or_null, text};
use axum::Json;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    body: Body,
    header: Option<(&'static str, &'static str)>,
}

#[derive(Debug, Serialize)]
struct Body {
    error: String,
    hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        let body = Body {
            error: error.into(),
            hint: None,
        };
        Self {
            status,
            body,
            header: None,
        }
    }

    /// A parameter, or the body, is not as it must be.
    pub(crate) fn bad(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// What to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.body.hint = Some(hint.into());
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    pub(super) fn schema() -> Value {
        object([
            ("error", text("What is wrong, in a sentence")),
            ("hint", or_null(text("What to do about it"))),
        ])
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        if let Some((name, value)) = self.header {
            let headers = response.headers_mut();
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
