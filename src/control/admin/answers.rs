//! How answers are written.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::views::Error;

/// An error as every path of the API writes it.
pub fn error(status: StatusCode, error: impl Into<String>, hint: impl Into<String>) -> Response {
    json(status, Error { error: error.into(), hint: hint.into() })
}

/// What is asked for now is not to be answered out of a cache later.
pub fn json(status: StatusCode, body: impl Serialize) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
