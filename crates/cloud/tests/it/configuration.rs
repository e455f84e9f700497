//! The configuration of a tenant as one document.

use bartizan_cloud::services::rule::counters;
use bartizan_testkit::{Credential, Reply, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

const SPEC: &str = "openapi: 3.0.3\ninfo: {title: Shop, version: '1'}\npaths:\n  /a: {get: {responses: {'200': {description: ok}}}}\n";
const SLACK: &str = "https://hooks.slack.com/services/T000/B000/XXXXXXXX1234";

fn path(client: i64, query: &str) -> String {
    format!("/v1/clients/{client}/configuration{query}")
}

async fn export(cloud: &TestCloud, by: &Credential, client: i64, query: &str) -> Value {
    cloud.get(by, &path(client, query)).await.body()
}

async fn import(cloud: &TestCloud, by: &Credential, client: i64, query: &str, document: &Value) -> Reply {
    cloud.call(by, Method::PUT, &path(client, query), Some(document)).await
}

/// A global administrator, and two tenants of his.
async fn two_tenants(cloud: &TestCloud) -> (Credential, i64, i64) {
    let (home, linked) = cloud.add_global_account().await;
    let user = cloud.add_user(home.id, "global@home.test", &["partner_admin_ext"]).await;
    (cloud.pair_of(&user).await, linked.id, home.id)
}

async fn rule(cloud: &TestCloud, by: &Credential, client: i64, mut body: Value) -> Value {
    body["clientid"] = json!(client);
    cloud.post(by, "/v1/objects/hint/create", body).await.body()
}

/// Something of everything.
async fn configured(cloud: &TestCloud, by: &Credential, client: i64) {
    let general = format!("/v2/client/{client}/rules");
    let mode = json!({"mode": "block"});
    cloud.call(by, Method::PUT, &format!("{general}/wallarm_mode"), Some(&mode)).await.body();
    // Rules go by the second of their last change.
    cloud.running.cloud.clock.shift_ms(10_000);
    let scope = json!([{"type": "iequal", "point": ["header", "HOST"], "value": "shop.test"},
        {"type": "regex", "point": ["action_name"], "value": "log(in|out)"}]);
    cloud
        .post(by, "/v1/objects/pool/create", json!({"id": 7, "clientid": client, "name": "Shop"}))
        .await
        .body();
    let uri = json!([["uri"]]);
    // Two that say the same, and one that is switched off at a point: the second.
    for _ in 0..2 {
        rule(cloud, by, client, json!({"type": "regex", "regex": "[.]git", "attack_type": "scanner", "point": uri, "action": scope})).await;
    }
    let last = rule(cloud, by, client, json!({"type": "experimental_regex", "regex": "a+", "attack_type": "xss", "point": uri, "active": false, "comment": "try"})).await;
    rule(cloud, by, client, json!({"type": "disable_regex", "regex_id": last["regex_id"], "point": [["header", "headers"]], "title": "off"})).await;
    rule(cloud, by, client, json!({"type": "rate_limit", "rate": 0, "rsp_status": 429, "point": [["remote_addr"]], "action": scope})).await;
    rule(cloud, by, client, json!({"type": "disable_stamp", "stamp": 9, "point": [["get", "q"]]})).await;
    let counter =
        rule(cloud, by, client, json!({"type": "brute_counter", "action": scope})).await["counter"].clone();
    cloud.call(by, Method::PUT, &format!("{general}/settings"), Some(&json!({"pii_weight": 3}))).await.body();
    let budget = json!({"overlimit_time": 50, "mode": "blocking"});
    cloud.call(by, Method::PUT, &format!("{general}/overlimit_res_settings"), Some(&budget)).await.body();
    let fields = json!({"filter": {"id": client}, "fields": {"attack_rechecker_mode": "on"}});
    cloud.post(by, "/v1/objects/client/update", fields).await.body();
    for (list, rules, ends) in [
        ("block", json!([{"rules_type": "subnet", "values": ["198.51.100.7", "1.1.1.1/24"]}]), 0),
        ("block", json!([{"rules_type": "location", "values": ["KP", "RU"]}]), 4_000_000_000i64),
        ("allow", json!([{"rules_type": "subnet", "values": ["2001:db8::/32"]}]), 0),
    ] {
        let body = json!({"list": list, "force": false, "reason": "r", "application_ids": [7], "expired_at": ends, "rules": rules});
        cloud.post(by, &format!("/v1/blocklist/clients/{client}/access_rules"), body).await.body();
    }
    let slack = json!({"clientid": client, "type": "slack", "name": "On call", "target": SLACK, "events": [{"event": "system", "active": true}]});
    let slack = cloud.post(by, "/v2/integration", slack).await.body()["object"]["id"].clone();
    let mail = json!({"clientid": client, "type": "email", "name": "Letters", "target": ["a@acme.test"], "active": false});
    cloud.post(by, "/v2/integration", mail).await.body();
    for trigger in [
        json!({"template_id": "attacks_exceeded", "threshold": {"period": 60, "operator": "gt", "count": 2},
            "filters": [{"id": "pool", "operator": "eq", "values": [7]}],
            "actions": [{"id": "send_notification", "params": {"integration_ids": [slack]}}]}),
        json!({"template_id": "bruteforce_started", "threshold": {"period": 30, "operator": "gt", "count": 30}, "enabled": false,
            "filters": [{"id": "hint_tag", "operator": "eq", "values": [counter]}],
            "actions": [{"id": "mark_as_brute"}]}),
    ] {
        let reply =
            cloud.post(by, &format!("/v2/clients/{client}/triggers"), json!({"trigger": trigger})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    let config = json!({"enabled": false, "disabled_apps": [7]});
    cloud.post(by, &format!("/v1/clients/{client}/apid/config"), config).await.body();
    // Specifications come by upload or fetch; a document is a third way.
    let specs = json!([{"title": "Shop", "instances": [7], "domains": ["shop.test"], "file": {"name": "shop.yaml", "content": SPEC},
        "auth_headers": [{"key": "X-Key", "value": "first-secret"}],
        "policy": {"enabled": true, "conditions": [], "missing_auth_mode": "block"}}]);
    let document = json!({"format": "bartizan-configuration", "version": 1, "api_specifications": specs});
    import(cloud, by, client, "", &document).await.body();
}

#[tokio::test]
async fn a_document_makes_the_same_configuration_in_another_tenant() {
    let cloud = TestCloud::start().await;
    let (admin, one, other) = two_tenants(&cloud).await;
    configured(&cloud, &admin, one).await;
    let masked = export(&cloud, &admin, one, "").await;
    insta::assert_json_snapshot!("configuration", masked, {".rules[].counter" => "[counter]", ".triggers[1].filters[0].values[0]" => "[counter]"});
    assert!(!masked.to_string().contains("XXXXXXXX1234") && !masked.to_string().contains("first-secret"));
    let whole = export(&cloud, &admin, one, "?secrets=true").await;
    assert_eq!(whole["integrations"][1]["target"], SLACK);
    assert_eq!(whole["api_specifications"][0]["auth_headers"][0]["value"], "first-secret");

    let report = import(&cloud, &admin, other, "", &whole).await.body();
    insta::assert_json_snapshot!("configuration_report", report);
    assert_eq!(export(&cloud, &admin, other, "?secrets=true").await, whole);
    let mode = cloud.get(&admin, &format!("/v2/client/{other}/rules/wallarm_mode")).await.body();
    assert_eq!(mode, json!({"mode": "block"}));
    let triggers = cloud.get(&admin, &format!("/v2/clients/{other}/triggers")).await.json();
    let tag = triggers["triggers"].to_string();
    assert!(tag.contains(&format!("\"b:{other}:")), "{tag}");

    // Nothing is left to do, with or without secrets, and identities stay.
    let ids = async |client: i64| {
        let filter = json!({"limit": 1000, "order_by": "id", "filter": {"clientid": [client]}});
        let rules = cloud.post(&admin, "/v1/objects/hint", filter).await.body();
        let lists =
            cloud.get(&admin, &format!("/v1/blocklist/clients/{client}/groups?limit=1000")).await.body();
        let integrations = cloud.get(&admin, &format!("/v2/integration?clientid={client}")).await.body();
        (rules, lists, integrations)
    };
    let before = ids(other).await;
    let masked = export(&cloud, &admin, other, "").await;
    for document in [&whole, &masked] {
        let again = import(&cloud, &admin, other, "", document).await.body();
        for (section, done) in again["sections"].as_object().unwrap() {
            assert_eq!(
                (&done["created"], &done["updated"], &done["deleted"]),
                (&json!(0), &json!(0), &json!(0)),
                "{section}"
            );
        }
        assert_eq!(ids(other).await, before);
    }
}

#[tokio::test]
async fn an_import_takes_back_what_was_changed_since() {
    let cloud = TestCloud::start().await;
    let (admin, one, _) = two_tenants(&cloud).await;
    configured(&cloud, &admin, one).await;
    let kept = export(&cloud, &admin, one, "").await;
    let rules = cloud
        .post(
            &admin,
            "/v1/objects/hint",
            json!({"limit": 1000, "filter": {"clientid": [one], "type": ["regex"]}}),
        )
        .await
        .body();
    let change = json!({"comment": "changed", "regex": "[.]svn"});
    cloud.call(&admin, Method::PUT, &format!("/v3/hint/{}", rules[0]["id"]), Some(&change)).await.body();
    rule(&cloud, &admin, one, json!({"type": "vpatch", "attack_type": "any", "point": [["get", "q"]]})).await;
    let lists = cloud.get(&admin, &format!("/v1/blocklist/clients/{one}/groups?limit=1000")).await.body();
    let first = &lists["objects"][0];
    let gone = json!({"rules": [{"rule_type": first["rule_type"], "ids": [first["id"]]}]});
    cloud
        .call(&admin, Method::DELETE, &format!("/v1/blocklist/clients/{one}/groups"), Some(&gone))
        .await
        .body();
    let integrations = cloud.get(&admin, &format!("/v2/integration?clientid={one}")).await.body();
    let id = &integrations["object"][0]["id"];
    cloud
        .call(&admin, Method::PUT, &format!("/v2/integration/{id}"), Some(&json!({"active": false})))
        .await
        .body();
    assert_ne!(export(&cloud, &admin, one, "").await, kept);

    let tried = import(&cloud, &admin, one, "?dry_run=true", &kept).await.body();
    assert_eq!(tried["applied"], false);
    assert_eq!(tried["sections"]["rules"]["created"], 1);
    assert_ne!(export(&cloud, &admin, one, "").await, kept);
    let done = import(&cloud, &admin, one, "", &kept).await.body();
    assert_eq!((&done["applied"], &done["sections"]), (&json!(true), &tried["sections"]));
    assert_eq!(export(&cloud, &admin, one, "").await, kept);
}

/// What was imported is what nodes get.
#[tokio::test]
async fn rules_keep_the_order_in_which_the_last_one_wins() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let client = cloud.client.id;
    let mode = |mode: &str| json!({"type": "api_abuse_mode", "action": [], "mode": mode});
    let general = json!({"type": "wallarm_mode", "action": [], "mode": "default"});
    let document = |rules: Value| json!({"format": "bartizan-configuration", "version": 1, "rules": rules});
    for order in [["enabled", "disabled"], ["disabled", "enabled"], ["enabled", "disabled"]] {
        let rules = json!([general, mode(order[0]), mode(order[1])]);
        import(&cloud, &admin, client, "", &document(rules)).await.body();
        let rows =
            json!({"order_by": "updated_at", "filter": {"clientid": [client], "type": ["api_abuse_mode"]}});
        let rows = cloud.post(&admin, "/v1/objects/hint", rows).await.body();
        assert_eq!(
            rows.as_array().unwrap().iter().map(|row| row["mode"].as_str().unwrap()).collect::<Vec<_>>(),
            order
        );
    }
}

#[tokio::test]
async fn what_is_wrong_is_named_by_its_place_and_nothing_is_changed() {
    let cloud = TestCloud::start().await;
    let (admin, one, other) = two_tenants(&cloud).await;
    configured(&cloud, &admin, one).await;
    let whole = export(&cloud, &admin, one, "?secrets=true").await;
    let made = json!({"clientid": other, "id": 4711, "name": "Elsewhere"});
    assert_eq!(cloud.post(&admin, "/v1/objects/pool/create", made).await.status, 200);
    let elsewhere = json!({"type": "equal", "point": ["instance"], "value": "4711"});
    let scoped_elsewhere = |d: &mut Value| d["rules"][1]["action"] = json!([elsewhere.clone()]);
    let foreign = format!(
        "application 4711 is one of tenant {other}, not of the rule's; to use the id here, \
        make the application first"
    );
    let wrong = |change: &dyn Fn(&mut Value)| {
        let mut document = whole.clone();
        // The first section would have been changed by then.
        document["applications"][0]["name"] = json!("renamed");
        change(&mut document);
        document
    };
    let no_number =
        json!({"rules[4].regex_id": {"error": "names no expression of this document", "value": 77}});
    let masked = "holds a masked secret that is not the one of the tenant's integration of this type and name; \
        export with secrets, or write the secret here";
    type Wrong<'a> = (&'a dyn Fn(&mut Value), Value);
    let cases: Vec<Wrong<'_>> = vec![
        (
            &|d| d["format"] = json!("x"),
            json!({"format": {"error": "should be bartizan-configuration", "value": "x"}}),
        ),
        (&|d| d["version"] = json!(2), json!({"version": {"error": "should be 1", "value": 2}})),
        (&|d| d["users"] = json!([]), json!({"users": {"error": "is no section of a configuration"}})),
        (&|d| d["rules"] = json!({}), json!({"rules": {"error": "should be a list"}})),
        (
            &|d| d["applications"][1]["id"] = json!(0),
            json!({"applications[1].id": {"error": "should be in 1..2147483647", "value": 0}}),
        ),
        (
            &|d| d["ip_lists"][1]["color"] = json!(1),
            json!({"ip_lists[1]": {"error": "unknown field `color`, expected one of `list`, `rule_type`, `values`, `application_ids`, `expired_at`, `reason`"}}),
        ),
        (
            &|d| d["ip_lists"][0]["values"] = json!(["10.0.0.256"]),
            json!({"ip_lists[0].values": {"error": "is invalid", "value": "10.0.0.256", "line": 1}}),
        ),
        (
            &|d| d["ip_lists"][0]["values"] = json!(["198.51.100.7"]),
            json!({"ip_lists[3].values": {"error": "lists what ip_lists[0] lists", "value": ["198.51.100.7/32"]}}),
        ),
        (
            &|d| d["rules"][1]["attack_type"] = json!("any"),
            json!({"rules[1].attack_type": {"error": "is invalid", "value": "any"}}),
        ),
        (&|d| d["rules"][4]["regex_id"] = json!(77), no_number),
        (
            &scoped_elsewhere,
            json!({"rules[1].action": {"error": "is invalid", "value": elsewhere, "detail": foreign}}),
        ),
        (
            &|d| d["rules"].as_array_mut().unwrap().retain(|rule| rule["type"] != "wallarm_mode"),
            json!({"rules": {"error": "should have a wallarm_mode rule for all traffic: the general filtration mode"}}),
        ),
        (
            &|d| d["rules_settings"]["pii_weight"] = json!(11),
            json!({"rules_settings.pii_weight": {"error": "should be in 0..10", "value": 11}}),
        ),
        (
            &|d| d["attack_rechecker_mode"] = json!("maybe"),
            json!({"attack_rechecker_mode": {"error": "should be on or off", "value": "maybe"}}),
        ),
        (
            &|d| d["integrations"][1]["target"] = json!("https://hooks.slack.com/****9999"),
            json!({"integrations[1].target": {"error": masked}}),
        ),
        (
            &|d| d["integrations"][0]["events"] = json!([{"event": "siem"}]),
            json!({"integrations[0].events": {"error": "is invalid", "value": "siem"}}),
        ),
        (
            &|d| d["triggers"][0]["actions"][0]["params"]["integration_ids"] = json!([5]),
            json!({"triggers[0].integration_ids": {"error": "names no integration of this document", "value": 5}}),
        ),
        (
            &|d| d["api_discovery"]["endpoint_stability"]["min_time"] = json!(901),
            json!({"api_discovery.endpoint_stability": {"min_time": {"error": "should be in 1..900", "value": 901}}}),
        ),
        (
            &|d| d["api_specifications"][0]["file_remote_url"] = json!("ftp://x"),
            json!({"api_specifications[0].file_remote_url": {"error": "must begin with https://", "value": "ftp://x"}}),
        ),
    ];
    for (change, body) in cases {
        let reply = import(&cloud, &admin, one, "", &wrong(change)).await;
        assert_eq!((reply.status, &reply.json()["body"]), (400, &body), "{}", reply.text);
    }
    assert_eq!(export(&cloud, &admin, one, "?secrets=true").await, whole);
}

