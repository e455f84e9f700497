//! Sign-in settings of tenants.

use sea_orm::{ConnectionTrait, EntityTrait, IntoActiveModel, sea_query::OnConflict};

use crate::{
    StoreError, TenantId,
    entity::client_settings::{Column, Entity, Model},
};

/// The settings of a tenant; none means the defaults.
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
pub async fn put<C: ConnectionTrait>(connection: &C, row: Model) -> Result<(), StoreError> {
    let replace = OnConflict::column(Column::ClientId)
        .update_columns([
            Column::IdleTimeout,
            Column::AbsoluteTimeout,
            Column::MfaEnforced,
            Column::PasswordPolicy,
            Column::AllowedNetworks,
            Column::AuditRetentionDays,
        ])
        .to_owned();
    Entity::insert(row.into_active_model()).on_conflict(replace).exec_without_returning(connection).await?;
    Ok(())
}

/// Days that each tenant with settings of its own keeps its activity log.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn retentions<C: ConnectionTrait>(connection: &C) -> Result<Vec<(TenantId, i64)>, StoreError> {
    let rows = Entity::find().all(connection).await?;
    Ok(rows.into_iter().map(|row| (TenantId(row.client_id), row.audit_retention_days)).collect())
}
