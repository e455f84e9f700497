//! Looking after an account: its password, its secret, its sessions (`spec/accounts.md` sections 2.3 and 2.4).

use std::sync::Arc;

use bartizan_api::{
    ApiError, Permission,
    session::{PasswordChange, RevokeRequest, SessionItem},
    user::{PrincipalView, ProfileUpdate, UserProfile},
};
use bartizan_store::{
    TenantId, Tenants, entity,
    sea_orm::{ActiveValue::Set, DatabaseTransaction, IntoActiveModel},
    sessions, users,
};
use serde_json::{Value, json};

use super::{
    activity::{self, Change},
    grants,
    session::{confirmed_user, has_password},
    user_profile,
    user_view::{node_view, principal_view},
    users::{NewPassword, end_links, grant_of, new_password, remember, valid_name},
};
use crate::{
    auth::{Caller, Principal, Scheme, session::PREFIX},
    failure::Failure,
    secrets::Secret,
    state::Cloud,
};

/// Who calls. A user is read anew: sign-ins are newer than what authentication keeps.
///
/// # Errors
/// 500 when the store fails.
pub async fn principal(cloud: &Cloud, principal: &Principal) -> Result<PrincipalView, Failure> {
    let caller = match principal {
        Principal::Caller(caller) => caller,
        Principal::Node(node) => return Ok(node_view(cloud, node)),
    };
    let fresh = match &caller.user {
        Some(user) => cloud.store.identify_user(user.id).await?.map(Arc::new),
        None => None,
    };
    let user = fresh.or_else(|| caller.user.clone());
    Ok(principal_view(cloud, &Caller { user, ..Caller::clone(caller) }))
}

/// Changes the profile of the caller's own user.
///
/// # Errors
/// 400 naming the field.
pub async fn update_profile(
    cloud: &Cloud,
    caller: &Caller,
    request: ProfileUpdate,
) -> Result<PrincipalView, Failure> {
    if let Some(name) = request.unknown.keys().next() {
        return Err(ApiError::invalid("unknown field", name.as_str()).into());
    }
    let transaction = cloud.store.begin().await?;
    let before = users::lock(&transaction, caller.tenant(), caller.user_id()).await?;
    let before = before.ok_or_else(ApiError::access_denied)?;
    let mut after = before.clone();
    if let Some(realname) = request.realname.as_deref().filter(|name| !name.is_empty()) {
        if before.sso_managed {
            return Err(managed().into());
        }
        after.realname = valid_name(realname)?;
    }
    user_profile::apply(&mut after, &UserProfile { components: None, ..request.profile })?;
    let after = users::update(&transaction, &Tenants::from(caller.tenant()), &before, after).await?;
    let entry = Change {
        object_type: "user",
        action: "update",
        object_id: after.id.to_string(),
        object_name: after.email.clone(),
        before: Some(profile_state(&before)),
        after: Some(profile_state(&after)),
    };
    activity::log(&transaction, caller, caller.tenant(), cloud.now(), entry).await?;
    transaction.commit().await?;
    Ok(principal_view(cloud, &Caller { user: Some(Arc::new(after)), ..caller.clone() }))
}

