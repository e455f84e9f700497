//! A host that verification asks: who holds it asks it alone.

use sea_orm::entity::prelude::*;

/// A host that verification asks: who holds it asks it alone.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "verification_hosts")]
pub struct Model {
    /// Origin.
    #[sea_orm(primary_key, auto_increment = false)]
    pub host: String,
    /// When it may be asked again, Unix milliseconds.
    pub free_at_ms: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
