//! A rule that judges new vulnerabilities false (`spec/events.md` section 4.3).

use sea_orm::entity::prelude::*;

use crate::JsonText;

/// A rule that judges new vulnerabilities false (`spec/events.md` section 4.3).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "false_positive_rules")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Name.
    pub title: String,
    /// List of detection methods; empty is all.
    pub source: JsonText,
    /// Patterns for host, endpoint and parameter.
    pub scope: JsonText,
    /// Pattern for titles, or types.
    pub issues: JsonText,
    /// `mark_as_false` or `auto_delete`.
    pub action: String,
    /// Unix seconds.
    pub created_at: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
