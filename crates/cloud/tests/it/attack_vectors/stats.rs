//! Widgets.

use serde_json::json;

use super::{Scene, condition};

#[tokio::test]
async fn widgets_answer_in_order() {
    let scene = Scene::new().await;
    let reply = scene
        .ok(
            "security-agg/stats",
            json!({"time_range": "-24h", "widgets": [
                {"type": "single_value", "field": "requests_count", "title": "Requests"},
                {"type": "top_list", "field": "requests_count", "group_by": "attack_type"},
                {"type": "pie_chart", "field": "attack_vectors_count", "group_by": "ip", "limit": 1},
                {"type": "top_list", "field": "attack_vectors_count", "group_by": "country"},
                {"type": "top_list", "field": "attack_vectors_count", "group_by": "status_code_group"},
                {"type": "top_list", "field": "attack_vectors_count", "group_by": "cwe_id"},
            ]}),
        )
        .await;
    insta::assert_json_snapshot!(reply);
}

#[tokio::test]
async fn a_series_has_every_bucket() {
    let scene = Scene::new().await;
    let range = format!("{}-{}", scene.now - 10 * 86_400, scene.now);
    let widget = json!({"type": "timeseries", "field": "requests_count", "group_by": "ts_day"});
    let reply = scene.ok("security-agg/stats", json!({"time_range": range, "widgets": [widget]})).await;
    let data = reply["widgets"][0]["data"].as_array().unwrap();
    assert_eq!(data.len(), 11);
    assert_eq!(data.iter().map(|item| item["value"].as_i64().unwrap()).sum::<i64>(), 4);
    assert_eq!(data[0]["value"], 0);
}

#[tokio::test]
async fn a_group_and_a_filter_narrow_widgets() {
    let scene = Scene::new().await;
    let filter = condition("attack_type", "=", json!(["sqli"]));
    let groups = scene.query(json!({"select": ["requests_count"], "where": filter})).await;
    let widget = json!({"type": "single_value", "field": "requests_count"});
    let put = condition("method", "=", json!(["PUT"]));
    let body = json!({"group_id": groups["data"][0]["id"], "where": put, "widgets": [widget]});
    let reply = scene.ok("security-agg/stats", body).await;
    assert_eq!(reply["widgets"][0]["data"], json!([{"label": "Total", "key": "", "value": 1}]));
}

#[tokio::test]
async fn one_bad_widget_refuses_all() {
    let scene = Scene::new().await;
    let good = json!({"type": "single_value", "field": "requests_count"});
    for bad in [
        json!({"type": "gauge", "field": "requests_count"}),
        json!({"type": "single_value", "field": "status"}),
        json!({"type": "timeseries", "field": "requests_count", "group_by": "host"}),
        json!({"type": "top_list", "field": "requests_count", "group_by": "request_id"}),
        json!({"type": "top_list", "field": "requests_count", "group_by": "host", "limit": 51}),
        json!(7),
    ] {
        let reply = scene.post("security-agg/stats", json!({"widgets": [good, bad]})).await;
        assert_eq!(reply.status, 400, "{bad}");
        assert!(reply.json()["body"]["widgets[1]"]["error"].is_string());
    }
    for widgets in [json!([]), json!(vec![good.clone(); 21]), json!(null)] {
        assert_eq!(scene.post("security-agg/stats", json!({"widgets": widgets})).await.status, 400);
    }
}
