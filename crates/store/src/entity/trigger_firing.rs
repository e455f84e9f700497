//! That a trigger fired, and how long it stays quiet.

use sea_orm::entity::prelude::*;

/// That a trigger fired, and how long it stays quiet.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "trigger_firings")]
pub struct Model {
    /// Trigger.
    #[sea_orm(primary_key, auto_increment = false)]
    pub trigger_id: i64,
    /// Address, or empty when the whole account counts.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source: String,
    /// Tenant.
    pub client_id: i64,
    /// Unix seconds.
    pub fired_at: i64,
    /// Unix seconds.
    pub quiet_until: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
