//! Everything of one tenant: to remove what expired, to remove all, and to give all of it away.
//!
//! Which tables hold rows of tenants is asked of the database, so that a table that is added later is not forgotten.

use sea_orm::{
    ConnectionTrait, DbBackend, ExprTrait, FromQueryResult, JsonValue, Order, Statement,
    sea_query::{Alias, Expr, Query},
};

use crate::{StoreError, TenantId, event_index};

mod exported;

pub use exported::{EXPORTED, Exported};

/// Tables of events, in the order in which they are emptied.
const EVENTS: &[&str] = &[
    "hit_raws",
    "hits",
    "incidents",
    "attacks",
    "vuln_proofs",
    "rejected_events",
    "dropped_requests",
    "reports",
    "attack_exports",
    "verification_callbacks",
    "verifications",
];

/// Removes attacks of a tenant that ended before a moment, with their hits, requests and incidents.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn purge_events<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    before: i64,
    now: i64,
) -> Result<u64, StoreError> {
    let attacks = || {
        Query::select()
            .column("id")
            .from("attacks")
            .and_where(Expr::col("client_id").eq(tenant.0))
            .and_where(Expr::col("last_time").lt(before))
            .to_owned()
    };
    let hits = Query::select()
        .column("id")
        .from("hits")
        .and_where(Expr::col("attack_id").in_subquery(attacks()))
        .to_owned();
    let of_attacks = |column: &'static str| Expr::col(column).in_subquery(attacks());
    let old = |column: &'static str| Expr::col("client_id").eq(tenant.0).and(Expr::col(column).lt(before));
    let mut removed = 0;
    for (table, condition) in [
        ("hit_raws", Expr::col("hit_id").in_subquery(hits)),
        ("hits", of_attacks("attack_id")),
        ("incidents", of_attacks("attack_id")),
        ("vuln_proofs", old("received_at")),
        ("rejected_events", old("received_at")),
        ("dropped_requests", old("received_at")),
        ("attacks", old("last_time")),
        // Whatever they show is older.
        ("reports", old("time_to").or(old("created_at"))),
        ("attack_exports", old("created_at")),
    ] {
        let delete = Query::delete().from_table(table).and_where(condition).to_owned();
        removed += connection.execute(&delete).await?.rows_affected();
    }
    event_index::note_purge(connection, Some(tenant), before, now).await?;
    Ok(removed)
}

/// Removes every event of a tenant. Vulnerabilities stay: they are findings about the tenant's own application.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete_events<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<u64, StoreError> {
    let mut removed = 0;
    for table in EVENTS {
        let delete =
            Query::delete().from_table(*table).and_where(Expr::col("client_id").eq(tenant.0)).to_owned();
        removed += connection.execute(&delete).await?.rows_affected();
    }
    event_index::begin_epoch(connection, tenant).await?;
    Ok(removed)
}

/// Removes every row of a tenant in every table, at last the tenant itself.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete_tenant<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<(), StoreError> {
    for table in tables(connection).await? {
        let delete = Query::delete()
            .from_table(Alias::new(table))
            .and_where(Expr::col("client_id").eq(tenant.0))
            .to_owned();
        connection.execute(&delete).await?;
    }
    let delete = Query::delete().from_table("clients").and_where(Expr::col("id").eq(tenant.0)).to_owned();
    connection.execute(&delete).await?;
    Ok(())
}

/// Names of the tables that hold rows of tenants, in order.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn tables<C: ConnectionTrait>(connection: &C) -> Result<Vec<String>, StoreError> {
    let backend = connection.get_database_backend();
    let text = if backend == DbBackend::Postgres {
        "SELECT table_name FROM information_schema.columns \
         WHERE table_schema = current_schema() AND column_name = 'client_id' ORDER BY table_name"
    } else {
        "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c \
         WHERE m.type = 'table' AND c.name = 'client_id' ORDER BY m.name"
    };
    let rows = connection.query_all_raw(Statement::from_string(backend, text)).await?;
    Ok(rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?)
}

/// Exported rows of a tenant in a table, as JSON, after the row that `after` is; in the order of the keys.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn rows<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    exported: &Exported,
    after: Option<&JsonValue>,
    limit: u64,
) -> Result<Vec<JsonValue>, StoreError> {
    let owner = if exported.table == "clients" { "id" } else { "client_id" };
    let mut select = Query::select()
        .columns(exported.columns.iter().copied())
        .from(exported.table)
        .and_where(Expr::col(owner).eq(tenant.0))
        .limit(limit)
        .to_owned();
    for key in exported.keys {
        select.order_by(*key, Order::Asc);
    }
    if let Some(row) = after {
        let keys = exported.keys.iter().map(|key| Expr::col(*key));
        let values = exported.keys.iter().map(|key| match row.get(key) {
            Some(JsonValue::Number(number)) => Expr::val(number.as_i64()),
            value => Expr::val(value.and_then(JsonValue::as_str)),
        });
        select.and_where(Expr::tuple(keys).gt(Expr::tuple(values)));
    }
    let statement = connection.get_database_backend().build(&select);
    Ok(JsonValue::find_by_statement(statement).all(connection).await?)
}

/// Number of rows of a tenant in a table.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn count<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    table: &str,
) -> Result<i64, StoreError> {
    let select = Query::select()
        .expr(Expr::cust("COUNT(*)"))
        .from(Alias::new(table))
        .and_where(Expr::col("client_id").eq(tenant.0))
        .to_owned();
    Ok(match connection.query_one(&select).await? {
        Some(row) => row.try_get_by_index(0)?,
        None => 0,
    })
}
