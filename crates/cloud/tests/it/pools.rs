use bartizan_testkit::{Credential, Reply, TestCloud};
use serde_json::{Value, json};

async fn call(cloud: &TestCloud, by: &Credential, verb: &str, body: Value) -> Reply {
    cloud.post(by, &format!("/v1/objects/pool{verb}"), body).await
}

#[tokio::test]
async fn a_tenant_may_be_named_in_both_ways() {
    let cloud = TestCloud::start().await;
    let (home, linked) = cloud.add_global_account().await;
    let global = cloud.add_user(home.id, "global@home.test", &["partner_admin"]).await;
    let global = cloud.pair_of(&global).await;
    for (id, name) in [(1, "clientid"), (2, "client_id")] {
        let mut body = json!({"id": id, "name": "Shop"});
        body[name] = json!(linked.id);
        let made = cloud.post(&global, "/v1/objects/pool/create", body).await.body();
        assert_eq!(made["clientid"], linked.id, "{name}");
    }
    let all = json!({"filter": {"clientid": linked.id, "client_id": linked.id}});
    let refused = cloud.post(&global, "/v1/objects/pool/delete", all).await;
    assert_eq!(refused.text, r#"{"status":400,"body":"Empty filter"}"#);
}

#[tokio::test]
async fn applications_have_their_wire_forms() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let created = call(&cloud, &admin, "/create", json!({"id": 42, "clientid": 1, "name": "Shop"})).await;
    assert_eq!(created.text, r#"{"status":200,"body":{"id":42,"clientid":1,"name":"Shop","deleted":false}}"#);
    let renamed = json!({"filter": {"id": 42, "clientid": [1]}, "fields": {"name": "Store"}});
    let renamed = call(&cloud, &admin, "/update", renamed).await;
    assert_eq!(
        renamed.text,
        r#"{"status":200,"body":[{"id":42,"clientid":1,"name":"Store","deleted":false}]}"#
    );
    let listed =
        call(&cloud, &admin, "", json!({"limit": 500, "offset": 0, "filter": {"clientid": [1]}})).await;
    assert_eq!(
        listed.body(),
        json!([
            {"id": -1, "clientid": 1, "name": "default", "deleted": false},
            {"id": 42, "clientid": 1, "name": "Store", "deleted": false},
        ])
    );
    let deleted = call(&cloud, &admin, "/delete", json!({"filter": {"id": 42, "clientid": 1}})).await;
    assert_eq!(deleted.text, r#"{"status":200,"body":[42]}"#);
    let again = call(&cloud, &admin, "/delete", json!({"filter": {"id": 42}})).await;
    assert_eq!(again.text, r#"{"status":200,"body":[]}"#);
}

#[tokio::test]
async fn a_live_id_is_refused_byte_for_byte_and_a_deleted_one_comes_back() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    call(&cloud, &admin, "/create", json!({"id": 42, "name": "Shop"})).await.body();
    for id in [42, -1] {
        let twice = call(&cloud, &admin, "/create", json!({"id": id, "name": "Other"})).await;
        assert_eq!((twice.status, twice.text.as_str()), (400, r#"{"status":400,"body":"Already exists"}"#));
    }
    call(&cloud, &admin, "/delete", json!({"filter": {"id": 42}})).await.body();
    assert_eq!(call(&cloud, &admin, "", json!({"filter": {"deleted": true}})).await.body()[0]["id"], 42);
    let revived = call(&cloud, &admin, "/create", json!({"id": 42, "name": "Again"})).await.body();
    assert_eq!(revived, json!({"id": 42, "clientid": 1, "name": "Again", "deleted": false}));
    let next = call(&cloud, &admin, "/create", json!({"name": "Next"})).await.body();
    assert_eq!(next["id"], 43);
}

#[tokio::test]
async fn ids_and_names_out_of_range_are_refused_and_the_default_stays() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    for body in [
        json!({"id": 0, "name": "x"}),
        json!({"id": -2, "name": "x"}),
        json!({"id": 2_147_483_648_i64, "name": "x"}),
        json!({"id": 5, "name": ""}),
        json!({"id": 5, "name": "x".repeat(256)}),
    ] {
        assert_eq!(call(&cloud, &admin, "/create", body.clone()).await.status, 400, "{body}");
    }
    assert_eq!(call(&cloud, &admin, "/delete", json!({"filter": {"id": -1}})).await.body(), json!([]));
    let unnamed = json!({"filter": {"id": -1}, "fields": {"name": ""}});
    assert_eq!(call(&cloud, &admin, "/update", unnamed).await.status, 400);
    for verb in ["/delete", "/update"] {
        for filter in [json!({}), json!({"id": 0}), json!({"clientid": 1})] {
            let reply = call(&cloud, &admin, verb, json!({ "filter": filter })).await;
            assert_eq!((reply.status, reply.text.as_str()), (400, r#"{"status":400,"body":"Empty filter"}"#));
        }
    }
}

#[tokio::test]
async fn applications_of_another_tenant_are_out_of_reach() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let other = cloud.add_company("Other").await;
    assert_eq!(call(&cloud, &admin, "", json!({"filter": {"clientid": other.id}})).await.body(), json!([]));
    let create = call(&cloud, &admin, "/create", json!({"clientid": other.id, "name": "x"})).await;
    assert_eq!((create.status, create.text.as_str()), (403, r#"{"status":403,"body":"Access denied"}"#));
    let filter = json!({"filter": {"id": -1, "clientid": other.id}, "fields": {"name": "mine"}});
    assert_eq!(call(&cloud, &admin, "/update", filter).await.body(), json!([]));
}

#[tokio::test]
async fn a_deleted_application_with_the_largest_id_leaves_room_for_others() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let create = async |body: Value| cloud.post(&admin, "/v1/objects/pool/create", body).await;
    for id in [4, 5, 2_147_483_647_i64] {
        create(json!({"id": id, "name": "Shop"})).await.body();
    }
    let refused = create(json!({"name": "Next"})).await;
    assert!(refused.status == 400 && refused.text.contains("no id is left"), "{}", refused.text);
    for id in [5, 2_147_483_647_i64] {
        cloud.post(&admin, "/v1/objects/pool/delete", json!({"filter": {"id": id}})).await.body();
    }
    // The id of a deleted one is not given to another.
    assert_eq!(create(json!({"name": "Next"})).await.body()["id"], 6);
}
