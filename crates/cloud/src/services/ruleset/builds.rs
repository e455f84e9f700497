//! When a change of rules reaches nodes: at once, or, where the tenant's `lom_compilation_delay` says so, when no
//! other change followed for that long (`spec/rules.md` section 1.10). Until then nodes are offered what was in force.

use std::time::Duration;

use bartizan_store::{
    TenantId, config_versions, entity::config_version, hints, ruleset_settings, sea_orm::DatabaseTransaction,
};

use super::source;
use crate::{failure::Failure, services::rules_settings, state::Cloud};

/// How often builds that wait are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Counts a change of the tenant's rules and returns the new versions. It comes before the change, after nothing but a
/// lock of the tenant, so that changes of a tenant commit in the order of their numbers.
///
/// # Errors
/// 500 when the store fails.
pub async fn change(
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    now: i64,
) -> Result<config_version::Model, Failure> {
    let before = config_versions::lock(transaction, tenant).await?;
    let mut stored = rules_settings::stored(transaction, tenant).await?;
    let delay = stored.settings.lom_compilation_delay;
    if delay > 0 && !stored.settings.lom_disabled {
        if stored.held.is_none() {
            let rows = hints::active(transaction, tenant).await?;
            stored.held = Some(source(tenant, before.ruleset_version, &rows, stored.overlimit.as_ref()));
        }
        stored.build_at = Some(now.saturating_add(delay));
        ruleset_settings::save(transaction, stored.row(tenant)?).await?;
    }
    Ok(config_versions::bump_ruleset(transaction, tenant, now).await?)
}

/// Makes the builds that waited, as long as the cloud runs.
pub async fn run(cloud: Cloud) {
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(failure) = build_due(&cloud).await {
            tracing::warn!(error = %failure.0, "waiting rulesets were not found");
        }
    }
}

/// Makes the builds that are due. One tenant that fails does not keep the others waiting.
///
/// # Errors
/// 500 when the store fails.
pub async fn build_due(cloud: &Cloud) -> Result<(), Failure> {
    for tenant in ruleset_settings::due(cloud.store.reader(), cloud.now()).await? {
        if let Err(failure) = build(cloud, tenant).await {
            tracing::warn!(client.id = tenant.0, error = %failure.0, "a waiting ruleset was not made");
        }
    }
    Ok(())
}

/// Offers the rules as they are now, unless another process did or another change came.
async fn build(cloud: &Cloud, tenant: TenantId) -> Result<(), Failure> {
    let now = cloud.now();
    let transaction = cloud.store.begin().await?;
    config_versions::bump_ruleset(&transaction, tenant, now).await?;
    let mut stored = rules_settings::stored(&transaction, tenant).await?;
    if stored.build_at.is_none_or(|at| at > now) {
        return Ok(());
    }
    (stored.held, stored.build_at) = (None, None);
    ruleset_settings::save(&transaction, stored.row(tenant)?).await?;
    transaction.commit().await?;
    cloud.notices.changed(tenant);
    Ok(())
}
