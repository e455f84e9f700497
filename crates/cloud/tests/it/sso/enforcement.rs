//! What strict mode and provisioning mean for the users of a client, and what the fallback account may not lose.

use bartizan_testkit::{Credential, TestCloud, cloud::PASSWORD};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Browser, activate, credential, login, start, with_proof};

/// The session of a cookie that a sign-in ended with.
async fn session_of(cloud: &TestCloud, cookie: Option<String>) -> Credential {
    let Credential::Cookie(cookie, _) = credential(cookie) else { unreachable!() };
    let csrf = cloud.get(&Credential::Cookie(cookie.clone(), String::new()), "/v1/session").await.body();
    Credential::Cookie(cookie, csrf["csrf"].as_str().unwrap().to_owned())
}

fn new_user(email: &str) -> Value {
    json!({"email": email, "realname": "New User", "permissions": ["auditor"], "password": "Aa1!aaaa9Z"})
}

#[tokio::test]
async fn under_strict_single_sign_on_new_users_have_no_password() {
    let (cloud, issuer, session) = start().await;
    activate(&cloud, &issuer, &session, json!({"strict": true})).await;
    let made = cloud.post(&session, "/v1/objects/user/create", new_user("eve@acme.test")).await.body();
    assert_eq!(made["available_authentications"], json!(["oidc"]));
    let by_password = json!({"username": "eve@acme.test", "password": "Aa1!aaaa9Z"});
    assert_eq!(cloud.post(&Credential::Anonymous, "/v1/login", by_password).await.status, 401);
    let (end, cookie) = Browser::new().sign_in(&cloud, &issuer, &login(&cloud)).await;
    assert_eq!(end, "/");
    assert_eq!(cloud.get(&credential(cookie), "/v1/user").await.body()["permissions"], json!(["auditor"]));
}

