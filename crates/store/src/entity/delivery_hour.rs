//! How the attempts of one integration went in one hour.

use sea_orm::entity::prelude::*;

/// How the attempts of one integration went in one hour.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery_hours")]
pub struct Model {
    /// Integration.
    #[sea_orm(primary_key, auto_increment = false)]
    pub integration_id: i64,
    /// Unix seconds divided by 3600.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hour: i64,
    /// Tenant.
    pub client_id: i64,
    /// Attempts that succeeded.
    pub delivered: i64,
    /// Attempts that failed.
    pub failed: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
