//! Both ends of the chain of a tenant's activity log.

use sea_orm::entity::prelude::*;

/// Both ends of the chain of a tenant's activity log.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "activity_heads")]
pub struct Model {
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: i64,
    /// Place of the newest entry in the chain, 0 before the first.
    pub seq: i64,
    /// Its keyed hash.
    pub mac: String,
    /// Keyed hash of this end, without which nobody can move it.
    pub seal: String,
    /// Place of the last entry that was removed for its age, 0 when none was.
    pub anchor_seq: i64,
    /// Its keyed hash, on which the oldest entry rests.
    pub anchor_mac: String,
    /// Keyed hash of that end.
    pub anchor_seal: String,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
