//! The access table against the running server: every route, every role, every way to authenticate.

use std::{collections::BTreeSet, fmt::Write, path::Path};

use bartizan_api::{Permission, Role};
use bartizan_cloud::access::{Access, TABLE, WITHOUT_CONSOLE};
use bartizan_testkit::{Credential, Reply, TestCloud};
use reqwest::Method;
use serde_json::json;

const ROLES: &[Role] = &[Role::Admin, Role::Analytic, Role::Auditor, Role::ApiDeveloper, Role::Deploy];

/// Every documented operation has a row in the access table and the other way round.
#[test]
fn routes_and_access_table_agree() {
    let document = serde_json::to_value(bartizan_cloud::openapi::document()).unwrap();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| ["get", "post", "put", "patch", "delete"].contains(&key.as_str()))
        {
            documented.insert((method.to_uppercase(), path.clone()));
        }
    }
    let declared: BTreeSet<_> = TABLE
        .iter()
        .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()))
        .filter(|(_, path)| path != "/openapi.json")
        .collect();
    assert_eq!(documented, declared);
}

/// Whether the table admits a principal with these rights.
fn admits(
    access: Access,
    path: &str,
    permissions: &BTreeSet<Permission>,
    session: bool,
    console: bool,
) -> bool {
    let needed = match access {
        Access::Public | Access::Authenticated | Access::Principal => true,
        Access::Session => session,
        Access::SessionNeeds(permission) => session && permissions.contains(&permission),
        Access::Needs(permission) => permissions.contains(&permission),
        Access::NeedsAny(any) => any.iter().any(|permission| permissions.contains(permission)),
        Access::NodeToken | Access::Node | Access::Scim => false,
    };
    needed && (access == Access::Public || !session || console || WITHOUT_CONSOLE.contains(&path))
}

/// Whether the answer is a refusal of the caller, not of what the call says.
fn refuses(reply: &Reply) -> bool {
    reply.status == 401
        || (reply.status == 403
            && ["Access denied", "User not authenticated"].iter().any(|text| reply.text.contains(text)))
}

/// A path with its parameters filled in: the given tenant, and ids of nothing else.
fn concrete(path: &str, client: i64) -> String {
    let parts = path.split('/').map(|part| match part.strip_prefix('{') {
        None => part.to_owned(),
        Some(name) if name.contains("client") => client.to_string(),
        Some(_) => "999999999".to_owned(),
    });
    parts.collect::<Vec<_>>().join("/")
}

async fn call(cloud: &TestCloud, by: &Credential, method: &str, path: &str, client: i64) -> Reply {
    let body = ["POST", "PUT", "PATCH"].contains(&method).then(|| json!({}));
    cloud.call(by, method.parse().unwrap(), &concrete(path, client), body.as_ref()).await
}

/// Rows that callers of the API can reach, without those that end the caller's own session.
fn walked() -> impl Iterator<Item = &'static (&'static str, &'static str, Access)> {
    TABLE.iter().filter(|(_, _, access)| {
        !matches!(access, Access::NodeToken | Access::Node | Access::Scim | Access::Public)
    })
}

#[tokio::test]
async fn nobody_gets_in_without_credentials() {
    let cloud = TestCloud::start().await;
    for (method, path, access) in TABLE {
        let reply = call(&cloud, &Credential::Anonymous, method, path, cloud.client.id).await;
        let expected = *access != Access::Public;
        assert_eq!(refuses(&reply), expected, "{method} {path}: {} {}", reply.status, reply.text);
    }
}

#[tokio::test]
async fn the_table_alone_decides_for_every_role() {
    let cloud = TestCloud::start().await;
    for role in ROLES {
        let email = format!("{}@walk.test", role.code());
        let user = cloud.add_user(cloud.client.id, &email, &[role.code()]).await;
        let pair = cloud.pair_of(&user).await;
        let cookie = cloud.sign_in(&email).await;
        for (credential, session) in [(&pair, false), (&cookie, true)] {
            walk(&cloud, credential, &role.permissions(), session, role.uses_console(), role.code()).await;
        }
    }
}

