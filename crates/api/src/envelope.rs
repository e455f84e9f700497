//! The success envelope `{"status":200,"body":…}` (`spec/accounts.md` section 1.2).

use axum_core::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A success with its body.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Envelope<T> {
    /// Always 200, as the HTTP status.
    #[schema(example = 200)]
    pub status: u16,
    /// The object or list asked for.
    pub body: T,
}

impl<T> Envelope<T> {
    /// Wraps a body.
    pub const fn new(body: T) -> Envelope<T> {
        Envelope { status: 200, body }
    }
}

impl<T: Serialize> IntoResponse for Envelope<T> {
    fn into_response(self) -> Response {
        json_response(&self)
    }
}

/// A success with its body, and the same of the period before where that was asked for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Compared<T> {
    /// Always 200, as the HTTP status.
    #[schema(example = 200)]
    pub status: u16,
    /// What was asked for.
    pub body: T,
    /// The same of the period of the same length that ends where the period begins; only with `compare`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<T>,
}

impl<T> Compared<T> {
    /// Wraps a body.
    pub const fn new(body: T, before: Option<T>) -> Compared<T> {
        Compared { status: 200, body, before }
    }
}

impl<T: Serialize> IntoResponse for Compared<T> {
    fn into_response(self) -> Response {
        json_response(&self)
    }
}

/// A 200 answer with this value as compact JSON, for the families without an envelope.
pub fn json_response<T: Serialize>(value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => {
            let mut response = bytes.into_response();
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
            response
        }
        Err(_) => crate::ApiError::internal().into_response(),
    }
}

/// An object whose fields the caller does not read: `{}`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Empty {}
