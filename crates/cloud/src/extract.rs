//! Request bodies and queries as the public clients send them.
//!
//! A JSON body is read whatever the method says, an empty one is `{}`, and what does not
//! parse is answered with a 400 that says where.

use axum::{
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{BytesRejection, FailedToBufferBody},
    },
    http::{StatusCode, request::Parts},
};
use bartizan_api::{ApiError, filter::query_to_json};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    state::Cloud,
    strict_json::{self, Refusal},
};

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Cloud> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, cloud: &Cloud) -> Result<Body<T>, ApiError> {
        let bytes = whole(Bytes::from_request(request, cloud).await)?;
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
    let value = strict_json::parse(bytes).map_err(|refusal| match refusal {
        Refusal::Invalid(text) => ApiError::invalid("invalid json", text),
        Refusal::Duplicate(key) => ApiError::invalid("duplicate key", key),
    })?;
    if has_nul(&value) {
        return Err(ApiError::invalid("invalid request", NUL));
    }
    serde_json::from_value(value).map_err(|error| ApiError::invalid("invalid request", error.to_string()))
}

/// The bytes of a body that was read.
///
/// # Errors
/// 413 beyond the limit, which holds after inflating; 400 for a body cut short or not inflatable.
pub(crate) fn whole(read: Result<Bytes, BytesRejection>) -> Result<Bytes, ApiError> {
    read.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            ApiError::text(StatusCode::PAYLOAD_TOO_LARGE, "Payload too large")
        }
        _ => ApiError::invalid("the body cannot be read", Value::Null),
    })
}

/// Why a text with U+0000 is refused: PostgreSQL cannot store one, and no name or pattern needs one.
const NUL: &str = "U+0000 is not allowed";

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || has_nul(value)),
        _ => false,
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
        let value = query_to_json(parts.uri.query().unwrap_or_default());
        if has_nul(&value) {
            return Err(ApiError::invalid("invalid query", NUL));
        }
        serde_json::from_value(value)
            .map(RackQuery)
            .map_err(|error| ApiError::invalid("invalid query", error.to_string()))
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
    let value = query_to_json(query);
    if has_nul(&value) {
        return Err(ApiError::field("query", NUL, Value::Null));
    }
    typed(&value, "query", "")
}

/// A value as what it should be.
///
/// # Errors
/// 400 with the member that is wrong; `whole` stands for the value as a whole, `wrong` before what is wrong with it.
pub(crate) fn typed<T: DeserializeOwned>(value: &Value, whole: &str, wrong: &str) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let text = error.inner().to_string();
        let steps = error.path().iter().map(ToString::to_string);
        let steps: Vec<String> = steps.filter(|step| step != "?" && step != ".").collect();
        if let Some(missing) = missing_field(&text)
            && steps.is_empty()
        {
            return ApiError::field(missing, "can't be blank", Value::Null);
        }
        let Some(field) = steps.first().filter(|_| value.is_object()) else {
            return ApiError::field(whole, format!("{wrong}{text}"), Value::Null);
        };
        let sent = value.get(field).cloned().unwrap_or_default();
        ApiError::field(field, text, sent)
    })
}

/// The name in the text for a member that is required.
fn missing_field(text: &str) -> Option<&str> {
    text.strip_prefix("missing field `")?.split('`').next()
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
        let query = query_to_json(request.uri().query().unwrap_or_default());
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
    if has_nul(&value) {
        return Err(refused(NUL.to_owned()));
    }
    typed(&value, "body", "invalid json: ")
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
