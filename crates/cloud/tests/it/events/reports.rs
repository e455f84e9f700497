//! Reports of a period: asked for, made in the background, listed, handed out.

use std::time::Instant;

use bartizan_testkit::{Credential, PATIENCE, Reply, TestCloud, smtp::MailServer};
use serde_json::{Value, json};

use super::{TestNode, hit_with, recent};
use crate::letters;

/// A company with attacks of two types, one blocked, and a vulnerability.
async fn attacked(cloud: &TestCloud) -> Credential {
    let node = TestNode::register(cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let now = recent(cloud);
    let events = [
        hit_with("a", now, json!({"aggregated_count": 5})),
        hit_with(
            "b",
            now,
            json!({"attack_type": "xss", "block_status": "monitored", "ip": "203.0.113.8",
            "path": "/comments", "parameter": "POST_text_value", "point": ["post", "text"]}),
        ),
        hit_with("old", now - 2000, json!({"path": "/=cmd()"})),
    ];
    node.upload(cloud, &events).await;
    let vuln = json!({"clientid": cloud.client.id, "type": "sqli", "domain": "shop.test", "path": "/search",
        "method": "GET", "title": "SQL injection in the search (café)", "parameter": "GET_q_value"});
    assert_eq!(cloud.post(&admin, "/v1/objects/vuln/create", vuln).await.status, 200);
    admin
}

async fn ask(cloud: &TestCloud, by: &Credential, changes: Value) -> Reply {
    let now = cloud.running.cloud.now();
    let mut body = json!({"clientid": 0, "time_from": now - 1800, "time_to": now + 1, "format": "json"});
    for (key, value) in changes.as_object().unwrap() {
        body[key] = value.clone();
    }
    cloud.post(by, "/v1/objects/report/request", body).await
}

/// Waits until a report is not being made any more, and downloads it.
async fn made(cloud: &TestCloud, by: &Credential, changes: Value) -> (i64, Reply) {
    let id = ask(cloud, by, changes).await.body()["id"].as_i64().unwrap();
    let filter = json!({"filter": {"id": id}});
    let deadline = Instant::now() + PATIENCE;
    loop {
        let list = cloud.post(by, "/v1/objects/report/list", filter.clone()).await.body();
        if list[0]["status"] == "ready" || list[0]["status"] == "failed" {
            return (id, download(cloud, by, id).await);
        }
        assert!(Instant::now() < deadline, "{list}");
        tokio::task::yield_now().await;
    }
}

async fn download(cloud: &TestCloud, by: &Credential, id: i64) -> Reply {
    cloud.post(by, "/v1/objects/report", json!({"id": id})).await
}

#[tokio::test]
async fn a_report_as_json_holds_figures_and_rows() {
    let cloud = TestCloud::start().await;
    let admin = attacked(&cloud).await;
    let (id, file) = made(&cloud, &admin, json!({})).await;
    let log = format!("/v1/activity_log/{}/events?filter[object_types][]=report", cloud.client.id);
    let log = cloud.get(&admin, &log).await.body();
    assert_eq!(log["objects"][0]["object"]["name"], "json", "{log}");
    assert_eq!(log["objects"].as_array().unwrap().len(), 1);
    assert_eq!((file.status, &file.headers["content-type"]), (200, &"application/json".parse().unwrap()));
    let name = format!("attachment; filename=\"report-{id}.json\"");
    assert_eq!(file.headers["content-disposition"].to_str().unwrap(), name);
    let report = file.json();
    assert_eq!(report["summary"]["hits"], 6);
    assert_eq!(report["before"]["hits"], 1, "the period of the same length before");
    let graph: i64 =
        report["hits_over_time"].as_array().unwrap().iter().map(|point| point[1].as_i64().unwrap()).sum();
    assert_eq!(graph, 6);
    insta::assert_json_snapshot!("report", report, {
        ".clientid" => "[client]", ".time_from" => "[time]", ".time_to" => "[time]", ".generated_at" => "[time]",
        ".hits_over_time" => "[graph]", ".attacks" => "[attacks]", ".vulns" => "[vulns]",
    });
    let kinds: Vec<&Value> =
        report["attacks"].as_array().unwrap().iter().map(|attack| &attack["type"]).collect();
    assert_eq!(kinds, ["sqli", "xss"], "most hits first");
    assert_eq!(report["vulns"][0]["title"], "SQL injection in the search (café)");
}

#[tokio::test]
async fn filters_choose_the_rows() {
    let cloud = TestCloud::start().await;
    let admin = attacked(&cloud).await;
    let filter = json!({"attacks": {"type": ["xss"], "vulnid": null}, "incidents": {}, "vulns": {"domain": "other.test"}});
    let (_, file) = made(&cloud, &admin, json!({"extra_filter": filter})).await;
    let report = file.json();
    assert_eq!(report["attacks"].as_array().unwrap().len(), 1);
    assert_eq!((&report["summary"]["hits"], &report["vulns"]), (&json!(1), &json!([])));
    // A vulnerability that is open belongs to every period.
    let (_, file) = made(&cloud, &admin, json!({"time_from": 100, "time_to": 200})).await;
    let report = file.json();
    assert_eq!(report["attacks"], json!([]));
    assert_eq!(report["vulns"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_report_as_pdf_is_one() {
    let cloud = TestCloud::start().await;
    let admin = attacked(&cloud).await;
    let (_, file) = made(&cloud, &admin, json!({"format": "pdf"})).await;
    assert_eq!(file.headers["content-type"], "application/pdf");
    assert!(file.text.starts_with("%PDF-1.4") && file.text.ends_with("%%EOF\n"));
    assert!(file.text.contains("/Title (Security report of Acme)"));
}

#[tokio::test]
async fn a_report_as_tables_is_one_table_or_an_archive() {
    let cloud = TestCloud::start().await;
    let admin = attacked(&cloud).await;
    let (_, archive) = made(&cloud, &admin, json!({"format": "csv"})).await;
    assert_eq!(archive.headers["content-type"], "application/zip");
    assert!(archive.text.starts_with("PK") && archive.text.contains("attacks.csv"));
    assert!(archive.text.contains("vulnerabilities.csv") && !archive.text.contains("incidents.csv"));

    let (_, table) =
        made(&cloud, &admin, json!({"format": "csv", "extra_filter": {"vulns": {"id": 0}}})).await;
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
    let lines: Vec<&str> = table.text.lines().collect();
    assert!(lines[0].starts_with("id,type,type_label,domain,path") && lines.len() == 3, "{}", table.text);
    assert!(lines[1].contains(",sqli,SQL Injection,shop.test,/search,"), "{}", lines[1]);
}

#[tokio::test]
async fn a_report_by_mail_reaches_its_readers_and_a_file_its_link() {
    let mail = MailServer::start().await;
    let cloud = letters::start(&mail).await;
    let admin = attacked(&cloud).await;
    let (_, file) = made(&cloud, &admin, json!({"format": "mail", "emails": ["ciso@acme.test"]})).await;
    assert_eq!(file.headers["content-type"], "text/html; charset=utf-8");
    assert!(file.text.contains("<h2>Top attacks</h2>"));
    let letter = mail.next().await;
    assert_eq!(letter.to, ["ciso@acme.test"]);
    assert!(letter.data.contains("Malicious requests  6  1  +500 %"), "{}", letter.data);

    let (id, file) = made(&cloud, &admin, json!({"format": "pdf", "emails": "ciso@acme.test"})).await;
    let text = letters::text(&mail.next().await);
    let link = text.lines().find(|line| line.contains("/file?token=")).unwrap();
    let path = &link[link.find("/v1/").unwrap()..];
    assert!(path.starts_with(&format!("/v1/client/{}/report/{id}/file", cloud.client.id)), "{path}");
    let linked = cloud.get(&Credential::Anonymous, path).await;
    assert_eq!((linked.status, linked.text), (200, file.text));
    let wrong = path.replace("token=", "token=0");
    assert_eq!(cloud.get(&Credential::Anonymous, &wrong).await.status, 404);
}

#[tokio::test]
async fn the_newest_three_pdf_files_are_kept_for_long() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let period = json!({"time_from": 1, "time_to": 2, "format": "pdf"});
    let mut ids = vec![];
    for _ in 0..4 {
        ids.push(made(&cloud, &admin, period.clone()).await.0);
    }
    let (table, _) = made(&cloud, &admin, json!({"time_from": 1, "time_to": 2, "format": "csv"})).await;
    cloud.running.cloud.clock.shift_ms(8 * 86_400_000);
    let list = cloud.post(&admin, "/v1/objects/report/list", json!({"filter": {}})).await.body();
    let left: Vec<i64> = list.as_array().unwrap().iter().map(|one| one["id"].as_i64().unwrap()).collect();
    assert_eq!(left, ids[1..]);
    for (id, status) in [(ids[0], 404), (table, 404), (ids[3], 200)] {
        assert_eq!(download(&cloud, &admin, id).await.status, status);
    }
}

#[tokio::test]
async fn reports_are_listed_by_period_and_format() {
    let cloud = TestCloud::start_with(|config| config.limits.waiting_reports = 100).await;
    let admin = cloud.admin_pair().await;
    let mut ids = vec![];
    for (from, to, format) in [(100, 200, "json"), (150, 400, "csv"), (300, 350, "json")] {
        let (id, _) = made(&cloud, &admin, json!({"time_from": from, "time_to": to, "format": format})).await;
        ids.push(id);
    }
    let list = async |filter: Value, more: Value| {
        let mut body = json!({"filter": filter});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let found = cloud.post(&admin, "/v1/objects/report/list", body).await.body();
        let place = |report: &Value| ids.iter().position(|id| report["id"] == *id).unwrap();
        found.as_array().unwrap().iter().map(place).collect::<Vec<_>>()
    };
    assert_eq!(list(json!({}), json!({})).await, [0, 1, 2]);
    assert_eq!(list(json!({"clientid": [0]}), json!({"order_desc": true})).await, [2, 1, 0]);
    assert_eq!(list(json!({"format": ["json"]}), json!({})).await, [0, 2]);
    assert_eq!(list(json!({"!format": "json"}), json!({})).await, [1]);
    assert_eq!(list(json!({"time": [[190, 300]]}), json!({})).await, [0, 1, 2], "touches");
    assert_eq!(list(json!({"time": [[201, 299]]}), json!({})).await, [1]);
    assert_eq!(list(json!({"time_range": [[100, 350]]}), json!({})).await, [0, 2], "lies within");
    assert_eq!(list(json!({"time_from": [[150, null]]}), json!({})).await, [1, 2]);
    for (order, expected) in [
        ("time_range", [2, 0, 1]),
        ("time", [0, 1, 2]),
        ("time_to", [0, 2, 1]),
        ("format", [1, 0, 2]),
        ("clientid", [0, 1, 2]),
    ] {
        assert_eq!(list(json!({}), json!({"order_by": order})).await, expected, "{order}");
    }
    assert_eq!(list(json!({}), json!({"limit": 1, "offset": 1})).await, [1]);
    assert_eq!(list(json!({}), json!({"limit": 0})).await, Vec::<usize>::new());
    let view = cloud.post(&admin, "/v1/objects/report/list", json!({"filter": {"id": ids[0]}})).await.json();
    insta::assert_json_snapshot!("report_list", view, {
        ".body[].clientid" => "[client]", ".body[].id" => "[id]", ".body[].created_at" => "[time]",
    });
}

#[tokio::test]
async fn wrong_requests_are_refused_by_field() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    for (changes, field) in [
        (json!({"format": "doc"}), "format"),
        (json!({"format": null}), "format"),
        (json!({"time_from": "x"}), "time_from"),
        (json!({"time_to": 1}), "time_to"),
        (json!({"clientid": "x"}), "clientid"),
        (json!({"emails": ["nobody"]}), "emails"),
        (json!({"emails": vec!["a@b.test"; 21]}), "emails"),
        (json!({"format": "mail"}), "emails"),
        (json!({"extra_filter": []}), "extra_filter"),
        (json!({"extra_filter": {"attacks": {"hits": "x"}}}), "hits"),
        (json!({"extra_filter": {"vulns": {"threat": "x"}}}), "threat"),
    ] {
        let reply = ask(&cloud, &admin, changes.clone()).await;
        assert_eq!(
            (reply.status, reply.json()["body"][field].is_object()),
            (400, true),
            "{changes} {}",
            reply.text
        );
    }
    for (id, status) in [(json!(999_999), 404), (json!("x"), 400), (Value::Null, 400)] {
        assert_eq!(cloud.post(&admin, "/v1/objects/report", json!({"id": id})).await.status, status);
    }
    let list = async |body: Value| cloud.post(&admin, "/v1/objects/report/list", body).await.status;
    assert_eq!(list(json!({"order_by": "moon"})).await, 400);
    assert_eq!(list(json!({"limit": 1001})).await, 400);
}

#[tokio::test]
async fn reports_stay_within_their_tenant_and_need_the_right_to_see_vulnerabilities() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let (id, _) = made(&cloud, &admin, json!({"time_from": 1, "time_to": 2})).await;
    let other = cloud.add_company("Other").await;
    let eve = cloud.add_user(other.id, "eve@other.test", &["admin"]).await;
    let eve = cloud.pair_of(&eve).await;
    assert_eq!(download(&cloud, &eve, id).await.status, 404);
    assert_eq!(cloud.post(&eve, "/v1/objects/report/list", json!({"filter": {}})).await.body(), json!([]));
    assert_eq!(ask(&cloud, &eve, json!({"clientid": cloud.client.id})).await.status, 403);
    let foreign = json!({"filter": {"clientid": cloud.client.id}});
    assert_eq!(cloud.post(&eve, "/v1/objects/report/list", foreign).await.status, 403);
}

#[tokio::test]
async fn only_so_many_reports_wait() {
    let cloud = TestCloud::start_with(|config| config.limits.waiting_reports = 1).await;
    let admin = cloud.admin_pair().await;
    let waiting = bartizan_store::entity::report::Model {
        id: 0,
        client_id: cloud.client.id,
        format: "json".into(),
        time_from: 0,
        time_to: 1,
        emails: bartizan_store::JsonText(json!([])),
        extra_filter: bartizan_store::JsonText(json!({})),
        status: "accepted".into(),
        attempts: 3,
        // Never due while the test runs.
        due_at: i64::MAX,
        taken_at: 0,
        media_type: String::new(),
        content: None,
        created_at: 0,
        expires_at: i64::MAX,
    };
    let id = bartizan_store::reports::create(cloud.running.cloud.store.writer(), waiting).await.unwrap();
    let reply = ask(&cloud, &admin, json!({})).await;
    assert_eq!((reply.status, reply.headers.contains_key("retry-after")), (429, true));
    assert_eq!(download(&cloud, &admin, id).await.status, 409, "not ready");
}
