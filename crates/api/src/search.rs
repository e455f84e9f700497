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
    /// `UTC`, `UTC±H.M` or an abbreviation; anything else counts as UTC.
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
}
