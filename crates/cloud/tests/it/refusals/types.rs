//! Bodies that are no JSON, or not of the types that are expected: the answer says where.

use bartizan_testkit::{Credential, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn what_is_of_another_type_is_refused_by_the_name_of_its_field() {
    let cloud = TestCloud::start().await;
    let (admin, session) = (cloud.admin_pair().await, cloud.sign_in("admin@acme.test").await);
    let (post, put, delete) = (Method::POST, Method::PUT, Method::DELETE);
    let settings = format!("/v1/clients/{}/settings", cloud.client.id);
    let text = "a string is expected";
    for (by, method, path, body, error, value) in [
        (&admin, &post, "/v1/objects/pool/create", json!({"name": 5}), format!("name: {text}"), json!(5)),
        (
            &admin,
            &post,
            "/v1/objects/pool/update",
            json!({"filter": {"id": 1}, "fields": {"name": ["x"]}}),
            format!("fields.name: {text}"),
            json!(["x"]),
        ),
        (
            &admin,
            &post,
            "/v1/objects/pool",
            json!({"limit": "many"}),
            "limit: a whole number is expected".into(),
            json!("many"),
        ),
        (&admin, &post, "/v1/objects/pool", json!([]), "the body: an object is expected".into(), json!([])),
        (
            &admin,
            &post,
            "/v1/objects/user/update",
            json!([{"id": 1}, {"job_title": "x"}]),
            "the body: an object is expected".into(),
            json!([{"id": 1}, {"job_title": "x"}]),
        ),
        (
            &admin,
            &post,
            "/v1/objects/client/update",
            json!({"filter": {"id": 1}, "fields": {"enabled": "maybe"}}),
            "fields.enabled: true or false is expected".into(),
            json!("maybe"),
        ),
        (
            &admin,
            &post,
            "/v1/objects/user/create",
            json!({"email": "eve@acme.test", "realname": "Eve Low", "permissions": "admin"}),
            "permissions: a list is expected".into(),
            json!("admin"),
        ),
        (
            &admin,
            &post,
            "/v1/objects/user/create",
            json!({"email": "eve@acme.test", "realname": "Eve Low", "permissions": ["admin"], "job_title": 7}),
            format!("job_title: {text}"),
            json!(7),
        ),
        (
            &admin,
            &post,
            "/v1/objects/user/create",
            json!({"email": "eve@acme.test", "password": 12_345_678}),
            format!("password: {text}"),
            Value::Null,
        ),
        (
            &admin,
            &post,
            "/v1/objects/user/create",
            json!({"email": "eve@acme.test", "realname": "a\u{0}b"}),
            "realname: U+0000 is not allowed".into(),
            Value::Null,
        ),
        (
            &session,
            &post,
            "/v1/api_tokens",
            json!({"name": "CI", "type": "own"}),
            "type: unknown variant `own`, expected `personal` or `shared`".into(),
            json!("own"),
        ),
        (&session, &put, "/v1/user", json!({"timezone": 1}), format!("timezone: {text}"), json!(1)),
        (
            &session,
            &put,
            &settings,
            json!({"password_policy": {"min_length": "long"}}),
            "password_policy.min_length: a whole number is expected".into(),
            json!("long"),
        ),
        (
            &session,
            &put,
            &settings,
            json!({"password_policy": [8]}),
            "password_policy: an object is expected".into(),
            json!([8]),
        ),
        (
            &session,
            &put,
            &settings,
            json!({"password_policy": {"length": 9}}),
            String::new(),
            json!("password_policy.length"),
        ),
        (
            &session,
            &put,
            "/v1/sso/mapping",
            json!([{"group": "x", "role": "admin"}, {"group": "y"}]),
            "[1].role is needed".into(),
            Value::Null,
        ),
        (&session, &put, "/v1/sso/mapping", json!({}), "the body: a list is expected".into(), json!({})),
        (
            &session,
            &post,
            "/v1/invitations",
            json!({"email": ["x"], "permissions": ["auditor"]}),
            format!("email: {text}"),
            json!(["x"]),
        ),
        (
            &session,
            &delete,
            "/v1/user/mfa",
            json!({"password": {"of": "mine"}}),
            format!("password: {text}"),
            Value::Null,
        ),
    ] {
        let reply = cloud.call(by, method.clone(), path, Some(&body)).await;
        assert_eq!(reply.status, 400, "{path} {body}: {}", reply.text);
        let told = reply.json()["body"].clone();
        assert_eq!(told["value"], value, "{path} {body}: {}", reply.text);
        if error.is_empty() {
            assert!(told["error"].as_str().unwrap().starts_with("unknown field `length`"), "{}", reply.text);
        } else {
            assert_eq!(told["error"], error, "{path} {body}");
        }
    }
    // In query strings as well.
    let reply = cloud.get(&admin, "/v1/objects/client?limit=many").await;
    assert_eq!(reply.json()["body"], json!({"error": "limit: a whole number is expected", "value": "many"}));
    // Large values are not sent back whole.
    for path in ["/v1/objects/user/create", "/v1/objects/pool/create"] {
        let reply =
            cloud.post(&admin, path, json!({"realname": vec!["x"; 9000], "name": vec!["x"; 9000]})).await;
        assert!(reply.status == 400 && reply.text.len() < 500, "{path}: {} bytes", reply.text.len());
    }
}

#[tokio::test]
async fn nodes_refuse_by_field_as_rules_do() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    for (path, body, field, error, value) in [
        ("/v2/node", json!({"hostname": {}}), "hostname", "expected a string", json!({})),
        ("/v2/node", json!({"hostname": "a\u{0}b"}), "body", "U+0000 is not allowed", Value::Null),
    ] {
        let reply = cloud.post(&admin, path, body.clone()).await;
        assert_eq!(reply.status, 400, "{path} {body}: {}", reply.text);
        let told = reply.json()["body"][field].clone();
        assert!(
            told["error"].as_str().is_some_and(|text| text.contains(error)),
            "{path} {body}: {}",
            reply.text
        );
        assert_eq!(told["value"], value, "{path} {body}: {}", reply.text);
    }
    let reply = cloud.get(&admin, "/v2/node?limit=many").await;
    assert_eq!(
        (reply.status, &reply.json()["body"]["limit"]["value"]),
        (400, &json!("many")),
        "{}",
        reply.text
    );
}

