//! Tenants themselves.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::{
    StoreError, TenantId, Tenants,
    entity::client::{Column, Entity, Model},
};

/// The rows of tenants, in no order.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn of_ids<C: ConnectionTrait>(connection: &C, tenants: &Tenants) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find().filter(tenants.holds("id")).all(connection).await?)
}

/// Reads a tenant and lets other changes of it wait until the transaction ends, so that a rule over several
/// rows ("one administrator stays") holds. SQLite has one writer and needs no lock.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn lock<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find().filter(Column::Id.eq(tenant.0)).lock_exclusive().one(connection).await?)
}
