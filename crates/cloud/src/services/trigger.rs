//! Triggers: what users want to happen on what (`spec/rules.md` section 7).
//!
//! Here is their configuration. [`evaluate`] applies those that watch events and [`changes`] those that watch
//! the configuration; counters of nodes feed the others.

use bartizan_api::{
    ApiError,
    trigger::{FilterView, ThresholdView, TriggerFields, TriggerView},
};
use bartizan_store::{
    JsonText, TenantId, api_specs, clients, entity::trigger::Model, sea_orm::DatabaseTransaction, triggers,
};
use serde_json::{Value, json};

use super::{
    activity::{self, Change},
    integration,
    rule::counters,
    ruleset::builds,
};
use crate::{auth::Caller, failure::Failure, state::Cloud};

pub mod changes;
pub mod evaluate;
mod firing;
pub mod flood;
pub(super) mod named;
mod parse;
mod template;
pub(super) mod transfer;
mod watch;

use parse::Parsed;
pub use template::{TEMPLATES, Template, Threshold};

/// The lock time that means for ever, seconds.
pub const FOREVER_S: i64 = 315_360_000;
/// The template that every tenant has a trigger on.
pub const DEFAULT_TEMPLATE: &str = "vector_attack";

/// The triggers of a tenant, oldest first.
///
/// # Errors
/// 403 for a foreign tenant.
pub async fn list(cloud: &Cloud, caller: &Caller, client_id: i64) -> Result<Vec<TriggerView>, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    triggers::list(cloud.store.reader(), tenant).await?.iter().map(view).collect()
}

/// Creates a trigger. The first on malicious payloads takes the place of the default one.
///
/// # Errors
/// 400 with the field at fault, 403 for a foreign tenant.
pub async fn create(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    sent: Option<&TriggerFields>,
) -> Result<TriggerView, Failure> {
    let (tenant, parsed) = (caller.tenant_of(Some(client_id))?, parsed(sent, None)?);
    let transaction = cloud.store.begin().await?;
    // Beside others at work on counters, one of them could be taken from under its trigger.
    clients::lock(&transaction, tenant).await?;
    let now = cloud.now();
    let row = filled(&transaction, tenant, blank(tenant, now), parsed, now).await?;
    let most = cloud.config.limits.triggers;
    if triggers::count(&transaction, tenant).await? >= most {
        return Err(ApiError::field("trigger", "too many triggers", most).into());
    }
    let row = triggers::insert(&transaction, row).await?;
    counters::settle(&transaction, tenant, &[&row], now).await?;
    build(&transaction, tenant, &[&row], now).await?;
    if row.template == DEFAULT_TEMPLATE {
        triggers::delete_default(&transaction, tenant, DEFAULT_TEMPLATE).await?;
    }
    activity::log(&transaction, caller, tenant, now, change(&row, "create", None, Some(state(&row)))).await?;
    transaction.commit().await?;
    cloud.notices.changed(tenant);
    view(&row)
}

/// Replaces a trigger.
///
/// # Errors
/// 400 with the field at fault, 403 for a foreign tenant, 404.
pub async fn replace(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    id: i64,
    sent: Option<&TriggerFields>,
) -> Result<TriggerView, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let before = triggers::find(&transaction, tenant, id).await?.ok_or_else(ApiError::absent)?;
    let now = cloud.now();
    let parsed = parsed(sent, Some(&before))?;
    let mut row = filled(&transaction, tenant, before.clone(), parsed, now).await?;
    // Whoever changes the default trigger makes it his own.
    row.is_default = false;
    let row = triggers::replace(&transaction, row).await?;
    counters::settle(&transaction, tenant, &[&before, &row], now).await?;
    build(&transaction, tenant, &[&before, &row], now).await?;
    if [&before, &row].iter().any(|row| row.template == DEFAULT_TEMPLATE) {
        settle_default(&transaction, tenant, now).await?;
    }
    let entry = change(&row, "update", Some(state(&before)), Some(state(&row)));
    activity::log(&transaction, caller, tenant, now, entry).await?;
    transaction.commit().await?;
    cloud.notices.changed(tenant);
    view(&row)
}

/// Deletes a trigger. With the last of its own on malicious payloads a tenant gets the default one back.
///
/// # Errors
/// 403 for a foreign tenant, 404.
pub async fn delete(cloud: &Cloud, caller: &Caller, client_id: i64, id: i64) -> Result<(), Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let row = triggers::find(&transaction, tenant, id).await?.ok_or_else(ApiError::absent)?;
    triggers::delete(&transaction, tenant, id).await?;
    let now = cloud.now();
    counters::settle(&transaction, tenant, &[&row], now).await?;
    build(&transaction, tenant, &[&row], now).await?;
    if row.template == DEFAULT_TEMPLATE && !row.is_default {
        settle_default(&transaction, tenant, now).await?;
    }
    activity::log(&transaction, caller, tenant, now, change(&row, "delete", Some(state(&row)), None)).await?;
    transaction.commit().await?;
    cloud.notices.changed(tenant);
    Ok(())
}

