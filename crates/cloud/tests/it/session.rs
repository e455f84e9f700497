use bartizan_testkit::{Credential, TestCloud};
use reqwest::Method;
use serde_json::json;

/// A changing call by cookie, from a page or from none.
async fn call_from(cloud: &TestCloud, session: &Credential, origin: Option<&str>) -> u16 {
    let Credential::Cookie(cookie, csrf) = session else { unreachable!() };
    let request = reqwest::Client::new().post(format!("{}/v1/objects/pool", cloud.url)).body("{}");
    let mut request = request.header("Content-Type", "application/json").header("Cookie", cookie);
    if let Some(origin) = origin {
        request = request.header("Origin", origin);
    }
    request.header("X-CSRF-Token", csrf).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_changing_call_by_cookie_says_from_which_page_it_comes() {
    let cloud = TestCloud::start_with(|config| {
        config.public.allowed_origins = vec!["https://console.acme.test/".to_owned()];
    })
    .await;
    let session = cloud.sign_in("admin@acme.test").await;
    assert_eq!(call_from(&cloud, &session, Some(&cloud.url)).await, 200);
    assert_eq!(call_from(&cloud, &session, Some("https://console.acme.test")).await, 200);
    for page in [None, Some("https://evil.test"), Some("null")] {
        assert_eq!(call_from(&cloud, &session, page).await, 403, "{page:?}");
    }
}

#[tokio::test]
async fn only_pages_of_the_console_may_call_from_another_origin() {
    let cloud = TestCloud::start_with(|config| {
        config.public.allowed_origins = vec!["https://console.acme.test".to_owned()];
    })
    .await;
    let preflight = async |origin: &str| {
        let request = reqwest::Client::new().request(Method::OPTIONS, format!("{}/v1/user", cloud.url));
        let request = request.header("Origin", origin).header("Access-Control-Request-Method", "PUT");
        request
            .header("Access-Control-Request-Headers", "x-csrf-token")
            .send()
            .await
            .unwrap()
            .headers()
            .clone()
    };
    let text = |headers: &reqwest::header::HeaderMap, name: &str| {
        headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let allowed = preflight("https://console.acme.test").await;
    assert_eq!(text(&allowed, "access-control-allow-origin"), "https://console.acme.test");
    assert_eq!(text(&allowed, "access-control-allow-credentials"), "true");
    let sent = text(&allowed, "access-control-allow-headers");
    for name in
        ["x-wallarmapi-token", "x-wallarmapi-uuid", "x-wallarmapi-secret", "x-csrf-token", "authorization"]
    {
        assert!(sent.contains(name), "{name} is not in {sent}");
    }
    assert_eq!(text(&preflight("https://evil.test").await, "access-control-allow-origin"), "");
    let request = reqwest::Client::new().get(format!("{}/v1/login/options", cloud.url));
    let answer = request.header("Origin", "https://console.acme.test").send().await.unwrap();
    assert!(text(answer.headers(), "access-control-expose-headers").contains("x-mfa-ticket"));
}

#[tokio::test]
async fn sign_in_starts_a_session_and_sign_out_ends_it() {
    let cloud = TestCloud::start().await;
    let cookie = cloud.sign_in("admin@acme.test").await;
    let user = cloud.post(&cookie, "/v1/user", json!({})).await.body();
    assert_eq!(user["email"], "admin@acme.test");
    assert_eq!(cloud.post(&cookie, "/v1/logout", json!({})).await.status, 200);
    let after = cloud.get(&cookie, "/v1/session").await;
    assert_eq!((after.status, after.text.as_str()), (401, r#"{"status":401,"body":"Session expired"}"#));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_look_alike() {
    let cloud = TestCloud::start().await;
    for username in ["admin@acme.test", "nobody@acme.test"] {
        let reply = cloud
            .post(&Credential::Anonymous, "/v1/login", json!({"username": username, "password": "no"}))
            .await;
        assert_eq!(
            (reply.status, reply.text.as_str()),
            (401, r#"{"status":401,"body":"Invalid login or password"}"#)
        );
    }
}

#[tokio::test]
async fn many_sign_ins_at_once_do_not_keep_others_waiting() {
    const SIGN_INS: usize = 24;
    let cloud = TestCloud::start_with(|config| {
        config.limits.password_checks_per_minute = 1000;
        config.limits.password_checks_per_minute_account = 1000;
        config.limits.password_checks_per_minute_address = 1000;
    })
    .await;
    let pair = cloud.admin_pair().await;
    let client = reqwest::Client::new();
    let mut sign_ins = tokio::task::JoinSet::new();
    for _ in 0..SIGN_INS {
        let body = json!({"username": "admin@acme.test", "password": bartizan_testkit::cloud::PASSWORD});
        let request = client.post(format!("{}/v1/login", cloud.url)).json(&body);
        sign_ins.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    // When the first is answered the others are in line.
    let mut answered = vec![sign_ins.join_next().await.unwrap().unwrap()];
    for _ in 0..5 {
        assert_eq!(cloud.get(&pair, "/v1/user").await.status, 200);
    }
    while let Some(status) = sign_ins.try_join_next() {
        answered.push(status.unwrap());
    }
    assert!(answered.len() < SIGN_INS, "other calls waited for all sign-ins");
    answered.extend(sign_ins.join_all().await);
    assert_eq!(answered, [200; SIGN_INS]);
}

#[tokio::test]
async fn a_changing_call_by_cookie_needs_the_csrf_value() {
    let cloud = TestCloud::start().await;
    let Credential::Cookie(cookie, _) = cloud.sign_in("admin@acme.test").await else { unreachable!() };
    let reply = cloud.post(&Credential::Cookie(cookie, "wrong".into()), "/v1/session/token", json!({})).await;
    assert_eq!(reply.status, 403);
}

#[tokio::test]
async fn a_derived_token_works_and_dies_with_the_session() {
    let cloud = TestCloud::start().await;
    let cookie = cloud.sign_in("admin@acme.test").await;
    let token = cloud.post(&cookie, "/v1/session/token", json!({})).await.body()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let by_bearer = |token: String| {
        reqwest::Client::new().get(format!("{}/v1/user", cloud.url)).bearer_auth(token).send()
    };
    assert_eq!(by_bearer(token.clone()).await.unwrap().status(), 200);
    cloud.post(&cookie, "/v1/logout", json!({})).await;
    assert_eq!(by_bearer(token).await.unwrap().status(), 401);
}

#[tokio::test]
async fn renewing_the_secret_asks_the_password_and_ends_the_old_one() {
    let cloud = TestCloud::start().await;
    let old = cloud.admin_pair().await;
    assert_eq!(cloud.post(&old, "/v1/user", json!({})).await.status, 200);
    let cookie = cloud.sign_in("admin@acme.test").await;
    let wrong = cloud.post(&cookie, "/v1/user/credentials/renew", json!({"password": "wrong"})).await;
    assert_eq!((wrong.status, wrong.text.as_str()), (403, r#"{"status":403,"body":"Invalid password"}"#));
    assert_eq!(cloud.post(&old, "/v1/user", json!({})).await.status, 200);
    let new = cloud
        .post(&cookie, "/v1/user/credentials/renew", json!({"password": bartizan_testkit::cloud::PASSWORD}))
        .await
        .body();
    let refused = cloud.post(&old, "/v1/user", json!({})).await;
    assert_eq!(
        (refused.status, refused.text.as_str()),
        (403, r#"{"status":403,"body":"User not authenticated"}"#)
    );
    let text = |name: &str| new[name].as_str().unwrap().to_owned();
    for credential in [Credential::Pair(text("uuid"), text("secret")), Credential::Token(text("token"))] {
        assert_eq!(cloud.post(&credential, "/v1/user", json!({})).await.status, 200);
        // A key never mints its successor.
        assert_eq!(
            cloud
                .post(
                    &credential,
                    "/v1/user/credentials/renew",
                    json!({"password": bartizan_testkit::cloud::PASSWORD})
                )
                .await
                .status,
            403
        );
    }
}

#[tokio::test]
async fn requests_beyond_the_limit_are_told_when_to_return() {
    let cloud = TestCloud::start_with(|config| {
        config.limits.requests_per_second = 1;
        config.limits.request_burst = 2;
    })
    .await;
    let admin = cloud.admin_pair().await;
    let mut replies = Vec::new();
    for _ in 0..5 {
        replies.push(cloud.post(&admin, "/v1/user", json!({})).await);
    }
    let limited = replies.iter().find(|reply| reply.status == 429).unwrap();
    assert_eq!(limited.text, r#"{"status":429,"body":"Rate limiting"}"#);
    assert!(limited.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
}

#[tokio::test]
async fn the_principal_has_its_wire_form() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let body = cloud.call(&admin, reqwest::Method::POST, "//v1/user", None).await.json();
    insta::assert_json_snapshot!(body, {
        ".body.uuid" => "[uuid]", ".body.create_at" => "[rfc3339]", ".body.password_changed" => "[time]",
        ".body.frontend_url" => "[url]",
    });
}

#[tokio::test]
async fn guessing_is_slowed_down_whether_or_not_the_account_exists() {
    let cloud = TestCloud::start().await;
    for email in ["admin@acme.test", "nobody@acme.test"] {
        let guess = async |password: &str| {
            let body = json!({"username": email, "password": password});
            cloud.post(&Credential::Anonymous, "/v1/login", body).await.status
        };
        let before = counted(&cloud).await;
        let mut statuses = Vec::new();
        while statuses.len() < 10 {
            statuses.push(guess("wrong").await);
            // The failure is counted after the answer.
            while counted(&cloud).await < before + statuses.len() {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(statuses, [401; 10]);
        assert_eq!(guess("wrong").await, 429, "{email}");
        cloud.running.cloud.clock.shift_ms(2000);
        assert_eq!(guess("wrong").await, 401, "{email}");
        cloud.running.cloud.clock.shift_ms(3_600_000);
        bartizan_cloud::services::accounts::clean(&cloud.running.cloud).await;
    }
    cloud.sign_in("admin@acme.test").await;
}

#[tokio::test]
async fn calls_over_a_network_without_tls_are_refused() {
    let call = async |cloud: &TestCloud, headers: &[(&str, &str)]| {
        let mut request = reqwest::Client::new().post(format!("{}/v1/user", cloud.url));
        let Credential::Pair(uuid, secret) = cloud.admin_pair().await else { unreachable!() };
        request = request.header("X-WallarmAPI-UUID", uuid).header("X-WallarmAPI-Secret", secret);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let reply = request.send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    };
    let refused = (403, r#"{"status":403,"body":"TLS is required"}"#.to_owned());
    let behind_proxy = |plain_http: bool| {
        TestCloud::start_with(move |config| {
            config.listen.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
            config.listen.plain_http = plain_http;
        })
    };
    let cloud = behind_proxy(false).await;
    let (from, plain, tls) =
        (("X-Forwarded-For", "198.51.100.7"), ("X-Forwarded-Proto", "http"), ("X-Forwarded-Proto", "https"));
    assert_eq!(call(&cloud, &[from, plain]).await, refused);
    assert_eq!(call(&cloud, &[from, tls]).await.0, 200);
    assert_eq!(call(&cloud, &[from]).await.0, 200);
    assert_eq!(call(&cloud, &[]).await.0, 200);
    assert_eq!(call(&behind_proxy(true).await, &[from, plain]).await.0, 200);
}

#[tokio::test]
async fn a_stranger_does_not_keep_the_owner_out() {
    let cloud = TestCloud::start_with(|config| {
        config.listen.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.limits.password_checks_per_minute = 12;
    })
    .await;
    let sign_in = async |from: &str, password: &str| {
        let body = json!({"username": "admin@acme.test", "password": password});
        let url = format!("{}/v1/login", cloud.url);
        let request = reqwest::Client::new().post(url).header("X-Forwarded-For", from).json(&body);
        request.send().await.unwrap().status().as_u16()
    };
    let right = bartizan_testkit::cloud::PASSWORD;
    let (owner, stranger) = ("198.51.100.7", "192.0.2.1");
    assert_eq!(sign_in(owner, right).await, 200);
    for failed in 1..=10 {
        assert_eq!(sign_in(stranger, "wrong").await, 401);
        // The failure is counted after the answer.
        while counted(&cloud).await < failed {
            tokio::task::yield_now().await;
        }
    }
    // Everywhere else attempts are delayed, and this network has none left for a while.
    assert_eq!(sign_in("203.0.113.9", right).await, 429);
    assert_eq!(sign_in(stranger, "wrong").await, 429);
    assert_eq!(sign_in(owner, right).await, 200);
}

/// Failures that are counted.
async fn counted(cloud: &TestCloud) -> usize {
    use bartizan_store::{entity::login_failure::Entity, sea_orm::EntityTrait};
    let rows = Entity::find().all(cloud.running.cloud.store.reader()).await.unwrap();
    rows.iter().map(|row| usize::try_from(row.count).unwrap()).sum()
}

#[tokio::test]
async fn limits_are_told_before_they_are_reached() {
    let cloud = TestCloud::start_with(|config| {
        (config.limits.requests_per_second, config.limits.request_burst) = (500, 1000);
    })
    .await;
    let admin = cloud.admin_pair().await;
    let reply = cloud.get(&admin, "/v1/user").await;
    let header = |name: &str| reply.headers[name].to_str().unwrap().parse::<u32>().unwrap();
    assert_eq!(header("ratelimit-limit"), 500);
    assert!(header("ratelimit-remaining") < 1000);
}

#[tokio::test]
async fn guessing_keys_is_refused_before_anything_is_looked_up() {
    let cloud =
        TestCloud::start_with(|config| config.limits.failed_authentications_per_minute_credential = 3).await;
    let Credential::Pair(uuid, secret) = cloud.admin_pair().await else { unreachable!() };
    let guess = Credential::Pair(uuid.clone(), "0".repeat(64));
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(cloud.get(&guess, "/v1/user").await.status);
    }
    assert_eq!(statuses, [403, 403, 403, 429, 429]);
    assert_eq!(cloud.get(&Credential::Pair(uuid, secret), "/v1/user").await.status, 429);
}

#[tokio::test]
async fn a_global_user_shows_another_client() {
    let cloud = TestCloud::start().await;
    let (home, linked) = cloud.add_global_account().await;
    cloud.add_user(home.id, "global@home.test", &["partner_auditor"]).await;
    let session = cloud.sign_in("global@home.test").await;
    let show =
        async |id: i64| cloud.post(&session, "/v1/session/client", json!({"client_id": id})).await.status;
    assert_eq!(show(linked.id).await, 200);
    assert_eq!(cloud.get(&session, "/v1/session").await.body()["acting_client_id"], linked.id);
    assert_eq!(show(cloud.client.id).await, 403);
}
