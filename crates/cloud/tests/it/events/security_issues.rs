//! Security issues through the API.

use bartizan_testkit::{Credential, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

async fn with_issues() -> (TestCloud, Credential) {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    for (kind, domain, path, parameter, threat) in [
        ("sqli", "shop.test", "/search", "GET_q_value", 90),
        ("sqli", "api.test", "/items", "GET_id_value", 95),
        ("idor", "shop.test", "/orders", "", 50),
        ("vuln_version", "old.test", "/", "", 10),
    ] {
        let title = if kind == "sqli" { "SQL injection" } else { kind };
        let body = json!({"type": kind, "domain": domain, "path": path, "method": "GET", "parameter": parameter,
            "title": title, "threat": threat, "exploit_example": "?q='"});
        cloud.post(&admin, "/v1/objects/vuln/create", body).await.body();
    }
    (cloud, admin)
}

async fn names(cloud: &TestCloud, admin: &Credential, body: Value) -> Vec<String> {
    let reply = cloud.post(admin, "/v1/security_issues", body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let rows = reply.json();
    let host = |row: &Value| {
        format!("{} {}", row["issue_type"]["id"].as_str().unwrap(), row["host"].as_str().unwrap())
    };
    rows.as_array().unwrap().iter().map(host).collect()
}

#[tokio::test]
async fn an_issue_has_its_wire_forms() {
    let (cloud, admin) = with_issues().await;
    let list = cloud.post(
        &admin,
        "/v1/security_issues",
        json!({"filter": {"host": "shop.test", "issue_type": "sqli"}}),
    );
    let list = list.await.json();
    insta::assert_json_snapshot!("issue_list", list, {
        "[].id" => "[id]", "[].client_id" => "[client]", "[].created_at" => "[time]", "[].discovered_at" => "[time]",
    });
    let path = format!("/v1/security_issues/{}?client_id={}", list[0]["id"], cloud.client.id);
    insta::assert_json_snapshot!("issue_detail", cloud.get(&admin, &path).await.json(), {
        ".id" => "[id]", ".client_id" => "[client]", ".created_at" => "[time]", ".discovered_at" => "[time]",
        ".status_history[].time" => "[time]",
    });
    let groups = cloud.post(&admin, "/v1/security_issues/groups", json!({})).await.json();
    insta::assert_json_snapshot!("issue_groups", groups, {"[].client_id" => "[client]"});
    assert_eq!(cloud.get(&admin, "/v1/security_issues/999999").await.status, 404);
}

#[tokio::test]
async fn filters_and_orders_are_those_of_the_clients() {
    let (cloud, admin) = with_issues().await;
    let all = ["sqli api.test", "sqli shop.test", "idor shop.test", "vuln_component old.test"];
    let order = json!({"name": "severity", "direction": "desc"});
    // Zero values, as clients without optional fields send them.
    let zero = json!({"client_id": 0, "token": "", "offset": 0, "limit": 0, "order_by": order, "filter": {
        "severity": [], "host": "", "state": null, "id": 0, "verified": false, "created_since": 0}});
    assert_eq!(names(&cloud, &admin, zero).await, all);
    for (filter, expected) in [
        (json!({"severity": ["critical", "info"]}), vec![0, 3]),
        (json!({"!severity": "high"}), vec![0, 2, 3]),
        (json!({"host": "*.test", "!host": "old*"}), vec![0, 1, 2]),
        (json!({"issue_type": ["sqli"]}), vec![0, 1]),
        (json!({"owasp": "API1:2023"}), vec![2]),
        (json!({"!owasp": ["A03:2021"]}), vec![2, 3]),
        (json!({"discovered_by": "manual"}), vec![0, 1, 2, 3]),
        (json!({"discovered_by": "passive_detect"}), vec![]),
        (json!({"search_query": "ORDER"}), vec![2]),
        (json!({"verified": true}), vec![0, 1, 2, 3]),
        (json!({"incident": true}), vec![]),
        (json!({"state": ["closed", "hidden"]}), vec![]),
        (json!({"!state": "open"}), vec![]),
        (json!({"domain_id": 7}), vec![]),
        (json!({"created_since": 4_000_000_000i64}), vec![]),
    ] {
        let expected: Vec<&str> = expected.into_iter().map(|index: usize| all[index]).collect();
        let body = json!({"filter": filter, "order_by": order});
        assert_eq!(names(&cloud, &admin, body.clone()).await, expected, "{filter}");
        let count = cloud.post(&admin, "/v1/security_issues/count", body).await.json();
        assert_eq!(count, json!({"count": expected.len()}), "{filter}");
    }
    let page = json!({"order_by": "severity", "order_desc": true, "limit": 1, "offset": 1});
    assert_eq!(names(&cloud, &admin, page).await, all[1..2]);
    let groups = cloud.post(&admin, "/v1/security_issues/groups", json!({})).await.json();
    assert_eq!(groups.as_array().unwrap().len(), 4, "severities differ");
    let group = json!({"filter": {"group_id": groups[0]["group_id"]}});
    for direction in ["asc", "desc"] {
        let body = json!({"order_by": {"name": "host", "direction": direction}});
        let sorted = cloud.post(&admin, "/v1/security_issues/groups", body).await.json();
        let mut hosts: Vec<&str> =
            sorted.as_array().unwrap().iter().map(|group| group["first_host"].as_str().unwrap()).collect();
        if direction == "desc" {
            hosts.reverse();
        }
        assert_eq!(hosts, ["api.test", "old.test", "shop.test", "shop.test"]);
    }
    assert_eq!(names(&cloud, &admin, group).await, all[..1]);
    let others = json!({"filter": {"!group_id": groups[0]["group_id"]}, "order_by": order});
    assert_eq!(names(&cloud, &admin, others).await, all[1..]);
    let ids = |from: usize, count: usize| -> Vec<Value> {
        groups
            .as_array()
            .unwrap()
            .iter()
            .cycle()
            .skip(from)
            .take(count)
            .map(|g| g["group_id"].clone())
            .collect()
    };
    // Ten groups are ten tests, not every combination of their parts.
    let none = json!({"filter": {"!group_id": ids(0, 10), "state": ["open", "closed", "hidden"]}});
    assert_eq!(names(&cloud, &admin, none).await, [""; 0]);
    let last = json!({"filter": {"!group_id": ids(0, 3), "group_id": ids(2, 2)}});
    assert_eq!(names(&cloud, &admin, last).await, all[3..]);
    assert_eq!(
        cloud.post(&admin, "/v1/security_issues/groups_count", json!({})).await.json(),
        json!({"count": 4})
    );
    for broken in [
        json!({"limit": 1001}),
        json!({"order_by": "moon"}),
        json!({"filter": {"severity": "mild"}}),
        json!({"filter": {"state": "lost"}}),
        json!({"filter": {"group_id": "x"}}),
        json!({"filter": []}),
    ] {
        assert_eq!(cloud.post(&admin, "/v1/security_issues", broken.clone()).await.status, 400, "{broken}");
    }
    assert_eq!(cloud.post(&admin, "/v1/security_issues", json!({"client_id": 99_999})).await.status, 403);
}

#[tokio::test]
async fn the_token_may_stand_in_body_or_query() {
    let (cloud, _) = with_issues().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let made = cloud.post(
        &session,
        "/v1/api_tokens",
        json!({"name": "t", "type": "personal", "permissions": ["admin"]}),
    );
    let made = made.await.body();
    let token = made["token"].as_str().unwrap();
    let anonymous = Credential::Anonymous;
    let body = json!({"token": token, "filter": {}});
    assert_eq!(names(&cloud, &anonymous, body.clone()).await.len(), 4);
    let by_get = cloud.call(&anonymous, Method::GET, "/v1/security_issues", Some(&body)).await.json();
    assert_eq!(by_get.as_array().unwrap().len(), 4);
    let escaped: String = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let id = &by_get[0]["id"];
    let reply = cloud.get(&anonymous, &format!("/v1/security_issues/{id}?token={escaped}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let wrong = cloud.post(&anonymous, "/v1/security_issues", json!({"token": "nonsense"})).await;
    assert_eq!(wrong.status, 403);
    // Elsewhere a token in the body is none.
    assert_eq!(cloud.post(&anonymous, "/v1/objects/vuln", body).await.status, 403);
}

#[tokio::test]
async fn issues_change_state_and_are_downloaded() {
    let (cloud, admin) = with_issues().await;
    let rows =
        cloud.post(&admin, "/v1/security_issues", json!({"filter": {"issue_type": "idor"}})).await.json();
    let path = format!("/v1/security_issues/{}", rows[0]["id"]);
    let put = async |body: Value| cloud.call(&admin, Method::PUT, &path, Some(&body)).await;
    let hidden = put(json!({"state": "hidden", "comment": "later"})).await.json();
    assert_eq!(hidden["state"], "hidden");
    assert_eq!(names(&cloud, &admin, json!({})).await.len(), 3);
    assert_eq!(names(&cloud, &admin, json!({"filter": {"state": "hidden"}})).await, ["idor shop.test"]);
    let false_one = put(json!({"state": "false_positive", "severity": "low"})).await.json();
    assert_eq!((&false_one["state"], &false_one["severity"]), (&json!("marked_false"), &json!("low")));
    assert_eq!(put(json!({"comment": "only words"})).await.status, 200);
    for broken in [json!({}), json!({"state": "lost"}), json!({"severity": "mild"})] {
        assert_eq!(put(broken).await.status, 400);
    }
    let auditor = cloud.pair_of(&cloud.add_user(cloud.client.id, "r@acme.test", &["auditor"]).await).await;
    assert_eq!(cloud.call(&auditor, Method::PUT, &path, Some(&json!({"state": "open"}))).await.status, 403);
    let csv = cloud.post(&admin, "/v1/security_issues/report", json!({"format": "csv"})).await;
    assert_eq!(csv.text.lines().count(), 5);
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    let json_report = cloud.post(&admin, "/v1/security_issues/report", json!({"format": "json"})).await;
    assert_eq!(json_report.json().as_array().unwrap().len(), 4);
    assert_eq!(cloud.post(&admin, "/v1/security_issues/report", json!({"format": "pdf"})).await.status, 400);
}

#[tokio::test]
async fn what_can_be_checked_again_is_queued() {
    let (cloud, admin) = with_issues().await;
    let rows = cloud.post(&admin, "/v1/objects/vuln", json!({})).await.body();
    let id = rows[0]["id"].clone();
    assert_eq!(cloud.post(&admin, "/v1/objects/vuln/recheck", json!({"id": id})).await.status, 400);
    let update = json!({"filter": {"id": id}, "fields": {"vuln_recheck_type": "manual"}});
    cloud.post(&admin, "/v1/objects/vuln/update", update).await.body();
    let queued = cloud.post(&admin, "/v1/objects/vuln/recheck", json!({"id": id})).await.json();
    assert_eq!(queued, json!({"status": 200, "body": {"status": "queued"}}));
    assert_eq!(cloud.post(&admin, "/v1/objects/vuln/recheck", json!({"id": 99_999})).await.status, 404);
    let presets = json!({"filter": {"preset": "owasp_api1_2023"}});
    assert_eq!(cloud.post(&admin, "/v1/objects/vuln/count", presets).await.body()["count"], 1);
    assert_eq!(
        cloud.post(&admin, "/v1/objects/vuln/count", json!({"filter": {"type": "idor"}})).await.body()["count"],
        1
    );
}

#[tokio::test]
async fn keys_that_are_not_understood_are_named() {
    let (cloud, admin) = with_issues().await;
    let body = json!({"filter": {"host": "shop.test", "moon": "full"}});
    for path in ["", "/count", "/groups", "/groups_count", "/report"] {
        let reply = cloud.post(&admin, &format!("/v1/security_issues{path}"), body.clone()).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(reply.headers["x-bartizan-ignored-filter"], "moon", "{path}");
    }
    let known = cloud.post(&admin, "/v1/security_issues", json!({"filter": {"host": "shop.test"}})).await;
    assert!(!known.headers.contains_key("x-bartizan-ignored-filter"));
}
