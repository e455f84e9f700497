//! Getting the file of a specification: from its address, and to whoever holds a signed link.

use std::{collections::HashSet, time::Duration};

use bartizan_api::api_spec::{AuthHeader, SpecFinding};
use hmac::{Hmac, Mac};
use http::{HeaderName, HeaderValue};
use rand::Rng;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::document::{self, Document};
use crate::{
    keys::Keys,
    outgoing::{OutgoingError, OutgoingRequest},
    secrets,
    state::Cloud,
};

/// Longest fetch.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Seconds that a link works.
const LINK_S: i64 = 600;

/// A file that was read.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) name: String,
    pub(super) content: String,
    pub(super) checksum: String,
    pub(super) document: Document,
}

/// Why a file cannot be used.
#[derive(Debug)]
pub(super) enum FileFault {
    /// The address is not one that the cloud asks.
    Refused(&'static str),
    /// It could not be fetched: it may be there later.
    Unreachable(String),
    /// It is no specification.
    Unusable(Vec<SpecFinding>),
}

/// Reads a file that was uploaded.
pub(super) async fn read(name: &str, bytes: Vec<u8>) -> Result<Loaded, FileFault> {
    // Large files take seconds of CPU and many times their size of memory.
    static READING: Semaphore = Semaphore::const_new(2);
    let broken = |message: &str| {
        let finding =
            SpecFinding { level: "error".into(), pointer: String::new(), message: message.to_owned() };
        FileFault::Unusable(vec![finding])
    };
    let Ok(_place) = READING.acquire().await else { return Err(broken("the server is stopping")) };
    let checksum = hex::encode(Sha256::digest(&bytes));
    let read = tokio::task::spawn_blocking(move || {
        let content = String::from_utf8(bytes).map_err(|_| broken("the file is not UTF-8"))?;
        let document = document::read(&content).map_err(FileFault::Unusable)?;
        Ok((content, document))
    });
    let (content, document) = read.await.map_err(|_| broken("the file could not be read"))??;
    Ok(Loaded { name: name.chars().take(255).collect(), content, checksum, document })
}

/// Fetches a file, with these headers.
pub(super) async fn fetch(cloud: &Cloud, url: &str, headers: &[AuthHeader]) -> Result<Loaded, FileFault> {
    let url = cloud.outgoing.check(url, false).map_err(FileFault::Refused)?;
    let name = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default().to_owned();
    let mut request = OutgoingRequest::get(url, document::MAX_BYTES);
    request.timeout = FETCH_TIMEOUT;
    for header in headers {
        let name = HeaderName::from_bytes(header.key.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&header.value)) {
            request.headers.append(name, value);
        }
    }
    let answer = cloud.outgoing.send(request).await.map_err(|error| match error {
        OutgoingError::Refused(text) => FileFault::Refused(text),
        other => FileFault::Unreachable(other.to_string()),
    })?;
    if !(200..300).contains(&answer.status) {
        return Err(FileFault::Unreachable(format!("the server answered {}", answer.status)));
    }
    read(if name.is_empty() { "specification" } else { &name }, answer.body).await
}

/// Headers that a fetch cannot have, by name.
pub(super) fn bad_header(headers: &[AuthHeader]) -> Option<&AuthHeader> {
    let reserved: HashSet<&str> = ["host", "content-length", "transfer-encoding", "connection"].into();
    headers.iter().find(|header| {
        let name = HeaderName::from_bytes(header.key.as_bytes());
        name.map_or(true, |name| reserved.contains(name.as_str()))
            || HeaderValue::from_str(&header.value).is_err()
            || header.value.len() > 8192
    })
}

/// The query of a link that works without credentials for ten minutes; another one each time.
pub(super) fn sign(keys: &Keys, client_id: i64, id: i64, now: i64) -> String {
    let expires = now + LINK_S;
    let nonce: u64 = rand::rng().random();
    let nonce = format!("{nonce:016x}");
    format!("expires={expires}&nonce={nonce}&signature={}", signature(keys, client_id, id, expires, &nonce))
}

/// Whether a link was made here and still works.
pub(super) fn is_signed(
    keys: &Keys,
    (client_id, id): (i64, i64),
    (expires, nonce, given): (i64, &str, &str),
    now: i64,
) -> bool {
    secrets::same(&signature(keys, client_id, id, expires, nonce), given) && expires > now
}

fn signature(keys: &Keys, client_id: i64, id: i64, expires: i64, nonce: &str) -> String {
    // HMAC takes keys of any length, so this cannot fail; an empty signature fits no link.
    let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(keys.pepper()) else { return String::new() };
    mac.update(format!("api spec file\n{client_id}\n{id}\n{expires}\n{nonce}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}
