//! Notifications end to end: what happens in the cloud arrives at receivers, in the form that each documents.

use bartizan_cloud::{
    CloudConfig,
    config::{MailConfig, MailTls},
    services::{delivery, periodic},
};
use bartizan_testkit::{
    Credential, TestCloud,
    receiver::{Receiver, TakenRequest},
    smtp::MailServer,
    tls::Authority,
};
use hmac::{Hmac, Mac};
use reqwest::Method;
use serde_json::{Value, json};

use crate::events::{TestNode, hit_with, incidents::proof, recent};
use crate::letters;

mod activity_stream;
mod s3;
mod tickets;

/// A cloud that may reach receivers on this machine.
async fn start(change: impl FnOnce(&mut CloudConfig)) -> TestCloud {
    TestCloud::start_with(|config| {
        config.outgoing.allowed_networks = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        config.outgoing.plain_http = true;
        change(config);
    })
    .await
}

/// Letters by the mail server on a port of this machine.
fn mail_by(port: u16) -> MailConfig {
    MailConfig {
        host: "127.0.0.1".into(),
        port: Some(port),
        tls: MailTls::None,
        from: "Bartizan <alerts@bartizan.test>".into(),
        ..MailConfig::default()
    }
}

async fn integration(cloud: &TestCloud, by: &Credential, kind: &str, target: Value, events: &[&str]) -> i64 {
    let events: Vec<Value> = events.iter().map(|event| json!({"event": event, "active": true})).collect();
    let body = json!({"type": kind, "name": kind, "active": true, "target": target, "events": events});
    let reply = cloud.post(by, "/v2/integration", body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["body"]["object"]["id"].as_i64().unwrap()
}

async fn trigger(cloud: &TestCloud, by: &Credential, trigger: Value) -> i64 {
    let reply = cloud.post(by, "/v2/clients/1/triggers", json!({ "trigger": trigger })).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["trigger"]["id"].as_i64().unwrap()
}

fn notify(id: i64) -> Value {
    json!([{"id": "send_notification", "params": {"integration_ids": [id]}}])
}

async fn test_message(cloud: &TestCloud, by: &Credential, id: i64) {
    let reply = cloud.post(by, &format!("/v2/integration/{id}/test"), json!({})).await;
    assert_eq!(reply.text, r#"{"status":200,"body":{"result":"success"}}"#);
}

/// The example of the public Terraform provider has a `HOST` among the headers of a webhook.
#[tokio::test]
async fn a_host_among_the_headers_of_a_webhook_is_kept_and_not_sent() {
    let receiver = Receiver::start().await;
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    let target =
        json!({"url": format!("{}/hook", receiver.url), "headers": {"HOST": "localhost", "X-Team": "soc"}});
    let body = json!({"type": "web_hooks", "target": target});
    let made = cloud.post(&admin, "/v2/integration", body).await.body()["object"].clone();
    assert!(made["target"]["headers"].get("HOST").is_some(), "{made}");
    test_message(&cloud, &admin, made["id"].as_i64().unwrap()).await;
    let got = receiver.next().await;
    assert_eq!(got.header("host"), receiver.url.trim_start_matches("http://"));
    assert_eq!(got.header("x-team"), "soc");
}

/// Receivers drop what has the id of something that they have.
#[tokio::test]
async fn each_test_message_has_an_id_of_its_own() {
    let receiver = Receiver::start().await;
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    let make = async |kind: &str, target: Value| {
        let body = json!({"type": kind, "target": target});
        cloud.post(&admin, "/v2/integration", body).await.body()["object"]["id"].as_i64().unwrap()
    };
    let hook = make("web_hooks", json!({"url": format!("{}/hook", receiver.url)})).await;
    let opsgenie = make("opsgenie", json!({"token": "0123456789abcdef", "api": receiver.url})).await;
    let (mut ids, mut aliases) = (vec![], vec![]);
    for _ in 0..2 {
        test_message(&cloud, &admin, hook).await;
        ids.push(receiver.next().await.header("webhook-id").to_owned());
        test_message(&cloud, &admin, opsgenie).await;
        aliases.push(receiver.next().await.json()["alias"].clone());
    }
    assert!(ids.iter().all(|id| id.starts_with("msg_test-")), "{ids:?}");
    assert_ne!(ids[0], ids[1]);
    assert_ne!(aliases[0], aliases[1]);
}

#[tokio::test]
async fn hits_reach_a_webhook_whole() {
    let receiver = Receiver::start().await;
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    let events = json!([{"event": "siem", "active": true, "with_headers": true}]);
    let target = json!({"url": format!("{}/hook", receiver.url), "headers": {"X-Team": "soc"}, "secret": "signing key"});
    let body = json!({"type": "web_hooks", "active": true, "target": target, "events": events});
    cloud.post(&admin, "/v2/integration", body).await.body();
    let node = TestNode::register(&cloud, 1).await;
    let time = recent(&cloud);
    node.upload(
        &cloud,
        &[hit_with("one", time, json!({})), hit_with("two", time, json!({"attack_type": "xss"}))],
    )
    .await;
    let got = receiver.next().await;
    assert_eq!((got.method.as_str(), got.uri.path(), got.header("x-team")), ("POST", "/hook", "soc"));
    let mut sent = got.json();
    assert_eq!(sent.as_array().unwrap().len(), 2);
    let details = &mut sent[0]["details"];
    assert_eq!(details["headers"]["HOST"], json!(["shop.test"]));
    details["hit"]["id"] = json!(["index", "id"]);
    for name in ["request_time", "create_time"] {
        assert!(details["hit"][name].as_i64().unwrap() > 1_600_000_000);
        details["hit"][name] = json!(0);
    }
    details["hit"]["node_uuid"] = json!("uuid");
    insta::assert_json_snapshot!("new_hits", sent[0]);
    // Signed as Standard Webhooks has it.
    let mut mac = <Hmac<sha2::Sha256> as Mac>::new_from_slice(b"signing key").unwrap();
    mac.update(format!("{}.{}.", got.header("webhook-id"), got.header("webhook-timestamp")).as_bytes());
    mac.update(&got.body);
    use base64::Engine;
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(got.header("webhook-signature"), format!("v1,{signature}"));
    // The same batch again tells nobody.
    node.upload(&cloud, &[hit_with("one", time, json!({}))]).await;
    delivery::pass(&cloud.running.cloud).await.unwrap();
    assert!(receiver.now().await.is_none());
}

#[tokio::test]
async fn a_webhook_over_https_trusts_its_own_authority() {
    let authority = Authority::new();
    let receiver = Receiver::start_tls(&authority).await;
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    let target = |extra: Value| {
        let mut target =
            json!({"url": format!("{}/x", receiver.url), "format": "jsonl", "http_method": "PUT"});
        target.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({"type": "web_hooks", "target": target})
    };
    let unknown = cloud.post(&admin, "/v2/integration/test", target(json!({}))).await;
    assert_eq!(unknown.status, 400, "{}", unknown.text);
    for trusting in [json!({"ca_file": authority.pem}), json!({"ca_verify": false})] {
        cloud.post(&admin, "/v2/integration/test", target(trusting)).await.body();
        let got = receiver.next().await;
        assert_eq!(got.method, "PUT");
        // Test messages are always an array.
        let summary = got.json()[0]["summary"].as_str().unwrap().to_owned();
        assert!(summary.starts_with("[Test message] [Test partner(us1)]"), "{summary}");
    }
    let bad = cloud.post(&admin, "/v2/integration/test", target(json!({"ca_file": "x"}))).await;
    assert_eq!(bad.json()["body"]["target"]["ca_file"]["error"], "should be a certificate in PEM form");
}

#[tokio::test]
async fn authorities_of_the_operator_are_trusted_everywhere() {
    let authority = Authority::new();
    let receiver = Receiver::start_tls(&authority).await;
    let file = authority.file.clone();
    let cloud = start(|config| config.outgoing.ca_file = Some(file)).await;
    let admin = cloud.admin_pair().await;
    let target = json!({"type": "web_hooks", "target": {"url": format!("{}/x", receiver.url)}});
    cloud.post(&admin, "/v2/integration/test", target).await.body();
    assert_eq!(receiver.next().await.uri.path(), "/x");
    let mut config = CloudConfig::default();
    config.outgoing.ca_file = Some(authority.file.with_file_name("none.pem"));
    let error = config.validate().unwrap_err();
    assert!(error.starts_with("outgoing.ca_file ") && error.contains("none.pem"), "{error}");
}

#[tokio::test]
async fn lines_are_sent_to_who_asks_for_lines() {
    let receiver = Receiver::start().await;
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    let target = json!({"url": receiver.url, "format": "jsonl"});
    integration(&cloud, &admin, "web_hooks", target, &["siem"]).await;
    let node = TestNode::register(&cloud, 1).await;
    let time = recent(&cloud);
    node.upload(&cloud, &[hit_with("one", time, json!({})), hit_with("two", time + 1, json!({}))]).await;
    let lines = receiver.next().await.lines();
    assert_eq!(lines.len(), 2);
    assert!(lines[0]["details"].get("headers").is_none());
}

/// What each service documents, asked by a test message.
#[tokio::test]
async fn each_service_gets_its_documented_request() {
    let receiver = Receiver::start().await;
    let url = receiver.url.clone();
    let cloud = start(|config| {
        config.integrations.pager_duty_url = format!("{url}/v2/enqueue");
        config.integrations.data_dog_url = format!("{url}/api/v2/logs");
        config.integrations.telegram_url.clone_from(&url);
    })
    .await;
    let admin = cloud.admin_pair().await;
    let uuid = "b1e2d6dc-e4b5-400d-9dae-270c39c5daa2";
    let key = "0123456789abcdef0123456789abcdef";
    let ask = |kind: &'static str, target: Value| {
        let (cloud, admin, receiver) = (&cloud, &admin, &receiver);
        async move {
            let id = integration(cloud, admin, kind, target, &[]).await;
            test_message(cloud, admin, id).await;
            receiver.next().await
        }
    };
    let text = |request: &TakenRequest, text: &Value| {
        let text = text.as_str().unwrap().to_owned();
        assert!(text.contains("Connection test") || request.body.is_empty(), "{text}");
    };
    let got = ask("slack", json!(format!("{url}/services/T/B/X"))).await;
    assert_eq!(got.uri.path(), "/services/T/B/X");
    text(&got, &got.json()["text"]);
    let got = ask("ms_teams", json!(format!("{url}/webhookb2/x"))).await;
    let card = &got.json()["attachments"][0];
    assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
    text(&got, &card["content"]["body"][0]["text"]);
    let got = ask("telegram", json!({"chat_data": "-100123", "token": "42:abc"})).await;
    assert_eq!((got.uri.path(), &got.json()["chat_id"]), ("/bot42:abc/sendMessage", &json!("-100123")));
    text(&got, &got.json()["text"]);
    let got = ask("opsgenie", json!({"token": uuid, "api": url})).await;
    assert_eq!(
        (got.uri.path(), got.header("authorization")),
        ("/v2/alerts", format!("GenieKey {uuid}").as_str())
    );
    text(&got, &got.json()["message"]);
    let got = ask("pager_duty", json!(key)).await;
    let sent = got.json();
    assert_eq!(
        (got.uri.path(), &sent["routing_key"], &sent["event_action"]),
        ("/v2/enqueue", &json!(key), &json!("trigger"))
    );
    assert_eq!(sent["payload"]["severity"], "info");
    text(&got, &sent["payload"]["summary"]);
    let got = ask("splunk", json!({"token": uuid, "api": url})).await;
    assert_eq!(
        (got.uri.path(), got.header("authorization")),
        ("/services/collector/event", format!("Splunk {uuid}").as_str())
    );
    let line = &got.lines()[0];
    assert!(line["time"].is_i64());
    text(&got, &line["event"]["summary"]);
    let got = ask("sumo_logic", json!(format!("{url}/receiver/v1/http/x"))).await;
    text(&got, &got.lines()[0]["summary"]);
    let got = ask("data_dog", json!({"region": "EU1", "token": key})).await;
    assert_eq!((got.uri.path(), got.header("dd-api-key")), ("/api/v2/logs", key));
    assert_eq!(got.json()[0]["ddsource"], "bartizan");
    text(&got, &got.json()[0]["message"]);
    let got = ask("insight_connect", json!({"token": uuid, "api": format!("{url}/execute")})).await;
    assert_eq!((got.uri.path(), got.header("x-api-key")), ("/execute", uuid));
    text(&got, &got.json()["summary"]);
}

#[tokio::test]
async fn letters_go_by_the_mail_server() {
    let server = MailServer::start().await;
    let port = server.port;
    let cloud = start(|config| {
        config.mail = mail_by(port);
    })
    .await;
    let admin = cloud.admin_pair().await;
    let id = integration(&cloud, &admin, "email", json!(["soc@acme.test"]), &["system"]).await;
    let created = server.next().await;
    assert_eq!(created.to, ["soc@acme.test"]);
    assert!(created.data.contains("Subject: Created: email integration \"email\""), "{}", created.data);
    let actions = notify(id);
    trigger(&cloud, &admin, json!({"template_id": "user_created", "name": "Newcomers", "actions": actions}))
        .await;
    let user = json!({"clientid": 1, "username": "new@acme.test", "email": "new@acme.test", "realname": "New One", "password": "Correct1horse", "permissions": ["analytic"]});
    cloud.post(&admin, "/v1/objects/user/create", user).await.body();
    // Two letters, in any order: the change itself, and the trigger.
    let letters = [server.next().await.data, server.next().await.data].join("\n");
    assert!(
        letters.contains("Trigger: Newcomers") && letters.contains("Notification type: create_user"),
        "{letters}"
    );
}

#[tokio::test]
async fn counting_triggers_fire_once_in_a_window() {
    let receiver = Receiver::start().await;
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    let id = integration(&cloud, &admin, "web_hooks", json!({"url": receiver.url}), &[]).await;
    let filters = json!([{"id": "attack_type", "operator": "eq", "values": ["sqli"]}]);
    for template in ["hits_exceeded", "attacks_exceeded"] {
        let actions = notify(id);
        let threshold = json!({"operator": "gt", "period": 600, "count": 2});
        trigger(&cloud, &admin, json!({"template_id": template, "name": template, "filters": filters, "actions": actions, "threshold": threshold})).await;
    }
    let node = TestNode::register(&cloud, 1).await;
    let time = recent(&cloud);
    let path = |index: i64| json!({"path": format!("/p{index}"), "point": ["get", format!("q{index}")], "parameter": format!("GET_q{index}_value")});
    // Two hits, and others that do not count: filtered out, experimental, long ago.
    let old = time - 3600;
    node.upload(
        &cloud,
        &[
            hit_with("a", time, path(1)),
            hit_with("b", time, path(2)),
            hit_with("c", time, json!({"attack_type": "xss"})),
            hit_with("d", time, json!({"experimental": true, "path": "/x"})),
            hit_with("e", old, json!({"path": "/old"})),
        ],
    )
    .await;
    delivery::pass(&cloud.running.cloud).await.unwrap();
    assert!(receiver.now().await.is_none());
    node.upload(&cloud, &[hit_with("f", time + 1, path(3))]).await;
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let event = receiver.next().await.json()[0].clone();
        let details = &event["details"];
        assert_eq!(
            (&details["count"], &details["threshold"], &details["period"]),
            (&json!(3), &json!(2), &json!(600))
        );
        assert_eq!((&details["client_name"], &details["cloud"]), (&json!("Acme"), &json!("us1")));
        assert_eq!(details["filters"], filters);
        assert!(details["link"].as_str().unwrap().ends_with("/attacks"), "{}", details["link"]);
        assert!(details["link"].as_str().unwrap().starts_with("http"), "{}", details["link"]);
        kinds.push(details["notification_type"].as_str().unwrap().to_owned());
    }
    kinds.sort();
    assert_eq!(kinds, ["attacks_exceeded", "hits_exceeded"]);
    // More of the same says nothing new until the window is over.
    node.upload(&cloud, &[hit_with("g", time + 2, path(4))]).await;
    delivery::pass(&cloud.running.cloud).await.unwrap();
    assert!(receiver.now().await.is_none());
    cloud.running.cloud.clock.shift_ms(700_000);
    let later = recent(&cloud);
    let more: Vec<Value> = (5..8).map(|index| hit_with(&format!("h{index}"), later, path(index))).collect();
    node.upload(&cloud, &more).await;
    receiver.next().await;
}

