//! What time does to accounts: links, windows and old entries of the log end.

use bartizan_store::{StoreError, client_settings};

use super::{lockout, settings::AUDIT_RETENTION_DAYS};
use crate::state::Cloud;

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
    report("used-up links", store.purge_tickets(now).await);
    report("ended invitations", store.purge_invitations(now).await);
    report("traces of changed rights", store.purge_auth_changes().await);
    report("old entries of the activity log", purge_activity(cloud).await);
    if lockout::purge(cloud).await.is_err() {
        tracing::warn!("failed sign-ins were not forgotten");
    }
}

/// Every tenant keeps its log as long as it decided.
async fn purge_activity(cloud: &Cloud) -> Result<(), StoreError> {
    let now = cloud.now();
    let own = client_settings::retentions(cloud.store.reader()).await?;
    for (tenant, days) in &own {
        cloud.store.purge_activity(Some(*tenant), &[], now - days * DAY_S).await?;
    }
    let except: Vec<_> = own.into_iter().map(|(tenant, _)| tenant).collect();
    cloud.store.purge_activity(None, &except, now - AUDIT_RETENTION_DAYS * DAY_S).await
}
