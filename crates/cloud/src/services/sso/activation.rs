//! What single sign-on means for the users of a tenant, and whether it is in force.

use bartizan_api::{
    ApiError, Permission,
    sso::{SsoOptions, SsoView},
};
use bartizan_store::{
    TenantId, clients, entity, scim,
    sea_orm::{ActiveValue::Set, DatabaseTransaction, IntoActiveModel},
    sessions, sso, tickets, users,
};
use serde_json::Value;

use super::{
    change, configured, domains, extended, save,
    sign_in::STATE,
    switching::{release_managed, switch_user, switch_users},
    view,
};
use crate::{
    auth::Caller,
    failure::Failure,
    services::{activity, grants, session::require_proof, users::grant_of},
    state::Cloud,
};

/// Seconds that a successful test sign-in counts.
pub(super) const TESTED_S: i64 = 86_400;

/// Sets what single sign-on means for users, and the fallback account.
///
/// # Errors
/// 403 without a fresh proof of the password; 400 without a test sign-in or a fallback account.
pub async fn put_options(
    cloud: &Cloud,
    caller: &Caller,
    proof: &str,
    options: &SsoOptions,
) -> Result<SsoView, Failure> {
    let config = configured(cloud.store.reader(), caller.tenant_of(None)?).await?;
    require_proof(cloud, caller, proof).await?;
    let made = extended::prepare(cloud, caller, &config, options).await?;
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, caller.tenant_of(None)?).await?;
    let before = configured(&transaction, caller.tenant_of(None)?).await?;
    if let Some(id) = options.fallback_user_id.filter(|id| *id != 0) {
        choose_fallback(caller, &transaction, caller.tenant_of(None)?, id).await?;
    }
    let mut after = before.clone();
    after.provisioning = options.provisioning.unwrap_or(before.provisioning);
    after.strict = options.strict.unwrap_or(before.strict);
    after.tenant_permissions = options.tenant_permissions.unwrap_or(before.tenant_permissions);
    if after.tenant_permissions != before.tenant_permissions {
        caller.require(Permission::UpdateTenant)?;
    }
    if after.tenant_permissions && !after.provisioning {
        let error = "tenant_permissions needs provisioning: the provider must be the source of users";
        return Err(ApiError::invalid(error, Value::Null).into());
    }
    if (after.provisioning && !before.provisioning) || (after.strict && !before.strict) {
        check_ready(cloud, &transaction, &before, true).await?;
    }
    if before.provisioning && !after.provisioning {
        release_managed(cloud, &transaction, caller.tenant_of(None)?).await?;
    }
    extended::set(cloud, caller, &transaction, &mut after, options.extended_security, made).await?;
    if after.state == "active" {
        switch_users(cloud, caller, &transaction, &after).await?;
    }
    save(cloud, caller, transaction, Some(&before), after).await
}

/// Makes one administrator with a password and a second factor the fallback account.
async fn choose_fallback(
    caller: &Caller,
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    id: i64,
) -> Result<(), Failure> {
    for user in users::of_tenant(transaction, tenant).await? {
        let chosen = user.id == id;
        if chosen {
            let fits = user.enabled
                && user.validated
                && user.password_hash.is_some()
                && user.mfa_sealed.is_some()
                && grants::is_administrator(&grant_of(&user));
            if !fits {
                let error = "the fallback account must be an administrator with password and second factor";
                return Err(ApiError::invalid(error, id).into());
            }
        }
        if chosen != user.is_fallback {
            grants::may_manage(caller, &grant_of(&user))?;
            let mut row = user.into_active_model();
            row.is_fallback = Set(chosen);
            if chosen {
                row.auth_method = Set(None);
                row.sso_managed = Set(false);
            }
            sessions::update_user(transaction, tenant, row).await?;
        }
    }
    let chosen = users::find(transaction, tenant, id).await?.is_some_and(|user| user.is_fallback);
    if chosen { Ok(()) } else { Err(ApiError::not_found("user", id).into()) }
}