#[tokio::test]
async fn incidents_are_counted_once_each() {
    let receiver = Receiver::start().await;
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    let id = integration(&cloud, &admin, "web_hooks", json!({"url": receiver.url}), &[]).await;
    let filters = json!([{"id": "domain", "operator": "eq", "values": ["shop.test"]}]);
    let threshold = json!({"operator": "gt", "period": 600, "count": 1});
    trigger(&cloud, &admin, json!({"template_id": "incidents_exceeded", "name": "Worst", "filters": filters, "actions": notify(id), "threshold": threshold})).await;
    let node = TestNode::register(&cloud, 1).await;
    let time = recent(&cloud);
    let elsewhere = json!({"path": "/x"});
    node.upload(&cloud, &[hit_with("a", time, json!({})), hit_with("b", time, elsewhere.clone())]).await;
    // Attacks that did no harm are no incidents, and two proofs of one attack are one.
    let first = [proof("p", "a", time, json!({})), proof("r", "a", time, json!({}))];
    node.upload(&cloud, &first).await;
    delivery::pass(&cloud.running.cloud).await.unwrap();
    assert!(receiver.now().await.is_none());
    node.upload(&cloud, &[proof("q", "b", time, elsewhere)]).await;
    let event = receiver.next().await.json()[0].clone();
    let details = &event["details"];
    assert_eq!(
        (&details["notification_type"], &details["trigger_name"], &details["count"]),
        (&json!("incidents_exceeded"), &json!("Worst"), &json!(2))
    );
    assert!(details["link"].as_str().unwrap().ends_with("/incidents"), "{}", details["link"]);
    assert_eq!(details["filters"], filters);
}

