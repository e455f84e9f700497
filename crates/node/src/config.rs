//! The configuration of a node: `node.toml`, with environment overrides.
//!
//! The structs here are the file, key by key, with defaults; [`load`](self::load) reads it, finds the line of a
//! mistake and names the nearest key. Everything after start-up takes a [`Config`] as true: ranges, files and
//! references between sections were checked by [`Config::validate`].

mod defaults;
mod inspection;
mod load;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bartizan_api::AttackType;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use inspection::{AccessLog, AccessLogWhen, InspectionLimits, Log, ParserName, Parsers};
pub use load::ConfigError;

/// The whole of `node.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Version of the file's schema; 1.
    #[serde(default = "defaults::version")]
    pub version: u32,
    /// What the process does with traffic.
    #[serde(default)]
    pub role: Role,
    /// Worker threads: `"auto"` is one per core.
    #[serde(default)]
    pub workers: Workers,
    /// Where identity, bundles and the spool live.
    #[serde(default = "defaults::state_dir")]
    pub state_dir: PathBuf,
    /// The kill switch: `false` computes verdicts and enforces none.
    #[serde(default = "defaults::yes")]
    pub blocking: bool,
    /// The control plane.
    #[serde(default)]
    pub cloud: Cloud,
    /// Addresses that take traffic.
    #[serde(default)]
    pub listen: Vec<Listen>,
    /// Named pools of upstream servers.
    #[serde(default)]
    pub upstream: BTreeMap<String, Upstream>,
    /// What happens to which request.
    #[serde(default)]
    pub route: Route,
    /// Whom to believe about the client address.
    #[serde(default)]
    pub client_ip: ClientIp,
    /// IP lists.
    #[serde(default)]
    pub acl: Acl,
    /// Rates of requests.
    #[serde(default)]
    pub rate_limit: RateLimiting,
    /// Inspection.
    #[serde(default)]
    pub inspect: Inspect,
    /// Parsers that are switched off; routes may have lists of their own.
    #[serde(default)]
    pub parsers: Parsers,
    /// What is written to the log.
    #[serde(default)]
    pub log: Log,
    /// Bounds on what a client may send.
    #[serde(default)]
    pub limits: Limits,
    /// How long to wait for what.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// How long a connection is used.
    #[serde(default)]
    pub keep_alive: KeepAlive,
    /// Answers to refused requests.
    #[serde(default)]
    pub block: Vec<Block>,
    /// Sampling of events.
    #[serde(default)]
    pub sampling: SamplingSettings,
    /// The event spool on disk.
    #[serde(default)]
    pub spool: Spool,
    /// The statistics listener.
    #[serde(default)]
    pub status: Status,
    /// What never leaves the node.
    #[serde(default)]
    pub masking: Masking,
    /// The file that this was read from; a reload reads it again.
    #[serde(skip)]
    pub source: Option<PathBuf>,
}

/// What the process does with traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Inline reverse proxy.
    #[default]
    Proxy,
    /// Receives copies of requests, by a `mirror` directive for instance: inspects, reports, answers 204. Needs no
    /// upstream, evaluates no lists.
    Mirror,
}

/// Number of worker threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Workers {
    /// One per core.
    #[default]
    #[serde(with = "defaults::auto")]
    Auto,
    /// Exactly this many, 1 to 256.
    Count(usize),
}

impl JsonSchema for Workers {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Workers".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Number of worker threads; \"auto\" is one per core.",
            "anyOf": [{ "const": "auto" }, { "type": "integer", "minimum": 1, "maximum": 256 }],
        })
    }
}

impl Workers {
    /// The number of threads to start.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Workers::Auto => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            Workers::Count(count) => count,
        }
    }
}

/// The control plane. The environment variables `BARTIZAN_API_TOKEN`, `_HOST`, `_PORT`, `_USE_SSL`, `_CA_VERIFY`
/// and `BARTIZAN_LABELS` set the same, and so do their `WALLARM_` spellings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cloud {
    /// `false` runs on what is on disk and keeps events in the spool.
    pub enabled: bool,
    /// Host name or address of the cloud.
    pub host: String,
    /// Port; 443.
    pub port: u16,
    /// HTTPS, or plain HTTP.
    pub use_ssl: bool,
    /// Whether the certificate of the cloud is checked.
    pub ca_verify: bool,
    /// PEM file with the authority that signs the cloud's certificate, in addition to the public ones.
    pub ca_file: Option<PathBuf>,
    /// Registration token: a node token, or an API token for deployment.
    pub token: Option<Secret>,
    /// File that holds the registration token.
    pub token_file: Option<PathBuf>,
    /// Labels of the instance; `group` names the node group.
    pub labels: BTreeMap<String, String>,
    /// Whether to register anew although credentials are on disk.
    pub force_register: bool,
    /// Whether to leave the cloud's list of nodes at the end of the process, for machines that come and go.
    pub unregister_on_exit: bool,
    /// What to do when registration does not succeed.
    pub on_register_failure: OnRegisterFailure,
}

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("********")
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("********")
    }
}

