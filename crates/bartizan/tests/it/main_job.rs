//! Traffic → node detects and blocks → the attack shows in the API → a rule made there is enforced.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::process::{Demo, eventually};

const ATTACK: &str = "/files?name=../../../../etc/passwd";

#[tokio::test]
async fn an_attack_is_blocked_shown_and_answered_by_a_rule() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]).await;

    assert_eq!(demo.through_node("/api/products").await, 200);
    assert_eq!(demo.through_node(ATTACK).await, 403);

    let attack = eventually("the attack in the API", Duration::from_secs(2), || async {
        demo.api("/v1/objects/attack", json!({"filter": {"type": "ptrav"}}))
            .await
            .as_array()?
            .first()
            .cloned()
    })
    .await;
    assert_eq!((attack["block_status"].as_str(), attack["path"].as_str()), (Some("blocked"), Some("/files")));
    assert_eq!(attack["point"], json!(["get", "name"]));

    // The counterpart of a rule that blocks: let this point pass path traversal, within a second.
    let hits = demo.api("/v1/objects/hit", json!({"filter": {"attackid": attack["attackid"]}})).await;
    let scope = demo.api("/v1/objects/action/by_hit", json!({"id": hits[0]["id"]})).await;
    let rule = json!({"type": "disable_attack_type", "attack_type": "ptrav", "point": [["get", "name"]],
        "action": scope["conditions"], "validated": false});
    let rule = demo.api("/v1/objects/hint/create", rule).await;
    let made = Instant::now();
    eventually("the rule to be enforced", Duration::from_secs(5), || async {
        (demo.through_node(ATTACK).await == 404).then_some(())
    })
    .await;
    let took = made.elapsed();
    assert!(took < Duration::from_secs(2), "the rule took {took:?} to be enforced");

    let deleted = json!({"filter": {"id": [rule["id"]]}});
    demo.api("/v1/objects/hint/delete", deleted).await;
    eventually("the deletion to be enforced", Duration::from_secs(5), || async {
        (demo.through_node(ATTACK).await == 403).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_virtual_patch_blocks_and_a_denied_address_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]).await;
    let patch = json!({"type": "vpatch", "attack_type": "any", "point": [["get", "coupon"]], "action": []});
    demo.api("/v1/objects/hint/create", patch).await;
    eventually("the virtual patch", Duration::from_secs(5), || async {
        (demo.through_node("/api/products?coupon=FREE").await == 403).then_some(())
    })
    .await;
    assert_eq!(demo.through_node("/api/products").await, 200);

    let entry = json!({"clientid": demo.credentials["client_id"], "force": false, "ip_rule": {"list": "black",
        "rule_type": "ip_range", "subnet": "127.0.0.1", "pools": [0], "expired_at": 33_223_139_044_i64, "reason": "test"}});
    demo.api("/v4/ip_rules", entry).await;
    eventually("the denied address", Duration::from_secs(5), || async {
        (demo.through_node("/api/products").await == 403).then_some(())
    })
    .await;
}

#[tokio::test]
async fn rules_beyond_the_size_of_the_settings_are_refused_by_nodes_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]).await;
    let settings = format!("/v2/client/{}/rules/settings", demo.credentials["client_id"]);
    demo.call(Method::PUT, &settings, json!({"max_lom_size": 1025})).await;
    let patch = |field: &str| {
        let point = json!([["get", field]]);
        json!({"type": "vpatch", "attack_type": "any", "point": point, "action": []})
    };
    let second = "x".repeat(1000);
    demo.api("/v1/objects/hint/create", patch("first")).await;
    eventually("the first rule", Duration::from_secs(5), || async {
        (demo.through_node("/api/products?first=1").await == 403).then_some(())
    })
    .await;
    demo.api("/v1/objects/hint/create", patch(&second)).await;
    // The demo's node tells with its next heartbeat.
    let told = eventually("the refusal", Duration::from_secs(90), || async {
        let nodes = demo.call(Method::GET, "/v2/node", json!({})).await;
        nodes[0]["last_error"].as_str().map(str::to_owned)
    })
    .await;
    assert!(told.contains("max_lom_size, 1025"), "{told}");
    assert_eq!(demo.through_node("/api/products?first=1").await, 403);
    assert_eq!(demo.through_node(&format!("/api/products?{second}=1")).await, 200);
    demo.call(Method::PUT, &settings, json!({"max_lom_size": 10_240_000})).await;
    eventually("the second rule", Duration::from_secs(5), || async {
        (demo.through_node(&format!("/api/products?{second}=1")).await == 403).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_second_start_keeps_accounts_rules_and_attacks() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]).await;
    assert_eq!(demo.through_node(ATTACK).await, 403);
    let patch = json!({"type": "vpatch", "attack_type": "any", "point": [["get", "coupon"]], "action": []});
    demo.api("/v1/objects/hint/create", patch).await;
    eventually("the attack", Duration::from_secs(2), || async {
        (demo.api("/v1/objects/attack/count", json!({"filter": {}})).await["attacks"] == 1).then_some(())
    })
    .await;
    let (email, token) = (demo.credentials["email"].clone(), demo.credentials["api_token"].clone());
    assert_eq!(demo.process.interrupt(), Some(0));

    let demo = Demo::start(folder.path(), &[]).await;
    assert_eq!((&demo.credentials["email"], &demo.credentials["api_token"]), (&email, &token));
    assert_eq!(demo.api("/v1/objects/attack/count", json!({"filter": {}})).await["attacks"], 1);
    eventually("the virtual patch", Duration::from_secs(5), || async {
        (demo.through_node("/api/products?coupon=FREE").await == 403).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_demo_speaks_tls_by_its_own_authority() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &["--tls"]).await;
    assert!(demo.text("api_url").starts_with("https://"));
    assert_eq!(demo.api("/v1/user", json!({})).await["email"], demo.credentials["email"]);
    assert_eq!(demo.through_node(ATTACK).await, 403);
    eventually("the attack", Duration::from_secs(2), || async {
        (demo.api("/v1/objects/attack/count", json!({"filter": {}})).await["attacks"] == 1).then_some(())
    })
    .await;
}
