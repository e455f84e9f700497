//! Hits through the API.

use bartizan_store::{entity, sea_orm::EntityTrait};
use bartizan_testkit::{Credential, TestCloud};
use serde_json::{Value, json};

use super::{TestNode, assert_consistent, attacks, hit, hit_with, hits, recent};

async fn with_hits(changes: &[Value]) -> (TestCloud, Credential) {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let events: Vec<Value> = changes
        .iter()
        .enumerate()
        .map(|(number, changes)| hit_with(&format!("h{number}"), now + number as i64, changes.clone()))
        .collect();
    node.upload(&cloud, &events).await;
    let admin = cloud.admin_pair().await;
    (cloud, admin)
}

#[tokio::test]
async fn a_hit_has_its_wire_form() {
    let (cloud, admin) = with_hits(&[json!({})]).await;
    let reply = cloud.post(&admin, "/v1/objects/hit", json!({"filter": [{}]})).await.json();
    insta::assert_json_snapshot!(reply, {
        ".body[].id[0]" => "[index]", ".body[].attackid" => "[pair]", ".body[].time" => "[time]",
        ".body[].node_uuid" => "[uuid]",
    });
    assert!(reply["body"][0]["id"][0].as_str().unwrap().starts_with("hits_production_"));
    assert!(reply["body"][0]["attackid"][0].as_str().unwrap().starts_with("attacks_production_"));
}

#[tokio::test]
async fn a_hit_tells_where_in_its_payload_the_sign_stands() {
    let value = json!("1' union select 1--");
    let changes = [
        json!({ "payload_span": [3, 15] }),
        json!({}),
        // Beyond the value, or of nothing.
        json!({ "payload_span": [3, 150] }),
        json!({ "payload_span": [3, 3] }),
        json!({ "value": "ä\u{0}' or 1", "payload_span": [2, 4] }),
    ];
    let (cloud, admin) = with_hits(&changes).await;
    let found = hits(&cloud, &admin, json!({ "value": value })).await;
    assert_eq!(found[0]["payload_span"], json!([3, 15]));
    assert!(found.iter().skip(1).all(|hit| hit["payload_span"].is_null()), "{found:?}");
    let all = hits(&cloud, &admin, json!({})).await;
    // Written otherwise than it was sent, so its characters are others.
    assert!(all[4]["payload_span"].is_null() && all.len() == 5, "{all:?}");
}

#[tokio::test]
async fn a_hit_tells_where_in_the_request_its_sign_stands() {
    let raw = json!({
        "method": "GET", "uri": "/?q=1%27+or+1", "body": "ä' or 1", "headers": {"X-A": ["' or 1"], "X-B": ["a", "b"]},
    });
    let place =
        |part: &str, span: [u32; 2]| json!({ "value": [1, 9], "request": {"part": part, "span": span} });
    let changes: Vec<Value> = [
        (place("uri", [5, 13]), json!(["get", "q"])),
        (place("body", [1, 7]), json!(["post"])),
        (place("header", [0, 6]), json!(["header", "X-A"])),
        // Beyond the text, of nothing, and of one of two values.
        (place("uri", [5, 14]), json!(["get", "q"])),
        (place("body", [7, 1]), json!(["post"])),
        (place("header", [0, 1]), json!(["header", "X-B"])),
        (place("header", [0, 1]), json!(["get", "X-A"])),
        (json!({ "value": [9, 9], "request": {"part": "uri", "span": [1, 1]} }), json!(["get", "q"])),
        (json!({ "request": {"part": "uri", "span": [5, 13]} }), json!(["get", "q"])),
        (Value::Null, json!(["get", "q"])),
    ]
    .into_iter()
    .map(|(place, point)| json!({ "raw": raw, "sign_place": place, "point": point }))
    .collect();
    let (cloud, admin) = with_hits(&changes).await;
    let all = hits(&cloud, &admin, json!({})).await;
    let places: Vec<&Value> = all.iter().map(|hit| &hit["sign_place"]).collect();
    insta::assert_json_snapshot!("sign_places", places);
}

