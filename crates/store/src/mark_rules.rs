//! Which rules false-positive marks made.

use std::collections::HashSet;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter};

use crate::{
    StoreError, TenantId,
    entity::{
        attack,
        mark_rule::{Column, Entity, Model},
    },
    hits::MarkedGroup,
};

/// The rules that marks of a group made.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn of_group<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    group: &MarkedGroup,
) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Kind.eq(group.kind.as_str()))
        .filter(Column::Pool.eq(group.pool))
        .filter(Column::Domain.eq(group.domain.as_str()))
        .filter(Column::Path.eq(group.path.as_str()))
        .filter(Column::Parameter.eq(group.parameter.as_str()))
        .all(connection)
        .await?)
}

/// Those of some rules that marks made.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn among<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    hints: &[i64],
) -> Result<HashSet<i64>, StoreError> {
    let rows = Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::HintId.is_in(hints.iter().copied()))
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| row.hint_id).collect())
}

/// Whether a hit of the group is still marked false.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn is_needed<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    group: &MarkedGroup,
) -> Result<bool, StoreError> {
    use attack::Column;
    let marked = attack::Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::FalseHits.gt(0))
        .filter(Column::Kind.eq(group.kind.as_str()))
        .filter(Column::Pool.eq(group.pool))
        .filter(Column::Domain.eq(group.domain.as_str()))
        .filter(Column::Path.eq(group.path.as_str()))
        .filter(Column::Parameter.eq(group.parameter.as_str()));
    Ok(marked.count(connection).await? > 0)
}

/// Notes the rule of a mark.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert<C: ConnectionTrait>(connection: &C, row: Model) -> Result<(), StoreError> {
    Entity::insert(row.into_active_model()).exec_without_returning(connection).await?;
    Ok(())
}

/// Forgets rules that are gone.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    hints: &[i64],
) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::HintId.is_in(hints.iter().copied()))
        .exec(connection)
        .await?;
    Ok(())
}
