//! Shapes of security issues: vulnerabilities as the newer view shows them (`spec/events.md` section 4.6).
//!
//! Replies have no envelope. No text is ever null.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::owasp::Category;

/// `POST` or `GET /v1/security_issues`, and its counts and groups.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct IssueListRequest {
    /// Tenant; 0 or absent is the caller's own.
    #[serde(default)]
    #[schema(value_type = Option<i64>, example = 1)]
    pub client_id: Value,
    /// API token, instead of the header.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub token: Value,
    /// Rows to skip.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub offset: Value,
    /// Rows, 0 to 1000; 0 is the default of 1000.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub limit: Value,
    /// Whether all rows are wanted, up to 100000.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub unlimited: Value,
    /// Conditions, all of which hold; zero values are no condition, `!` before a name negates.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"severity": ["high", "critical"], "state": "open"}))]
    pub filter: Value,
    /// `{"name", "direction"}`, or a name together with `order_desc`.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"name": "severity", "direction": "desc"}))]
    pub order_by: Value,
    /// Greatest first, where `order_by` is a name.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub order_desc: Value,
    /// `csv` or `json`, for the report.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub format: Value,
}

/// What kind of issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct IssueType {
    /// Code.
    #[schema(example = "sqli")]
    pub id: String,
    /// Name shown to people.
    #[schema(example = "SQL Injection")]
    pub name: String,
}

/// A label of an issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct IssueTag {
    /// Identity.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Name for addresses.
    pub slug: String,
}

/// A virtual patch that answers an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct VpatchLink {
    /// Rule.
    pub rule_id: i64,
}

/// What is done against an issue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Mitigations {
    /// Virtual patch; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpatch: Option<VpatchLink>,
}

/// A security issue.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IssueView {
    /// Identity, that of the vulnerability.
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// `info`, `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// `open`, `closed`, `marked_false` or `hidden`.
    pub state: String,
    /// How often it was seen.
    pub volume: i64,
    /// Title.
    pub name: String,
    /// When it was stored, Unix seconds.
    pub created_at: i64,
    /// When it was found, Unix seconds.
    pub discovered_at: i64,
    /// How it was found.
    pub discovered_by: String,
    /// The same for people.
    pub discovered_by_display_name: String,
    /// Address.
    pub url: String,
    /// Host.
    pub host: String,
    /// Path.
    pub path: String,
    /// Rendered point.
    pub parameter_display_name: String,
    /// `query`, `body`, `header`, `cookie`, `path` or empty.
    pub parameter_position: String,
    /// Parameter alone.
    pub parameter_name: String,
    /// HTTP method.
    pub http_method: String,
    /// Text template.
    pub aasm_template: String,
    /// What is done against it.
    pub mitigations: Mitigations,
    /// Kind.
    pub issue_type: IssueType,
    /// OWASP categories.
    pub owasp: Vec<Category>,
    /// Labels.
    pub tags: Vec<IssueTag>,
    /// Confirmed.
    pub verified: bool,
    /// Exploited by an attack.
    pub incident: bool,
    /// Rule that judged it false.
    pub false_positive_rule_id: Option<i64>,
}

/// A change of an issue's state.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IssueStatusChange {
    /// Unix seconds.
    pub time: i64,
    /// Who.
    pub author: String,
    /// State before; empty when it was found.
    pub from: String,
    /// State after.
    pub to: String,
    /// Why.
    pub comment: String,
}

