//! What a tenant's nodes should run. Every change that nodes must hear of goes through here.
//!
//! `seq` counts all changes; `ruleset_version` and `lists_seq` hold the value that `seq` had at the last
//! change of their kind, so that one number tells a waiting node which kinds are new to it. A bump is the
//! first statement of a changing transaction: it locks the tenant's row, so changes of one tenant commit in
//! the order of their numbers.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, SimpleExpr},
};

use crate::{
    StoreError, TenantId,
    entity::config_version::{Column, Entity, Model},
};

/// The current versions of a tenant.
///
/// # Errors
/// [`StoreError::Query`], also when the tenant does not exist.
pub async fn current<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<Model, StoreError> {
    let row = Entity::find_by_id(tenant.0).one(connection).await?;
    Ok(row.ok_or_else(|| absent(tenant))?)
}

/// The current versions of a tenant, which nobody else changes until the transaction ends.
///
/// # Errors
/// [`StoreError::Query`], also when the tenant does not exist.
pub async fn lock<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<Model, StoreError> {
    let row = Entity::find_by_id(tenant.0).lock_exclusive().one(connection).await?;
    Ok(row.ok_or_else(|| absent(tenant))?)
}

fn absent(tenant: TenantId) -> sea_orm::DbErr {
    sea_orm::DbErr::RecordNotFound(format!("versions of client {}", tenant.0))
}

/// Counts a change of the tenant's rules and returns the new versions.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn bump_ruleset<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    now: i64,
) -> Result<Model, StoreError> {
    Entity::update_many()
        .col_expr(Column::Seq, next())
        .col_expr(Column::RulesetVersion, next())
        .col_expr(Column::RulesetUpdatedAt, Expr::val(now))
        .filter(Column::ClientId.eq(tenant.0))
        .exec(connection)
        .await?;
    current(connection, tenant).await
}

/// Counts a change of the tenant's IP lists and returns the new versions.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn bump_lists<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<Model, StoreError> {
    Entity::update_many()
        .col_expr(Column::Seq, next())
        .col_expr(Column::ListsSeq, next())
        .filter(Column::ClientId.eq(tenant.0))
        .exec(connection)
        .await?;
    current(connection, tenant).await
}

/// Takes `count` numbers that no other change gets, for a change of the tenant's rules that needs more than its
/// own; returns the first.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn reserve_ruleset<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    count: i64,
) -> Result<i64, StoreError> {
    let last = || Expr::col(Column::Seq).add(count);
    Entity::update_many()
        .col_expr(Column::Seq, last())
        .col_expr(Column::RulesetVersion, last())
        .filter(Column::ClientId.eq(tenant.0))
        .exec(connection)
        .await?;
    Ok(current(connection, tenant).await?.seq - count + 1)
}

/// The next value of `seq`; an assignment sees the row as it was.
fn next() -> SimpleExpr {
    Expr::col(Column::Seq).add(1)
}
