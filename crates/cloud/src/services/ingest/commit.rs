//! Group commit: whoever waits while a transaction runs shares the next one.
//!
//! Making a transaction durable costs the same however much is in it, and SQLite has one writer. So a batch that
//! arrives joins those that wait, and whoever gets the turn takes all of them. Each has a savepoint of its own: one
//! that fails leaves the others alone. PostgreSQL has several turns, as transactions of different tenants run side by
//! side there.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::StatusCode;
use bartizan_api::ApiError;
use bartizan_store::{
    StoreError, TenantId, entity,
    sea_orm::{DatabaseTransaction, DbBackend, TransactionTrait},
};
use tokio::sync::{Semaphore, oneshot};

use super::{
    batch::Batch,
    write::{self, Written},
};
use crate::{failure::Failure, state::Cloud};

/// Rows of one transaction, beyond its first batch.
const MAX_ROWS: usize = 20_000;
/// Transactions side by side on PostgreSQL.
const TURNS: usize = 4;

/// The batches that wait to be stored. Cheap to clone.
#[derive(Clone)]
pub struct Ingestion(Arc<Shared>);

struct Shared {
    waiting: Mutex<Queue>,
    turns: Arc<Semaphore>,
    all_turns: usize,
    /// Batches enter the index in the order in which they were stored.
    indexing: Arc<Semaphore>,
}

#[derive(Default)]
struct Queue {
    batches: Vec<Waiting>,
    rows: usize,
    bytes: usize,
}

impl Queue {
    /// Takes out batches that nobody waits for: nobody was told that they are stored, so they come again.
    fn forget_abandoned(&mut self) {
        self.batches.retain(|waiting| !waiting.done.is_closed());
        self.count();
    }

    fn count(&mut self) {
        self.rows = self.batches.iter().map(|waiting| waiting.batch.len().max(1)).sum();
        self.bytes = self.batches.iter().map(|waiting| waiting.batch.bytes).sum();
    }
}

/// A batch, and who wants to know when it is durable.
struct Waiting {
    batch: Batch,
    done: oneshot::Sender<Result<(), Failure>>,
}

/// The outcome of one batch of a transaction that is to be committed.
struct Outcome {
    tenant: TenantId,
    done: oneshot::Sender<Result<(), Failure>>,
    written: Result<Written, Failure>,
}

impl Ingestion {
    /// Nothing waits yet.
    #[must_use]
    pub fn new(backend: DbBackend) -> Ingestion {
        let turns = if backend == DbBackend::Postgres { TURNS } else { 1 };
        Ingestion(Arc::new(Shared {
            waiting: Mutex::default(),
            turns: Arc::new(Semaphore::new(turns)),
            all_turns: turns,
            indexing: Arc::new(Semaphore::new(1)),
        }))
    }

    /// Batches that wait for the next transaction, and transactions that run.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        let waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).batches.len();
        (waiting, self.0.all_turns - self.0.turns.available_permits())
    }

    /// Stores a batch together with others that wait; returns when it is durable.
    pub(super) async fn commit(&self, cloud: &Cloud, batch: Batch) -> Result<(), Failure> {
        let (done, outcome) = oneshot::channel();
        {
            let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.forget_abandoned();
            let limits = &cloud.config.limits;
            if waiting.rows > limits.waiting_events || waiting.bytes > limits.waiting_event_bytes {
                let body = "Too many events wait to be stored".into();
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Err(Failure(ApiError { status, body, retry_after_s: Some(1) }));
            }
            waiting.batches.push(Waiting { batch, done });
            waiting.count();
        }
        let (this, cloud) = (self.clone(), cloud.clone());
        // Goes on when the caller leaves: others may wait for the same transaction.
        tokio::spawn(async move { this.turn(&cloud).await });
        outcome.await.map_err(|_| ApiError::internal())?
    }

    /// Waits for a turn and stores what waits then; perhaps somebody else did already.
    async fn turn(&self, cloud: &Cloud) {
        let Ok(turn) = Arc::clone(&self.0.turns).acquire_owned().await else { return };
        let batches = self.next();
        if batches.is_empty() {
            return;
        }
        match store(cloud, batches).await {
            Ok(outcomes) => {
                // Who waits is told first: the index must not hold up what is durable.
                let stored = tell(cloud, outcomes);
                let Ok(indexing) = Arc::clone(&self.0.indexing).acquire_owned().await else { return };
                drop(turn);
                for (after, hits) in stored.into_values() {
                    cloud.event_index.feed(&after, hits).await;
                }
                drop(indexing);
            }
            Err(failed) => {
                for done in failed {
                    // Who no longer waits need not know.
                    let _ = done.send(Err(ApiError::internal().into()));
                }
            }
        }
    }

    /// The batches of the next transaction, those of a tenant side by side and in the order in which they came.
    fn next(&self) -> Vec<Waiting> {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.forget_abandoned();
        let mut rows = 0;
        let count = waiting.batches.iter().take_while(|waiting| {
            let fits = rows == 0 || rows + waiting.batch.len() <= MAX_ROWS;
            rows += waiting.batch.len();
            fits
        });
        let count = count.count();
        let later = waiting.batches.split_off(count);
        let mut batches = mem::replace(&mut waiting.batches, later);
        waiting.count();
        // Every transaction locks tenants in the same order, so no two wait for each other.
        batches.sort_by_key(|waiting| waiting.batch.tenant);
        batches
    }
}

