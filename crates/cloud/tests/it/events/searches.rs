//! The search language against what is found.

use bartizan_testkit::{Credential, TestCloud};
use serde_json::{Value, json};

use super::{TestNode, attacks, hit_with, recent};

async fn filter(cloud: &TestCloud, caller: &Credential, query: &str) -> Value {
    let reply = cloud.post(caller, "/v1/search", json!({"query": query})).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.text);
    reply.body()["attacks"].clone()
}

#[tokio::test]
async fn what_contradicts_itself_finds_nothing() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let now = recent(&cloud);
    let sampled = hit_with("b", now, json!({"path": "/b", "aggregated_count": 9, "known_attack": []}));
    node.upload(&cloud, &[hit_with("a", now, json!({})), sampled]).await;
    for (query, expected) in [
        ("sampled", 1),
        ("!sampled", 1),
        ("sampled !sampled", 0),
        ("!sampled sampled", 0),
        ("known", 1),
        ("!known", 1),
        ("known !known", 0),
        ("known:generic_sqli", 1),
        ("known:generic_sqli !known", 0),
        ("!known known:generic_sqli", 0),
        ("known !known:generic_sqli", 0),
        ("request_id", 2),
        ("request_id !request_id", 0),
        ("sqli !sqli", 0),
        ("falsepositive !falsepositive", 0),
        ("high !high", 0),
        ("blocked !blocked", 0),
        ("custom_rule !custom_rule", 0),
    ] {
        let filter = filter(&cloud, &admin, query).await;
        assert_eq!(attacks(&cloud, &admin, filter).await.len(), expected, "{query}");
    }
}

#[tokio::test]
async fn dates_that_do_not_exist_are_refused_where_they_stand() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    for (query, value, column) in [
        ("sqli 2026-02-30", "2026-02-30", 6),
        ("xss >2026-13-01", ">2026-13-01", 5),
        ("2026-07-01-2026-06-31", "2026-07-01-2026-06-31", 1),
        ("2026-07-14 25:00", "25:00", 12),
    ] {
        let reply = cloud.post(&admin, "/v1/search", json!({"query": query})).await;
        let error = reply.json()["body"]["query"].clone();
        assert_eq!(
            (reply.status, &error["value"], &error["column"]),
            (400, &json!(value), &json!(column)),
            "{query}"
        );
    }
    assert_eq!(filter(&cloud, &admin, "'2026-02-30'").await["search"], json!(["2026-02-30"]));
}

#[tokio::test]
async fn applications_are_found_by_name_whatever_its_case() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    for (id, name) in [(7, "Мой Shop"), (8, "shop"), (9, "SHOP")] {
        let body = json!({"id": id, "clientid": cloud.client.id, "name": name});
        assert_eq!(cloud.post(&admin, "/v1/objects/pool/create", body).await.status, 200);
    }
    for (query, expected) in [
        ("app:shop", json!([8])),
        ("app:SHOP", json!([9])),
        ("application:Shop", json!([8, 9])),
        ("app:'мой SHOP'", json!([7])),
        ("app:7", json!([7])),
    ] {
        assert_eq!(filter(&cloud, &admin, query).await["poolid"], expected, "{query}");
    }
    let reply = cloud.post(&admin, "/v1/search", json!({"query": "xss app:sho"})).await;
    let error = reply.json()["body"]["query"].clone();
    assert_eq!((reply.status, &error["value"], &error["column"]), (400, &json!("sho"), &json!(5)));
}

#[tokio::test]
async fn a_query_has_at_most_4096_characters() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    // Characters, not bytes.
    for (length, status) in [(4096, 200), (4097, 400)] {
        let query = format!("'{}'", "é".repeat(length - 2));
        let reply = cloud.post(&admin, "/v1/search", json!({"query": query})).await;
        assert_eq!(reply.status, status, "{length}");
        assert_eq!(reply.json()["body"]["query"].is_object(), status == 400);
        // What the address of a page holds is counted as well.
        let query = "a".repeat(length);
        let reply = cloud.get(&admin, &format!("/v1/search/suggest?query={query}")).await;
        assert_eq!(reply.status, status, "{length}");
    }
}
