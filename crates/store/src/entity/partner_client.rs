//! A link from an application id of a global account to a tenant.

use sea_orm::entity::prelude::*;

/// A link from an application id of a global account to a tenant.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "partner_clients")]
pub struct Model {
    /// Global account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub partner_id: i64,
    /// Application id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: i64,
    /// Parameters.
    pub params: Option<Json>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
