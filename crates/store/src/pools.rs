//! Applications of tenants.

use std::collections::HashSet;

use bartizan_api::{
    filter::Filter,
    filter::folded,
    list::{Order, Page},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder,
};

use crate::{
    StoreError, TenantId, Tenants,
    conditions::{Place, filter_condition},
    entity::pool::{Column, Entity, Model},
    page::paged,
};

/// The applications that a filter selects. Deleted ones only where the filter speaks of them.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn list<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    filter: &Filter,
    order: Order,
    page: Page,
) -> Result<Vec<Model>, StoreError> {
    let mut query = Entity::find().filter(tenants.holds("client_id")).filter(filter_condition(filter, place));
    if filter.clauses.iter().flatten().all(|condition| condition.field != "deleted") {
        query = query.filter(Column::Deleted.eq(false));
    }
    Ok(paged(query, order.field, "client_id", order, page).all(connection).await?)
}

/// Every application of a tenant, deleted ones included, by id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn all<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find().filter(Column::ClientId.eq(tenant.0)).order_by_asc(Column::Id).all(connection).await?)
}

/// One application, deleted or not.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn find<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id((tenant.0, id)).one(connection).await?)
}

/// Those of the ids whose application exists and is not deleted.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn in_use<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    ids: &[i64],
) -> Result<HashSet<i64>, StoreError> {
    let found = Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Column::Deleted.eq(false));
    Ok(found.all(connection).await?.into_iter().map(|pool| pool.id).collect())
}

/// Those of the tenants that have an application of this id, in ascending order. A deleted one counts.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn owners<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    id: i64,
) -> Result<Vec<TenantId>, StoreError> {
    let found = Entity::find().filter(tenants.holds("client_id")).filter(Column::Id.eq(id));
    let found = found.order_by_asc(Column::ClientId).all(connection).await?;
    Ok(found.into_iter().map(|pool| TenantId(pool.client_id)).collect())
}

/// How many applications the tenant has, deleted ones included.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn count<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<u64, StoreError> {
    Ok(Entity::find().filter(Column::ClientId.eq(tenant.0)).count(connection).await?)
}

/// Inserts an application.
///
/// # Errors
/// [`StoreError::Duplicate`] when the id is taken.
pub async fn insert<C: ConnectionTrait>(connection: &C, pool: Model) -> Result<Model, StoreError> {
    pool.into_active_model().insert(connection).await.map_err(StoreError::of_insert)
}

/// Writes a changed row back.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn update<C: ConnectionTrait>(connection: &C, pool: Model) -> Result<Model, StoreError> {
    use sea_orm::ActiveValue::Set;
    let (name, deleted) = (pool.name.clone(), pool.deleted);
    let mut change = pool.into_active_model();
    change.name = Set(name);
    change.deleted = Set(deleted);
    Ok(change.update(connection).await?)
}

fn place(field: &str) -> Place {
    match field {
        "id" => Place::Column("id"),
        "clientid" | "client_id" => Place::Column("client_id"),
        "name" => Place::Column("name"),
        "deleted" => Place::Column("deleted"),
        _ => Place::Elsewhere,
    }
}

/// Ids of the applications with this name; where none has it so, of those that differ from it in case alone.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn ids_named<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    name: &str,
) -> Result<Vec<i64>, StoreError> {
    let pools = || Entity::find().filter(tenants.holds("client_id"));
    let ids = |pools: Vec<Model>| pools.into_iter().map(|pool| pool.id).collect::<Vec<_>>();
    let exact = ids(pools().filter(Column::Name.eq(name)).all(connection).await?);
    if !exact.is_empty() {
        return Ok(exact);
    }
    let mut alike = pools().all(connection).await?;
    alike.retain(|pool| folded(&pool.name) == folded(name));
    Ok(ids(alike))
}

/// Names of the applications in use, in order.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn names<C: ConnectionTrait>(connection: &C, tenants: &Tenants) -> Result<Vec<String>, StoreError> {
    let pools = Entity::find()
        .filter(tenants.holds("client_id"))
        .filter(Column::Deleted.eq(false))
        .order_by_asc(Column::Name);
    Ok(pools.all(connection).await?.into_iter().map(|pool| pool.name).collect())
}
