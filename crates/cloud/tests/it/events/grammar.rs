//! The filter language of events where clients depend on its corners.

use bartizan_testkit::{Credential, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

use super::{TestNode, attacks, hit_with, hits, recent};

/// Two attacks on one host: `/search` from two addresses, `/login` from one of them, both with their methods.
async fn scene() -> (TestCloud, TestNode, Credential, i64) {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let now = recent(&cloud);
    let events = [
        hit_with("a", now, json!({"ip": "10.1.1.1", "statuscode": 403, "known_attack": []})),
        hit_with("b", now + 1, json!({"ip": "192.0.2.5", "statuscode": 200, "method": "GET"})),
        hit_with(
            "c",
            now + 2,
            json!({"ip": "192.0.2.5", "path": "/login", "method": "GET", "statuscode": 200}),
        ),
    ];
    node.upload(&cloud, &events).await;
    (cloud, node, admin, now)
}

fn paths(found: &[Value]) -> Vec<&str> {
    let mut paths: Vec<&str> = found.iter().map(|one| one["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    paths
}

#[tokio::test]
async fn a_negated_hit_key_leaves_out_attacks_that_have_such_a_hit() {
    let (cloud, _node, admin, _) = scene().await;
    for (filter, expected) in [
        (json!({"!ip": ["10.0.0.0/8"]}), vec!["/login"]),
        (json!({"!statuscode": [403]}), vec!["/login"]),
        (json!({"!statuscode": [404]}), vec!["/login", "/search"]),
        (json!({"!statuscode": [200]}), vec![]),
        (json!({"ip": "192.0.2.5", "!statuscode": 403}), vec!["/login"]),
        (json!({"!known_attack": null}), vec!["/login", "/search"]),
        // An attack knows what any of its hits knows.
        (json!({"known_attack": null}), vec![]),
        (json!([{"!ip": "10.1.1.1"}, {"path": "/search"}]), vec!["/login", "/search"]),
        // The attack's own method, not that of one of its hits: of equally many the first in the alphabet.
        (json!({"method": "GET"}), vec!["/login", "/search"]),
        (json!({"method": "POST"}), vec![]),
        (json!({"!method": "GET"}), vec![]),
    ] {
        assert_eq!(paths(&attacks(&cloud, &admin, filter.clone()).await), expected, "{filter}");
        let count = cloud.post(&admin, "/v1/objects/attack/count", json!({"filter": filter})).await.body();
        assert_eq!(count["attacks"], expected.len(), "{filter}");
    }
}

#[tokio::test]
async fn what_clients_send_for_nothing_asks_for_nothing() {
    let (cloud, _node, admin, _) = scene().await;
    for filter in [
        json!({"attackid": [], "id": [], "hitid": []}),
        json!({"wallarm_scanner": null, "ebpf": null, "session_id": null, "orig_session_id": null}),
        json!({"mitigation_control_id": null, "api_spec_violation": null, "brute_counter": null}),
    ] {
        assert_eq!(hits(&cloud, &admin, filter.clone()).await.len(), 3, "{filter}");
        assert_eq!(attacks(&cloud, &admin, filter.clone()).await.len(), 2, "{filter}");
    }
    let vuln = json!({"type": "sqli", "domain": "d", "path": "/", "method": "GET", "title": "t", "pool": 7});
    assert_eq!(cloud.post(&admin, "/v1/objects/vuln/create", vuln).await.status, 200);
    let found = cloud.post(&admin, "/v1/objects/vuln", json!({"filter": {"pool": null}})).await.body();
    assert_eq!(found.as_array().unwrap().len(), 1);
    for empty in [json!({"id": []}), json!({"attackid": []}), json!([]), json!([{"id": []}])] {
        let reply = cloud.post(&admin, "/v1/objects/hit/mark_false", json!({"filter": empty})).await;
        assert_eq!(reply.status, 400, "{empty}");
    }
}

#[tokio::test]
async fn filters_in_an_array_reach_details_and_marks() {
    let (cloud, _node, admin, _) = scene().await;
    let rows = hits(&cloud, &admin, json!({})).await;
    let filter = json!({"filter": [{"id": rows[0]["id"]}, {"id": [rows[1]["id"]]}]});
    let details = cloud.post(&admin, "/v1/objects/hit/details", filter.clone()).await.body();
    assert_eq!(details.as_array().unwrap().len(), 2);
    assert_eq!(cloud.post(&admin, "/v1/objects/hit/raw", filter.clone()).await.status, 200);
    assert_eq!(cloud.post(&admin, "/v1/objects/hit/mark_false", filter).await.body()["marked"], 2);
    let whole = json!({"filter": [{"id": rows[2]["attackid"]}]});
    assert_eq!(cloud.post(&admin, "/v1/objects/attack/mark_false", whole).await.body()["marked"], 1);
}

#[tokio::test]
async fn a_confirmed_hit_stays_confirmed_when_marks_are_taken_away() {
    let (cloud, _node, admin, _) = scene().await;
    let id = hits(&cloud, &admin, json!({"path": "/login"})).await[0]["id"].clone();
    let request = hits(&cloud, &admin, json!({"path": "/login"})).await[0]["request_id"].clone();
    let path = format!("/v1/client/{}/attack-vectors/mark", cloud.client.id);
    let confirm = json!({"request_ids": [request], "mark": "tp"});
    assert_eq!(cloud.post(&admin, &path, confirm).await.json(), json!({"marked_count": 1}));
    let body = json!({"filter": {"id": id}, "mode": "false"});
    assert_eq!(cloud.post(&admin, "/v1/objects/hit/mark_false", body).await.body()["marked"], 0);
    assert_eq!(hits(&cloud, &admin, json!({"state": "truepositive"})).await.len(), 1);
}

#[tokio::test]
async fn words_for_techniques_of_ai_attacks_find_those_only() {
    let (cloud, node, admin, now) = scene().await;
    let ai = |id: &str, subtype: &str| {
        hit_with(
            id,
            now,
            json!({"attack_type": "ai_attack", "attack_subtype": subtype, "path": format!("/{subtype}")}),
        )
    };
    node.upload(&cloud, &[ai("x", "ai_prompt_injection"), ai("y", "ai_prompt_retrieval")]).await;
    for (filter, expected) in [
        (json!({"type": "ai_prompt_injection"}), vec!["/ai_prompt_injection"]),
        (json!({"type": ["ai_prompt_retrieval", "xss"]}), vec!["/ai_prompt_retrieval"]),
        (json!({"!type": ["ai_prompt_retrieval", "sqli"]}), vec!["/ai_prompt_injection"]),
        (json!({"type": "ai_attack"}), vec!["/ai_prompt_injection", "/ai_prompt_retrieval"]),
    ] {
        assert_eq!(paths(&hits(&cloud, &admin, filter.clone()).await), expected, "{filter}");
        assert_eq!(paths(&attacks(&cloud, &admin, filter.clone()).await), expected, "{filter}");
    }
}

#[tokio::test]
async fn sums_count_what_a_hit_stands_for_and_leave_out_what_is_false() {
    let (cloud, node, admin, now) = scene().await;
    let many =
        hit_with("d", now + 3, json!({"attack_type": "vpatch", "aggregated_count": 50, "domain": "b.test"}));
    node.upload(&cloud, &[many]).await;
    let terms = json!({"terms": ["domain"], "top": 5});
    let counts = cloud.post(&admin, "/v1/objects/hit/aggs_term_counts", terms).await.body();
    assert_eq!(counts["domain"][0], json!({"value": "b.test", "count": 50}));
    let summary = async || {
        let filter = json!({"filter": {"time": [[now - 10, now + 10]]}});
        cloud.post(&admin, "/v2/hits/summary", filter).await.body()["hits"].clone()
    };
    assert_eq!(summary().await, 53);
    let mark = json!({"filter": {"id": hits(&cloud, &admin, json!({"type": "vpatch"})).await[0]["id"]}});
    assert_eq!(cloud.post(&admin, "/v1/objects/hit/mark_false", mark).await.body()["marked"], 1);
    assert_eq!(summary().await, 3);
    let stats = format!("/v1/objects/hit/mitigations/stats?client_id={}", cloud.client.id);
    assert_eq!(cloud.get(&admin, &stats).await.body()["vpatch"], json!({"blocked": 0, "total": 0}));
}

#[tokio::test]
async fn points_of_a_graph_lie_within_its_period() {
    let (cloud, node, admin, now) = scene().await;
    let (from, to) = (now - 97, now + 3);
    // One at the last second of the period, one at its end, which does not belong to it.
    let events = [hit_with("in", to - 1, json!({})), hit_with("out", to, json!({}))];
    node.upload(&cloud, &events).await;
    let path = format!("/v2/graph_data/attacks/client/{}", cloud.client.id);
    for points in [1, 7, 30, 100, 1000] {
        let body = json!({"start_time": from, "end_time": to, "points_count": points});
        let graph = cloud.post(&admin, &path, body).await.body();
        let graph = graph.as_array().unwrap();
        let sum: i64 = graph.iter().map(|point| point[1].as_i64().unwrap()).sum();
        assert_eq!((graph.len(), sum), (points, 4), "{points}");
        let starts: Vec<i64> = graph.iter().map(|point| point[0].as_i64().unwrap()).collect();
        assert!(
            starts.is_sorted() && starts[0] == from && starts.iter().all(|start| *start <= to),
            "{starts:?}"
        );
    }
}

#[tokio::test]
async fn behavioural_attacks_are_one_per_counter_or_control_and_source() {
    let (cloud, node, admin, now) = scene().await;
    let brute = |id: &str, ip: &str, context: Value| {
        hit_with(id, now, json!({"attack_type": "brute", "ip": ip, "context": context, "path": "/login"}))
    };
    let events = [
        brute("k", "192.0.2.1", json!({"counter": "b:login"})),
        brute("l", "192.0.2.1", json!({"counter": "b:login", "session_id": "s1"})),
        brute("m", "192.0.2.1", json!({"counter": "b:pay"})),
        brute("n", "192.0.2.1", json!({"mitigation_control_id": 5, "session_id": "s1"})),
        brute("o", "192.0.2.2", json!({"mitigation_control_id": 5, "session_id": "s1"})),
        brute("p", "192.0.2.2", json!({"mitigation_control_id": 5, "session_id": "s2"})),
        brute("q", "192.0.2.2", json!({"mitigation_control_id": 6})),
    ];
    node.upload(&cloud, &events).await;
    let found = attacks(&cloud, &admin, json!({"type": "brute"})).await;
    let mut sizes: Vec<i64> = found.iter().map(|attack| attack["hits"].as_i64().unwrap()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 1, 1, 2, 2]);
}

#[tokio::test]
async fn bodies_are_read_whatever_their_type_says() {
    let (cloud, _node, admin, _) = scene().await;
    let client = cloud.client.id;
    for path in [
        format!("/v1/client/{client}/attack-vectors/security-agg/query"),
        format!("/v1/client/{client}/attack-vectors/by-request"),
        format!("/v1/client/{client}/attack-views"),
        "/v1/objects/action/by_hit".to_owned(),
        "/v1/objects/report/list".to_owned(),
        "/v1/objects/hit".to_owned(),
    ] {
        let reply = cloud.send_text(&admin, Method::POST, &path, "{}".to_owned()).await;
        assert!([200, 400, 404].contains(&reply.status), "{path}: {} {}", reply.status, reply.text);
    }
    let state = format!("/v2/dashboard_state/{client}");
    let body = r#"{"dashboard_state":{}}"#.to_owned();
    assert_eq!(cloud.send_text(&admin, Method::PUT, &state, body).await.status, 200);
}

#[tokio::test]
async fn both_modes_of_a_hit_are_found() {
    let (cloud, node, admin, now) = scene().await;
    let changed = hit_with("local", now, json!({"mode": "block", "context": {"local_mode": "monitoring"}}));
    node.upload(&cloud, &[changed]).await;
    for (filter, expected) in [
        (json!({"wallarm_mode": "monitoring"}), 1),
        (json!({"final_wallarm_mode": "monitoring"}), 0),
        (json!({"final_wallarm_mode": "block"}), 4),
        (json!({"wallarm_mode": ["block"]}), 3),
        (json!({"!wallarm_mode": "monitoring"}), 3),
    ] {
        assert_eq!(hits(&cloud, &admin, filter.clone()).await.len(), expected, "{filter}");
    }
}

#[tokio::test]
async fn a_key_takes_a_thousand_plain_values() {
    let (cloud, _node, admin, _) = scene().await;
    let status = |filter: Value| {
        let (cloud, admin) = (&cloud, &admin);
        async move { cloud.post(admin, "/v1/objects/hit", json!({"filter": filter})).await.status }
    };
    let texts = |count: usize| (0..count).map(|n| format!("{n:032x}")).collect::<Vec<_>>();
    let numbers = |count: usize| (1..=count).collect::<Vec<_>>();
    assert_eq!(status(json!({"request_id": texts(1000)})).await, 200);
    assert_eq!(status(json!({"request_id": texts(1001)})).await, 400);
    assert_eq!(status(json!({"statuscode": numbers(1000), "!poolid": numbers(1000)})).await, 200);
    // Of these each is looked for on its own.
    assert_eq!(status(json!({"stamps": numbers(250)})).await, 200);
    assert_eq!(status(json!({"stamps": numbers(251)})).await, 400);
    let attacks = json!({"filter": {"request_id": texts(1000), "vulnid": numbers(1000)}});
    assert_eq!(cloud.post(&admin, "/v1/objects/attack", attacks).await.status, 200);
}

#[tokio::test]
async fn refusals_of_queries_and_paths_name_the_field() {
    let (cloud, _node, admin, _) = scene().await;
    let client = cloud.client.id;
    for (path, field) in [
        ("/v1/objects/hit/aggs_counts?client_id=x".to_owned(), "client_id"),
        ("/v1/security_issues/1?client_id=x".to_owned(), "client_id"),
        ("/v1/security_issues/one".to_owned(), "path"),
        (format!("/v2/dashboards/owasp_api_2023/{client}?time_from=x"), "time_from"),
    ] {
        let reply = cloud.get(&admin, &path).await;
        assert_eq!(reply.status, 400, "{path}: {}", reply.text);
        let body = &reply.json()["body"];
        assert!(body[field]["error"].is_string(), "{path}: {}", reply.text);
        assert_eq!(body.as_object().unwrap().len(), 1, "{path}: {}", reply.text);
    }
}
