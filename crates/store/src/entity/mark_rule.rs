//! A rule that false-positive marks made, with what it stands for.

use sea_orm::entity::prelude::*;

/// A rule that false-positive marks made, with what it stands for.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "mark_rules")]
pub struct Model {
    /// The rule.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hint_id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Attack type.
    pub kind: String,
    /// Application.
    pub pool: i64,
    /// Host.
    pub domain: String,
    /// Path.
    pub path: String,
    /// Rendered point.
    pub parameter: String,
    /// Expression that the rule disables; none where it disables the attack type.
    pub regex_id: Option<i64>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