/// What to do when registration does not succeed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnRegisterFailure {
    /// Do not start.
    Exit,
    /// Take traffic with what is on disk and keep trying.
    #[default]
    Start,
}

/// One address that takes traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Address and port; port 0 takes a free one.
    #[schemars(with = "String")]
    pub address: SocketAddr,
    /// TLS; without it the listener speaks plain HTTP.
    pub tls: Option<Tls>,
    /// Whether a load balancer says first who connects. Believed of peers that a `client_ip.rule` trusts.
    #[serde(default)]
    pub proxy_protocol: ProxyProtocol,
}

/// Whether connections begin with a PROXY protocol header, version 1 or 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProxyProtocol {
    /// No.
    #[default]
    Off,
    /// Of trusted peers, with or without.
    Optional,
    /// Yes; connections without, and of peers that are not trusted, are closed.
    Required,
}

/// Certificate of a listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the certificate chain.
    pub cert: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
    /// Other certificates, by the name that the client asks for.
    #[serde(default)]
    pub sni: Vec<SniCertificate>,
    /// PEM file with the authorities of client certificates; with it, clients without one are refused.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
}

/// Certificate for some names of a listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SniCertificate {
    /// Names, `shop.example` or `*.shop.example`.
    pub hosts: Vec<String>,
    /// PEM file with the certificate chain.
    pub cert: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// A pool of upstream servers, used in turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// Base URLs, `http://host:port` or `https://host:port`, without a path.
    pub servers: Vec<String>,
    /// Protocol towards the servers.
    #[serde(default)]
    pub protocol: UpstreamProtocol,
    /// PEM file with the authority that signs their certificates, in place of the public ones.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Do not check their certificates.
    #[serde(default)]
    pub insecure: bool,
}

/// Protocol towards upstream servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UpstreamProtocol {
    /// HTTP/2 for gRPC requests, HTTP/1.1 for the rest.
    #[default]
    Auto,
    /// Always HTTP/1.1.
    Http1,
    /// Always HTTP/2 (with prior knowledge on `http://`).
    Http2,
}

/// Filtration mode, as written in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// No inspection.
    Off,
    /// Report only.
    Monitoring,
    /// Block what comes from graylisted sources.
    SafeBlocking,
    /// Block.
    Block,
}

/// How a mode from the cloud combines with the local one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModeAllowOverride {
    /// The local mode holds.
    Off,
    /// The cloud's mode holds.
    On,
    /// The more severe of both holds.
    Strict,
}

/// Pass or block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fallback {
    /// Refuse the request.
    Block,
    /// Let it through.
    Pass,
}

/// Settings that hosts and paths refine; the innermost wins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Route {
    /// Filtration mode; `monitoring`.
    pub mode: Option<Mode>,
    /// How the cloud's mode combines with it; `on`.
    pub mode_allow_override: Option<ModeAllowOverride>,
    /// Application; -1 is the default one.
    pub application: Option<i64>,
    /// Name of the upstream pool.
    pub upstream: Option<String>,
    /// What to do with a request whose inspection failed; `pass`.
    pub on_inspection_error: Option<Fallback>,
    /// Parsers that are switched off, in place of the list of the whole node.
    pub parsers: Option<Parsers>,
    /// Host names with settings of their own. Hosts that match none use the settings above.
    pub hosts: Vec<HostRoute>,
}

