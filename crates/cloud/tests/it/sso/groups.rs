//! Groups of an identity provider that give roles in several clients of a global account.

use bartizan_store::entity;
use bartizan_testkit::{Credential, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Browser, Issuer, credential, prove, put, start, with_proof};

/// A global account under single sign-on: its clients and an administrator.
struct Account {
    cloud: TestCloud,
    issuer: Issuer,
    admin: Credential,
    home: entity::client::Model,
    linked: i64,
    second: i64,
}

impl Account {
    async fn start() -> Account {
        let (cloud, issuer, _) = start().await;
        let (home, linked) = cloud.add_global_account().await;
        let root = cloud.add_user(home.id, "root@home.test", &["partner_admin"]).await;
        let admin = cloud.sign_in("root@home.test").await;
        let second = cloud.post(&admin, "/v1/objects/client/create", json!({"name": "Second"})).await.body();
        let second = second["id"].as_i64().unwrap();
        let settings = json!({"issuer": issuer.url, "client_id": "bartizan", "client_secret": "hush"});
        assert_eq!(put(&cloud, &admin, "/v1/sso/oidc", settings).await.0, 200);
        let mapping = json!([{"group": "roots", "role": "partner_admin"}]);
        assert_eq!(put(&cloud, &admin, "/v1/sso/mapping", mapping).await.0, 200);
        let account = Account { cloud, issuer, admin, home, linked: linked.id, second };
        let test = account.cloud.post(&account.admin, "/v1/sso/test", json!({})).await.body();
        Browser::new().sign_in(&account.cloud, &account.issuer, test["url"].as_str().unwrap()).await;
        let proof = prove(&account.cloud, &account.admin).await;
        let options = json!({"tenant_permissions": true, "fallback_user_id": root.id});
        let early = account.options(&proof, options.clone()).await;
        assert!(early.0 == 400 && early.1.contains("needs provisioning"), "{}", early.1);
        let mut options = options;
        options["provisioning"] = json!(true);
        let answer = account.options(&proof, options).await;
        assert!(answer.0 == 200 && answer.1.contains(r#""tenant_permissions":true"#), "{}", answer.1);
        account.cloud.post(&account.admin, "/v1/sso/activate", json!({})).await.body();
        account
    }

    async fn options(&self, proof: &str, options: Value) -> (u16, String) {
        with_proof(&self.cloud, &self.admin, proof, Method::PUT, "/v1/sso", options).await
    }

    async fn group(&self, name: &str, role: &str, client_ids: &[i64]) -> Value {
        let group = json!({"name": name, "role": role, "client_ids": client_ids});
        self.cloud.post(&self.admin, "/v1/sso/groups", group).await.body()
    }

    async fn change(&self, group: &Value, change: Value) {
        let path = format!("/v1/sso/groups/{}", group["id"]);
        self.cloud.call(&self.admin, Method::PUT, &path, Some(&change)).await.body();
    }

    /// Signs somebody in who is in some groups of the provider.
    async fn sign_in(&self, name: &str, groups: &[&str]) -> Result<Credential, String> {
        let email = format!("{name}@home.test");
        self.issuer.tell(|told| told.claims = json!({"sub": name, "email": email, "groups": groups}));
        let login = format!("{}/v1/sso/login?client={}", self.cloud.url, self.home.uuid);
        let (end, cookie) = Browser::new().sign_in(&self.cloud, &self.issuer, &login).await;
        if end != "/" {
            return Err(end);
        }
        let Credential::Cookie(cookie, _) = credential(cookie) else { unreachable!() };
        let session = Credential::Cookie(cookie.clone(), String::new());
        let csrf = self.cloud.get(&session, "/v1/session").await.body()["csrf"].as_str().unwrap().to_owned();
        Ok(Credential::Cookie(cookie, csrf))
    }

    /// What reading the filtration mode of a client is answered with.
    async fn mode(&self, by: &Credential, client: i64) -> u16 {
        self.cloud.get(by, &format!("/v2/client/{client}/rules/wallarm_mode")).await.status
    }

    async fn clients(&self, by: &Credential) -> Vec<i64> {
        let found = self.cloud.post(by, "/v1/objects/client", json!({})).await.body();
        found.as_array().unwrap().iter().map(|client| client["id"].as_i64().unwrap()).collect()
    }
}

#[tokio::test]
async fn groups_have_their_wire_form() {
    let account = Account::start().await;
    let made = account.group("security", "analytic", &[account.linked]).await;
    let redacted = |value: Value| {
        let mut value = value;
        value["client_ids"] = json!("[client_ids]");
        value
    };
    insta::assert_json_snapshot!("sso_group", redacted(made.clone()));
    let path = format!("/v1/sso/groups/{}", made["id"]);
    assert_eq!(account.cloud.get(&account.admin, &path).await.body(), made);
    let change = json!({"role": "auditor", "enabled": false, "client_ids": [account.linked, account.second]});
    let changed = account.cloud.call(&account.admin, Method::PUT, &path, Some(&change)).await.body();
    insta::assert_json_snapshot!("sso_group_changed", redacted(changed.clone()));
    assert_eq!(account.cloud.get(&account.admin, "/v1/sso/groups").await.body(), json!([changed]));
    assert_eq!(account.cloud.call(&account.admin, Method::DELETE, &path, None).await.body(), changed);
    assert_eq!(account.cloud.get(&account.admin, "/v1/sso/groups").await.body(), json!([]));
    let gone = account.cloud.get(&account.admin, &path).await;
    assert_eq!((gone.status, gone.text.contains("group not found")), (404, true), "{}", gone.text);
    let log =
        format!("/v1/activity_log/{}/events?filter[object_types][]=oidc_authentication", account.home.id);
    let log = account.cloud.get(&account.admin, &log).await.body().to_string();
    assert!(log.contains(r#""name":"security""#), "{log}");
}

#[tokio::test]
async fn groups_that_cannot_be_are_refused() {
    let account = Account::start().await;
    let (linked, home) = (account.linked, account.home.id);
    let good = json!({"name": "security", "role": "analytic", "client_ids": [linked]});
    for (field, value, status, says) in [
        ("name", json!(""), 400, "name must have"),
        ("role", json!("deploy"), 400, "role cannot be mapped"),
        ("role", json!("admin_ext"), 400, "role cannot be mapped"),
        ("client_ids", json!([]), 400, "client_ids must name"),
        ("client_ids", json!([linked, account.cloud.client.id]), 403, "Access denied"),
        ("role", json!("partner_auditor"), 400, "technical client alone"),
        ("nope", json!(1), 400, "nope"),
    ] {
        let mut group = good.clone();
        group[field] = value.clone();
        let reply = account.cloud.post(&account.admin, "/v1/sso/groups", group).await;
        assert!(reply.status == status && reply.text.contains(says), "{field} {value}: {}", reply.text);
    }
    account.group("security", "partner_auditor", &[home]).await;
    // Groups of a global account are no business of a client's administrator, nor of another account.
    let group = account.group("security", "analytic", &[linked]).await;
    account.cloud.add_user(linked, "admin@linked.test", &["admin"]).await;
    let below = account.cloud.sign_in("admin@linked.test").await;
    assert_eq!(account.cloud.get(&below, "/v1/sso/groups").await.status, 403);
    let (other, _) = account.cloud.add_global_account().await;
    account.cloud.add_user(other.id, "root@other.test", &["partner_admin"]).await;
    let foreign = account.cloud.sign_in("root@other.test").await;
    assert_eq!(account.cloud.get(&foreign, "/v1/sso/groups").await.body(), json!([]));
    let path = format!("/v1/sso/groups/{}", group["id"]);
    assert_eq!(account.cloud.call(&foreign, Method::DELETE, &path, None).await.status, 404);
}

#[tokio::test]
async fn a_person_reaches_what_its_groups_give_and_nothing_else() {
    let account = Account::start().await;
    let (linked, second, home) = (account.linked, account.second, account.home.id);
    assert_eq!(
        account.sign_in("eve", &["security"]).await.err().as_deref(),
        Some("/login?error=role_not_mapped"),
        "without groups nobody but a global administrator gets in"
    );
    let group = account.group("security", "analytic", &[linked]).await;
    let eve = account.sign_in("eve", &["Security"]).await.unwrap();
    let reached =
        [account.mode(&eve, linked).await, account.mode(&eve, second).await, account.mode(&eve, home).await];
    assert_eq!(reached, [200, 403, 403]);
    assert_eq!(account.clients(&eve).await, [linked]);
    let user = account.cloud.get(&eve, "/v1/user").await.body();
    assert_eq!((&user["permissions"], &user["client_id"]), (&json!(["analytic"]), &json!(home)));
    let session = account.cloud.get(&eve, "/v1/session").await.body();
    assert_eq!(session["acting_client_id"], linked, "the Console begins where there are rights");
    // A changed group counts with the next request.
    account.change(&group, json!({"client_ids": [linked, second]})).await;
    assert_eq!(account.mode(&eve, second).await, 200);
    account.change(&group, json!({"enabled": false})).await;
    assert_eq!((account.mode(&eve, linked).await, account.clients(&eve).await), (403, vec![]));
    // Whoever the mapping makes a global administrator is not restricted.
    let root = account.sign_in("rita", &["roots"]).await.unwrap();
    assert_eq!((account.mode(&root, linked).await, account.mode(&root, home).await), (200, 200));
    // A global role in a group is one over every client.
    account.group("watchers", "partner_auditor", &[home]).await;
    let wim = account.sign_in("wim", &["watchers"]).await.unwrap();
    let reached =
        [account.mode(&wim, linked).await, account.mode(&wim, second).await, account.mode(&wim, home).await];
    assert_eq!(reached, [200; 3]);
}

#[tokio::test]
async fn rights_in_one_client_do_not_count_in_another() {
    let account = Account::start().await;
    let (linked, second) = (account.linked, account.second);
    account.group("keepers", "admin", &[linked]).await;
    account.group("keepers", "auditor", &[linked, second]).await;
    account.cloud.add_user(second, "sam@second.test", &["auditor"]).await;
    account.cloud.add_user(linked, "lou@linked.test", &["auditor"]).await;
    let kim = account.sign_in("kim", &["keepers"]).await.unwrap();
    let create = async |client: Value| {
        let pool = json!({"name": "Shop", "clientid": client});
        account.cloud.post(&kim, "/v1/objects/pool/create", pool).await.status
    };
    assert_eq!(create(json!(linked)).await, 200);
    assert_eq!(create(json!(second)).await, 403);
    assert_eq!(create(json!(account.home.id)).await, 403);
    assert_eq!(create(Value::Null).await, 403, "at home there are no rights");
    // By path the rights are those of the client in it.
    let mode = |client: i64| format!("/v2/client/{client}/rules/wallarm_mode");
    for (client, expected) in [(linked, 200), (second, 403)] {
        let mode = mode(client);
        let reply = account.cloud.call(&kim, Method::PUT, &mode, Some(&json!({"mode": "block"}))).await;
        assert_eq!(reply.status, expected, "{}", reply.text);
    }
    // Tokens of nodes are for administrators, each of its own client.
    for client in [linked, second] {
        let node = json!({"hostname": format!("node-{client}"), "clientid": client});
        account.cloud.post(&account.admin, "/v2/node", node).await.body();
    }
    let of_both = format!("/v2/node?filter[clientid][]={linked}&filter[clientid][]={second}");
    let nodes = account.cloud.get(&kim, &of_both).await.body();
    let tokens: Vec<(i64, bool)> = nodes
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["clientid"].as_i64().unwrap(), node["token"] != ""))
        .collect();
    assert_eq!(tokens, [(linked, true), (second, false)]);
    // Single sign-on is the business of the technical client.
    for path in ["/v1/sso", "/v1/sso/groups"] {
        assert_eq!(account.cloud.get(&kim, path).await.status, 403, "{path}");
    }
    let settings = json!({"issuer": "https://login.evil.test", "client_id": "b", "client_secret": "s"});
    assert_eq!(put(&account.cloud, &kim, "/v1/sso/oidc", settings).await.0, 403);
    // Users are read where the right is held: an auditor may, an analyst may not.
    let emails = account.cloud.post(&kim, "/v1/objects/user", json!({})).await.text;
    assert!(emails.contains("sam@second.test") && emails.contains("lou@linked.test"), "{emails}");
    assert!(!emails.contains("root@home.test"), "{emails}");
    account.group("readers", "analytic", &[second]).await;
    account.group("readers", "admin", &[linked]).await;
    let rob = account.sign_in("rob", &["readers"]).await.unwrap();
    let emails = account.cloud.post(&rob, "/v1/objects/user", json!({})).await.text;
    assert!(emails.contains("lou@linked.test") && !emails.contains("sam@second.test"), "{emails}");
    // The own account is at home all the same.
    let own = account.cloud.get(&rob, "/v1/sessions").await.body();
    assert_eq!(own.as_array().unwrap().len(), 1);
    let profile = json!({"phone": "+1 5"});
    assert_eq!(put(&account.cloud, &rob, "/v1/user", profile).await.0, 200);
}
