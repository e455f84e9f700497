//! The whole configuration of a tenant as one document: exported, kept under version control, imported.
//!
//! Ids are those of the document: rules name expressions, and triggers name integrations and specifications, by numbers
//! that mean something in this document only. So the same configuration is the same document in every tenant.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api_spec::AuthHeader,
    integration::EventSwitch,
    rules_settings::{OverlimitSettings, RulesSettings},
};

/// What a document calls itself.
pub const FORMAT: &str = "bartizan-configuration";
/// The version of documents that this release writes and reads.
pub const VERSION: u32 = 1;

/// The configuration of a tenant. On import, a section that is absent stays as it is in the tenant; a section
/// that is there replaces the tenant's.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Configuration {
    /// `bartizan-configuration`.
    #[schema(example = "bartizan-configuration")]
    pub format: String,
    /// Version of the document.
    #[schema(example = 1)]
    pub version: u32,
    /// Applications, by id.
    pub applications: Vec<ApplicationEntry>,
    /// Rules in the order of precedence, as they are created, the general filtration mode among them. `regex_id`
    /// numbers the expressions of this document.
    #[schema(value_type = Vec<Object>)]
    pub rules: Vec<Map<String, Value>>,
    /// How the ruleset is made.
    pub rules_settings: RulesSettings,
    /// General time budget.
    pub overlimit_res_settings: OverlimitSettings,
    /// `on` or `off`.
    #[schema(example = "off")]
    pub attack_rechecker_mode: String,
    /// Entries of the IP lists that people made; those that triggers made come and go by themselves.
    pub ip_lists: Vec<IpListEntry>,
    /// Integrations.
    pub integrations: Vec<IntegrationEntry>,
    /// Triggers, without the one that every tenant has by default.
    pub triggers: Vec<TriggerEntry>,
    /// API specifications with their files and policies.
    pub api_specifications: Vec<ApiSpecEntry>,
    /// How API discovery works.
    #[schema(value_type = Object)]
    pub api_discovery: Map<String, Value>,
}

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplicationEntry {
    /// Id; -1 is the default one.
    #[schema(example = 1)]
    pub id: i64,
    /// Name.
    #[schema(example = "Shop")]
    pub name: String,
}

/// An entry of an IP list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IpListEntry {
    /// `allow`, `block` or `gray`.
    #[schema(example = "block")]
    pub list: String,
    /// `subnet`, `location`, `datacenter` or `proxy_type`.
    #[schema(example = "subnet")]
    pub rule_type: String,
    /// Values; one for a subnet.
    #[schema(example = json!(["203.0.113.0/24"]))]
    pub values: Vec<String>,
    /// Applications; absent or `[0]` is all.
    #[serde(default = "all_applications", skip_serializing_if = "is_all_applications")]
    pub application_ids: Vec<i64>,
    /// Unix seconds; absent is never. An entry that ended before it is imported is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired_at: Option<i64>,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

fn all_applications() -> Vec<i64> {
    vec![0]
}

fn is_all_applications(ids: &[i64]) -> bool {
    ids == [0]
}

/// An integration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IntegrationEntry {
    /// Number in this document, which triggers name.
    #[schema(example = 1)]
    pub id: i64,
    /// `slack`, `email`, `web_hooks`, ….
    #[serde(rename = "type")]
    #[schema(example = "slack")]
    pub kind: String,
    /// Name.
    #[schema(example = "On call")]
    pub name: String,
    /// Whether notifications go there.
    pub active: bool,
    /// Where they go. A masked secret stands for the one that the tenant's integration of this type and name has.
    #[schema(value_type = Object)]
    pub target: Value,
    /// Which notifications go there.
    #[serde(default)]
    pub events: Vec<EventSwitch>,
}

/// A trigger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggerEntry {
    /// What it watches.
    #[schema(example = "attacks_exceeded")]
    pub template_id: String,
    /// Name.
    pub name: String,
    /// Free text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Whether it is in force.
    pub enabled: bool,
    /// Filters; a `hint_tag` names a counter rule of this document, `api_spec_ids` are numbers of its specifications.
    #[serde(default)]
    #[schema(value_type = Vec<crate::trigger::FilterView>)]
    pub filters: Vec<Value>,
    /// Actions; `integration_ids` are numbers of this document.
    #[schema(value_type = Vec<crate::trigger::ActionView>)]
    pub actions: Vec<Value>,
    /// When it fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<ThresholdEntry>,
}

/// When a trigger fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdEntry {
    /// Seconds.
    #[schema(example = 3600)]
    pub period: i64,
    /// How many are still fine.
    #[schema(example = 100)]
    pub count: i64,
}

/// An API specification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiSpecEntry {
    /// Number in this document, which triggers name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 1)]
    pub id: Option<i64>,
    /// Title.
    #[schema(example = "Shop API")]
    pub title: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// Where the file comes from; empty: uploaded.
    #[serde(default)]
    pub file_remote_url: String,
    /// Whether the file is fetched again every hour.
    #[serde(default)]
    pub regular_file_update: bool,
    /// Whether traffic is compared with it.
    #[serde(default)]
    pub api_detection: bool,
    /// Applications that it is about.
    #[serde(default)]
    pub instances: Vec<i64>,
    /// Hosts that it is about.
    #[serde(default)]
    pub domains: Vec<String>,
    /// Headers to fetch the file with. A masked value stands for that of the tenant's specification of this title.
    #[serde(default)]
    pub auth_headers: Vec<AuthHeader>,
    /// The file; without it, it is fetched after the import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<ApiSpecFileEntry>,
    /// What happens to requests that break it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::api_spec::ApiSpecPolicyView>)]
    pub policy: Option<Map<String, Value>>,
}

/// The file of a specification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiSpecFileEntry {
    /// Name.
    #[schema(example = "shop.yaml")]
    pub name: String,
    /// Content.
    pub content: String,
}

/// `GET /v1/clients/{client_id}/configuration`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct ConfigurationQuery {
    /// Whether secrets of integrations and specifications are in the document as they are, not masked.
    #[serde(deserialize_with = "crate::lenient::flag")]
    pub secrets: Option<bool>,
}

/// `PUT /v1/clients/{client_id}/configuration`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct ConfigurationImportQuery {
    /// Whether the document is only checked and compared.
    #[serde(deserialize_with = "crate::lenient::flag")]
    pub dry_run: Option<bool>,
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConfigurationReport {
    /// Whether the configuration was changed; false for a dry run.
    pub applied: bool,
    /// By section.
    pub sections: BTreeMap<&'static str, SectionReport>,
}

/// What an import did with a section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SectionReport {
    /// Objects that the tenant did not have.
    pub created: usize,
    /// Objects that changed and kept their identity.
    pub updated: usize,
    /// Objects that the document does not have.
    pub deleted: usize,
    /// Objects that were so already.
    pub unchanged: usize,
    /// Entries of the document that ended before the import.
    #[serde(skip_serializing_if = "is_zero")]
    pub expired: usize,
}

// Serde asks for a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}