/// Settings of the hosts that a pattern matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostRoute {
    /// Glob over the whole name: `*`, `?`, `[a-z]`; letters in any case.
    pub host: String,
    /// See [`Route::mode`].
    #[serde(default)]
    pub mode: Option<Mode>,
    /// See [`Route::mode_allow_override`].
    #[serde(default)]
    pub mode_allow_override: Option<ModeAllowOverride>,
    /// See [`Route::application`].
    #[serde(default)]
    pub application: Option<i64>,
    /// See [`Route::upstream`].
    #[serde(default)]
    pub upstream: Option<String>,
    /// See [`Route::on_inspection_error`].
    #[serde(default)]
    pub on_inspection_error: Option<Fallback>,
    /// See [`Route::parsers`].
    #[serde(default)]
    pub parsers: Option<Parsers>,
    /// Paths with settings of their own.
    #[serde(default)]
    pub paths: Vec<PathRoute>,
}

/// Settings of the paths that a pattern matches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PathRoute {
    /// `=/exact`, `^~/prefix` (beats regular expressions), `~regex`, `~*regex` in any case, or `/prefix`.
    pub path: String,
    /// See [`Route::mode`].
    #[serde(default)]
    pub mode: Option<Mode>,
    /// See [`Route::mode_allow_override`].
    #[serde(default)]
    pub mode_allow_override: Option<ModeAllowOverride>,
    /// See [`Route::application`].
    #[serde(default)]
    pub application: Option<i64>,
    /// See [`Route::upstream`].
    #[serde(default)]
    pub upstream: Option<String>,
    /// See [`Route::on_inspection_error`].
    #[serde(default)]
    pub on_inspection_error: Option<Fallback>,
    /// See [`Route::parsers`].
    #[serde(default)]
    pub parsers: Option<Parsers>,
}

/// Whom to believe about the client address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClientIp {
    /// The first rule whose networks hold the peer applies; none means the peer is the client.
    pub rule: Vec<ClientIpRule>,
}

/// Trust in one kind of proxy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientIpRule {
    /// Networks of the proxies.
    #[schemars(with = "Vec<String>")]
    pub trusted_networks: Vec<IpNet>,
    /// Headers that name the client, the first present one is read.
    #[serde(default = "defaults::real_ip")]
    pub real_ip: Vec<String>,
    /// Whether to walk over trusted addresses from the right; otherwise the rightmost address is the client.
    #[serde(default = "defaults::yes")]
    pub recursive: bool,
}

/// IP lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Acl {
    /// Whether lists are fetched and evaluated.
    pub enabled: bool,
    /// Refuse denylisted sources before inspection, in every mode but `off`.
    pub early: bool,
    /// Report requests of denylisted sources.
    pub export: bool,
    /// Databases in the `MaxMind` format that tell the country, the autonomous system or the anonymiser of an address.
    /// Entries for countries, data centres and proxies hold only with them.
    pub databases: Vec<PathBuf>,
}

/// Limits of the request rate, as rules set them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimiting {
    /// Whether rules for rates are enforced.
    pub enabled: bool,
    /// Values that are counted at the same time, 1,000 to 10,000,000; above, idle and old ones are forgotten. One
    /// takes about 100 bytes.
    pub keys: usize,
}

/// Inspection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Inspect {
    /// Bound on the processing time of one request, 1 to 10,000 ms.
    pub process_time_limit_ms: u64,
    /// What reaching it leads to.
    pub overlimit_mode: OverlimitMode,
    /// Bytes of a request body that are inspected; at most as many are held in memory, 0 to 1 GiB.
    pub body_max: usize,
    /// What to do with a body above it.
    pub on_body_over_limit: Fallback,
    /// Bodies above this many bytes are inspected off the worker thread.
    pub offload_bytes: usize,
    /// Look at answers for vulnerabilities, in monitoring mode.
    pub parse_response: bool,
    /// Inflate compressed answers for that; otherwise only their heads are looked at.
    pub unpack_response: bool,
    /// Analyse the markup of pages for that: scripts that came back, forms without a token.
    pub parse_html_response: bool,
    /// Inspections off the worker threads that may wait for their turn; above, `on_inspection_error` decides.
    pub queue_max: usize,
    /// Bytes of bodies that the process holds at a time, at least 1 MiB; above, `on_inspection_error` decides.
    pub held_max: u64,
    /// Ask of a sign of SQL injection whether it could be part of a statement; one that could not is no attack.
    pub enable_confirmation: bool,
    /// How far a request is taken apart.
    pub limits: InspectionLimits,
}

/// What reaching the processing time leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OverlimitMode {
    /// Report, and block where the mode allows.
    Blocking,
    /// Report.
    Monitoring,
    /// Nothing.
    Off,
}

