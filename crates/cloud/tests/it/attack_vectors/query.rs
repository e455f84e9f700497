//! Grouping, filtering, sorting, paging.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Scene, condition, group};
use crate::events::hit_with;

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
    for longest in ["-168h", "-180d", "-6m"] {
        assert!(total(json!(longest)).await >= 4, "{longest}");
    }
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

/// Three more requests: of Ann, an administrator, of Bob, and of nobody.
async fn with_users(scene: &Scene) {
    let of = |id: &str, context: Value| {
        let mut hit = hit_with(id, scene.now, json!({"attack_type": "nosqli", "context": context}));
        hit["request_id"] = json!(id);
        hit
    };
    let params = |plan: &str| json!([{"name": "plan", "value": plan}, {"name": "shop", "value": "7"}, {"name": "", "value": "x"}]);
    let events = [
        of("u1", json!({"user": "ann@shop.test", "user_role": "admin", "context_params": params("gold")})),
        of("u2", json!({"user": "bob@shop.test", "user_role": "", "context_params": params("silver")})),
        of("u3", json!({"context_params": [{"name": "shop", "value": "gold"}]})),
    ];
    let reply = scene.node.upload(&scene.cloud, &events).await;
    assert_eq!(reply["rejected"], json!([]));
}

#[tokio::test]
async fn users_roles_and_context_parameters_are_shown_and_found() {
    let scene = Scene::new().await;
    with_users(&scene).await;
    let only = condition("attack_type", "=", json!(["nosqli"]));
    let selected = ["unique_users", "unique_user_roles", "users", "user_roles", "context_params"];
    let reply = scene.query(json!({"select": selected, "where": only})).await;
    let row = &reply["data"][0];
    let shown = json!({
        "unique_users": row["unique_users"], "unique_user_roles": row["unique_user_roles"], "users": row["users"],
        "user_roles": row["user_roles"], "context_params": row["context_params"],
    });
    insta::assert_json_snapshot!("users_of_a_group", shown);

    let keyed = |key: Value, op: &str, values: Value| {
        let mut condition = condition("context_param", op, values);
        condition["key"] = key;
        condition
    };
    for (filter, count) in [
        (condition("user", "=", json!(["ann"])), 1),
        (condition("user", "=", json!(["*@shop.test"])), 2),
        (condition("user_role", "=", json!(["admin"])), 1),
        (json!("user_role IS NULL AND attack_type = 'nosqli'"), 2),
        (keyed(json!("plan"), "=", json!(["gold"])), 1),
        (keyed(json!("plan"), "=", json!(["g*", "silver"])), 2),
        (keyed(json!("shop"), "in", json!(["gold", "7"])), 3),
        // Any of them.
        (condition("context_param", "=", json!(["gold"])), 2),
        (keyed(json!(""), "=", json!(["gold"])), 2),
        (keyed(json!("moon"), "=", json!(["gold"])), 0),
        (
            json!({"kind": "group", "op": "and", "children": [only, keyed(json!("plan"), "!=", json!(["gold"]))]}),
            2,
        ),
        (
            json!({"kind": "group", "op": "and", "children": [only, keyed(json!("plan"), "=", json!(["__none__"]))]}),
            1,
        ),
    ] {
        let found: i64 = scene.by_type(filter.clone()).await.iter().map(|(_, count)| count).sum();
        assert_eq!(found, count, "{filter}");
    }
    let refused = scene
        .refused(json!({"select": ["requests_count"], "where": keyed(json!(7), "=", json!(["x"]))}))
        .await;
    assert_eq!(refused["where"]["error"], "key must be a text");
    let vector = &scene.ok("by-request", json!({"request_id": "u1"})).await["data"][0];
    assert_eq!((&vector["user"], &vector["user_role"]), (&json!("ann@shop.test"), &json!("admin")));
    let widget = json!({"type": "top_list", "field": "requests_count", "group_by": "user"});
    let stats = scene.ok("security-agg/stats", json!({"widgets": [widget], "where": only})).await;
    let labels: Vec<&Value> =
        stats["widgets"][0]["data"].as_array().unwrap().iter().map(|item| &item["key"]).collect();
    assert!(labels.contains(&&json!("bob@shop.test")), "{labels:?}");
    // The list of hits knows them, too.
    let hits = crate::events::hits(&scene.cloud, &scene.admin, json!({"user": "bob@shop.test"})).await;
    assert_eq!(hits.len(), 1);
}

#[tokio::test]
async fn internal_types_are_hidden_unless_one_is_named() {
    let scene = Scene::new().await;
    let before = scene.by_type(Value::Null).await;
    let mut hit = hit_with("v", scene.now, json!({"attack_type": "vectors"}));
    hit["request_id"] = json!("r9");
    scene.node.upload(&scene.cloud, &[hit]).await;
    let options = scene.cloud.get(&scene.admin, &scene.path("security-agg/query/schema")).await.json();
    let types =
        options["where_fields"].as_array().unwrap().iter().find(|field| field["name"] == "attack_type");
    let types = types.unwrap()["options"].as_array().unwrap();
    assert!(types.iter().all(|option| option["value"] != "vectors"));
    assert_eq!(scene.by_type(Value::Null).await, before);
    assert_eq!(scene.by_type(condition("attack_type", "!=", json!(["rce"]))).await.len(), before.len() - 1);
    for named in ["vectors", "__other__"] {
        let filter = condition("attack_type", "=", json!([named]));
        assert_eq!(scene.by_type(filter.clone()).await, [("vectors".to_owned(), 1)], "{named}");
        // Its group opens without the condition.
        let group =
            &scene.query(json!({"select": ["requests_count"], "where": filter})).await["data"][0]["id"];
        let vectors = scene.ok("by-group", json!({"group_id": group})).await;
        assert_eq!(vectors["data"].as_array().unwrap().len(), 1);
        let widget = json!({"type": "single_value", "field": "requests_count"});
        let stats = scene.ok("security-agg/stats", json!({"group_id": group, "widgets": [widget]})).await;
        assert_eq!(stats["widgets"][0]["data"][0]["value"], 1);
    }
    let all = crate::events::hits(&scene.cloud, &scene.admin, json!({"type": "vectors"})).await;
    assert_eq!(all.len(), 1, "lists of hits hide nothing");
}

#[tokio::test]
async fn group_ids_of_earlier_builds_open() {
    let scene = Scene::new().await;
    for (id, path) in [("x", "/items/17"), ("y", "/items/18")] {
        let mut hit = hit_with(id, scene.now, json!({"attack_type": "ssrf", "path": path}));
        hit["request_id"] = json!(id);
        scene.node.upload(&scene.cloud, &[hit]).await;
    }
    // They name the path as it was received.
    let issued = |path: &str| {
        let (names, values) = (json!(["attack_type", "normalized_path"]), json!(["ssrf", path]));
        let times = json!([(scene.now - 3600) * 1000, (scene.now + 60) * 1000]);
        let text = json!([scene.cloud.client.id, names, values, times]).to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(scene.cloud.running.cloud.keys.pepper()).unwrap();
        mac.update(b"group\n");
        mac.update(text.as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        STANDARD.encode(json!({"f": names, "v": values, "t": times, "s": signature}).to_string())
    };
    for (path, requests) in
        [("/items/17", vec!["x"]), ("/items/18", vec!["y"]), ("/items/{id}", vec!["x", "y"])]
    {
        let reply = scene.ok("by-group", json!({"group_id": issued(path)})).await;
        let mut found: Vec<&str> =
            reply["data"].as_array().unwrap().iter().map(|one| one["request_id"].as_str().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, requests, "{path}");
    }
}
