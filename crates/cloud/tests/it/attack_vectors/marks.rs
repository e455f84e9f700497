//! Judging vectors: marks come and go, and with them the rules that they make.

use serde_json::{Value, json};

use super::{Scene, condition};
use crate::events::{assert_consistent, hits};

async fn rules(scene: &Scene) -> Vec<Value> {
    let body = json!({"filter": {"type": "disable_attack_type"}});
    scene.cloud.post(&scene.admin, "/v1/objects/hint", body).await.body().as_array().unwrap().clone()
}

async fn marked(scene: &Scene, selector: &str, value: &Value, mark: &str) -> Value {
    scene.ok("mark", json!({selector: value, "mark": mark})).await["marked_count"].clone()
}

/// The group of all cross-site scripting.
async fn group(scene: &Scene) -> Value {
    let filter = condition("attack_type", "=", json!(["xss"]));
    let reply = scene.query(json!({"select": ["requests_count"], "where": filter})).await;
    reply["data"][0]["id"].clone()
}

#[tokio::test]
async fn every_mark_is_taken_back_by_an_empty_one() {
    let scene = Scene::new().await;
    let page = scene.ok("by-request", json!({"request_id": "r3"})).await;
    let vector = json!([page["data"][0]["vector_id"]]);
    let (group, request) = (group(&scene).await, json!(["r3"]));
    for (selector, value) in [("vector_ids", &vector), ("request_ids", &request), ("group_id", &group)] {
        for marks in [&["tp", ""][..], &["fp", "tp", ""], &["tp", "fp", ""]] {
            for mark in marks {
                assert_eq!(marked(&scene, selector, value, mark).await, 1, "{selector} {marks:?} {mark}");
            }
            assert_eq!(marked(&scene, selector, value, "").await, 0, "{selector} {marks:?}");
            let judged = json!({"state": ["truepositive", "falsepositive"]});
            assert!(hits(&scene.cloud, &scene.admin, judged).await.is_empty(), "{selector} {marks:?}");
            assert_eq!(rules(&scene).await, [] as [Value; 0], "{selector} {marks:?}");
        }
    }
    assert_consistent(&scene.cloud).await;
}

#[tokio::test]
async fn both_ways_of_marking_share_their_rules() {
    let scene = Scene::new().await;
    let group = group(&scene).await;
    let hit = &hits(&scene.cloud, &scene.admin, json!({"type": "xss"})).await[0];
    let mark_false = async |mode: &str| {
        let body = json!({"filter": {"id": hit["id"]}, "mode": mode});
        scene.cloud.post(&scene.admin, "/v1/objects/hit/mark_false", body).await.body()["marked"].clone()
    };
    assert_eq!(marked(&scene, "group_id", &group, "fp").await, 1);
    let made = rules(&scene).await;
    assert_eq!((made.len(), &made[0]["attack_type"]), (1, &json!("xss")));
    assert_eq!(made[0]["point"], json!(["get", "q"]));
    assert_eq!(mark_false("false").await, 1);
    assert!(rules(&scene).await.is_empty());

    assert_eq!(mark_false("true").await, 1);
    assert_eq!(rules(&scene).await.len(), 1);
    assert_eq!(marked(&scene, "group_id", &group, "tp").await, 1);
    assert!(rules(&scene).await.is_empty(), "what is confirmed is to be found again");

    let declined = json!({"request_ids": ["r1"], "mark": "fp", "rule": false});
    assert_eq!(scene.ok("mark", declined).await, json!({"marked_count": 2}));
    assert!(rules(&scene).await.is_empty());
    let refused = scene.post("mark", json!({"request_ids": ["r1"], "mark": "fp", "rule": "no"})).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("rule"), "{}", refused.text);
    assert_consistent(&scene.cloud).await;
}
