//! Invitations that wait to be accepted.

use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, sea_query::Expr,
};

use crate::{
    Store, StoreError, TenantId, Tenants,
    entity::invitation::{Column, Entity, Model},
};

/// Saves an invitation; its `id` is ignored.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert<C: ConnectionTrait>(connection: &C, invitation: Model) -> Result<Model, StoreError> {
    let mut row = invitation.into_active_model();
    row.id = NotSet;
    Ok(row.insert(connection).await?)
}

/// Open invitations of the tenants, newest first.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn list<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    now: i64,
) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .filter(tenants.holds("client_id"))
        .filter(Column::ExpiresAt.gt(now))
        .order_by_desc(Column::Id)
        .all(connection)
        .await?)
}

/// One invitation of the tenants.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn find<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    id: i64,
) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(id).filter(tenants.holds("client_id")).one(connection).await?)
}

/// Notes that the link of an invitation did not go out by letter.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn hand_over<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::Sent, Expr::value(false))
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Id.eq(id))
        .exec(connection)
        .await?;
    Ok(())
}

/// Removes an invitation: true for the one caller whose deletion found it.
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

/// Removes the invitations of a user made beforehand.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete_of_user<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    user: i64,
) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::UserId.eq(user))
        .exec(connection)
        .await?;
    Ok(())
}

impl Store {
    /// The invitation with this keyed hash of its token that has not ended.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_invitation(&self, token_mac: &str, now: i64) -> Result<Option<Model>, StoreError> {
        Ok(Entity::find()
            .filter(Column::TokenMac.eq(token_mac))
            .filter(Column::ExpiresAt.gt(now))
            .one(self.reader())
            .await?)
    }

    /// The tenant of an invitation, to tell a foreign one from one that does not exist.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_invitation_tenant(&self, id: i64) -> Result<Option<TenantId>, StoreError> {
        let row = Entity::find_by_id(id).one(self.reader()).await?;
        Ok(row.map(|row| TenantId(row.client_id)))
    }

    /// Removes invitations that ended.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn purge_invitations(&self, now: i64) -> Result<(), StoreError> {
        Entity::delete_many().filter(Column::ExpiresAt.lte(now)).exec(self.writer()).await?;
        Ok(())
    }
}
