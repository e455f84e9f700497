//! Deletion of hints, and of actions with all their hints (`spec/rules.md` section 1.6).

use bartizan_rules::{HintType, StoredHint};
use bartizan_store::{TenantId, Tenants, entity::hint, hints, sea_orm::DatabaseTransaction};
use serde_json::Value;

use super::{Verb, log, require, selected, stored};
use crate::{
    auth::Caller,
    failure::Failure,
    services::{action, provision::DEFAULT_BRANCH_HASH, rules_settings::require_unlocked, ruleset::builds},
    state::Cloud,
};

/// Deletes the hints that a filter names by id, and returns those that went, with those that depended on them. Unknown,
/// foreign and protected ones stay out of it, and so do those of a type that the caller may not delete.
///
/// # Errors
/// 400 without ids or with too many, 403 when the caller may delete none of them, 423.
pub async fn delete(cloud: &Cloud, caller: &Caller, filter: &Value) -> Result<Vec<StoredHint>, Failure> {
    let (tenants, ids) = selected(caller, filter)?;
    let mut deleted = Vec::new();
    for tenant in tenants.ids() {
        deleted.extend(delete_of(cloud, caller, *tenant, &ids, Forbidden::Stays).await?);
    }
    Ok(deleted)
}

/// Deletes an action's hints, and with the last of them the action.
///
/// # Errors
/// 403, 404, 423.
pub async fn delete_action(cloud: &Cloud, caller: &Caller, id: i64) -> Result<(), Failure> {
    let (action, _) = action::find(cloud, &caller.tenants, id).await?;
    let tenant = TenantId(action.client_id);
    let ids = hints::ids_of_action(cloud.store.reader(), tenant, id).await?;
    delete_of(cloud, caller, tenant, &ids, Forbidden::KeepsAll).await?;
    Ok(())
}

/// What a hint of a type that the caller may not delete means for the others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Forbidden {
    /// Nothing is deleted.
    KeepsAll,
    /// It stays, the others go.
    Stays,
}

async fn delete_of(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    ids: &[i64],
    forbidden: Forbidden,
) -> Result<Vec<StoredHint>, Failure> {
    let (now, scope) = (cloud.now(), Tenants::from(tenant));
    let transaction = cloud.store.begin().await?;
    builds::change(&transaction, tenant, now).await?;
    require_unlocked(&transaction, tenant).await?;
    let found = hints::by_ids(&transaction, &scope, ids).await?;
    let (mut going, mut refused) = (Vec::new(), None);
    for (row, action) in found {
        let hint = stored(&row, &action)?;
        if is_protected(&transaction, tenant, &row, &hint).await? {
            continue;
        }
        match require(caller, Verb::Delete, hint.spec.kind, hint.spec.action.is_default()) {
            Ok(()) => going.push((row, hint)),
            Err(error) => refused = Some(error),
        }
    }
    // Nothing changed: the bump is rolled back.
    match refused {
        Some(error) if going.is_empty() || forbidden == Forbidden::KeepsAll => return Err(error.into()),
        None if going.is_empty() => return Ok(vec![]),
        _ => {}
    }
    let patterns: Vec<i64> = going
        .iter()
        .filter(|(_, hint)| hint.spec.kind.has_regex_id())
        .filter_map(|(row, _)| row.regex_id)
        .collect();
    let mut deleted = delete_dependants(&transaction, caller, tenant, &patterns, now).await?;
    going.retain(|(row, _)| !deleted.iter().any(|hint| hint.id == row.id));
    let (rows, named): (Vec<hint::Model>, Vec<StoredHint>) = going.into_iter().unzip();
    hints::delete(&transaction, tenant, &rows, DEFAULT_BRANCH_HASH).await?;
    for hint in &named {
        log(&transaction, caller, now, "delete", Some(hint), None).await?;
    }
    transaction.commit().await?;
    cloud.notices.changed(tenant);
    deleted.splice(0..0, named);
    Ok(deleted)
}

/// Deletes the hints that switch off expressions which are no more, and returns them.
///
/// # Errors
/// 500 when the store fails.
pub(super) async fn delete_dependants(
    transaction: &DatabaseTransaction,
    caller: &Caller,
    tenant: TenantId,
    patterns: &[i64],
    now: i64,
) -> Result<Vec<StoredHint>, Failure> {
    let found = hints::with_regex_ids(transaction, tenant, &["disable_regex"], patterns).await?;
    let deleted = found.iter().map(|(row, action)| stored(row, action)).collect::<Result<Vec<_>, _>>()?;
    let rows: Vec<hint::Model> = found.into_iter().map(|(row, _)| row).collect();
    hints::delete(transaction, tenant, &rows, DEFAULT_BRANCH_HASH).await?;
    for hint in &deleted {
        log(transaction, caller, now, "delete", Some(hint), None).await?;
    }
    Ok(deleted)
}

/// Counters belong to the server, and each tenant keeps the mode of its default branch.
async fn is_protected(
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    row: &hint::Model,
    hint: &StoredHint,
) -> Result<bool, Failure> {
    if hint.spec.kind.is_counter() {
        return Ok(true);
    }
    if hint.spec.kind != HintType::WallarmMode || !hint.spec.action.is_default() {
        return Ok(false);
    }
    let modes = hints::of_action(transaction, tenant, row.action_id, &row.kind).await?;
    Ok(modes.first().is_some_and(|first| first.id == row.id))
}
