//! What time does to accounts: links, windows and old entries of the log end.

use std::collections::BTreeMap;

use bartizan_store::{StoreError, TenantId, client_settings, users};

use super::{activity_chain, grants, letters, lockout, settings::AUDIT_RETENTION_DAYS, sso, users::grant_of};
use crate::{failure::Failure, state::Cloud};

const DAY_S: i64 = 86_400;

/// Removes what has ended. Failures are logged and met again at the next round.
pub async fn clean(cloud: &Cloud) {
    let now = cloud.now();
    let store = &cloud.store;
    let report = |what: &str, result: Result<(), StoreError>| {
        if let Err(error) = result {
            tracing::warn!(error = &error as &dyn std::error::Error, "{what} were not removed");
        }
    };
    report("kept answers", store.purge_idempotent_answers(now).await);
    report("used-up links", store.purge_tickets(now).await);
    report("ended invitations", store.purge_invitations(now).await);
    if warn_of_ends(cloud).await.is_err() {
        tracing::warn!("owners were not warned of tokens that end");
    }
    if sso::expiry::warn(cloud).await.is_err() {
        tracing::warn!("administrators were not warned of certificates that end");
    }
    match sso::deprovisioning::disable_inactive(cloud).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "users of identity providers were disabled for not signing in"),
        Err(_) => tracing::warn!("users who do not sign in any more were not disabled"),
    }
    report("traces of changed rights", store.purge_auth_changes().await);
    report("old entries of the activity log", purge_activity(cloud).await);
    if lockout::purge(cloud).await.is_err() {
        tracing::warn!("failed sign-ins were not forgotten");
    }
}

/// Every tenant keeps its log as long as it decided.
async fn purge_activity(cloud: &Cloud) -> Result<(), StoreError> {
    let (now, hash) = (cloud.now(), activity_chain::hash(&cloud.keys));
    let own: BTreeMap<_, _> = client_settings::retentions(cloud.store.reader()).await?.into_iter().collect();
    for tenant in cloud.store.chained_activity().await? {
        let days = own.get(&tenant).unwrap_or(&AUDIT_RETENTION_DAYS);
        cloud.store.purge_activity(tenant, now - days * DAY_S, &hash).await?;
    }
    Ok(())
}

/// Days before its end that a token is warned of.
const NOTICE_DAYS: i64 = 3;

/// Warns of API tokens that end within three days: the owner, or of shared ones every administrator. Each
/// token once, in whichever process; tokens of a shorter life not at all.
///
/// # Errors
/// 500 when the store fails.
async fn warn_of_ends(cloud: &Cloud) -> Result<(), Failure> {
    let (store, now) = (&cloud.store, cloud.now());
    let period = NOTICE_DAYS * DAY_S;
    for token in store.tokens_about_to_end(now, now + period, period).await? {
        let Some(end) = token.expires_at else { continue };
        if !store.claim_token_notice(token.id, now).await? {
            continue;
        }
        for user in users::of_tenant(store.reader(), TenantId(token.client_id)).await? {
            let meant = match token.user_id {
                Some(owner) => user.id == owner,
                None => grants::is_administrator(&grant_of(&user)),
            };
            if meant && user.enabled && user.validated {
                letters::post(cloud, letters::token_ends(cloud, &user.email, &token, end));
            }
        }
    }
    Ok(())
}
