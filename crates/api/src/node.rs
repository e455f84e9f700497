//! The node-to-cloud protocol, `/node/v1` (`spec/node.md` section 1.5).
//!
//! JSON over HTTP. Registration carries a token in `X-WallarmAPI-Token`; every other call carries
//! `Authorization: Node <uuid>:<secret>`. Both sides use these types, so the protocol has one definition.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, MapAccess, Visitor, value::MapAccessDeserializer},
};
use utoipa::ToSchema;

use crate::AttackType;

/// The bundle format that this build reads and writes. Counted on from where the public system is (`5x`,
/// `spec/node.md` section 8.1), so that a range of formats in settings written for it means what it says here.
pub const BUNDLE_FORMAT: u32 = 54;

/// `POST /node/v1/register`: a new node instance introduces itself.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RegisterRequest {
    /// Host name of the machine, for display.
    pub hostname: String,
    /// Free labels; `group` names the node group when the token is an API token.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Version of the node software.
    pub version: String,
    /// Operating role, `proxy` for now.
    pub role: String,
    /// Operating system, for display.
    #[serde(default)]
    pub os: String,
    /// Processor architecture, for display.
    #[serde(default)]
    pub arch: String,
    /// Public half of the node's Ed25519 key, hex.
    #[serde(default)]
    pub public_key: String,
    /// UUID of the instance that this one replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_uuid: Option<String>,
}

/// Answer to a registration. The secret is shown here only.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct RegisterResponse {
    /// Identity of the instance.
    pub uuid: String,
    /// Secret of the instance, 64 hex characters.
    pub secret: String,
    /// Tenant that owns the node.
    pub clientid: i64,
    /// Node group of the instance.
    pub group_id: i64,
    /// Whether the group serves several tenants.
    pub partner_mode: bool,
    /// Ed25519 public keys (hex) that sign bundles.
    pub signing_keys: Vec<String>,
    /// How often to call what.
    pub intervals: Intervals,
}

/// Call intervals, seconds.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Intervals {
    /// Seconds between heartbeats.
    pub heartbeat_s: u64,
    /// Seconds between full synchronisations; changes arrive earlier through the watch call.
    pub sync_s: u64,
}

/// `POST /node/v1/heartbeat`: the node is alive, and this is what it runs.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatRequest {
    /// Random number made at each process start; counters restart with it. A string: it uses all 64 bits.
    pub startid: String,
    /// Counts up with every heartbeat of one start, so that deltas are applied once.
    pub seq: u64,
    /// Seconds since the process started.
    pub uptime_s: u64,
    /// Versions in force.
    pub versions: BTreeMap<String, i64>,
    /// Component name to version.
    #[serde(default)]
    pub packages: BTreeMap<String, String>,
    /// Counter increments since the heartbeat before (names of `spec/node.md` section 8.1).
    #[serde(default)]
    pub stats: BTreeMap<String, u64>,
    /// Average requests per second over the last minute.
    #[serde(default)]
    pub rps_m1: f64,
    /// What went wrong since the heartbeat before, human-readable.
    #[serde(default)]
    pub errors: Vec<String>,
}

/// Answer to a heartbeat.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HeartbeatResponse {
    /// Versions that the node should run.
    pub desired: BTreeMap<String, i64>,
}

/// What kind of bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BundleKind {
    /// The custom ruleset of one tenant.
    Ruleset,
}

/// One downloadable bundle.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BundleEntry {
    /// What it holds.
    pub kind: BundleKind,
    /// Version, ascending.
    pub version: i64,
    /// Format of the content, [`BUNDLE_FORMAT`].
    pub format: u32,
    /// Size, bytes.
    pub size: u64,
    /// SHA-256 of the bytes, hex.
    pub sha256: String,
    /// Ed25519 signature, hex, over `bundle_signed_text`.
    pub sig: String,
    /// Path to fetch it from.
    pub url: String,
}

