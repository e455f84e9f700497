//! Files of hits in Amazon S3, signed by Signature Version 4.

use bartizan_cloud::services::delivery;
use bartizan_testkit::receiver::{Receiver, TakenRequest};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{integration, start, test_message};
use crate::events::{TestNode, hit_with, recent};

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Recomputes the signature from what arrived, as the service does.
fn assert_signed(got: &TakenRequest, key: &str, secret: &str, service: &str) {
    let (time, body) = (got.header("x-amz-date"), hex::encode(Sha256::digest(&got.body)));
    let scope = format!("{}/eu-central-1/{service}/aws4_request", &time[..8]);
    let sent = got.header("authorization");
    let rest =
        sent.strip_prefix(&format!("AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders=")).unwrap();
    let (names, signature) = rest.split_once(", Signature=").unwrap();
    for name in ["content-type", "host", "x-amz-date"] {
        assert!(names.split(';').any(|signed| signed == name), "{names}");
    }
    let lines: String = names.split(';').map(|name| format!("{name}:{}\n", got.header(name))).collect();
    let canonical = format!("{}\n{}\n\n{lines}\n{names}\n{body}", got.method, got.uri.path());
    let text =
        format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(canonical.as_bytes())));
    let key = ["eu-central-1", service, "aws4_request"]
        .iter()
        .fold(hmac(format!("AWS4{secret}").as_bytes(), &time[..8]), |key, part| hmac(&key, part));
    assert_eq!(signature, hex::encode(hmac(&key, &text)));
    if service == "s3" {
        assert_eq!(got.header("x-amz-content-sha256"), body);
    }
}

#[tokio::test]
async fn hits_of_ten_minutes_become_one_file() {
    let receiver = Receiver::start().await;
    let url = receiver.url.clone();
    let cloud = start(|config| config.integrations.aws_s3_url = url).await;
    let admin = cloud.admin_pair().await;
    let target =
        json!({"region": "eu-central-1", "bucket": "acme-hits", "access_key_id": KEY, "secret": SECRET});
    let id = integration(&cloud, &admin, "aws_s3", target, &["siem"]).await;
    let node = TestNode::register(&cloud, 1).await;
    // At the beginning of ten minutes.
    let clock = &cloud.running.cloud.clock;
    clock.shift_ms(600_000 - clock.now_ms().rem_euclid(600_000) + 1000);
    let until = cloud.running.cloud.now() / 600 * 600 + 600;
    let time = recent(&cloud);
    node.upload(
        &cloud,
        &[hit_with("one", time, json!({})), hit_with("two", time, json!({"attack_type": "xss"}))],
    )
    .await;
    node.upload(&cloud, &[hit_with("three", time, json!({"ip": "2001:db8::7"}))]).await;
    delivery::pass(&cloud.running.cloud).await.unwrap();
    assert!(receiver.now().await.is_none());
    // The bucket says no at first; the second attempt writes the same file.
    receiver.answer(503, "<Error><Code>SlowDown</Code></Error>");
    clock.shift_ms(600_000);
    let first = receiver.next().await;
    receiver.answer(200, "");
    clock.shift_ms(2_000);
    let got = receiver.next().await;
    assert_eq!((&first.uri, &first.body), (&got.uri, &got.body));
    assert_eq!(got.method, "PUT");
    let path = got.uri.path();
    assert!(path.starts_with(&format!("/acme-hits/hitlogs-{until}-")) && path.ends_with(".json"), "{path}");
    assert_eq!(got.header("content-type"), "application/json");
    assert_signed(&got, KEY, SECRET, "s3");
    let mut records = got.json();
    assert_eq!(records.as_array().unwrap().len(), 3);
    assert_eq!((&records[1]["attack_type"], &records[2]["ip"]), (&json!("xss"), &json!("2001:db8::7")));
    assert_eq!(records[0]["time"], time.to_string());
    records[0]["time"] = json!("time");
    insta::assert_json_snapshot!("s3_record", records[0]);
    // All that went in the file is done, in one attempt more than failed.
    loop {
        let rows =
            cloud.get(&admin, &format!("/v2/integration/{id}/deliveries")).await.body()["object"].clone();
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), 2);
        if rows.iter().all(|row| row["state"] == "delivered" && row["attempts"] == 2) {
            break;
        }
    }
    delivery::pass(&cloud.running.cloud).await.unwrap();
    assert!(receiver.now().await.is_none());
}

