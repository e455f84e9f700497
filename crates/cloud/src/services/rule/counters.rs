//! The life of counters: users make them and triggers name them; the server takes them away (`spec/rules.md`
//! section 4.9).

use std::{collections::HashSet, time::Duration};

use bartizan_api::trigger::FilterView;
use bartizan_rules::HintType;
use bartizan_store::{
    TenantId, config_versions,
    entity::{hint, trigger},
    hints,
    sea_orm::DatabaseTransaction,
    triggers,
};
use serde_json::Value;

use super::{change_of, stored};
use crate::{
    failure::Failure,
    services::{activity, provision::DEFAULT_BRANCH_HASH, rules_settings::require_unlocked},
    state::Cloud,
};

/// How long a counter stays that no trigger has named yet, seconds.
const UNNAMED_S: i64 = 86_400;
/// How long it stays after the last trigger that named it, seconds.
const RELEASED_S: i64 = 30;
/// How often ended ones are looked for.
const LOOK: Duration = Duration::from_secs(5);
const TYPES: [HintType; 3] = [HintType::BruteCounter, HintType::DirbustCounter, HintType::BolaCounter];

/// When a new rule ends: a counter, unless a trigger names it by then; others do not.
pub(super) fn first_end(kind: HintType, now: i64) -> Option<i64> {
    kind.is_counter().then_some(now + UNNAMED_S)
}

/// Gives a counter that somebody asks for again its whole time, unless a trigger holds it.
pub(super) async fn renew(
    transaction: &DatabaseTransaction,
    row: hint::Model,
    now: i64,
) -> Result<hint::Model, Failure> {
    if row.expires_at.is_none() {
        return Ok(row);
    }
    let row = hint::Model { expires_at: Some(now + UNNAMED_S), ..row };
    Ok(hints::update(transaction, row).await?)
}

/// Holds the counters that triggers name, and lets those go that a changed trigger named last.
///
/// # Errors
/// 500 when the store fails.
pub(in crate::services) async fn settle(
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    changed: &[&trigger::Model],
    now: i64,
) -> Result<(), Failure> {
    let touched: HashSet<String> = changed.iter().flat_map(|row| named(row)).collect();
    if touched.is_empty() {
        return Ok(());
    }
    let held: HashSet<String> = triggers::list(transaction, tenant).await?.iter().flat_map(named).collect();
    for (row, _) in hints::of_types(transaction, tenant, &TYPES.map(HintType::name)).await? {
        let Some(name) = row.fields.get("counter").and_then(Value::as_str) else { continue };
        if !touched.contains(name) {
            continue;
        }
        let expires_at = (!held.contains(name)).then_some(now + RELEASED_S);
        if expires_at.is_some() != row.expires_at.is_some() {
            hints::update(transaction, hint::Model { expires_at, ..row }).await?;
        }
    }
    Ok(())
}

/// The counters that a trigger names.
fn named(row: &trigger::Model) -> Vec<String> {
    let filters: Vec<FilterView> = serde_json::from_value(row.filters.0.clone()).unwrap_or_default();
    let of_counters = filters.into_iter().filter(|filter| filter.id == "hint_tag");
    of_counters
        .flat_map(|filter| filter.values)
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect()
}

/// Takes counters away that have ended, as long as the cloud runs.
pub async fn run(cloud: Cloud) {
    loop {
        tokio::time::sleep(LOOK).await;
        if remove_ended(&cloud).await.is_err() {
            tracing::warn!("ended counters could not be removed; it is tried again");
        }
    }
}

/// Takes counters away that have ended; those of a tenant whose rules are locked wait.
///
/// # Errors
/// 500 when the store fails.
pub async fn remove_ended(cloud: &Cloud) -> Result<(), Failure> {
    let now = cloud.now();
    for tenant in hints::tenants_with_ended(cloud.store.reader(), now).await? {
        let transaction = cloud.store.begin().await?;
        config_versions::bump_ruleset(&transaction, tenant, now).await?;
        if require_unlocked(&transaction, tenant).await.is_err() {
            continue;
        }
        let ended = hints::ended(&transaction, tenant, now).await?;
        // Another process may have been faster; nothing changed then.
        if ended.is_empty() {
            continue;
        }
        for (row, action) in &ended {
            let change = change_of("delete", Some(&stored(row, action)?), None);
            activity::log_by_system(&transaction, tenant, now, activity::SYSTEM, change).await?;
        }
        let rows: Vec<hint::Model> = ended.into_iter().map(|(row, _)| row).collect();
        hints::delete(&transaction, tenant, &rows, DEFAULT_BRANCH_HASH).await?;
        transaction.commit().await?;
        cloud.notices.changed(tenant);
    }
    Ok(())
}
