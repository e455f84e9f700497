//! Triggers over HTTP: wire forms, the default one, refusals.

use bartizan_cloud::services::rule::counters;
use bartizan_testkit::{Credential, Reply, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/v2/clients/1/triggers";

async fn create(cloud: &TestCloud, by: &Credential, trigger: Value) -> Reply {
    cloud.post(by, PATH, json!({ "trigger": trigger })).await
}

async fn list(cloud: &TestCloud, by: &Credential) -> Vec<Value> {
    let reply = cloud.get(by, &format!("{PATH}?denormalize=true")).await;
    reply.json()["triggers"].as_array().unwrap().clone()
}

async fn integration(cloud: &TestCloud, by: &Credential) -> i64 {
    let body = json!({"type": "email", "target": ["a@acme.test"]});
    cloud.post(by, "/v2/integration", body).await.body()["object"]["id"].as_i64().unwrap()
}

#[tokio::test]
async fn a_trigger_has_its_wire_form() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let id = integration(&cloud, &admin).await;
    let sent = json!({"template_id": "attacks_exceeded", "enabled": true, "name": "n", "comment": "c",
        "filters": [
            {"id": "pool", "operator": "eq", "values": [42]},
            {"id": "response_status", "operator": "eq", "values": ["5xx", 404]}],
        "actions": [{"id": "send_notification", "params": {"integration_ids": [id]}}],
        "threshold": {"period": 1, "operator": "gt", "allowed_operators": null, "count": 1}});
    let reply = create(&cloud, &admin, sent).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    insta::assert_json_snapshot!("trigger", reply.json());
    assert!(list(&cloud, &admin).await.contains(&reply.json()["trigger"]));
}

#[tokio::test]
async fn a_trigger_without_threshold_has_an_empty_one() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let id = integration(&cloud, &admin).await;
    let actions = json!([{"id": "send_notification", "params": {"integration_ids": [id]}}]);
    let sent = json!({"template_id": "user_created", "enabled": false, "filters": [], "actions": actions, "threshold": null});
    let made = create(&cloud, &admin, sent.clone()).await.json()["trigger"].clone();
    assert_eq!(
        (&made["threshold"], &made["thresholds"]),
        (&json!({"operator": "", "period": 0, "count": 0}), &json!([]))
    );
    assert_eq!(
        (&made["filters"], &made["enabled"], &made["name"]),
        (&json!([]), &json!(false), &json!("User added"))
    );
    let path = format!("{PATH}/{}", made["id"]);
    let mut other = sent;
    other["template_id"] = json!("compromised_logins");
    let replaced = cloud.call(&admin, Method::PUT, &path, Some(&json!({ "trigger": other }))).await.json();
    assert_eq!(
        (&replaced["trigger"]["template_id"], &replaced["trigger"]["id"]),
        (&json!("compromised_logins"), &made["id"])
    );
    assert_eq!(cloud.call(&admin, Method::DELETE, &path, None).await.text, "{}");
    let gone = cloud.call(&admin, Method::DELETE, &path, None).await;
    assert_eq!((gone.status, gone.text.as_str()), (404, r#"{"status":404,"body":"Not found"}"#));
    assert_eq!(cloud.call(&admin, Method::PUT, &path, Some(&json!({ "trigger": other }))).await.status, 404);
}

#[tokio::test]
async fn the_default_trigger_gives_way_and_comes_back() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let default = list(&cloud, &admin).await;
    assert_eq!(default.len(), 1);
    assert_eq!(default[0]["template_id"], "vector_attack");
    assert_eq!(default[0]["actions"], json!([{"id": "add_to_graylist", "params": {"lock_time": 3600}}]));
    assert_eq!(default[0]["threshold"], json!({"operator": "gt", "period": 3600, "count": 3}));
    let own = json!({"template_id": "vector_attack", "actions": [{"id": "block_ips", "params": {"lock_time": 315_360_000}}],
        "threshold": {"operator": "gt", "period": 60, "count": 5}});
    let own = create(&cloud, &admin, own).await.json()["trigger"]["id"].clone();
    let ids: Vec<Value> = list(&cloud, &admin).await.iter().map(|trigger| trigger["id"].clone()).collect();
    assert_eq!(ids, std::slice::from_ref(&own));
    cloud.call(&admin, Method::DELETE, &format!("{PATH}/{own}"), None).await;
    assert_eq!(list(&cloud, &admin).await[0]["name"], default[0]["name"]);
}

