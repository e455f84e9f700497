//! What a query selects and leaves out: dimensions that it does not group by, conditions on metrics, exact values.

use serde_json::{Value, json};

use super::{Scene, condition};

#[tokio::test]
async fn every_field_that_the_schema_offers_can_be_selected() {
    let scene = Scene::new().await;
    let path = scene.path("security-agg/query/schema");
    let schema = scene.cloud.get(&scene.admin, &path).await.json();
    let names: Vec<&str> = schema["select_fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"request_id") && names.contains(&"ts_hour"), "{names:?}");
    for names in names.chunks(20) {
        let reply = scene.query(json!({"select": names})).await;
        let row = &reply["data"][0];
        assert!(names.iter().all(|name| row.get(name).is_some()), "{names:?} {row}");
    }
}

#[tokio::test]
async fn a_dimension_that_splits_nothing_lists_its_values() {
    let scene = Scene::new().await;
    let filter = condition("attack_type", "=", json!(["sqli"]));
    let select = json!(["hosts", "request_id", "ts_hour", "requests_count"]);
    let reply = scene.query(json!({"select": select, "where": filter})).await;
    let row = &reply["data"][0];
    assert_eq!(row["request_id"], json!({"count": 3, "values": ["r1", "r2", "r4"]}));
    let hours = &row["ts_hour"];
    assert_eq!(hours["count"], hours["values"].as_array().unwrap().len());
    assert!(hours["values"][0].is_string(), "{hours}");
    assert_eq!(row["hosts"]["count"], 2);
    // Grouped by it, a request is one text.
    let reply = scene.query(json!({"select": ["request_id"], "preset": "none", "where": filter})).await;
    assert!(reply["data"][0]["request_id"].is_string(), "{reply}");
}

#[tokio::test]
async fn a_group_opens_as_far_as_it_meets_conditions_on_metrics() {
    let scene = Scene::new().await;
    let filter = condition("attack_type", "=", json!(["sqli"]));
    let reply = scene.query(json!({"select": ["requests_count"], "where": filter})).await;
    let id = reply["data"][0]["id"].clone();
    let opened = async |filter: Value| {
        let page = scene.ok("by-group", json!({"group_id": id, "where": filter})).await;
        page["data"].as_array().unwrap().len()
    };
    assert_eq!(opened(Value::Null).await, 4);
    assert_eq!(opened(condition("requests_count", ">=", json!(["3"]))).await, 4);
    assert_eq!(opened(condition("requests_count", ">", json!(["3"]))).await, 0);
    // Some of its hits were blocked.
    assert_eq!(opened(condition("status", "=", json!(["Partially Blocked"]))).await, 4);
    assert_eq!(opened(condition("block_status", "=", json!(["Blocked"]))).await, 0);
    let blocked = json!("method = 'PUT' AND status = 'Blocked'");
    assert_eq!(opened(blocked).await, 2, "of the rows that the fields leave");
}

#[tokio::test]
async fn types_are_compared_letter_by_letter() {
    let scene = Scene::new().await;
    let types = async |filter: Value| {
        let rows = scene.by_type(filter).await;
        rows.into_iter().map(|(kind, _)| kind).collect::<Vec<_>>()
    };
    assert_eq!(types(json!("attack_type = 'sqli'")).await, ["sqli"]);
    assert!(types(json!("attack_type = 'SQLI'")).await.is_empty());
    assert_eq!(types(condition("attack_type", "=", json!(["SQL*"]))).await, ["sqli"], "masks ignore case");
    assert_eq!(types(condition("attack_type", "not in", json!(["sqli", "xss"]))).await, ["rce"]);
    assert_eq!(
        types(condition("attack_type", "not in", json!(["sqli"]))).await,
        types(condition("attack_type", "!=", json!(["sqli"]))).await
    );
}
