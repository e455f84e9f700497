//! What a tenant's nodes should run.

use sea_orm::entity::prelude::*;

/// What a tenant's nodes should run.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "config_versions")]
pub struct Model {
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: i64,
    /// Counts up with every change.
    pub seq: i64,
    /// Value of `seq` at the last rule change.
    pub ruleset_version: i64,
    /// Unix seconds.
    pub ruleset_updated_at: i64,
    /// Value of `seq` at the last list change.
    pub lists_seq: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
