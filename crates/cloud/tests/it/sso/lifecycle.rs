//! What ends a sign-in that began, what may become a user, and when a user ends.

use bartizan_cloud::services::accounts;
use bartizan_store::{
    TenantId,
    sea_orm::{ActiveValue::Set, IntoActiveModel},
};
use bartizan_testkit::{Credential, TestCloud};
use reqwest::Method;
use serde_json::json;

use super::{Browser, activate, credential, login, put, start, with_proof};
use crate::quotas::users::{sell, sell_again};

#[tokio::test]
async fn a_sign_in_that_began_ends_with_what_it_began_under() {
    let (cloud, issuer, session) = start().await;
    cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    let proof = activate(&cloud, &issuer, &session, json!({"strict": true})).await;
    let mut begun = Browser::new();
    let back = begun.visit_provider(&cloud, &issuer, &login(&cloud)).await;
    let off = with_proof(&cloud, &session, &proof, Method::POST, "/v1/sso/deactivate", json!({})).await;
    assert_eq!(off.0, 200, "{}", off.1);
    let on = json!({"strict": true});
    assert_eq!(with_proof(&cloud, &session, &proof, Method::PUT, "/v1/sso", on).await.0, 200);
    cloud.post(&session, "/v1/sso/activate", json!({})).await.body();
    assert_eq!(begun.get(&back).await.0, "/login?error=oidc_error", "begun before it was off");
    assert_eq!(Browser::new().sign_in(&cloud, &issuer, &login(&cloud)).await.0, "/");
    // The same settings, set again, end what began before too.
    let mut begun = Browser::new();
    let back = begun.visit_provider(&cloud, &issuer, &login(&cloud)).await;
    assert_eq!(
        with_proof(&cloud, &session, &proof, Method::POST, "/v1/sso/deactivate", json!({})).await.0,
        200
    );
    let same = json!({"issuer": issuer.url, "client_id": "bartizan", "domains": ["acme.test"]});
    assert_eq!(put(&cloud, &session, "/v1/sso/oidc", same).await.0, 200);
    assert_eq!(begun.get(&back).await.0, "/login?error=oidc_error");
}

#[tokio::test]
async fn an_answer_at_the_address_of_another_client_is_refused() {
    let (cloud, issuer, session) = start().await;
    let rival = cloud.add_company("Rival").await;
    let view = cloud.get(&session, "/v1/sso").await.body();
    let own = format!("/v1/sso/oidc/callback/{}", cloud.client.uuid);
    assert!(view["callback_url"].as_str().unwrap().ends_with(&own), "{view}");
    let proof = activate(&cloud, &issuer, &session, json!({"strict": true})).await;
    cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    for elsewhere in [format!("/v1/sso/oidc/callback/{}", rival.uuid), "/v1/sso/oidc/callback".to_owned()] {
        let mut browser = Browser::new();
        let back = browser.visit_provider(&cloud, &issuer, &login(&cloud)).await;
        assert_eq!(
            browser.get(&back.replace(&own, &elsewhere)).await.0,
            "/login?error=oidc_error",
            "{elsewhere}"
        );
    }
    // An address that clients share is for providers that name themselves.
    assert_eq!(
        with_proof(&cloud, &session, &proof, Method::POST, "/v1/sso/deactivate", json!({})).await.0,
        200
    );
    let shared = json!({"issuer": issuer.url, "client_id": "bartizan", "callback": "shared"});
    assert_eq!(put(&cloud, &session, "/v1/sso/oidc", shared.clone()).await.0, 200);
    for (iss, state) in [(String::new(), "failure"), (format!("&iss={}", issuer.url), "success")] {
        let test = cloud.post(&session, "/v1/sso/test", json!({})).await.body();
        let mut browser = Browser::new();
        let back = browser.visit_provider(&cloud, &issuer, test["url"].as_str().unwrap()).await;
        assert!(back.contains("/v1/sso/oidc/callback?"), "{back}");
        browser.get(&format!("{back}{iss}")).await;
        let path = format!("/v1/sso/test/{}", test["id"].as_str().unwrap());
        assert_eq!(cloud.get(&session, &path).await.body()["state"], state, "{iss}");
    }
    let mut wrong = shared;
    wrong["callback"] = json!("anywhere");
    let refused = put(&cloud, &session, "/v1/sso/oidc", wrong).await;
    assert!(refused.0 == 400 && refused.1.contains("callback must be"), "{}", refused.1);
}

#[tokio::test]
async fn a_provider_makes_users_in_the_domains_of_its_client_only() {
    let (cloud, issuer, session) = start().await;
    activate(&cloud, &issuer, &session, json!({"provisioning": true})).await;
    issuer.tell(|told| told.claims = json!({"sub": "mo", "email": "mo@elsewhere.test"}));
    let (end, cookie) = Browser::new().sign_in(&cloud, &issuer, &login(&cloud)).await;
    assert_eq!((end.as_str(), cookie), ("/login?error=user_not_found", None));
    issuer.tell(|told| told.claims = json!({"sub": "mo", "email": "mo@acme.test"}));
    assert_eq!(Browser::new().sign_in(&cloud, &issuer, &login(&cloud)).await.0, "/");
}

