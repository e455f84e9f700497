//! Proves that what is counted of events agrees with the events, and the index with both: `bartizan admin check-events`.

use std::time::Duration;

use bartizan_events_index::Filter;
use bartizan_store::{
    TenantId,
    event_check::{self as store, EventFault},
};

use crate::{failure::Failure, state::Cloud};

/// How long an index that has to be built first is waited for.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Hits read at a time.
const PAGE: u64 = 50_000;
/// Most rows of a fault that are named.
const NAMED: usize = 20;

/// What was found about one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantEvents {
    /// Tenant.
    pub tenant: TenantId,
    /// Its attacks.
    pub attacks: i64,
    /// Its hits.
    pub hits: i64,
    /// What disagrees; empty when all is well.
    pub faults: Vec<EventFault>,
}

/// Checks the events of every tenant that has any; the index, too, where that is asked for. Events that arrive or expire
/// meanwhile do no harm to the first, but look like faults of the index.
///
/// # Errors
/// 500 when the store fails, 503 when the index cannot be asked.
pub async fn check(cloud: &Cloud, with_index: bool) -> Result<Vec<TenantEvents>, Failure> {
    let mut found = Vec::new();
    for tenant in store::tenants(cloud.store.reader()).await? {
        let mut faults = store::faults(cloud.store.reader(), tenant).await?;
        if with_index {
            faults.extend(index_faults(cloud, tenant).await?);
        }
        let (attacks, hits) = store::size(cloud.store.reader(), tenant).await?;
        found.push(TenantEvents { tenant, attacks, hits, faults });
    }
    Ok(found)
}

/// Hits that only one of database and index has.
async fn index_faults(cloud: &Cloud, tenant: TenantId) -> Result<Vec<EventFault>, Failure> {
    let all = Filter::All(vec![]);
    let indexed =
        cloud.event_index.ask_within(PATIENCE, tenant, move |index| index.matching(tenant.0, &all)).await?;
    let mut indexed: Vec<(i64, i64)> = indexed.into_iter().map(|(time, id)| (id, time)).collect();
    indexed.sort_unstable();
    let (mut missing, mut surplus) = (Vec::new(), Vec::new());
    let mut indexed = indexed.into_iter().peekable();
    let mut after = 0;
    loop {
        let stored = store::hits_after(cloud.store.reader(), tenant, after, PAGE).await?;
        let Some((last, _)) = stored.last().copied() else { break };
        for hit in stored {
            while let Some(row) = indexed.next_if(|row| row.0 < hit.0) {
                surplus.push(row.0);
            }
            // Another time is another hit.
            if indexed.next_if(|row| *row == hit).is_none() {
                missing.push(hit.0);
            }
        }
        after = last;
    }
    surplus.extend(indexed.map(|(id, _)| id));
    let kinds = [("hits that the index lacks", missing), ("hits that only the index has", surplus)];
    Ok(kinds
        .into_iter()
        .filter(|(_, rows)| !rows.is_empty())
        .map(|(what, mut rows)| {
            rows.truncate(NAMED);
            EventFault { what, rows }
        })
        .collect())
}
