//! Saved views of attacks (`spec/events.md` section 5.8).

use bartizan_api::{
    ApiError,
    attack_view::{AttackViewChange, AttackViewList, AttackViewSaved},
};
use bartizan_store::{
    JsonText, StoreError, TenantId, Tenants, attack_views, clients, entity::attack_view,
    sea_orm::DatabaseTransaction,
};
use chrono::{DateTime, SecondsFormat};
use http::StatusCode;
use serde_json::{Value, json};

use super::activity::{self, Change};
use crate::{auth::Caller, failure::Failure, state::Cloud};

/// Id of the view that the product brings along.
const PRESET: i64 = 0;
/// What it is called.
const PRESET_NAME: &str = "All attacks";
const MAX_NAME: usize = 128;
const MAX_CONFIG: usize = 64 << 10;
const MAX_DESCRIPTION: usize = 4096;
/// Most views of a client.
const MAX_VIEWS: usize = 1000;

/// A client of the path with what belongs to the caller there.
struct Place {
    tenant: TenantId,
    partner: i64,
    user: i64,
    default: i64,
}

async fn place(cloud: &Cloud, caller: &Caller, tenant: TenantId) -> Result<Place, Failure> {
    let client = clients::of_ids(cloud.store.reader(), &Tenants::from(tenant)).await?.into_iter().next();
    let client = client.ok_or_else(ApiError::absent)?;
    let user = caller.user_id();
    let default = cloud.store.default_attack_view(tenant, user).await?.unwrap_or(PRESET);
    Ok(Place { tenant, partner: client.partner_id, user, default })
}

