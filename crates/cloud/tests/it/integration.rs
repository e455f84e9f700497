//! Integrations over HTTP: wire forms, refusals, secrets.

use bartizan_testkit::{Credential, Reply, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

async fn create(cloud: &TestCloud, by: &Credential, body: Value) -> Reply {
    cloud.post(by, "/v2/integration", body).await
}

async fn put(cloud: &TestCloud, by: &Credential, id: &Value, body: Value) -> Reply {
    cloud.call(by, Method::PUT, &format!("/v2/integration/{id}"), Some(&body)).await
}

fn redacted(mut object: Value) -> Value {
    object["created_at"] = json!(0);
    object
}

#[tokio::test]
async fn a_webhook_has_its_wire_forms() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let empty = cloud.get(&admin, "/v2/integration?clientid=1").await;
    assert_eq!(empty.text, r#"{"status":200,"body":{"result":"success","object":[]}}"#);
    // As the Terraform provider sends it.
    let sent = json!({"name": "hook", "active": true, "type": "web_hooks", "clientid": 1,
        "target": {"url": "https://example.com/webhook/1234567890", "format": "json", "http_method": "POST",
            "headers": {"Authorization": "Basic SGkgYXR0ZW50aXZlIHVzZXI="}, "ca_file": "", "ca_verify": true,
            "timeout": 15, "open_timeout": 20, "subtype": "web_hooks"},
        "events": [{"event": "siem", "active": true, "with_headers": true}, {"event": "system", "active": false}]});
    let created = create(&cloud, &admin, sent).await.body();
    assert_eq!(created["result"], "success");
    insta::assert_json_snapshot!("integration", redacted(created["object"].clone()));
    let id = &created["object"]["id"];
    let partial = put(&cloud, &admin, id, json!({"name": "renamed"})).await.body();
    assert_eq!(partial["object"]["name"], "renamed");
    assert_eq!(partial["object"]["target"], created["object"]["target"]);
    let listed = cloud.get(&admin, "/v2/integration?clientid=1").await.body();
    assert_eq!(listed["object"], json!([partial["object"]]));
    let deleted = cloud.call(&admin, Method::DELETE, &format!("/v2/integration/{id}"), None).await;
    assert_eq!(deleted.text, r#"{"status":200,"body":{"result":"success","object":null}}"#);
    let again = cloud.call(&admin, Method::DELETE, &format!("/v2/integration/{id}"), None).await;
    assert_eq!((again.status, again.text.as_str()), (404, r#"{"status":404,"body":"Not found"}"#));
}

#[tokio::test]
async fn every_type_is_created_and_masked() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let uuid = "b1e2d6dc-e4b5-400d-9dae-270c39c5daa2";
    for (kind, target, shown) in [
        ("email", json!(["a@acme.test", "b@acme.test"]), json!(["a@acme.test", "b@acme.test"])),
        (
            "slack",
            json!("https://hooks.slack.com/services/T0/B0/XXXX1234"),
            json!("https://hooks.slack.com/****1234"),
        ),
        (
            "ms_teams",
            json!("https://x.webhook.office.com/xxxxxxxxx"),
            json!("https://x.webhook.office.com/****"),
        ),
        (
            "sumo_logic",
            json!("https://collectors.sumologic.com/receiver/v1/http/abcd"),
            json!("https://collectors.sumologic.com/****abcd"),
        ),
        ("pager_duty", json!("eb7ddfc33acaaacaacaca55a39834dad"), json!("****4dad")),
        (
            "data_dog",
            json!({"region": "US5", "token": "0123456789abcdef0123456789abcdef"}),
            json!({"region": "US5", "token": "****cdef"}),
        ),
        (
            "opsgenie",
            json!({"token": uuid, "api": "https://api.opsgenie.com/v2/alerts"}),
            json!({"token": "****daa2", "api": "https://api.opsgenie.com/v2/alerts"}),
        ),
        (
            "insight_connect",
            json!({"token": uuid, "api": "https://us.api.insight.rapid7.com/connect/v1/execute"}),
            json!({"token": "****daa2", "api": "https://us.api.insight.rapid7.com/connect/v1/execute"}),
        ),
        (
            "splunk",
            json!({"token": uuid, "api": "https://example.com:8088"}),
            json!({"token": "****daa2", "api": "https://example.com:8088"}),
        ),
        (
            "jira",
            json!({"host": "acme.atlassian.net", "email": "bot@acme.test", "token": "ATATT3xFfGF0-1234",
                "project": "SEC", "issue_type": "Bug", "auth_type": "basic", "ssl_verify": true}),
            json!({"host": "acme.atlassian.net", "email": "bot@acme.test", "token": "****1234",
                "auth_type": "basic", "ssl_verify": true, "project": "SEC", "issue_type": "Bug"}),
        ),
        (
            "servicenow",
            json!({"instance": "dev12345", "username": "bot", "password": "short", "client_id": "app",
                "client_secret": "0123456789abcdef"}),
            json!({"instance": "dev12345", "username": "bot", "password": "****", "client_id": "app",
                "client_secret": "****cdef"}),
        ),
    ] {
        let events = json!([{"event": "system", "active": true}]);
        let body = json!({"type": kind, "target": target, "active": true, "events": events, "name": ""});
        let object = create(&cloud, &admin, body).await.body()["object"].clone();
        assert_eq!((&object["type"], &object["target"], &object["events"]), (&json!(kind), &shown, &events));
        assert_eq!(object["created_by"], "admin@acme.test");
        assert!(!object["name"].as_str().unwrap().is_empty());
        // The mask sent back changes nothing, which the next test message would show.
        let same = put(&cloud, &admin, &object["id"], json!({"target": shown, "active": false})).await.body();
        assert_eq!((&same["object"]["target"], &same["object"]["active"]), (&shown, &json!(false)));
    }
    let rows = cloud.running.cloud.store.reader();
    let rows = bartizan_store::integrations::list(rows, &bartizan_store::TenantId(1).into()).await.unwrap();
    assert!(rows.iter().all(|row| !row.target.contains("acme") && !row.target.contains("XXXX1234")));
}

#[tokio::test]
async fn a_bucket_is_opened_by_a_key_or_a_role() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let bucket = |access: Value| {
        let mut target = json!({"region": "eu-central-1", "bucket": "acme-hits"});
        target.as_object_mut().unwrap().extend(access.as_object().unwrap().clone());
        json!({"type": "aws_s3", "target": target, "events": [{"event": "siem", "active": true}]})
    };
    let key = json!({"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"});
    let made = create(&cloud, &admin, bucket(key.clone())).await.body()["object"].clone();
    assert_eq!(made["name"], "Amazon S3");
    let shown = json!({"region": "eu-central-1", "bucket": "acme-hits", "access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "secret": "****EKEY", "format": "json"});
    assert_eq!(made["target"], shown);
    let role = json!({"role_arn": "arn:aws:iam::123456789012:role/bartizan", "format": "jsonl"});
    let changed =
        put(&cloud, &admin, &made["id"], json!({"target": bucket(role.clone())["target"]})).await.body();
    assert_eq!(
        changed["object"]["target"],
        json!({"region": "eu-central-1", "bucket": "acme-hits", "role_arn": role["role_arn"], "format": "jsonl"})
    );
    let both = json!({"role_arn": role["role_arn"], "access_key_id": key["access_key_id"]});
    for (access, member, error) in [
        (json!({}), "access_key_id", "can't be blank"),
        (json!({"access_key_id": key["access_key_id"]}), "secret", "can't be blank"),
        (both, "role_arn", "should be given without access_key_id and secret"),
        (json!({"role_arn": "admin"}), "role_arn", "should be a role as arn:aws:iam::123456789012:role/name"),
        (
            json!({"bucket": "../x"}),
            "bucket",
            "should have 3 to 63 lower-case letters, digits, dots and hyphens",
        ),
        (json!({"region": "evil.test/"}), "region", "should be a region as eu-central-1"),
    ] {
        let reply = create(&cloud, &admin, bucket(access)).await;
        assert_eq!(
            (reply.status, &reply.json()["body"]),
            (400, &json!({"target": {member: {"error": error}}})),
            "{}",
            reply.text
        );
    }
}

#[tokio::test]
async fn telegram_is_created_on_its_own_path_and_then_changed() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let sent = json!({"name": "someone", "clientid": 1, "chat_data": "Z72S5kwWBPYpTnLrIfvYIQ=="});
    let created = cloud.post(&admin, "/v2/integration/telegram", sent).await.body()["object"].clone();
    assert_eq!(
        (&created["type"], &created["active"], &created["events"]),
        (&json!("telegram"), &json!(false), &json!([]))
    );
    let events = json!([{"event": "report_daily", "active": true}]);
    let change = json!({"name": "On call", "active": true, "events": events});
    let changed = put(&cloud, &admin, &created["id"], change).await.body()["object"].clone();
    assert_eq!((&changed["name"], &changed["events"]), (&json!("On call"), &events));
    let other = put(&cloud, &admin, &created["id"], json!({"chat_data": "another-chat-0001"})).await.body();
    assert_eq!(other["object"]["target"], json!({"chat_data": "****0001"}));
}

#[tokio::test]
async fn faults_name_their_field_and_nothing_is_stored() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let mail = json!(["a@acme.test"]);
    for (body, error) in [
        (json!({"target": mail}), json!({"type": {"error": "can't be blank"}})),
        (
            json!({"type": "pigeon", "target": mail}),
            json!({"type": {"error": "is invalid", "value": "pigeon"}}),
        ),
        (json!({"type": "email"}), json!({"target": {"error": "can't be blank"}})),
        (
            json!({"type": "email", "target": mail, "events": [{"event": "siem", "active": true}]}),
            json!({"events": {"error": "is invalid", "value": "siem"}}),
        ),
        (
            json!({"type": "slack", "target": "https://x.test/y", "events": [{"event": "system", "active": true, "with_headers": true}]}),
            json!({"events": {"error": "with_headers is only for siem", "value": "system"}}),
        ),
        (
            json!({"type": "slack", "target": "http://169.254.169.254/latest"}),
            json!({"target": {"error": "leads to an address that is not public"}}),
        ),
        (
            json!({"type": "jira", "target": {"host": "10.0.0.7:8080", "email": "a@b.test", "token": "t", "project": "X"}}),
            json!({"target": {"host": {"error": "leads to an address that is not public"}}}),
        ),
        (
            json!({"type": "jira", "target": {"host": "a.test", "token": "t", "project": "X"}}),
            json!({"target": {"email": {"error": "can't be blank"}}}),
        ),
        (
            json!({"type": "servicenow", "target": {"instance": "http://a.test", "username": "u", "password": "p"}}),
            json!({"target": {"instance": {"error": "must begin with https://"}}}),
        ),
        (
            json!({"type": "servicenow", "target": {"instance": "a", "username": "u", "password": "p", "client_id": "c"}}),
            json!({"target": {"client_secret": {"error": "can't be blank"}}}),
        ),
        (
            json!({"type": "web_hooks", "target": {"url": "https://localhost/x"}}),
            json!({"target": {"url": {"error": "leads to an address that is not public"}}}),
        ),
    ] {
        let reply = create(&cloud, &admin, body).await;
        assert_eq!((reply.status, &reply.json()["body"]), (400, &error), "{}", reply.text);
    }
    assert_eq!(
        create(&cloud, &admin, json!({"type": "email", "target": 5, "active": "maybe"})).await.status,
        400
    );
    assert_eq!(cloud.get(&admin, "/v2/integration").await.body()["object"], json!([]));
    let missing = put(&cloud, &admin, &json!(999), json!({"name": "x"})).await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let other = cloud.add_company("Other").await;
    let stranger = cloud.add_user(other.id, "eve@other.test", &["admin"]).await;
    let stranger = cloud.pair_of(&stranger).await;
    let body = json!({"type": "email", "target": ["a@acme.test"]});
    let id = create(&cloud, &admin, body.clone()).await.body()["object"]["id"].clone();
    assert_eq!(cloud.get(&stranger, "/v2/integration?clientid=1").await.body()["object"], json!([]));
    assert_eq!(put(&cloud, &stranger, &id, json!({"name": "mine"})).await.status, 404);
    assert_eq!(cloud.post(&stranger, &format!("/v2/integration/{id}/test"), json!({})).await.status, 404);
    assert_eq!(cloud.get(&stranger, &format!("/v2/integration/{id}/deliveries")).await.status, 404);
    let mut foreign = body;
    foreign["clientid"] = json!(1);
    let refused = create(&cloud, &stranger, foreign).await;
    assert_eq!((refused.status, refused.text.as_str()), (403, r#"{"status":403,"body":"Access denied"}"#));
}

#[tokio::test]
async fn a_hidden_secret_does_not_follow_to_another_server() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let target = json!({"url": "https://example.com/hook/abcdefgh", "secret": "0123456789abcdef",
        "headers": {"Authorization": "Bearer abcdefghij"}});
    let hook = create(&cloud, &admin, json!({"type": "web_hooks", "target": target})).await.body();
    let (id, shown) = (&hook["object"]["id"], &hook["object"]["target"]);
    let refused =
        |member: &str| json!({"target": {member: {"error": "must be given again for another server"}}});
    let mut elsewhere = shown.clone();
    for (url, status) in [
        ("https://evil.example.org/x", 400),
        ("https://example.com:8443/hook/abcdefgh", 400),
        ("https://example.com/another", 200),
    ] {
        elsewhere["url"] = json!(url);
        let reply = put(&cloud, &admin, id, json!({ "target": elsewhere })).await;
        assert_eq!(reply.status, status, "{}", reply.text);
        if status == 400 {
            assert_eq!(reply.json()["body"], refused("secret"));
        }
    }
    elsewhere["url"] = json!("https://evil.example.org/x");
    elsewhere["secret"] = json!("another-secret-0001");
    let reply = put(&cloud, &admin, id, json!({ "target": elsewhere })).await;
    assert_eq!((reply.status, &reply.json()["body"]), (400, &refused("headers")));
    elsewhere["headers"] = json!({"Authorization": "Bearer another"});
    assert_eq!(put(&cloud, &admin, id, json!({ "target": elsewhere })).await.status, 200);
    let target = json!({"token": "b1e2d6dc-e4b5-400d-9dae-270c39c5daa2", "api": "https://example.com:8088"});
    let splunk = create(&cloud, &admin, json!({"type": "splunk", "target": target})).await.body();
    let target = json!({"instance": "dev1", "username": "u", "password": "0123456789abcdef"});
    let tickets = create(&cloud, &admin, json!({"type": "servicenow", "target": target})).await.body();
    let mut elsewhere = tickets["object"]["target"].clone();
    elsewhere["instance"] = json!("evil.example.org");
    let reply = put(&cloud, &admin, &tickets["object"]["id"], json!({ "target": elsewhere })).await;
    assert_eq!((reply.status, &reply.json()["body"]), (400, &refused("password")));
    let mut elsewhere = splunk["object"]["target"].clone();
    elsewhere["api"] = json!("https://evil.example.org:8088");
    let reply = put(&cloud, &admin, &splunk["object"]["id"], json!({ "target": elsewhere })).await;
    assert_eq!((reply.status, &reply.json()["body"]), (400, &refused("token")));
}
