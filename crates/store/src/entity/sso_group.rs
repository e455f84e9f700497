//! A group of the identity provider bound to a role in tenants (`spec/accounts.md` section 6.3).

use sea_orm::entity::prelude::*;

/// A group of the identity provider bound to a role in tenants (`spec/accounts.md` section 6.3).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sso_groups")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Technical tenant.
    pub client_id: i64,
    /// Name at the identity provider.
    pub name: String,
    /// Role.
    pub role: String,
    /// Tenants.
    pub client_ids: Json,
    /// Whether it counts.
    pub enabled: bool,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
