use bartizan_cloud::services::{rules_snapshots, ruleset::builds};
use bartizan_testkit::{Credential, Reply, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

const LOCKED: &str = r#"{"status":423,"body":"Rules are locked"}"#;

fn path(cloud: &TestCloud, what: &str) -> String {
    format!("/v2/client/{}/rules/{what}", cloud.client.id)
}

async fn put(cloud: &TestCloud, by: &Credential, what: &str, body: Value) -> Reply {
    cloud.call(by, Method::PUT, &path(cloud, what), Some(&body)).await
}

fn vpatch() -> Value {
    json!({"type": "vpatch", "attack_type": "sqli", "point": [["get", "q"]],
        "action": [{"type": "equal", "point": ["path", 0], "value": "a"}]})
}

#[tokio::test]
async fn settings_have_their_wire_form_and_change_by_field() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let before = cloud.get(&admin, &path(&cloud, "settings")).await.json();
    insta::assert_json_snapshot!(before);
    let patch = json!({"min_lom_format": 54, "max_lom_format": null, "max_lom_size": 2048, "pii_weight": 0,
        "risk_score_algo": "average", "unknown": [1]});
    let after = put(&cloud, &admin, "settings", patch).await.json();
    let mut expected = before.clone();
    for (key, value) in [
        ("min_lom_format", json!(54)),
        ("max_lom_size", json!(2048)),
        ("pii_weight", json!(0)),
        ("risk_score_algo", json!("average")),
    ] {
        expected["body"][key] = value;
    }
    assert_eq!(after, expected);
    assert_eq!(cloud.get(&admin, &path(&cloud, "settings")).await.json(), after);
    let cleared = put(&cloud, &admin, "settings", json!({"min_lom_format": null})).await.body();
    assert_eq!((&cleared["min_lom_format"], &cleared["max_lom_size"]), (&json!(null), &json!(2048)));
    let refused = put(&cloud, &admin, "settings", json!({"pii_weight": 11, "heavy_lom": true})).await;
    assert_eq!(
        (refused.status, refused.text.as_str()),
        (400, r#"{"status":400,"body":{"pii_weight":{"error":"should be in 0..10","value":11}}}"#)
    );
    assert_eq!(cloud.get(&admin, &path(&cloud, "settings")).await.body()["heavy_lom"], false);
    let other = cloud.add_company("Other").await;
    let foreign = format!("/v2/client/{}/rules/settings", other.id);
    assert_eq!(cloud.get(&admin, &foreign).await.status, 403);
}

#[tokio::test]
async fn bounds_without_a_format_between_them_are_refused() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    put(&cloud, &admin, "settings", json!({"max_lom_format": 50})).await.body();
    for body in [json!({"min_lom_format": 60, "max_lom_format": 50}), json!({"min_lom_format": 60})] {
        let refused = put(&cloud, &admin, "settings", body).await;
        assert_eq!(
            (refused.status, refused.text.as_str()),
            (
                400,
                r#"{"status":400,"body":{"min_lom_format":{"error":"must not be greater than max_lom_format, 50","value":60}}}"#
            )
        );
    }
    assert_eq!(cloud.get(&admin, &path(&cloud, "settings")).await.body()["min_lom_format"], json!(null));
}

#[tokio::test]
async fn locked_rules_refuse_every_change_until_they_are_unlocked() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let rule = cloud.post(&admin, "/v1/objects/hint/create", vpatch()).await.body();
    put(&cloud, &admin, "settings", json!({"rules_manipulation_locked": true})).await.body();
    let by_id = json!({"id": [rule["id"]]});
    let calls = [
        (Method::POST, "/v1/objects/hint/create".to_owned(), vpatch()),
        // Before the body is judged.
        (Method::POST, "/v1/objects/hint/create".to_owned(), json!({"type": "vpatch", "attack_type": "no"})),
        (Method::PUT, format!("/v3/hint/{}", rule["id"]), json!({"comment": "x"})),
        (
            Method::POST,
            "/v1/objects/hint/update".to_owned(),
            json!({"filter": by_id, "fields": {"title": "x"}}),
        ),
        (Method::POST, "/v1/objects/hint/delete".to_owned(), json!({"filter": by_id})),
        (Method::DELETE, format!("/v2/action/{}", rule["actionid"]), json!({})),
        (Method::PUT, path(&cloud, "wallarm_mode"), json!({"mode": "block"})),
        (Method::PUT, path(&cloud, "overlimit_res_settings"), json!({"mode": "blocking"})),
    ];
    for (method, path, body) in calls {
        let reply = cloud.call(&admin, method, &path, Some(&body)).await;
        assert_eq!((reply.status, reply.text.as_str()), (423, LOCKED), "{path}");
    }
    let kept = cloud.get(&admin, &format!("/v3/hint/{}", rule["id"])).await.body();
    assert_eq!(kept, rule);
    put(&cloud, &admin, "settings", json!({"rules_manipulation_locked": false})).await.body();
    let deleted = cloud.post(&admin, "/v1/objects/hint/delete", json!({"filter": by_id})).await.body();
    assert_eq!(deleted[0]["id"], rule["id"]);
}

