//! An event set aside because it could not be taken.

use sea_orm::entity::prelude::*;

/// An event set aside because it could not be taken.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rejected_events")]
pub struct Model {
    /// Row number.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Node.
    pub node_uuid: String,
    /// Batch.
    pub batch_id: String,
    /// Index in the batch.
    pub position: i64,
    /// Why.
    pub reason: String,
    /// As sent.
    pub payload: Json,
    /// SHA-256 of the event as sent, hex: a repeated one is kept once.
    pub digest: String,
    /// Unix seconds.
    pub received_at: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
