//! Shapes of clients, that is tenants (`spec/accounts.md` section 4).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::lenient;

/// A client (tenant).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ClientView {
    /// Identity.
    pub id: i64,
    /// Public UUID; it also routes node traffic.
    pub uuid: String,
    /// Name, unique within the global account.
    pub name: String,
    /// Whether users and nodes may work.
    pub enabled: bool,
    /// Whether the client is confirmed.
    pub validated: bool,
    /// Unix seconds.
    pub create_at: i64,
    /// Global account.
    pub partnerid: i64,
    /// UUID of the global account.
    pub partner_uuid: String,
    /// Prefix of vulnerability ids.
    pub vuln_prefix: String,
    /// Components.
    pub components: Vec<String>,
    /// Support plan.
    pub support_plan: String,
    /// `ddmmyy`, `mmddyy` or `yymmdd`.
    pub date_format: String,
    /// `en` or `ru`.
    pub language: String,
    /// `on` or `off`.
    pub attack_rechecker_mode: String,
    /// `on` or `off`.
    pub vuln_rechecker_mode: String,
    /// Receivers of notifications: kind to `{"email", "telegram", "slack", "splunk", "pager_duty"}`.
    #[schema(value_type = Object)]
    pub notifications: Value,
    /// Filtration mode of the whole client: `default`, `monitoring`, `safe_blocking`, `block` or `off`.
    pub mode: String,
    /// Kept for older clients.
    pub blocking_type: String,
    /// Kept for older clients.
    pub hidden_vulns: bool,
    /// Kept for older clients.
    pub qrator_blacklists: bool,
    /// Kept for older clients.
    pub can_enable_blacklist: bool,
    /// Kept for older clients.
    pub blacklist_disabled_at: Option<i64>,
    /// Kept for older clients.
    pub last_scan: Option<i64>,
    /// Kept for older clients.
    pub scanner_mode: String,
    /// Kept for older clients.
    pub scanner_cluster: String,
    /// Kept for older clients.
    pub scanner_scope_cluster: String,
    /// Kept for older clients.
    pub scanner_priority: String,
    /// Kept for older clients.
    pub scanner_state: ScannerState,
    /// Kept for older clients.
    pub qrator_mode: Option<String>,
    /// Kept for older clients.
    pub ngenixids: Vec<i64>,
    /// Kept for older clients.
    pub qratorids: Vec<i64>,
    /// Whether this is the home of global users.
    pub is_technical: bool,
}

/// Times of a scanner that does not exist any more: all null.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct ScannerState {
    /// Always null.
    pub last_scan: Option<i64>,
    /// Always null.
    pub last_vuln: Option<i64>,
    /// Always null.
    pub last_vuln_check: Option<i64>,
    /// Always null.
    pub last_wapi: Option<i64>,
}

/// `POST /v1/objects/client/create`.
#[derive(Default, Deserialize, ToSchema)]
pub struct ClientCreate {
    /// Name, 1 to 128 characters, unique within the global account.
    #[schema(example = "Shop EU", required = true)]
    #[serde(default)]
    pub name: String,
    /// UUID of the global account; the caller's own by default.
    #[serde(default)]
    pub partner_uuid: Option<String>,
    /// Prefix of vulnerability ids: 4 to 8 capital letters and digits. Made from the name when empty.
    #[serde(default)]
    pub vuln_prefix: Option<String>,
    /// `en` or `ru`.
    #[serde(default)]
    pub language: Option<String>,
    /// Whether users and nodes may work, true by default.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub enabled: Option<bool>,
}

/// `POST /v1/objects/client/update`.
#[derive(Default, Deserialize, ToSchema)]
pub struct ClientUpdate {
    /// Which clients.
    #[schema(value_type = Object, example = json!({"id": 17}))]
    #[serde(default)]
    pub filter: Value,
    /// What to change; absent and empty values stay as they are.
    #[serde(default)]
    pub fields: Option<ClientFields>,
}

/// Changes of a client.
#[derive(Default, Deserialize, ToSchema)]
pub struct ClientFields {
    /// Name, 1 to 128 characters.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether users and nodes may work; for global administrators.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub enabled: Option<bool>,
    /// `en` or `ru`.
    #[serde(default)]
    pub language: Option<String>,
    /// `ddmmyy`, `mmddyy` or `yymmdd`.
    #[serde(default)]
    pub date_format: Option<String>,
    /// `on` or `off`.
    #[serde(default)]
    pub attack_rechecker_mode: Option<String>,
    /// Receivers of notifications. What is empty stays as it is.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    pub notifications: Option<Value>,
}
