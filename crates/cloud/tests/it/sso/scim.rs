//! Provisioning by SCIM: an identity provider pushes users and groups.

use bartizan_testkit::{Credential, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Browser, Issuer, activate, credential, login, start, with_proof};
use crate::quotas::users::{sell, sell_again};

/// A client whose provider pushes.
struct Pushed {
    cloud: TestCloud,
    issuer: Issuer,
    admin: Credential,
    proof: String,
    token: String,
}

struct Reply {
    status: u16,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Pushed {
    async fn start() -> Pushed {
        let (cloud, issuer, admin) = start().await;
        let proof = activate(&cloud, &issuer, &admin, json!({"provisioning": true})).await;
        let made = with_proof(&cloud, &admin, &proof, Method::POST, "/v1/sso/scim/token", json!({})).await;
        assert_eq!(made.0, 200, "{}", made.1);
        let made: Value = serde_json::from_str(&made.1).unwrap();
        assert_eq!(made["body"]["url"], format!("{}/scim/v2", cloud.url));
        let token = made["body"]["token"].as_str().unwrap().to_owned();
        Pushed { cloud, issuer, admin, proof, token }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        self.call_by(&self.token, method, path, body).await
    }

    async fn call_by(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Reply {
        let mut request = reqwest::Client::new().request(method, format!("{}/scim/v2{path}", self.cloud.url));
        if !token.is_empty() {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if let Some(body) = body {
            request = request.header("Content-Type", "application/scim+json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Reply { status, headers, text: answer.text().await.unwrap() }
    }

    async fn create(&self, email: &str) -> Value {
        let user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": email, "externalId": format!("x-{email}"),
            "name": {"givenName": "Eve", "familyName": "Low"}, "active": true, "title": "not kept here",
        });
        let made = self.call(Method::POST, "/Users", Some(user)).await;
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(
            made.headers["location"].to_str().unwrap(),
            made.json()["meta"]["location"].as_str().unwrap()
        );
        made.json()
    }

    async fn patch(&self, path: &str, operations: Value) -> Reply {
        let body =
            json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations});
        self.call(Method::PATCH, path, Some(body)).await
    }

    /// Signs eve in at the provider, which says nothing of groups unless it is told to.
    async fn sign_in(&self, claims: Value) -> Result<Credential, String> {
        self.issuer.tell(|told| told.claims = claims);
        let (end, cookie) = Browser::new().sign_in(&self.cloud, &self.issuer, &login(&self.cloud)).await;
        if end == "/" { Ok(credential(cookie)) } else { Err(end) }
    }
}

/// Without what differs from run to run.
fn redacted(mut value: Value, cloud: &TestCloud) -> Value {
    let text = value.to_string().replace(&cloud.url, "https://cloud.example");
    value = serde_json::from_str(&text).unwrap();
    for time in ["created", "lastModified"] {
        if value["meta"][time].is_string() {
            value["meta"][time] = json!("[time]");
        }
    }
    let id = value["id"].as_str().unwrap_or_default().to_owned();
    let text =
        value.to_string().replace(&format!("/{id}\""), "/[id]\"").replace(&format!("\"{id}\""), "\"[id]\"");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn whoever_the_provider_ends_is_out_at_once() {
    let pushed = Pushed::start().await;
    let eve = pushed.create("Eve@acme.test").await;
    insta::assert_json_snapshot!("scim_user", redacted(eve.clone(), &pushed.cloud));
    let path = format!("/Users/{}", eve["id"].as_str().unwrap());
    let found =
        pushed.call(Method::GET, "/Users?filter=userName%20eq%20%22EVE@acme.test%22", None).await.json();
    assert_eq!((&found["totalResults"], &found["Resources"][0]), (&json!(1), &eve));
    assert_eq!(found["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
    let session = pushed.sign_in(json!({})).await.unwrap();
    assert_eq!(
        pushed.cloud.get(&session, "/v1/user").await.body()["id"].to_string(),
        eve["id"].as_str().unwrap()
    );
    let off = pushed.patch(&path, json!([{"op": "Replace", "path": "active", "value": "False"}])).await;
    assert_eq!((off.status, &off.json()["active"]), (200, &json!(false)), "{}", off.text);
    assert_eq!(off.headers["content-type"], "application/scim+json");
    assert_eq!(pushed.cloud.get(&session, "/v1/user").await.status, 401);
    assert_eq!(pushed.sign_in(json!({})).await.unwrap_err(), "/login?error=user_disabled");
    // Only the provider brings the person back.
    let enable = json!({"filter": {"id": [eve["id"].as_str().unwrap().parse::<i64>().unwrap()]}});
    let refused = pushed.cloud.post(&pushed.admin, "/v1/objects/user/enabling", enable).await;
    assert_eq!((refused.status, refused.text.as_str()), (403, r#"{"status":403,"body":"Managed by SSO"}"#));
    let on = pushed
        .patch(&path, json!([{"op": "replace", "value": {"active": true, "displayName": "Eve High"}}]))
        .await;
    assert_eq!((&on.json()["active"], &on.json()["displayName"]), (&json!(true), &json!("Eve High")));
    let session = pushed.sign_in(json!({"name": "Eve High"})).await.unwrap();
    // A whole user in the place of one; what is left out is as if never said.
    let whole = json!({"userName": "eve@acme.test", "displayName": "Eve Low", "active": false});
    let replaced = pushed.call(Method::PUT, &path, Some(whole)).await.json();
    assert_eq!((&replaced["externalId"], &replaced["active"]), (&Value::Null, &json!(false)));
    assert_eq!(pushed.cloud.get(&session, "/v1/user").await.status, 401);
    let gone = pushed.call(Method::DELETE, &path, None).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    let absent = pushed.call(Method::GET, &path, None).await;
    assert_eq!((absent.status, &absent.json()["status"]), (404, &json!("404")));
    let log = format!("/v1/activity_log/{}/events?filter[object_types][]=user", pushed.cloud.client.id);
    let log = pushed.cloud.get(&pushed.admin, &log).await.body();
    let by: Vec<_> =
        log["objects"].as_array().unwrap().iter().filter(|one| one["initiator"]["name"] == "SCIM").collect();
    assert!(by.len() >= 4, "{log}");
    assert!(!log.to_string().contains(&pushed.token));
}

#[tokio::test]
async fn groups_that_are_pushed_give_roles() {
    let pushed = Pushed::start().await;
    let eve = pushed.create("eve@acme.test").await;
    let none = json!({"groups": []});
    assert_eq!(pushed.sign_in(none.clone()).await.unwrap_err(), "/login?error=role_not_mapped");
    let member = json!([{"value": eve["id"]}]);
    let group = json!({"displayName": "security", "externalId": "g1", "members": member});
    let made = pushed.call(Method::POST, "/Groups", Some(group.clone())).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let security = made.json();
    let mut shown = redacted(security.clone(), &pushed.cloud);
    shown["members"][0]["value"] = json!("[user]");
    shown["members"][0]["$ref"] = json!("[user]");
    insta::assert_json_snapshot!("scim_group", shown);
    let session = pushed.sign_in(none.clone()).await.unwrap();
    let role = async |session: &Credential| {
        pushed.cloud.get(session, "/v1/user").await.body()["permissions"].clone()
    };
    assert_eq!(role(&session).await, json!(["analytic"]));
    let user =
        pushed.call(Method::GET, &format!("/Users/{}", eve["id"].as_str().unwrap()), None).await.json();
    assert_eq!(user["groups"][0]["display"], "security");
    // Who comes and goes changes role at once.
    let staff = pushed.call(Method::POST, "/Groups", Some(json!({"displayName": "staff"}))).await.json();
    let staff = format!("/Groups/{}", staff["id"].as_str().unwrap());
    let add = json!([{"op": "add", "path": "members", "value": member}]);
    assert_eq!(pushed.patch(&staff, add).await.status, 200);
    let security = format!("/Groups/{}", security["id"].as_str().unwrap());
    let out = format!("members[value eq {}]", eve["id"]);
    assert_eq!(pushed.patch(&security, json!([{"op": "remove", "path": out}])).await.status, 200);
    assert_eq!(role(&session).await, json!(["auditor"]));
    let found = pushed.call(
        Method::GET,
        "/Groups?filter=displayName%20eq%20%22staff%22&excludedAttributes=members",
        None,
    );
    let found = found.await.json();
    assert_eq!((&found["totalResults"], found["Resources"][0].get("members")), (&json!(1), None));
    // Without any group that leads somewhere, nobody stays.
    assert_eq!(pushed.call(Method::DELETE, &staff, None).await.status, 204);
    assert_eq!(pushed.cloud.get(&session, "/v1/user").await.status, 401);
    assert_eq!(pushed.sign_in(none).await.unwrap_err(), "/login?error=role_not_mapped");
    let twice = pushed.call(Method::POST, "/Groups", Some(group)).await;
    assert_eq!((twice.status, &twice.json()["scimType"]), (409, &json!("uniqueness")));
}

#[tokio::test]
async fn only_the_provider_of_a_client_pushes_and_only_its_users() {
    let pushed = Pushed::start().await;
    let rival = pushed.cloud.add_company("Rival").await;
    let theirs = pushed.cloud.add_user(rival.id, "bob@rival.test", &["auditor"]).await;
    for token in ["", "bzc_nothing", "bzs_x"] {
        let refused = pushed.call_by(token, Method::GET, "/Users", None).await;
        assert_eq!(
            (refused.status, &refused.json()["schemas"][0]),
            (401, &json!("urn:ietf:params:scim:api:messages:2.0:Error"))
        );
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
    }
    // Neither people of others nor the fallback account are there.
    let all = pushed.call(Method::GET, "/Users", None).await.json();
    assert_eq!((&all["totalResults"], &all["Resources"]), (&json!(0), &json!([])));
    for id in [theirs.id, pushed.cloud.admin.id] {
        for method in [Method::GET, Method::DELETE] {
            assert_eq!(pushed.call(method, &format!("/Users/{id}"), None).await.status, 404);
        }
    }
    for (user, status, kind) in [
        (json!({"userName": "bob@rival.test"}), 400, "invalidValue"),
        (json!({"userName": "admin@acme.test"}), 409, "uniqueness"),
        (json!({"userName": "eve"}), 400, "invalidValue"),
        (json!({}), 400, "invalidValue"),
        (json!([]), 400, "invalidSyntax"),
        (json!({"userName": "eve@acme.test", "active": 7}), 400, "invalidValue"),
    ] {
        let refused = pushed.call(Method::POST, "/Users", Some(user.clone())).await;
        assert_eq!(
            (refused.status, &refused.json()["scimType"]),
            (status, &json!(kind)),
            "{user}: {}",
            refused.text
        );
    }
    let group = json!({"displayName": "security", "members": [{"value": theirs.id.to_string()}]});
    assert_eq!(pushed.call(Method::POST, "/Groups", Some(group)).await.json()["scimType"], "invalidValue");
    let filter = pushed.call(Method::GET, "/Users?filter=title%20eq%20%22x%22", None).await;
    assert_eq!((filter.status, &filter.json()["scimType"]), (400, &json!("invalidFilter")));
    assert_eq!(pushed.call(Method::GET, "/Users?count=x", None).await.json()["scimType"], "invalidValue");
    // A session is no token of a provider, and the token opens nothing else.
    assert_eq!(pushed.cloud.get(&pushed.admin, "/scim/v2/Users").await.status, 401);
    let elsewhere = reqwest::Client::new().get(format!("{}/v1/user", pushed.cloud.url));
    let elsewhere =
        elsewhere.header("Authorization", format!("Bearer {}", pushed.token)).send().await.unwrap();
    assert_eq!(elsewhere.status(), 401);
}

#[tokio::test]
async fn a_token_counts_until_it_is_renewed_ended_or_provisioning_is_off() {
    let pushed = Pushed::start().await;
    let view = pushed.cloud.get(&pushed.admin, "/v1/sso").await;
    assert!(
        view.body()["scim_token_created_at"].is_i64() && !view.text.contains(&pushed.token),
        "{}",
        view.text
    );
    let token = async |method: Method| {
        with_proof(&pushed.cloud, &pushed.admin, &pushed.proof, method, "/v1/sso/scim/token", json!({})).await
    };
    let without = pushed.cloud.post(&pushed.admin, "/v1/sso/scim/token", json!({})).await;
    assert_eq!(without.status, 403, "{}", without.text);
    let renewed: Value = serde_json::from_str(&token(Method::POST).await.1).unwrap();
    let renewed = renewed["body"]["token"].as_str().unwrap().to_owned();
    assert_eq!(pushed.call(Method::GET, "/Users", None).await.status, 401, "the one before has ended");
    assert_eq!(pushed.call_by(&renewed, Method::GET, "/Users", None).await.status, 200);
    let off = json!({"provisioning": false});
    assert_eq!(
        with_proof(&pushed.cloud, &pushed.admin, &pushed.proof, Method::PUT, "/v1/sso", off).await.0,
        200
    );
    assert_eq!(pushed.call_by(&renewed, Method::GET, "/Users", None).await.status, 403);
    assert_eq!(token(Method::DELETE).await.0, 200);
    assert_eq!(pushed.call_by(&renewed, Method::GET, "/Users", None).await.status, 401);
}

#[tokio::test]
async fn a_provider_pushes_no_more_users_than_the_client_may_have() {
    let pushed = Pushed::start().await;
    let sold = sell(&pushed.cloud, pushed.cloud.client.id, 2).await;
    let eve = pushed.create("eve@acme.test").await;
    let bob = json!({"userName": "bob@acme.test"});
    let refused = pushed.call(Method::POST, "/Users", Some(bob.clone())).await;
    assert_eq!(
        (refused.status, refused.json()),
        (
            402,
            json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "402",
                "detail": "Payment required"})
        )
    );
    assert_eq!(pushed.call(Method::GET, "/Users", None).await.json()["totalResults"], 1);
    // Whoever leaves makes room, and so does a wider subscription.
    let path = format!("/Users/{}", eve["id"].as_str().unwrap());
    assert_eq!(pushed.call(Method::DELETE, &path, None).await.status, 204);
    assert_eq!(pushed.call(Method::POST, "/Users", Some(bob)).await.status, 201);
    sell_again(&pushed.cloud, &sold, 3).await;
    pushed.create("eve@acme.test").await;
}

#[tokio::test]
async fn what_there_is_of_scim_is_told() {
    let pushed = Pushed::start().await;
    for (name, path) in [
        ("scim_service_provider_config", "/ServiceProviderConfig"),
        ("scim_resource_types", "/ResourceTypes"),
        ("scim_schemas", "/Schemas"),
    ] {
        let told = pushed.call(Method::GET, path, None).await;
        assert_eq!(told.status, 200, "{}", told.text);
        let told: Value =
            serde_json::from_str(&told.text.replace(&pushed.cloud.url, "https://cloud.example")).unwrap();
        insta::assert_json_snapshot!(name, told);
    }
    let one =
        pushed.call(Method::GET, "/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group", None).await.json();
    assert_eq!(one["name"], "Group");
    assert_eq!(pushed.call(Method::GET, "/ResourceTypes/User", None).await.json()["endpoint"], "/Users");
    assert_eq!(pushed.call(Method::GET, "/ResourceTypes/Robot", None).await.status, 404);
}
