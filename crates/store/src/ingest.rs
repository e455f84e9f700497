//! Writing events: everything that one batch changes, inside the transaction of its caller.
//!
//! Writers of one tenant's events take turns ([`lock`]), so that what a batch reads (known events, open
//! attacks, applications) stays true until it commits. Rows go in by bulk statements, each far below the
//! 32,766 bound values that SQLite allows.

use std::collections::HashSet;

use sea_orm::{
    ActiveValue::NotSet, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QuerySelect, sea_query::Query,
};

use crate::{
    StoreError, TenantId,
    bulk::{padded, take_numbers},
    entity, event_index,
};

mod rows;

/// Rows or values of one statement.
const ROWS: usize = 512;
/// How long requests without their hits are found by their ids, seconds: a flood leaves many, and counts nothing.
pub const KEPT_DROPPED_S: i64 = 7 * 86_400;
/// High half of the advisory lock of a tenant's events.
const LOCK_CLASS: i64 = 0x4556_0000 << 32;

/// Whether a batch is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchState {
    /// Not seen before.
    New,
    /// The very same content was taken already.
    Repeated,
    /// The id is known, with other content: its events must be looked at one by one.
    Changed,
}

/// Waits until no other transaction writes events of the tenant. SQLite has one writer anyway.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn lock<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<(), StoreError> {
    if connection.get_database_backend() == DbBackend::Postgres {
        let key = LOCK_CLASS | (tenant.0 & 0xffff_ffff);
        connection.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({key})")).await?;
    }
    Ok(())
}

/// Notes a batch. The first statement of the transaction: on SQLite it takes the write lock before any read.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn begin_batch<C: ConnectionTrait>(
    connection: &C,
    batch: entity::event_batch::Model,
) -> Result<BatchState, StoreError> {
    use entity::event_batch::{Column, Entity};
    let inserted = Entity::insert(batch.clone().into_active_model())
        .on_conflict_do_nothing_on([Column::NodeUuid, Column::BatchId])
        .exec_without_returning(connection)
        .await?;
    if matches!(inserted, sea_orm::TryInsertResult::Inserted(rows) if rows > 0) {
        return Ok(BatchState::New);
    }
    let known = Entity::find_by_id((batch.node_uuid, batch.batch_id)).one(connection).await?;
    Ok(match known {
        Some(known) if known.digest == batch.digest => BatchState::Repeated,
        _ => BatchState::Changed,
    })
}

/// Which of these events are stored already.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn known_events<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    ids: &[&str],
) -> Result<HashSet<String>, StoreError> {
    use entity::hit::{Column, Entity};
    let own = || {
        let own = Entity::find().select_only().column(Column::EventId);
        own.filter(Column::ClientId.eq(tenant.0))
    };
    let (Some(first), Some(last)) = (ids.iter().min(), ids.iter().max()) else { return Ok(HashSet::new()) };
    // Nodes make ids that begin with the time, so little lies between the first and the last of a batch, and two values
    // are bound instead of hundreds. PostgreSQL orders texts as its locale does: there first and last say nothing.
    if connection.get_database_backend() == DbBackend::Sqlite {
        let between = own().filter(Column::EventId.between(*first, *last)).limit(ids.len() as u64 + 1);
        let found: Vec<String> = between.into_tuple().all(connection).await?;
        if found.len() <= ids.len() {
            let asked: HashSet<&str> = ids.iter().copied().collect();
            return Ok(found.into_iter().filter(|id| asked.contains(id.as_str())).collect());
        }
    }
    let mut known = HashSet::new();
    for ids in ids.chunks(ROWS) {
        let ids = padded(ids.iter().copied());
        let found: Vec<String> =
            own().filter(Column::EventId.is_in(ids)).into_tuple().all(connection).await?;
        known.extend(found);
    }
    Ok(known)
}

/// Attacks of these groups whose time touches `from..=to`, oldest row first.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn attacks_near<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    groups: &[&str],
    from: i64,
    to: i64,
) -> Result<Vec<entity::attack::Model>, StoreError> {
    use entity::attack::{Column, Entity};
    use sea_orm::QueryOrder;
    let mut attacks = Vec::new();
    for groups in groups.chunks(ROWS) {
        let groups = padded(groups.iter().copied());
        attacks.extend(
            Entity::find()
                .filter(Column::ClientId.eq(tenant.0))
                .filter(Column::GroupKey.is_in(groups))
                .filter(Column::LastTime.gte(from))
                .filter(Column::FirstTime.lte(to))
                .order_by_asc(Column::Id)
                .all(connection)
                .await?,
        );
    }
    Ok(attacks)
}

