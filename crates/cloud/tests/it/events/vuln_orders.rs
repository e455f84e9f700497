//! Orders of vulnerabilities: sorted by what is shown, equal ones by id, absent values first, and pages that neither
//! drop nor double a row.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::varied::{self, ROWS};

/// How two values of a key compare: null before all, false before true, texts by their bytes.
pub(super) fn compared(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::Number(one), Value::Number(other)) => one.as_i64().cmp(&other.as_i64()),
        (Value::String(one), Value::String(other)) => one.cmp(other),
        _ => panic!("{one} and {other} are of two kinds"),
    }
}

/// The rows sorted by a key and then by id, both up or both down.
pub(super) fn sorted(rows: &[Value], key: impl Fn(&Value) -> Value, desc: bool) -> Vec<Value> {
    let mut rows = rows.to_vec();
    rows.sort_by(|one, other| {
        compared(&key(one), &key(other)).then_with(|| compared(&one["id"], &other["id"]))
    });
    if desc {
        rows.reverse();
    }
    rows
}

pub(super) fn ids(rows: &[Value]) -> Vec<i64> {
    rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn vulnerabilities_are_sorted_by_what_is_shown_in_every_order() {
    let scene = varied::scene().await;
    let all = scene.vulns(json!({"limit": 1000})).await;
    assert_eq!(all.len(), usize::try_from(ROWS).unwrap());
    for order in [
        "id",
        "clientid",
        "pool",
        "time",
        "validate_time",
        "invalidate_time",
        "template",
        "vuln_recheck_type",
        "type",
        "status",
        "target",
        "threat",
        "method",
        "domain",
        "path",
        "parameter",
        "scid",
        "hidden",
        "validated",
        "testrun_id",
    ] {
        // `scid` is never collected, so all are equal.
        let key = |row: &Value| row[if order == "time" { "validate_time" } else { order }].clone();
        for desc in [false, true] {
            let expected = ids(&sorted(&all, key, desc));
            let body = json!({"order_by": order, "order_desc": desc, "limit": 1000});
            assert_eq!(ids(&scene.vulns(body).await), expected, "{order} {desc}");
            let mut pages = vec![];
            for offset in (0..ROWS + 7).step_by(7) {
                let body = json!({"order_by": order, "order_desc": desc, "limit": 7, "offset": offset});
                pages.extend(ids(&scene.vulns(body).await));
            }
            assert_eq!(pages, expected, "{order} {desc}");
        }
    }
    for broken in [json!({"order_by": "moon"}), json!({"order_by": 5}), json!({"order_desc": "down"})] {
        let reply = scene.cloud.post(&scene.caller, "/v1/objects/vuln", broken.clone()).await;
        assert_eq!(reply.status, 400, "{broken}");
    }
}