impl BundleEntry {
    /// The text that the bundle signature covers: kind, tenant, version, format and content hash, so that
    /// neither content, version nor tenant can be exchanged.
    #[must_use]
    pub fn signed_text(kind: BundleKind, clientid: i64, version: i64, format: u32, sha256: &str) -> String {
        format!("bartizan-bundle\n{kind:?}\n{clientid}\n{version}\n{format}\n{sha256}")
    }
}

/// `GET /node/v1/manifest`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Manifest {
    /// Configuration sequence number that this manifest reflects; pass it to the watch call.
    pub seq: i64,
    /// Current bundles.
    pub bundles: Vec<BundleEntry>,
    /// What the tenant's rules settings say about rulesets.
    #[serde(default)]
    pub limits: RulesetLimits,
}

/// What a ruleset must keep to; nodes refuse another one and keep theirs (`spec/node.md` section 1.4). Null is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RulesetLimits {
    /// `max_lom_size`: largest size of the bundle, bytes.
    pub max_size: Option<i64>,
    /// `min_lom_format`: lowest format.
    pub min_format: Option<i64>,
    /// `max_lom_format`: highest format.
    pub max_format: Option<i64>,
}

impl RulesetLimits {
    /// Why a bundle is beyond the limits, with the name of the setting; none when it keeps to them.
    #[must_use]
    pub fn fault(&self, format: u32, size: u64) -> Option<String> {
        let format = i64::from(format);
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        if let Some(max) = self.max_size.filter(|max| size > *max) {
            return Some(format!("its {size} bytes are more than max_lom_size, {max}"));
        }
        if let Some(min) = self.min_format.filter(|min| format < *min) {
            return Some(format!("its format {format} is below min_lom_format, {min}"));
        }
        let max = self.max_format.filter(|max| format > *max)?;
        Some(format!("its format {format} is above max_lom_format, {max}"))
    }
}

/// `GET /node/v1/watch?since=<seq>`: answered when something changed, or after 55 s with `changed: []`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WatchResponse {
    /// Configuration sequence number now.
    pub seq: i64,
    /// Kinds that changed since: `ruleset`, `iplists`.
    pub changed: Vec<String>,
}

/// Which list an entry is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ListName {
    /// Passed without inspection.
    Allow,
    /// Refused.
    Deny,
    /// Suspect: attacks are blocked in safe blocking.
    Gray,
}

/// One IP-list entry as a node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListEntry {
    /// Identity, for deletion; the codes of one group share it.
    pub id: i64,
    /// List.
    pub list: ListName,
    /// `ip` (address or subnet), `country`, `datacenter` or `proxy`.
    pub kind: String,
    /// Address, subnet or code.
    pub value: String,
    /// Applications it holds for; null is all.
    pub apps: Option<Vec<i64>>,
    /// Attack type of events that the entry causes; null is `blocked_source`.
    #[serde(default)]
    pub attack_type: Option<AttackType>,
    /// Unix seconds; null is never.
    pub expires_at: Option<i64>,
}

/// `GET /node/v1/lists?since=<seq>`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ListsResponse {
    /// List sequence number now.
    pub seq: i64,
    /// Whether `add` is the complete list and everything else must go.
    pub full: bool,
    /// New entries.
    pub add: Vec<ListEntry>,
    /// Ids of removed entries.
    pub del: Vec<i64>,
}

/// `POST /node/v1/events`: a batch from the spool. Sending it again changes nothing.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventsRequest {
    /// Identity of the batch.
    pub batch_id: String,
    /// Position of the last event of the batch in the node's spool.
    pub seq: u64,
    /// The events.
    pub events: Vec<Event>,
}

/// Answer to a batch: everything up to `acked_seq` is durable in the cloud.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventsResponse {
    /// The `seq` of the batch.
    pub acked_seq: u64,
    /// Events that could not be taken (set aside and counted), by index.
    #[serde(default)]
    pub rejected: Vec<RejectedEvent>,
}

