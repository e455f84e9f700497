//! Keeping the event index up to date with the database, and asking it.
//!
//! The database is the truth; the index follows. A batch that was just stored is handed over directly
//! ([`EventIndex::feed`]); whatever that misses (a start after a crash, another process, batches that passed each
//! other) is read from the database by the tenant's head ([`EventIndex::catch_up`]). A question first makes sure
//! that the index has what the database had when it was asked, so an acknowledged event is never missing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex as StdMutex, PoisonError},
    time::Duration,
};

use axum::http::StatusCode;
use bartizan_api::ApiError;
use bartizan_events_index::{Index, IndexError, Mark, Options, Row};
use bartizan_store::{
    Store, StoreError, TenantId,
    entity::{self, event_head},
};
use tokio::sync::{Mutex, Notify, Semaphore};

use self::rows::{row_of, row_of_model};
use crate::{config::CloudConfig, failure::Failure, state::Cloud};

mod rows;

/// Hits read from the database at once.
const PAGE: u64 = 20_000;
/// Questions that are answered side by side.
const QUESTIONS: usize = 4;
/// How long a question waits for an index that is far behind.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the index looks for what it was not handed, without being told that there is something. A question looks
/// for itself, so this only keeps the first one after a quiet time short.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How long it waits after being told: more may come.
const GATHER: Duration = Duration::from_millis(200);
/// How often the files are written.
const FLUSH_EVERY: Duration = Duration::from_secs(5);

/// Why the index is behind.
#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error("the events cannot be read")]
    Store(#[from] StoreError),
    #[error("the event index cannot be used")]
    Index(#[from] IndexError),
    #[error("a task was stopped")]
    Stopped,
}

/// The index of events, with what it takes to follow the database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EventIndex(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    index: Index,
    store: Store,
    /// Told when hits were not handed over.
    missed: Notify,
    /// Questions that are answered at once.
    questions: Semaphore,
    /// One follower per tenant at a time.
    followers: StdMutex<HashMap<TenantId, Arc<Mutex<()>>>>,
}

impl EventIndex {
    /// Opens the index in the data folder.
    ///
    /// # Errors
    /// [`IndexError::Io`].
    pub fn open(store: Store, config: &CloudConfig) -> Result<EventIndex, IndexError> {
        let index = Index::open(Options {
            folder: config.data_dir.join("events-index"),
            cache_bytes: config.events.index_cache_bytes,
        })?;
        Ok(EventIndex(Arc::new(Shared {
            index,
            store,
            missed: Notify::new(),
            questions: Semaphore::new(QUESTIONS),
            followers: StdMutex::default(),
        })))
    }