#[tokio::test]
async fn a_provider_makes_no_more_users_than_the_client_may_have() {
    let (cloud, issuer, session) = start().await;
    activate(&cloud, &issuer, &session, json!({"provisioning": true})).await;
    let sold = sell(&cloud, cloud.client.id, 2).await;
    let come = async |name: &str| {
        let claims = json!({"sub": name, "email": format!("{name}@acme.test")});
        issuer.tell(|told| told.claims = claims);
        Browser::new().sign_in(&cloud, &issuer, &login(&cloud)).await
    };
    assert_eq!(come("eve").await.0, "/");
    let (end, cookie) = come("bob").await;
    assert_eq!((end.as_str(), cookie), ("/login?error=user_not_found", None));
    // Nobody was made, the log says why, and who is there goes on.
    let pair = cloud.admin_pair().await;
    let bob = json!({"filter": {"email": "bob@acme.test"}});
    assert_eq!(cloud.post(&pair, "/v1/objects/user", bob).await.body(), json!([]));
    assert_eq!(come("eve").await.0, "/");
    sell_again(&cloud, &sold, 3).await;
    assert_eq!(come("bob").await.0, "/");
}

/// Moves the last sign-in of a user, and its beginning, into the past.
async fn age(cloud: &TestCloud, id: i64, days: i64) {
    let store = &cloud.running.cloud.store;
    let user = store.identify_user(id).await.unwrap().unwrap();
    let then = cloud.running.cloud.now() - days * 86_400;
    let mut row = user.into_active_model();
    row.last_login_time = Set(Some(then));
    row.created_at = Set(then);
    store.update_user_row(TenantId(cloud.client.id), row).await.unwrap();
}

#[tokio::test]
async fn a_user_of_the_provider_who_stays_away_is_disabled() {
    let (cloud, issuer, session) = start().await;
    let pair = cloud.admin_pair().await;
    activate(&cloud, &issuer, &session, json!({"provisioning": true})).await;
    let mapping = json!([{"group": "security", "role": "admin"}]);
    assert_eq!(put(&cloud, &session, "/v1/sso/mapping", mapping).await.0, 200);
    let (_, cookie) = Browser::new().sign_in(&cloud, &issuer, &login(&cloud)).await;
    let Credential::Cookie(cookie, _) = credential(cookie) else { unreachable!() };
    let reading = Credential::Cookie(cookie.clone(), String::new());
    let id = cloud.get(&reading, "/v1/user").await.body()["id"].as_i64().unwrap();
    cloud.post(&session, &format!("/v1/user/{id}/api_access"), json!({"enabled": true})).await.body();
    let csrf = cloud.get(&reading, "/v1/session").await.body()["csrf"].as_str().unwrap().to_owned();
    let eve = Credential::Cookie(cookie, csrf);
    let token = cloud.post(&eve, "/v1/api_tokens", json!({"name": "CI"})).await.body();
    let token = Credential::Token(token["token"].as_str().unwrap().to_owned());
    assert_eq!(cloud.get(&token, "/v1/user").await.status, 200);
    // Neither a user who was here lately nor one whom the provider does not manage.
    cloud.add_user(cloud.client.id, "old@acme.test", &["auditor"]).await;
    age(&cloud, id, 29).await;
    accounts::clean(&cloud.running.cloud).await;
    assert_eq!(cloud.get(&eve, "/v1/user").await.status, 200);
    age(&cloud, id, 30).await;
    age(&cloud, cloud.admin.id, 300).await;
    accounts::clean(&cloud.running.cloud).await;
    cloud.running.cloud.known.refresh(&cloud.running.cloud.store).await;
    assert_eq!(
        (cloud.get(&eve, "/v1/user").await.status, cloud.get(&token, "/v1/user").await.status),
        (401, 403)
    );
    let users = cloud.post(&pair, "/v1/objects/user", json!({})).await.body();
    let enabled = |email: &str| {
        let mut users = users.as_array().unwrap().iter();
        users.find(|user| user["email"] == email).unwrap()["enabled"].clone()
    };
    assert_eq!((enabled("eve@acme.test"), enabled("admin@acme.test")), (json!(false), json!(true)));
    let log = format!("/v1/activity_log/{}/events?filter[object_types][]=user", cloud.client.id);
    let log = cloud.get(&pair, &log).await.body();
    let entry = &log["objects"][0];
    assert_eq!(
        (&entry["object_id"], &entry["initiator"]["name"]),
        (&json!(id.to_string()), &json!("Single sign-on"))
    );
    assert_eq!(entry["diff"]["enabled"], json!({"old": true, "new": false}), "{entry}");
    assert_eq!(Browser::new().sign_in(&cloud, &issuer, &login(&cloud)).await.0, "/login?error=user_disabled");
    // An administrator vouches for the person: the days begin anew. Nothing else of it can be changed.
    let enable = json!({"filter": {"id": [id]}});
    cloud.post(&session, "/v1/objects/user/enabling", enable.clone()).await.body();
    accounts::clean(&cloud.running.cloud).await;
    assert_eq!(Browser::new().sign_in(&cloud, &issuer, &login(&cloud)).await.0, "/");
    assert_eq!(cloud.post(&session, "/v1/objects/user/disabling", enable).await.status, 403);
}
