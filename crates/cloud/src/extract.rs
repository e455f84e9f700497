//! Request bodies and queries as the public clients send them.
//!
//! A JSON body is read whatever the method says, an empty one is `{}`, and what does not
//! parse is answered with a 400 that says where: `typed.rs` names what is of another type.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection},
    http::{StatusCode, request::Parts},
};
use bartizan_api::{
    ApiError,
    filter::{query_to_json, undecodable},
};
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    edge::TooSlow,
    state::Cloud,
    strict_json::{self, Refusal},
};

mod by_name;
mod typed;

pub(crate) use typed::keyed;
use typed::{Step, named};

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Cloud> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, cloud: &Cloud) -> Result<Body<T>, ApiError> {
        let bytes = whole(Bytes::from_request(request, cloud).await)?;
        parse(&bytes).map(Body)
    }
}

/// The body of an endpoint of our own that takes no fields: none, or `{}`. Whoever sends anything means something by it.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoFields {}

/// Parses a body; empty is `{}`.
///
/// # Errors
/// 400 `{"error":"invalid json"}` with line and column, or what names the offending field.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    named(&json(bytes)?)
}

/// Parses any JSON; empty is `{}`.
///
/// # Errors
/// As [`parse`].
pub(crate) fn json(bytes: &[u8]) -> Result<Value, ApiError> {
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    // To a value first: duplicate keys and depth are judged the same for every type.
    let value = strict_json::parse(bytes).map_err(|refusal| match refusal {
        Refusal::Invalid(text) => ApiError::invalid("invalid json", text),
        Refusal::Duplicate(key) => ApiError::invalid("duplicate key", key),
    })?;
    without_nul(&value)?;
    Ok(value)
}

/// The bytes of a body that was read.
///
/// # Errors
/// As [`read`].
pub(crate) fn whole(read: Result<Bytes, BytesRejection>) -> Result<Bytes, ApiError> {
    read.map_err(|rejection| unreadable(&rejection))
}

/// Reads a body that has a limit of its own.
///
/// # Errors
/// 413 beyond the limit, which holds after inflating; 408 when it comes too slowly; 400 for a body cut short or not
/// inflatable.
pub(crate) async fn read(body: axum::body::Body, limit: usize) -> Result<Bytes, ApiError> {
    axum::body::to_bytes(body, limit).await.map_err(|error| unreadable(&error))
}

/// Why a body was not read. The cause is somewhere below what axum and the decoder make of it.
fn unreadable(error: &(dyn std::error::Error + 'static)) -> ApiError {
    for cause in std::iter::successors(Some(error), |error| error.source()) {
        // axum's own rejection boxes it.
        if cause.is::<LengthLimitError>() || cause.is::<Box<LengthLimitError>>() {
            return ApiError::text(StatusCode::PAYLOAD_TOO_LARGE, "Payload too large");
        }
        if cause.is::<TooSlow>() {
            return ApiError::text(StatusCode::REQUEST_TIMEOUT, "Request timeout");
        }
    }
    ApiError::invalid("the body cannot be read", Value::Null)
}

/// Why a text with U+0000 is refused: PostgreSQL cannot store one, and no name or pattern needs one.
const NUL: &str = "U+0000 is not allowed";

/// Refuses a value with U+0000 in it, by the name of the member.
fn without_nul(value: &Value) -> Result<(), ApiError> {
    match nul(value) {
        Some(mut place) => {
            place.reverse();
            Err(typed::refused(&place, NUL))
        }
        None => Ok(()),
    }
}

/// Where there is a U+0000, the innermost step first.
fn nul(value: &Value) -> Option<Vec<Step>> {
    let within = |step: Step, value: &Value| {
        nul(value).map(|mut place| {
            place.push(step);
            place
        })
    };
    match value {
        Value::String(text) => text.contains('\0').then(Vec::new),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| within(Step::Index(index), item))
        }
        Value::Object(map) => map.iter().find_map(|(key, value)| {
            if key.contains('\0') { Some(vec![]) } else { within(Step::Member(key.clone()), value) }
        }),
        _ => None,
    }
}

/// The `{id}` of a path, or another parameter that parses.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>, ApiError> {
        let invalid = |parts: &Parts| ApiError::invalid("invalid path", parts.uri.path());
        if parts.uri.path().contains("%00") {
            return Err(invalid(parts));
        }
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Path(value))
            .map_err(|_| invalid(parts))
    }
}

