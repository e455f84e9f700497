//! Sign-in, sign-out, derived tokens, and the renewal of a user's secret.

use bartizan_api::{ApiError, session::RenewedView, user::LoginRecord};
use bartizan_store::{
    TenantId, entity,
    sea_orm::{ActiveValue::Set, IntoActiveModel},
    sessions,
};
use uuid::Uuid;

use super::activity::{self, Change};
use crate::{
    auth::{Caller, Origin, Scheme, session::PREFIX},
    failure::Failure,
    secrets::{Secret, verify_password},
    state::Cloud,
};

/// Seconds that a derived bearer token lives.
pub const TOKEN_LIFETIME_S: i64 = 900;

/// A started session: the opaque id for the cookie, and its user.
pub struct Started {
    /// Opaque id, in the cookie only.
    pub id: String,
    /// Who signed in.
    pub user: entity::user::Model,
}

/// Signs a user in. Unknown, disabled and unconfirmed users fail like a wrong password, in text and time.
///
/// # Errors
/// 401 `Invalid login or password`, 429.
pub async fn sign_in(
    cloud: &Cloud,
    username: &str,
    password: &str,
    user_agent: &str,
    origin: &Origin,
) -> Result<Started, Failure> {
    let email = username.trim().to_lowercase();
    cloud.limits.password_check(&email, origin.ip)?;
    let user = cloud.store.identify_user_by_email(&email).await?;
    let stored = user.as_ref().and_then(|user| user.password_hash.clone());
    let right = verify_password(password.to_owned(), stored).await;
    let user =
        user.filter(|user| right && user.enabled && user.validated).ok_or_else(ApiError::invalid_login)?;
    let client = cloud.store.identify_client(user.client_id).await?.filter(|client| client.enabled);
    client.ok_or_else(ApiError::invalid_login)?;
    let user = note_login(cloud, user, origin).await?;
    let id = insert(cloud, &user, None, cloud.config.limits.session_absolute_s, user_agent, origin).await?;
    Ok(Started { id, user })
}

async fn note_login(
    cloud: &Cloud,
    user: entity::user::Model,
    origin: &Origin,
) -> Result<entity::user::Model, Failure> {
    let mut history: Vec<LoginRecord> =
        serde_json::from_value(user.login_history.clone()).unwrap_or_default();
    history.push(LoginRecord { time: cloud.now(), ip: origin.ip.to_string() });
    let kept = history.split_off(history.len().saturating_sub(10));
    let tenant = TenantId(user.client_id);
    let mut change = user.into_active_model();
    change.login_history = Set(serde_json::to_value(kept).unwrap_or_default());
    change.last_login_time = Set(Some(cloud.now()));
    Ok(cloud.store.update_user_row(tenant, change).await?)
}

async fn insert(
    cloud: &Cloud,
    user: &entity::user::Model,
    parent: Option<&str>,
    lifetime_s: i64,
    user_agent: &str,
    origin: &Origin,
) -> Result<String, Failure> {
    let (secret, now) = (Secret::random(), cloud.now());
    let session = entity::session::Model {
        id_mac: secret.mac(&cloud.keys),
        public_id: Uuid::new_v4().to_string(),
        user_id: user.id,
        client_id: user.client_id,
        parent_mac: parent.map(str::to_owned),
        csrf: Secret::random().hex(),
        ip: origin.ip.to_string(),
        user_agent: user_agent.chars().take(256).collect(),
        created_at: now,
        last_seen_at: now,
        expires_at: now + lifetime_s,
    };
    cloud.store.insert_session(session).await?;
    Ok(secret.opaque(PREFIX))
}

/// Ends the caller's session, or all of its user's.
///
/// # Errors
/// 500 when the store fails.
pub async fn sign_out(cloud: &Cloud, caller: &Caller, all: bool) -> Result<(), Failure> {
    let (Scheme::Session { id_mac, .. }, Some(user)) = (&caller.scheme, &caller.user) else { return Ok(()) };
    if all {
        cloud.store.delete_user_sessions(caller.tenant(), user.id, None).await?;
    } else {
        cloud.store.delete_session(id_mac).await?;
    }
    Ok(())
}

/// A bearer token for the API Console, from a session cookie.
///
/// # Errors
/// 403 when the caller did not come by cookie.
pub async fn derive_token(
    cloud: &Cloud,
    caller: &Caller,
    user_agent: &str,
    origin: &Origin,
) -> Result<String, Failure> {
    let (Scheme::Session { id_mac, cookie: true }, Some(user)) = (&caller.scheme, &caller.user) else {
        return Err(ApiError::access_denied().into());
    };
    insert(cloud, user, Some(id_mac), TOKEN_LIFETIME_S, user_agent, origin).await
}

/// Makes a new secret for the caller; the old one is dead when this returns.
///
/// # Errors
/// 403 `Invalid password`, 429.
pub async fn renew_secret(cloud: &Cloud, caller: &Caller, password: &str) -> Result<RenewedView, Failure> {
    let user = confirmed_user(cloud, caller, password).await?;
    let secret = Secret::random();
    let (tenant, uuid) = (TenantId(user.client_id), user.uuid.clone());
    let entry = Change {
        object_type: "secret_key",
        action: "update",
        object_id: user.id.to_string(),
        object_name: user.email.clone(),
        before: None,
        after: None,
    };
    let mut change = user.into_active_model();
    change.secret_mac = Set(Some(secret.mac(&cloud.keys)));
    change.secret_created_at = Set(Some(cloud.now()));
    change.secret_last_used_at = Set(None);
    let transaction = cloud.store.begin().await?;
    sessions::update_user(&transaction, tenant, change).await?;
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    transaction.commit().await?;
    let token = secret.token(Uuid::parse_str(&uuid).map_err(|_| ApiError::internal())?);
    Ok(RenewedView { uuid, secret: secret.hex(), token })
}

/// The caller's user, once the password is proven again.
///
/// # Errors
/// 403 `Invalid password`, 429.
pub async fn confirmed_user(
    cloud: &Cloud,
    caller: &Caller,
    password: &str,
) -> Result<entity::user::Model, Failure> {
    let user = caller.user.clone().ok_or_else(ApiError::access_denied)?;
    cloud.limits.password_check(&user.email, caller.ip)?;
    if verify_password(password.to_owned(), user.password_hash.clone()).await {
        Ok(user)
    } else {
        Err(ApiError::text(axum::http::StatusCode::FORBIDDEN, "Invalid password").into())
    }
}
