//! The calls of `/node/v1` (`spec/node.md` section 1.5).

use std::time::Duration;

use bartizan_api::node::{
    BundleEntry, HeartbeatRequest, HeartbeatResponse, ListsResponse, Manifest, RegisterRequest,
    RegisterResponse, WatchResponse,
};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;

use super::identity::Identity;
use crate::config::{Config, Role};

/// Longest silence of the cloud, and longer than it holds a watch call (55 s). What is large and comes (bundles, lists) has
/// no other bound: over a slow link it takes its time. While events are sent the cloud is silent, so a batch that takes
/// longer is sent in halves.
const SILENCE: Duration = Duration::from_secs(70);
/// For what is small.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// A compiled ruleset may not be larger.
const BUNDLE_MAX: u64 = 256 << 20;

/// What can go wrong on the link.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum LinkError {
    #[error("the cloud cannot be reached")]
    Transport(#[from] reqwest::Error),
    #[error("the cloud answered {status} to {call}: {body}")]
    Status { call: &'static str, status: StatusCode, body: String, retry_after: Option<Duration> },
    #[error("no registration token is configured (cloud.token, cloud.token_file or BARTIZAN_API_TOKEN)")]
    NoToken,
    #[error("state on disk cannot be read or written")]
    Disk(#[source] std::io::Error),
    #[error("the bundle is refused: {0}")]
    Bundle(String),
    #[error("the lists cannot be evaluated: {0}")]
    Lists(String),
}

/// An HTTP client towards one cloud.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    authorization: String,
}

impl Client {
    pub(crate) fn new(config: &Config, identity: Option<&Identity>) -> Result<Client, LinkError> {
        let cloud = &config.cloud;
        let mut http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(SILENCE)
            // Before the cloud, or a proxy in front of it, closes what is not used.
            .pool_idle_timeout(Duration::from_secs(20))
            .user_agent(concat!("bartizan-node/", env!("CARGO_PKG_VERSION")))
            .danger_accept_invalid_certs(!cloud.ca_verify);
        if let Some(path) = &cloud.ca_file {
            let pem = std::fs::read(path).map_err(LinkError::Disk)?;
            for certificate in reqwest::Certificate::from_pem_bundle(&pem)? {
                http = http.add_root_certificate(certificate);
            }
        }
        let scheme = if cloud.use_ssl { "https" } else { "http" };
        let authorization = identity
            .map(|identity| format!("Node {}:{}", identity.uuid, identity.secret))
            .unwrap_or_default();
        Ok(Client {
            http: http.build()?,
            base: format!("{scheme}://{}:{}/node/v1", cloud.host, cloud.port),
            authorization,
        })
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.base)).header(AUTHORIZATION, &self.authorization)
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base)).header(AUTHORIZATION, &self.authorization)
    }

    pub(crate) async fn register(&self, config: &Config) -> Result<Identity, LinkError> {
        let token = match (&config.cloud.token, &config.cloud.token_file) {
            (Some(token), _) => token.0.clone(),
            (None, Some(path)) => std::fs::read_to_string(path).map_err(LinkError::Disk)?.trim().to_owned(),
            (None, None) => return Err(LinkError::NoToken),
        };
        let key = super::identity::node_key(config).map_err(LinkError::Disk)?;
        let request = RegisterRequest {
            hostname: hostname(),
            labels: config.cloud.labels.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            role: match config.role {
                Role::Proxy => "proxy",
                Role::Mirror => "mirror",
            }
            .to_owned(),
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            public_key: hex::encode(key.verifying_key().as_bytes()),
            previous_uuid: Identity::load(config).ok().flatten().map(|known| known.uuid),
        };
        let call = self.http.post(format!("{}/register", self.base)).header("X-WallarmAPI-Token", &token);
        let answer: RegisterResponse = json("register", call.timeout(CALL_TIMEOUT).json(&request)).await?;
        Ok(Identity::new(answer, token))
    }

    pub(crate) async fn heartbeat(&self, request: &HeartbeatRequest) -> Result<HeartbeatResponse, LinkError> {
        json("heartbeat", self.post("/heartbeat").timeout(CALL_TIMEOUT).json(request)).await
    }

    pub(crate) async fn manifest(&self) -> Result<Manifest, LinkError> {
        json("manifest", self.get("/manifest").timeout(CALL_TIMEOUT)).await
    }

    pub(crate) async fn bundle(&self, entry: &BundleEntry) -> Result<Vec<u8>, LinkError> {
        if entry.size > BUNDLE_MAX {
            return Err(LinkError::Bundle(format!("{} bytes are too many", entry.size)));
        }
        // The path is the cloud's to choose, the host is not.
        let path = format!("/bundle/{}/{}", format!("{:?}", entry.kind).to_lowercase(), entry.version);
        let answer = checked("bundle", self.get(&path)).await?;
        Ok(answer.bytes().await?.to_vec())
    }

    pub(crate) async fn lists(&self, since: i64) -> Result<ListsResponse, LinkError> {
        json("lists", self.get(&format!("/lists?since={since}"))).await
    }

    pub(crate) async fn watch(&self, since: i64) -> Result<WatchResponse, LinkError> {
        json("watch", self.get(&format!("/watch?since={since}"))).await
    }

    /// Leaves the cloud's list of nodes.
    pub(crate) async fn unregister(&self) -> Result<(), LinkError> {
        checked("unregister", self.post("/unregister").timeout(CALL_TIMEOUT)).await.map(drop)
    }

    /// Sends an encoded batch.
    pub(crate) async fn events(
        &self,
        body: Vec<u8>,
    ) -> Result<bartizan_api::node::EventsResponse, LinkError> {
        json("events", self.post("/events").header(CONTENT_TYPE, "application/json").body(body)).await
    }
}

async fn json<T: DeserializeOwned>(call: &'static str, request: RequestBuilder) -> Result<T, LinkError> {
    Ok(checked(call, request).await?.json().await?)
}

async fn checked(call: &'static str, request: RequestBuilder) -> Result<Response, LinkError> {
    let response = request.send().await?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = seconds.and_then(|value| value.parse().ok()).map(Duration::from_secs);
    let body = response.text().await.unwrap_or_default().chars().take(300).collect();
    Err(LinkError::Status { call, status, body, retry_after })
}

fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_else(|| "node".to_owned())
}
