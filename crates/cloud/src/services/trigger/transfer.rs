//! Triggers of a tenant in a document.

use bartizan_api::{
    ApiError,
    configuration::{SectionReport, ThresholdEntry, TriggerEntry},
    trigger::TriggerFields,
};
use bartizan_store::{TenantId, entity::trigger::Model, sea_orm::ConnectionTrait, triggers};
use serde_json::{Value, json};

use super::{blank, filled, settle_default};
use crate::{
    failure::Failure,
    services::{
        configuration::{Work, at, canonical, place, plan},
        integration::transfer::Numbers,
        rule::transfer::{local_counter, own_counter},
    },
};

/// The triggers that a tenant made, in an order that does not depend on when. `numbers` are those of integrations.
///
/// # Errors
/// 500 when the store fails.
pub(in crate::services) async fn export<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    numbers: &Numbers,
) -> Result<Vec<TriggerEntry>, Failure> {
    let rows = triggers::list(connection, tenant).await?.into_iter().filter(|row| !row.is_default);
    let mut entries: Vec<TriggerEntry> = rows.map(|row| entry(row, numbers)).collect();
    entries.sort_by_cached_key(|entry| {
        (entry.template_id.clone(), entry.name.clone(), canonical(&json!(entry)))
    });
    Ok(entries)
}

fn entry(row: Model, numbers: &Numbers) -> TriggerEntry {
    let threshold = match (row.threshold_period, row.threshold_count) {
        (Some(period), Some(count)) => Some(ThresholdEntry { period, count }),
        _ => None,
    };
    let mut filters = items(row.filters.0);
    each_counter(&mut filters, |text| Some(local_counter(text)));
    let mut actions = items(row.actions.0);
    // One that was deleted since is named no more.
    each_integration(&mut actions, |ids| {
        ids.retain_mut(|id| {
            let number = id.as_i64().and_then(|id| numbers.get(&id));
            number.map(|number| *id = json!(number)).is_some()
        });
    });
    TriggerEntry {
        template_id: row.template,
        name: row.name,
        comment: row.comment,
        enabled: row.enabled,
        filters,
        actions,
        threshold,
    }
}

fn items(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        _ => vec![],
    }
}

/// Changes the names of counters in filters; one that has no other name stays.
fn each_counter(filters: &mut [Value], other: impl Fn(&str) -> Option<String>) {
    for filter in filters.iter_mut().filter(|filter| filter["id"] == "hint_tag") {
        for value in filter.get_mut("values").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(other) = value.as_str().and_then(&other) {
                *value = json!(other);
            }
        }
    }
}

/// Shows the lists of integrations of actions to a function that may change them.
fn each_integration(actions: &mut [Value], mut change: impl FnMut(&mut Vec<Value>)) {
    for action in actions {
        let ids = action.get_mut("params").and_then(|params| params.get_mut("integration_ids"));
        if let Some(ids) = ids.and_then(Value::as_array_mut) {
            change(ids);
        }
    }
}

/// Makes the triggers of a tenant those of a document. `ids` are those of the document's integrations.
///
/// # Errors
/// 400 with the trigger and field at fault.
pub(in crate::services) async fn import(
    work: &Work<'_>,
    entries: Vec<TriggerEntry>,
    ids: &Numbers,
) -> Result<SectionReport, Failure> {
    let most = work.cloud.config.limits.triggers;
    if entries.len() as u64 > most {
        return Err(ApiError::field("triggers", "too many triggers", most).into());
    }
    let mut wanted = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        let row = parsed(work, entry, ids).await.map_err(|error| at(&place("triggers", index), error))?;
        wanted.push(row);
    }
    let rows = triggers::list(work.transaction, work.tenant).await?;
    let own = rows.into_iter().filter(|row| !row.is_default).map(|row| (key(&row), row)).collect();
    let keys: Vec<String> = wanted.iter().map(key).collect();
    let plan = plan(own, &keys);
    let mut report = SectionReport { deleted: plan.gone.len(), ..SectionReport::default() };
    for (row, kept) in wanted.into_iter().zip(plan.kept) {
        if kept.is_some() {
            report.unchanged += 1;
        } else {
            triggers::insert(work.transaction, row).await?;
            report.created += 1;
        }
    }
    for row in plan.gone {
        triggers::delete(work.transaction, work.tenant, row.id).await?;
    }
    if report.created + report.deleted > 0 {
        settle_default(work.transaction, work.tenant, work.now).await?;
    }
    Ok(report)
}

async fn parsed(work: &Work<'_>, mut entry: TriggerEntry, ids: &Numbers) -> Result<Model, Failure> {
    each_counter(&mut entry.filters, |text| own_counter(text, work.tenant));
    let mut unknown = None;
    each_integration(&mut entry.actions, |numbers| {
        for number in numbers {
            match number.as_i64().and_then(|number| ids.get(&number)) {
                Some(id) => *number = json!(id),
                None => unknown = Some(number.clone()),
            }
        }
    });
    if let Some(number) = unknown {
        let error = "names no integration of this document";
        return Err(ApiError::field("integration_ids", error, number).into());
    }
    let threshold = entry
        .threshold
        .map(|threshold| json!({"operator": "gt", "period": threshold.period, "count": threshold.count}));
    let fields = TriggerFields {
        template_id: Some(entry.template_id),
        name: Some(entry.name),
        comment: Some(entry.comment),
        enabled: Some(entry.enabled),
        filters: Some(entry.filters),
        actions: Some(entry.actions),
        threshold,
    };
    let row = blank(work.tenant, work.now);
    filled(work.transaction, work.tenant, row, Some(&fields), work.now).await
}

fn key(row: &Model) -> String {
    canonical(&json!([
        row.template,
        row.name,
        row.comment,
        row.enabled,
        row.filters.0,
        row.actions.0,
        row.threshold_period,
        row.threshold_count
    ]))
}
