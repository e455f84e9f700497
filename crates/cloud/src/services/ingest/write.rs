//! Everything that one batch changes, inside a transaction.

use std::collections::HashSet;

use bartizan_store::{
    TenantId, dropped_requests, entity, event_index, ingest as store, sea_orm::ConnectionTrait,
};

use super::{
    batch::{Batch, NewHit},
    grouping::{Grouping, WINDOW_S, group_key},
    sources,
};
use crate::{
    failure::Failure,
    services::{
        notification,
        trigger::{self, evaluate::Stored},
        vulns::detection,
    },
    state::Cloud,
};

/// What storing a batch changed.
#[derive(Default)]
pub(super) struct Written {
    /// How far the tenant's hits went before the batch, and the hits that are new.
    pub(super) stored: Option<(entity::event_head::Model, Vec<entity::hit::Model>)>,
    /// Whether triggers changed the IP lists.
    pub(super) listed: bool,
}

/// Stores a batch.
///
/// # Errors
/// 500 when the store fails.
pub(super) async fn batch<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    batch: Batch,
) -> Result<Written, Failure> {
    let Batch {
        tenant,
        node_uuid,
        now_ms,
        bytes: _,
        head,
        mut hits,
        whole_groups,
        proofs,
        dropped,
        rejected,
    } = batch;
    let now = now_ms / 1000;
    store::lock(connection, tenant).await?;
    if store::begin_batch(connection, head).await? == store::BatchState::Repeated {
        return Ok(Written::default());
    }
    if whole_groups {
        let keys: Vec<&str> = hits.iter().map(|hit| hit.key.as_str()).collect();
        let known = store::attacks_near(connection, tenant, &keys, i64::MIN, i64::MAX).await?;
        let known: HashSet<String> = known.into_iter().map(|attack| attack.group_key).collect();
        hits.retain(|hit| !known.contains(&hit.key));
    }
    let mut seen = {
        let ids: Vec<&str> = hits.iter().map(|hit| hit.row.event_id.as_str()).collect();
        store::known_events(connection, tenant, &ids).await?
    };
    let fresh: Vec<NewHit> = hits.into_iter().filter(|hit| seen.insert(hit.row.event_id.clone())).collect();
    let mut written = Written::default();
    let mut new_incidents = Vec::new();
    if !fresh.is_empty() {
        let requests: HashSet<String> = fresh.iter().map(|hit| hit.row.request_id.clone()).collect();
        let after = event_index::head(connection, tenant).await?;
        let (hits, listed) = write_hits(cloud, connection, tenant, fresh, now_ms).await?;
        written = Written { stored: Some((after, hits)), listed };
        let requests: Vec<&str> = requests.iter().map(String::as_str).collect();
        new_incidents = detection::link_late(connection, tenant, &requests, now).await?;
    }
    new_incidents.extend(detection::take(connection, tenant, proofs, now).await?);
    trigger::evaluate::incidents(connection, tenant, &new_incidents, now_ms).await?;
    dropped_requests::insert(connection, &dropped).await?;
    if !rejected.is_empty() {
        tracing::warn!(node = %node_uuid, count = rejected.len(), "events set aside");
        store::set_aside(connection, rejected).await?;
    }
    store::note_upload(connection, tenant, &node_uuid, now).await?;
    Ok(written)
}

/// Whether an application may have this number.
pub(super) fn valid_pool(id: i64) -> bool {
    id == -1 || (1..=i64::from(i32::MAX)).contains(&id)
}

/// Makes unknown applications; what cannot be one becomes the default application.
async fn settle_pools<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    tenant: TenantId,
    hits: &mut [NewHit],
) -> Result<(), Failure> {
    let mut asked: Vec<i64> = hits
        .iter()
        .map(|hit| hit.row.pool)
        .filter(|id| valid_pool(*id))
        .collect::<HashSet<_>>()
        .into_iter()
        .collect();
    asked.sort_unstable();
    let live = store::ensure_pools(connection, tenant, &asked, cloud.config.limits.applications).await?;
    for hit in hits.iter_mut().filter(|hit| !live.contains(&hit.row.pool)) {
        hit.row.pool = -1;
        hit.key = group_key(&hit.row);
    }
    Ok(())
}

async fn write_hits<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    tenant: TenantId,
    mut fresh: Vec<NewHit>,
    now_ms: i64,
) -> Result<(Vec<entity::hit::Model>, bool), Failure> {
    settle_pools(cloud, connection, tenant, &mut fresh).await?;
    sources::regroup(connection, tenant, &mut fresh).await?;
    let groups: HashSet<&str> = fresh.iter().map(|hit| hit.key.as_str()).collect();
    let mut groups: Vec<&str> = groups.into_iter().collect();
    groups.sort_unstable();
    let first = fresh.iter().map(|hit| hit.row.time).min().unwrap_or_default();
    let last = fresh.iter().map(|hit| hit.row.time).max().unwrap_or_default();
    let known = store::attacks_near(connection, tenant, &groups, first - WINDOW_S, last + WINDOW_S).await?;
    let mut grouping = Grouping::new(known);
    let homes: Vec<usize> = fresh.iter().map(|hit| grouping.add(&hit.row, &hit.key)).collect();

    let numbers = store::attack_numbers(connection, grouping.new_attacks().len()).await?;
    grouping.number(&numbers);
    store::insert_attacks(connection, grouping.new_attacks().to_vec()).await?;
    store::update_attacks(connection, grouping.changed_attacks().cloned().collect()).await?;
    let mut hits = Vec::with_capacity(fresh.len());
    let mut raws = Vec::with_capacity(fresh.len());
    for (NewHit { mut row, raw, .. }, home) in fresh.into_iter().zip(homes) {
        row.attack_id = grouping.row_of(home);
        hits.push(row);
        raws.push(raw);
    }
    notification::of_hits(connection, tenant, &hits, &raws, now_ms).await?;
    let new_attacks: HashSet<i64> = numbers.into_iter().collect();
    let stored = Stored { hits: &hits, new_attacks: &new_attacks };
    let listed = trigger::evaluate::hits(connection, tenant, &stored, now_ms).await?;
    store::insert_hits(connection, tenant, &mut hits, raws).await?;
    Ok((hits, listed))
}
