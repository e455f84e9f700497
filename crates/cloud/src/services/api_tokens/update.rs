//! Changing API tokens: their properties, and their value.

use bartizan_api::{
    ApiError,
    api_token::{ApiTokenSecretView, ApiTokenUpdate, ApiTokenView},
};
use bartizan_store::{TenantId, api_tokens, clients, entity, sea_orm::DatabaseTransaction};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Purpose, backward, change, future, masked, may_have_api_tokens, reach, refuse_foreign, sealed,
    valid_name,
    view::{one, state},
};
use crate::{
    auth::Caller,
    failure::Failure,
    secrets::Secret,
    services::{activity, grants},
    state::Cloud,
};

/// Changes name, end, rights or activity of a token.
///
/// # Errors
/// 404, 403, 400 for invalid fields and for enabling without a new end.
pub async fn update(
    cloud: &Cloud,
    caller: &Caller,
    id: i64,
    request: &ApiTokenUpdate,
) -> Result<ApiTokenView, Failure> {
    if backward::user_of(id).is_some() {
        return backward::refuse_change(cloud, caller, id).await;
    }
    refuse_foreign(cloud, caller, id).await?;
    let transaction = cloud.store.begin().await?;
    let before = reach(cloud, &transaction, caller, id, Purpose::Change).await?;
    let tenant = TenantId(before.client_id);
    let client = clients::lock(&transaction, tenant).await?.ok_or_else(ApiError::access_denied)?;
    let mut after = before.clone();
    apply(cloud, caller, &mut after, request, &client)?;
    let after = write(cloud, caller, &transaction, &before, after).await?;
    let view = one(cloud, &transaction, caller, after).await?;
    transaction.commit().await?;
    Ok(view)
}

fn apply(
    cloud: &Cloud,
    caller: &Caller,
    row: &mut entity::api_token::Model,
    request: &ApiTokenUpdate,
    client: &entity::client::Model,
) -> Result<(), ApiError> {
    let now = cloud.now();
    if let Some(name) = &request.name {
        row.name = valid_name(name)?;
    }
    if let Some(permissions) = &request.permissions {
        if row.usage == "node" {
            return Err(ApiError::invalid("a node token has the role deploy", permissions.clone()));
        }
        let grant = grants::parse(permissions)?;
        grants::may_grant(caller, &grant, client)?;
        row.permissions = json!(grant.strings());
    }
    if let Some(end) = request.expires_at {
        row.expires_at = future(end, now)?;
        row.notified_at = None;
    }
    match request.enabled {
        Some(true) if !row.enabled => {
            if request.expires_at.is_none() {
                return Err(ApiError::invalid("expires_at is needed to enable a token", Value::Null));
            }
            row.enabled = true;
            row.disabled_at = None;
        }
        Some(false) if row.enabled => {
            row.enabled = false;
            row.disabled_at = Some(now);
        }
        _ => {}
    }
    Ok(())
}

async fn write(
    cloud: &Cloud,
    caller: &Caller,
    transaction: &DatabaseTransaction,
    before: &entity::api_token::Model,
    after: entity::api_token::Model,
) -> Result<entity::api_token::Model, Failure> {
    let tenant = TenantId(before.client_id);
    let after = api_tokens::update(transaction, tenant, after).await?;
    let entry = change(&after, "update", Some(state(before)), Some(state(&after)));
    activity::log(transaction, caller, tenant, cloud.now(), entry).await?;
    Ok(after)
}

/// Gives a token a new value; the old one is dead when this returns. The backward-compatible one asks for a fresh proof of
/// the password, as the renewal of a secret does.
///
/// # Errors
/// 404, 403.
pub async fn renew(
    cloud: &Cloud,
    caller: &Caller,
    id: i64,
    proof: &str,
) -> Result<ApiTokenSecretView, Failure> {
    if backward::user_of(id).is_some() {
        return backward::renew(cloud, caller, id, proof).await;
    }
    refuse_foreign(cloud, caller, id).await?;
    let transaction = cloud.store.begin().await?;
    let before = reach(cloud, &transaction, caller, id, Purpose::Change).await?;
    if before.user_id.is_some() && before.usage == "api" {
        may_have_api_tokens(caller)?;
    }
    let secret = Secret::random();
    let token = secret.token(Uuid::parse_str(&before.uuid).map_err(|_| ApiError::internal())?);
    let mut after = before.clone();
    after.secret_mac = secret.mac(&cloud.keys);
    after.masked = masked(&token);
    after.sealed = sealed(cloud, &token);
    after.notified_at = None;
    after.generated_at = cloud.now();
    let after = write(cloud, caller, &transaction, &before, after).await?;
    let properties = one(cloud, &transaction, caller, after).await?;
    transaction.commit().await?;
    Ok(ApiTokenSecretView { properties, token })
}