/// An event that the cloud set aside.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RejectedEvent {
    /// Index in the batch.
    pub index: usize,
    /// Why.
    pub reason: String,
}

/// An event of a node.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A malicious request: one per attack type and point.
    Hit(Box<HitEvent>),
    /// An answer that proves a vulnerability.
    VulnEvidence(Box<VulnEvidence>),
    /// A malicious request whose hits are not uploaded, because enough like them were.
    DroppedHits(Box<DroppedHits>),
}

/// By hand: what is derived for a tagged enum keeps a copy of the whole event until it has seen the tag, which costs
/// more than everything else about reading one. Nodes write the tag first, and then nothing is kept.
impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Event, D::Error> {
        deserializer.deserialize_map(EventVisitor)
    }
}

struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = Event;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event with a kind")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Event, A::Error> {
        let Some(key) = map.next_key::<String>()? else { return Err(A::Error::missing_field("kind")) };
        if key == "kind" {
            let kind: String = map.next_value()?;
            return event_of(&kind, MapAccessDeserializer::new(map));
        }
        let mut members = serde_json::Map::new();
        members.insert(key, map.next_value()?);
        while let Some((key, value)) = map.next_entry()? {
            members.insert(key, value);
        }
        match members.remove("kind") {
            Some(serde_json::Value::String(kind)) => {
                event_of(&kind, serde_json::Value::Object(members)).map_err(A::Error::custom)
            }
            Some(_) => Err(A::Error::custom("kind must be a string")),
            None => Err(A::Error::missing_field("kind")),
        }
    }
}

fn event_of<'de, D: Deserializer<'de>>(kind: &str, members: D) -> Result<Event, D::Error> {
    match kind {
        "hit" => Box::deserialize(members).map(Event::Hit),
        "vuln_evidence" => Box::deserialize(members).map(Event::VulnEvidence),
        "dropped_hits" => Box::deserialize(members).map(Event::DroppedHits),
        other => Err(D::Error::unknown_variant(other, &["hit", "vuln_evidence", "dropped_hits"])),
    }
}

/// What an answer proves of the application behind the node (`spec/node.md` section 6.1).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VulnEvidence {
    /// Identity for idempotent insertion: 20 URL-safe characters, made by the node.
    pub event_id: String,
    /// Request whose answer it is, shared with its hits.
    pub request_id: String,
    /// Request time, Unix milliseconds.
    pub ts_ms: i64,
    /// UUID of the detecting node.
    #[serde(default)]
    pub node_uuid: String,
    /// Application; -1 is the default one.
    #[serde(default = "default_application")]
    pub application: i64,
    /// Vulnerability type, `sqli`, `infoleak`, `weak_auth`, ….
    pub vuln_type: String,
    /// Whether the attack in the request did what it was meant to: then its hits are an incident.
    #[serde(default)]
    pub exploited: bool,
    /// Attack type of those hits.
    #[serde(default)]
    pub attack_type: Option<AttackType>,
    /// Rendered point of those hits; empty when the request has no part in it.
    #[serde(default)]
    pub parameter: String,
    /// Host header, lower case, with port when not default.
    pub domain: String,
    /// Path without query.
    pub path: String,
    /// HTTP method.
    pub method: String,
    /// `http` or `https`.
    #[serde(default)]
    pub scheme: String,
    /// Status of the answer.
    #[serde(default)]
    pub statuscode: u16,
    /// What in the answer proves it, in words.
    #[serde(default)]
    pub sign: String,
    /// What kind of thing leaks, `card_number` or `trace`: two kinds in one place are two flaws. Empty where the type
    /// says it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sign_class: String,
    /// What that means, in words.
    #[serde(default)]
    pub description: String,
    /// The part of the answer that proves it, at most 8 KiB; non-UTF-8 bytes as `\xNN`.
    #[serde(default)]
    pub evidence: String,
    /// The request, after masking.
    #[serde(default)]
    pub raw: RawRequest,
}

