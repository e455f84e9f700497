//! Integrations of tenants.

use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, Query},
};

use crate::{
    JsonText, StoreError, TenantId, Tenants, deliveries,
    entity::{
        client,
        integration::{Column, Entity, Model},
    },
};

/// The integrations of these tenants, oldest first.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn list<C: ConnectionTrait>(connection: &C, tenants: &Tenants) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find().filter(tenants.holds("client_id")).order_by_asc(Column::Id).all(connection).await?)
}

/// The integrations of a tenant that are switched on.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn active<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Active.eq(true))
        .order_by_asc(Column::Id)
        .all(connection)
        .await?)
}

/// The tenants, and the events that their integrations take, of all integrations that are switched on; not those of
/// tenants that are disabled or deleted. Housekeeping: it knows no tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn events_of_all<C: ConnectionTrait>(
    connection: &C,
) -> Result<Vec<(TenantId, JsonText)>, StoreError> {
    let living = Query::select()
        .column(client::Column::Id)
        .from(client::Entity)
        .and_where(Expr::col(client::Column::Enabled).eq(true))
        .and_where(Expr::col(client::Column::DeletedAt).is_null())
        .to_owned();
    let rows: Vec<(i64, JsonText)> = Entity::find()
        .select_only()
        .columns([Column::ClientId, Column::Events])
        .filter(Column::Active.eq(true))
        .filter(Column::ClientId.in_subquery(living))
        .into_tuple()
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(|(client, events)| (TenantId(client), events)).collect())
}

/// One integration.
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

/// Holds an integration until the end of the transaction, so that what concerns it is done one after the other.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn lock(transaction: &DatabaseTransaction, tenant: TenantId, id: i64) -> Result<(), StoreError> {
    let row = Entity::find_by_id(id).filter(Column::ClientId.eq(tenant.0)).lock_exclusive();
    row.one(transaction).await?;
    Ok(())
}

/// How many of these ids are integrations of the tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn count_of<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    ids: &[i64],
) -> Result<u64, StoreError> {
    Ok(Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Id.is_in(ids.iter().copied()))
        .count(connection)
        .await?)
}

/// How many integrations a tenant has.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn count<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<u64, StoreError> {
    Ok(Entity::find().filter(Column::ClientId.eq(tenant.0)).count(connection).await?)
}

/// Inserts an integration; its `id` is ignored.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert<C: ConnectionTrait>(connection: &C, row: Model) -> Result<Model, StoreError> {
    let mut row = row.into_active_model();
    row.id = NotSet;
    Ok(row.insert(connection).await?)
}

/// Writes a changed row back.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn update<C: ConnectionTrait>(connection: &C, row: Model) -> Result<Model, StoreError> {
    let mut change = row.clone().into_active_model();
    change.name = Set(row.name);
    change.active = Set(row.active);
    change.target = Set(row.target);
    change.events = Set(row.events);
    change.updated_at = Set(row.updated_at);
    change.disabled_reason = Set(row.disabled_reason);
    let row = change.update(connection).await?;
    // Whoever corrects a target wants to see whether it works now.
    deliveries::resume(connection, TenantId(row.client_id), row.id).await?;
    Ok(row)
}

/// Deletes an integration with its deliveries.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete(connection: &DatabaseTransaction, tenant: TenantId, id: i64) -> Result<(), StoreError> {
    use crate::entity::{delivery, delivery_hour};
    // As who notes an attempt does, so that neither holds what the other waits for.
    lock(connection, tenant, id).await?;
    delivery::Entity::delete_many()
        .filter(delivery::Column::ClientId.eq(tenant.0))
        .filter(delivery::Column::IntegrationId.eq(id))
        .exec(connection)
        .await?;
    delivery_hour::Entity::delete_many()
        .filter(delivery_hour::Column::ClientId.eq(tenant.0))
        .filter(delivery_hour::Column::IntegrationId.eq(id))
        .exec(connection)
        .await?;
    deliveries::resume(connection, tenant, id).await?;
    Entity::delete_many()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Id.eq(id))
        .exec(connection)
        .await?;
    Ok(())
}
