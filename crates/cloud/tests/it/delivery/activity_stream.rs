//! The activity log as it is written, sent to a system that collects such logs.

use super::*;

/// Entries from the receiver until one of this kind of object; the others are passed over.
async fn entry(receiver: &Receiver, object: &str) -> Value {
    loop {
        let event = receiver.next().await.json()[0].clone();
        assert_eq!(event["details"]["notification_type"], "activity_log");
        if event["details"]["activity"]["object_type_info"]["value"] == object {
            return event;
        }
    }
}

#[tokio::test]
async fn every_entry_of_the_log_is_sent_with_its_secrets_masked_and_again_after_a_failure() {
    let receiver = Receiver::start().await;
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    integration(&cloud, &admin, "web_hooks", json!({"url": receiver.url}), &["activity_log"]).await;
    let own = entry(&receiver, "integration").await;
    assert_eq!(own["details"]["activity"]["state_after_action"]["target"], "***");
    cloud.post(&admin, "/v1/objects/pool/create", json!({"id": 7, "name": "Shop"})).await.body();
    let mut made = entry(&receiver, "application").await;
    let path = format!("/v1/activity_log/{}/events", cloud.client.id);
    let logged = cloud.get(&admin, &format!("{path}?filter[object_types][]=application")).await.body();
    assert_eq!(made["details"]["activity"], logged["objects"][0]);
    for (name, to) in [("id", json!(0)), ("time", json!(0)), ("request_id", json!("[uuid]"))] {
        made["details"]["activity"][name] = to;
    }
    insta::assert_json_snapshot!("activity", made);
    // What was refused, who failed to sign in.
    let again = cloud.post(&admin, "/v1/objects/pool/create", json!({"id": 7, "name": "Shop"})).await;
    assert_eq!(again.status, 400);
    let refused = entry(&receiver, "application").await;
    assert_eq!(refused["details"]["activity"]["outcome"], "failure");
    assert!(refused["summary"].as_str().unwrap().ends_with("(refused)"), "{refused}");
    // The receiver fails once: the entry comes again, under the same id.
    receiver.answer(503, "not now");
    let wrong = json!({"username": "admin@acme.test", "password": "not the password"});
    assert_eq!(cloud.post(&Credential::Anonymous, "/v1/login", wrong).await.status, 401);
    let first = receiver.next().await;
    receiver.answer(200, "");
    cloud.running.cloud.clock.shift_ms(2_000);
    let second = receiver.next().await;
    assert_eq!((first.header("webhook-id"), &first.body), (second.header("webhook-id"), &second.body));
    let failed = &second.json()[0]["details"]["activity"];
    assert_eq!((&failed["object_type"], &failed["outcome"]), (&json!("Sign-in"), &json!("failure")));
}

#[tokio::test]
async fn only_who_may_see_all_of_the_log_sends_it_out() {
    let receiver = Receiver::start().await;
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    let rights = ["view_integration", "create_integration", "update_integration", "view_activity_log"];
    let narrow = cloud.add_user(cloud.client.id, "narrow@acme.test", &rights).await;
    let narrow = cloud.pair_of(&narrow).await;
    let denied = (403, r#"{"status":403,"body":"Access denied"}"#);
    let body = |events: Value| json!({"type": "web_hooks", "active": true, "target": {"url": receiver.url}, "events": events});
    let stream = json!([{"event": "activity_log", "active": true}]);
    let reply = cloud.post(&narrow, "/v2/integration", body(stream.clone())).await;
    assert_eq!((reply.status, reply.text.as_str()), denied);
    let id = cloud.post(&narrow, "/v2/integration", body(json!([]))).await.body()["object"]["id"].clone();
    let path = format!("/v2/integration/{id}");
    let on = json!({ "events": stream });
    assert_eq!(cloud.call(&narrow, Method::PUT, &path, Some(&on)).await.status, 403);
    assert_eq!(cloud.call(&admin, Method::PUT, &path, Some(&on)).await.status, 200);
    // Nor is what an administrator switched on sent elsewhere by others.
    let elsewhere = json!({"target": {"url": "http://127.0.0.1:9/"}});
    assert_eq!(cloud.call(&narrow, Method::PUT, &path, Some(&elsewhere)).await.status, 403);
    // Nor do the deliveries show it to others.
    for (caller, shown) in [(&admin, 1), (&narrow, 0)] {
        let listed = cloud.get(caller, &format!("{path}/deliveries")).await.body();
        let listed = listed["object"].as_array().unwrap();
        assert!(!listed.is_empty());
        for delivery in listed {
            assert_eq!(delivery["notification_type"], "activity_log");
            assert_eq!(delivery["events"].as_array().unwrap().len(), shown, "{delivery}");
        }
    }
    let slack = json!({"type": "slack", "target": format!("{}/x", receiver.url), "events": stream});
    assert_eq!(cloud.post(&admin, "/v2/integration", slack).await.status, 400);
}
