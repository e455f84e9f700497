//! API specifications over HTTP: wire forms, files, policies, refusals.

use bartizan_cloud::services::api_spec::refresh;
use bartizan_testkit::{Credential, Reply, TestCloud, receiver::Receiver};
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/v4/clients/1/rules/api-specs";
const SHOP: &str = "openapi: 3.0.3\ninfo: {title: Shop, version: '1.4.0'}\npaths:\n  /orders:\n    get: {responses: {}}\n    post: {responses: {}}\n";

async fn start() -> TestCloud {
    TestCloud::start_with(|config| {
        config.outgoing.allowed_networks = vec!["127.0.0.0/8".parse().unwrap()];
        config.outgoing.plain_http = true;
    })
    .await
}

async fn create(cloud: &TestCloud, by: &Credential, body: Value) -> Reply {
    cloud.post(by, PATH, body).await
}

/// Uploads a form.
async fn upload(
    cloud: &TestCloud,
    by: &Credential,
    parts: &[(&str, &str)],
    file: Option<(&str, &[u8])>,
) -> Reply {
    let boundary = "----bartizan";
    let mut body = Vec::new();
    for (name, value) in parts {
        body.extend(
            format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                .bytes(),
        );
    }
    if let Some((name, bytes)) = file {
        body.extend(
            format!(
                "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
            )
            .bytes(),
        );
        body.extend_from_slice(bytes);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{boundary}--\r\n").bytes());
    let Credential::Pair(uuid, secret) = by else { panic!("a pair is expected") };
    let response = reqwest::Client::new()
        .post(format!("{}{PATH}", cloud.url))
        .header("X-WallarmAPI-UUID", uuid)
        .header("X-WallarmAPI-Secret", secret)
        .header("content-type", format!("multipart/form-data; boundary={boundary}"))
        .body(body)
        .send()
        .await
        .unwrap();
    Reply {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}

#[tokio::test]
async fn a_remote_specification_is_fetched_and_has_its_wire_form() {
    let server = Receiver::start().await;
    server.answer(200, SHOP);
    let cloud = start().await;
    let admin = cloud.admin_pair().await;
    // As the Terraform provider sends it.
    let sent = json!({"title": "tf-test", "description": "d", "file_remote_url": format!("{}/a/spec.yaml", server.url),
        "regular_file_update": false, "api_detection": false, "instances": [1], "domains": ["b.example.com", "a.example.com"],
        "auth_headers": [{"key": "X-Token", "value": "first-value"}]});
    let created = create(&cloud, &admin, sent.clone()).await.body();
    assert_eq!(server.next().await.header("x-token"), "first-value");
    let mut shown = created.clone();
    for time in ["last_synced_at", "updated_at", "created_at", "file_changed_at"] {
        assert!(shown[time].as_str().unwrap().ends_with('Z'));
        shown[time] = json!("time");
    }
    shown["file_remote_url"] = json!("url");
    shown["file"]["signed_url"] = json!("url");
    insta::assert_json_snapshot!("api_spec", shown);
    let path = format!("{PATH}/{}", created["id"]);
    let read = cloud.get(&admin, &path).await.body();
    assert_ne!(read["file"]["signed_url"], created["file"]["signed_url"]);
    for name in [
        "title",
        "description",
        "file_remote_url",
        "domains",
        "instances",
        "auth_headers",
        "status",
        "policy",
    ] {
        assert_eq!(read[name], created[name], "{name}");
    }
    let changed = cloud
        .call(&admin, Method::PUT, &path, Some(&json!({"title": "other", "description": "", "domains": []})))
        .await
        .body();
    assert_eq!(
        (&changed["title"], &changed["description"], &changed["domains"]),
        (&json!("other"), &json!(""), &json!([]))
    );
    assert_eq!(
        (&changed["instances"], &changed["auth_headers"], &changed["version"]),
        (&json!([1]), &sent["auth_headers"], &json!(1))
    );
    assert!(server.now().await.is_none());
    let list = cloud.get(&admin, PATH).await.json();
    assert_eq!(
        (&list["total_count"], &list["current_page"], &list["total_pages"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(list["items"][0]["id"], created["id"]);
    assert_eq!(cloud.call(&admin, Method::DELETE, &path, None).await.status, 200);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let body = (method == Method::PUT).then(|| json!({"title": "x"}));
        let gone = cloud.call(&admin, method, &path, body.as_ref()).await;
        assert_eq!((gone.status, gone.text.as_str()), (404, r#"{"status":404,"body":"Not found"}"#));
    }
}

#[tokio::test]
async fn an_uploaded_file_can_be_loaded_by_its_link_only() {
    let cloud = start().await;
    let admin = cloud.admin_pair().await;
    let parts = [
        ("title", "Shop"),
        ("instances[]", "1"),
        ("instances[]", "2"),
        ("domains", "[\"a.test\"]"),
        ("api_detection", "true"),
    ];
    let spec = upload(&cloud, &admin, &parts, Some(("shop.yaml", SHOP.as_bytes()))).await.body();
    assert_eq!(
        (&spec["instances"], &spec["domains"], &spec["api_detection"]),
        (&json!([1, 2]), &json!(["a.test"]), &json!(true))
    );
    assert_eq!(
        (&spec["file"]["name"], &spec["endpoints_count"], &spec["file_remote_url"]),
        (&json!("shop.yaml"), &json!(2), &json!(""))
    );
    let url = spec["file"]["signed_url"].as_str().unwrap();
    let link = url.strip_prefix(&cloud.url).unwrap();
    let file = cloud.get(&Credential::Anonymous, link).await;
    assert_eq!((file.status, file.text.as_str()), (200, SHOP));
    for bad in [
        link.replace("expires=1", "expires=2"),
        link.replace("signature=", "signature=0"),
        link.split('?').next().unwrap().to_owned(),
    ] {
        assert_eq!(cloud.get(&Credential::Anonymous, &bad).await.status, 404, "{bad}");
    }
    cloud.running.cloud.clock.shift_ms(601_000);
    assert_eq!(cloud.get(&Credential::Anonymous, link).await.status, 404);
}

#[tokio::test]
async fn files_that_are_none_are_refused_with_findings() {
    let cloud = start().await;
    let admin = cloud.admin_pair().await;
    let bad = b"openapi: 3.0.0\ninfo: {title: x, version: '1'}\npaths:\n  /a: {get: {responses: {'200': {$ref: '#/no'}}}}\n";
    let reply = upload(&cloud, &admin, &[("title", "x")], Some(("x.yaml", bad))).await;
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.json()["body"]["file"],
        json!({"error": "is not a valid specification", "value": [
            {"level": "error", "pointer": "/paths/~1a/get/responses/200", "message": "#/no leads nowhere"}]})
    );
    let binary = upload(&cloud, &admin, &[("title", "x")], Some(("x", &[0xff, 0xfe, 0x00]))).await;
    assert_eq!(binary.json()["body"]["file"]["value"][0]["message"], "the file is not UTF-8");
    let huge = vec![b' '; (21 << 20) + 1024];
    assert_eq!(upload(&cloud, &admin, &[("title", "x")], Some(("x", &huge))).await.status, 413);
    for (body, error) in [
        (json!({"title": "x"}), json!({"file_remote_url": {"error": "can't be blank"}})),
        (json!({"file_remote_url": "https://a.test/x"}), json!({"title": {"error": "can't be blank"}})),
        (
            json!({"title": "x", "file_remote_url": "http://10.0.0.1/x"}),
            json!({"file_remote_url": {"error": "leads to an address that is not public", "value": "http://10.0.0.1/x"}}),
        ),
        (
            json!({"title": "x", "file_remote_url": "https://a.test/x", "auth_headers": [{"key": "a b", "value": ""}]}),
            json!({"auth_headers": {"error": "is invalid", "value": "a b"}}),
        ),
        (
            json!({"title": "x", "file_remote_url": "https://a.test/x", "domains": ["a/b"]}),
            json!({"domains": {"error": "is invalid", "value": "a/b"}}),
        ),
    ] {
        let reply = create(&cloud, &admin, body).await;
        assert_eq!((reply.status, &reply.json()["body"]), (400, &error), "{}", reply.text);
    }
    assert_eq!(cloud.get(&admin, PATH).await.json()["total_count"], 0);
}

#[tokio::test]
async fn a_server_that_fails_leaves_an_error_and_is_asked_again() {
    let server = Receiver::start().await;
    server.answer(500, "");
    let cloud = start().await;
    let admin = cloud.admin_pair().await;
    let sent = json!({"title": "Shop", "file_remote_url": format!("{}/spec.yaml", server.url), "regular_file_update": true});
    let spec = create(&cloud, &admin, sent).await.body();
    assert_eq!(
        (&spec["status"], &spec["file"], &spec["version"]),
        (&json!("error"), &Value::Null, &json!(0))
    );
    assert_eq!(spec["report"][0]["message"], "the file could not be fetched: the server answered 500");
    let path = format!("{PATH}/{}", spec["id"]);
    server.answer(200, SHOP);
    refresh::pass(&cloud.running.cloud).await.unwrap();
    assert_eq!(cloud.get(&admin, &path).await.body()["status"], "error");
    cloud.running.cloud.clock.shift_ms(3_601_000);
    refresh::pass(&cloud.running.cloud).await.unwrap();
    let ready = cloud.get(&admin, &path).await.body();
    assert_eq!(
        (&ready["status"], &ready["version"], &ready["spec_version"]),
        (&json!("ready"), &json!(1), &json!("1.4.0"))
    );
    // The same file is no new version, a broken one keeps the last that was good.
    server.answer(200, "not a specification");
    cloud.running.cloud.clock.shift_ms(3_601_000);
    refresh::pass(&cloud.running.cloud).await.unwrap();
    let broken = cloud.get(&admin, &path).await.body();
    assert_eq!(
        (&broken["status"], &broken["version"], &broken["endpoints_count"]),
        (&json!("error"), &json!(1), &json!(2))
    );
}

#[tokio::test]
async fn a_policy_is_set_kept_and_switched_off() {
    let cloud = start().await;
    let admin = cloud.admin_pair().await;
    let spec =
        upload(&cloud, &admin, &[("title", "Shop")], Some(("shop.yaml", SHOP.as_bytes()))).await.body();
    let path = format!("{PATH}/{}", spec["id"]);
    assert_eq!(spec["policy"], Value::Null);
    let sent = json!({"enabled": true, "conditions": [{"type": "equal", "point": ["header", "host"], "value": "a.test"}],
        "undefined_endpoint_mode": "block", "timeout": 7});
    let policy = cloud.call(&admin, Method::PUT, &format!("{path}/policy"), Some(&sent)).await.body();
    insta::assert_json_snapshot!("api_spec_policy", policy);
    assert_eq!(cloud.get(&admin, &path).await.body()["policy"], policy);
    let mut off = policy.clone();
    off["enabled"] = json!(false);
    for limit in ["timeout", "timeout_mode", "max_request_size", "max_request_size_mode"] {
        off.as_object_mut().unwrap().remove(limit);
    }
    let off = cloud.call(&admin, Method::PUT, &format!("{path}/policy"), Some(&off)).await.body();
    assert_eq!(
        (&off["enabled"], &off["undefined_endpoint_mode"], &off["timeout"]),
        (&json!(false), &json!("block"), &json!(50))
    );
    let missing = cloud.call(&admin, Method::PUT, &format!("{PATH}/999/policy"), Some(&sent)).await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn readers_see_no_header_values_and_strangers_nothing() {
    let cloud = start().await;
    let admin = cloud.admin_pair().await;
    let server = Receiver::start().await;
    server.answer(200, SHOP);
    let sent = json!({"title": "Shop", "file_remote_url": server.url, "auth_headers": [{"key": "X-Token", "value": "secret"}]});
    let id = create(&cloud, &admin, sent).await.body()["id"].clone();
    let reader = cloud.add_user(1, "reader@acme.test", &["auditor"]).await;
    let reader = cloud.pair_of(&reader).await;
    let seen = cloud.get(&reader, &format!("{PATH}/{id}")).await.body();
    assert_eq!(seen["auth_headers"], json!([{"key": "X-Token", "value": "****"}]));
    let refused =
        cloud.call(&reader, Method::PUT, &format!("{PATH}/{id}"), Some(&json!({"title": "x"}))).await;
    assert_eq!(refused.status, 403);
    let other = cloud.add_company("Other").await;
    let stranger = cloud.add_user(other.id, "eve@other.test", &["admin"]).await;
    let stranger = cloud.pair_of(&stranger).await;
    assert_eq!(cloud.get(&stranger, &format!("{PATH}/{id}")).await.status, 403);
    let own = format!("/v4/clients/{}/rules/api-specs/{id}", other.id);
    assert_eq!(cloud.get(&stranger, &own).await.status, 404);
}
