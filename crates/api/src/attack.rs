//! Shapes of attacks (`spec/events.md` section 2.3).

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Hits of one address.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IpCount {
    /// Address.
    pub ip: String,
    /// Hits.
    pub count: i64,
    /// Country; empty is unknown.
    pub country: String,
}

/// Hits of one country.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CountryCount {
    /// Country; empty is unknown.
    pub country: String,
    /// Hits.
    pub count: i64,
}

/// A vulnerability as the attacks that exploited it show it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LinkedVuln {
    /// Identity.
    pub id: i64,
    /// Human id.
    pub wid: String,
    /// 0 to 100.
    pub threat: i64,
    /// `open`, `closed` or `falsepositive`.
    pub status: String,
    /// Title.
    pub title: String,
}

/// A group of hits. Every key is always there.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AttackView {
    /// Index and id.
    pub id: [String; 2],
    /// The same joined, for filters of hits.
    pub attackid: String,
    /// Tenant.
    pub clientid: i64,
    /// Host.
    pub domain: Option<String>,
    /// Application.
    pub poolid: i64,
    /// Most frequent method.
    pub method: String,
    /// Rendered point.
    pub parameter: String,
    /// Flat point.
    #[schema(value_type = Vec<Object>)]
    pub point: Value,
    /// Path, or `[multiple]`.
    pub path: String,
    /// Attack type.
    #[serde(rename = "type")]
    pub kind: String,
    /// First hit, Unix seconds.
    pub first_time: i64,
    /// Last hit, Unix seconds.
    pub last_time: i64,
    /// Hits, sampled-out ones included, false positives not.
    pub hits: i64,
    /// Stored hits that match the filter of the request.
    pub hits_count_by_filter: i64,
    /// Distinct addresses.
    pub ip_count: i64,
    /// Distinct addresses of the hits that match the filter.
    pub ip_count_by_filter: i64,
    /// The five addresses with most hits.
    pub ip_top: Vec<IpCount>,
    /// Distinct countries.
    pub country_count: i64,
    /// The five countries with most hits.
    pub country_top: Vec<CountryCount>,
    /// Data centres.
    pub datacenter: Vec<String>,
    /// Tor.
    pub tor: Option<String>,
    /// Distinct status codes.
    pub statuscodes: Vec<i64>,
    /// The same of the hits that match the filter.
    pub statuscodes_by_filter: Option<Vec<i64>>,
    /// Distinct payloads.
    pub vectors_count: i64,
    /// The same of the hits that match the filter.
    pub vectors_count_by_filter: Option<i64>,
    /// Anomalies.
    pub anomality: Option<Vec<String>>,
    /// Signature ids, as text.
    pub sid: Vec<String>,
    /// Vulnerability: then the attack is an incident.
    pub vulnid: Option<i64>,
    /// Linked vulnerabilities.
    pub vulns: Vec<LinkedVuln>,
    /// 0 to 100.
    pub threat: i64,
    /// `server`, `client` or `database`.
    pub target: String,
    /// All hits come from experimental rules.
    pub experimental: Option<bool>,
    /// State of active verification.
    pub recheck_status: Option<String>,
    /// Time of active verification.
    pub recheck_time: Option<i64>,
    /// `blocked`, `monitored`, `partially_blocked` or `unknown`.
    pub block_status: Option<String>,
    /// `falsepositive` when all hits are.
    pub state: Option<String>,
    /// CVE ids and tags of all hits.
    pub known_attack: Vec<String>,
    /// Whether some hits are counted but not stored.
    pub sampled: bool,
    /// `open` while a linked vulnerability is; null for attacks proper.
    pub incident_status: Option<String>,
}

/// A page of attacks.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AttackPage {
    /// Always 200, as the HTTP status.
    #[schema(example = 200)]
    pub status: u16,
    /// Send it back for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The attacks.
    pub body: Vec<AttackView>,
}

/// How many attacks.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct AttackCount {
    /// Attacks.
    pub attacks: i64,
    /// Their hits.
    pub hits: i64,
    /// Their distinct addresses.
    pub ips: i64,
}
