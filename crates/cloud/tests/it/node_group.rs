use bartizan_testkit::{Credential, TestCloud};
use reqwest::Method;
use serde_json::json;

async fn create(cloud: &TestCloud, hostname: &str) -> serde_json::Value {
    let admin = cloud.admin_pair().await;
    cloud.post(&admin, "/v2/node", json!({"hostname": hostname, "type": "cloud_node"})).await.body()
}

#[tokio::test]
async fn only_administrators_read_a_token_again() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    cloud.post(&admin, "/v2/node", json!({"hostname": "n"})).await.body();
    let helper =
        cloud.add_user(cloud.client.id, "h@acme.test", &["view_node", "create_node", "update_node"]).await;
    let helper = cloud.pair_of(&helper).await;
    assert!(cloud.get(&admin, "/v2/node").await.body()[0]["token"].is_string());
    assert_eq!(cloud.get(&helper, "/v2/node").await.body()[0]["token"], "");
}

#[tokio::test]
async fn a_created_group_has_its_wire_form_and_a_token_for_administrators() {
    let cloud = TestCloud::start().await;
    let created = create(&cloud, "production").await;
    assert_eq!(created["token"].as_str().unwrap().len(), 64);
    assert_eq!(created["secret"].as_str().unwrap().len(), 64);
    insta::assert_json_snapshot!(created, {
        ".uuid" => "[uuid]", ".token" => "[token]", ".secret" => "[secret]", ".create_time" => "[time]",
    });
    let admin = cloud.admin_pair().await;
    let listed = cloud.get(&admin, "/v2/node?filter[clientid][]=1&filter[!type]=fast_node").await.body();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["token"]), (1, &created["token"]));
    assert_eq!(listed[0].get("secret"), None);
    let auditor = cloud.add_user(cloud.client.id, "ro@acme.test", &["auditor"]).await;
    let auditor = cloud.pair_of(&auditor).await;
    assert_eq!(cloud.get(&auditor, "/v2/node").await.body()[0]["token"], json!(""));
    assert_eq!(cloud.post(&auditor, "/v2/node", json!({"hostname": "x"})).await.status, 403);
    assert_eq!(cloud.get(&admin, "/v2/node?filter[type]=fast_node").await.body(), json!([]));
}

