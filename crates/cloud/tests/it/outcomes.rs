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
async fn a_refusal_on_the_own_account_names_the_account() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let other = cloud.add_company("Other").await;
    let wrong = json!({"password": "not the password", "otp": "123456"});
    let (post, put, delete) = (Method::POST, Method::PUT, Method::DELETE);
    for (method, path, body, kind) in [
        (&put, "/v1/user", json!({"results_per_page": 5}), "user"),
        (
            &put,
            "/v1/user/password",
            json!({"current_password": "x", "password": "Correct2horse", "password_confirmation": "Correct2horse"}),
            "user",
        ),
        (&post, "/v1/user/email", json!({"email": "x@acme.test", "password": "x"}), "user"),
        (&post, "/v1/user/credentials/renew", wrong.clone(), "secret_key"),
        (&post, "/v1/user/mfa/confirm", wrong.clone(), "mfa"),
        (&delete, "/v1/user/mfa", wrong.clone(), "mfa"),
        (&post, "/v1/user/mfa/recovery_codes", wrong.clone(), "mfa"),
        (&post, "/v1/session/reauth", wrong, "sign_in"),
        (&post, "/v1/session/client", json!({"client_id": other.id}), "sign_in"),
    ] {
        let before = log(&cloud, &admin, cloud.client.id, kind).await.len();
        let reply = cloud.call(&session, method.clone(), path, Some(&body)).await;
        assert!([400, 403].contains(&reply.status), "{path}: {}", reply.text);
        let entries = log(&cloud, &admin, cloud.client.id, kind).await;
        assert_eq!(entries.len(), before + 1, "{path}");
        let entry = &entries[0];
        assert_eq!(
            (&entry["outcome"], &entry["object_id"], &entry["object"]["name"], &entry["initiator"]["id"]),
            (
                &json!("failure"),
                &json!(cloud.admin.id.to_string()),
                &json!("admin@acme.test"),
                &json!(cloud.admin.id)
            ),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_change_whose_filter_selects_nothing_is_logged_without_an_object() {
    let cloud = TestCloud::start().await;
    let (home, _) = cloud.add_global_account().await;
    let global = cloud.add_user(home.id, "global@home.test", &["partner_admin"]).await;
    let global = cloud.pair_of(&global).await;
    let nothing = json!({"id": 999_999});
    for (path, fields, kind, action) in [
        ("/v1/objects/user/update", json!({"job_title": "x"}), "user", "Update"),
        ("/v1/objects/user/enabling", Value::Null, "user", "Update"),
        ("/v1/objects/user/disabling", Value::Null, "user", "Update"),
        ("/v1/objects/user/delete", Value::Null, "user", "Delete"),
        ("/v1/objects/pool/update", json!({"name": "x"}), "application", "Update"),
        ("/v1/objects/pool/delete", Value::Null, "application", "Delete"),
        ("/v1/objects/client/update", json!({"name": "x"}), "client", "Update"),
        ("/v1/objects/client/delete", Value::Null, "client", "Delete"),
    ] {
        let before = log(&cloud, &global, home.id, kind).await.len();
        let mut body = json!({"filter": nothing});
        if !fields.is_null() {
            body["fields"] = fields;
        }
        assert_eq!(cloud.post(&global, path, body).await.body(), json!([]), "{path}");
        let entries = log(&cloud, &global, home.id, kind).await;
        assert_eq!(entries.len(), before + 1, "{path}");
        let entry = &entries[0];
        assert_eq!(
            (&entry["outcome"], &entry["action_type"], &entry["object_id"], &entry["object"]["name"]),
            (&json!("success"), &json!(action), &Value::Null, &json!("")),
            "{path}"
        );
        assert_eq!(entry["description"], "the filter selected nothing that can be changed", "{path}");
    }
}

#[tokio::test]
async fn a_change_of_nothing_is_in_the_log_of_the_client_that_the_filter_names() {
    let cloud = TestCloud::start().await;
    let (home, linked) = cloud.add_global_account().await;
    let global = cloud.add_user(home.id, "global@home.test", &["partner_admin"]).await;
    let global = cloud.pair_of(&global).await;
    // Every client has the default application, which can be renamed, but not be deleted.
    let default = |client: i64| json!({"id": -1, "clientid": client});
    let named = json!({"filter": default(linked.id), "fields": {"name": "Everything else"}});
    assert_eq!(cloud.post(&global, "/v1/objects/pool/update", named).await.body()[0]["id"], -1);
    let entry = log(&cloud, &global, linked.id, "application").await.remove(0);
    assert_eq!(
        (&entry["object_id"], &entry["object"]["name"], &entry["action_type"]),
        (&json!("-1"), &json!("Everything else"), &json!("Update"))
    );
    let what =
        |entry: &Value| (entry["outcome"].clone(), entry["object_id"].clone(), entry["description"].clone());
    let nothing = (json!("success"), Value::Null, json!("the filter selected nothing that can be changed"));
    for (path, filter, fields, kind) in [
        ("pool/delete", default(linked.id), Value::Null, "application"),
        (
            "pool/update",
            json!({"client_id": [linked.id], "name": "none"}),
            json!({"name": "x"}),
            "application",
        ),
        ("user/delete", json!({"clientid": linked.id, "email": "none@x.test"}), Value::Null, "user"),
        ("client/update", json!({"id": linked.id, "name": "none"}), json!({"name": "x"}), "client"),
    ] {
        let at_home = log(&cloud, &global, home.id, kind).await.len();
        let mut body = json!({ "filter": filter });
        if !fields.is_null() {
            body["fields"] = fields;
        }
        assert_eq!(
            cloud.post(&global, &format!("/v1/objects/{path}"), body).await.body(),
            json!([]),
            "{path}"
        );
        assert_eq!(what(&log(&cloud, &global, linked.id, kind).await[0]), nothing, "{path}");
        assert_eq!(log(&cloud, &global, home.id, kind).await.len(), at_home, "{path}");
    }
    // Of a client out of reach, or of several, nothing is told to them.
    for clients in [json!(cloud.client.id), json!([linked.id, home.id])] {
        let body = json!({"filter": {"clientid": clients, "name": "none"}});
        assert_eq!(cloud.post(&global, "/v1/objects/pool/delete", body).await.body(), json!([]), "{clients}");
        assert_eq!(what(&log(&cloud, &global, home.id, "application").await[0]), nothing, "{clients}");
    }
    // So is a refusal.
    let wrong = json!({"filter": {"clientid": linked.id, "name": "none"}, "fields": {"name": ""}});
    assert_eq!(cloud.post(&global, "/v1/objects/pool/update", wrong).await.status, 400);
    assert_eq!(log(&cloud, &global, linked.id, "application").await[0]["outcome"], "failure");
    // The older form tells what was changed, and nothing of what was not.
    let older = cloud.post(&global, "/v1/audit_log", json!({"filter": {"clientid": linked.id}})).await.body();
    let entries = older["objects"].as_array().unwrap();
    let renamed = entries.iter().find(|entry| entry["subject_id"] == -1).expect("the renaming is told");
    assert_eq!((&renamed["entity"], &renamed["object_type"]), (&json!("Everything else"), &json!("pool")));
    assert!(entries.iter().all(|entry| entry["subject_id"] != ""), "{older}");
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
