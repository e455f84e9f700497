//! Single sign-on against a provider of the test that signs whatever it is told to, and against slapd.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use bartizan_testkit::{Credential, TestCloud, cloud::PASSWORD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};

mod enforcement;
mod groups;
mod ldap;
mod lifecycle;
mod saml;
mod scim;

/// An OpenID Connect provider that issues the claims it is told to.
#[derive(Clone)]
struct Issuer {
    url: String,
    told: Arc<Mutex<Told>>,
}

#[derive(Clone, Default)]
struct Told {
    /// What differs from good claims; null removes one.
    claims: Value,
    /// Signs with another key than the published one.
    forged: bool,
    /// The algorithm that the header claims.
    algorithm: Option<&'static str>,
    /// Nonce of the sign-in that goes on.
    nonce: String,
}

pub(crate) struct Key {
    pub(crate) pkcs8: Vec<u8>,
    pub(crate) jwk: Value,
}

pub(crate) fn key(kid: &str) -> Key {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let pair = rcgen::KeyPair::generate().unwrap();
    // An uncompressed point: 4, x, y.
    let point = pair.public_key_raw().to_vec();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid,
        "x": part(&point[1..33]), "y": part(&point[33..65]),
    });
    Key { pkcs8: pair.serialize_der(), jwk }
}

impl Issuer {
    async fn start(now: i64) -> Issuer {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let issuer = Issuer { url: url.clone(), told: Arc::default() };
        let (good, other) = (Arc::new(key("good")), Arc::new(key("good")));
        let document = json!({
            "issuer": url, "authorization_endpoint": format!("{url}/auth"), "token_endpoint": format!("{url}/token"),
            "jwks_uri": format!("{url}/keys"), "end_session_endpoint": format!("{url}/end"),
        });
        let keys = json!({"keys": [good.jwk]});
        let token = {
            let url = url.clone();
            move |State(told): State<Arc<Mutex<Told>>>, form: String| async move {
                assert!(
                    form.contains("grant_type=authorization_code") && form.contains("code_verifier="),
                    "{form}"
                );
                let told = told.lock().unwrap().clone();
                let key = if told.forged { &other } else { &good };
                Json(json!({"id_token": id_token(&url, &told, key, now), "token_type": "Bearer"}))
            }
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(move || async move { Json(document) }))
            .route("/keys", get(move || async move { Json(keys) }))
            .route("/token", post(token))
            .with_state(Arc::clone(&issuer.told));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        issuer
    }

    fn tell(&self, change: impl FnOnce(&mut Told)) {
        let mut told = self.told.lock().unwrap();
        *told = Told::default();
        change(&mut told);
    }
}

fn id_token(issuer: &str, told: &Told, key: &Key, now: i64) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let mut claims = json!({
        "iss": issuer, "aud": "bartizan", "sub": "eve", "iat": now, "exp": now + 300, "nonce": told.nonce,
        "email": "Eve@Acme.test", "email_verified": true, "name": "Eve Low", "groups": ["security"],
    });
    for (name, value) in told.claims.as_object().into_iter().flatten() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("good".to_owned());
    let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ec_der(&key.pkcs8)).unwrap();
    match told.algorithm {
        None => token,
        Some(algorithm) => {
            let header =
                URL_SAFE_NO_PAD.encode(json!({"alg": algorithm, "kid": "good", "typ": "JWT"}).to_string());
            let mut parts = token.split('.').skip(1);
            let body = parts.next().unwrap();
            let signature = if algorithm == "none" { "" } else { parts.next().unwrap() };
            format!("{header}.{body}.{signature}")
        }
    }
}

/// A cloud that may ask providers on loopback, with a company that set one up.
async fn start() -> (TestCloud, Issuer, Credential) {
    let cloud = TestCloud::start_with(|config| {
        config.outgoing.allowed_networks = vec!["127.0.0.0/8".parse().unwrap()];
        config.outgoing.plain_http = true;
    })
    .await;
    let issuer = Issuer::start(cloud.running.cloud.now()).await;
    let session = cloud.sign_in("admin@acme.test").await;
    let settings = json!({
        "issuer": issuer.url, "client_id": "bartizan", "client_secret": "hush hush", "domains": ["acme.test"],
    });
    let view = put(&cloud, &session, "/v1/sso/oidc", settings).await;
    assert_eq!((view.0, view.1.contains("hush")), (200, false), "{}", view.1);
    let mapping = json!([{"group": "security", "role": "analytic"}, {"group": "staff", "role": "auditor"}]);
    assert_eq!(put(&cloud, &session, "/v1/sso/mapping", mapping).await.0, 200);
    (cloud, issuer, session)
}

