//! What is asked wrongly is refused by name, and what cannot be is found nowhere.

use bartizan_testkit::{Credential, TestCloud};
use serde_json::{Value, json};

use super::{TestNode, attacks, hit_with, hits, incidents::proof, recent};

async fn scene() -> (TestCloud, TestNode, Credential, i64) {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let events = [
        hit_with("a", now, json!({})),
        hit_with("b", now, json!({"known_attack": []})),
        hit_with("c", now, json!({"attack_type": "xss", "path": "/x", "known_attack": []})),
    ];
    node.upload(&cloud, &events).await;
    let admin = cloud.admin_pair().await;
    (cloud, node, admin, now)
}

#[tokio::test]
async fn a_range_that_ends_before_it_begins_is_refused_by_name() {
    let (cloud, _node, admin, now) = scene().await;
    let reversed = |key: &str| match key {
        "time" => json!([[now + 10, now]]),
        "ip" => json!("10.0.0.9-10.0.0.1"),
        _ => json!([[600, 400]]),
    };
    for (path, keys) in [
        ("/v1/objects/hit", ["time", "statuscode", "ip", "ips"].as_slice()),
        ("/v1/objects/hit/count", &["time"]),
        ("/v1/objects/attack", &["time", "hits", "ips", "ip"]),
        ("/v1/objects/attack/count", &["time"]),
        ("/v2/hits/summary", &["time"]),
        ("/v1/objects/vuln", &["time", "threat"]),
    ] {
        for key in keys {
            let reply = cloud.post(&admin, path, json!({"filter": {*key: reversed(key)}})).await;
            let error = &reply.json()["body"][*key];
            assert_eq!(
                (reply.status, error["error"].is_string()),
                (400, true),
                "{path} {key} {}",
                reply.text
            );
            assert!(!error["value"].is_null(), "{path} {key} {}", reply.text);
        }
    }
    let client = cloud.client.id;
    for (path, field) in [
        (
            format!("/v1/objects/hit/aggs_counts?client_id={client}&terms=ip&start_time=50&end_time=5"),
            "end_time",
        ),
        (
            format!("/v1/objects/hit/mitigations/stats?client_id={client}&start_time=50&end_time=5"),
            "end_time",
        ),
        (format!("/v2/dashboards/owasp_api_2023/{client}?time_from=50&time_to=5"), "time_to"),
        (format!("/v2/dashboards/owasp_api_2019/{client}?time_from={}", now + 9999), "time_from"),
    ] {
        let reply = cloud.get(&admin, &path).await;
        assert_eq!(
            (reply.status, reply.json()["body"][field].is_object()),
            (400, true),
            "{path} {}",
            reply.text
        );
    }
    // Equal ends are a moment, and either end may be open.
    for time in [json!([[now, now]]), json!([[now, null]]), json!([[null, now]]), json!([[now]])] {
        assert_eq!(hits(&cloud, &admin, json!({"time": time})).await.len(), 3, "{time}");
    }
}

