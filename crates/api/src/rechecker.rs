//! Shapes of active verification (`spec/events.md` section 4.5).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// `GET /v1/rechecker/current_status`.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RecheckQuery {
    /// Bare id of the attack.
    #[serde(default)]
    pub attackid: String,
    /// Index of the attack.
    #[serde(default)]
    pub attackindex: String,
}

/// `POST /v1/rechecker/…`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct RecheckRequest {
    /// Bare id of the attack.
    #[serde(default)]
    #[schema(example = "Zk3v0q8bN1xYw2Lt5RcA")]
    pub attackid: String,
    /// Index of the attack.
    #[serde(default)]
    #[schema(example = "attacks_production_1_202611_v_1")]
    pub attackindex: String,
    /// The vulnerability found, for `vuln_found`.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub vulnid: Value,
}

/// How far it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecheckStatusView {
    /// `unrecheckable`, `in_progress`, `forced`, `tech_failed`, `vuln_not_found`, `vuln_found`, `skipped`,
    /// `connect_failed`, `forced_tech_failed`, `forced_without_vuln`, or null when nothing was asked.
    #[schema(example = "forced")]
    pub current_status: Option<String>,
}
