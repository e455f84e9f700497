//! A proof of a vulnerability that a node saw, known by its event so that it counts once.

use sea_orm::entity::prelude::*;

/// A proof of a vulnerability that a node saw, known by its event so that it counts once.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "vuln_proofs")]
pub struct Model {
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: i64,
    /// Event, named by the node.
    #[sea_orm(primary_key, auto_increment = false)]
    pub event_id: String,
    /// Vulnerability; 0 when a rule dropped it.
    pub vuln_id: i64,
    /// Request that proved it.
    pub request_id: String,
    /// Attack type of the hits that exploited it.
    pub kind: String,
    /// Rendered point of these hits.
    pub parameter: String,
    /// Whether an attack exploited it.
    pub exploited: bool,
    /// Unix seconds.
    pub received_at: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