#[tokio::test]
async fn the_general_time_budget_is_kept_and_reaches_nodes() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let own = path(&cloud, "overlimit_res_settings");
    let default = r#"{"status":200,"body":{"overlimit_time":1000,"mode":"monitoring"}}"#;
    assert_eq!(cloud.get(&admin, &own).await.text, default);
    let set =
        put(&cloud, &admin, "overlimit_res_settings", json!({"overlimit_time": 0, "mode": "blocking"})).await;
    assert_eq!(set.text, r#"{"status":200,"body":{"overlimit_time":0,"mode":"blocking"}}"#);
    assert_eq!(cloud.get(&admin, &own).await.text, set.text);
    let bundle = bundle(&cloud).await;
    let general = bundle["hints"].as_array().unwrap().iter().find(|hint| hint["id"] == 0).unwrap();
    assert_eq!(general["fields"], json!({"overlimit_time": 0, "mode": "blocking"}));
    for (body, error) in [
        (
            json!({"overlimit_time": 10001}),
            json!({"overlimit_time": {"error": "should be in 0..10000", "value": 10001}}),
        ),
        (json!({"mode": "off"}), json!({"mode": {"error": "is invalid", "value": "off"}})),
    ] {
        assert_eq!(put(&cloud, &admin, "overlimit_res_settings", body).await.json()["body"], error);
    }
}

/// The content of the ruleset that nodes of the company load.
async fn bundle(cloud: &TestCloud) -> Value {
    let tenant = bartizan_store::TenantId(cloud.client.id);
    let (_, bundle) = bartizan_cloud::services::ruleset::current(&cloud.running.cloud, tenant).await.unwrap();
    serde_json::from_slice(&bundle.bytes).unwrap()
}

#[tokio::test]
async fn while_builds_are_off_nodes_keep_the_rules_of_that_moment() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    cloud.post(&admin, "/v1/objects/hint/create", vpatch()).await.body();
    put(&cloud, &admin, "settings", json!({"lom_disabled": true})).await.body();
    let held = bundle(&cloud).await;
    assert_eq!(held["hints"].as_array().unwrap().len(), 2);
    cloud.post(&admin, "/v1/objects/hint/create", vpatch()).await.body();
    assert_eq!(bundle(&cloud).await, held);
    put(&cloud, &admin, "settings", json!({"lom_disabled": false})).await.body();
    let fresh = bundle(&cloud).await;
    assert_eq!(fresh["hints"].as_array().unwrap().len(), 3);
    assert!(fresh["version"].as_i64() > held["version"].as_i64());
}

#[tokio::test]
async fn builds_wait_until_no_other_change_followed() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    cloud.post(&admin, "/v1/objects/hint/create", vpatch()).await.body();
    put(&cloud, &admin, "settings", json!({"lom_compilation_delay": 600})).await.body();
    let before = bundle(&cloud).await;
    assert_eq!(before["hints"].as_array().unwrap().len(), 2);
    for _ in 0..2 {
        cloud.post(&admin, "/v1/objects/hint/create", vpatch()).await.body();
        cloud.running.cloud.clock.shift_ms(400_000);
        builds::build_due(&cloud.running.cloud).await.unwrap();
        assert_eq!(bundle(&cloud).await, before, "each change begins the wait anew");
    }
    cloud.running.cloud.clock.shift_ms(250_000);
    builds::build_due(&cloud.running.cloud).await.unwrap();
    let after = bundle(&cloud).await;
    assert_eq!(after["hints"].as_array().unwrap().len(), 4);
    assert!(after["version"].as_i64() > before["version"].as_i64());
    // A shorter delay holds for what waits, and without one it waits no longer.
    for (count, delay) in [(5, 60), (6, 0)] {
        put(&cloud, &admin, "settings", json!({"lom_compilation_delay": 600})).await.body();
        let before = bundle(&cloud).await;
        cloud.post(&admin, "/v1/objects/hint/create", vpatch()).await.body();
        assert_eq!(bundle(&cloud).await, before);
        put(&cloud, &admin, "settings", json!({"lom_compilation_delay": delay})).await.body();
        cloud.running.cloud.clock.shift_ms(delay * 1000);
        builds::build_due(&cloud.running.cloud).await.unwrap();
        assert_eq!(bundle(&cloud).await["hints"].as_array().unwrap().len(), count);
    }
}

