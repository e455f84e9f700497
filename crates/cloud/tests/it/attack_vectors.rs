//! The aggregation-first Attacks API: a node uploads, the API groups, drills down and marks.

mod drill;
mod export;
mod index;
mod marks;
mod query;
mod refusals;
mod selection;
mod stats;
mod views;

use bartizan_testkit::{Credential, Reply, TestCloud};
use serde_json::{Value, json};

use crate::events::{TestNode, hit_with, recent};

/// A cloud with six vectors of four requests: three types, two hosts, three addresses.
pub(crate) struct Scene {
    pub(crate) cloud: TestCloud,
    pub(crate) admin: Credential,
    pub(crate) node: TestNode,
    /// Unix seconds of the newest one.
    pub(crate) now: i64,
}

impl Scene {
    pub(crate) async fn new() -> Scene {
        let cloud = TestCloud::start().await;
        let node = TestNode::register(&cloud, cloud.client.id).await;
        let admin = cloud.admin_pair().await;
        let now = recent(&cloud);
        let scene = Scene { cloud, admin, node, now };
        let hit = |id: &str, request: &str, ago: i64, changes: Value| {
            let mut hit = hit_with(id, now - ago, changes);
            hit["request_id"] = json!(request);
            hit
        };
        let events = [
            hit("a", "r1", 0, json!({})),
            hit(
                "b",
                "r1",
                0,
                json!({"attack_type": "xss", "attack_subtype": "xss_tag", "value": "<script>",
                "point": ["get", "q"], "parameter": "GET_q_value", "known_attack": []}),
            ),
            hit("c", "r2", 1, json!({"ip": "198.51.100.20", "statuscode": 200, "block_status": "monitored"})),
            hit(
                "d",
                "r3",
                2,
                json!({"attack_type": "rce", "attack_subtype": "rce_shell", "domain": "api.test", "path": "/run",
                "value": "; cat /etc/passwd", "ip": "2001:db8::1", "statuscode": 500, "block_status": "monitored",
                "known_attack": ["generic_rce", "CVE-2017-9841"]}),
            ),
            hit("e", "r4", 3, json!({"domain": "api.test", "path": "/run", "method": "PUT"})),
            hit(
                "f",
                "r4",
                3,
                json!({"domain": "api.test", "path": "/run", "method": "PUT", "value": "' or 1=1--",
                "point": ["get", "id"], "parameter": "GET_id_value"}),
            ),
        ];
        let reply = scene.node.upload(&scene.cloud, &events).await;
        assert_eq!(reply["rejected"], json!([]));
        scene
    }

    pub(crate) fn path(&self, end: &str) -> String {
        format!("/v1/client/{}/attack-vectors/{end}", self.cloud.client.id)
    }

    pub(crate) async fn post(&self, end: &str, body: Value) -> Reply {
        self.cloud.post(&self.admin, &self.path(end), body).await
    }

    /// A successful reply, bare.
    pub(crate) async fn ok(&self, end: &str, body: Value) -> Value {
        let reply = self.post(end, body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()
    }

    pub(crate) async fn query(&self, body: Value) -> Value {
        self.ok("security-agg/query", body).await
    }

    /// The refusal of a query, as the body of its error.
    pub(crate) async fn refused(&self, body: Value) -> Value {
        let reply = self.post("security-agg/query", body).await;
        assert_eq!(reply.status, 400, "{}", reply.text);
        reply.json()["body"].clone()
    }

    /// Requests by attack type under a filter.
    pub(crate) async fn by_type(&self, filter: Value) -> Vec<(String, i64)> {
        let reply = self.query(json!({"select": ["requests_count"], "where": filter})).await;
        let mut rows: Vec<(String, i64)> = reply["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                (row["attack_type"].as_str().unwrap().to_owned(), row["requests_count"].as_i64().unwrap())
            })
            .collect();
        rows.sort();
        rows
    }
}

/// A condition of a filter tree.
pub(crate) fn condition(field: &str, op: &str, values: Value) -> Value {
    json!({"kind": "condition", "field": field, "op": op, "values": values})
}

/// A group of a filter tree.
pub(crate) fn group(op: &str, children: &[Value]) -> Value {
    json!({"kind": "group", "op": op, "children": children})
}
