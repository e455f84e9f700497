//! API abuse as a bot engine reports it (`POST /v2/attacks`, `spec/events.md` section 2.5).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    ApiError, AttackType,
    node::{BlockStatus, HitContext, HitEvent, RawRequest},
};

/// Most events of a request.
const MAX_EVENTS: usize = 1000;
/// Most addresses of an event; each becomes a hit.
const MAX_ADDRESSES: usize = 100;

/// `POST /v2/attacks`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct AbuseEvents {
    /// At most 1,000.
    pub events: Vec<AbuseEvent>,
}

/// One attack by bots: many requests, told of as a whole.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct AbuseEvent {
    /// Identity; sending it again changes nothing.
    pub abuse_event_id: String,
    /// Unix seconds.
    pub request_time: i64,
    /// Requests.
    pub hits_count: u32,
    /// Addresses, most requests first; at most 100.
    pub top_ip: Vec<String>,
    /// Application; -1 is the default one.
    pub application: i64,
    /// Hosts, most requests first.
    pub top_domains: Vec<String>,
    /// Paths, most requests first.
    pub top_paths: Vec<String>,
    /// Status codes, most requests first.
    pub top_response_statuses: Vec<u16>,
    /// Client; the node's own.
    pub client_id: i64,
    /// `api_abuse`, `account_takeover`, `security_crawlers`, `scraping` or `resource_consumption`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Methods, most requests first.
    pub top_methods: Vec<String>,
    /// `blocked`, `monitored` or `partially_blocked`.
    pub block_status: String,
    /// Requests refused, for `partially_blocked`.
    #[serde(default)]
    pub blocked: Option<u32>,
    /// What noticed it.
    #[serde(default)]
    pub detectors: Vec<String>,
    /// Requests by method.
    #[serde(default)]
    pub method_counts: Vec<MethodCount>,
    /// Requests by status.
    #[serde(default)]
    pub response_status_counts: Vec<StatusCount>,
}

/// Requests of a method.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct MethodCount {
    /// Method.
    pub method: String,
    /// Requests.
    pub count: u32,
}

/// Requests with a status.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct StatusCount {
    /// Status.
    pub response_status: u16,
    /// Requests.
    pub count: u32,
}

/// The answer: nothing.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct AbuseTaken {}

impl AbuseEvents {
    /// Checks what every event needs.
    ///
    /// # Errors
    /// 400 by field.
    pub fn check(&self) -> Result<(), ApiError> {
        if self.events.len() > MAX_EVENTS {
            return Err(ApiError::field("events", "at most 1000 events", self.events.len()));
        }
        self.events.iter().try_for_each(AbuseEvent::check)
    }
}

impl AbuseEvent {
    /// The type, if it is one that bots are accused of.
    fn attack_type(&self) -> Option<AttackType> {
        use AttackType::{AccountTakeover, ApiAbuse, ResourceConsumption, Scraping, SecurityCrawlers};
        let known = [ApiAbuse, AccountTakeover, SecurityCrawlers, Scraping, ResourceConsumption];
        AttackType::parse_code(&self.kind).filter(|kind| known.contains(kind))
    }

    fn check(&self) -> Result<(), ApiError> {
        let bad = |name: &str, error: &str, value: Value| Err(ApiError::field(name, error, value));
        if !(1..=128).contains(&self.abuse_event_id.len()) {
            return bad("abuse_event_id", "must be 1 to 128 characters", self.abuse_event_id.clone().into());
        }
        if self.attack_type().is_none() {
            return bad("type", "must be a type of API abuse", self.kind.clone().into());
        }
        if self.hits_count == 0 {
            return bad("hits_count", "must be at least 1", 0.into());
        }
        if self.top_ip.is_empty() || self.top_ip.len() > MAX_ADDRESSES {
            return bad("top_ip", "must be 1 to 100 addresses", self.top_ip.len().into());
        }
        if let Some(ip) = self.top_ip.iter().find(|ip| ip.parse::<IpAddr>().is_err()) {
            return bad("top_ip", "must be addresses", ip.clone().into());
        }
        if self.top_domains.is_empty() {
            return bad("top_domains", "must not be empty", Value::Null);
        }
        if !["blocked", "monitored", "partially_blocked"].contains(&self.block_status.as_str()) {
            let error = "must be blocked, monitored or partially_blocked";
            return bad("block_status", error, self.block_status.clone().into());
        }
        Ok(())
    }

    /// The hits that stand for its requests: one for each address and, where only some were refused, outcome. `id`
    /// makes the identity of a hit from its place.
    #[must_use]
    pub fn hits(&self, id: impl Fn(usize) -> String) -> Vec<HitEvent> {
        let blocked = match self.block_status.as_str() {
            "blocked" => self.hits_count,
            "partially_blocked" => self.blocked.unwrap_or(self.hits_count / 2).min(self.hits_count),
            _ => 0,
        };
        let addresses = u32::try_from(self.top_ip.len()).unwrap_or(u32::MAX).max(1);
        let mut hits = vec![];
        for (place, ip) in (0..).zip(&self.top_ip) {
            for (outcome, all) in
                [(BlockStatus::Blocked, blocked), (BlockStatus::Monitored, self.hits_count - blocked)]
            {
                // The first ones take what does not divide.
                let share = all / addresses + u32::from(place < all % addresses);
                if share > 0 {
                    hits.push(self.hit(id(hits.len()), ip, outcome, share, hits.len()));
                }
            }
        }
        hits
    }

    fn hit(&self, id: String, ip: &str, outcome: BlockStatus, count: u32, place: usize) -> HitEvent {
        // Status codes and methods go round, so that each of them is seen.
        let status = self.top_response_statuses.iter().cycle().nth(place).copied().unwrap_or_default();
        let method = self.top_methods.iter().cycle().nth(place).cloned().unwrap_or_default();
        let path = match self.top_paths.as_slice() {
            [path] => path.clone(),
            [] => "/".to_owned(),
            _ => "[multiple]".to_owned(),
        };
        let domain = match self.top_domains.as_slice() {
            [domain] => domain.clone(),
            _ => "[multiple]".to_owned(),
        };
        HitEvent {
            request_id: id.clone(),
            event_id: id,
            ts_ms: self.request_time.saturating_mul(1000),
            node_uuid: String::new(),
            application: self.application,
            ruleset_version: 0,
            attack_type: self.attack_type().unwrap_or(AttackType::ApiAbuse),
            attack_subtype: self.detectors.first().cloned(),
            point: vec![],
            parameter: String::new(),
            value: String::new(),
            payload_span: None,
            sign_place: None,
            stamps: vec![],
            regex: vec![],
            experimental: false,
            known_attack: vec![],
            ip: ip.to_owned(),
            remote_port: 0,
            domain,
            path,
            method,
            proto: String::new(),
            scheme: String::new(),
            api_protocol: String::new(),
            auth_protocol: vec![],
            statuscode: status,
            response_time: 0,
            response_size: 0,
            request_size: 0,
            block_status: outcome,
            block_reason: "api_abuse".to_owned(),
            ip_blocked: false,
            mode: String::new(),
            aggregated_count: count,
            raw: RawRequest::default(),
            context: HitContext::default(),
        }
    }
}
