//! Shapes of hits (`spec/events.md` section 1).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::node::SignPlace;

/// What may be unusual about a hit, as filters name it. No hit is judged that way, so a filter for one finds none.
pub const ANOMALIES: [&str; 6] = ["size", "statuscode", "response_time", "impression", "stamps", "vector"];

/// A malicious request: one attack type, one point. Every key is always there.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HitView {
    /// Index and id.
    pub id: [String; 2],
    /// Attack type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Source address.
    pub ip: String,
    /// Response size, bytes.
    pub size: i64,
    /// Status sent to the client; 0 is no response.
    pub statuscode: i64,
    /// Request time, Unix seconds.
    pub time: i64,
    /// Payload: the sign with its surroundings, at most 4096 characters.
    pub value: String,
    /// First character of the sign itself in `value`, and the first one behind it: the rest surrounds it. Null where it is
    /// not known.
    #[schema(example = json!([1, 9]))]
    pub payload_span: Option<[i64; 2]>,
    /// Where the sign itself stands in the request. Null where it is not known, and where the payload is masked.
    pub sign_place: Option<SignPlace>,
    /// Always null.
    pub impression: Option<i64>,
    /// Signature ids.
    pub stamps: Vec<i64>,
    /// Signed 32-bit hash of the stamps; 0 when none.
    pub stamps_hash: i64,
    /// Ids of regexp rules that matched.
    pub regex: Vec<i64>,
    /// Response time, milliseconds.
    pub response_time: i64,
    /// Country, ISO 3166-1 alpha-2.
    pub remote_country: Option<String>,
    /// Flat point: names, and numbers for indexes.
    #[schema(value_type = Vec<Object>)]
    pub point: Value,
    /// Source port; 0 is unknown.
    pub remote_port: i64,
    /// Application; -1 is the default one.
    pub poolid: i64,
    /// Whether the source was on the denylist.
    pub ip_blocked: bool,
    /// Found by an experimental rule.
    pub experimental: Option<bool>,
    /// Traffic of our own checker.
    pub wallarm_scanner: Option<bool>,
    /// Index and id of the attack.
    pub attackid: Vec<String>,
    /// `blocked`, `monitored` or `unknown`.
    pub block_status: String,
    /// Request, shared by all its hits.
    pub request_id: String,
    /// Data centre of the source.
    pub datacenter: String,
    /// Proxy kind of the source.
    pub proxy_type: Option<String>,
    /// `tor` or `none`.
    pub tor: String,
    /// `falsepositive`, `truepositive` or null.
    pub state: Option<String>,
    /// CVE ids and tags.
    pub known_attack: Option<Vec<String>>,
    /// Why it was judged false automatically.
    pub known_false: Option<String>,
    /// API protocol.
    pub protocol: String,
    /// Authentication schemes.
    pub auth_protocol: Vec<String>,
    /// API Discovery id.
    pub endpoint_id: Option<String>,
    /// Path without query.
    pub path: String,
    /// Host.
    pub domain: String,
    /// Detecting nodes.
    pub node_uuid: Vec<String>,
    /// Compromised logins, for credential stuffing.
    pub compromised_logins: Vec<String>,
    /// From the eBPF source.
    pub ebpf: Option<bool>,
    /// Caused by the attack-surface scanner.
    pub aasm_event: bool,
    /// How a specification was violated.
    pub api_spec_violation: Option<String>,
    /// Which specification.
    pub api_spec_id: Option<String>,
    /// Security issue that the hit exploited.
    pub security_issue_id: Option<i64>,
    /// The same as a vulnerability.
    pub vulnid: Option<i64>,
    /// HTTP method.
    pub method: String,
    /// Rendered point.
    pub parameter: String,
    /// Source address when it is IPv4, else empty.
    pub remote_addr4: String,
    /// Source address when it is IPv6, else empty.
    pub remote_addr6: String,
    /// The payload in a list, or nothing.
    pub payloads: Vec<String>,
    /// API session.
    pub session_id: Option<String>,
    /// API session as the application names it.
    pub orig_session_id: Option<String>,
    /// Rule or control that reacted.
    pub mitigation_control_id: Option<i64>,
    /// Technique.
    pub attack_subtype: Option<String>,
}

/// The serialised request of a hit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HitRawView {
    /// Index and id.
    pub id: [String; 2],
    /// The request: peer, method, uri, headers, body.
    #[schema(value_type = crate::node::RawRequest)]
    pub raw: Value,
}

/// `GET /v2/hit/details`.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HitDetailsQuery {
    /// `<index>:<id>`.
    #[serde(default)]
    pub id: String,
}

/// A request whose hits sampling left out; it is in no list of hits.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DroppedRequestView {
    /// Tenant.
    pub client_id: i64,
    /// Request.
    pub request_id: String,
    /// Request time, Unix seconds.
    pub request_time: i64,
    /// Applications; -1 is the default one.
    pub applications: Vec<i64>,
    /// HTTP method.
    pub request_method: String,
    /// Host.
    pub domain: String,
    /// Path without query.
    pub path: String,
    /// Source address.
    pub remote_addr: String,
    /// Address of the server.
    pub server_addr: String,
    /// Status sent to the client; 0 is no response.
    pub response_status: i64,
    /// Words about the request, such as the stage of sampling.
    #[schema(example = json!(["regular"]))]
    pub tags: Vec<String>,
    /// The hits that were left out: type, technique, point, payload, signatures, outcome.
    #[schema(value_type = Vec<crate::node::DroppedHit>)]
    pub hits: Vec<Value>,
}

/// `GET /v1/objects/hit/aggs_counts` and `…/mitigations/stats`.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HitStatsQuery {
    /// Tenant.
    #[serde(default, deserialize_with = "crate::lenient::int")]
    pub client_id: Option<i64>,
    /// Fields, separated by commas.
    #[serde(default)]
    pub terms: Option<String>,
    /// Start, Unix seconds; six months ago when absent.
    #[serde(default, deserialize_with = "crate::lenient::int")]
    pub start_time: Option<i64>,
    /// End, Unix seconds; now when absent.
    #[serde(default, deserialize_with = "crate::lenient::int")]
    pub end_time: Option<i64>,
}

/// Distinct addresses of hits, at most 10000 of each family.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HitAddresses {
    /// IPv4.
    #[schema(example = json!(["203.0.113.7"]))]
    pub ipv4: Vec<String>,
    /// IPv6.
    #[schema(example = json!(["2001:db8::1"]))]
    pub ipv6: Vec<String>,
}

/// Hits that a protection found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Mitigated {
    /// Of them, blocked.
    pub blocked: i64,
    /// All.
    pub total: i64,
}

/// Hits by protection.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct MitigationStats {
    /// API abuse prevention.
    pub api_abuse: Mitigated,
    /// Credential stuffing detection.
    pub credential_stuffing: Mitigated,
    /// GraphQL policies.
    pub graphql: Mitigated,
    /// Limit of processing time.
    pub overlimit_res: Mitigated,
    /// Virtual patches.
    pub vpatch: Mitigated,
}

/// Hits of a period.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct HitSummary {
    /// Hits, sampled-out ones included.
    pub hits: i64,
    /// Incidents.
    pub incidents: i64,
    /// Blocked hits.
    pub blocked: i64,
}
