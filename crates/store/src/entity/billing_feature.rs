//! A feature that plans may have (`spec/accounts.md` section 4.6).

use sea_orm::entity::prelude::*;

/// A feature that plans may have (`spec/accounts.md` section 4.6).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "billing_features")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Name, unique.
    pub slug: String,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
