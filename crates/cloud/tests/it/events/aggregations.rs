//! What hits and attacks add up to.

use bartizan_testkit::{Credential, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

use super::{TestNode, attacks, hit_with, hits, recent};

/// Four hits of two attacks; the second has a context of its own.
async fn cloud_with_hits() -> (TestCloud, Credential, i64) {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let context = json!({
        "country": "nl", "datacenter": "aws", "proxy_type": "VPN", "counter": "b:1:abc", "session_id": "s1",
        "api_spec_id": "7", "api_spec_violation": "undefined_endpoint", "mitigation_control_id": 12,
        "compromised_logins": ["=ada", "bob"], "endpoint_id": "55", "tor": true,
    });
    let events = [
        hit_with("a", now - 50, json!({})),
        hit_with(
            "b",
            now - 40,
            json!({"ip": "2001:db8::1", "value": "z", "known_attack": ["CVE-1", "generic_sqli"]}),
        ),
        hit_with("c", now, json!({"block_status": "monitored", "aggregated_count": 3, "auth_protocol": []})),
        hit_with(
            "d",
            now,
            json!({"attack_type": "credential_stuffing", "path": "/login", "context": context, "statuscode": 200}),
        ),
    ];
    node.upload(&cloud, &events).await;
    let admin = cloud.admin_pair().await;
    (cloud, admin, now)
}

#[tokio::test]
async fn fields_of_the_context_are_shown_and_found() {
    let (cloud, admin, now) = cloud_with_hits().await;
    let found = hits(&cloud, &admin, json!({"type": "credential_stuffing"})).await;
    let hit = &found[0];
    for (key, value) in [
        ("remote_country", json!("NL")),
        ("datacenter", json!("aws")),
        ("proxy_type", json!("VPN")),
        ("tor", json!("tor")),
        ("session_id", json!("s1")),
        ("api_spec_id", json!("7")),
        ("api_spec_violation", json!("undefined_endpoint")),
        ("mitigation_control_id", json!(12)),
        ("endpoint_id", json!("55")),
        ("compromised_logins", json!(["=ada", "bob"])),
    ] {
        assert_eq!(hit[key], value, "{key}");
    }
    // SHA-256 of "z" begins with 594e519a.
    for (filter, expected) in [
        (json!({"value_hash": 0x594e_519a}), 1),
        (json!({"!value_hash": 0x594e_519a}), 3),
        (json!({"preset": "owasp_api2_2023"}), 1),
        (json!({"preset": ["owasp_api8_2023", "owasp_a3_2021"]}), 3),
        (json!({"bola_counter": "b:1:abc"}), 1),
        (json!({"!brute_counter": "b:1:abc"}), 3),
        (json!({"brute_counter": null}), 4),
        (json!({"datacenter": "unknown"}), 3),
        (json!({"!datacenter": ["unknown"]}), 1),
        (json!({"tor": "none"}), 3),
        (json!({"proxy_type": null}), 3),
        (json!({"session_id": "s1", "mitigation_control_id": [[10, 20]]}), 1),
        (json!({"!session_id": "s1"}), 3),
        (json!({"api_spec_id": "7"}), 1),
        (json!({"ips": 1, "type": "credential_stuffing"}), 1),
        (json!({"ips": [[2, null]], "type": "sqli"}), 3),
        (json!({"!ips": [[2, null]], "type": "sqli"}), 0),
        (json!({"anomality": "size"}), 0),
        (json!({"!anomality": ["size", "vector"]}), 4),
        (json!({"changed_time": now - 1000}), 4),
        (json!({"changed_time": now + 10_000}), 0),
        (json!({"aasm_event": false, "ebpf": false, "wallarm_scanner": false}), 4),
    ] {
        let rows = hits(&cloud, &admin, filter.clone()).await;
        assert_eq!(rows.len(), expected, "{filter}");
        let count = cloud.post(&admin, "/v1/objects/hit/count", json!({"filter": filter})).await.body();
        assert_eq!(count["count"], expected, "{filter}");
    }
    let index = hit["id"][0].clone();
    assert_eq!(hits(&cloud, &admin, json!({"index": [index]})).await.len(), 4);
    assert_eq!(hits(&cloud, &admin, json!({"index": "hits_production_1_199901_v_1"})).await.len(), 0);
    let unknown = cloud.post(&admin, "/v1/objects/hit", json!({"filter": {"preset": "owasp_x"}})).await;
    assert_eq!((unknown.status, &unknown.json()["body"]["preset"]["value"]), (400, &json!("owasp_x")));
    let attack = &attacks(&cloud, &admin, json!({"preset": "owasp_api2_2023"})).await[0];
    assert_eq!((&attack["datacenter"], &attack["tor"]), (&json!(["aws"]), &json!("tor")));
}

#[tokio::test]
async fn changes_since_a_moment_are_found() {
    let (cloud, admin, _) = cloud_with_hits().await;
    cloud.running.cloud.clock.shift_ms(5000);
    let since = cloud.running.cloud.now();
    assert_eq!(hits(&cloud, &admin, json!({"changed_time": since})).await.len(), 0);
    let id = hits(&cloud, &admin, json!({"value": "z"})).await[0]["id"].clone();
    cloud.post(&admin, "/v1/objects/hit/mark_false", json!({"filter": {"id": id}})).await.body();
    assert_eq!(hits(&cloud, &admin, json!({"changed_time": since})).await.len(), 1);
    assert_eq!(attacks(&cloud, &admin, json!({"changed_time": [[since, null]]})).await.len(), 1);
}

#[tokio::test]
async fn terms_are_counted() {
    let (cloud, admin, _) = cloud_with_hits().await;
    let ask = async |path: &str, body: Value| cloud.post(&admin, path, body).await.body();
    let counts = ask(
        "/v1/objects/hit/aggs_term_counts",
        json!({"terms": ["type", "known_attack", "datacenter", "statuscode", "auth_protocol"], "top": 2}),
    )
    .await;
    assert_eq!(
        counts,
        json!({
            "type": [{"value": "sqli", "count": 5}, {"value": "credential_stuffing", "count": 1}],
            "known_attack": [{"value": "generic_sqli", "count": 6}, {"value": "CVE-1", "count": 1}],
            "datacenter": [{"value": "unknown", "count": 5}, {"value": "aws", "count": 1}],
            "statuscode": [{"value": 403, "count": 5}, {"value": 200, "count": 1}],
            "auth_protocol": [{"value": "bearer", "count": 3}],
        })
    );
    let values = ask("/v1/objects/hit/aggs_terms", json!({"terms": "method"})).await;
    assert_eq!(values, json!({"method": ["POST"]}));
    let attacks = ask("/v1/objects/attack/aggs_terms", json!({"terms": ["known_attack", "ip"]})).await;
    assert_eq!(attacks["known_attack"][0], json!({"value": "generic_sqli", "count": 2}));
    assert_eq!(attacks["ip"][1], json!({"value": "2001:db8::1", "count": 1}));
    let client = cloud.client.id;
    let path = format!("/v1/objects/hit/aggs_counts?client_id={client}&terms=ip,known_attack,type");
    let distinct = cloud.get(&admin, &path);
    assert_eq!(distinct.await.body(), json!({"ip": 2, "known_attack": 2, "type": 2}));
    for path in [
        "/v1/objects/hit/aggs_counts?terms=ip".to_owned(),
        format!("/v1/objects/hit/aggs_counts?client_id={client}"),
        format!("/v1/objects/hit/aggs_counts?client_id={client}&terms=moon"),
    ] {
        assert_eq!(cloud.get(&admin, &path).await.status, 400, "{path}");
    }
    let foreign = cloud.get(&admin, "/v1/objects/hit/aggs_counts?client_id=99999&terms=ip").await;
    assert_eq!(foreign.status, 403);
}

#[tokio::test]
async fn addresses_protections_and_sums_are_reported() {
    let (cloud, admin, now) = cloud_with_hits().await;
    let ips = cloud.post(&admin, "/v1/objects/hit/ips", json!({})).await.body();
    assert_eq!(ips, json!({"ipv4": ["203.0.113.7"], "ipv6": ["2001:db8::1"]}));
    let stats = format!("/v1/objects/hit/mitigations/stats?client_id={}", cloud.client.id);
    insta::assert_json_snapshot!(cloud.get(&admin, &stats).await.json());
    let filter = json!({"clientid": cloud.client.id, "time": [[now - 45, now]]});
    let summary = cloud.post(&admin, "/v2/hits/summary", json!({"filter": filter})).await.json();
    assert_eq!(summary, json!({"status": 200, "body": {"hits": 5, "incidents": 0, "blocked": 2}}));
    let two = json!({"time": [[1, 2], [3, 4]]});
    assert_eq!(cloud.post(&admin, "/v2/hits/summary", json!({"filter": two})).await.status, 400);
    let csv = cloud.post(&admin, "/v1/objects/hit/compromised_logins/csv", json!({"filter": {}})).await;
    assert_eq!(csv.headers["content-disposition"], "attachment; filename=\"compromised_logins.csv\"");
    let date = chrono::DateTime::from_timestamp(now, 0).unwrap().format("%Y-%m-%dT%H:%M:%SZ");
    assert_eq!(
        csv.text,
        format!(
            "requested_domain,login,date_detected,source_ip,response_code\r\n\
             shop.test,'=ada,{date},203.0.113.7,200\r\nshop.test,bob,{date},203.0.113.7,200\r\n"
        )
    );
    let none = cloud.post(&admin, "/v1/objects/hit/compromised_logins/csv", json!({})).await;
    assert_eq!(none.status, 400);
}

#[tokio::test]
async fn every_country_that_is_stored_can_be_searched() {
    let (cloud, admin, now) = cloud_with_hits().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let from = |id: &str, country: &str| {
        hit_with(id, now, json!({"path": format!("/{id}"), "context": {"country": country}}))
    };
    node.upload(&cloud, &[from("m", "eu"), from("n", "T1"), from("o", "Germany"), from("p", "-")]).await;
    let found = async |query: &str| -> Vec<Value> {
        let search = cloud.post(&admin, "/v1/search", json!({"query": query})).await.body();
        let found = attacks(&cloud, &admin, search["attacks"].clone()).await;
        found.iter().map(|attack| attack["path"].clone()).collect()
    };
    assert_eq!(found("country:EU").await, ["/m"]);
    assert_eq!(found("country:eu,t1").await.len(), 2);
    assert!(found("country:AP").await.is_empty());
    for id in ["/o", "/p"] {
        let unknown = json!({"path": id, "remote_country": null});
        assert_eq!(hits(&cloud, &admin, unknown).await.len(), 1, "{id}");
    }
}

#[tokio::test]
async fn attacks_are_counted_over_time() {
    let (cloud, admin, now) = cloud_with_hits().await;
    let attack = attacks(&cloud, &admin, json!({"type": "sqli"})).await[0]["attackid"].clone();
    let filter = json!({"time": [[now - 59, now]], "attackid": attack, "block_status": "blocked"});
    let body = json!({"filter": filter, "points": 3});
    let hits = cloud.post(&admin, "/v1/objects/attack/hit_count", body.clone()).await.body();
    // Blocked is asked of the attack, which is so only in part.
    assert_eq!(hits, json!({"all": [2, 0, 3], "filtered": [0, 0, 0]}));
    let filter = json!({"time": [[now - 59, now]], "attackid": attack, "ip": "2001:db8::1"});
    let body = json!({"filter": filter, "points": 3});
    let hits = cloud.post(&admin, "/v1/objects/attack/hit_count", body.clone()).await.body();
    assert_eq!(hits, json!({"all": [2, 0, 3], "filtered": [1, 0, 0]}));
    let ips = cloud.post(&admin, "/v1/objects/attack/ip_count", body).await.body();
    assert_eq!(ips, json!({"all": [2, 0, 1], "filtered": [1, 0, 0]}));
    for body in [
        json!({"filter": {"time": [[1, 2]]}, "points": 3}),
        json!({"filter": {"time": [[1, 2]], "attackid": attack}, "points": 0}),
    ] {
        assert_eq!(cloud.post(&admin, "/v1/objects/attack/ip_count", body).await.status, 400);
    }
    let vectors =
        cloud.post(&admin, "/v1/objects/attack/vectors", json!({"filter": {"attackid": attack}})).await;
    let vectors = vectors.body();
    assert_eq!(vectors["1' union select 1--"].as_array().unwrap().len(), 2);
    assert!(vectors["z"][0].as_str().unwrap().starts_with("hits_production_"));
    let cost = cloud.post(&admin, "/v1/objects/attack/cost_interval", json!({})).await.json();
    assert_eq!(cost, json!({"status": 200, "body": 0}));
}

#[tokio::test]
async fn a_mark_makes_a_rule_unless_declined_and_takes_it_back() {
    let (cloud, admin, _) = cloud_with_hits().await;
    let rules = async || {
        let body = json!({"filter": {"type": "disable_attack_type"}});
        cloud.post(&admin, "/v1/objects/hint", body).await.body().as_array().unwrap().clone()
    };
    let sqli = hits(&cloud, &admin, json!({"type": "sqli"})).await;
    let mark = async |id: &Value, mode: &str| {
        let body = json!({"filter": {"id": id}, "mode": mode});
        cloud.post(&admin, "/v1/objects/hit/mark_false", body).await.body()["marked"].clone()
    };
    let alone = json!({"filter": {"id": sqli[2]["id"]}, "rule": false});
    assert_eq!(cloud.post(&admin, "/v1/objects/hit/mark_false", alone).await.body()["marked"], 1);
    assert_eq!(rules().await.len(), 0, "a mark alone changes data only");
    assert_eq!(mark(&sqli[2]["id"], "false").await, 1);
    assert_eq!(mark(&sqli[0]["id"], "true").await, 1);
    let made = rules().await;
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["attack_type"], "sqli");
    assert_eq!(made[0]["comment"], "Made by marking hits as false positives");
    let scope = cloud.post(&admin, "/v1/objects/action/by_hit", json!({"id": sqli[0]["id"]})).await.body();
    assert_eq!(scope["action"]["id"], made[0]["actionid"]);
    // The same finding again needs no rule of its own; the rule stays until its last mark goes.
    assert_eq!(mark(&sqli[1]["id"], "true").await, 1);
    assert_eq!(rules().await.len(), 1);
    assert_eq!(mark(&sqli[0]["id"], "false").await, 1);
    assert_eq!(rules().await.len(), 1);
    assert_eq!(mark(&sqli[1]["id"], "false").await, 1);
    assert_eq!(rules().await.len(), 0);
    // No rule can say that credential stuffing is none.
    let other = hits(&cloud, &admin, json!({"type": "credential_stuffing"})).await;
    assert_eq!(mark(&other[0]["id"], "true").await, 1);
    assert_eq!(rules().await.len(), 0);
}

