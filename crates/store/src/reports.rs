//! Reports of a period: asked for, made by a worker, kept for a while.

use bartizan_api::filter::{Field, Filter, Kind, Range, Test};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::NotSet,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, Order, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, SimpleExpr},
};

use crate::{
    Store, StoreError, TenantId, Tenants,
    conditions::{self, Place},
    entity::report::{Column, Entity, Model},
};

/// What reports can be filtered by.
pub const FIELDS: &[(Field, Place)] = &[
    (Field::new("id", Kind::Int), Place::Column("id")),
    (Field::new("clientid", Kind::Int), Place::Column("client_id")),
    (Field::new("format", Kind::Text), Place::Column("format")),
    (Field::new("time_from", Kind::Time), Place::Column("time_from")),
    (Field::new("time_to", Kind::Time), Place::Column("time_to")),
    (Field::new("time", Kind::Time), Place::Elsewhere),
    (Field::new("time_range", Kind::Time), Place::Elsewhere),
];

/// What reports are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportOrder {
    /// Id.
    Id,
    /// Tenant.
    Client,
    /// Format.
    Format,
    /// Start of the period.
    From,
    /// End of the period.
    To,
    /// Length of the period.
    Length,
}

impl ReportOrder {
    fn expression(self) -> SimpleExpr {
        match self {
            ReportOrder::Id => Expr::col("id"),
            ReportOrder::Client => Expr::col("client_id"),
            ReportOrder::Format => Expr::col("format"),
            ReportOrder::From => Expr::col("time_from"),
            ReportOrder::To => Expr::col("time_to"),
            ReportOrder::Length => Expr::col("time_to").sub(Expr::col("time_from")),
        }
    }
}

/// A report without its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRow {
    /// Public id.
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Start of its period, Unix seconds.
    pub time_from: i64,
    /// End of its period, Unix seconds.
    pub time_to: i64,
    /// Format.
    pub format: String,
    /// How far it is.
    pub status: String,
    /// Unix seconds.
    pub created_at: i64,
}

/// Reports of tenants that are not expired and pass the filter.
fn condition(tenants: &Tenants, filter: &Filter, now: i64) -> Condition {
    let all = Condition::all().add(tenants.holds("client_id")).add(Column::ExpiresAt.gt(now));
    if filter.clauses.is_empty() {
        return all;
    }
    all.add(filter.clauses.iter().fold(Condition::any(), |any, clause| {
        let start = Condition::all().add(Expr::val(1).eq(1));
        any.add(clause.iter().fold(start, |all, asked| match period_test(asked.field, &asked.test) {
            Some(test) => all.add(if asked.negated { test.not() } else { test }),
            None => {
                let place = FIELDS.iter().find(|(field, _)| field.name == asked.field);
                let test = place.and_then(|(_, place)| conditions::test(place, asked));
                test.map_or(all.clone(), |test| all.add(test))
            }
        }))
    }))
}

/// `time` touches the period, `time_range` covers it.
fn period_test(field: &str, test: &Test) -> Option<Condition> {
    let (first, last) = match field {
        "time" => ("time_to", "time_from"),
        "time_range" => ("time_from", "time_to"),
        _ => return None,
    };
    let Test::Ints(moments, ranges) = test else { return None };
    let moments = moments.iter().map(|time| Range { from: Some(*time), to: Some(*time) });
    let within = |range: Range| {
        let mut all = Condition::all().add(Expr::val(1).eq(1));
        if let Some(from) = range.from {
            all = all.add(Expr::col(first).gte(from));
        }
        if let Some(to) = range.to {
            all = all.add(Expr::col(last).lte(to));
        }
        all
    };
    Some(moments.chain(ranges.iter().copied()).fold(Condition::any(), |any, range| any.add(within(range))))
}

/// Notes a report that was asked for, and returns its id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn create<C: ConnectionTrait>(connection: &C, report: Model) -> Result<i64, StoreError> {
    let mut row = report.into_active_model();
    row.id = NotSet;
    Ok(row.insert(connection).await?.id)
}

