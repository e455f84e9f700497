//! Grouping, filtering, sorting, paging.

use serde_json::{Value, json};

use super::{Scene, condition, group};

#[tokio::test]
async fn types_are_grouped_by_day_with_what_was_selected() {
    let scene = Scene::new().await;
    let mut reply = scene
        .query(json!({"select": ["attack_types", "hosts", "requests_count", "attack_vectors_count", "blocked_count",
            "success_count", "unique_ips", "status", "unique_endpoints", "request_size_sum", "response_time_avg",
            "cve_ids", "cwe_ids", "attack_name", "security_info"]}))
        .await;
    for row in reply["data"].as_array_mut().unwrap() {
        assert!(!row["id"].as_str().unwrap().is_empty());
        row["id"] = json!("[id]");
        row["ts_day"] = json!("[day]");
    }
    insta::assert_json_snapshot!(reply);
}

#[tokio::test]
async fn presets_and_dimensions() {
    let scene = Scene::new().await;
    let rows = async |body: Value| scene.query(body).await["data"].as_array().unwrap().clone();
    let by_ip = rows(json!({"select": ["requests_count"], "preset": "source_ip"})).await;
    assert_eq!(
        (by_ip[0]["ip"].as_str(), by_ip[0]["requests_count"].as_i64()),
        (Some("203.0.113.7"), Some(2))
    );
    assert_eq!(by_ip.len(), 3);
    let units = rows(json!({"select": ["attack_vectors_count"], "preset": "none"})).await;
    assert_eq!(units.len(), 5);
    assert!(units.iter().any(|row| row["request_id"] == "r4" && row["attack_vectors_count"] == 2));
    let both = rows(json!({"select": ["requests_count"], "group_by": ["host", "path", "ts_hour"]})).await;
    assert_eq!(both[0].as_object().unwrap().keys().nth(1).unwrap(), "ts_hour");
    assert_eq!(both.iter().map(|row| row["requests_count"].as_i64().unwrap()).sum::<i64>(), 4);
    let by_point = rows(json!({"select": ["ips"], "preset": "point"})).await;
    assert!(by_point.iter().any(|row| row["point"] == "GET_id_value" && row["ips"]["count"] == 1));
}