#[tokio::test]
async fn new_security_issues_are_told_by_their_severity() {
    let receiver = Receiver::start().await;
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    let target = json!({"url": receiver.url});
    integration(&cloud, &admin, "web_hooks", target, &["security_issue_high", "security_issue_medium"]).await;
    let found = async |path: &str, threat: i64| {
        let body = json!({"type": "sqli", "domain": "shop.test", "path": path, "method": "GET", "title": "SQL injection",
            "parameter": "GET_q_value", "threat": threat});
        cloud.post(&admin, "/v1/objects/vuln/create", body).await.body();
    };
    found("/quiet", 30).await;
    found("/search", 90).await;
    let mut event = receiver.next().await.json()[0].clone();
    let issues =
        cloud.post(&admin, "/v1/security_issues", json!({"filter": {"severity": "high"}})).await.json();
    let id = &issues[0]["id"];
    assert_eq!(event["details"]["security_issue"]["id"], *id);
    let link = event["details"]["security_issue_link"].as_str().unwrap();
    assert!(link.starts_with("http") && link.ends_with(&format!("/vulnerabilities?open={id}")), "{link}");
    event["details"]["security_issue"]["id"] = json!(1);
    event["details"]["security_issue_link"] = json!("link");
    insta::assert_json_snapshot!("security_issue", event);
    // What nodes find is told as well, once.
    let node = TestNode::register(&cloud, 1).await;
    let time = recent(&cloud);
    let proven = proof("p", "a", time, json!({"vuln_type": "sqli"}));
    node.upload(&cloud, &[proven, proof("q", "b", time, json!({}))]).await;
    let event = receiver.next().await.json()[0].clone();
    assert_eq!(event["details"]["security_issue"]["discovered_by"], "passive_detect");
    delivery::pass(&cloud.running.cloud).await.unwrap();
    assert!(receiver.now().await.is_none());
}

