use bartizan_testkit::{Credential, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

macro_rules! snapshot {
    ($body:expr) => {
        insta::assert_json_snapshot!($body, {
            ".**.uuid" => "[uuid]", ".**.partner_uuid" => "[uuid]", ".**.create_at" => "[time]",
        })
    };
}

const DENIED: (u16, &str) = (403, r#"{"status":403,"body":"Access denied"}"#);

/// The global administrator of a technical tenant with one linked tenant; returns their ids too.
async fn global(cloud: &TestCloud) -> (Credential, i64, i64) {
    let (home, linked) = cloud.add_global_account().await;
    let user = cloud.add_user(home.id, "global@home.test", &["partner_admin"]).await;
    (cloud.pair_of(&user).await, home.id, linked.id)
}

async fn ids(cloud: &TestCloud, by: &Credential, filter: Value) -> Vec<i64> {
    let rows = cloud.post(by, "/v1/objects/client", json!({ "filter": filter })).await.body();
    rows.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_client_has_every_key_by_post_and_get() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let posted = cloud.post(&admin, "/v1/objects/client", json!({"filter": {"id": [1]}})).await.json();
    snapshot!(posted);
    for query in
        ["", "?filter[id]=1&filter[enabled]=true&limit=1&offset=0", "?filter%5Bname%5D=Acme", "?filter[id]=0"]
    {
        let read = cloud.get(&admin, &format!("/v1/objects/client{query}")).await.json();
        assert_eq!(read, posted, "{query}");
    }
    assert_eq!(cloud.get(&admin, "/v1/objects/client?filter[id]=99").await.body(), json!([]));
}

#[tokio::test]
async fn the_own_client_comes_first_and_foreign_ones_not_at_all() {
    let cloud = TestCloud::start().await;
    let (global, home, linked) = global(&cloud).await;
    assert!(linked < home);
    assert_eq!(ids(&cloud, &global, json!({})).await, [home, linked]);
    assert_eq!(ids(&cloud, &global, json!({"id": [linked, cloud.client.id]})).await, [linked]);
    let admin = cloud.admin_pair().await;
    assert_eq!(ids(&cloud, &admin, json!({"id": linked})).await, Vec::<i64>::new());
    assert_eq!(ids(&cloud, &admin, json!({})).await, [cloud.client.id]);
}

#[tokio::test]
async fn roles_that_see_only_its_name_get_every_member_and_no_receivers() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let receivers = json!({"vuln": {"email": ["ops@acme.test"]}});
    let update = json!({"filter": {"id": cloud.client.id}, "fields": {"notifications": receivers}});
    cloud.post(&admin, "/v1/objects/client/update", update).await.body();
    let whole = cloud.post(&admin, "/v1/objects/client", json!({})).await.body()[0].clone();
    assert_eq!(whole["notifications"]["vuln"]["email"], json!(["ops@acme.test"]));
    for role in ["api_developer", "deploy"] {
        let user = cloud.add_user(cloud.client.id, &format!("{role}@acme.test"), &[role]).await;
        let pair = cloud.pair_of(&user).await;
        let mut seen = cloud.post(&pair, "/v1/objects/client", json!({})).await.body()[0].clone();
        assert_eq!(
            (&seen["partner_uuid"], &seen["notifications"]["vuln"]["email"]),
            (&json!(""), &json!([]))
        );
        seen["partner_uuid"] = whole["partner_uuid"].clone();
        seen["notifications"] = whole["notifications"].clone();
        assert_eq!(seen, whole, "{role}");
    }
}

#[tokio::test]
async fn a_tenant_lives_from_creation_to_deletion() {
    let cloud = TestCloud::start().await;
    let (global, home, _) = global(&cloud).await;
    let create = |name: &str, partner: &str| {
        cloud_post(
            &cloud,
            &global,
            "create",
            json!({"name": name, "partner_uuid": partner, "vuln_prefix": "SHPE"}),
        )
    };
    let created = create("Shop EU", "").await.json();
    snapshot!(created);
    let id = created["body"]["id"].as_i64().unwrap();
    let twice = create("Shop EU", "").await;
    assert_eq!((twice.status, twice.text.as_str()), (400, r#"{"status":400,"body":"Already exists"}"#));
    let foreign = create("Shop US", &cloud.client.uuid).await;
    assert_eq!((foreign.status, foreign.text.as_str()), DENIED);
    let early = cloud_post(&cloud, &global, "delete", json!({"filter": {"id": id}})).await;
    assert_eq!((early.status, early.text.as_str()), (400, r#"{"status":400,"body":"tenant is enabled"}"#));
    let own = cloud_post(&cloud, &global, "delete", json!({"filter": {"id": home}})).await;
    assert_eq!((own.status, own.text.as_str()), DENIED);
    let disable = json!({"filter": {"id": id}, "fields": {"enabled": false}});
    assert_eq!(cloud_post(&cloud, &global, "update", disable).await.body()[0]["enabled"], false);
    assert_eq!(ids(&cloud, &global, json!({"id": id})).await, [id]);
    assert_eq!(
        cloud_post(&cloud, &global, "delete", json!({"filter": {"id": id}})).await.body(),
        json!([id])
    );
    assert_eq!(ids(&cloud, &global, json!({"id": id})).await, Vec::<i64>::new());
    assert_eq!(create("Shop EU", "").await.status, 200);
}

#[tokio::test]
async fn the_mode_of_a_new_client_is_its_general_filtration_mode() {
    let cloud = TestCloud::start().await;
    let (global, ..) = global(&cloud).await;
    let create = async |name: &str, mode: Value| {
        cloud_post(&cloud, &global, "create", json!({"name": name, "mode": mode})).await
    };
    let mode_of = async |id: &Value| {
        cloud.get(&global, &format!("/v2/client/{id}/rules/wallarm_mode")).await.body()["mode"].clone()
    };
    for (mode, expected) in [
        (json!("monitoring"), "monitoring"),
        (json!("block"), "block"),
        (json!("safe_blocking"), "safe_blocking"),
        (json!("off"), "off"),
        (json!("default"), "default"),
        (json!(""), "default"),
        (Value::Null, "default"),
    ] {
        let made = create(&format!("Shop {mode}"), mode.clone()).await.body();
        assert_eq!(
            (&made["mode"], mode_of(&made["id"]).await),
            (&json!(expected), json!(expected)),
            "{mode}"
        );
    }
    // Unknown ones make nothing.
    let refused = create("Never", json!("turbo")).await;
    let expected = r#"{"status":400,"body":{"error":"invalid mode","value":"turbo"}}"#;
    assert_eq!((refused.status, refused.text.as_str()), (400, expected));
    assert_eq!(ids(&cloud, &global, json!({"name": "Never"})).await, Vec::<i64>::new());
    // Where it is changed, the object follows.
    let made = create("Last", json!("block")).await.body();
    let path = format!("/v2/client/{}/rules/wallarm_mode", made["id"]);
    let off = json!({"mode": "off"});
    assert_eq!(cloud.call(&global, Method::PUT, &path, Some(&off)).await.body(), off);
    let seen = cloud.post(&global, "/v1/objects/client", json!({"filter": {"id": made["id"]}})).await.body();
    assert_eq!(seen[0]["mode"], "off");
}

async fn cloud_post(cloud: &TestCloud, by: &Credential, verb: &str, body: Value) -> bartizan_testkit::Reply {
    cloud.post(by, &format!("/v1/objects/client/{verb}"), body).await
}

#[tokio::test]
async fn an_administrator_changes_the_own_client_but_not_its_activation() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let update =
        |fields: Value| cloud_post(&cloud, &admin, "update", json!({"filter": {"id": 1}, "fields": fields}));
    let changed = update(json!({
        "attack_rechecker_mode": "on", "language": "", "notifications": {"vuln": {}, "system": {"email": ["a@b.c"]}},
    }))
    .await
    .body();
    assert_eq!(changed[0]["attack_rechecker_mode"], "on");
    assert_eq!(changed[0]["notifications"]["system"]["email"], json!(["a@b.c"]));
    assert_eq!(changed[0]["notifications"]["vuln"]["email"], json!([]));
    assert_eq!(update(json!({"attack_rechecker_mode": "maybe"})).await.status, 400);
    let disabled = update(json!({"enabled": false})).await;
    assert_eq!((disabled.status, disabled.text.as_str()), DENIED);
    let create = cloud_post(&cloud, &admin, "create", json!({"name": "Mine"})).await;
    assert_eq!((create.status, create.text.as_str()), DENIED);
    let empty = cloud_post(&cloud, &admin, "update", json!({"filter": {"id": 0}, "fields": {}})).await;
    assert_eq!((empty.status, empty.text.as_str()), (400, r#"{"status":400,"body":"Empty filter"}"#));
}

#[tokio::test]
async fn users_of_a_disabled_tenant_are_denied_until_it_is_enabled() {
    let cloud = TestCloud::start().await;
    let (global, _, linked) = global(&cloud).await;
    let user = cloud.add_user(linked, "root@linked.test", &["admin"]).await;
    let user = cloud.pair_of(&user).await;
    for (enabled, status) in [(false, 403), (true, 200)] {
        let body = json!({"filter": {"id": linked}, "fields": {"enabled": enabled}});
        cloud_post(&cloud, &global, "update", body).await.body();
        assert_eq!(cloud.call(&user, Method::POST, "/v1/user", None).await.status, status);
    }
}

#[tokio::test]
async fn the_operator_restores_a_deleted_tenant() {
    let cloud = TestCloud::start().await;
    let (admin, _, linked) = global(&cloud).await;
    cloud_post(&cloud, &admin, "disabling", json!({"clientid": linked})).await.body();
    let delete =
        async || cloud_post(&cloud, &admin, "delete", json!({"filter": {"id": linked}})).await.body();
    delete().await;
    let inner = &cloud.running.cloud;
    let restore = async || {
        let restored = bartizan_cloud::services::clients::restore(inner, linked).await;
        inner.known.refresh(&inner.store).await;
        restored
    };
    let row = restore().await.unwrap();
    assert_eq!((row.name.as_str(), row.enabled), ("Linked", false));
    assert_eq!(restore().await.unwrap_err().0.status, 404);
    assert_eq!(ids(&cloud, &admin, json!({"id": linked})).await, [linked]);
    let log = cloud.get(&admin, &format!("/v1/activity_log/{linked}/events?limit=1")).await.body();
    assert_eq!(
        log["objects"][0]["initiator"],
        json!({"id": null, "client_id": null, "name": "Technical support"})
    );
    // A name that was given away meanwhile is not taken back.
    delete().await;
    cloud_post(&cloud, &admin, "create", json!({"name": "Linked"})).await.body();
    assert_eq!(restore().await.unwrap_err().0, bartizan_api::ApiError::already_exists());
}

#[tokio::test]
async fn the_last_administrator_of_a_linked_tenant_stays() {
    let cloud = TestCloud::start().await;
    let (global, home, linked) = global(&cloud).await;
    let user = cloud.add_user(linked, "root@linked.test", &["admin"]).await;
    let last = (400, r#"{"status":400,"body":"last administrator"}"#);
    for fields in [json!({"enabled": false}), json!({"permissions": ["auditor"]}), json!({"clientid": home})]
    {
        let body = json!({"filter": {"id": user.id}, "fields": fields});
        let reply = cloud.post(&global, "/v1/objects/user/update", body).await;
        assert_eq!((reply.status, reply.text.as_str()), last);
    }
    let reply = cloud.post(&global, "/v1/objects/user/delete", json!({"filter": {"id": user.id}})).await;
    assert_eq!((reply.status, reply.text.as_str()), last);
    let second = cloud.add_user(linked, "second@linked.test", &["admin"]).await;
    let move_home = json!({"filter": {"id": second.id}, "fields": {"clientid": home}});
    assert_eq!(cloud.post(&global, "/v1/objects/user/update", move_home).await.body()[0]["clientid"], home);
    // Rights over several tenants exist only in the technical tenant.
    let body = json!({
        "email": "g@linked.test", "realname": "G L", "permissions": ["partner_analytic"], "clientid": linked
    });
    assert_eq!(cloud.post(&global, "/v1/objects/user/create", body.clone()).await.status, 403);
    let mut there = body;
    there["clientid"] = json!(home);
    assert_eq!(cloud.post(&global, "/v1/objects/user/create", there).await.status, 200);
}

#[tokio::test]
async fn application_ids_are_linked_to_tenants_once() {
    let cloud = TestCloud::start().await;
    let (global, _, linked) = global(&cloud).await;
    let partner = cloud.post(&global, "/v1/objects/client", json!({})).await.body()[0]["partnerid"].clone();
    let path = format!("/v2/partner/{partner}/partner_client");
    let link = json!({"clientid": linked, "id": 5, "params": {}});
    let made = cloud.post(&global, &path, link.clone()).await.body();
    assert_eq!(made, json!({"id": 5, "partnerid": partner, "clientid": linked, "params": {}}));
    let again = cloud.post(&global, &path, link).await;
    assert_eq!((again.status, again.text.as_str()), (400, r#"{"status":400,"body":"Already exists"}"#));
    let listed = cloud.get(&global, &format!("/v2/partner_client?partnerid={partner}")).await.body();
    assert_eq!(listed, json!([made]));
    assert_eq!(cloud.get(&global, "/v2/partner_client?partnerid=4711").await.body(), json!([]));
    let foreign = json!({"clientid": cloud.client.id, "id": 6});
    assert_eq!(cloud.post(&global, &path, foreign).await.status, 403);
    assert_eq!(cloud.post(&global, &path, json!({"clientid": linked, "id": 0})).await.status, 400);
}

#[tokio::test]
async fn tenants_are_switched_off_and_on() {
    let cloud = TestCloud::start().await;
    let (global, home, linked) = global(&cloud).await;
    let user = cloud.add_user(linked, "u@linked.test", &["admin"]).await;
    let user = cloud.pair_of(&user).await;
    let switch = async |verb: &str, id: i64| {
        cloud.post(&global, &format!("/v1/objects/client/{verb}"), json!({"clientid": id})).await
    };
    assert_eq!(cloud.get(&user, "/v1/user").await.status, 200);
    assert_eq!(switch("disabling", linked).await.body()["enabled"], false);
    assert_eq!(cloud.get(&user, "/v1/user").await.text, r#"{"status":403,"body":"Access denied"}"#);
    assert_eq!(switch("enabling", linked).await.body()["enabled"], true);
    assert_eq!(cloud.get(&user, "/v1/user").await.status, 200);
    assert_eq!(switch("disabling", home).await.status, 400);
    assert_eq!(switch("disabling", cloud.client.id).await.status, 403);
}

#[tokio::test]
async fn subscriptions_come_without_an_envelope() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let path = format!("/v1/clients/{}/billing/subscriptions", cloud.client.id);
    insta::assert_json_snapshot!(cloud.get(&admin, &path).await.json(), {"[0].start_on" => "[day]"});
    insta::assert_json_snapshot!(cloud.get(&admin, "/v1/billing/plans").await.json());
}

#[tokio::test]
async fn a_month_after_its_deletion_nothing_of_a_tenant_is_left() {
    use bartizan_store::sea_orm::{ConnectionTrait, Statement};
    let cloud = TestCloud::start().await;
    let (global, _, linked) = global(&cloud).await;
    let user = cloud.add_user(linked, "u@linked.test", &["admin"]).await;
    let pair = cloud.pair_of(&user).await;
    cloud.post(&pair, "/v1/objects/pool/create", json!({"name": "Shop"})).await.body();
    cloud.post(&pair, "/v2/node", json!({"hostname": "n", "type": "cloud_node"})).await.body();
    cloud.post(&global, "/v1/objects/client/disabling", json!({"clientid": linked})).await.body();
    cloud.post(&global, "/v1/objects/client/delete", json!({"filter": {"id": linked}})).await.body();
    let rows = async || {
        let reader = cloud.running.cloud.store.reader();
        let mut left = 0;
        for table in bartizan_store::privacy::tables(reader).await.unwrap() {
            let sql = format!("SELECT COUNT(*) AS n FROM \"{table}\" WHERE client_id = {linked}");
            let row = reader.query_one_raw(Statement::from_string(reader.get_database_backend(), sql)).await;
            left += row.unwrap().unwrap().try_get::<i64>("", "n").unwrap();
        }
        left
    };
    let clean = async || bartizan_cloud::services::privacy::housekeeping(&cloud.running.cloud).await.unwrap();
    // A month later no process counts the requests of that day any more: what this one was asked is told, and told
    // to be over, before.
    if cloud.running.cloud.store.is_shared() {
        let counted = async || {
            let reader = cloud.running.cloud.store.reader();
            let last = format!(
                "SELECT COALESCE(MAX(at) - MAX(at) FILTER (WHERE client_id = {linked}) < 250, TRUE) AS told \
                 FROM rate_usage"
            );
            let last = Statement::from_string(reader.get_database_backend(), last);
            reader.query_one_raw(last).await.unwrap().unwrap().try_get::<bool>("", "told").unwrap()
        };
        while counted().await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
    cloud.running.cloud.clock.shift_ms(29 * 86_400_000);
    clean().await;
    assert!(rows().await > 5);
    cloud.running.cloud.clock.shift_ms(2 * 86_400_000);
    clean().await;
    assert_eq!(rows().await, 0);
}

#[tokio::test]
async fn who_deleted_a_tenant_is_in_the_log_of_whom_it_belonged_to() {
    let cloud = TestCloud::start().await;
    let (global, home, linked) = global(&cloud).await;
    cloud_post(&cloud, &global, "disabling", json!({"clientid": linked})).await.body();
    cloud_post(&cloud, &global, "delete", json!({"filter": {"id": linked}})).await.body();
    assert_eq!(cloud.get(&global, &format!("/v1/activity_log/{linked}/events")).await.status, 403);
    let log = format!("/v1/activity_log/{home}/events?filter[object_types][]=client");
    let entry = cloud.get(&global, &log).await.body()["objects"][0].clone();
    assert_eq!(
        (&entry["action_type"], &entry["object_id"], &entry["client_id"]),
        (&json!("Delete"), &json!(linked.to_string()), &json!(home))
    );
}

#[tokio::test]
async fn clients_come_in_one_order() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let by = async |order: &str| cloud.post(&admin, "/v1/objects/client", json!({"order_by": order})).await;
    assert_eq!((by("").await.status, by("id").await.status), (200, 200));
    let refused = by("bogus").await;
    let expected = r#"{"status":400,"body":{"error":"unknown order_by","value":"bogus"}}"#;
    assert_eq!((refused.status, refused.text.as_str()), (400, expected));
}