#[tokio::test]
async fn the_default_trigger_is_left_alone_by_changes_of_others() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let id = integration(&cloud, &admin).await;
    let actions = json!([{"id": "send_notification", "params": {"integration_ids": [id]}}]);
    let other = json!({"template_id": "user_created", "name": "Newcomers", "actions": actions});
    let path = format!("{PATH}/{}", create(&cloud, &admin, other.clone()).await.json()["trigger"]["id"]);
    let default = list(&cloud, &admin).await[0].clone();
    let change = json!({ "trigger": other });
    assert_eq!(cloud.call(&admin, Method::PUT, &path, Some(&change)).await.status, 200);
    assert!(list(&cloud, &admin).await.contains(&default), "it keeps its id, and with it what it counted");
    // Deleted by a user, it stays away.
    cloud.call(&admin, Method::DELETE, &format!("{PATH}/{}", default["id"]), None).await;
    assert_eq!(cloud.call(&admin, Method::PUT, &path, Some(&change)).await.status, 200);
    let left: Vec<Value> = list(&cloud, &admin).await;
    assert_eq!(left.iter().map(|trigger| &trigger["name"]).collect::<Vec<_>>(), ["Newcomers"]);
}

#[tokio::test]
async fn the_filter_by_address_is_a_pattern_of_the_uri_constructor() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let trigger = |url: &str| {
        json!({"template_id": "bruteforce_started", "filters": [{"id": "url", "operator": "eq", "values": [url]}],
            "actions": [{"id": "block_ips", "params": {"lock_time": 600}}],
            "threshold": {"period": 30, "operator": "gt", "count": 30}})
    };
    for url in ["shop.test/login", "/api/**/*.php", "/user/{{[0-9]}}"] {
        let reply = create(&cloud, &admin, trigger(url)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(reply.json()["trigger"]["filters"][0]["values"], json!([url]));
    }
    let reply = create(&cloud, &admin, trigger("/a/**/b/c")).await;
    assert_eq!(reply.text, r#"{"status":400,"body":{"filters":{"error":"is invalid","value":"/a/**/b/c"}}}"#);
}

#[tokio::test]
async fn counters_and_integrations_must_be_the_tenants_own() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let rule = json!({"type": "brute_counter", "clientid": 1, "action": []});
    let counter = cloud.post(&admin, "/v1/objects/hint/create", rule).await.body()["counter"].clone();
    let trigger = |tag: &Value| {
        json!({"template_id": "bruteforce_started", "filters": [{"id": "hint_tag", "operator": "eq", "values": [tag]}],
            "actions": [{"id": "mark_as_brute", "params": {}}, {"id": "block_ips", "params": {"lock_time": 2_592_000}}],
            "threshold": {"period": 30, "operator": "gt", "count": 30}})
    };
    assert_eq!(create(&cloud, &admin, trigger(&counter)).await.status, 200);
    let unknown = create(&cloud, &admin, trigger(&json!("b:1:0000000000000000"))).await;
    assert_eq!(
        unknown.text,
        r#"{"status":400,"body":{"filters":{"error":"is invalid","value":"b:1:0000000000000000"}}}"#
    );
    let actions = json!([{"id": "send_notification", "params": {"integration_ids": [999]}}]);
    let foreign = create(&cloud, &admin, json!({"template_id": "user_created", "actions": actions})).await;
    assert_eq!(
        foreign.text,
        r#"{"status":400,"body":{"integration_ids":{"error":"is invalid","value":[999]}}}"#
    );
    let nothing = cloud.post(&admin, PATH, json!({})).await;
    assert_eq!(nothing.text, r#"{"status":400,"body":{"trigger":{"error":"can't be blank"}}}"#);
    for (field, wrong) in [("filters", json!({})), ("enabled", json!("x")), ("template_id", json!(5))] {
        let refused = create(&cloud, &admin, json!({"template_id": "user_created", field: wrong})).await;
        assert_eq!(refused.status, 400, "{field}");
        assert_eq!(refused.json()["body"][field]["value"], wrong, "{}", refused.text);
    }
}

#[tokio::test]
async fn what_was_deleted_is_named_by_no_trigger() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let (first, second) = (integration(&cloud, &admin).await, integration(&cloud, &admin).await);
    let actions = |ids: Value| json!([{"id": "send_notification", "params": {"integration_ids": ids}}]);
    let sent = json!({"template_id": "attacks_exceeded", "name": "Many", "actions": actions(json!([first, second])),
        "threshold": {"operator": "gt", "period": 60, "count": 5}});
    let id = create(&cloud, &admin, sent.clone()).await.json()["trigger"]["id"].clone();
    let read = async || {
        list(&cloud, &admin).await.into_iter().find(|trigger| trigger["id"] == id).unwrap()["actions"].clone()
    };
    cloud.call(&admin, Method::DELETE, &format!("/v2/integration/{first}"), None).await.body();
    assert_eq!(read().await, actions(json!([second])));
    cloud.call(&admin, Method::DELETE, &format!("/v2/integration/{second}"), None).await.body();
    assert_eq!(read().await, actions(json!([])));
    let path = "/v1/activity_log/1/events?filter[object_types][]=trigger";
    let log = cloud.get(&admin, path).await.body();
    assert_eq!(log["objects"][0]["action_type"], "Update", "{log}");

    // Something else of it can be changed, and it can be given an integration; a new one needs one.
    let mut other = sent;
    other["actions"] = actions(json!([]));
    other["enabled"] = json!(false);
    let path = format!("{PATH}/{id}");
    let change = async |trigger: &Value| {
        cloud.call(&admin, Method::PUT, &path, Some(&json!({ "trigger": trigger }))).await
    };
    let changed = change(&other).await;
    assert_eq!(
        (changed.status, &changed.json()["trigger"]["enabled"]),
        (200, &json!(false)),
        "{}",
        changed.text
    );
    let blank = r#"{"status":400,"body":{"integration_ids":{"error":"can't be blank"}}}"#;
    assert_eq!(create(&cloud, &admin, other.clone()).await.text, blank);
    let third = integration(&cloud, &admin).await;
    let mut told = other.clone();
    told["actions"] = actions(json!([third]));
    assert_eq!(change(&told).await.status, 200);
    assert_eq!(change(&other).await.text, blank);
}