async fn lists(cloud: &TestCloud, by: &Credential) -> Vec<Value> {
    let reply = cloud.get(by, "/v1/blocklist/clients/1/groups?limit=100").await;
    reply.body()["objects"].as_array().unwrap().clone()
}

#[tokio::test]
async fn sources_of_many_payloads_are_listed() {
    let receiver = Receiver::start().await;
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    let node = TestNode::register(&cloud, 1).await;
    let time = recent(&cloud);
    let payload = |id: &str, ip: &str, value: &str| hit_with(id, time, json!({"ip": ip, "value": value}));
    // The default trigger: more than three different payloads of one source.
    node.upload(
        &cloud,
        &[
            payload("a", "203.0.113.7", "one"),
            payload("b", "203.0.113.7", "two"),
            payload("c", "203.0.113.7", "two"),
            payload("d", "203.0.113.7", "three"),
            payload("e", "203.0.113.8", "four"),
        ],
    )
    .await;
    assert_eq!(lists(&cloud, &admin).await, [] as [Value; 0]);
    node.upload(&cloud, &[payload("f", "203.0.113.7", "five")]).await;
    let gray = lists(&cloud, &admin).await;
    assert_eq!(gray.len(), 1);
    let now = cloud.running.cloud.now();
    assert_eq!(
        (&gray[0]["list"], &gray[0]["values"], &gray[0]["author_user_id"]),
        (&json!("gray"), &json!(["203.0.113.7/32"]), &json!(0))
    );
    assert!(gray[0]["author_trigger_id"].is_i64());
    assert!((now + 3590..=now + 3600).contains(&gray[0]["expired_at"].as_i64().unwrap()));
    // A trigger of one's own denies, tells, and takes the place of the graylist entry; who is told of
    // denylisted sources hears of it.
    let id = integration(&cloud, &admin, "web_hooks", json!({"url": receiver.url}), &[]).await;
    let mut actions = notify(id);
    actions.as_array_mut().unwrap().push(json!({"id": "block_ips", "params": {"lock_time": 315_360_000}}));
    let threshold = json!({"operator": "gt", "period": 3600, "count": 1});
    trigger(
        &cloud,
        &admin,
        json!({"template_id": "vector_attack", "name": "Strict", "actions": actions, "threshold": threshold}),
    )
    .await;
    let actions = notify(id);
    trigger(
        &cloud,
        &admin,
        json!({"template_id": "blacklist_ip_added", "name": "Denied", "actions": actions}),
    )
    .await;
    node.upload(&cloud, &[payload("g", "203.0.113.7", "six"), payload("h", "203.0.113.7", "seven")]).await;
    let denied = lists(&cloud, &admin).await;
    assert_eq!(
        (denied.len(), &denied[0]["list"], &denied[0]["expired_at"]),
        (1, &json!("block"), &json!(33_223_139_044_i64))
    );
    let told =
        cloud.get(&Credential::Node(node.uuid.clone(), node.secret.clone()), "/node/v1/lists").await.json();
    assert_eq!(
        (&told["add"][0]["list"], &told["add"][0]["attack_type"]),
        (&json!("deny"), &json!("vectors"))
    );
    let mut names: Vec<String> = Vec::new();
    for _ in 0..2 {
        let event = receiver.next().await.json()[0].clone();
        assert_eq!(event["details"]["notification_type"], "ip_blocked");
        assert!(event["details"]["application"].is_array(), "{event}");
        assert!(event["details"]["ip"].as_str().unwrap().starts_with("203.0.113.7"));
        names.push(event["details"]["trigger_name"].as_str().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(names, ["Denied", "Strict"]);

    // One that only tells blocks nobody, and does not say so.
    let only = json!([actions[0]]);
    let told = json!({"template_id": "vector_attack", "name": "Told", "actions": only,
        "threshold": {"operator": "gt", "period": 3600, "count": 1}});
    trigger(&cloud, &admin, told).await;
    node.upload(&cloud, &[payload("i", "203.0.113.8", "one"), payload("j", "203.0.113.8", "two")]).await;
    let mut kinds = Vec::new();
    for _ in 0..3 {
        let details = receiver.next().await.json()[0]["details"].clone();
        kinds.push((
            details["trigger_name"].clone(),
            details["notification_type"].clone(),
            details.get("expire_at").is_some(),
        ));
    }
    assert!(kinds.contains(&(json!("Told"), json!("rules_and_triggers"), false)), "{kinds:?}");
}

#[tokio::test]
async fn what_people_took_off_a_list_rests_for_half_of_its_time() {
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    let node = TestNode::register(&cloud, 1).await;
    let attack = async |round: &str| {
        let time = recent(&cloud);
        let hit = |index: i64| {
            let value = format!("{round}{index}");
            hit_with(&value, time, json!({"ip": "203.0.113.7", "value": value}))
        };
        node.upload(&cloud, &(0..5).map(hit).collect::<Vec<_>>()).await;
        lists(&cloud, &admin).await
    };
    // The default trigger graylists for an hour, and is quiet for as long.
    let listed = attack("a").await;
    let clock = &cloud.running.cloud.clock;
    clock.shift_ms(3_500_000);
    let delete = json!({"rules": [{"rule_type": "subnet", "ids": [listed[0]["id"]]}]});
    let path = "/v1/blocklist/clients/1/groups";
    assert_eq!(cloud.call(&admin, Method::DELETE, path, Some(&delete)).await.status, 200);
    clock.shift_ms(200_000);
    assert_eq!(attack("b").await, [] as [Value; 0]);
    clock.shift_ms(3_700_000);
    assert_eq!(attack("c").await.len(), 1);
}

#[tokio::test]
async fn allowed_sources_are_never_listed_by_triggers() {
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    let entry = json!({"list": "allow", "force": false, "reason": "ours", "application_ids": [0], "expired_at": 0,
        "rules": [{"rules_type": "ip_range", "values": ["203.0.113.7"]}]});
    let reply = cloud.post(&admin, "/v1/blocklist/clients/1/access_rules", entry).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let node = TestNode::register(&cloud, 1).await;
    let time = recent(&cloud);
    let hits: Vec<Value> = (0..6)
        .map(|index| hit_with(&format!("h{index}"), time, json!({"value": format!("p{index}")})))
        .collect();
    node.upload(&cloud, &hits).await;
    let listed = lists(&cloud, &admin).await;
    assert_eq!((listed.len(), &listed[0]["list"]), (1, &json!("allow")));
}

#[tokio::test]
async fn failures_come_again_until_they_are_given_up() {
    let receiver = Receiver::start().await;
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    let id =
        integration(&cloud, &admin, "web_hooks", json!({"url": receiver.url}), &["rules_and_triggers"]).await;
    let other = Receiver::start().await;
    integration(&cloud, &admin, "web_hooks", json!({"url": other.url}), &["system"]).await;
    other.next().await;
    receiver.answer(503, "not now");
    let actions = notify(id);
    trigger(&cloud, &admin, json!({"template_id": "user_created", "name": "T", "actions": actions})).await;
    let first = receiver.next().await;
    // It succeeds in the second attempt, under the same id.
    receiver.answer(204, "");
    cloud.running.cloud.clock.shift_ms(2_000);
    let second = receiver.next().await;
    assert_eq!((first.header("webhook-id"), &first.body), (second.header("webhook-id"), &second.body));
    let path = format!("/v2/integration/{id}/deliveries");
    // Sets the clock ahead after each attempt, never while one is on its way.
    let state = |wanted: &'static str, mut attempts: i64| {
        let (cloud, admin, path) = (&cloud, &admin, &path);
        async move {
            loop {
                let row = cloud.get(admin, &format!("{path}?limit=1")).await.body()["object"][0].clone();
                if row["state"] == wanted {
                    return row;
                }
                let (made, due) = (row["attempts"].as_i64().unwrap(), row["next_attempt_at"].as_i64());
                if made > attempts {
                    attempts = made;
                    let wait = due.unwrap() + 1 - cloud.running.cloud.now();
                    cloud.running.cloud.clock.shift_ms(wait.max(0) * 1000);
                }
                delivery::pass(&cloud.running.cloud).await.unwrap();
            }
        }
    };
    assert_eq!(state("delivered", 1).await["attempts"], 2);
    // The next one never does.
    receiver.answer(500, "broken");
    let actions = notify(id);
    trigger(&cloud, &admin, json!({"template_id": "compromised_logins", "name": "U", "actions": actions}))
        .await;
    let dead = state("dead", 0).await;
    assert_eq!((&dead["attempts"], &dead["last_status"]), (&json!(17), &json!(500)));
    assert_eq!(dead["last_error"], "the receiver answered 500: broken");
    assert_eq!(dead["events"][0]["details"]["action"], "create");
    assert_eq!(
        cloud.get(&admin, &format!("{path}?state=dead")).await.body()["object"].as_array().unwrap().len(),
        1
    );
    // Nearly all attempts failed, so the integration is off, and the others are told.
    let listed = cloud.get(&admin, "/v2/integration").await.body()["object"].clone();
    assert_eq!(listed[0]["active"], false);
    assert!(listed[0]["disabled_reason"].as_str().unwrap().contains("attempts failed within 12 hours"));
    loop {
        let event = other.next().await.json()[0].clone();
        if event["details"]["action"] == "disable" {
            assert_eq!(event["summary"], "Integration \"web_hooks\" was switched off");
            break;
        }
    }
    // Switched on again, the dead one can be sent once more.
    receiver.answer(200, "");
    let on = json!({"active": true});
    cloud.call(&admin, Method::PUT, &format!("/v2/integration/{id}"), Some(&on)).await.body();
    let retry = format!("{path}/{}/retry", dead["id"]);
    cloud.post(&admin, &retry, json!({})).await.body();
    assert_eq!(state("delivered", 0).await["id"], dead["id"]);
    assert_eq!(cloud.post(&admin, &retry, json!({})).await.status, 404);
    assert_eq!(cloud.get(&admin, &format!("{path}?state=lost")).await.status, 400);
}

#[tokio::test]
async fn a_test_message_tells_what_the_receiver_said() {
    let receiver = Receiver::start().await;
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    receiver.answer(403, "no such channel");
    let body = json!({"type": "slack", "target": format!("{}/services/x", receiver.url)});
    let reply = cloud.post(&admin, "/v2/integration/test", body).await;
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.json()["body"]["target"],
        json!({"error": "the receiver answered 403: no such channel", "value": {"status": 403, "answer": "no such channel"}})
    );
    // Redirects are answers, not orders.
    receiver.answer(302, "");
    let body = json!({"type": "slack", "target": format!("{}/services/x", receiver.url)});
    assert_eq!(cloud.post(&admin, "/v2/integration/test", body).await.status, 400);
    receiver.next().await;
    receiver.next().await;
    assert!(receiver.now().await.is_none());
}

