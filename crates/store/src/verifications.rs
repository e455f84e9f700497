//! The queue of active verification.
//!
//! A row waits until its host is free. Who works on a row holds the host: a claim moves the time at which it is free
//! ahead, so that of any number of processes only one asks a host at a time, and one that dies leaves it to the others.
//! What it found is noted only while it still holds the host.

use sea_orm::{
    ActiveValue::NotSet,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict, Query},
};

use crate::{
    Store, StoreError, TenantId,
    entity::{
        attack, client, hit, hit_raw,
        verification::{Column, Entity, Model},
        verification_callback, verification_host, verification_missed_call, vuln,
    },
};

/// Waits or is being worked on.
pub const PENDING: &str = "pending";
/// Ended.
pub const DONE: &str = "done";

/// Queues a row; false when the same thing waits already. Its `id` is ignored.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn enqueue<C: ConnectionTrait>(connection: &C, row: Model) -> Result<bool, StoreError> {
    let mut row = row.into_active_model();
    row.id = NotSet;
    let inserted = Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(connection)
        .await?;
    Ok(inserted > 0)
}

/// Lets what waits for an attack go first, because somebody asked for it.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn hurry<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    attack_id: i64,
    now_ms: i64,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::Forced, Expr::val(true))
        .col_expr(Column::DueMs, Expr::val(now_ms))
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::AttackId.eq(attack_id))
        .filter(Column::VulnId.is_null())
        .filter(Column::State.eq(PENDING))
        .exec(connection)
        .await?;
    Ok(())
}

/// Makes what waits for an attack wait no longer.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn cancel<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    attack_id: i64,
    now: i64,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::State, Expr::val(DONE))
        .col_expr(Column::Outcome, Expr::val(Some("skipped")))
        .col_expr(Column::FinishedAt, Expr::val(Some(now)))
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::AttackId.eq(attack_id))
        .filter(Column::VulnId.is_null())
        .filter(Column::State.eq(PENDING))
        .exec(connection)
        .await?;
    Ok(())
}

/// Notes that requests are sent now.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn start<C: ConnectionTrait>(connection: &C, row: &Model, now: i64) -> Result<(), StoreError> {
    of(row).col_expr(Column::StartedAt, Expr::val(Some(now))).exec(connection).await?;
    Ok(())
}

/// Ends a row; false when it was ended meanwhile.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn finish<C: ConnectionTrait>(
    connection: &C,
    row: &Model,
    outcome: &str,
    now: i64,
) -> Result<bool, StoreError> {
    let done = of(row)
        .col_expr(Column::State, Expr::val(DONE))
        .col_expr(Column::Outcome, Expr::val(Some(outcome)))
        .col_expr(Column::FinishedAt, Expr::val(Some(now)))
        .exec(connection)
        .await?;
    Ok(done.rows_affected > 0)
}

/// Lets a row wait for another time.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn postpone<C: ConnectionTrait>(
    connection: &C,
    row: &Model,
    due_ms: i64,
    misses: i64,
) -> Result<(), StoreError> {
    of(row)
        .col_expr(Column::DueMs, Expr::val(due_ms))
        .col_expr(Column::Misses, Expr::val(misses))
        .exec(connection)
        .await?;
    Ok(())
}

fn of(row: &Model) -> sea_orm::UpdateMany<Entity> {
    Entity::update_many()
        .filter(Column::Id.eq(row.id))
        .filter(Column::ClientId.eq(row.client_id))
        .filter(Column::State.eq(PENDING))
}

/// Verifications of a tenant that sent requests since a moment.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn started_since<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    since: i64,
) -> Result<u64, StoreError> {
    Ok(Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::StartedAt.gte(since))
        .count(connection)
        .await?)
}

/// The attack of the last verification that found a vulnerability.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn attack_of_vuln<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    vuln_id: i64,
) -> Result<Option<attack::Model>, StoreError> {
    let found = Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::VulnId.eq(vuln_id))
        .order_by_desc(Column::Id)
        .one(connection)
        .await?;
    let Some(found) = found else { return Ok(None) };
    Ok(attack::Entity::find_by_id(found.attack_id)
        .filter(attack::Column::ClientId.eq(tenant.0))
        .one(connection)
        .await?)
}

/// Gives the finished row of an attack the vulnerability that it found, so that later checks know what to replay.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn set_vuln<C: ConnectionTrait>(
    connection: &C,
    row: &Model,
    vuln_id: i64,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::VulnId, Expr::val(Some(vuln_id)))
        .filter(Column::Id.eq(row.id))
        .filter(Column::ClientId.eq(row.client_id))
        .exec(connection)
        .await?;
    Ok(())
}

