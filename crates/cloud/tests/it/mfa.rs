use bartizan_testkit::{Credential, Reply, TestCloud, cloud::PASSWORD};
use reqwest::Method;
use serde_json::{Value, json};
use totp_rs::{Algorithm, Secret, TOTP};

/// The code that an authenticator shows at the time of the cloud.
fn code(cloud: &TestCloud, secret: &str) -> String {
    let seed = Secret::Encoded(secret.to_owned()).to_bytes().unwrap();
    let totp = TOTP::new(Algorithm::SHA1, 6, 1, 30, seed, None, String::new()).unwrap();
    totp.generate(u64::try_from(cloud.running.cloud.now()).unwrap())
}

/// The next step of the clock, so that the next code is a new one.
fn later(cloud: &TestCloud) {
    cloud.running.cloud.clock.shift_ms(30_000);
}

/// Turns the factor on; returns seed and recovery codes.
async fn set_up(cloud: &TestCloud, session: &Credential) -> (String, Vec<String>) {
    let (secret, confirmed) = confirm_set_up(cloud, session).await;
    (secret, serde_json::from_value(confirmed.body()["recovery_codes"].clone()).unwrap())
}

/// The same; returns the seed and the answer that turned it on.
async fn confirm_set_up(cloud: &TestCloud, session: &Credential) -> (String, Reply) {
    let begun = cloud.post(session, "/v1/user/mfa", json!({})).await.body();
    let secret = begun["secret"].as_str().unwrap().to_owned();
    let confirm = json!({"otp": code(cloud, &secret), "password": PASSWORD});
    let confirmed = cloud.post(session, "/v1/user/mfa/confirm", confirm).await;
    later(cloud);
    (secret, confirmed)
}

/// The first step of a sign-in; returns the ticket.
async fn first_step(cloud: &TestCloud) -> String {
    let body = json!({"username": "admin@acme.test", "password": PASSWORD});
    let reply = cloud.post(&Credential::Anonymous, "/v1/login", body).await;
    assert_eq!((reply.status, reply.text.as_str()), (401, r#"{"status":401,"body":"mfa_required"}"#));
    assert!(!reply.headers.contains_key("set-cookie"));
    reply.headers["x-mfa-ticket"].to_str().unwrap().to_owned()
}

async fn second_step(cloud: &TestCloud, body: Value) -> Reply {
    cloud.post(&Credential::Anonymous, "/v1/login/mfa", body).await
}

#[tokio::test]
async fn signing_in_takes_a_code_that_works_once() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let (secret, recovery) = set_up(&cloud, &session).await;
    assert_eq!(recovery.len(), 10);
    assert_eq!(cloud.get(&session, "/v1/user").await.body()["mfa_enabled"], true);
    let ticket = first_step(&cloud).await;
    let otp = code(&cloud, &secret);
    let done = second_step(&cloud, json!({"ticket": ticket, "otp": otp})).await;
    assert_eq!(done.body()["mfa"], "totp");
    assert!(done.headers.contains_key("set-cookie"));
    // Neither the ticket nor the code works again.
    assert_eq!(second_step(&cloud, json!({"ticket": ticket, "otp": otp})).await.status, 401);
    let ticket = first_step(&cloud).await;
    assert_eq!(second_step(&cloud, json!({"ticket": ticket, "otp": otp})).await.status, 401);
    later(&cloud);
    assert_eq!(
        second_step(&cloud, json!({"ticket": ticket, "otp": code(&cloud, &secret)})).await.status,
        200
    );
}

#[tokio::test]
async fn a_recovery_code_works_once() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let (_, recovery) = set_up(&cloud, &session).await;
    let spelt = recovery[3].to_uppercase().replace('-', " ");
    let by = async |code: &str| {
        let ticket = first_step(&cloud).await;
        second_step(&cloud, json!({"ticket": ticket, "recovery_code": code})).await.status
    };
    assert_eq!((by(&spelt).await, by(&recovery[3]).await, by(&recovery[4]).await), (200, 401, 200));
}

#[tokio::test]
async fn five_wrong_codes_void_the_ticket() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let (secret, _) = set_up(&cloud, &session).await;
    let ticket = first_step(&cloud).await;
    for _ in 0..5 {
        let wrong = second_step(&cloud, json!({"ticket": ticket, "otp": "x00000"})).await;
        assert_eq!(wrong.text, r#"{"status":401,"body":"Invalid login or password"}"#);
    }
    let right = json!({"ticket": ticket, "otp": code(&cloud, &secret)});
    assert_eq!(second_step(&cloud, right).await.status, 401);
    let ticket = first_step(&cloud).await;
    cloud.running.cloud.clock.shift_ms(301_000);
    let late = json!({"ticket": ticket, "otp": code(&cloud, &secret)});
    assert_eq!(second_step(&cloud, late).await.status, 401);
}

#[tokio::test]
async fn new_tickets_buy_no_more_guesses() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let (secret, _) = set_up(&cloud, &session).await;
    for _ in 0..2 {
        let ticket = first_step(&cloud).await;
        for _ in 0..5 {
            assert_eq!(second_step(&cloud, json!({"ticket": ticket, "otp": "x00000"})).await.status, 401);
        }
    }
    let body = json!({"username": "admin@acme.test", "password": PASSWORD});
    assert_eq!(cloud.post(&Credential::Anonymous, "/v1/login", body).await.status, 429);
    cloud.running.cloud.clock.shift_ms(2000);
    let ticket = first_step(&cloud).await;
    assert_eq!(
        second_step(&cloud, json!({"ticket": ticket, "otp": code(&cloud, &secret)})).await.status,
        200
    );
    // The success made up for the failures.
    later(&cloud);
    let ticket = first_step(&cloud).await;
    assert_eq!(second_step(&cloud, json!({"ticket": ticket, "otp": "x00000"})).await.status, 401);
    first_step(&cloud).await;
}

