//! What is refused, and how.

use serde_json::{Value, json};

use super::{Scene, condition, group};

fn with(changes: Value) -> Value {
    let mut body = json!({"select": ["requests_count"]});
    for (key, value) in changes.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

#[tokio::test]
async fn bad_queries_name_the_field() {
    let scene = Scene::new().await;
    let leaf = condition("host", "=", json!(["a"]));
    let deep = (0..10).fold(leaf.clone(), |inner, _| group("and", &[inner]));
    let cases = [
        (json!({"select": []}), "select"),
        (json!({"select": "requests_count"}), "select"),
        (json!({"select": ["nothing"]}), "select"),
        (json!({"select": vec!["requests_count"; 51]}), "select"),
        (with(json!({"preset": "nobody"})), "preset"),
        (with(json!({"preset": "type", "group_by": ["host"]})), "preset"),
        (with(json!({"group_by": ["country"]})), "group_by"),
        (with(json!({"group_by": []})), "group_by"),
        (with(json!({"group_by": ["host", "host"]})), "group_by"),
        (with(json!({"group_by": ["host", "ip", "point", "attack_type", "request_id"]})), "group_by"),
        (with(json!({"order_by": [{"field": "unique_ips"}]})), "order_by"),
        (with(json!({"order_by": [{"field": "host"}]})), "order_by"),
        (with(json!({"order_by": vec![json!({"field": "requests_count"}); 4]})), "order_by"),
        (with(json!({"limit": 0})), "limit"),
        (with(json!({"limit": 101})), "limit"),
        (with(json!({"time_range": "-7m"})), "time_range"),
        (with(json!({"time_range": "-0m"})), "time_range"),
        (with(json!({"time_range": "-0h"})), "time_range"),
        (with(json!({"time_range": "-169h"})), "time_range"),
        (with(json!({"time_range": "-0d"})), "time_range"),
        (with(json!({"time_range": "-181d"})), "time_range"),
        (with(json!({"time_range": "1782864000-1767225600"})), "time_range"),
        (with(json!({"time_range": "1767225600-1785801600"})), "time_range"),
        (with(json!({"cursor": "nonsense"})), "cursor"),
        (with(json!({"where": deep})), "where"),
        (with(json!({"where": group("or", &vec![leaf.clone(); 100])})), "where"),
        (with(json!({"where": condition("host", "=", json!(vec!["a"; 1001]))})), "where"),
        (with(json!({"where": condition("host", "like", json!(["a"]))})), "where"),
        (with(json!({"where": condition("host", ">", json!(["a"]))})), "where"),
        (with(json!({"where": condition("status_code", "=", json!(["a"]))})), "where"),
        (with(json!({"where": condition("ip", "=", json!(["300.1.2.3"]))})), "where"),
        (with(json!({"where": condition("payload_search", "=", json!(["ab"]))})), "where"),
        (with(json!({"where": condition("payload_search", "=", json!(["abc", "def"]))})), "where"),
        (with(json!({"where": condition("payload_search", "in", json!(["abc"]))})), "where"),
        (with(json!({"where": condition("mark", "=", json!(["maybe"]))})), "where"),
        (with(json!({"where": condition("ts_day", "=", json!(["tomorrow"]))})), "where"),
        (with(json!({"where": condition("status", ">", json!(["Blocked"]))})), "where"),
        (with(json!({"where": {"kind": "group", "op": "xor", "children": []}})), "where"),
        (with(json!({"where": {"kind": "what"}})), "where"),
        (with(json!({"where": [1]})), "where"),
        (with(json!({"where": "1 = 1; DROP TABLE hits"})), "where"),
        (with(json!({"where": "host = 'a' UNION SELECT 1"})), "where"),
        (with(json!({"where": group("or", &[leaf, condition("requests_count", ">", json!([1]))])})), "where"),
    ];
    for (body, field) in cases {
        let refusal = scene.refused(body.clone()).await;
        assert!(refusal[field]["error"].is_string(), "{body} -> {refusal}");
    }
    let unknown = scene.refused(with(json!({"where": condition("hosst", "=", json!(["a"]))}))).await;
    let error = json!({"error": "unknown field", "value": "hosst", "did_you_mean": "host"});
    assert_eq!(unknown, json!({"where": error}));
}

#[tokio::test]
async fn the_deepest_and_widest_allowed_filters_work() {
    let scene = Scene::new().await;
    let leaf = condition("host", "=", json!(["shop.test"]));
    let deep = (0..9).fold(leaf.clone(), |inner, _| group("and", &[inner]));
    assert_eq!(scene.by_type(deep).await.len(), 2);
    assert_eq!(scene.by_type(group("or", &vec![leaf; 99])).await.len(), 2);
}

#[tokio::test]
async fn cursors_belong_to_their_query_and_ids_to_their_client() {
    let scene = Scene::new().await;
    let page = scene.query(with(json!({"limit": 1}))).await;
    let cursor = &page["next_cursor"];
    let other = scene.refused(with(json!({"limit": 1, "preset": "source_ip", "cursor": cursor}))).await;
    assert_eq!(other, json!({"cursor": {"error": "cursor does not match the query"}}));

    let id = page["data"][0]["id"].as_str().unwrap();
    let invalid = json!({"group_id": {"error": "invalid"}});
    let decoded = {
        use base64::Engine;
        String::from_utf8(base64::engine::general_purpose::STANDARD.decode(id).unwrap()).unwrap()
    };
    let altered = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(decoded.replace("sqli", "xssi"))
    };
    for bad in [json!(altered), json!("AAAA"), json!(7), Value::Null] {
        let reply = scene.post("by-group", json!({"group_id": bad})).await;
        assert_eq!((reply.status, &reply.json()["body"]), (400, &invalid), "{bad}");
    }
    let vector = scene.ok("by-request", json!({"request_id": "r3"})).await["data"][0]["vector_id"].clone();
    let foreign = {
        let company = scene.cloud.add_company("Other").await;
        let user = scene.cloud.add_user(company.id, "eve@other.test", &["admin"]).await;
        let eve = scene.cloud.pair_of(&user).await;
        let path = format!("/v1/client/{}/attack-vectors/by-group", company.id);
        let refused = scene.cloud.post(&eve, &path, json!({"group_id": id})).await;
        assert_eq!((refused.status, &refused.json()["body"]), (400, &invalid));
        let path = format!("/v1/client/{}/attack-vectors/mark", company.id);
        let marked = scene.cloud.post(&eve, &path, json!({"vector_ids": [vector], "mark": "fp"})).await;
        assert_eq!((marked.status, &marked.json()["body"]["vector_ids"]["error"]), (400, &json!("invalid")));
        scene.cloud.post(&eve, &scene.path("security-agg/query"), with(json!({}))).await
    };
    assert_eq!(foreign.status, 403, "{}", foreign.text);
}

