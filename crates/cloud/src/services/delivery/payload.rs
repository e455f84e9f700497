//! The request that each kind of destination documents.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use reqwest::{
    Method, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{DeliveryError, Message, s3, tickets};
use crate::{
    config::IntegrationsConfig,
    outgoing::OutgoingRequest,
    services::integration::{Kind, Target, Webhook},
    state::Cloud,
};

/// Longest title of an Opsgenie alert and of a PagerDuty event, characters.
const OPSGENIE_TITLE: usize = 130;
const PAGER_DUTY_TITLE: usize = 1024;
/// Longest text of a Telegram message, characters.
const TELEGRAM_TEXT: usize = 4096;

/// The request for a target that is not a mailbox.
pub(super) async fn request(
    cloud: &Cloud,
    kind: Kind,
    target: &Target,
    message: &Message,
) -> Result<OutgoingRequest, DeliveryError> {
    let (services, now) = (&cloud.config.integrations, cloud.now());
    match target {
        Target::Webhook(webhook) => webhook_request(webhook, message, now),
        Target::Url(url) if kind == Kind::SumoLogic => {
            post(url, lines(&message.events), &[(CONTENT_TYPE, "application/json")])
        }
        Target::Url(url) if kind == Kind::MsTeams => json_post(url, &teams(message), &[]),
        Target::Url(url) => json_post(url, &json!({"text": slack_text(message)}), &[]),
        Target::Key(key) => json_post(&services.pager_duty_url, &pager_duty(key, message), &[]),
        Target::DataDog { region, token } => {
            let url = data_dog_url(services, region)?;
            json_post(&url, &data_dog(message), &[(HeaderName::from_static("dd-api-key"), token)])
        }
        Target::Telegram { chat_data, token } => telegram(services, chat_data, token, message),
        Target::Token { token, api } => match kind {
            Kind::Splunk => {
                let url = with_path(api, "/services/collector/event")?;
                let key = format!("Splunk {token}");
                post(&url, splunk(message, now), &[(CONTENT_TYPE, "application/json"), (AUTHORIZATION, &key)])
            }
            Kind::Opsgenie => {
                let url = with_path(api, "/v2/alerts")?;
                json_post(&url, &opsgenie(message), &[(AUTHORIZATION, &format!("GenieKey {token}"))])
            }
            _ => {
                let event = message.events.first().cloned().unwrap_or_default();
                json_post(api, &event, &[(HeaderName::from_static("x-api-key"), token)])
            }
        },
        Target::Jira(jira) => tickets::jira(jira, message),
        Target::ServiceNow(service_now) => tickets::service_now(cloud, service_now, message).await,
        Target::S3(bucket) => s3::request(cloud, bucket, message).await,
        Target::Addresses(_) => Err(DeliveryError::Unusable("letters go by the mail server".to_owned())),
    }
}

fn parse(url: &str) -> Result<Url, DeliveryError> {
    Url::parse(url).map_err(|_| DeliveryError::Unusable("the address is not a URL".to_owned()))
}

/// The address, with the path of the service when it has none of its own.
fn with_path(api: &str, path: &str) -> Result<String, DeliveryError> {
    let mut url = parse(api)?;
    if url.path().is_empty() || url.path() == "/" {
        url.set_path(path);
    }
    Ok(url.into())
}

pub(super) fn post(
    url: &str,
    body: Vec<u8>,
    headers: &[(HeaderName, &str)],
) -> Result<OutgoingRequest, DeliveryError> {
    let mut request = OutgoingRequest::post(parse(url)?, body);
    for (name, value) in headers {
        request.headers.insert(name.clone(), header(value)?);
    }
    Ok(request)
}

pub(super) fn json_post(
    url: &str,
    body: &Value,
    headers: &[(HeaderName, &str)],
) -> Result<OutgoingRequest, DeliveryError> {
    let mut request = post(url, body.to_string().into_bytes(), headers)?;
    request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(request)
}

fn header(value: &str) -> Result<HeaderValue, DeliveryError> {
    HeaderValue::from_str(value)
        .map_err(|_| DeliveryError::Unusable("a header cannot hold its value".to_owned()))
}

/// One JSON object per line.
pub(super) fn lines(events: &[Value]) -> Vec<u8> {
    events.iter().map(|event| format!("{event}\n")).collect::<String>().into_bytes()
}

pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let start: String = text.chars().take(limit.saturating_sub(1)).collect();
    start + "…"
}

fn webhook_request(webhook: &Webhook, message: &Message, now: i64) -> Result<OutgoingRequest, DeliveryError> {
    let as_lines = webhook.format == "jsonl" && !message.is_test;
    let body = if as_lines { lines(&message.events) } else { json!(message.events).to_string().into_bytes() };
    let seconds = |value: i64| Duration::from_secs(u64::try_from(value).unwrap_or(15));
    let content_type = if as_lines { "application/x-ndjson" } else { "application/json" };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in webhook.sent_headers() {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| DeliveryError::Unusable("a header has no valid name".to_owned()))?;
        headers.insert(name, header(value.as_str().unwrap_or_default())?);
    }
    sign(&mut headers, webhook, message, &body, now)?;
    Ok(OutgoingRequest {
        method: if webhook.http_method == "PUT" { Method::PUT } else { Method::POST },
        headers,
        authority: Some(webhook.ca_file.clone()).filter(|pem| !pem.is_empty()),
        verify: webhook.ca_verify,
        connect_timeout: seconds(webhook.open_timeout),
        timeout: seconds(webhook.open_timeout) + seconds(webhook.timeout),
        ..OutgoingRequest::post(parse(&webhook.url)?, body)
    })
}

