//! API tokens: listing, making, changing, renewing (`spec/accounts.md` section 2.5).
//!
//! The value verifies by a keyed hash; unless the operator turned that off, it is also kept encrypted for its
//! owner to read again. A personal token is bounded by its owner at every call (see `auth`), not only when it is made.

use std::collections::{BTreeSet, HashMap};

use bartizan_api::{
    ApiError, Grant, Permission, Role,
    api_token::{
        ApiTokenCreate, ApiTokenSecretView, ApiTokenUpdate, ApiTokenValueView, ApiTokenView, TokenType,
        TokenUsage,
    },
    filter::{Condition, Family, Field, Filter, Kind, Test},
    list::{ListRequest, Order, Page},
};
use bartizan_store::{
    TenantId, Tenants, api_tokens,
    api_tokens::Visible,
    clients, entity,
    sea_orm::{ConnectionTrait, DatabaseTransaction},
    users,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    activity::{self, Change},
    grants, session,
};
use crate::{
    auth::{Caller, Scheme, strings},
    failure::Failure,
    secrets::{Secret, seal, unseal},
    state::Cloud,
};

mod backward;

/// Seconds after which a disabled token is removed: a week.
pub const KEPT_DISABLED_S: i64 = 7 * 86_400;

const FIELDS: &[Field] = &[
    Field::new("id", Kind::Int),
    Field::new("client_id", Kind::Int),
    Field::nullable("user_id", Kind::Int),
    Field::new("type", Kind::Text),
    Field::new("usage", Kind::Text),
    Field::new("enabled", Kind::Bool),
];

/// Tokens that the caller may see: its own, and as administrator those of its tenants.
///
/// # Errors
/// 400 for a filter, limit or order that is not one.
pub async fn list(
    cloud: &Cloud,
    caller: &Caller,
    request: &ListRequest,
) -> Result<Vec<ApiTokenView>, Failure> {
    let mut filter = Filter::parse(&request.filter, FIELDS, Family::Accounts)?;
    filter.drop_zero("id");
    filter.drop_zero("client_id");
    let visible = if caller.may(Permission::ViewSharedApiToken) {
        Visible::All
    } else {
        Visible::OwnedBy(caller.user_id())
    };
    let (order, page) = (request.order(&["id", "name", "created_at"])?, request.page(50)?);
    // Those of secrets stand before all others, on however many pages that takes.
    let first = backward::list(cloud, caller, visible, &filter).await?;
    let count = first.len() as u64;
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let mut listed: Vec<_> = first.into_iter().skip(size(page.offset)).take(size(page.limit)).collect();
    let rest = Page {
        limit: page.limit.saturating_sub(listed.len() as u64),
        offset: page.offset.saturating_sub(count),
    };
    if rest.limit > 0 {
        let rows = cloud.store.api_tokens(&caller.tenants, visible, &filter, order, rest).await?;
        listed.extend(views(cloud, cloud.store.reader(), &caller.tenants, rows).await?);
    }
    Ok(listed)
}

async fn views<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    tenants: &Tenants,
    rows: Vec<entity::api_token::Model>,
) -> Result<Vec<ApiTokenView>, Failure> {
    let owners: Vec<i64> = rows.iter().filter_map(|row| row.user_id).collect();
    let test = Test::Ints(owners, vec![]);
    let filter =
        Filter { clauses: vec![vec![Condition { field: "id", negated: false, test }]], ignored: vec![] };
    let page = Page { limit: 1000, offset: 0 };
    let owners: HashMap<i64, BTreeSet<Permission>> =
        users::list(connection, tenants, &filter, Order { field: "id", descending: false }, page)
            .await?
            .into_iter()
            .map(|user| (user.id, grant_of(&user.permissions).permissions()))
            .collect();
    let now = cloud.now();
    Ok(rows
        .into_iter()
        .map(|row| {
            let bound = row.user_id.map(|owner| owners.get(&owner).cloned().unwrap_or_default());
            view(row, bound.as_ref(), now)
        })
        .collect())
}