impl Store {
    /// How many reports of a tenant wait or are being made.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn waiting_reports(&self, tenant: TenantId) -> Result<u64, StoreError> {
        let waiting = Entity::find()
            .filter(Column::ClientId.eq(tenant.0))
            .filter(Column::Status.is_in(["accepted", "running"]));
        Ok(waiting.count(self.reader()).await?)
    }

    /// A page of reports, without their files; equal ones by id.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn report_list(
        &self,
        tenants: &Tenants,
        filter: &Filter,
        (order, desc): (ReportOrder, bool),
        (offset, limit): (u64, u64),
        now: i64,
    ) -> Result<Vec<ReportRow>, StoreError> {
        let direction = if desc { Order::Desc } else { Order::Asc };
        let rows: Vec<(i64, i64, i64, i64, String, String, i64)> = Entity::find()
            .select_only()
            .columns([
                Column::Id,
                Column::ClientId,
                Column::TimeFrom,
                Column::TimeTo,
                Column::Format,
                Column::Status,
                Column::CreatedAt,
            ])
            .filter(condition(tenants, filter, now))
            .order_by(order.expression(), direction.clone())
            .order_by(Column::Id, direction)
            .offset(offset)
            .limit(limit)
            .into_tuple()
            .all(self.reader())
            .await?;
        let row = |(id, client_id, time_from, time_to, format, status, created_at)| ReportRow {
            id,
            client_id,
            time_from,
            time_to,
            format,
            status,
            created_at,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// A report that is not expired.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn report(&self, tenants: &Tenants, id: i64, now: i64) -> Result<Option<Model>, StoreError> {
        Ok(Entity::find_by_id(id)
            .filter(tenants.holds("client_id"))
            .filter(Column::ExpiresAt.gt(now))
            .one(self.reader())
            .await?)
    }

    /// Takes the oldest report that is due, which counts as an attempt; none when there is no work. It knows no tenant:
    /// one worker serves all.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn take_report(&self, now: i64) -> Result<Option<Model>, StoreError> {
        let due = Entity::find()
            .filter(Column::Status.eq("accepted"))
            .filter(Column::DueAt.lte(now))
            .order_by_asc(Column::DueAt)
            .order_by_asc(Column::Id);
        while let Some(mut report) = due.clone().one(self.reader()).await? {
            (report.attempts, report.taken_at) = (report.attempts + 1, now);
            let taken = Entity::update_many()
                .col_expr(Column::Attempts, Expr::val(report.attempts))
                .col_expr(Column::Status, Expr::val("running"))
                .col_expr(Column::TakenAt, Expr::val(now))
                .filter(Column::Id.eq(report.id))
                .filter(Column::Status.eq("accepted"))
                .exec(self.writer())
                .await?;
            if taken.rows_affected == 1 {
                return Ok(Some(report));
            }
        }
        Ok(None)
    }

    /// Keeps the file of a report that was made.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn keep_report(
        &self,
        tenant: TenantId,
        id: i64,
        media_type: &str,
        content: &[u8],
    ) -> Result<(), StoreError> {
        Entity::update_many()
            .col_expr(Column::MediaType, Expr::val(media_type))
            .col_expr(Column::Content, Expr::val(content.to_vec()))
            .filter(Column::Id.eq(id))
            .filter(Column::ClientId.eq(tenant.0))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Writes how work on a report ended: `ready`, `failed`, or `accepted` with a time when to try again. Nothing when
    /// somebody else took it meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn finish_report(
        &self,
        tenant: TenantId,
        (id, taken_at): (i64, i64),
        status: &str,
        due_at: i64,
    ) -> Result<(), StoreError> {
        Entity::update_many()
            .col_expr(Column::Status, Expr::val(status))
            .col_expr(Column::DueAt, Expr::val(due_at))
            .filter(Column::Id.eq(id))
            .filter(Column::ClientId.eq(tenant.0))
            .filter(Column::Status.eq("running"))
            .filter(Column::TakenAt.eq(taken_at))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Lets the reports of a tenant in a format, except the newest `keep`, end at `until` when they would end later.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn shorten_reports(
        &self,
        tenant: TenantId,
        format: &str,
        keep: u64,
        until: i64,
    ) -> Result<(), StoreError> {
        let older: Vec<i64> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::ClientId.eq(tenant.0))
            .filter(Column::Format.eq(format))
            .filter(Column::Status.ne("failed"))
            .order_by_desc(Column::Id)
            .limit(keep)
            .into_tuple()
            .all(self.reader())
            .await?;
        let Some(oldest) = older.last().filter(|_| older.len() as u64 == keep) else { return Ok(()) };
        Entity::update_many()
            .col_expr(Column::ExpiresAt, Expr::val(until))
            .filter(Column::ClientId.eq(tenant.0))
            .filter(Column::Format.eq(format))
            .filter(Column::Id.lt(*oldest))
            .filter(Column::ExpiresAt.gt(until))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Lets reports wait again that a process left unfinished; those that were tried `most` times failed. Housekeeping:
    /// it knows no tenant.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn retake_reports(&self, abandoned_before: i64, most: i64) -> Result<(), StoreError> {
        let abandoned =
            || Condition::all().add(Column::Status.eq("running")).add(Column::TakenAt.lt(abandoned_before));
        // Most of the time there is none, which needs no place in the queue of writers.
        if Entity::find().filter(abandoned()).count(self.reader()).await? == 0 {
            return Ok(());
        }
        for (status, tries) in
            [("failed", Column::Attempts.gte(most)), ("accepted", Column::Attempts.lt(most))]
        {
            Entity::update_many()
                .col_expr(Column::Status, Expr::val(status))
                .filter(abandoned().add(tries))
                .exec(self.writer())
                .await?;
        }
        Ok(())
    }

    /// Removes what expired. Housekeeping: it knows no tenant.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn purge_reports(&self, now: i64) -> Result<(), StoreError> {
        Entity::delete_many().filter(Column::ExpiresAt.lte(now)).exec(self.writer()).await?;
        Ok(())
    }
}
