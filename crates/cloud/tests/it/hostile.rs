//! Input that no honest client sends: answered in the form of errors, never by a fault or a crash.

use bartizan_testkit::{Credential, TestCloud};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const LISTS: &[&str] = &[
    "/v1/objects/user",
    "/v1/objects/client",
    "/v1/objects/pool",
    "/v1/objects/node",
    "/v1/objects/hint",
    "/v1/objects/action",
    "/v1/objects/hit",
    "/v1/objects/attack",
    "/v1/objects/vuln",
];

fn request(cloud: &TestCloud, credential: &Credential, path: &str) -> reqwest::RequestBuilder {
    let Credential::Pair(uuid, secret) = credential else { unreachable!() };
    // Answers as they come: a client that inflates hides how they were sent.
    let client = reqwest::Client::builder().no_gzip().build().unwrap();
    let call = client.post(format!("{}{path}", cloud.url));
    call.header("X-WallarmAPI-UUID", uuid).header("X-WallarmAPI-Secret", secret)
}

#[tokio::test]
async fn filters_of_many_values_are_answered_or_refused() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let ranges = |count: i64| (0..count).map(|from| json!([from, from + 1])).collect::<Vec<_>>();
    let numbers = |count: i64| (1..=count).collect::<Vec<_>>();
    let texts = |count: i64| (0..count).map(|n| format!("*{n}*")).collect::<Vec<_>>();
    for path in LISTS {
        for (filter, refused) in [
            (json!({"id": numbers(70_000)}), true),
            (json!({"id": ranges(50_000)}), true),
            (json!({"id": numbers(1000)}), false),
            (json!({"id": ranges(250)}), false),
            (json!({"name": texts(30_000), "domain": texts(30_000)}), true),
            (json!({"query": texts(250), "permissions": texts(250), "hint_type": texts(250)}), false),
            (json!({"time": ranges(30_000), "create_time": ranges(30_000)}), true),
            (json!({"time": ranges(250), "domain": texts(250), "statuscode": numbers(250)}), false),
            (json!(vec![json!({"id": numbers(1000)}); 20]), true),
        ] {
            let reply = cloud.post(&admin, path, json!({ "filter": filter })).await;
            assert!([200, 400].contains(&reply.status), "{path}: {} {}", reply.status, reply.text);
            // A key that the family does not know is ignored there, however long; `id` is known to all.
            assert!(!refused || filter.get("id").is_none() || reply.status == 400, "{path}");
        }
    }
    let ids: Vec<_> = (0..300).map(|tenant| format!("hits_production_{tenant}_202601_v_1:x")).collect();
    for path in ["/v1/objects/hit/details", "/v1/objects/hit", "/v1/objects/hit/mark_false"] {
        let reply = cloud.post(&admin, path, json!({"filter": {"id": ids}})).await;
        assert_eq!(reply.status, 400, "{path}: {}", reply.text);
    }
}

#[tokio::test]
async fn ids_that_are_none_are_refused_in_the_form_of_errors() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    for (method, path) in [
        (Method::GET, "/v3/hint/abc"),
        (Method::GET, "/v3/action/99999999999999999999"),
        (Method::DELETE, "/v2/node/%00"),
        (Method::GET, "/v1/blocklist/clients/x/groups"),
        (Method::GET, "/v2/hit/details?id[]=a&id[]=b"),
    ] {
        let reply = cloud.call(&admin, method, path, None).await;
        assert_eq!((reply.status, &reply.json()["status"]), (400, &json!(400)), "{path}: {}", reply.text);
    }
}

#[tokio::test]
async fn texts_that_a_database_cannot_hold_are_refused() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    for (path, body) in [
        ("/v1/objects/pool/create", json!({"name": "a\0b"})),
        ("/v1/objects/user", json!({"filter": {"realname": "\0"}})),
        ("/v1/objects/hit", json!({"filter": {"domain": "\0"}})),
        ("/v1/login", json!({"username": "\0", "password": "x"})),
    ] {
        assert_eq!(cloud.post(&admin, path, body).await.status, 400, "{path}");
    }
    assert_eq!(cloud.get(&admin, "/v2/node?filter[hostname]=%00").await.status, 400);
}

#[tokio::test]
async fn compressed_bodies_count_inflated_and_must_inflate() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let send = async |encoding: &str, body: Vec<u8>| {
        let call = request(&cloud, &admin, "/v1/objects/user").header("Content-Encoding", encoding);
        let reply = call.body(body).send().await.unwrap();
        let status = reply.status();
        let text: Value = reply.json().await.unwrap();
        assert_eq!(text["status"], status.as_u16());
        status
    };
    assert_eq!(send("gzip", gzip(b"{}")).await, StatusCode::OK);
    assert_eq!(send("gzip", gzip(&vec![b' '; 50 << 20])).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(send("gzip", b"\x1f\x8bno".to_vec()).await, StatusCode::BAD_REQUEST);
    assert_eq!(send("lzma", b"{}".to_vec()).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut out, bytes).unwrap();
    out.finish().unwrap()
}

#[tokio::test]
async fn answers_with_secrets_are_never_compressed() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let encoding = async |path: &str, body: Value| {
        let call = request(&cloud, &admin, path).header("Accept-Encoding", "gzip");
        let reply = call.json(&body).send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::OK, "{path}");
        assert_eq!(reply.headers()["cache-control"], "no-store");
        reply.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned())
    };
    // Large enough for compression wherever it is allowed.
    for n in 0..12 {
        let name = format!("{n}{}", "x".repeat(200));
        assert_eq!(encoding("/v2/node", json!({"hostname": name})).await, None);
        cloud.post(&admin, "/v1/objects/pool/create", json!({"name": name})).await.body();
    }
    assert_eq!(encoding("/v1/objects/node", json!({})).await, None);
    assert_eq!(encoding("/v1/objects/pool", json!({})).await.as_deref(), Some("gzip"));
}

