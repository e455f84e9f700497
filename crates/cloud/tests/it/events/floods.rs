//! Attacks of one source, for tenants that want them.

use bartizan_testkit::{Credential, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

use super::{TestNode, assert_consistent, attacks, hit_with, hits, recent};

async fn scene() -> (TestCloud, TestNode, Credential, i64) {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let now = recent(&cloud);
    (cloud, node, admin, now)
}

async fn switch(cloud: &TestCloud, admin: &Credential, on: bool) {
    let path = format!("/v1/client/{}/event_settings", cloud.client.id);
    let body = json!({"default_attack_ip_grouping": on});
    let reply = cloud.call(admin, Method::PUT, &path, Some(&body)).await;
    assert_eq!(reply.body()["default_attack_ip_grouping"], on);
}

/// Hits of one source, each of another place: five types in turn.
fn flood(from: usize, to: usize, now: i64, ip: &str) -> Vec<Value> {
    let kinds = ["sqli", "xss", "rce", "ptrav", "ssrf"];
    let hit = |number: usize| {
        let changes = json!({"ip": ip, "path": format!("/p{number}"), "attack_type": kinds[number % 5],
            "domain": format!("{}.test", number % 2), "parameter": format!("GET_q{number}_value"),
            "point": ["get", format!("q{number}")]});
        hit_with(&format!("{ip}{number}").replace('.', "-"), now + number as i64 % 30, changes)
    };
    (from..to).map(hit).collect()
}

#[tokio::test]
async fn without_the_setting_nothing_is_grouped_by_source() {
    let (cloud, node, admin, now) = scene().await;
    node.upload(&cloud, &flood(0, 60, now, "192.0.2.1")).await;
    assert_eq!(attacks(&cloud, &admin, json!({})).await.len(), 60);
}

#[tokio::test]
async fn the_later_hits_of_a_flood_are_one_attack_of_its_source() {
    let (cloud, node, admin, now) = scene().await;
    switch(&cloud, &admin, true).await;
    let mut events = flood(0, 60, now, "192.0.2.1");
    events.extend(flood(0, 20, now, "192.0.2.2"));
    let brute = json!({"attack_type": "brute", "ip": "192.0.2.1"});
    events.push(hit_with("brute", now + 29, brute));
    for _ in 0..2 {
        node.upload(&cloud, &events).await;
    }
    assert_consistent(&cloud).await;
    let found = attacks(&cloud, &admin, json!({})).await;
    // Hits of the second source at the same places share their attacks, as ever.
    assert_eq!(found.len(), 50 + 1 + 1);
    let of_source = found.iter().find(|attack| attack["type"] == "[multiple]").unwrap();
    assert_eq!((&of_source["hits"], &of_source["ip_count"]), (&json!(10), &json!(1)));
    for field in ["domain", "path", "parameter"] {
        assert_eq!(of_source[field], "[multiple]", "{field}");
    }
    assert_eq!((&of_source["threat"], &of_source["block_status"]), (&json!(100), &json!("blocked")));
    assert_eq!(hits(&cloud, &admin, json!({"attackid": of_source["id"]})).await.len(), 10);
    // What comes later from that source joins, and a type is counted where its attacks are.
    node.upload(&cloud, &flood(60, 62, now, "192.0.2.1")).await;
    assert_eq!(attacks(&cloud, &admin, json!({"attackid": of_source["id"]})).await[0]["hits"], 12);
    let filter = json!({"filter": {"type": "sqli", "ip": "192.0.2.1"}});
    let count = cloud.post(&admin, "/v1/objects/attack/count", filter).await.body();
    assert_eq!(count, json!({"attacks": 10, "hits": 14, "ips": 1}));

    // Its hits are judged one by one.
    let whole = json!({"filter": {"attackid": of_source["id"]}});
    let reply = cloud.post(&admin, "/v1/objects/attack/mark_false", whole).await;
    assert_eq!((reply.status, reply.json()["body"]["attackid"].is_object()), (400, true), "{}", reply.text);
    let one = hits(&cloud, &admin, json!({"attackid": of_source["id"]})).await[0]["id"].clone();
    let one = json!({"filter": {"id": one}});
    assert_eq!(cloud.post(&admin, "/v1/objects/hit/mark_false", one).await.body()["marked"], 1);
    let id = of_source["id"].as_array().unwrap();
    let status = format!(
        "/v1/rechecker/current_status?attackindex={}&attackid={}",
        id[0].as_str().unwrap(),
        id[1].as_str().unwrap()
    );
    assert_eq!(cloud.get(&admin, &status).await.body()["current_status"], "unrecheckable");

    switch(&cloud, &admin, false).await;
    node.upload(&cloud, &flood(62, 63, now, "192.0.2.1")).await;
    assert_eq!(attacks(&cloud, &admin, json!({"attackid": of_source["id"]})).await[0]["hits"], 11);
}

#[tokio::test]
async fn uploads_at_the_same_time_give_the_same_number_of_hits_to_the_source() {
    let (cloud, node, admin, now) = scene().await;
    switch(&cloud, &admin, true).await;
    let parts: Vec<Vec<Value>> =
        (0..8).map(|part| flood(part * 20, part * 20 + 20, now, "192.0.2.1")).collect();
    // Each part twice, all at once.
    let uploads = parts.iter().chain(&parts).map(|part| node.upload(&cloud, part));
    futures_util::future::join_all(uploads).await;
    assert_consistent(&cloud).await;
    let found = attacks(&cloud, &admin, json!({"hits": [[2, null]]})).await;
    assert_eq!((found.len(), &found[0]["hits"]), (1, &json!(110)));
}

#[tokio::test]
async fn a_trigger_brings_numbers_and_hosts_of_its_own() {
    let (cloud, node, admin, now) = scene().await;
    let trigger = json!({"trigger": {
        "name": "Floods", "template_id": "attack_ip_grouping", "enabled": true,
        "filters": [{"id": "domain", "operator": "eq", "values": ["0.test"]}],
        "threshold": {"operator": "gt", "period": 900, "count": 5},
        "actions": [{"id": "group_attack_by_ip"}],
    }});
    let path = format!("/v2/clients/{}/triggers", cloud.client.id);
    let reply = cloud.post(&admin, &path, trigger).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    node.upload(&cloud, &flood(0, 40, now, "192.0.2.1")).await;
    let found = attacks(&cloud, &admin, json!({"hits": [[2, null]]})).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["type"], "[multiple]");
    assert_consistent(&cloud).await;
}
