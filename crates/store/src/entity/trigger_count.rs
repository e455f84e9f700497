//! What a trigger counted in one slice of its window.

use sea_orm::entity::prelude::*;

/// What a trigger counted in one slice of its window.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "trigger_counts")]
pub struct Model {
    /// Trigger.
    #[sea_orm(primary_key, auto_increment = false)]
    pub trigger_id: i64,
    /// Start of the slice, Unix seconds.
    #[sea_orm(primary_key, auto_increment = false)]
    pub bucket: i64,
    /// Tenant.
    pub client_id: i64,
    /// How many.
    pub count: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
