//! The call sequence of the public Python exporters (`spec/events.md` section 10), bodies as they send them.

use bartizan_testkit::TestCloud;
use serde_json::json;

use super::{TestNode, hit_with, recent};

#[tokio::test]
async fn the_exporters_find_every_hit() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let events = [
        hit_with("a", now, json!({})),
        hit_with("b", now, json!({"attack_type": "xss"})),
        hit_with("c", now, json!({"attack_type": "warn"})),
    ];
    node.upload(&cloud, &events).await;
    let admin = cloud.admin_pair().await;
    let client =
        cloud.post(&admin, "/v1/objects/client", json!({"filter": {}})).await.body()[0]["id"].clone();

    let search = json!({"query": "last hour", "time_zone": "MSK"});
    let found = cloud.post(&admin, "/v1/search", search).await.body();
    let time = found["attacks"]["time"].clone();
    assert!(time[0][0].is_i64() && time[0][1].is_i64(), "{found}");

    let filter =
        json!({"clientid": [client], "vulnid": null, "!type": ["warn"], "time": time, "poolid": null});
    let count = cloud.post(&admin, "/v1/objects/attack/count", json!({"filter": filter})).await.body();
    assert_eq!(count["attacks"], 2);
    let list =
        json!({"filter": filter, "limit": 1000, "offset": 0, "order_by": "first_time", "order_desc": true});
    let attacks = cloud.post(&admin, "/v1/objects/attack", list).await.body();
    assert_eq!(attacks.as_array().unwrap().len(), 2);

    for attack in attacks.as_array().unwrap() {
        let attackid = attack["attackid"].as_str().unwrap();
        let hits = json!({"filter": [{
            "clientid": [client], "time": time, "attackid": [attackid], "!type": ["warn", "marker"],
            "!state": "falsepositive"
        }], "limit": 500, "offset": 0, "order_by": "time", "order_desc": true});
        let hits = cloud.post(&admin, "/v1/objects/hit", hits).await.body();
        assert_eq!(hits.as_array().unwrap().len(), 1);
        let id = format!("{}:{}", hits[0]["id"][0].as_str().unwrap(), hits[0]["id"][1].as_str().unwrap());
        let details = cloud.get(&admin, &format!("/v2/hit/details?id={id}")).await.body();
        assert_eq!(details["uri"], "/search?x=1");
    }
    let vulns =
        json!({"filter": {"clientid": [client], "status": "open"}, "order_by": "threat", "limit": 100});
    assert_eq!(cloud.post(&admin, "/v1/objects/vuln", vulns).await.body(), json!([]));
}

#[tokio::test]
async fn found_filters_work_as_they_are() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let shop = json!({"application": 9, "statuscode": 503, "path": "/shop/cart"});
    node.upload(&cloud, &[hit_with("a", now, shop), hit_with("b", now, json!({}))]).await;
    let admin = cloud.admin_pair().await;
    for (query, expected) in [
        ("attacks sqli statuscode:500+ last hour", 1),
        ("cart", 1),
        ("!cart", 1),
        ("p:hash", 2),
        ("p:missing", 0),
        ("app:'Application #9' today yesterday", 1),
        ("203.0.113.0/24 POST d:shop.* high", 2),
        ("!sqli", 0),
        ("known proto:rest auth:bearer", 2),
    ] {
        let found = cloud.post(&admin, "/v1/search", json!({"query": query})).await.body();
        for list in ["attacks", "incidents", "vulns"] {
            let path = if list == "vulns" { "/v1/objects/vuln" } else { "/v1/objects/attack" };
            let reply = cloud.post(&admin, path, json!({"filter": found[list]})).await;
            assert!(!reply.headers.contains_key("x-bartizan-ignored-filter"), "{query}: {found}");
            let rows = reply.body().as_array().unwrap().len();
            assert_eq!(rows, if list == "attacks" { expected } else { 0 }, "{query} {list}: {found}");
        }
    }
    let unknown = cloud.post(&admin, "/v1/search", json!({"query": "sqli color:red"})).await;
    insta::assert_json_snapshot!(unknown.json());
    for body in [json!({}), json!({"query": "app:nowhere"}), json!({"query": "x", "hits_type": "some"})] {
        assert_eq!(cloud.post(&admin, "/v1/search", body).await.status, 400);
    }
}
