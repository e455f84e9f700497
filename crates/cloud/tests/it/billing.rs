//! Plans and subscriptions: read by everybody, written by the operator.

use bartizan_store::{
    entity::api_token,
    sea_orm::{ActiveModelTrait, ActiveValue::NotSet, IntoActiveModel},
};
use bartizan_testkit::{Credential, Reply, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

/// A token as `bartizan admin create-operator-token` makes it.
pub(crate) async fn operator(cloud: &TestCloud) -> Credential {
    let inner = &cloud.running.cloud;
    let secret = bartizan_cloud::secrets::Secret::random();
    let (token, uuid) = secret.new_token();
    let mut row = api_token::Model {
        id: 0,
        uuid,
        client_id: cloud.client.id,
        user_id: None,
        name: "billing".into(),
        kind: "shared".into(),
        usage: "api".into(),
        permissions: json!(["view_license", "update_license"]),
        enabled: true,
        expires_at: None,
        disabled_at: None,
        created_at: inner.now(),
        generated_at: inner.now(),
        last_used_at: None,
        last_used_ip: None,
        secret_mac: secret.mac(&inner.keys),
        masked: "abcde*****".into(),
        sealed: None,
        client_ids: None,
        notified_at: None,
    }
    .into_active_model();
    row.id = NotSet;
    row.insert(inner.store.writer()).await.unwrap();
    Credential::Token(token)
}

fn subscriptions(client: i64) -> String {
    format!("/v1/clients/{client}/billing/subscriptions")
}

fn refusal(reply: &Reply) -> (u16, &str) {
    (reply.status, &reply.text)
}

#[tokio::test]
async fn the_operator_sells_plans() {
    let cloud = TestCloud::start().await;
    let (operator, admin) = (operator(&cloud).await, cloud.admin_pair().await);
    let feature = cloud.post(&operator, "/v1/billing/features", json!({"slug": "support"})).await.json();
    let plan = cloud.post(&operator, "/v1/billing/plans", json!({"slug": "gold"})).await.json();
    let binding = json!({"feature_id": feature["id"], "settings": [{"name": "hours", "value": 8}]});
    let path = format!("/v1/billing/plans/{}/bindings", plan["id"]);
    let bound = cloud.post(&operator, &path, binding.clone()).await.json();
    insta::assert_json_snapshot!([&feature, &plan, &bound]);
    let exists = (400, r#"{"status":400,"body":"Already exists"}"#);
    assert_eq!(refusal(&cloud.post(&operator, &path, binding).await), exists);
    assert_eq!(refusal(&cloud.post(&operator, "/v1/billing/plans", json!({"slug": "gold"})).await), exists);
    // Another client's, too: the operator belongs to none.
    let other = cloud.add_company("Other").await;
    let sold = json!({"plan_id": plan["id"], "start_on": "2026-01-05", "finish_on": "2027-01-04"});
    let made = cloud.post(&operator, &subscriptions(other.id), sold).await.json();
    insta::assert_json_snapshot!(made);
    let path = format!("{}/{}", subscriptions(other.id), made["id"]);
    let blocked = json!({"state": "blocked", "properties": {"invoice": 7}});
    let changed = cloud.call(&operator, Method::PUT, &path, Some(&blocked)).await.json();
    assert_eq!(
        [&changed["state"], &changed["properties"], &changed["finish_on"]],
        [&json!("blocked"), &json!({"invoice": 7}), &json!("2027-01-04")]
    );
    let there = cloud.add_user(other.id, "root@other.test", &["admin"]).await;
    let there = cloud.pair_of(&there).await;
    assert_eq!(cloud.get(&there, &subscriptions(other.id)).await.json(), json!([changed]));
    let log = cloud.get(&there, &format!("/v1/activity_log/{}/events", other.id)).await.body();
    let entry = &log["objects"][0];
    assert_eq!(
        [&entry["object_type"], &entry["action_type"], &entry["initiator"]["name"], &entry["diff"]["state"]],
        [
            &json!("Subscription"),
            &json!("Update"),
            &json!("Technical support"),
            &json!({"old": "active", "new": "blocked"})
        ]
    );
    // Who has bought nothing has the built-in plan.
    let own = cloud.get(&admin, &subscriptions(cloud.client.id)).await.json();
    assert_eq!((&own[0]["plan_id"], own.as_array().unwrap().len()), (&json!(1), 1));
}

#[tokio::test]
async fn nobody_else_sells_anything() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let (home, _) = cloud.add_global_account().await;
    let global = cloud.add_user(home.id, "global@home.test", &["partner_admin_ext"]).await;
    let global = cloud.pair_of(&global).await;
    for caller in [&session, &global] {
        let reply = cloud.post(caller, "/v1/billing/features", json!({"slug": "x"})).await;
        assert_eq!(refusal(&reply), (403, r#"{"status":403,"body":"Access denied"}"#));
    }
    let token = json!({"name": "x", "permissions": ["view_license", "update_license"]});
    assert_eq!(cloud.post(&session, "/v1/api_tokens", token).await.status, 403);
}

#[tokio::test]
async fn trials_follow_the_settings_of_the_global_account() {
    let cloud = TestCloud::start().await;
    let operator = operator(&cloud).await;
    let trials = format!("{}/trials", subscriptions(cloud.client.id));
    let by_operator = format!("/v1/clients/{}/billing/admin/subscriptions/trials", cloud.client.id);
    let settings = format!("/v1/partners/{}/billing/settings", cloud.client.partner_id);
    let begin = async |path: &str| cloud.post(&operator, path, json!({})).await;
    assert_eq!(begin(&trials).await.status, 400);
    let asked = json!({
        "trial_plan_slug": "bartizan", "trial_period": 14, "trial_extend_period": 7, "trial_wait_period": 30,
        "trials_enabled": true,
    });
    insta::assert_json_snapshot!(cloud.post(&operator, &settings, asked).await.json());
    let first = begin(&trials).await.json();
    assert_eq!((&first["type"], &first["state"]), (&json!("trial"), &json!("active")));
    let days = |subscription: &Value| {
        let day = |name: &str| subscription[name].as_str().unwrap().parse::<chrono::NaiveDate>().unwrap();
        (day("finish_on") - day("start_on")).num_days()
    };
    assert_eq!((days(&first), begin(&trials).await.status), (14, 400));
    let longer = begin(&by_operator).await.json();
    assert_eq!((days(&longer), &longer["id"]), (21, &first["id"]));
    cloud.running.cloud.clock.shift_ms(30 * 86_400_000);
    assert_eq!(begin(&trials).await.status, 400);
    assert_eq!(begin(&by_operator).await.status, 200);
    assert_eq!(
        cloud.call(&operator, Method::DELETE, &settings, None).await.text,
        r#"{"status":200,"body":{}}"#
    );
    assert_eq!(begin(&by_operator).await.status, 400);
}

#[tokio::test]
async fn bad_input_is_named() {
    let cloud = TestCloud::start().await;
    let operator = operator(&cloud).await;
    let own = subscriptions(cloud.client.id);
    for (path, body, status, said) in [
        (own.as_str(), json!({}), 400, "plan_id is needed"),
        (&own, json!({"plan_id": 9}), 400, "unknown plan_id"),
        (&own, json!({"plan_id": 1, "start_on": "5.1.2026"}), 400, "start_on must be YYYY-MM-DD"),
        (&own, json!({"plan_id": 1, "finish_on": "2020-01-01"}), 400, "finish_on must not be before"),
        (&own, json!({"plan_id": 1, "state": "On!"}), 400, "state must have"),
        (&own, json!({"plan_id": 1, "position": -1}), 400, "position must be"),
        (&own, json!({"plan_id": 1, "properties": []}), 400, "properties must be"),
        (&own, json!({"plan_id": 1, "price": 5}), 400, "price"),
        ("/v1/clients/99/billing/subscriptions", json!({"plan_id": 1}), 404, "client not found"),
        ("/v1/billing/plans/99/bindings", json!({"feature_id": 1}), 404, "plan not found"),
        ("/v1/billing/plans/1/bindings", json!({"feature_id": 99}), 400, "unknown feature_id"),
        ("/v1/billing/features", json!({"slug": ""}), 400, "slug must have"),
        (
            "/v1/partners/99/billing/settings",
            json!({
                "trial_plan_slug": "bartizan", "trial_period": 1, "trial_extend_period": 0,
                "trial_wait_period": 0, "trials_enabled": true,
            }),
            404,
            "partner not found",
        ),
    ] {
        let reply = cloud.post(&operator, path, body).await;
        assert!(reply.status == status && reply.text.contains(said), "{path}: {}", reply.text);
    }
    let reply = cloud.call(&operator, Method::PUT, &format!("{own}/99"), Some(&json!({}))).await;
    assert_eq!((reply.status, &reply.json()["body"]["error"]), (404, &json!("subscription not found")));
}
