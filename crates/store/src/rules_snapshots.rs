//! Snapshots of tenants' rules.

use sea_orm::{
    ActiveModelTrait,
    ActiveValue::NotSet,
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, FromQueryResult, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{Expr, Query},
};

use crate::{
    StoreError, TenantId,
    entity::{
        config_version,
        rules_snapshot::{Column, Entity, Model},
    },
};

/// A snapshot without its rules.
#[derive(Clone, Debug, FromQueryResult)]
pub struct SnapshotRow {
    /// Identity.
    pub id: i64,
    /// Whether the system took it.
    pub automatic: bool,
    /// What the author says.
    pub comment: String,
    /// Name of the author; empty for the system.
    pub author: String,
    /// Unix seconds.
    pub created_at: i64,
    /// Version of the ruleset.
    pub ruleset_version: i64,
    /// How many rules.
    pub rules_count: i64,
}

/// The snapshots of a tenant, newest first.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn list<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<Vec<SnapshotRow>, StoreError> {
    let columns = [
        Column::Id,
        Column::Automatic,
        Column::Comment,
        Column::Author,
        Column::CreatedAt,
        Column::RulesetVersion,
        Column::RulesCount,
    ];
    Ok(Entity::find()
        .select_only()
        .columns(columns)
        .filter(Column::ClientId.eq(tenant.0))
        .order_by_desc(Column::Id)
        .into_model()
        .all(connection)
        .await?)
}

/// A snapshot with its rules.
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

/// Keeps a snapshot, whose `id` is ignored, and of those of its sort the newest `keep` with it.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn keep<C: ConnectionTrait>(connection: &C, row: Model, keep: u64) -> Result<Model, StoreError> {
    let (client, automatic) = (row.client_id, row.automatic);
    let mut row = row.into_active_model();
    row.id = NotSet;
    let row = row.insert(connection).await?;
    let of_sort = || Column::ClientId.eq(client).and(Column::Automatic.eq(automatic));
    let oldest: Option<i64> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(of_sort())
        .order_by_desc(Column::Id)
        .offset(keep)
        .limit(1)
        .into_tuple()
        .one(connection)
        .await?;
    if let Some(oldest) = oldest {
        Entity::delete_many().filter(of_sort()).filter(Column::Id.lte(oldest)).exec(connection).await?;
    }
    Ok(row)
}

/// Deletes a snapshot; false when there is none.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
) -> Result<bool, StoreError> {
    let gone = Entity::delete_many()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Id.eq(id))
        .exec(connection)
        .await?;
    Ok(gone.rows_affected == 1)
}

/// The newest automatic snapshot of a tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn newest_automatic<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Automatic.eq(true))
        .order_by_desc(Column::Id)
        .one(connection)
        .await?)
}

/// Notes that a snapshot is still what a later version has.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn confirm<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
    version: i64,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::RulesetVersion, Expr::val(version))
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Id.eq(id))
        .exec(connection)
        .await?;
    Ok(())
}

/// The tenants whose rules changed since their newest automatic snapshot, which is from `before` or earlier.
/// Housekeeping: it knows no tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn due<C: ConnectionTrait>(connection: &C, before: i64) -> Result<Vec<TenantId>, StoreError> {
    let newer = Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(
            Expr::col((Entity, Column::ClientId))
                .equals((config_version::Entity, config_version::Column::ClientId)),
        )
        .and_where(Expr::col((Entity, Column::Automatic)).eq(true))
        .and_where(
            Expr::col((Entity, Column::CreatedAt)).gt(before).or(Expr::col((Entity, Column::RulesetVersion))
                .gte(Expr::col((config_version::Entity, config_version::Column::RulesetVersion)))),
        )
        .to_owned();
    let ids: Vec<i64> = config_version::Entity::find()
        .select_only()
        .column(config_version::Column::ClientId)
        .filter(Expr::exists(newer).not())
        .into_tuple()
        .all(connection)
        .await?;
    Ok(ids.into_iter().map(TenantId).collect())
}
