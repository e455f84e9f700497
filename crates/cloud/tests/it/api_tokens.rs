use bartizan_testkit::{Credential, Reply, TestCloud, cloud::PASSWORD};
use reqwest::Method;
use serde_json::{Value, json};

const DENIED: (u16, &str) = (403, r#"{"status":403,"body":"Access denied"}"#);

async fn create(cloud: &TestCloud, by: &Credential, body: Value) -> Reply {
    cloud.post(by, "/v1/api_tokens", body).await
}

async fn change(cloud: &TestCloud, by: &Credential, id: &Value, body: Value) -> Reply {
    cloud.call(by, Method::PUT, &format!("/v1/api_tokens/{id}"), Some(&body)).await
}

fn token(body: &Value) -> Credential {
    Credential::Token(body["token"].as_str().unwrap().to_owned())
}

async fn status(cloud: &TestCloud, by: &Credential, path: &str) -> u16 {
    cloud.post(by, path, json!({})).await.status
}

macro_rules! snapshot {
    ($body:expr) => {
        insta::assert_json_snapshot!($body, {
            ".**.uuid" => "[uuid]", ".**.created_at" => "[time]", ".**.generated_at" => "[time]",
            ".**.disabled_at" => "[time]", ".**.delete_at" => "[time]",
            ".**.token" => "[64 characters]", ".**.token_masked" => "[5 characters]*****",
        })
    };
}

#[tokio::test]
async fn the_secret_of_a_user_is_a_token_too() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    assert_eq!(cloud.get(&session, "/v1/api_tokens").await.body(), json!([]));
    let secret =
        cloud.post(&session, "/v1/user/credentials/renew", json!({"password": PASSWORD})).await.body();
    let old = Credential::Token(secret["token"].as_str().unwrap().to_owned());
    let made = create(&cloud, &session, json!({"name": "CI"})).await.body();
    let listed = cloud.get(&session, "/v1/api_tokens").await.json();
    assert_eq!(listed["body"][1]["id"], made["id"]);
    insta::assert_json_snapshot!(listed["body"][0], {
        ".uuid" => "[uuid]", ".created_at" => "[time]", ".generated_at" => "[time]",
        ".actual_permissions" => "[permissions]",
    });
    let ids = async |query: &str| {
        let body = cloud.get(&session, &format!("/v1/api_tokens?{query}")).await.body();
        body.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    let (own, regular) = (-cloud.admin.id, made["id"].as_i64().unwrap());
    assert_eq!(ids("filter[type]=personal&filter[enabled]=true").await, [own, regular]);
    assert_eq!(ids("filter[!id]=5").await[0], own);
    assert_eq!(ids("filter[usage]=node").await, Vec::<i64>::new());
    assert_eq!(ids("limit=1").await, [own]);
    assert_eq!(ids("limit=1&offset=1").await, [regular]);
    assert_eq!(ids("limit=1&offset=2").await, Vec::<i64>::new());
    let path = format!("/v1/api_tokens/{own}");
    assert_eq!(cloud.get(&session, &path).await.body(), listed["body"][0]);
    assert_eq!(change(&cloud, &session, &json!(own), json!({"name": "x"})).await.status, 400);
    assert_eq!(cloud.get(&session, &format!("{path}/value")).await.status, 403);
    assert_eq!(cloud.post(&session, &format!("{path}/renew"), json!({})).await.status, 403);
    let proof = cloud.post(&session, "/v1/session/reauth", json!({"password": PASSWORD})).await.body();
    let Credential::Cookie(cookie, csrf) = &session else { unreachable!() };
    let request = reqwest::Client::new().post(format!("{}{path}/renew", cloud.url)).header("Cookie", cookie);
    let request = request.header("X-CSRF-Token", csrf).header("Origin", &cloud.url);
    let renewed = request.header("X-Reauth", proof["ticket"].as_str().unwrap()).send().await.unwrap();
    let renewed: Value = renewed.json().await.unwrap();
    let token = Credential::Token(renewed["body"]["token"].as_str().unwrap().to_owned());
    let own_token = async || cloud.get(&session, &path).await.body();
    assert_eq!(own_token().await["last_used_ip"], Value::Null);
    assert_eq!(
        (cloud.get(&old, "/v1/user").await.status, cloud.get(&token, "/v1/user").await.status),
        (403, 200)
    );
    let used = own_token().await;
    assert!(used["last_used_at"].is_i64() && used["last_used_ip"] == "127.0.0.1", "{used}");
    let credentials = cloud.get(&session, "/v1/user/credentials").await.body();
    assert_eq!(credentials["secret_last_used_ip"], "127.0.0.1");
    // Another user's is seen by administrators only.
    let eve = cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    let eve = cloud.pair_of(&eve).await;
    assert_eq!(cloud.get(&eve, &path).await.status, 403);
    assert_eq!(cloud.get(&eve, "/v1/api_tokens").await.body().as_array().unwrap().len(), 1);
    assert_eq!(cloud.call(&session, Method::DELETE, &path, None).await.status, 200);
    assert_eq!(cloud.get(&token, "/v1/user").await.status, 403);
    assert_eq!(cloud.get(&session, &path).await.status, 404);
}

#[tokio::test]
async fn who_has_no_tokens_sees_none_and_owners_keep_theirs() {
    let cloud = TestCloud::start().await;
    cloud.add_user(cloud.client.id, "aud@acme.test", &["auditor"]).await;
    let auditor = cloud.sign_in("aud@acme.test").await;
    assert_eq!(cloud.get(&auditor, "/v1/api_tokens").await.body(), json!([]));
    // One whose role was narrowed can still end the own token.
    let eve = cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    let session = cloud.sign_in("eve@acme.test").await;
    let made = cloud.post(&session, "/v1/api_tokens", json!({"name": "CI"})).await.body();
    let path = format!("/v1/api_tokens/{}", made["id"]);
    assert_eq!(cloud.get(&auditor, &path).await.status, 403);
    let admin = cloud.admin_pair().await;
    let narrow = json!({"filter": {"id": eve.id}, "fields": {"permissions": ["auditor"]}});
    cloud.post(&admin, "/v1/objects/user/update", narrow).await.body();
    assert_eq!(cloud.call(&auditor, Method::DELETE, &path, None).await.status, 403);
    assert_eq!(cloud.call(&session, Method::DELETE, &path, None).await.status, 200);
}

#[tokio::test]
async fn tokens_have_their_wire_forms() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let created = create(&cloud, &session, json!({"name": "CI", "role": "analytic"})).await.json();
    let value = created["body"]["token"].as_str().unwrap();
    assert_eq!(
        (value.len(), created["body"]["token_masked"].as_str().unwrap()),
        (64, &*format!("{}*****", &value[..5]))
    );
    snapshot!(created);
    let id = &created["body"]["id"];
    let disabled = change(&cloud, &session, id, json!({"enabled": false, "name": "CI 2"})).await.json();
    snapshot!(disabled);
    let path = format!("/v1/api_tokens/{id}");
    assert_eq!(cloud.get(&session, &path).await.json(), disabled);
    assert_eq!(cloud.get(&session, "/v1/api_tokens?filter[enabled]=false").await.body()[0], disabled["body"]);
    assert_eq!(cloud.get(&session, "/v1/api_tokens?filter[enabled]=true").await.body(), json!([]));
    let deleted = cloud.call(&session, Method::DELETE, &path, None).await.json();
    assert_eq!(deleted, disabled);
    let gone = cloud.get(&session, &path).await;
    assert_eq!(
        (gone.status, gone.text),
        (404, format!(r#"{{"status":404,"body":{{"error":"api token not found","value":{id}}}}}"#))
    );
}

#[tokio::test]
async fn a_token_works_until_it_is_renewed_disabled_or_deleted() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let first = create(&cloud, &session, json!({"name": "CI"})).await.body();
    assert_eq!(status(&cloud, &token(&first), "/v1/objects/user").await, 200);
    let path = format!("/v1/api_tokens/{}", first["id"]);
    let second = cloud.post(&session, &format!("{path}/renew"), json!({})).await.body();
    assert_eq!(status(&cloud, &token(&first), "/v1/user").await, 403);
    assert_eq!(status(&cloud, &token(&second), "/v1/user").await, 200);
    // A key mints no key.
    let minted = create(&cloud, &token(&second), json!({"name": "more"})).await;
    assert_eq!((minted.status, minted.text.as_str()), DENIED);
    let renewed = cloud.post(&token(&second), &format!("{path}/renew"), json!({})).await;
    assert_eq!((renewed.status, renewed.text.as_str()), DENIED);
    change(&cloud, &session, &first["id"], json!({"enabled": false})).await.body();
    assert_eq!(status(&cloud, &token(&second), "/v1/user").await, 403);
    let without_end = change(&cloud, &session, &first["id"], json!({"enabled": true})).await;
    assert_eq!(without_end.status, 400);
    let enabled = change(&cloud, &session, &first["id"], json!({"enabled": true, "expires_at": null})).await;
    assert_eq!(enabled.body()["delete_at"], Value::Null);
    assert_eq!(status(&cloud, &token(&second), "/v1/user").await, 200);
    cloud.call(&session, Method::DELETE, &path, None).await.body();
    assert_eq!(status(&cloud, &token(&second), "/v1/user").await, 403);
}

#[tokio::test]
async fn a_token_ends_at_its_end() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let now = cloud.running.cloud.now();
    let past = create(&cloud, &session, json!({"name": "CI", "expires_at": now - 1})).await;
    assert_eq!(past.status, 400);
    let made = create(&cloud, &session, json!({"name": "CI", "expires_at": now + 60})).await.body();
    assert_eq!(status(&cloud, &token(&made), "/v1/user").await, 200);
    cloud.running.cloud.clock.shift_ms(61_000);
    assert_eq!(status(&cloud, &token(&made), "/v1/user").await, 403);
    let seen = cloud.get(&session, &format!("/v1/api_tokens/{}", made["id"])).await.body();
    assert_eq!((&seen["enabled"], &seen["disabled_at"]), (&json!(false), &made["expires_at"]));
    // A week later it is removed.
    assert_eq!(seen["delete_at"], json!(now + 60 + 7 * 86_400));
    let store = &cloud.running.cloud.store;
    store.expire_api_tokens(now + 61, now + 60).await.unwrap();
    assert_eq!(cloud.get(&session, "/v1/api_tokens").await.body().as_array().unwrap().len(), 1);
    store.expire_api_tokens(now + 61, now + 61).await.unwrap();
    assert_eq!(cloud.get(&session, "/v1/api_tokens").await.body(), json!([]));
}