#[tokio::test]
async fn only_who_may_change_everything_imports() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let client = cloud.client.id;
    let document = export(&cloud, &admin, client, "").await;
    for role in ["analytic", "auditor", "api_developer", "deploy"] {
        let user = cloud.add_user(client, &format!("{role}@acme.test"), &[role]).await;
        let by = cloud.pair_of(&user).await;
        assert_eq!(cloud.get(&by, &path(client, "")).await.status, 403, "{role}");
        assert_eq!(import(&cloud, &by, client, "", &document).await.status, 403, "{role}");
    }
    let other = cloud.add_company("Other").await;
    assert_eq!(cloud.get(&admin, &path(other.id, "")).await.status, 403);
    assert_eq!(import(&cloud, &admin, other.id, "", &document).await.status, 403);
    // A rule that needs more than an administrator is.
    let mut more = document.clone();
    more["rules"]
        .as_array_mut()
        .unwrap()
        .push(json!({"type": "disable_stamp", "stamp": 1, "point": ["uri"], "action": []}));
    assert_eq!(import(&cloud, &admin, client, "", &more).await.status, 403);
    let lock = json!({"rules_manipulation_locked": true});
    cloud.call(&admin, Method::PUT, &format!("/v2/client/{client}/rules/settings"), Some(&lock)).await.body();
    assert_eq!(import(&cloud, &admin, client, "", &document).await.status, 423);
    let log = cloud
        .get(
            &admin,
            &format!(
                "/v1/activity_log/{client}/events?filter[object_types][]=settings&filter[outcomes][]=success"
            ),
        )
        .await
        .body();
    assert!(!log.to_string().contains("\"configuration\""), "{log}");
}