    /// Takes hits that were just committed; `after` is the tenant's head before them.
    pub async fn feed(&self, after: &event_head::Model, hits: Vec<entity::hit::Model>) {
        let (tenant, hit_id, epoch) = (TenantId(after.client_id), after.hit_id, after.epoch);
        let shared = Arc::clone(&self.0);
        // Whoever builds the index anew finds these hits in the database; ingestion does not wait for that.
        let Ok(follower) = self.follower(tenant).try_lock_owned() else {
            self.0.missed.notify_one();
            return;
        };
        let fed = tokio::task::spawn_blocking(move || {
            let next = shared.index.position(tenant.0)? == hit_id && shared.index.epoch(tenant.0)? == epoch;
            if next {
                let rows: Vec<Row> = hits.into_iter().map(row_of_model).collect();
                shared.index.append(tenant.0, &rows)?;
            }
            drop(follower);
            Ok::<bool, IndexError>(next)
        });
        match fed.await {
            Ok(Ok(true)) => return,
            Ok(Ok(false)) | Err(_) => {}
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the event index took no hits");
            }
        }
        // A look at the database repairs whatever went wrong here.
        self.0.missed.notify_one();
    }

    /// Asks the index of one tenant, after making sure that it has every event stored so far.
    ///
    /// # Errors
    /// 503 while the index is being built, 500 when it cannot be used.
    pub async fn ask<R: Send + 'static>(
        &self,
        tenant: TenantId,
        question: impl Fn(&Index) -> Result<R, IndexError> + Send + Sync + 'static,
    ) -> Result<R, Failure> {
        self.ask_within(PATIENCE, tenant, question).await
    }

    /// The same for somebody who has another answer if this one takes longer.
    ///
    /// # Errors
    /// As [`EventIndex::ask`].
    pub async fn ask_within<R: Send + 'static>(
        &self,
        patience: Duration,
        tenant: TenantId,
        question: impl Fn(&Index) -> Result<R, IndexError> + Send + Sync + 'static,
    ) -> Result<R, Failure> {
        let question = Arc::new(question);
        for _ in 0..2 {
            self.ready(tenant, patience).await?;
            // Each may need memory for every hit of the tenant, and uses every core.
            let place = match tokio::time::timeout(patience, self.0.questions.acquire()).await {
                Ok(Ok(place)) => place,
                Ok(Err(_)) => return Err(ApiError::internal().into()),
                Err(_) => return Err(unavailable("The event index is busy")),
            };
            match self.answer(&question).await {
                Err(FollowError::Index(IndexError::Corrupt { .. })) => {
                    // Others must not wait while this tenant is built anew.
                    drop(place);
                    if let Some(answer) =
                        self.answer_or_set_aside(tenant, &question).await.map_err(failure)?
                    {
                        return Ok(answer);
                    }
                }
                answer => return answer.map_err(failure),
            }
        }
        Err(busy())
    }

    async fn answer<R: Send + 'static>(
        &self,
        question: &Arc<impl Fn(&Index) -> Result<R, IndexError> + Send + Sync + 'static>,
    ) -> Result<R, FollowError> {
        let question = Arc::clone(question);
        self.blocking(move |index| question(index)).await
    }

    /// After a question that met a damaged file: asks again with nobody else at work on it, for somebody may have built
    /// it anew meanwhile, and sets it aside if it still is damaged.
    async fn answer_or_set_aside<R: Send + 'static>(
        &self,
        tenant: TenantId,
        question: &Arc<impl Fn(&Index) -> Result<R, IndexError> + Send + Sync + 'static>,
    ) -> Result<Option<R>, FollowError> {
        let _alone = self.follower(tenant).lock_owned().await;
        match self.answer(question).await {
            Err(FollowError::Index(error @ IndexError::Corrupt { .. })) => {
                self.set_aside(tenant, &error).await.map(|()| None)
            }
            answer => answer.map(Some),
        }
    }

    /// Waits until the index has what the database has now.
    async fn ready(&self, tenant: TenantId, patience: Duration) -> Result<(), Failure> {
        let this = self.clone();
        // Goes on when the caller leaves or is sent away.
        let following = tokio::spawn(async move { this.catch_up(tenant).await });
        match tokio::time::timeout(patience, following).await {
            Ok(Ok(done)) => done.map_err(failure),
            Ok(Err(_)) => Err(ApiError::internal().into()),
            Err(_) => Err(busy()),
        }
    }

    /// Removes what the index has of a tenant whose events were deleted. If this process dies before it, the epoch of the
    /// tenant says it at the next look, as it does to other processes.
    pub async fn forget(&self, tenant: TenantId) {
        if let Err(error) = self.catch_up(tenant).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "deleted events are still in the index until the next look"
            );
        }
    }

    /// Sets a damaged file aside, so that it is built again.
    async fn set_aside(&self, tenant: TenantId, error: &IndexError) -> Result<(), FollowError> {
        let path = self.blocking(move |index| index.set_aside(tenant.0)).await?;
        tracing::error!(
            error = error as &dyn std::error::Error,
            tenant.id = tenant.0,
            path = %path.display(),
            "the event index was damaged, was set aside and is built again"
        );
        Ok(())
    }

    /// Reads what the index lacks, or begins anew when its events are not those of the database or its file is damaged.
    async fn catch_up(&self, tenant: TenantId) -> Result<(), FollowError> {
        let _alone = self.follower(tenant).lock_owned().await;
        match self.follow_head(tenant).await {
            Err(FollowError::Index(error @ IndexError::Corrupt { .. })) => {
                self.set_aside(tenant, &error).await?;
                self.follow_head(tenant).await
            }
            done => done,
        }
    }

    async fn follow_head(&self, tenant: TenantId) -> Result<(), FollowError> {
        // Behind the lock: an older head must not undo what a newer one led to.
        let Some(head) = self.0.store.event_head(tenant).await? else {
            // None yet, or the tenant is gone.
            return self
                .blocking(move |index| match index.position(tenant.0)? {
                    0 => Ok(()),
                    _ => index.forget(tenant.0),
                })
                .await;
        };
        let (mut position, epoch) =
            self.blocking(move |index| Ok((index.position(tenant.0)?, index.epoch(tenant.0)?))).await?;
        if position > head.hit_id || epoch != head.epoch {
            if epoch == head.epoch {
                // The database was restored from a backup.
                tracing::warn!(tenant.id = tenant.0, "the event index is ahead of the database; built again");
            }
            let epoch = head.epoch;
            self.blocking(move |index| index.begin(tenant.0, epoch)).await?;
            position = 0;
        }
        while position < head.hit_id {
            let hits = self.0.store.hits_after(tenant, position, head.hit_id, PAGE).await?;
            // The last ones may have expired.
            position = hits.last().map_or(head.hit_id, |hit| hit.id);
            self.blocking(move |index| {
                let rows: Vec<Row> = hits.into_iter().map(row_of).collect();
                index.append(tenant.0, &rows)?;
                index.advance(tenant.0, position)
            })
            .await?;
        }
        let seen = self.blocking(move |index| index.seen(tenant.0)).await?;
        if seen.purged_before != Some(head.purged_before) {
            self.leave_removed(tenant, head.purged_before).await?;
        }
        if seen.changes != Some(head.changes) {
            let changed = self.0.store.changed_hits(tenant).await?;
            self.blocking(move |index| {
                let changes: Vec<_> = changed
                    .iter()
                    .map(|hit| (hit.id, mark_of(hit.state.as_deref()), hit.vuln_id.unwrap_or_default()))
                    .collect();
                index.set_changes(tenant.0, head.changes, &changes)
            })
            .await?;
        }
        Ok(())
    }

    /// Leaves out attacks that the database removed because they ended before a moment. The index has every hit that was
    /// there then, so it knows which may be meant; which of them are still there only the database knows.
    async fn leave_removed(&self, tenant: TenantId, purged_before: i64) -> Result<(), FollowError> {
        let until_ms = purged_before.saturating_mul(1000);
        let ended = self.blocking(move |index| index.ended_before(tenant.0, until_ms)).await?;
        let left = self.0.store.attacks_left(tenant, &ended).await?;
        let removed: Vec<i64> = ended.into_iter().filter(|attack| !left.contains(attack)).collect();
        self.blocking(move |index| index.remove_attacks(tenant.0, purged_before, &removed)).await
    }

    async fn blocking<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Index) -> Result<R, IndexError> + Send + 'static,
    ) -> Result<R, FollowError> {
        let shared = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || work(&shared.index)).await;
        Ok(done.map_err(|_| FollowError::Stopped)??)
    }

    fn follower(&self, tenant: TenantId) -> Arc<Mutex<()>> {
        let mut followers = self.0.followers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(followers.entry(tenant).or_default())
    }

    /// Removes the file of a tenant.
    async fn remove(&self, tenant: TenantId) -> Result<(), FollowError> {
        let _alone = self.follower(tenant).lock_owned().await;
        self.blocking(move |index| index.forget(tenant.0)).await
    }

    /// Brings every tenant up to date.
    async fn catch_up_all(&self) -> Result<(), FollowError> {
        // Files first: whoever has one had a head before.
        let files = self.blocking(Index::tenants).await?;
        let heads = self.0.store.event_heads().await?;
        for tenant in files {
            if heads.binary_search_by_key(&tenant, |head| head.client_id).is_err() {
                // Deleted, perhaps by another process or just before this one ended.
                self.remove(TenantId(tenant)).await?;
            }
        }
        for head in heads {
            self.catch_up(TenantId(head.client_id)).await?;
        }
        Ok(())
    }

    /// Builds the index anew from the database.
    ///
    /// # Errors
    /// What stopped it.
    pub async fn rebuild(&self) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
        let mut rows = 0;
        for head in self.0.store.event_heads().await? {
            let tenant = TenantId(head.client_id);
            self.remove(tenant).await?;
            self.catch_up(tenant).await?;
            rows += self.blocking(move |index| index.rows(tenant.0)).await? as u64;
        }
        self.blocking(Index::flush).await?;
        Ok(rows)
    }

    /// Writes what the files lack: a start then reads less from the database.
    async fn flush(&self) {
        if let Err(error) = self.blocking(Index::flush).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the event index was not written");
        }
    }

    /// Writes what the files lack and lets go of them, before the process ends.
    pub async fn close(&self) {
        if let Err(error) = self.blocking(Index::close).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the event index was not written");
        }
    }
}

