//! Single sign-on of tenants.

use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, sea_query::OnConflict,
};

use crate::{
    Store, StoreError, TenantId,
    entity::{sso_config, sso_group},
};

/// The configuration of a tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn find<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<Option<sso_config::Model>, StoreError> {
    Ok(sso_config::Entity::find_by_id(tenant.0).one(connection).await?)
}

/// Writes the configuration of a tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn put<C: ConnectionTrait>(connection: &C, row: sso_config::Model) -> Result<(), StoreError> {
    use sso_config::{Column, Entity};
    let replace = OnConflict::column(Column::ClientId)
        .update_columns([
            Column::Kind,
            Column::Vendor,
            Column::State,
            Column::Provisioning,
            Column::Strict,
            Column::ExtendedSecurity,
            Column::TenantPermissions,
            Column::RoleMapping,
            Column::Settings,
            Column::SecretSealed,
            Column::ClientKeySealed,
            Column::SamlKeys,
            Column::TestedAt,
            Column::TestedEncryptedAt,
            Column::ScimTokenMac,
            Column::ScimTokenCreatedAt,
        ])
        .to_owned();
    Entity::insert(row.into_active_model()).on_conflict(replace).exec_without_returning(connection).await?;
    Ok(())
}

/// Removes the configuration of a tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<(), StoreError> {
    sso_config::Entity::delete_by_id(tenant.0).exec(connection).await?;
    Ok(())
}

/// Groups of a technical tenant, by id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn groups<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<Vec<sso_group::Model>, StoreError> {
    use sso_group::{Column, Entity};
    let query = Entity::find().filter(Column::ClientId.eq(tenant.0)).order_by_asc(Column::Id);
    Ok(query.all(connection).await?)
}

/// A group of a technical tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn group<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
) -> Result<Option<sso_group::Model>, StoreError> {
    use sso_group::{Column, Entity};
    Ok(Entity::find_by_id(id).filter(Column::ClientId.eq(tenant.0)).one(connection).await?)
}

/// Saves a group; its `id` is ignored.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert_group<C: ConnectionTrait>(
    connection: &C,
    group: sso_group::Model,
) -> Result<sso_group::Model, StoreError> {
    let mut row = group.into_active_model();
    row.id = NotSet;
    Ok(row.insert(connection).await?)
}

/// Writes a changed group back.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn update_group<C: ConnectionTrait>(
    connection: &C,
    group: sso_group::Model,
) -> Result<sso_group::Model, StoreError> {
    Ok(group.into_active_model().reset_all().update(connection).await?)
}

/// Removes a group.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete_group<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
) -> Result<(), StoreError> {
    use sso_group::{Column, Entity};
    Entity::delete_many()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Id.eq(id))
        .exec(connection)
        .await?;
    Ok(())
}

impl Store {
    /// The configurations that are in force, for finding out which one an address belongs to.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_active_sso(&self) -> Result<Vec<sso_config::Model>, StoreError> {
        use sso_config::{Column, Entity};
        Ok(Entity::find().filter(Column::State.eq("active")).all(self.reader()).await?)
    }

    /// The tenant with this public UUID, as named by a sign-in link.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_client_by_uuid(
        &self,
        uuid: &str,
    ) -> Result<Option<crate::entity::client::Model>, StoreError> {
        use crate::entity::client::{Column, Entity};
        Ok(Entity::find()
            .filter(Column::Uuid.eq(uuid))
            .filter(Column::DeletedAt.is_null())
            .one(self.reader())
            .await?)
    }
}
