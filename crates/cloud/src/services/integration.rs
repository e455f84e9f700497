//! Integrations: where notifications go (`spec/rules.md` sections 8.1 to 8.4).
//!
//! Targets are stored sealed, because they hold tokens, and read masked. What is sent to them, and when it is
//! tried again, is [`super::delivery`]'s.

use bartizan_api::{
    ApiError,
    integration::{
        DeliveryListQuery, DeliveryView, IntegrationCreate, IntegrationUpdate, IntegrationView,
        TelegramCreate,
    },
};
use bartizan_store::{
    JsonText, TenantId, clients, deliveries,
    entity::{delivery, integration::Model},
    integrations,
};
use serde_json::{Value, json};

use super::{
    activity::{self, Change},
    delivery as outbox,
    notification::{ACTIVITY, switch_among},
    trigger::{self, named::Gone},
};
use crate::{auth::Caller, failure::Failure, keys::Keys, secrets, state::Cloud};

mod kind;
mod mask;
mod target;
pub(super) mod transfer;

pub use kind::Kind;
pub use target::{Jira, S3, ServiceNow, Target, Webhook};

/// Integrations of the tenants that are named, or of the own one.
///
/// # Errors
/// 500.
pub async fn list(
    cloud: &Cloud,
    caller: &Caller,
    clientid: Option<i64>,
) -> Result<Vec<IntegrationView>, Failure> {
    let asked: Vec<i64> = clientid.into_iter().collect();
    let rows = integrations::list(cloud.store.reader(), &caller.tenants_or_own(&asked)).await?;
    rows.iter().map(|row| view(&cloud.keys, row)).collect()
}

/// Creates an integration.
///
/// # Errors
/// 400 with the field at fault, 403 for a foreign tenant.
pub async fn create(
    cloud: &Cloud,
    caller: &Caller,
    request: &IntegrationCreate,
) -> Result<IntegrationView, Failure> {
    let tenant = caller.tenant_of(request.clientid)?;
    let (row, _) = checked(cloud, caller, tenant, request)?;
    insert(cloud, caller, tenant, row).await
}

/// Creates a Telegram integration, switched off and without events.
///
/// # Errors
/// As [`create`].
pub async fn create_telegram(
    cloud: &Cloud,
    caller: &Caller,
    request: &TelegramCreate,
) -> Result<IntegrationView, Failure> {
    let mut target = json!({"chat_data": request.chat_data});
    if let (Some(token), Some(target)) = (&request.token, target.as_object_mut()) {
        target.insert("token".to_owned(), json!(token));
    }
    let request = IntegrationCreate {
        name: request.name.clone(),
        active: Some(false),
        target,
        events: None,
        kind: Some(Kind::Telegram.name().to_owned()),
        clientid: request.clientid,
    };
    create(cloud, caller, &request).await
}

/// A row of what was asked for, and its target.
fn checked(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    request: &IntegrationCreate,
) -> Result<(Model, Target), Failure> {
    let kind = match request.kind.as_deref().unwrap_or_default() {
        "" => return Err(ApiError::field("type", "can't be blank", Value::Null).into()),
        name => Kind::parse(name).ok_or_else(|| ApiError::field("type", "is invalid", name))?,
    };
    let name = match request.name.as_deref().map(str::trim).unwrap_or_default() {
        "" => kind.title().to_owned(),
        name => valid_name(name)?,
    };
    let events = kind.switches(request.events.as_deref().unwrap_or_default())?;
    let events = JsonText(json!(events));
    may_send(caller, tenant, &events)?;
    let target = Target::parse(kind, &request.target, &cloud.outgoing)?;
    let now = cloud.now();
    let row = Model {
        id: 0,
        client_id: tenant.0,
        kind: kind.name().to_owned(),
        name,
        active: request.active.unwrap_or(true),
        target: seal(&cloud.keys, &target.to_wire())?,
        events,
        created_at: now,
        created_by: author(caller),
        updated_at: now,
        disabled_reason: None,
    };
    Ok((row, target))
}

