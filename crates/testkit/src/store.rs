//! An empty database with its schema.

use bartizan_store::{Store, StoreOptions};
use tempfile::TempDir;

/// An open store; its folder goes with it.
pub struct TestStore {
    /// The store.
    pub store: Store,
    /// How it was opened.
    pub options: StoreOptions,
    _folder: TempDir,
}

impl TestStore {
    /// Opens SQLite, or PostgreSQL when `BARTIZAN_TEST_DATABASE=postgres`.
    pub async fn open() -> TestStore {
        let folder = tempfile::tempdir().unwrap();
        let url = if crate::postgres::is_chosen() {
            tokio::task::spawn_blocking(crate::postgres::fresh_database).await.unwrap()
        } else {
            format!("sqlite://{}/b.db", folder.path().display())
        };
        let options = StoreOptions::new(url);
        let store = Store::open(&options).await.unwrap();
        TestStore { store, options, _folder: folder }
    }
}
