use bartizan_testkit::{Credential, TestCloud, cloud::PASSWORD};
use reqwest::Method;
use serde_json::{Value, json};

async fn change(cloud: &TestCloud, by: &Credential, current: &str, new: &str, again: &str) -> (u16, String) {
    let body = json!({"current_password": current, "password": new, "password_confirmation": again});
    let reply = cloud.call(by, Method::PUT, "/v1/user/password", Some(&body)).await;
    (reply.status, reply.text)
}

async fn sign_in_status(cloud: &TestCloud, password: &str) -> u16 {
    let body = json!({"username": "admin@acme.test", "password": password});
    cloud.post(&Credential::Anonymous, "/v1/login", body).await.status
}

#[tokio::test]
async fn a_user_of_an_identity_provider_has_no_password_to_change() {
    use bartizan_store::sea_orm::{ActiveValue::Set, IntoActiveModel};
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let mut row = cloud.admin.clone().into_active_model();
    row.auth_method = Set(Some("saml".to_owned()));
    let tenant = bartizan_store::TenantId(cloud.client.id);
    cloud.running.cloud.store.update_user_row(tenant, row).await.unwrap();
    cloud.running.cloud.known.refresh(&cloud.running.cloud.store).await;
    let denied = (403, r#"{"status":403,"body":"Access denied"}"#.to_owned());
    assert_eq!(change(&cloud, &session, PASSWORD, "Correct2horse", "Correct2horse").await, denied);
    for (path, body) in [
        ("/v1/user/credentials/renew", json!({"password": PASSWORD})),
        ("/v1/user/email", json!({"email": "ada@new.test", "password": PASSWORD})),
    ] {
        let reply = cloud.post(&session, path, body).await;
        assert_eq!((reply.status, reply.text), denied, "{path}");
    }
}

#[tokio::test]
async fn changing_the_password_needs_the_old_one_and_ends_other_sessions() {
    let cloud = TestCloud::start().await;
    let (here, there) = (cloud.sign_in("admin@acme.test").await, cloud.sign_in("admin@acme.test").await);
    let pair = cloud.admin_pair().await;
    let wrong = change(&cloud, &here, "wrong", "Correct2horse", "Correct2horse").await;
    assert_eq!(wrong, (403, r#"{"status":403,"body":"Invalid password"}"#.to_owned()));
    assert_eq!(change(&cloud, &here, PASSWORD, "Correct2horse", "Correct3horse").await.0, 400);
    let weak = change(&cloud, &here, PASSWORD, "short", "short").await.1;
    assert_eq!(weak, r#"{"status":400,"body":{"error":"weak password","value":["length","upper","digit"]}}"#);
    assert_eq!(sign_in_status(&cloud, PASSWORD).await, 200);
    let changed = change(&cloud, &here, PASSWORD, "Correct2horse", "Correct2horse").await;
    assert_eq!(changed, (200, r#"{"status":200,"body":{}}"#.to_owned()));
    assert_eq!(cloud.get(&here, "/v1/session").await.status, 200);
    assert_eq!(cloud.get(&there, "/v1/session").await.status, 401);
    assert_eq!(cloud.get(&pair, "/v1/user").await.status, 200);
    assert_eq!(
        (sign_in_status(&cloud, PASSWORD).await, sign_in_status(&cloud, "Correct2horse").await),
        (401, 200)
    );
}

#[tokio::test]
async fn a_revoked_secret_is_dead() {
    let cloud = TestCloud::start().await;
    let eve = cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    let (hers, his) = (cloud.pair_of(&eve).await, cloud.admin_pair().await);
    let session = cloud.sign_in("eve@acme.test").await;
    let revoke =
        async |by: &Credential, body: Value| cloud.post(by, "/v1/user/credentials/revoke", body).await;
    assert_eq!(revoke(&session, json!({"password": "wrong"})).await.status, 403);
    assert_eq!(revoke(&session, json!({"password": PASSWORD, "user_id": cloud.admin.id})).await.status, 403);
    assert_eq!(cloud.get(&his, "/v1/user").await.status, 200);
    let revoked = revoke(&session, json!({"password": PASSWORD})).await;
    assert_eq!(revoked.text, r#"{"status":200,"body":{"secret_set":false}}"#);
    assert_eq!(cloud.get(&hers, "/v1/user").await.status, 403);
    let again = cloud.pair_of(&eve).await;
    let admin = cloud.sign_in("admin@acme.test").await;
    assert_eq!(revoke(&admin, json!({"password": PASSWORD, "user_id": eve.id})).await.status, 200);
    assert_eq!(cloud.get(&again, "/v1/user").await.status, 403);
    assert_eq!(revoke(&admin, json!({"password": PASSWORD, "user_id": 4711})).await.status, 404);
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let cloud = TestCloud::start().await;
    cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    let eve = cloud.sign_in("eve@acme.test").await;
    let admin = cloud.sign_in("admin@acme.test").await;
    cloud.post(&eve, "/v1/session/token", json!({})).await.body();
    let listed = cloud.get(&eve, "/v1/sessions").await.json();
    insta::assert_json_snapshot!(listed, {
        ".**.id" => "[uuid]", ".**.created_at" => "[time]", ".**.last_seen_at" => "[time]", ".**.expires_at" => "[time]",
    });
    assert_eq!(cloud.get(&eve, &format!("/v1/sessions?user_id={}", cloud.admin.id)).await.status, 403);
    let own = listed["body"][0]["user_id"].clone();
    let seen = cloud.get(&admin, &format!("/v1/sessions?user_id={own}")).await.body();
    assert_eq!(
        (seen[0]["id"].clone(), &seen[0]["current"]),
        (listed["body"][0]["id"].clone(), &json!(false))
    );
    let his = cloud.get(&admin, "/v1/sessions").await.body()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(cloud.call(&eve, Method::DELETE, &format!("/v1/sessions/{his}"), None).await.status, 403);
    let path = format!("/v1/sessions/{}", seen[0]["id"].as_str().unwrap());
    assert_eq!(cloud.call(&admin, Method::DELETE, &path, None).await.status, 200);
    assert_eq!(cloud.get(&eve, "/v1/session").await.status, 401);
    assert_eq!(cloud.call(&admin, Method::DELETE, &path, None).await.status, 404);
    let other = cloud.add_company("Other").await;
    cloud.add_user(other.id, "root@other.test", &["admin"]).await;
    let there = cloud.sign_in("root@other.test").await;
    let foreign = cloud.get(&there, "/v1/sessions").await.body()[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/sessions/{foreign}");
    assert_eq!(cloud.call(&admin, Method::DELETE, &path, None).await.status, 403);
}

#[tokio::test]
async fn users_change_their_own_profile() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let body = json!({
        "realname": "Ada L", "timezone": "Europe/Berlin", "default_poolid": 7, "last_read_news_id": 3,
        "notifications": {"vuln": {"email": true}}, "components": ["fast"],
    });
    let changed = cloud.call(&session, Method::PUT, "/v1/user", Some(&body)).await.body();
    assert_eq!((&changed["realname"], &changed["default_poolid"]), (&json!("Ada L"), &json!(7)));
    assert_eq!(changed["components"], json!(["waf"]));
    assert_eq!(cloud.get(&session, "/v1/user").await.body()["timezone"], "Europe/Berlin");
    for (field, value) in [("timezone", "Mars/Olympus"), ("timezone", "lower"), ("clientid", "7")] {
        let body = json!({ field: value });
        let refused = cloud.call(&session, Method::PUT, "/v1/user", Some(&body)).await;
        assert_eq!(refused.status, 400, "{field}: {}", refused.text);
    }
    let abbreviated = cloud.call(&session, Method::PUT, "/v1/user", Some(&json!({"timezone": "CEST"}))).await;
    assert_eq!(abbreviated.body()["timezone"], "CEST");
    let refused = cloud.call(&session, Method::PUT, "/v1/user", Some(&json!({"phone": "abc"}))).await;
    assert_eq!(refused.text, r#"{"status":400,"body":{"error":"invalid phone","value":"abc"}}"#);
}

#[tokio::test]
async fn a_temporary_password_must_be_changed_first() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let eve = cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    let set = json!({"filter": {"id": eve.id}, "fields": {"password": PASSWORD}});
    cloud.post(&admin, "/v1/objects/user/update", set).await.body();
    let session = cloud.sign_in("eve@acme.test").await;
    assert_eq!(cloud.get(&session, "/v1/session").await.body()["restriction"], "password");
    assert_eq!(cloud.post(&session, "/v1/objects/hint", json!({})).await.status, 403);
    let new = "Correct2horse";
    let body = json!({"current_password": PASSWORD, "password": new, "password_confirmation": new});
    let changed = cloud.call(&session, Method::PUT, "/v1/user/password", Some(&body)).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    // A session that may do more than before has another id.
    assert_eq!(cloud.get(&session, "/v1/session").await.status, 401);
    let session = session.after(&changed);
    assert_eq!(cloud.post(&session, "/v1/objects/hint", json!({})).await.status, 200);
}
