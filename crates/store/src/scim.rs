//! Users and groups that an identity provider pushes (SCIM).

use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, Condition, ConnectionTrait, EntityTrait,
    IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::{
    Store, StoreError, TenantId,
    entity::{scim_group, scim_member, sso_config, user},
};

/// What a list asks for, besides the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Everything.
    All,
    /// The one with this id.
    Id(i64),
    /// Those with this name: the address of a user in lower case, the name of a group.
    Name(String),
    /// Those that the provider calls so.
    ExternalId(String),
}

/// A part of a list.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// Rows before it.
    pub offset: u64,
    /// Most rows.
    pub limit: u64,
}

/// The users that an identity provider may see: those who sign in by it.
fn visible(tenant: TenantId) -> sea_orm::Select<user::Entity> {
    user::Entity::find()
        .filter(user::Column::ClientId.eq(tenant.0))
        .filter(user::Column::AuthMethod.is_not_null())
        .filter(user::Column::IsFallback.eq(false))
}

/// One of the users that an identity provider may see.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn user<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
) -> Result<Option<user::Model>, StoreError> {
    Ok(visible(tenant).filter(user::Column::Id.eq(id)).one(connection).await?)
}

/// How many users there are, and some of them by id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn users<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    asked: &Asked,
    slice: Slice,
) -> Result<(u64, Vec<user::Model>), StoreError> {
    use user::Column;
    let condition = match asked {
        Asked::All => Condition::all(),
        Asked::Id(id) => Condition::all().add(Column::Id.eq(*id)),
        Asked::Name(email) => Condition::all().add(Column::Email.eq(email)),
        Asked::ExternalId(name) => Condition::all().add(Column::ScimExternalId.eq(name)),
    };
    let query = visible(tenant).filter(condition);
    let total = query.clone().count(connection).await?;
    let rows = query.order_by_asc(Column::Id).offset(slice.offset).limit(slice.limit);
    Ok((total, if slice.limit == 0 { vec![] } else { rows.all(connection).await? }))
}

/// How many groups there are, and some of them by id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn groups<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    asked: &Asked,
    slice: Slice,
) -> Result<(u64, Vec<scim_group::Model>), StoreError> {
    use scim_group::{Column, Entity};
    let condition = match asked {
        Asked::All => Condition::all(),
        Asked::Id(id) => Condition::all().add(Column::Id.eq(*id)),
        Asked::Name(name) => Condition::all().add(Column::Name.eq(name)),
        Asked::ExternalId(name) => Condition::all().add(Column::ExternalId.eq(name)),
    };
    let query = Entity::find().filter(Column::ClientId.eq(tenant.0)).filter(condition);
    let total = query.clone().count(connection).await?;
    let rows = query.order_by_asc(Column::Id).offset(slice.offset).limit(slice.limit);
    Ok((total, if slice.limit == 0 { vec![] } else { rows.all(connection).await? }))
}

/// One group of a tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn group<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
) -> Result<Option<scim_group::Model>, StoreError> {
    use scim_group::{Column, Entity};
    Ok(Entity::find_by_id(id).filter(Column::ClientId.eq(tenant.0)).one(connection).await?)
}

/// Saves a new group; its `id` is ignored.
///
/// # Errors
/// [`StoreError::Duplicate`] when there is one of this name, or [`StoreError::Query`].
pub async fn insert_group<C: ConnectionTrait>(
    connection: &C,
    group: scim_group::Model,
) -> Result<scim_group::Model, StoreError> {
    let mut row = group.into_active_model();
    row.id = NotSet;
    row.insert(connection).await.map_err(StoreError::of_insert)
}

/// Writes a changed group back.
///
/// # Errors
/// [`StoreError::Duplicate`] when there is another of this name, or [`StoreError::Query`].
pub async fn update_group<C: ConnectionTrait>(
    connection: &C,
    group: scim_group::Model,
) -> Result<scim_group::Model, StoreError> {
    group.into_active_model().reset_all().update(connection).await.map_err(StoreError::of_insert)
}

/// Removes a group with its members.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete_group<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
) -> Result<(), StoreError> {
    set_members(connection, tenant, id, &[]).await?;
    use scim_group::{Column, Entity};
    let one = Entity::delete_many().filter(Column::ClientId.eq(tenant.0)).filter(Column::Id.eq(id));
    one.exec(connection).await?;
    Ok(())
}

/// The members of some groups, by group and user.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn members<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    groups: &[i64],
) -> Result<Vec<scim_member::Model>, StoreError> {
    use scim_member::{Column, Entity};
    Ok(Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::GroupId.is_in(groups.iter().copied()))
        .order_by_asc(Column::GroupId)
        .order_by_asc(Column::UserId)
        .all(connection)
        .await?)
}

/// Makes some users the members of a group, and nobody else.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn set_members<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    group: i64,
    users: &[i64],
) -> Result<(), StoreError> {
    use scim_member::{Column, Entity, Model};
    Entity::delete_many()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::GroupId.eq(group))
        .exec(connection)
        .await?;
    // In parts, as a statement takes so many values only.
    for part in users.chunks(500) {
        let rows = part
            .iter()
            .map(|user| Model { group_id: group, user_id: *user, client_id: tenant.0 }.into_active_model());
        Entity::insert_many(rows).exec_without_returning(connection).await?;
    }
    Ok(())
}

/// The groups that a user is in, by id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn groups_of_user<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    user: i64,
) -> Result<Vec<scim_group::Model>, StoreError> {
    let memberships = scim_member::Entity::find()
        .filter(scim_member::Column::ClientId.eq(tenant.0))
        .filter(scim_member::Column::UserId.eq(user))
        .all(connection)
        .await?;
    use scim_group::{Column, Entity};
    Ok(Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Id.is_in(memberships.into_iter().map(|member| member.group_id)))
        .order_by_asc(Column::Id)
        .all(connection)
        .await?)
}

/// Takes a user out of every group.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn forget_member<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    user: i64,
) -> Result<(), StoreError> {
    use scim_member::{Column, Entity};
    Entity::delete_many()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::UserId.eq(user))
        .exec(connection)
        .await?;
    Ok(())
}

/// Removes every group of a tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn clear<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<(), StoreError> {
    let members = scim_member::Entity::delete_many().filter(scim_member::Column::ClientId.eq(tenant.0));
    members.exec(connection).await?;
    let groups = scim_group::Entity::delete_many().filter(scim_group::Column::ClientId.eq(tenant.0));
    groups.exec(connection).await?;
    Ok(())
}

impl Store {
    /// The single sign-on whose provider has the token with this keyed hash.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_scim(&self, token_mac: &str) -> Result<Option<sso_config::Model>, StoreError> {
        use sso_config::{Column, Entity};
        Ok(Entity::find().filter(Column::ScimTokenMac.eq(token_mac)).one(self.reader()).await?)
    }
}
