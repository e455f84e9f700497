//! Every key of the filters of hits, attacks and vulnerabilities with its negation, and every order of hits and
//! vulnerabilities.

use std::collections::BTreeSet;

use bartizan_testkit::{Credential, TestCloud};
use serde_json::{Value, json};

use super::{TestNode, hit_with, hits, recent};

/// Three hits of three attacks, of which the second has everything that a hit can have, by two nodes.
async fn scene() -> (TestCloud, Credential, i64) {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let other = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let rich = json!({
        "attack_type": "xss", "attack_subtype": "xss_tag", "domain": "b.test", "path": "/rich", "method": "GET",
        "point": ["get", "b"], "parameter": "GET_b_value", "value": "z", "stamps": [99], "regex": [5],
        "statuscode": 200, "response_size": 999, "response_time": 77, "ip": "198.51.100.9", "application": 4,
        "block_status": "monitored", "known_attack": ["CVE-1"], "api_protocol": "graphql", "auth_protocol": ["basic"],
        "mode": "monitoring", "experimental": true, "context": {
            "country": "NL", "datacenter": "aws", "proxy_type": "VPN", "tor": true, "counter": "b:1:abc",
            "known_false": "noise", "endpoint_id": "55", "api_spec_id": "7",
            "api_spec_violation": "undefined_endpoint", "session_id": "s1", "orig_session_id": "o1",
            "mitigation_control_id": 12, "wallarm_scanner": true, "aasm_event": true, "ebpf": true,
            "local_mode": "safe_blocking", "user": "ada", "user_role": "root",
        },
    });
    node.upload(&cloud, &[hit_with("a", now - 20, json!({})), hit_with("c", now, json!({"path": "/c"}))])
        .await;
    other.upload(&cloud, &[hit_with("b", now - 10, rich)]).await;
    let admin = cloud.admin_pair().await;
    (cloud, admin, now)
}

/// A value of a key that the second hit and its attack have and the others do not.
fn own_value(key: &str, hit: &Value, now: i64) -> Option<Value> {
    Some(match key {
        "time" => json!([[now - 15, now - 5]]),
        "id" | "hitid" => json!([hit["id"]]),
        "attackid" => json!([hit["attackid"]]),
        "request_id" | "node_uuid" | "stamps_hash" => match &hit[key] {
            Value::Array(items) => items[0].clone(),
            value => value.clone(),
        },
        "type" => json!("xss"),
        "attack_subtype" => json!("xss_tag"),
        "domain" => json!("b.*"),
        "path" => json!("/rich"),
        "parameter" => json!("GET_?_value"),
        "method" => json!("GET"),
        "value" | "vector" => json!("z"),
        // SHA-256 of "z" begins so.
        "value_hash" => json!(0x594e_519a),
        "stamps" => json!(99),
        "regex" => json!(5),
        "statuscode" => json!([[200, 299]]),
        "size" => json!(999),
        "response_time" => json!([[77, 80]]),
        "ip" => json!("198.51.100.0/24"),
        "remote_country" => json!("NL"),
        "poolid" => json!(4),
        "block_status" => json!("monitored"),
        "experimental" | "wallarm_scanner" | "aasm_event" | "ebpf" => json!(true),
        "known_attack" => json!("CVE-1"),
        "protocol" => json!("graphql"),
        "auth_protocol" => json!("basic"),
        "wallarm_mode" => json!("safe_blocking"),
        "final_wallarm_mode" => json!("monitoring"),
        "search" => json!("rich"),
        "target" => json!("client"),
        "datacenter" => json!("aws"),
        "tor" => json!("tor"),
        "proxy_type" => json!("VPN"),
        "known_false" => json!("noise"),
        "endpoint_id" => json!("55"),
        "api_spec_id" => json!("7"),
        "api_spec_violation" => json!("undefined_endpoint"),
        "session_id" => json!("s1"),
        "orig_session_id" => json!("o1"),
        "user" => json!("ada"),
        "user_role" => json!("root"),
        "mitigation_control_id" => json!(12),
        "brute_counter" | "dirbust_counter" | "bola_counter" => json!("b:1:abc"),
        _ => return None,
    })
}

