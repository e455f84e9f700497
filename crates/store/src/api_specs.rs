//! API specifications of tenants with their files.

use std::collections::HashSet;

use sea_orm::{
    ActiveModelTrait,
    ActiveValue::NotSet,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockBehavior, LockType, OnConflict},
};

use crate::{
    StoreError, TenantId,
    entity::{
        api_spec::{Column, Entity, Model},
        api_spec_file,
    },
    fair::first_of_each_tenant,
};

/// A page of the specifications of a tenant, oldest first, and how many there are.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn list<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    offset: u64,
    limit: u64,
) -> Result<(Vec<Model>, u64), StoreError> {
    let own = Entity::find().filter(Column::ClientId.eq(tenant.0));
    let total = own.clone().count(connection).await?;
    Ok((own.order_by_asc(Column::Id).offset(offset).limit(limit).all(connection).await?, total))
}

/// The ids of the specifications of a tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn ids<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<HashSet<i64>, StoreError> {
    let own = Entity::find().select_only().column(Column::Id).filter(Column::ClientId.eq(tenant.0));
    let ids: Vec<i64> = own.into_tuple().all(connection).await?;
    Ok(ids.into_iter().collect())
}

/// One specification.
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

/// Inserts a specification; its `id` is ignored.
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
    Ok(row.into_active_model().reset_all().update(connection).await?)
}

/// Deletes a specification with its file.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete<C: ConnectionTrait>(connection: &C, tenant: TenantId, id: i64) -> Result<(), StoreError> {
    api_spec_file::Entity::delete_many()
        .filter(api_spec_file::Column::ClientId.eq(tenant.0))
        .filter(api_spec_file::Column::SpecId.eq(id))
        .exec(connection)
        .await?;
    Entity::delete_many()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Id.eq(id))
        .exec(connection)
        .await?;
    Ok(())
}

/// The file of a specification.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn file<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    spec_id: i64,
) -> Result<Option<String>, StoreError> {
    use api_spec_file::{Column, Entity};
    let row = Entity::find_by_id(spec_id).filter(Column::ClientId.eq(tenant.0)).one(connection).await?;
    Ok(row.map(|row| row.content))
}

/// Stores or replaces the file of a specification.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn put_file<C: ConnectionTrait>(
    connection: &C,
    file: api_spec_file::Model,
) -> Result<(), StoreError> {
    use api_spec_file::{Column, Entity};
    Entity::insert(file.into_active_model())
        .on_conflict(OnConflict::column(Column::SpecId).update_column(Column::Content).to_owned())
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Claims specifications whose file is due to be fetched again; until `next` nobody else gets them. A job of
/// the system: it knows no tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn claim_due(
    transaction: &DatabaseTransaction,
    now: i64,
    next: i64,
    (limit, of_tenant): (u64, i64),
) -> Result<Vec<Model>, StoreError> {
    let is_due = Expr::col(Column::NextFetchAt).lte(now);
    let first = first_of_each_tenant("api_specs", "next_fetch_at", is_due, of_tenant);
    let due = Entity::find()
        .filter(Column::Id.in_subquery(first))
        .filter(Column::NextFetchAt.lte(now))
        .order_by_asc(Column::NextFetchAt)
        .limit(limit)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(transaction)
        .await?;
    if !due.is_empty() {
        Entity::update_many()
            .col_expr(Column::NextFetchAt, Expr::val(Some(next)))
            .filter(Column::Id.is_in(due.iter().map(|row| row.id)))
            .exec(transaction)
            .await?;
    }
    Ok(due)
}
