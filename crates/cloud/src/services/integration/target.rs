//! Where an integration sends to: what is accepted, how it is masked, and what a change keeps.
//!
//! A target is stored as it is on the wire, sealed. Reads mask its secrets; a change that sends a mask back
//! keeps the secret behind it.

use bartizan_api::ApiError;
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Kind;
use crate::{mail, outgoing::Outgoing};

/// Most addresses of one integration.
const MAX_ADDRESSES: usize = 50;
/// Most headers of a webhook.
const MAX_HEADERS: usize = 50;
/// Longest text of a target, characters; certificates may be ten times as long.
const MAX_TEXT: usize = 4096;
/// Headers that belong to the connection.
const RESERVED_HEADERS: [&str; 5] = ["host", "content-length", "transfer-encoding", "connection", "upgrade"];
const MASK: &str = "****";

/// A target that was checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Addresses.
    Addresses(Vec<String>),
    /// Datadog.
    DataDog {
        /// Region, `US1`.
        region: String,
        /// API key.
        token: String,
    },
    /// Integration key of PagerDuty.
    Key(String),
    /// Telegram.
    Telegram {
        /// Chat.
        chat_data: String,
        /// Bot; empty: the bot of this cloud.
        token: String,
    },
    /// A service with a token.
    Token {
        /// Token.
        token: String,
        /// Address.
        api: String,
    },
    /// Address that is a secret itself.
    Url(String),
    /// Any HTTP receiver.
    Webhook(Webhook),
}

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
    /// Headers.
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

/// 400 about the target as a whole.
fn wrong(text: &str) -> ApiError {
    // Without the value: it may be a secret.
    ApiError::field("target", text, Value::Null)
}

/// 400 about a member of the target.
fn wrong_in(member: &str, text: &str) -> ApiError {
    let mut error = wrong(text);
    error.body = json!({"target": {member: {"error": text}}});
    error
}

impl Target {
    /// Checks a target as it was sent.
    ///
    /// # Errors
    /// 400 with the member at fault.
    pub fn parse(kind: Kind, sent: &Value, outgoing: &Outgoing) -> Result<Target, ApiError> {
        if sent.is_null() {
            return Err(wrong("can't be blank"));
        }
        match kind {
            Kind::Email => addresses(sent),
            Kind::Slack | Kind::MsTeams | Kind::SumoLogic => {
                let url = text(sent).ok_or_else(|| wrong("should be a URL"))?;
                outgoing.check(url, true).map_err(wrong)?;
                Ok(Target::Url(url.to_owned()))
            }
            Kind::PagerDuty => {
                let key = text(sent).ok_or_else(|| wrong("should be a string"))?;
                if key.chars().count() != 32 || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                    return Err(wrong("should have exactly 32 characters"));
                }
                Ok(Target::Key(key.to_owned()))
            }
            Kind::DataDog => {
                let region = member(sent, "region")?;
                let token = member(sent, "token")?;
                if !(32..=40).contains(&token.chars().count()) || !is_header_value(token) {
                    return Err(wrong_in("token", "should have 32 to 40 characters"));
                }
                Ok(Target::DataDog { region: region.to_owned(), token: token.to_owned() })
            }
            Kind::Opsgenie | Kind::InsightConnect | Kind::Splunk => service(kind, sent, outgoing),
            Kind::Telegram => {
                let chat_data = member(sent, "chat_data")?.to_owned();
                let token = sent.get("token").and_then(Value::as_str).unwrap_or_default();
                if !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":_-".contains(&byte)) {
                    return Err(wrong_in("token", "is invalid"));
                }
                Ok(Target::Telegram { chat_data, token: token.to_owned() })
            }
            Kind::WebHooks => webhook(sent, outgoing),
        }
    }

    /// A target as it was stored.
    #[must_use]
    pub fn of_stored(kind: Kind, stored: &Value) -> Option<Target> {
        let text = |name: &str| stored.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(match kind {
            Kind::Email => Target::Addresses(serde_json::from_value(stored.clone()).ok()?),
            Kind::Slack | Kind::MsTeams | Kind::SumoLogic => Target::Url(stored.as_str()?.to_owned()),
            Kind::PagerDuty => Target::Key(stored.as_str()?.to_owned()),
            Kind::DataDog => Target::DataDog { region: text("region"), token: text("token") },
            Kind::Opsgenie | Kind::InsightConnect | Kind::Splunk => {
                Target::Token { token: text("token"), api: text("api") }
            }
            Kind::Telegram => Target::Telegram { chat_data: text("chat_data"), token: text("token") },
            Kind::WebHooks => Target::Webhook(serde_json::from_value(stored.clone()).ok()?),
        })
    }

    /// The form on the wire, secrets and all.
    #[must_use]
    pub fn to_wire(&self) -> Value {
        match self {
            Target::Addresses(addresses) => json!(addresses),
            Target::Url(text) | Target::Key(text) => json!(text),
            Target::DataDog { region, token } => json!({"region": region, "token": token}),
            Target::Token { token, api } => json!({"token": token, "api": api}),
            Target::Telegram { chat_data, token } if token.is_empty() => json!({"chat_data": chat_data}),
            Target::Telegram { chat_data, token } => json!({"chat_data": chat_data, "token": token}),
            Target::Webhook(webhook) => serde_json::to_value(webhook).unwrap_or_default(),
        }
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty() && text.chars().count() <= MAX_TEXT)
}

