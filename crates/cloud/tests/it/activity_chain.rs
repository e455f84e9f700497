use bartizan_cloud::services::{accounts, activity_chain};
use bartizan_store::{
    TenantId,
    activity_chain::{ChainCheck, ChainFault},
    sea_orm::ConnectionTrait,
};
use bartizan_testkit::{Credential, TestCloud};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

const DAY_MS: i64 = 86_400_000;

/// As many entries, and each in its place.
async fn entries(cloud: &TestCloud, by: &Credential, count: usize) {
    for n in 0..count {
        let pool = json!({"name": format!("Shop {n}")});
        cloud.post(by, "/v1/objects/pool/create", pool).await.body();
    }
    activity_chain::chain(&cloud.running.cloud).await.unwrap();
}

async fn check(cloud: &TestCloud) -> ChainCheck {
    let found = activity_chain::check(&cloud.running.cloud, &[]).await.unwrap();
    let of_client = |chain: &ChainCheck| chain.tenant == TenantId(cloud.client.id);
    found.chains.into_iter().find(of_client).unwrap()
}

async fn tamper(cloud: &TestCloud, sql: &str) {
    let sql = sql.replace("{client}", &cloud.client.id.to_string());
    let done = cloud.running.cloud.store.writer().execute_unprepared(&sql).await.unwrap();
    assert!(done.rows_affected() > 0, "{sql}");
}

#[tokio::test]
async fn entries_written_and_chained_at_once_have_one_order() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let changes = join_all((0..24).map(|n| {
        let (cloud, admin) = (&cloud, &admin);
        async move {
            let pool = json!({"name": format!("Shop {n}")});
            cloud.post(admin, "/v1/objects/pool/create", pool).await.body();
        }
    }));
    let chaining = join_all((0..4).map(|_| {
        let cloud = cloud.running.cloud.clone();
        async move {
            for _ in 0..8 {
                activity_chain::chain(&cloud).await.unwrap();
            }
        }
    }));
    futures_util::join!(changes, chaining);
    entries(&cloud, &admin, 1).await;
    let found = check(&cloud).await;
    assert_eq!((found.entries, found.waiting, found.head.0, found.fault), (25, 0, 25, None));
}

#[tokio::test]
async fn every_way_to_alter_the_log_is_found_out() {
    let fault = |seq, what| ChainFault { seq, id: None, what };
    let ways = [
        (
            "UPDATE activity_log SET description = 'x' WHERE client_id = {client} AND seq = 3",
            fault(3, "the entry is not what was written"),
        ),
        (
            "UPDATE activity_log SET initiator_name = 'Eve' WHERE client_id = {client} AND seq = 1",
            fault(1, "the entry is not what was written"),
        ),
        ("DELETE FROM activity_log WHERE client_id = {client} AND seq = 2", fault(2, "an entry is missing")),
        (
            "DELETE FROM activity_log WHERE client_id = {client} AND seq = 4",
            fault(4, "entries are missing at the new end"),
        ),
        ("DELETE FROM activity_log WHERE client_id = {client} AND seq = 1", fault(1, "an entry is missing")),
        (
            "UPDATE activity_heads SET anchor_seq = 1, anchor_mac = (SELECT chain_mac FROM activity_log \
             WHERE client_id = {client} AND seq = 1) WHERE client_id = {client}",
            fault(1, "the old end of the chain was moved"),
        ),
        (
            "UPDATE activity_heads SET seq = 3, mac = (SELECT chain_mac FROM activity_log \
             WHERE client_id = {client} AND seq = 3) WHERE client_id = {client}",
            fault(3, "the new end of the chain was moved"),
        ),
        ("DELETE FROM activity_heads WHERE client_id = {client}", fault(1, "the ends of the chain are gone")),
    ];
    for (sql, expected) in ways {
        let cloud = TestCloud::start().await;
        let admin = cloud.admin_pair().await;
        entries(&cloud, &admin, 4).await;
        assert_eq!(check(&cloud).await.fault, None);
        tamper(&cloud, sql).await;
        let found = check(&cloud).await.fault.unwrap();
        assert_eq!(ChainFault { id: None, ..found }, expected, "{sql}");
    }
}

