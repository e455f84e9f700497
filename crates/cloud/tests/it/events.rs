//! Security events end to end: a node uploads, the API shows.

mod abuse;
mod aggregations;
mod attacks;
mod clients;
mod dashboards;
mod exporters;
mod faults;
mod filters;
mod floods;
mod grammar;
mod group_commit;
mod hits;
pub(crate) mod incidents;
mod indexed;
mod issue_keys;
mod keys;
mod rechecker;
mod refusals;
mod reports;
mod searches;
mod security_issues;
mod statements;
mod upload;
mod varied;
mod verification;
mod vuln_life;
mod vuln_orders;
mod vulns;

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
};

use bartizan_cloud::{secrets::Secret, services::ingest};
use bartizan_store::{
    entity,
    sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel},
};
use bartizan_testkit::{Credential, Reply, TestCloud};
use serde_json::{Value, json};

/// A registered node.
pub(crate) struct TestNode {
    pub(crate) uuid: String,
    pub(crate) secret: String,
}

static BATCHES: AtomicU64 = AtomicU64::new(0);

impl TestNode {
    pub(crate) async fn register(cloud: &TestCloud, client_id: i64) -> TestNode {
        let state = &cloud.running.cloud;
        let secret = Secret::random();
        let uuid = uuid::Uuid::new_v4().to_string();
        let row = entity::node_instance::Model {
            uuid: uuid.clone(),
            group_id: 0,
            client_id,
            token_id: None,
            secret_mac: secret.mac(&state.keys),
            hostname: "n1".into(),
            ip: "127.0.0.1".into(),
            version: "0".into(),
            packages: json!({}),
            created_at: state.now(),
            last_seen_at: state.now(),
            last_event_at: None,
            startid: String::new(),
            heartbeat_seq: 0,
            ruleset_version: 0,
            ruleset_updated_at: None,
            detectdb_version: 0,
            detectdb_updated_at: None,
            lists_seq: 0,
            requests: 0,
            requests_month: 0,
            rps: 0.0,
            last_error: None,
        };
        row.into_active_model().insert(state.store.writer()).await.unwrap();
        TestNode { uuid, secret: secret.hex() }
    }

