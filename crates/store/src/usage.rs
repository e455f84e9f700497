//! What clients with a quota used in a month (`spec/accounts.md` section 4.6).

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    sea_query::{Expr, OnConflict},
};

use crate::{
    StoreError, TenantId,
    entity::client_usage::{Column, Entity, Model},
};

/// What is counted of a tenant, if anything is.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn find<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(tenant.0).one(connection).await?)
}

/// What is counted of every tenant. Housekeeping: it knows no tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn all<C: ConnectionTrait>(connection: &C) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find().all(connection).await?)
}

/// Begins to count for a tenant, unless somebody did.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn begin<C: ConnectionTrait>(connection: &C, row: Model) -> Result<(), StoreError> {
    Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::column(Column::ClientId).do_nothing().to_owned())
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Moves a count on; false when another process did so first.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn advance<C: ConnectionTrait>(
    connection: &C,
    before: &Model,
    after: &Model,
) -> Result<bool, StoreError> {
    let moved = Entity::update_many()
        .col_expr(Column::Month, Expr::val(after.month))
        .col_expr(Column::CountedUntil, Expr::val(after.counted_until))
        .col_expr(Column::Requests, Expr::val(after.requests))
        .col_expr(Column::Level, Expr::val(after.level))
        .filter(Column::ClientId.eq(before.client_id))
        .filter(Column::Month.eq(before.month))
        .filter(Column::CountedUntil.eq(before.counted_until))
        .filter(Column::Level.eq(before.level))
        .exec(connection)
        .await?;
    Ok(moved.rows_affected == 1)
}