#[tokio::test]
async fn another_site_cannot_sign_its_visitor_in() {
    let cloud = TestCloud::start().await;
    let sign_in = async |origin: &str| {
        let body = json!({"username": "admin@acme.test", "password": bartizan_testkit::cloud::PASSWORD});
        let call = reqwest::Client::new().post(format!("{}/v1/login", cloud.url)).header("Origin", origin);
        call.header("Content-Type", "application/json").body(body.to_string()).send().await.unwrap().status()
    };
    assert_eq!(sign_in("https://elsewhere.example").await, StatusCode::FORBIDDEN);
    assert_eq!(sign_in("null").await, StatusCode::FORBIDDEN);
    assert_eq!(sign_in(&cloud.url).await, StatusCode::OK);
    // What a form of another page can send is not JSON.
    let form = reqwest::Client::new().post(format!("{}/v1/login", cloud.url)).body("{}");
    let form = form.header("Content-Type", "text/plain").send().await.unwrap();
    assert_eq!(form.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_change_of_everything_but_nothing_is_refused() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    for path in ["/v1/objects/user/delete", "/v1/objects/pool/delete"] {
        let reply = cloud.post(&admin, path, json!({"filter": {"!id": []}})).await;
        assert_eq!((reply.status, reply.json()["body"].as_str()), (400, Some("Empty filter")), "{path}");
    }
}

#[tokio::test]
async fn a_path_of_a_version_that_there_is_not_is_no_page() {
    let cloud = TestCloud::start().await;
    let anybody = &Credential::Anonymous;
    let absent = (404, r#"{"status":404,"body":"Not found"}"#);
    for (method, path) in [
        (Method::GET, "/v1"),
        (Method::POST, "/v9/foo"),
        (Method::GET, "/v10/objects/user"),
        (Method::DELETE, "/node"),
        (Method::GET, "/node/v2/manifest"),
    ] {
        let reply = cloud.call(anybody, method.clone(), path, None).await;
        assert_eq!((reply.status, reply.text.as_str()), absent, "{method} {path}");
        assert!(reply.headers.contains_key("x-request-id"), "{method} {path}");
    }
    // Identity providers are answered in their form, and pages are only read.
    let reply = cloud.get(anybody, "/scim/v2/Robots").await;
    assert_eq!((reply.status, &reply.json()["detail"]), (404, &json!("Not found")));
    assert_eq!(reply.headers["content-type"], "application/scim+json");
    let reply = cloud.post(anybody, "/attacks", json!({})).await;
    assert_eq!((reply.status, reply.text.as_str()), (405, r#"{"status":405,"body":"Method not allowed"}"#));
    assert_ne!(cloud.get(anybody, "/vulnerabilities").await.status, 405);
}

#[tokio::test]
async fn an_unknown_path_is_answered_like_the_api() {
    let cloud = TestCloud::start().await;
    let reply = cloud.get(&Credential::Anonymous, "/v1/nothing").await;
    assert_eq!((reply.status, reply.text.as_str()), (404, r#"{"status":404,"body":"Not found"}"#));
    assert_eq!(reply.headers["cache-control"], "no-store");
    assert!(reply.headers.contains_key("x-request-id"));
}

#[tokio::test]
async fn bodies_that_could_be_read_in_two_ways_are_refused() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let send = async |path: &str, kind: &str, body: &str| {
        let request = request(&cloud, &admin, path).header("Content-Type", kind).body(body.to_owned());
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let twice = r#"{"filter":{"id":1,"id":2}}"#;
    assert_eq!(
        send("/v1/objects/user", "application/json", twice).await,
        (400, r#"{"status":400,"body":{"error":"duplicate key","value":"id"}}"#.to_owned())
    );
    assert_eq!(
        send("/v1/objects/attack", "application/json", twice).await,
        (400, r#"{"status":400,"body":{"id":{"error":"duplicate key"}}}"#.to_owned())
    );
    let unsupported = (415, r#"{"status":415,"body":"Unsupported media type"}"#.to_owned());
    assert_eq!(send("/v1/objects/user", "text/plain", "{}").await, unsupported);
    assert_eq!(send("/v1/user", "text/plain", "").await.0, 200);
    assert_eq!(send("/v1/objects/user", "application/json; charset=utf-8", "{}").await.0, 200);
}

#[tokio::test]
async fn behind_tls_browsers_are_told_to_stay_there() {
    let cloud = TestCloud::start_with(|config| {
        config.listen.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let request = reqwest::Client::new().get(format!("{}/healthz", cloud.url));
    let by_tls = request.try_clone().unwrap().header("X-Forwarded-Proto", "https").send().await.unwrap();
    assert!(by_tls.headers().contains_key("strict-transport-security"));
    assert!(!request.send().await.unwrap().headers().contains_key("strict-transport-security"));
}

#[tokio::test]
async fn rules_are_read_whatever_a_body_is_called() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    // As `curl -d` sends it.
    for (path, kind) in [
        ("/v1/objects/hint", "application/x-www-form-urlencoded"),
        ("/v1/objects/action", "text/plain"),
        ("/v2/suggest/point", "application/octet-stream"),
    ] {
        let call = request(&cloud, &admin, path).header("Content-Type", kind);
        let response = call.body(r#"{"points":[["post"]]}"#).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
}
