//! The life of counters: users make them and triggers name them; the server takes them away (`spec/rules.md`
//! section 4.9).

use std::{collections::HashSet, time::Duration};

use bartizan_api::trigger::FilterView;
use bartizan_rules::{HintSpec, HintType, StoredHint};
use bartizan_store::{
    TenantId, clients,
    entity::{hint, trigger},
    hints,
    sea_orm::DatabaseTransaction,
    triggers,
};
use serde_json::Value;

use super::{change_of, stored};
use crate::{
    failure::Failure,
    services::{activity, provision::DEFAULT_BRANCH_HASH, rules_settings, ruleset::builds},
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

/// The counter for what somebody asks for, if there is one; it gets its whole time again, unless a trigger holds it. No
/// node sees a difference, so this is no new version of the ruleset. The tenant is locked.
pub(super) async fn existing(
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    spec: &HintSpec,
    now: i64,
) -> Result<Option<StoredHint>, Failure> {
    let hash = spec.action.conditions_hash();
    let Some(action) = hints::find_action_by_hash(transaction, tenant, &hash).await? else {
        return Ok(None);
    };
    let found = hints::of_action(transaction, tenant, action.id, spec.kind.name()).await?;
    let Some(mut row) = found.into_iter().next() else { return Ok(None) };
    if row.expires_at.is_some() {
        row.expires_at = Some(now + UNNAMED_S);
        row = hints::update(transaction, row).await?;
    }
    stored(&row, &action).map(Some)
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
    let held = held(transaction, tenant).await?;
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

/// The counters that triggers of a tenant name.
pub(super) async fn held(
    transaction: &DatabaseTransaction,
    tenant: TenantId,
) -> Result<HashSet<String>, Failure> {
    Ok(triggers::list(transaction, tenant).await?.iter().flat_map(named).collect())
}

/// Whether a rule is one of these counters.
pub(super) fn is_among(row: &hint::Model, names: &HashSet<String>) -> bool {
    row.fields.get("counter").and_then(Value::as_str).is_some_and(|name| names.contains(name))
}

/// Whether counters feed a trigger.
pub(in crate::services) fn feed(row: &trigger::Model) -> bool {
    !named(row).is_empty()
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
        if let Err(failure) = remove_ended(&cloud).await {
            tracing::warn!(error = %failure.0, "ended counters could not be removed; it is tried again");
        }
    }
}

/// Takes counters away that have ended. One tenant that fails does not keep the others waiting.
///
/// # Errors
/// 500 when the store fails.
pub async fn remove_ended(cloud: &Cloud) -> Result<(), Failure> {
    let now = cloud.now();
    for tenant in hints::tenants_with_ended(cloud.store.reader(), now).await? {
        if let Err(failure) = remove_ended_of(cloud, tenant, now).await {
            tracing::warn!(tenant.id = tenant.0, error = %failure.0, "ended counters were not removed");
        }
    }
    Ok(())
}

/// Those of one tenant; while its rules are locked they wait.
async fn remove_ended_of(cloud: &Cloud, tenant: TenantId, now: i64) -> Result<(), Failure> {
    let transaction = cloud.store.begin().await?;
    // Nobody can name one of them in a trigger until it is gone.
    clients::lock(&transaction, tenant).await?;
    if rules_settings::stored(&transaction, tenant).await?.settings.rules_manipulation_locked {
        return Ok(());
    }
    builds::change(&transaction, tenant, now).await?;
    let ended = hints::ended(&transaction, tenant, now).await?;
    // Another process may have been faster; nothing changed then.
    if ended.is_empty() {
        return Ok(());
    }
    let held = held(&transaction, tenant).await?;
    let (kept, ended): (Vec<_>, Vec<_>) = ended.into_iter().partition(|(row, _)| is_among(row, &held));
    for (row, _) in kept {
        hints::update(&transaction, hint::Model { expires_at: None, ..row }).await?;
    }
    for (row, action) in &ended {
        let change = change_of("delete", Some(&stored(row, action)?), None);
        activity::log_by_system(&transaction, tenant, now, activity::SYSTEM, change).await?;
    }
    let rows: Vec<hint::Model> = ended.into_iter().map(|(row, _)| row).collect();
    hints::delete(&transaction, tenant, &rows, DEFAULT_BRANCH_HASH).await?;
    transaction.commit().await?;
    cloud.notices.changed(tenant);
    Ok(())
}
