//! Tenants themselves.

use std::collections::HashMap;

use bartizan_api::{filter::Filter, list::Page};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, sea_query::Expr,
};

use crate::{
    StoreError, TenantId, Tenants,
    conditions::{Place, filter_condition},
    difference::difference,
    entity::{
        self,
        client::{Column, Entity, Model},
    },
};

/// The tenants that a filter selects: `first`, then by id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn list<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    filter: &Filter,
    first: TenantId,
    page: Page,
) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .filter(tenants.holds("id"))
        .filter(Column::DeletedAt.is_null())
        .filter(filter_condition(filter, place))
        .order_by_asc(Expr::col("id").ne(first.0))
        .order_by_asc(Column::Id)
        .limit(page.limit)
        .offset(page.offset)
        .all(connection)
        .await?)
}

/// The rows of tenants, in no order.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn of_ids<C: ConnectionTrait>(connection: &C, tenants: &Tenants) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find().filter(tenants.holds("id")).all(connection).await?)
}

/// UUIDs of global accounts, by id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn partner_uuids<C: ConnectionTrait>(
    connection: &C,
    rows: &[Model],
) -> Result<HashMap<i64, String>, StoreError> {
    use entity::partner;
    let ids = rows.iter().map(|row| row.partner_id);
    let partners = partner::Entity::find().filter(partner::Column::Id.is_in(ids)).all(connection).await?;
    Ok(partners.into_iter().map(|partner| (partner.id, partner.uuid)).collect())
}

/// The filtration mode of each tenant as a whole: the mode rule of its default branch, which `branch` names by
/// the hash of its conditions.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn modes<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    branch: &str,
) -> Result<HashMap<i64, String>, StoreError> {
    use entity::{action, hint};
    let branches = action::Entity::find()
        .filter(tenants.holds("client_id"))
        .filter(action::Column::ConditionsHash.eq(branch))
        .all(connection)
        .await?;
    let hints = hint::Entity::find()
        .filter(tenants.holds("client_id"))
        .filter(hint::Column::ActionId.is_in(branches.into_iter().map(|branch| branch.id)))
        .filter(hint::Column::Kind.eq("wallarm_mode"))
        .all(connection)
        .await?;
    let mode = |hint: &hint::Model| hint.fields.get("mode")?.as_str().map(str::to_owned);
    Ok(hints.into_iter().filter_map(|hint| Some((hint.client_id, mode(&hint)?))).collect())
}

/// Reads a tenant and lets other changes of it wait until the transaction ends, so that a rule over several
/// rows ("one administrator stays") holds. SQLite has one writer and needs no lock.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn lock<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find().filter(Column::Id.eq(tenant.0)).lock_exclusive().one(connection).await?)
}

/// Writes what differs from the row as it was read; what somebody else changed in other columns stands.
///
/// # Errors
/// [`StoreError::Duplicate`] when the global account has a tenant of this name.
pub async fn update<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    before: &Model,
    after: Model,
) -> Result<Model, StoreError> {
    debug_assert!(tenants.contains(TenantId(after.id)), "a tenant out of reach was changed");
    let change = difference(&before.clone().into_active_model(), after.into_active_model());
    change.update(connection).await.map_err(StoreError::of_insert)
}

/// A tenant that was deleted and whose data is still there. For the operator: it knows no tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn deleted<C: ConnectionTrait>(connection: &C, id: i64) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(id).filter(Column::DeletedAt.is_not_null()).one(connection).await?)
}

/// Tenants that were deleted before a moment. Housekeeping: it knows no tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn deleted_before<C: ConnectionTrait>(
    connection: &C,
    moment: i64,
) -> Result<Vec<TenantId>, StoreError> {
    let ids: Vec<i64> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::DeletedAt.lt(moment))
        .into_tuple()
        .all(connection)
        .await?;
    Ok(ids.into_iter().map(TenantId).collect())
}

/// Tenants that there are, without technical ones. Housekeeping: it knows no tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn ordinary<C: ConnectionTrait>(connection: &C) -> Result<Vec<TenantId>, StoreError> {
    let ids: Vec<i64> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::DeletedAt.is_null())
        .filter(Column::IsTechnical.eq(false))
        .into_tuple()
        .all(connection)
        .await?;
    Ok(ids.into_iter().map(TenantId).collect())
}

fn place(field: &str) -> Place {
    match field {
        "id" | "clientid" => Place::Column("id"),
        "enabled" => Place::Column("enabled"),
        "name" => Place::Column("name"),
        "uuid" => Place::Folded("uuid"),
        "partnerid" => Place::Column("partner_id"),
        _ => Place::Elsewhere,
    }
}
