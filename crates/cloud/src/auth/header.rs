//! Credentials in headers: which one counts, and whom it stands for (`spec/accounts.md` section 2.1).
//!
//! All failures look alike, in text and time. A credential that was checked is known until rights change anywhere.

use std::sync::Arc;

use axum::http::{HeaderMap, Method};
use bartizan_api::{ApiError, Grant};
use bartizan_store::{TenantId, Tenants, entity};
use serde_json::Value;

use super::{
    Caller, Identity, Known, Origin, Principal, Scheme, node, of_principal, of_user, session, strings,
};
use crate::{
    failure::Failure,
    secrets::{MAX_CREDENTIAL_LENGTH, Secret},
    state::Cloud,
};

/// What a request carries to prove who calls. Exactly one scheme counts.
pub(super) enum Presented {
    /// The token header.
    Token(String),
    /// UUID and secret, either of which may be empty.
    Pair(String, String),
    /// A bearer token or a cookie.
    Session,
    /// Nothing.
    Nothing,
}

/// Headers of the schemes that are not a session.
const HEADERS: [&str; 3] = ["x-wallarmapi-token", "x-wallarmapi-uuid", "x-wallarmapi-secret"];

/// Whether a request names a credential in a header of its own, right or wrong.
pub(crate) fn is_named(headers: &HeaderMap) -> bool {
    HEADERS
        .iter()
        .any(|name| headers.get(*name).is_some_and(|value| !value.as_bytes().trim_ascii().is_empty()))
}

impl Presented {
    fn of(headers: &HeaderMap, origin: &Origin) -> Result<Presented, ApiError> {
        if headers.get_all("authorization").iter().nth(1).is_some() {
            // Another reader on the way may have judged by the other one.
            return Err(ApiError::not_authenticated());
        }
        let [token, uuid, secret] = HEADERS.map(|name| credential(headers, name));
        let (token, uuid, secret) = (token?, uuid?, secret?);
        Ok(if let Some(token) = token {
            Presented::Token(token)
        } else if uuid.is_some() || secret.is_some() {
            Presented::Pair(uuid.unwrap_or_default(), secret.unwrap_or_default())
        } else if headers.contains_key("authorization") || session::cookie(headers, origin.tls).is_some() {
            Presented::Session
        } else {
            Presented::Nothing
        })
    }

    /// What failures of a header credential are counted by, besides the address.
    fn name(&self) -> String {
        match self {
            Presented::Token(token) => {
                Secret::parse_token(token).map(|(_, uuid)| uuid.to_string()).unwrap_or_default()
            }
            Presented::Pair(uuid, _) => uuid.clone(),
            Presented::Session | Presented::Nothing => String::new(),
        }
    }
}

/// Authenticates a request by the first scheme that it carries.
///
/// # Errors
/// 403 `User not authenticated` for header credentials, 401 `Session expired` for sessions, 429.
pub async fn authenticate(
    cloud: &Cloud,
    method: &Method,
    headers: &HeaderMap,
    origin: &Origin,
) -> Result<Caller, Failure> {
    let presented = Presented::of(headers, origin)?;
    if matches!(presented, Presented::Session) {
        return session::authenticate(cloud, method, headers, origin).await;
    }
    match by_header(cloud, &presented, origin).await? {
        Some(caller) => Ok(caller),
        None => Err(refused(cloud, &presented, origin).await),
    }
}

/// As [`authenticate`], for the route that nodes ask as well who they are.
///
/// # Errors
/// As [`authenticate`].
pub async fn authenticate_any(
    cloud: &Cloud,
    method: &Method,
    headers: &HeaderMap,
    origin: &Origin,
) -> Result<Principal, Failure> {
    let presented = Presented::of(headers, origin)?;
    let found = match &presented {
        Presented::Session if node::credential(headers).is_none() => {
            let caller = session::authenticate(cloud, method, headers, origin).await?;
            return Ok(Principal::Caller(Box::new(caller)));
        }
        Presented::Session => None,
        header => by_header(cloud, header, origin).await?,
    };
    if let Some(caller) = found {
        return Ok(Principal::Caller(Box::new(caller)));
    }
    match node::principal(cloud, &presented, headers).await? {
        Some(node) => Ok(Principal::Node(Box::new(node))),
        None => Err(refused(cloud, &presented, origin).await),
    }
}