#[tokio::test]
async fn a_token_is_removed_a_week_after_it_was_disabled() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let pair = cloud.admin_pair().await;
    let disabled = create(&cloud, &session, json!({"name": "off"})).await.body();
    let enabled = create(&cloud, &session, json!({"name": "on"})).await.body();
    change(&cloud, &session, &disabled["id"], json!({"enabled": false})).await.body();
    let week_ms = 7 * 86_400_000;
    let mut seen = vec![];
    for shift_ms in [week_ms - 60_000, 61_000] {
        cloud.running.cloud.clock.shift_ms(shift_ms);
        bartizan_cloud::server::clean(&cloud.running.cloud).await;
        let listed = cloud.get(&pair, "/v1/api_tokens").await.body();
        let regular = listed.as_array().unwrap().iter().filter(|token| token["kind"] == "regular");
        let mut names: Vec<String> =
            regular.map(|token| token["name"].as_str().unwrap().to_owned()).collect();
        names.sort_unstable();
        seen.push(names);
    }
    assert_eq!(seen, [vec!["off", "on"], vec!["on"]]);
    assert_eq!(status(&cloud, &token(&enabled), "/v1/user").await, 200);
    let gone = cloud.get(&pair, &format!("/v1/api_tokens/{}", disabled["id"])).await;
    assert_eq!(gone.status, 404);
}