/// Stores batches in one transaction; answers who waits in vain when that failed as a whole.
async fn store(
    cloud: &Cloud,
    batches: Vec<Waiting>,
) -> Result<Vec<Outcome>, Vec<oneshot::Sender<Result<(), Failure>>>> {
    let transaction = match cloud.store.begin().await {
        Ok(transaction) => transaction,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "events were not stored");
            return Err(batches.into_iter().map(|waiting| waiting.done).collect());
        }
    };
    let alone = batches.len() == 1;
    let (mut outcomes, mut whole) = (Vec::with_capacity(batches.len()), true);
    for Waiting { batch, done } in batches {
        let tenant = batch.tenant;
        let written = if !whole {
            Err(ApiError::internal().into())
        } else if alone {
            write::batch(cloud, &transaction, batch).await
        } else {
            apart(cloud, &transaction, batch).await.unwrap_or_else(|Broken(failure)| {
                whole = false;
                Err(failure)
            })
        };
        outcomes.push(Outcome { tenant, done, written });
    }
    if alone && outcomes.iter().any(|outcome| outcome.written.is_err()) {
        // Dropping the transaction takes it back.
        return Ok(outcomes);
    }
    if whole {
        match transaction.commit().await {
            Ok(()) => return Ok(outcomes),
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "events were not stored"),
        }
    }
    Err(outcomes.into_iter().map(|outcome| outcome.done).collect())
}

/// The transaction around a savepoint is lost: a full disk, for one, ends it.
struct Broken(Failure);

/// Stores a batch behind a savepoint.
async fn apart(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    batch: Batch,
) -> Result<Result<Written, Failure>, Broken> {
    let broken = |error| Broken(Failure::from(StoreError::from(error)));
    let savepoint = transaction.begin().await.map_err(broken)?;
    match write::batch(cloud, &savepoint, batch).await {
        Ok(written) => {
            savepoint.commit().await.map_err(broken)?;
            Ok(Ok(written))
        }
        Err(failure) => {
            savepoint.rollback().await.map_err(broken)?;
            Ok(Err(failure))
        }
    }
}

/// Hits that are new, by tenant, with how far those before them went.
type Stored = BTreeMap<TenantId, (entity::event_head::Model, Vec<entity::hit::Model>)>;

/// Tells whoever waited what came of it.
fn tell(cloud: &Cloud, outcomes: Vec<Outcome>) -> Stored {
    let mut stored = Stored::new();
    for Outcome { tenant, done, written } in outcomes {
        let result = written.map(|written| {
            if written.listed {
                cloud.notices.changed(tenant);
            }
            if let Some((after, hits)) = written.stored {
                stored.entry(tenant).or_insert((after, vec![])).1.extend(hits);
            }
        });
        // Who no longer waits need not know.
        let _ = done.send(result);
    }
    cloud.outbox.notify_one();
    stored
}