fn member<'a>(sent: &'a Value, name: &str) -> Result<&'a str, ApiError> {
    if !sent.is_object() {
        return Err(wrong("should be an object"));
    }
    text(sent.get(name).unwrap_or(&Value::Null)).ok_or_else(|| wrong_in(name, "can't be blank"))
}

fn is_header_value(text: &str) -> bool {
    HeaderValue::from_str(text).is_ok()
}

fn addresses(sent: &Value) -> Result<Target, ApiError> {
    let items = match sent {
        Value::String(one) => vec![one.clone()],
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| wrong("should be a list of addresses"))?,
        _ => return Err(wrong("should be a list of addresses")),
    };
    if items.is_empty() {
        return Err(wrong("can't be blank"));
    }
    if items.len() > MAX_ADDRESSES {
        return Err(wrong("should have at most 50 addresses"));
    }
    match items.iter().find(|address| !mail::is_address(address)) {
        Some(bad) => Err(ApiError::field("target", "is not an address", bad.clone())),
        None => Ok(Target::Addresses(items)),
    }
}

fn service(kind: Kind, sent: &Value, outgoing: &Outgoing) -> Result<Target, ApiError> {
    let token = member(sent, "token")?;
    let api = member(sent, "api")?;
    if kind == Kind::Splunk && Uuid::parse_str(token).is_err() {
        return Err(wrong_in("token", "should be a UUID"));
    }
    if !is_header_value(token) {
        return Err(wrong_in("token", "is invalid"));
    }
    outgoing.check(api, true).map_err(|text| wrong_in("api", text))?;
    Ok(Target::Token { token: token.to_owned(), api: api.to_owned() })
}

fn webhook(sent: &Value, outgoing: &Outgoing) -> Result<Target, ApiError> {
    if !sent.is_object() {
        return Err(wrong("should be an object"));
    }
    member(sent, "url")?;
    // Null is absent, and headers may be numbers.
    let mut given = sent.as_object().cloned().unwrap_or_default();
    given.retain(|_, value| !value.is_null());
    let mut webhook: Webhook =
        serde_json::from_value(Value::Object(given)).map_err(|error| wrong(&error.to_string()))?;
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
        let known = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong_in("headers", "is invalid"))?;
        if RESERVED_HEADERS.contains(&known.as_str()) || text.len() > MAX_TEXT || !is_header_value(&text) {
            return Err(wrong_in("headers", "is invalid"));
        }
        headers.insert(name.clone(), Value::String(text));
    }
    Ok(headers)
}

