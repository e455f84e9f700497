//! What is refused before anything is done: credentials that come twice, types that nobody can be answered in, texts that are
//! too long, and what belongs to others.

use bartizan_cloud::secrets::Secret;
use bartizan_testkit::{Credential, Reply, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

mod types;

fn refusal(reply: &Reply) -> (u16, &str) {
    (reply.status, &reply.text)
}

#[tokio::test]
async fn a_credential_that_comes_twice_counts_for_nothing() {
    let cloud = TestCloud::start().await;
    let Credential::Pair(uuid, secret) = cloud.admin_pair().await else { unreachable!() };
    let session = cloud.sign_in("admin@acme.test").await;
    let bearer = cloud.post(&session, "/v1/session/token", json!({})).await.body();
    let bearer = format!("Bearer {}", bearer["token"].as_str().unwrap());
    let pair = [("X-WallarmAPI-UUID", uuid.as_str()), ("X-WallarmAPI-Secret", secret.as_str())];
    let anybody = &Credential::Anonymous;
    let ask = async |headers: &[(&str, &str)]| {
        cloud.call_with(anybody, Method::POST, "/v1/user", headers, Some(&json!({}))).await
    };
    assert_eq!(ask(&pair).await.status, 200);
    assert_eq!(ask(&[("Authorization", &bearer)]).await.status, 200);
    let refused = (403, r#"{"status":403,"body":"User not authenticated"}"#);
    for twice in [
        vec![pair[0], pair[0], pair[1]],
        vec![pair[0], pair[1], ("x-wallarmapi-secret", secret.as_str())],
        vec![("Authorization", &bearer), ("Authorization", &bearer)],
        vec![("X-WallarmApi-Token", "x"), ("X-WallarmAPI-Token", "x")],
        vec![pair[0], pair[1], ("Authorization", &bearer), ("Authorization", "Basic eDp5")],
    ] {
        assert_eq!(
            refusal(&ask(&twice).await),
            refused,
            "{:?}",
            twice.iter().map(|pair| pair.0).collect::<Vec<_>>()
        );
    }
    // A node's as well, on its own paths.
    let node = format!("Node {}:{}", uuid::Uuid::new_v4(), Secret::random().hex());
    let twice = [("Authorization", node.as_str()), ("Authorization", node.as_str())];
    let reply = cloud.call_with(anybody, Method::GET, "/node/v1/manifest", &twice, None).await;
    assert_eq!(reply.status, 401);
    // Over long, and in the query string.
    let long = "a".repeat(300);
    assert_eq!(refusal(&ask(&[("X-WallarmApi-Token", &long)]).await), refused);
    let reply = cloud.get(anybody, "/v1/user?X-WallarmApi-Token=x").await;
    let in_query = (400, Some("credentials in the query string are refused"));
    assert_eq!((reply.status, reply.json()["body"]["error"].as_str()), in_query);
    let reply = cloud.get(anybody, "/v1/user?a=1&X%2DWallarmAPI-Secret=x").await;
    assert_eq!((reply.status, reply.json()["body"]["error"].as_str()), in_query);
    // What protects a session from other pages comes once.
    let Credential::Cookie(cookie, csrf) = &session else { unreachable!() };
    let call = async |more: &[(&str, &str)]| {
        let own =
            [("Cookie", cookie.as_str()), ("Origin", cloud.url.as_str()), ("X-CSRF-Token", csrf.as_str())];
        let headers = [&own[..], more].concat();
        cloud.call_with(anybody, Method::POST, "/v1/session/token", &headers, Some(&json!({}))).await.status
    };
    assert_eq!(call(&[]).await, 200);
    assert_eq!(call(&[("X-CSRF-Token", "x")]).await, 403);
    assert_eq!(call(&[("Origin", "https://evil.test")]).await, 403);
}

#[tokio::test]
async fn a_credential_that_is_nearly_right_is_none() {
    let cloud = TestCloud::start().await;
    let Credential::Pair(uuid, secret) = cloud.admin_pair().await else { unreachable!() };
    let session = cloud.sign_in("admin@acme.test").await;
    let made = cloud.post(&session, "/v1/api_tokens", json!({"name": "CI"})).await.body();
    let token = made["token"].as_str().unwrap();
    let ask = async |headers: &[(&str, &str)]| {
        let anybody = Credential::Anonymous;
        let reply = cloud.call_with(&anybody, Method::POST, "/v1/user", headers, Some(&json!({}))).await;
        (reply.status, reply.text)
    };
    assert_eq!(ask(&[("X-WallarmApi-Token", token)]).await.0, 200);
    assert_eq!(ask(&[("X-WallarmAPI-UUID", &uuid), ("X-WallarmAPI-Secret", &secret)]).await.0, 200);
    let unknown = (403, r#"{"status":403,"body":"User not authenticated"}"#.to_owned());
    for wrong in nearly(token) {
        assert_eq!(ask(&[("X-WallarmApi-Token", &wrong)]).await, unknown, "{}", wrong.len());
    }
    for wrong in nearly(&secret) {
        let pair = [("X-WallarmAPI-UUID", uuid.as_str()), ("X-WallarmAPI-Secret", &wrong)];
        assert_eq!(ask(&pair).await, unknown, "{}", wrong.len());
    }
    for wrong in nearly(&uuid) {
        let pair = [("X-WallarmAPI-UUID", wrong.as_str()), ("X-WallarmAPI-Secret", &secret)];
        assert_eq!(ask(&pair).await, unknown, "{wrong}");
    }
    // Half of a pair, and schemes that there are not.
    for headers in [
        ("X-WallarmAPI-UUID", uuid.as_str()),
        ("X-WallarmAPI-Secret", &secret),
        ("Authorization", "Bearer"),
        ("Authorization", &format!("Bearer {token}")),
        ("Authorization", &format!("Basic {token}")),
        ("Authorization", &format!("Node {uuid}:{secret}")),
    ] {
        let (status, text) = ask(&[headers]).await;
        assert!([401, 403].contains(&status), "{}: {status} {text}", headers.0);
    }
}

/// A text with one character less, more, another, and without its digits.
fn nearly(text: &str) -> [String; 4] {
    let (first, rest) = text.split_at(1);
    let other = if first == "0" { "1" } else { "0" };
    [rest.to_owned(), format!("{text}0"), format!("{other}{rest}"), "~".repeat(text.len())]
}

#[tokio::test]
async fn wrong_credentials_in_headers_are_not_a_session_that_ended() {
    let cloud = TestCloud::start().await;
    let ask = async |headers: &[(&str, &str)]| {
        let reply = cloud.call_with(&Credential::Anonymous, Method::GET, "/v1/session", headers, None).await;
        (reply.status, reply.text)
    };
    let unknown = (403, r#"{"status":403,"body":"User not authenticated"}"#.to_owned());
    assert_eq!(ask(&[("X-WallarmApi-Token", "x")]).await, unknown);
    assert_eq!(ask(&[("X-WallarmAPI-UUID", "x"), ("X-WallarmAPI-Secret", "y")]).await, unknown);
    let ended = (401, r#"{"status":401,"body":"Session expired"}"#.to_owned());
    assert_eq!((ask(&[]).await, ask(&[("X-WallarmApi-Token", "")]).await), (ended.clone(), ended));
}

#[tokio::test]
async fn a_query_that_is_no_text_does_not_widen_what_is_asked() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    for part in ["filter[name]=%ff", "filter[id]=1%ff", "filter%5Bid%5D=%zz"] {
        let reply = cloud.get(&admin, &format!("/v1/objects/client?limit=5&{part}")).await;
        assert_eq!(reply.json()["body"], json!({"error": "invalid query", "value": part}), "{}", reply.text);
    }
    let reply = cloud.get(&admin, "/v2/dashboards/attacks?time_from=%ff").await;
    assert!((400..500).contains(&reply.status), "{}", reply.text);
}

#[tokio::test]
async fn who_excludes_json_is_answered_406_and_nobody_else() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let ask = async |accept: &str| {
        cloud.call_with(&admin, Method::GET, "/v1/user", &[("Accept", accept)], None).await
    };
    for accept in [
        "*/*",
        "application/json",
        "application/*",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/vnd.api+json",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
        "text/plain, application/json;q=0.1",
        "",
        "json",
    ] {
        assert_eq!(ask(accept).await.status, 200, "{accept}");
    }
    let refused = (406, r#"{"status":406,"body":"Not acceptable"}"#);
    for accept in
        ["text/html", "application/xml, text/*", "image/png;q=0.9", "application/json;q=0, text/html"]
    {
        assert_eq!(refusal(&ask(accept).await), refused, "{accept}");
    }
    // Files come in types of their own.
    let csv = format!("/v1/activity_log/{}/events.csv", cloud.client.id);
    let reply = cloud.call_with(&admin, Method::GET, &csv, &[("Accept", "text/csv")], None).await;
    assert_eq!(
        (reply.status, reply.headers["content-type"].to_str().unwrap()),
        (200, "text/csv; charset=utf-8")
    );
}

#[tokio::test]
async fn texts_that_are_too_long_are_refused_by_the_name_of_their_field() {
    let cloud = TestCloud::start().await;
    let (admin, session) = (cloud.admin_pair().await, cloud.sign_in("admin@acme.test").await);
    let long = "x".repeat(5000);
    let address = format!("{}@acme.test", "x".repeat(300));
    let user = |fields: Value| {
        let mut user = json!({"email": "eve@acme.test", "realname": "Eve Low", "permissions": ["auditor"], "password": "Correct1horse"});
        user.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        user
    };
    for (path, body, field) in [
        ("/v1/objects/user/create", user(json!({"realname": long})), "realname"),
        ("/v1/objects/user/create", user(json!({"email": address})), "email"),
        ("/v1/objects/user/create", user(json!({"phone": "1".repeat(33)})), "phone"),
        ("/v1/objects/user/create", user(json!({"job_title": long})), "job_title"),
        ("/v1/objects/user/create", user(json!({"timezone": long})), "timezone"),
        ("/v1/objects/user/create", user(json!({"password": format!("Aa1{long}")})), "password"),
        ("/v1/objects/pool/create", json!({"name": long}), "name"),
        (
            "/v1/invitations",
            json!({"email": "bob@acme.test", "permissions": ["auditor"], "realname": long}),
            "realname",
        ),
        ("/v1/api_tokens", json!({"name": long}), "name"),
        ("/v1/user/email", json!({"email": address, "password": bartizan_testkit::cloud::PASSWORD}), "email"),
        ("/v2/node", json!({"hostname": long}), "hostname"),
    ] {
        let by = if path.starts_with("/v1/api_tokens") || path.starts_with("/v1/user/") {
            &session
        } else {
            &admin
        };
        let reply = cloud.post(by, path, body).await;
        assert!(
            reply.status == 400 && reply.text.contains(field),
            "{path} {field}: {} {}",
            reply.status,
            reply.text
        );
        assert!(reply.text.len() < 1000, "{path} {field}: {} bytes are repeated", reply.text.len());
    }
}

#[tokio::test]
async fn what_belongs_to_others_is_refused_by_its_path() {
    let cloud = TestCloud::start().await;
    let other = cloud.add_company("Other").await;
    let there = cloud.add_user(other.id, "root@other.test", &["admin"]).await;
    let their_session = cloud.sign_in("root@other.test").await;
    let theirs = cloud.pair_of(&there).await;
    let session = cloud.sign_in("admin@acme.test").await;
    let node = cloud.post(&theirs, "/v2/node", json!({"hostname": "n"})).await.body()["id"].clone();
    let token =
        cloud.post(&their_session, "/v1/api_tokens", json!({"name": "CI"})).await.body()["id"].clone();
    let running =
        cloud.get(&their_session, "/v1/sessions").await.body()[0]["id"].as_str().unwrap().to_owned();
    let invitation = json!({"email": "bob@other.test", "permissions": ["auditor"], "send": false});
    let invitation = cloud.post(&theirs, "/v1/invitations", invitation).await.body()["id"].clone();
    let denied = (403, r#"{"status":403,"body":"Access denied"}"#);
    for (method, path) in [
        (Method::DELETE, format!("/v2/node/{node}")),
        (Method::POST, format!("/v2/node/{node}/regenerate_token")),
        (Method::DELETE, format!("/v1/sessions/{running}")),
        (Method::GET, format!("/v1/api_tokens/{token}")),
        (Method::PUT, format!("/v1/api_tokens/{token}")),
        (Method::DELETE, format!("/v1/api_tokens/{token}")),
        (Method::DELETE, format!("/v1/invitations/{invitation}")),
        (Method::POST, format!("/v1/user/{}/resend_invitation", there.id)),
        (Method::GET, format!("/v1/sessions?user_id={}", there.id)),
    ] {
        let body = matches!(method, Method::POST | Method::PUT).then(|| json!({}));
        let reply = cloud.call(&session, method.clone(), &path, body.as_ref()).await;
        assert_eq!(refusal(&reply), denied, "{method} {path}");
    }
    // What there is not is not found, and theirs is still there.
    assert_eq!(cloud.call(&session, Method::DELETE, "/v2/node/999999", None).await.status, 404);
    assert_eq!(cloud.get(&theirs, "/v2/node").await.body()[0]["id"], node);
    assert_eq!(cloud.get(&their_session, &format!("/v1/api_tokens/{token}")).await.status, 200);
}
