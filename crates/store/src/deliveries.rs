//! The outbox: notifications on their way to integrations.
//!
//! A row is written in the transaction of what it tells of. Workers of any number of cloud processes claim
//! rows that are due: PostgreSQL skips what another one holds, SQLite has one writer. A claim moves the due time
//! ahead instead of holding a lock, so a worker that dies leaves its rows to the others. A receiver that fails has a
//! pause, so that what waits for it takes no room from the other receivers of its tenant.

use sea_orm::{
    ActiveModelTrait,
    ActiveValue::NotSet,
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, LockBehavior, LockType, OnConflict, SelectStatement},
};

use crate::{
    Store, StoreError, TenantId,
    entity::{
        delivery::{Column, Entity, Model},
        delivery_hour, delivery_pause, integration,
    },
    fair::{Share, first_of_each_receiver},
};

/// Waiting for an attempt.
pub const PENDING: &str = "pending";
/// Taken by the receiver.
pub const DELIVERED: &str = "delivered";
/// Given up.
pub const DEAD: &str = "dead";

/// How an attempt went.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// State afterwards: [`PENDING`], [`DELIVERED`] or [`DEAD`].
    pub state: &'static str,
    /// When to try next, Unix milliseconds.
    pub due_ms: i64,
    /// Now, Unix seconds.
    pub now: i64,
    /// HTTP status that came back.
    pub status: Option<i64>,
    /// What went wrong.
    pub error: Option<String>,
    /// Whether it says anything of the receiver.
    pub counts: bool,
}

/// Puts notifications into the outbox; their ids are ignored.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn enqueue<C: ConnectionTrait>(connection: &C, rows: Vec<Model>) -> Result<(), StoreError> {
    for row in rows {
        let mut row = row.into_active_model();
        row.id = NotSet;
        row.insert(connection).await?;
    }
    Ok(())
}

/// Most notifications that go out together.
const MOST_TOGETHER: u64 = 100;

/// How many notifications may be on their way, and how many are.
#[derive(Clone, Debug)]
pub struct Room {
    /// In all, besides those that are.
    pub all: u64,
    /// Of each tenant.
    pub of_tenant: i64,
    /// Of each integration.
    pub of_integration: i64,
    /// Those that are: tenants, with how many each.
    pub tenants: Vec<(i64, i64)>,
    /// Those that are: integrations, with how many each.
    pub integrations: Vec<(i64, i64)>,
}

impl Room {
    /// Tenants that there is no room for.
    fn full_tenants(&self) -> impl Iterator<Item = i64> + '_ {
        self.tenants.iter().filter(|(_, count)| *count >= self.of_tenant).map(|(id, _)| *id)
    }

    /// Integrations that there is no room for.
    fn full(&self) -> impl Iterator<Item = i64> + '_ {
        let full = |(_, count): &&(i64, i64)| *count >= self.of_integration;
        self.integrations.iter().filter(full).map(|(id, _)| *id)
    }
}

/// Claims due notifications that there is room for, oldest first, none of integrations that have a pause: until `lease_ms`
/// nobody else gets them. Each comes with the others of its batch, if it has one.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn claim(
    transaction: &DatabaseTransaction,
    now_ms: i64,
    lease_ms: i64,
    room: &Room,
) -> Result<Vec<Vec<Model>>, StoreError> {
    let is_due = Expr::col(Column::State)
        .eq(PENDING)
        .and(Expr::col(Column::DueMs).lte(now_ms))
        .and(Expr::col(Column::IntegrationId).is_not_in(room.full()))
        .and(Expr::col(Column::IntegrationId).not_in_subquery(paused(now_ms)));
    let of_tenant = Share { most: room.of_tenant, at_work: &room.tenants };
    let of_integration = Share { most: room.of_integration, at_work: &room.integrations };
    let shares = (&of_tenant, &of_integration);
    let first = first_of_each_receiver("deliveries", "integration_id", "due_ms", is_due, shares);
    let due = Entity::find()
        .filter(Column::Id.in_subquery(first))
        // Again on the row itself: another process may have claimed it while this one waited.
        .filter(Column::State.eq(PENDING))
        .filter(Column::DueMs.lte(now_ms))
        .order_by_asc(Column::DueMs)
        .order_by_asc(Column::Id)
        .limit(room.all)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(transaction)
        .await?;
    let mut claimed: Vec<Vec<Model>> = Vec::new();
    for row in due {
        // With an earlier one of its batch.
        if claimed.iter().flatten().any(|other| other.id == row.id) {
            continue;
        }
        let together = match row.batch_until {
            Some(until) => batch(transaction, &row, until, now_ms).await?,
            None => vec![row],
        };
        Entity::update_many()
            .col_expr(Column::DueMs, Expr::val(lease_ms))
            .filter(Column::Id.is_in(together.iter().map(|row| row.id)))
            .exec(transaction)
            .await?;
        claimed.push(together);
    }
    Ok(claimed)
}