#[tokio::test]
async fn nothing_is_sent_to_inner_addresses_unless_allowed() {
    let receiver = Receiver::start().await;
    let cloud = TestCloud::start_with(|config| config.outgoing.plain_http = true).await;
    let admin = cloud.admin_pair().await;
    // Names are judged when they are asked; `localhost.localdomain` and the like only then.
    let port = receiver.url.rsplit(':').next().unwrap().to_owned();
    for url in [
        receiver.url.clone(),
        format!("http://localhost:{port}"),
        format!("http://[::ffff:127.0.0.1]:{port}"),
    ] {
        let body = json!({"type": "web_hooks", "target": {"url": url}});
        let reply = cloud.post(&admin, "/v2/integration/test", body).await;
        assert_eq!(reply.json()["body"]["target"]["url"]["error"], "leads to an address that is not public");
    }
    assert!(receiver.now().await.is_none());
}

#[tokio::test]
async fn two_workers_send_each_notification_once() {
    let receiver = Receiver::start().await;
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    integration(&cloud, &admin, "insight_connect", json!({"token": "t0ken", "api": receiver.url}), &["siem"])
        .await;
    let node = TestNode::register(&cloud, 1).await;
    let time = recent(&cloud);
    let hits: Vec<Value> = (0..50).map(|index| hit_with(&format!("n{index}"), time, json!({}))).collect();
    node.upload(&cloud, &hits).await;
    let state = &cloud.running.cloud;
    while delivery::pass(state).await.unwrap() + delivery::pass(state).await.unwrap() > 0 {}
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.push(receiver.next().await.json()["details"]["hit"]["id"].clone().to_string());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 50);
    assert!(receiver.now().await.is_none());
}

