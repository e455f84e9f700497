//! Moving users between passwords and single sign-on.

use bartizan_api::{ApiError, Permission};
use bartizan_store::{
    TenantId, api_tokens, clients, entity,
    sea_orm::{ActiveValue::Set, DatabaseTransaction, IntoActiveModel},
    sessions, tickets, users,
};
use serde_json::{Value, json};

use super::configured;
use crate::{
    auth::Caller,
    failure::Failure,
    services::{
        account,
        activity::{self, Change},
        grants,
        users::grant_of,
    },
    state::Cloud,
};

/// Under strict single sign-on everybody but the fallback account uses it, from now on. Who switches a user decides
/// who can be that user, so it takes the rights of each.
pub(super) async fn switch_users(
    cloud: &Cloud,
    caller: &Caller,
    transaction: &DatabaseTransaction,
    config: &entity::sso_config::Model,
) -> Result<(), Failure> {
    if !config.strict && !config.provisioning {
        return Ok(());
    }
    let tenant = TenantId(config.client_id);
    let users = users::of_tenant(transaction, tenant).await?;
    let waits = |user: &entity::user::Model| user.auth_method.as_deref() != Some(config.kind.as_str());
    let users: Vec<_> = users.into_iter().filter(|user| !user.is_fallback).collect();
    let beyond = |user: &&entity::user::Model| grants::may_manage(caller, &grant_of(user)).is_err();
    let beyond: Vec<_> = users.iter().filter(|user| waits(user)).filter(beyond).collect();
    if !beyond.is_empty() {
        return Err(beyond_reach(caller, &beyond).into());
    }
    for mut user in users {
        if waits(&user) {
            user = switch_user(cloud, caller, transaction, user, Some(&config.kind)).await?;
        }
        if user.sso_managed != config.provisioning {
            set_managed(cloud, transaction, user, config.provisioning).await?;
        }
    }
    Ok(())
}

/// Most users that a refusal names.
const MOST_NAMED: usize = 20;

/// The refusal to switch users who have more rights than the caller; it names them to whoever may see users.
fn beyond_reach(caller: &Caller, users: &[&entity::user::Model]) -> ApiError {
    if !caller.may(Permission::ViewUser) {
        return ApiError::access_denied();
    }
    let named: Vec<_> = users.iter().take(MOST_NAMED).map(|user| user.email.as_str()).collect();
    let error =
        "these users have rights that you do not have: an administrator with their rights must do this";
    ApiError { body: json!({"error": error, "value": named}), ..ApiError::access_denied() }
}

/// Gives a user to the provider, or back to administrators of the tenant.
async fn set_managed(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    user: entity::user::Model,
    managed: bool,
) -> Result<(), Failure> {
    let tenant = TenantId(user.client_id);
    let mut row = user.into_active_model();
    row.sso_managed = Set(managed);
    row.sso_disabled_by = Set(None);
    // Days without a sign-in count from now on.
    row.sso_seen_at = Set(Some(cloud.now()));
    sessions::update_user(transaction, tenant, row).await?;
    Ok(())
}

/// Gives every user of a tenant back to its administrators.
pub(super) async fn release_managed(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    tenant: TenantId,
) -> Result<(), Failure> {
    for user in users::of_tenant(transaction, tenant).await?.into_iter().filter(|user| user.sso_managed) {
        set_managed(cloud, transaction, user, false).await?;
    }
    Ok(())
}

/// Moves a user to single sign-on, or back to a password. What the old way allowed ends.
pub(super) async fn switch_user(
    cloud: &Cloud,
    caller: &Caller,
    transaction: &DatabaseTransaction,
    user: entity::user::Model,
    kind: Option<&str>,
) -> Result<entity::user::Model, Failure> {
    let tenant = TenantId(user.client_id);
    let (id, api_access) = (user.id, user.api_access);
    let mut row = user.into_active_model();
    row.auth_method = Set(kind.map(str::to_owned));
    if kind.is_some() {
        // The second factor is the provider's business.
        row.mfa_sealed = Set(None);
        row.mfa_recovery = Set(None);
        // It is dead for good: it must not come back with the password.
        row.secret_mac = Set(None);
        row.secret_created_at = Set(None);
        row.secret_last_used_at = Set(None);
        row.secret_last_used_ip = Set(None);
        if !api_access {
            api_tokens::disable_api_of_user(transaction, tenant, id, cloud.now()).await?;
        }
    } else {
        row.sso_subject = Set(None);
        row.sso_managed = Set(false);
        row.api_access = Set(false);
    }
    tickets::revoke_of_user(transaction, id).await?;
    // The caller goes on: a setting that throws out who makes it could not be corrected.
    let own = caller.session.as_ref().filter(|session| session.user_id == id);
    let own = own.map(|session| session.parent_mac.as_deref().unwrap_or(&session.id_mac));
    sessions::delete_of_user(transaction, tenant, id, own).await?;
    Ok(sessions::update_user(transaction, tenant, row).await?)
}

/// Switches single sign-on for one user, where neither strict mode nor the provider decides.
///
/// # Errors
/// 404, 403 for rights and under provisioning, 400 without active single sign-on or under strict mode.
pub async fn switch_one(cloud: &Cloud, caller: &Caller, id: i64, enabled: bool) -> Result<(), Failure> {
    let user = account::reachable_user(cloud, caller, id, Permission::UpdateUser).await?;
    let tenant = TenantId(user.client_id);
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let config = configured(&transaction, tenant).await?;
    if config.provisioning || user.is_fallback {
        return Err(account::managed().into());
    }
    if config.state != "active" || (config.strict && !enabled) {
        return Err(ApiError::invalid("single sign-on of this client does not allow it", enabled).into());
    }
    let user =
        switch_user(cloud, caller, &transaction, user, enabled.then_some(config.kind.as_str())).await?;
    log_switch(cloud, caller, &transaction, &user, json!({"sso": enabled})).await?;
    Ok(transaction.commit().await?)
}

/// Lets an administrator of an identity provider have API tokens, or ends that.
///
/// # Errors
/// 404, 403 for rights, 400 for users who do not use single sign-on or are no administrators.
pub async fn switch_api_access(
    cloud: &Cloud,
    caller: &Caller,
    id: i64,
    enabled: bool,
) -> Result<(), Failure> {
    let user = account::reachable_user(cloud, caller, id, Permission::UpdateUser).await?;
    let tenant = TenantId(user.client_id);
    let transaction = cloud.store.begin().await?;
    let config = configured(&transaction, tenant).await?;
    let everybody = config.provisioning || config.strict;
    let administers = grants::is_administrator(&grant_of(&user));
    if user.auth_method.is_none() || (enabled && !(everybody && administers)) {
        return Err(ApiError::invalid("only for administrators under single sign-on", id).into());
    }
    let mut row = user.into_active_model();
    row.api_access = Set(enabled);
    let user = sessions::update_user(&transaction, tenant, row).await?;
    if !enabled {
        api_tokens::disable_api_of_user(&transaction, tenant, user.id, cloud.now()).await?;
    }
    log_switch(cloud, caller, &transaction, &user, json!({"api_access": enabled})).await?;
    Ok(transaction.commit().await?)
}

async fn log_switch(
    cloud: &Cloud,
    caller: &Caller,
    transaction: &DatabaseTransaction,
    user: &entity::user::Model,
    after: Value,
) -> Result<(), Failure> {
    let entry = Change {
        object_type: "user",
        action: "update",
        object_id: user.id.to_string(),
        object_name: user.email.clone(),
        before: None,
        after: Some(after),
    };
    activity::log(transaction, caller, TenantId(user.client_id), cloud.now(), entry).await
}
