//! API tokens: listing, making, changing, renewing (`spec/accounts.md` section 2.5).
//!
//! The value verifies by a keyed hash; unless the operator turned that off, it is also kept encrypted for its
//! owner to read again. A personal token is bounded by its owner at every call (see `auth`), not only when it is made.

use bartizan_api::{
    ApiError, Grant, Permission, Role,
    api_token::{ApiTokenCreate, ApiTokenSecretView, ApiTokenValueView, ApiTokenView, TokenType, TokenUsage},
    filter::{Family, Field, Filter, Kind},
    list::{ListRequest, Page},
};
use bartizan_store::{TenantId, api_tokens, api_tokens::Visible, clients, entity, sea_orm::ConnectionTrait};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    activity::{self, Change},
    grants, session,
};
use crate::{
    auth::{Caller, Scheme},
    failure::Failure,
    secrets::{Secret, seal, unseal},
    state::Cloud,
};

mod backward;
mod update;
mod view;

pub use update::{renew, update};
use view::{expired, grant_of, one, state, view, views};

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
    caller.act_on(TenantId(row.client_id));
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
