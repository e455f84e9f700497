//! Node groups and their instances.

use bartizan_api::filter::Filter;
use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, Condition, ConnectionTrait, EntityTrait,
    IntoActiveModel, Order, QueryFilter, QueryOrder, QuerySelect, QueryTrait, sea_query::Expr,
};

use crate::{
    Store, StoreError, TenantId, Tenants,
    conditions::{Place, filter_condition},
    entity::{node_group, node_instance},
};

/// A page of groups.
pub struct GroupQuery<'a> {
    /// Tenants that may be seen.
    pub tenants: &'a Tenants,
    /// Filter over the columns of the group; `ip` asks for groups with an instance there.
    pub filter: &'a Filter,
    /// Column to order by; ties go by id.
    pub order_by: node_group::Column,
    /// Direction.
    pub order: Order,
    /// Rows to skip.
    pub offset: u64,
    /// Most rows.
    pub limit: u64,
}

impl Store {
    /// A page of node groups.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn node_groups(&self, query: GroupQuery<'_>) -> Result<Vec<node_group::Model>, StoreError> {
        use node_group::{Column, Entity};
        let condition = filter_condition(query.filter, |field| match field {
            "id" => Place::Column("id"),
            "uuid" => Place::Column("uuid"),
            "hostname" => Place::Column("hostname"),
            "clientid" => Place::Column("client_id"),
            _ => Place::Elsewhere,
        });
        let mut select = Entity::find()
            .filter(Column::ClientId.is_in(query.tenants.ids().iter().map(|id| id.0)))
            .filter(condition);
        let addresses: Vec<String> = query.filter.conditions("ip").flat_map(texts).collect();
        if !addresses.is_empty() {
            let located = node_instance::Entity::find()
                .select_only()
                .column(node_instance::Column::GroupId)
                .filter(node_instance::Column::Ip.is_in(addresses));
            select = select.filter(Column::Id.in_subquery(located.into_query()));
        }
        Ok(select
            .order_by(query.order_by, query.order)
            .order_by_asc(Column::Id)
            .offset(query.offset)
            .limit(query.limit)
            .all(self.reader())
            .await?)
    }

    /// The instances of some groups that were seen at or after `since`.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn node_instances(
        &self,
        tenants: &Tenants,
        group_ids: &[i64],
        since: i64,
    ) -> Result<Vec<node_instance::Model>, StoreError> {
        use node_instance::{Column, Entity};
        Ok(Entity::find()
            .filter(Column::ClientId.is_in(tenants.ids().iter().map(|id| id.0)))
            .filter(Column::GroupId.is_in(group_ids.iter().copied()))
            .filter(Column::LastSeenAt.gte(since))
            .order_by_desc(Column::LastSeenAt)
            .all(self.reader())
            .await?)
    }

    /// The group of a tenant with this name.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn find_node_group_by_name(
        &self,
        tenant: TenantId,
        hostname: &str,
    ) -> Result<Option<node_group::Model>, StoreError> {
        use node_group::{Column, Entity};
        Ok(Entity::find()
            .filter(Column::ClientId.eq(tenant.0))
            .filter(Column::Hostname.eq(hostname))
            .one(self.reader())
            .await?)
    }
}

fn texts(condition: &bartizan_api::filter::Condition) -> Vec<String> {
    match &condition.test {
        bartizan_api::filter::Test::Texts(texts) => texts.clone(),
        _ => vec![],
    }
}

/// The group with this id among the tenants.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn find_group<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    id: i64,
) -> Result<Option<node_group::Model>, StoreError> {
    use node_group::{Column, Entity};
    Ok(Entity::find_by_id(id)
        .filter(Column::ClientId.is_in(tenants.ids().iter().map(|id| id.0)))
        .one(connection)
        .await?)
}

/// Inserts a group; its `id` is ignored.
///
/// # Errors
/// [`StoreError::Duplicate`] when the tenant has a group of this name.
pub async fn insert_group<C: ConnectionTrait>(
    connection: &C,
    group: node_group::Model,
) -> Result<node_group::Model, StoreError> {
    let mut row = group.into_active_model();
    row.id = NotSet;
    row.insert(connection).await.map_err(StoreError::of_insert)
}

/// Writes a new token of a group and forgets the instances that registered with the old one.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn replace_group_token<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
    token_mac: &str,
    token_sealed: Option<String>,
) -> Result<(), StoreError> {
    use node_group::{Column, Entity};
    Entity::update_many()
        .col_expr(Column::TokenMac, Expr::val(token_mac))
        .col_expr(Column::TokenSealed, Expr::val(token_sealed))
        .filter(Column::Id.eq(id))
        .filter(Column::ClientId.eq(tenant.0))
        .exec(connection)
        .await?;
    let by_node_token = Condition::all()
        .add(node_instance::Column::GroupId.eq(id))
        .add(node_instance::Column::TokenId.is_null());
    node_instance::Entity::delete_many().filter(by_node_token).exec(connection).await?;
    Ok(())
}

/// Deletes a group with its instances.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete_group<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
) -> Result<(), StoreError> {
    node_instance::Entity::delete_many()
        .filter(node_instance::Column::GroupId.eq(id))
        .filter(node_instance::Column::ClientId.eq(tenant.0))
        .exec(connection)
        .await?;
    node_group::Entity::delete_many()
        .filter(node_group::Column::Id.eq(id))
        .filter(node_group::Column::ClientId.eq(tenant.0))
        .exec(connection)
        .await?;
    Ok(())
}

/// Inserts an instance.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert_instance<C: ConnectionTrait>(
    connection: &C,
    instance: node_instance::Model,
) -> Result<(), StoreError> {
    node_instance::Entity::insert(instance.into_active_model()).exec_without_returning(connection).await?;
    Ok(())
}

/// The instance, locked until the transaction ends where the database can.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn lock_instance<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    uuid: &str,
) -> Result<Option<node_instance::Model>, StoreError> {
    Ok(node_instance::Entity::find_by_id(uuid.to_owned())
        .filter(node_instance::Column::ClientId.eq(tenant.0))
        .lock_exclusive()
        .one(connection)
        .await?)
}

/// Writes a changed instance back.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn update_instance<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    change: node_instance::ActiveModel,
) -> Result<(), StoreError> {
    let updated = change.update(connection).await?;
    debug_assert_eq!(updated.client_id, tenant.0, "an instance was changed outside its tenant");
    Ok(())
}

/// Removes an instance.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete_instance<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    uuid: &str,
) -> Result<(), StoreError> {
    node_instance::Entity::delete_many()
        .filter(node_instance::Column::Uuid.eq(uuid))
        .filter(node_instance::Column::ClientId.eq(tenant.0))
        .exec(connection)
        .await?;
    Ok(())
}

/// When the nodes of tenants were last heard of, Unix seconds.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn last_seen<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
) -> Result<Vec<i64>, StoreError> {
    use node_instance::{Column, Entity};
    Ok(Entity::find()
        .select_only()
        .column(Column::LastSeenAt)
        .filter(tenants.holds("client_id"))
        .into_tuple()
        .all(connection)
        .await?)
}