#[tokio::test]
async fn the_activity_log_tells_of_exports_with_secrets_and_of_imports() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let client = cloud.client.id;
    let document = export(&cloud, &admin, client, "?secrets=true").await;
    import(&cloud, &admin, client, "", &document).await.body();
    let log = cloud.get(&admin, &format!("/v1/activity_log/{client}/events?order_desc=false")).await.body();
    let told: Vec<_> = log["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["action_type"].clone(), entry["object"]["name"].clone()))
        .collect();
    assert_eq!(told, [(json!("Export"), json!("configuration")), (json!("Update"), json!("configuration"))]);
}

#[tokio::test]
async fn large_documents_have_a_limit_of_their_own() {
    let cloud = TestCloud::start_with(|config| config.limits.configuration_bytes = 2 << 20).await;
    let admin = cloud.admin_pair().await;
    let client = cloud.client.id;
    let entry = |n: u32| json!({"list": "block", "rule_type": "subnet", "values": [std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string()]});
    let document = |count: u32| json!({"format": "bartizan-configuration", "version": 1, "ip_lists": (0..count).map(entry).collect::<Vec<_>>()});
    // More than other bodies may have.
    let taken = import(&cloud, &admin, client, "", &document(20_000)).await.body();
    assert_eq!(taken["sections"]["ip_lists"]["created"], 20_000);
    let fewer = import(&cloud, &admin, client, "", &document(19_999)).await.body();
    assert_eq!(
        (&fewer["sections"]["ip_lists"]["deleted"], &fewer["sections"]["ip_lists"]["unchanged"]),
        (&json!(1), &json!(19_999))
    );
    assert_eq!(import(&cloud, &admin, client, "", &document(40_000)).await.status, 413);
}

