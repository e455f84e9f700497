//! Queries of attacks: filters that look at the attack or at its hits, pages, counters.

use std::collections::HashMap;

use bartizan_api::public_id::Key;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, Order, QueryFilter, QuerySelect,
    sea_query::{Alias, Expr, Func, IntoColumnRef, Query, SelectStatement, SimpleExpr},
};

use crate::{
    Store, StoreError, TenantId, Tenants,
    entity::{
        attack::{self, Column},
        hit,
    },
    hits,
};

mod aggregate;
mod changes;
mod filter;
pub mod methods;
mod page;
mod series;
pub use aggregate::{Aggregate, Source, TOP};
pub use changes::{recount, set_recheck};
pub use filter::{AttackQuery, excludes, fields};
pub use page::{AttackOrder, Position, Span, Start};
pub use series::VectorOfHit;

impl Store {
    /// Attacks by row number.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn attack_rows(
        &self,
        tenants: &Tenants,
        ids: impl IntoIterator<Item = i64>,
    ) -> Result<HashMap<i64, attack::Model>, StoreError> {
        Ok(attack::Entity::find()
            .filter(Column::Id.is_in(ids))
            .filter(tenants.holds_named())
            .all(self.reader())
            .await?
            .into_iter()
            .map(|row| (row.id, row))
            .collect())
    }

    /// Attacks and their hits.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn attack_totals(&self, query: AttackQuery<'_>) -> Result<(i64, i64), StoreError> {
        let counts = Query::select()
            .expr(Func::count(Expr::col("id")))
            .expr(Func::coalesce([total("hits"), Expr::val(0i64)]))
            .from(attack::Entity)
            .cond_where(query.condition())
            .to_owned();
        Ok(match self.reader().query_one(&counts).await? {
            Some(row) => (row.try_get_by_index(0)?, row.try_get_by_index(1)?),
            None => (0, 0),
        })
    }

    /// Distinct addresses of the attacks' hits.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn attack_addresses(&self, query: AttackQuery<'_>) -> Result<i64, StoreError> {
        let mut addresses = self.hits_of(query);
        addresses.expr(Func::count_distinct(Expr::col("ip")));
        Ok(match self.reader().query_one(&addresses).await? {
            Some(row) => row.try_get_by_index(0)?,
            None => 0,
        })
    }

    /// Addresses of the attacks' hits, most hits first.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn attack_ips(&self, query: AttackQuery<'_>, limit: u64) -> Result<Vec<String>, StoreError> {
        let mut select = self.hits_of(query);
        select
            .column("ip")
            .group_by_col("ip")
            .order_by_expr(total("aggregated_count"), Order::Desc)
            .order_by("ip", Order::Asc)
            .limit(limit);
        let rows = self.reader().query_all(&select).await?;
        Ok(rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?)
    }

    /// The unmarked hits of the attacks, as far as the filter means them; nothing selected yet.
    fn hits_of(&self, query: AttackQuery<'_>) -> SelectStatement {
        let attacks =
            Query::select().column("id").from(attack::Entity).cond_where(query.condition()).to_owned();
        Query::select()
            .from(hit::Entity)
            .and_where(Expr::col("attack_id").in_subquery(attacks))
            .and_where(aggregate::counted())
            .cond_where(query.hit_condition().unwrap_or_else(Condition::all))
            .to_owned()
    }
}

/// The sum of a column as a 64-bit number; PostgreSQL would make it a decimal.
fn total<T: IntoColumnRef>(column: T) -> SimpleExpr {
    SimpleExpr::from(Func::sum(Expr::col(column))).cast_as(Alias::new("bigint"))
}

/// Attacks by row, within a transaction.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn by_rows<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    ids: &[i64],
) -> Result<Vec<attack::Model>, StoreError> {
    Ok(attack::Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Tenants::from(tenant).holds_named())
        .all(connection)
        .await?)
}

/// Attacks that keys name, as far as the tenants hold them.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn of_keys<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    keys: &[Key],
) -> Result<Vec<attack::Model>, StoreError> {
    Ok(attack::Entity::find()
        .filter(tenants.holds("client_id"))
        .filter(hits::keys_condition("public_id", keys))
        .all(connection)
        .await?)
}

/// Whether there are attacks of a source whatever it does, whose groups have keys that begin with `prefix`.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn any_in_groups<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    prefix: &str,
) -> Result<bool, StoreError> {
    // As a range, so that the index over groups answers; prefixes are ASCII.
    let end = format!("{prefix}~");
    let found = attack::Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(tenants.holds("client_id"))
        .filter(Column::GroupKey.between(prefix, end.as_str()))
        .limit(1)
        .into_tuple::<i64>()
        .one(connection)
        .await?;
    Ok(found.is_some())
}

/// Rows of the attacks that led to a vulnerability.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn incident_rows<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
) -> Result<Vec<i64>, StoreError> {
    let select = Query::select()
        .column("id")
        .from(attack::Entity)
        .and_where(tenants.holds("client_id"))
        .and_where(Expr::col("vuln_id").is_not_null())
        .to_owned();
    let rows = connection.query_all(&select).await?;
    Ok(rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?)
}
