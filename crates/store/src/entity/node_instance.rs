//! A running node.

use sea_orm::entity::prelude::*;

/// A running node.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "node_instances")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key, auto_increment = false)]
    pub uuid: String,
    /// Group.
    pub group_id: i64,
    /// Tenant.
    pub client_id: i64,
    /// API token that registered it; null is the node token.
    pub token_id: Option<i64>,
    /// Keyed hash, hex.
    pub secret_mac: String,
    /// Machine name.
    pub hostname: String,
    /// Last address seen.
    pub ip: String,
    /// Software version.
    pub version: String,
    /// Component versions.
    pub packages: Json,
    /// Unix seconds.
    pub created_at: i64,
    /// Last heartbeat, Unix seconds.
    pub last_seen_at: i64,
    /// Last upload, Unix seconds.
    pub last_event_at: Option<i64>,
    /// Process start.
    pub startid: String,
    /// Last heartbeat applied.
    pub heartbeat_seq: i64,
    /// In force.
    pub ruleset_version: i64,
    /// Unix seconds.
    pub ruleset_updated_at: Option<i64>,
    /// In force.
    pub detectdb_version: i64,
    /// Unix seconds.
    pub detectdb_updated_at: Option<i64>,
    /// In force.
    pub lists_seq: i64,
    /// Requests counted this month.
    pub requests: i64,
    /// Which month, as year * 12 + month.
    pub requests_month: i64,
    /// Requests per second over the minute before the last heartbeat.
    pub rps: f64,
    /// Last reported problem.
    pub last_error: Option<String>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
