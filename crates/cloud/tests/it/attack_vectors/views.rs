//! Saved views.

use axum::http::Method;
use bartizan_testkit::{Credential, Reply, TestCloud};
use serde_json::{Value, json};

struct Views {
    cloud: TestCloud,
    admin: Credential,
}

impl Views {
    async fn new() -> Views {
        let cloud = TestCloud::start().await;
        let admin = cloud.admin_pair().await;
        Views { cloud, admin }
    }

    async fn call(&self, method: Method, end: &str, body: Option<Value>) -> Reply {
        let path = format!("/v1/client/{}/attack-views{end}", self.cloud.client.id);
        self.cloud.call(&self.admin, method, &path, body.as_ref()).await
    }

    async fn create(&self, body: Value) -> Reply {
        self.call(Method::POST, "", Some(body)).await
    }
}

#[tokio::test]
async fn views_are_made_kept_changed_and_removed() {
    let views = Views::new().await;
    let config = json!({"where": null, "zeta": 1, "alpha": {"unknown": [true]}, "groupBy": "type"});
    let made = views.create(json!({"name": " Mine ", "config": config, "description": "d"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let mut view = made.json();
    let id = view["id"].as_i64().unwrap();
    // Unknown keys and the order of all are kept.
    assert_eq!(view["config"].to_string(), config.to_string());
    view["created_at"] = json!("[time]");
    view["updated_at"] = json!("[time]");
    insta::assert_json_snapshot!(view);

    let list = views.call(Method::GET, "", None).await.json();
    let names: Vec<&str> =
        list["data"].as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["All attacks", "Mine"]);
    assert_eq!((&list["data"][0]["is_preset"], &list["data"][0]["is_default"]), (&json!(true), &json!(true)));

    let changed = views.call(Method::PUT, &format!("/{id}"), Some(json!({"name": "Ours"}))).await.json();
    assert_eq!((&changed["name"], &changed["description"]), (&json!("Ours"), &json!("d")));
    let copy = views.call(Method::POST, &format!("/{id}/duplicate"), Some(json!({"name": "Copy"}))).await;
    assert_eq!((copy.status, &copy.json()["is_default"]), (201, &json!(false)));
    let default = views.call(Method::POST, &format!("/{id}/set-default"), None).await;
    let log = format!("/v1/activity_log/{}/events?filter[object_types][]=attack_view", views.cloud.client.id);
    let log = views.cloud.get(&views.admin, &log).await.body();
    let newest = &log["objects"][0];
    assert_eq!(
        (&newest["object"]["name"], &newest["changed_fields"]),
        (&json!("Ours"), &json!(["default"])),
        "{log}"
    );
    assert_eq!((default.status, &default.json()["is_default"]), (200, &json!(true)));
    assert_eq!(views.call(Method::DELETE, &format!("/{id}"), None).await.status, 409);
    assert_eq!(views.call(Method::POST, "/0/set-default", None).await.status, 200);
    let deleted = views.call(Method::DELETE, &format!("/{id}"), None).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(views.call(Method::GET, &format!("/{id}"), None).await.status, 404);
}

#[tokio::test]
async fn bad_views_are_refused() {
    let views = Views::new().await;
    let good = json!({"name": "a", "config": {}});
    assert_eq!(views.create(good.clone()).await.status, 201);
    assert_eq!(views.create(good).await.status, 409);
    for (body, field) in [
        (json!({"config": {}}), "name"),
        (json!({"name": "b"}), "config"),
        (json!({"name": "", "config": {}}), "name"),
        (json!({"name": "x".repeat(129), "config": {}}), "name"),
        (json!({"name": "b", "config": []}), "config"),
        (json!({"name": "b", "config": {"a": "x".repeat(64 << 10)}}), "config"),
        (json!({"name": "b", "config": {}, "visibility": "world"}), "visibility"),
        (json!({"name": "b", "config": {}, "description": 7}), "description"),
    ] {
        let reply = views.create(body.clone()).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.json()["body"][field]["error"].is_string(), "{}", reply.text);
    }
    for (method, end) in [(Method::PUT, "/0"), (Method::DELETE, "/0")] {
        assert_eq!(views.call(method, end, Some(json!({"name": "c"}))).await.status, 403);
    }
    assert_eq!(views.call(Method::GET, "/999", None).await.status, 404);
}

#[tokio::test]
async fn shared_views_are_seen_in_the_organisation_only() {
    let views = Views::new().await;
    let (home, linked) = views.cloud.add_global_account().await;
    let user = views.cloud.add_user(home.id, "glo@home.test", &["partner_admin"]).await;
    let global = views.cloud.pair_of(&user).await;
    let path = |client: i64| format!("/v1/client/{client}/attack-views");
    let body = json!({"name": "Shared", "config": {}, "visibility": "org"});
    let made = views.cloud.post(&global, &path(home.id), body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json()["id"].as_i64().unwrap();
    let change = json!({"visibility": "tenant"});
    let own = format!("{}/{id}", path(home.id));
    assert_eq!(views.cloud.call(&global, Method::PUT, &own, Some(&change)).await.status, 400);
    let there = views.cloud.get(&global, &path(linked.id)).await.json();
    assert!(there["data"].as_array().unwrap().iter().any(|view| view["id"] == id));
    // Who works in one tenant shares nothing with others, nor does a global user from there.
    let local = views.cloud.add_user(linked.id, "boss@linked.test", &["admin"]).await;
    let local = views.cloud.pair_of(&local).await;
    let body = json!({"name": "Mine", "config": {}, "visibility": "org"});
    for by in [&local, &global] {
        assert_eq!(views.cloud.post(by, &path(linked.id), body.clone()).await.status, 403);
    }
    let log = format!("/v1/activity_log/{}/events?filter[object_types][]=attack_view", home.id);
    let log = views.cloud.get(&global, &log).await.body();
    assert_eq!(log["objects"][0]["object"]["name"], "Shared");
    let from_there = format!("{}/{id}", path(linked.id));
    let name = json!({"name": "Taken over"});
    assert_eq!(views.cloud.call(&global, Method::PUT, &from_there, Some(&name)).await.status, 403);
    assert_eq!(views.call(Method::GET, &format!("/{id}"), None).await.status, 404);

    let user = views.cloud.add_user(views.cloud.client.id, "aud@acme.test", &["auditor"]).await;
    let auditor = views.cloud.pair_of(&user).await;
    let body = json!({"name": "x", "config": {}});
    assert_eq!(views.cloud.post(&auditor, &path(views.cloud.client.id), body).await.status, 403);
    assert_eq!(views.cloud.get(&auditor, &path(views.cloud.client.id)).await.status, 200);
}