#[tokio::test]
async fn triggers_of_another_tenant_are_out_of_reach() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let other = cloud.add_company("Other").await;
    for method in [Method::GET, Method::POST] {
        let path = format!("/v2/clients/{}/triggers", other.id);
        let body = (method == Method::POST).then(|| json!({"trigger": {"template_id": "user_created"}}));
        let reply = cloud.call(&admin, method, &path, body.as_ref()).await;
        assert_eq!((reply.status, reply.text.as_str()), (403, r#"{"status":403,"body":"Access denied"}"#));
    }
}

#[tokio::test]
async fn counters_go_after_the_last_trigger_that_names_them() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let make = async || {
        let rule = json!({"type": "brute_counter", "clientid": 1,
            "action": [{"type": "equal", "point": ["path", 0], "value": "login"}]});
        cloud.post(&admin, "/v1/objects/hint/create", rule).await.body()
    };
    let counters = async || {
        counters::remove_ended(&cloud.running.cloud).await.unwrap();
        let found =
            cloud.post(&admin, "/v1/objects/hint", json!({"filter": {"type": "brute_counter"}})).await;
        found.body().as_array().unwrap().len()
    };
    let clock = &cloud.running.cloud.clock;
    let counter = make().await;
    let trigger = json!({"template_id": "bruteforce_started", "filters": [{"id": "hint_tag", "operator": "eq",
        "values": [counter["counter"]]}], "actions": [{"id": "block_ips", "params": {"lock_time": 600}}],
        "threshold": {"period": 30, "operator": "gt", "count": 30}});
    let made = create(&cloud, &admin, trigger.clone()).await.json()["trigger"].clone();
    // As long as a trigger names it, it stays.
    clock.shift_ms(100_000_000);
    assert_eq!(counters().await, 1);
    let path = format!("{PATH}/{}", made["id"]);
    assert_eq!(cloud.call(&admin, Method::DELETE, &path, None).await.status, 200);
    clock.shift_ms(20_000);
    assert_eq!(counters().await, 1);
    clock.shift_ms(11_000);
    assert_eq!(counters().await, 0);
    let actions = cloud.post(&admin, "/v1/objects/action", json!({"filter": {"empty": false}})).await.body();
    assert_eq!(actions, json!([]), "its action goes with it");
    // One that nobody named stays for a day.
    make().await;
    clock.shift_ms(86_000_000);
    assert_eq!(counters().await, 1);
    clock.shift_ms(500_000);
    assert_eq!(counters().await, 0);
}

