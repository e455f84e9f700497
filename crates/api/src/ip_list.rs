//! Shapes of the IP lists: the current API and the legacy one over the same store (`spec/rules.md` section 6).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The `body` of answers about IP lists.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Objects<T> {
    /// `success`.
    #[schema(example = "success")]
    pub result: &'static str,
    /// The entries.
    pub objects: Vec<T>,
}

impl<T> Objects<T> {
    /// Wraps entries.
    #[must_use]
    pub const fn new(objects: Vec<T>) -> Objects<T> {
        Objects { result: "success", objects }
    }
}

/// An entry of a list: one subnet, or the codes of one rule.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IpGroupView {
    /// Identity.
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// `subnet`, `location`, `datacenter` or `proxy_type`.
    #[schema(example = "subnet")]
    pub rule_type: &'static str,
    /// `allow`, `block` or `gray`.
    #[schema(example = "block")]
    pub list: &'static str,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds; 33223139044 is never.
    pub expired_at: i64,
    /// Applications it holds for; `[0]` is all.
    pub application_ids: Vec<i64>,
    /// Why.
    pub reason: String,
    /// Who; 0 is the system.
    pub author_user_id: i64,
    /// Name of the user; null when a trigger made it, or the user is gone.
    #[schema(example = "Ada Admin")]
    pub author: Option<String>,
    /// Trigger that made it; null when a user did.
    pub author_trigger_id: Option<i64>,
    /// Values as typed; an address without a mask has got one.
    #[schema(example = json!(["198.51.100.7/32"]))]
    pub values: Vec<String>,
    /// `enabled` or `expired`.
    #[schema(example = "enabled")]
    pub status: &'static str,
}

/// `POST /v1/blocklist/clients/{cid}/access_rules`.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct AccessRulesRequest {
    /// `allow`, `block` or `gray`.
    #[schema(example = "block")]
    pub list: Option<String>,
    /// Replace entries that conflict instead of refusing.
    pub force: Option<bool>,
    /// Why.
    pub reason: Option<String>,
    /// Applications it holds for; empty or `[0]` is all.
    pub application_ids: Option<Vec<i64>>,
    /// Unix seconds, as a number or text; 0 is never.
    #[serde(default)]
    #[schema(value_type = i64)]
    pub expired_at: Value,
    /// What to list.
    #[serde(default)]
    pub rules: Vec<AccessRule>,
}

/// Values of one type.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AccessRule {
    /// `subnet`, `location`, `datacenter` or `proxy_type`.
    #[schema(example = "subnet")]
    pub rules_type: String,
    /// Addresses, subnets or codes.
    pub values: Vec<String>,
}

/// `DELETE /v1/blocklist/clients/{cid}/groups`.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct IpGroupDeleteRequest {
    /// What to delete.
    #[serde(default)]
    pub rules: Vec<IpGroupIds>,
}

/// Entries of one type.
#[derive(Debug, Deserialize, ToSchema)]
pub struct IpGroupIds {
    /// `subnet`, `location`, `datacenter` or `proxy_type`.
    #[schema(example = "subnet")]
    pub rule_type: String,
    /// Ids; unknown ones are ignored.
    pub ids: Vec<i64>,
}

/// How many entries there are of each type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct IpListCounts {
    /// Addresses and subnets.
    pub subnet: i64,
    /// Countries and regions.
    pub location: i64,
    /// Hosting providers.
    pub datacenter: i64,
    /// Kinds of source.
    pub proxy_type: i64,
}

/// How many entries an import made.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct IpListImported {
    /// Entries.
    #[schema(example = 50000)]
    pub created: usize,
}

/// An address that is or was denied, in the oldest form.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BlacklistRecord {
    /// Address or subnet.
    #[schema(example = "203.0.113.7/32")]
    pub ip: String,
    /// Why.
    pub reason: String,
    /// Unix seconds.
    pub blocked_at: i64,
    /// Unix seconds; 33223139044 is never.
    pub expire_at: i64,
    /// Unix seconds; null while it is denied.
    pub unblocked_at: Option<i64>,
    /// Application; 0 is all.
    pub pool_id: i64,
    /// Tenant.
    pub client_id: i64,
}

/// An entry of a list in the legacy form.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IpRuleView {
    /// Identity.
    pub id: i64,
    /// Tenant.
    pub clientid: i64,
    /// `ip_range`, `country`, `datacenter` or `proxy_type`.
    #[schema(example = "ip_range")]
    pub rule_type: &'static str,
    /// `white`, `black` or `gray`.
    #[schema(example = "black")]
    pub list: &'static str,
    /// Name of the user; null when a trigger made it, or the user is gone.
    #[schema(example = "Ada Admin")]
    pub author: Option<String>,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds; 33223139044 is never.
    pub expired_at: i64,
    /// Applications it holds for; `[0]` is all.
    pub pools: Vec<i64>,
    /// Why.
    pub reason: String,
    /// Trigger that made it; null when a user did.
    pub author_trigger_id: Option<i64>,
    /// Who; 0 is the system.
    pub author_user_id: i64,
    /// Address or subnet.
    pub subnet: Option<String>,
    /// First country code.
    pub country: Option<String>,
    /// First kind of source.
    pub proxy_type: Option<String>,
    /// First provider.
    pub datacenter: Option<String>,
    /// All codes.
    pub source_values: Option<Vec<String>>,
    /// Always null: deleted entries are not listed.
    pub deleted_by: Option<i64>,
}

/// `POST /v4/ip_rules`.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct IpRuleCreateRequest {
    /// Tenant; the caller's own when absent.
    pub clientid: Option<i64>,
    /// Replace entries that conflict instead of refusing.
    pub force: Option<bool>,
    /// The entry.
    #[serde(default)]
    pub ip_rule: IpRuleBody,
}

/// An entry to create, in the legacy form.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct IpRuleBody {
    /// `white`, `black` or `gray`.
    #[schema(example = "black")]
    pub list: Option<String>,
    /// `ip_range`, `country`, `datacenter` or `proxy_type`.
    #[schema(example = "ip_range")]
    pub rule_type: Option<String>,
    /// Address or subnet, for `ip_range`.
    #[schema(example = "1.1.1.1")]
    pub subnet: Option<String>,
    /// Codes, for the other types.
    pub source_values: Option<Vec<String>>,
    /// Applications it holds for; empty or `[0]` is all.
    pub pools: Option<Vec<i64>>,
    /// Unix seconds, as a number or text; 0 is never.
    #[serde(default)]
    #[schema(value_type = i64)]
    pub expired_at: Value,
    /// Why.
    pub reason: Option<String>,
}

/// `DELETE /v4/ip_rules`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({"filter": {"clientid": 7, "id": [1, 2], "list": "black"}}))]
pub struct IpRuleDeleteRequest {
    /// Keys `clientid`, `id`, `list`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub filter: Value,
}