#[tokio::test]
async fn slow_receivers_of_one_client_hold_up_nobody_else() {
    let (receiver, cloud) = (Receiver::start().await, start(|_| {}).await);
    // Takes connections and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = format!("http://{}", silent.local_addr().unwrap());
    let admin = cloud.admin_pair().await;
    integration(&cloud, &admin, "web_hooks", json!({"url": slow}), &["siem"]).await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let time = recent(&cloud);
    let hits: Vec<Value> = (0..200).map(|index| hit_with(&format!("s{index}"), time, json!({}))).collect();
    node.upload(&cloud, &hits).await;
    // They are on their way.
    silent.accept().await.unwrap();
    let other = cloud.add_company("Other").await;
    let boss = cloud.add_user(other.id, "boss@other.test", &["admin"]).await;
    let boss = cloud.pair_of(&boss).await;
    integration(&cloud, &boss, "web_hooks", json!({"url": receiver.url}), &["siem"]).await;
    let node = TestNode::register(&cloud, other.id).await;
    node.upload(&cloud, &[hit_with("one", time, json!({}))]).await;
    assert_eq!(receiver.next().await.json()[0]["details"]["client_name"], "Other");
}

#[tokio::test]
async fn a_silent_receiver_holds_up_no_other_of_its_client() {
    let (receiver, cloud) = (Receiver::start().await, start(|_| {}).await);
    // Takes connections and never answers: an attempt takes 35 seconds.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = format!("http://{}", silent.local_addr().unwrap());
    let admin = cloud.admin_pair().await;
    integration(&cloud, &admin, "web_hooks", json!({"url": slow}), &["siem"]).await;
    integration(&cloud, &admin, "web_hooks", json!({"url": receiver.url}), &["siem"]).await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let time = recent(&cloud);
    // Each upload is a notification of its own for both.
    for index in 0..16 {
        node.upload(&cloud, &[hit_with(&format!("s{index}"), time, json!({}))]).await;
    }
    for _ in 0..16 {
        receiver.next().await;
    }
}

