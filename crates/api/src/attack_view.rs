//! Wire types of saved views and of exports (`spec/events.md` sections 5.7 and 5.8).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A saved way of looking at attacks.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AttackViewSaved {
    /// Id.
    #[schema(example = 12)]
    pub id: i64,
    /// Name, unique within the client.
    #[schema(example = "Injections of this week")]
    pub name: String,
    /// Description.
    pub description: String,
    /// What was stored: `where`, `groupBy`, `timeRange`, `sorting` and whatever else the client keeps.
    #[schema(value_type = Object)]
    pub config: Value,
    /// `tenant` or `org`.
    #[schema(example = "tenant")]
    pub visibility: String,
    /// Whether the product brings it along.
    pub is_preset: bool,
    /// Whether the caller starts with it.
    pub is_default: bool,
    /// RFC 3339.
    #[schema(example = "2026-07-09T12:00:00Z")]
    pub created_at: String,
    /// RFC 3339.
    #[schema(example = "2026-07-09T12:00:00Z")]
    pub updated_at: String,
}

/// Every view that the caller sees.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AttackViewList {
    /// Presets, the client's own views, views shared in the organisation.
    pub data: Vec<AttackViewSaved>,
}

/// A view to make, or what changes about one.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
pub struct AttackViewChange {
    /// 1 to 128 characters, unique within the client.
    #[schema(value_type = Option<String>, example = "Injections of this week")]
    pub name: Value,
    /// At most 64 KiB; unknown keys are kept as they are.
    #[schema(value_type = Option<Object>)]
    pub config: Value,
    /// Description.
    #[schema(value_type = Option<String>)]
    pub description: Value,
    /// `tenant` (default) or `org`; fixed when the view is made.
    #[schema(value_type = Option<String>, example = "tenant")]
    pub visibility: Value,
}

/// An export that was asked for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AttackExportAccepted {
    /// Id, for asking how far it is.
    #[schema(example = "5f9a0c2e-6f0b-4c6e-9a53-0a4c6f1f2b11")]
    pub export_id: String,
    /// `accepted`.
    #[schema(example = "accepted")]
    pub status: String,
}

/// How far an export is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AttackExportStatus {
    /// Id.
    #[schema(example = "5f9a0c2e-6f0b-4c6e-9a53-0a4c6f1f2b11")]
    pub export_id: String,
    /// `accepted`, `running`, `ready` or `failed`.
    #[schema(example = "ready")]
    pub status: String,
    /// Where the file is once it is ready, for seven days; the link needs no sign-in.
    pub url: Option<String>,
}
