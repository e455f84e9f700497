//! What a client with a quota used in a month.

use sea_orm::entity::prelude::*;

/// What a client with a quota used in a month.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "client_usage")]
pub struct Model {
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: i64,
    /// Month, as year × 12 + month from 0.
    pub month: i64,
    /// Unix second up to which requests are in the count.
    pub counted_until: i64,
    /// Requests of the month.
    pub requests: i64,
    /// What follows: 0 nothing, 1 the Console is closed, 2 nodes do not protect either.
    pub level: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
