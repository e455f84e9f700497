//! The trace that every change of rights leaves, written by triggers: what a cache of credentials watches.

use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};

use crate::{Store, StoreError};

/// A point in the history of rights. Two that differ have a change between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuthMark {
    count: i64,
    last: i64,
}

impl Store {
    /// The present point. The number of rows is part of it, because changes may commit in another order than
    /// they got their ids.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn auth_mark(&self) -> Result<AuthMark, StoreError> {
        let reader = self.reader();
        let sql = "SELECT COUNT(*) AS n, COALESCE(MAX(id), 0) AS last FROM auth_changes";
        let row = reader.query_one_raw(Statement::from_string(reader.get_database_backend(), sql)).await?;
        let Some(row) = row else { return Ok(AuthMark::default()) };
        Ok(AuthMark { count: row.try_get("", "n")?, last: row.try_get("", "last")? })
    }

    /// Removes traces older than an hour by the database's own clock; every cache has seen them.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn purge_auth_changes(&self) -> Result<(), StoreError> {
        let now = match self.writer().get_database_backend() {
            DatabaseBackend::Postgres => "extract(epoch from now())::bigint",
            _ => "unixepoch()",
        };
        self.writer()
            .execute_unprepared(&format!("DELETE FROM auth_changes WHERE at < {now} - 3600"))
            .await?;
        Ok(())
    }
}