/// Attacks on these hosts since a moment that nobody verified yet, newest first; none of a group that was verified
/// since then, and none of a source, which is of many places.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn unverified<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    (kinds, domains): (&[&str], &[&str]),
    since: i64,
    limit: u64,
) -> Result<Vec<attack::Model>, StoreError> {
    use attack::{Column as A, Entity as Attacks};
    let known = Query::select()
        .column(Column::GroupKey)
        .from(Entity)
        .and_where(Column::ClientId.eq(tenant.0))
        .and_where(Column::CreatedAt.gte(since))
        .to_owned();
    Ok(Attacks::find()
        .filter(A::ClientId.eq(tenant.0))
        .filter(A::LastTime.gte(since))
        .filter(A::Kind.is_in(kinds.iter().copied()))
        .filter(A::Domain.is_in(domains.iter().copied()))
        .filter(A::RecheckStatus.is_null())
        .filter(A::State.is_null())
        .filter(A::GroupKey.not_like("ip:%"))
        .filter(A::GroupKey.not_in_subquery(known))
        .order_by_desc(A::LastTime)
        .order_by_desc(A::Id)
        .limit(limit)
        .all(connection)
        .await?)
}

/// Vulnerabilities that are to be checked again: those that somebody asked for, and where `stale` is given those found
/// by verification and not checked since then.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn vulns_to_check<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    stale: i64,
    limit: u64,
) -> Result<Vec<vuln::Model>, StoreError> {
    use vuln::{Column as V, Entity as Vulns};
    let waiting = Query::select()
        .column(Column::VulnId)
        .from(Entity)
        .and_where(Column::ClientId.eq(tenant.0))
        .and_where(Column::State.eq(PENDING))
        .and_where(Column::VulnId.is_not_null())
        .to_owned();
    let due = Condition::any().add(V::RecheckRequestedAt.is_not_null()).add(
        Condition::all()
            .add(V::VulnRecheckType.eq("auto"))
            .add(V::Status.eq("open"))
            .add(V::LastCheck.lt(stale)),
    );
    Ok(Vulns::find()
        .filter(V::ClientId.eq(tenant.0))
        .filter(V::VulnRecheckType.is_not_null())
        .filter(V::Status.ne("falsepositive"))
        .filter(due)
        .filter(V::Id.not_in_subquery(waiting))
        .order_by_asc(V::Id)
        .limit(limit)
        .all(connection)
        .await?)
}

/// The last hits of an attack with their serialised requests.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn seeds<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    attack_id: i64,
    limit: u64,
) -> Result<Vec<(hit::Model, serde_json::Value)>, StoreError> {
    let hits = hit::Entity::find()
        .filter(hit::Column::ClientId.eq(tenant.0))
        .filter(hit::Column::AttackId.eq(attack_id))
        .order_by_desc(hit::Column::Id)
        .limit(limit)
        .all(connection)
        .await?;
    let mut seeds = Vec::with_capacity(hits.len());
    for hit in hits {
        let raw = hit_raw::Entity::find_by_id(hit.id)
            .filter(hit_raw::Column::ClientId.eq(tenant.0))
            .one(connection)
            .await?;
        seeds.extend(raw.map(|raw| (hit, raw.raw.0)));
    }
    Ok(seeds)
}

/// The calls by which a vulnerability showed, newest first.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn callbacks_of_vuln<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    vuln_id: i64,
    limit: u64,
) -> Result<Vec<verification_callback::Model>, StoreError> {
    use verification_callback::{Column as C, Entity as Callbacks};
    let of_vuln = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::ClientId.eq(tenant.0))
        .and_where(Column::VulnId.eq(vuln_id))
        .to_owned();
    Ok(Callbacks::find()
        .filter(C::ClientId.eq(tenant.0))
        .filter(C::VerificationId.in_subquery(of_vuln))
        .order_by_desc(C::CalledAt)
        .order_by_asc(C::Token)
        .limit(limit)
        .all(connection)
        .await?)
}

