//! A change that was sent with an `Idempotency-Key`, and what it was answered.

use sea_orm::entity::prelude::*;

/// A change that was sent with an `Idempotency-Key`, and what it was answered.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotent_answers")]
pub struct Model {
    /// Whose key it is: a token, a user by its secret, or a session.
    #[sea_orm(primary_key, auto_increment = false)]
    pub credential: String,
    /// The key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// Tenant of the credential.
    pub client_id: i64,
    /// Keyed hash of method, path, query and body.
    pub request_mac: String,
    /// HTTP status of the answer; none while the request is being handled.
    pub status: Option<i32>,
    /// The answer, sealed; none while there is none, or when it was too large to be kept.
    pub answer: Option<String>,
    /// Unix seconds.
    pub expires_at: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