#[tokio::test]
async fn rights_stay_within_those_of_the_owner() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let eve = cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    let session = cloud.sign_in("eve@acme.test").await;
    for body in [
        json!({"name": "x", "role": "admin"}),
        json!({"name": "x", "permissions": ["view_user"]}),
        json!({"name": "x", "usage": "node"}),
        json!({"name": "x", "type": "shared"}),
        json!({"name": "x", "role": "superadmin"}),
    ] {
        let reply = create(&cloud, &session, body.clone()).await;
        assert_eq!((reply.status, reply.text.as_str()), DENIED, "{body}");
    }
    for body in [
        json!({"name": ""}),
        json!({"name": "x", "role": "chief"}),
        json!({"name": "x", "permissions": []}),
        json!({"name": "x", "role": "auditor", "permissions": ["view_attack"]}),
        json!({"name": "x", "colour": "red"}),
    ] {
        assert_eq!(create(&cloud, &session, body.clone()).await.status, 400, "{body}");
    }
    let made =
        create(&cloud, &session, json!({"name": "x", "permissions": ["view_rule", "view_application"]}))
            .await;
    let made = made.body();
    assert_eq!(made["actual_permissions"], json!(["view_application", "view_rule"]));
    assert_eq!(status(&cloud, &token(&made), "/v1/objects/pool").await, 200);
    let demote = json!({"filter": {"id": eve.id}, "fields": {"permissions": ["api_developer"]}});
    cloud.post(&admin, "/v1/objects/user/update", demote).await.body();
    assert_eq!(status(&cloud, &token(&made), "/v1/objects/pool").await, 403);
    let seen = cloud.get(&admin, &format!("/v1/api_tokens/{}", made["id"])).await.body();
    assert_eq!(seen["actual_permissions"], json!([]));
}

