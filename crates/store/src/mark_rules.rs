//! Which rules false-positive marks made.

use std::collections::HashSet;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QuerySelect,
    sea_query::ExprTrait,
};

use crate::{
    StoreError, TenantId,
    entity::{
        hit,
        mark_rule::{Column, Entity, Model},
    },
    hits::{MarkedGroup, Verdict},
};

/// The rules that marks of a group made: those that disable an expression, or the attack type.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn of_group<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    group: &MarkedGroup,
    regex_id: Option<i64>,
) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Kind.eq(group.kind.as_str()))
        .filter(Column::Pool.eq(group.pool))
        .filter(Column::Domain.eq(group.domain.as_str()))
        .filter(Column::Path.eq(group.path.as_str()))
        .filter(Column::Parameter.eq(group.parameter.as_str()))
        .filter(regex_id.map_or_else(|| Column::RegexId.is_null(), |id| Column::RegexId.eq(id)))
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

/// Whether a hit of the group that an expression found, or none, is still marked false.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn is_needed<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    group: &MarkedGroup,
    regex_id: Option<i64>,
) -> Result<bool, StoreError> {
    use hit::Column;
    let found_by = match regex_id {
        Some(id) => Column::Regex.contains(format!(",{id},")),
        None => Column::Regex.eq(""),
    };
    let marked = hit::Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::State.eq(Verdict::False.state()))
        // As the partial index has it.
        .filter(Column::State.is_not_null().or(Column::VulnId.is_not_null()))
        .filter(Column::Kind.eq(group.kind.as_str()))
        .filter(Column::Pool.eq(group.pool))
        .filter(Column::Domain.eq(group.domain.as_str()))
        .filter(Column::Path.eq(group.path.as_str()))
        .filter(Column::Parameter.eq(group.parameter.as_str()))
        .filter(found_by);
    Ok(marked.limit(1).count(connection).await? > 0)
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
