//! Where an integration sends to: what is accepted, and how it is stored.
//!
//! A target is stored as it is on the wire, sealed. Reads mask its secrets ([`super::mask`]).

use bartizan_api::ApiError;
use http::HeaderValue;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Kind;
use crate::{mail, outgoing::Outgoing};

mod s3;
mod tickets;
mod webhook;

pub use s3::S3;
pub use tickets::{Jira, ServiceNow};
pub use webhook::Webhook;

/// Most addresses of one integration.
const MAX_ADDRESSES: usize = 50;
/// Longest text of a target, characters; certificates may be ten times as long.
const MAX_TEXT: usize = 4096;

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
    /// Project of Jira.
    Jira(Jira),
    /// Integration key of PagerDuty.
    Key(String),
    /// Bucket of Amazon S3.
    S3(S3),
    /// Instance of ServiceNow.
    ServiceNow(ServiceNow),
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

/// 400 about the target as a whole.
fn wrong(text: &str) -> ApiError {
    // Without the value: it may be a secret.
    ApiError::field("target", text, Value::Null)
}

/// 400 about a member of the target.
pub(super) fn wrong_in(member: &str, text: &str) -> ApiError {
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
            Kind::AwsS3 => s3::parse(sent),
            Kind::Jira => tickets::jira(sent, outgoing),
            Kind::ServiceNow => tickets::service_now(sent, outgoing),
            Kind::WebHooks => webhook::parse(sent, outgoing),
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
            Kind::AwsS3 => Target::S3(serde_json::from_value(stored.clone()).ok()?),
            Kind::Jira => Target::Jira(serde_json::from_value(stored.clone()).ok()?),
            Kind::ServiceNow => Target::ServiceNow(serde_json::from_value(stored.clone()).ok()?),
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
            // Texts, numbers and truths have a form in JSON.
            Target::Jira(jira) => json!(jira),
            Target::S3(s3) => json!(s3),
            Target::ServiceNow(service_now) => json!(service_now),
            Target::Webhook(webhook) => json!(webhook),
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

/// Members of a target; null is absent.
fn members<T: DeserializeOwned>(sent: &Value) -> Result<T, ApiError> {
    let mut given = sent.as_object().cloned().ok_or_else(|| wrong("should be an object"))?;
    given.retain(|_, value| !value.is_null());
    serde_json::from_value(Value::Object(given)).map_err(|error| wrong(&error.to_string()))
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

#[cfg(test)]
mod tests {
    use super::{
        super::mask::{masked, merged},
        *,
    };
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
                json!({"url": "https://a.test", "headers": {"Upgrade": "b"}}),
                json!({"target": {"headers": {"error": "Upgrade: belongs to the connection, which the cloud makes"}}}),
            ),
            (Kind::WebHooks, Value::Null, json!({"target": {"error": "can't be blank"}})),
        ] {
            assert_eq!(parse(kind, &sent).unwrap_err().body, body);
        }
    }
}
