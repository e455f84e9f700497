//! How tenants' rulesets are made: settings, general time budget, and what nodes keep while builds are off or wait.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
    sea_query::OnConflict,
};

use crate::{
    StoreError, TenantId,
    entity::ruleset_setting::{Column, Entity, Model},
};

/// The settings of a tenant; none are all defaults.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn find<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(tenant.0).one(connection).await?)
}

/// Writes the settings of a tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn save<C: ConnectionTrait>(connection: &C, row: Model) -> Result<(), StoreError> {
    let replaced = [Column::Settings, Column::Overlimit, Column::HeldBundle, Column::BuildAt];
    Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::column(Column::ClientId).update_columns(replaced).to_owned())
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// The tenants whose builds waited and are due. Housekeeping: it knows no tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn due<C: ConnectionTrait>(connection: &C, now: i64) -> Result<Vec<TenantId>, StoreError> {
    let ids = Entity::find().select_only().column(Column::ClientId).filter(Column::BuildAt.lte(now));
    let ids: Vec<i64> = ids.into_tuple().all(connection).await?;
    Ok(ids.into_iter().map(TenantId).collect())
}
