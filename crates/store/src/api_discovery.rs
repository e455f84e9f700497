//! The configuration of API discovery, one per tenant.

use sea_orm::{ConnectionTrait, EntityTrait, IntoActiveModel, sea_query::OnConflict};

use crate::{
    JsonText, StoreError, TenantId,
    entity::api_discovery_config::{Column, Entity, Model},
};

/// The stored configuration; none as long as nobody changed it.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn find<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<Option<serde_json::Value>, StoreError> {
    Ok(Entity::find_by_id(tenant.0).one(connection).await?.map(|row| row.config.0))
}

/// Stores the configuration.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn put<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    config: serde_json::Value,
) -> Result<(), StoreError> {
    let row = Model { client_id: tenant.0, config: JsonText(config) };
    Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::column(Column::ClientId).update_column(Column::Config).to_owned())
        .exec_without_returning(connection)
        .await?;
    Ok(())
}
