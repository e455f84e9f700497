//! A short-lived right that a secret stands for: a second step of sign-in, a reset, a confirmation.

use sea_orm::entity::prelude::*;

/// A short-lived right that a secret stands for: a second step of sign-in, a reset, a confirmation.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tickets")]
pub struct Model {
    /// Keyed hash of the secret, hex.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id_mac: String,
    /// What it is good for.
    pub kind: String,
    /// Tenant.
    pub client_id: Option<i64>,
    /// User.
    pub user_id: Option<i64>,
    /// What the holder will find; nothing secret in clear.
    pub payload: Json,
    /// Failed uses.
    pub attempts: i64,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub expires_at: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
