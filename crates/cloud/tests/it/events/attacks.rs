//! Attacks through the API.

use std::collections::BTreeSet;

use bartizan_testkit::{Credential, TestCloud};
use serde_json::{Value, json};

use super::{TestNode, attacks, hit_with, recent};

/// Two attacks: one of three hits by two addresses on `/search`, one of one hit on `/x`.
async fn two_attacks() -> (TestCloud, Credential) {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let events = [
        hit_with("a", now, json!({})),
        hit_with("b", now + 1, json!({"ip": "192.0.2.9", "statuscode": 500, "method": "GET", "value": "z"})),
        hit_with("c", now + 2, json!({"block_status": "monitored", "stamps": [3], "aggregated_count": 4})),
        hit_with("d", now + 3, json!({"attack_type": "xss", "path": "/x", "known_attack": []})),
    ];
    node.upload(&cloud, &events).await;
    let admin = cloud.admin_pair().await;
    (cloud, admin)
}

#[tokio::test]
async fn an_attack_has_its_wire_form() {
    let (cloud, admin) = two_attacks().await;
    let reply = cloud.post(&admin, "/v1/objects/attack", json!({"filter": {"path": "/search"}})).await.json();
    insta::assert_json_snapshot!(reply, {
        ".body[].id" => "[pair]", ".body[].attackid" => "[joined]", ".body[].first_time" => "[time]",
        ".body[].last_time" => "[time]", ".body[].clientid" => "[client]",
    });
    let alias = cloud.post(&admin, "/v2/objects/attack", json!({"filter": {"path": "/search"}})).await.json();
    assert_eq!(alias, reply);
}

#[tokio::test]
async fn keys_of_hits_ask_for_one_hit_and_count_by_filter() {
    let (cloud, admin) = two_attacks().await;
    let found = attacks(&cloud, &admin, json!({"ip": "192.0.2.9"})).await;
    assert_eq!(found.len(), 1);
    let fact = |key: &str| found[0][key].clone();
    assert_eq!((fact("hits"), fact("hits_count_by_filter")), (json!(6), json!(1)));
    assert_eq!((fact("ip_count"), fact("ip_count_by_filter")), (json!(2), json!(1)));
    assert_eq!((fact("vectors_count"), fact("vectors_count_by_filter")), (json!(2), json!(1)));
    assert_eq!(fact("statuscodes_by_filter"), json!([500]));
    // No single hit has this address and this status.
    assert!(attacks(&cloud, &admin, json!({"ip": "192.0.2.9", "statuscode": 403})).await.is_empty());
}

#[tokio::test]
async fn filters_find_attacks_and_counts_agree() {
    let (cloud, admin) = two_attacks().await;
    let now = recent(&cloud);
    let all = attacks(&cloud, &admin, json!({})).await;
    let (joined, pair) = (all[0]["attackid"].clone(), all[0]["id"].clone());
    for (filter, expected) in [
        (json!({"vulnid": null, "!type": ["warn"], "poolid": null}), 2),
        (json!({"!vulnid": null}), 0),
        (json!({"type": "xss"}), 1),
        (json!({"block_status": "partially_blocked"}), 1),
        (json!({"!block_status": "blocked"}), 1),
        (json!({"hits": [[2, null]]}), 1),
        (json!({"ips": [[2, null]]}), 1),
        (json!({"ips": 1}), 1),
        (json!({"sampled": true}), 1),
        (json!({"target": "client", "threat": [[40, 69]]}), 1),
        (json!({"time": [[now + 100, null]]}), 0),
        (json!({"time": [[now - 100, now + 100]]}), 2),
        (json!({"attackid": joined}), 1),
        (json!({"attackid": [joined]}), 1),
        (json!({"id": pair}), 1),
        (json!({"id": [pair]}), 1),
        (json!({"!id": [pair]}), 1),
        (json!({"recheck_status": null}), 2),
    ] {
        assert_eq!(attacks(&cloud, &admin, filter.clone()).await.len(), expected, "{filter}");
        let count = cloud.post(&admin, "/v1/objects/attack/count", json!({"filter": filter})).await.body();
        assert_eq!(count["attacks"], expected, "{filter}");
    }
    let count = cloud.post(&admin, "/v1/objects/attack/count", json!({})).await.json();
    assert_eq!(count, json!({"status": 200, "body": {"attacks": 2, "hits": 7, "ips": 2}}));
    let ips = cloud.post(&admin, "/v1/objects/attack/ip", json!({})).await.body();
    assert_eq!(ips, json!(["203.0.113.7", "192.0.2.9"]));
}

#[tokio::test]
async fn cursors_walk_every_attack_once_in_every_order() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let admin = cloud.admin_pair().await;
    let now = recent(&cloud);
    let events: Vec<Value> = (0..7i64)
        .map(|n| {
            hit_with(
                &format!("h{n}"),
                now + n / 2,
                json!({"path": format!("/{n}"), "statuscode": 200 + n % 2}),
            )
        })
        .collect();
    node.upload(&cloud, &events).await;
    for order in [
        "hits",
        "last_time",
        "first_time",
        "ip_count",
        "domain",
        "path",
        "response_status",
        "parameter",
        "vectors_count",
    ] {
        for desc in [true, false] {
            let mut body = json!({"paging": true, "limit": 3, "order_by": order, "order_desc": desc});
            let (mut seen, mut sizes) = (BTreeSet::new(), Vec::new());
            loop {
                let reply = cloud.post(&admin, "/v1/objects/attack", body.clone()).await.json();
                let page = reply["body"].as_array().unwrap();
                sizes.push(page.len());
                seen.extend(page.iter().map(|attack| attack["attackid"].as_str().unwrap().to_owned()));
                let Some(cursor) = reply["cursor"].as_str() else { break };
                body["cursor"] = json!(cursor);
            }
            assert_eq!((sizes, seen.len()), (vec![3, 3, 1], 7), "{order} {desc}");
            // The cursor belongs to its query.
            body["filter"] = json!({"type": "sqli"});
            assert_eq!(cloud.post(&admin, "/v1/objects/attack", body).await.status, 400);
        }
    }
}
