//! What triggers name: integrations and specifications. It may be deleted; the trigger stays, and names it no more.

use bartizan_api::{
    ApiError,
    trigger::{ActionView, FilterView},
};
use bartizan_store::{JsonText, TenantId, entity::trigger::Model, sea_orm::DatabaseTransaction, triggers};
use serde_json::{Value, json};

use super::{build, change, parse::Parsed, state};
use crate::{auth::Caller, failure::Failure, services::activity};

/// What was deleted of a tenant, by id.
#[derive(Clone, Copy, Default)]
pub(in crate::services) struct Gone<'a> {
    pub(in crate::services) integrations: &'a [i64],
    pub(in crate::services) specifications: &'a [i64],
}

/// Takes what was deleted out of the triggers of a tenant, which is locked, and returns what changed: before and after.
///
/// # Errors
/// 500 when the store fails.
pub(in crate::services) async fn release(
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    gone: Gone<'_>,
    now: i64,
) -> Result<Vec<(Model, Model)>, Failure> {
    let mut changed = Vec::new();
    if gone.integrations.is_empty() && gone.specifications.is_empty() {
        return Ok(changed);
    }
    for before in triggers::list(transaction, tenant).await? {
        let Some(after) = without(&before, gone)? else { continue };
        let after = triggers::rewrite(transaction, Model { updated_at: now, ..after }).await?;
        build(transaction, tenant, &[&before], now).await?;
        changed.push((before, after));
    }
    Ok(changed)
}

/// As [`release`], with an entry in the activity log for each trigger.
///
/// # Errors
/// 500 when the store fails.
pub(in crate::services) async fn release_by(
    transaction: &DatabaseTransaction,
    caller: &Caller,
    tenant: TenantId,
    gone: Gone<'_>,
    now: i64,
) -> Result<(), Failure> {
    for (before, after) in release(transaction, tenant, gone, now).await? {
        let entry = change(&after, "update", Some(state(&before)), Some(state(&after)));
        activity::log(transaction, caller, tenant, now, entry).await?;
    }
    Ok(())
}

/// A trigger without what was deleted; none when it names nothing of that.
fn without(row: &Model, gone: Gone<'_>) -> Result<Option<Model>, Failure> {
    let (mut actions, mut filters) = (actions(row)?, filters(row)?);
    let (told, watched) = (integrations(&actions), specifications(&filters));
    keep_integrations(&mut actions, |id| (!gone.integrations.contains(&id)).then_some(id));
    let watches = keep_specifications(&mut filters, |id| (!gone.specifications.contains(&id)).then_some(id));
    if (told, watched) == (integrations(&actions), specifications(&filters)) {
        return Ok(None);
    }
    Ok(Some(Model {
        filters: JsonText(json!(filters)),
        actions: JsonText(json!(actions)),
        enabled: row.enabled && watches,
        ..row.clone()
    }))
}

/// The actions of a stored trigger.
pub(super) fn actions(row: &Model) -> Result<Vec<ActionView>, ApiError> {
    serde_json::from_value(row.actions.0.clone()).map_err(|_| ApiError::internal())
}

/// The filters of a stored trigger.
pub(super) fn filters(row: &Model) -> Result<Vec<FilterView>, ApiError> {
    serde_json::from_value(row.filters.0.clone()).map_err(|_| ApiError::internal())
}

/// The integrations that actions tell.
pub(super) fn integrations(actions: &[ActionView]) -> Vec<i64> {
    actions.iter().filter_map(|action| action.params.integration_ids.as_deref()).flatten().copied().collect()
}

/// The specifications that filters ask for.
pub(super) fn specifications(filters: &[FilterView]) -> Vec<i64> {
    let of_specifications = filters.iter().filter(|filter| filter.id == "api_spec_ids");
    of_specifications.flat_map(|filter| &filter.values).filter_map(Value::as_i64).collect()
}

/// Changes the ids of integrations in actions; those without another id go.
pub(super) fn keep_integrations(actions: &mut [ActionView], other: impl Fn(i64) -> Option<i64>) {
    for ids in actions.iter_mut().filter_map(|action| action.params.integration_ids.as_mut()) {
        *ids = ids.iter().filter_map(|id| other(*id)).collect();
    }
}

/// Changes the ids of specifications in filters; those without another id go. Returns whether there is still something to
/// watch: without the last specification that a trigger was for, the filter would not restrict it any more.
pub(super) fn keep_specifications(filters: &mut [FilterView], other: impl Fn(i64) -> Option<i64>) -> bool {
    let mut watches = true;
    for filter in filters.iter_mut().filter(|filter| filter.id == "api_spec_ids") {
        let was_empty = filter.values.is_empty();
        filter.values = filter.values.iter().filter_map(|id| other(id.as_i64()?).map(Value::from)).collect();
        watches &= was_empty || !filter.values.is_empty() || filter.operator == "ne";
    }
    watches
}

/// Whether an action tells nobody: its integrations were deleted.
fn tells_nobody(actions: &[ActionView]) -> bool {
    actions.iter().any(|action| action.params.integration_ids.as_ref().is_some_and(Vec::is_empty))
}

/// A notification must name an integration, unless the trigger is one that has lost all of its own: whoever changes
/// something else of it can send back what he read.
///
/// # Errors
/// 400 for a notification that nobody gets.
pub(super) fn check_told(parsed: &Parsed, before: Option<&Model>) -> Result<(), Failure> {
    let lost = before.map(actions).transpose()?.is_some_and(|actions| tells_nobody(&actions));
    if tells_nobody(&parsed.actions) && !lost {
        return Err(ApiError::field("integration_ids", "can't be blank", Value::Null).into());
    }
    Ok(())
}
