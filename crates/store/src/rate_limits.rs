//! What the processes of a cloud share to hold one limit together: how much each is asked, and for limits of few
//! requests the buckets themselves. Time is that of the database, so that the clocks of machines do not matter.

use sea_orm::{ConnectionTrait, DatabaseBackend, Statement, TransactionTrait, Value};

use crate::{Store, StoreError};

/// Milliseconds after which a process that says nothing counts as gone.
const SILENT_MS: i64 = 10_000;
/// The client of the row by which a process says that it runs.
const ALIVE: i64 = 0;

/// What the other processes are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtherUsage {
    /// How many others run.
    pub processes: usize,
    /// Requests per second of clients, each process by itself.
    pub demand: Vec<(i64, i64)>,
}

impl Store {
    /// Whether several processes may use this database. An embedded one belongs to one.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.writer().get_database_backend() == DatabaseBackend::Postgres
    }

    /// Says what this process is asked and hears what the others are, by the clock of the database.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn exchange_usage(
        &self,
        process: &str,
        demand: &[(i64, i64)],
    ) -> Result<OtherUsage, StoreError> {
        let backend = self.writer().get_database_backend();
        let (now, mark) = (now_ms(backend), |at: usize| mark(backend, at));
        let mut values: Vec<Value> = vec![process.into()];
        let mut rows = vec![];
        for (client, demand) in demand.iter().chain(&[(ALIVE, 0)]) {
            values.extend([(*client).into(), (*demand).into()]);
            rows.push(format!("({}, {}, {}, {now})", mark(1), mark(values.len() - 1), mark(values.len())));
        }
        let insert = format!(
            "INSERT INTO rate_usage (process, client_id, demand, at) VALUES {} ON CONFLICT (process, client_id) \
             DO UPDATE SET demand = excluded.demand, at = excluded.at",
            rows.join(", ")
        );
        let transaction = self.writer().begin().await?;
        transaction.execute_raw(Statement::from_sql_and_values(backend, insert, values)).await?;
        let select = format!(
            "SELECT client_id, demand FROM rate_usage WHERE process <> {} AND at > {now} - {SILENT_MS}",
            mark(1)
        );
        let select = Statement::from_sql_and_values(backend, select, [process.into()]);
        let mut others = OtherUsage::default();
        for row in transaction.query_all_raw(select).await? {
            match (row.try_get("", "client_id")?, row.try_get("", "demand")?) {
                (ALIVE, _) => others.processes += 1,
                of_client => others.demand.push(of_client),
            }
        }
        transaction.commit().await?;
        Ok(others)
    }

    /// Takes one from the bucket of a key that holds `burst` and gets one every `interval_ms`; says how many
    /// milliseconds to wait when it is empty.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn take_from_cell(
        &self,
        key: &str,
        interval_ms: i64,
        burst: i64,
    ) -> Result<Option<i64>, StoreError> {
        let backend = self.writer().get_database_backend();
        let (now, mark) = (now_ms(backend), |at: usize| mark(backend, at));
        let later = if backend == DatabaseBackend::Postgres { "GREATEST" } else { "MAX" };
        // `at` is when the bucket is full again (generic cell rate algorithm). One statement, so that of two
        // processes that take the last one only one gets it.
        let next = format!("{later}(rate_cells.at, {now}) + {}", mark(2));
        let take = format!(
            "INSERT INTO rate_cells (key, at) VALUES ({}, {now} + {}) ON CONFLICT (key) DO UPDATE SET at = {next} \
             WHERE {next} <= {now} + {}",
            mark(1),
            mark(2),
            mark(3)
        );
        let values: [Value; 3] = [key.into(), interval_ms.into(), interval_ms.saturating_mul(burst).into()];
        let take = Statement::from_sql_and_values(backend, take, values.clone());
        if self.writer().execute_raw(take).await?.rows_affected() == 1 {
            return Ok(None);
        }
        let wait = format!(
            "SELECT at - {now} + {} - {} AS wait FROM rate_cells WHERE key = {}",
            mark(2),
            mark(3),
            mark(1)
        );
        let row = self.writer().query_one_raw(Statement::from_sql_and_values(backend, wait, values)).await?;
        let wait: Option<i64> = row.map(|row| row.try_get("", "wait")).transpose()?;
        Ok(Some(wait.unwrap_or(0).max(1)))
    }

    /// Forgets full buckets, and what was said more than a minute ago.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn purge_rate_limits(&self) -> Result<(), StoreError> {
        let now = now_ms(self.writer().get_database_backend());
        for (table, kept_ms) in [("rate_usage", 60_000), ("rate_cells", 0)] {
            self.writer()
                .execute_unprepared(&format!("DELETE FROM {table} WHERE at < {now} - {kept_ms}"))
                .await?;
        }
        Ok(())
    }
}

fn now_ms(backend: DatabaseBackend) -> &'static str {
    match backend {
        DatabaseBackend::Postgres => "(extract(epoch from clock_timestamp()) * 1000)::bigint",
        _ => "(unixepoch() * 1000)",
    }
}

fn mark(backend: DatabaseBackend, at: usize) -> String {
    match backend {
        DatabaseBackend::Postgres => format!("${at}"),
        _ => format!("?{at}"),
    }
}
