//! Single statements of the contract that clients rely on.

use bartizan_testkit::{Credential, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

use super::{TestNode, hit_with, hits, recent};

async fn scene(events: impl Fn(i64) -> Vec<Value>) -> (TestCloud, Credential) {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    node.upload(&cloud, &events(recent(&cloud))).await;
    (cloud, admin)
}

#[tokio::test]
async fn several_raw_requests_have_a_line_between_them() {
    let (cloud, admin) =
        scene(|now| (0..3).map(|n| hit_with(&format!("r{n}"), now + n, json!({}))).collect()).await;
    let ids: Vec<Value> = hits(&cloud, &admin, json!({})).await.iter().map(|hit| hit["id"].clone()).collect();
    let raw = async |id: Value| {
        let reply = cloud.post(&admin, "/v1/objects/hit/raw", json!({"filter": {"id": id}})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(reply.headers["content-type"], "application/octet-stream");
        reply.text
    };
    let one = raw(ids[0].clone()).await;
    assert!(one.starts_with("POST /search?x=1 HTTP/1.1\r\n") && !one.contains("--bartizan--"), "{one}");
    assert_eq!(raw(json!(ids)).await, [one.as_str(); 3].join("\r\n--bartizan--\r\n"));
}

#[tokio::test]
async fn hits_are_not_created_by_the_api() {
    let (cloud, admin) = scene(|_| vec![]).await;
    let reply = cloud.post(&admin, "/v1/objects/hit/create", json!([])).await;
    assert_eq!((reply.status, reply.json()), (404, json!({"status": 404, "body": "Not found"})));
}

#[tokio::test]
async fn what_is_no_json_is_named_as_the_body() {
    let (cloud, admin) = scene(|_| vec![]).await;
    let client = cloud.client.id;
    for path in [
        "/v1/objects/hit".to_owned(),
        "/v1/objects/attack/count".to_owned(),
        "/v1/objects/vuln".to_owned(),
        "/v1/search".to_owned(),
        "/v2/hits/summary".to_owned(),
        "/v1/security_issues".to_owned(),
        format!("/v1/client/{client}/attack-vectors/security-agg/query"),
        format!("/v1/client/{client}/attack-vectors/mark"),
    ] {
        for bad in ["{\"filter\":", "nothing", "{} {}"] {
            let reply = cloud.send_text(&admin, Method::POST, &path, bad.to_owned()).await;
            let error = reply.json()["body"]["body"]["error"].clone();
            assert_eq!((reply.status, error.is_string()), (400, true), "{path} {bad}: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn attacks_are_sorted_by_what_they_show() {
    let (cloud, admin) = scene(|now| {
        let hit = |id: &str, after: i64, changes: Value| hit_with(id, now + after, changes);
        vec![
            hit("a", 0, json!({"path": "/c", "domain": "b.test", "statuscode": 500, "aggregated_count": 3})),
            hit("b", 9, json!({"path": "/c", "domain": "b.test", "statuscode": 403, "ip": "192.0.2.1"})),
            hit("c", 4, json!({"path": "/a", "domain": "c.test", "statuscode": 200, "value": "x", "aggregated_count": 9})),
            hit("d", 5, json!({"path": "/a", "domain": "c.test", "statuscode": 500, "value": "y"})),
            hit("e", 6, json!({"path": "/a", "domain": "c.test", "statuscode": 500, "value": "z"})),
            hit("f", 2, json!({"path": "/b", "domain": "a.test", "statuscode": 302, "parameter": "GET_a_value", "point": ["get", "a"]})),
        ]
    })
    .await;
    let rank = |attack: &Value, order: &str| match order {
        "hit_count" => attack["hits"].clone(),
        "response_status" => {
            json!(attack["statuscodes"].as_array().unwrap().iter().map(|code| code.as_i64().unwrap()).min())
        }
        field => attack[field].clone(),
    };
    for order in [
        "hits",
        "hit_count",
        "last_time",
        "first_time",
        "ip_count",
        "domain",
        "path",
        "response_status",
        "parameter",
        "vectors_count",
    ] {
        let found = async |desc: bool| {
            let body = json!({"order_by": order, "order_desc": desc});
            let found = cloud.post(&admin, "/v1/objects/attack", body).await.body();
            found.as_array().unwrap().iter().map(|attack| rank(attack, order)).collect::<Vec<_>>()
        };
        let mut ranks = found(false).await;
        let ascending = ranks.windows(2).all(|pair| match (&pair[0], &pair[1]) {
            (Value::Number(a), Value::Number(b)) => a.as_i64() <= b.as_i64(),
            (a, b) => a.as_str().unwrap() <= b.as_str().unwrap(),
        });
        assert!(ascending && ranks.len() == 3 && ranks.first() != ranks.last(), "{order}: {ranks:?}");
        ranks.reverse();
        assert_eq!(found(true).await, ranks, "{order}");
    }
}

#[tokio::test]
async fn hidden_vulnerabilities_come_where_both_are_asked_for() {
    let (cloud, admin) = scene(|_| vec![]).await;
    for (path, hidden) in [("/a", false), ("/b", true)] {
        let vuln = json!({"type": "sqli", "domain": "d", "path": path, "method": "GET", "title": "t"});
        let made = cloud.post(&admin, "/v1/objects/vuln/create", vuln).await.body();
        let change = json!({"filter": {"id": made["id"]}, "fields": {"hidden": hidden}});
        assert_eq!(cloud.post(&admin, "/v1/objects/vuln/update", change).await.status, 200);
    }
    for (filter, expected) in [
        (json!({}), vec!["/a"]),
        (json!({"hidden": false}), vec!["/a"]),
        (json!({"hidden": true}), vec!["/b"]),
        (json!({"hidden": [true, false]}), vec!["/a", "/b"]),
        (json!({"hidden": [true]}), vec!["/b"]),
        (json!({"hidden": null}), vec!["/a"]),
        (json!({"!hidden": true}), vec!["/a"]),
        // Clients send it for nothing.
        (json!({"!hidden": false}), vec!["/a"]),
        (json!([{"hidden": [true, false], "path": "/b"}]), vec!["/b"]),
        (json!([{"path": "/b"}, {"hidden": true, "path": "/a"}]), vec![]),
        (json!([{"path": "/a"}, {"hidden": true, "type": "sqli"}]), vec!["/a", "/b"]),
    ] {
        let found = cloud
            .post(&admin, "/v1/objects/vuln", json!({"filter": filter, "order_by": "path"}))
            .await
            .body();
        let paths: Vec<&str> =
            found.as_array().unwrap().iter().map(|row| row["path"].as_str().unwrap()).collect();
        assert_eq!(paths, expected, "{filter}");
        let count = cloud.post(&admin, "/v1/objects/vuln/count", json!({"filter": filter})).await.body();
        assert_eq!(count["count"], expected.len(), "{filter}");
    }
}