#[tokio::test]
async fn a_counter_that_is_made_anew_stays_as_long_as_a_trigger_names_it() {
    let cloud = TestCloud::start().await;
    let (admin, one, _) = two_tenants(&cloud).await;
    configured(&cloud, &admin, one).await;
    let mut document = export(&cloud, &admin, one, "").await;
    let rules = document["rules"].as_array_mut().unwrap();
    rules.iter_mut().find(|rule| rule["type"] == "brute_counter").unwrap()["title"] = json!("Log in");
    let only_rules = json!({
        "format": document["format"], "version": document["version"], "rules": document["rules"],
    });
    let without: Vec<&Value> =
        document["rules"].as_array().unwrap().iter().filter(|rule| rule["type"] != "brute_counter").collect();
    let without = json!({"format": document["format"], "version": document["version"], "rules": without});
    let left = async || {
        cloud.running.cloud.clock.shift_ms(100_000_000);
        counters::remove_ended(&cloud.running.cloud).await.unwrap();
        let filter = json!({"filter": {"clientid": [one], "type": ["brute_counter"]}});
        cloud.post(&admin, "/v1/objects/hint", filter).await.body().as_array().unwrap().len()
    };
    // With its triggers, without them, and back after it was missing.
    for documents in [vec![&document], vec![&without, &only_rules]] {
        for document in documents {
            import(&cloud, &admin, one, "", document).await.body();
        }
        assert_eq!(left().await, 1);
    }
}

