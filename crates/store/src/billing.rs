//! Plans, their features, and the subscriptions of tenants (`spec/accounts.md` section 4.6).

use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, sea_query::OnConflict,
};

use crate::{
    StoreError, TenantId,
    entity::{billing_binding, billing_feature, billing_plan, partner_billing, subscription},
};

/// Every feature, by id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn features<C: ConnectionTrait>(connection: &C) -> Result<Vec<billing_feature::Model>, StoreError> {
    Ok(billing_feature::Entity::find().order_by_asc(billing_feature::Column::Id).all(connection).await?)
}

/// Every plan, by id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn plans<C: ConnectionTrait>(connection: &C) -> Result<Vec<billing_plan::Model>, StoreError> {
    Ok(billing_plan::Entity::find().order_by_asc(billing_plan::Column::Id).all(connection).await?)
}

/// Which plan has which features, by id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn bindings<C: ConnectionTrait>(connection: &C) -> Result<Vec<billing_binding::Model>, StoreError> {
    Ok(billing_binding::Entity::find().order_by_asc(billing_binding::Column::Id).all(connection).await?)
}

/// Adds a feature.
///
/// # Errors
/// [`StoreError::Duplicate`] when there is one of this name.
pub async fn insert_feature<C: ConnectionTrait>(
    connection: &C,
    row: billing_feature::Model,
) -> Result<billing_feature::Model, StoreError> {
    let mut row = row.into_active_model();
    row.id = NotSet;
    row.insert(connection).await.map_err(StoreError::of_insert)
}

/// Adds a plan.
///
/// # Errors
/// [`StoreError::Duplicate`] when there is one of this name.
pub async fn insert_plan<C: ConnectionTrait>(
    connection: &C,
    row: billing_plan::Model,
) -> Result<billing_plan::Model, StoreError> {
    let mut row = row.into_active_model();
    row.id = NotSet;
    row.insert(connection).await.map_err(StoreError::of_insert)
}

/// Gives a plan a feature.
///
/// # Errors
/// [`StoreError::Duplicate`] when it has it.
pub async fn insert_binding<C: ConnectionTrait>(
    connection: &C,
    row: billing_binding::Model,
) -> Result<billing_binding::Model, StoreError> {
    let mut row = row.into_active_model();
    row.id = NotSet;
    row.insert(connection).await.map_err(StoreError::of_insert)
}

/// The subscriptions of a tenant, in their order.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn subscriptions<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<Vec<subscription::Model>, StoreError> {
    Ok(subscription::Entity::find()
        .filter(subscription::Column::ClientId.eq(tenant.0))
        .order_by_asc(subscription::Column::Position)
        .order_by_asc(subscription::Column::Id)
        .all(connection)
        .await?)
}

/// The subscriptions of every tenant, in their order. Housekeeping: it knows no tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn all_subscriptions<C: ConnectionTrait>(
    connection: &C,
) -> Result<Vec<subscription::Model>, StoreError> {
    Ok(subscription::Entity::find()
        .order_by_asc(subscription::Column::ClientId)
        .order_by_asc(subscription::Column::Position)
        .order_by_asc(subscription::Column::Id)
        .all(connection)
        .await?)
}

/// Adds a subscription.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert_subscription<C: ConnectionTrait>(
    connection: &C,
    row: subscription::Model,
) -> Result<subscription::Model, StoreError> {
    let mut row = row.into_active_model();
    row.id = NotSet;
    row.insert(connection).await.map_err(StoreError::of_insert)
}

/// Writes a subscription whole.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn update_subscription<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    row: subscription::Model,
) -> Result<subscription::Model, StoreError> {
    debug_assert_eq!(tenant.0, row.client_id, "a subscription of another tenant was changed");
    Ok(row.into_active_model().reset_all().update(connection).await?)
}

/// What a global account may do by itself.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn partner<C: ConnectionTrait>(
    connection: &C,
    partner_id: i64,
) -> Result<Option<partner_billing::Model>, StoreError> {
    Ok(partner_billing::Entity::find_by_id(partner_id).one(connection).await?)
}

/// Sets what a global account may do by itself.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn put_partner<C: ConnectionTrait>(
    connection: &C,
    row: partner_billing::Model,
) -> Result<(), StoreError> {
    use partner_billing::Column;
    let changed = [
        Column::TrialPlanSlug,
        Column::TrialPeriod,
        Column::TrialExtendPeriod,
        Column::TrialWaitPeriod,
        Column::TrialsEnabled,
    ];
    partner_billing::Entity::insert(row.into_active_model())
        .on_conflict(OnConflict::column(Column::PartnerId).update_columns(changed).to_owned())
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Takes away what a global account may do by itself.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete_partner<C: ConnectionTrait>(connection: &C, partner_id: i64) -> Result<(), StoreError> {
    partner_billing::Entity::delete_by_id(partner_id).exec(connection).await?;
    Ok(())
}