/// Integrations with a pause.
fn paused(now_ms: i64) -> SelectStatement {
    use delivery_pause::{Column, Entity};
    let paused = Entity::find().select_only().column(Column::IntegrationId);
    paused.filter(Column::UntilMs.gt(now_ms)).into_query()
}

/// Notes an attempt that failed, and gives the integration a pause of as many milliseconds as `pause_ms` says for the
/// attempts that failed in a row before it.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn pause<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    integration_id: i64,
    now_ms: i64,
    pause_ms: impl FnOnce(i64) -> i64,
) -> Result<(), StoreError> {
    use delivery_pause::{Column, Entity, Model};
    let before = Entity::find_by_id(integration_id).one(connection).await?.map_or(0, |row| row.failures);
    let until_ms = now_ms + pause_ms(before);
    let row = Model { integration_id, client_id: tenant.0, failures: before + 1, until_ms };
    Entity::insert(row.into_active_model())
        .on_conflict(
            OnConflict::column(Column::IntegrationId)
                .update_columns([Column::Failures, Column::UntilMs])
                .to_owned(),
        )
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Ends the pause of an integration, and forgets how often it failed.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn resume<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    integration_id: i64,
) -> Result<(), StoreError> {
    use delivery_pause::{Column, Entity};
    Entity::delete_many()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::IntegrationId.eq(integration_id))
        .exec(connection)
        .await?;
    Ok(())
}

/// A notification and those after it that are due, of the same batch.
async fn batch(
    transaction: &DatabaseTransaction,
    first: &Model,
    until: i64,
    now_ms: i64,
) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .filter(Column::ClientId.eq(first.client_id))
        .filter(Column::IntegrationId.eq(first.integration_id))
        .filter(Column::NotificationType.eq(first.notification_type.as_str()))
        .filter(Column::BatchUntil.eq(until))
        .filter(Column::State.eq(PENDING))
        .filter(Column::DueMs.lte(now_ms))
        .filter(Column::Id.gte(first.id))
        .order_by_asc(Column::Id)
        .limit(MOST_TOGETHER)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(transaction)
        .await?)
}

/// Whether anything is due that there is room for: a look without a lock, so that idle workers do not write. It asks for
/// one notification of each integration, however many wait for one that has a pause.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn any_due(store: &Store, now_ms: i64, room: &Room) -> Result<bool, StoreError> {
    use integration::Column as Of;
    let due = Entity::find()
        .select_only()
        .expr(Expr::val(1))
        .filter(Expr::col((Entity, Column::IntegrationId)).equals((integration::Entity, Of::Id)))
        .filter(Column::State.eq(PENDING))
        .filter(Column::DueMs.lte(now_ms))
        .into_query();
    let ready = integration::Entity::find()
        .select_only()
        .column(Of::Id)
        .filter(Of::Id.is_not_in(room.full()))
        .filter(Of::ClientId.is_not_in(room.full_tenants()))
        .filter(Of::Id.not_in_subquery(paused(now_ms)))
        .filter(Expr::exists(due))
        .into_tuple::<i64>();
    Ok(ready.one(store.reader()).await?.is_some())
}

/// Notes how an attempt went: on the notifications that went out together, and once in the statistics of their
/// integration.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn settle<C: ConnectionTrait>(
    connection: &C,
    rows: &[Model],
    attempt: &Attempt,
) -> Result<(), StoreError> {
    let Some(first) = rows.first() else { return Ok(()) };
    let finished = (attempt.state != PENDING).then_some(attempt.now);
    Entity::update_many()
        .col_expr(Column::State, Expr::val(attempt.state))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .col_expr(Column::DueMs, Expr::val(attempt.due_ms))
        .col_expr(Column::FinishedAt, Expr::val(finished))
        .col_expr(Column::LastStatus, Expr::val(attempt.status))
        .col_expr(Column::LastError, Expr::val(attempt.error.clone()))
        .filter(Column::Id.is_in(rows.iter().map(|row| row.id)))
        .filter(Column::ClientId.eq(first.client_id))
        .filter(Column::State.eq(PENDING))
        .exec(connection)
        .await?;
    if attempt.counts { count(connection, first, attempt).await } else { Ok(()) }
}