fn profile_state(row: &entity::user::Model) -> Value {
    let mut state = json!({"realname": row.realname, "phone": row.phone, "job_title": row.job_title});
    if let (Some(state), Some(profile)) = (state.as_object_mut(), row.profile.as_object()) {
        state.extend(profile.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    state
}

/// 403 `Managed by SSO`: the identity provider is the source of this user.
#[must_use]
pub fn managed() -> ApiError {
    ApiError::text(axum::http::StatusCode::FORBIDDEN, "Managed by SSO")
}

/// Changes the caller's own password and ends its other sessions. Secret and tokens stay.
///
/// # Errors
/// 403 `Invalid password`, 400 `weak password` or for a confirmation that differs, 429.
pub async fn change_password(
    cloud: &Cloud,
    caller: &Caller,
    request: &PasswordChange,
) -> Result<Option<Renewed>, Failure> {
    if request.password != request.password_confirmation {
        return Err(ApiError::invalid("password_confirmation differs", Value::Null).into());
    }
    has_password(caller)?;
    let user = confirmed_user(cloud, caller, &request.current_password, None).await?;
    let forced = user.profile.get("must_change_password").and_then(Value::as_bool).unwrap_or(false);
    if forced && request.password == request.current_password {
        // Whoever chose it for the user still knows it.
        return Err(ApiError::invalid("weak password", vec!["used_before"]).into());
    }
    let policy = &caller.settings.password_policy;
    let hash = new_password(policy, &NewPassword::of(&user, &request.password)).await?;
    let tenant = TenantId(user.client_id);
    let now = cloud.now();
    let entry = Change {
        object_type: "user",
        action: "update",
        object_id: user.id.to_string(),
        object_name: user.email.clone(),
        before: Some(json!({"password_changed": user.password_changed})),
        after: Some(json!({"password_changed": now})),
    };
    // These columns only: hashing took a while, and what an administrator changed meanwhile stands.
    let mut row = user.clone().into_active_model();
    row.password_history = Set(remember(&user));
    row.password_hash = Set(Some(hash));
    row.password_changed = Set(now);
    let transaction = cloud.store.begin().await?;
    row.profile = Set(chosen_by_user(&transaction, &user).await?);
    end_links(&transaction, tenant, user.id).await?;
    sessions::update_user(&transaction, tenant, row).await?;
    sessions::delete_of_user(&transaction, tenant, user.id, own_session(caller)).await?;
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    transaction.commit().await?;
    lift(cloud, caller, "password").await
}

/// The profile of a user who chose the password, as it is now.
pub(super) async fn chosen_by_user(
    transaction: &DatabaseTransaction,
    user: &entity::user::Model,
) -> Result<Value, Failure> {
    let row = users::lock(transaction, TenantId(user.client_id), user.id).await?;
    let mut profile = row.ok_or_else(ApiError::access_denied)?.profile;
    if let Some(profile) = profile.as_object_mut() {
        profile.insert("must_change_password".to_owned(), json!(false));
    }
    Ok(profile)
}

/// A session that goes on under another id.
pub struct Renewed {
    /// Opaque id, in the cookie only.
    pub id: String,
    /// Seconds that it lives at most.
    pub lifetime_s: i64,
}

/// Lifts a restriction of the caller's session once it is met; what else is asked for comes next. A session that may do
/// more than before goes on under another id, so that whoever knew the old one gains nothing.
///
/// # Errors
/// 500 when the store fails.
pub async fn lift(cloud: &Cloud, caller: &Caller, met: &str) -> Result<Option<Renewed>, Failure> {
    let Some(session) = caller.session.as_ref().filter(|_| caller.restriction() == Some(met)) else {
        return Ok(None);
    };
    let factor = caller.user.as_ref().is_some_and(|user| user.mfa_sealed.is_some());
    let next = (met == "password" && caller.settings.mfa_enforced && !factor).then_some("mfa");
    if !matches!(caller.scheme, Scheme::Session { cookie: true, .. }) {
        cloud.store.set_restriction(&session.id_mac, next).await?;
        return Ok(None);
    }
    let secret = Secret::random();
    cloud.store.replace_session(&session.id_mac, &secret.mac(&cloud.keys), next).await?;
    let lifetime_s = (session.expires_at - cloud.now()).max(0);
    Ok(Some(Renewed { id: secret.opaque(PREFIX), lifetime_s }))
}

fn own_session(caller: &Caller) -> Option<&str> {
    match &caller.scheme {
        Scheme::Session { id_mac, .. } => Some(id_mac),
        _ => None,
    }
}

/// Ends the secret of the caller, or as administrator that of another user.
///
/// # Errors
/// 403 `Invalid password`, 403 for rights, 404 for an unknown user, 429.
pub async fn revoke_secret(cloud: &Cloud, caller: &Caller, request: &RevokeRequest) -> Result<(), Failure> {
    let own = confirmed_user(cloud, caller, &request.password, None).await?;
    let user = match request.user_id.filter(|id| *id != own.id && *id != 0) {
        None => own,
        Some(id) => reachable_user(cloud, caller, id, Permission::UpdateUser).await?,
    };
    end_secret(cloud, caller, user).await
}

/// Ends the secret of a user whom the caller may do that to.
///
/// # Errors
/// 500 when the store fails.
pub(super) async fn end_secret(
    cloud: &Cloud,
    caller: &Caller,
    user: entity::user::Model,
) -> Result<(), Failure> {
    let tenant = TenantId(user.client_id);
    let entry = Change {
        object_type: "secret_key",
        action: "delete",
        object_id: user.id.to_string(),
        object_name: user.email.clone(),
        before: None,
        after: None,
    };
    let mut change = user.into_active_model();
    change.secret_mac = Set(None);
    change.secret_created_at = Set(None);
    change.secret_last_used_at = Set(None);
    change.secret_last_used_ip = Set(None);
    let transaction = cloud.store.begin().await?;
    sessions::update_user(&transaction, tenant, change).await?;
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    Ok(transaction.commit().await?)
}

/// Another user of the tenants in reach, if the caller holds the permission and no fewer rights than the user.
///
/// # Errors
/// 403 for rights, 404 for an unknown user.
pub async fn reachable_user(
    cloud: &Cloud,
    caller: &Caller,
    id: i64,
    permission: Permission,
) -> Result<entity::user::Model, Failure> {
    caller.require(permission)?;
    let user = cloud.store.identify_user(id).await?.ok_or_else(|| ApiError::not_found("user", id))?;
    if !caller.tenants.contains(TenantId(user.client_id)) {
        return Err(ApiError::access_denied().into());
    }
    caller.act_on(TenantId(user.client_id));
    grants::may_manage(caller, &grant_of(&user))?;
    Ok(user)
}

/// Running sessions of the caller, or as administrator of another user.
///
/// # Errors
/// 403 for rights, 404 for an unknown user.
pub async fn list_sessions(
    cloud: &Cloud,
    caller: &Caller,
    user_id: Option<i64>,
) -> Result<Vec<SessionItem>, Failure> {
    // The own user is at home, whatever is in reach.
    let (user, tenants) = match user_id.filter(|id| *id != caller.user_id() && *id != 0) {
        None => (caller.user_id(), Tenants::from(caller.tenant())),
        Some(id) => {
            let user = reachable_user(cloud, caller, id, Permission::UpdateUser).await?;
            (user.id, caller.tenants.clone())
        }
    };
    let current = match own_session(caller) {
        Some(id_mac) => cloud.store.identify_session(id_mac).await?,
        None => None,
    };
    // By bearer token the session is the one that the token derives from.
    let current = current.map(|session| session.parent_mac.unwrap_or(session.id_mac));
    let rows = cloud.store.sessions_of_user(&tenants, user, cloud.now()).await?;
    Ok(rows.into_iter().map(|row| item(row, current.as_deref())).collect())
}

fn item(row: entity::session::Model, current: Option<&str>) -> SessionItem {
    SessionItem {
        current: current == Some(row.id_mac.as_str()),
        id: row.public_id,
        user_id: row.user_id,
        ip: row.ip,
        user_agent: row.user_agent,
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
        expires_at: row.expires_at,
    }
}

/// Ends a session of the caller, or as administrator of another user, with the tokens derived from it.
///
/// # Errors
/// 404 for a session that there is not, 403 for rights.
pub async fn end_session(cloud: &Cloud, caller: &Caller, public_id: &str) -> Result<(), Failure> {
    let own = caller.tenant();
    // The own sessions are at home, whatever is in reach.
    if let Some(tenant) = cloud.store.identify_session_tenant(public_id).await?
        && tenant != own
    {
        caller.tenant_of(Some(tenant.0))?;
    }
    let tenants = Tenants::new([caller.tenants.ids(), &[own]].concat());
    let row = cloud.store.session(&tenants, public_id).await?;
    let row = row.ok_or_else(|| ApiError::not_found("session", public_id))?;
    if row.user_id != caller.user_id() {
        reachable_user(cloud, caller, row.user_id, Permission::UpdateUser).await?;
    }
    let entry = Change {
        object_type: "sign_in",
        action: "delete",
        object_id: row.public_id.clone(),
        object_name: row.user_agent.clone(),
        before: None,
        after: None,
    };
    let transaction = cloud.store.begin().await?;
    sessions::delete(&transaction, &row.id_mac).await?;
    activity::log(&transaction, caller, TenantId(row.client_id), cloud.now(), entry).await?;
    Ok(transaction.commit().await?)
}