/// A token as the API shows it; `bound` are the rights of its owner, if it has one.
fn view(row: entity::api_token::Model, bound: Option<&BTreeSet<Permission>>, now: i64) -> ApiTokenView {
    let row = expired(row, now);
    let grant = grant_of(&row.permissions);
    let within = |permission: &Permission| bound.is_none_or(|bound| bound.contains(permission));
    let mut actual: Vec<String> = grant
        .permissions()
        .into_iter()
        .filter(within)
        .map(|permission| permission.code().to_owned())
        .collect();
    actual.sort();
    ApiTokenView {
        id: row.id,
        uuid: row.uuid,
        client_id: row.client_id,
        user_id: row.user_id,
        name: row.name,
        token_type: row.kind,
        kind: "regular".to_owned(),
        usage: row.usage,
        role: match &grant {
            Grant::Role(role) => Some(role.code().to_owned()),
            Grant::Custom(_) => None,
        },
        permissions: grant.strings(),
        actual_permissions: actual,
        enabled: row.enabled,
        expires_at: row.expires_at,
        disabled_at: row.disabled_at,
        delete_at: row.disabled_at.map(|at| at + KEPT_DISABLED_S),
        created_at: row.created_at,
        generated_at: row.generated_at,
        last_used_at: row.last_used_at,
        last_used_ip: row.last_used_ip,
        client_ids: row.client_ids.and_then(|ids| serde_json::from_value(ids).ok()),
        token_masked: row.masked,
    }
}

/// A token is disabled from its end on, also before the hourly job has noted it.
fn expired(row: entity::api_token::Model, now: i64) -> entity::api_token::Model {
    match row.expires_at {
        Some(end) if row.enabled && end <= now => {
            entity::api_token::Model { enabled: false, disabled_at: Some(end), ..row }
        }
        _ => row,
    }
}

fn grant_of(permissions: &Value) -> Grant {
    Grant::parse(&strings(permissions)).unwrap_or_else(|_| Grant::Custom(BTreeSet::new()))
}

/// Makes a token. Its value is in the answer and nowhere else.
///
/// # Errors
/// 403 for rights above the caller's, 400 for invalid fields or too many tokens.
pub async fn create(
    cloud: &Cloud,
    caller: &Caller,
    request: ApiTokenCreate,
) -> Result<ApiTokenSecretView, Failure> {
    let shared = request.token_type == TokenType::Shared;
    if shared {
        caller.require(Permission::CreateSharedApiToken)?;
    }
    if !shared && request.usage == TokenUsage::Api {
        may_have_api_tokens(caller)?;
    }
    let tenant = caller.tenant_of(request.client_id)?;
    if !shared && tenant != caller.tenant() {
        return Err(ApiError::access_denied().into());
    }
    let client = cloud.store.identify_client(tenant.0).await?.ok_or_else(ApiError::access_denied)?;
    let grant = asked_grant(caller, &request)?;
    grants::may_grant(caller, &grant, &client)?;
    let (name, now) = (valid_name(&request.name)?, cloud.now());
    let (uuid, secret) = (Uuid::new_v4(), Secret::random());
    let token = secret.token(uuid);
    let user_id = (!shared).then_some(caller.user_id());
    let row = entity::api_token::Model {
        id: 0,
        uuid: uuid.to_string(),
        client_id: tenant.0,
        user_id,
        name,
        kind: if shared { "shared" } else { "personal" }.to_owned(),
        usage: if request.usage == TokenUsage::Node { "node" } else { "api" }.to_owned(),
        permissions: json!(grant.strings()),
        enabled: true,
        expires_at: future(request.expires_at, now)?,
        disabled_at: None,
        created_at: now,
        generated_at: now,
        last_used_at: None,
        last_used_ip: None,
        secret_mac: secret.mac(&cloud.keys),
        masked: masked(&token),
        sealed: sealed(cloud, &token),
        client_ids: listed_tenants(caller, &grant, request.client_ids.as_deref())?,
        notified_at: None,
    };
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let most = cloud.config.limits.api_tokens;
    if api_tokens::count(&transaction, tenant, user_id).await? >= most {
        return Err(ApiError::invalid("too many tokens", most).into());
    }
    let row = api_tokens::insert(&transaction, row).await?;
    let entry = change(&row, "create", None, Some(state(&row)));
    activity::log(&transaction, caller, tenant, now, entry).await?;
    transaction.commit().await?;
    let bound = user_id.is_some().then_some(&*caller.permissions);
    Ok(ApiTokenSecretView { properties: view(row, bound, now), token })
}

