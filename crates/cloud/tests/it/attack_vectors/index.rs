//! The index against the database it is derived from.

use axum::http::Method;
use bartizan_cloud::server::RunningCloud;
use bartizan_store::{entity, sea_orm::EntityTrait};
use bartizan_testkit::Credential;
use serde_json::json;

use super::Scene;

/// Every hit of the database is in the index, and nothing else.
async fn assert_complete(scene: &Scene) {
    let cloud = &scene.cloud.running.cloud;
    let hits = entity::hit::Entity::find().all(cloud.store.reader()).await.unwrap();
    let tenant = bartizan_store::TenantId(scene.cloud.client.id);
    let mut expected: Vec<(i64, i64)> = hits.iter().map(|hit| (hit.ts_ms, hit.id)).collect();
    let all = bartizan_events_index::Filter::All(vec![]);
    let mut found = cloud.event_index.ask(tenant, move |index| index.matching(tenant.0, &all)).await.unwrap();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn batches_twice_and_out_of_order_are_there_once() {
    let scene = Scene::new().await;
    let hits: Vec<_> = (0..30).map(|n| crate::events::hit(&format!("n{n}"), scene.now - n)).collect();
    let (first, second) = hits.split_at(17);
    let mixed: Vec<_> = hits.iter().step_by(3).cloned().collect();
    for batch in [second, first, &mixed, second] {
        scene.node.upload(&scene.cloud, batch).await;
    }
    assert_complete(&scene).await;
}

#[tokio::test]
async fn two_nodes_at_once_leave_nothing_out() {
    let scene = Scene::new().await;
    let other = crate::events::TestNode::register(&scene.cloud, scene.cloud.client.id).await;
    let batch = |prefix: &str, round: i64| -> Vec<_> {
        (0..20).map(|n| crate::events::hit(&format!("{prefix}{round}x{n}"), scene.now - n)).collect()
    };
    for round in 0..5 {
        let (ours, theirs) = (batch("p", round), batch("q", round));
        tokio::join!(scene.node.upload(&scene.cloud, &ours), other.upload(&scene.cloud, &theirs));
    }
    assert_complete(&scene).await;
    crate::events::assert_consistent(&scene.cloud).await;
}

#[tokio::test]
async fn a_lost_index_is_built_again_and_a_damaged_one_set_aside() {
    let Scene { cloud, admin, .. } = Scene::new().await;
    let path = format!("/v1/client/{}/attack-vectors/security-agg/query", cloud.client.id);
    let mut config = cloud.running.cloud.config.clone();
    let folder = config.data_dir.join("events-index");
    let file = folder.join(format!("{}.events", cloud.client.id));
    cloud.running.shutdown().await;
    assert!(file.exists());
    config.listen.address = "127.0.0.1:0".parse().unwrap();
    let Credential::Pair(uuid, secret) = admin else { unreachable!() };
    for damage in [&b"BZEVIDX\x02garbage garbage garbage"[..], &b""[..], &b"other"[..]] {
        std::fs::write(&file, damage).unwrap();
        let again = RunningCloud::start(config.clone()).await.unwrap();
        let reply = reqwest::Client::new()
            .post(format!("http://{}{path}", again.address))
            .header("X-WallarmAPI-UUID", &uuid)
            .header("X-WallarmAPI-Secret", &secret)
            .json(&json!({"select": ["requests_count"]}))
            .send()
            .await
            .unwrap();
        let reply: serde_json::Value = reply.json().await.unwrap();
        assert_eq!(reply["data"].as_array().unwrap().len(), 3, "{reply}");
        again.shutdown().await;
    }
    assert!(folder.join(format!("{}.damaged", cloud.client.id)).exists());
}

#[tokio::test]
async fn an_index_can_be_built_anew() {
    let scene = Scene::new().await;
    let rows = scene.cloud.running.cloud.event_index.rebuild().await.unwrap();
    assert_eq!(rows, 6);
    assert_complete(&scene).await;
}

#[tokio::test]
async fn deleted_and_expired_events_leave_the_answers() {
    let scene = Scene::new().await;
    let old = crate::events::hit_with("old", scene.now - 23 * 3600, json!({"attack_type": "ssrf"}));
    scene.node.upload(&scene.cloud, &[old]).await;
    let types = async || {
        let range = json!({"select": ["requests_count"], "group_by": ["attack_type", "ts_month"], "time_range": "-3d"});
        let reply = scene.query(range).await;
        reply["data"].as_array().unwrap().iter().filter(|row| row["attack_type"] == "ssrf").count()
    };
    assert_eq!(types().await, 1);
    let client = scene.cloud.client.id;
    let settings = format!("/v1/client/{client}/event_settings");
    let one_day = json!({"retention_days": 1});
    assert_eq!(scene.cloud.call(&scene.admin, Method::PUT, &settings, Some(&one_day)).await.status, 200);
    assert_eq!(types().await, 1);
    scene.cloud.running.cloud.clock.shift_ms(2 * 3600 * 1000);
    assert_eq!(types().await, 0);

    let events = format!("/v1/client/{client}/events");
    let confirm = json!({"confirm": "Acme"});
    assert_eq!(scene.cloud.call(&scene.admin, Method::DELETE, &events, Some(&confirm)).await.status, 200);
    assert_eq!(scene.by_type(serde_json::Value::Null).await, []);
    // What comes afterwards is there again, alone.
    let new = crate::events::hit("new", scene.now + 2 * 3600);
    scene.node.upload(&scene.cloud, &[new]).await;
    assert_eq!(scene.by_type(serde_json::Value::Null).await, [("sqli".to_owned(), 1)]);
    assert_complete(&scene).await;
}
