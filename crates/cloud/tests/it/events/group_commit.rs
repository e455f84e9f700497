//! Batches that share a transaction: what one of them does to the others, and what happens when too many wait.

use bartizan_cloud::services::event_check;
use bartizan_store::{
    TenantId, entity, ingest,
    sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait},
};
use bartizan_testkit::{PATIENCE, Reply, TestCloud};
use serde_json::{Value, json};

use super::{TestNode, assert_consistent, hit, hit_with, hits, recent};

/// Makes the database refuse hits of one host, as a damaged page or a bug would.
async fn poison(cloud: &TestCloud) {
    let connection = cloud.running.cloud.store.writer();
    let statement = match connection.get_database_backend() {
        DbBackend::Postgres => {
            "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'poison'; END $$ LANGUAGE plpgsql; \
             CREATE TRIGGER poison BEFORE INSERT ON hits FOR EACH ROW WHEN (NEW.domain = 'poison.test') \
             EXECUTE FUNCTION refuse()"
        }
        _ => {
            "CREATE TRIGGER poison BEFORE INSERT ON hits WHEN NEW.domain = 'poison.test' \
             BEGIN SELECT RAISE(ABORT, 'poison'); END"
        }
    };
    connection.execute_unprepared(statement).await.unwrap();
}

async fn cure(cloud: &TestCloud) {
    let connection = cloud.running.cloud.store.writer();
    let statement = match connection.get_database_backend() {
        DbBackend::Postgres => "DROP TRIGGER poison ON hits",
        _ => "DROP TRIGGER poison",
    };
    connection.execute_unprepared(statement).await.unwrap();
}

/// Keeps everybody else from writing events of the company until it is dropped.
async fn hold(cloud: &TestCloud) -> DatabaseTransaction {
    let held = cloud.running.cloud.store.begin().await.unwrap();
    ingest::lock(&held, TenantId(cloud.client.id)).await.unwrap();
    held
}

fn batch(id: &str, events: &[Value]) -> Value {
    json!({"batch_id": id, "seq": 1, "events": events})
}

/// Waits until so many batches wait and so many transactions run.
async fn waiting(cloud: &TestCloud, count: usize, running: usize) {
    let ingestion = &cloud.running.cloud.ingestion;
    let waited = tokio::time::timeout(PATIENCE, async {
        while ingestion.load() != (count, running) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{:?} wait and run", ingestion.load()));
}

/// Sends a batch for every transaction that can run, so that what comes next waits; one by one, or one transaction would
/// take two.
async fn occupy(cloud: &TestCloud, node: &TestNode, now: i64) -> Vec<tokio::task::JoinHandle<Reply>> {
    let mut replies = vec![];
    for at in 0..turns(cloud) {
        replies.extend(futures(node, cloud, &[batch(&format!("f{at}"), &[hit(&format!("f{at}"), now)])]));
        waiting(cloud, 0, at + 1).await;
    }
    replies
}

/// Turns that PostgreSQL takes side by side; each holds a batch of its own while the company is held.
fn turns(cloud: &TestCloud) -> usize {
    if cloud.running.cloud.store.is_shared() { 4 } else { 1 }
}

#[tokio::test]
async fn a_batch_that_fails_leaves_those_beside_it_alone() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let (admin, now) = (cloud.admin_pair().await, recent(&cloud));
    poison(&cloud).await;
    let held = hold(&cloud).await;
    let bad = batch("bad", &[hit("g", now), hit_with("x", now, json!({"domain": "poison.test"}))]);
    let good: Vec<Value> =
        (0..4).map(|at| batch(&format!("n{at}"), &[hit(&format!("n{at}"), now)])).collect();
    let (busy, mut sent) = (turns(&cloud), Vec::new());
    let mut replies = occupy(&cloud, &node, now).await;
    // These wait for one and the same transaction, the bad one in their midst.
    let (before, after) = good.split_at(2);
    replies.extend(futures(&node, &cloud, before));
    waiting(&cloud, 2, busy).await;
    replies.extend(futures(&node, &cloud, std::slice::from_ref(&bad)));
    waiting(&cloud, 3, busy).await;
    replies.extend(futures(&node, &cloud, after));
    waiting(&cloud, 5, busy).await;
    held.rollback().await.unwrap();
    for reply in replies {
        sent.push(reply.await.unwrap());
    }
    let statuses: Vec<u16> = sent.iter().map(|reply| reply.status).collect();
    let failed = turns(&cloud) + 2;
    for (at, status) in statuses.iter().enumerate() {
        assert_eq!(*status, if at == failed { 500 } else { 200 }, "{statuses:?}");
    }
    // Nothing of the bad batch is there, not even what was fine in it.
    assert_eq!(hits(&cloud, &admin, json!({})).await.len(), turns(&cloud) + 4);
    assert_consistent(&cloud).await;
    // The node sends it again; by then the database is well.
    cure(&cloud).await;
    for _ in 0..2 {
        assert_eq!(node.send(&cloud, &bad).await.status, 200);
    }
    assert_eq!(hits(&cloud, &admin, json!({})).await.len(), turns(&cloud) + 6);
    assert_consistent(&cloud).await;
}

/// Uploads on their way, in this order.
fn futures(node: &TestNode, cloud: &TestCloud, batches: &[Value]) -> Vec<tokio::task::JoinHandle<Reply>> {
    let send = |batch: &Value| {
        let request = reqwest::Client::new()
            .post(format!("{}/node/v1/events", cloud.url))
            .header("Authorization", format!("Node {}:{}", node.uuid, node.secret))
            .json(batch);
        tokio::spawn(async move {
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Reply { status, headers, text: response.text().await.unwrap() }
        })
    };
    batches.iter().map(send).collect()
}

#[tokio::test]
async fn a_batch_that_fails_alone_is_taken_back_whole() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let (admin, now) = (cloud.admin_pair().await, recent(&cloud));
    poison(&cloud).await;
    let bad = batch("bad", &[hit("g", now), hit_with("x", now, json!({"domain": "poison.test"}))]);
    assert_eq!(node.send(&cloud, &bad).await.status, 500);
    assert!(hits(&cloud, &admin, json!({})).await.is_empty());
    assert!(entity::attack::Entity::find().all(cloud.running.cloud.store.reader()).await.unwrap().is_empty());
    cure(&cloud).await;
    assert_eq!(node.send(&cloud, &bad).await.status, 200);
    assert_eq!(hits(&cloud, &admin, json!({})).await.len(), 2);
    assert_consistent(&cloud).await;
}

