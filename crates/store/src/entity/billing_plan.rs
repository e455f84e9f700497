//! A plan that clients may subscribe to (`spec/accounts.md` section 4.6).

use sea_orm::entity::prelude::*;

/// A plan that clients may subscribe to (`spec/accounts.md` section 4.6).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "billing_plans")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Name, unique.
    pub slug: String,
    /// Whether its features decide.
    pub use_features: bool,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