/// Schedules a ruleset when counters of nodes feed one of these triggers.
async fn build(
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    rows: &[&Model],
    now: i64,
) -> Result<(), Failure> {
    if rows.iter().any(|row| counters::feed(row)) {
        builds::change(transaction, tenant, now).await?;
    }
    Ok(())
}

/// Takes the default trigger away from who has one of his own, and gives it to who has neither.
async fn settle_default(
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    now: i64,
) -> Result<(), Failure> {
    if triggers::has_custom(transaction, tenant, DEFAULT_TEMPLATE).await? {
        triggers::delete_default(transaction, tenant, DEFAULT_TEMPLATE).await?;
    } else if !triggers::has_default(transaction, tenant, DEFAULT_TEMPLATE).await? {
        triggers::insert_default(transaction, tenant, now).await?;
    }
    Ok(())
}

/// A row that nothing was said about.
fn blank(tenant: TenantId, now: i64) -> Model {
    Model {
        id: 0,
        client_id: tenant.0,
        template: String::new(),
        name: String::new(),
        comment: String::new(),
        enabled: true,
        filters: JsonText(json!([])),
        actions: JsonText(json!([])),
        threshold_period: None,
        threshold_count: None,
        is_default: false,
        created_at: now,
        updated_at: now,
    }
}

fn parsed(sent: Option<&TriggerFields>, before: Option<&Model>) -> Result<Parsed, Failure> {
    let sent = sent.ok_or_else(|| ApiError::field("trigger", "can't be blank", Value::Null))?;
    let parsed = parse::parse(sent)?;
    named::check_told(&parsed, before)?;
    Ok(parsed)
}

/// A row with what was parsed, checked against the tenant's other objects.
async fn filled(
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    row: Model,
    parsed: Parsed,
    now: i64,
) -> Result<Model, Failure> {
    for action in &parsed.actions {
        let ids = action.params.integration_ids.as_deref().unwrap_or_default();
        if !integration::all_exist(transaction, tenant, ids).await? {
            return Err(ApiError::field("integration_ids", "is invalid", json!(ids)).into());
        }
    }
    for tag in
        parsed.filters.iter().filter(|filter| filter.id == "hint_tag").flat_map(|filter| &filter.values)
    {
        if !triggers::has_counter(transaction, tenant, tag.as_str().unwrap_or_default()).await? {
            return Err(ApiError::field("filters", "is invalid", tag.clone()).into());
        }
    }
    let specs = named::specifications(&parsed.filters);
    if !specs.is_empty() {
        let own = api_specs::ids(transaction, tenant).await?;
        if let Some(foreign) = specs.into_iter().find(|id| !own.contains(id)) {
            let error = "api_spec_ids names no specification of this client";
            return Err(ApiError::field("filters", error, foreign).into());
        }
    }
    Ok(Model {
        template: parsed.template.id.to_owned(),
        name: parsed.name,
        comment: parsed.comment,
        enabled: parsed.enabled,
        filters: JsonText(json!(parsed.filters)),
        actions: JsonText(json!(parsed.actions)),
        threshold_period: parsed.threshold.map(|(period, _)| period),
        threshold_count: parsed.threshold.map(|(_, count)| count),
        updated_at: now,
        ..row
    })
}

fn view(row: &Model) -> Result<TriggerView, Failure> {
    let template = Template::parse(&row.template).ok_or_else(ApiError::internal)?;
    let (mut filters, actions) = (named::filters(row)?, named::actions(row)?);
    let threshold = match (row.threshold_period, row.threshold_count) {
        (Some(period), Some(count)) => Some(ThresholdView { operator: "gt", period, count }),
        _ => None,
    };
    if let Some(threshold) = threshold {
        filters.push(FilterView {
            id: "threshold".to_owned(),
            operator: "gt".to_owned(),
            values: vec![json!({"count": threshold.count, "period": threshold.period})],
        });
    }
    Ok(TriggerView {
        id: row.id,
        name: row.name.clone(),
        comment: row.comment.clone(),
        enabled: row.enabled,
        client_id: row.client_id,
        template_id: row.template.clone(),
        filters,
        actions,
        threshold: threshold.unwrap_or_default(),
        thresholds: threshold.into_iter().collect(),
        template: template.view(),
    })
}

fn state(row: &Model) -> Value {
    json!({"template_id": row.template, "name": row.name, "comment": row.comment, "enabled": row.enabled,
        "filters": row.filters.0, "actions": row.actions.0,
        "threshold": {"period": row.threshold_period, "count": row.threshold_count}})
}

fn change(row: &Model, action: &'static str, before: Option<Value>, after: Option<Value>) -> Change<'static> {
    Change {
        object_type: "trigger",
        action,
        object_id: row.id.to_string(),
        object_name: row.name.clone(),
        before,
        after,
    }
}