#[tokio::test]
async fn when_too_much_waits_batches_are_sent_away_and_taken_later() {
    let cloud = TestCloud::start_with(|config| config.limits.waiting_events = 3).await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let (admin, now) = (cloud.admin_pair().await, recent(&cloud));
    let held = hold(&cloud).await;
    let of = |name: &str, count: usize| {
        let events: Vec<Value> = (0..count).map(|at| hit(&format!("{name}{at}"), now)).collect();
        batch(name, &events)
    };
    let mut replies = occupy(&cloud, &node, now).await;
    // What waits may be above the limit by its last batch: one that is larger than the limit must get in, too.
    replies.extend(futures(&node, &cloud, &[of("many", 4)]));
    waiting(&cloud, 1, turns(&cloud)).await;
    let refused = node.send(&cloud, &of("late", 1)).await;
    assert_eq!((refused.status, refused.headers["retry-after"].to_str().unwrap()), (503, "1"));
    held.rollback().await.unwrap();
    for reply in replies {
        assert_eq!(reply.await.unwrap().status, 200);
    }
    assert_eq!(node.send(&cloud, &of("late", 1)).await.status, 200);
    assert_eq!(hits(&cloud, &admin, json!({})).await.len(), turns(&cloud) + 5);
    assert_consistent(&cloud).await;
}

#[tokio::test]
async fn counters_that_are_wrong_are_found() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    node.upload(&cloud, &[hit("a", now), hit("b", now), hit_with("c", now, json!({"path": "/x"}))]).await;
    let state = &cloud.running.cloud;
    let faults = async || {
        let found = event_check::check(state, true).await.unwrap();
        found[0].faults.iter().map(|fault| (fault.what, fault.rows.len())).collect::<Vec<_>>()
    };
    assert_eq!(faults().await, []);
    let run = async |statement: &str| {
        state.store.writer().execute_unprepared(statement).await.unwrap();
    };
    run("UPDATE attacks SET hits = hits + 1 WHERE path = '/x'").await;
    assert_eq!(faults().await, [("attacks with wrong counters or times", 1)]);
    run("UPDATE attacks SET hits = hits - 1 WHERE path = '/x'").await;
    run("DELETE FROM hit_raws WHERE hit_id = (SELECT MAX(hit_id) FROM hit_raws)").await;
    assert_eq!(faults().await, [("hits without a request", 1)]);
    run("DELETE FROM hits WHERE path = '/x'").await;
    assert_eq!(
        faults().await,
        [("attacks with wrong counters or times", 1), ("hits that only the index has", 1)]
    );
    run("DELETE FROM attacks").await;
    assert_eq!(faults().await, [("hits without an attack", 2), ("hits that only the index has", 1)]);
}

#[tokio::test]
async fn events_of_a_tenant_without_a_head_are_found() {
    let cloud = TestCloud::start().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    node.upload(&cloud, &[hit("a", now), hit("b", now)]).await;
    let state = &cloud.running.cloud;
    state.store.writer().execute_unprepared("DELETE FROM event_heads").await.unwrap();
    let found = event_check::check(state, false).await.unwrap();
    let faults: Vec<_> = found[0].faults.iter().map(|fault| (fault.what, fault.rows.len())).collect();
    assert_eq!((found[0].tenant.0, found[0].hits), (cloud.client.id, 2));
    assert_eq!(faults, [("hits beyond the head", 2)]);
    // The next batch makes the head anew, and nothing is missing.
    node.upload(&cloud, &[hit("c", now)]).await;
    assert_consistent(&cloud).await;
}
