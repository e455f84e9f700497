use bartizan_testkit::{Credential, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

macro_rules! snapshot {
    ($body:expr) => {
        insta::assert_json_snapshot!($body, {
            ".**.time" => "[time]", ".**.request_id" => "[uuid]", ".**.id" => "[id]", ".**.object_id" => "[id]",
            ".**.subject_id" => "[id]", ".**.realid" => "[id]", ".**.password_changed" => "[time]",
            ".**.initiator.id" => "[id]",
        })
    };
}

fn path(cloud: &TestCloud, query: &str) -> String {
    format!("/v1/activity_log/{}/events{query}", cloud.client.id)
}

async fn entries(cloud: &TestCloud, by: &Credential, query: &str) -> Vec<Value> {
    let body = cloud.get(by, &path(cloud, query)).await.body();
    body["objects"].as_array().unwrap().clone()
}

/// An application made, renamed and refused once more.
async fn something_happened(cloud: &TestCloud, by: &Credential) {
    cloud.post(by, "/v1/objects/pool/create", json!({"id": 7, "name": "Shop"})).await.body();
    let rename = json!({"filter": {"id": 7}, "fields": {"name": "=Shop"}});
    cloud.post(by, "/v1/objects/pool/update", rename).await.body();
    assert_eq!(cloud.post(by, "/v1/objects/pool/create", json!({"id": 7, "name": "Shop"})).await.status, 400);
}

#[tokio::test]
async fn the_log_has_its_wire_forms() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    something_happened(&cloud, &admin).await;
    snapshot!(
        cloud
            .get(&admin, &path(&cloud, "?order_desc=true&offset=0&limit=50&order_by=timestamp"))
            .await
            .json()
    );
    snapshot!(cloud.get(&admin, "/v1/activity_log/events_get_filters").await.json());
    snapshot!(cloud.post(&admin, "/v1/audit_log", json!({"limit": 20, "filter": {}})).await.json());
}

#[tokio::test]
async fn entries_are_found_by_what_they_say() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    something_happened(&cloud, &admin).await;
    let count = async |query: &str| entries(&cloud, &admin, query).await.len();
    assert_eq!(count("?filter[outcomes][]=failure").await, 1);
    assert_eq!(count("?filter[outcomes]=success").await, 2);
    assert_eq!(count("?filter[action_types][]=update&filter[object_types][]=application").await, 1);
    assert_eq!(count("?filter[object_types][]=rule").await, 0);
    assert_eq!(count("?filter[sources][]=api_token").await, 3);
    assert_eq!(count("?filter[sources][]=ui_page").await, 0);
    assert_eq!(count(&format!("?filter[actor_ids][]={}", cloud.admin.id)).await, 3);
    assert_eq!(count("?filter[query]=ADA").await, 3);
    assert_eq!(count("?filter[query]=Admin@Acme").await, 3);
    assert_eq!(count("?filter[query]=nobody@acme").await, 0);
    assert_eq!(count("?filter[query]=nobody").await, 0);
    let now = cloud.running.cloud.now();
    assert_eq!(count(&format!("?filter[time_start]={}", now + 60)).await, 0);
    assert_eq!(count(&format!("?filter[time_end]={}", now + 60)).await, 3);
    assert_eq!(count("?limit=2&offset=2").await, 1);
    let first = entries(&cloud, &admin, "?order_desc=false&limit=1").await.remove(0);
    assert_eq!(first["action_type"], "Create");
    let one = cloud.get(&admin, &path(&cloud, &format!("/{}", first["id"]))).await.body();
    assert_eq!(one["objects"][0], first);
    for (query, error) in [
        ("?filter[nope]=1", "unknown filter field"),
        ("?filter[outcomes][]=maybe", "unknown value of outcomes"),
        ("?limit=1001", "limit is too big"),
        ("?order_by=name", "unknown order_by"),
        ("?filter[time_start]=x", "time_start must be whole numbers"),
    ] {
        let reply = cloud.get(&admin, &path(&cloud, query)).await;
        assert_eq!((reply.status, reply.json()["body"]["error"].as_str()), (400, Some(error)), "{query}");
    }
    assert_eq!(cloud.get(&admin, &path(&cloud, "/4711")).await.status, 404);
}

#[tokio::test]
async fn entries_about_what_one_may_not_see_are_hidden() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    something_happened(&cloud, &admin).await;
    let eve = cloud.add_user(cloud.client.id, "eve@acme.test", &["view_activity_log", "view_user"]).await;
    let eve = cloud.pair_of(&eve).await;
    assert_eq!(entries(&cloud, &eve, "").await, Vec::<Value>::new());
    let hidden = entries(&cloud, &admin, "").await.remove(0);
    assert_eq!(cloud.get(&eve, &path(&cloud, &format!("/{}", hidden["id"]))).await.status, 404);
    let kinds = cloud.get(&eve, "/v1/activity_log/events_get_filters").await.body();
    assert!(!kinds["object_types"].to_string().contains("application"));
    let target = json!({"type": "email", "target": ["a@acme.test"]});
    cloud.post(&admin, "/v2/integration", target).await.body();
    let settings = format!("/v1/client/{}/event_settings", cloud.client.id);
    cloud.call(&admin, Method::PUT, &settings, Some(&json!({"retention_days": 30}))).await.body();
    let seen = entries(&cloud, &admin, "?limit=2").await;
    assert_eq!(
        seen.iter().map(|entry| &entry["object_type_info"]["value"]).collect::<Vec<_>>(),
        ["event_settings", "email_integration"]
    );
    // A kind without a permission of its own is for those who may see everything.
    for query in ["", "?filter[object_types][]=email_integration", "?filter[object_types][]=event_settings"] {
        assert_eq!(entries(&cloud, &eve, query).await, Vec::<Value>::new(), "{query}");
    }
    for entry in seen {
        assert_eq!(cloud.get(&eve, &path(&cloud, &format!("/{}", entry["id"]))).await.status, 404);
    }
}

