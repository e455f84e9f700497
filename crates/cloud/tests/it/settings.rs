use bartizan_testkit::{Credential, Reply, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

async fn put(cloud: &TestCloud, by: &Credential, body: Value) -> Reply {
    let path = format!("/v1/clients/{}/settings", cloud.client.id);
    cloud.call(by, Method::PUT, &path, Some(&body)).await
}

#[tokio::test]
async fn what_a_policy_does_not_name_stays() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let path = format!("/v1/clients/{}/settings", cloud.client.id);
    let put = async |policy: Value| {
        let body = json!({ "password_policy": policy });
        cloud.call(&session, Method::PUT, &path, Some(&body)).await.body()["password_policy"].clone()
    };
    put(json!({"require_special": true, "rotation_days": 30, "history": 3})).await;
    let longer = put(json!({"min_length": 12})).await;
    let expected = json!({"min_length": 12, "require_special": true, "rotation_days": 30, "history": 3});
    assert_eq!(longer, expected);
    assert_eq!(put(json!({"rotation_days": null})).await["rotation_days"], json!(null));
}

#[tokio::test]
async fn settings_have_their_wire_form() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let path = format!("/v1/clients/{}/settings", cloud.client.id);
    insta::assert_json_snapshot!(cloud.get(&admin, &path).await.json());
    let changed =
        put(&cloud, &admin, json!({"idle_timeout": 900, "allowed_networks": ["127.0.0.1/8", "::1"]})).await;
    insta::assert_json_snapshot!(changed.json());
    assert_eq!(cloud.get(&admin, &path).await.json(), changed.json());
}

#[tokio::test]
async fn values_out_of_range_are_named() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    for (body, word) in [
        (json!({"idle_timeout": 899}), "idle_timeout"),
        (json!({"absolute_timeout": 3600}), "absolute_timeout"),
        (json!({"audit_retention_days": 89}), "audit_retention_days"),
        (json!({"password_policy": {"min_length": 7}}), "min_length"),
        (json!({"password_policy": {"rotation_days": 366}}), "rotation_days"),
        (json!({"password_policy": {"history": 25}}), "history"),
        (json!({"allowed_networks": ["10.0.0.0/33"]}), "allowed_networks"),
        (json!({"allowed_networks": ["10.0.0.0/8"]}), "your own address"),
        (json!({"mfa_enforced": true}), "second factor"),
        (json!({"nope": 1}), "nope"),
    ] {
        let reply = put(&cloud, &admin, body.clone()).await;
        assert!(reply.status == 400 && reply.text.contains(word), "{body}: {}", reply.text);
    }
}

#[tokio::test]
async fn lower_time_outs_hold_for_running_sessions() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let session = cloud.sign_in("admin@acme.test").await;
    cloud.running.cloud.clock.shift_ms(1_000_000);
    assert_eq!(cloud.get(&session, "/v1/user").await.status, 200);
    cloud.running.cloud.clock.shift_ms(1_000_000);
    put(&cloud, &admin, json!({"idle_timeout": 900})).await.body();
    let ended = cloud.get(&session, "/v1/user").await;
    assert_eq!((ended.status, ended.text.as_str()), (401, r#"{"status":401,"body":"Session expired"}"#));
    let again = cloud.sign_in("admin@acme.test").await;
    put(&cloud, &admin, json!({"absolute_timeout": 3600})).await.body();
    for _ in 0..5 {
        cloud.running.cloud.clock.shift_ms(600_000);
        assert_eq!(cloud.get(&again, "/v1/user").await.status, 200);
    }
    cloud.running.cloud.clock.shift_ms(601_000);
    assert_eq!(cloud.get(&again, "/v1/user").await.status, 401);
}

#[tokio::test]
async fn networks_keep_strangers_out() {
    let cloud = TestCloud::start_with(|config| {
        config.listen.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let admin = cloud.admin_pair().await;
    let from = |ip: &'static str| {
        let Credential::Pair(uuid, secret) = admin.clone() else { unreachable!() };
        let request = reqwest::Client::new().get(format!("{}/v1/user", cloud.url));
        let request = request.header("X-WallarmAPI-UUID", uuid).header("X-WallarmAPI-Secret", secret);
        async move { request.header("X-Forwarded-For", ip).send().await.unwrap().status().as_u16() }
    };
    assert_eq!(from("203.0.113.7").await, 200);
    put(&cloud, &admin, json!({"allowed_networks": ["127.0.0.0/8"], "allowed_networks_scope": "api"}))
        .await
        .body();
    assert_eq!((from("203.0.113.7").await, from("127.0.0.9").await), (403, 200));
}

#[tokio::test]
async fn from_elsewhere_a_right_password_is_answered_like_a_wrong_one() {
    let cloud = TestCloud::start_with(|config| {
        config.listen.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let admin = cloud.admin_pair().await;
    let settings = json!({"allowed_networks": ["127.0.0.0/8"], "allowed_networks_scope": "console"});
    put(&cloud, &admin, settings).await.body();
    let sign_in = async |ip: &str, password: &str| {
        let login = json!({"username": "admin@acme.test", "password": password});
        let headers = [("X-Forwarded-For", ip)];
        let reply = cloud
            .call_with(&Credential::Anonymous, reqwest::Method::POST, "/v1/login", &headers, Some(&login))
            .await;
        (reply.status, reply.text)
    };
    let right = bartizan_testkit::cloud::PASSWORD;
    assert_eq!(sign_in("127.0.0.9", right).await.0, 200);
    let refused = (401, r#"{"status":401,"body":"Invalid login or password"}"#.to_owned());
    assert_eq!(
        (sign_in("203.0.113.7", right).await, sign_in("203.0.113.7", "wrong").await),
        (refused.clone(), refused)
    );
    let log = format!("/v1/activity_log/{}/events?filter[object_types][]=sign_in", cloud.client.id);
    assert!(cloud.get(&admin, &log).await.text.contains("address not admitted"));
}
