//! The end of users whom the identity provider no longer vouches for (`spec/accounts.md` section 6.4).
//!
//! Whoever left a company does not sign in any more, and without provisioning messages (SCIM) nothing else tells. So a
//! user whom the provider manages is disabled after some days without a sign-in. An administrator may enable such a
//! user again, which begins the days anew.

use bartizan_store::{
    TenantId, api_tokens, clients, entity,
    sea_orm::{ActiveValue::Set, DatabaseTransaction, IntoActiveModel},
    sessions, sso, tickets, users,
};
use serde_json::json;

use crate::{
    failure::Failure,
    services::activity::{self, Change},
    state::Cloud,
};

const DAY_S: i64 = 86_400;

/// Disables users who have not signed in for `auth.sso_inactive_days`. Returns how many.
///
/// # Errors
/// 500 when the store fails.
pub async fn disable_inactive(cloud: &Cloud) -> Result<usize, Failure> {
    let days = i64::from(cloud.config.auth.sso_inactive_days);
    if days == 0 {
        return Ok(0);
    }
    let before = cloud.now() - days * DAY_S;
    let mut disabled = 0;
    for config in cloud.store.identify_active_sso().await? {
        if !config.provisioning {
            continue;
        }
        let tenant = TenantId(config.client_id);
        for user in users::of_tenant(cloud.store.reader(), tenant).await? {
            if is_inactive(&user, before) && disable_if_inactive(cloud, tenant, user.id, before).await? {
                disabled += 1;
            }
        }
    }
    Ok(disabled)
}

fn is_inactive(user: &entity::user::Model, before: i64) -> bool {
    let seen = [user.last_login_time, user.sso_seen_at, Some(user.created_at)];
    user.sso_managed && user.enabled && !user.is_fallback && seen.into_iter().flatten().max() <= Some(before)
}

/// As the user is now: it may have signed in since it was listed.
async fn disable_if_inactive(cloud: &Cloud, tenant: TenantId, id: i64, before: i64) -> Result<bool, Failure> {
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let config = sso::find(&transaction, tenant).await?;
    let user = users::lock(&transaction, tenant, id).await?;
    let inactive = config.is_some_and(|config| config.state == "active" && config.provisioning);
    let Some(user) = user.filter(|user| inactive && is_inactive(user, before)) else { return Ok(false) };
    let after = end(&transaction, &user, None, cloud.now()).await?;
    let entry = Change {
        object_type: "user",
        action: "update",
        object_id: after.id.to_string(),
        object_name: after.email.clone(),
        before: Some(json!({"enabled": true})),
        after: Some(json!({"enabled": false, "reason": "not signed in for too long"})),
    };
    activity::log_by_system(&transaction, tenant, cloud.now(), "Single sign-on", entry).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Disables a user: its sessions and tokens end with it. `by` is who alone may enable it again.
///
/// # Errors
/// 500 when the store fails.
pub async fn end(
    transaction: &DatabaseTransaction,
    user: &entity::user::Model,
    by: Option<&str>,
    now: i64,
) -> Result<entity::user::Model, Failure> {
    let tenant = TenantId(user.client_id);
    api_tokens::disable_of_user(transaction, tenant, user.id, now).await?;
    sessions::delete_of_user(transaction, tenant, user.id, None).await?;
    tickets::revoke_of_user(transaction, user.id).await?;
    let mut row = user.clone().into_active_model();
    row.enabled = Set(false);
    row.sso_disabled_by = Set(by.map(str::to_owned));
    Ok(sessions::update_user(transaction, tenant, row).await?)
}
