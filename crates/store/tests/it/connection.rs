use bartizan_store::{
    Store,
    sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait},
};
use bartizan_testkit::store::TestStore;

#[tokio::test]
async fn a_database_opens_again_with_its_content() {
    let test = TestStore::open().await;
    test.store.probe().await.unwrap();
    test.store.writer().execute_unprepared("INSERT INTO partners (uuid) VALUES ('kept')").await.unwrap();
    test.store.clone().close().await;
    let again = Store::open(&test.options).await.unwrap();
    assert!(again.identify_partner("kept").await.unwrap().is_some());
    again.close().await;
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing() {
    let test = TestStore::open().await;
    let transaction = test.store.begin().await.unwrap();
    transaction.execute_unprepared("INSERT INTO partners (uuid) VALUES ('lost')").await.unwrap();
    drop(transaction);
    assert!(test.store.identify_partner("lost").await.unwrap().is_none());
}

#[tokio::test]
async fn an_open_transaction_holds_up_no_reader() {
    let test = TestStore::open().await;
    let transaction = test.store.begin().await.unwrap();
    transaction.execute_unprepared("INSERT INTO partners (uuid) VALUES ('later')").await.unwrap();
    assert!(test.store.identify_partner("later").await.unwrap().is_none());
    transaction.commit().await.unwrap();
    assert!(test.store.identify_partner("later").await.unwrap().is_some());
}

/// Whoever builds without `.cargo/config.toml` has a database that takes events more slowly.
#[tokio::test]
async fn sqlite_is_compiled_as_the_workspace_says() {
    let test = TestStore::open().await;
    let connection = test.store.writer();
    if connection.get_database_backend() != DbBackend::Sqlite {
        return;
    }
    let statement = Statement::from_string(DbBackend::Sqlite, "PRAGMA compile_options");
    let rows = connection.query_all_raw(statement).await.unwrap();
    let options: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    for option in ["ENABLE_QPSG", "DEFAULT_MEMSTATUS=0"] {
        assert!(options.iter().any(|known| known == option), "{option} is not in {options:?}");
    }
    assert!(!options.iter().any(|known| known == "ENABLE_MEMORY_MANAGEMENT"), "{options:?}");
}

#[tokio::test]
async fn a_savepoint_may_change_more_than_stays_in_memory() {
    let test = TestStore::open().await;
    let setup = test.store.begin().await.unwrap();
    setup.execute_unprepared("CREATE TABLE wide (id INTEGER PRIMARY KEY, body TEXT)").await.unwrap();
    let body = "a".repeat(3000);
    for id in 0..4000 {
        setup.execute_unprepared(&format!("INSERT INTO wide VALUES ({id}, '{body}')")).await.unwrap();
    }
    setup.commit().await.unwrap();
    let transaction = test.store.begin().await.unwrap();
    for keeps in [false, true] {
        let savepoint = transaction.begin().await.unwrap();
        // Twelve megabytes of pages.
        savepoint.execute_unprepared("UPDATE wide SET body = 'b' || body").await.unwrap();
        if keeps { savepoint.commit().await.unwrap() } else { savepoint.rollback().await.unwrap() }
    }
    transaction.commit().await.unwrap();
    let left = "SELECT COUNT(*) AS n FROM wide WHERE body LIKE 'ba%'";
    let statement = Statement::from_string(test.store.reader().get_database_backend(), left);
    let row = test.store.reader().query_one_raw(statement).await.unwrap().unwrap();
    assert_eq!(row.try_get_by_index::<i64>(0).unwrap(), 4000);
}
