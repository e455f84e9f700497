use std::time::{Duration, Instant};

use bartizan_cloud::secrets::Secret;
use bartizan_store::{
    TenantId, config_versions, entity,
    sea_orm::{ActiveModelTrait, ActiveValue::NotSet, IntoActiveModel},
};
use bartizan_testkit::{Credential, Reply, TestCloud};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

async fn node_token(cloud: &TestCloud) -> Credential {
    let admin = cloud.admin_pair().await;
    let group = cloud.post(&admin, "/v2/node", json!({"hostname": "production"})).await.body();
    Credential::Token(group["token"].as_str().unwrap().to_owned())
}

async fn register(cloud: &TestCloud, token: &Credential, labels: Value) -> Reply {
    let body = json!({"hostname": "web-1", "labels": labels, "version": "0.1.0", "role": "proxy"});
    cloud.post(token, "/node/v1/register", body).await
}

fn node_of(registered: &Value) -> Credential {
    let text = |key: &str| registered[key].as_str().unwrap().to_owned();
    Credential::Node(text("uuid"), text("secret"))
}

/// An API token of the company, as the tokens page would make it.
async fn api_token(cloud: &TestCloud, usage: &str, role: &str) -> (Credential, entity::api_token::Model) {
    let (secret, uuid) = (Secret::random(), Uuid::new_v4());
    let inner = &cloud.running.cloud;
    let mut row = entity::api_token::Model {
        id: 0,
        uuid: uuid.to_string(),
        client_id: cloud.client.id,
        user_id: None,
        name: "deployment".into(),
        kind: "shared".into(),
        usage: usage.into(),
        permissions: json!([role]),
        enabled: true,
        expires_at: None,
        disabled_at: None,
        created_at: inner.now(),
        generated_at: inner.now(),
        last_used_at: None,
        last_used_ip: None,
        secret_mac: secret.mac(&inner.keys),
        masked: "abcde*****".into(),
        sealed: None,
        client_ids: None,
        notified_at: None,
    }
    .into_active_model();
    row.id = NotSet;
    let row = row.insert(inner.store.writer()).await.unwrap();
    (Credential::Token(secret.token(uuid)), row)
}