fn rfc3339(unix: i64) -> String {
    DateTime::from_timestamp(unix, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn saved(place: &Place, view: attack_view::Model) -> AttackViewSaved {
    AttackViewSaved {
        id: view.id,
        is_preset: view.id == PRESET,
        is_default: view.id == place.default,
        name: view.name,
        description: view.description,
        config: view.config.0,
        visibility: view.visibility,
        created_at: rfc3339(view.created_at),
        updated_at: rfc3339(view.updated_at),
    }
}

fn preset(place: &Place) -> attack_view::Model {
    attack_view::Model {
        id: PRESET,
        client_id: place.tenant.0,
        partner_id: place.partner,
        name: PRESET_NAME.to_owned(),
        description: "Every attack of the last day, by type".to_owned(),
        config: JsonText(json!({"where": null, "groupBy": "type", "timeRange": "-24h",
            "sorting": [{"id": "requests_count", "desc": true}]})),
        visibility: "tenant".to_owned(),
        created_at: 0,
        updated_at: 0,
    }
}

async fn find(cloud: &Cloud, place: &Place, id: i64) -> Result<attack_view::Model, Failure> {
    if id == PRESET {
        return Ok(preset(place));
    }
    let view = cloud.store.attack_view(place.tenant, place.partner, id).await?;
    Ok(view.ok_or_else(ApiError::absent)?)
}

/// A view that the caller may change: the client's own, and no preset.
async fn own(cloud: &Cloud, caller: &Caller, place: &Place, id: i64) -> Result<attack_view::Model, Failure> {
    let view = find(cloud, place, id).await?;
    if view.id == PRESET || view.client_id != place.tenant.0 {
        return Err(ApiError::access_denied().into());
    }
    may_share(caller, place, &view.visibility)?;
    Ok(view)
}

/// A view of the whole organisation shows in every tenant of it: only global users make one, in their own tenant.
fn may_share(caller: &Caller, place: &Place, visibility: &str) -> Result<(), ApiError> {
    let global = caller.grant.is_global() && caller.client.is_technical && place.tenant == caller.tenant();
    if visibility != "org" || global { Ok(()) } else { Err(ApiError::access_denied()) }
}

/// Every view that the caller sees.
///
/// # Errors
/// 500 when the store fails.
pub async fn list(cloud: &Cloud, caller: &Caller, tenant: TenantId) -> Result<AttackViewList, Failure> {
    let place = place(cloud, caller, tenant).await?;
    let views = cloud.store.attack_views(tenant, place.partner).await?;
    let all = std::iter::once(preset(&place)).chain(views);
    Ok(AttackViewList { data: all.map(|view| saved(&place, view)).collect() })
}

/// One view.
///
/// # Errors
/// 404.
pub async fn view(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    id: i64,
) -> Result<AttackViewSaved, Failure> {
    let place = place(cloud, caller, tenant).await?;
    let view = find(cloud, &place, id).await?;
    Ok(saved(&place, view))
}

/// Makes a view.
///
/// # Errors
/// 400 by field, 409 for a name that is taken.
pub async fn create(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    change: &AttackViewChange,
) -> Result<AttackViewSaved, Failure> {
    let place = place(cloud, caller, tenant).await?;
    let name = name(&change.name)?.ok_or_else(|| required("name"))?;
    let config = config(&change.config)?.ok_or_else(|| required("config"))?;
    let description = description(&change.description)?.unwrap_or_default();
    let visibility = match &change.visibility {
        Value::Null => "tenant",
        Value::String(text) if text == "tenant" || text == "org" => text,
        other => return Err(ApiError::field("visibility", "must be tenant or org", other.clone()).into()),
    };
    may_share(caller, &place, visibility)?;
    let view = new(cloud, &place, name, description, config, visibility);
    insert(cloud, caller, &place, view).await
}

fn new(
    cloud: &Cloud,
    place: &Place,
    name: String,
    description: String,
    config: Value,
    visibility: &str,
) -> attack_view::Model {
    let now = cloud.now();
    attack_view::Model {
        id: 0,
        client_id: place.tenant.0,
        partner_id: place.partner,
        name,
        description,
        config: JsonText(config),
        visibility: visibility.to_owned(),
        created_at: now,
        updated_at: now,
    }
}

async fn insert(
    cloud: &Cloud,
    caller: &Caller,
    place: &Place,
    view: attack_view::Model,
) -> Result<AttackViewSaved, Failure> {
    let views = cloud.store.attack_views(place.tenant, place.partner).await?;
    if views.iter().filter(|view| view.client_id == place.tenant.0).count() >= MAX_VIEWS {
        return Err(ApiError::text(StatusCode::CONFLICT, "Too many views").into());
    }
    let transaction = cloud.store.begin().await?;
    let view = attack_views::create(&transaction, view).await.map_err(taken)?;
    log(cloud, caller, &transaction, "create", (None, Some(&view))).await?;
    transaction.commit().await?;
    Ok(saved(place, view))
}

/// One entry in the log of the tenant that the view belongs to.
async fn log(
    cloud: &Cloud,
    caller: &Caller,
    transaction: &DatabaseTransaction,
    action: &'static str,
    (before, after): (Option<&attack_view::Model>, Option<&attack_view::Model>),
) -> Result<(), Failure> {
    let Some(view) = after.or(before) else { return Ok(()) };
    let state = |view: &attack_view::Model| json!({"name": view.name, "description": view.description, "visibility": view.visibility});
    let change = Change {
        object_type: "attack_view",
        action,
        object_id: view.id.to_string(),
        object_name: view.name.clone(),
        before: before.map(state),
        after: after.map(state),
    };
    activity::log(transaction, caller, TenantId(view.client_id), cloud.now(), change).await
}

fn taken(error: StoreError) -> Failure {
    match error {
        StoreError::Duplicate => ApiError::text(StatusCode::CONFLICT, "Already exists").into(),
        other => other.into(),
    }
}

/// Changes a view.
///
/// # Errors
/// 400 by field, 403 for a preset or a view of another client, 404, 409 for a name that is taken.
pub async fn update(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    id: i64,
    change: &AttackViewChange,
) -> Result<AttackViewSaved, Failure> {
    let place = place(cloud, caller, tenant).await?;
    let before = own(cloud, caller, &place, id).await?;
    let mut view = before.clone();
    if !change.visibility.is_null() && change.visibility.as_str() != Some(view.visibility.as_str()) {
        let error = "cannot be changed";
        return Err(ApiError::field("visibility", error, change.visibility.clone()).into());
    }
    view.name = name(&change.name)?.unwrap_or(view.name);
    view.description = description(&change.description)?.unwrap_or(view.description);
    view.config = config(&change.config)?.map_or(view.config, JsonText);
    view.updated_at = cloud.now();
    let transaction = cloud.store.begin().await?;
    attack_views::update(&transaction, tenant, &view).await.map_err(taken)?;
    log(cloud, caller, &transaction, "update", (Some(&before), Some(&view))).await?;
    transaction.commit().await?;
    Ok(saved(&place, view))
}

/// Removes a view.
///
/// # Errors
/// 403 for a preset or a view of another client, 404, 409 for a default.
pub async fn delete(cloud: &Cloud, caller: &Caller, tenant: TenantId, id: i64) -> Result<(), Failure> {
    let place = place(cloud, caller, tenant).await?;
    let view = own(cloud, caller, &place, id).await?;
    if cloud.store.is_default_attack_view(view.id).await? {
        return Err(ApiError::text(StatusCode::CONFLICT, "The view is a default").into());
    }
    let transaction = cloud.store.begin().await?;
    attack_views::delete(&transaction, tenant, view.id).await?;
    log(cloud, caller, &transaction, "delete", (Some(&view), None)).await?;
    Ok(transaction.commit().await?)
}

/// Copies a view under another name.
///
/// # Errors
/// 400 by field, 404, 409 for a name that is taken.
pub async fn duplicate(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    id: i64,
    change: &AttackViewChange,
) -> Result<AttackViewSaved, Failure> {
    let place = place(cloud, caller, tenant).await?;
    let view = find(cloud, &place, id).await?;
    let name = name(&change.name)?.ok_or_else(|| required("name"))?;
    // Sharing is decided anew: a copy belongs to the client.
    let copy = new(cloud, &place, name, view.description, view.config.0, "tenant");
    insert(cloud, caller, &place, copy).await
}

/// Makes a view the one that the caller starts with.
///
/// # Errors
/// 404.
pub async fn set_default(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    id: i64,
) -> Result<AttackViewSaved, Failure> {
    let mut place = place(cloud, caller, tenant).await?;
    let view = find(cloud, &place, id).await?;
    let transaction = cloud.store.begin().await?;
    attack_views::set_default(&transaction, tenant, place.user, view.id).await?;
    let change = Change {
        object_type: "attack_view",
        action: "update",
        object_id: view.id.to_string(),
        object_name: view.name.clone(),
        before: Some(json!({"default": place.default})),
        after: Some(json!({"default": view.id})),
    };
    activity::log(&transaction, caller, tenant, cloud.now(), change).await?;
    transaction.commit().await?;
    place.default = view.id;
    Ok(saved(&place, view))
}

fn required(field: &str) -> ApiError {
    ApiError::field(field, "is required", Value::Null)
}

fn name(value: &Value) -> Result<Option<String>, ApiError> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.trim(),
        other => return Err(ApiError::field("name", "must be a text", other.clone())),
    };
    if text == PRESET_NAME {
        return Err(ApiError::text(StatusCode::CONFLICT, "Already exists"));
    }
    if (1..=MAX_NAME).contains(&text.chars().count()) {
        Ok(Some(text.to_owned()))
    } else {
        Err(ApiError::field("name", "must be 1 to 128 characters", value.clone()))
    }
}

fn description(value: &Value) -> Result<Option<String>, ApiError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.len() <= MAX_DESCRIPTION => Ok(Some(text.clone())),
        Value::String(_) => Err(ApiError::field("description", "is too long", Value::Null)),
        other => Err(ApiError::field("description", "must be a text", other.clone())),
    }
}

fn config(value: &Value) -> Result<Option<Value>, ApiError> {
    match value {
        Value::Null => Ok(None),
        Value::Object(_) if value.to_string().len() <= MAX_CONFIG => Ok(Some(value.clone())),
        Value::Object(_) => Err(ApiError::field("config", "must be at most 64 KiB", Value::Null)),
        other => Err(ApiError::field("config", "must be an object", other.clone())),
    }
}
