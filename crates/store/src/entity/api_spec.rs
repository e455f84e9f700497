//! An API specification.

use sea_orm::entity::prelude::*;

use crate::JsonText;

/// An API specification.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "api_specs")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Title.
    pub title: String,
    /// Free text.
    pub description: String,
    /// `ready`, `error`, or `pending` while an imported one waits for its file.
    pub status: String,
    /// Applications, in the order given.
    pub instances: JsonText,
    /// Hosts, in the order given.
    pub domains: JsonText,
    /// Whether the file is fetched again every hour.
    pub regular_file_update: bool,
    /// Whether traffic is compared with it.
    pub api_detection: bool,
    /// Where the file comes from; empty: uploaded.
    pub file_remote_url: String,
    /// Sealed JSON of the headers to fetch with.
    pub auth_headers: String,
    /// `info.version` of the file.
    pub spec_version: String,
    /// Version of the format.
    pub openapi_version: String,
    /// 1 JSON, 2 YAML, 0 none.
    pub format: i64,
    /// Raised by each new file.
    pub version: i64,
    /// Operations.
    pub endpoints_count: i64,
    /// Version that nodes have.
    pub node_sync_version: i64,
    /// Name of the file.
    pub file_name: Option<String>,
    /// SHA-256 of the file.
    pub file_checksum: Option<String>,
    /// Type of the file.
    pub file_mime_type: Option<String>,
    /// What the reader of the file noticed.
    pub report: JsonText,
    /// Policy as on the wire.
    pub policy: Option<JsonText>,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub updated_at: i64,
    /// Unix seconds.
    pub file_changed_at: Option<i64>,
    /// Last fetch that succeeded, Unix seconds.
    pub last_synced_at: Option<i64>,
    /// Unix seconds.
    pub next_fetch_at: Option<i64>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
