use bartizan_testkit::{Credential, Reply, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

async fn create(cloud: &TestCloud, credential: &Credential, body: Value) -> Reply {
    cloud.post(credential, "/v1/objects/hint/create", body).await
}

fn login_action() -> Value {
    json!([{"type": "equal", "point": ["header", "Host"], "value": "Shop.test"},
        {"type": "equal", "point": ["path", "0"], "value": "auth"},
        {"type": "absent", "point": ["path", 1], "value": ""}])
}

fn vpatch() -> Value {
    json!({"type": "vpatch", "attack_type": "sqli", "action": login_action(), "validated": false, "active": true,
        "point": [["post"], ["form_urlencoded", "login"]], "comment": "Managed by Terraform",
        "title": "", "set": ""})
}

async fn listed(cloud: &TestCloud, credential: &Credential, filter: Value) -> Value {
    let request = json!({"filter": filter, "limit": 500, "offset": 0, "order_by": "id", "order_desc": true});
    cloud.post(credential, "/v1/objects/hint", request).await.body()
}

#[tokio::test]
async fn create_list_view_and_update_return_equal_bytes() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let created = create(&cloud, &admin, vpatch()).await.body();
    insta::assert_json_snapshot!(created, {
        ".create_time" => "[time]", ".updated_at" => "[time]", ".uuid" => "[uuid]", ".group_uuid" => "[uuid]",
    });
    let path = format!("/v3/hint/{}", created["id"]);
    assert_eq!(cloud.get(&admin, &path).await.body().to_string(), created.to_string());
    let all = listed(&cloud, &admin, json!({"clientid": [cloud.client.id], "system": false})).await;
    assert_eq!(all[0].to_string(), created.to_string());
    assert_eq!(all[1]["type"], "wallarm_mode");
    let by_point = json!({"actionid": created["actionid"], "type": "vpatch", "point": [["post"], ["form_urlencoded", "login"]]});
    assert_eq!(listed(&cloud, &admin, by_point).await.as_array().unwrap().len(), 1);
    let elsewhere = json!({"point": ["post", "form_urlencoded", "other"]});
    assert_eq!(listed(&cloud, &admin, elsewhere).await, json!([]));

    let common = json!({"variativity_disabled": true, "comment": "Changed", "title": "", "active": true, "set": "",
        "attack_type": "xss"});
    let updated = cloud.call(&admin, Method::PUT, &path, Some(&common)).await.body();
    assert_eq!((&updated["comment"], &updated["attack_type"]), (&json!("Changed"), &json!("xss")));
    assert_eq!((&updated["id"], &updated["actionid"]), (&created["id"], &created["actionid"]));
    assert!(updated["updated_at"].as_i64() > created["updated_at"].as_i64());
    assert_eq!(cloud.get(&admin, &path).await.body().to_string(), updated.to_string());
}