/// Follows the database while the process runs.
pub async fn follow(cloud: Cloud) {
    let mut flush = tokio::time::interval(FLUSH_EVERY);
    flush.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let index = &cloud.event_index;
    loop {
        tokio::select! {
            _ = flush.tick() => {
                index.flush().await;
                continue;
            }
            _ = look.tick() => {}
            () = index.0.missed.notified() => tokio::time::sleep(GATHER).await,
        }
        if let Err(error) = index.catch_up_all().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the event index is behind");
        }
    }
}

/// What a question is told about an index that cannot answer.
fn failure(error: FollowError) -> Failure {
    let error = match error {
        FollowError::Store(error) => return error.into(),
        FollowError::Index(error) => error,
        FollowError::Stopped => return ApiError::internal().into(),
    };
    tracing::error!(error = &error as &dyn std::error::Error, "event index");
    match error {
        // A full disk, most of the time: it passes.
        IndexError::Io { .. } => unavailable("The event index cannot be written now"),
        IndexError::Corrupt { .. } => busy(),
        _ => ApiError::internal().into(),
    }
}

fn busy() -> Failure {
    unavailable("The event index is being built")
}

fn unavailable(text: &str) -> Failure {
    Failure(ApiError { status: StatusCode::SERVICE_UNAVAILABLE, body: text.into(), retry_after_s: Some(5) })
}

fn mark_of(state: Option<&str>) -> Mark {
    match state {
        Some("falsepositive") => Mark::False,
        Some("truepositive") => Mark::True,
        _ => Mark::None,
    }
}
