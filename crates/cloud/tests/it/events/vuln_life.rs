//! The life of a vulnerability (`spec/events.md` section 4.3): every status, and every call and proof that may follow, by
//! the old API and by that of security issues, sent twice.

use bartizan_store::{entity, sea_orm::EntityTrait};
use bartizan_testkit::{Credential, TestCloud};
use http::Method;
use serde_json::{Value, json};

use super::{TestNode, attacks, hit_with, incidents::proof, recent};

const STATUSES: [&str; 5] = ["open", "closed", "falsepositive", "waiting", "closed and waiting"];

/// What may happen, and the status that follows each of [`STATUSES`]; `409` and `400` are refusals.
const LIFE: &[(&str, [&str; 5])] = &[
    ("close", ["closed", "closed", "409", "closed", "closed"]),
    ("open", ["open", "open", "open", "open", "open"]),
    ("falsepositive", ["falsepositive"; 5]),
    ("update closed", ["closed", "closed", "409", "closed", "closed"]),
    ("update open", ["open"; 5]),
    ("update active", ["open"; 5]),
    ("update falsepositive", ["falsepositive"; 5]),
    ("put closed", ["closed", "closed", "409", "closed", "closed"]),
    ("put open", ["open"; 5]),
    ("put marked_false", ["falsepositive"; 5]),
    ("put falsepositive", ["falsepositive"; 5]),
    ("put hidden", ["hidden open", "hidden closed", "hidden falsepositive", "hidden open", "hidden closed"]),
    ("recheck", ["open", "closed", "400", "open", "closed"]),
    ("proof", ["open", "open", "falsepositive", "open", "open"]),
    ("old proof", ["open", "closed", "falsepositive", "open", "closed"]),
    ("update nothing", ["open", "closed", "falsepositive", "open", "closed"]),
];

struct Scene {
    cloud: TestCloud,
    admin: Credential,
    node: TestNode,
    now: i64,
}

/// Everything that a step may leave behind.
#[derive(Debug, PartialEq, Eq)]
struct Trace {
    status: String,
    invalidated: Option<i64>,
    waits: bool,
    history: usize,
    log: usize,
}

impl Scene {
    async fn vuln(&self, id: i64) -> entity::vuln::Model {
        let store = &self.cloud.running.cloud.store;
        entity::vuln::Entity::find_by_id(id).one(store.writer()).await.unwrap().unwrap()
    }

    async fn trace(&self, id: i64) -> Trace {
        let row = self.vuln(id).await;
        let store = &self.cloud.running.cloud.store;
        let changes = entity::vuln_change::Entity::find().all(store.writer()).await.unwrap();
        let log = entity::activity::Entity::find().all(store.writer()).await.unwrap();
        let (id, text) = (row.id, row.id.to_string());
        Trace {
            status: if row.hidden { format!("hidden {}", row.status) } else { row.status },
            invalidated: row.invalidate_time,
            waits: row.recheck_requested_at.is_some(),
            history: changes.iter().filter(|change| change.vuln_id == id).count(),
            log: log
                .iter()
                .filter(|entry| {
                    entry.object_type == "vuln"
                        && entry.outcome == "success"
                        && entry.object_id.as_deref() == Some(text.as_str())
                })
                .count(),
        }
    }

    async fn call(&self, how: &str, id: i64) -> u16 {
        let post = async |path: &str, body: Value| self.cloud.post(&self.admin, path, body).await.status;
        match how.split_once(' ') {
            Some(("put", state)) => {
                let path = format!("/v1/security_issues/{id}");
                let body = json!({"state": state});
                self.cloud.call(&self.admin, Method::PUT, &path, Some(&body)).await.status
            }
            Some(("update", status)) => {
                let fields = if status == "nothing" { json!({}) } else { json!({"status": status}) };
                post("/v1/objects/vuln/update", json!({"filter": {"id": id}, "fields": fields})).await
            }
            _ => post(&format!("/v1/objects/vuln/{how}"), json!({"id": id})).await,
        }
    }

