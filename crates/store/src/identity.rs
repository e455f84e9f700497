//! Look-ups that find out who calls. They are the only queries without a tenant: the tenant is their answer.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::{Store, StoreError, TenantId, entity};

impl Store {
    /// The user with this UUID.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_user_by_uuid(&self, uuid: &str) -> Result<Option<entity::user::Model>, StoreError> {
        Ok(entity::user::Entity::find()
            .filter(entity::user::Column::Uuid.eq(uuid))
            .one(self.reader())
            .await?)
    }

    /// The user with this e-mail address, lower case.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_user_by_email(
        &self,
        email: &str,
    ) -> Result<Option<entity::user::Model>, StoreError> {
        Ok(entity::user::Entity::find()
            .filter(entity::user::Column::Email.eq(email))
            .one(self.reader())
            .await?)
    }

    /// Whether anybody of another tenant has an address in a domain, lower case.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_domain_elsewhere(
        &self,
        domain: &str,
        tenant: TenantId,
    ) -> Result<bool, StoreError> {
        use entity::user::{Column, Entity};
        let escaped = domain.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let pattern = sea_orm::sea_query::LikeExpr::new(format!("%@{escaped}")).escape('\\');
        let found = Entity::find().filter(Column::Email.like(pattern)).filter(Column::ClientId.ne(tenant.0));
        Ok(found.one(self.reader()).await?.is_some())
    }

    /// The user with this id, as named by a session or token.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_user(&self, id: i64) -> Result<Option<entity::user::Model>, StoreError> {
        Ok(entity::user::Entity::find_by_id(id).one(self.reader()).await?)
    }

    /// The tenant with this id, as named by a credential, unless it was deleted.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_client(&self, id: i64) -> Result<Option<entity::client::Model>, StoreError> {
        Ok(entity::client::Entity::find_by_id(id)
            .filter(entity::client::Column::DeletedAt.is_null())
            .one(self.reader())
            .await?)
    }

    /// The tenants of a global account, by ascending id.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_partner_clients(
        &self,
        partner_id: i64,
    ) -> Result<Vec<entity::client::Model>, StoreError> {
        use sea_orm::QueryOrder;
        Ok(entity::client::Entity::find()
            .filter(entity::client::Column::PartnerId.eq(partner_id))
            .filter(entity::client::Column::DeletedAt.is_null())
            .order_by_asc(entity::client::Column::Id)
            .all(self.reader())
            .await?)
    }

    /// The API token with this lookup key.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_api_token(
        &self,
        uuid: &str,
    ) -> Result<Option<entity::api_token::Model>, StoreError> {
        use entity::api_token::{Column, Entity};
        Ok(Entity::find().filter(Column::Uuid.eq(uuid)).one(self.reader()).await?)
    }

    /// The tenant of a node group, to tell a foreign one from one that does not exist.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_node_group_tenant(&self, id: i64) -> Result<Option<TenantId>, StoreError> {
        let group = entity::node_group::Entity::find_by_id(id).one(self.reader()).await?;
        Ok(group.map(|group| TenantId(group.client_id)))
    }

    /// The tenant of an API token, to tell a foreign one from one that does not exist.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_api_token_tenant(&self, id: i64) -> Result<Option<TenantId>, StoreError> {
        let token = entity::api_token::Entity::find_by_id(id).one(self.reader()).await?;
        Ok(token.map(|token| TenantId(token.client_id)))
    }

    /// The global account with this UUID.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_partner(&self, uuid: &str) -> Result<Option<entity::partner::Model>, StoreError> {
        use entity::partner::{Column, Entity};
        Ok(Entity::find().filter(Column::Uuid.eq(uuid)).one(self.reader()).await?)
    }

    /// The API token that a node instance registered with.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_api_token_by_id(
        &self,
        id: i64,
    ) -> Result<Option<entity::api_token::Model>, StoreError> {
        Ok(entity::api_token::Entity::find_by_id(id).one(self.reader()).await?)
    }

    /// The session with this keyed hash.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_session(&self, id_mac: &str) -> Result<Option<entity::session::Model>, StoreError> {
        Ok(entity::session::Entity::find_by_id(id_mac.to_owned()).one(self.reader()).await?)
    }

    /// The tenant of the session with this public id, to tell a foreign one from one that does not exist.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_session_tenant(&self, public_id: &str) -> Result<Option<TenantId>, StoreError> {
        use entity::session::{Column, Entity};
        let session = Entity::find().filter(Column::PublicId.eq(public_id)).one(self.reader()).await?;
        Ok(session.map(|session| TenantId(session.client_id)))
    }

    /// The node group with this UUID (the lookup key inside its token).
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_node_group(
        &self,
        uuid: &str,
    ) -> Result<Option<entity::node_group::Model>, StoreError> {
        use entity::node_group::{Column, Entity};
        Ok(Entity::find().filter(Column::Uuid.eq(uuid)).one(self.reader()).await?)
    }

    /// The node instance with this UUID.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_node(
        &self,
        uuid: &str,
    ) -> Result<Option<entity::node_instance::Model>, StoreError> {
        Ok(entity::node_instance::Entity::find_by_id(uuid.to_owned()).one(self.reader()).await?)
    }
}