/// A hit as far as floods of a source are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceHit {
    /// Source.
    pub ip: String,
    /// Unix seconds.
    pub time: i64,
    /// Application.
    pub pool: i64,
    /// Host.
    pub domain: String,
    /// Identical hits that this one stands for.
    pub count: i64,
}

/// Hits of sources within `from..=to` that are of no type in `apart`, the newest `limit`.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn hits_of_sources<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    ips: &[&str],
    apart: &[&str],
    (from, to): (i64, i64),
    limit: u64,
) -> Result<Vec<SourceHit>, StoreError> {
    use entity::hit::{Column, Entity};
    use sea_orm::QueryOrder;
    let mut hits = Vec::new();
    for ips in ips.chunks(ROWS) {
        let left = limit.saturating_sub(hits.len() as u64);
        if left == 0 {
            break;
        }
        let ips = padded(ips.iter().copied());
        let rows: Vec<(String, i64, i64, String, i64)> = Entity::find()
            .select_only()
            .columns([Column::Ip, Column::Time, Column::Pool, Column::Domain, Column::AggregatedCount])
            .filter(Column::ClientId.eq(tenant.0))
            .filter(Column::Time.between(from, to))
            .filter(Column::Ip.is_in(ips))
            .filter(Column::Kind.is_not_in(apart.iter().copied()))
            .order_by_desc(Column::Time)
            .order_by_desc(Column::Id)
            .limit(left)
            .into_tuple()
            .all(connection)
            .await?;
        hits.extend(rows.into_iter().map(|(ip, time, pool, domain, count)| SourceHit {
            ip,
            time,
            pool,
            domain,
            count,
        }));
    }
    Ok(hits)
}

/// Row numbers for so many new attacks.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn attack_numbers<C: ConnectionTrait>(
    connection: &C,
    count: usize,
) -> Result<Vec<i64>, StoreError> {
    take_numbers(connection, "attacks", count).await
}

/// Inserts attacks with numbers of [`attack_numbers`].
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert_attacks<C: ConnectionTrait>(
    connection: &C,
    attacks: Vec<entity::attack::Model>,
) -> Result<(), StoreError> {
    rows::insert_attacks(connection, attacks, "").await
}

/// Gives hits of a tenant their row numbers, in their order, and inserts them with their serialised requests.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert_hits<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    hits: &mut [entity::hit::Model],
    raws: Vec<String>,
) -> Result<(), StoreError> {
    let numbers = take_numbers(connection, "hits", hits.len()).await?;
    for (hit, number) in hits.iter_mut().zip(&numbers) {
        hit.id = *number;
    }
    rows::insert_hits(connection, hits).await?;
    let raws = numbers.iter().copied().zip(raws).map(|(number, raw)| (number, tenant.0, raw));
    rows::insert_raws(connection, raws.collect::<Vec<_>>().into_iter()).await?;
    event_index::advance_heads(connection, numbers.last().map(|last| (tenant, *last))).await
}

/// Writes what hits change on attacks: times, counters, state, and what differs between them. One statement for many: the rows exist, so
/// the insert always meets its conflict.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn update_attacks<C: ConnectionTrait>(
    connection: &C,
    attacks: Vec<entity::attack::Model>,
) -> Result<(), StoreError> {
    const CHANGED: &str = " ON CONFLICT (id) DO UPDATE SET first_time = excluded.first_time, \
        last_time = excluded.last_time, hits = excluded.hits, blocked_hits = excluded.blocked_hits, \
        stored_hits = excluded.stored_hits, false_hits = excluded.false_hits, \
        experimental = excluded.experimental, state = excluded.state, path = excluded.path, \
        kind = excluded.kind, domain = excluded.domain, parameter = excluded.parameter, point = excluded.point, \
        method = excluded.method, methods = excluded.methods, pool = excluded.pool, threat = excluded.threat, changed_at = excluded.changed_at";
    rows::insert_attacks(connection, attacks, CHANGED).await
}

/// Sets events aside; a repeated one is kept once.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn set_aside<C: ConnectionTrait>(
    connection: &C,
    events: Vec<entity::rejected_event::Model>,
) -> Result<(), StoreError> {
    use entity::rejected_event::{Column, Entity};
    for rows in chunks(events) {
        let rows = rows.into_iter().map(|row| {
            let mut row = row.into_active_model();
            row.id = NotSet;
            row
        });
        Entity::insert_many(rows)
            .on_conflict_do_nothing_on([Column::ClientId, Column::NodeUuid, Column::Digest])
            .exec_without_returning(connection)
            .await?;
    }
    Ok(())
}