    /// Makes a vulnerability by a proof and leads it to a status.
    async fn make(&self, path: &str, status: &str) -> i64 {
        let event = proof(&path.replace('/', "p"), "none", self.now - 30, json!({"path": path}));
        self.node.upload(&self.cloud, &[event]).await;
        let rows = self.cloud.post(&self.admin, "/v1/objects/vuln", json!({"filter": {"path": path}})).await;
        let id = rows.body()[0]["id"].as_i64().unwrap();
        let steps: &[&str] = match status {
            "open" => &[],
            "closed" => &["close"],
            "falsepositive" => &["falsepositive"],
            "waiting" => &["recheck"],
            _ => &["close", "recheck"],
        };
        for step in steps {
            assert_eq!(self.call(step, id).await, 200, "{status}");
        }
        id
    }

    async fn proof(&self, path: &str, id: &str, time: i64) {
        let event = proof(&format!("{id}{}", path.replace('/', "q")), "none", time, json!({"path": path}));
        self.node.upload(&self.cloud, &[event]).await;
    }
}

#[tokio::test]
async fn every_status_and_everything_that_may_follow() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let scene = Scene { cloud, admin, node, now };
    let mut cells = Vec::new();
    for (number, (how, follows)) in LIFE.iter().enumerate() {
        for (place, (status, follow)) in STATUSES.iter().zip(follows).enumerate() {
            let path = format!("/{number}/{place}");
            cells.push((*how, *status, *follow, scene.make(&path, status).await, path));
        }
    }
    let closed_at = scene.cloud.running.cloud.now();
    scene.cloud.running.cloud.clock.shift_ms(100_000);
    for (how, status, follow, id, path) in cells {
        let cell = format!("{status}: {how}");
        let before = scene.trace(id).await;
        for repeated in [false, true] {
            let code = match how {
                "proof" => {
                    scene.proof(&path, if repeated { "r" } else { "s" }, closed_at + 50).await;
                    200
                }
                "old proof" => {
                    scene.proof(&path, if repeated { "t" } else { "u" }, now - 20).await;
                    200
                }
                how => scene.call(how, id).await,
            };
            let after = scene.trace(id).await;
            if let Ok(refusal) = follow.parse::<u16>() {
                assert_eq!((code, &after), (refusal, &before), "{cell}");
                continue;
            }
            assert_eq!((code, after.status.as_str()), (200, follow), "{cell}");
            assert_eq!(after.invalidated.is_some(), follow.ends_with("closed"), "{cell}");
            // What stays as it is, or comes a second time, leaves no trace.
            let is_change = before.status != follow;
            assert_eq!(after.history - before.history, usize::from(is_change), "{cell}");
            let is_call = !how.ends_with("proof");
            let asks = how == "recheck" && !before.waits;
            assert_eq!(after.log - before.log, usize::from(is_call && (is_change || asks)), "{cell}");
            if before.status.ends_with("closed") && follow.ends_with("closed") {
                assert_eq!(after.invalidated, before.invalidated, "{cell}: closed once");
            }
            let waits = (before.waits || how == "recheck") && !follow.ends_with("falsepositive");
            assert_eq!(after.waits, waits, "{cell}");
            let detail = scene.cloud.get(&scene.admin, &format!("/v1/security_issues/{id}")).await.json();
            assert_eq!(detail["recheckable"], !follow.ends_with("falsepositive"), "{cell}");
            let state = match follow.split_once(' ') {
                Some((hidden, _)) => hidden,
                None if follow == "falsepositive" => "marked_false",
                None => follow,
            };
            assert_eq!(detail["state"], state, "{cell}: both views");
        }
    }
}

