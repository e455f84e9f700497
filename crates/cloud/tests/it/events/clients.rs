//! The call sequences of the other public clients (`spec/events.md` section 10), bodies as they send them.

use std::collections::BTreeSet;

use bartizan_testkit::{Credential, TestCloud};
use serde_json::{Value, json};

use super::{TestNode, hit_with, recent};

async fn with_attacks() -> (TestCloud, Credential, i64) {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let events: Vec<Value> = (0..5)
        .map(|n| {
            hit_with(&format!("h{n}"), now + n, json!({"path": format!("/p{n}"), "parameter": "GET_q_value"}))
        })
        .chain([hit_with("two", now, json!({"request_id": "shared", "attack_type": "xss"}))])
        .chain([hit_with("one", now, json!({"request_id": "shared"}))])
        .collect();
    node.upload(&cloud, &events).await;
    let admin = cloud.admin_pair().await;
    (cloud, admin, now)
}

/// The Terraform provider: hits of a request, page by page, then the scope of a rule about each.
#[tokio::test]
async fn the_provider_reads_hits_and_their_scope() {
    let (cloud, admin, now) = with_attacks().await;
    let body = json!({
        "filter": {"clientid": cloud.client.id, "request_id": "shared", "state": null, "security_issue_id": null,
            "!type": ["warn", "infoleak"], "time": [[now - 15_552_000, now + 100]], "!state": "falsepositive",
            "!experimental": true, "!aasm_event": true},
        "limit": 500, "offset": 0, "order_by": "time", "order_desc": true,
    });
    let page = cloud.post(&admin, "/v1/objects/hit", body).await.body();
    let page = page.as_array().unwrap();
    assert_eq!(page.len(), 2);
    let places: BTreeSet<String> =
        page.iter().map(|hit| format!("{}{}{}", hit["domain"], hit["path"], hit["poolid"])).collect();
    assert_eq!(places.len(), 1, "hits of one request share domain, path and application");
    for hit in page {
        let scope = cloud.post(&admin, "/v1/objects/action/by_hit", json!({"id": hit["id"]})).await.body();
        assert!(scope["conditions"].as_array().unwrap().len() >= 2);
        assert_eq!(scope["action"], Value::Null);
    }
}

/// The Go client of attacks: cursors at the top level, addresses, a count that parses as a float.
#[tokio::test]
async fn the_go_client_pages_attacks_by_cursor() {
    let (cloud, admin, now) = with_attacks().await;
    let mut body = json!({"filter": {"clientid": [cloud.client.id], "time": [[now - 100, null]]},
        "limit": 2, "offset": 0, "order_by": "first_time", "order_desc": true, "paging": true, "cursor": ""});
    let mut seen = BTreeSet::new();
    loop {
        let reply = cloud.post(&admin, "/v1/objects/attack", body.clone()).await.json();
        for attack in reply["body"].as_array().unwrap() {
            assert!(attack["recheck_status"].is_null() && attack["ip_top"][0]["country"].is_string());
            seen.insert(attack["attackid"].as_str().unwrap().to_owned());
        }
        match reply.get("cursor").and_then(Value::as_str) {
            Some(cursor) if !cursor.is_empty() => body["cursor"] = json!(cursor),
            _ => break,
        }
    }
    let count =
        cloud.post(&admin, "/v1/objects/attack/count", json!({"filter": body["filter"]})).await.body();
    assert_eq!(count["attacks"], seen.len());
    assert!(count["hits"].as_f64().is_some());
    let ips = cloud.post(&admin, "/v1/objects/attack/ip", json!({"filter": body["filter"]})).await.body();
    assert_eq!(ips, json!(["203.0.113.7"]));
}

