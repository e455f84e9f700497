//! How far the events of a tenant go: what an index that is derived from them compares itself with.

use sea_orm::entity::prelude::*;

/// How far the events of a tenant go. Written in the transaction that writes the events.
#[derive(Clone, Debug, Default, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event_heads")]
pub struct Model {
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: i64,
    /// Row of the last hit.
    pub hit_id: i64,
    /// How often marks or vulnerabilities of hits changed.
    pub changes: i64,
    /// How often all events of the tenant were deleted.
    pub epoch: i64,
    /// Attacks that ended before this moment were removed, Unix seconds.
    pub purged_before: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
