//! Wire types of the aggregation-first Attacks API (`spec/events.md` section 5).
//!
//! Requests keep their members as JSON, so that what is wrong is answered by field and not by line and column.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What to group and measure.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
pub struct VectorQuery {
    /// 1 to 50 metrics, display columns or dimensions of the schema. Without a metric, `requests_count` is added.
    #[schema(value_type = Vec<String>, example = json!(["attack_types", "requests_count", "unique_ips", "status"]))]
    pub select: Value,
    /// `type`, `source_ip`, `none` (one row per request and type) or one dimension. Not together with `group_by`.
    #[schema(value_type = Option<String>, example = "type")]
    pub preset: Value,
    /// 1 to 4 dimensions. A day is added in front unless a time bucket is named.
    #[schema(value_type = Option<Vec<String>>, example = json!(["attack_type", "host"]))]
    pub group_by: Value,
    /// Filter: a tree of conditions and groups, or a text such as `attack_type = 'sqli' AND status_code >= 500`.
    #[schema(value_type = Object, example = json!({"kind": "condition", "field": "attack_type", "op": "=", "values": ["sqli"]}))]
    #[serde(rename = "where")]
    pub filter: Value,
    /// At most 3 selected metrics or dimensions; by default `requests_count`, most first.
    #[schema(value_type = Option<Vec<Object>>, example = json!([{"field": "requests_count", "desc": true}]))]
    pub order_by: Value,
    /// `-24h` (default), `-7d`, `-1m` (months), or `FROM-TO` in Unix seconds; at most six months.
    #[schema(value_type = Option<String>, example = "-24h")]
    pub time_range: Value,
    /// Rows of a page, 1 to 100, by default 50.
    #[schema(value_type = Option<i64>, example = 50)]
    pub limit: Value,
    /// `next_cursor` or `prev_cursor` of a page, with the same query. Valid for 24 hours.
    #[schema(value_type = Option<String>)]
    pub cursor: Value,
    /// For exports: who gets the link.
    #[schema(value_type = Option<String>, example = "soc@example.com")]
    pub email: Value,
}

/// A page of groups.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VectorGroups {
    /// One object per group: its `id`, one key per dimension, one per column.
    #[schema(value_type = Vec<Object>, example = json!([{"id": "eyJm", "ts_day": "2026-07-09", "attack_type": "sqli",
        "attack_type_label": "SQL Injection", "attack_types": {"count": 1, "values": ["sqli"]},
        "requests_count": 142, "unique_ips": 7, "status": "Partially Blocked"}]))]
    pub data: Vec<Value>,
    /// Next page; null on the last one.
    pub next_cursor: Option<String>,
    /// Page before; null on the first one.
    pub prev_cursor: Option<String>,
}

/// Which vectors of a group or request.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
pub struct VectorListRequest {
    /// `id` of a group.
    #[schema(value_type = Option<String>, example = "eyJmIjpb")]
    pub group_id: Value,
    /// A request.
    #[schema(value_type = Option<String>, example = "0192f1e3a4b5c6d7e8f9a0b1c2d3e4f5")]
    pub request_id: Value,
    /// Filter as in a query, for groups.
    #[schema(value_type = Object)]
    #[serde(rename = "where")]
    pub filter: Value,
    /// 1 to 1000, by default 100.
    #[schema(value_type = Option<i64>, example = 100)]
    pub limit: Value,
    /// `cursor` of the page before.
    #[schema(value_type = Option<String>)]
    pub cursor: Value,
}

/// A page of vectors.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VectorPage {
    /// Vectors, newest first.
    pub data: Vec<VectorView>,
    /// Next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Whether there is a next page.
    pub has_more: bool,
}

