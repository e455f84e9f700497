//! Writing events: everything that one batch changes, inside the transaction of its caller.
//!
//! Writers of one tenant's events take turns ([`lock`]), so that what a batch reads (known events, open
//! attacks, applications) stays true until it commits. Rows go in by bulk statements, each far below the
//! 32,766 bound values that SQLite allows.

use std::collections::{HashMap, HashSet};

use sea_orm::{
    ActiveValue::NotSet,
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QuerySelect, QueryTrait,
    sea_query::{OnConflict, Query},
};

use crate::{StoreError, TenantId, entity, event_index};

/// Rows per bulk insert: the widest table has 61 columns.
const ROWS: usize = 500;
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
    let mut known = HashSet::new();
    for ids in ids.chunks(ROWS) {
        let found: Vec<String> = Entity::find()
            .select_only()
            .column(Column::EventId)
            .filter(Column::ClientId.eq(tenant.0))
            .filter(Column::EventId.is_in(ids.iter().copied()))
            .into_tuple()
            .all(connection)
            .await?;
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
        attacks.extend(
            Entity::find()
                .filter(Column::ClientId.eq(tenant.0))
                .filter(Column::GroupKey.is_in(groups.iter().copied()))
                .filter(Column::LastTime.gte(from))
                .filter(Column::FirstTime.lte(to))
                .order_by_asc(Column::Id)
                .all(connection)
                .await?,
        );
    }
    Ok(attacks)
}

/// Inserts attacks and returns their row numbers by public id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert_attacks<C: ConnectionTrait>(
    connection: &C,
    attacks: Vec<entity::attack::Model>,
) -> Result<HashMap<String, i64>, StoreError> {
    use entity::attack::{Column, Entity};
    let mut numbers = HashMap::with_capacity(attacks.len());
    for rows in chunks(attacks) {
        let rows = rows.into_iter().map(|row| {
            let mut row = row.into_active_model();
            row.id = NotSet;
            row
        });
        let mut insert = Entity::insert_many(rows).into_query();
        insert.returning(Query::returning().columns([Column::Id, Column::PublicId]));
        for row in connection.query_all(&insert).await? {
            numbers.insert(row.try_get_by_index(1)?, row.try_get_by_index(0)?);
        }
    }
    Ok(numbers)
}

/// Inserts hits of a tenant and returns their row numbers by event id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert_hits<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    hits: Vec<entity::hit::Model>,
) -> Result<HashMap<String, i64>, StoreError> {
    use entity::hit::{Column, Entity};
    let mut numbers = HashMap::with_capacity(hits.len());
    for rows in chunks(hits) {
        let rows = without_empty_columns(rows);
        let mut insert = Entity::insert_many(rows).into_query();
        insert.returning(Query::returning().columns([Column::Id, Column::EventId]));
        for row in connection.query_all(&insert).await? {
            numbers.insert(row.try_get_by_index(1)?, row.try_get_by_index(0)?);
        }
    }
    event_index::advance_heads(connection, numbers.values().map(|&row| (tenant, row))).await?;
    Ok(numbers)
}

/// Inserts the serialised requests of hits.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert_raws<C: ConnectionTrait>(
    connection: &C,
    raws: Vec<entity::hit_raw::Model>,
) -> Result<(), StoreError> {
    for rows in chunks(raws) {
        let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
        entity::hit_raw::Entity::insert_many(rows).exec_without_returning(connection).await?;
    }
    Ok(())
}

/// Writes what hits change on attacks: times, counters, state and path. One statement for many: the rows exist, so
/// the insert always meets its conflict.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn update_attacks<C: ConnectionTrait>(
    connection: &C,
    attacks: Vec<entity::attack::Model>,
) -> Result<(), StoreError> {
    use entity::attack::{Column, Entity};
    for rows in chunks(attacks) {
        let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
        Entity::insert_many(rows)
            .on_conflict(
                OnConflict::column(Column::Id)
                    .update_columns([
                        Column::FirstTime,
                        Column::LastTime,
                        Column::Hits,
                        Column::BlockedHits,
                        Column::StoredHits,
                        Column::FalseHits,
                        Column::Experimental,
                        Column::State,
                        Column::Path,
                        Column::ChangedAt,
                    ])
                    .to_owned(),
            )
            .exec_without_returning(connection)
            .await?;
    }
    Ok(())
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

/// Rows for one insert, without their numbers and without the columns that are null in all of them: most hits have
/// no session, no specification and so on, and each value costs time.
fn without_empty_columns(rows: Vec<entity::hit::Model>) -> Vec<entity::hit::ActiveModel> {
    use entity::hit::Column;
    use sea_orm::{ActiveModelTrait, Iterable};
    let mut rows: Vec<_> = rows.into_iter().map(IntoActiveModel::into_active_model).collect();
    let nullable = Column::iter().filter(|column| column.def().is_null());
    let is_null = |row: &entity::hit::ActiveModel, column| {
        row.get(column).into_value().is_none_or(|value| value == value.as_null())
    };
    let empty: Vec<Column> = nullable.filter(|column| rows.iter().all(|row| is_null(row, *column))).collect();
    for row in &mut rows {
        row.id = NotSet;
        for column in &empty {
            row.not_set(*column);
        }
    }
    rows
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
    pub async fn purge_events(&self, events: i64, batches: i64) -> Result<(), StoreError> {
        use entity::{attack, event_batch, hit, hit_raw, incident, rejected_event, vuln_proof};
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
        transaction.commit().await?;
        Ok(())
    }
}
