//! What tenants decide about their events.

use sea_orm::{ConnectionTrait, EntityTrait, IntoActiveModel, sea_query::OnConflict};
use serde_json::json;

use crate::{
    JsonText, StoreError, TenantId,
    entity::event_setting::{Column, Entity, Model},
};

/// The settings of a tenant; defaults where none were written.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn of_tenant<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<Model, StoreError> {
    let row = Entity::find_by_id(tenant.0).one(connection).await?;
    Ok(row.unwrap_or_else(|| Model {
        client_id: tenant.0,
        retention_days: None,
        ip_grouping: false,
        dashboard: JsonText(json!({})),
    }))
}

/// The settings of every tenant that wrote some. Housekeeping: it knows no tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn all<C: ConnectionTrait>(connection: &C) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find().all(connection).await?)
}

/// Writes settings.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn put<C: ConnectionTrait>(connection: &C, row: Model) -> Result<(), StoreError> {
    let conflict = OnConflict::column(Column::ClientId)
        .update_columns([Column::RetentionDays, Column::IpGrouping, Column::Dashboard])
        .to_owned();
    Entity::insert(row.into_active_model()).on_conflict(conflict).exec_without_returning(connection).await?;
    Ok(())
}