#[tokio::test]
async fn nothing_is_sent_to_a_receiver_in_the_pause_after_a_failure() {
    let (receiver, cloud) = (Receiver::start().await, start(|_| {}).await);
    receiver.answer(503, "not now");
    let admin = cloud.admin_pair().await;
    let id = integration(&cloud, &admin, "web_hooks", json!({"url": receiver.url}), &["siem"]).await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let time = recent(&cloud);
    let path = format!("/v2/integration/{id}/deliveries?limit=100");
    let rows = async || {
        let rows = cloud.get(&admin, &path).await.body()["object"].clone();
        rows.as_array().unwrap().clone()
    };
    node.upload(&cloud, &[hit_with("first", time, json!({}))]).await;
    let inner = &cloud.running.cloud;
    loop {
        let first = &rows().await[0];
        // The next pause is one of 30 seconds, longer than the rest of this test.
        if first["attempts"].as_i64().unwrap() >= 10 {
            break;
        }
        // Never while one is on its way: that is a due time far ahead.
        let wait = first["next_attempt_at"].as_i64().unwrap() + 1 - inner.now();
        if wait <= 61 {
            inner.clock.shift_ms(wait.max(0) * 1000);
        }
        delivery::pass(inner).await.unwrap();
    }
    for index in 0..5 {
        node.upload(&cloud, &[hit_with(&format!("p{index}"), time, json!({}))]).await;
    }
    assert_eq!(delivery::pass(inner).await.unwrap(), 0);
    assert_eq!(rows().await.iter().filter(|row| row["attempts"] == 0).count(), 5);
    while receiver.now().await.is_some() {}
    receiver.answer(200, "");
    inner.clock.shift_ms(31_000);
    for _ in 0..6 {
        receiver.next().await;
    }
}

