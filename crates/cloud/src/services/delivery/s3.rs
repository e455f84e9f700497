//! Files of hits in Amazon S3.
//!
//! Hits of ten minutes become one file, or several when there are many. Names are made of the end of the ten minutes
//! and of the first notification in the file: a second attempt writes the same file again, and two integrations
//! that share a bucket do not overwrite each other.

use std::time::Duration;

use reqwest::{
    Method, Url,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde_json::{Value, json};

use super::{
    DeliveryError, Message,
    aws::{self, Credentials, Service},
};
use crate::{config::IntegrationsConfig, outgoing::OutgoingRequest, services::integration::S3, state::Cloud};

/// Longest wait until a file is taken: it may have some tens of megabytes.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The request that stores a file.
pub(super) async fn request(
    cloud: &Cloud,
    target: &S3,
    message: &Message,
) -> Result<OutgoingRequest, DeliveryError> {
    let credentials = if target.role_arn.is_empty() {
        Credentials {
            key_id: target.access_key_id.clone(),
            secret: target.secret.clone(),
            session_token: None,
        }
    } else {
        aws::assume(cloud, &target.region, &target.role_arn, message).await?
    };
    let records: Vec<Value> = message.events.iter().map(record).collect();
    let as_lines = target.format == "jsonl";
    let (body, content_type) = if as_lines {
        (super::payload::lines(&records), "application/x-ndjson")
    } else {
        (json!(records).to_string().into_bytes(), "application/json")
    };
    let mut request = OutgoingRequest {
        method: Method::PUT,
        timeout: TIMEOUT,
        ..OutgoingRequest::post(address(&cloud.config.integrations, target, message)?, body)
    };
    request.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    aws::sign(&mut request, Service { region: &target.region, name: "s3" }, &credentials, cloud.now())?;
    Ok(request)
}

fn address(services: &IntegrationsConfig, target: &S3, message: &Message) -> Result<Url, DeliveryError> {
    let (region, bucket, name) = (&target.region, &target.bucket, file_name(target, message));
    let domain = aws::domain(region);
    let address = match services.aws_s3_url.trim_end_matches('/') {
        // Certificates do not hold for names with dots in front of the domain.
        "" if bucket.contains('.') => format!("https://s3.{region}.{domain}/{bucket}/{name}"),
        "" => format!("https://{bucket}.s3.{region}.{domain}/{name}"),
        relay => format!("{relay}/{bucket}/{name}"),
    };
    Url::parse(&address).map_err(|_| DeliveryError::Unusable("the address is not a URL".to_owned()))
}

fn file_name(target: &S3, message: &Message) -> String {
    let kind = match message.notification_type.as_str() {
        _ if message.is_test => "test",
        "new_hits" => "hitlogs",
        other => other,
    };
    let number = message.reference.trim_start_matches("test-");
    format!("{kind}-{}-{number}.{}", message.time, target.format)
}

/// A hit in the form of files; what is none, as it is.
fn record(event: &Value) -> Value {
    let Some(hit) = event.pointer("/details/hit") else { return event.clone() };
    let member = |name: &str| hit.get(name).cloned().unwrap_or_default();
    // What is not known of a hit is null or empty.
    let known = |name: &str| Some(member(name)).filter(|value| !value.is_null() && value != "");
    let text = |name: &str, otherwise: &str| known(name).unwrap_or_else(|| json!(otherwise));
    let time = member("request_time");
    let ip = known("remote_addr4").or_else(|| known("remote_addr6"));
    json!({
        "time": time.as_i64().map(|time| time.to_string()),
        "request_id": member("request_id"),
        "ip": ip,
        "datacenter": text("datacenter", "unknown"),
        "tor": text("tor", "none"),
        "remote_country": known("remote_country"),
        "application_id": member("applications"),
        "domain": member("host"),
        "method": member("method"),
        "uri": member("path"),
        "protocol": text("protocol", "none"),
        "status_code": member("response_status"),
        "attack_type": member("type"),
        "block_status": member("block_status"),
        "payload": member("payloads"),
        "point": member("point"),
        "tags": {
            "lom_id": member("lom_id"),
            "libproton_version": member("libproton_version"),
            "brute_counter": member("brute_counter"),
            "wallarm_mode": member("wallarm_mode"),
            "final_wallarm_mode": member("final_wallarm_mode"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::delivery::Sender;

    #[test]
    fn buckets_are_reached_by_their_names() {
        let services = IntegrationsConfig::default();
        let sender = Sender { client_name: String::new(), client_uuid: String::new(), cloud: String::new() };
        let mut message = Message::new(7, "new_hits", vec![], sender);
        message.time = 1_780_000_200;
        for (region, bucket, expected) in [
            ("eu-central-1", "logs", "https://logs.s3.eu-central-1.amazonaws.com/hitlogs-1780000200-7.json"),
            ("us-east-1", "a.b", "https://s3.us-east-1.amazonaws.com/a.b/hitlogs-1780000200-7.json"),
            ("cn-north-1", "logs", "https://logs.s3.cn-north-1.amazonaws.com.cn/hitlogs-1780000200-7.json"),
        ] {
            let target = serde_json::from_value(json!({"region": region, "bucket": bucket})).unwrap();
            assert_eq!(address(&services, &target, &message).unwrap().as_str(), expected);
        }
    }
}