/// A value of which every hit, or none, is; none for what takes no negation or is never collected.
fn common_value(key: &str, cloud: &TestCloud) -> Option<Value> {
    Some(match key {
        "clientid" => json!(cloud.client.id),
        "vulnid" | "security_issue_id" | "recheck_status" => json!(null),
        "state" => json!("falsepositive"),
        "anomality" => json!("size"),
        "threat" => json!([[0, 100]]),
        "ips" => json!([[1, null]]),
        "hits" => json!([[1, 1]]),
        "sampled" => json!(true),
        "incident_status" => json!("open"),
        "index" | "changed_time" | "preset" => return None,
        "probability" | "impression" | "rawid" | "lom_id" | "libproton_version" => return None,
        other => panic!("{other} has no value to be tried"),
    })
}

async fn ids(cloud: &TestCloud, caller: &Credential, of: &str, filter: &Value) -> BTreeSet<String> {
    let reply = cloud.post(caller, &format!("/v1/objects/{of}"), json!({"filter": filter})).await;
    assert!(!reply.headers.contains_key("x-bartizan-ignored-filter"), "{filter}");
    reply.body().as_array().unwrap().iter().map(|one| one["id"].to_string()).collect()
}

/// Asks by a key and by its negation, and tells what is wrong unless each row comes once; `own` is the row that the value
/// is of.
async fn split(
    cloud: &TestCloud,
    caller: &Credential,
    of: &str,
    key: &str,
    value: &Value,
    own: Option<&Value>,
) -> Option<String> {
    let all = ids(cloud, caller, of, &json!({})).await;
    assert_eq!(all.len(), 3);
    let with = ids(cloud, caller, of, &json!({key: value})).await;
    let without = ids(cloud, caller, of, &json!({format!("!{key}"): value})).await;
    let is_own = own.is_none_or(|own| with == BTreeSet::from([own.to_string()]));
    let is_right = with.is_disjoint(&without) && &with | &without == all && is_own;
    (!is_right).then(|| format!("{of} {key} {value}: {with:?}, not: {without:?}"))
}

#[tokio::test]
async fn every_key_and_its_negation_are_two_halves() {
    let (cloud, admin, now) = scene().await;
    let hit = hits(&cloud, &admin, json!({"path": "/rich"})).await.remove(0);
    let keys_of_hits: Vec<&str> = bartizan_store::hits::FIELDS.iter().map(|(field, _)| field.name).collect();
    let keys_of_attacks: Vec<&str> =
        bartizan_store::attacks::fields().iter().map(|field| field.name).collect();
    for (of, keys, id) in [("hit", keys_of_hits, &hit["id"]), ("attack", keys_of_attacks, &hit["attackid"])] {
        let (mut own_values, mut faults) = (0, vec![]);
        for key in keys {
            // Of attacks it is their own.
            let key_of_attack = of == "attack" && key == "id";
            let own = if key_of_attack { Some(json!([id])) } else { own_value(key, &hit, now) };
            if let Some(value) = own {
                faults.extend(split(&cloud, &admin, of, key, &value, Some(id)).await);
                own_values += 1;
            } else if let Some(value) = common_value(key, &cloud) {
                faults.extend(split(&cloud, &admin, of, key, &value, None).await);
            }
        }
        assert!(faults.is_empty(), "{faults:#?}");
        assert!(own_values > 40, "{of} {own_values}");
    }
}

