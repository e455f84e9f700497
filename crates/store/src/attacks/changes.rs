//! Changes of attacks: counters after marks, the state of verification.

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, Func, Query},
};

use super::{methods, total};
use crate::{
    StoreError, TenantId, Tenants,
    entity::{
        attack::{self, Column},
        hit,
    },
    ingest,
};

/// Counts the hits of attacks anew, after their marks changed.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn recount<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    ids: &[i64],
    now: i64,
) -> Result<(), StoreError> {
    let mut changed = vec![];
    for mut row in attack::Entity::find()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Tenants::from(tenant).holds_named())
        .all(connection)
        .await?
    {
        let select = Query::select()
            .column("state")
            .column("block_status")
            .column("method")
            .expr(total("aggregated_count"))
            .expr(Func::count(Expr::col("id")))
            .from(hit::Entity)
            .and_where(Expr::col("attack_id").eq(row.id))
            .group_by_col("state")
            .group_by_col("block_status")
            .group_by_col("method")
            .to_owned();
        (row.hits, row.blocked_hits, row.stored_hits, row.false_hits) = (0, 0, 0, 0);
        let (mut confirmed, mut of_methods) = (0, BTreeMap::new());
        for group in connection.query_all(&select).await? {
            let state: Option<String> = group.try_get_by_index(0)?;
            let blocked = group.try_get_by_index::<String>(1)? == "blocked";
            let (sum, rows): (i64, i64) = (group.try_get_by_index(3)?, group.try_get_by_index(4)?);
            row.stored_hits += rows;
            confirmed += if state.as_deref() == Some("truepositive") { rows } else { 0 };
            if state.as_deref() == Some("falsepositive") {
                row.false_hits += rows;
            } else {
                row.hits += sum;
                row.blocked_hits += if blocked { sum } else { 0 };
                *of_methods.entry(group.try_get_by_index(2)?).or_default() += sum;
            }
        }
        methods::set(&mut row, of_methods);
        let all_false = row.stored_hits > 0 && row.false_hits == row.stored_hits;
        row.changed_at = Some(now);
        // Confirmed when every hit that counts is.
        let all_true = confirmed > 0 && confirmed == row.stored_hits - row.false_hits;
        row.state = match (all_false, all_true) {
            (true, _) => Some("falsepositive".to_owned()),
            (_, true) => Some("truepositive".to_owned()),
            _ => None,
        };
        changed.push(row);
    }
    ingest::update_attacks(connection, changed).await
}

/// Notes the state of active verification, and returns the attack after it.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn set_recheck<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
    status: &str,
    now: i64,
) -> Result<Option<attack::Model>, StoreError> {
    attack::Entity::update_many()
        .col_expr(Column::RecheckStatus, Expr::val(Some(status.to_owned())))
        .col_expr(Column::RecheckTime, Expr::val(Some(now)))
        .col_expr(Column::ChangedAt, Expr::val(Some(now)))
        .filter(Column::Id.eq(id))
        .filter(Column::ClientId.eq(tenant.0))
        .exec(connection)
        .await?;
    Ok(attack::Entity::find_by_id(id).filter(Column::ClientId.eq(tenant.0)).one(connection).await?)
}
