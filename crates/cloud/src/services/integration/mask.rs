//! Secrets of targets: hidden in what is read, kept in what is changed.

use bartizan_api::ApiError;
use serde_json::Value;

use super::{Kind, target};

const MASK: &str = "****";

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
        Kind::AwsS3 => masked_members(target, &["secret"]),
        Kind::Jira => masked_members(target, &["token"]),
        Kind::ServiceNow => masked_members(target, &["password", "client_secret"]),
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
    let moved = |name: &str| {
        let (after, before) = (merged.get(name), stored.get(name));
        let same =
            if ["url", "api"].contains(&name) { origin(after) == origin(before) } else { after == before };
        before.is_some() && !same
    };
    let secrets = ["token", "secret", "headers", "password", "client_secret"];
    let kept = |name: &&str| repeats_mask(stored.get(name), shown.get(name), sent.get(name));
    match secrets.iter().find(|name| kept(name)) {
        Some(name) if ["url", "api", "host", "instance"].into_iter().any(moved) => {
            Err(target::wrong_in(name, "must be given again for another server"))
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
