//! An integration whose last attempt failed.

use sea_orm::entity::prelude::*;

/// An integration whose last attempt failed; it gets nothing until the pause is over.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery_pauses")]
pub struct Model {
    /// Integration.
    #[sea_orm(primary_key, auto_increment = false)]
    pub integration_id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Attempts that failed since the last one that succeeded.
    pub failures: i64,
    /// End of the pause, Unix milliseconds.
    pub until_ms: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