/// Users of an identity provider have no tokens for the API of their own, unless an administrator allows it.
fn may_have_api_tokens(caller: &Caller) -> Result<(), ApiError> {
    let barred = |user: &entity::user::Model| user.auth_method.is_some() && !user.api_access;
    if caller.user.as_deref().is_some_and(barred) { Err(ApiError::access_denied()) } else { Ok(()) }
}

/// The value, encrypted for reading back, unless the operator turned that off.
fn sealed(cloud: &Cloud, token: &str) -> Option<String> {
    if cloud.config.auth.retrievable_tokens { seal(&cloud.keys, token) } else { None }
}

/// The tenants that a token of a global user is restricted to.
fn listed_tenants(caller: &Caller, grant: &Grant, ids: Option<&[i64]>) -> Result<Option<Value>, ApiError> {
    let Some(ids) = ids else { return Ok(None) };
    if !grant.is_global() {
        return Err(ApiError::invalid("client_ids need a global role", json!(ids)));
    }
    match ids.iter().find(|id| !caller.tenants.contains(TenantId(**id))) {
        Some(_) => Err(ApiError::access_denied()),
        None => Ok(Some(json!(ids))),
    }
}

/// The value of a token, for its owner; of a shared one, for administrators. Reading it is logged.
///
/// # Errors
/// 404, 403 also without a fresh proof of the password.
pub async fn value(
    cloud: &Cloud,
    caller: &Caller,
    id: i64,
    proof: &str,
) -> Result<ApiTokenValueView, Failure> {
    if backward::user_of(id).is_some() {
        // It holds the secret, which is shown at its renewal only.
        return Err(ApiError::access_denied().into());
    }
    refuse_foreign(cloud, caller, id).await?;
    let transaction = cloud.store.begin().await?;
    let row = reach(cloud, &transaction, caller, id, Purpose::Change).await?;
    session::require_proof(cloud, caller, proof).await?;
    if row.user_id.is_some() && row.usage == "api" {
        may_have_api_tokens(caller)?;
    }
    let entry = change(&row, "update", None, Some(json!({"value_read_by": caller.user_id()})));
    activity::log(&transaction, caller, TenantId(row.client_id), cloud.now(), entry).await?;
    transaction.commit().await?;
    Ok(ApiTokenValueView { token: row.sealed.and_then(|sealed| unseal(&cloud.keys, &sealed)) })
}

/// The rights asked for: those of node deployment, a role, a set, or else the caller's own.
fn asked_grant(caller: &Caller, request: &ApiTokenCreate) -> Result<Grant, ApiError> {
    if request.usage == TokenUsage::Node {
        return Ok(Grant::Role(Role::Deploy));
    }
    match (&request.role, &request.permissions) {
        (Some(_), Some(_)) => Err(ApiError::invalid("role and permissions exclude each other", Value::Null)),
        (Some(role), None) if Role::parse_code(role).is_none() => {
            grants::parse(std::slice::from_ref(role))?;
            Err(ApiError::invalid("unknown role", role.as_str()))
        }
        (Some(role), None) => grants::parse(std::slice::from_ref(role)),
        (None, Some(permissions)) => grants::parse(permissions),
        (None, None) => Ok(Grant::clone(&caller.grant)),
    }
}

/// What a caller wants of a token that it names by id.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    View,
    Change,
    Delete,
}