/// Whether a test sign-in succeeded lately, and a fallback account exists where one is needed.
async fn check_ready(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    config: &entity::sso_config::Model,
    needs_fallback: bool,
) -> Result<(), Failure> {
    if config.tested_at.is_none_or(|at| at + TESTED_S <= cloud.now()) {
        return Err(ApiError::invalid("a test sign-in must succeed first", Value::Null).into());
    }
    let users = users::of_tenant(transaction, TenantId(config.client_id)).await?;
    if needs_fallback && !users.iter().any(|user| user.is_fallback && user.enabled) {
        return Err(ApiError::invalid("choose a fallback account first", Value::Null).into());
    }
    Ok(())
}

/// Puts single sign-on in force.
///
/// # Errors
/// 400 without a test sign-in in the last day, or without a fallback account where one is needed.
pub async fn activate(cloud: &Cloud, caller: &Caller) -> Result<SsoView, Failure> {
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, caller.tenant_of(None)?).await?;
    let before = configured(&transaction, caller.tenant_of(None)?).await?;
    check_ready(cloud, &transaction, &before, before.provisioning || before.strict).await?;
    if before.kind == "ldap" && before.role_mapping.as_array().is_none_or(Vec::is_empty) {
        return Err(ApiError::invalid("map a group of the directory to a role first", "role_mapping").into());
    }
    // Again, as somebody else may have come first.
    let domains = before.settings.get("domains").map(crate::auth::strings).unwrap_or_default();
    domains::check(cloud, &caller.client, &domains).await?;
    let after = entity::sso_config::Model { state: "active".to_owned(), ..before.clone() };
    switch_users(cloud, caller, &transaction, &after).await?;
    save(cloud, caller, transaction, Some(&before), after).await
}

/// Takes single sign-on out of force; users are back to passwords.
///
/// # Errors
/// 403 without a fresh proof of the password, 400 while the identity provider is the source of users.
pub async fn deactivate(cloud: &Cloud, caller: &Caller, proof: &str) -> Result<SsoView, Failure> {
    configured(cloud.store.reader(), caller.tenant_of(None)?).await?;
    require_proof(cloud, caller, proof).await?;
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, caller.tenant_of(None)?).await?;
    let before = configured(&transaction, caller.tenant_of(None)?).await?;
    release(cloud, caller, &transaction, &before).await?;
    let after = entity::sso_config::Model { state: "draft".to_owned(), strict: false, ..before.clone() };
    save(cloud, caller, transaction, Some(&before), after).await
}

async fn release(
    cloud: &Cloud,
    caller: &Caller,
    transaction: &DatabaseTransaction,
    config: &entity::sso_config::Model,
) -> Result<(), Failure> {
    if config.provisioning {
        return Err(ApiError::invalid("turn provisioning off first", Value::Null).into());
    }
    // What began at the provider must not end here after it came into force again.
    tickets::delete_of_client(transaction, TenantId(config.client_id), STATE).await?;
    for user in users::of_tenant(transaction, TenantId(config.client_id)).await? {
        if user.auth_method.is_some() {
            grants::may_manage(caller, &grant_of(&user))?;
            switch_user(cloud, caller, transaction, user, None).await?;
        }
    }
    Ok(())
}

/// Removes single sign-on.
///
/// # Errors
/// 403 without a fresh proof of the password, 400 while the identity provider is the source of users, or when there is
/// none.
pub async fn delete(cloud: &Cloud, caller: &Caller, proof: &str) -> Result<SsoView, Failure> {
    configured(cloud.store.reader(), caller.tenant_of(None)?).await?;
    require_proof(cloud, caller, proof).await?;
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, caller.tenant_of(None)?).await?;
    let before = configured(&transaction, caller.tenant_of(None)?).await?;
    release(cloud, caller, &transaction, &before).await?;
    scim::clear(&transaction, caller.tenant_of(None)?).await?;
    sso::delete(&transaction, caller.tenant_of(None)?).await?;
    let entry = change(&before.kind, "delete", Some(&before), None);
    activity::log(&transaction, caller, caller.tenant_of(None)?, cloud.now(), entry).await?;
    let view = view(cloud, &transaction, caller, None).await?;
    transaction.commit().await?;
    Ok(view)
}