#[tokio::test]
async fn the_table_alone_decides_for_a_shared_token() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    for permissions in [json!(["analytic"]), json!(["view_rule", "create_rule"])] {
        let request = json!({"name": "walk", "type": "shared", "permissions": permissions});
        let made = cloud.post(&session, "/v1/api_tokens", request).await.body();
        let held = made["actual_permissions"].as_array().unwrap();
        let held = held.iter().map(|name| Permission::parse_code(name.as_str().unwrap()).unwrap()).collect();
        let token = Credential::Token(made["token"].as_str().unwrap().to_owned());
        walk(&cloud, &token, &held, false, true, "shared token").await;
    }
}

async fn walk(
    cloud: &TestCloud,
    credential: &Credential,
    permissions: &BTreeSet<Permission>,
    session: bool,
    console: bool,
    name: &str,
) {
    for (method, path, access) in walked() {
        let reply = call(cloud, credential, method, path, cloud.client.id).await;
        let admitted = admits(*access, path, permissions, session, console);
        assert_eq!(
            refuses(&reply),
            !admitted,
            "{name}, session {session}, {method} {path}: {} {}",
            reply.status,
            reply.text
        );
    }
}

/// A tenant in a path is the caller's own or one it reaches.
#[tokio::test]
async fn another_tenant_in_a_path_is_refused() {
    let cloud = TestCloud::start().await;
    let other = cloud.add_company("Other").await;
    let admin = cloud.admin_pair().await;
    for (method, path, _) in walked().filter(|(_, path, _)| path.contains("{client")) {
        let reply = call(&cloud, &admin, method, path, other.id).await;
        assert_eq!(
            (reply.status, reply.text.as_str()),
            (403, r#"{"status":403,"body":"Access denied"}"#),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn an_unknown_method_is_not_a_way_around_the_table() {
    let cloud = TestCloud::start().await;
    let reply = cloud.call(&Credential::Anonymous, Method::PATCH, "/v1/objects/user", None).await;
    assert_eq!((reply.status, reply.text.as_str()), (405, r#"{"status":405,"body":"Method not allowed"}"#));
}

/// The matrix for people: `UPDATE_PERMISSIONS=1 cargo test -p bartizan-cloud permissions` refreshes it.
#[test]
fn the_checked_in_permissions_are_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/permissions.md");
    let generated = matrix();
    if std::env::var_os("UPDATE_PERMISSIONS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &generated).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == generated,
        "docs/permissions.md is stale; refresh it with: UPDATE_PERMISSIONS=1 cargo test -p bartizan-cloud permissions"
    );
}

fn matrix() -> String {
    let mut text = String::from(
        "# Who may call what\n\nGenerated from the access table of the cloud; a test compares it with the running \
         server.\n\n`yes`: with any credential. `session`: only in a Console session. `-`: refused with 403.\nGlobal \
         roles have the rights of their base role in every linked client; the last column is a global administrator.\n\n",
    );
    let columns: Vec<Role> = ROLES.iter().copied().chain([Role::PartnerAdmin]).collect();
    let names: Vec<&str> = columns.iter().map(|role| role.code()).collect();
    writeln!(text, "| Route | Needs | {} |", names.join(" | ")).unwrap();
    writeln!(text, "| --- | --- |{}", " --- |".repeat(columns.len())).unwrap();
    for (method, path, access) in TABLE {
        let cells: Vec<&str> = columns.iter().map(|role| cell(*access, path, *role)).collect();
        writeln!(text, "| `{method} {path}` | {} | {} |", needs(*access), cells.join(" | ")).unwrap();
    }
    text
}

fn cell(access: Access, path: &str, role: Role) -> &'static str {
    let held = role.permissions();
    let by_key = admits(access, path, &held, false, role.uses_console());
    let by_session = admits(access, path, &held, true, role.uses_console());
    match (by_key, by_session) {
        (true, true) => "yes",
        (true, false) => "keys only",
        (false, true) => "session",
        (false, false) => "-",
    }
}

fn needs(access: Access) -> String {
    let code = |permission: &Permission| format!("`{}`", permission.code());
    match access {
        Access::Public => "nothing".to_owned(),
        Access::Session => "a session".to_owned(),
        Access::SessionNeeds(permission) => format!("a session and {}", code(&permission)),
        Access::Authenticated => "any credential".to_owned(),
        Access::Principal => "any credential, also of a node".to_owned(),
        Access::Needs(permission) => code(&permission),
        Access::NeedsAny(any) => any.iter().map(code).collect::<Vec<_>>().join(" or "),
        Access::NodeToken => "a registration token".to_owned(),
        Access::Node => "a registered node".to_owned(),
        Access::Scim => "the token of an identity provider".to_owned(),
    }
}

/// A global role has its rights in its own tenant and in every linked one, and none in others; nobody of a linked
/// tenant reaches up.
#[tokio::test]
async fn a_global_role_reaches_linked_tenants_and_no_other() {
    let cloud = TestCloud::start().await;
    let (home, linked) = cloud.add_global_account().await;
    for role in [Role::PartnerAdmin, Role::PartnerAnalytic, Role::PartnerAuditor] {
        let email = format!("{}@home.test", role.code());
        let user = cloud.add_user(home.id, &email, &[role.code()]).await;
        let pair = cloud.pair_of(&user).await;
        for (method, path, access) in walked().filter(|(_, path, _)| path.contains("{client")) {
            for (client, within) in [(home.id, true), (linked.id, true), (cloud.client.id, false)] {
                let reply = call(&cloud, &pair, method, path, client).await;
                let admitted = within && admits(*access, path, &role.permissions(), false, true);
                let name = role.code();
                assert_eq!(
                    refuses(&reply),
                    !admitted,
                    "{name}, client {client}, {method} {path}: {}",
                    reply.text
                );
            }
        }
    }
    let below = cloud.add_user(linked.id, "admin@linked.test", &["admin"]).await;
    let below = cloud.pair_of(&below).await;
    for (method, path, _) in walked().filter(|(_, path, _)| path.contains("{client")) {
        let reply = call(&cloud, &below, method, path, home.id).await;
        assert_eq!(reply.status, 403, "{method} {path}: {}", reply.text);
    }
}

/// Ids of another tenant: in the body of a creation they are refused, in a filter they find nothing.
#[tokio::test]
async fn another_tenant_in_a_body_is_refused_or_finds_nothing() {
    let cloud = TestCloud::start().await;
    let other = cloud.add_company("Other").await;
    let their = cloud.add_user(other.id, "admin@other.test", &["admin"]).await;
    let session = cloud.sign_in("admin@acme.test").await;
    let id = other.id;
    for (path, body) in [
        ("/v1/objects/pool/create", json!({"clientid": id, "name": "Shop"})),
        (
            "/v1/objects/user/create",
            json!({"clientid": id, "email": "x@other.test", "realname": "X Y", "permissions": ["admin"]}),
        ),
        ("/v1/invitations", json!({"client_id": id, "email": "x@other.test", "permissions": ["admin"]})),
        ("/v1/api_tokens", json!({"client_id": id, "name": "CI"})),
        ("/v2/node", json!({"clientid": id, "hostname": "n", "type": "cloud_node"})),
        ("/v1/session/client", json!({"client_id": id})),
    ] {
        let reply = cloud.post(&session, path, body).await;
        assert_eq!(
            (reply.status, reply.text.as_str()),
            (403, r#"{"status":403,"body":"Access denied"}"#),
            "{path}"
        );
    }
    for path in ["/v1/objects/user", "/v1/objects/pool", "/v1/objects/client", "/v1/objects/hint"] {
        let key = if path.ends_with("client") { "id" } else { "clientid" };
        let reply = cloud.post(&session, path, json!({"filter": {key: [id]}})).await;
        assert_eq!(reply.body(), json!([]), "{path}");
    }
    for (path, body) in [
        ("/v1/objects/user/update", json!({"filter": {"id": their.id}, "fields": {"realname": "Mallory"}})),
        ("/v1/objects/user/delete", json!({"filter": {"id": their.id}})),
        ("/v1/objects/pool/update", json!({"filter": {"id": -1, "clientid": [id]}, "fields": {"name": "x"}})),
        ("/v1/objects/pool/delete", json!({"filter": {"id": 1, "clientid": id}})),
    ] {
        let reply = cloud.post(&session, path, body).await;
        assert_eq!(reply.body(), json!([]), "{path}");
    }
    for (path, body) in [
        ("mfa/disable", json!({"password": bartizan_testkit::cloud::PASSWORD})),
        ("sso", json!({"enabled": true})),
        ("api_access", json!({"enabled": true})),
        ("resend_invitation", json!({})),
    ] {
        let reply = cloud.post(&session, &format!("/v1/user/{}/{path}", their.id), body).await;
        assert_eq!(reply.status, 403, "{path}: {}", reply.text);
    }
}
