//! Users of tenants.

use bartizan_api::{
    filter::Filter,
    list::{Order, Page},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Expr,
};

use crate::{
    StoreError, TenantId, Tenants,
    conditions::{Place, filter_condition},
    difference::difference,
    entity::user::{Column, Entity, Model},
    page::paged,
};

/// The users that a filter selects among the tenants.
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
    let query = Entity::find().filter(tenants.holds("client_id")).filter(filter_condition(filter, place));
    let column = if order.field == "create_at" { "created_at" } else { order.field };
    Ok(paged(query, column, "id", order, page).all(connection).await?)
}

/// One user of a tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn find<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(id).filter(Column::ClientId.eq(tenant.0)).one(connection).await?)
}

/// Users who have a secret, of tenants or one alone, by id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn with_secret<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    only: Option<i64>,
    limit: u64,
) -> Result<Vec<Model>, StoreError> {
    let mut query = Entity::find().filter(tenants.holds("client_id")).filter(Column::SecretMac.is_not_null());
    if let Some(user) = only {
        query = query.filter(Column::Id.eq(user));
    }
    Ok(query.order_by_asc(Column::Id).limit(limit).all(connection).await?)
}

/// Every user of a tenant, by id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn of_tenant<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find().filter(Column::ClientId.eq(tenant.0)).all(connection).await?)
}

/// One user of a tenant; other changes of it wait until the transaction ends. SQLite has one writer and needs no
/// lock.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn lock<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
) -> Result<Option<Model>, StoreError> {
    let one = Entity::find_by_id(id).filter(Column::ClientId.eq(tenant.0)).lock_exclusive();
    Ok(one.one(connection).await?)
}

/// Writes what differs from the row as it was read; what somebody else changed in other columns stands.
///
/// # Errors
/// [`StoreError::Duplicate`] when the address is taken.
pub async fn update<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    before: &Model,
    after: Model,
) -> Result<Model, StoreError> {
    let change = difference(&before.clone().into_active_model(), after.into_active_model());
    let updated = change.update(connection).await.map_err(StoreError::of_insert)?;
    debug_assert!(tenants.contains(TenantId(updated.client_id)), "a user left the tenants in reach");
    Ok(updated)
}

/// Notes that the code of a time step was used: true for the first use of it or a later step.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn advance_factor<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
    step: i64,
) -> Result<bool, StoreError> {
    let changed = Entity::update_many()
        .col_expr(Column::MfaStep, Expr::val(step))
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Id.eq(id))
        .filter(Column::MfaStep.lt(step))
        .exec(connection)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Removes a user; its address is free at once.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete<C: ConnectionTrait>(connection: &C, tenant: TenantId, id: i64) -> Result<(), StoreError> {
    crate::scim::forget_member(connection, tenant, id).await?;
    Entity::delete_many()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Id.eq(id))
        .exec(connection)
        .await?;
    Ok(())
}

fn place(field: &str) -> Place {
    match field {
        "id" => Place::Column("id"),
        "clientid" | "client_id" => Place::Column("client_id"),
        "uuid" => Place::Folded("uuid"),
        "email" | "username" => Place::Folded("email"),
        "enabled" => Place::Column("enabled"),
        "realname" => Place::Column("realname"),
        "permissions" => Place::JsonList("permissions"),
        "query" => Place::Search(&["realname", "email", "permissions"]),
        _ => Place::Elsewhere,
    }
}
