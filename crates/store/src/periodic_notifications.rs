//! What tenants are told in periods, each period once, whatever process tells it.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::Expr};

use crate::{
    StoreError, TenantId,
    entity::periodic_notification::{Column, Entity, Model},
};

/// End of the last period that was told, Unix seconds; none when none was.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn told_until<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    event: &str,
) -> Result<Option<i64>, StoreError> {
    let row = Entity::find_by_id((tenant.0, event.to_owned())).one(connection).await?;
    Ok(row.map(|row| row.told_until))
}

/// Notes from when on a tenant is told, unless it was noted before.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn begin<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    event: &str,
    from: i64,
) -> Result<(), StoreError> {
    let row = Model { client_id: tenant.0, event: event.to_owned(), told_until: from };
    Entity::insert(row.into_active_model())
        .on_conflict_do_nothing_on([Column::ClientId, Column::Event])
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Takes a period on; false when another process did.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn advance<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    event: &str,
    (from, to): (i64, i64),
) -> Result<bool, StoreError> {
    let taken = Entity::update_many()
        .col_expr(Column::ToldUntil, Expr::val(to))
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Event.eq(event))
        .filter(Column::ToldUntil.eq(from))
        .exec(connection)
        .await?;
    Ok(taken.rows_affected == 1)
}