#[tokio::test]
async fn an_event_with_an_impossible_place_is_refused_alone() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let places = [
        json!({ "value": ["a", 2] }),
        json!({ "value": [-1, 2] }),
        json!({ "request": {"part": "moon", "span": [1, 2]} }),
        json!({ "request": {"part": "uri", "span": [1]} }),
        json!("here"),
    ];
    let mut events: Vec<Value> = places
        .iter()
        .enumerate()
        .map(|(number, place)| hit_with(&format!("b{number}"), now, json!({ "sign_place": place })))
        .collect();
    events.push(hit_with("good", now, json!({ "payload_span": ["a", 2] })));
    events.push(hit_with("good2", now, json!({})));
    let reply = node.upload(&cloud, &events).await;
    let rejected: Vec<i64> =
        reply["rejected"].as_array().unwrap().iter().map(|one| one["index"].as_i64().unwrap()).collect();
    // Like any other field of the wrong kind.
    assert_eq!(rejected, [0, 1, 2, 3, 4, 5], "{reply}");
    let admin = cloud.admin_pair().await;
    let stored = hits(&cloud, &admin, json!({})).await;
    assert!(stored.len() == 1 && stored[0]["sign_place"].is_null(), "{stored:?}");
}

#[tokio::test]
async fn the_request_of_a_hit_has_its_wire_forms() {
    let (cloud, admin) = with_hits(&[json!({})]).await;
    let id = hits(&cloud, &admin, json!({})).await[0]["id"].clone();
    let body =
        json!({"filter": {"id": id, "clientid": 0, "!experimental": false, "state": null}, "returns": "raw"});
    let reply = cloud.post(&admin, "/v1/objects/hit/details", body).await.json();
    // PostgreSQL does not keep the order of keys.
    let mut settings = insta::Settings::clone_current();
    settings.set_sort_maps(true);
    let _sorted = settings.bind_to_scope();
    insta::assert_json_snapshot!(reply, {".body[].id[0]" => "[index]"});
    let joined = format!("{}:{}", id[0].as_str().unwrap(), id[1].as_str().unwrap());
    let view = cloud.get(&admin, &format!("/v2/hit/details?id={joined}")).await.json();
    insta::assert_json_snapshot!("request_by_get", view);
    let explanation = cloud.get(&admin, &format!("/v2/hit/explanation?id={joined}")).await.json();
    let signs: Vec<&Value> = explanation["body"]["points"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|point| point["signs"].as_array().unwrap())
        .collect();
    assert!(signs.iter().any(|sign| sign["fired"] == true && sign["payload"].is_string()), "{signs:?}");
    // Which signatures there are is the business of detection.
    insta::assert_json_snapshot!("explanation", explanation, {".body.points[].signs" => "[signs]"});
    for (id, status) in [("moon", 400), ("a:b", 404)] {
        assert_eq!(cloud.get(&admin, &format!("/v2/hit/explanation?id={id}")).await.status, status);
    }
    let raw = cloud.post(&admin, "/v1/objects/hit/raw", json!({"filter": {"id": [id]}})).await;
    assert_eq!(raw.headers["content-type"], "application/octet-stream");
    assert_eq!(
        raw.text,
        "POST /search?x=1 HTTP/1.1\r\nCONTENT-TYPE: application/json\r\nHOST: shop.test\r\n\r\n[{\"q\":\"1' union select 1--\"}]"
    );
}

#[tokio::test]
async fn a_request_of_the_ebpf_source_says_where_it_was_seen() {
    let pod = json!({"address": "10.1.2.3", "port": 8080, "namespace": "shop", "container": "web",
        "pod": "web-7d4b9", "node_ip": "10.0.0.5", "node_name": "worker-1", "load_balancer": "198.51.100.9"});
    let raw = json!({"method": "GET", "uri": "/", "proto": "HTTP/1.1", "ebpf": pod});
    let (cloud, admin) = with_hits(&[json!({"raw": raw})]).await;
    let hit = hits(&cloud, &admin, json!({"ebpf": true})).await[0].clone();
    assert_eq!(hit["ebpf"], true);
    let joined = format!("{}:{}", hit["id"][0].as_str().unwrap(), hit["id"][1].as_str().unwrap());
    let view = cloud.get(&admin, &format!("/v2/hit/details?id={joined}")).await.json();
    // PostgreSQL does not keep the order of keys.
    let mut settings = insta::Settings::clone_current();
    settings.set_sort_maps(true);
    settings.bind(|| insta::assert_json_snapshot!("request_of_ebpf", view));
    assert_eq!(view["body"]["ebpf"], pod);
    // Clients that expect a request get nothing else.
    let body = json!({"filter": {"id": hit["id"]}, "returns": "raw"});
    let details = cloud.post(&admin, "/v1/objects/hit/details", body).await.body();
    assert_eq!((&details[0]["raw"]["method"], details[0]["raw"].get("ebpf")), (&json!("GET"), None));
}

