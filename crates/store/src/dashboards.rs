//! Figures of dashboards that no other table's queries give.

use sea_orm::{
    ConnectionTrait, ExprTrait,
    sea_query::{Expr, Func, Query},
};

use crate::{
    Store, StoreError, Tenants,
    entity::{hit, ip_group, vuln},
    hits::{HitQuery, Timeline},
};

/// Vulnerabilities found over time, of a range of threats. Hidden and false ones do not count.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn vuln_series<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    threats: Option<(i64, i64)>,
    timeline: Timeline,
) -> Result<Vec<i64>, StoreError> {
    let mut select = Query::select();
    select
        .expr_as(timeline.stretch("validate_time"), "stretch")
        .expr(Func::count(Expr::col("id")))
        .from(vuln::Entity)
        .and_where(tenants.holds("client_id"))
        .and_where(Expr::col("hidden").eq(false))
        .and_where(Expr::col("status").ne("falsepositive"))
        .and_where(timeline.covers("validate_time"))
        .group_by_col("stretch");
    if let Some((from, to)) = threats {
        select.and_where(Expr::col("threat").between(from, to));
    }
    let mut counts = vec![0; timeline.points];
    for row in connection.query_all(&select).await? {
        let index = usize::try_from(row.try_get_by_index::<i64>(0)?).ok();
        if let Some(count) = index.and_then(|index| counts.get_mut(index)) {
            *count = row.try_get_by_index(1)?;
        }
    }
    Ok(counts)
}

/// Entries of the denylist at the end of each stretch.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn denylist_series<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    timeline: Timeline,
) -> Result<Vec<i64>, StoreError> {
    let select = Query::select()
        .columns(["created_at", "expired_at", "removed_at"])
        .from(ip_group::Entity)
        .and_where(tenants.holds("client_id"))
        .and_where(Expr::col("list").eq("block"))
        .to_owned();
    let (mut starts, mut ends): (Vec<i64>, Vec<i64>) = (vec![], vec![]);
    for row in connection.query_all(&select).await? {
        let removed: Option<i64> = row.try_get_by_index(2)?;
        starts.push(row.try_get_by_index(0)?);
        ends.push(Ord::min(row.try_get_by_index(1)?, removed.unwrap_or(i64::MAX)));
    }
    starts.sort_unstable();
    ends.sort_unstable();
    let at = |index: usize| {
        let moment = timeline.start(index.saturating_add(1));
        let begun = starts.partition_point(|start| *start < moment);
        let over = ends.partition_point(|end| *end < moment);
        i64::try_from(begun.saturating_sub(over)).unwrap_or(i64::MAX)
    };
    Ok((0..timeline.points).map(at).collect())
}

impl Store {
    /// Whether there is any such hit.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn hit_exists(&self, query: HitQuery<'_>) -> Result<bool, StoreError> {
        let select = Query::select()
            .expr(Expr::val(1))
            .from(hit::Entity)
            .cond_where(query.condition())
            .limit(1)
            .to_owned();
        Ok(self.reader().query_one(&select).await?.is_some())
    }
}