#[tokio::test]
async fn the_csv_file_holds_no_formulas() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    something_happened(&cloud, &admin).await;
    let reply = cloud.get(&admin, &path(&cloud, ".csv?order_desc=false")).await;
    assert_eq!(reply.headers["content-type"], "text/csv; charset=utf-8");
    let lines: Vec<&str> = reply.text.lines().collect();
    assert_eq!(lines.len(), 4, "{}", reply.text);
    assert!(lines[2].contains(",Update,Application,7,'=Shop,success,api_token,Ada Admin,"), "{}", lines[2]);
}

#[tokio::test]
async fn sign_ins_and_refusals_are_logged() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let eve = cloud.add_user(cloud.client.id, "eve@acme.test", &["auditor"]).await;
    let eve = cloud.pair_of(&eve).await;
    assert_eq!(cloud.post(&eve, "/v1/objects/pool/create", json!({"name": "x"})).await.status, 403);
    let seen = entries(&cloud, &session, "?filter[object_types][]=sign_in").await;
    assert_eq!((&seen[0]["outcome"], &seen[0]["source"]), (&json!("success"), &json!("ui_page")));
    let refused = entries(&cloud, &session, "?filter[outcomes][]=failure").await;
    assert_eq!(refused[0]["description"], "POST /v1/objects/pool/create was answered with 403");
}

#[tokio::test]
async fn the_older_form_goes_on_where_it_stopped() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    for name in ["a", "b", "c"] {
        cloud.post(&admin, "/v1/objects/pool/create", json!({ "name": name })).await.body();
    }
    let first = cloud.post(&admin, "/v1/audit_log", json!({"limit": 2, "filter": {}})).await.body();
    let rest = json!({"limit": 2, "filter": {}, "continuation": first["continuation"]});
    let rest = cloud.post(&admin, "/v1/audit_log", rest).await.body();
    let names = |page: &Value| -> Vec<String> {
        page["objects"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["entity"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!((names(&first), names(&rest)), (vec!["c".into(), "b".into()], vec!["a".into()]));
    assert_eq!(rest["continuation"], Value::Null);
}

#[tokio::test]
async fn old_entries_go_when_their_time_is_over() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    something_happened(&cloud, &admin).await;
    let settings = format!("/v1/clients/{}/settings", cloud.client.id);
    let kept = json!({"audit_retention_days": 90});
    cloud.call(&admin, Method::PUT, &settings, Some(&kept)).await.body();
    bartizan_cloud::services::activity_chain::chain(&cloud.running.cloud).await.unwrap();
    cloud.running.cloud.clock.shift_ms(91 * 86_400_000);
    bartizan_cloud::services::accounts::clean(&cloud.running.cloud).await;
    assert_eq!(entries(&cloud, &admin, "?filter[time_start]=1").await, Vec::<Value>::new());
}

#[tokio::test]
async fn addresses_of_other_tenants_are_not_found_by_their_letters() {
    let cloud = TestCloud::start().await;
    let (home, linked) = cloud.add_global_account().await;
    let stranger = cloud.add_user(home.id, "global@home.test", &["partner_admin_ext"]).await;
    let stranger = cloud.pair_of(&stranger).await;
    cloud
        .post(&stranger, "/v1/objects/pool/create", json!({"name": "Shop", "clientid": linked.id}))
        .await
        .body();
    let own = cloud.add_user(linked.id, "own@linked.test", &["admin"]).await;
    let own = cloud.pair_of(&own).await;
    let found = async |by: &Credential, query: &str| {
        let path = format!("/v1/activity_log/{}/events?filter[object_types][]=application{query}", linked.id);
        cloud.get(by, &path).await.body()["objects"].as_array().unwrap().len()
    };
    assert_eq!((found(&own, "").await, found(&own, "&filter[query]=global@").await), (1, 0));
    // Nor does an address stand in for the name of the author of an entry.
    let entry = json!({"list": "block", "force": false, "reason": "r", "application_ids": [0],
        "expired_at": 4_000_000_000i64, "rules": [{"rules_type": "subnet", "values": ["198.51.100.7"]}]});
    let path = format!("/v1/blocklist/clients/{}", linked.id);
    cloud.post(&stranger, &format!("{path}/access_rules"), entry).await.body();
    let groups = cloud.get(&own, &format!("{path}/groups?limit=10")).await.text;
    assert!(groups.contains("198.51.100.7") && !groups.contains("global@home.test"), "{groups}");
}