#[tokio::test]
async fn the_letters_of_a_client_are_counted() {
    let mail = MailServer::start().await;
    let port = mail.port;
    let cloud = start(move |config| {
        config.mail = mail_by(port);
        config.limits.letters_per_hour = 3;
    })
    .await;
    let admin = cloud.admin_pair().await;
    let test = |addresses: Value| json!({"type": "email", "target": addresses});
    let two = cloud.post(&admin, "/v2/integration/test", test(json!(["a@x.test", "b@x.test"]))).await;
    assert_eq!(two.status, 200, "{}", two.text);
    let again = cloud.post(&admin, "/v2/integration/test", test(json!(["a@x.test", "b@x.test"]))).await;
    assert_eq!((again.status, again.text.as_str()), (429, r#"{"status":429,"body":"Rate limiting"}"#));
    let invite = json!({"email": "c@x.test", "permissions": ["auditor"], "send": true});
    assert_eq!(cloud.post(&admin, "/v1/invitations", invite).await.status, 200);
    let invite = json!({"email": "d@x.test", "permissions": ["auditor"], "send": true});
    assert_eq!(cloud.post(&admin, "/v1/invitations", invite).await.status, 429);
    // A link that is handed over otherwise costs nothing, and other clients have their own letters.
    let silent = json!({"email": "d@x.test", "permissions": ["auditor"]});
    assert_eq!(cloud.post(&admin, "/v1/invitations", silent).await.status, 200);
    let other = cloud.add_company("Other").await;
    let boss = cloud.add_user(other.id, "boss@other.test", &["admin"]).await;
    let boss = cloud.pair_of(&boss).await;
    assert_eq!(cloud.post(&boss, "/v2/integration/test", test(json!(["e@x.test"]))).await.status, 200);
}

#[tokio::test]
async fn each_period_is_told_once_to_who_asks_for_it() {
    let (receiver, mail) = (Receiver::start().await, MailServer::start().await);
    let port = mail.port;
    let cloud = start(|config| config.mail = mail_by(port)).await;
    let (admin, inner) = (cloud.admin_pair().await, &cloud.running.cloud);
    let node = TestNode::register(&cloud, 1).await;
    let hourly = "number_of_requests_per_hour";
    integration(&cloud, &admin, "web_hooks", json!({"url": receiver.url}), &[hourly]).await;
    integration(&cloud, &admin, "email", json!(["soc@acme.test"]), &["report_daily"]).await;
    // Half past twelve of some day.
    let half_past_noon = 43_200 + 1800;
    inner.clock.shift_ms((86_400 + half_past_noon - inner.now().rem_euclid(86_400)) * 1000);
    periodic::tell_all(inner).await.unwrap();
    node.upload(&cloud, &[hit_with("a", recent(&cloud), json!({}))]).await;
    let heartbeat = json!({"startid": "s", "seq": 1, "uptime_s": 30, "versions": {}, "stats": {"requests": 41}, "rps_m1": 0.0,
        "errors": [], "packages": {}});
    let by = Credential::Node(node.uuid.clone(), node.secret.clone());
    assert_eq!(cloud.post(&by, "/node/v1/heartbeat", heartbeat).await.status, 200);
    inner.clock.shift_ms(3_600_000);
    periodic::tell_all(inner).await.unwrap();
    let told = receiver.next().await.json()[0].clone();
    assert_eq!(told["details"]["notification_type"], hourly);
    assert_eq!(told["details"]["count"], 41);
    inner.clock.shift_ms(43_200_000);
    periodic::tell_all(inner).await.unwrap();
    periodic::tell_all(inner).await.unwrap();
    let text = letters::text(&mail.next().await);
    for line in ["Daily report", "Requests: 41 (before: 0)", "Attacks: 1 (before: 0)"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    // The hours in between ended while nothing was told.
    let mut sent = all_deliveries(inner).await;
    sent.sort_unstable();
    assert_eq!(sent, [hourly, "report_daily"]);
}

/// Kinds of everything that was put into the outbox.
async fn all_deliveries(cloud: &bartizan_cloud::state::Cloud) -> Vec<String> {
    use bartizan_store::{entity::delivery::Entity, sea_orm::EntityTrait};
    let rows = Entity::find().all(cloud.store.reader()).await.unwrap();
    rows.into_iter().map(|row| row.notification_type).collect()
}
