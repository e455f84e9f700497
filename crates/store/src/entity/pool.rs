//! An application (`spec/accounts.md` section 5).

use sea_orm::entity::prelude::*;

/// An application (`spec/accounts.md` section 5).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "pools")]
pub struct Model {
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: i64,
    /// Application id; -1 is the default.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// Name.
    pub name: String,
    /// Kept for its events.
    pub deleted: bool,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
