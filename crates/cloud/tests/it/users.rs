use bartizan_testkit::{Credential, Reply, TestCloud};
use serde_json::{Value, json};

async fn create(cloud: &TestCloud, by: &Credential, email: &str, permissions: &[&str]) -> Reply {
    let body = json!({
        "email": email, "username": email, "password": "Aa1!aaaa9Z", "realname": "Eve Low",
        "permissions": permissions,
    });
    cloud.post(by, "/v1/objects/user/create", body).await
}

async fn update(cloud: &TestCloud, by: &Credential, id: &Value, fields: Value) -> Reply {
    cloud.post(by, "/v1/objects/user/update", json!({"filter": {"id": id}, "fields": fields})).await
}

async fn delete(cloud: &TestCloud, by: &Credential, filter: Value) -> Reply {
    cloud.post(by, "/v1/objects/user/delete", json!({ "filter": filter })).await
}

async fn list(cloud: &TestCloud, by: &Credential, filter: Value) -> Vec<Value> {
    let request = json!({
        "limit": 500, "offset": 0, "order_by": "realname", "order_desc": false, "filter": filter
    });
    cloud.post(by, "/v1/objects/user", request).await.body().as_array().unwrap().clone()
}

fn refusal(reply: &Reply) -> (u16, &str) {
    (reply.status, &reply.text)
}

