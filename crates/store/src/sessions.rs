//! Sessions, and the traces that using a credential leaves.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    QueryOrder, sea_query::Expr,
};

use crate::{Store, StoreError, TenantId, Tenants, entity};

/// Sets the tenant that a session shows.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn set_acting_client<C: ConnectionTrait>(
    connection: &C,
    id_mac: &str,
    tenant: TenantId,
) -> Result<(), StoreError> {
    use entity::session::{Column, Entity};
    Entity::update_many()
        .col_expr(Column::ActingClientId, Expr::val(tenant.0))
        .filter(Column::IdMac.eq(id_mac))
        .exec(connection)
        .await?;
    Ok(())
}

impl Store {
    /// Notes that a session, named by its keyed hash, was used.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn touch_session(&self, id_mac: &str, now: i64) -> Result<(), StoreError> {
        use entity::session::{Column, Entity};
        Entity::update_many()
            .col_expr(Column::LastSeenAt, Expr::val(now))
            .filter(Column::IdMac.eq(id_mac))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Ends a session and the tokens derived from it.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn delete_session(&self, id_mac: &str) -> Result<(), StoreError> {
        delete(self.writer(), id_mac).await
    }

    /// Ends every session of a user, except the one named.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn delete_user_sessions(
        &self,
        tenant: TenantId,
        user_id: i64,
        except: Option<&str>,
    ) -> Result<(), StoreError> {
        delete_of_user(self.writer(), tenant, user_id, except).await
    }

    /// Running sessions of a user, newest first; tokens derived from them are left out.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn sessions_of_user(
        &self,
        tenants: &Tenants,
        user_id: i64,
        now: i64,
    ) -> Result<Vec<entity::session::Model>, StoreError> {
        use entity::session::{Column, Entity};
        Ok(Entity::find()
            .filter(tenants.holds("client_id"))
            .filter(Column::UserId.eq(user_id))
            .filter(Column::ParentMac.is_null())
            .filter(Column::ExpiresAt.gt(now))
            .order_by_desc(Column::CreatedAt)
            .all(self.reader())
            .await?)
    }

    /// The session with this public id.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn session(
        &self,
        tenants: &Tenants,
        public_id: &str,
    ) -> Result<Option<entity::session::Model>, StoreError> {
        use entity::session::{Column, Entity};
        Ok(Entity::find()
            .filter(tenants.holds("client_id"))
            .filter(Column::PublicId.eq(public_id))
            .one(self.reader())
            .await?)
    }

    /// Removes sessions that ended before `now`.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn purge_sessions(&self, now: i64) -> Result<(), StoreError> {
        use entity::session::{Column, Entity};
        Entity::delete_many().filter(Column::ExpiresAt.lte(now)).exec(self.writer()).await?;
        Ok(())
    }

    /// Notes the use of a user's secret.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn note_secret_use(&self, user_id: i64, now: i64, ip: &str) -> Result<(), StoreError> {
        use entity::user::{Column, Entity};
        Entity::update_many()
            .col_expr(Column::SecretLastUsedAt, Expr::val(now))
            .col_expr(Column::SecretLastUsedIp, Expr::val(ip))
            .filter(Column::Id.eq(user_id))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Notes the use of an API token.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn note_token_use(&self, token_id: i64, now: i64, ip: &str) -> Result<(), StoreError> {
        use entity::api_token::{Column, Entity};
        Entity::update_many()
            .col_expr(Column::LastUsedAt, Expr::val(now))
            .col_expr(Column::LastUsedIp, Expr::val(ip))
            .filter(Column::Id.eq(token_id))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Sets what a session is restricted to.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn set_restriction(&self, id_mac: &str, restriction: Option<&str>) -> Result<(), StoreError> {
        use entity::session::{Column, Entity};
        Entity::update_many()
            .col_expr(Column::Restriction, Expr::val(restriction.map(str::to_owned)))
            .filter(Column::IdMac.eq(id_mac))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// The same, under another id; tokens derived from the session go along.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn replace_session(
        &self,
        id_mac: &str,
        new_mac: &str,
        restriction: Option<&str>,
    ) -> Result<(), StoreError> {
        use entity::session::{Column, Entity};
        let transaction = self.begin().await?;
        Entity::update_many()
            .col_expr(Column::IdMac, Expr::val(new_mac.to_owned()))
            .col_expr(Column::Restriction, Expr::val(restriction.map(str::to_owned)))
            .filter(Column::IdMac.eq(id_mac))
            .exec(&transaction)
            .await?;
        Entity::update_many()
            .col_expr(Column::ParentMac, Expr::val(Some(new_mac.to_owned())))
            .filter(Column::ParentMac.eq(id_mac))
            .exec(&transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Writes a changed user row back.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn update_user_row(
        &self,
        tenant: TenantId,
        change: entity::user::ActiveModel,
    ) -> Result<entity::user::Model, StoreError> {
        update_user(self.writer(), tenant, change).await
    }
}

/// Saves a new session.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert<C: ConnectionTrait>(
    connection: &C,
    session: entity::session::Model,
) -> Result<(), StoreError> {
    entity::session::Entity::insert(session.into_active_model()).exec_without_returning(connection).await?;
    Ok(())
}

/// Sessions of a tenant that began at its identity provider under a name, by the keyed hash of that.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn of_sso_name<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    name_mac: &str,
) -> Result<Vec<entity::session::Model>, StoreError> {
    use entity::session::{Column, Entity};
    Ok(Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::SsoNameMac.eq(name_mac))
        .all(connection)
        .await?)
}

/// Ends every session of a user, except the one named, as part of a transaction.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete_of_user<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    user_id: i64,
    except: Option<&str>,
) -> Result<(), StoreError> {
    use entity::session::{Column, Entity};
    let mut delete =
        Entity::delete_many().filter(Column::ClientId.eq(tenant.0)).filter(Column::UserId.eq(user_id));
    if let Some(id_mac) = except {
        delete = delete.filter(Column::IdMac.ne(id_mac));
    }
    delete.exec(connection).await?;
    Ok(())
}

/// Ends a session and the tokens derived from it, as part of a transaction.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete<C: ConnectionTrait>(connection: &C, id_mac: &str) -> Result<(), StoreError> {
    use entity::session::{Column, Entity};
    Entity::delete_many()
        .filter(Column::IdMac.eq(id_mac).or(Column::ParentMac.eq(id_mac)))
        .exec(connection)
        .await?;
    Ok(())
}

/// Writes the changed columns of a user row back, as part of a transaction.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn update_user<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    change: entity::user::ActiveModel,
) -> Result<entity::user::Model, StoreError> {
    let updated = change.update(connection).await?;
    debug_assert_eq!(updated.client_id, tenant.0, "a user was changed outside its tenant");
    Ok(updated)
}