#[tokio::test]
async fn a_log_that_was_chained_anew_contradicts_its_witness() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    entries(&cloud, &admin, 4).await;
    let (seq, mac) = check(&cloud).await.head;
    let witness = [(TenantId(cloud.client.id), seq, mac)];
    let contradicted =
        async || activity_chain::check(&cloud.running.cloud, &witness).await.unwrap().contradicted;
    entries(&cloud, &admin, 2).await;
    assert_eq!(contradicted().await, []);
    tamper(&cloud, "DELETE FROM activity_heads WHERE client_id = {client}").await;
    tamper(&cloud, "UPDATE activity_log SET initiator_name = 'Eve', seq = NULL WHERE client_id = {client}")
        .await;
    activity_chain::chain(&cloud.running.cloud).await.unwrap();
    assert_eq!(check(&cloud).await.fault, None);
    assert_eq!(contradicted().await, [(TenantId(cloud.client.id), 4)]);
}

#[tokio::test]
async fn retention_does_not_hide_that_the_log_was_altered() {
    let fault = |seq, what| ChainFault { seq, id: None, what };
    let ways = [
        (
            "UPDATE activity_log SET time = 0 WHERE client_id = {client} AND seq <= 3",
            fault(1, "the entry is not what was written"),
            4,
        ),
        (
            "UPDATE activity_log SET time = 0, chain_mac = 'x' WHERE client_id = {client} AND seq <= 3",
            fault(1, "the entry is not what was written"),
            4,
        ),
        (
            "DELETE FROM activity_log WHERE client_id = {client} AND seq = 1",
            fault(1, "an entry is missing"),
            3,
        ),
        (
            "UPDATE activity_heads SET anchor_seq = 1, anchor_mac = (SELECT chain_mac FROM activity_log \
             WHERE client_id = {client} AND seq = 1) WHERE client_id = {client}",
            fault(1, "the old end of the chain was moved"),
            4,
        ),
        // What is before the break goes.
        (
            "UPDATE activity_log SET initiator_name = 'Eve' WHERE client_id = {client} AND seq = 3",
            fault(3, "the entry is not what was written"),
            2,
        ),
    ];
    for (sql, expected, left) in ways {
        let cloud = TestCloud::start().await;
        let admin = cloud.admin_pair().await;
        entries(&cloud, &admin, 4).await;
        tamper(&cloud, sql).await;
        // Entries that are old in truth too, unless it is said of some only.
        if !sql.contains("time = 0") {
            cloud.running.cloud.clock.shift_ms(2000 * DAY_MS);
        }
        accounts::clean(&cloud.running.cloud).await;
        let found = check(&cloud).await.fault.unwrap();
        assert_eq!(ChainFault { id: None, ..found }, expected, "{sql}");
        let rows = bartizan_store::privacy::count(
            cloud.running.cloud.store.reader(),
            TenantId(cloud.client.id),
            "activity_log",
        );
        assert_eq!(rows.await.unwrap(), left, "{sql}");
    }
}

#[tokio::test]
async fn retention_removes_from_the_old_end_and_the_chain_holds() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    entries(&cloud, &admin, 3).await;
    let old = check(&cloud).await;
    let path = format!("/v1/clients/{}/settings", cloud.client.id);
    cloud.running.cloud.clock.shift_ms(80 * DAY_MS);
    let shorter = json!({"audit_retention_days": 90});
    cloud.call(&admin, Method::PUT, &path, Some(&shorter)).await.body();
    entries(&cloud, &admin, 1).await;
    accounts::clean(&cloud.running.cloud).await;
    assert_eq!(check(&cloud).await.entries, 5);
    cloud.running.cloud.clock.shift_ms(20 * DAY_MS);
    accounts::clean(&cloud.running.cloud).await;
    let found = check(&cloud).await;
    assert_eq!((found.entries, &found.anchor, &found.fault), (2, &old.head, &None));
    entries(&cloud, &admin, 1).await;
    cloud.running.cloud.clock.shift_ms(200 * DAY_MS);
    accounts::clean(&cloud.running.cloud).await;
    let found = check(&cloud).await;
    assert_eq!((found.entries, found.anchor.0, found.fault), (0, found.head.0, None));
    // Retention is no way to hide: what is gone is known to be older than the end.
    let witness = [(TenantId(cloud.client.id), old.head.0, old.head.1)];
    assert_eq!(activity_chain::check(&cloud.running.cloud, &witness).await.unwrap().contradicted, []);
    entries(&cloud, &admin, 1).await;
    let found = check(&cloud).await;
    assert_eq!((found.entries, found.fault), (1, None));
}