#[tokio::test]
async fn hints_share_an_action_which_goes_with_the_last_of_them() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let first = create(&cloud, &admin, vpatch()).await.body();
    let mut reordered = vpatch();
    reordered["action"].as_array_mut().unwrap().reverse();
    let second = create(&cloud, &admin, reordered).await.body();
    assert_eq!(first["actionid"], second["actionid"]);
    let actions =
        cloud.post(&admin, "/v1/objects/action", json!({"filter": {"hint_type": ["vpatch"]}})).await.body();
    insta::assert_json_snapshot!(actions, { "[].updated_at" => "[time]" });
    let path = format!("/v3/action/{}", first["actionid"]);
    assert_eq!(cloud.get(&admin, &path).await.body(), actions[0]);
    let delete = |id: Value| {
        let (cloud, admin) = (&cloud, &admin);
        async move {
            let filter = json!({"filter": {"clientid": [cloud.client.id], "id": id}});
            cloud.post(admin, "/v1/objects/hint/delete", filter).await.body()
        }
    };
    assert_eq!(delete(json!([first["id"]])).await[0]["id"], first["id"]);
    assert_eq!(cloud.get(&admin, &path).await.body()["hints"], 1);
    assert_eq!(delete(second["id"].clone()).await[0]["id"], second["id"]);
    assert_eq!(delete(second["id"].clone()).await, json!([]));
    let gone = cloud.get(&admin, &path).await;
    assert_eq!((gone.status, gone.text.as_str()), (404, r#"{"status":404,"body":"Not found"}"#));
    // The default branch and its mode stay.
    let empty = cloud.post(&admin, "/v1/objects/action", json!({"filter": {"empty": true}})).await.body();
    let mode = listed(&cloud, &admin, json!({"actionid": empty[0]["id"], "type": "wallarm_mode"})).await;
    assert_eq!(delete(mode[0]["id"].clone()).await, json!([]));
    let nothing = cloud.post(&admin, "/v1/objects/hint/delete", json!({"filter": {}})).await;
    assert_eq!((nothing.status, nothing.text.as_str()), (400, r#"{"status":400,"body":"Empty filter"}"#));
}

#[tokio::test]
async fn every_first_type_is_accepted_and_compiles_for_nodes() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let regex = json!({"type": "regex", "regex": "[.]git", "attack_type": "scanner", "point": [["uri"]], "active": true});
    let regex = create(&cloud, &admin, regex).await.body();
    assert!(regex["regex_id"].as_i64().unwrap() > 0);
    let off = json!({"type": "disable_regex", "regex_id": regex["regex_id"], "point": [["get", "q"]], "active": true});
    let off = create(&cloud, &admin, off).await.body();
    let more = [
        json!({"type": "wallarm_mode", "mode": "block", "action": login_action()}),
        json!({"type": "disable_attack_type", "attack_type": "sqli", "point": [["get", "q"]]}),
        json!({"type": "rate_limit", "point": [["header", "X"]], "rate": 0, "rsp_status": 503}),
        json!({"type": "brute_counter", "action": login_action()}),
    ];
    for body in more {
        let reply = create(&cloud, &admin, body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    // Another counter on the same action is the same counter.
    let counter =
        create(&cloud, &admin, json!({"type": "brute_counter", "action": login_action()})).await.body();
    let counters = listed(&cloud, &admin, json!({"type": "brute_counter"})).await;
    assert_eq!((counters.as_array().unwrap().len(), &counters[0]), (1, &counter));
    let put = cloud
        .call(&admin, Method::PUT, &format!("/v3/hint/{}", counter["id"]), Some(&json!({"title": "x"})))
        .await;
    assert_eq!((put.status, put.text.as_str()), (403, r#"{"status":403,"body":"Access denied"}"#));
    // A new pattern gets a new id, and what switched the old one off goes.
    let path = format!("/v3/hint/{}", regex["id"]);
    let changed = cloud.call(&admin, Method::PUT, &path, Some(&json!({"regex": "[.]svn"}))).await.body();
    assert!(changed["regex_id"].as_i64() > regex["regex_id"].as_i64());
    assert_eq!(listed(&cloud, &admin, json!({"id": off["id"]})).await, json!([]));
    let dangling = json!({"type": "disable_regex", "regex_id": regex["regex_id"], "point": [["get", "q"]]});
    assert_eq!(create(&cloud, &admin, dangling).await.json()["body"]["regex_id"]["error"], "is invalid");
}

#[tokio::test]
async fn refusals_name_the_field() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let unknown = create(&cloud, &admin, json!({"type": "nonsense"})).await;
    assert_eq!(
        (unknown.status, unknown.text.as_str()),
        (400, r#"{"status":400,"body":{"type":{"error":"is invalid","value":"nonsense"}}}"#)
    );
    let mut blank = vpatch();
    blank["comment"] = json!("");
    let blank = create(&cloud, &admin, blank).await;
    assert_eq!(
        (blank.status, blank.text.as_str()),
        (400, r#"{"status":400,"body":{"comment":{"error":"can't be blank","value":""}}}"#)
    );
    for expression in ["(?=a)", "[[:alpha:]]"] {
        let regex = json!({"type": "regex", "regex": expression, "attack_type": "sqli", "point": [["uri"]]});
        assert_eq!(create(&cloud, &admin, regex).await.json()["body"]["regex"]["error"], "is invalid");
    }
    let absent = cloud.get(&admin, "/v3/hint/999").await;
    assert_eq!((absent.status, absent.text.as_str()), (404, r#"{"status":404,"body":"Not found"}"#));
    let other = cloud.add_company("Other").await;
    let mut foreign = vpatch();
    foreign["clientid"] = json!(other.id);
    assert_eq!(create(&cloud, &admin, foreign).await.status, 403);
    assert_eq!(listed(&cloud, &admin, json!({"clientid": other.id})).await, json!([]));
}

#[tokio::test]
async fn rights_depend_on_the_type() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let mut callers = Vec::new();
    for (role, email) in
        [("analytic", "an@acme.test"), ("auditor", "ro@acme.test"), ("admin_ext", "ext@acme.test")]
    {
        let user = cloud.add_user(cloud.client.id, email, &[role]).await;
        callers.push(cloud.pair_of(&user).await);
    }
    let [analyst, auditor, extended] = callers.try_into().unwrap();
    let stamp = json!({"type": "disable_stamp", "stamp": 7, "point": [["uri"]]});
    let upload = json!({"type": "file_upload_size_limit", "size": 10});
    let mode = json!({"type": "wallarm_mode", "mode": "off"});
    let expected = [
        (&admin, [200, 403, 200, 200]),
        (&analyst, [200, 403, 403, 403]),
        (&auditor, [403, 403, 403, 403]),
        (&extended, [200, 200, 200, 200]),
    ];
    for (caller, statuses) in expected {
        for (body, status) in
            [vpatch(), stamp.clone(), upload.clone(), mode.clone()].into_iter().zip(statuses)
        {
            let reply = create(&cloud, caller, body).await;
            assert_eq!(reply.status, status, "{}", reply.text);
        }
    }
    assert_eq!(cloud.post(&auditor, "/v1/objects/hint", json!({})).await.status, 200);
}

#[tokio::test]
async fn the_general_mode_is_the_mode_of_the_default_branch() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let path = format!("/v2/client/{}/rules/wallarm_mode", cloud.client.id);
    assert_eq!(cloud.get(&admin, &path).await.text, r#"{"status":200,"body":{"mode":"default"}}"#);
    let set = |mode: Value| {
        let (cloud, admin, path) = (&cloud, &admin, &path);
        async move { cloud.call(admin, Method::PUT, path, Some(&json!({"mode": mode}))).await }
    };
    assert_eq!(set(json!("monitoring")).await.text, r#"{"status":200,"body":{"mode":"monitoring"}}"#);
    let hint = listed(&cloud, &admin, json!({"type": "wallarm_mode"})).await[0].clone();
    assert_eq!((&hint["mode"], &hint["action"]), (&json!("monitoring"), &json!([])));
    let hint_path = format!("/v3/hint/{}", hint["id"]);
    cloud.call(&admin, Method::PUT, &hint_path, Some(&json!({"mode": "block"}))).await.body();
    assert_eq!(cloud.get(&admin, &path).await.body()["mode"], "block");
    // A second one on the branch is accepted and, being later, holds; setting the general mode holds again.
    create(&cloud, &admin, json!({"type": "wallarm_mode", "mode": "off"})).await.body();
    assert_eq!(set(json!("safe_blocking")).await.body()["mode"], "safe_blocking");
    assert_eq!(set(json!("nonsense")).await.json()["body"]["mode"]["error"], "is invalid");
    assert_eq!(set(json!(null)).await.json()["body"]["mode"]["error"], "can't be blank");
    let other = cloud.add_company("Other").await;
    let foreign = format!("/v2/client/{}/rules/wallarm_mode", other.id);
    assert_eq!(cloud.get(&admin, &foreign).await.status, 403);
}

#[tokio::test]
async fn a_deletion_names_all_that_went_and_leaves_what_the_caller_may_not_delete() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let user = cloud.add_user(cloud.client.id, "an@acme.test", &["analytic"]).await;
    let analyst = cloud.pair_of(&user).await;
    let extended = cloud.add_user(cloud.client.id, "ext@acme.test", &["admin_ext"]).await;
    let extended = cloud.pair_of(&extended).await;
    let make = async |by: &Credential, body: Value| create(&cloud, by, body).await.body();
    let expression = json!({"type": "regex", "regex": "abc", "attack_type": "sqli", "point": [["uri"]]});
    let expression = make(&admin, expression).await;
    let off = json!({"type": "disable_regex", "regex_id": expression["regex_id"], "point": [["uri"]]});
    let off = make(&admin, off).await;
    let upload = make(&admin, json!({"type": "file_upload_size_limit", "size": 10})).await;
    let stamp = make(&extended, json!({"type": "disable_stamp", "stamp": 7, "point": [["uri"]]})).await;
    let delete = async |by: &Credential, ids: &[&Value]| {
        cloud.post(by, "/v1/objects/hint/delete", json!({"filter": {"id": ids}})).await
    };
    let ids =
        |hints: Value| hints.as_array().unwrap().iter().map(|hint| hint["id"].clone()).collect::<Vec<_>>();
    // A mitigation control is not the analyst's to delete; on its own it is refused.
    assert_eq!(delete(&analyst, &[&upload["id"]]).await.status, 403);
    let gone = delete(&analyst, &[&upload["id"], &expression["id"]]).await.body();
    assert_eq!(ids(gone), [expression["id"].clone(), off["id"].clone()]);
    // Signatures are switched off by extended rights, and on again by plain ones.
    assert_eq!(ids(delete(&admin, &[&stamp["id"], &upload["id"]]).await.body()).len(), 2);
    let log = format!("/v1/activity_log/{}/events?filter[object_types][]=rule&limit=100", cloud.client.id);
    let deleted = async |id: &Value| {
        let number = id.to_string();
        let entries = cloud.get(&admin, &log).await.body()["objects"].clone();
        let is =
            |entry: &Value| entry["action_type"] == "Delete" && entry["object_id"].as_str() == Some(&number);
        entries.as_array().unwrap().iter().any(is)
    };
    assert!(deleted(&off["id"]).await && deleted(&stamp["id"]).await);
    // A changed expression takes its exceptions along, in the log too.
    let expression =
        make(&admin, json!({"type": "regex", "regex": "abc", "attack_type": "sqli", "point": [["uri"]]}))
            .await;
    let off = json!({"type": "disable_regex", "regex_id": expression["regex_id"], "point": [["uri"]]});
    let off = make(&admin, off).await;
    let path = format!("/v3/hint/{}", expression["id"]);
    cloud.call(&admin, Method::PUT, &path, Some(&json!({"regex": "abcd"}))).await.body();
    assert!(deleted(&off["id"]).await);
}

#[tokio::test]
async fn a_control_without_conditions_takes_empty_lists_of_them() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let control = json!({"type": "rate_limit_enum", "mode": "block", "threshold": {"count": 5, "period": 60},
        "reaction": {"block_by_ip": 600}});
    let made = create(&cloud, &admin, control).await.body();
    let path = format!("/v3/hint/{}", made["id"]);
    let again = json!({"advanced_conditions": [], "arbitrary_conditions": [], "threshold": {"count": 6, "period": 60}});
    let changed = cloud.call(&admin, Method::PUT, &path, Some(&again)).await.body();
    assert_eq!(changed["threshold"]["count"], 6);
    let other = json!({"advanced_conditions": [{"field": "ip", "operator": "eq", "value": ["1.1.1.1"]}]});
    assert_eq!(cloud.call(&admin, Method::PUT, &path, Some(&other)).await.status, 400);
}

#[tokio::test]
async fn only_rates_look_at_the_address_of_the_client() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let point = json!([["remote_addr"]]);
    let rate = json!({"type": "rate_limit", "rate": 5, "rsp_status": 503, "point": point});
    assert_eq!(create(&cloud, &admin, rate).await.body()["point"], json!(["remote_addr"]));
    for body in [
        json!({"type": "vpatch", "attack_type": "any", "point": point}),
        json!({"type": "sensitive_data", "point": point}),
        json!({"type": "credentials_point", "point": [["uri"]], "login_point": point}),
    ] {
        let reply = create(&cloud, &admin, body).await;
        let field = if reply.text.contains("login_point") { "login_point" } else { "point" };
        assert_eq!((reply.status, &reply.json()["body"][field]["error"]), (400, &json!("is invalid")));
    }
}

#[tokio::test]
async fn a_counter_that_is_asked_for_again_makes_no_new_ruleset() {
    use bartizan_store::{TenantId, config_versions};
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let counter = json!({"type": "brute_counter", "clientid": 1,
        "action": [{"type": "equal", "point": ["path", 0], "value": "login"}]});
    let version = async || {
        let reader = cloud.running.cloud.store.reader();
        config_versions::current(reader, TenantId(1)).await.unwrap().ruleset_version
    };
    let made = create(&cloud, &admin, counter.clone()).await.body();
    let before = version().await;
    assert_eq!(create(&cloud, &admin, counter).await.body()["id"], made["id"]);
    assert_eq!(version().await, before);
}

#[tokio::test]
async fn who_names_no_tenant_means_his_own() {
    let cloud = TestCloud::start().await;
    let (home, linked) = cloud.add_global_account().await;
    let global = cloud.add_user(home.id, "global@home.test", &["partner_admin"]).await;
    let global = cloud.pair_of(&global).await;
    let mut rule = vpatch();
    rule["clientid"] = json!(linked.id);
    let id = create(&cloud, &global, rule).await.body()["id"].clone();
    let deleted = |filter: Value| cloud.post(&global, "/v1/objects/hint/delete", json!({"filter": filter}));
    assert_eq!(listed(&cloud, &global, json!({"id": id})).await, json!([]));
    assert_eq!(deleted(json!({"id": id})).await.body(), json!([]));
    let named = json!({"id": id, "clientid": [linked.id]});
    assert_eq!(listed(&cloud, &global, named.clone()).await[0]["id"], id);
    let actions = async |filter: Value| {
        let found = cloud.post(&global, "/v1/objects/action", json!({"filter": filter})).await.body();
        found.as_array().unwrap().iter().map(|one| one["clientid"].clone()).collect::<Vec<_>>()
    };
    assert!(actions(json!({})).await.iter().all(|client| *client == home.id));
    assert!(actions(json!({"clientid": linked.id})).await.contains(&json!(linked.id)));
    assert_eq!(deleted(named).await.body()[0]["id"], id);
}

#[tokio::test]
async fn a_header_that_no_answer_can_carry_is_refused() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let header = |name: &str, value: &str| {
        json!({"type": "set_response_header", "clientid": cloud.client.id, "action": [], "mode": "append",
            "name": name, "values": [value]})
    };
    for (name, value, field) in [
        ("X-Note", "a\r\nX-Evil: 1", "values"),
        ("X-Note", "\u{7f}", "values"),
        ("Content-Length", "0", "name"),
        ("transfer-encoding", "chunked", "name"),
    ] {
        let reply = create(&cloud, &admin, header(name, value)).await;
        assert_eq!(reply.status, 400, "{name}: {}", reply.text);
        assert_eq!(reply.json()["body"][field]["error"], "is invalid", "{name}: {}", reply.text);
    }
    assert_eq!(create(&cloud, &admin, header("X-Note", "Grüße\tan alle")).await.status, 200);
}

#[tokio::test]
async fn a_rule_for_an_application_of_another_tenant_is_refused() {
    let cloud = TestCloud::start().await;
    let (home, linked) = cloud.add_global_account().await;
    let user = cloud.add_user(home.id, "global@home.test", &["partner_admin"]).await;
    let global = cloud.pair_of(&user).await;
    let made = json!({"clientid": linked.id, "id": 7, "name": "Shop"});
    assert_eq!(cloud.post(&global, "/v1/objects/pool/create", made).await.status, 200);
    let partner = cloud.post(&global, "/v1/objects/client", json!({})).await.body()[0]["partnerid"].clone();
    let link = json!({"clientid": linked.id, "id": 8, "params": {}});
    let path = format!("/v2/partner/{partner}/partner_client");
    assert_eq!(cloud.post(&global, &path, link).await.status, 200);
    let rule = |tenant: i64, application: &str| {
        let condition = json!({"type": "equal", "point": ["instance"], "value": application});
        json!({"type": "wallarm_mode", "clientid": tenant, "validated": false, "action": [condition], "mode": "block"})
    };
    for application in ["7", "8"] {
        let refused = create(&cloud, &global, rule(home.id, application)).await;
        let expected = json!({"status": 400, "body": {"action": {
            "error": "is invalid",
            "value": {"type": "equal", "point": ["instance"], "value": application},
            "detail": format!("application {application} is one of tenant {}, not of the rule's; to use the id here, \
                make the application first", linked.id),
        }}});
        assert_eq!((refused.status, refused.json()), (400, expected));
        let taken = create(&cloud, &global, rule(linked.id, application)).await;
        assert_eq!(taken.status, 200, "{application}");
    }
    // Also beside another, with which it can never hold.
    let mut both = rule(home.id, "9");
    both["action"].as_array_mut().unwrap().push(rule(home.id, "7")["action"][0].clone());
    assert_eq!(create(&cloud, &global, both).await.status, 400);
    // Nobody has it, so a node may still report it; and the default one is everybody's.
    for application in ["9", "-1"] {
        let taken = create(&cloud, &global, rule(home.id, application)).await;
        assert_eq!(taken.status, 200, "{application}");
    }
    let made = json!({"clientid": home.id, "id": 7, "name": "Own"});
    assert_eq!(cloud.post(&global, "/v1/objects/pool/create", made).await.status, 200);
    assert_eq!(create(&cloud, &global, rule(home.id, "7")).await.status, 200);
    // Who sees one tenant alone learns nothing about the others.
    let admin = cloud.admin_pair().await;
    let taken = create(&cloud, &admin, rule(cloud.client.id, "8")).await;
    assert_eq!(taken.status, 200);
}

#[tokio::test]
async fn the_rule_that_was_changed_last_has_the_latest_time_however_fast_changes_come() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let rule = |mode: &str| json!({"type": "wallarm_mode", "action": login_action(), "validated": false, "mode": mode});
    let first = create(&cloud, &admin, rule("off")).await.body();
    let path = format!("/v3/hint/{}", first["id"]);
    let order = |rule: &Value| (rule["updated_at"].as_i64().unwrap(), rule["id"].as_i64().unwrap());
    let mut last = order(&first);
    for round in 0..20 {
        let changed = json!({"comment": format!("round {round}")});
        let changed = cloud.call(&admin, Method::PUT, &path, Some(&changed)).await.body();
        assert!(order(&changed) > last, "{round}: {changed}");
        last = order(&changed);
    }
    // Far ahead of the clock by now.
    let second = create(&cloud, &admin, rule("block")).await.body();
    assert!(order(&second) > last, "{second}");
    let changed = cloud.call(&admin, Method::PUT, &path, Some(&json!({"comment": "again"}))).await.body();
    assert!(order(&changed) > order(&second), "{changed}");
}