fn default_application() -> i64 {
    -1
}

/// A request with hits that sampling left out (`spec/node.md` section 1.6): what is known of it by its id.
///
/// It counts nothing. How many hits were left out is in `aggregated_count` of the hits that are uploaded: a hit that is
/// kept says how many identical ones it stands for, those left out before it included, so that a number is never told
/// twice. A node may leave these records out, too, where there are too many of them.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DroppedHits {
    /// Identity for idempotent insertion: 20 URL-safe characters, made by the node.
    pub event_id: String,
    /// The request, as the block page and the access log name it.
    pub request_id: String,
    /// Request time, Unix milliseconds.
    pub ts_ms: i64,
    /// UUID of the detecting node.
    #[serde(default)]
    pub node_uuid: String,
    /// Application; -1 is the default one.
    #[serde(default = "default_application")]
    pub application: i64,
    /// HTTP method.
    pub method: String,
    /// Host header, lower case, with port when not default.
    pub domain: String,
    /// Path without query.
    pub path: String,
    /// Client address after trusted-proxy evaluation.
    pub ip: String,
    /// Address of the server that the request arrived at.
    #[serde(default)]
    pub server_addr: String,
    /// Final status sent to the client; 0 is none.
    #[serde(default)]
    pub statuscode: u16,
    /// Why the hits were left out and other words about the request: `extreme`, `regular`, `acl`, ….
    #[serde(default)]
    pub tags: Vec<String>,
    /// The hits that were left out.
    pub hits: Vec<DroppedHit>,
}

/// A hit that was left out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DroppedHit {
    /// Attack type.
    #[serde(rename = "type")]
    pub attack_type: AttackType,
    /// Technique, for instance `sqli_union_based`.
    #[serde(default)]
    pub attack_subtype: Option<String>,
    /// Flat point chain: strings, and numbers for indexes.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub point: Vec<serde_json::Value>,
    /// Rendered point, `GET_q_value`.
    #[serde(default)]
    pub parameter: String,
    /// Payload, at most 4,096 characters, after masking.
    #[serde(default)]
    pub value: String,
    /// Signature ids.
    #[serde(default)]
    pub stamps: Vec<u32>,
    /// Decision.
    pub block_status: BlockStatus,
}

/// Whether the node let the request through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BlockStatus {
    /// Refused by the node.
    Blocked,
    /// Passed to the upstream.
    Monitored,
}

