//! What a node saw in a minute.

use sea_orm::entity::prelude::*;

/// What a node saw in a minute.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "traffic_minutes")]
pub struct Model {
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: i64,
    /// Start of the minute, Unix seconds.
    #[sea_orm(primary_key, auto_increment = false)]
    pub time: i64,
    /// Node.
    #[sea_orm(primary_key, auto_increment = false)]
    pub node_uuid: String,
    /// Inspected requests.
    pub requests: i64,
    /// Of them, malicious.
    pub attacks: i64,
    /// Of them, refused.
    pub blocked: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
