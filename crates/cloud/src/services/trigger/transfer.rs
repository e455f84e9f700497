//! Triggers of a tenant in a document.

use std::collections::HashSet;

use bartizan_api::{
    ApiError,
    configuration::{SectionReport, ThresholdEntry, TriggerEntry},
    trigger::TriggerFields,
};
use bartizan_store::{TenantId, entity::trigger::Model, sea_orm::ConnectionTrait, triggers};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    DEFAULT_TEMPLATE, blank, filled, named,
    parse::{self, Parsed},
    settle_default,
};
use crate::{
    failure::Failure,
    services::{
        configuration::{Numbered, Numbers, Work, at, canonical, place, plan},
        rule::{
            counters,
            transfer::{local_counter, own_counter},
        },
    },
};

/// The triggers that a tenant made, in an order that does not depend on when. `numbers` are those of what they
/// name.
///
/// # Errors
/// 500 when the store fails.
pub(in crate::services) async fn export<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    numbers: &Numbered<Numbers>,
) -> Result<Vec<TriggerEntry>, Failure> {
    let rows = triggers::list(connection, tenant).await?.into_iter().filter(|row| !row.is_default);
    let mut entries = rows.map(|row| entry(row, numbers)).collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_cached_key(|entry| {
        (entry.template_id.clone(), entry.name.clone(), canonical(&json!(entry)))
    });
    Ok(entries)
}

fn entry(row: Model, numbers: &Numbered<Numbers>) -> Result<TriggerEntry, Failure> {
    let threshold = match (row.threshold_period, row.threshold_count) {
        (Some(period), Some(count)) => Some(ThresholdEntry { period, count }),
        _ => None,
    };
    let (mut filters, mut actions) = (named::filters(&row)?, named::actions(&row)?);
    let watches = named::keep_specifications(&mut filters, |id| numbers.specifications.get(&id).copied());
    named::keep_integrations(&mut actions, |id| numbers.integrations.get(&id).copied());
    let mut filters = values(&filters);
    each_counter(&mut filters, |text| Some(local_counter(text)));
    Ok(TriggerEntry {
        template_id: row.template,
        name: row.name,
        comment: row.comment,
        enabled: row.enabled && watches,
        filters,
        actions: values(&actions),
        threshold,
    })
}

fn values<T: Serialize>(items: &[T]) -> Vec<Value> {
    items.iter().map(|item| json!(item)).collect()
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

/// A trigger of a document, which names integrations and specifications by their numbers there.
pub(in crate::services) struct Entry(Parsed);

/// Reads the triggers of a document for a tenant. `numbers` are those of what the document has.
///
/// # Errors
/// 400 with the trigger and field at fault.
pub(in crate::services) fn read(
    entries: Vec<TriggerEntry>,
    tenant: TenantId,
    numbers: &Numbered<HashSet<i64>>,
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

/// Makes the triggers of a tenant those of a document. `ids` are those of the document's numbers.
///
/// # Errors
/// 400 with the trigger that names a counter which the tenant has not.
pub(in crate::services) async fn import(
    work: &Work<'_>,
    entries: Vec<Entry>,
    ids: &Numbered<Numbers>,
) -> Result<SectionReport, Failure> {
    let mut wanted = Vec::with_capacity(entries.len());
    for (index, Entry(mut parsed)) in entries.into_iter().enumerate() {
        named::keep_integrations(&mut parsed.actions, |number| ids.integrations.get(&number).copied());
        named::keep_specifications(&mut parsed.filters, |number| ids.specifications.get(&number).copied());
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

fn read_one(
    mut entry: TriggerEntry,
    tenant: TenantId,
    numbers: &Numbered<HashSet<i64>>,
) -> Result<Parsed, ApiError> {
    each_counter(&mut entry.filters, |text| own_counter(text, tenant));
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
    let parsed = parse::parse(&fields)?;
    let unknown = |named: Vec<i64>, known: &HashSet<i64>| named.into_iter().find(|id| !known.contains(id));
    if let Some(number) = unknown(named::integrations(&parsed.actions), &numbers.integrations) {
        let error = "names no integration of this document";
        return Err(ApiError::field("integration_ids", error, number));
    }
    if let Some(number) = unknown(named::specifications(&parsed.filters), &numbers.specifications) {
        let error = "api_spec_ids names no specification of this document";
        return Err(ApiError::field("filters", error, number));
    }
    Ok(parsed)
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
