//! Which saved view a user starts with.

use sea_orm::entity::prelude::*;

/// Which saved view a user starts with.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "attack_view_defaults")]
pub struct Model {
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: i64,
    /// User, 0 for credentials without one.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: i64,
    /// View.
    pub view_id: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