#[tokio::test]
async fn a_node_token_registers_into_its_group() {
    let cloud = TestCloud::start().await;
    let token = node_token(&cloud).await;
    let registered = register(&cloud, &token, json!({"group": "ignored"})).await.json();
    insta::assert_json_snapshot!(registered, {
        ".uuid" => "[uuid]", ".secret" => "[secret]", ".signing_keys[]" => "[key]",
    });
    let node = node_of(&registered);
    assert_eq!(cloud.get(&node, "/node/v1/manifest").await.status, 200);
    assert_eq!(cloud.post(&node, "/node/v1/unregister", json!({})).await.status, 204);
    let refused = cloud.get(&node, "/node/v1/manifest").await;
    assert_eq!((refused.status, refused.text.as_str()), (401, r#"{"status":401,"body":"Unauthorized"}"#));
}

#[tokio::test]
async fn a_node_learns_whose_it_is_by_any_of_its_credentials() {
    let cloud = TestCloud::start().await;
    let token = node_token(&cloud).await;
    let registered = register(&cloud, &token, json!({})).await.json();
    let node = node_of(&registered);
    let Credential::Node(uuid, secret) = node.clone() else { unreachable!() };
    let pair = Credential::Pair(uuid.clone(), secret);
    let seen = cloud.post(&node, "/v1/user", json!({})).await.json();
    insta::assert_json_snapshot!(seen, {
        ".body.uuid" => "[uuid]", ".body.username" => "node:[uuid]", ".body.create_at" => "[time]",
        ".body.frontend_url" => "[url]",
    });
    assert_eq!(seen["body"]["username"], format!("node:{uuid}"));
    assert_eq!(cloud.get(&pair, "/v1/user").await.json(), seen);
    let group = cloud.get(&token, "/v1/user").await.body();
    assert_eq!((&group["client_id"], &group["realname"]), (&json!(cloud.client.id), &json!("production")));
    // It is for nothing else, and a wrong one looks like any other.
    for credential in [&node, &pair, &token] {
        assert!(matches!(cloud.post(credential, "/v1/objects/pool", json!({})).await.status, 401 | 403));
    }
    for wrong in [
        Credential::Node(uuid.clone(), Secret::random().hex()),
        Credential::Pair(uuid.clone(), Secret::random().hex()),
        Credential::Node(Uuid::new_v4().to_string(), Secret::random().hex()),
    ] {
        let refused = cloud.get(&wrong, "/v1/user").await;
        let expected = (403, r#"{"status":403,"body":"User not authenticated"}"#);
        assert_eq!((refused.status, refused.text.as_str()), expected);
    }
}

#[tokio::test]
async fn an_api_token_for_deployment_makes_the_group_that_its_label_names() {
    let cloud = TestCloud::start().await;
    let (token, row) = api_token(&cloud, "node", "deploy").await;
    let unnamed = register(&cloud, &token, json!({})).await;
    assert_eq!(unnamed.status, 400);
    assert_eq!(
        unnamed.json()["body"]["error"],
        json!(r#"label "group" is required for this registration type"#)
    );
    let first = register(&cloud, &token, json!({"group": "blue"})).await.json();
    let second = register(&cloud, &token, json!({"group": "blue"})).await.json();
    assert_eq!(first["group_id"], second["group_id"]);
    let admin = cloud.admin_pair().await;
    let groups = cloud.get(&admin, "/v2/node").await.body();
    assert_eq!((&groups[0]["hostname"], &groups[0]["instance_count"]), (&json!("blue"), &json!(2)));
    // The token is for registration only, and its end is the end of its instances.
    assert_eq!(cloud.get(&token, "/v2/node").await.status, 403);
    let node = node_of(&first);
    assert_eq!(cloud.get(&node, "/node/v1/manifest").await.status, 200);
    let mut change = row.into_active_model();
    change.enabled = bartizan_store::sea_orm::ActiveValue::Set(false);
    change.update(cloud.running.cloud.store.writer()).await.unwrap();
    cloud.running.cloud.known.refresh(&cloud.running.cloud.store).await;
    assert_eq!(cloud.get(&node, "/node/v1/manifest").await.status, 401);
    assert_eq!(register(&cloud, &token, json!({"group": "blue"})).await.status, 403);
}

#[tokio::test]
async fn other_credentials_do_not_register() {
    let cloud = TestCloud::start().await;
    let (token, _) = api_token(&cloud, "api", "admin").await;
    let refused = register(&cloud, &token, json!({"group": "blue"})).await;
    assert_eq!((refused.status, refused.text.as_str()), (403, r#"{"status":403,"body":"Access denied"}"#));
    let unknown = Credential::Token(Secret::random().token(Uuid::new_v4()));
    for credential in [unknown, Credential::Anonymous, cloud.admin_pair().await] {
        let refused = register(&cloud, &credential, json!({"group": "blue"})).await;
        assert_eq!(
            (refused.status, refused.text.as_str()),
            (403, r#"{"status":403,"body":"User not authenticated"}"#)
        );
    }
}

#[tokio::test]
async fn a_node_that_counts_without_end_breaks_no_sum() {
    let cloud = TestCloud::start().await;
    let token = node_token(&cloud).await;
    let node = node_of(&register(&cloud, &token, json!({})).await.json());
    for seq in 1..=3 {
        let beat = json!({"startid": "a", "seq": seq, "uptime_s": 30, "versions": {}, "packages": {}, "rps_m1": 1.0,
            "stats": {"requests": u64::MAX, "attacks": i64::MAX, "blocked": 1}});
        assert_eq!(cloud.post(&node, "/node/v1/heartbeat", beat).await.status, 200);
    }
    let (admin, now) = (cloud.admin_pair().await, cloud.running.cloud.now());
    let body = json!({"start_time": now - 300, "end_time": now + 300, "points_count": 1});
    let path = format!("/v2/graph_data/requests/client/{}", cloud.client.id);
    let reply = cloud.post(&admin, &path, body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(reply.text.contains(&(1_i64 << 36).to_string()), "{}", reply.text);
    assert_eq!(cloud.get(&admin, "/v2/node").await.status, 200);
}

#[tokio::test]
async fn a_repeated_heartbeat_counts_once() {
    let cloud = TestCloud::start().await;
    let token = node_token(&cloud).await;
    let node = node_of(&register(&cloud, &token, json!({})).await.json());
    let beat = |startid: &str, seq: u64, requests: u64| {
        json!({"startid": startid, "seq": seq, "uptime_s": 30, "versions": {"ruleset": 1, "detectdb": 7, "iplists": 1},
            "packages": {"bartizan": "0.1.0"}, "stats": {"requests": requests, "attacks": 2}, "rps_m1": 1.5})
    };
    let answer = cloud.post(&node, "/node/v1/heartbeat", beat("a", 1, 10)).await.json();
    assert_eq!(answer, json!({"desired": {"iplists": 1, "ruleset": 1}}));
    cloud.post(&node, "/node/v1/heartbeat", beat("a", 1, 10)).await;
    cloud.post(&node, "/node/v1/heartbeat", beat("a", 2, 5)).await;
    cloud.post(&node, "/node/v1/heartbeat", beat("b", 1, 1)).await;
    let admin = cloud.admin_pair().await;
    let group = cloud.get(&admin, "/v2/node").await.body()[0].clone();
    assert_eq!(group["requests_amount"], json!(16));
    insta::assert_json_snapshot!(group, {
        ".uuid" => "[uuid]", ".token" => "[token]", ".create_time" => "[time]", ".last_activity" => "[time]",
        ".lom_updated_at" => "[time]", ".protondb_updated_at" => "[time]",
    });
    cloud.running.cloud.clock.shift_ms(121_000);
    let group = cloud.get(&admin, "/v2/node").await.body()[0].clone();
    assert_eq!((&group["active"], &group["instance_count"]), (&json!(false), &json!(1)));
    cloud.running.cloud.clock.shift_ms(24 * 3_600_000);
    assert_eq!(cloud.get(&admin, "/v2/node").await.body()[0]["instance_count"], json!(0));
}

#[tokio::test]
async fn the_bundle_is_signed_and_stable() {
    let cloud = TestCloud::start().await;
    let token = node_token(&cloud).await;
    let registered = register(&cloud, &token, json!({})).await.json();
    let node = node_of(&registered);
    verified_bundle(&cloud, &node, &registered).await;
    let manifest = cloud.get(&node, "/node/v1/manifest").await.json();
    let none = json!({"max_size": 10_240_000, "min_format": null, "max_format": null});
    assert_eq!(manifest["limits"], none);
    assert_eq!(cloud.get(&node, "/node/v1/manifest").await.json(), manifest);
    assert_eq!(cloud.get(&node, "/node/v1/bundle/ruleset/999").await.status, 404);
    assert_eq!(cloud.get(&node, "/node/v1/bundle/other/1").await.status, 404);
}

#[tokio::test]
async fn rules_that_change_all_the_time_are_handed_out_all_the_same() {
    let cloud = TestCloud::start().await;
    let token = node_token(&cloud).await;
    let node = node_of(&register(&cloud, &token, json!({})).await.json());
    let (store, tenant) = (cloud.running.cloud.store.clone(), TenantId(cloud.client.id));
    let changes = tokio::spawn(async move {
        loop {
            let transaction = store.begin().await.unwrap();
            config_versions::bump_ruleset(&transaction, tenant, 1).await.unwrap();
            transaction.commit().await.unwrap();
        }
    });
    let mut last = 0;
    for _ in 0..20 {
        let manifest = cloud.get(&node, "/node/v1/manifest").await;
        assert_eq!(manifest.status, 200, "{}", manifest.text);
        let version = manifest.json()["bundles"][0]["version"].as_i64().unwrap();
        assert!(version >= last, "{version} after {last}");
        last = version;
    }
    assert!(!changes.is_finished());
    changes.abort();
}

/// Downloads the current ruleset as a node would, checking hash and signature; returns manifest and content.
async fn verified_bundle(cloud: &TestCloud, node: &Credential, registered: &Value) -> (Value, Value) {
    use bartizan_api::node::{BUNDLE_FORMAT, BundleEntry, BundleKind};
    let manifest = cloud.get(node, "/node/v1/manifest").await.json();
    let entry: BundleEntry = serde_json::from_value(manifest["bundles"][0].clone()).unwrap();
    let bundle = cloud.get(node, &entry.url).await;
    assert_eq!(bundle.status, 200);
    assert_eq!(entry.size, bundle.text.len() as u64);
    assert_eq!(hex::encode(Sha256::digest(&bundle.text)), entry.sha256);
    let key: [u8; 32] =
        hex::decode(registered["signing_keys"][0].as_str().unwrap()).unwrap().try_into().unwrap();
    let signature: [u8; 64] = hex::decode(&entry.sig).unwrap().try_into().unwrap();
    let text = BundleEntry::signed_text(
        BundleKind::Ruleset,
        cloud.client.id,
        entry.version,
        BUNDLE_FORMAT,
        &entry.sha256,
    );
    VerifyingKey::from_bytes(&key)
        .unwrap()
        .verify_strict(text.as_bytes(), &Signature::from_bytes(&signature))
        .unwrap();
    let source: bartizan_rules::RulesetSource = serde_json::from_str(&bundle.text).unwrap();
    assert_eq!((source.version, source.clientid), (entry.version, cloud.client.id));
    bartizan_rules::Ruleset::compile(&source).unwrap();
    (manifest, bundle.json())
}

#[tokio::test]
async fn nodes_are_told_the_limits_of_the_settings_with_a_new_version() {
    let cloud = TestCloud::start().await;
    let token = node_token(&cloud).await;
    let node = node_of(&register(&cloud, &token, json!({})).await.json());
    let admin = cloud.admin_pair().await;
    let before = cloud.get(&node, "/node/v1/manifest").await.json();
    let path = format!("/v2/client/{}/rules/settings", cloud.client.id);
    let sent = json!({"max_lom_size": 20_480, "min_lom_format": 50, "max_lom_format": 54});
    assert_eq!(cloud.call(&admin, axum::http::Method::PUT, &path, Some(&sent)).await.status, 200);
    let after = cloud.get(&node, "/node/v1/manifest").await.json();
    assert_eq!(after["limits"], json!({"max_size": 20_480, "min_format": 50, "max_format": 54}));
    // What was refused under the old limits is looked at again.
    assert!(after["bundles"][0]["version"].as_i64() > before["bundles"][0]["version"].as_i64());
}

#[tokio::test]
async fn a_change_made_elsewhere_wakes_the_watch() {
    let cloud = TestCloud::start().await;
    let token = node_token(&cloud).await;
    let node = node_of(&register(&cloud, &token, json!({})).await.json());
    assert_eq!(
        cloud.get(&node, "/node/v1/watch?since=0").await.json(),
        json!({"seq": 1, "changed": ["iplists", "ruleset"]})
    );
    let started = Instant::now();
    let bump = async {
        // As another process would: the database changes, nobody is notified.
        let inner = &cloud.running.cloud;
        let tenant = TenantId(cloud.client.id);
        bartizan_store::config_versions::bump_ruleset(inner.store.writer(), tenant, inner.now())
            .await
            .unwrap();
    };
    let (reply, ()) = tokio::join!(cloud.get(&node, "/node/v1/watch?since=1"), bump);
    assert_eq!(reply.json(), json!({"seq": 2, "changed": ["ruleset"]}));
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_new_rule_reaches_a_waiting_node_within_a_second() {
    let cloud = TestCloud::start().await;
    let token = node_token(&cloud).await;
    let registered = register(&cloud, &token, json!({})).await.json();
    let node = node_of(&registered);
    let (manifest, before) = verified_bundle(&cloud, &node, &registered).await;
    assert_eq!(before["hints"].as_array().unwrap().len(), 1);
    let admin = cloud.admin_pair().await;
    let path = format!("/node/v1/watch?since={}", manifest["seq"]);
    let started = Instant::now();
    let rule = json!({"type": "vpatch", "attack_type": "sqli", "point": [["get", "q"]]});
    let (woken, created) =
        tokio::join!(cloud.get(&node, &path), cloud.post(&admin, "/v1/objects/hint/create", rule));
    assert_eq!(woken.json()["changed"], json!(["ruleset"]));
    let (after, source) = verified_bundle(&cloud, &node, &registered).await;
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(after["seq"], woken.json()["seq"]);
    assert_eq!(source["hints"][1]["id"], created.body()["id"]);
    // A node that read the manifest before still gets the version that it was told of.
    let old = manifest["bundles"][0]["url"].as_str().unwrap();
    assert_eq!(cloud.get(&node, old).await.status, 200);
}

#[tokio::test]
async fn list_changes_arrive_as_deltas() {
    let cloud = TestCloud::start().await;
    let token = node_token(&cloud).await;
    let node = node_of(&register(&cloud, &token, json!({})).await.json());
    let admin = cloud.admin_pair().await;
    let full = cloud.get(&node, "/node/v1/lists").await.json();
    assert_eq!(full, json!({"seq": 1, "full": true, "add": [], "del": []}));
    let deny = |address: &str| {
        json!({"force": true, "ip_rule": {"list": "black", "rule_type": "ip_range", "subnet": address,
            "pools": [0], "expired_at": 33_223_139_044_i64, "reason": "scan"}})
    };
    let started = Instant::now();
    let (woken, _) = tokio::join!(
        cloud.get(&node, "/node/v1/watch?since=1"),
        cloud.post(&admin, "/v4/ip_rules", deny("198.51.100.7"))
    );
    assert_eq!(woken.json(), json!({"seq": 2, "changed": ["iplists"]}));
    assert!(started.elapsed() < Duration::from_secs(1));
    let entry = json!({"id": 1, "list": "deny", "kind": "ip", "value": "198.51.100.7/32", "apps": null,
        "attack_type": null, "expires_at": null});
    let delta = cloud.get(&node, "/node/v1/lists?since=1").await.json();
    assert_eq!(delta, json!({"seq": 2, "full": false, "add": [entry], "del": []}));
    // Replaced by a newer entry, and another one that came and went between two looks.
    cloud.post(&admin, "/v4/ip_rules", deny("198.51.100.7")).await.body();
    let delta = cloud.get(&node, "/node/v1/lists?since=2").await.json();
    assert_eq!((&delta["add"][0]["id"], &delta["del"]), (&json!(2), &json!([1])));
    let delete = json!({"filter": {"id": 2}});
    cloud.call(&admin, reqwest::Method::DELETE, "/v4/ip_rules", Some(&delete)).await.body();
    assert_eq!(
        cloud.get(&node, "/node/v1/lists?since=3").await.json(),
        json!({"seq": 4, "full": false, "add": [], "del": [2]})
    );
    // A node of another database gets everything.
    assert_eq!(cloud.get(&node, "/node/v1/lists?since=99").await.json()["full"], true);
}

#[tokio::test]
async fn waiting_nodes_do_not_hold_up_the_end() {
    let cloud = TestCloud::start().await;
    let token = node_token(&cloud).await;
    let node = node_of(&register(&cloud, &token, json!({})).await.json());
    let seq = cloud.get(&node, "/node/v1/manifest").await.json()["seq"].as_i64().unwrap();
    let Credential::Node(uuid, secret) = &node else { unreachable!() };
    let watch = reqwest::Client::new()
        .get(format!("{}/node/v1/watch?since={seq}", cloud.url))
        .header("Authorization", format!("Node {uuid}:{secret}"))
        .send();
    let watch = tokio::spawn(watch);
    // Until the call waits: its tenant has a wake-up point that somebody holds.
    let tenant = TenantId(cloud.client.id);
    let notices = &cloud.running.cloud.notices;
    while std::sync::Arc::strong_count(&notices.of(tenant)) < 3 {
        tokio::task::yield_now().await;
    }
    let stopping = Instant::now();
    cloud.running.shutdown().await;
    assert!(stopping.elapsed() < Duration::from_secs(3), "{:?}", stopping.elapsed());
    assert_eq!(watch.await.unwrap().unwrap().status(), 200);
}
