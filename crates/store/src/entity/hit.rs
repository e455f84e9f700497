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
    /// First character of the sign itself in the payload; null is unknown.
    pub payload_start: Option<i64>,
    /// First character behind it.
    pub payload_end: Option<i64>,
    /// JSON of where the sign stands in the request; null is unknown.
    pub sign_place: Option<String>,
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
    /// First 32 bits of the SHA-256 of the payload, signed.
    pub value_hash: Option<i64>,
    /// Unix seconds of the last change of mark or vulnerability; null is never since receipt.
    pub changed_at: Option<i64>,
    /// Counter of a behavioural rule.
    pub counter: Option<String>,
    /// Data centre of the source; null is unknown.
    pub datacenter: Option<String>,
    /// Proxy kind of the source.
    pub proxy_type: Option<String>,
    /// `tor`, or null.
    pub tor: Option<String>,
    /// Why it was judged false automatically.
    pub known_false: Option<String>,
    /// API Discovery id.
    pub endpoint_id: Option<String>,
    /// Specification.
    pub api_spec_id: Option<String>,
    /// How it was violated.
    pub api_spec_violation: Option<String>,
    /// API session.
    pub session_id: Option<String>,
    /// API session as the application names it.
    pub orig_session_id: Option<String>,
    /// Rule or control that reacted.
    pub mitigation_control_id: Option<i64>,
    /// JSON list of logins, or null.
    pub compromised_logins: Option<String>,
    /// Traffic of our own checker.
    pub wallarm_scanner: Option<bool>,
    /// From the eBPF source.
    pub ebpf: Option<bool>,
    /// Caused by the attack-surface scanner.
    pub aasm_event: Option<bool>,
    /// Mode that the node is configured with; null is `mode`.
    pub local_mode: Option<String>,
    /// Characters of the request's address with its query.
    pub uri_length: Option<i64>,
    /// User of the application.
    pub app_user: Option<String>,
    /// Role of the user.
    pub app_role: Option<String>,
    /// JSON list of pairs of name and value, or null.
    pub context_params: Option<String>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