#[tokio::test]
async fn disabling_a_user_disables_his_tokens_for_good() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let eve = cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    let session = cloud.sign_in("eve@acme.test").await;
    let made = create(&cloud, &session, json!({"name": "x"})).await.body();
    let filter = json!({"filter": {"id": eve.id}});
    cloud.post(&admin, "/v1/objects/user/disabling", filter.clone()).await.body();
    cloud.post(&admin, "/v1/objects/user/enabling", filter.clone()).await.body();
    assert_eq!(status(&cloud, &token(&made), "/v1/user").await, 403);
    cloud.post(&admin, "/v1/objects/user/delete", filter).await.body();
    let his = format!("/v1/api_tokens?filter[user_id]={}", eve.id);
    assert_eq!(cloud.get(&admin, &his).await.body(), json!([]));
}

#[tokio::test]
async fn a_node_token_registers_and_says_who_it_is() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let made =
        create(&cloud, &session, json!({"name": "nodes", "usage": "node", "type": "shared"})).await.body();
    assert_eq!((&made["role"], &made["user_id"]), (&json!("deploy"), &Value::Null));
    assert_eq!(status(&cloud, &token(&made), "/v1/user").await, 200);
    assert_eq!(status(&cloud, &token(&made), "/v1/objects/client").await, 403);
}

