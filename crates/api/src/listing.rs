//! What the list endpoints of security events share: the request and the reply with its headers.

use axum_core::response::{IntoResponse, Response};
use http::HeaderValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::json_response;

/// A list request of security events. Wrong values are answered with a 400 that names the field.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct EventListRequest {
    /// Conditions: an object, or an array of objects meaning any of them. Absent or `{}` is everything.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"clientid": [1], "time": [[1_767_225_600, null]]}))]
    pub filter: Value,
    /// Rows, 0 to 1000; default 100.
    #[serde(default)]
    #[schema(value_type = Option<i64>, example = 100)]
    pub limit: Value,
    /// Rows to skip; with `limit` at most 100000.
    #[serde(default)]
    #[schema(value_type = Option<i64>, example = 0)]
    pub offset: Value,
    /// Field to sort by.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub order_by: Value,
    /// Whether the greatest comes first.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub order_desc: Value,
    /// Whether to page by cursor (attacks).
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub paging: Value,
    /// The `cursor` of the page before (attacks).
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub cursor: Value,
}

/// A request that only filters.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"filter": {"clientid": [7], "type": "sqli"}}))]
pub struct FilterRequest {
    /// Conditions, as in the list request.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub filter: Value,
    /// Whether `before` of the reply holds the same of the period before; `time` must then be one range, whose end may
    /// be open. For `attack/count` and `hits/summary`; default false.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub compare: Value,
}

/// A request that aggregates.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct TermsRequest {
    /// Conditions, as in the list request.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub filter: Value,
    /// Fields to aggregate by.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub terms: Value,
    /// Values per field, 1 to 100.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub top: Value,
}

/// A request for values over time.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct SeriesRequest {
    /// Conditions, as in the list request; `time` is one range.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"time": [[1_767_225_600, 1_767_312_000]]}))]
    pub filter: Value,
    /// Values wanted, 1 to 1000, evenly spaced over the range.
    #[serde(default)]
    #[schema(value_type = i64, example = 24)]
    pub points: Value,
}

/// Values over time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SeriesView {
    /// Of everything in the range.
    pub all: Vec<i64>,
    /// Of what the filter selects.
    pub filtered: Vec<i64>,
}

/// Marks or unmarks false positives.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct MarkRequest {
    /// What to mark: `id` or `attackid`, and optionally `clientid`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub filter: Value,
    /// `"true"` marks, `"false"` takes the mark away.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "true")]
    pub mode: Value,
    /// Whether to make a rule, too, so that nodes do not find the same again: `disable_attack_type` of that type at that
    /// place of that address, or `disable_regex` for a custom expression. Default true; false marks only.
    #[serde(default)]
    #[schema(value_type = Option<bool>, example = false)]
    pub rule: Value,
}

/// How many hits were marked.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Marked {
    /// Hits.
    pub marked: u64,
}

/// How many rows.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Count {
    /// Rows.
    pub count: u64,
}

/// A reply, with the filter keys that were not understood in `X-Bartizan-Ignored-Filter`.
#[derive(Clone, Debug)]
pub struct Filtered<T> {
    /// The reply.
    pub reply: T,
    /// Keys that the endpoint does not know.
    pub ignored: Vec<String>,
}

impl<T: Serialize> IntoResponse for Filtered<T> {
    fn into_response(self) -> Response {
        let mut response = json_response(&self.reply);
        name_ignored(&mut response, &self.ignored);
        response
    }
}

/// Names the filter keys that were not understood in a header of the answer.
pub fn name_ignored(response: &mut Response, ignored: &[String]) {
    let names = ignored.join(",");
    // Keys are the caller's text: what no header can carry is not echoed.
    if let Some(value) = HeaderValue::from_str(&names).ok().filter(|_| !names.is_empty()) {
        response.headers_mut().insert("x-bartizan-ignored-filter", value);
    }
}

impl MarkRequest {
    /// The same request to the endpoint of attacks, where `id` names an attack too.
    #[must_use]
    pub fn of_attack(mut self) -> MarkRequest {
        let members = match &mut self.filter {
            Value::Array(members) => members.as_mut_slice(),
            one => std::slice::from_mut(one),
        };
        for filter in members.iter_mut().filter_map(Value::as_object_mut) {
            if let Some(id) = filter.shift_remove("id") {
                filter.entry("attackid").or_insert(id);
            }
        }
        self
    }
}