async fn put(cloud: &TestCloud, by: &Credential, path: &str, body: Value) -> (u16, String) {
    let reply = cloud.call(by, Method::PUT, path, Some(&body)).await;
    (reply.status, reply.text)
}

/// A browser: follows nothing by itself, keeps the binding cookie.
struct Browser {
    http: reqwest::Client,
    cookie: String,
}

impl Browser {
    fn new() -> Browser {
        let policy = reqwest::redirect::Policy::none();
        Browser { http: reqwest::Client::builder().redirect(policy).build().unwrap(), cookie: String::new() }
    }

    async fn get(&mut self, url: &str) -> (String, Option<String>) {
        let answer = self.http.get(url).header("Cookie", &self.cookie).send().await.unwrap();
        assert_eq!(answer.status(), 302, "{url}");
        let set = answer.headers().get("set-cookie").map(|value| value.to_str().unwrap().to_owned());
        if let Some(cookie) = &set {
            self.cookie = cookie.split(';').next().unwrap().to_owned();
        }
        (answer.headers()["location"].to_str().unwrap().to_owned(), set)
    }

    /// Goes to the provider and comes back; returns where it ends and the cookie it got.
    async fn sign_in(&mut self, cloud: &TestCloud, issuer: &Issuer, from: &str) -> (String, Option<String>) {
        let back = self.visit_provider(cloud, issuer, from).await;
        self.get(&back).await
    }

    /// Goes to the provider; returns where it sends the browser back to.
    async fn visit_provider(&mut self, cloud: &TestCloud, issuer: &Issuer, from: &str) -> String {
        let (location, _) = self.get(from).await;
        assert!(location.starts_with(&issuer.url), "{location}");
        let asked = reqwest::Url::parse(&location).unwrap();
        let value = |name: &str| asked.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        assert_eq!(value("code_challenge_method"), "S256");
        issuer.told.lock().unwrap().nonce = value("nonce");
        assert!(value("redirect_uri").starts_with(&cloud.url));
        format!("{}?state={}&code=abc", value("redirect_uri"), value("state"))
    }
}

/// Proves by a test sign-in that it works, makes the administrator the fallback account and activates; the proof of the
/// password.
async fn activate(cloud: &TestCloud, issuer: &Issuer, session: &Credential, options: Value) -> String {
    let early = cloud.post(session, "/v1/sso/activate", json!({})).await;
    assert!(early.text.contains("test sign-in"), "{}", early.text);
    let test = cloud.post(session, "/v1/sso/test", json!({})).await.body();
    let (end, cookie) = Browser::new().sign_in(cloud, issuer, test["url"].as_str().unwrap()).await;
    assert_eq!((end.as_str(), cookie), ("/settings/sso?tested=true", None));
    let result = cloud.get(session, &format!("/v1/sso/test/{}", test["id"].as_str().unwrap())).await.body();
    assert_eq!((&result["state"], &result["role"]), (&json!("success"), &json!("analytic")));
    activate_tested(cloud, session, options).await
}

/// Makes the administrator the fallback account and activates what was tested; the proof of the password.
pub(crate) async fn activate_tested(cloud: &TestCloud, session: &Credential, options: Value) -> String {
    activate_tested_by(cloud, session, options, session, 200).await
}

/// The same, activated by somebody.
async fn activate_tested_by(
    cloud: &TestCloud,
    session: &Credential,
    mut options: Value,
    by: &Credential,
    expected: u16,
) -> String {
    let proof = prove(cloud, session).await;
    options["fallback_user_id"] = json!(cloud.admin.id);
    let answer = with_proof(cloud, session, &proof, Method::PUT, "/v1/sso", options).await;
    assert_eq!(answer.0, 200, "{}", answer.1);
    let answer = cloud.post(by, "/v1/sso/activate", json!({})).await;
    assert_eq!(answer.status, expected, "{}", answer.text);
    proof
}

