//! Shapes of snapshots of a tenant's rules (`spec/rules.md` section 1.10).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a new snapshot is made of.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RulesSnapshotCreate {
    /// What it is for, at most 255 characters.
    #[schema(example = "before the new shop")]
    pub comment: String,
}

/// The rules of a tenant as they were at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RulesSnapshotView {
    /// Identity.
    #[schema(example = 7)]
    pub id: i64,
    /// Tenant.
    pub clientid: i64,
    /// `auto` when the system took it, else `manual`.
    #[schema(example = "manual")]
    pub kind: String,
    /// What it is for.
    pub comment: String,
    /// Name of the author; null for the system.
    pub author: Option<String>,
    /// Unix seconds.
    pub created_at: i64,
    /// Version of the ruleset.
    pub ruleset_version: i64,
    /// How many rules.
    pub rules_count: i64,
}
