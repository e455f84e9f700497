//! A node group: one row of Console → Nodes.

use sea_orm::entity::prelude::*;

/// A node group: one row of Console → Nodes.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "node_groups")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Public UUID.
    pub uuid: String,
    /// Tenant.
    pub client_id: i64,
    /// Group name, unique in the tenant.
    pub hostname: String,
    /// Serves several tenants.
    pub partner_mode: bool,
    /// Keyed hash of the node token, hex.
    pub token_mac: String,
    /// Token, encrypted, for administrators.
    pub token_sealed: Option<String>,
    /// Unix seconds.
    pub created_at: i64,
    /// Address of the creator.
    pub create_from: String,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
