//! A change of a vulnerability's status.

use sea_orm::entity::prelude::*;

/// A change of a vulnerability's status.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "vuln_changes")]
pub struct Model {
    /// Row number.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Vulnerability.
    pub vuln_id: i64,
    /// Unix seconds.
    pub time: i64,
    /// Who.
    pub author: String,
    /// Status before; empty when it was made.
    pub before: String,
    /// Status after.
    pub after: String,
    /// Why.
    pub comment: String,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
