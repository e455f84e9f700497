use bartizan_testkit::{Reply, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

/// Far enough for any test, and not never.
const LATER: i64 = 4_000_000_000;

fn rules(list: &str, kind: &str, values: impl Into<Value>) -> Value {
    let values: Value = values.into();
    json!({"list": list, "force": false, "reason": "Terraform managed IP list", "application_ids": [0],
        "expired_at": LATER, "rules": [{"rules_type": kind, "values": values}]})
}

async fn call(cloud: &TestCloud, method: Method, resource: &str, body: Option<Value>) -> Reply {
    let admin = cloud.admin_pair().await;
    let path = format!("/v1/blocklist/clients/{}/{resource}", cloud.client.id);
    cloud.call(&admin, method, &path, body.as_ref()).await
}

async fn add(cloud: &TestCloud, body: Value) -> Reply {
    call(cloud, Method::POST, "access_rules", Some(body)).await
}

async fn applications(cloud: &TestCloud, ids: impl IntoIterator<Item = i64>) {
    let admin = cloud.admin_pair().await;
    for id in ids {
        let body = json!({"id": id, "clientid": cloud.client.id, "name": format!("Application {id}")});
        cloud.post(&admin, "/v1/objects/pool/create", body).await.body();
    }
}

async fn groups(cloud: &TestCloud, query: &str) -> Value {
    call(cloud, Method::GET, &format!("groups?{query}"), None).await.body()["objects"].clone()
}

#[tokio::test]
async fn each_subnet_is_an_entry_and_codes_share_one() {
    let cloud = TestCloud::start().await;
    let values = json!(["198.51.100.7", "203.0.113.9/24", "2001:db8::1", "198.51.100.7/32"]);
    let created = add(&cloud, rules("block", "subnet", values)).await.json();
    insta::assert_json_snapshot!("created_groups", created, { ".body.objects[].created_at" => "[time]" });
    add(&cloud, rules("block", "location", json!(["RU", "KP"]))).await.body();
    let all = groups(&cloud, "limit=1000").await;
    assert_eq!(all[0]["values"], json!(["RU", "KP"]));
    assert_eq!(all.as_array().unwrap().len(), 4);
    let found = |query: &'static str| {
        let cloud = &cloud;
        async move { groups(cloud, &format!("filter[query]={query}&limit=1")).await[0]["values"][0].clone() }
    };
    assert_eq!(found("198.51.100.7").await, "198.51.100.7/32");
    assert_eq!(found("203.0.113.9/24").await, "203.0.113.9/24");
    assert_eq!(found("kp").await, "RU");
    assert_eq!(found("192.0.2.1").await, json!(null));
    assert_eq!(
        groups(&cloud, "filter[rule_type][]=location&filter[list]=block").await.as_array().unwrap().len(),
        1
    );
    let delete = json!({"rules": [{"rule_type": "subnet", "ids": [1, 2, 4, 999]}]});
    let deleted = call(&cloud, Method::DELETE, "groups", Some(delete)).await.body();
    // 4 is a location: another type is not what was asked for.
    assert_eq!(deleted["objects"].as_array().unwrap().len(), 2);
    assert_eq!(groups(&cloud, "").await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn conflicts_are_refused_or_replaced() {
    let cloud = TestCloud::start().await;
    add(&cloud, rules("allow", "subnet", json!(["198.51.100.7"]))).await.body();
    let conflict = add(&cloud, rules("block", "subnet", json!(["198.51.100.7/32"]))).await;
    assert_eq!(
        (conflict.status, conflict.text.as_str()),
        (409, r#"{"status":409,"body":{"conflicts":[{"id":1,"list":"allow","value":"198.51.100.7/32"}]}}"#)
    );
    let mut forced = rules("block", "subnet", json!(["198.51.100.7"]));
    forced["force"] = json!(true);
    add(&cloud, forced).await.body();
    let left = groups(&cloud, "").await;
    assert_eq!((left.as_array().unwrap().len(), &left[0]["list"]), (1, &json!("block")));
    // Codes that the new entry does not name stay listed.
    add(&cloud, rules("gray", "location", json!(["DE", "FR"]))).await.body();
    assert_eq!(add(&cloud, rules("block", "location", json!(["fr"]))).await.status, 409);
    let mut forced = rules("block", "location", json!(["fr"]));
    forced["force"] = json!(true);
    add(&cloud, forced).await.body();
    let gray = groups(&cloud, "filter[list]=gray").await;
    assert_eq!(gray[0]["values"], json!(["DE"]));
    // Scopes that do not meet do not conflict.
    let mut scoped = rules("allow", "subnet", json!(["192.0.2.1"]));
    scoped["application_ids"] = json!([-1]);
    add(&cloud, scoped.clone()).await.body();
    scoped["application_ids"] = json!([-2]);
    assert_eq!(add(&cloud, scoped.clone()).await.json()["body"]["application_ids"]["error"], "is invalid");
}

#[tokio::test]
async fn entries_are_for_applications_that_the_tenant_has() {
    let cloud = TestCloud::start().await;
    applications(&cloud, [7, 77]).await;
    let mut scoped = rules("allow", "subnet", json!(["192.0.2.1"]));
    let refused = |reply: Reply, id: i64| {
        let unknown = json!({"application_ids": {"error": "is unknown", "value": id}});
        assert_eq!((reply.status, &reply.json()["body"]), (400, &unknown));
    };
    scoped["application_ids"] = json!([7, 78]);
    refused(add(&cloud, scoped.clone()).await, 78);
    refused(import(&cloud, "list=block&expired_at=0&application_ids[]=78", "192.0.2.9".into()).await, 78);
    let admin = cloud.admin_pair().await;
    let older = json!({"clientid": cloud.client.id, "force": false, "ip_rule": {"list": "black", "rule_type": "ip_range",
        "subnet": "192.0.2.8", "pools": [78], "expired_at": LATER, "reason": "r"}});
    let refusal = cloud.post(&admin, "/v4/ip_rules", older).await;
    assert_eq!((refusal.status, refusal.json()["body"]["pools"]["value"].as_i64()), (400, Some(78)));
    assert_eq!(groups(&cloud, "").await, json!([]));
    scoped["application_ids"] = json!([7, 77]);
    assert_eq!(add(&cloud, scoped.clone()).await.body()["objects"][0]["application_ids"], json!([7, 77]));
    // A deleted application is none, its entries stay.
    let delete = json!({"filter": {"id": 77, "clientid": cloud.client.id}});
    cloud.post(&cloud.admin_pair().await, "/v1/objects/pool/delete", delete).await.body();
    scoped["rules"][0]["values"] = json!(["192.0.2.2"]);
    refused(add(&cloud, scoped).await, 77);
    assert_eq!(groups(&cloud, "").await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn bad_values_and_times_are_refused_and_expired_entries_leave() {
    let cloud = TestCloud::start().await;
    for value in ["1.0.0.0/7", "nonsense"] {
        let reply = add(&cloud, rules("block", "subnet", json!([value]))).await;
        assert_eq!((reply.status, &reply.json()["body"]["values"]["error"]), (400, &json!("is invalid")));
    }
    let mut past = rules("block", "subnet", json!(["192.0.2.1"]));
    past["expired_at"] = json!(1);
    assert_eq!(add(&cloud, past.clone()).await.status, 400);
    past["expired_at"] = json!((cloud.running.cloud.now() + 600).to_string());
    add(&cloud, past.clone()).await.body();
    past["expired_at"] = json!(0);
    past["rules"][0]["values"] = json!(["192.0.2.2"]);
    assert_eq!(add(&cloud, past).await.body()["objects"][0]["expired_at"], json!(33_223_139_044_i64));
    cloud.running.cloud.clock.shift_ms(601_000);
    assert_eq!(groups(&cloud, "").await.as_array().unwrap().len(), 1);
    let expired = groups(&cloud, "filter[status]=expired").await;
    assert_eq!(
        (&expired[0]["status"], &expired[0]["values"][0]),
        (&json!("expired"), &json!("192.0.2.1/32"))
    );
}

#[tokio::test]
async fn the_legacy_api_speaks_of_the_same_entries() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let body = json!({"clientid": cloud.client.id, "force": false, "ip_rule": {"list": "black", "rule_type": "ip_range",
        "subnet": "1.1.1.1", "pools": [0], "expired_at": "33223139044", "reason": "docs"}});
    let created = cloud.post(&admin, "/v4/ip_rules", body.clone()).await.json();
    insta::assert_json_snapshot!("created_rule", created, { ".body.objects[].created_at" => "[time]" });
    let again = cloud.post(&admin, "/v4/ip_rules", body).await;
    assert_eq!((again.status, &again.json()["body"]["conflicts"][0]["list"]), (409, &json!("black")));
    let listed = cloud
        .get(
            &admin,
            &format!("/v4/ip_rules?filter[clientid]={}&filter[list]=black&limit=300", cloud.client.id),
        )
        .await
        .json();
    assert_eq!(listed["body"], created["body"]);
    assert_eq!(groups(&cloud, "").await[0]["list"], "block");
    // Each call of the current API above renewed the secret.
    let admin = cloud.admin_pair().await;
    let other = cloud.add_company("Other").await;
    let foreign = cloud.get(&admin, &format!("/v4/ip_rules?filter[clientid]={}", other.id)).await.body();
    assert_eq!(foreign["objects"], json!([]));
    let delete = json!({"filter": {"clientid": cloud.client.id, "id": [1], "list": "black"}});
    cloud.call(&admin, Method::DELETE, "/v4/ip_rules", Some(&delete)).await.body();
    assert_eq!(groups(&cloud, "").await, json!([]));
    let admin = cloud.admin_pair().await;
    let everything = cloud.call(&admin, Method::DELETE, "/v4/ip_rules", Some(&json!({"filter": {}}))).await;
    assert_eq!(everything.status, 400);
    let many = cloud.get(&admin, "/v4/ip_rules?limit=301").await;
    assert_eq!(
        (many.status, many.text.as_str()),
        (400, r#"{"status":400,"body":{"limit":{"error":"should be in 1..300","value":301}}}"#)
    );
    let auditor = cloud.add_user(cloud.client.id, "ro@acme.test", &["auditor"]).await;
    let auditor = cloud.pair_of(&auditor).await;
    assert_eq!(cloud.get(&auditor, "/v4/ip_rules").await.status, 200);
    assert_eq!(cloud.call(&auditor, Method::DELETE, "/v4/ip_rules", Some(&delete)).await.status, 403);
}

async fn import(cloud: &TestCloud, query: &str, text: String) -> Reply {
    let admin = cloud.admin_pair().await;
    let path = format!("/v1/blocklist/clients/{}/import?{query}", cloud.client.id);
    cloud.send_text(&admin, Method::POST, &path, text).await
}

#[tokio::test]
async fn refusals_name_what_was_sent() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let legacy = |rule: Value| json!({"clientid": 1, "ip_rule": rule});
    let path = "/v1/blocklist/clients/1/access_rules";
    let rules = json!([{"rules_type": "subnet", "values": ["198.51.100.7"]}, {"rules_type": "subnet", "values": ["nope"]}]);
    for (path, sent, body) in [
        (
            "/v4/ip_rules",
            legacy(json!({"list": "black", "rule_type": "ip_range", "subnet": "nope", "expired_at": 0})),
            json!({"subnet": {"error": "is invalid", "value": "nope"}}),
        ),
        (
            "/v4/ip_rules",
            legacy(json!({"list": "black", "rule_type": "country", "country": "HU", "expired_at": 0})),
            json!({"source_values": {"error": "can't be blank"}}),
        ),
        ("/v4/ip_rules", json!({"clientid": 1}), json!({"ip_rule": {"error": "can't be blank"}})),
        (
            path,
            json!({"list": "block", "expired_at": 0, "rules": rules}),
            json!({"values": {"error": "is invalid", "value": "nope", "line": 1, "rule": 2}}),
        ),
    ] {
        let reply = cloud.post(&admin, path, sent).await;
        assert_eq!((reply.status, &reply.json()["body"]), (400, &body), "{}", reply.text);
    }
    let query = "list=block&expired_at=0&force=";
    let reply = import(&cloud, &format!("{query}maybe"), "97.1.1.1".to_owned()).await;
    let body = json!({"force": {"error": "should be true or false", "value": "maybe"}});
    assert_eq!((reply.status, &reply.json()["body"]), (400, &body));
    // A byte order mark is no part of the first line.
    let reply = import(&cloud, &format!("{query}false"), "\u{feff}97.1.1.1\n".to_owned()).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

#[tokio::test]
async fn a_text_is_imported_whole_or_not_at_all() {
    let cloud = TestCloud::start().await;
    let lines = |bad: Option<usize>| {
        let line = |n: usize| match bad {
            Some(line) if line == n => "10.0.0.256".to_owned(),
            _ => format!("10.{}.{}.1 # seen {n}", n / 250, n % 250),
        };
        let body: Vec<String> = (1..=50_000).map(line).collect();
        format!("\n{}", body.join("\n"))
    };
    applications(&cloud, [3]).await;
    let query = "list=block&expired_at=0&reason=feed&application_ids[]=3";
    let refused = import(&cloud, query, lines(Some(31_336))).await;
    assert_eq!(
        (refused.status, refused.text.as_str()),
        (400, r#"{"status":400,"body":{"values":{"error":"is invalid","value":"10.0.0.256","line":31337}}}"#)
    );
    assert_eq!(groups(&cloud, "").await, json!([]));
    let done = import(&cloud, query, lines(None)).await;
    assert_eq!(done.text, r#"{"status":200,"body":{"created":50000}}"#);
    let found = groups(&cloud, "filter[query]=10.199.249.1&filter[application_ids][]=3").await;
    assert_eq!(
        (&found[0]["values"], &found[0]["application_ids"], &found[0]["reason"]),
        (&json!(["10.199.249.1/32"]), &json!([3]), &json!("feed"))
    );
    assert_eq!(groups(&cloud, "filter[query]=10.199.249.1&filter[application_ids][]=4").await, json!([]));
    let counts = call(&cloud, Method::GET, "access_rules/counts", None).await.text;
    assert_eq!(
        counts,
        r#"{"status":200,"body":{"subnet":50000,"location":0,"datacenter":0,"proxy_type":0}}"#
    );
    assert_eq!(import(&cloud, query, lines(None)).await.status, 409);
    assert_eq!(import(&cloud, &format!("{query}&force=true"), lines(None)).await.status, 200);
    assert_eq!(
        import(&cloud, "list=block", "10.0.0.1".into()).await.json()["body"]["expired_at"]["error"],
        "can't be blank"
    );
    assert_eq!(import(&cloud, query, "# nothing".into()).await.status, 400);
    let many = json!((0..1001).map(|n| format!("11.0.{}.{}", n / 250, n % 250)).collect::<Vec<_>>());
    let refused = add(&cloud, rules("block", "subnet", many)).await.json();
    assert_eq!(refused["body"]["values"], json!({"error": "should be in 1..1000", "value": 1001}));
}

#[tokio::test]
async fn the_oldest_form_shows_what_is_and_was_denied() {
    let cloud = TestCloud::start().await;
    applications(&cloud, [1, 2]).await;
    let mut scoped = rules("block", "subnet", json!(["192.0.2.1", "192.0.2.2"]));
    scoped["application_ids"] = json!([1, 2]);
    let made = add(&cloud, scoped).await.body()["objects"].clone();
    let delete = json!({"rules": [{"rule_type": "subnet", "ids": [made[0]["id"]]}]});
    call(&cloud, Method::DELETE, "groups", Some(delete)).await.body();
    let admin = cloud.admin_pair().await;
    let path = format!("filter[clientid]={}&limit=10", cloud.client.id);
    let now = cloud.get(&admin, &format!("/v3/blacklist?{path}")).await.body()["objects"].clone();
    let expected = |pool_id: i64| {
        json!({"ip": "192.0.2.2/32", "reason": "Terraform managed IP list",
            "blocked_at": made[1]["created_at"], "expire_at": LATER, "unblocked_at": null,
            "pool_id": pool_id, "client_id": cloud.client.id})
    };
    assert_eq!(now, json!([expected(1), expected(2)]));
    let history = cloud.get(&admin, &format!("/v3/blacklist/history?{path}")).await.body()["objects"].clone();
    assert_eq!(history.as_array().unwrap().len(), 4);
    assert_eq!((&history[2]["ip"], history[2]["unblocked_at"].is_i64()), (&json!("192.0.2.1/32"), true));
}

#[tokio::test]
async fn applications_are_counted_once_and_bounded() {
    let cloud = TestCloud::start().await;
    applications(&cloud, [3]).await;
    let mut rule = rules("block", "subnet", json!(["192.0.2.1"]));
    rule["application_ids"] = json!(vec![3; 1000]);
    assert_eq!(add(&cloud, rule.clone()).await.body()["objects"][0]["application_ids"], json!([3]));
    rule["application_ids"] = (1..=251).collect::<Vec<i64>>().into();
    let refused = add(&cloud, rule).await.json();
    assert_eq!(refused["body"], json!({"application_ids": {"error": "should be in 1..250", "value": 251}}));
    let lines: String = (0..4001).map(|n| format!("10.{}.{}.1\n", n / 250, n % 250)).collect();
    let ids: String = (1..=250).map(|id| format!("&application_ids[]={id}")).collect();
    let refused = import(&cloud, &format!("list=block&expired_at=0{ids}"), lines).await.json();
    let error = "times the number of values should be at most 1000000";
    assert_eq!(refused["body"], json!({"application_ids": {"error": error, "value": 250}}));
}

#[tokio::test]
async fn very_many_entries_are_named_in_one_deletion() {
    let cloud = TestCloud::start().await;
    add(&cloud, rules("block", "subnet", json!(["198.51.100.7", "203.0.113.9"]))).await.body();
    // More than a statement of the database takes.
    let ids: Vec<i64> = (1..=40_000).rev().collect();
    let delete = json!({"rules": [{"rule_type": "subnet", "ids": ids}]});
    let deleted = call(&cloud, Method::DELETE, "groups", Some(delete)).await.body();
    assert_eq!(deleted["objects"].as_array().unwrap().len(), 2);
    assert_eq!(groups(&cloud, "").await, json!([]));
}

#[tokio::test]
async fn refusals_of_wrong_types_name_the_field() {
    let cloud = TestCloud::start().await;
    let refusal = async |change: &dyn Fn(&mut Value)| {
        let mut body = rules("block", "subnet", json!(["198.51.100.7"]));
        change(&mut body);
        let reply = add(&cloud, body).await;
        assert_eq!(reply.status, 400, "{}", reply.text);
        reply.json()["body"].clone()
    };
    let applications = refusal(&|body| body["application_ids"] = json!(["a"])).await;
    assert_eq!(applications["application_ids"]["value"], json!(["a"]));
    assert!(refusal(&|body| body["rules"] = Value::Null).await["rules"]["error"].is_string());
    let location =
        refusal(&|body| body["rules"] = json!([{"rules_type": "location", "values": ["ZZ"]}])).await;
    assert!(location.to_string().contains("ZZ"), "{location}");
}