#[tokio::test]
async fn wrong_requests_name_their_field() {
    let (cloud, admin) = with_hits(&[]).await;
    let mut answers = Vec::new();
    for (path, body) in [
        ("/v1/objects/hit", json!({"limit": 1001})),
        ("/v1/objects/hit", json!({"limit": -1})),
        ("/v1/objects/hit", json!({"offset": 99_999, "limit": 2})),
        ("/v1/objects/hit", json!({"order_by": "moon"})),
        ("/v1/objects/hit", json!({"filter": {"time": "soon"}})),
        ("/v1/objects/hit", json!({"filter": {"id": "x"}})),
        ("/v1/objects/hit/details", json!({})),
        ("/v1/objects/hit/mark_false", json!({"filter": {}})),
        ("/v1/objects/hit/aggs_term_counts", json!({"terms": ["type"], "top": 0})),
        ("/v1/objects/hit/aggs_terms", json!({"terms": ["moon"]})),
        ("/v1/objects/attack", json!({"cursor": "AAAA", "paging": true})),
        ("/v1/objects/attack", json!({"order_by": "id"})),
    ] {
        let reply = cloud.post(&admin, path, body.clone()).await;
        answers.push(json!({"call": path, "body": body, "reply": reply.json()}));
    }
    insta::assert_json_snapshot!(answers);
    let auditor = cloud.pair_of(&cloud.add_user(cloud.client.id, "r@acme.test", &["auditor"]).await).await;
    assert_eq!(cloud.post(&auditor, "/v1/objects/hit", json!({})).await.status, 200);
    assert_eq!(
        cloud.post(&auditor, "/v1/objects/hit/mark_false", json!({"filter": {"id": []}})).await.status,
        403
    );
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let (cloud, admin) = with_hits(&[
        json!({}),
        json!({"ip": "2001:db8::1", "attack_type": "xss", "statuscode": 500, "known_attack": []}),
        json!({"path": "/admin/x", "block_status": "monitored", "method": "GET", "stamps": [120]}),
    ])
    .await;
    for (filter, expected) in [
        (json!({}), 3),
        (json!([{"type": "xss"}, {"path": "/admin/*"}]), 2),
        (json!({"!type": ["xss", "warn"]}), 2),
        (json!({"ip": "203.0.113.0/24"}), 2),
        (json!({"ip": "2001:db8::/32"}), 1),
        (json!({"statuscode": [[400, 499]]}), 2),
        (json!({"stamps": 12}), 2),
        (json!({"known_attack": "generic_sqli"}), 2),
        (json!({"!known_attack": null}), 2),
        (json!({"target": "client"}), 1),
        (json!({"threat": [[70, null]]}), 2),
        (json!({"method": "GET", "block_status": "monitored"}), 1),
        (json!({"security_issue_id": null, "state": null, "!state": "falsepositive"}), 3),
        (json!({"!security_issue_id": null}), 0),
        (json!({"!experimental": true, "!aasm_event": true, "!wallarm_scanner": true}), 3),
        (json!({"experimental": true}), 0),
        (json!({"tor": "none", "datacenter": "unknown", "proxy_type": null}), 3),
        (json!({"request_id": []}), 3),
        (json!({"poolid": null}), 3),
        (json!({"time": [[0, 1]]}), 0),
        (json!({"value": "*UNION*"}), 3),
        (json!({"type": "GRAPHQL_ATTACKS"}), 0),
    ] {
        assert_eq!(hits(&cloud, &admin, filter.clone()).await.len(), expected, "{filter}");
        let counted = cloud.post(&admin, "/v1/objects/hit/count", json!({"filter": filter})).await.body();
        assert_eq!(counted["count"], expected, "{filter}");
    }
    let reply = cloud.post(&admin, "/v1/objects/hit", json!({"filter": {"moon": 1}, "limit": 0})).await;
    assert_eq!(reply.headers["x-bartizan-ignored-filter"], "moon");
    assert_eq!(reply.body(), json!([]));
}

