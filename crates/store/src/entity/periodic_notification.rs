//! Up to when a tenant was told what is told in periods.

use sea_orm::entity::prelude::*;

/// Up to when a tenant was told what is told in periods.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "periodic_notifications")]
pub struct Model {
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: i64,
    /// Event of integrations.
    #[sea_orm(primary_key, auto_increment = false)]
    pub event: String,
    /// End of the last period that was told, Unix seconds.
    pub told_until: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