/// A Rack-style query string as JSON, deserialised like a body.
pub struct RackQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for RackQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<RackQuery<T>, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        // A condition that is left out would widen the answer.
        if let Some(part) = undecodable(query) {
            return Err(ApiError::invalid("invalid query", part));
        }
        let value = query_to_json(query);
        without_nul(&value)?;
        named(&value).map(RackQuery)
    }
}

/// As [`RackQuery`], with errors keyed by field.
pub struct EventsQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for EventsQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<EventsQuery<T>, ApiError> {
        events_query(parts.uri.query().unwrap_or_default()).map(EventsQuery)
    }
}

fn events_query<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    if let Some(part) = undecodable(query) {
        return Err(ApiError::field("query", "it is not percent-encoded UTF-8", part));
    }
    let value = query_to_json(query);
    if nul(&value).is_some() {
        return Err(ApiError::field("query", NUL, Value::Null));
    }
    keyed(&value, "query", "")
}

/// As [`Path`], with errors keyed by field.
pub struct EventsPath<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for EventsPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<EventsPath<T>, ApiError> {
        let found = Path::from_request_parts(parts, state).await;
        found
            .map(|Path(value)| EventsPath(value))
            .map_err(|_| ApiError::field("path", "invalid", parts.uri.path()))
    }
}

/// As [`EventsBody`]; with an empty body the query string is read instead.
pub struct BodyOrQuery<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Cloud> for BodyOrQuery<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, cloud: &Cloud) -> Result<BodyOrQuery<T>, ApiError> {
        let query = request.uri().query().unwrap_or_default();
        if let Some(part) = undecodable(query) {
            return Err(ApiError::field("query", "it is not percent-encoded UTF-8", part));
        }
        let query = query_to_json(query);
        let bytes = whole(Bytes::from_request(request, cloud).await)?;
        let bytes = if bytes.trim_ascii().is_empty() { query.to_string().into() } else { bytes };
        events_json(&bytes).map(BodyOrQuery)
    }
}

/// A JSON body of the events and rules families: as [`Body`], with errors keyed by field.
pub struct EventsBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Cloud> for EventsBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, cloud: &Cloud) -> Result<EventsBody<T>, ApiError> {
        let bytes = whole(Bytes::from_request(request, cloud).await)?;
        events_json(&bytes).map(EventsBody)
    }
}

/// Parses a body; empty is `{}`.
///
/// # Errors
/// 400 keyed by the wrong field, or by `body`.
pub(crate) fn events_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    let refused = |text: String| ApiError::field("body", text, Value::Null);
    let value = strict_json::parse(bytes).map_err(|refusal| match refusal {
        Refusal::Invalid(text) => refused(format!("invalid json: {text}")),
        Refusal::Duplicate(key) => ApiError::field(&key, "duplicate key", Value::Null),
    })?;
    if nul(&value).is_some() {
        return Err(refused(NUL.to_owned()));
    }
    keyed(&value, "body", "invalid json: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Limited {
        #[serde(default, rename = "limit")]
        _limit: Option<bool>,
    }

    /// The body of the refusal of a query.
    fn refusal(query: &str) -> Value {
        events_query::<Limited>(query).err().unwrap().body
    }

    #[test]
    fn the_refusal_of_a_query_names_the_field() {
        let body = refusal("a=1&limit=x");
        assert!(body.get("limit").is_some() && body.get("query").is_none(), "{body}");
    }

    #[test]
    fn the_refusal_of_a_query_of_very_many_members_is_found_at_once() {
        let many: String = (0..16_384).map(|n| format!("k{n}=1&")).collect();
        let body = refusal(&format!("{many}limit=x"));
        assert!(body.get("limit").is_some(), "{body}");
    }

    #[derive(serde::Deserialize)]
    struct Made {
        #[serde(rename = "name")]
        _name: String,
        #[serde(default, rename = "ids")]
        _ids: Vec<i64>,
    }

    #[test]
    fn the_refusal_of_a_body_names_the_field_and_what_was_sent() {
        let refusal = |body: &str| events_json::<Made>(body.as_bytes()).err().unwrap().body;
        let wrong = refusal(r#"{"name":"a","ids":[1,"x"]}"#);
        assert_eq!(wrong["ids"]["value"], serde_json::json!([1, "x"]));
        assert_eq!(refusal(r#"{"name":5}"#)["name"]["value"], 5);
        assert_eq!(refusal("{}"), serde_json::json!({"name": {"error": "can't be blank"}}));
        assert!(refusal("[1]")["body"]["error"].is_string());
    }
}