#[tokio::test]
async fn none_of_many_is_closed_when_one_was_called_false() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let make = async |path: &str| {
        let new = json!({"type": "xss", "domain": "d", "path": path, "method": "GET", "title": "t"});
        cloud.post(&admin, "/v1/objects/vuln/create", new).await.body()["id"].as_i64().unwrap()
    };
    let (one, other) = (make("/1").await, make("/2").await);
    cloud.post(&admin, "/v1/objects/vuln/falsepositive", json!({"id": other})).await.body();
    let reply = cloud.post(&admin, "/v1/objects/vuln/close", json!({"id": [one, other]})).await;
    assert_eq!(
        (reply.status, reply.json()["body"].clone()),
        (409, json!("ACME-2 was called false: open it before it is closed"))
    );
    let open = cloud.post(&admin, "/v1/objects/vuln/count", json!({"filter": {"status": "open"}})).await;
    assert_eq!(open.body()["count"], 1);
    // By way of open it is closed.
    for (how, status) in [("open", "open"), ("close", "closed")] {
        let path = format!("/v1/objects/vuln/{how}");
        let vulns = cloud.post(&admin, &path, json!({"id": [one, other]})).await.body()["vulns"].clone();
        assert!(vulns.as_array().unwrap().iter().all(|vuln| vuln["status"] == status), "{vulns}");
    }
}

#[tokio::test]
async fn comments_have_a_length_and_are_said_once() {
    let cloud = TestCloud::start_with(|config| config.limits.vuln_comment_characters = 10).await;
    let admin = cloud.admin_pair().await;
    let new = json!({"type": "xss", "domain": "d", "path": "/", "method": "GET", "title": "t"});
    let mut made = cloud.post(&admin, "/v1/objects/vuln/create", new).await.body();
    made["vuln_recheck_type"] = json!("manual");
    let update = json!({"filter": {"id": made["id"]}, "fields": {"vuln_recheck_type": "manual"}});
    cloud.post(&admin, "/v1/objects/vuln/update", update).await.body();
    let issue = format!("/v1/security_issues/{}", made["id"]);
    let history = async || {
        let detail = cloud.get(&admin, &issue).await.json();
        let changes = detail["status_history"].as_array().unwrap().clone();
        changes.iter().skip(1).map(|one| one["comment"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let say = async |path: &str, comment: Value| {
        if path == "put" {
            let body = json!({"state": "closed", "comment": comment});
            return cloud.call(&admin, Method::PUT, &issue, Some(&body)).await;
        }
        cloud
            .post(&admin, &format!("/v1/objects/vuln/{path}"), json!({"id": made["id"], "comment": comment}))
            .await
    };
    for path in ["close", "open", "falsepositive", "recheck", "put"] {
        let reply = say(path, json!("ä".repeat(11))).await;
        assert_eq!(
            (reply.status, reply.json()["body"].clone()),
            (400, json!({"comment": {"error": "comment must be at most 10 characters"}})),
            "{path}"
        );
        assert_eq!(say(path, json!({"a": 1})).await.status, 400, "{path}");
    }
    assert!(history().await.is_empty(), "nothing was changed");
    // Ten characters, however many bytes.
    assert_eq!(say("close", json!("ä".repeat(10))).await.status, 200);
    assert_eq!(say("close", json!("ä".repeat(10))).await.status, 200);
    assert_eq!(say("put", json!("ä".repeat(10))).await.status, 200);
    assert_eq!(history().await, ["ä".repeat(10)], "the same request again says nothing new");
    assert_eq!(say("close", json!("really")).await.status, 200);
    assert_eq!(history().await, ["ä".repeat(10), "really".to_owned()]);
}

#[tokio::test]
async fn an_attack_makes_no_incident_of_what_was_called_false_however_late_it_comes() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let admin = cloud.admin_pair().await;
    node.upload(&cloud, &[proof("p", "a", now, json!({}))]).await;
    let id = cloud.post(&admin, "/v1/objects/vuln", json!({})).await.body()[0]["id"].clone();
    cloud.post(&admin, "/v1/objects/vuln/falsepositive", json!({"id": id})).await.body();
    node.upload(&cloud, &[hit_with("a", now, json!({}))]).await;
    assert!(attacks(&cloud, &admin, json!({"!vulnid": null})).await.is_empty());
    cloud.post(&admin, "/v1/objects/vuln/open", json!({"id": id})).await.body();
    // A hit of the same request that comes after that is one.
    node.upload(&cloud, &[hit_with("b", now, json!({"request_id": format!("{:0>32}", "61")}))]).await;
    let incidents = attacks(&cloud, &admin, json!({"!vulnid": null})).await;
    assert_eq!((incidents.len(), &incidents[0]["vulnid"]), (1, &id));
}