/// Refuses what sends the activity log out for a caller who may not see all of it: an integration would be a way to it.
fn may_send(caller: &Caller, tenant: TenantId, events: &JsonText) -> Result<(), ApiError> {
    let sends = switch_among(events, ACTIVITY).is_some();
    if sends && !caller.administers(tenant) { Err(ApiError::access_denied()) } else { Ok(()) }
}

/// The address of the author; tokens that belong to nobody have a name only.
pub(super) fn author(caller: &Caller) -> String {
    caller.user.as_ref().map_or_else(|| caller.name.to_string(), |user| user.email.clone())
}

async fn insert(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    row: Model,
) -> Result<IntegrationView, Failure> {
    let transaction = cloud.store.begin().await?;
    let most = cloud.config.limits.integrations;
    if integrations::count(&transaction, tenant).await? >= most {
        return Err(ApiError::field("name", "too many integrations", most).into());
    }
    let row = integrations::insert(&transaction, row).await?;
    let entry = change(&row, "create", None, Some(state(&row)));
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    transaction.commit().await?;
    view(&cloud.keys, &row)
}

/// Changes what is named of an integration.
///
/// # Errors
/// 400 with the field at fault, 404.
pub async fn update(
    cloud: &Cloud,
    caller: &Caller,
    id: i64,
    request: &IntegrationUpdate,
) -> Result<IntegrationView, Failure> {
    let transaction = cloud.store.begin().await?;
    let before = integrations::find(&transaction, &caller.tenants, id).await?.ok_or_else(ApiError::absent)?;
    let kind = kind_of(&before)?;
    if let Some(other) = request.kind.as_deref().filter(|name| !name.is_empty() && *name != kind.name()) {
        return Err(ApiError::field("type", "cannot be changed", other).into());
    }
    let mut after = before.clone();
    if let Some(name) = request.name.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
        after.name = valid_name(name)?;
    }
    if let Some(active) = request.active {
        after.active = active;
        if active {
            after.disabled_reason = None;
        }
    }
    if let Some(events) = &request.events {
        after.events = JsonText(json!(kind.switches(events)?));
    }
    // Also of another target: it would go there.
    may_send(caller, TenantId(before.client_id), &after.events)?;
    let stored = unseal(&cloud.keys, &before.target)?;
    if let Some(sent) = sent_target(kind, &stored, request) {
        // What waits goes there, also when the stream ends with this change.
        may_send(caller, TenantId(before.client_id), &before.events)?;
        let target = Target::parse(kind, &mask::merged(kind, &stored, &sent)?, &cloud.outgoing)?;
        after.target = seal(&cloud.keys, &target.to_wire())?;
    }
    after.updated_at = cloud.now();
    let after = integrations::update(&transaction, after).await?;
    let tenant = TenantId(after.client_id);
    let entry = change(&after, "update", Some(state(&before)), Some(state(&after)));
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    transaction.commit().await?;
    view(&cloud.keys, &after)
}

/// The target of a change: as it is, or by the fields that Telegram integrations are created with.
fn sent_target(kind: Kind, stored: &Value, request: &IntegrationUpdate) -> Option<Value> {
    if request.target.is_some() || kind != Kind::Telegram {
        return request.target.clone();
    }
    let mut target = stored.clone();
    for (name, value) in [("chat_data", &request.chat_data), ("token", &request.token)] {
        if let (Some(value), Some(target)) = (value, target.as_object_mut()) {
            target.insert(name.to_owned(), json!(value));
        }
    }
    (target != *stored).then_some(target)
}