impl Store {
    /// Notes the call of a token that a verification made; its tenant is that of the verification. Of calls of one token
    /// the first one counts, and none of a verification that waits no more.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn note_callback(&self, mut call: verification_callback::Model) -> Result<(), StoreError> {
        let waiting = Entity::find_by_id(call.verification_id).filter(Column::State.eq(PENDING));
        let Some(verification) = waiting.one(self.writer()).await? else { return Ok(()) };
        call.client_id = verification.client_id;
        verification_callback::Entity::insert(call.into_active_model())
            .on_conflict(OnConflict::column(verification_callback::Column::Token).do_nothing().to_owned())
            .exec_without_returning(self.writer())
            .await?;
        Ok(())
    }

    /// A call of one of these tokens, if there was one.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn callback_of(
        &self,
        tenant: TenantId,
        tokens: &[&str],
    ) -> Result<Option<verification_callback::Model>, StoreError> {
        use verification_callback::{Column as C, Entity as Callbacks};
        Ok(Callbacks::find()
            .filter(C::ClientId.eq(tenant.0))
            .filter(C::Token.is_in(tokens.iter().copied()))
            .order_by_asc(C::CalledAt)
            .order_by_asc(C::Token)
            .one(self.reader())
            .await?)
    }

    /// Calls that any process may have missed.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn missed_calls(&self) -> Result<i64, StoreError> {
        let row = verification_missed_call::Entity::find().one(self.reader()).await?;
        Ok(row.map_or(0, |row| row.number))
    }

    /// Tells all processes of calls that this one may have missed.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn note_missed_calls(&self, more: i64) -> Result<(), StoreError> {
        use verification_missed_call::{Column, Entity};
        Entity::update_many()
            .col_expr(Column::Number, Expr::col(Column::Number).add(more))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Tenants that let something be verified. The worker serves all of them.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn verifying_clients(&self) -> Result<Vec<client::Model>, StoreError> {
        use client::Column as C;
        let on = Condition::any().add(C::AttackRecheckerMode.eq("on")).add(C::VulnRecheckerMode.eq("on"));
        Ok(client::Entity::find()
            .filter(on)
            .filter(C::Enabled.eq(true))
            .filter(C::DeletedAt.is_null())
            .order_by_asc(C::Id)
            .all(self.reader())
            .await?)
    }

    /// Rows that are due on hosts that nobody asks now, oldest first. The worker serves all tenants.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn due_verifications(&self, now_ms: i64, limit: u64) -> Result<Vec<Model>, StoreError> {
        let busy = Query::select()
            .column(verification_host::Column::Host)
            .from(verification_host::Entity)
            .and_where(verification_host::Column::FreeAtMs.gt(now_ms))
            .to_owned();
        Ok(Entity::find()
            .filter(Column::State.eq(PENDING))
            .filter(Column::DueMs.lte(now_ms))
            .filter(Column::Host.not_in_subquery(busy))
            .order_by_asc(Column::DueMs)
            .order_by_asc(Column::Id)
            .limit(limit)
            .all(self.reader())
            .await?)
    }

    /// Takes a host until a moment, which names the lease; false when somebody else has it.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn lease_verification_host(
        &self,
        host: &str,
        now_ms: i64,
        until_ms: i64,
    ) -> Result<bool, StoreError> {
        use verification_host::{Column, Entity, Model};
        let taken = Entity::update_many()
            .col_expr(Column::FreeAtMs, Expr::val(until_ms))
            .filter(Column::Host.eq(host))
            .filter(Column::FreeAtMs.lte(now_ms))
            .exec(self.writer())
            .await?;
        if taken.rows_affected > 0 {
            return Ok(true);
        }
        let row = Model { host: host.to_owned(), free_at_ms: until_ms };
        let inserted = Entity::insert(row.into_active_model())
            .on_conflict(OnConflict::column(Column::Host).do_nothing().to_owned())
            .exec_without_returning(self.writer())
            .await?;
        Ok(inserted > 0)
    }

    /// A row as it is now, if it still waits and is due.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn still_due_verification(
        &self,
        row: &Model,
        now_ms: i64,
    ) -> Result<Option<Model>, StoreError> {
        Ok(Entity::find_by_id(row.id)
            .filter(Column::State.eq(PENDING))
            .filter(Column::DueMs.lte(now_ms))
            .one(self.writer())
            .await?)
    }

    /// Removes what ended before a moment, Unix seconds, but two of each vulnerability: the last, which later checks
    /// replay, and the last that a call showed, without which a check that brings none would be taken for a proof that
    /// the flaw is gone. Housekeeping: it knows no tenant.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn purge_verifications(&self, before: i64) -> Result<(), StoreError> {
        let last = Query::select()
            .expr(Column::Id.max())
            .from(Entity)
            .and_where(Column::State.eq(DONE))
            .and_where(Column::VulnId.is_not_null())
            .group_by_col(Column::VulnId)
            .to_owned();
        let called = Query::select()
            .column(verification_callback::Column::VerificationId)
            .from(verification_callback::Entity)
            .to_owned();
        let last_called = last.clone().and_where(Column::Id.in_subquery(called)).to_owned();
        let is_not_needed = Condition::any().add(Column::VulnId.is_null()).add(
            Condition::all()
                .add(Column::Id.not_in_subquery(last))
                .add(Column::Id.not_in_subquery(last_called)),
        );
        Entity::delete_many()
            .filter(Column::State.eq(DONE))
            .filter(Column::FinishedAt.lt(before))
            .filter(is_not_needed)
            .exec(self.writer())
            .await?;
        // What no verification is left of shows nothing any more.
        let left = Query::select().column(Column::Id).from(Entity).to_owned();
        verification_callback::Entity::delete_many()
            .filter(verification_callback::Column::CalledAt.lt(before))
            .filter(verification_callback::Column::VerificationId.not_in_subquery(left))
            .exec(self.writer())
            .await?;
        verification_host::Entity::delete_many()
            .filter(verification_host::Column::FreeAtMs.lt(before.saturating_mul(1000)))
            .exec(self.writer())
            .await?;
        Ok(())
    }
}

/// Gives a host back, to be asked again from a moment on; false when the lease was lost to another process. In the
/// transaction that notes what was found.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn release_host<C: ConnectionTrait>(
    connection: &C,
    host: &str,
    lease_ms: i64,
    free_at_ms: i64,
) -> Result<bool, StoreError> {
    use verification_host::{Column, Entity};
    let released = Entity::update_many()
        .col_expr(Column::FreeAtMs, Expr::val(free_at_ms))
        .filter(Column::Host.eq(host))
        .filter(Column::FreeAtMs.eq(lease_ms))
        .exec(connection)
        .await?;
    Ok(released.rows_affected > 0)
}
