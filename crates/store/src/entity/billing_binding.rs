//! A feature of a plan (`spec/accounts.md` section 4.6).

use sea_orm::entity::prelude::*;

/// A feature of a plan (`spec/accounts.md` section 4.6).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "billing_bindings")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Plan.
    pub plan_id: i64,
    /// Feature.
    pub feature_id: i64,
    /// Array of `{"name", "value"}`.
    pub settings: Json,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
