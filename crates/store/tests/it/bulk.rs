//! Statements of many rows that fail half way.

use bartizan_store::{
    entity::attack,
    ingest,
    sea_orm::{EntityTrait, TransactionTrait},
};
use bartizan_testkit::store::TestStore;
use serde_json::json;

fn attack(id: i64, public_id: &str) -> attack::Model {
    attack::Model {
        id,
        public_id: public_id.to_owned(),
        month: 202_611,
        client_id: 1,
        group_key: format!("group {id}"),
        kind: "sqli".into(),
        point: json!(["uri"]),
        parameter: "URI_value".into(),
        domain: "a.test".into(),
        path: "/".into(),
        method: "GET".into(),
        methods: None,
        pool: -1,
        first_time: 1,
        last_time: 2,
        hits: 1,
        blocked_hits: 0,
        stored_hits: 1,
        false_hits: 0,
        threat: 90,
        target: "server".into(),
        experimental: None,
        state: None,
        vuln_id: None,
        changed_at: None,
        recheck_status: None,
        recheck_time: None,
    }
}

#[tokio::test]
async fn rows_before_the_one_that_fails_go_with_their_savepoint() {
    let test = TestStore::open().await;
    let transaction = test.store.begin().await.unwrap();
    let kept = transaction.begin().await.unwrap();
    ingest::insert_attacks(&kept, vec![attack(1, "a"), attack(2, "b")]).await.unwrap();
    kept.commit().await.unwrap();
    let failing = transaction.begin().await.unwrap();
    // One statement; its last row has an id that is taken.
    let rows = vec![attack(3, "c"), attack(4, "d"), attack(5, "e"), attack(6, "a")];
    assert!(ingest::insert_attacks(&failing, rows).await.is_err());
    failing.rollback().await.unwrap();
    let after = transaction.begin().await.unwrap();
    ingest::insert_attacks(&after, vec![attack(3, "f")]).await.unwrap();
    after.commit().await.unwrap();
    transaction.commit().await.unwrap();
    let stored = attack::Entity::find().all(test.store.reader()).await.unwrap();
    let mut stored: Vec<(i64, &str)> = stored.iter().map(|row| (row.id, row.public_id.as_str())).collect();
    stored.sort_unstable();
    assert_eq!(stored, [(1, "a"), (2, "b"), (3, "f")]);
}
