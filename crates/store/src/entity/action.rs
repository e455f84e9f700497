//! A set of conditions that hints share.

use sea_orm::entity::prelude::*;

/// A set of conditions that hints share.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "actions")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Normalised conditions in the order sent.
    pub conditions: Json,
    /// Identity of the set, hex.
    pub conditions_hash: String,
    /// Name.
    pub name: Option<String>,
    /// Unix seconds.
    pub updated_at: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