/// Bounds on what a client may send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of the header block, 8 KiB to 1 MiB; above is 431.
    pub header_block_bytes: usize,
    /// Bytes of one header line or of the request target; above is 431 or 414.
    pub header_line_bytes: usize,
    /// Number of header lines, 16 to 10,000; above is 431.
    pub header_count: usize,
    /// Bytes of a request body; above is 413. 0 is no limit.
    pub body_max: u64,
    /// Concurrent HTTP/2 streams per connection.
    pub max_streams: u32,
    /// Client connections per worker, above which new ones wait.
    pub connections: usize,
}

/// How long a connection is used. At a limit it ends after the request: `Connection: close`, or `GOAWAY`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KeepAlive {
    /// Requests; 0 is no limit.
    pub max_requests: u64,
    /// Bytes received; 0 is no limit.
    pub max_received_bytes: u64,
    /// Seconds since the connection was accepted; 0 is no limit.
    pub max_duration_s: u64,
}

/// How long to wait for what, seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// TLS handshake.
    pub tls_handshake_s: u64,
    /// A complete request head, from its first byte.
    pub header_s: u64,
    /// The next bytes of a request body.
    pub body_idle_s: u64,
    /// Connection to an upstream server.
    pub upstream_connect_s: u64,
    /// A client that does not take what it is answered.
    pub response_idle_s: u64,
    /// Response head from an upstream server.
    pub upstream_response_s: u64,
    /// The next bytes of an answer from an upstream server; 0 is no limit.
    pub upstream_idle_s: u64,
    /// The next bytes of an upgraded connection (WebSocket), from either side.
    pub tunnel_idle_s: u64,
    /// The next request on a connection.
    pub keep_alive_s: u64,
    /// Requests in flight at shutdown.
    pub drain_s: u64,
}

impl Timeouts {
    pub(crate) fn upstream_connect(&self) -> Duration {
        Duration::from_secs(self.upstream_connect_s)
    }

    pub(crate) fn upstream_response(&self) -> Duration {
        Duration::from_secs(self.upstream_response_s)
    }
}

/// Answer to refused requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// What the request was refused for.
    #[serde(default)]
    pub cause: BlockCause,
    /// Attack types that it holds for; all when empty.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub attack_types: Vec<AttackType>,
    /// Status: 200, or 400 to 599.
    #[serde(default = "defaults::block_status")]
    pub status: u16,
    /// HTML file with `${request_id}`, `${remote_addr}`, `${time_iso8601}`, `${host}`, `${status}`.
    #[serde(default)]
    pub page: Option<PathBuf>,
    /// Address to redirect to with 302, in place of a page.
    #[serde(default)]
    pub redirect: Option<String>,
}

/// What a request was refused for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BlockCause {
    /// The address is denylisted.
    AclIp,
    /// The country, data centre or anonymiser of the address is denylisted.
    AclSource,
    /// Attack signs, virtual patches, regular-expression rules.
    #[default]
    Attack,
    /// The body was larger than what is inspected.
    BodyLimit,
    /// More requests than a rule allows; the status is the rule's.
    RateLimit,
}

/// Sampling of events: in a flood of attacks the first of each kind are uploaded, the others counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SamplingSettings {
    /// Whether events are sampled at all.
    pub enabled: bool,
    /// Percent of the requests of a minute that are attacks above which all types are sampled, 1 to 100.
    pub high_share_percent: u8,
    /// Attacks per second, over that minute, below which they are not; 0 to 1,000,000.
    pub high_hits_per_s: u32,
    /// Percent below which that ends, at most `high_share_percent`.
    pub low_share_percent: u8,
}

/// The event spool on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Spool {
    /// Bytes on disk, at least 1 MiB; above, the oldest events are dropped and counted.
    pub max_bytes: u64,
    /// Bytes of one file, 64 KiB to 1 GiB.
    pub segment_bytes: u64,
    /// Bytes of events that wait in memory for the disk, at least 64 KiB; above, one short event per request is kept and
    /// the others are counted as lost.
    pub queue_bytes: u64,
}

/// The statistics listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Status {
    /// Address; port 0 takes a free one.
    #[schemars(with = "String")]
    pub address: SocketAddr,
    /// Networks that may read it, beside loopback.
    #[schemars(with = "Vec<String>")]
    pub allow: Vec<IpNet>,
}

/// What never leaves the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Masking {
    /// Mask `Authorization`, `Proxy-Authorization` and `Cookie` values, and passwords of login forms, in events.
    pub defaults: bool,
}
