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
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    // To a value first: duplicate keys and depth are judged the same for every type.
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| ApiError::invalid("invalid json", error.to_string()))?;
    serde_json::from_value(value).map_err(|error| ApiError::invalid("invalid request", error.to_string()))
}

fn too_large() -> ApiError {
    ApiError::text(axum::http::StatusCode::PAYLOAD_TOO_LARGE, "Payload too large")
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

/// Deserialises a whole number given as one, as a string of digits, or as null, for fields that clients
/// send either way.
///
/// # Errors
/// When the value is none of these.
pub fn lenient_int<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let value = <Value as serde::Deserialize>::deserialize(deserializer)?;
    if value.is_null() || value.as_str() == Some("") {
        return Ok(None);
    }
    bartizan_api::filter::int(&value)
        .map(Some)
        .ok_or_else(|| serde::de::Error::custom("a whole number is expected"))
}

/// Deserialises a flag given as a boolean or as text, as query strings carry it.
///
/// # Errors
/// When the value is none of these.
pub fn lenient_bool<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    let value = <Value as serde::Deserialize>::deserialize(deserializer)?;
    match value {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(flag)),
        Value::String(text) if text == "true" || text == "1" => Ok(Some(true)),
        Value::String(text) if text == "false" || text == "0" => Ok(Some(false)),
        _ => Err(serde::de::Error::custom("true or false is expected")),
    }
}