#[tokio::test]
async fn marks_of_what_expressions_found_keep_their_rules_apart() {
    let (cloud, admin, now) = cloud_with_hits().await;
    let make = async |text: &str| -> i64 {
        let body = json!({
            "type": "regex", "regex": text, "attack_type": "sqli", "point": [["uri"]], "clientid": cloud.client.id,
            "action": [],
        });
        let made = cloud.post(&admin, "/v1/objects/hint/create", body).await.body();
        made["regex_id"].as_i64().unwrap()
    };
    let (first, second) = (make("abc").await, make("xyz").await);
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let found_by = |id: &str, regex: &[i64]| hit_with(id, now, json!({"path": "/marked", "regex": regex}));
    node.upload(&cloud, &[found_by("m", &[]), found_by("n", &[first]), found_by("o", &[first, second])])
        .await;
    let mark = async |id: &str, mode: &str| {
        let request = json!({"path": "/marked", "request_id": format!("{:0>32x}", id.as_bytes()[0])});
        let found = hits(&cloud, &admin, request).await;
        let body = json!({"filter": {"id": found[0]["id"]}, "mode": mode});
        let marked = cloud.post(&admin, "/v1/objects/hit/mark_false", body).await.body();
        assert_eq!((found.len(), &marked["marked"]), (1, &json!(1)));
    };
    // Whether the type is disabled, and which expressions are.
    let rules = async || -> (usize, Vec<i64>) {
        let of = async |kind: &str| {
            let body = json!({"filter": {"type": kind}, "order_by": "id", "order_desc": false});
            cloud.post(&admin, "/v1/objects/hint", body).await.body().as_array().unwrap().clone()
        };
        let expressions = of("disable_regex").await;
        let mut expressions: Vec<i64> =
            expressions.iter().map(|rule| rule["regex_id"].as_i64().unwrap()).collect();
        expressions.sort_unstable();
        (of("disable_attack_type").await.len(), expressions)
    };
    for (id, mode, expected) in [
        ("m", "true", (1, vec![])),
        ("n", "true", (1, vec![first])),
        ("o", "true", (1, vec![first, second])),
        ("n", "false", (1, vec![first, second])),
        ("m", "false", (0, vec![first, second])),
        ("n", "true", (0, vec![first, second])),
        ("o", "false", (0, vec![first])),
        ("n", "false", (0, vec![])),
    ] {
        mark(id, mode).await;
        assert_eq!(rules().await, expected, "{id} {mode}");
    }
}

