//! An attack that exploited a vulnerability (`spec/events.md` section 3).

use sea_orm::entity::prelude::*;

/// An attack that exploited a vulnerability (`spec/events.md` section 3).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "incidents")]
pub struct Model {
    /// Vulnerability.
    #[sea_orm(primary_key, auto_increment = false)]
    pub vuln_id: i64,
    /// Row of the attack.
    #[sea_orm(primary_key, auto_increment = false)]
    pub attack_id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Of the first proof, Unix seconds.
    pub time: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