#[tokio::test]
async fn json_that_is_none_is_refused_by_line_and_column() {
    let cloud = TestCloud::start().await;
    let Credential::Pair(uuid, secret) = cloud.admin_pair().await else { unreachable!() };
    let http = reqwest::Client::new();
    for (path, keyed) in [
        ("/v1/objects/pool/create", false),
        ("/v1/objects/client/update", false),
        ("/v1/objects/user/create", false),
        ("/v2/node", true),
        ("/v1/invitations", false),
    ] {
        for (body, error, says) in [
            ("{\n  \"name\": \"a\",\n}", "invalid json", "at line 3 column 1"),
            ("{\"name\": nul}", "invalid json", "at line 1 column 13"),
            ("{\"name\": \"a\"} x", "invalid json", "at line 1 column 15"),
            ("{\"name\": \"a\", \"name\": \"b\"}", "duplicate key", "name"),
        ] {
            let request = http.post(format!("{}{path}", cloud.url)).header("X-WallarmAPI-UUID", &uuid);
            let request = request.header("X-WallarmAPI-Secret", &secret).body(body);
            let reply = request.header("Content-Type", "application/json").send().await.unwrap();
            let (status, told) = (reply.status(), reply.json::<Value>().await.unwrap());
            assert_eq!(status.as_u16(), 400, "{path} {body}: {told}");
            if keyed {
                let member = if error == "duplicate key" { says } else { "body" };
                let text = told["body"][member]["error"].as_str().unwrap();
                assert!(text.starts_with(error), "{path} {body}: {told}");
                assert!(member == says || text.ends_with(says), "{path} {body}: {told}");
                continue;
            }
            assert_eq!(told["body"]["error"], error, "{path} {body}");
            assert!(told["body"]["value"].as_str().unwrap().ends_with(says), "{path} {body}: {told}");
        }
    }
}