/// The applications among `ids` that are in use; missing ones are made while the tenant has fewer than
/// `limit`, deleted ones come back.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn ensure_pools<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    ids: &[i64],
    limit: u64,
) -> Result<HashSet<i64>, StoreError> {
    use entity::pool::{Column, Entity};
    use sea_orm::sea_query::Expr;
    let own = || Entity::find().filter(Column::ClientId.eq(tenant.0));
    let (mut live, mut deleted) = (HashSet::new(), Vec::new());
    for ids in ids.chunks(ROWS) {
        for pool in own().filter(Column::Id.is_in(ids.iter().copied())).all(connection).await? {
            if pool.deleted {
                deleted.push(pool.id);
            }
            live.insert(pool.id);
        }
    }
    if !deleted.is_empty() {
        Entity::update_many()
            .col_expr(Column::Deleted, Expr::val(false))
            .filter(Column::ClientId.eq(tenant.0))
            .filter(Column::Id.is_in(deleted))
            .exec(connection)
            .await?;
    }
    let missing: Vec<i64> = ids.iter().copied().filter(|id| !live.contains(id)).collect();
    if missing.is_empty() {
        return Ok(live);
    }
    let room = usize::try_from(limit.saturating_sub(own().count(connection).await?)).unwrap_or(0);
    let made: Vec<i64> = missing.into_iter().take(room).collect();
    for ids in made.chunks(ROWS) {
        let rows = ids.iter().map(|&id| {
            entity::pool::Model {
                client_id: tenant.0,
                id,
                name: format!("Application #{id}"),
                deleted: false,
            }
            .into_active_model()
        });
        // Somebody may make the same one by hand meanwhile.
        Entity::insert_many(rows)
            .on_conflict_do_nothing_on([Column::ClientId, Column::Id])
            .exec_without_returning(connection)
            .await?;
    }
    live.extend(made);
    Ok(live)
}

/// Notes that a node sent events.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn note_upload<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    node_uuid: &str,
    now: i64,
) -> Result<(), StoreError> {
    use entity::node_instance::{Column, Entity};
    use sea_orm::sea_query::Expr;
    Entity::update_many()
        .col_expr(Column::LastEventAt, Expr::val(Some(now)))
        .filter(Column::Uuid.eq(node_uuid))
        .filter(Column::ClientId.eq(tenant.0))
        .exec(connection)
        .await?;
    Ok(())
}

/// The rows in groups that fit one statement.
fn chunks<T>(rows: Vec<T>) -> Vec<Vec<T>> {
    let mut groups = Vec::new();
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        groups.push(rows.by_ref().take(ROWS).collect());
    }
    groups
}

impl crate::Store {
    /// Removes attacks that ended before `events`, with their hits, and what was noted of batches before
    /// `batches` (Unix seconds). Housekeeping: it knows no tenant.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn purge_events(&self, events: i64, batches: i64, now: i64) -> Result<(), StoreError> {
        use entity::{
            attack, dropped_request, event_batch, hit, hit_raw, incident, rejected_event, vuln_proof,
        };
        let transaction = self.begin().await?;
        // The first statement writes: on SQLite it takes the lock before any read.
        event_batch::Entity::delete_many()
            .filter(event_batch::Column::ReceivedAt.lt(batches))
            .exec(&transaction)
            .await?;
        rejected_event::Entity::delete_many()
            .filter(rejected_event::Column::ReceivedAt.lt(events))
            .exec(&transaction)
            .await?;
        dropped_request::Entity::delete_many()
            .filter(dropped_request::Column::ReceivedAt.lt(events.max(now - KEPT_DROPPED_S)))
            .exec(&transaction)
            .await?;
        let attacks = Query::select()
            .column(attack::Column::Id)
            .from(attack::Entity)
            .and_where(attack::Column::LastTime.lt(events))
            .to_owned();
        let hits = Query::select()
            .column(hit::Column::Id)
            .from(hit::Entity)
            .and_where(hit::Column::AttackId.in_subquery(attacks.clone()))
            .to_owned();
        hit_raw::Entity::delete_many()
            .filter(hit_raw::Column::HitId.in_subquery(hits))
            .exec(&transaction)
            .await?;
        hit::Entity::delete_many()
            .filter(hit::Column::AttackId.in_subquery(attacks))
            .exec(&transaction)
            .await?;
        let gone = Query::select()
            .column(attack::Column::Id)
            .from(attack::Entity)
            .and_where(attack::Column::LastTime.lt(events))
            .to_owned();
        incident::Entity::delete_many()
            .filter(incident::Column::AttackId.in_subquery(gone))
            .exec(&transaction)
            .await?;
        vuln_proof::Entity::delete_many()
            .filter(vuln_proof::Column::ReceivedAt.lt(events))
            .exec(&transaction)
            .await?;
        attack::Entity::delete_many().filter(attack::Column::LastTime.lt(events)).exec(&transaction).await?;
        crate::event_index::note_purge(&transaction, None, events, now).await?;
        transaction.commit().await?;
        Ok(())
    }
}