/// Identity, time and signature as Standard Webhooks has them: HMAC-SHA256 of `id.time.body`.
fn sign(
    headers: &mut HeaderMap,
    webhook: &Webhook,
    message: &Message,
    body: &[u8],
    now: i64,
) -> Result<(), DeliveryError> {
    let (id, time) = (format!("msg_{}", message.reference), now.to_string());
    if !webhook.secret.is_empty() {
        let unusable = || DeliveryError::Unusable("the secret cannot sign".to_owned());
        let key = match webhook.secret.strip_prefix("whsec_") {
            Some(text) => STANDARD.decode(text).map_err(|_| unusable())?,
            None => webhook.secret.clone().into_bytes(),
        };
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&key).map_err(|_| unusable())?;
        mac.update(format!("{id}.{time}.").as_bytes());
        mac.update(body);
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        headers.insert("webhook-signature", header(&signature)?);
    }
    headers.insert("webhook-id", header(&id)?);
    headers.insert("webhook-timestamp", header(&time)?);
    Ok(())
}

/// Slack reads `&`, `<` and `>` as markup.
fn slack_text(message: &Message) -> String {
    let text = format!("{}\n{}", message.summary(), message.text());
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A message with an adaptive card, which workflows and connectors of Teams both take.
fn teams(message: &Message) -> Value {
    let block = |text: String, weight: &str| json!({"type": "TextBlock", "text": text, "weight": weight, "wrap": true});
    let mut body = vec![block(message.summary(), "Bolder")];
    let text = message.text();
    body.extend(text.lines().filter(|line| !line.is_empty()).map(|line| block(line.to_owned(), "Default")));
    json!({"type": "message", "summary": message.summary(), "attachments": [{
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": null,
        "content": {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": body,
        },
    }]})
}

fn pager_duty(key: &str, message: &Message) -> Value {
    json!({
        "routing_key": key,
        "event_action": "trigger",
        // A repeated attempt adds to the same incident.
        "dedup_key": format!("bartizan-{}-{}", message.sender.cloud, message.reference),
        "payload": {
            "summary": cut(&message.summary(), PAGER_DUTY_TITLE),
            "source": format!("Bartizan {}", message.sender.cloud),
            "severity": message.severity(),
            "component": message.sender.client_name,
            "class": message.notification_type,
            "custom_details": message.events.first(),
        },
    })
}

fn opsgenie(message: &Message) -> Value {
    let priority = match message.severity() {
        "critical" => "P1",
        "error" => "P2",
        "warning" => "P3",
        _ => "P5",
    };
    json!({
        "message": cut(&message.summary(), OPSGENIE_TITLE),
        "alias": format!("bartizan-{}-{}", message.sender.cloud, message.reference),
        "description": message.text(),
        "source": "Bartizan",
        "tags": [message.notification_type, message.sender.cloud],
        "details": {"client_name": message.sender.client_name, "notification_type": message.notification_type},
        "priority": priority,
    })
}

fn data_dog_url(services: &IntegrationsConfig, region: &str) -> Result<String, DeliveryError> {
    if !services.data_dog_url.is_empty() {
        return Ok(services.data_dog_url.clone());
    }
    let site = match region.to_ascii_uppercase().as_str() {
        "US1" => "datadoghq.com",
        "US3" => "us3.datadoghq.com",
        "US5" => "us5.datadoghq.com",
        "EU1" => "datadoghq.eu",
        "AP1" => "ap1.datadoghq.com",
        "AP2" => "ap2.datadoghq.com",
        "US1-FED" => "ddog-gov.com",
        _ => return Err(DeliveryError::Unusable(format!("Datadog has no region {region}"))),
    };
    Ok(format!("https://http-intake.logs.{site}/api/v2/logs"))
}

fn data_dog(message: &Message) -> Value {
    let entry = |event: &Value| {
        let mut entry = json!({
            "ddsource": "bartizan",
            "ddtags": format!("cloud:{},notification_type:{}", message.sender.cloud, message.notification_type),
            "hostname": format!("bartizan-{}", message.sender.cloud),
            "service": "bartizan",
            "message": event.get("summary"),
        });
        if let (Some(entry), Some(event)) = (entry.as_object_mut(), event.as_object()) {
            entry.extend(event.clone());
        }
        entry
    };
    message.events.iter().map(entry).collect()
}

/// Events of the HTTP event collector, one after the other.
fn splunk(message: &Message, now: i64) -> Vec<u8> {
    let entry = |event: &Value| {
        let own = ["/details/hit/request_time", "/details/activity/time"];
        let time = own.iter().find_map(|path| event.pointer(path)?.as_i64());
        json!({
            "time": time.unwrap_or(now),
            "host": format!("bartizan-{}", message.sender.cloud),
            "source": "bartizan",
            "sourcetype": "_json",
            "event": event,
        })
    };
    lines(&message.events.iter().map(entry).collect::<Vec<_>>())
}

fn telegram(
    services: &IntegrationsConfig,
    chat: &str,
    own_token: &str,
    message: &Message,
) -> Result<OutgoingRequest, DeliveryError> {
    let token = if own_token.is_empty() { &services.telegram_token } else { own_token };
    if token.is_empty() {
        return Err(DeliveryError::Unusable("no Telegram bot is configured".to_owned()));
    }
    let text = cut(&format!("{}\n{}", message.summary(), message.text()), TELEGRAM_TEXT);
    let url = format!("{}/bot{token}/sendMessage", services.telegram_url.trim_end_matches('/'));
    json_post(&url, &json!({"chat_id": chat, "text": text}), &[])
}