#[tokio::test]
async fn marking_takes_hits_out_of_the_counters_and_back() {
    let (cloud, admin) = with_hits(&[json!({}), json!({"ip": "192.0.2.9", "value": "other"})]).await;
    let rows = hits(&cloud, &admin, json!({})).await;
    let mark = async |filter: Value, mode: &str| {
        cloud.post(&admin, "/v1/objects/hit/mark_false", json!({"filter": filter, "mode": mode})).await.body()
    };
    assert_eq!(mark(json!({"id": rows[0]["id"]}), "true").await, json!({"marked": 1}));
    assert_eq!(mark(json!({"id": rows[0]["id"]}), "true").await, json!({"marked": 0}));
    let attack = attacks(&cloud, &admin, json!({})).await.remove(0);
    let facts =
        |attack: &Value| [attack["hits"].clone(), attack["ip_count"].clone(), attack["state"].clone()];
    assert_eq!(facts(&attack), [json!(1), json!(1), json!(null)]);
    assert_consistent(&cloud).await;

    let whole = json!({"filter": {"attackid": [attack["attackid"]]}});
    assert_eq!(cloud.post(&admin, "/v1/objects/attack/mark_false", whole).await.body(), json!({"marked": 1}));
    let shown = attacks(&cloud, &admin, json!({})).await.remove(0);
    assert_eq!(facts(&shown), [json!(0), json!(0), json!("falsepositive")]);
    assert!(attacks(&cloud, &admin, json!({"!state": "falsepositive"})).await.is_empty());
    assert_consistent(&cloud).await;

    assert_eq!(mark(json!({"attackid": attack["id"]}), "false").await, json!({"marked": 2}));
    let shown = attacks(&cloud, &admin, json!({"state": null})).await.remove(0);
    assert_eq!(facts(&shown), [json!(2), json!(2), json!(null)]);
    assert_consistent(&cloud).await;
    let log = entity::activity::Entity::find().all(cloud.running.cloud.store.reader()).await.unwrap();
    let marks = log.iter().filter(|entry| entry.object_type == "attack" && entry.action_type == "mark_false");
    assert_eq!(marks.count(), 3);
}

#[tokio::test]
async fn terms_count_hits_by_value() {
    let (cloud, admin) =
        with_hits(&[json!({}), json!({}), json!({"statuscode": 200, "domain": "b.test"})]).await;
    let body = json!({"filter": {}, "terms": ["domain", "statuscode"], "top": 5});
    let counts = cloud.post(&admin, "/v1/objects/hit/aggs_term_counts", body.clone()).await.body();
    assert_eq!(
        counts,
        json!({"domain": [{"value": "shop.test", "count": 2}, {"value": "b.test", "count": 1}],
               "statuscode": [{"value": 403, "count": 2}, {"value": 200, "count": 1}]})
    );
    let values = cloud.post(&admin, "/v1/objects/hit/aggs_terms", body).await.body();
    assert_eq!(values["statuscode"], json!([403, 200]));
}

#[tokio::test]
async fn a_re_sent_hit_keeps_its_mark() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let event = hit("h", recent(&cloud));
    node.upload(&cloud, std::slice::from_ref(&event)).await;
    let id = hits(&cloud, &admin, json!({})).await[0]["id"].clone();
    let marked = cloud.post(&admin, "/v1/objects/hit/mark_false", json!({"filter": {"id": id}})).await.body();
    assert_eq!(marked["marked"], 1);
    node.upload(&cloud, &[event]).await;
    assert_eq!(hits(&cloud, &admin, json!({"state": "falsepositive"})).await.len(), 1);
    assert_consistent(&cloud).await;
}
