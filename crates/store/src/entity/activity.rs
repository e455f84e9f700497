//! Who did what (`spec/accounts.md` section 3.8). Append-only.

use sea_orm::entity::prelude::*;

/// Who did what (`spec/accounts.md` section 3.8). Append-only.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "activity_log")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Tenant of the object.
    pub client_id: i64,
    /// Unix seconds.
    pub time: i64,
    /// Kind of object.
    pub object_type: String,
    /// `create`, `update`, `delete` or `mode_change`.
    pub action_type: String,
    /// `success` or `failure`.
    pub outcome: String,
    /// `ui_page`, `api_token`, `node` or `unknown`.
    pub source: String,
    /// User.
    pub initiator_id: Option<i64>,
    /// Tenant of the user.
    pub initiator_client_id: Option<i64>,
    /// Name.
    pub initiator_name: String,
    /// Object.
    pub object_id: Option<String>,
    /// Name of the object.
    pub object_name: String,
    /// Secrets masked.
    pub state_before: Option<Json>,
    /// Secrets masked.
    pub state_after: Option<Json>,
    /// Address.
    pub ip: String,
    /// Request.
    pub request_id: String,
    /// Browser or program.
    pub user_agent: String,
    /// API token.
    pub token_id: Option<i64>,
    /// What went wrong, or more about it.
    pub description: Option<String>,
    /// Place in the chain of the tenant; none until it has one, a moment after it was written.
    pub seq: Option<i64>,
    /// Keyed hash of the entry and of the one before it.
    pub chain_mac: Option<String>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
