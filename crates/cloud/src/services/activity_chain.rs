//! Keeping the chain of the activity log, and proving that it holds: `bartizan admin check-activity`.

use std::time::Duration;

use bartizan_store::{Store, StoreError, TenantId, activity_chain::ChainCheck};

use crate::{keys::Keys, secrets, state::Cloud};

/// How long an entry waits for its place at most, while all is well.
const PERIOD: Duration = Duration::from_secs(1);

/// The keyed hash that chains are made with.
pub(crate) fn hash(keys: &Keys) -> impl Fn(&str) -> String + Send + Sync {
    |text| secrets::mac_of(keys, "activity chain", &[text.as_bytes()])
}

/// Gives entries their places for as long as the cloud runs.
pub async fn run(cloud: Cloud) {
    let mut tick = tokio::time::interval(PERIOD);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = chain(&cloud).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the activity log was not chained");
        }
    }
}

/// Gives every entry that waits its place.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn chain(cloud: &Cloud) -> Result<(), StoreError> {
    let hash = hash(&cloud.keys);
    for tenant in cloud.store.unchained_activity().await? {
        while cloud.store.chain_activity(tenant, &hash).await? {}
    }
    Ok(())
}

/// What was found of all chains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Tenant by tenant.
    pub chains: Vec<ChainCheck>,
    /// Tenants whose chain does not hold what a witness says, with the place.
    pub contradicted: Vec<(TenantId, i64)>,
}

/// A newest entry as it once was: tenant, place, keyed hash.
pub type Witness = (TenantId, i64, String);

/// Follows the chain of every tenant, and looks for what was noted of the chains before.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn check(cloud: &Cloud, witnesses: &[Witness]) -> Result<Checked, StoreError> {
    let (store, hash): (&Store, _) = (&cloud.store, hash(&cloud.keys));
    let mut tenants = store.chained_activity().await?;
    tenants.extend(store.unchained_activity().await?);
    tenants.extend(store.placed_activity().await?);
    tenants.sort_unstable();
    tenants.dedup();
    let mut found = Checked { chains: Vec::new(), contradicted: Vec::new() };
    for tenant in &tenants {
        found.chains.push(store.check_activity(*tenant, &hash).await?);
    }
    // A tenant that was removed took its log with it.
    for (tenant, seq, mac) in witnesses {
        if store.identify_client(tenant.0).await?.is_some()
            && !store.holds_activity(*tenant, *seq, mac).await?
        {
            found.contradicted.push((*tenant, *seq));
        }
    }
    Ok(found)
}