/// A security issue with everything known of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IssueDetail {
    /// What lists show.
    #[serde(flatten)]
    pub issue: IssueView,
    /// Leaked credentials.
    pub credentials: Vec<String>,
    /// More about it.
    pub additional_info: String,
    /// Requests that show it.
    pub exploitation_examples: Vec<String>,
    /// Excerpt of the answer that proved it, at most 8 KiB, masked where the node found it, with only its
    /// secrets masked where active verification did; empty without one.
    #[schema(example = "root:x:0:0:root:/root:/bin/bash")]
    pub evidence: String,
    /// Interactions from outside.
    #[schema(value_type = Vec<Object>)]
    pub oob_interaction: Vec<Value>,
    /// Whether passive detection saw it exploited.
    pub passive_detect_incident: bool,
    /// What it is.
    pub description: String,
    /// Where to read more.
    pub references: Vec<String>,
    /// What to do.
    pub mitigation: String,
    /// CWE ids.
    pub cwe: Vec<String>,
    /// Threat, 0 to 100, and its word.
    #[schema(value_type = Object)]
    pub risk_info: Value,
    /// How it was found.
    pub source: String,
    /// Technique; empty when unknown.
    #[schema(value_type = Object)]
    pub issue_subtype: Value,
    /// Addresses where it was seen.
    pub passive_detect_urls: Vec<String>,
    /// Entered by hand.
    pub manual: bool,
    /// Leaks.
    #[schema(value_type = Vec<Object>)]
    pub leaks_info: Vec<Value>,
    /// Whether the address still answers.
    pub url_active: bool,
    /// What happened to it, oldest first.
    pub status_history: Vec<IssueStatusChange>,
    /// Whether it can be checked again.
    pub recheckable: bool,
    /// The last check; empty when there was none.
    #[schema(value_type = Object)]
    pub last_recheck: Value,
}

/// Issues by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct IssueStates {
    /// Open.
    pub open: u64,
    /// Closed.
    pub closed: u64,
    /// Marked false.
    pub marked_false: u64,
    /// Hidden.
    pub hidden: u64,
}

/// Issues of one title, severity and source.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IssueGroup {
    /// Opaque; goes into the filter `group_id`.
    pub group_id: String,
    /// Title.
    pub title: String,
    /// Severity.
    pub severity: String,
    /// How they were found.
    pub discovered_by: String,
    /// The same for people.
    pub discovered_by_display_name: String,
    /// Kind.
    pub issue_type: IssueType,
    /// How many.
    pub security_issues_count: u64,
    /// How many of each state.
    pub states: IssueStates,
    /// OWASP categories.
    pub owasp: Vec<Category>,
    /// Distinct hosts.
    pub hosts_count: u64,
    /// The first of them in the alphabet.
    pub first_host: String,
    /// Tenant.
    pub client_id: i64,
    /// Labels of any of them.
    pub tags: Vec<IssueTag>,
}

/// `GET /v1/security_issues/{id}`.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IssueQuery {
    /// Tenant.
    #[serde(default, deserialize_with = "crate::lenient::int")]
    pub client_id: Option<i64>,
    /// API token, instead of the header.
    #[serde(default)]
    pub token: Option<String>,
}

/// `PUT /v1/security_issues/{id}`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct IssueUpdate {
    /// Tenant.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub client_id: Value,
    /// `open`, `closed`, `marked_false` or `hidden`.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "closed")]
    pub state: Value,
    /// `info`, `low`, `medium`, `high` or `critical`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub severity: Value,
    /// Why; alone it only comments. At most `limits.vuln_comment_characters`, 4096 unless the operator says otherwise.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "fixed in 2.4")]
    pub comment: Value,
}

/// A rule that judges new issues false.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FalsePositiveRuleView {
    /// Identity.
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Name.
    pub title: String,
    /// How issues were found; empty is any way.
    pub source: Vec<String>,
    /// Patterns for `hostname`, `endpoint` and `parameter`.
    #[schema(value_type = Object)]
    pub scope: Value,
    /// `{"titles_regex"}` or `{"types"}`.
    #[schema(value_type = Object)]
    pub issues: Value,
    /// `mark_as_false` or `auto_delete`.
    pub action: String,
    /// Unix seconds.
    pub created_at: i64,
}

/// A new or changed rule for false issues.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct FalsePositiveRuleWrite {
    /// Tenant; absent or 0 is the caller's own.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub client_id: Value,
    /// Name, 1 to 255 characters.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "Staging")]
    pub title: Value,
    /// Ways of finding; empty is any.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, example = json!(["passive_detect"]))]
    pub source: Value,
    /// Patterns, each optional: `hostname`, `endpoint`, `parameter`.
    #[serde(default)]
    #[schema(value_type = Option<Object>, example = json!({"hostname": "^staging\\."}))]
    pub scope: Value,
    /// `{"titles_regex": pattern}` or `{"types": [code]}`; absent is every issue.
    #[serde(default)]
    #[schema(value_type = Option<Object>, example = json!({"types": ["infoleak"]}))]
    pub issues: Value,
    /// `mark_as_false` (default) or `auto_delete`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub action: Value,
}