/// Triggers stay when what they name is deleted, and what is left of them can be exported and imported.
#[tokio::test]
async fn what_is_left_of_a_trigger_is_exported_and_imported() {
    let cloud = TestCloud::start().await;
    let (admin, one, other) = two_tenants(&cloud).await;
    configured(&cloud, &admin, one).await;
    let triggers = async |client: i64| {
        cloud.get(&admin, &format!("/v2/clients/{client}/triggers")).await.json()["triggers"].clone()
    };
    let telling = |triggers: &Value| {
        let found = triggers.as_array().unwrap().iter().find(|one| one["template_id"] == "attacks_exceeded");
        found.unwrap().clone()
    };
    let named = |triggers: &Value| telling(triggers)["actions"][0]["params"]["integration_ids"].clone();
    let ids = |triggers: &Value| {
        triggers.as_array().unwrap().iter().map(|trigger| trigger["id"].clone()).collect::<Vec<_>>()
    };
    let before = triggers(one).await;
    let id = named(&before)[0].clone();
    for way in ["deleted", "replaced"] {
        if way == "deleted" {
            cloud.call(&admin, Method::DELETE, &format!("/v2/integration/{id}"), None).await.body();
        } else {
            // A file with the one section; the report tells of the trigger, too.
            let only = json!({"format": "bartizan-configuration", "version": 1, "integrations": []});
            let report = import(&cloud, &admin, one, "", &only).await.body();
            assert_eq!(report["sections"]["triggers"]["updated"], 1, "{report}");
        }
        let left = triggers(one).await;
        assert_eq!(named(&left), json!([]), "{way}");
        let document = export(&cloud, &admin, one, "?secrets=true").await;
        for client in [one, other] {
            import(&cloud, &admin, client, "", &document).await.body();
            assert_eq!(export(&cloud, &admin, client, "?secrets=true").await, document, "{way}");
        }
        assert_eq!(ids(&triggers(one).await), ids(&before), "{way}");
        // For the next way.
        let slack = json!({"clientid": one, "type": "slack", "name": "On call", "target": SLACK});
        let slack = cloud.post(&admin, "/v2/integration", slack).await.body()["object"]["id"].clone();
        let mut trigger = telling(&left);
        trigger["actions"][0]["params"]["integration_ids"] = json!([slack]);
        let path = format!("/v2/clients/{one}/triggers/{}", trigger["id"]);
        let reply = cloud.call(&admin, Method::PUT, &path, Some(&json!({ "trigger": trigger }))).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
}

/// Names need not be unique: a tenant's own document changes nothing, however many have the same.
#[tokio::test]
async fn namesakes_keep_their_ids() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let client = cloud.client.id;
    // In an order that is not the one of the document.
    for secret in ["ZZZZ", "CCCC", "MMMM"] {
        for body in [
            json!({"type": "slack", "name": "Chat", "target": format!("https://hooks.slack.com/services/{secret}1234")}),
            json!({"type": "web_hooks", "name": "Hook", "active": secret != "CCCC", "target": {"url": "https://siem.acme.test/in",
                "http_method": "POST", "headers": {"X-Key": format!("the-secret-{secret}")}}}),
        ] {
            let made = cloud.post(&admin, "/v2/integration", body).await;
            assert_eq!(made.status, 200, "{}", made.text);
        }
    }
    let hooks = |of: &Value| {
        let rows = of.as_array().unwrap().iter().filter(|row| row["name"] == "Hook");
        rows.map(|row| row["id"].clone()).collect::<Vec<_>>()
    };
    let integrations = async || {
        cloud.get(&admin, &format!("/v2/integration?clientid={client}")).await.body()["object"].clone()
    };
    for id in hooks(&integrations().await) {
        let trigger = json!({"template_id": "user_created", "name": format!("tells {id}"),
            "actions": [{"id": "send_notification", "params": {"integration_ids": [id]}}]});
        let path = format!("/v2/clients/{client}/triggers");
        assert_eq!(cloud.post(&admin, &path, json!({ "trigger": trigger })).await.status, 200);
    }
    let spec = |domain: &str, secret: &str| {
        json!({"title": "Shop", "domains": [domain], "file": {"name": "shop.yaml", "content": SPEC},
            "auth_headers": [{"key": format!("X-{secret}"), "value": secret}]})
    };
    let specs = [spec("z.test", "Z"), spec("a.test", "A")];
    // One after the other, so that the first has the smaller id.
    for count in 1..=2 {
        let document =
            json!({"format": "bartizan-configuration", "version": 1, "api_specifications": specs[..count]});
        import(&cloud, &admin, client, "", &document).await.body();
    }
    let state = async || {
        let specs = cloud.get(&admin, &format!("/v4/clients/{client}/rules/api-specs")).await.json();
        let specs: Vec<_> = specs["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|spec| (spec["id"].clone(), spec["domains"].clone(), spec["auth_headers"].clone()))
            .collect();
        let triggers = cloud.get(&admin, &format!("/v2/clients/{client}/triggers")).await.json();
        (integrations().await, specs, triggers)
    };
    let before = state().await;
    for query in ["?secrets=true", ""] {
        let document = export(&cloud, &admin, client, query).await;
        let report = import(&cloud, &admin, client, "", &document).await;
        assert_eq!(report.status, 200, "{}", report.text);
        for (section, done) in report.body()["sections"].as_object().unwrap() {
            let nothing = (&json!(0), &json!(0), &json!(0));
            assert_eq!((&done["created"], &done["updated"], &done["deleted"]), nothing, "{section}, {query}");
        }
        assert_eq!(state().await, before, "{query}");
    }

    // One that is changed is the one that has its secret.
    let mut document = export(&cloud, &admin, client, "").await;
    let changed = document["integrations"].as_array_mut().unwrap();
    let changed = changed.iter_mut().find(|entry| entry["target"].to_string().contains("****ZZZZ")).unwrap();
    changed["active"] = json!(false);
    let report = import(&cloud, &admin, client, "", &document).await.body();
    assert_eq!(report["sections"]["integrations"]["updated"], 1, "{report}");
    let off: Vec<Value> = integrations()
        .await
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["active"] == false && row["target"].to_string().contains("ZZZZ"))
        .cloned()
        .collect();
    assert_eq!(off.len(), 1);
}

