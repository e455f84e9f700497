//! Shapes of the search language (`spec/events.md` section 6).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Words to turn into filters.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct SearchRequest {
    /// Words and `key:value` pairs, at most 4096 characters.
    #[serde(default)]
    #[schema(value_type = String, example = "attacks sqli !ip:10.0.0.0/8 statuscode:500+ last hour")]
    pub query: Value,
    /// An IANA name, an abbreviation, or `UTC±H.M`; anything else counts as UTC.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "UTC")]
    pub time_zone: Value,
    /// Tenants.
    #[serde(default)]
    #[schema(value_type = Option<Vec<i64>>)]
    pub clientid: Value,
    /// `all`, `only-true` (default) or `only-false`: what to do with false positives.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub hits_type: Value,
}

/// `GET /v1/search/suggest`.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SuggestQuery {
    /// The query so far.
    #[serde(default)]
    pub query: String,
    /// Characters before the cursor; the end when absent.
    #[serde(default, deserialize_with = "crate::lenient::int")]
    pub cursor: Option<i64>,
}

/// What may stand in place of the word under the cursor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Suggestion {
    /// The whole word.
    #[schema(example = "statuscode:5xx")]
    pub text: String,
    /// `attribute`, `value`, `type`, `word`, `period` or `preset`.
    #[schema(example = "value")]
    pub kind: &'static str,
}

/// Filters to send to the list endpoints as they are. `time` is always there, as `[[from,to]]`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SearchFilters {
    /// For attacks.
    #[schema(value_type = Object)]
    pub attacks: Map<String, Value>,
    /// For incidents.
    #[schema(value_type = Object)]
    pub incidents: Map<String, Value>,
    /// For vulnerabilities.
    #[schema(value_type = Object)]
    pub vulns: Map<String, Value>,
    /// Whether the words name a period; where they do not, `time` is the last month.
    pub has_period: bool,
}