#[tokio::test]
async fn hits_come_in_every_order_forth_and_back_and_in_pages() {
    let (cloud, admin, _) = scene().await;
    let list = async |body: Value| -> Vec<Value> {
        let rows = cloud.post(&admin, "/v1/objects/hit", body).await.body();
        rows.as_array().unwrap().clone()
    };
    for order in [
        "id",
        "clientid",
        "time",
        "attackid",
        "remote_country",
        "probability",
        "vector",
        "statuscode",
        "size",
        "ip",
    ] {
        let up = list(json!({"order_by": order, "order_desc": false})).await;
        let mut down = list(json!({"order_by": order, "order_desc": true})).await;
        down.reverse();
        assert_eq!(up, down, "{order}");
        assert_eq!(up.len(), 3);
        let mut pages = vec![];
        for offset in 0..3 {
            pages.extend(list(json!({"order_by": order, "limit": 1, "offset": offset})).await);
        }
        assert_eq!(up, pages, "{order}");
        let key = if order == "vector" { "value" } else { order };
        if let Some(numbers) = up.iter().map(|hit| hit[key].as_i64()).collect::<Option<Vec<i64>>>() {
            assert!(numbers.is_sorted(), "{order} {numbers:?}");
        }
    }
}

/// Three vulnerabilities; what the last one has the others have not.
async fn with_vulns() -> (TestCloud, Credential, Value) {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let mut last = Value::Null;
    for vuln in [
        json!({"type": "sqli", "domain": "a.test", "path": "/a", "method": "GET", "title": "one", "threat": 90}),
        json!({"type": "sqli", "domain": "a.test", "path": "/b", "method": "GET", "title": "two", "threat": 70}),
        json!({
            "type": "xss", "domain": "b.test", "path": "/rich", "method": "POST", "parameter": "POST_b_value",
            "title": "three", "threat": 10,
        }),
    ] {
        last = cloud.post(&admin, "/v1/objects/vuln/create", vuln).await.body();
    }
    (cloud, admin, last)
}

#[tokio::test]
async fn every_key_of_vulnerabilities_and_its_negation_are_two_halves() {
    let (cloud, admin, last) = with_vulns().await;
    let mut faults = vec![];
    for (field, _) in bartizan_store::vulns::FIELDS {
        let key = field.name;
        let own = match key {
            "id" => json!(last["id"]),
            "type" => json!("xss"),
            "domain" => json!("b.*"),
            "path" => json!("/rich"),
            "search" | "issue_search" => json!("rich"),
            "method" => json!("POST"),
            "parameter" => json!("POST_?_value"),
            "title" => json!("three"),
            "target" => json!("client"),
            "threat" => json!([[0, 39]]),
            _ => Value::Null,
        };
        let common = match key {
            "clientid" => json!(cloud.client.id),
            "time" | "validate_time" | "created_at" => json!([[1, null]]),
            "hidden" | "validated" | "incident" => json!(true),
            "status" => json!("open"),
            "pool" => json!(7),
            "wid" | "template" | "detection_method" => json!("none"),
            _ => Value::Null,
        };
        // Every category is a filter of types of its own.
        if key == "preset" {
            continue;
        }
        let is_of = if own.is_null() { None } else { Some(&last["id"]) };
        let value = if own.is_null() { &common } else { &own };
        assert!(!value.is_null() || field.nullable, "{key} has no value to be tried");
        faults.extend(split(&cloud, &admin, "vuln", key, value, is_of).await);
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[tokio::test]
async fn vulnerabilities_come_in_every_order_forth_and_back_and_in_pages() {
    let (cloud, admin, _) = with_vulns().await;
    let list = async |body: Value| -> Vec<Value> {
        let rows = cloud.post(&admin, "/v1/objects/vuln", body).await.body();
        rows.as_array().unwrap().iter().map(|vuln| vuln["id"].clone()).collect()
    };
    for order in
        ["id", "threat", "type", "status", "method", "domain", "path", "parameter", "validate_time", "target"]
    {
        let up = list(json!({"order_by": order, "order_desc": false})).await;
        let mut down = list(json!({"order_by": order, "order_desc": true})).await;
        down.reverse();
        assert_eq!((&up, up.len()), (&down, 3), "{order}");
        let mut pages = vec![];
        for offset in 0..3 {
            pages.extend(
                list(json!({"order_by": order, "order_desc": false, "limit": 1, "offset": offset})).await,
            );
        }
        assert_eq!(up, pages, "{order}");
    }
}