#[tokio::test]
async fn a_search_points_at_what_it_refuses() {
    let (cloud, _node, admin, _) = scene().await;
    let refused = async |query: &str| {
        let reply = cloud.post(&admin, "/v1/search", json!({"query": query})).await;
        assert_eq!(reply.status, 400, "{query}: {}", reply.text);
        reply.json()["body"]["query"].clone()
    };
    for (query, column) in [
        ("sqli statuscode:600-400", 6),
        ("ip:10.0.0.9-10.0.0.1", 1),
        ("xss 2026-07-14-2026-07-13", 5),
        ("xss >2999-01-01", 5),
        ("last 99999 months", 1),
        ("sqli a:moon", 6),
        ("sqli proto:nope", 6),
        ("auth:nope", 1),
        ("xss source:aws,nope", 5),
        ("!country:ZZ", 1),
        ("xss ! sqli", 5),
        ("!today", 1),
    ] {
        assert_eq!(refused(query).await["column"], column, "{query}");
    }
    let error = refused("proto:graphq").await;
    assert_eq!((&error["value"], &error["did_you_mean"]), (&json!("graphq"), &json!("graphql")));
    assert!(error["error"].as_str().unwrap().contains("json-rpc"), "{error}");
    for (field, value) in [("clientid", json!("x")), ("clientid", json!({})), ("clientid", json!([true]))]
        .into_iter()
        .chain([("hits_type", json!(5)), ("hits_type", json!("some"))])
    {
        let reply = cloud.post(&admin, "/v1/search", json!({"query": "sqli", field: value})).await;
        assert_eq!((reply.status, reply.json()["body"][field].is_object()), (400, true), "{field} {value}");
    }
    let reply = cloud.post(&admin, "/v1/security_issues/count", json!({"client_id": "x"})).await;
    assert_eq!((reply.status, reply.json()["body"]["client_id"].is_object()), (400, true), "{}", reply.text);
    let error = refused("sqli statsucode:500").await;
    assert_eq!(
        error,
        json!({"error": "unknown attribute", "value": "statsucode", "column": 6, "did_you_mean": "statuscode"})
    );
    assert_eq!(refused("a:sise").await["did_you_mean"], "size");
    assert!(refused("zzzzzz:1").await.get("did_you_mean").is_none());
}

#[tokio::test]
async fn words_of_a_search_find_what_they_say() {
    let (cloud, _node, admin, _) = scene().await;
    let found = async |query: &str| {
        let filters = cloud.post(&admin, "/v1/search", json!({"query": query})).await.body();
        let mut types: Vec<String> = attacks(&cloud, &admin, filters["attacks"].clone())
            .await
            .iter()
            .map(|attack| attack["type"].as_str().unwrap().to_owned())
            .collect();
        types.sort_unstable();
        types
    };
    // One hit of the injection is known, so the attack is.
    assert_eq!(found("known").await, ["sqli"]);
    assert_eq!(found("!known").await, ["xss"]);
    assert_eq!(found("!custom_rule").await, ["sqli", "xss"]);
    assert_eq!(found("request_id").await, ["sqli", "xss"]);
    assert!(found("!request_id").await.is_empty());
    assert!(found("a:size").await.is_empty());
    assert_eq!(found("!a:size,time").await, ["sqli", "xss"]);
}

#[tokio::test]
async fn anomalies_are_known_and_never_found() {
    let (cloud, _node, admin, _) = scene().await;
    for word in ["size", "statuscode", "response_time", "impression", "stamps", "vector"] {
        let filter = json!({"anomality": word});
        assert!(hits(&cloud, &admin, filter.clone()).await.is_empty(), "{word}");
        assert!(attacks(&cloud, &admin, filter.clone()).await.is_empty(), "{word}");
        let count = cloud.post(&admin, "/v1/objects/attack/count", json!({"filter": filter})).await.body();
        assert_eq!(count["attacks"], 0, "{word}");
        assert_eq!(attacks(&cloud, &admin, json!({"!anomality": [word]})).await.len(), 2, "{word}");
    }
    for path in ["/v1/objects/hit", "/v1/objects/attack", "/v1/objects/attack/count"] {
        let reply = cloud.post(&admin, path, json!({"filter": {"anomality": ["size", "moon"]}})).await;
        assert_eq!((reply.status, &reply.json()["body"]["anomality"]["value"]), (400, &json!("moon")));
    }
}

#[tokio::test]
async fn absent_and_given_values_stand_in_one_list() {
    let (cloud, _node, admin, _) = scene().await;
    let id = hits(&cloud, &admin, json!({"type": "xss"})).await[0]["id"].clone();
    let mark = json!({"filter": {"id": id}, "rule": false});
    assert_eq!(cloud.post(&admin, "/v1/objects/hit/mark_false", mark).await.body()["marked"], 1);
    for (filter, expected) in [
        (json!({"state": [null, "falsepositive"]}), 3),
        (json!({"state": [null, "truepositive"]}), 2),
        (json!({"!state": [null, "truepositive"]}), 1),
        (json!({"state": [null, "falsepositive"], "type": "xss"}), 1),
    ] {
        assert_eq!(hits(&cloud, &admin, filter.clone()).await.len(), expected, "{filter}");
    }
    let reply = cloud.post(&admin, "/v1/objects/hit", json!({"filter": {"statuscode": [5, null]}})).await;
    assert_eq!((reply.status, &reply.json()["body"]["statuscode"]["value"]), (400, &json!([5, null])));
}

