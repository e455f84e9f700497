//! What happened to vulnerabilities.

use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder,
};

use crate::{
    StoreError, TenantId,
    entity::vuln_change::{Column, Entity, Model},
};

/// Appends a change; its `id` is ignored.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn append<C: ConnectionTrait>(connection: &C, change: Model) -> Result<(), StoreError> {
    let mut row = change.into_active_model();
    row.id = NotSet;
    row.insert(connection).await?;
    Ok(())
}

/// The changes of a vulnerability, oldest first.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn of_vuln<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    vuln_id: i64,
) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::VulnId.eq(vuln_id))
        .order_by_asc(Column::Id)
        .all(connection)
        .await?)
}