/// A target with its secrets masked.
#[must_use]
pub(super) fn masked(kind: Kind, target: &Value) -> Value {
    match kind {
        Kind::Email => target.clone(),
        Kind::Slack | Kind::MsTeams | Kind::SumoLogic => with_text(target, masked_url),
        Kind::PagerDuty => with_text(target, masked_secret),
        Kind::DataDog | Kind::Opsgenie | Kind::InsightConnect | Kind::Splunk | Kind::Telegram => {
            masked_members(target, &["token", "chat_data"])
        }
        Kind::WebHooks => {
            let mut masked = masked_members(target, &["secret"]);
            if let Some(url) = masked.get_mut("url") {
                *url = with_text(url, masked_url);
            }
            if let Some(headers) = masked.get_mut("headers").and_then(Value::as_object_mut) {
                headers.values_mut().for_each(|value| *value = with_text(value, masked_secret));
            }
            masked
        }
    }
}

fn with_text(value: &Value, mask: impl Fn(&str) -> String) -> Value {
    value.as_str().map_or_else(|| value.clone(), |text| Value::String(mask(text)))
}

fn masked_members(target: &Value, secrets: &[&str]) -> Value {
    let mut masked = target.clone();
    for name in secrets {
        if let Some(value) = masked.get_mut(*name) {
            *value = with_text(value, masked_secret);
        }
    }
    masked
}

/// The end of a secret tells which one it is; of a short one it would tell too much.
fn masked_secret(secret: &str) -> String {
    let length = secret.chars().count();
    if length < 12 {
        return MASK.to_owned();
    }
    let end: String = secret.chars().skip(length - 4).collect();
    format!("{MASK}{end}")
}

fn masked_url(text: &str) -> String {
    match url::Url::parse(text) {
        Ok(url) => {
            let path = url.path().trim_start_matches('/').len() + url.query().map_or(0, str::len);
            if path == 0 {
                return text.to_owned();
            }
            format!(
                "{}/{}",
                url.origin().ascii_serialization(),
                masked_secret(text.get(url.origin().ascii_serialization().len()..).unwrap_or_default())
            )
        }
        Err(_) => MASK.to_owned(),
    }
}

/// A changed target with the stored secrets where it repeats their masks.
///
/// # Errors
/// 400 for a mask beside another address: the secret behind it was not given to that server, and who may not read
/// it could have it sent to himself.
pub(super) fn merged(kind: Kind, stored: &Value, sent: &Value) -> Result<Value, ApiError> {
    let shown = masked(kind, stored);
    let merged = unmasked(stored, &shown, sent);
    let moved =
        |name: &str| origin(merged.get(name)) != origin(stored.get(name)) && stored.get(name).is_some();
    let secrets = ["token", "secret", "headers"];
    let kept = |name: &&str| repeats_mask(stored.get(name), shown.get(name), sent.get(name));
    match secrets.iter().find(|name| kept(name)) {
        Some(name) if moved("url") || moved("api") => {
            Err(wrong_in(name, "must be given again for another server"))
        }
        _ => Ok(merged),
    }
}

fn origin(address: Option<&Value>) -> Option<String> {
    let url = url::Url::parse(address?.as_str()?).ok()?;
    Some(url.origin().ascii_serialization())
}

/// Whether a value, or one in it, is the mask of a stored one.
fn repeats_mask(stored: Option<&Value>, mask: Option<&Value>, sent: Option<&Value>) -> bool {
    match (stored, mask, sent) {
        (Some(Value::Object(stored)), Some(Value::Object(mask)), Some(Value::Object(sent))) => {
            sent.iter().any(|(name, value)| repeats_mask(stored.get(name), mask.get(name), Some(value)))
        }
        (stored, mask, sent) => mask.is_some() && mask == sent && mask != stored,
    }
}