#[tokio::test]
async fn marking_needs_one_selector_and_the_right() {
    let scene = Scene::new().await;
    for body in [
        json!({"mark": "fp"}),
        json!({"mark": "fp", "request_ids": ["r1"], "vector_ids": ["00"]}),
        json!({"mark": "no", "request_ids": ["r1"]}),
        json!({"request_ids": ["r1"]}),
        json!({"mark": "fp", "request_ids": []}),
        json!({"mark": "fp", "request_ids": vec!["r1"; 1001]}),
        json!({"mark": "fp", "request_ids": "r1"}),
        json!({"mark": "fp", "vector_ids": ["ff".repeat(32)]}),
    ] {
        assert_eq!(scene.post("mark", body.clone()).await.status, 400, "{body}");
    }
    let user = scene.cloud.add_user(scene.cloud.client.id, "aud@acme.test", &["auditor"]).await;
    let auditor = scene.cloud.pair_of(&user).await;
    let body = json!({"mark": "fp", "request_ids": ["r1"]});
    assert_eq!(scene.cloud.post(&auditor, &scene.path("mark"), body).await.status, 403);
    assert_eq!(
        scene.cloud.post(&auditor, &scene.path("security-agg/query"), with(json!({}))).await.status,
        200
    );
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let scene = Scene::new().await;
    let body = with(json!({"where": "x".repeat(10 << 20)}));
    assert_eq!(scene.post("security-agg/query", body).await.status, 413);
}

#[tokio::test]
async fn names_that_are_nearly_right_are_guessed() {
    let scene = Scene::new().await;
    for (body, field, meant) in [
        (json!({"where": "atack_type = 'sqli'"}), "where", "attack_type"),
        (json!({"where": condition("hosst", "=", json!(["x"]))}), "where", "host"),
        (json!({"select": ["requests_cuont"]}), "select", "requests_count"),
        (json!({"group_by": ["ipp"]}), "group_by", "ip"),
        (json!({"preset": "source_pi"}), "preset", "source_ip"),
        (json!({"order_by": [{"field": "request_count"}]}), "order_by", "requests_count"),
    ] {
        let error = scene.refused(with(body)).await;
        assert_eq!(error[field]["did_you_mean"], meant, "{error}");
    }
    let error = scene.refused(json!({"select": ["moonshine"]})).await;
    assert!(error["select"].get("did_you_mean").is_none(), "{error}");
}