#[tokio::test]
async fn personal_tokens_are_their_owners_and_shared_ones_the_administrators() {
    let cloud = TestCloud::start().await;
    let admin = cloud.sign_in("admin@acme.test").await;
    cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    let eve = cloud.sign_in("eve@acme.test").await;
    let hers = create(&cloud, &eve, json!({"name": "hers"})).await.body()["id"].clone();
    let shared = create(&cloud, &admin, json!({"name": "ours", "type": "shared"})).await.body()["id"].clone();
    let names = async |by: &Credential| -> Vec<Value> {
        let rows = cloud.get(by, "/v1/api_tokens").await.body();
        rows.as_array().unwrap().iter().map(|row| row["name"].clone()).collect()
    };
    assert_eq!(names(&admin).await, ["hers", "ours"]);
    assert_eq!(names(&eve).await, ["hers"]);
    let renew = async |by: &Credential, id: &Value| {
        cloud.post(by, &format!("/v1/api_tokens/{id}/renew"), json!({})).await.status
    };
    assert_eq!((renew(&admin, &hers).await, renew(&eve, &shared).await), (403, 403));
    assert_eq!((renew(&eve, &hers).await, renew(&admin, &shared).await), (200, 200));
    assert_eq!(change(&cloud, &admin, &hers, json!({"name": "mine"})).await.status, 403);
    assert_eq!(cloud.get(&eve, &format!("/v1/api_tokens/{shared}")).await.status, 403);
    assert_eq!(cloud.call(&admin, Method::DELETE, &format!("/v1/api_tokens/{hers}"), None).await.status, 200);
    let other = cloud.add_company("Other").await;
    let there = cloud.add_user(other.id, "root@other.test", &["admin"]).await;
    let there = cloud.pair_of(&there).await;
    assert_eq!(cloud.get(&there, &format!("/v1/api_tokens/{shared}")).await.status, 403);
    assert_eq!(cloud.get(&there, "/v1/api_tokens/4711").await.status, 404);
    assert_eq!(cloud.get(&there, "/v1/api_tokens/x").await.status, 400);
    assert_eq!(cloud.get(&there, "/v1/api_tokens?filter[client_id]=1").await.body(), json!([]));
}

#[tokio::test]
async fn pages_have_every_token_once() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    cloud.admin_pair().await;
    let eve = cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    cloud.pair_of(&eve).await;
    let mut expected = vec![-cloud.admin.id, -eve.id];
    for name in ["a", "b", "c"] {
        expected.push(create(&cloud, &session, json!({"name": name})).await.body()["id"].as_i64().unwrap());
    }
    let ids = async |query: &str| {
        let body =
            cloud.get(&session, &format!("/v1/api_tokens?order_by=id&order_desc=false&{query}")).await.body();
        body.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    for limit in [1, 2, 3] {
        let mut walked = Vec::new();
        for offset in (0..expected.len()).step_by(limit) {
            walked.extend(ids(&format!("limit={limit}&offset={offset}")).await);
        }
        assert_eq!(walked, expected, "limit {limit}");
    }
    // The filter comes before the limit.
    assert_eq!(ids(&format!("filter[user_id]={}&limit=1", eve.id)).await, [-eve.id]);
}

#[tokio::test]
async fn a_narrow_key_cannot_prolong_itself_or_end_others() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    cloud.admin_pair().await;
    let narrow =
        create(&cloud, &session, json!({"name": "narrow", "permissions": ["view_attack"]})).await.body();
    let other = json!({"name": "other", "permissions": ["update_api_token"]});
    let sibling = create(&cloud, &session, other).await.body();
    let key = token(&narrow);
    for id in [narrow["id"].clone(), sibling["id"].clone(), json!(-cloud.admin.id)] {
        for body in [json!({"expires_at": null}), json!({"enabled": false})] {
            let refused = change(&cloud, &key, &id, body).await;
            assert_eq!((refused.status, refused.text.as_str()), DENIED, "{id}");
        }
        let refused = cloud.call(&key, Method::DELETE, &format!("/v1/api_tokens/{id}"), None).await;
        assert_eq!((refused.status, refused.text.as_str()), DENIED, "{id}");
    }
    // It lists its owner's, and with the rights of its owner it changes and ends them.
    assert_eq!(cloud.get(&key, "/v1/api_tokens").await.status, 200);
    let rights = json!({"name": "wide"});
    let wide = token(&create(&cloud, &session, rights).await.body());
    let path = format!("/v1/api_tokens/{}", sibling["id"]);
    assert_eq!(change(&cloud, &wide, &sibling["id"], json!({"name": "renamed"})).await.status, 200);
    assert_eq!(cloud.call(&wide, Method::DELETE, &path, None).await.status, 200);
}
