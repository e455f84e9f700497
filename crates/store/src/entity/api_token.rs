//! An API token (`spec/accounts.md` section 2.5).

use sea_orm::entity::prelude::*;

/// An API token (`spec/accounts.md` section 2.5).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "api_tokens")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Lookup key inside the token.
    pub uuid: String,
    /// Tenant.
    pub client_id: i64,
    /// Owner; null is shared.
    pub user_id: Option<i64>,
    /// Name.
    pub name: String,
    /// `personal` or `shared`.
    pub kind: String,
    /// `api` or `node`.
    pub usage: String,
    /// Grant: array of strings.
    pub permissions: Json,
    /// Whether it works.
    pub enabled: bool,
    /// Unix seconds.
    pub expires_at: Option<i64>,
    /// Unix seconds.
    pub disabled_at: Option<i64>,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds of the current value.
    pub generated_at: i64,
    /// Unix seconds, to the minute.
    pub last_used_at: Option<i64>,
    /// Address of the last use.
    pub last_used_ip: Option<String>,
    /// Keyed hash, hex.
    pub secret_mac: String,
    /// First characters for lists.
    pub masked: String,
    /// The value, encrypted, for its owner to read back.
    pub sealed: Option<String>,
    /// Tenants that a token of a global user is restricted to.
    pub client_ids: Option<Json>,
    /// When the mail about its end went out, Unix seconds.
    pub notified_at: Option<i64>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