/// Deletes an integration with everything that waits for it. Triggers name it no more.
///
/// # Errors
/// 404.
pub async fn delete(cloud: &Cloud, caller: &Caller, id: i64) -> Result<(), Failure> {
    let transaction = cloud.store.begin().await?;
    let row = integrations::find(&transaction, &caller.tenants, id).await?.ok_or_else(ApiError::absent)?;
    let tenant = TenantId(row.client_id);
    // A trigger that is written meanwhile could name it.
    clients::lock(&transaction, tenant).await?;
    integrations::delete(&transaction, tenant, id).await?;
    let now = cloud.now();
    activity::log(&transaction, caller, tenant, now, change(&row, "delete", Some(state(&row)), None)).await?;
    let gone = Gone { integrations: &[id], ..Gone::default() };
    trigger::named::release_by(&transaction, caller, tenant, gone, now).await?;
    transaction.commit().await?;
    cloud.notices.changed(tenant);
    Ok(())
}

/// Sends a test message to an integration that is stored; returns when the receiver has taken it.
///
/// # Errors
/// 400 with the answer of the receiver, 404.
pub async fn test_stored(cloud: &Cloud, caller: &Caller, id: i64) -> Result<(), Failure> {
    let found = integrations::find(cloud.store.reader(), &caller.tenants, id).await?;
    let row = found.ok_or_else(ApiError::absent)?;
    let kind = kind_of(&row)?;
    let stored = unseal(&cloud.keys, &row.target)?;
    let target = Target::of_stored(kind, &stored).ok_or_else(ApiError::internal)?;
    outbox::test(cloud, caller, TenantId(row.client_id), kind, &target).await
}

/// Sends a test message to an integration that is not stored yet.
///
/// # Errors
/// 400 with the field at fault or the answer of the receiver, 403 for a foreign tenant.
pub async fn test_new(cloud: &Cloud, caller: &Caller, request: &IntegrationCreate) -> Result<(), Failure> {
    let tenant = caller.tenant_of(request.clientid)?;
    let (row, target) = checked(cloud, caller, tenant, request)?;
    if row.kind == Kind::Telegram.name() {
        // Its chat is known when it was created.
        return Err(ApiError::field("type", "can be tested once it is created", row.kind).into());
    }
    outbox::test(cloud, caller, tenant, kind_of(&row)?, &target).await
}

/// Notifications of an integration, newest first.
///
/// # Errors
/// 400 for a state or paging that is none, 404.
pub async fn delivery_list(
    cloud: &Cloud,
    caller: &Caller,
    id: i64,
    query: &DeliveryListQuery,
) -> Result<Vec<DeliveryView>, Failure> {
    let reader = cloud.store.reader();
    let row = integrations::find(reader, &caller.tenants, id).await?.ok_or_else(ApiError::absent)?;
    let known = [deliveries::PENDING, deliveries::DELIVERED, deliveries::DEAD];
    let state = query.state.as_deref().filter(|state| !state.is_empty());
    if let Some(other) = state.filter(|state| !known.contains(state)) {
        return Err(ApiError::field("state", "is invalid", other).into());
    }
    let limit = within("limit", query.limit.unwrap_or(50), 1..=1000)?;
    let offset = within("offset", query.offset.unwrap_or(0), 0..=i64::MAX)?;
    let tenant = TenantId(row.client_id);
    let rows = deliveries::list(reader, tenant, id, state, offset, limit).await?;
    let sees_log = caller.administers(tenant);
    Ok(rows.into_iter().map(|row| delivery_view(row, sees_log)).collect())
}

fn within(field: &str, value: i64, range: std::ops::RangeInclusive<i64>) -> Result<u64, ApiError> {
    let wrong = || ApiError::field(field, format!("should be in {}..{}", range.start(), range.end()), value);
    if !range.contains(&value) {
        return Err(wrong());
    }
    u64::try_from(value).map_err(|_| wrong())
}

/// A notification as the list shows it. Entries of the activity log are shown to whoever may see all of it, as in
/// [`may_send`]: others may not see entries of every kind.
fn delivery_view(row: delivery::Model, sees_log: bool) -> DeliveryView {
    let hidden = row.notification_type == ACTIVITY && !sees_log;
    DeliveryView {
        id: row.id,
        integration_id: row.integration_id,
        notification_type: row.notification_type,
        next_attempt_at: (row.state == deliveries::PENDING).then_some(row.due_ms / 1000),
        state: row.state,
        attempts: row.attempts,
        created_at: row.created_at,
        finished_at: row.finished_at,
        last_status: row.last_status,
        last_error: row.last_error,
        events: if hidden { json!([]) } else { row.events.0 },
    }
}