/// One malicious request, one attack type, one point (`spec/events.md` sections 1 and 9).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HitEvent {
    /// Identity for idempotent insertion: 20 URL-safe characters, made by the node.
    pub event_id: String,
    /// 32 hex characters, shared by all hits of one request.
    pub request_id: String,
    /// Request time, Unix milliseconds.
    pub ts_ms: i64,
    /// UUID of the detecting node.
    pub node_uuid: String,
    /// Application; -1 is the default one.
    pub application: i64,
    /// Ruleset in force at the time.
    pub ruleset_version: i64,
    /// Attack type.
    pub attack_type: AttackType,
    /// Technique, for instance `sqli_union_based`.
    #[serde(default)]
    pub attack_subtype: Option<String>,
    /// Flat point chain: strings, and numbers for indexes.
    #[schema(value_type = Vec<Object>)]
    pub point: Vec<serde_json::Value>,
    /// Rendered point, `GET_q_value`.
    pub parameter: String,
    /// Payload: the sign and its surroundings, at most 4,096 characters; non-UTF-8 bytes as `\xNN`.
    pub value: String,
    /// First character of the sign itself in `value`, and the first one behind it; absent is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_span: Option<[u32; 2]>,
    /// Where the sign itself stands in the request; absent is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_place: Option<SignPlace>,
    /// Signature ids.
    #[serde(default)]
    pub stamps: Vec<u32>,
    /// Ids of regexp rules that matched.
    #[serde(default)]
    pub regex: Vec<i64>,
    /// Produced by an experimental rule.
    #[serde(default)]
    pub experimental: bool,
    /// CVE ids and tags.
    #[serde(default)]
    pub known_attack: Vec<String>,
    /// Client address after trusted-proxy evaluation.
    pub ip: String,
    /// Client port; 0 is unknown.
    #[serde(default)]
    pub remote_port: u16,
    /// Host header, lower case, with port when not default.
    pub domain: String,
    /// Path without query.
    pub path: String,
    /// HTTP method.
    pub method: String,
    /// `HTTP/1.1` and so on.
    pub proto: String,
    /// `http` or `https`.
    pub scheme: String,
    /// API protocol: `rest`, `graphql`, `web-form`, … or `none`.
    #[serde(default)]
    pub api_protocol: String,
    /// Authentication schemes seen in the request.
    #[serde(default)]
    pub auth_protocol: Vec<String>,
    /// Final status sent to the client; 0 is none.
    pub statuscode: u16,
    /// Response time, milliseconds.
    pub response_time: u32,
    /// Response size, bytes.
    pub response_size: u64,
    /// Request size, bytes.
    #[serde(default)]
    pub request_size: u64,
    /// Decision.
    pub block_status: BlockStatus,
    /// Why blocked or not (`spec/node.md` section 8.3, `wallarm_block_reason`).
    pub block_reason: String,
    /// Whether the source was on the denylist.
    #[serde(default)]
    pub ip_blocked: bool,
    /// Filtration mode in force.
    pub mode: String,
    /// How many identical hits this one stands for (sampling); at least 1, at most `limits.aggregated_count` of the cloud.
    #[serde(default = "one")]
    pub aggregated_count: u32,
    /// The request, after masking.
    pub raw: RawRequest,
    /// What else is known of the request.
    #[serde(default, skip_serializing_if = "HitContext::is_empty")]
    pub context: HitContext,
}

/// Where the sign of a hit stands in its request: an addition to the wire form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignPlace {
    /// First byte of the sign in the value of the point, as decoded by what the point names, and the first one behind it. All of the
    /// value where the sign shows in a rewritten form of it only.
    #[serde(default)]
    #[schema(example = json!([1, 9]))]
    pub value: Option<[u32; 2]>,
    /// Where in the recorded request these bytes stand. Null where that is not certain: a decoder other than percent-encoding of
    /// the query or a form made the value (escapes of JSON, base64, compression, …), two fields have the same value, or something
    /// before the sign was masked or not recorded.
    #[serde(default)]
    pub request: Option<RequestSpan>,
}

/// Characters of a part of a recorded request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestSpan {
    /// The part.
    pub part: RecordedPart,
    /// First character, and the first one behind.
    #[schema(example = json!([11, 25]))]
    pub span: [u32; 2],
}

/// A text of a recorded request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordedPart {
    /// `uri`.
    Uri,
    /// The one value of the header that the point names.
    Header,
    /// `body`.
    Body,
}

impl HitEvent {
    /// The text of a part in the recorded request.
    #[must_use]
    pub fn recorded(&self, part: RecordedPart) -> Option<&str> {
        match part {
            RecordedPart::Uri => Some(&self.raw.uri),
            RecordedPart::Body => Some(&self.raw.body),
            RecordedPart::Header => {
                let name = self.point.first().filter(|step| *step == "header").and(self.point.get(1))?;
                match self.raw.headers.get(name.as_str()?)?.as_slice() {
                    [value] => Some(value),
                    _ => None,
                }
            }
        }
    }
}

