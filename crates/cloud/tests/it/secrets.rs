//! No secret is logged or stored as it is (`spec/accounts.md` section 8, item 10).
//!
//! Every test with a cloud checks the log for the secrets that went through it (see `bartizan_testkit::logs`). Here the
//! check proves that it can fail, and one of each kind of secret is looked for in the database.

use std::collections::BTreeSet;

use bartizan_testkit::{Credential, TestCloud, cloud::PASSWORD, logs, smtp::MailServer};
use reqwest::Method;
use serde_json::{Value, json};

use crate::letters::{start_with_mail, token};

#[tokio::test]
async fn a_secret_in_the_log_is_found() {
    let mark = logs::capture();
    let planted: BTreeSet<String> = [bartizan_cloud::secrets::Secret::random().hex()].into();
    let secret = planted.first().unwrap();
    tracing::debug!(secret, "planted by a test");
    tracing::info!("planted as {secret}-x");
    let leaks = logs::leaks(mark, &planted);
    assert_eq!(leaks.len(), 2, "{leaks:?}");
    assert!(leaks.iter().all(|line| line.contains("<secret>") && !line.contains(secret.as_str())));
}

#[test]
fn secrets_are_known_by_their_names_and_by_how_they_begin() {
    let session = format!("bzs_{}", "a".repeat(43));
    let body = json!({
        "name": "CI pipeline", "token": "long enough", "token_masked": "AtotJ*****", "password_changed": 1,
        "list": [{"Client_Secret": "abcdefgh"}], "recovery_codes": ["abcde-fghij"], "url": format!("https://x/#{session}"),
    });
    let mut found = BTreeSet::new();
    logs::secrets_of(&body, &mut found);
    let expected = ["long enough", "abcdefgh", "abcde-fghij", &session].map(str::to_owned);
    assert_eq!(found, expected.into());
}

/// Makes one of each kind of secret; returns the session's value against forged requests.
async fn everything(cloud: &TestCloud, mail: &MailServer) -> String {
    let session = cloud.sign_in("admin@acme.test").await;
    let post = async |path: &str, body: Value| cloud.post(&session, path, body).await.body();
    post("/v1/user/credentials/renew", json!({"password": PASSWORD})).await;
    post("/v1/api_tokens", json!({"name": "CI"})).await;
    post("/v1/session/reauth", json!({"password": PASSWORD})).await;
    post("/v1/session/token", json!({})).await;
    post("/v1/invitations", json!({"email": "eve@acme.test", "permissions": ["auditor"]})).await;
    let group = post("/v2/node", json!({"hostname": "n"})).await;
    let node = Credential::Token(group["token"].as_str().unwrap().to_owned());
    let body = json!({"hostname": "n-1", "labels": {}, "version": "0.1.0", "role": "proxy"});
    assert_eq!(cloud.post(&node, "/node/v1/register", body).await.status, 200);
    post("/v1/user/mfa", json!({})).await;
    cloud
        .post(&Credential::Anonymous, "/v1/password/forgot", json!({"email": "admin@acme.test"}))
        .await
        .body();
    cloud.keep_secret([token(&mail.next().await, "bzr_")]);
    post("/v1/user/email", json!({"email": "ada@new.test", "password": PASSWORD})).await;
    let (one, two) = (mail.next().await, mail.next().await);
    let confirmation = if one.to == ["ada@new.test"] { one } else { two };
    cloud.keep_secret([token(&confirmation, "bze_")]);
    let change = json!({
        "current_password": PASSWORD, "password": "Correct2horse", "password_confirmation": "Correct2horse",
    });
    cloud.call(&session, Method::PUT, "/v1/user/password", Some(&change)).await.body();
    let Credential::Cookie(_, csrf) = session else { unreachable!() };
    csrf
}

#[tokio::test]
async fn the_database_holds_no_secret_as_it_is() {
    let mail = MailServer::start().await;
    let cloud = start_with_mail(&mail, |_| {}).await;
    let csrf = everything(&cloud, &mail).await;
    let mut secrets = cloud.secrets();
    assert!(secrets.len() > 15, "{}", secrets.len());
    if bartizan_testkit::postgres::is_chosen() {
        return;
    }
    let files = std::fs::read_dir(cloud.folder()).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("bartizan.db"));
    let stored: String =
        files.map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()).collect();
    // The value against forged requests is told again to whoever has the cookie, and is worth nothing without it.
    assert!(stored.contains(&csrf), "the database was not read");
    secrets.remove(&csrf);
    let found: Vec<&String> = secrets.iter().filter(|secret| stored.contains(secret.as_str())).collect();
    assert!(found.is_empty(), "{found:?}");
}
