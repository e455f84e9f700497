//! Request bodies and queries as the public clients send them.
//!
//! A JSON body is read whatever the method and content type say, an empty one is `{}`, and what does not
//! parse is answered with a 400 that says where.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::request::Parts,
};
use bartizan_api::{ApiError, filter::query_to_json};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::state::Cloud;

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Cloud> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, cloud: &Cloud) -> Result<Body<T>, ApiError> {
        let bytes = Bytes::from_request(request, cloud).await.map_err(|_| too_large())?;
        parse(&bytes).map(Body)
    }
}

/// Parses a body; empty is `{}`.
///
/// # Errors
/// 400 `{"error":"invalid json: …"}` with line and column, or the offending field.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    // To a value first: duplicate keys and depth are judged the same for every type.
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| ApiError::invalid("invalid json", error.to_string()))?;
    serde_json::from_value(value).map_err(|error| ApiError::invalid("invalid request", error.to_string()))
}

fn too_large() -> ApiError {
    ApiError::text(axum::http::StatusCode::PAYLOAD_TOO_LARGE, "Payload too large")
}

/// The `{id}` of a path, or another parameter that parses.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>, ApiError> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Path(value))
            .map_err(|_| ApiError::invalid("invalid path", parts.uri.path()))
    }
}

/// A Rack-style query string as JSON, deserialised like a body.
pub struct RackQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for RackQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<RackQuery<T>, ApiError> {
        let value = query_to_json(parts.uri.query().unwrap_or_default());
        serde_json::from_value(value)
            .map(RackQuery)
            .map_err(|error| ApiError::invalid("invalid query", error.to_string()))
    }
}

/// A JSON body of the events family: as [`Body`], with errors keyed by field.
pub struct EventsBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Cloud> for EventsBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, cloud: &Cloud) -> Result<EventsBody<T>, ApiError> {
        let bytes = Bytes::from_request(request, cloud).await.map_err(|_| too_large())?;
        let bytes = if bytes.trim_ascii().is_empty() { Bytes::from_static(b"{}") } else { bytes };
        serde_json::from_slice(&bytes)
            .map(EventsBody)
            .map_err(|error| ApiError::field("body", format!("invalid json: {error}"), Value::Null))
    }
}
