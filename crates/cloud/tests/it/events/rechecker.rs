//! The state of active verification through the API.

use bartizan_testkit::TestCloud;
use serde_json::{Value, json};

use super::{TestNode, attacks, hit_with, recent};

#[tokio::test]
async fn a_verification_goes_through_its_states() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    node.upload(
        &cloud,
        &[hit_with("a", now, json!({})), hit_with("b", now, json!({"attack_type": "brute"}))],
    )
    .await;
    let admin = cloud.admin_pair().await;
    let of = async |kind: &str| {
        let attack = attacks(&cloud, &admin, json!({"type": kind})).await[0].clone();
        json!({"attackid": attack["id"][1], "attackindex": attack["id"][0]})
    };
    let sqli = of("sqli").await;
    let query = format!(
        "/v1/rechecker/current_status?attackid={}&attackindex={}",
        sqli["attackid"].as_str().unwrap(),
        sqli["attackindex"].as_str().unwrap()
    );
    assert_eq!(
        cloud.get(&admin, &query).await.json(),
        json!({"status": 200, "body": {"current_status": null}})
    );
    let note = async |name: &str, body: &Value| {
        cloud.post(&admin, &format!("/v1/rechecker/{name}"), body.clone()).await
    };
    for (name, expected) in [
        ("tech_failed", "tech_failed"),
        ("cannot_connect", "connect_failed"),
        ("forced", "forced"),
        ("vuln_not_found", "forced_without_vuln"),
        ("cancel", "skipped"),
        ("vuln_not_found", "vuln_not_found"),
    ] {
        assert_eq!(note(name, &sqli).await.body()["current_status"], expected, "{name}");
    }
    assert_eq!(attacks(&cloud, &admin, json!({"recheck_status": "vuln_not_found"})).await.len(), 1);
    assert_eq!(note("vuln_found", &sqli).await.status, 400);
    let vuln = json!({"type": "sqli", "domain": "shop.test", "path": "/", "method": "GET", "title": "t"});
    let vuln = cloud.post(&admin, "/v1/objects/vuln/create", vuln).await.body();
    let mut found = sqli.clone();
    found["vulnid"] = vuln["id"].clone();
    assert_eq!(note("vuln_found", &found).await.body()["current_status"], "vuln_found");
    let incident = &attacks(&cloud, &admin, json!({"!vulnid": null})).await[0];
    assert_eq!((&incident["vulnid"], incident["recheck_time"].is_i64()), (&vuln["id"], true));

    let brute = of("brute").await;
    assert_eq!(note("forced", &brute).await.status, 400);
    assert_eq!(note("forced", &json!({})).await.status, 400);
    let unknown = json!({"attackid": "nothing", "attackindex": sqli["attackindex"]});
    assert_eq!(note("forced", &unknown).await.status, 404);
    let auditor = cloud.pair_of(&cloud.add_user(cloud.client.id, "r@acme.test", &["auditor"]).await).await;
    assert_eq!(cloud.get(&auditor, &query).await.status, 200);
    assert_eq!(cloud.post(&auditor, "/v1/rechecker/forced", sqli).await.status, 403);
}

#[tokio::test]
async fn types_are_suggested_per_place() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let lists = cloud.get(&admin, "/v2/suggest/attack_types").await.body();
    let has = |place: &str, kind: &str| lists[place].as_array().unwrap().iter().any(|one| one == kind);
    assert!(
        has("events.attacks", "sqli") && has("events.attacks", "api_abuse") && !has("events.attacks", "warn")
    );
    assert!(
        has("events.vulns", "idor") && has("rules.vpatch", "any") && !has("rules.disable_attack", "brute")
    );
    assert_eq!(lists["test_runs"], json!([]));
}