/// The caller that a header credential stands for; none when it does not authenticate.
async fn by_header(cloud: &Cloud, presented: &Presented, origin: &Origin) -> Result<Option<Caller>, Failure> {
    cloud.limits.may_authenticate(&presented.name(), origin.ip)?;
    match presented {
        Presented::Token(token) => by_token(cloud, token, origin).await,
        Presented::Pair(uuid, secret) => by_uuid_and_secret(cloud, uuid, secret, origin).await,
        Presented::Session | Presented::Nothing => Ok(None),
    }
}

/// Refuses a credential and counts the failure.
async fn refused(cloud: &Cloud, presented: &Presented, origin: &Origin) -> Failure {
    if matches!(presented, Presented::Nothing) {
        return ApiError::not_authenticated().into();
    }
    let counted = cloud.limits.failed_authentication(&cloud.store, &presented.name(), origin.ip).await;
    counted.err().unwrap_or_else(|| ApiError::not_authenticated().into())
}

/// The trimmed value of a credential header; empty is absent.
pub(crate) fn credential(headers: &HeaderMap, name: &str) -> Result<Option<String>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().map_err(|_| ApiError::not_authenticated())?.trim();
    if values.next().is_some() || text.len() > MAX_CREDENTIAL_LENGTH {
        return Err(ApiError::not_authenticated());
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

async fn by_uuid_and_secret(
    cloud: &Cloud,
    uuid: &str,
    secret: &str,
    origin: &Origin,
) -> Result<Option<Caller>, Failure> {
    let Some(secret) = Secret::parse_hex(secret) else { return Ok(None) };
    let key = format!("pair:{uuid}:{}", secret.mac(&cloud.keys));
    if let Some(known) = cloud.known.find(&key) {
        return used(cloud, &known, origin).await.map(Some);
    }
    let generation = cloud.known.generation();
    let user = cloud.store.identify_user_by_uuid(uuid).await?;
    let stored = user.as_ref().and_then(|user| user.secret_mac.as_deref());
    // Compared also for an unknown UUID, so that both take the same time.
    if !secret.matches(&cloud.keys, stored) {
        return Ok(None);
    }
    let Some(user) = user.filter(may_use_secret) else { return Ok(None) };
    let used_at = user.secret_last_used_at;
    admitted(cloud, of_user(cloud, user, Scheme::UuidSecret).await?, key, generation, used_at, origin).await
}

/// Users of an identity provider have no secret: the provider could not end it.
fn may_use_secret(user: &entity::user::Model) -> bool {
    user.auth_method.is_none()
}

/// Keeps a fresh principal and makes the caller of this request from it.
async fn admitted(
    cloud: &Cloud,
    known: Option<Known>,
    key: String,
    generation: u64,
    used_at: Option<i64>,
    origin: &Origin,
) -> Result<Option<Caller>, Failure> {
    let Some(known) = known else { return Ok(None) };
    known.noted_at.store(used_at.unwrap_or(0), std::sync::atomic::Ordering::Relaxed);
    let known = Arc::new(known);
    cloud.known.keep(key, Arc::clone(&known), generation);
    Ok(Some(used(cloud, &known, origin).await?))
}

/// What is checked at every use of a credential that is known; notes the use.
async fn used(cloud: &Cloud, known: &Known, origin: &Origin) -> Result<Caller, Failure> {
    let now = cloud.now();
    if known.expires_at.is_some_and(|end| end <= now) {
        return Err(ApiError::not_authenticated().into());
    }
    if !known.settings.admits_api(origin.ip) {
        return Err(ApiError::access_denied().into());
    }
    if known.due(now) {
        let ip = origin.ip.to_string();
        let noted = match (&known.scheme, &known.user) {
            (Scheme::Token { id: Some(id) }, _) => cloud.store.note_token_use(*id, now, &ip).await,
            (_, Some(user)) => cloud.store.note_secret_use(user.id, now, &ip).await,
            _ => Ok(()),
        };
        // Nobody is refused because it cannot be written down: on a full disk events can still be read.
        if let Err(error) = noted {
            tracing::warn!(error = &error as &dyn std::error::Error, "the use of a credential was not noted");
        }
    }
    Ok(known.caller(origin))
}

/// The caller that a token stands for; none when it does not authenticate.
pub(crate) async fn by_token(cloud: &Cloud, token: &str, origin: &Origin) -> Result<Option<Caller>, Failure> {
    let Some((secret, uuid)) = Secret::parse_token(token) else { return Ok(None) };
    let uuid = uuid.to_string();
    let key = format!("token:{uuid}:{}", secret.mac(&cloud.keys));
    if let Some(known) = cloud.known.find(&key) {
        return used(cloud, &known, origin).await.map(Some);
    }
    let generation = cloud.known.generation();
    if let Some(row) = cloud.store.identify_api_token(&uuid).await? {
        if !secret.matches(&cloud.keys, Some(&row.secret_mac)) {
            return Ok(None);
        }
        let used_at = row.last_used_at;
        return admitted(cloud, of_token(cloud, row).await?, key, generation, used_at, origin).await;
    }
    // The backward-compatible token: the user's own secret in token form.
    let user = cloud.store.identify_user_by_uuid(&uuid).await?;
    let stored = user.as_ref().and_then(|user| user.secret_mac.as_deref());
    let right = secret.matches(&cloud.keys, stored);
    let Some(user) = user.filter(|user| right && may_use_secret(user)) else { return Ok(None) };
    let used_at = user.secret_last_used_at;
    admitted(cloud, of_user(cloud, user, Scheme::Token { id: None }).await?, key, generation, used_at, origin)
        .await
}

async fn of_token(cloud: &Cloud, row: entity::api_token::Model) -> Result<Option<Known>, Failure> {
    if !row.enabled || row.expires_at.is_some_and(|end| end <= cloud.now()) {
        return Ok(None);
    }
    let Ok(grant) = Grant::parse(&strings(&row.permissions)) else { return Ok(None) };
    let scheme = Scheme::Token { id: Some(row.id) };
    let found = match row.user_id {
        Some(owner) => match cloud.store.identify_user(owner).await? {
            // A user of an identity provider calls the API by token only by explicit leave. Nodes go on.
            Some(user) if user.auth_method.is_none() || user.api_access || row.usage == "node" => {
                of_user(cloud, user, scheme).await?
            }
            _ => None,
        },
        None => {
            let name = format!("token:{}", row.name);
            let parts = Identity { scheme, user: None, name, grant: grant.clone(), client_id: row.client_id };
            of_principal(cloud, parts).await?
        }
    };
    let Some(mut known) = found else { return Ok(None) };
    // Never above the owner's rights, also when those shrank after the token was made.
    let permissions = grant.permissions().intersection(&known.permissions).copied().collect();
    known.permissions = Arc::new(permissions);
    let own = TenantId(known.client.id);
    if !grant.is_global() && known.rights.is_none() {
        known.tenants = Tenants::from(own);
    } else if let Some(listed) = &row.client_ids {
        let listed: Vec<i64> = listed.as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
        let kept = known.tenants.ids().iter().copied().filter(|id| listed.contains(&id.0));
        known.tenants = Tenants::new(kept.collect());
    }
    if let Some(rights) = known.rights.take() {
        let rights = rights.bounded(&grant, &known.tenants);
        known.tenants = rights.tenants(own);
        known.permissions = Arc::new(rights.everywhere());
        known.rights = Some(Arc::new(rights));
    }
    known.grant = Arc::new(grant);
    known.usage_node = row.usage == "node";
    known.expires_at = row.expires_at;
    Ok(Some(known))
}
