//! The one API error: a status and a body of the form that `spec/accounts.md` section 1.5 gives it.

use axum_core::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};

/// An answer that is not a success. Build one with the named constructors.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{status}: {body}")]
pub struct ApiError {
    /// HTTP status, repeated in the body.
    pub status: StatusCode,
    /// The `body` member.
    pub body: Value,
    /// Seconds for `Retry-After`, on 429 and 503.
    pub retry_after_s: Option<u64>,
}

/// The wire form of an error.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorBody {
    /// HTTP status again.
    #[schema(example = 400)]
    pub status: u16,
    /// A text, `{"error": text, "value": offending value}`, or one such object per field.
    #[schema(value_type = Value)]
    pub body: Value,
}

impl ApiError {
    /// An error with a plain text body.
    #[must_use]
    pub fn text(status: StatusCode, text: impl Into<String>) -> ApiError {
        ApiError { status, body: Value::String(text.into()), retry_after_s: None }
    }

    /// 400 with `{"error", "value"}` (accounts family).
    #[must_use]
    pub fn invalid(error: impl Into<String>, value: impl Into<Value>) -> ApiError {
        ApiError {
            status: StatusCode::BAD_REQUEST,
            body: json!({"error": error.into(), "value": shown(value.into())}),
            retry_after_s: None,
        }
    }

    /// 400 with `{"<field>": {"error", "value"}}` (events and rules families).
    #[must_use]
    pub fn field(field: &str, error: impl Into<String>, value: impl Into<Value>) -> ApiError {
        let mut entry = json!({"error": error.into()});
        let value = shown(value.into());
        if let Some(object) = entry.as_object_mut().filter(|_| !value.is_null()) {
            object.insert("value".to_owned(), value);
        }
        let mut body = serde_json::Map::new();
        body.insert(field.to_owned(), entry);
        ApiError { status: StatusCode::BAD_REQUEST, body: Value::Object(body), retry_after_s: None }
    }

    /// The same with the character where the mistake is, from 1, beside the error of each field.
    #[must_use]
    pub fn at_column(self, column: usize) -> ApiError {
        self.with("column", column)
    }

    /// The same with the name that may have been meant, beside the error of each field.
    #[must_use]
    pub fn did_you_mean(self, name: Option<&str>) -> ApiError {
        match name {
            Some(name) => self.with("did_you_mean", name),
            None => self,
        }
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> ApiError {
        let value = value.into();
        for entry in self.body.as_object_mut().into_iter().flat_map(|fields| fields.values_mut()) {
            if let Some(entry) = entry.as_object_mut() {
                entry.insert(name.to_owned(), value.clone());
            }
        }
        self
    }

    /// 400 `Already exists`: clients, pools and nodes. Clients compare the bytes.
    #[must_use]
    pub fn already_exists() -> ApiError {
        ApiError::text(StatusCode::BAD_REQUEST, "Already exists")
    }

    /// 409 `Already exists`: users.
    #[must_use]
    pub fn user_exists() -> ApiError {
        ApiError::text(StatusCode::CONFLICT, "Already exists")
    }

    /// 400 `Empty filter`: a change must name what it changes.
    #[must_use]
    pub fn empty_filter() -> ApiError {
        ApiError::text(StatusCode::BAD_REQUEST, "Empty filter")
    }

    /// 401 `Session expired`.
    #[must_use]
    pub fn session_expired() -> ApiError {
        ApiError::text(StatusCode::UNAUTHORIZED, "Session expired")
    }

    /// 401 `Invalid login or password`.
    #[must_use]
    pub fn invalid_login() -> ApiError {
        ApiError::text(StatusCode::UNAUTHORIZED, "Invalid login or password")
    }

    /// 403 `User not authenticated`: every failure of header credentials.
    #[must_use]
    pub fn not_authenticated() -> ApiError {
        ApiError::text(StatusCode::FORBIDDEN, "User not authenticated")
    }

    /// 403 `Access denied`: a known caller without the right.
    #[must_use]
    pub fn access_denied() -> ApiError {
        ApiError::text(StatusCode::FORBIDDEN, "Access denied")
    }

    /// 404 with the kind and id of what is absent.
    #[must_use]
    pub fn not_found(kind: &str, id: impl Into<Value>) -> ApiError {
        ApiError {
            status: StatusCode::NOT_FOUND,
            body: json!({"error": format!("{kind} not found"), "value": id.into()}),
            retry_after_s: None,
        }
    }

    /// 404 `Not found`.
    #[must_use]
    pub fn absent() -> ApiError {
        ApiError::text(StatusCode::NOT_FOUND, "Not found")
    }

    /// 429 `Rate limiting` with `Retry-After`.
    #[must_use]
    pub fn rate_limited(retry_after_s: u64) -> ApiError {
        ApiError {
            status: StatusCode::TOO_MANY_REQUESTS,
            body: Value::String("Rate limiting".to_owned()),
            retry_after_s: Some(retry_after_s.max(1)),
        }
    }

    /// 500 with a generic text; the cause belongs in the log.
    #[must_use]
    pub fn internal() -> ApiError {
        ApiError::text(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error")
    }
}

/// Characters of an offending text that are repeated: enough to know it again.
const MOST_SHOWN: usize = 256;

/// An offending value as it is repeated; of a large one the beginning, as a text.
fn shown(value: Value) -> Value {
    match value {
        Value::String(text) => cut(&text).unwrap_or(Value::String(text)),
        Value::Array(_) | Value::Object(_) => cut(&value.to_string()).unwrap_or(value),
        other => other,
    }
}

/// The beginning of a text that is too long to be repeated.
fn cut(text: &str) -> Option<Value> {
    text.chars().nth(MOST_SHOWN)?;
    Some(Value::String(text.chars().take(MOST_SHOWN).chain(['…']).collect()))
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let wire = ErrorBody { status: self.status.as_u16(), body: self.body };
        // Compact, status first: public clients compare whole bodies.
        let text = serde_json::to_string(&wire)
            .unwrap_or_else(|_| r#"{"status":500,"body":"Internal server error"}"#.to_owned());
        let mut response = (self.status, text).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_body_is_byte_exact() {
        let error = ApiError::already_exists();
        let wire = ErrorBody { status: error.status.as_u16(), body: error.body };
        assert_eq!(serde_json::to_string(&wire).unwrap(), r#"{"status":400,"body":"Already exists"}"#);
    }
}
