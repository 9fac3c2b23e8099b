//! The JSON body of a request.

use super::limits::BODY_BYTES;
use super::problem::Problem;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;

/// What stands in the body; where there is none, what it is then.
pub(super) struct Given<T>(pub(super) T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for Given<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(body).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        let media_type = parts.headers.get(header::CONTENT_TYPE);
        let media_type = media_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let name = media_type.split(';').next().unwrap_or_default().trim();
        if !name.eq_ignore_ascii_case("application/json") {
            let wrong = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is no JSON");
            return Err(wrong.hint("Content-Type: application/json says that it is"));
        }
        match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Self(value)),
            Err(error) => Err(Problem::bad(format!("the body: {error}"))),
        }
    }
}

async fn read(body: Body) -> Result<axum::body::Bytes, Problem> {
    let too_much = || {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        Problem::new(status, format!("a body of more than {BODY_BYTES} bytes"))
    };
    to_bytes(body, BODY_BYTES).await.map_err(|_| too_much())
}