#[tokio::test]
async fn conditions_select_vectors() {
    let scene = Scene::new().await;
    let one = |field: &str, op: &str, values: Value| condition(field, op, values);
    let cases = [
        (one("attack_type", "=", json!(["sqli"])), "sqli 3"),
        (one("attack_type", "in", json!(["xss", "rce"])), "rce 1 xss 1"),
        (one("attack_type", "!=", json!(["sqli", "xss"])), "rce 1"),
        (one("attack_type", "=", json!(["*S*"])), "sqli 3 xss 1"),
        (one("host", "=", json!(["shop"])), "sqli 2 xss 1"),
        (one("host", "=", json!(["api.*"])), "rce 1 sqli 1"),
        (one("path", "=", json!(["/ru?"])), "rce 1 sqli 1"),
        (one("ip", "=", json!(["198.51.100.0/24"])), "sqli 1"),
        (one("ip", "=", json!(["2001:db8::/32"])), "rce 1"),
        (one("ip", "!=", json!(["203.0.113.7"])), "rce 1 sqli 1"),
        (one("ip", "=", json!(["203.*"])), "sqli 2 xss 1"),
        (one("status_code", ">=", json!(["500"])), "rce 1"),
        (one("status_code", "<", json!([403])), "sqli 1"),
        (one("status_code_group", "=", json!(["4xx", "5xx"])), "rce 1 sqli 2 xss 1"),
        (one("cve_id", "=", json!(["CVE-2017-*"])), "rce 1"),
        (one("cve_id", "=", json!(["__none__"])), "sqli 3 xss 1"),
        (one("cwe_id", "=", json!(["CWE-94"])), "rce 1"),
        (one("owasp_category", "=", json!(["A03:2021"])), "rce 1 sqli 3 xss 1"),
        (one("method", "=", json!(["PUT"])), "sqli 1"),
        (one("request_id", "in", json!(["r1", "r3"])), "rce 1 sqli 1 xss 1"),
        (one("location_type", "=", json!(["query"])), "sqli 1 xss 1"),
        (one("payload_search", "=", json!(["UNION SELECT"])), "sqli 3"),
        (one("payload_search", "!=", json!(["union"])), "rce 1 sqli 1 xss 1"),
        (one("parameter_search", "=", json!(["hash_q"])), "rce 1 sqli 3"),
        (one("application_id", "=", json!(["-1"])), "rce 1 sqli 3 xss 1"),
        (one("application_id", "!=", json!([-1])), ""),
        (one("auth_protocol", "=", json!(["bearer"])), "rce 1 sqli 3 xss 1"),
        (one("user", "=", json!(["bob"])), ""),
        (one("uri_length", "=", json!([11])), "rce 1 sqli 3 xss 1"),
        (one("ts_day", ">=", json!(["2020-01-01"])), "rce 1 sqli 3 xss 1"),
        (one("ts_day", "<", json!(["2020-01-01"])), ""),
        (one("attack_type", "=", json!(["__other__"])), ""),
        (one("requests_count", ">", json!(["1"])), "sqli 3"),
        (one("status", "=", json!(["Blocked"])), "xss 1"),
        (one("block_status", "!=", json!(["Blocked"])), "rce 1 sqli 3"),
        (
            group("and", &[one("host", "=", json!(["api.test"])), one("requests_count", "=", json!([1]))]),
            "rce 1 sqli 1",
        ),
        (
            group("or", &[one("attack_type", "=", json!(["rce"])), one("method", "=", json!(["PUT"]))]),
            "rce 1 sqli 1",
        ),
        (
            group("or", &[one("requests_count", ">", json!([2])), one("status", "=", json!(["Monitoring"]))]),
            "rce 1 sqli 3",
        ),
        (json!("attack_type = 'sqli' AND NOT (status_code = 200 OR host = 'api.test')"), "sqli 1"),
        (json!("ip IN ('198.51.100.20', '2001:db8::1') or country is not null"), "rce 1 sqli 1"),
        (json!(""), "rce 1 sqli 3 xss 1"),
        (json!({}), "rce 1 sqli 3 xss 1"),
        (group("and", &[]), "rce 1 sqli 3 xss 1"),
    ];
    for (filter, expected) in cases {
        let found: Vec<String> = scene
            .by_type(filter.clone())
            .await
            .into_iter()
            .map(|(kind, count)| format!("{kind} {count}"))
            .collect();
        assert_eq!(found.join(" "), expected, "{filter}");
    }
}

#[tokio::test]
async fn pages_go_forth_and_back() {
    let scene = Scene::new().await;
    let body = json!({"select": ["requests_count", "hosts"], "group_by": ["ip", "attack_type"],
        "order_by": [{"field": "requests_count", "desc": true}, {"field": "attack_type"}], "limit": 2});
    let page = async |cursor: &Value| {
        let mut body = body.clone();
        body["cursor"] = cursor.clone();
        scene.query(body).await
    };
    let all = {
        let mut body = body.clone();
        body["limit"] = json!(100);
        scene.query(body).await
    };
    assert_eq!((&all["next_cursor"], &all["prev_cursor"]), (&Value::Null, &Value::Null));
    let rows = |page: &Value| page["data"].as_array().unwrap().clone();
    let first = page(&Value::Null).await;
    assert_eq!(first["prev_cursor"], Value::Null);
    let second = page(&first["next_cursor"]).await;
    assert_eq!(second["next_cursor"], Value::Null);
    assert_eq!([rows(&first), rows(&second)].concat(), rows(&all));
    assert_eq!(rows(&page(&second["prev_cursor"]).await), rows(&first));
}

#[tokio::test]
async fn times_and_zones() {
    let scene = Scene::new().await;
    let old = crate::events::hit_with("old", scene.now - 5 * 3600, json!({"attack_type": "ssrf"}));
    scene.node.upload(&scene.cloud, &[old]).await;
    let total = async |range: Value| {
        let body = json!({"select": ["requests_count"], "time_range": range});
        scene.query(body).await["data"].as_array().unwrap().len()
    };
    assert_eq!(total(json!("-4h")).await, 3);
    assert!(total(json!("-24h")).await >= 4);
    assert_eq!(total(json!(format!("{}-{}", scene.now - 6 * 3600, scene.now - 4 * 3600))).await, 1);
    let reply = reqwest::Client::new()
        .post(format!("{}{}", scene.cloud.url, scene.path("security-agg/query")))
        .header("X-Time-Zone", "Asia/Kolkata");
    let bartizan_testkit::Credential::Pair(uuid, secret) = &scene.admin else { unreachable!() };
    let reply = reply
        .header("X-WallarmAPI-UUID", uuid)
        .header("X-WallarmAPI-Secret", secret)
        .json(&json!({"select": ["requests_count"], "group_by": ["ts_hour"]}))
        .send()
        .await
        .unwrap();
    let reply: Value = reply.json().await.unwrap();
    assert!(reply["data"][0]["ts_hour"].as_str().unwrap().ends_with(":00:00+05:30"), "{reply}");
}

