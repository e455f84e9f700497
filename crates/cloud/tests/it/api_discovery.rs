//! The configuration of API discovery over HTTP.

use bartizan_testkit::TestCloud;
use serde_json::json;

const PATH: &str = "/v1/clients/1/apid/config";

#[tokio::test]
async fn the_configuration_is_there_from_the_start_and_takes_changes() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let begun = cloud.get(&admin, PATH).await.body();
    insta::assert_json_snapshot!("api_discovery_config", begun);
    // As the Terraform provider changes it: everything, most of it as it was read.
    let mut sent = begun;
    sent["enabled"] = json!(false);
    sent["type_detection_threshold"] = json!(0.8);
    sent["disabled_apps"] = json!([42, 7]);
    sent["clientid"] = json!(99);
    let mut expected = sent.clone();
    expected["clientid"] = json!(1);
    assert_eq!(cloud.post(&admin, PATH, sent).await.body(), expected);
    assert_eq!(cloud.get(&admin, PATH).await.body(), expected);
}

#[tokio::test]
async fn faults_name_their_member_and_foreign_tenants_are_refused() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let reply = cloud.post(&admin, PATH, json!({"endpoint_stability": {"min_time": 901}})).await;
    assert_eq!(
        reply.text,
        r#"{"status":400,"body":{"endpoint_stability":{"min_time":{"error":"should be in 1..900","value":901}}}}"#
    );
    let other = cloud.add_company("Other").await;
    let foreign = cloud.get(&admin, &format!("/v1/clients/{}/apid/config", other.id)).await;
    assert_eq!((foreign.status, foreign.text.as_str()), (403, r#"{"status":403,"body":"Access denied"}"#));
}
