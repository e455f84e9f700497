//! Links from application ids of a global account to its tenants.

use bartizan_api::list::Page;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};

use crate::{
    StoreError, TenantId, Tenants,
    entity::partner_client::{Column, Entity, Model},
};

/// Links of a global account to tenants in reach, by id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn list<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    partner: i64,
    page: Page,
) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .filter(tenants.holds("client_id"))
        .filter(Column::PartnerId.eq(partner))
        .order_by_asc(Column::Id)
        .order_by_asc(Column::ClientId)
        .limit(page.limit)
        .offset(page.offset)
        .all(connection)
        .await?)
}

/// Those of the tenants that an application id is linked to, in ascending order.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn owners<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    application: i64,
) -> Result<Vec<TenantId>, StoreError> {
    let found = Entity::find().filter(tenants.holds("client_id")).filter(Column::Id.eq(application));
    let found = found.order_by_asc(Column::ClientId).all(connection).await?;
    Ok(found.into_iter().map(|link| TenantId(link.client_id)).collect())
}

/// Saves a link.
///
/// # Errors
/// [`StoreError::Duplicate`] when there is one already.
pub async fn insert<C: ConnectionTrait>(connection: &C, link: Model) -> Result<(), StoreError> {
    Entity::insert(link.into_active_model())
        .exec_without_returning(connection)
        .await
        .map_err(StoreError::of_insert)?;
    Ok(())
}