#[tokio::test]
async fn the_older_update_changes_what_its_filter_names() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let first = cloud.post(&admin, "/v1/objects/hint/create", vpatch()).await.body();
    let second = cloud.post(&admin, "/v1/objects/hint/create", vpatch()).await.body();
    let update = |filter: Value, fields: Value| {
        let (cloud, admin) = (&cloud, &admin);
        async move {
            cloud.post(admin, "/v1/objects/hint/update", json!({"filter": filter, "fields": fields})).await
        }
    };
    let ids = json!({"clientid": [cloud.client.id], "id": [first["id"], second["id"], 999]});
    let changed = update(ids.clone(), json!({"title": "New"})).await.body();
    assert_eq!(changed.as_array().unwrap().len(), 2);
    let read = cloud.get(&admin, &format!("/v3/hint/{}", second["id"])).await.body();
    assert_eq!((&changed[1], &read["title"]), (&read, &json!("New")));
    // All or none: a fault leaves every rule as it was.
    let refused = update(ids, json!({"title": "Newer", "attack_type": "nonsense"})).await;
    assert_eq!(
        (refused.status, &refused.json()["body"]["attack_type"]["error"]),
        (400, &json!("is invalid"))
    );
    assert_eq!(cloud.get(&admin, &format!("/v3/hint/{}", first["id"])).await.body()["title"], "New");
    assert_eq!(update(json!({"id": 999}), json!({})).await.body(), json!([]));
    let unselective = update(json!({}), json!({"title": "x"})).await;
    assert_eq!(
        (unselective.status, unselective.text.as_str()),
        (400, r#"{"status":400,"body":"Empty filter"}"#)
    );
}

#[tokio::test]
async fn credential_rules_have_a_list_of_their_own() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let point = json!({"type": "credentials_point", "point": [["header", "HOST"]],
        "login_point": [["header", "SESSION-ID"]]});
    let regex = json!({"type": "credentials_regex", "regex": "pass", "login_regex": "user", "case_sensitive": false,
        "cred_stuff_type": "custom"});
    let point = cloud.post(&admin, "/v1/objects/hint/create", point).await.body();
    let regex = cloud.post(&admin, "/v1/objects/hint/create", regex).await.body();
    let configs = format!("/v4/clients/{}/credential_stuffing/configs", cloud.client.id);
    assert_eq!(cloud.get(&admin, &configs).await.body(), json!({"default": [point], "custom": [regex]}));
    let listed = |by: Credential| {
        let cloud = &cloud;
        async move {
            let filter = json!({"filter": {"type": ["credentials_point", "credentials_regex"]}});
            cloud.post(&by, "/v1/objects/hint", filter).await.body().as_array().unwrap().len()
        }
    };
    let extended = cloud.add_user(cloud.client.id, "ext@acme.test", &["admin_ext"]).await;
    let extended = cloud.pair_of(&extended).await;
    assert_eq!((listed(admin.clone()).await, listed(extended).await), (0, 2));
    let filter = json!({"filter": {"id": point["id"]}});
    cloud.post(&admin, "/v1/objects/hint/delete", filter).await.body();
    assert_eq!(cloud.get(&admin, &configs).await.body()["default"], json!([]));
}

#[tokio::test]
async fn elements_and_attack_types_are_offered() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let ask =
        json!({"mode": "default", "points": [[["post"], ["json_doc"]], [["json_doc"]], [["header", "X"]]]});
    let offered = cloud.post(&admin, "/v2/suggest/point", ask).await.body();
    assert_eq!(offered[0], json!(["array", "array_all", "gql", "hash", "hash_all", "hash_name"]));
    assert_eq!(offered[1], json!([]));
    assert!(offered[2].as_array().unwrap().contains(&json!("cookie")));
    let types = cloud.get(&admin, "/v2/attack_types").await.body();
    assert_eq!((types.as_array().unwrap().len(), &types[2]), (59, &json!({"id": 2, "name": "sqli"})));
}