/// What a node or a feature knows of a request beyond the request itself; everything may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct HitContext {
    /// Country of the source, ISO 3166-1 alpha-2, or what databases of addresses say where there is none: `A1`, `A2`, `AP`,
    /// `EU`, `O1`, `T1`, `XX`. Anything else counts as unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Data centre of the source: `aws`, `azure`, `gce`, ….
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datacenter: Option<String>,
    /// Proxy kind of the source: `VPN`, `PUB`, `WEB`, `TOR`, `SES` or `MIP`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_type: Option<String>,
    /// Whether the source is a Tor exit.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tor: bool,
    /// Counter of a behavioural rule that reacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter: Option<String>,
    /// Why the hit is judged false automatically.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_false: Option<String>,
    /// API Discovery id of the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_id: Option<String>,
    /// Specification that the request was checked against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_spec_id: Option<String>,
    /// How the specification was violated, `undefined_endpoint` and so on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_spec_violation: Option<String>,
    /// API session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// API session as the application names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orig_session_id: Option<String>,
    /// Rule or control that reacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mitigation_control_id: Option<i64>,
    /// Logins known to be compromised, for credential stuffing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub compromised_logins: Vec<String>,
    /// Traffic of the platform's own checker.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub wallarm_scanner: bool,
    /// Caused by the attack-surface scanner.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub aasm_event: bool,
    /// From the eBPF source.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ebpf: bool,
    /// Filtration mode that the node is configured with, where a rule of the cloud puts another in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_mode: Option<String>,
    /// User of the application, masked or hashed where a rule wants that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Role of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_role: Option<String>,
    /// Context parameters of the session, masked or hashed already; at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub context_params: Vec<ContextParam>,
}

/// A parameter that a session is described by (`spec/events.md` section 8.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContextParam {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Where in a cluster the eBPF source saw a request; what is not known is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct EbpfData {
    /// Address of the pod.
    pub address: String,
    /// Port of the pod; 0 is unknown.
    pub port: u16,
    /// Namespace.
    pub namespace: String,
    /// Container.
    pub container: String,
    /// Pod.
    pub pod: String,
    /// Address of the machine.
    pub node_ip: String,
    /// Name of the machine.
    pub node_name: String,
    /// Load balancer that the request came through.
    pub load_balancer: String,
}

impl HitContext {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == HitContext::default()
    }
}

fn one() -> u32 {
    1
}

/// The serialised request of a hit, after masking (`spec/events.md` section 1.4, RAW).
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct RawRequest {
    /// Peer address.
    pub remote_addr: String,
    /// Peer port.
    pub remote_port: String,
    /// Server address.
    pub server_addr: String,
    /// Server port.
    pub server_port: String,
    /// Method.
    pub method: String,
    /// `HTTP/1.1` and so on.
    pub proto: String,
    /// Path with query.
    pub uri: String,
    /// Upper-case header name to values.
    pub headers: BTreeMap<String, Vec<String>>,
    /// First 8 KiB of the body; non-UTF-8 bytes as `\xNN`.
    pub body: String,
    /// Size of the whole body, bytes, when `body` is cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_original_size: Option<u64>,
    /// Where in a cluster the eBPF source saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ebpf: Option<EbpfData>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_kind_of_an_event_may_stand_anywhere() {
        let proof = json!({"event_id": "e", "request_id": "r", "ts_ms": 1, "node_uuid": "", "application": -1,
            "vuln_type": "sqli", "domain": "d", "path": "/", "method": "GET", "parameter": "", "evidence": ""});
        let first = Event::VulnEvidence(Box::new(serde_json::from_value(proof).unwrap()));
        let text = serde_json::to_string(&first).unwrap();
        assert!(text.starts_with(r#"{"kind":"vuln_evidence","#), "{text}");
        let mut members = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text).unwrap();
        let kind = members.shift_remove("kind").unwrap();
        members.insert("kind".to_owned(), kind);
        for text in [text.clone(), serde_json::to_string(&members).unwrap()] {
            let read: Event = serde_json::from_str(&text).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::to_value(&first).unwrap());
        }
        for bad in [r"{}", r#"{"a":1}"#, r#"{"kind":"x"}"#, r#"{"a":1,"kind":2}"#, r"7"] {
            assert!(serde_json::from_str::<Event>(bad).is_err(), "{bad}");
        }
    }
}