/// Sends a notification that was given up once more, with all its attempts.
///
/// # Errors
/// 404 when there is no such notification, or it was not given up.
pub async fn delivery_retry(
    cloud: &Cloud,
    caller: &Caller,
    id: i64,
    delivery_id: i64,
) -> Result<(), Failure> {
    let transaction = cloud.store.begin().await?;
    let row = integrations::find(&transaction, &caller.tenants, id).await?.ok_or_else(ApiError::absent)?;
    let (tenant, now_ms) = (TenantId(row.client_id), cloud.clock.now_ms());
    // The target may be another one than it was: see `may_send`.
    let but = (!caller.administers(tenant)).then_some(ACTIVITY);
    if !deliveries::revive(&transaction, tenant, id, delivery_id, but, now_ms).await? {
        return Err(ApiError::absent().into());
    }
    transaction.commit().await?;
    cloud.outbox.notify_one();
    Ok(())
}

/// The kind of a stored row.
pub(super) fn kind_of(row: &Model) -> Result<Kind, Failure> {
    Ok(Kind::parse(&row.kind).ok_or_else(ApiError::internal)?)
}

/// The target of a stored row.
pub(super) fn target_of(keys: &Keys, row: &Model) -> Option<(Kind, Target)> {
    let kind = Kind::parse(&row.kind)?;
    let stored = serde_json::from_str(&secrets::unseal(keys, &row.target)?).ok()?;
    Some((kind, Target::of_stored(kind, &stored)?))
}

fn seal(keys: &Keys, target: &Value) -> Result<String, Failure> {
    Ok(secrets::seal(keys, &target.to_string()).ok_or_else(ApiError::internal)?)
}

fn unseal(keys: &Keys, sealed: &str) -> Result<Value, Failure> {
    let text = secrets::unseal(keys, sealed);
    let target = text.and_then(|text| serde_json::from_str(&text).ok());
    Ok(target.ok_or_else(|| {
        tracing::error!("a sealed target does not open: the keys are not those it was sealed with");
        ApiError::internal()
    })?)
}

fn valid_name(name: &str) -> Result<String, ApiError> {
    if name.chars().count() <= 255 {
        Ok(name.to_owned())
    } else {
        Err(ApiError::field("name", "is too long (maximum is 255 characters)", name))
    }
}

fn view(keys: &Keys, row: &Model) -> Result<IntegrationView, Failure> {
    let kind = kind_of(row)?;
    Ok(IntegrationView {
        id: row.id,
        active: row.active,
        name: row.name.clone(),
        kind: kind.name(),
        created_at: row.created_at,
        created_by: row.created_by.clone(),
        target: mask::masked(kind, &unseal(keys, &row.target)?),
        events: serde_json::from_value(row.events.0.clone()).unwrap_or_default(),
        disabled_reason: row.disabled_reason.clone(),
    })
}

/// What the activity log keeps: nothing of the target.
fn state(row: &Model) -> Value {
    json!({"name": row.name, "type": row.kind, "active": row.active, "events": row.events.0, "target": "***"})
}

fn change(row: &Model, action: &'static str, before: Option<Value>, after: Option<Value>) -> Change<'static> {
    Change {
        object_type: if row.kind == "email" { "email_integration" } else { "integration" },
        action,
        object_id: row.id.to_string(),
        object_name: row.name.clone(),
        before,
        after,
    }
}

/// The integrations of these ids must be the tenant's.
///
/// # Errors
/// 500.
pub(super) async fn all_exist<C: bartizan_store::sea_orm::ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    ids: &[i64],
) -> Result<bool, Failure> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    Ok(integrations::count_of(connection, tenant, &ids).await? == ids.len() as u64)
}