const DENIED: (u16, &str) = (403, r#"{"status":403,"body":"Access denied"}"#);

macro_rules! snapshot {
    ($body:expr) => {
        insta::assert_json_snapshot!($body, {
            ".**.uuid" => "[uuid]", ".**.create_at" => "[time]", ".**.password_changed" => "[time]",
            ".**.frontend_url" => "[url]", ".**.actual_permissions" => "[permissions]",
        })
    };
}

#[tokio::test]
async fn users_have_their_wire_forms() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let created = create(&cloud, &admin, "Eve@Acme.test", &["deploy"]).await.json();
    snapshot!(created);
    let id = &created["body"]["id"];
    let updated =
        update(&cloud, &admin, id, json!({"realname": "Eve High", "permissions": ["analytic"]})).await;
    snapshot!(updated.json());
    assert_eq!(list(&cloud, &admin, json!({"id": id})).await.len(), 1);
    let deleted = delete(&cloud, &admin, json!({"id": id, "clientid": [cloud.client.id]})).await;
    assert_eq!(deleted.text, format!(r#"{{"status":200,"body":[{id}]}}"#));
    assert_eq!(list(&cloud, &admin, json!({"id": id})).await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_address_is_unique_in_the_whole_cloud_and_free_after_deletion() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let other = cloud.add_company("Other").await;
    let there = cloud.add_user(other.id, "root@other.test", &["admin"]).await;
    let there = cloud.pair_of(&there).await;
    let first = create(&cloud, &admin, "eve@acme.test", &["auditor"]).await.body();
    let exists = (409, r#"{"status":409,"body":"Already exists"}"#);
    assert_eq!(refusal(&create(&cloud, &admin, "eve@acme.test", &["auditor"]).await), exists);
    assert_eq!(refusal(&create(&cloud, &there, "EVE@acme.test", &["auditor"]).await), exists);
    let second = create(&cloud, &admin, "bob@acme.test", &["auditor"]).await.body();
    assert_eq!(
        refusal(&update(&cloud, &admin, &second["id"], json!({"email": "eve@acme.test"})).await),
        exists
    );
    delete(&cloud, &admin, json!({"id": first["id"]})).await.body();
    create(&cloud, &there, "eve@acme.test", &["auditor"]).await.body();
}

#[tokio::test]
async fn nobody_grants_more_than_the_own_rights() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    for role in ["deploy", "analytic", "auditor", "api_developer", "admin"] {
        assert_eq!(
            create(&cloud, &admin, &format!("{role}.user@acme.test"), &[role]).await.status,
            200,
            "{role}"
        );
    }
    for role in ["partner_admin", "partner_analytic", "partner_auditor", "admin_ext", "superadmin", "node"] {
        assert_eq!(refusal(&create(&cloud, &admin, "x@acme.test", &[role]).await), DENIED, "{role}");
    }
    let helper =
        cloud.add_user(cloud.client.id, "h@acme.test", &["view_user", "create_user", "update_user"]).await;
    let helper = cloud.pair_of(&helper).await;
    assert_eq!(create(&cloud, &helper, "y@acme.test", &["view_user"]).await.status, 200);
    assert_eq!(refusal(&create(&cloud, &helper, "z@acme.test", &["analytic"]).await), DENIED);
    // Setting an administrator's password would be a way to his rights.
    let stolen = update(&cloud, &helper, &json!(cloud.admin.id), json!({"password": "Correct2horse"})).await;
    assert_eq!(refusal(&stolen), DENIED);
    let mixed = create(&cloud, &admin, "m@acme.test", &["admin", "view_user"]).await;
    assert_eq!(mixed.status, 400);
}

#[tokio::test]
async fn weak_passwords_are_refused_with_what_is_missing() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let body =
        json!({"email": "a@b.c", "realname": "A B", "permissions": ["auditor"], "password": "aaaaaaaa"});
    let reply = cloud.post(&admin, "/v1/objects/user/create", body).await;
    assert_eq!(
        refusal(&reply),
        (400, r#"{"status":400,"body":{"error":"weak password","value":["upper","digit"]}}"#)
    );
}

#[tokio::test]
async fn empty_objects_and_absent_flags_change_nothing() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let user = create(&cloud, &admin, "eve@acme.test", &["auditor"]).await.body();
    let id = &user["id"];
    let set =
        json!({"notifications": {"vuln": {"email": true}}, "search_templates": {"mine": "attacks today"}});
    update(&cloud, &admin, id, set).await.body();
    let go = json!({
        "notifications": {"report_daily": {}, "report_weekly": {}, "vuln": {}, "scope": {}},
        "search_templates": {}, "phone": "", "timezone": "", "results_per_page": 0,
    });
    let kept = update(&cloud, &admin, id, go).await.body()[0].clone();
    assert_eq!(kept["notifications"]["vuln"], json!({"email": true, "sms": false}));
    assert_eq!(kept["search_templates"], json!({"mine": "attacks today"}));
    assert_eq!((&kept["timezone"], &kept["enabled"]), (&json!("UTC"), &json!(true)));
    let cleared = update(&cloud, &admin, id, json!({"search_templates": null})).await.body()[0].clone();
    assert_eq!(cleared["search_templates"], json!({}));
}

#[tokio::test]
async fn a_change_needs_a_filter_that_names_rows() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let empty = (400, r#"{"status":400,"body":"Empty filter"}"#);
    for filter in [json!({}), json!({"id": 0}), json!(null), json!({"clientid": [cloud.client.id]})] {
        assert_eq!(refusal(&delete(&cloud, &admin, filter.clone()).await), empty, "{filter}");
        let body = json!({"filter": filter, "fields": {"realname": "All Same"}});
        assert_eq!(refusal(&cloud.post(&admin, "/v1/objects/user/update", body).await), empty);
    }
    assert_eq!(delete(&cloud, &admin, json!({"id": 4711})).await.body(), json!([]));
    let unknown = delete(&cloud, &admin, json!({"nope": 1})).await;
    assert_eq!(
        refusal(&unknown),
        (400, r#"{"status":400,"body":{"error":"unknown filter field","value":"nope"}}"#)
    );
}

#[tokio::test]
async fn what_selects_a_tenant_or_too_much_selects_nothing() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let (own, empty) = (cloud.client.id, (400, r#"{"status":400,"body":"Empty filter"}"#));
    assert_eq!(refusal(&delete(&cloud, &admin, json!({"clientid": own, "client_id": own})).await), empty);
    for name in ["a", "b"] {
        create(&cloud, &admin, &format!("{name}@acme.test"), &["auditor"]).await.body();
    }
    // Negation is of any key, of flags too.
    let off = json!({"filter": {"email": "a@acme.test"}});
    cloud.post(&admin, "/v1/objects/user/disabling", off).await.body();
    let emails = |rows: Vec<Value>| rows.iter().map(|row| row["email"].clone()).collect::<Vec<_>>();
    assert_eq!(emails(list(&cloud, &admin, json!({"!enabled": true})).await), [json!("a@acme.test")]);
    assert_eq!(list(&cloud, &admin, json!({"!enabled": false})).await.len(), 2);
    // One password for one user.
    let body = json!({"filter": {"permissions": "auditor"}, "fields": {"password": "Correct2horse"}});
    let several = cloud.post(&admin, "/v1/objects/user/update", body).await;
    assert!(several.status == 400 && several.text.contains("one user at a time"), "{}", several.text);
}

#[tokio::test]
async fn every_right_of_the_matrix_can_be_given() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    for resource in ["api_session", "infra", "credential_stuffing", "edge", "denylist", "api_discovery"] {
        let view = format!("view_{resource}");
        let made = create(&cloud, &admin, &format!("{resource}@acme.test"), &[&view]).await.body();
        assert_eq!(made["actual_permissions"], json!([view]));
    }
    let export = create(&cloud, &admin, "e@acme.test", &["view_allowlist", "export_allowlist"]).await.body();
    assert_eq!(export["actual_permissions"], json!(["export_allowlist", "view_allowlist"]));
    let stamps = create(&cloud, &admin, "s@acme.test", &["create_disable_stamp"]).await;
    assert_eq!(refusal(&stamps), DENIED);
}

#[tokio::test]
async fn a_user_who_moves_leaves_every_key_behind() {
    let cloud = TestCloud::start().await;
    let (home, linked) = cloud.add_global_account().await;
    let global = cloud.add_user(home.id, "global@home.test", &["partner_admin"]).await;
    let global = cloud.pair_of(&global).await;
    let eve = cloud.add_user(home.id, "eve@home.test", &["analytic"]).await;
    let pair = cloud.pair_of(&eve).await;
    let moved = update(&cloud, &global, &json!(eve.id), json!({"clientid": linked.id})).await.body();
    assert_eq!(moved[0]["clientid"], linked.id);
    assert_eq!(cloud.get(&pair, "/v1/user").await.status, 403);
    let session = cloud.sign_in("eve@home.test").await;
    assert_eq!(cloud.get(&session, "/v1/user/credentials").await.body()["secret_set"], false);
}

#[tokio::test]
async fn own_access_and_the_last_administrator_stay() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let own = json!(cloud.admin.id);
    let refused = (400, r#"{"status":400,"body":"cannot change own access"}"#);
    assert_eq!(refusal(&update(&cloud, &admin, &own, json!({"enabled": false})).await), refused);
    assert_eq!(refusal(&update(&cloud, &admin, &own, json!({"permissions": ["auditor"]})).await), refused);
    assert_eq!(refusal(&delete(&cloud, &admin, json!({"id": own})).await), refused);
    assert_eq!(
        update(&cloud, &admin, &own, json!({"realname": "Ada L", "permissions": ["admin"]})).await.status,
        200
    );
    // A custom set may manage users without being an administrator.
    let rights: Vec<&str> = bartizan_api::Role::Admin.permissions().into_iter().map(|p| p.code()).collect();
    let twin = cloud.add_user(cloud.client.id, "twin@acme.test", &rights[..]).await;
    let shared = cloud.pair_of(&twin).await;
    assert_eq!(update(&cloud, &shared, &own, json!({"enabled": false})).await.status, 200);
    let last = delete(&cloud, &shared, json!({"email": "twin@acme.test"})).await;
    assert_eq!(refusal(&last), refused);
}

#[tokio::test]
async fn disabling_and_deleting_end_sessions_and_keys() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let eve = cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    let session = cloud.sign_in("eve@acme.test").await;
    let pair = cloud.pair_of(&eve).await;
    let filter = json!({"filter": {"id": eve.id}});
    let off = cloud.post(&admin, "/v1/objects/user/disabling", filter.clone()).await.body();
    assert_eq!(off[0]["enabled"], false);
    assert_eq!(cloud.get(&session, "/v1/session").await.status, 401);
    assert_eq!(cloud.post(&pair, "/v1/user", json!({})).await.status, 403);
    cloud.post(&admin, "/v1/objects/user/enabling", filter).await.body();
    assert_eq!(cloud.post(&pair, "/v1/user", json!({})).await.status, 200);
    assert_eq!(cloud.get(&session, "/v1/session").await.status, 401);
    delete(&cloud, &admin, json!({"id": eve.id})).await.body();
    assert_eq!(cloud.post(&pair, "/v1/user", json!({})).await.status, 403);
}

#[tokio::test]
async fn a_password_set_by_an_administrator_is_temporary_and_ends_sessions() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let eve = cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    let session = cloud.sign_in("eve@acme.test").await;
    let changed = update(&cloud, &admin, &json!(eve.id), json!({"password": "Correct2horse"})).await.body();
    assert_eq!(changed[0]["must_change_password"], true);
    assert_eq!(cloud.get(&session, "/v1/session").await.status, 401);
    let sign_in = |password: &'static str| {
        let body = json!({"username": "eve@acme.test", "password": password});
        async { cloud.post(&Credential::Anonymous, "/v1/login", body).await.status }
    };
    assert_eq!((sign_in("Correct1horse").await, sign_in("Correct2horse").await), (401, 200));
}

