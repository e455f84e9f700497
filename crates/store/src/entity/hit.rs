//! A malicious request: one attack type, one point (`spec/events.md` section 1).

use sea_orm::entity::prelude::*;

/// A malicious request: one attack type, one point (`spec/events.md` section 1).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "hits")]
pub struct Model {
    /// Row number.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Public id, made by the node.
    pub event_id: String,
    /// Tenant.
    pub client_id: i64,
    /// Row of the attack.
    pub attack_id: i64,
    /// Unix seconds.
    pub time: i64,
    /// Unix milliseconds.
    pub ts_ms: i64,
    /// Attack type.
    pub kind: String,
    /// Technique.
    pub subtype: Option<String>,
    /// Source.
    pub ip: String,
    /// Source as 32 hex digits, for ranges.
    pub ip_key: String,
    /// Source port.
    pub remote_port: i64,
    /// Country.
    pub remote_country: Option<String>,
    /// Request.
    pub request_id: String,
    /// Host.
    pub domain: String,
    /// Path.
    pub path: String,
    /// Method.
    pub method: String,
    /// HTTP version.
    pub proto: String,
    /// Scheme.
    pub scheme: String,
    /// API protocol.
    pub api_protocol: String,
    /// Comma list with outer commas.
    pub auth_protocol: String,
    /// Flat point.
    pub point: Json,
    /// Rendered point.
    pub parameter: String,
    /// Payload.
    pub value: String,
    /// Comma list with outer commas.
    pub stamps: String,
    /// Signed 32-bit hash.
    pub stamps_hash: i64,
    /// Comma list with outer commas.
    pub regex: String,
    /// Comma list with outer commas.
    pub known_attack: String,
    /// By an experimental rule.
    pub experimental: Option<bool>,
    /// Status sent.
    pub statuscode: i64,
    /// Milliseconds.
    pub response_time: i64,
    /// Bytes.
    pub response_size: i64,
    /// Bytes.
    pub request_size: i64,
    /// `blocked` or `monitored`.
    pub block_status: String,
    /// Why.
    pub block_reason: String,
    /// Source was denied.
    pub ip_blocked: bool,
    /// Filtration mode.
    pub mode: String,
    /// Identical hits that this one stands for.
    pub aggregated_count: i64,
    /// Application.
    pub pool: i64,
    /// Node.
    pub node_uuid: String,
    /// `falsepositive` or `truepositive`.
    pub state: Option<String>,
    /// Vulnerability exploited.
    pub vuln_id: Option<i64>,
    /// Unix seconds.
    pub received_at: i64,
    /// The time that the node gave, Unix milliseconds, when it could not be right and receipt time stands instead.
    pub reported_ts_ms: Option<i64>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
