//! From groups to vectors, and marks.

use serde_json::{Value, json};

use super::{Scene, condition};
use crate::events::assert_consistent;

async fn group_of(scene: &Scene, kind: &str) -> Value {
    let filter = condition("attack_type", "=", json!([kind]));
    let reply = scene.query(json!({"select": ["requests_count"], "where": filter})).await;
    reply["data"][0]["id"].clone()
}

#[tokio::test]
async fn a_group_opens_into_its_vectors() {
    let scene = Scene::new().await;
    let id = group_of(&scene, "rce").await;
    let mut reply = scene.ok("by-group", json!({"group_id": id})).await;
    let vector = &mut reply["data"][0];
    assert_eq!(vector["vector_id"].as_str().unwrap().len(), 64);
    vector["vector_id"] = json!("[id]");
    vector["node_uuid"] = json!("[node]");
    vector["request_time"] =
        json!(vector["request_time"].as_str().unwrap().replace(|c: char| c.is_ascii_digit(), "0"));
    insta::assert_json_snapshot!(reply);
}

#[tokio::test]
async fn vectors_come_in_pages_newest_first() {
    let scene = Scene::new().await;
    let id = group_of(&scene, "sqli").await;
    let mut seen: Vec<Value> = vec![];
    let mut cursor = Value::Null;
    loop {
        let page = scene.ok("by-group", json!({"group_id": id, "limit": 2, "cursor": cursor})).await;
        seen.extend(page["data"].as_array().unwrap().iter().map(|vector| vector["request_id"].clone()));
        assert_eq!(page["has_more"], json!(page.get("cursor").is_some()));
        match page.get("cursor") {
            Some(next) => cursor = next.clone(),
            None => break,
        }
    }
    assert_eq!(json!(seen), json!(["r1", "r2", "r4", "r4"]));
    let put = condition("method", "=", json!(["PUT"]));
    let page = scene.ok("by-group", json!({"group_id": id, "where": put})).await;
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_request_shows_its_vectors_with_numbers_for_times() {
    let scene = Scene::new().await;
    let page = scene.ok("by-request", json!({"request_id": "r1"})).await;
    let vectors = page["data"].as_array().unwrap();
    assert_eq!(vectors.len(), 2);
    assert_eq!(vectors[0]["request_time"], json!(scene.now * 1000 + 5));
    assert!(vectors[0].get("full_request").is_none());
    let conditions = vectors[0]["action_conditions"].as_array().unwrap();
    assert!(conditions.iter().any(|condition| condition["value"] == "shop.test"), "{conditions:?}");
    assert!(conditions.iter().all(|c| c["type"] != "absent" || c.get("value").is_none()));
    let unknown = scene.ok("by-request", json!({"request_id": "nobody"})).await;
    assert_eq!(unknown, json!({"data": [], "has_more": false}));
}

#[tokio::test]
async fn marks_hide_and_come_back() {
    let scene = Scene::new().await;
    let id = group_of(&scene, "xss").await;
    let marked = scene.ok("mark", json!({"group_id": id, "mark": "fp"})).await;
    assert_eq!(marked, json!({"marked_count": 1}));
    assert_eq!(scene.ok("mark", json!({"group_id": id, "mark": "fp"})).await, json!({"marked_count": 0}));
    assert_eq!(scene.by_type(Value::Null).await, [("rce".to_owned(), 1), ("sqli".to_owned(), 3)]);
    assert_eq!(scene.by_type(condition("mark", "=", json!(["fp"]))).await, [("xss".to_owned(), 1)]);
    assert_consistent(&scene.cloud).await;
    assert_eq!(scene.ok("mark", json!({"group_id": id, "mark": ""})).await, json!({"marked_count": 1}));
    assert_eq!(scene.by_type(Value::Null).await.len(), 3);

    let requests = json!({"request_ids": ["r4", "r3", "nobody"], "mark": "tp"});
    assert_eq!(scene.ok("mark", requests).await, json!({"marked_count": 3}));
    let true_ones = scene.by_type(condition("mark", "=", json!(["tp"]))).await;
    assert_eq!(true_ones, [("rce".to_owned(), 1), ("sqli".to_owned(), 1)]);
    let page = scene.ok("by-request", json!({"request_id": "r3"})).await;
    assert_eq!(page["data"][0]["mark"], "tp");
    let vector = &page["data"][0]["vector_id"];
    assert_eq!(
        scene.ok("mark", json!({"vector_ids": [vector], "mark": "fp"})).await,
        json!({"marked_count": 1})
    );
    assert_consistent(&scene.cloud).await;
}