    /// Sends events as a batch of their own.
    pub(crate) async fn upload(&self, cloud: &TestCloud, events: &[Value]) -> Value {
        let id = format!("b{}", BATCHES.fetch_add(1, Ordering::Relaxed));
        let reply = self.send(cloud, &json!({"batch_id": id, "seq": 1, "events": events})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()
    }

    pub(crate) async fn send(&self, cloud: &TestCloud, batch: &Value) -> Reply {
        let response = reqwest::Client::new()
            .post(format!("{}/node/v1/events", cloud.url))
            .header("Authorization", format!("Node {}:{}", self.uuid, self.secret))
            .json(batch)
            .send()
            .await
            .unwrap();
        Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }
}

/// A hit at this time; its id is `id` filled up to 20 characters.
pub(crate) fn hit(id: &str, time: i64) -> Value {
    let event_id = format!("{id:a<20}");
    json!({
        "kind": "hit", "event_id": event_id, "request_id": format!("{:0>32}", hex_of(id)), "ts_ms": time * 1000 + 5,
        "node_uuid": "ignored", "application": -1, "ruleset_version": 3, "attack_type": "sqli",
        "attack_subtype": "sqli_union_based", "point": ["post", "json_doc", "array", 0, "hash", "q"],
        "parameter": "POST_JSON_DOC_ARRAY_0_HASH_q_value", "value": "1' union select 1--", "stamps": [7, 12],
        "known_attack": ["generic_sqli"], "ip": "203.0.113.7", "remote_port": 40000, "domain": "shop.test",
        "path": "/search", "method": "POST", "proto": "HTTP/1.1", "scheme": "http", "api_protocol": "rest",
        "auth_protocol": ["bearer"], "statuscode": 403, "response_time": 12, "response_size": 345,
        "request_size": 210, "block_status": "blocked", "block_reason": "attack mask=0000000000000004",
        "mode": "block", "raw": {
            "remote_addr": "203.0.113.7", "remote_port": "40000", "server_addr": "127.0.0.1", "server_port": "8081",
            "method": "POST", "proto": "HTTP/1.1", "uri": "/search?x=1",
            "headers": {"CONTENT-TYPE": ["application/json"], "HOST": ["shop.test"]},
            "body": "[{\"q\":\"1' union select 1--\"}]"
        }
    })
}

fn hex_of(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// A hit with changed fields.
#[expect(clippy::needless_pass_by_value, reason = "calls read better with the object in place")]
pub(crate) fn hit_with(id: &str, time: i64, changes: Value) -> Value {
    let mut hit = hit(id, time);
    for (key, value) in changes.as_object().unwrap() {
        hit[key] = value.clone();
    }
    hit
}

/// A minute ago, so that neither "future" nor "old" applies.
pub(crate) fn recent(cloud: &TestCloud) -> i64 {
    cloud.running.cloud.now() - 60
}

/// Attacks of a filter, by first time.
pub(crate) async fn attacks(cloud: &TestCloud, caller: &Credential, filter: Value) -> Vec<Value> {
    let body = json!({"filter": filter, "limit": 1000, "order_by": "first_time", "order_desc": false});
    cloud.post(caller, "/v1/objects/attack", body).await.body().as_array().unwrap().clone()
}

/// Hits of a filter, by time.
pub(crate) async fn hits(cloud: &TestCloud, caller: &Credential, filter: Value) -> Vec<Value> {
    let body = json!({"filter": filter, "limit": 1000, "order_by": "time"});
    cloud.post(caller, "/v1/objects/hit", body).await.body().as_array().unwrap().clone()
}

/// The counters of every attack agree with its hits, every hit has its attack, its request and its group, and
/// no attack is empty.
pub(crate) async fn assert_consistent(cloud: &TestCloud) {
    let checked = bartizan_cloud::services::event_check::check(&cloud.running.cloud, true).await.unwrap();
    assert!(checked.iter().all(|tenant| tenant.faults.is_empty()), "{checked:?}");
    let connection = cloud.running.cloud.store.writer();
    let attacks = entity::attack::Entity::find().all(connection).await.unwrap();
    let hits = entity::hit::Entity::find().all(connection).await.unwrap();
    let raws = entity::hit_raw::Entity::find().all(connection).await.unwrap();
    assert_eq!(raws.len(), hits.len());
    for hit in &hits {
        let attack = attacks.iter().find(|attack| attack.id == hit.attack_id).unwrap();
        assert_eq!(attack.client_id, hit.client_id);
        // What a flooding source does belongs together whatever it is.
        if !ingest::is_of_source(&attack.group_key) {
            assert_eq!(attack.group_key, ingest::group_key(hit));
        }
    }
    for attack in &attacks {
        let own: Vec<_> = hits.iter().filter(|hit| hit.attack_id == attack.id).collect();
        let is_false = |hit: &entity::hit::Model| hit.state.as_deref() == Some("falsepositive");
        let count = |wanted: &dyn Fn(&entity::hit::Model) -> bool| -> i64 {
            own.iter().filter(|hit| wanted(hit)).map(|hit| hit.aggregated_count).sum()
        };
        assert!(!own.is_empty(), "an attack without hits");
        assert_eq!(attack.hits, count(&|hit| !is_false(hit)));
        assert_eq!(attack.blocked_hits, count(&|hit| !is_false(hit) && hit.block_status == "blocked"));
        assert_eq!(attack.stored_hits, i64::try_from(own.len()).unwrap());
        assert_eq!(attack.false_hits, i64::try_from(own.iter().filter(|hit| is_false(hit)).count()).unwrap());
        assert_eq!(Some(attack.first_time), own.iter().map(|hit| hit.time).min());
        assert_eq!(Some(attack.last_time), own.iter().map(|hit| hit.time).max());
        let methods: BTreeSet<&str> = own.iter().map(|hit| hit.method.as_str()).collect();
        let of_method = |method: &str| count(&|hit| !is_false(hit) && hit.method == method);
        let most = methods.iter().map(|method| of_method(method)).max();
        assert_eq!(Some(of_method(&attack.method)), most, "{:?}", attack.methods);
        let all_false = own.iter().all(|hit| is_false(hit));
        assert_eq!(attack.state.as_deref() == Some("falsepositive"), all_false);
    }
}