/// Triggers name specifications by their numbers in the document, as they name integrations.
#[tokio::test]
async fn specifications_that_triggers_name_are_those_of_the_document() {
    let cloud = TestCloud::start().await;
    let (admin, one, other) = two_tenants(&cloud).await;
    configured(&cloud, &admin, one).await;
    let specs = async |client: i64| {
        let specs = cloud.get(&admin, &format!("/v4/clients/{client}/rules/api-specs")).await.json();
        specs["items"].as_array().unwrap().iter().map(|spec| spec["id"].clone()).collect::<Vec<_>>()
    };
    let triggers = async |client: i64| {
        let triggers = cloud.get(&admin, &format!("/v2/clients/{client}/triggers")).await.json();
        let found = triggers["triggers"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["template_id"] == "rogue_api_detected");
        found.unwrap()["filters"][0]["values"].clone()
    };
    let slack =
        cloud.get(&admin, &format!("/v2/integration?clientid={one}")).await.body()["object"][0]["id"].clone();
    let trigger = json!({"template_id": "rogue_api_detected",
        "filters": [{"id": "api_spec_ids", "operator": "eq", "values": specs(one).await}],
        "actions": [{"id": "send_notification", "params": {"integration_ids": [slack]}}]});
    let made =
        cloud.post(&admin, &format!("/v2/clients/{one}/triggers"), json!({ "trigger": trigger })).await;
    assert_eq!(made.status, 200, "{}", made.text);

    let document = export(&cloud, &admin, one, "?secrets=true").await;
    import(&cloud, &admin, other, "", &document).await.body();
    assert_eq!(json!(triggers(other).await), json!(specs(other).await));
    assert_ne!(specs(one).await, specs(other).await);
    assert_eq!(export(&cloud, &admin, other, "?secrets=true").await, document);
    let again = import(&cloud, &admin, other, "", &document).await.body();
    assert_eq!(again["sections"]["triggers"]["created"], 0, "{again}");

    let place = document["triggers"]
        .as_array()
        .unwrap()
        .iter()
        .position(|one| one["template_id"] == "rogue_api_detected");
    let place = place.unwrap();
    let mut unknown = document.clone();
    unknown["triggers"][place]["filters"][0]["values"] = json!([7]);
    let mut twice = document.clone();
    let spec = twice["api_specifications"][0].clone();
    twice["api_specifications"].as_array_mut().unwrap().push(spec);
    for (document, body) in [
        (
            unknown,
            json!({format!("triggers[{place}].filters"):
            {"error": "api_spec_ids names no specification of this document", "value": 7}}),
        ),
        (
            twice,
            json!({"api_specifications[1].id": {"error": "is that of another specification, too", "value": 1}}),
        ),
    ] {
        let reply = import(&cloud, &admin, one, "", &document).await;
        assert_eq!((reply.status, &reply.json()["body"]), (400, &body), "{}", reply.text);
    }
}
