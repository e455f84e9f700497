//! A batch of events that was taken.

use sea_orm::entity::prelude::*;

/// A batch of events that was taken.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "event_batches")]
pub struct Model {
    /// Node: batch ids of different nodes are unrelated.
    #[sea_orm(primary_key, auto_increment = false)]
    pub node_uuid: String,
    /// Identity, made by the node.
    #[sea_orm(primary_key, auto_increment = false)]
    pub batch_id: String,
    /// SHA-256 of the content, hex: only the very same batch counts as repeated.
    pub digest: String,
    /// Unix seconds.
    pub received_at: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
