//! Rules that judge new vulnerabilities false.

use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder,
};

use crate::{
    StoreError, TenantId, Tenants,
    entity::false_positive_rule::{Column, Entity, Model},
};

/// The rules of tenants, oldest first.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn list<C: ConnectionTrait>(connection: &C, tenants: &Tenants) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find().filter(tenants.holds("client_id")).order_by_asc(Column::Id).all(connection).await?)
}

/// A rule by id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn find<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    id: i64,
) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(id).filter(tenants.holds("client_id")).one(connection).await?)
}

/// Inserts a rule; its `id` is ignored.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert<C: ConnectionTrait>(connection: &C, row: Model) -> Result<Model, StoreError> {
    let mut row = row.into_active_model();
    row.id = NotSet;
    Ok(row.insert(connection).await?)
}

/// Writes a changed rule.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn update<C: ConnectionTrait>(connection: &C, row: Model) -> Result<Model, StoreError> {
    Ok(row.into_active_model().reset_all().update(connection).await?)
}

/// Deletes a rule.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete<C: ConnectionTrait>(connection: &C, tenant: TenantId, id: i64) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::Id.eq(id))
        .filter(Column::ClientId.eq(tenant.0))
        .exec(connection)
        .await?;
    Ok(())
}
