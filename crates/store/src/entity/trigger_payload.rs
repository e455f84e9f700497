//! A payload that a source sent, for triggers that count different ones.

use sea_orm::entity::prelude::*;

/// A payload that a source sent, for triggers that count different ones.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "trigger_payloads")]
pub struct Model {
    /// Trigger.
    #[sea_orm(primary_key, auto_increment = false)]
    pub trigger_id: i64,
    /// Address.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source: String,
    /// SHA-256 of the payload.
    #[sea_orm(primary_key, auto_increment = false)]
    pub digest: String,
    /// Tenant.
    pub client_id: i64,
    /// Last time, Unix seconds.
    pub seen_at: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