#[tokio::test]
async fn lists_are_filtered_ordered_and_cut() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    for (email, role) in [("b@acme.test", "auditor"), ("c@acme.test", "analytic"), ("d@acme.test", "deploy")]
    {
        cloud.add_user(cloud.client.id, email, &[role]).await;
    }
    let emails = async |filter: Value| -> Vec<String> {
        let rows = list(&cloud, &admin, filter).await;
        rows.iter().map(|row| row["email"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(emails(json!({"email": "B@ACME.test"})).await, ["b@acme.test"]);
    assert_eq!(emails(json!({"permissions": ["auditor", "deploy"]})).await, ["b@acme.test", "d@acme.test"]);
    assert_eq!(emails(json!({"!permissions": ["auditor", "deploy", "admin"]})).await, ["c@acme.test"]);
    assert_eq!(emails(json!({"query": "ANALY"})).await, ["c@acme.test"]);
    assert_eq!(emails(json!({"query": "100%"})).await, Vec::<String>::new());
    let page = json!({"limit": 1, "offset": 1, "order_by": "email", "order_desc": true});
    let page = cloud.post(&admin, "/v1/objects/user", page).await.body();
    assert_eq!((page.as_array().unwrap().len(), &page[0]["email"]), (1, &json!("c@acme.test")));
    let too_big = cloud.post(&admin, "/v1/objects/user", json!({"limit": 1001})).await;
    assert_eq!(
        refusal(&too_big),
        (400, r#"{"status":400,"body":{"error":"limit is too big","value":1001}}"#)
    );
}

#[tokio::test]
async fn a_caller_without_the_right_sees_itself() {
    let cloud = TestCloud::start().await;
    let eve = cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    let eve = cloud.pair_of(&eve).await;
    for filter in [json!({}), json!([{"enabled": true}, {"email": "eve@acme.test"}])] {
        let rows = list(&cloud, &eve, filter).await;
        assert_eq!((rows.len(), &rows[0]["email"]), (1, &json!("eve@acme.test")));
    }
    assert_eq!(list(&cloud, &eve, json!({"id": cloud.admin.id})).await.len(), 0);
}

#[tokio::test]
async fn another_tenant_is_out_of_reach() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let other = cloud.add_company("Other").await;
    let foreign = cloud.add_user(other.id, "root@other.test", &["auditor"]).await;
    assert_eq!(list(&cloud, &admin, json!({"id": foreign.id})).await.len(), 0);
    assert_eq!(list(&cloud, &admin, json!({"clientid": other.id})).await.len(), 0);
    assert_eq!(delete(&cloud, &admin, json!({"id": foreign.id})).await.body(), json!([]));
    assert_eq!(update(&cloud, &admin, &json!(foreign.id), json!({"enabled": false})).await.body(), json!([]));
    let body = json!({
        "email": "x@other.test", "realname": "X Y", "permissions": ["auditor"], "clientid": other.id
    });
    assert_eq!(refusal(&cloud.post(&admin, "/v1/objects/user/create", body).await), DENIED);
}

#[tokio::test]
async fn several_values_of_a_flag_select_what_they_say() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let off = cloud.add_user(cloud.client.id, "off@acme.test", &["auditor"]).await;
    cloud.post(&admin, "/v1/objects/user/disabling", json!({"filter": {"id": [off.id]}})).await.body();
    let list = async |filter: Value| {
        let users = cloud.post(&admin, "/v1/objects/user", json!({ "filter": filter })).await.body();
        users.as_array().unwrap().iter().map(|user| user["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(list(json!({"enabled": [false, false]})).await, [off.id]);
    assert_eq!(list(json!({"!enabled": [true]})).await, [off.id]);
    assert_eq!(list(json!({"enabled": [true, false]})).await, [cloud.admin.id, off.id]);
    assert_eq!(list(json!({"!enabled": [true, false]})).await, Vec::<i64>::new());
    // It selects nothing by itself, so nothing is changed by it.
    let all = json!({"filter": {"enabled": [true, false]}});
    let reply = cloud.post(&admin, "/v1/objects/user/delete", all).await;
    assert_eq!((reply.status, reply.text.as_str()), (400, r#"{"status":400,"body":"Empty filter"}"#));
    // Deleted applications are listed when they are asked for.
    cloud.post(&admin, "/v1/objects/pool/create", json!({"id": 5, "name": "Shop"})).await.body();
    cloud.post(&admin, "/v1/objects/pool/delete", json!({"filter": {"id": 5}})).await.body();
    for (filter, expected) in [
        (json!({}), vec![-1]),
        (json!({"deleted": [true, true]}), vec![5]),
        (json!({"deleted": [true, false]}), vec![-1, 5]),
    ] {
        let pools = cloud.post(&admin, "/v1/objects/pool", json!({ "filter": filter })).await.body();
        let ids: Vec<i64> =
            pools.as_array().unwrap().iter().map(|pool| pool["id"].as_i64().unwrap()).collect();
        assert_eq!(ids, expected, "{filter}");
    }
}

#[tokio::test]
async fn an_address_is_one_that_letters_go_to() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    for email in ["<x>@c.de", "a@c..de", "a@-c.de", ".a@c.de", "a@b@c.de", "a b@c.de", "@c.de", "a@"] {
        let refused = create(&cloud, &admin, email, &["auditor"]).await;
        assert_eq!(refused.json()["body"], json!({"error": "invalid email", "value": email}));
    }
    for email in ["eve+ci@acme.test", "o'neil@sub.acme.test", "Eve.Low@ACME.test"] {
        assert_eq!(create(&cloud, &admin, email, &["auditor"]).await.status, 200, "{email}");
    }
}

#[tokio::test]
async fn a_password_that_somebody_else_chose_is_not_kept() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let eve = cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    let given = "Chosen4others";
    let set = json!({"filter": {"id": eve.id}, "fields": {"password": given}});
    cloud.post(&admin, "/v1/objects/user/update", set).await.body();
    let login = json!({"username": "eve@acme.test", "password": given});
    let reply = cloud.post(&Credential::Anonymous, "/v1/login", login).await;
    let cookie = reply.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let session = cloud.get(&Credential::Cookie(cookie.clone(), String::new()), "/v1/session").await.body();
    let session = Credential::Cookie(cookie, session["csrf"].as_str().unwrap().to_owned());
    let change = async |password: &str| {
        let body =
            json!({"current_password": given, "password": password, "password_confirmation": password});
        cloud.call(&session, reqwest::Method::PUT, "/v1/user/password", Some(&body)).await
    };
    let same = change(given).await;
    assert_eq!(
        same.json()["body"],
        json!({"error": "weak password", "value": ["used_before"]}),
        "{}",
        same.text
    );
    assert_eq!(change("Correct5horse").await.status, 200);
}
