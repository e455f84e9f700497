//! Vulnerabilities through the API.

use bartizan_testkit::TestCloud;
use serde_json::{Value, json};

#[tokio::test]
async fn a_vulnerability_lives() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let new = json!({"clientid": 0, "type": "sqli", "domain": "shop.test", "path": "/search", "method": "GET",
        "parameter": "GET_q_value", "title": "SQL injection in search", "threat": 90});
    let made = cloud.post(&admin, "/v1/objects/vuln/create", new.clone()).await.json();
    // PostgreSQL does not keep the order of keys.
    let mut settings = insta::Settings::clone_current();
    settings.set_sort_maps(true);
    let _sorted = settings.bind_to_scope();
    insta::assert_json_snapshot!(made, {
        ".body.id" => "[id]", ".body.clientid" => "[client]", ".body.validate_time" => "[time]",
    });
    let again = cloud.post(&admin, "/v1/objects/vuln/create", new).await;
    assert_eq!((again.status, again.text.as_str()), (409, r#"{"status":409,"body":"Already exists"}"#));
    let bare = cloud.post(&admin, "/v1/objects/vuln/create", json!({"type": "sqli"})).await;
    assert_eq!(
        (bare.status, bare.json()["body"].clone()),
        (400, json!({"domain": {"error": "is required"}}))
    );

    let id = made["body"]["id"].clone();
    let count = async |filter: Value| {
        cloud.post(&admin, "/v1/objects/vuln/count", json!({"filter": filter})).await.body()["count"].clone()
    };
    assert_eq!(count(json!({"status": "active", "threat": [[90, 100]], "testrun_id": null})).await, 1);
    let closed =
        cloud.post(&admin, "/v1/objects/vuln/close", json!({"id": id, "comment": "fixed"})).await.body();
    assert_eq!(closed["vulns"][0]["status"], "closed");
    assert!(closed["vulns"][0]["invalidate_time"].is_i64());
    assert_eq!(count(json!({"status": "open"})).await, 0);
    let opened = cloud.post(&admin, "/v1/objects/vuln/open", json!({"id": [id]})).await.body();
    assert_eq!(opened["vulns"][0]["invalidate_time"], json!(null));

    let update =
        json!({"filter": {"id": id}, "fields": {"status": ["falsepositive"], "hidden": true, "threat": 5}});
    let updated = cloud.post(&admin, "/v1/objects/vuln/update", update).await.body();
    assert_eq!(updated["vulns"][0]["threat_level"], "info");
    assert_eq!(count(json!({})).await, 0, "hidden");
    let shown = cloud.post(&admin, "/v1/objects/vuln", json!({"filter": {"hidden": true}})).await.body();
    assert_eq!(shown[0]["status"], "falsepositive");
    let wrong = json!({"filter": {"id": id}, "fields": {"threat": 101}});
    assert_eq!(cloud.post(&admin, "/v1/objects/vuln/update", wrong).await.status, 400);
}

#[tokio::test]
async fn others_neither_see_nor_change_it() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let new = json!({"type": "xss", "domain": "d", "path": "/", "method": "GET", "title": "t"});
    let id = cloud.post(&admin, "/v1/objects/vuln/create", new).await.body()["id"].clone();
    let other = cloud.add_company("Other").await;
    let eve = cloud.pair_of(&cloud.add_user(other.id, "eve@other.test", &["admin"]).await).await;
    assert_eq!(cloud.post(&eve, "/v1/objects/vuln", json!({})).await.body(), json!([]));
    assert_eq!(
        cloud.post(&eve, "/v1/objects/vuln/close", json!({"id": id})).await.body(),
        json!({"vulns": []})
    );
    let auditor = cloud.pair_of(&cloud.add_user(cloud.client.id, "r@acme.test", &["auditor"]).await).await;
    assert_eq!(cloud.post(&auditor, "/v1/objects/vuln/close", json!({"id": id})).await.status, 403);
    assert_eq!(cloud.post(&auditor, "/v1/objects/vuln", json!({})).await.body()[0]["id"], id);
}