/// The token of a path, if the caller may do this to it: the owner anything in a session, an administrator anything to
/// shared tokens, and see and delete personal ones. A key needs the right to it also for tokens of its owner: a narrow
/// one that leaked must not prolong itself or end others.
async fn reach<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    caller: &Caller,
    id: i64,
    purpose: Purpose,
) -> Result<entity::api_token::Model, Failure> {
    let Some(row) = api_tokens::find(connection, &caller.tenants, id).await? else {
        return Err(ApiError::not_found("api token", id).into());
    };
    let own = row.user_id == Some(caller.user_id());
    let shared = row.user_id.is_none();
    let (right_to_own, right) = match purpose {
        Purpose::View => (Permission::ViewApiToken, Permission::ViewSharedApiToken),
        Purpose::Change => (Permission::UpdateApiToken, Permission::UpdateSharedApiToken),
        Purpose::Delete => (Permission::DeleteApiToken, Permission::DeleteSharedApiToken),
    };
    let as_owner = own && (in_session(caller) || caller.may(right_to_own));
    let as_administrator = (shared || purpose != Purpose::Change) && caller.may(right);
    if !(as_owner || as_administrator) {
        return Err(ApiError::access_denied().into());
    }
    if purpose == Purpose::Change && shared {
        // Renewing a token of wider rights would be a way to those rights.
        grants::may_manage(caller, &grant_of(&row.permissions))?;
    }
    Ok(expired(row, cloud.now()))
}

/// Whether a person calls, and not a key of his.
fn in_session(caller: &Caller) -> bool {
    matches!(caller.scheme, Scheme::Session { .. })
}

/// Refuses a token of another tenant, which a path may not name; one that does not exist is reported later.
async fn refuse_foreign(cloud: &Cloud, caller: &Caller, id: i64) -> Result<(), Failure> {
    match cloud.store.identify_api_token_tenant(id).await? {
        Some(tenant) if !caller.tenants.contains(tenant) => Err(ApiError::access_denied().into()),
        _ => Ok(()),
    }
}

/// One token.
///
/// # Errors
/// 404 when there is none, 403 when it is another's.
pub async fn find(cloud: &Cloud, caller: &Caller, id: i64) -> Result<ApiTokenView, Failure> {
    if backward::user_of(id).is_some() {
        return backward::find(cloud, caller, id).await;
    }
    refuse_foreign(cloud, caller, id).await?;
    let reader = cloud.store.reader();
    let row = reach(cloud, reader, caller, id, Purpose::View).await?;
    one(cloud, reader, caller, row).await
}

async fn one<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    caller: &Caller,
    row: entity::api_token::Model,
) -> Result<ApiTokenView, Failure> {
    let view = views(cloud, connection, &caller.tenants, vec![row]).await?.pop();
    Ok(view.ok_or_else(ApiError::internal)?)
}

/// Changes name, end, rights or activity of a token.
///
/// # Errors
/// 404, 403, 400 for invalid fields and for enabling without a new end.
pub async fn update(
    cloud: &Cloud,
    caller: &Caller,
    id: i64,
    request: &ApiTokenUpdate,
) -> Result<ApiTokenView, Failure> {
    if backward::user_of(id).is_some() {
        return backward::refuse_change(cloud, caller, id).await;
    }
    refuse_foreign(cloud, caller, id).await?;
    let transaction = cloud.store.begin().await?;
    let before = reach(cloud, &transaction, caller, id, Purpose::Change).await?;
    let tenant = TenantId(before.client_id);
    let client = clients::lock(&transaction, tenant).await?.ok_or_else(ApiError::access_denied)?;
    let mut after = before.clone();
    apply(cloud, caller, &mut after, request, &client)?;
    let after = write(cloud, caller, &transaction, &before, after).await?;
    let view = one(cloud, &transaction, caller, after).await?;
    transaction.commit().await?;
    Ok(view)
}

fn apply(
    cloud: &Cloud,
    caller: &Caller,
    row: &mut entity::api_token::Model,
    request: &ApiTokenUpdate,
    client: &entity::client::Model,
) -> Result<(), ApiError> {
    let now = cloud.now();
    if let Some(name) = &request.name {
        row.name = valid_name(name)?;
    }
    if let Some(permissions) = &request.permissions {
        if row.usage == "node" {
            return Err(ApiError::invalid("a node token has the role deploy", permissions.clone()));
        }
        let grant = grants::parse(permissions)?;
        grants::may_grant(caller, &grant, client)?;
        row.permissions = json!(grant.strings());
    }
    if let Some(end) = request.expires_at {
        row.expires_at = future(end, now)?;
        row.notified_at = None;
    }
    match request.enabled {
        Some(true) if !row.enabled => {
            if request.expires_at.is_none() {
                return Err(ApiError::invalid("expires_at is needed to enable a token", Value::Null));
            }
            row.enabled = true;
            row.disabled_at = None;
        }
        Some(false) if row.enabled => {
            row.enabled = false;
            row.disabled_at = Some(now);
        }
        _ => {}
    }
    Ok(())
}