#[tokio::test]
async fn a_set_up_needs_code_and_password() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let begun = cloud.post(&session, "/v1/user/mfa", json!({})).await.body();
    assert!(
        begun["otpauth_url"].as_str().unwrap().starts_with("otpauth://totp/Bartizan%20US:admin%40acme.test?")
    );
    assert!(begun["qr_svg"].as_str().unwrap().starts_with("<svg "));
    let secret = begun["secret"].as_str().unwrap();
    let confirm = async |otp: &str, password: &str| {
        let body = json!({"otp": otp, "password": password});
        cloud.post(&session, "/v1/user/mfa/confirm", body).await.status
    };
    let otp = code(&cloud, secret);
    assert_eq!(confirm(&otp, "wrong").await, 403);
    assert_eq!(confirm("x00000", PASSWORD).await, 400);
    assert_eq!(cloud.get(&session, "/v1/user").await.body()["mfa_enabled"], false);
    assert_eq!(confirm(&otp, PASSWORD).await, 200);
    assert_eq!(cloud.post(&session, "/v1/user/mfa", json!({})).await.status, 400);
}

#[tokio::test]
async fn an_administrator_helps_who_lost_the_authenticator() {
    let cloud = TestCloud::start().await;
    let eve = cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    let session = cloud.sign_in("eve@acme.test").await;
    let (secret, _) = set_up(&cloud, &session).await;
    let admin = cloud.sign_in("admin@acme.test").await;
    let path = format!("/v1/user/{}/mfa/disable", eve.id);
    assert_eq!(cloud.post(&admin, &path, json!({"password": "wrong"})).await.status, 403);
    assert_eq!(cloud.post(&session, &path, json!({"password": PASSWORD})).await.status, 403);
    cloud.post(&admin, &path, json!({"password": PASSWORD})).await.body();
    cloud.sign_in("eve@acme.test").await;
    // And the user's own way, with a code.
    let (secret, _) = {
        let _ = secret;
        set_up(&cloud, &session).await
    };
    let off = json!({"password": PASSWORD, "otp": code(&cloud, &secret)});
    assert_eq!(cloud.call(&session, Method::DELETE, "/v1/user/mfa", Some(&off)).await.status, 200);
    cloud.sign_in("eve@acme.test").await;
}

#[tokio::test]
async fn enforced_everybody_sets_it_up_at_the_next_sign_in() {
    let cloud = TestCloud::start().await;
    cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    let running = cloud.sign_in("eve@acme.test").await;
    let admin = cloud.sign_in("admin@acme.test").await;
    set_up(&cloud, &admin).await;
    let settings = format!("/v1/clients/{}/settings", cloud.client.id);
    let enforce = json!({"mfa_enforced": true});
    cloud.call(&admin, Method::PUT, &settings, Some(&enforce)).await.body();
    assert_eq!(cloud.post(&running, "/v1/objects/hint", json!({})).await.status, 200);
    let session = cloud.sign_in("eve@acme.test").await;
    assert_eq!(cloud.get(&session, "/v1/session").await.body()["restriction"], "mfa");
    assert_eq!(cloud.post(&session, "/v1/objects/hint", json!({})).await.status, 403);
    let (secret, confirmed) = confirm_set_up(&cloud, &session).await;
    assert_eq!(cloud.get(&session, "/v1/session").await.status, 401);
    let session = session.after(&confirmed);
    assert_eq!(cloud.post(&session, "/v1/objects/hint", json!({})).await.status, 200);
    let off = json!({"password": PASSWORD, "otp": code(&cloud, &secret)});
    let kept = cloud.call(&session, Method::DELETE, "/v1/user/mfa", Some(&off)).await;
    assert_eq!(kept.text, r#"{"status":400,"body":"second factor is enforced"}"#);
}

#[tokio::test]
async fn renewing_the_secret_takes_the_second_factor_too() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let (secret, _) = set_up(&cloud, &session).await;
    let renew = async |body: Value| cloud.post(&session, "/v1/user/credentials/renew", body).await.status;
    assert_eq!(renew(json!({"password": PASSWORD})).await, 403);
    assert_eq!(renew(json!({"password": PASSWORD, "otp": code(&cloud, &secret)})).await, 200);
    later(&cloud);
    let moved = async |otp: Value| {
        let body = json!({"email": "ada@new.test", "password": PASSWORD, "otp": otp});
        cloud.post(&session, "/v1/user/email", body).await.status
    };
    assert_eq!((moved(Value::Null).await, moved(code(&cloud, &secret).into()).await), (403, 200));
}

#[tokio::test]
async fn a_factor_is_kept_where_the_tenant_of_its_user_enforces_it() {
    let cloud = TestCloud::start().await;
    let (home, linked) = cloud.add_global_account().await;
    let global = cloud.add_user(home.id, "root@home.test", &["partner_admin"]).await;
    cloud.add_user(linked.id, "boss@linked.test", &["admin"]).await;
    let global_session = cloud.sign_in(&global.email).await;
    let session = cloud.sign_in("boss@linked.test").await;
    set_up(&cloud, &session).await;
    let settings = format!("/v1/clients/{}/settings", linked.id);
    cloud.call(&session, Method::PUT, &settings, Some(&json!({"mfa_enforced": true}))).await.body();
    let boss = cloud.get(&session, "/v1/user").await.body();
    let path = format!("/v1/user/{}/mfa/disable", boss["id"]);
    let kept = cloud.post(&global_session, &path, json!({"password": PASSWORD})).await;
    assert_eq!(kept.text, r#"{"status":400,"body":"second factor is enforced"}"#);
}
