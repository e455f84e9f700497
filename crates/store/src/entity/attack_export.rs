//! A table of attack groups that was asked for as a file.

use sea_orm::entity::prelude::*;

use crate::JsonText;

/// A table of attack groups that was asked for as a file.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "attack_exports")]
pub struct Model {
    /// Public id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Tenant.
    pub client_id: i64,
    /// Who gets the link.
    pub email: String,
    /// The query as it was asked.
    pub query: JsonText,
    /// `X-Time-Zone`, or empty.
    pub zone: String,
    /// `accepted`, `running`, `ready` or `failed`.
    pub status: String,
    /// The file, once it is ready.
    pub content: Option<String>,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub expires_at: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