#[tokio::test]
async fn refusals_are_exact() {
    let cloud = TestCloud::start().await;
    create(&cloud, "production").await;
    let admin = cloud.admin_pair().await;
    let again = cloud.post(&admin, "/v2/node", json!({"hostname": "production"})).await;
    assert_eq!((again.status, again.text.as_str()), (400, r#"{"status":400,"body":"Already exists"}"#));
    let blank = cloud.post(&admin, "/v2/node", json!({"hostname": ""})).await;
    assert_eq!(
        (blank.status, blank.text.as_str()),
        (400, r#"{"status":400,"body":{"hostname":{"error":"can't be blank","value":""}}}"#)
    );
    let partner = cloud.post(&admin, "/v2/node", json!({"hostname": "p", "partner_mode": true})).await;
    assert_eq!(partner.status, 403);
    let other = cloud.add_company("Other").await;
    let foreign = cloud.post(&admin, "/v2/node", json!({"hostname": "f", "clientid": other.id})).await;
    assert_eq!((foreign.status, foreign.text.as_str()), (403, r#"{"status":403,"body":"Access denied"}"#));
    let absent = cloud.call(&admin, Method::DELETE, "/v2/node/999", None).await;
    assert_eq!(
        (absent.status, absent.text.as_str()),
        (404, r#"{"status":404,"body":{"error":"node not found","value":999}}"#)
    );
}

#[tokio::test]
async fn deploy_creates_but_does_not_list_and_tenants_do_not_see_each_other() {
    let cloud = TestCloud::start().await;
    let deploy = cloud.add_user(cloud.client.id, "deploy@acme.test", &["deploy"]).await;
    let deploy = cloud.pair_of(&deploy).await;
    let created = cloud.post(&deploy, "/v2/node", json!({"hostname": "d"})).await.body();
    assert_eq!(created["token"].as_str().unwrap().len(), 64);
    assert_eq!(cloud.get(&deploy, "/v2/node").await.status, 403);
    let other = cloud.add_company("Other").await;
    let stranger = cloud.add_user(other.id, "s@other.test", &["admin"]).await;
    let stranger = cloud.pair_of(&stranger).await;
    assert_eq!(cloud.get(&stranger, "/v2/node").await.body(), json!([]));
    let path = format!("/v2/node/{}", created["id"]);
    assert_eq!(cloud.call(&stranger, Method::DELETE, &path, None).await.status, 403);
    let admin = cloud.admin_pair().await;
    assert_eq!(cloud.call(&admin, Method::DELETE, &path, None).await.status, 200);
    assert_eq!(cloud.get(&admin, "/v2/node").await.body(), json!([]));
}

#[tokio::test]
async fn the_flat_list_identifies_groups_by_uuid() {
    let cloud = TestCloud::start().await;
    let created = create(&cloud, "production").await;
    create(&cloud, "staging").await;
    let admin = cloud.admin_pair().await;
    let request = json!({"filter": {"hostname": "production"}, "limit": 10, "offset": 0, "order_by": "id"});
    let found = cloud.post(&admin, "/v1/objects/node", request).await.body();
    assert_eq!(found[0]["id"], created["uuid"]);
    insta::assert_json_snapshot!(found, { "[].uuid" => "[uuid]", "[].id" => "[uuid]", "[].create_time" => "[time]" });
    let everything = cloud.post(&admin, "/v1/objects/node", json!({})).await.body();
    assert_eq!(everything.as_array().unwrap().len(), 2);
    let too_many = cloud.post(&admin, "/v1/objects/node", json!({"limit": 1001})).await;
    assert_eq!(
        (too_many.status, too_many.text.as_str()),
        (400, r#"{"status":400,"body":{"limit":{"error":"should be in 1..1000","value":1001}}}"#)
    );
}

#[tokio::test]
async fn a_new_token_ends_the_old_one() {
    let cloud = TestCloud::start().await;
    let created = create(&cloud, "production").await;
    let admin = cloud.admin_pair().await;
    let path = format!("/v2/node/{}/regenerate_token", created["id"]);
    let renewed = cloud.post(&admin, &path, json!({})).await.body();
    assert_ne!(renewed["token"], created["token"]);
    let register = |token: &serde_json::Value| {
        let token = Credential::Token(token.as_str().unwrap().to_owned());
        let cloud = &cloud;
        async move {
            let body = json!({"hostname": "n", "version": "1", "role": "proxy"});
            cloud.post(&token, "/node/v1/register", body).await.status
        }
    };
    assert_eq!(register(&created["token"]).await, 403);
    assert_eq!(register(&renewed["token"]).await, 200);
}

#[tokio::test]
async fn a_token_is_shown_once_where_tokens_cannot_be_read_back() {
    let cloud = TestCloud::start_with(|config| config.auth.retrievable_tokens = false).await;
    let created = create(&cloud, "production").await;
    assert_eq!(created["token"].as_str().unwrap().len(), 64);
    let admin = cloud.admin_pair().await;
    assert_eq!(cloud.get(&admin, "/v2/node").await.body()[0]["token"], json!(""));
    let path = format!("/v2/node/{}/regenerate_token", created["id"]);
    assert_eq!(cloud.post(&admin, &path, json!({})).await.body()["token"].as_str().unwrap().len(), 64);
    let (store, tenants) = (&cloud.running.cloud.store, bartizan_store::TenantId(cloud.client.id).into());
    let group = bartizan_store::nodes::find_group(store.reader(), &tenants, 1).await.unwrap();
    assert_eq!(group.unwrap().token_sealed, None);
}

#[tokio::test]
async fn the_token_of_a_group_counts_as_a_request_of_its_client() {
    let cloud = TestCloud::start_with(|config| {
        config.limits.requests_per_second = 1;
        config.limits.request_burst = 2;
    })
    .await;
    let created = create(&cloud, "production").await;
    let token = Credential::Token(created["token"].as_str().unwrap().to_owned());
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(cloud.get(&token, "/v1/user").await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
}
