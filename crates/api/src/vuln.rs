//! Shapes of vulnerabilities (`spec/events.md` section 4).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    ApiError,
    node::{RawRequest, VulnEvidence},
    vuln_type,
};

/// A vulnerability. Every key is always there.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VulnView {
    /// Identity.
    pub id: i64,
    /// Tenant.
    pub clientid: i64,
    /// Human id, `ACME-7`.
    pub wid: String,
    /// The human id again.
    pub short_wid: String,
    /// `open`, `closed` or `falsepositive`.
    pub status: String,
    /// Vulnerability type.
    #[serde(rename = "type")]
    pub kind: String,
    /// `server`, `client` or `database`.
    pub target: String,
    /// 0 to 100.
    pub threat: i64,
    /// The threat as a word: `info`, `low`, `medium`, `high` or `critical`.
    pub threat_level: &'static str,
    /// Title.
    pub title: String,
    /// What it is.
    pub description: String,
    /// More of it.
    pub additional: String,
    /// How to show it.
    pub exploit_example: String,
    /// Excerpt of the answer that proved it, at most 8 KiB, masked where the node found it, with only its
    /// secrets masked where active verification did; empty without one.
    #[schema(example = "root:x:0:0:root:/root:/bin/bash")]
    pub evidence: String,
    /// HTTP method.
    pub method: String,
    /// Host.
    pub domain: String,
    /// Path.
    pub path: String,
    /// Parameter.
    pub parameter: String,
    /// Places that it covers: method, domain, path and parameter each.
    #[schema(value_type = Vec<Object>)]
    pub filter: Value,
    /// Text template.
    pub template: String,
    /// Values for the template.
    #[schema(value_type = Object)]
    pub template_params: Value,
    /// When it was confirmed, Unix seconds.
    pub validate_time: i64,
    /// When it was closed; null while it is open or called false.
    pub invalidate_time: Option<i64>,
    /// When it was looked at last.
    pub last_check: Option<i64>,
    /// Attacks that exploited it.
    pub incidents: Option<Vec<String>>,
    /// Confirmed.
    pub validated: bool,
    /// Not shown to users.
    pub hidden: bool,
    /// How it was found.
    pub detection_method: String,
    /// `auto`, `manual`, or null when it cannot be checked again.
    pub vuln_recheck_type: Option<String>,
    /// Schema-based test run.
    pub testrun_id: Option<i64>,
    /// State of the linked ticket.
    pub ticket_status: Option<String>,
    /// Linked tickets.
    #[schema(value_type = Vec<Object>)]
    pub ticket_history: Vec<Value>,
    /// A virtual patch answers it.
    pub vpatched: bool,
    /// Application.
    pub pool: Option<i64>,
}

/// A new vulnerability.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct VulnCreate {
    /// Tenant; absent or 0 is the caller's own.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub clientid: Value,
    /// Everything else: `type`, `domain`, `path`, `method` and `title` are required; `parameter`, `threat`,
    /// `target`, `description`, `additional`, `exploit_example` and `template` may follow.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub fields: serde_json::Map<String, Value>,
}

/// Changes a vulnerability.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct VulnUpdate {
    /// `id` and optionally `clientid`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub filter: Value,
    /// What to change: `status`, `last_check`, `vuln_recheck_type`, `template`, `template_params`, `threat`, `title`,
    /// `description`, `additional`, `exploit_example`, `filter`, `validated`, `hidden`, `vpatched`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub fields: serde_json::Map<String, Value>,
}

/// Changed vulnerabilities.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VulnsView {
    /// The vulnerabilities after the change.
    pub vulns: Vec<VulnView>,
}

/// What became of a request to check again.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct RecheckView {
    /// `queued`.
    #[schema(example = "queued")]
    pub status: &'static str,
}

/// Text of a message, cut, with the size that it had.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Cut {
    /// The beginning.
    pub example: String,
    /// Bytes of the whole.
    pub original_size: Option<u64>,
}

/// A sign that an answer showed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ResponseStamp {
    /// Whether the node refused the request.
    pub blocked: bool,
    /// Kind of the sign.
    #[serde(rename = "type")]
    pub kind: String,
    /// The part of the answer.
    pub value: Cut,
    /// Number of the sign.
    pub num: Option<i64>,
}

/// The request behind a proof.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PassiveRaw {
    /// Method.
    pub method: String,
    /// Path with query.
    pub uri: String,
    /// `HTTP/1.1` and so on.
    pub proto: String,
    /// Header name to values.
    pub headers: std::collections::BTreeMap<String, Vec<String>>,
    /// Body.
    pub body: Cut,
    /// Signs of the answer.
    pub response_stamps: Vec<ResponseStamp>,
}

/// `POST /v2/vuln/passive_detection`: a flaw that a node's analysis found.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PassiveDetection {
    /// Vulnerability type.
    #[serde(rename = "type")]
    #[schema(example = "sqli")]
    pub kind: String,
    /// HTTP method.
    pub method: String,
    /// Host.
    pub domain: String,
    /// Path.
    pub path: String,
    /// Rendered point.
    pub parameter: String,
    /// Unix seconds.
    pub request_time: Option<i64>,
    /// The request.
    pub raw: PassiveRaw,
}

impl PassiveDetection {
    /// The proof as nodes send it with their events.
    ///
    /// # Errors
    /// 400 naming a required field that is empty, or a type that no vulnerability has.
    pub fn proof(&self, node_uuid: &str, now_ms: i64) -> Result<VulnEvidence, ApiError> {
        let required = [("type", &self.kind), ("domain", &self.domain), ("path", &self.path)];
        if let Some((name, _)) = required.iter().find(|(_, value)| value.is_empty()) {
            return Err(ApiError::field(name, "is required", Value::Null));
        }
        if !vuln_type::is_known(&vuln_type::code_of(&self.kind)) {
            return Err(ApiError::field("type", "unknown type of vulnerability", self.kind.as_str()));
        }
        let stamp = self.raw.response_stamps.first();
        let text = |text: &str| text.replace('\0', " ");
        Ok(VulnEvidence {
            event_id: String::new(),
            request_id: String::new(),
            ts_ms: self.request_time.map_or(now_ms, |time| time.saturating_mul(1000)),
            node_uuid: node_uuid.to_owned(),
            application: -1,
            vuln_type: text(&self.kind),
            exploited: false,
            attack_type: crate::AttackType::parse_code(&self.kind),
            parameter: text(&self.parameter),
            domain: text(&self.domain),
            path: text(&self.path),
            method: text(&self.method),
            scheme: String::new(),
            statuscode: 0,
            sign: stamp.map(|stamp| text(&stamp.kind)).unwrap_or_default(),
            sign_class: String::new(),
            description: String::new(),
            evidence: stamp.map(|stamp| text(&stamp.value.example)).unwrap_or_default(),
            raw: RawRequest {
                method: text(&self.raw.method),
                uri: text(&self.raw.uri),
                proto: text(&self.raw.proto),
                headers: self.raw.headers.clone(),
                body: text(&self.raw.body.example),
                ..RawRequest::default()
            },
        })
    }
}

/// Names vulnerabilities whose status changes.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct VulnStatusRequest {
    /// One id or a list.
    #[serde(default)]
    #[schema(value_type = Vec<i64>)]
    pub id: Value,
    /// Why; kept in the history and the activity log. At most `limits.vuln_comment_characters`, 4096 unless the operator
    /// says otherwise.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub comment: Value,
}