#[tokio::test]
async fn only_types_of_vulnerabilities_make_vulnerabilities() {
    let (cloud, node, admin, now) = scene().await;
    let by = Credential::Node(node.uuid.clone(), node.secret.clone());
    for kind in ["zz", "brute", "undefined_endpoint"] {
        let body = json!({"type": kind, "domain": "d", "path": "/", "method": "GET", "title": "t"});
        for (path, caller) in [("/v2/vuln/passive_detection", &by), ("/v1/objects/vuln/create", &admin)] {
            let reply = cloud.post(caller, path, body.clone()).await;
            let value = reply.json()["body"]["type"]["value"].clone();
            assert_eq!((reply.status, value), (400, json!(kind)), "{path} {}", reply.text);
        }
    }
    let reply = node.upload(&cloud, &[proof("p", "a", now, json!({"vuln_type": "zz"}))]).await;
    assert_eq!(reply["rejected"], json!([{"index": 0, "reason": "vuln_type is no type of vulnerability"}]));
    assert_eq!(cloud.post(&admin, "/v1/objects/vuln/count", json!({})).await.body()["count"], 0);
    // What attacks call otherwise is the same flaw.
    let body = json!({"type": "bola", "domain": "d", "path": "/", "method": "GET", "title": "t"});
    assert_eq!(cloud.post(&admin, "/v1/objects/vuln/create", body).await.body()["type"], "idor");
}

#[tokio::test]
async fn only_what_is_closed_has_a_time_of_closing() {
    let (cloud, _node, admin, _) = scene().await;
    let new = json!({"type": "sqli", "domain": "d", "path": "/", "method": "GET", "title": "t"});
    let made = cloud.post(&admin, "/v1/objects/vuln/create", new.clone()).await.body();
    let keys: Vec<&String> = made["template_params"].as_object().unwrap().keys().collect();
    for key in
        ["method", "path", "exploit_example", "custom_title", "custom_description", "custom_additional"]
    {
        assert!(keys.iter().any(|known| *known == key), "{keys:?}");
    }
    let judge = async |how: &str| {
        let path = format!("/v1/objects/vuln/{how}");
        cloud.post(&admin, &path, json!({"id": made["id"]})).await.body()["vulns"][0].clone()
    };
    assert!(judge("close").await["invalidate_time"].is_i64());
    assert!(judge("falsepositive").await["invalidate_time"].is_null());
    assert!(judge("open").await["invalidate_time"].is_null());

    // A pattern that is empty asks for nothing.
    let rule = json!({"title": "r", "scope": {"hostname": "d", "parameter": ""}, "issues": {"types": ["xss"]},
        "action": "mark_as_false"});
    let reply = cloud.post(&admin, "/v1/security_issues/false_positive_rules", rule).await;
    assert!(reply.status < 300, "{}", reply.text);
    let other = json!({"type": "xss", "domain": "d", "path": "/", "method": "GET", "title": "t",
        "parameter": "GET_q_value"});
    let other = cloud.post(&admin, "/v1/objects/vuln/create", other).await.body();
    assert_eq!((&other["status"], &other["invalidate_time"]), (&json!("falsepositive"), &json!(null)));
}