async fn write(
    cloud: &Cloud,
    caller: &Caller,
    transaction: &DatabaseTransaction,
    before: &entity::api_token::Model,
    after: entity::api_token::Model,
) -> Result<entity::api_token::Model, Failure> {
    let tenant = TenantId(before.client_id);
    let after = api_tokens::update(transaction, tenant, after).await?;
    let entry = change(&after, "update", Some(state(before)), Some(state(&after)));
    activity::log(transaction, caller, tenant, cloud.now(), entry).await?;
    Ok(after)
}

/// Gives a token a new value; the old one is dead when this returns. The backward-compatible one asks for a fresh proof of
/// the password, as the renewal of a secret does.
///
/// # Errors
/// 404, 403.
pub async fn renew(
    cloud: &Cloud,
    caller: &Caller,
    id: i64,
    proof: &str,
) -> Result<ApiTokenSecretView, Failure> {
    if backward::user_of(id).is_some() {
        return backward::renew(cloud, caller, id, proof).await;
    }
    refuse_foreign(cloud, caller, id).await?;
    let transaction = cloud.store.begin().await?;
    let before = reach(cloud, &transaction, caller, id, Purpose::Change).await?;
    if before.user_id.is_some() && before.usage == "api" {
        may_have_api_tokens(caller)?;
    }
    let secret = Secret::random();
    let token = secret.token(Uuid::parse_str(&before.uuid).map_err(|_| ApiError::internal())?);
    let mut after = before.clone();
    after.secret_mac = secret.mac(&cloud.keys);
    after.masked = masked(&token);
    after.sealed = sealed(cloud, &token);
    after.notified_at = None;
    after.generated_at = cloud.now();
    let after = write(cloud, caller, &transaction, &before, after).await?;
    let properties = one(cloud, &transaction, caller, after).await?;
    transaction.commit().await?;
    Ok(ApiTokenSecretView { properties, token })
}

/// Deletes a token.
///
/// # Errors
/// 404, 403.
pub async fn delete(cloud: &Cloud, caller: &Caller, id: i64) -> Result<ApiTokenView, Failure> {
    if backward::user_of(id).is_some() {
        return backward::delete(cloud, caller, id).await;
    }
    refuse_foreign(cloud, caller, id).await?;
    let transaction = cloud.store.begin().await?;
    let row = reach(cloud, &transaction, caller, id, Purpose::Delete).await?;
    let tenant = TenantId(row.client_id);
    api_tokens::delete(&transaction, tenant, id).await?;
    let entry = change(&row, "delete", Some(state(&row)), None);
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    let view = one(cloud, &transaction, caller, row).await?;
    transaction.commit().await?;
    Ok(view)
}

fn masked(token: &str) -> String {
    format!("{}*****", token.chars().take(5).collect::<String>())
}

fn future(end: Option<i64>, now: i64) -> Result<Option<i64>, ApiError> {
    match end {
        Some(end) if end <= now => Err(ApiError::invalid("expires_at must be in the future", end)),
        other => Ok(other),
    }
}

fn valid_name(text: &str) -> Result<String, ApiError> {
    if (1..=128).contains(&text.trim().chars().count()) {
        Ok(text.trim().to_owned())
    } else {
        Err(ApiError::invalid("name must have 1 to 128 characters", text))
    }
}

fn change(
    row: &entity::api_token::Model,
    action: &'static str,
    before: Option<Value>,
    after: Option<Value>,
) -> Change<'static> {
    Change {
        object_type: "api_token",
        action,
        object_id: row.id.to_string(),
        object_name: row.name.clone(),
        before,
        after,
    }
}

/// What the activity log keeps of a token: nothing of its value.
fn state(row: &entity::api_token::Model) -> Value {
    json!({
        "name": row.name, "type": row.kind, "usage": row.usage, "permissions": row.permissions,
        "enabled": row.enabled, "expires_at": row.expires_at, "generated_at": row.generated_at,
        "client_ids": row.client_ids,
    })
}
