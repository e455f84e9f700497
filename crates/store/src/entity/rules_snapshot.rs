//! The rules of a tenant at a moment.

use sea_orm::entity::prelude::*;

use crate::JsonText;

/// The rules of a tenant at a moment.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rules_snapshots")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Whether the system took it, after a build.
    pub automatic: bool,
    /// What the author says.
    pub comment: String,
    /// Name of the author; empty for the system.
    pub author: String,
    /// Unix seconds.
    pub created_at: i64,
    /// Version of the ruleset.
    pub ruleset_version: i64,
    /// How many rules.
    pub rules_count: i64,
    /// The rules, as an export writes them.
    pub content: JsonText,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
