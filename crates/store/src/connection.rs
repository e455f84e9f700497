//! Opening the database: SQLite with one writer and several readers, or a PostgreSQL pool.

use std::time::Duration;

use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction,
    DbBackend, IsolationLevel, SqliteTransactionMode, TransactionOptions, TransactionTrait, sqlx,
};
use sea_orm_migration::MigratorTrait;

use crate::{StoreError, migration::Migrator};

/// How to open the database.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `sqlite:///path/to/file.db` or `postgres://…`.
    pub url: String,
    /// Most connections of the reading pool (SQLite) or of the pool (PostgreSQL).
    pub max_connections: u32,
    /// How long to wait for a free connection.
    pub acquire_timeout: Duration,
}

impl StoreOptions {
    /// Defaults: 8 connections, 10 s.
    #[must_use]
    pub fn new(url: impl Into<String>) -> StoreOptions {
        StoreOptions { url: url.into(), max_connections: 8, acquire_timeout: Duration::from_secs(10) }
    }

    fn connect(&self, max_connections: u32) -> ConnectOptions {
        let mut options = ConnectOptions::new(self.url.clone());
        options
            .max_connections(max_connections)
            .acquire_timeout(self.acquire_timeout)
            .sqlx_logging(false)
            // A full disk ends a transaction of SQLite on its own. What follows on that connection would be savepoints
            // within a transaction that nobody commits, so it is closed.
            .map_sqlx_sqlite_pool_opts(|pool| {
                pool.before_acquire(|connection, _| {
                    Box::pin(async move { Ok(!sqlx::Connection::is_in_transaction(connection)) })
                })
            })
            // A write must be on disk when the caller hears of it: FULL, not NORMAL.
            .map_sqlx_sqlite_opts(move |sqlite| {
                sqlite
                    .create_if_missing(true)
                    // Ingestion alone keeps some fifty large statements prepared; others must not push them out.
                    .statement_cache_capacity(512)
                    .pragma("journal_mode", "WAL")
                    .pragma("synchronous", "FULL")
                    .pragma("busy_timeout", "5000")
                    // Kibibytes: the default of 2 MiB does not hold the inner pages of the indexes of hits.
                    .pragma("cache_size", if max_connections == 1 { "-65536" } else { "-8192" })
                    // Pages: a checkpoint every 64 MiB writes a page that many batches changed once.
                    .pragma("wal_autocheckpoint", "16384")
                    .pragma("foreign_keys", "ON")
            });
        options
    }
}

/// An open database.
#[derive(Clone, Debug)]
pub struct Store {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
}

impl Store {
    /// Opens the database and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`] when it cannot be reached, [`StoreError::Query`] when a migration fails.
    pub async fn open(options: &StoreOptions) -> Result<Store, StoreError> {
        let failed = |source| StoreError::Open { url: without_password(&options.url), source };
        let sqlite = options.url.starts_with("sqlite:");
        // SQLite allows one writer at a time: one connection queues writers fairly instead of spinning on
        // "database is locked".
        let writer_connections = if sqlite { 1 } else { options.max_connections };
        let writer = Database::connect(options.connect(writer_connections)).await.map_err(failed)?;
        Migrator::up(&writer, None).await?;
        let reader = if sqlite {
            Database::connect(options.connect(options.max_connections)).await.map_err(failed)?
        } else {
            writer.clone()
        };
        Ok(Store { writer, reader })
    }

    /// A connection for reading. What a finished write changed is visible.
    #[must_use]
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// A connection for single-statement writes.
    #[must_use]
    pub fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// Begins a transaction; dropping it without a commit rolls back.
    ///
    /// # Errors
    /// [`StoreError::Query`] when no connection is free in time.
    pub async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        // SQLite locks at once: one that reads first and writes later fails when another process (`bartizan
        // admin`) wrote in between, without waiting.
        let sqlite_transaction_mode = Some(SqliteTransactionMode::Immediate);
        Ok(self
            .writer
            .begin_with_options(TransactionOptions { sqlite_transaction_mode, ..Default::default() })
            .await?)
    }

    /// Begins a transaction that only reads and sees one state of everything, whatever is written meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Query`] when no connection is free in time.
    pub async fn snapshot(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = match self.reader.get_database_backend() {
            // Any transaction of SQLite reads one state from its first question on.
            DbBackend::Sqlite => TransactionOptions::default(),
            _ => TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                ..Default::default()
            },
        };
        Ok(self.reader.begin_with_options(options).await?)
    }

    /// Writes and reads, for the readiness probe.
    ///
    /// # Errors
    /// [`StoreError::Query`] when either fails.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        transaction.execute_unprepared("UPDATE config_versions SET seq = seq WHERE client_id = -1").await?;
        transaction.commit().await?;
        self.reader.execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    /// Closes all connections.
    pub async fn close(self) {
        let _ = self.reader.close().await;
        let _ = self.writer.close().await;
    }
}

/// A connection URL fit for messages.
fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            let (head, tail) = url.split_at(at);
            let user = head.get(scheme + 3..).and_then(|rest| rest.split(':').next()).unwrap_or_default();
            format!("{}://{user}:****{tail}", head.get(..scheme).unwrap_or_default())
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_leave_messages() {
        assert_eq!(without_password("postgres://bob:secret@db/x"), "postgres://bob:****@db/x");
        assert_eq!(without_password("sqlite:///tmp/x.db"), "sqlite:///tmp/x.db");
    }
}