fn unmasked(stored: &Value, mask: &Value, sent: &Value) -> Value {
    match (stored, mask, sent) {
        (Value::Object(stored), Value::Object(mask), Value::Object(sent)) => sent
            .iter()
            .map(|(name, value)| match (stored.get(name), mask.get(name)) {
                (Some(stored), Some(mask)) => (name.clone(), unmasked(stored, mask, value)),
                _ => (name.clone(), value.clone()),
            })
            .collect(),
        _ if mask == sent => stored.clone(),
        _ => sent.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OutgoingConfig;

    fn parse(kind: Kind, sent: &Value) -> Result<Target, ApiError> {
        Target::parse(kind, sent, &Outgoing::new(OutgoingConfig::default()))
    }

    #[test]
    fn targets_keep_their_form_and_mask_their_secrets() {
        let url = "https://hooks.slack.com/services/T000/B000/XXXXXXXX1234";
        let uuid = "b1e2d6dc-e4b5-400d-9dae-270c39c5daa2";
        for (kind, sent, shown) in [
            (Kind::Email, json!(["a@b.test"]), json!(["a@b.test"])),
            (Kind::Slack, json!(url), json!("https://hooks.slack.com/****1234")),
            (Kind::PagerDuty, json!("0123456789abcdef0123456789abcdef"), json!("****cdef")),
            (
                Kind::DataDog,
                json!({"region": "US1", "token": "x".repeat(32)}),
                json!({"region": "US1", "token": "****xxxx"}),
            ),
            (
                Kind::Splunk,
                json!({"token": uuid, "api": "https://example.com:8088"}),
                json!({"token": "****daa2", "api": "https://example.com:8088"}),
            ),
            (
                Kind::Telegram,
                json!({"chat_data": "Z72S5kwWBPYpTnLrIfvYIQ=="}),
                json!({"chat_data": "****IQ=="}),
            ),
        ] {
            let target = parse(kind, &sent).unwrap();
            assert_eq!(target.to_wire(), sent);
            assert_eq!(Target::of_stored(kind, &sent), Some(target));
            assert_eq!(masked(kind, &sent), shown);
            assert_eq!(merged(kind, &sent, &shown).unwrap(), sent);
        }
    }

    #[test]
    fn a_webhook_is_completed_and_keeps_masked_secrets() {
        let sent = json!({"url": "https://example.com/hook/abcdefgh", "headers": {"Authorization": "Bearer abcdefghij", "X-N": 1}});
        let full = parse(Kind::WebHooks, &sent).unwrap().to_wire();
        assert_eq!(
            full,
            json!({"url": "https://example.com/hook/abcdefgh", "http_method": "POST", "format": "json",
            "headers": {"Authorization": "Bearer abcdefghij", "X-N": "1"}, "ca_file": "", "ca_verify": true,
            "timeout": 15, "open_timeout": 20, "subtype": "web_hooks"})
        );
        let mut shown = masked(Kind::WebHooks, &full);
        assert_eq!(shown["url"], "https://example.com/****efgh");
        assert_eq!(shown["headers"]["Authorization"], "****ghij");
        shown["headers"]["X-N"] = json!("2");
        let merged = merged(Kind::WebHooks, &full, &shown).unwrap();
        assert_eq!(merged["headers"], json!({"Authorization": "Bearer abcdefghij", "X-N": "2"}));
        assert_eq!(merged["url"], full["url"]);
    }

    #[test]
    fn what_cannot_be_a_target_is_refused_by_member() {
        for (kind, sent, body) in [
            (Kind::Email, json!([]), json!({"target": {"error": "can't be blank"}})),
            (Kind::Email, json!(["x"]), json!({"target": {"error": "is not an address", "value": "x"}})),
            (
                Kind::Slack,
                json!("ftp://x"),
                json!({"target": {"error": "must begin with http:// or https://"}}),
            ),
            (
                Kind::PagerDuty,
                json!("short"),
                json!({"target": {"error": "should have exactly 32 characters"}}),
            ),
            (
                Kind::DataDog,
                json!({"region": "US1"}),
                json!({"target": {"token": {"error": "can't be blank"}}}),
            ),
            (
                Kind::Splunk,
                json!({"token": "x", "api": "https://a.test"}),
                json!({"target": {"token": {"error": "should be a UUID"}}}),
            ),
            (
                Kind::WebHooks,
                json!({"url": "http://example.com"}),
                json!({"target": {"url": {"error": "must begin with https://"}}}),
            ),
            (
                Kind::WebHooks,
                json!({"url": "https://10.0.0.1/"}),
                json!({"target": {"url": {"error": "leads to an address that is not public"}}}),
            ),
            (
                Kind::WebHooks,
                json!({"url": "https://a.test", "headers": {"Host": "b"}}),
                json!({"target": {"headers": {"error": "is invalid"}}}),
            ),
            (Kind::WebHooks, Value::Null, json!({"target": {"error": "can't be blank"}})),
        ] {
            assert_eq!(parse(kind, &sent).unwrap_err().body, body);
        }
    }
}