#[tokio::test]
async fn rules_of_marks_respect_what_people_do_with_rules() {
    let (cloud, admin, _) = cloud_with_hits().await;
    let rules = async || -> Vec<Value> {
        let body = json!({"filter": {"type": "disable_attack_type"}});
        cloud.post(&admin, "/v1/objects/hint", body).await.body().as_array().unwrap().clone()
    };
    let sqli = hits(&cloud, &admin, json!({"type": "sqli"})).await;
    let mark = async |place: usize, mode: &str| {
        let body = json!({"filter": {"id": sqli[place]["id"]}, "mode": mode});
        cloud.post(&admin, "/v1/objects/hit/mark_false", body).await.body()["marked"].clone()
    };
    let delete = async |id: &Value| {
        let reply = cloud.post(&admin, "/v1/objects/hint/delete", json!({"filter": {"id": id}})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    };
    // Deleted by hand, it is made again with the next mark.
    mark(0, "true").await;
    let first = rules().await[0]["id"].clone();
    delete(&first).await;
    mark(1, "true").await;
    let again = rules().await;
    assert_eq!(again.len(), 1);
    assert_ne!(again[0]["id"], first);
    // Edited, it is the rule of who edited it: it stays without marks, and no second one is made beside it.
    let path = format!("/v3/hint/{}", again[0]["id"]);
    let reply = cloud.call(&admin, Method::PUT, &path, Some(&json!({"comment": "kept"}))).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    mark(0, "false").await;
    mark(1, "false").await;
    assert_eq!(rules().await.len(), 1, "an edited rule stays");
    mark(0, "true").await;
    assert_eq!(rules().await.len(), 1, "one that says the same is there already");
    mark(0, "false").await;
    assert_eq!(rules().await[0]["comment"], "kept");
    // One that is switched off does not say it.
    let reply = cloud.call(&admin, Method::PUT, &path, Some(&json!({"active": false}))).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    mark(0, "true").await;
    assert_eq!(rules().await.len(), 2);
}

#[tokio::test]
async fn marks_at_the_same_time_make_one_rule() {
    let (cloud, admin, _) = cloud_with_hits().await;
    let sqli = hits(&cloud, &admin, json!({"type": "sqli"})).await;
    let rules = async || -> usize {
        let body = json!({"filter": {"type": "disable_attack_type"}});
        cloud.post(&admin, "/v1/objects/hint", body).await.body().as_array().unwrap().len()
    };
    for _ in 0..3 {
        let mark = async |place: usize, mode: &str| {
            let body = json!({"filter": {"id": sqli[place]["id"]}, "mode": mode});
            cloud.post(&admin, "/v1/objects/hit/mark_false", body).await.body()["marked"].clone()
        };
        let marked = tokio::join!(mark(0, "true"), mark(1, "true"), mark(2, "true"));
        assert_eq!(marked, (json!(1), json!(1), json!(1)));
        assert_eq!(rules().await, 1);
        tokio::join!(mark(0, "false"), mark(1, "false"), mark(2, "false"));
        assert_eq!(rules().await, 0, "it goes with the last of them");
    }
}

#[tokio::test]
async fn who_may_not_make_rules_only_marks() {
    let (cloud, admin, _) = cloud_with_hits().await;
    let user = cloud.add_user(cloud.client.id, "m@acme.test", &["view_attack", "update_attack"]).await;
    let marker = cloud.pair_of(&user).await;
    let attack = attacks(&cloud, &admin, json!({"type": "sqli"})).await[0]["attackid"].clone();
    let body = json!({"filter": {"attackid": [attack]}});
    assert_eq!(cloud.post(&marker, "/v1/objects/attack/mark_false", body).await.body()["marked"], 3);
    let rules =
        cloud.post(&admin, "/v1/objects/hint", json!({"filter": {"type": "disable_attack_type"}})).await;
    assert_eq!(rules.body(), json!([]));
}

#[tokio::test]
async fn queries_are_completed() {
    let (cloud, admin, _) = cloud_with_hits().await;
    let texts = async |query: &str| -> Vec<String> {
        let reply = cloud.get(&admin, &format!("/v1/search/suggest?query={query}")).await.body();
        reply.as_array().unwrap().iter().map(|one| one["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(texts("xss+sql").await, ["sqli"]);
    assert_eq!(texts("app:def").await, ["app:default"]);
    assert_eq!(texts("!proto:so").await, ["!proto:soap"]);
    let at = cloud.get(&admin, "/v1/search/suggest?query=sq+xss&cursor=2").await.body();
    assert_eq!(at, json!([{"text": "sqli", "kind": "type"}]));
    assert_eq!(texts("last+3+d").await, ["days"]);
    assert_eq!(texts("nove").await, ["november"]);
}
