//! Running sessions: beginning, what they show, what derives from them, their end (`spec/accounts.md` section 2.4).

use bartizan_api::ApiError;
use bartizan_store::{TenantId, entity, sea_orm::ConnectionTrait, sessions};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    auth::{Caller, Origin, Scheme, session::PREFIX},
    failure::Failure,
    secrets::Secret,
    services::activity::{self, Change},
    state::Cloud,
};

/// Seconds that a derived bearer token lives.
pub const TOKEN_LIFETIME_S: i64 = 900;

/// What a new session is made of.
pub(super) struct NewSession<'a> {
    pub(super) user: &'a entity::user::Model,
    /// The session that a token derives from.
    pub(super) parent: Option<&'a str>,
    pub(super) lifetime_s: i64,
    pub(super) restriction: Option<&'static str>,
    /// The session at the identity provider that it began with.
    pub(super) there: Option<&'a SessionThere>,
    /// The tenant that pages show at first, when it is not the user's own.
    pub(super) acting: Option<TenantId>,
}

/// A person's session at the identity provider, as sign-out there needs it.
#[derive(Clone, Debug)]
pub struct SessionThere {
    /// What it is called there, encrypted.
    pub sealed: String,
    /// Keyed hash of the person's name there.
    pub name_mac: String,
}

/// Writes a new session and returns its opaque id.
pub(super) async fn insert<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    new: NewSession<'_>,
    origin: &Origin,
) -> Result<String, Failure> {
    let (secret, now) = (Secret::random(), cloud.now());
    let session = entity::session::Model {
        id_mac: secret.mac(&cloud.keys),
        public_id: Uuid::new_v4().to_string(),
        user_id: new.user.id,
        client_id: new.user.client_id,
        parent_mac: new.parent.map(str::to_owned),
        csrf: Secret::random().hex(),
        ip: origin.ip.to_string(),
        user_agent: origin.user_agent.to_string(),
        created_at: now,
        last_seen_at: now,
        expires_at: now + new.lifetime_s,
        acting_client_id: new.acting.map(|tenant| tenant.0),
        restriction: new.restriction.map(str::to_owned),
        sso_sealed: new.there.map(|there| there.sealed.clone()),
        sso_name_mac: new.there.map(|there| there.name_mac.clone()),
    };
    sessions::insert(connection, session).await?;
    Ok(secret.opaque(PREFIX))
}

/// Sets the tenant that the Console shows in this session.
///
/// # Errors
/// 403 for a tenant out of reach.
pub async fn show_client(cloud: &Cloud, caller: &Caller, client_id: i64) -> Result<(), Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let Some(session) = &caller.session else { return Err(ApiError::access_denied().into()) };
    let id_mac = session.parent_mac.as_deref().unwrap_or(&session.id_mac);
    let user = caller.user.as_deref().ok_or_else(ApiError::access_denied)?;
    let transaction = cloud.store.begin().await?;
    sessions::set_acting_client(&transaction, id_mac, tenant).await?;
    let entry = change(user, "update", json!({"acting_client_id": tenant.0}));
    activity::log(&transaction, caller, caller.tenant(), cloud.now(), entry).await?;
    Ok(transaction.commit().await?)
}

/// The entry of what happened to the session of a user.
pub(super) fn change(user: &entity::user::Model, action: &'static str, after: Value) -> Change<'static> {
    Change {
        object_type: "sign_in",
        action,
        object_id: user.id.to_string(),
        object_name: user.email.clone(),
        before: None,
        after: Some(after),
    }
}

/// Ends the caller's session, or all of its user's.
///
/// # Errors
/// 500 when the store fails.
pub async fn sign_out(cloud: &Cloud, caller: &Caller, all: bool) -> Result<(), Failure> {
    let (Scheme::Session { id_mac, .. }, Some(user)) = (&caller.scheme, &caller.user) else { return Ok(()) };
    let entry = change(user, "delete", json!({ "all_sessions": all }));
    let transaction = cloud.store.begin().await?;
    if all {
        sessions::delete_of_user(&transaction, caller.tenant(), user.id, None).await?;
    } else {
        sessions::delete(&transaction, id_mac).await?;
    }
    activity::log(&transaction, caller, caller.tenant(), cloud.now(), entry).await?;
    Ok(transaction.commit().await?)
}

/// A bearer token for the API Console, from a session cookie.
///
/// # Errors
/// 403 when the caller did not come by cookie.
pub async fn derive_token(cloud: &Cloud, caller: &Caller, origin: &Origin) -> Result<String, Failure> {
    let (Scheme::Session { id_mac, cookie: true }, Some(user)) = (&caller.scheme, &caller.user) else {
        return Err(ApiError::access_denied().into());
    };
    let restriction = caller.restriction().map(|_| "password");
    let new = NewSession {
        user,
        parent: Some(id_mac),
        lifetime_s: TOKEN_LIFETIME_S,
        restriction,
        there: None,
        acting: None,
    };
    let token = insert(cloud, cloud.store.writer(), new, origin).await?;
    let entry = change(user, "create", json!({"session": "API Console"}));
    activity::log(cloud.store.writer(), caller, caller.tenant(), cloud.now(), entry).await?;
    Ok(token)
}
