//! An invitation that waits to be accepted (`spec/accounts.md` section 3.5).

use sea_orm::entity::prelude::*;

/// An invitation that waits to be accepted (`spec/accounts.md` section 3.5).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "invitations")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// The user made beforehand, if any.
    pub user_id: Option<i64>,
    /// Address, lower case.
    pub email: String,
    /// Name; empty when the invited person gives it.
    pub realname: String,
    /// Grant: array of strings.
    pub permissions: Json,
    /// Keyed hash of the token, hex.
    pub token_mac: String,
    /// Whether the link went to the address.
    pub sent: bool,
    /// Issuing user, 0 for a shared token and the system.
    pub create_by: i64,
    /// The shared API token that issued it.
    pub create_by_token: Option<i64>,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub expires_at: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