#[tokio::test]
async fn one_event_that_is_no_json_is_set_aside_alone() {
    let (cloud, node, admin, now) = scene().await;
    let good = |id: &str| hit_with(id, now, json!({"path": "/good"})).to_string();
    let broken = good("x").replace("/good", r"/\q");
    let half = good("y").replace("/good", r"/\ud800");
    let send = async |events: &str| {
        let response = reqwest::Client::new()
            .post(format!("{}/node/v1/events", cloud.url))
            .header("Authorization", format!("Node {}:{}", node.uuid, node.secret))
            .body(format!(r#"{{"batch_id":"broken","seq":7,"events":[{events}]}}"#))
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let (status, text) = send(&[good("d"), broken, half, good("e")].join(",")).await;
    let reply: Value = serde_json::from_str(&text).unwrap();
    let rejected: Vec<&Value> =
        reply["rejected"].as_array().unwrap().iter().map(|one| &one["index"]).collect();
    assert_eq!((status, &reply["acked_seq"], rejected), (200, &json!(7), vec![&json!(1), &json!(2)]));
    assert_eq!(hits(&cloud, &admin, json!({"path": "/good"})).await.len(), 2);
    let (status, text) = send(r#"{"a":"#).await;
    assert_eq!(status, 400, "{text}");
}

#[tokio::test]
async fn an_event_stands_for_no_more_hits_than_are_believed() {
    let cloud = TestCloud::start_with(|config| config.limits.aggregated_count = 50).await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let of = |id: &str, count: u32| hit_with(id, now, json!({"aggregated_count": count}));
    let reply = node.upload(&cloud, &[of("a", 50), of("b", 51)]).await;
    let reason = "aggregated_count is beyond limits.aggregated_count";
    assert_eq!(reply["rejected"], json!([{"index": 1, "reason": reason}]));
    let admin = cloud.admin_pair().await;
    assert_eq!(attacks(&cloud, &admin, json!({})).await[0]["hits"], 50);
}

#[tokio::test]
async fn types_for_programs_are_in_no_graph() {
    let (cloud, node, admin, now) = scene().await;
    let internal = |kind: &str| hit_with(kind, now, json!({"attack_type": kind, "path": format!("/{kind}")}));
    node.upload(&cloud, &[internal("warn"), internal("marker"), internal("bot")]).await;
    // The lists hold them: their readers leave them out.
    assert_eq!(hits(&cloud, &admin, json!({})).await.len(), 6);
    let client = cloud.client.id;
    let period = json!({"start_time": now - 59, "end_time": now + 1, "points_count": 1});
    let path = format!("/v2/graph_data/attack_types/total/client/{client}");
    let types = cloud.post(&admin, &path, period.clone()).await.body();
    assert_eq!(types, json!({"sqli": 2, "xss": 1}));
    let graph = cloud.post(&admin, &format!("/v2/graph_data/attacks/client/{client}"), period).await.body();
    assert_eq!(graph[0][1], 3);
    let query = json!({"select": ["attack_types"], "preset": "attack_type"});
    let path = format!("/v1/client/{client}/attack-vectors/security-agg/query");
    let rows = cloud.post(&admin, &path, query).await.json()["data"].clone();
    let mut types: Vec<&str> =
        rows.as_array().unwrap().iter().map(|row| row["attack_type"].as_str().unwrap()).collect();
    types.sort_unstable();
    assert_eq!(types, ["sqli", "xss"]);
}

#[tokio::test]
async fn what_is_required_or_of_the_wrong_type_is_named() {
    let (cloud, node, admin, _) = scene().await;
    let reply = cloud.post(&admin, "/v1/objects/report/list", json!({})).await;
    assert_eq!(
        (reply.status, reply.json()["body"].clone()),
        (400, json!({"filter": {"error": "is required"}}))
    );
    let by = Credential::Node(node.uuid.clone(), node.secret.clone());
    let body = json!({"type": "sqli", "domain": 5, "path": "/"});
    let reply = cloud.post(&by, "/v2/vuln/passive_detection", body).await;
    assert_eq!((reply.status, &reply.json()["body"]["domain"]["value"]), (400, &json!(5)), "{}", reply.text);
    let body = json!({"filter": {}, "terms": ["remote_contry"]});
    let reply = cloud.post(&admin, "/v1/objects/hit/aggs_terms", body).await;
    assert_eq!(
        reply.json()["body"]["terms"],
        json!({"error": "unknown field", "value": "remote_contry", "did_you_mean": "remote_country"})
    );
}
