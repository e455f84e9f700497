//! How much traffic nodes saw.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    sea_query::{Alias, CaseStatement, Expr, Func, OnConflict, Query, SimpleExpr},
};

use crate::{
    StoreError, Tenants,
    entity::traffic_minute::{Column, Entity, Model},
    hits::Timeline,
};

/// Sums of traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Inspected requests.
    pub requests: i64,
    /// Of them, malicious.
    pub attacks: i64,
    /// Of them, refused.
    pub blocked: i64,
}

/// Most that a minute of a node holds. A node that lies cannot make the sums of a tenant, which are over at most a few
/// hundred million such minutes, exceed what a number holds.
const MAX_IN_A_MINUTE: i64 = 1 << 36;

/// Adds what a node reports to its minute.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn add<C: ConnectionTrait>(connection: &C, row: Model) -> Result<(), StoreError> {
    let sum = |name: &'static str| {
        let sum = || Expr::col(("traffic_minutes", name)).add(Expr::col(("excluded", name)));
        CaseStatement::new().case(sum().gt(MAX_IN_A_MINUTE), MAX_IN_A_MINUTE).finally(sum())
    };
    let conflict = OnConflict::columns([Column::ClientId, Column::Time, Column::NodeUuid])
        .value(Column::Requests, sum("requests"))
        .value(Column::Attacks, sum("attacks"))
        .value(Column::Blocked, sum("blocked"))
        .to_owned();
    Entity::insert(row.into_active_model()).on_conflict(conflict).exec_without_returning(connection).await?;
    Ok(())
}

fn total(column: &'static str) -> SimpleExpr {
    let sum = SimpleExpr::from(Func::sum(Expr::col(column))).cast_as(Alias::new("bigint"));
    Func::coalesce([sum, Expr::val(0i64)]).into()
}

/// Traffic over time, of one node or of all.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn series<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    node_uuid: Option<&str>,
    timeline: Timeline,
) -> Result<Vec<Traffic>, StoreError> {
    let mut select = Query::select();
    select
        .expr_as(timeline.stretch("time"), "stretch")
        .exprs([total("requests"), total("attacks"), total("blocked")])
        .from(Entity)
        .and_where(tenants.holds("client_id"))
        .and_where(timeline.covers("time"))
        .group_by_col("stretch");
    if let Some(uuid) = node_uuid {
        select.and_where(Expr::col("node_uuid").eq(uuid));
    }
    let mut sums = vec![Traffic::default(); timeline.points];
    for row in connection.query_all(&select).await? {
        let index = usize::try_from(row.try_get_by_index::<i64>(0)?).ok();
        if let Some(sum) = index.and_then(|index| sums.get_mut(index)) {
            *sum = Traffic {
                requests: row.try_get_by_index(1)?,
                attacks: row.try_get_by_index(2)?,
                blocked: row.try_get_by_index(3)?,
            };
        }
    }
    Ok(sums)
}

/// Removes minutes before a moment. Housekeeping: it knows no tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn purge<C: ConnectionTrait>(connection: &C, before: i64) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::Time.lt(before)).exec(connection).await?;
    Ok(())
}
