//! Targets that are any HTTP receiver.

use bartizan_api::ApiError;
use http::HeaderName;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{MAX_TEXT, Target, is_header_value, member, members, wrong, wrong_in};
use crate::outgoing::Outgoing;

/// Most headers of a webhook.
const MAX_HEADERS: usize = 50;
/// Longest part of a bad name that is shown, characters.
const MAX_SHOWN_CHARS: usize = 100;
/// Headers that belong to the connection.
const RESERVED_HEADERS: [&str; 4] = ["content-length", "transfer-encoding", "connection", "upgrade"];

/// Any HTTP receiver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// Address.
    pub url: String,
    /// `POST` or `PUT`.
    #[serde(default = "default_method")]
    pub http_method: String,
    /// `json` or `jsonl`.
    #[serde(default = "default_format")]
    pub format: String,
    /// Headers. A `Host` is kept, because clients write one, and not sent: see [`Webhook::sent_headers`].
    #[serde(default)]
    pub headers: Map<String, Value>,
    /// PEM certificate of an authority to trust, or empty.
    #[serde(default)]
    pub ca_file: String,
    /// Whether the certificate of the server is verified.
    #[serde(default = "default_verify")]
    pub ca_verify: bool,
    /// Seconds to wait for the answer.
    #[serde(default = "default_timeout")]
    pub timeout: i64,
    /// Seconds to wait for the connection.
    #[serde(default = "default_open_timeout")]
    pub open_timeout: i64,
    /// `web_hooks`, or the product behind it.
    #[serde(default = "default_subtype")]
    pub subtype: String,
    /// Key of the signature; empty: not signed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub secret: String,
}

fn default_method() -> String {
    "POST".to_owned()
}

fn default_format() -> String {
    "json".to_owned()
}

const fn default_verify() -> bool {
    true
}

const fn default_timeout() -> i64 {
    15
}

const fn default_open_timeout() -> i64 {
    20
}

fn default_subtype() -> String {
    "web_hooks".to_owned()
}

/// Checks a receiver as it was sent.
///
/// # Errors
/// 400 with the member at fault.
pub(super) fn parse(sent: &Value, outgoing: &Outgoing) -> Result<Target, ApiError> {
    member(sent, "url")?;
    let mut webhook: Webhook = members(sent)?;
    outgoing.check(&webhook.url, false).map_err(|text| wrong_in("url", text))?;
    if !["POST", "PUT"].contains(&webhook.http_method.as_str()) {
        return Err(wrong_in("http_method", "should be POST or PUT"));
    }
    if !["json", "jsonl"].contains(&webhook.format.as_str()) {
        return Err(wrong_in("format", "should be json or jsonl"));
    }
    for (name, seconds) in [("timeout", &mut webhook.timeout), ("open_timeout", &mut webhook.open_timeout)] {
        if !(0..=60).contains(seconds) {
            return Err(wrong_in(name, "should be in 1..60"));
        }
        // The clients leave zero out, others send it for "as usual".
        if *seconds == 0 {
            *seconds = if name == "timeout" { default_timeout() } else { default_open_timeout() };
        }
    }
    if webhook.subtype.is_empty() {
        webhook.subtype = default_subtype();
    }
    if webhook.subtype.len() > 64 || webhook.secret.chars().count() > MAX_TEXT {
        return Err(wrong("is too long"));
    }
    if !webhook.ca_file.is_empty() && !is_certificate(&webhook.ca_file) {
        return Err(wrong_in("ca_file", "should be a certificate in PEM form"));
    }
    webhook.headers = headers(&webhook.headers)?;
    Ok(Target::Webhook(webhook))
}

fn is_certificate(text: &str) -> bool {
    text.len() <= 10 * MAX_TEXT
        && reqwest::Certificate::from_pem_bundle(text.as_bytes()).is_ok_and(|found| !found.is_empty())
}

impl Webhook {
    /// The headers that go out with a message. The host that is asked is always that of the address, which was checked: by
    /// another name, a server that many share would be asked for what is not public.
    pub fn sent_headers(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host"))
    }
}

fn headers(sent: &Map<String, Value>) -> Result<Map<String, Value>, ApiError> {
    if sent.len() > MAX_HEADERS {
        return Err(wrong_in("headers", "should have at most 50 headers"));
    }
    let mut headers = Map::new();
    for (name, value) in sent {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return Err(wrong_in("headers", "should have texts as values")),
        };
        let shown: String = name.chars().take(MAX_SHOWN_CHARS).collect();
        let wrong = |why: &str| wrong_in("headers", &format!("{shown}: {why}"));
        let known =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("is not the name of a header"))?;
        if RESERVED_HEADERS.contains(&known.as_str()) {
            return Err(wrong("belongs to the connection, which the cloud makes"));
        }
        if text.len() > MAX_TEXT || !is_header_value(&text) {
            return Err(wrong("has a value that no header can have"));
        }
        headers.insert(name.clone(), Value::String(text));
    }
    Ok(headers)
}