#[tokio::test]
async fn the_schema_lists_every_field() {
    let scene = Scene::new().await;
    let reply = scene.cloud.get(&scene.admin, &scene.path("security-agg/query/schema")).await;
    assert_eq!(reply.status, 200);
    insta::assert_json_snapshot!(reply.json());
}

#[tokio::test]
async fn paths_are_grouped_as_endpoints() {
    let scene = Scene::new().await;
    let paths = ["/items/1", "//items/2", "/shop/../items/33", "/items/5f4dcc3b5aa765d61d8327deb882cf99"];
    let hits: Vec<Value> = paths
        .iter()
        .enumerate()
        .map(|(n, path)| {
            let mut hit = crate::events::hit_with(
                &format!("n{n}"),
                scene.now,
                json!({"path": path, "attack_type": "ssrf", "domain": "Shop.Test:80", "scheme": "http"}),
            );
            hit["request_id"] = json!(format!("n{n}"));
            hit
        })
        .collect();
    scene.node.upload(&scene.cloud, &hits).await;
    let only = condition("attack_type", "=", json!(["ssrf"]));
    let grouped = json!({"select": ["requests_count", "unique_paths", "capec_ids"], "group_by": ["normalized_path"],
        "where": only});
    let reply = scene.query(grouped).await;
    let rows = reply["data"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{reply}");
    assert_eq!(rows[0]["normalized_path"], "/items/{id}");
    assert_eq!((&rows[0]["requests_count"], &rows[0]["unique_paths"]), (&json!(4), &json!(4)));
    assert_eq!(rows[0]["capec_ids"], json!({"count": 1, "values": ["CAPEC-664"]}));
    let vectors = scene.ok("by-group", json!({"group_id": rows[0]["id"]})).await;
    let vectors = vectors["data"].as_array().unwrap();
    let mut received: Vec<&str> = vectors.iter().map(|vector| vector["path"].as_str().unwrap()).collect();
    received.sort_unstable();
    let mut expected = paths.to_vec();
    expected.sort_unstable();
    assert_eq!(received, expected);
    assert!(vectors.iter().all(|vector| vector["normalized_path"] == "/items/{id}"));
    assert!(vectors.iter().all(|vector| vector["normalized_host"] == "shop.test"));
    // Found by either form.
    for (value, count) in
        [("/items/33", 1), ("/items/{id}", 4), ("/shop/*", 1), ("*/{id}", 4), ("/nowhere", 0)]
    {
        let found = scene.by_type(condition("path", "=", json!([value]))).await;
        assert_eq!(found.iter().map(|(_, count)| *count).sum::<i64>(), count, "{value}");
    }
    let capec = scene.by_type(condition("capec_id", "=", json!(["CAPEC-664"]))).await;
    assert_eq!(capec, [("ssrf".to_owned(), 4)]);
}

#[tokio::test]
async fn groups_are_sorted_by_how_much_was_blocked() {
    let scene = Scene::new().await;
    let page = async |desc: bool, cursor: Value| {
        scene
            .query(json!({"select": ["status"], "group_by": ["attack_type"], "limit": 1, "cursor": cursor,
                "order_by": [{"field": "status", "desc": desc}]}))
            .await
    };
    for (desc, expected) in [
        (false, ["Monitoring", "Partially Blocked", "Blocked"]),
        (true, ["Blocked", "Partially Blocked", "Monitoring"]),
    ] {
        let (mut seen, mut cursor) = (vec![], Value::Null);
        loop {
            let reply = page(desc, cursor).await;
            seen.push(reply["data"][0]["status"].as_str().unwrap().to_owned());
            cursor = reply["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
        assert_eq!(seen, expected);
    }
}