#[tokio::test]
async fn specifications_must_be_the_tenants_own() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let spec = async |client: i64, by: &Credential| {
        let file = json!({"name": "a.yaml", "content": "openapi: 3.0.3\ninfo: {title: A, version: '1'}\npaths: {}\n"});
        let document = json!({"format": "bartizan-configuration", "version": 1,
            "api_specifications": [{"title": "A", "file": file}]});
        let path = format!("/v1/clients/{client}/configuration");
        cloud.call(by, Method::PUT, &path, Some(&document)).await.body();
        let specs = cloud.get(by, &format!("/v4/clients/{client}/rules/api-specs")).await.json();
        specs["items"][0]["id"].clone()
    };
    let other = cloud.add_company("Other").await;
    let stranger = cloud.add_user(other.id, "a@other.test", &["admin"]).await;
    let stranger = cloud.pair_of(&stranger).await;
    let (own, foreign) = (spec(1, &admin).await, spec(other.id, &stranger).await);
    assert_ne!(own, foreign);
    let id = integration(&cloud, &admin).await;
    let trigger = |operator: &str, specs: Value| {
        json!({"template_id": "rogue_api_detected", "filters": [{"id": "api_spec_ids", "operator": operator, "values": specs}],
            "actions": [{"id": "send_notification", "params": {"integration_ids": [id]}}]})
    };
    for bad in [&foreign, &json!(99_999)] {
        let refused = create(&cloud, &admin, trigger("eq", json!([own, bad]))).await;
        let text = "api_spec_ids names no specification of this client";
        let expected = json!({"status": 400, "body": {"filters": {"error": text, "value": bad}}});
        assert_eq!(refused.json(), expected);
    }
    for operator in ["eq", "ne"] {
        let made = create(&cloud, &admin, trigger(operator, json!([own]))).await;
        assert_eq!(made.status, 200, "{}", made.text);
    }
    // One that was for it alone would be for all: it is switched off.
    cloud.call(&admin, Method::DELETE, &format!("/v4/clients/1/rules/api-specs/{own}"), None).await.body();
    let left: Vec<(Value, Value)> = list(&cloud, &admin)
        .await
        .iter()
        .filter(|trigger| trigger["template_id"] == "rogue_api_detected")
        .map(|trigger| (trigger["filters"][0]["values"].clone(), trigger["enabled"].clone()))
        .collect();
    assert_eq!(left, [(json!([]), json!(false)), (json!([]), json!(true))]);
}
