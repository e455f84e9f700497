//! Dashboards' data, retention, deletion and export.

use bartizan_store::{
    entity,
    sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel},
};
use bartizan_testkit::{Credential, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

use super::{TestNode, assert_consistent, attacks, hit_with, hits, recent};

async fn with_traffic() -> (TestCloud, Credential, TestNode, i64) {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let dutch = json!({"context": {"country": "NL", "datacenter": "aws", "tor": true}, "statuscode": 200});
    let events = [
        hit_with("a", now - 50, json!({"aggregated_count": 4})),
        hit_with("b", now, json!({"attack_type": "xss", "block_status": "monitored"})),
        hit_with("c", now, dutch),
    ];
    node.upload(&cloud, &events).await;
    let by = Credential::Node(node.uuid.clone(), node.secret.clone());
    let beat = json!({"startid": "1", "seq": 1, "uptime_s": 1, "versions": {},
        "stats": {"requests": 120, "attacks": 6, "blocked": 5}});
    for _ in 0..2 {
        // Sent twice, counted once.
        assert_eq!(cloud.post(&by, "/node/v1/heartbeat", beat.clone()).await.status, 200);
    }
    let next = json!({"startid": "1", "seq": 2, "uptime_s": 2, "versions": {}, "stats": {"requests": 30}});
    assert_eq!(cloud.post(&by, "/node/v1/heartbeat", next).await.status, 200);
    let admin = cloud.admin_pair().await;
    (cloud, admin, node, now)
}

#[tokio::test]
async fn graphs_have_exactly_the_points_asked_for() {
    let (cloud, admin, node, now) = with_traffic().await;
    let client = cloud.client.id;
    let minute = cloud.running.cloud.now() / 60 * 60;
    let graph = async |path: String, body: Value| cloud.post(&admin, &path, body).await.body();
    let body = json!({"start_time": now - 59, "end_time": now + 1, "points_count": 2});
    let values = |points: &Value| -> Vec<Value> {
        points.as_array().unwrap().iter().map(|point| point[1].clone()).collect()
    };
    let points = graph(format!("/v2/graph_data/attacks/client/{client}"), body.clone()).await;
    assert_eq!(points, json!([[now - 59, 4], [now - 29, 2]]));
    let points = graph(format!("/v2/graph_data/incidents/client/{client}"), body.clone()).await;
    assert_eq!(values(&points), [0, 0]);
    let minutes = json!({"start_time": minute - 120, "end_time": minute + 60, "points_count": 3});
    let points = graph(format!("/v2/graph_data/requests/client/{client}"), minutes.clone()).await;
    // The beats may lie on either side of a full minute.
    assert_eq!(values(&points).iter().filter_map(Value::as_i64).sum::<i64>(), 150);
    let points = graph(format!("/v2/graph_data/rps/node/{}", node.uuid), minutes.clone()).await;
    let sum: f64 = values(&points).iter().filter_map(Value::as_f64).sum();
    assert!((sum - 2.5).abs() < 0.01, "{points}");
    let foreign = graph("/v2/graph_data/rps/node/unknown".to_owned(), minutes.clone()).await;
    assert_eq!(values(&foreign), [0.0, 0.0, 0.0]);
    let vuln =
        json!({"type": "xss", "domain": "d", "path": "/", "method": "GET", "title": "t", "threat": 95});
    cloud.post(&admin, "/v1/objects/vuln/create", vuln).await.body();
    // A new minute may have begun since.
    let vulns = async |threat: &str| {
        let body =
            json!({"start_time": minute - 60, "end_time": minute + 120, "points_count": 3, "threat": threat});
        let points = values(&graph(format!("/v2/graph_data/vulns/client/{client}"), body).await);
        (points.len(), points.iter().filter_map(Value::as_i64).sum::<i64>())
    };
    assert_eq!((vulns("high").await, vulns("low").await), ((3, 1), (3, 0)));
    let lists = graph(format!("/v2/graph_data/blacklist_size/client/{client}/full"), minutes.clone()).await;
    assert_eq!(values(&lists), [0, 0, 0]);
    for name in ["testrun", "baseline"] {
        let query =
            format!("/v1/graph_data/{name}?start_time=0&end_time=100&points_count=2&clientid={client}");
        assert_eq!(cloud.get(&admin, &query).await.body(), json!([[0, 0], [50, 0]]));
    }
    for (field, value) in [
        ("start_time", json!(null)),
        ("end_time", json!(5)),
        ("points_count", json!(1001)),
        ("interpolation", json!("cubic")),
        ("threat", json!("mild")),
    ] {
        let mut body = minutes.clone();
        body[field] = value;
        let reply = cloud.post(&admin, &format!("/v2/graph_data/vulns/client/{client}"), body).await;
        assert_eq!(
            (reply.status, reply.json()["body"][field].is_object()),
            (400, true),
            "{field}: {}",
            reply.text
        );
    }
    assert_eq!(cloud.post(&admin, "/v2/graph_data/rps/client/99999", minutes).await.status, 403);
}

#[tokio::test]
async fn sums_of_a_period_have_their_wire_forms() {
    let (cloud, admin, _, now) = with_traffic().await;
    let client = cloud.client.id;
    let period = json!({"start_time": now - 59, "end_time": now + 1});
    let mut replies = Vec::new();
    for name in ["targets/total", "attack_types/total", "attacks_stats/total"] {
        let path = format!("/v2/graph_data/{name}/client/{client}");
        replies.push(json!({"of": name, "reply": cloud.post(&admin, &path, period.clone()).await.json()}));
    }
    insta::assert_json_snapshot!(replies);
    let date = chrono::DateTime::from_timestamp(now, 0).unwrap();
    let month = json!({"year": date.format("%Y").to_string(), "month": date.format("%m").to_string()});
    let path = format!("/v2/graph_data/summary/monthly/total/client/{client}");
    let summary = cloud.post(&admin, &path, month).await.body();
    assert_eq!((&summary["attacks_count"], &summary["blocked_attacks_count"]), (&json!(6), &json!(5)));
    assert_eq!(cloud.post(&admin, &path, json!({"year": 2026, "month": 13})).await.status, 400);
    let months =
        cloud.post(&admin, &format!("/v2/graph_data/summary/rpm/client/{client}"), json!({})).await.body();
    assert_eq!((months.as_array().unwrap().len(), &months[5]["requests_count"]), (6, &json!(150)));
    let owasp = cloud.get(&admin, &format!("/v2/dashboards/owasp_api_2023/{client}")).await.body();
    assert_eq!(owasp["API8"]["count"], 5);
    assert_eq!(owasp["API8"]["by_response_status"], json!({"200": 1, "403": 4}));
    assert_eq!(owasp["API1"], json!({"count": 0, "by_type": {}, "by_response_status": {}}));
    let state = cloud.get(&admin, &format!("/v2/dashboard_state/{client}")).await.json();
    insta::assert_json_snapshot!("dashboard_state", state);
    let put = json!({"dashboard_state": {"monthly_requests_quota": 5}});
    let path = format!("/v2/dashboard_state/{client}");
    let written = cloud.call(&admin, Method::PUT, &path, Some(&put)).await.body();
    assert_eq!(written["object"]["monthly_requests_quota"], 5);
    assert_eq!(cloud.get(&admin, &path).await.body(), written);
    let none = json!({"dashboard_state": 5});
    assert_eq!(cloud.call(&admin, Method::PUT, &path, Some(&none)).await.status, 400);
}

#[tokio::test]
async fn figures_are_compared_with_the_period_before() {
    let (cloud, admin, _, now) = with_traffic().await;
    let path = format!("/v2/graph_data/attack_types/total/client/{}", cloud.client.id);
    let ask = async |from: i64, to: i64, compare: bool| {
        let body = json!({"start_time": from, "end_time": to, "compare": compare});
        cloud.post(&admin, &path, body).await.json()
    };
    let (before, now_alone) = (ask(now - 59, now - 29, false).await, ask(now - 29, now + 1, false).await);
    assert!(now_alone["before"].is_null() && before["body"] != now_alone["body"]);
    let compared = ask(now - 29, now + 1, true).await;
    assert_eq!((&compared["body"], &compared["before"]), (&now_alone["body"], &before["body"]));
}

#[tokio::test]
async fn each_tenant_keeps_its_events_as_long_as_it_wants() {
    let cloud = TestCloud::start().await;
    let other = cloud.add_company("Other").await;
    let (own, foreign) =
        (TestNode::register(&cloud, cloud.client.id).await, TestNode::register(&cloud, other.id).await);
    let now = recent(&cloud);
    for node in [&own, &foreign] {
        node.upload(&cloud, &[hit_with("a", now, json!({}))]).await;
    }
    let admin = cloud.admin_pair().await;
    let path = format!("/v1/client/{}/event_settings", cloud.client.id);
    let settings = cloud.get(&admin, &path).await.json();
    assert_eq!(
        settings,
        json!({"status": 200, "body": {"retention_days": null, "default_attack_ip_grouping": false}})
    );
    let put = async |body: Value| cloud.call(&admin, Method::PUT, &path, Some(&body)).await;
    for broken in [json!({"retention_days": 0}), json!({"retention_days": 181})] {
        assert_eq!(put(broken).await.status, 400);
    }
    assert_eq!(put(json!({"retention_days": 1})).await.body()["retention_days"], 1);
    assert_eq!(attacks(&cloud, &admin, json!({})).await.len(), 1);
    cloud.running.cloud.clock.shift_ms(2 * 86_400_000);
    put(json!({})).await.body();
    assert!(attacks(&cloud, &admin, json!({})).await.is_empty());
    let rows = entity::hit::Entity::find().all(cloud.running.cloud.store.reader()).await.unwrap();
    assert_eq!(rows.iter().map(|hit| hit.client_id).collect::<Vec<_>>(), [other.id]);
    assert_consistent(&cloud).await;
    let auditor = cloud.pair_of(&cloud.add_user(cloud.client.id, "r@acme.test", &["auditor"]).await).await;
    assert_eq!(cloud.call(&auditor, Method::PUT, &path, Some(&json!({}))).await.status, 403);
}

#[tokio::test]
async fn all_events_of_a_tenant_are_deleted_on_request() {
    let (cloud, admin, _, _) = with_traffic().await;
    let path = format!("/v1/client/{}/events", cloud.client.id);
    let delete = async |body: Value| cloud.call(&admin, Method::DELETE, &path, Some(&body)).await;
    assert_eq!(delete(json!({})).await.status, 400);
    assert_eq!(delete(json!({"confirm": "Other"})).await.status, 400);
    assert_eq!(delete(json!({"confirm": "Acme"})).await.body()["deleted"], 8);
    assert!(hits(&cloud, &admin, json!({})).await.is_empty());
    assert!(attacks(&cloud, &admin, json!({})).await.is_empty());
}

#[tokio::test]
async fn an_export_holds_everything_but_secrets() {
    let (cloud, admin, _, _) = with_traffic().await;
    let other = cloud.add_company("Other").await;
    cloud.add_user(other.id, "eve@other.test", &["admin"]).await;
    let reply = cloud.get(&admin, &format!("/v1/client/{}/export", cloud.client.id)).await;
    assert_eq!(
        (reply.status, reply.headers["content-type"].to_str().unwrap()),
        (200, "application/x-ndjson")
    );
    let lines: Vec<Value> = reply.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |table: &str| lines.iter().filter(|line| line["table"] == table).count();
    assert_eq!(
        (count("clients"), count("users"), count("hits"), count("attacks"), count("hit_raws")),
        (1, 1, 3, 2, 3)
    );
    assert!(!reply.text.contains("eve@other.test"));
    let session = cloud.sign_in("admin@acme.test").await;
    let import = format!("/v1/blocklist/clients/{}/import?list=block&expired_at=0&reason=x", cloud.client.id);
    let many = (0..1001).map(|n| format!("11.0.{}.{}\n", n / 250, n % 250)).collect();
    assert_eq!(cloud.send_text(&admin, Method::POST, &import, many).await.status, 200);
    let bartizan_testkit::Credential::Cookie(_, csrf) = &session else { unreachable!() };
    let hook = json!({"type": "web_hooks", "target": {"url": "https://example.com/x"}});
    cloud.post(&session, "/v2/integration", hook).await.body();
    let text = cloud.get(&session, &format!("/v1/client/{}/export", cloud.client.id)).await.text;
    assert!(text.contains(r#""table":"sessions""#) && text.contains(r#""table":"integrations""#), "{text}");
    for secret in ["password_hash", "_mac", "argon2", "sealed", "csrf", csrf, "mfa_recovery"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |table: &str| {
        rows.iter().filter(|line| line["table"] == table).map(|line| &line["row"]).collect::<Vec<_>>()
    };
    assert_eq!((of("integrations").len(), of("integrations")[0].get("target")), (1, None));
    let mut entries: Vec<i64> = of("ip_groups").iter().map(|row| row["id"].as_i64().unwrap()).collect();
    entries.dedup();
    assert_eq!(entries.len(), 1001, "each row of each page comes once");
    // Who may change settings may not therefore see everything.
    let some = cloud.add_user(cloud.client.id, "some@acme.test", &["view_settings", "update_settings"]).await;
    let some = cloud.pair_of(&some).await;
    assert_eq!(cloud.get(&some, &format!("/v1/client/{}/export", cloud.client.id)).await.status, 403);
    assert_eq!(cloud.get(&admin, &format!("/v1/client/{}/export", other.id)).await.status, 403);
}

#[tokio::test]
async fn a_deleted_tenant_is_gone_from_every_table() {
    let (cloud, _, _, _) = with_traffic().await;
    let other = cloud.add_company("Other").await;
    let store = &cloud.running.cloud.store;
    let mut gone = cloud.client.clone();
    gone.deleted_at = Some(cloud.running.cloud.now());
    entity::client::Entity::update(gone.into_active_model().reset_all()).exec(store.writer()).await.unwrap();
    let deleted = bartizan_store::clients::deleted_before(store.reader(), i64::MAX).await.unwrap();
    assert_eq!(deleted, [bartizan_store::TenantId(cloud.client.id)]);
    bartizan_store::privacy::delete_tenant(store.writer(), deleted[0]).await.unwrap();
    let mut kept = 0;
    for table in bartizan_store::privacy::tables(store.reader()).await.unwrap() {
        let of = async |id: i64| {
            bartizan_store::privacy::count(store.reader(), bartizan_store::TenantId(id), &table)
                .await
                .unwrap()
        };
        assert_eq!(of(cloud.client.id).await, 0, "{table}");
        kept += of(other.id).await;
    }
    assert!(kept > 0);
}