#[tokio::test]
async fn under_provisioning_the_provider_is_the_source_of_users() {
    let (cloud, issuer, session) = start().await;
    let old = cloud.add_user(cloud.client.id, "old@acme.test", &["analytic"]).await;
    let proof = activate(&cloud, &issuer, &session, json!({"provisioning": true})).await;
    let managed = (403, r#"{"status":403,"body":"Managed by SSO"}"#.to_owned());
    let refused = cloud.post(&session, "/v1/objects/user/create", new_user("new@acme.test")).await;
    assert_eq!((refused.status, refused.text), managed);
    let filter = json!({"id": [old.id]});
    let change = async |path: &str, fields: Value| {
        let body = json!({"filter": filter, "fields": fields});
        let reply = cloud.post(&session, &format!("/v1/objects/user/{path}"), body).await;
        (reply.status, reply.text)
    };
    // Also those who were there before, and have not signed in by it yet.
    assert_eq!(change("update", json!({"permissions": ["auditor"]})).await, managed);
    assert_eq!(change("update", json!({"email": "x@acme.test"})).await, managed);
    assert_eq!(change("disabling", Value::Null).await, managed);
    assert_eq!(change("delete", Value::Null).await, managed);
    // Without provisioning users are managed here again.
    let off =
        with_proof(&cloud, &session, &proof, Method::PUT, "/v1/sso", json!({"provisioning": false})).await;
    assert_eq!(off.0, 200, "{}", off.1);
    assert_eq!(change("update", json!({"permissions": ["auditor"]})).await.0, 200);
    assert_eq!(change("disabling", Value::Null).await.0, 200);
    assert_eq!(change("delete", Value::Null).await.0, 200);
}

#[tokio::test]
async fn the_fallback_account_stays_what_it_is_and_its_use_is_told() {
    let (cloud, issuer, session) = start().await;
    cloud.add_user(cloud.client.id, "second@acme.test", &["admin"]).await;
    let second = cloud.sign_in("second@acme.test").await;
    let pair = cloud.pair_of(&cloud.admin).await;
    activate(&cloud, &issuer, &session, json!({})).await;
    let id = cloud.admin.id;
    let filter = json!({"id": [id]});
    for (path, fields) in
        [("update", json!({"permissions": ["auditor"]})), ("disabling", Value::Null), ("delete", Value::Null)]
    {
        let body = json!({"filter": filter, "fields": fields});
        let refused = cloud.post(&second, &format!("/v1/objects/user/{path}"), body).await;
        assert!(
            refused.status == 400 && refused.text.contains("fallback account"),
            "{path}: {}",
            refused.text
        );
    }
    let other =
        cloud.post(&second, &format!("/v1/user/{id}/mfa/disable"), json!({"password": PASSWORD})).await;
    assert!(other.status == 400 && other.text.contains("fallback account"), "{}", other.text);
    assert_eq!(cloud.get(&pair, "/v1/user").await.body()["mfa_enabled"], true);
}

#[tokio::test]
async fn tokens_of_a_user_of_the_provider_are_for_nodes_unless_allowed() {
    let (cloud, issuer, session) = start().await;
    cloud.add_user(cloud.client.id, "eve@acme.test", &["admin"]).await;
    let own = cloud.sign_in("eve@acme.test").await;
    let node = cloud.post(&own, "/v1/api_tokens", json!({"name": "nodes", "usage": "node"})).await.body();
    let node = Credential::Token(node["token"].as_str().unwrap().to_owned());
    activate(&cloud, &issuer, &session, json!({"strict": true})).await;
    assert_eq!(cloud.get(&node, "/v1/user").await.status, 200, "nodes go on");
    let (_, cookie) = Browser::new().sign_in(&cloud, &issuer, &login(&cloud)).await;
    let eve = session_of(&cloud, cookie).await;
    let refused = cloud.post(&eve, "/v1/api_tokens", json!({"name": "CI"})).await;
    assert_eq!((refused.status, refused.text.as_str()), (403, r#"{"status":403,"body":"Access denied"}"#));
    let id = cloud.get(&eve, "/v1/user").await.body()["id"].clone();
    cloud.post(&session, &format!("/v1/user/{id}/api_access"), json!({"enabled": true})).await.body();
    let made = cloud.post(&eve, "/v1/api_tokens", json!({"name": "CI"})).await.body();
    // The proof of a user without a password is a sign-in at the provider.
    let proof = cloud.post(&eve, "/v1/session/reauth", json!({"password": PASSWORD})).await.body();
    let path = format!("/v1/api_tokens/{}/value", made["id"]);
    let value =
        with_proof(&cloud, &eve, proof["ticket"].as_str().unwrap(), Method::GET, &path, json!({})).await;
    assert!(value.0 == 200 && value.1.contains(made["token"].as_str().unwrap()), "{}", value.1);
    cloud.running.cloud.clock.shift_ms(901_000);
    let late = cloud.post(&eve, "/v1/session/reauth", json!({"password": PASSWORD})).await;
    assert_eq!((late.status, late.text.as_str()), (403, r#"{"status":403,"body":"Sign in again"}"#));
}

#[tokio::test]
async fn a_refusal_names_whom_it_is_about_and_is_logged() {
    let (cloud, issuer, session) = start().await;
    let rival = cloud.add_company("Rival").await;
    let eve = cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    activate(&cloud, &issuer, &session, json!({})).await;
    let (end, _) = Browser::new().sign_in(&cloud, &issuer, &login(&cloud)).await;
    assert_eq!(end, format!("/login?error=saml_auth_not_found&userid={}", eve.id));
    let elsewhere = format!("{}/v1/sso/login?client={}", cloud.url, rival.uuid);
    let (end, _) = Browser::new().get(&elsewhere).await;
    assert_eq!(end, format!("/login?error=saml_auth_not_found&clientid={}", rival.id));
    let log = format!("/v1/activity_log/{}/events?filter[outcomes][]=failure", cloud.client.id);
    let log = cloud.get(&session, &log).await.body();
    let entry = log["objects"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["object_type_info"]["value"] == "sign_in");
    let entry = entry.unwrap();
    assert_eq!(
        (&entry["object_id"], &entry["description"]),
        (&json!(eve.id.to_string()), &json!("saml_auth_not_found")),
        "{entry}"
    );
}

#[tokio::test]
async fn nobody_is_invited_where_the_provider_is_the_source_of_users() {
    let (cloud, issuer, session) = start().await;
    let invite = async |name: &str| {
        let body = json!({"email": format!("{name}@acme.test"), "permissions": ["admin"]});
        cloud.post(&session, "/v1/invitations", body).await
    };
    let link = invite("bob").await.body();
    let token = link["url"].as_str().unwrap().split('#').nth(1).unwrap().to_owned();
    activate(&cloud, &issuer, &session, json!({"provisioning": true})).await;
    let managed = (403, r#"{"status":403,"body":"Managed by SSO"}"#.to_owned());
    let refused = invite("eve").await;
    assert_eq!((refused.status, refused.text), managed);
    // A link from before makes nobody either.
    let accept = json!({"token": token, "realname": "Bob Low", "password": "Correct2horse"});
    let refused = cloud.post(&Credential::Anonymous, "/v1/invitations/accept", accept).await;
    assert_eq!((refused.status, refused.text), managed);
    let bob = json!({"filter": {"email": "bob@acme.test"}});
    assert_eq!(cloud.post(&session, "/v1/objects/user", bob).await.body(), json!([]));
}