async fn count<C: ConnectionTrait>(connection: &C, row: &Model, attempt: &Attempt) -> Result<(), StoreError> {
    use delivery_hour::{Column, Entity, Model};
    let delivered = i64::from(attempt.state == DELIVERED);
    let hour = Model {
        integration_id: row.integration_id,
        hour: attempt.now / 3600,
        client_id: row.client_id,
        delivered,
        failed: 1 - delivered,
    };
    let own = |column: Column| Expr::col((Entity, column));
    Entity::insert(hour.into_active_model())
        .on_conflict(
            OnConflict::columns([Column::IntegrationId, Column::Hour])
                .value(Column::Delivered, own(Column::Delivered).add(delivered))
                .value(Column::Failed, own(Column::Failed).add(1 - delivered))
                .to_owned(),
        )
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Attempts of an integration since an hour (Unix seconds / 3600): delivered and failed.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn attempts_since<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    integration_id: i64,
    hour: i64,
) -> Result<(i64, i64), StoreError> {
    use delivery_hour::{Column, Entity};
    let hours = Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::IntegrationId.eq(integration_id))
        .filter(Column::Hour.gte(hour))
        .all(connection)
        .await?;
    Ok(hours.iter().fold((0, 0), |(good, bad), hour| (good + hour.delivered, bad + hour.failed)))
}

/// Notifications of an integration, newest first.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn list<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    integration_id: i64,
    state: Option<&str>,
    offset: u64,
    limit: u64,
) -> Result<Vec<Model>, StoreError> {
    let mut wanted =
        Condition::all().add(Column::ClientId.eq(tenant.0)).add(Column::IntegrationId.eq(integration_id));
    if let Some(state) = state {
        wanted = wanted.add(Column::State.eq(state));
    }
    Ok(Entity::find()
        .filter(wanted)
        .order_by_desc(Column::Id)
        .offset(offset)
        .limit(limit)
        .all(connection)
        .await?)
}

/// Makes a dead notification pending again, its attempts forgotten. False when it is not dead or not there, or of the kind `but`.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn revive<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    integration_id: i64,
    id: i64,
    but: Option<&str>,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let mut update = Entity::update_many();
    if let Some(kind) = but {
        update = update.filter(Column::NotificationType.ne(kind));
    }
    let done = update
        .col_expr(Column::State, Expr::val(PENDING))
        .col_expr(Column::Attempts, Expr::val(0))
        .col_expr(Column::DueMs, Expr::val(now_ms))
        .col_expr(Column::FinishedAt, Expr::val(None::<i64>))
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::IntegrationId.eq(integration_id))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(DEAD))
        .exec(connection)
        .await?;
    Ok(done.rows_affected > 0)
}

/// Gives up what waits for an integration that gets nothing any more.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn give_up<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    integration_id: i64,
    reason: &str,
    now: i64,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::State, Expr::val(DEAD))
        .col_expr(Column::FinishedAt, Expr::val(Some(now)))
        .col_expr(Column::LastError, Expr::val(Some(reason.to_owned())))
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::IntegrationId.eq(integration_id))
        .filter(Column::State.eq(PENDING))
        .exec(connection)
        .await?;
    Ok(())
}

impl Store {
    /// Removes what was delivered before `delivered` and given up before `dead`, statistics and pauses before `hour`.
    /// Housekeeping: it knows no tenant.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn purge_deliveries(&self, delivered: i64, dead: i64, hour: i64) -> Result<(), StoreError> {
        for (state, before) in [(DELIVERED, delivered), (DEAD, dead)] {
            Entity::delete_many()
                .filter(Column::State.eq(state))
                .filter(Column::FinishedAt.lt(before))
                .exec(self.writer())
                .await?;
        }
        delivery_hour::Entity::delete_many()
            .filter(delivery_hour::Column::Hour.lt(hour))
            .exec(self.writer())
            .await?;
        // Of integrations that were deleted while something was on its way to them.
        delivery_pause::Entity::delete_many()
            .filter(delivery_pause::Column::UntilMs.lt(hour * 3_600_000))
            .exec(self.writer())
            .await?;
        Ok(())
    }
}