#[tokio::test]
async fn rules_go_back_to_a_snapshot() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let url = path(&cloud, "snapshots");
    let first = cloud.post(&admin, "/v1/objects/hint/create", vpatch()).await.body();
    let taken = cloud.post(&admin, &url, json!({"comment": "before"})).await.json();
    insta::assert_json_snapshot!("rules_snapshot", taken, {
        ".body.created_at" => "[time]", ".body.ruleset_version" => "[version]", ".body.id" => "[id]",
    });
    let id = taken["body"]["id"].clone();
    let mut other = vpatch();
    other["attack_type"] = json!("xss");
    let second = cloud.post(&admin, "/v1/objects/hint/create", other).await.body();
    let changed = json!({"title": "Changed"});
    cloud.call(&admin, Method::PUT, &format!("/v3/hint/{}", first["id"]), Some(&changed)).await.body();
    put(&cloud, &admin, "settings", json!({"rules_manipulation_locked": true})).await.body();
    let restore = format!("{url}/{id}/restore");
    let locked = cloud.post(&admin, &restore, json!({})).await;
    assert_eq!((locked.status, locked.text.as_str()), (423, LOCKED));
    put(&cloud, &admin, "settings", json!({"rules_manipulation_locked": false})).await.body();
    let report = cloud.post(&admin, &restore, json!({})).await.body();
    assert_eq!(report["applied"], true, "{report}");
    let rules = cloud.post(&admin, "/v1/objects/hint", json!({"filter": {"type": "vpatch"}})).await.body();
    let titles: Vec<&Value> = rules.as_array().unwrap().iter().map(|rule| &rule["title"]).collect();
    assert_eq!(titles.len(), 1, "{rules}");
    assert_ne!(titles[0], "Changed");
    assert_ne!(rules[0]["id"], second["id"]);
    // The oldest by hand goes; those of the system are counted apart.
    put(&cloud, &admin, "settings", json!({"rules_snapshot_max_count": 1})).await.body();
    let newer = cloud.post(&admin, &url, json!({})).await.body();
    let inner = &cloud.running.cloud;
    for _ in 0..2 {
        rules_snapshots::take_due(inner).await.unwrap();
    }
    let mut listed = cloud.get(&admin, &url).await.body().as_array().unwrap().clone();
    listed.sort_by_key(|one| one["kind"].to_string());
    let kinds: Vec<(&Value, &Value)> = listed.iter().map(|one| (&one["kind"], &one["author"])).collect();
    assert_eq!(kinds, [(&json!("auto"), &Value::Null), (&json!("manual"), &newer["author"])]);
    assert_eq!(cloud.post(&admin, &restore, json!({})).await.status, 404);
    let one = format!("{url}/{}", newer["id"]);
    assert_eq!(cloud.call(&admin, Method::DELETE, &one, None).await.status, 200);
    assert_eq!(cloud.call(&admin, Method::DELETE, &one, None).await.status, 404);
    put(&cloud, &admin, "settings", json!({"rules_snapshot_max_count": 0})).await.body();
    assert_eq!(cloud.post(&admin, &url, json!({})).await.status, 400);
    // A day later, when rules changed, and not for settings alone or while they say no.
    let count = async || cloud.get(&admin, &url).await.body().as_array().unwrap().len();
    inner.clock.shift_ms(90_000_000);
    rules_snapshots::take_due(inner).await.unwrap();
    assert_eq!(count().await, 1);
    put(&cloud, &admin, "settings", json!({"rules_snapshot_enabled": false})).await.body();
    cloud.post(&admin, "/v1/objects/hint/create", vpatch()).await.body();
    rules_snapshots::take_due(inner).await.unwrap();
    assert_eq!(count().await, 1);
    put(&cloud, &admin, "settings", json!({"rules_snapshot_enabled": true})).await.body();
    rules_snapshots::take_due(inner).await.unwrap();
    assert_eq!(count().await, 2);
    for _ in 0..7 {
        inner.clock.shift_ms(90_000_000);
        cloud.post(&admin, "/v1/objects/hint/create", vpatch()).await.body();
        rules_snapshots::take_due(inner).await.unwrap();
    }
    assert_eq!(count().await, 7);
}

#[tokio::test]
async fn a_counter_that_a_trigger_names_outlives_the_way_back() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let url = path(&cloud, "snapshots");
    let taken = cloud.post(&admin, &url, json!({})).await.body();
    let counter = json!({"type": "brute_counter", "action": vpatch()["action"]});
    let counter = cloud.post(&admin, "/v1/objects/hint/create", counter).await.body();
    let trigger = json!({"trigger": {"template_id": "bruteforce_started", "filters": [{"id": "hint_tag",
        "operator": "eq", "values": [counter["counter"]]}], "actions": [{"id": "block_ips",
        "params": {"lock_time": 600}}], "threshold": {"period": 30, "operator": "gt", "count": 30}}});
    let made = cloud.post(&admin, &format!("/v2/clients/{}/triggers", cloud.client.id), trigger).await;
    assert_eq!(made.status, 200, "{}", made.text);
    cloud.post(&admin, &format!("{url}/{}/restore", taken["id"]), json!({})).await.body();
    assert_eq!(cloud.get(&admin, &format!("/v3/hint/{}", counter["id"])).await.status, 200);
}
