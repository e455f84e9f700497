//! What changes something is in the activity log with its outcome, in the log of the tenant that it was done to.

use std::collections::BTreeSet;

use bartizan_cloud::access::{TABLE, change_of};
use bartizan_testkit::{Credential, TestCloud, cloud::PASSWORD, smtp::MailServer};
use reqwest::Method;
use serde_json::{Value, json};

use crate::letters::{start, token};

async fn log(cloud: &TestCloud, by: &Credential, client: i64, kind: &str) -> Vec<Value> {
    let path = format!("/v1/activity_log/{client}/events?filter[object_types][]={kind}&limit=1000");
    cloud.get(by, &path).await.body()["objects"].as_array().unwrap().clone()
}

/// Outcome, action and new state of the newest entry of a kind.
async fn newest(cloud: &TestCloud, by: &Credential, kind: &str) -> (Value, Value, Value) {
    let entry = log(cloud, by, cloud.client.id, kind).await.remove(0);
    (entry["outcome"].clone(), entry["action_type"].clone(), entry["state_after_action"].clone())
}

fn done(action: &str, after: Value) -> (Value, Value, Value) {
    (json!("success"), json!(action), after)
}

#[tokio::test]
async fn what_happens_to_a_session_is_logged() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let proof = json!({"password": PASSWORD});
    cloud.post(&session, "/v1/session/reauth", proof).await.body();
    assert_eq!(newest(&cloud, &admin, "sign_in").await, done("Create", json!({"proven_again": true})));
    let wrong = json!({"password": "not the password"});
    assert_eq!(cloud.post(&session, "/v1/session/reauth", wrong).await.status, 403);
    assert_eq!(newest(&cloud, &admin, "sign_in").await.0, json!("failure"));
    cloud.post(&session, "/v1/session/token", json!({})).await.body();
    assert_eq!(newest(&cloud, &admin, "sign_in").await, done("Create", json!({"session": "API Console"})));
    cloud.post(&session, "/v1/session/client", json!({"client_id": cloud.client.id})).await.body();
    let shown = json!({"acting_client_id": cloud.client.id});
    assert_eq!(newest(&cloud, &admin, "sign_in").await, done("Update", shown));
    cloud.post(&session, "/v1/user/mfa", json!({})).await.body();
    assert_eq!(newest(&cloud, &admin, "mfa").await, done("Create", json!({"state": "pending"})));
    cloud.post(&session, "/v1/logout", json!({})).await.body();
    assert_eq!(newest(&cloud, &admin, "sign_in").await, done("Delete", json!({"all_sessions": false})));
}

#[tokio::test]
async fn a_link_that_was_refused_is_logged_without_its_user() {
    let mail = MailServer::start().await;
    let cloud = start(&mail).await;
    let admin = cloud.admin_pair().await;
    cloud.post(&Credential::Anonymous, "/v1/password/forgot", json!({"email": "admin@acme.test"})).await;
    let link = token(&mail.next().await, "bzr_");
    let weak = json!({"token": link, "password": "weak"});
    assert_eq!(cloud.post(&Credential::Anonymous, "/v1/password/reset", weak).await.status, 400);
    let entry = log(&cloud, &admin, cloud.client.id, "user").await.remove(0);
    assert_eq!(
        (&entry["outcome"], &entry["initiator"]["id"], &entry["description"]),
        (&json!("failure"), &Value::Null, &json!("a link was answered with 400"))
    );
    assert_eq!(entry["object"]["name"], "admin@acme.test");
}

#[tokio::test]
async fn a_refusal_is_in_the_log_of_the_tenant_that_was_acted_on() {
    let cloud = TestCloud::start().await;
    let (home, linked) = cloud.add_global_account().await;
    let auditor = cloud.add_user(home.id, "auditor@home.test", &["partner_auditor"]).await;
    let auditor = cloud.pair_of(&auditor).await;
    let global = cloud.add_user(home.id, "admin@home.test", &["partner_admin"]).await;
    let global = cloud.pair_of(&global).await;
    let theirs = cloud.add_user(linked.id, "last@linked.test", &["admin"]).await;
    let settings = format!("/v1/clients/{}/settings", linked.id);
    let body = json!({"idle_timeout": 3600});
    assert_eq!(cloud.call(&auditor, Method::PUT, &settings, Some(&body)).await.status, 403);
    let denied = log(&cloud, &global, linked.id, "settings").await;
    assert_eq!(
        (denied.len(), &denied[0]["outcome"], &denied[0]["initiator"]["client_id"]),
        (1, &json!("failure"), &json!(home.id))
    );
    // By a filter, too: the last administrator stays.
    let last = json!({"filter": {"id": theirs.id}});
    assert_eq!(cloud.post(&global, "/v1/objects/user/delete", last).await.status, 400);
    let kept = log(&cloud, &global, linked.id, "user").await;
    assert_eq!((kept.len(), &kept[0]["outcome"]), (1, &json!("failure")));
    assert_eq!(log(&cloud, &global, home.id, "settings").await.len(), 0);
    // Of a tenant out of reach nobody there hears: strangers could fill its log.
    let stranger = cloud.admin_pair().await;
    assert_eq!(cloud.call(&stranger, Method::PUT, &settings, Some(&body)).await.status, 403);
    assert_eq!(log(&cloud, &global, linked.id, "settings").await.len(), 1);
    let own = log(&cloud, &stranger, cloud.client.id, "settings").await;
    assert_eq!((own.len(), &own[0]["outcome"]), (1, &json!("failure")));
    // The object of the path is named.
    assert_eq!(cloud.call(&stranger, Method::DELETE, "/v2/node/4711", None).await.status, 404);
    assert_eq!(log(&cloud, &stranger, cloud.client.id, "node").await[0]["object_id"], "4711");
}

/// What is refused is logged by the names that people filter by.
#[tokio::test]
async fn every_change_of_a_route_has_a_name_among_the_filters() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let filters = cloud.get(&admin, "/v1/activity_log/events_get_filters").await.body();
    let values = |list: &str| {
        let all = filters[list].as_array().unwrap().iter();
        all.map(|one| one["value"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let (objects, actions) = (values("object_types"), values("action_types"));
    for (method, path, _) in TABLE {
        if let Some((object, action)) = change_of(&method.parse().unwrap(), path) {
            assert!(
                objects.contains(object) && actions.contains(action),
                "{method} {path}: {object}, {action}"
            );
        }
    }
}

#[tokio::test]
async fn an_invitation_that_could_not_be_taken_is_logged() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let asked = json!({"email": "bob@acme.test", "permissions": ["auditor"], "send": false});
    let link = cloud.post(&admin, "/v1/invitations", asked).await.body();
    let token = link["url"].as_str().unwrap().split('#').next_back().unwrap();
    let weak = json!({"token": token, "realname": "Bob Low", "password": "weak"});
    assert_eq!(cloud.post(&Credential::Anonymous, "/v1/invitations/accept", weak).await.status, 400);
    let entry = log(&cloud, &admin, cloud.client.id, "invitation").await.remove(0);
    assert_eq!((&entry["outcome"], &entry["object"]["name"]), (&json!("failure"), &json!("bob@acme.test")));
}