/// One attack sign of one request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VectorView {
    /// Opaque id, for marking.
    pub vector_id: String,
    /// Request.
    pub request_id: String,
    /// Tenant.
    pub client_id: i64,
    /// Application, -1 for the default one.
    pub application_id: i64,
    /// Attack type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Technique, or empty.
    pub attack_subtype: String,
    /// The attacked point as a JSON text.
    #[schema(example = r#"["header","XSS"]"#)]
    pub point: String,
    /// Payload.
    pub value: String,
    /// Payloads.
    pub payloads: Vec<String>,
    /// Signatures.
    pub stamps: Vec<i64>,
    /// Unsigned 32-bit hash of the signatures.
    pub stamps_hash: i64,
    /// Host.
    pub host: String,
    /// Path.
    pub path: String,
    /// Host as rules see it.
    pub normalized_host: String,
    /// Path as rules see it.
    pub normalized_path: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Method.
    pub method: String,
    /// HTTP version.
    pub protocol: String,
    /// IPv4 source, or empty.
    pub remote_addr4: String,
    /// IPv6 source, or empty.
    pub remote_addr6: String,
    /// Country, or empty.
    pub country: String,
    /// Status sent.
    pub response_status_code: i64,
    /// RFC 3339 in groups, Unix milliseconds by request.
    #[schema(value_type = Object)]
    pub request_time: Value,
    /// `blocked` or `monitored`.
    pub block_status: String,
    /// CVE ids and tags, comma-joined.
    pub known_attack: String,
    /// Node.
    pub node_uuid: Vec<String>,
    /// `NOT FILLED`.
    pub state: String,
    /// Judgement: empty, `tp` or `fp`.
    pub mark: String,
    /// CWE ids.
    pub cwe_ids: Vec<String>,
    /// OWASP categories.
    pub owasp_categories: Vec<String>,
    /// CAPEC ids.
    pub capec_ids: Vec<String>,
    /// CVE ids.
    pub cve_ids: Vec<String>,
    /// User, or empty.
    pub user: String,
    /// Role, or empty.
    pub user_role: String,
    /// API session, or empty.
    pub session_id: String,
    /// API session as the application names it, or empty.
    pub orig_session_id: String,
    /// Bytes.
    pub request_size: i64,
    /// Bytes.
    pub response_size: i64,
    /// Milliseconds.
    pub response_time: i64,
    /// Characters.
    pub uri_length: i64,
    /// Control that reacted.
    pub mitigation_control_id: Option<i64>,
    /// Security issue that was exploited.
    pub security_issue_id: Option<i64>,
    /// The request, in groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub full_request: Option<Value>,
    /// Conditions of a rule for this request, by request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub action_conditions: Option<Value>,
}

/// Which vectors to judge, and how: exactly one of the three selectors.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
pub struct VectorMarkRequest {
    /// `id` of a group.
    #[schema(value_type = Option<String>)]
    pub group_id: Value,
    /// At most 1000 vectors.
    #[schema(value_type = Option<Vec<String>>)]
    pub vector_ids: Value,
    /// At most 1000 requests.
    #[schema(value_type = Option<Vec<String>>, example = json!(["0192f1e3a4b5c6d7e8f9a0b1c2d3e4f5"]))]
    pub request_ids: Value,
    /// `fp`, `tp`, or empty to take the mark away.
    #[schema(value_type = String, example = "fp")]
    pub mark: Value,
    /// Whether `fp` makes a rule, too, so that nodes do not find the same again, as `/v1/objects/hit/mark_false` does.
    /// Default true; false marks only.
    #[schema(value_type = Option<bool>, example = false)]
    pub rule: Value,
}

/// How many vectors changed.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct VectorMarked {
    /// Vectors.
    #[schema(example = 3)]
    pub marked_count: u64,
}

/// What the widgets of a dashboard show.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
pub struct VectorStatsRequest {
    /// As in a query.
    #[schema(value_type = Option<String>, example = "-7d")]
    pub time_range: Value,
    /// As in a query.
    #[schema(value_type = Object)]
    #[serde(rename = "where")]
    pub filter: Value,
    /// Only this group.
    #[schema(value_type = Option<String>)]
    pub group_id: Value,
    /// 1 to 20 widgets: `type` (`single_value`, `timeseries`, `top_list`, `pie_chart`), `field`, `group_by`,
    /// `limit` (1 to 50, by default 5), `title`.
    #[schema(value_type = Vec<Object>, example = json!([{"type": "top_list", "field": "requests_count", "group_by": "country", "limit": 5, "title": "Countries"}]))]
    pub widgets: Value,
}

/// Widgets with their data, in the order asked for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VectorStats {
    /// Widgets.
    pub widgets: Vec<VectorWidget>,
}

/// One widget.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VectorWidget {
    /// As asked.
    #[serde(rename = "type")]
    #[schema(example = "top_list")]
    pub kind: String,
    /// As asked.
    pub title: String,
    /// `{label, key, value}` and, of lists, `percentage`.
    #[schema(value_type = Vec<Object>, example = json!([{"label": "DE", "key": "DE", "value": 12, "percentage": 60.0}]))]
    pub data: Vec<Value>,
}

/// What can be asked.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VectorSchema {
    /// Columns: `name`, `label`, `type`, `category`, `sortable`.
    #[schema(value_type = Vec<Object>)]
    pub select_fields: Vec<Value>,
    /// Dimensions of a query.
    #[schema(value_type = Vec<Object>)]
    pub group_by_fields: Vec<Value>,
    /// Dimensions of widgets.
    #[schema(value_type = Vec<Object>)]
    pub stats_group_by_fields: Vec<Value>,
    /// Fields of filters: `name`, `label`, `type`, `operators`, `options`.
    #[schema(value_type = Vec<Object>)]
    pub where_fields: Vec<Value>,
    /// Presets: `value`, `label`, `description`.
    #[schema(value_type = Vec<Object>)]
    pub grouping_presets: Vec<Value>,
}