#[tokio::test]
async fn what_takes_no_fields_takes_none() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let Credential::Cookie(cookie, csrf) = &session else { unreachable!() };
    let proof = json!({"password": bartizan_testkit::cloud::PASSWORD});
    let proof = cloud.post(&session, "/v1/session/reauth", proof).await.body()["ticket"].clone();
    let token = cloud.post(&session, "/v1/api_tokens", json!({"name": "CI"})).await.body();
    let (renew, token) =
        (format!("/v1/api_tokens/{}/renew", token["id"]), format!("/v1/api_tokens/{}", token["id"]));
    let integration = "/v2/integration/1/test";
    let snapshot = format!("/v2/client/{}/rules/snapshots/1", cloud.client.id);
    let restore = format!("{snapshot}/restore");
    let send = async |method: &Method, path: &str, body: &str| {
        let request = reqwest::Client::new().request(method.clone(), format!("{}{path}", cloud.url));
        let request =
            request.header("Cookie", cookie).header("X-CSRF-Token", csrf).header("Origin", &cloud.url);
        let request =
            request.header("X-Reauth", proof.as_str().unwrap()).header("Content-Type", "application/json");
        let reply = request.body(body.to_owned()).send().await.unwrap();
        (reply.status().as_u16(), reply.json::<Value>().await.unwrap()["body"].clone())
    };
    let (post, delete) = (Method::POST, Method::DELETE);
    for (method, path) in [
        (&post, "/v1/session/token"),
        (&post, "/v1/user/mfa"),
        (&post, renew.as_str()),
        (&delete, token.as_str()),
        (&post, "/v1/user/1/resend_invitation"),
        (&delete, "/v1/invitations/1"),
        (&delete, "/v1/sessions/x"),
        (&post, "/v1/sso/scim/token"),
        (&delete, "/v1/sso/scim/token"),
        (&post, "/v1/sso/test"),
        (&post, "/v1/sso/activate"),
        (&post, "/v1/sso/deactivate"),
        (&delete, "/v1/sso"),
        (&post, integration),
        (&post, "/v2/integration/1/deliveries/1/retry"),
        (&delete, snapshot.as_str()),
        (&post, restore.as_str()),
    ] {
        // By field there, by error here.
        let keyed = path.starts_with("/v2/");
        for (body, error) in [
            (r#"{"x":1}"#, "unknown field `x`"),
            ("{bad json", "invalid json"),
            (r#"{"x":1,"x":1}"#, "duplicate key"),
            ("[]", "object"),
            ("5", "object"),
        ] {
            let (status, told) = send(method, path, body).await;
            assert_eq!(status, 400, "{method} {path} {body}: {told}");
            let told = told.to_string();
            assert!(
                told.contains(error) || (keyed && told.contains("invalid type")),
                "{method} {path} {body}: {told}"
            );
        }
    }
    // Nothing and no fields are the same.
    for body in ["", "{}", " {} "] {
        assert_eq!(send(&post, &renew, body).await.0, 200, "{body}");
        assert_eq!(send(&post, "/v1/session/token", body).await.0, 200, "{body}");
    }
    assert_eq!(send(&delete, &token, "").await.0, 200);
}

#[tokio::test]
async fn two_clients_in_one_body_are_refused() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let other = cloud.add_company("Other").await;
    let refused = |of: i64| json!({"error": "client_id: another client than clientid names", "value": of});
    let user = json!({"email": "eve@acme.test", "realname": "Eve Low", "permissions": ["auditor"], "password": "Correct1horse"});
    for (path, mut body) in
        [("/v1/objects/pool/create", json!({"name": "Shop"})), ("/v1/objects/user/create", user)]
    {
        body["clientid"] = json!(cloud.client.id);
        body["client_id"] = json!(other.id);
        let reply = cloud.post(&admin, path, body.clone()).await;
        assert_eq!((reply.status, reply.json()["body"].clone()), (400, refused(other.id)), "{path}");
        body["client_id"] = json!(cloud.client.id);
        assert_eq!(cloud.post(&admin, path, body).await.status, 200, "{path}");
    }
    let (home, linked) = cloud.add_global_account().await;
    let global = cloud.add_user(home.id, "global@home.test", &["partner_admin"]).await;
    let global = cloud.pair_of(&global).await;
    for path in ["/v1/objects/client/disabling", "/v1/objects/client/enabling"] {
        let both = json!({"clientid": linked.id, "client_id": home.id});
        let reply = cloud.post(&global, path, both).await;
        assert_eq!((reply.status, reply.json()["body"].clone()), (400, refused(home.id)), "{path}");
    }
}
