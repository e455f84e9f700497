//! Attacks by bots, reported as a whole.

use bartizan_testkit::{Credential, TestCloud};
use serde_json::{Value, json};

use super::{TestNode, attacks, hits, recent};

fn event(cloud: &TestCloud, changes: Value) -> Value {
    let mut event = json!({
        "abuse_event_id": "bots-1", "request_time": recent(cloud), "hits_count": 1001,
        "top_ip": ["192.0.2.1", "2001:db8::1"], "application": -1, "top_domains": ["shop.test"],
        "top_paths": ["/login", "/cart"], "top_response_statuses": [200, 403], "client_id": cloud.client.id,
        "type": "scraping", "top_methods": ["GET"], "block_status": "partially_blocked", "blocked": 301,
        "detectors": ["too_fast"], "method_counts": [{"method": "GET", "count": 1001}],
        "response_status_counts": [{"response_status": 200, "count": 700}],
    });
    event.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    event
}

#[tokio::test]
async fn an_event_becomes_one_attack_and_repeating_it_changes_nothing() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let (admin, by) = (cloud.admin_pair().await, Credential::Node(node.uuid.clone(), node.secret.clone()));
    let body =
        json!({"events": [event(&cloud, json!({})), event(&cloud, json!({"abuse_event_id": "bots-2"}))]});
    for _ in 0..2 {
        let reply = cloud.post(&by, "/v2/attacks", body.clone()).await;
        assert_eq!((reply.status, reply.text.as_str()), (200, r#"{"status":200,"body":{}}"#));
    }
    let found = attacks(&cloud, &admin, json!({"type": "scraping"})).await;
    assert_eq!(found.len(), 2);
    insta::assert_json_snapshot!(found[0], {
        ".id" => "[id]", ".attackid" => "[id]", ".first_time" => "[time]", ".last_time" => "[time]",
        ".clientid" => "[client]",
    });
    assert_eq!(hits(&cloud, &admin, json!({"type": "scraping"})).await.len(), 8);
}

#[tokio::test]
async fn a_known_event_with_other_numbers_changes_nothing() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let (admin, by) = (cloud.admin_pair().await, Credential::Node(node.uuid.clone(), node.secret.clone()));
    let more = json!({"hits_count": 5000, "top_ip": ["192.0.2.1", "192.0.2.2", "192.0.2.3"], "request_time": recent(&cloud) - 60});
    let twice = json!({"events": [event(&cloud, json!({})), event(&cloud, more.clone())]});
    for body in [twice, json!({"events": [event(&cloud, more)]})] {
        assert_eq!(cloud.post(&by, "/v2/attacks", body).await.status, 200);
        let found = attacks(&cloud, &admin, json!({"type": "scraping"})).await;
        assert_eq!((found.len(), &found[0]["hits"]), (1, &json!(1001)));
        assert_eq!(hits(&cloud, &admin, json!({"type": "scraping"})).await.len(), 4);
    }
}

#[tokio::test]
async fn bad_events_are_refused_by_field() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let by = Credential::Node(node.uuid.clone(), node.secret.clone());
    for (changes, field) in [
        (json!({"type": "sqli"}), "type"),
        (json!({"hits_count": 0}), "hits_count"),
        (json!({"top_ip": []}), "top_ip"),
        (json!({"top_ip": ["house"]}), "top_ip"),
        (json!({"top_domains": []}), "top_domains"),
        (json!({"block_status": "perhaps"}), "block_status"),
        (json!({"abuse_event_id": ""}), "abuse_event_id"),
        (json!({"request_time": 7}), "events"),
    ] {
        let reply = cloud.post(&by, "/v2/attacks", json!({"events": [event(&cloud, changes)]})).await;
        assert_eq!(reply.status, 400, "{field}: {}", reply.text);
        assert!(reply.json()["body"].get(field).is_some(), "{field}: {}", reply.text);
    }
    let foreign = event(&cloud, json!({"client_id": cloud.client.id + 1}));
    assert_eq!(cloud.post(&by, "/v2/attacks", json!({"events": [foreign]})).await.status, 403);
    let admin = cloud.admin_pair().await;
    let own = json!({"events": [event(&cloud, json!({}))]});
    assert_eq!(cloud.post(&admin, "/v2/attacks", own).await.status, 401);
    assert!(attacks(&cloud, &admin, json!({})).await.is_empty());
}
