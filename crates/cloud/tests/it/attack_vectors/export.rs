//! Exports: asked for, made in the background, read by their link.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Scene;

/// Asks until the export is no longer under way.
async fn finished(scene: &Scene, id: &str) -> Value {
    let path = scene.path(&format!("security-agg/export/{id}"));
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let status = scene.cloud.get(&scene.admin, &path).await.json();
        if status["status"] == "ready" || status["status"] == "failed" {
            return status;
        }
        assert!(Instant::now() < deadline, "{status}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_export_becomes_a_file_behind_a_link() {
    let scene = Scene::new().await;
    let formula = crate::events::hit_with("z", scene.now, json!({"domain": "=cmd()", "attack_type": "ssi"}));
    scene.node.upload(&scene.cloud, &[formula]).await;
    let body = json!({"select": ["hosts", "requests_count", "status"], "group_by": ["ts_month", "attack_type"],
        "order_by": [{"field": "attack_type"}], "email": "soc@acme.test"});
    let reply = scene.post("security-agg/export", body).await;
    assert_eq!((reply.status, &reply.json()["status"]), (202, &json!("accepted")), "{}", reply.text);
    let status = finished(&scene, reply.json()["export_id"].as_str().unwrap()).await;
    let url = status["url"].as_str().unwrap();
    // Whoever has the link may read, without signing in.
    let file = reqwest::get(url).await.unwrap();
    assert_eq!(file.status(), 200);
    assert_eq!(file.headers()["content-type"], "text/csv; charset=utf-8");
    let text = file.text().await.unwrap();
    let month = text.lines().nth(1).unwrap().split(',').next().unwrap().to_owned();
    insta::assert_snapshot!(text.replace(&month, "[month]").replace('\r', ""));

    let other = &url[..url.len() - 2];
    assert_eq!(reqwest::get(format!("{other}00")).await.unwrap().status(), 404);
    assert_eq!(reqwest::get(other).await.unwrap().status(), 404);
    assert_eq!(reqwest::get(url.split('?').next().unwrap()).await.unwrap().status(), 404);
    let log =
        format!("/v1/activity_log/{}/events?filter[object_types][]=attack_export", scene.cloud.client.id);
    let log = scene.cloud.get(&scene.admin, &log).await.body();
    assert_eq!(log["objects"][0]["object"]["name"], "soc@acme.test", "{log}");
    // Seven days later it is gone.
    scene.cloud.running.cloud.clock.shift_ms(8 * 86_400_000);
    assert_eq!(reqwest::get(url).await.unwrap().status(), 404);
}

#[tokio::test]
async fn bad_exports_are_refused() {
    let scene = Scene::new().await;
    for (body, field) in [
        (json!({"select": ["requests_count"]}), "email"),
        (json!({"select": ["requests_count"], "email": "nobody"}), "email"),
        (json!({"select": ["nothing"], "email": "a@b.test"}), "select"),
        (json!({"select": ["requests_count"], "email": "a@b.test", "limit": 5}), "limit"),
        (json!({"select": ["requests_count"], "email": "a@b.test", "cursor": "x"}), "cursor"),
    ] {
        let reply = scene.post("security-agg/export", body.clone()).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.json()["body"][field]["error"].is_string(), "{}", reply.text);
    }
    let unknown = scene.cloud.get(&scene.admin, &scene.path("security-agg/export/nothing")).await;
    assert_eq!(unknown.status, 404);
}
