//! How tenants' rulesets are made: settings, general time budget, and what nodes keep while builds are off.

use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel, sea_query::OnConflict};

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
    let replaced = [Column::Settings, Column::Overlimit, Column::HeldBundle];
    Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::column(Column::ClientId).update_columns(replaced).to_owned())
        .exec_without_returning(connection)
        .await?;
    Ok(())
}
