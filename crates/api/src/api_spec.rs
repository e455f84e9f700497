//! Shapes of API specifications and their policies (`spec/rules.md` section 9.1).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::rule::ConditionView;

/// A page of specifications.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApiSpecList {
    /// Specifications, oldest first.
    pub items: Vec<ApiSpecView>,
    /// Page, from 1.
    #[schema(example = 1)]
    pub current_page: u64,
    /// Rows of a page.
    #[schema(example = 500)]
    pub per_page: u64,
    /// Pages.
    pub total_pages: u64,
    /// Specifications.
    pub total_count: u64,
}

/// An API specification.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApiSpecView {
    /// Identity.
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Title.
    #[schema(example = "Shop API")]
    pub title: String,
    /// Free text.
    pub description: String,
    /// `ready`, `error` when the file could not be fetched or read, `pending` while an imported one waits for its file.
    #[schema(example = "ready")]
    pub status: String,
    /// Applications that it is about.
    #[schema(value_type = Vec<i64>)]
    pub instances: Value,
    /// Hosts that it is about.
    #[schema(value_type = Vec<String>)]
    pub domains: Value,
    /// Whether the file is fetched again every hour.
    pub regular_file_update: bool,
    /// Whether traffic is compared with it.
    pub api_detection: bool,
    /// `info.version` of the file.
    #[schema(example = "1.4.0")]
    pub spec_version: String,
    /// Raised by each new file.
    pub version: i64,
    /// Operations in the file.
    pub endpoints_count: i64,
    /// Operations seen in traffic that the file does not have.
    pub shadow_endpoints_count: i64,
    /// Operations of the file that were not seen in traffic.
    pub orphan_endpoints_count: i64,
    /// Operations that left the file and are still seen in traffic.
    pub zombie_endpoints_count: i64,
    /// Version of the format.
    #[schema(example = "3.0.3")]
    pub openapi_version: String,
    /// Last fetch or upload that succeeded, RFC 3339.
    pub last_synced_at: Option<String>,
    /// Last comparison with traffic, RFC 3339.
    pub last_compared_at: Option<String>,
    /// RFC 3339.
    pub updated_at: String,
    /// RFC 3339.
    pub created_at: String,
    /// Version that nodes have.
    pub node_sync_version: i64,
    /// Where the file comes from; empty: uploaded.
    pub file_remote_url: String,
    /// The file; null as long as there is none.
    pub file: Option<ApiSpecFileView>,
    /// Policy; null as long as nobody set one.
    pub policy: Option<ApiSpecPolicyView>,
    /// Headers to fetch the file with; values are masked for callers who may not change specifications.
    pub auth_headers: Vec<AuthHeader>,
    /// Last change of the file, RFC 3339.
    pub file_changed_at: Option<String>,
    /// 1: JSON, 2: YAML, 0: no file.
    pub format: i64,
    /// What the reader of the file noticed.
    pub report: Vec<SpecFinding>,
}

/// The file of a specification.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApiSpecFileView {
    /// Name.
    #[schema(example = "openapi.yaml")]
    pub name: String,
    /// Where to load it without credentials for ten minutes.
    pub signed_url: String,
    /// SHA-256, hex.
    pub checksum: String,
    /// Type.
    #[schema(example = "application/yaml")]
    pub mime_type: String,
    /// Version.
    pub version: i64,
}

/// Something that the reader of a file noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpecFinding {
    /// `error` or `warning`.
    #[schema(example = "warning")]
    pub level: String,
    /// Where, as a JSON pointer.
    #[schema(example = "/paths/~1orders/get")]
    pub pointer: String,
    /// What.
    pub message: String,
}

/// A header to fetch a file with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuthHeader {
    /// Name.
    #[schema(example = "Authorization")]
    pub key: String,
    /// Value.
    pub value: String,
}

/// `POST` and `PUT` of specifications. In a change, what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct ApiSpecRequest {
    /// Title, 1 to 255 characters.
    #[serde(default)]
    #[schema(example = "Shop API")]
    pub title: Option<String>,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
    /// Where the file comes from; empty for an uploaded one.
    #[serde(default)]
    #[schema(example = "https://example.com/openapi.yaml")]
    pub file_remote_url: Option<String>,
    /// Whether the file is fetched again every hour.
    #[serde(default, deserialize_with = "crate::lenient::flag")]
    pub regular_file_update: Option<bool>,
    /// Whether traffic is compared with it.
    #[serde(default, deserialize_with = "crate::lenient::flag")]
    pub api_detection: Option<bool>,
    /// Applications.
    #[serde(default)]
    #[schema(value_type = Option<Vec<i64>>)]
    pub instances: Option<Vec<Value>>,
    /// Hosts.
    #[serde(default)]
    pub domains: Option<Vec<String>>,
    /// Headers to fetch the file with.
    #[serde(default)]
    pub auth_headers: Option<Vec<AuthHeader>>,
}

/// What happens to requests that break a specification. Modes are `block`, `monitor` or `ignore`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApiSpecPolicyView {
    /// Whether it is in force.
    pub enabled: bool,
    /// Which requests are checked; none: all.
    pub conditions: Vec<ConditionView>,
    /// Operations that the specification does not have.
    #[schema(example = "monitor")]
    pub undefined_endpoint_mode: String,
    /// Parameters that it does not have.
    pub undefined_parameter_mode: String,
    /// Required parameters that are missing.
    pub missing_parameter_mode: String,
    /// Values that do not fit.
    pub invalid_parameter_value_mode: String,
    /// Authentication that is missing.
    pub missing_auth_mode: String,
    /// Bodies that cannot be read.
    pub invalid_request_mode: String,
    /// Checks that take too long.
    pub timeout_mode: String,
    /// Requests that are too large to check.
    pub max_request_size_mode: String,
    /// Longest check, milliseconds.
    #[schema(example = 50)]
    pub timeout: i64,
    /// Largest checked request, KiB.
    #[schema(example = 1024)]
    pub max_request_size: i64,
}
