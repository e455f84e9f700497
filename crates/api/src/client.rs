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
    /// Receivers of notifications; none by default.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    pub notifications: Option<Value>,
    /// General filtration mode: `default` (what nodes say, when absent), `monitoring`, `block`, `safe_blocking` or `off`.
    #[schema(example = "monitoring")]
    #[serde(default)]
    pub mode: Option<String>,
    /// First administrator, who is invited.
    #[serde(default)]
    pub admin: Option<FirstAdmin>,
}

/// First administrator of a new client.
#[derive(Debug, Deserialize, ToSchema)]
pub struct FirstAdmin {
    /// E-mail address.
    #[schema(example = "eve@shop.test")]
    pub email: String,
    /// Name, 1 to 255 characters.
    #[schema(example = "Eve Low")]
    pub realname: String,
}

/// `POST /v1/objects/client/enabling` and `/disabling`.
#[derive(Default, Deserialize, ToSchema)]
pub struct ClientSwitch {
    /// Client.
    #[schema(example = 18, required = true)]
    #[serde(default, deserialize_with = "lenient::int")]
    pub clientid: Option<i64>,
    /// The same, by another name.
    #[serde(default, deserialize_with = "lenient::int")]
    pub client_id: Option<i64>,
}

/// A link from an application id of a global account to a client.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartnerClientView {
    /// Application id.
    pub id: i64,
    /// Global account.
    pub partnerid: i64,
    /// Client.
    pub clientid: i64,
    /// Parameters.
    #[schema(value_type = Option<Object>)]
    pub params: Option<Value>,
}

/// `GET /v2/partner_client`.
#[derive(Debug, Default, Deserialize)]
pub struct PartnerClientQuery {
    /// Global account; the caller's own by default.
    #[serde(default, deserialize_with = "lenient::int")]
    pub partnerid: Option<i64>,
    /// Most rows.
    #[serde(default, deserialize_with = "lenient::int")]
    pub limit: Option<i64>,
    /// Rows to skip.
    #[serde(default, deserialize_with = "lenient::int")]
    pub offset: Option<i64>,
}

/// `POST /v2/partner/{partnerid}/partner_client`.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct PartnerClientCreate {
    /// Client.
    #[schema(example = 18, required = true)]
    #[serde(default, deserialize_with = "lenient::int")]
    pub clientid: Option<i64>,
    /// The same, by another name.
    #[serde(default, deserialize_with = "lenient::int")]
    pub client_id: Option<i64>,
    /// Application id, 1 to 2147483647.
    #[schema(example = 1, required = true)]
    #[serde(default, deserialize_with = "lenient::int")]
    pub id: Option<i64>,
    /// Parameters, an object.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    pub params: Option<Value>,
}

/// `POST /v1/objects/client/update`.
#[derive(Default, Deserialize, ToSchema)]
#[schema(example = json!({"filter": {"id": 17}, "fields": {"name": "Acme"}}))]
pub struct ClientUpdate {
    /// Which clients.
    #[schema(value_type = Object)]
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
    /// `on` or `off`.
    #[serde(default)]
    pub vuln_rechecker_mode: Option<String>,
    /// Receivers of notifications. What is empty stays as it is.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    pub notifications: Option<Value>,
}