#[tokio::test]
async fn a_test_message_writes_a_file_of_lines() {
    let receiver = Receiver::start().await;
    let url = receiver.url.clone();
    let cloud = start(|config| config.integrations.aws_s3_url = url).await;
    let admin = cloud.admin_pair().await;
    let target = json!({"region": "eu-central-1", "bucket": "acme-hits", "access_key_id": KEY, "secret": SECRET,
        "format": "jsonl"});
    let id = integration(&cloud, &admin, "aws_s3", target, &[]).await;
    test_message(&cloud, &admin, id).await;
    let got = receiver.next().await;
    assert!(
        got.uri.path().starts_with("/acme-hits/test-") && got.uri.path().ends_with(".jsonl"),
        "{}",
        got.uri
    );
    assert_eq!(got.header("content-type"), "application/x-ndjson");
    assert!(got.lines()[0]["summary"].as_str().unwrap().contains("Connection test"));
    assert_signed(&got, KEY, SECRET, "s3");
    receiver.answer(403, "<Error><Code>AccessDenied</Code></Error>");
    let reply = cloud.post(&admin, &format!("/v2/integration/{id}/test"), json!({})).await;
    assert_eq!(
        reply.json()["body"]["target"]["value"],
        json!({"status": 403, "answer": "<Error><Code>AccessDenied</Code></Error>"})
    );
}

fn role_target() -> Value {
    json!({"region": "eu-central-1", "bucket": "acme-hits", "role_arn": "arn:aws:iam::123456789012:role/bartizan"})
}

#[tokio::test]
async fn a_role_is_taken_on_for_the_client_alone() {
    let (receiver, tokens) = (Receiver::start().await, Receiver::start().await);
    let (url, sts) = (receiver.url.clone(), tokens.url.clone());
    let cloud = start(|config| {
        config.integrations.aws_s3_url = url;
        config.integrations.aws_sts_url = sts;
        config.integrations.aws_access_key_id = "AKIACLOUDEXAMPLE0000".to_owned();
        config.integrations.aws_secret_access_key = "the cloud's own".to_owned();
    })
    .await;
    let admin = cloud.admin_pair().await;
    tokens.answer(
        200,
        r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
            <AccessKeyId>ASIATEMPORARY0000000</AccessKeyId><SecretAccessKey>temp/+secret</SecretAccessKey>
            <SessionToken>IQoJb3JpZ2lu==</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration>
            </Credentials></AssumeRoleResult></AssumeRoleResponse>"#,
    );
    let id = integration(&cloud, &admin, "aws_s3", role_target(), &[]).await;
    test_message(&cloud, &admin, id).await;
    let asked = tokens.next().await;
    let form = String::from_utf8(asked.body.to_vec()).unwrap();
    assert_eq!(
        form,
        format!(
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fbartizan\
             &RoleSessionName=bartizan&ExternalId={}&DurationSeconds=900",
            cloud.client.uuid
        )
    );
    assert_signed(&asked, "AKIACLOUDEXAMPLE0000", "the cloud's own", "sts");
    let got = receiver.next().await;
    assert_eq!(got.header("x-amz-security-token"), "IQoJb3JpZ2lu==");
    assert!(got.header("authorization").contains("x-amz-security-token"));
    assert_signed(&got, "ASIATEMPORARY0000000", "temp/+secret", "s3");
}

#[tokio::test]
async fn a_cloud_without_a_key_takes_on_no_role() {
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    let id = integration(&cloud, &admin, "aws_s3", role_target(), &[]).await;
    let reply = cloud.post(&admin, &format!("/v2/integration/{id}/test"), json!({})).await;
    assert_eq!(
        reply.json()["body"]["target"],
        json!({"error": "this cloud has no key of AWS to take on roles by"})
    );
    let mut config = bartizan_cloud::CloudConfig::default();
    config.integrations.aws_access_key_id = KEY.to_owned();
    assert!(config.validate().unwrap_err().starts_with("integrations.aws_access_key_id and"));
}