/// The Go client of requests: zero values beside the id change nothing.
#[tokio::test]
async fn the_go_client_reads_requests() {
    let (cloud, admin, _) = with_attacks().await;
    let hits =
        cloud.post(&admin, "/v1/objects/hit", json!({"filter": {"request_id": ["shared"]}})).await.body();
    let filter = json!({"id": hits[0]["id"], "clientid": 0, "!experimental": false, "!aasm_event": false,
        "state": null, "time": null});
    let details =
        cloud.post(&admin, "/v1/objects/hit/details", json!({"filter": filter, "returns": "raw"})).await;
    let raw = &details.body()[0]["raw"];
    assert_eq!((raw["method"].as_str(), raw["proto"].as_str()), (Some("POST"), Some("HTTP/1.1")));
    assert_eq!(raw["headers"]["HOST"], json!(["shop.test"]));
    let bytes = cloud.post(&admin, "/v1/objects/hit/raw", json!({"filter": {"id": hits[0]["id"]}})).await;
    assert!(bytes.text.starts_with("POST /search?x=1 HTTP/1.1\r\n"));
}

/// `curl -d` names no type of its own choice.
#[tokio::test]
async fn json_under_another_name_is_read() {
    let (cloud, admin, _) = with_attacks().await;
    let Credential::Pair(uuid, secret) = &admin else { unreachable!() };
    for kind in ["application/x-www-form-urlencoded", "text/plain"] {
        let reply = reqwest::Client::new()
            .post(format!("{}/v1/objects/attack", cloud.url))
            .header("X-WallarmAPI-UUID", uuid)
            .header("X-WallarmAPI-Secret", secret)
            .header("Content-Type", kind)
            .body(json!({"filter": {}, "limit": 1}).to_string());
        assert_eq!(reply.send().await.unwrap().status(), 200, "{kind}");
    }
}

/// The Python package with strict models: every key is there, and none of these is null.
#[tokio::test]
async fn the_strict_python_models_parse() {
    let (cloud, admin, now) = with_attacks().await;
    let filter = json!({"clientid": cloud.client.id, "time": [[now - 100, now + 100]], "vulnid": null});
    let attacks =
        cloud.post(&admin, "/v1/objects/attack", json!({"filter": filter, "limit": 100})).await.body();
    let attack = &attacks[0];
    for key in [
        "id",
        "attackid",
        "clientid",
        "method",
        "parameter",
        "path",
        "type",
        "first_time",
        "last_time",
        "hits",
        "ip_count",
        "ip_top",
        "datacenter",
        "country_count",
        "country_top",
        "statuscodes",
        "threat",
        "target",
        "vectors_count",
        "sid",
        "point",
        "vulns",
        "hits_count_by_filter",
        "ip_count_by_filter",
    ] {
        assert!(!attack[key].is_null(), "{key}");
    }
    let pair: Vec<&str> = attack["attackid"].as_str().unwrap().split(':').collect();
    for id in [json!(pair), json!([pair])] {
        let hits = cloud.post(&admin, "/v1/objects/hit", json!({"filter": {"attackid": id}})).await.body();
        assert!(!hits.as_array().unwrap().is_empty());
    }
    let vuln = json!({"type": "xss", "domain": "d", "path": "/", "method": "GET", "title": "t"});
    cloud.post(&admin, "/v1/objects/vuln/create", vuln).await.body();
    let rows = cloud
        .post(&admin, "/v1/objects/vuln", json!({"filter": {"status": "open"}, "limit": 100}))
        .await
        .body();
    for key in [
        "id",
        "clientid",
        "wid",
        "short_wid",
        "status",
        "type",
        "target",
        "threat",
        "title",
        "description",
        "additional",
        "exploit_example",
        "method",
        "domain",
        "path",
        "parameter",
        "filter",
        "template",
        "template_params",
        "validate_time",
        "validated",
        "hidden",
        "detection_method",
        "ticket_history",
        "vpatched",
    ] {
        assert!(!rows[0][key].is_null(), "{key}");
    }
    assert!(rows[0]["template_params"].is_object());
    let from =
        json!({"start_time": now - 100, "end_time": now + 100, "points_count": 5, "interpolation": "coarse"});
    let path = format!("/v2/graph_data/attacks/client/{}", cloud.client.id);
    assert_eq!(cloud.post(&admin, &path, from).await.body().as_array().unwrap().len(), 5);
}
