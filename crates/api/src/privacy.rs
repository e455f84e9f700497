//! Shapes of what a tenant decides about its data.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What a tenant decides about its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct EventSettings {
    /// Days that hits and attacks are kept, 1 to 180; null is six months.
    #[schema(example = 90)]
    pub retention_days: Option<i64>,
    /// Whether a source of more than 50 hits within 15 minutes gets one attack for what it does from then on.
    #[schema(example = false)]
    pub default_attack_ip_grouping: bool,
}

/// A change of these settings; what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct EventSettingsUpdate {
    /// Days that hits and attacks are kept, 1 to 180; null is six months.
    #[serde(default, deserialize_with = "crate::lenient::present")]
    #[schema(value_type = Option<i64>, example = 90)]
    pub retention_days: Option<Option<i64>>,
    /// Whether a source of more than 50 hits within 15 minutes gets one attack for what it does from then on.
    #[serde(default, deserialize_with = "crate::lenient::flag")]
    #[schema(example = false)]
    pub default_attack_ip_grouping: Option<bool>,
}

/// Confirms a deletion.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct DeletionRequest {
    /// The name of the tenant, letter by letter.
    #[serde(default)]
    #[schema(value_type = String, example = "Acme")]
    pub confirm: Value,
}

/// What was deleted.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct DeletionView {
    /// Rows.
    pub deleted: u64,
}
