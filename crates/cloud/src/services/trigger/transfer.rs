//! Triggers of a tenant in a document.

use std::collections::HashSet;

use bartizan_api::{
    ApiError,
    configuration::{SectionReport, ThresholdEntry, TriggerEntry},
    trigger::TriggerFields,
};
use bartizan_store::{TenantId, entity::trigger::Model, sea_orm::ConnectionTrait, triggers};
use serde_json::{Value, json};

use super::{
    DEFAULT_TEMPLATE, blank, filled,
    parse::{self, Parsed},
    settle_default,
};
use crate::{
    failure::Failure,
    services::{
        configuration::{Work, at, canonical, place, plan},
        integration::transfer::Numbers,
        rule::{
            counters,
            transfer::{local_counter, own_counter},
        },
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

/// A trigger of a document, which names integrations by their numbers there.
pub(in crate::services) struct Entry(Parsed);

/// Reads the triggers of a document for a tenant. `numbers` are those of the document's integrations.
///
/// # Errors
/// 400 with the trigger and field at fault.
pub(in crate::services) fn read(
    entries: Vec<TriggerEntry>,
    tenant: TenantId,
    numbers: &HashSet<i64>,
    most: u64,
) -> Result<Vec<Entry>, Failure> {
    if entries.len() as u64 > most {
        return Err(ApiError::field("triggers", "too many triggers", most).into());
    }
    let read = |(index, entry): (usize, TriggerEntry)| {
        read_one(entry, tenant, numbers).map(Entry).map_err(|error| at(&place("triggers", index), error))
    };
    entries.into_iter().enumerate().map(read).collect()
}

/// Makes the triggers of a tenant those of a document. `ids` are those of the document's integrations.
///
/// # Errors
/// 400 with the trigger that names a counter which the tenant has not.
pub(in crate::services) async fn import(
    work: &Work<'_>,
    entries: Vec<Entry>,
    ids: &Numbers,
) -> Result<SectionReport, Failure> {
    let mut wanted = Vec::with_capacity(entries.len());
    for (index, Entry(mut parsed)) in entries.into_iter().enumerate() {
        for numbers in parsed.actions.iter_mut().filter_map(|action| action.params.integration_ids.as_mut()) {
            numbers.iter_mut().for_each(|number| *number = ids.get(number).copied().unwrap_or_default());
        }
        let row = filled(work.transaction, work.tenant, blank(work.tenant, work.now), parsed, work.now).await;
        wanted.push(row.map_err(|error| at(&place("triggers", index), error))?);
    }
    let rows = triggers::list(work.transaction, work.tenant).await?;
    let own = rows.into_iter().filter(|row| !row.is_default).map(|row| (key(&row), row)).collect();
    let keys: Vec<String> = wanted.iter().map(key).collect();
    let plan = plan(own, &keys);
    let mut report = SectionReport { deleted: plan.gone.len(), ..SectionReport::default() };
    let mut changed = Vec::new();
    let mut of_default = plan.gone.iter().any(|row| row.template == DEFAULT_TEMPLATE);
    for (row, kept) in wanted.into_iter().zip(plan.kept) {
        if kept.is_some() {
            report.unchanged += 1;
        } else {
            of_default |= row.template == DEFAULT_TEMPLATE;
            changed.push(triggers::insert(work.transaction, row).await?);
            report.created += 1;
        }
    }
    for row in plan.gone {
        triggers::delete(work.transaction, work.tenant, row.id).await?;
        changed.push(row);
    }
    counters::settle(work.transaction, work.tenant, &changed.iter().collect::<Vec<_>>(), work.now).await?;
    if of_default {
        settle_default(work.transaction, work.tenant, work.now).await?;
    }
    Ok(report)
}

fn read_one(mut entry: TriggerEntry, tenant: TenantId, numbers: &HashSet<i64>) -> Result<Parsed, ApiError> {
    each_counter(&mut entry.filters, |text| own_counter(text, tenant));
    let mut unknown = None;
    each_integration(&mut entry.actions, |named| {
        let is_known = |number: &&Value| number.as_i64().is_some_and(|number| numbers.contains(&number));
        unknown = unknown.take().or_else(|| named.iter().find(|number| !is_known(number)).cloned());
    });
    if let Some(number) = unknown {
        let error = "names no integration of this document";
        return Err(ApiError::field("integration_ids", error, number));
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
    parse::parse(&fields)
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