/// Sets a second factor up and proves the password; the proof.
async fn prove(cloud: &TestCloud, session: &Credential) -> String {
    let begun = cloud.post(session, "/v1/user/mfa", json!({})).await.body();
    let seed = totp_rs::Secret::Encoded(begun["secret"].as_str().unwrap().to_owned()).to_bytes().unwrap();
    let totp = totp_rs::TOTP::new(totp_rs::Algorithm::SHA1, 6, 1, 30, seed, None, String::new()).unwrap();
    let code = || totp.generate(u64::try_from(cloud.running.cloud.now()).unwrap());
    cloud.post(session, "/v1/user/mfa/confirm", json!({"otp": code(), "password": PASSWORD})).await.body();
    cloud.running.cloud.clock.shift_ms(30_000);
    let proof = json!({"password": PASSWORD, "otp": code()});
    let proof = cloud.post(session, "/v1/session/reauth", proof).await.body();
    proof["ticket"].as_str().unwrap().to_owned()
}

/// A call with a proof of the password.
async fn with_proof(
    cloud: &TestCloud,
    session: &Credential,
    proof: &str,
    method: Method,
    path: &str,
    body: Value,
) -> (u16, String) {
    let Credential::Cookie(cookie, csrf) = session else { unreachable!() };
    let request = reqwest::Client::new().request(method, format!("{}{path}", cloud.url));
    let request = request.header("Cookie", cookie).header("X-CSRF-Token", csrf).header("X-Reauth", proof);
    let request = request.header("Origin", &cloud.url);
    let answer = request.json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn login(cloud: &TestCloud) -> String {
    format!("{}/v1/sso/login?client={}", cloud.url, cloud.client.uuid)
}

fn credential(cookie: Option<String>) -> Credential {
    Credential::Cookie(cookie.unwrap().split(';').next().unwrap().to_owned(), String::new())
}

#[tokio::test]
async fn a_person_of_the_provider_becomes_a_user_and_follows_its_groups() {
    let (cloud, issuer, session) = start().await;
    let proof = activate(&cloud, &issuer, &session, json!({"provisioning": true})).await;
    let (end, cookie) = Browser::new().sign_in(&cloud, &issuer, &login(&cloud)).await;
    assert_eq!(end, "/");
    let user = cloud.get(&credential(cookie), "/v1/user").await.body();
    assert_eq!(
        (&user["email"], &user["permissions"], &user["available_authentications"], &user["sso_managed"]),
        (&json!("eve@acme.test"), &json!(["analytic"]), &json!(["oidc"]), &json!(true))
    );
    issuer.tell(|told| told.claims = json!({"groups": ["staff", "others"]}));
    let (_, cookie) = Browser::new().sign_in(&cloud, &issuer, &login(&cloud)).await;
    let eve = credential(cookie);
    assert_eq!(cloud.get(&eve, "/v1/user").await.body()["permissions"], json!(["auditor"]));
    issuer.tell(|told| told.claims = json!({"groups": ["others"]}));
    let (end, _) = Browser::new().sign_in(&cloud, &issuer, &login(&cloud)).await;
    assert_eq!(end, "/login?error=role_not_mapped");
    // The provider is the source: nothing of it changes here, and there is no password.
    let change = json!({"filter": {"id": user["id"]}, "fields": {"permissions": ["admin"]}});
    let refused = cloud.post(&session, "/v1/objects/user/update", change).await;
    assert_eq!((refused.status, refused.text.as_str()), (403, r#"{"status":403,"body":"Managed by SSO"}"#));
    let discovered = json!({"username": "whoever@acme.test"});
    let discovered = cloud.post(&Credential::Anonymous, "/v1/login/discover", discovered).await.body();
    assert_eq!(discovered, json!({"methods": ["sso"], "sso_url": login(&cloud)}));
    // Another person with the same address is not the same user.
    issuer.tell(|told| told.claims = json!({"sub": "mallory"}));
    let (end, cookie) = Browser::new().sign_in(&cloud, &issuer, &login(&cloud)).await;
    assert_eq!((end.as_str(), cookie), ("/login?error=oidc_error", None));
    for (method, path) in [(Method::DELETE, "/v1/sso"), (Method::POST, "/v1/sso/deactivate")] {
        let without = cloud.call(&session, method.clone(), path, Some(&json!({}))).await;
        assert_eq!(without.status, 403, "{path} takes a proof of the password: {}", without.text);
        let refused = with_proof(&cloud, &session, &proof, method, path, json!({})).await;
        assert!(refused.0 == 400 && refused.1.contains("provisioning"), "{path}: {}", refused.1);
    }
}

#[tokio::test]
async fn forged_and_misdirected_tokens_are_refused() {
    let (cloud, issuer, session) = start().await;
    activate(&cloud, &issuer, &session, json!({"provisioning": true})).await;
    let now = cloud.running.cloud.now();
    type Change = Box<dyn Fn(&mut Told)>;
    let told: Vec<(&str, Change)> = vec![
        ("signed by another key", Box::new(|told| told.forged = true)),
        ("no signature", Box::new(|told| told.algorithm = Some("none"))),
        ("a shared-secret algorithm", Box::new(|told| told.algorithm = Some("HS256"))),
        ("another algorithm", Box::new(|told| told.algorithm = Some("RS256"))),
        ("another issuer", Box::new(|told| told.claims = json!({"iss": "https://evil.test"}))),
        ("another audience", Box::new(|told| told.claims = json!({"aud": "somebody"}))),
        ("several audiences", Box::new(|told| told.claims = json!({"aud": ["bartizan", "somebody"]}))),
        ("another party", Box::new(|told| told.claims = json!({"azp": "somebody"}))),
        ("ended", Box::new(move |told| told.claims = json!({"exp": now - 600}))),
        ("without an end", Box::new(|told| told.claims = json!({"exp": null}))),
        ("from the future", Box::new(move |told| told.claims = json!({"iat": now + 900}))),
        ("not begun", Box::new(move |told| told.claims = json!({"nbf": now + 900}))),
        ("no subject", Box::new(|told| told.claims = json!({"sub": null}))),
        ("another nonce", Box::new(|told| told.claims = json!({"nonce": "x"}))),
        ("no nonce", Box::new(|told| told.claims = json!({"nonce": null}))),
        ("an address that is not verified", Box::new(|told| told.claims = json!({"email_verified": false}))),
        ("no address", Box::new(|told| told.claims = json!({"email": null}))),
    ];
    for (what, change) in told {
        issuer.tell(|told| change(told));
        let (end, cookie) = Browser::new().sign_in(&cloud, &issuer, &login(&cloud)).await;
        assert!(end.starts_with("/login?error=") && cookie.is_none(), "{what}: {end}");
    }
    issuer.tell(|_| {});
    assert_eq!(Browser::new().sign_in(&cloud, &issuer, &login(&cloud)).await.0, "/");
}

#[tokio::test]
async fn an_answer_of_the_provider_counts_once_and_only_in_the_browser_that_asked() {
    let (cloud, issuer, session) = start().await;
    activate(&cloud, &issuer, &session, json!({"provisioning": true})).await;
    let mut browser = Browser::new();
    let back = browser.visit_provider(&cloud, &issuer, &login(&cloud)).await;
    let (end, _) = Browser::new().get(&back).await;
    assert_eq!(end, "/login?error=oidc_error");
    let binding = browser.cookie.clone();
    assert_eq!(browser.get(&back).await.0, "/");
    browser.cookie = binding;
    assert_eq!(browser.get(&back).await.0, "/login?error=oidc_error");
    let mut late = Browser::new();
    let back = late.visit_provider(&cloud, &issuer, &login(&cloud)).await;
    cloud.running.cloud.clock.shift_ms(601_000);
    assert_eq!(late.get(&back).await.0, "/login?error=oidc_error");
}

#[tokio::test]
async fn an_answer_of_another_issuer_is_refused() {
    let (cloud, issuer, session) = start().await;
    activate(&cloud, &issuer, &session, json!({"provisioning": true})).await;
    for (iss, expected) in [("https://evil.test", "/login?error=oidc_error"), (issuer.url.as_str(), "/")] {
        let mut browser = Browser::new();
        let back = browser.visit_provider(&cloud, &issuer, &login(&cloud)).await;
        assert_eq!(browser.get(&format!("{back}&iss={iss}")).await.0, expected);
    }
}

#[tokio::test]
async fn whoever_makes_everybody_use_a_provider_has_the_rights_of_each() {
    let (cloud, issuer, session) = start().await;
    let rights: Vec<&str> = bartizan_api::Role::Admin.permissions().into_iter().map(|p| p.code()).collect();
    let some: Vec<&str> = rights.into_iter().filter(|code| *code != "delete_rule").collect();
    let helper = cloud.add_user(cloud.client.id, "helper@acme.test", &some).await;
    let test = cloud.post(&session, "/v1/sso/test", json!({})).await.body();
    Browser::new().sign_in(&cloud, &issuer, test["url"].as_str().unwrap()).await;
    cloud.add_user(cloud.client.id, "boss@acme.test", &["admin"]).await;
    let eve = cloud.sign_in("boss@acme.test").await;
    activate_tested_by(
        &cloud,
        &session,
        json!({"strict": true}),
        &cloud.sign_in("helper@acme.test").await,
        403,
    )
    .await;
    assert_eq!(cloud.get(&eve, "/v1/session").await.status, 200);
    assert_eq!(cloud.post(&session, "/v1/sso/activate", json!({})).await.body()["state"], "active");
    // What a password began ends with the password; who made the change goes on.
    assert_eq!(cloud.get(&eve, "/v1/session").await.status, 401);
    assert_eq!(cloud.get(&session, "/v1/session").await.status, 200);
    assert_ne!(helper.id, cloud.admin.id);
}

#[tokio::test]
async fn under_strict_mode_only_the_fallback_account_keeps_password_and_keys() {
    let (cloud, issuer, session) = start().await;
    let eve = cloud.add_user(cloud.client.id, "eve@acme.test", &["admin"]).await;
    let pair = cloud.pair_of(&eve).await;
    let own = cloud.sign_in("eve@acme.test").await;
    let token = cloud.post(&own, "/v1/api_tokens", json!({"name": "CI"})).await.body();
    let token = Credential::Token(token["token"].as_str().unwrap().to_owned());
    assert_eq!(
        (cloud.get(&pair, "/v1/user").await.status, cloud.get(&token, "/v1/user").await.status),
        (200, 200)
    );
    let proof = activate(&cloud, &issuer, &session, json!({"strict": true})).await;
    for credential in [&pair, &token] {
        let refused = cloud.get(credential, "/v1/user").await;
        assert_eq!(
            (refused.status, refused.text.as_str()),
            (403, r#"{"status":403,"body":"User not authenticated"}"#)
        );
    }
    let by_password = json!({"username": "eve@acme.test", "password": PASSWORD});
    assert_eq!(cloud.post(&Credential::Anonymous, "/v1/login", by_password).await.status, 401);
    let (end, cookie) = Browser::new().sign_in(&cloud, &issuer, &login(&cloud)).await;
    assert_eq!(end, "/");
    let eve_session = credential(cookie);
    let shown = cloud.get(&eve_session, "/v1/user/credentials").await.body();
    assert_eq!((&shown["available"], &shown["reason"]), (&json!(false), &json!("sso")));
    let forgot = json!({"email": "eve@acme.test"});
    assert_eq!(cloud.post(&Credential::Anonymous, "/v1/password/forgot", forgot).await.status, 200);
    // API access is given to administrators one by one.
    let path = format!("/v1/user/{}/api_access", eve.id);
    cloud.post(&session, &path, json!({"enabled": true})).await.body();
    let methods = cloud.get(&eve_session, "/v1/user").await.body()["available_authentications"].clone();
    assert_eq!(methods, json!(["oidc", "api"]));
    // The fallback account still gets in, with its second factor.
    let by_password = json!({"username": "admin@acme.test", "password": PASSWORD});
    let step = cloud.post(&Credential::Anonymous, "/v1/login", by_password).await;
    assert!(step.text.contains("mfa_required"), "{}", step.text);
    // Off again, everybody is back to passwords.
    let off = with_proof(&cloud, &session, &proof, Method::POST, "/v1/sso/deactivate", json!({})).await;
    assert!(off.0 == 200 && off.1.contains(r#""state":"draft""#), "{}", off.1);
    let by_password = json!({"username": "eve@acme.test", "password": PASSWORD});
    assert_eq!(cloud.post(&Credential::Anonymous, "/v1/login", by_password).await.status, 200);
    // The old secret is dead for good.
    assert_eq!(cloud.get(&pair, "/v1/user").await.status, 403);
}

#[tokio::test]
async fn who_is_out_of_reach_is_named_when_everybody_is_to_be_switched() {
    let (cloud, issuer, session) = start().await;
    cloud.add_user(cloud.client.id, "more@acme.test", &["admin_ext"]).await;
    cloud.add_user(cloud.client.id, "less@acme.test", &["analytic"]).await;
    let proof = activate(&cloud, &issuer, &session, json!({})).await;
    for option in ["strict", "provisioning"] {
        let options = json!({option: true, "fallback_user_id": cloud.admin.id});
        let refused = with_proof(&cloud, &session, &proof, Method::PUT, "/v1/sso", options).await;
        let told: Value = serde_json::from_str(&refused.1).unwrap();
        assert_eq!((refused.0, &told["body"]["value"]), (403, &json!(["more@acme.test"])), "{}", refused.1);
        assert!(told["body"]["error"].as_str().unwrap().starts_with("these users have rights"), "{told}");
    }
    // Nobody was switched.
    let less = json!({"username": "less@acme.test", "password": PASSWORD});
    assert_eq!(cloud.post(&Credential::Anonymous, "/v1/login", less).await.status, 200);
}

#[tokio::test]
async fn signing_out_names_the_end_at_the_provider() {
    let (cloud, issuer, session) = start().await;
    activate(&cloud, &issuer, &session, json!({"provisioning": true})).await;
    let (_, cookie) = Browser::new().sign_in(&cloud, &issuer, &login(&cloud)).await;
    let Credential::Cookie(cookie, _) = credential(cookie) else { unreachable!() };
    let csrf = cloud.get(&Credential::Cookie(cookie.clone(), String::new()), "/v1/session").await.body();
    let eve = Credential::Cookie(cookie, csrf["csrf"].as_str().unwrap().to_owned());
    let out = cloud.post(&eve, "/v1/logout", json!({})).await.body();
    assert!(
        out["sso_logout_url"]
            .as_str()
            .unwrap()
            .starts_with(&format!("{}/end?client_id=bartizan", issuer.url))
    );
    assert_eq!(cloud.get(&eve, "/v1/session").await.status, 401);
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let good = json!({"issuer": "https://login.acme.test", "client_id": "b", "client_secret": "s"});
    for (field, value) in [
        ("issuer", json!("http://login.acme.test")),
        ("issuer", json!("https://127.0.0.1")),
        ("issuer", json!("https://169.254.169.254")),
        ("scopes", json!(["email"])),
        ("domains", json!(["elsewhere.test"])),
        ("client_secret", json!("")),
        ("vendor", json!("acme")),
        ("nope", json!(1)),
    ] {
        let mut settings = good.clone();
        settings[field] = value.clone();
        let refused = put(&cloud, &session, "/v1/sso/oidc", settings).await;
        assert_eq!(refused.0, 400, "{field} {value}: {}", refused.1);
    }
    assert_eq!(put(&cloud, &session, "/v1/sso/oidc", good.clone()).await.0, 200);
    // The stored secret goes to no other server.
    let mut other = good;
    other["client_secret"] = Value::Null;
    assert_eq!(put(&cloud, &session, "/v1/sso/oidc", other.clone()).await.0, 200);
    other["issuer"] = json!("https://login.evil.test");
    let refused = put(&cloud, &session, "/v1/sso/oidc", other).await;
    assert!(refused.0 == 400 && refused.1.contains("for another address"), "{}", refused.1);
    for mapping in
        [json!([{"group": "x", "role": "deploy"}]), json!([{"group": "", "role": "admin"}]), json!({})]
    {
        assert_eq!(put(&cloud, &session, "/v1/sso/mapping", mapping.clone()).await.0, 400, "{mapping}");
    }
    let global = json!([{"group": "x", "role": "partner_admin"}]);
    assert_eq!(put(&cloud, &session, "/v1/sso/mapping", global).await.0, 403);
}

#[tokio::test]
async fn a_domain_is_claimed_by_whom_it_belongs_to() {
    let cloud = TestCloud::start_with(|config| {
        config.auth.sso_domains.insert("shared.test".to_owned(), "somebody".to_owned());
    })
    .await;
    let rival = cloud.add_company("Rival").await;
    cloud.add_user(rival.id, "bob@both.test", &["auditor"]).await;
    let claim = async |domain: &str| {
        let email = format!("root@{domain}");
        cloud.add_user(cloud.client.id, &email, &["admin"]).await;
        let session = cloud.sign_in(&email).await;
        let settings = json!({"issuer": "https://login.acme.test", "client_id": "b", "client_secret": "s",
            "domains": [domain]});
        put(&cloud, &session, "/v1/sso/oidc", settings).await
    };
    assert_eq!(claim("own.test").await.0, 200);
    for domain in ["gmail.com", "both.test", "shared.test"] {
        let refused = claim(domain).await;
        assert!(refused.0 == 400 && refused.1.contains("auth.sso_domains"), "{domain}: {}", refused.1);
    }
}
