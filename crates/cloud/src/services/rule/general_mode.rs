//! The general filtration mode: what the default branch of a tenant says (`spec/rules.md` section 9.6).

use bartizan_api::ApiError;
use bartizan_rules::HintType;
use bartizan_store::{
    TenantId,
    entity::{action, hint},
    hints,
    sea_orm::{ConnectionTrait, DatabaseTransaction},
};
use serde_json::{Map, Value, json};

use super::change;
use crate::{
    auth::Caller,
    failure::Failure,
    services::{provision::DEFAULT_BRANCH_HASH, ruleset::builds},
    state::Cloud,
};

/// The general filtration mode of a tenant: what its default branch says.
///
/// # Errors
/// 403 for a foreign tenant.
pub async fn general_mode(cloud: &Cloud, caller: &Caller, client_id: i64) -> Result<String, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let modes = general_modes(cloud.store.reader(), tenant).await?.1;
    // As the ruleset decides: the one changed last.
    let winner = modes.iter().filter(|row| row.active).max_by_key(|row| (row.updated_at, row.id));
    let mode = winner.and_then(|row| row.fields.get("mode")?.as_str());
    Ok(mode.unwrap_or("default").to_owned())
}

/// Sets the general filtration mode of a tenant.
///
/// # Errors
/// 400 for an unknown mode, 403, 423.
pub async fn set_general_mode(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    mode: &Value,
) -> Result<String, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    if mode.is_null() {
        return Err(ApiError::field("mode", "can't be blank", Value::Null).into());
    }
    let transaction = cloud.store.begin().await?;
    set_within(cloud, caller, &transaction, tenant, mode).await?;
    transaction.commit().await?;
    cloud.notices.changed(tenant);
    general_mode(cloud, caller, client_id).await
}

/// The same, as a part of what else a transaction does. Nodes hear of it after its commit.
///
/// # Errors
/// 400 for an unknown mode, 403, 423.
pub async fn set_within(
    cloud: &Cloud,
    caller: &Caller,
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    mode: &Value,
) -> Result<(), Failure> {
    let seq = builds::change(transaction, tenant, cloud.now()).await?.seq;
    let (action, modes) = general_modes(transaction, tenant).await?;
    let latest = modes.iter().map(|row| row.updated_at).max().unwrap_or_default();
    let mut own = modes.into_iter().next().ok_or_else(ApiError::internal)?;
    // Later than any other mode of the branch, so that this one wins.
    own.updated_at = latest;
    let patch = Map::from_iter([("mode".to_owned(), mode.clone()), ("active".to_owned(), json!(true))]);
    change(cloud, caller, transaction, (own, action), &patch, seq).await?;
    Ok(())
}

/// The default branch of a tenant and its modes, the tenant's own first.
async fn general_modes<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<(action::Model, Vec<hint::Model>), Failure> {
    let action = hints::find_action_by_hash(connection, tenant, DEFAULT_BRANCH_HASH).await?;
    let action = action.ok_or_else(ApiError::internal)?;
    let modes = hints::of_action(connection, tenant, action.id, HintType::WallarmMode.name()).await?;
    Ok((action, modes))
}
