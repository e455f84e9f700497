//! Who calls: from headers and cookies to a [`Caller`] (`spec/accounts.md` section 2.1).
//!
//! Exactly one scheme is evaluated: API token, else UUID and secret, else session. If it fails the request
//! fails. All failures of header credentials look alike.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, request::Parts},
};
use bartizan_api::{ApiError, Grant, Permission};
use bartizan_store::{TenantId, Tenants, entity};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    failure::Failure,
    secrets::{self, MAX_CREDENTIAL_LENGTH, Secret},
    services::{settings::Settings, sso::groups},
    state::Cloud,
};

pub mod known;
pub mod node;
pub mod rights;
pub mod session;

pub use known::{Known, KnownCredentials};
use rights::TenantRights;

/// How the caller proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `X-WallarmApi-Token`.
    Token {
        /// Row of the token; none for the backward-compatible one.
        id: Option<i64>,
    },
    /// `X-WallarmAPI-UUID` and `X-WallarmAPI-Secret`.
    UuidSecret,
    /// Cookie, or the bearer token derived from one.
    Session {
        /// Keyed hash of the session id.
        id_mac: String,
        /// Whether a cookie carried it.
        cookie: bool,
    },
}

/// An authenticated caller of the API: who, which tenants, which permissions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Scheme.
    pub scheme: Scheme,
    /// The user behind the credential; none for shared tokens.
    pub user: Option<Arc<entity::user::Model>>,
    /// Display name of the principal.
    pub name: Arc<str>,
    /// Assigned grant.
    pub grant: Arc<Grant>,
    /// Effective permissions.
    pub permissions: Arc<BTreeSet<Permission>>,
    /// The caller's own tenant.
    pub client: Arc<entity::client::Model>,
    /// Every tenant the caller may reach, its own first.
    pub tenants: Tenants,
    /// Where groups decide: what is held in which tenant; `permissions` and `tenants` are made of it.
    pub rights: Option<Arc<TenantRights>>,
    /// Sign-in settings of the own tenant.
    pub settings: Arc<Settings>,
    /// The session, for callers that have one.
    pub session: Option<Arc<entity::session::Model>>,
    /// Where the request came from.
    pub ip: IpAddr,
    /// Request id, as answered in `X-Request-Id`.
    pub request_id: String,
    /// Browser or program.
    pub user_agent: Arc<str>,
    /// What a node token or a token for node deployment may do is only registration.
    pub usage_node: bool,
}

impl Caller {
    /// The caller's own tenant.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        TenantId(self.client.id)
    }

    /// The user id, 0 for principals without a user.
    #[must_use]
    pub fn user_id(&self) -> i64 {
        self.user.as_ref().map_or(0, |user| user.id)
    }

    /// Whether the caller holds a permission.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// Refuses a caller without the permission.
    ///
    /// # Errors
    /// 403 `Access denied`.
    pub fn require(&self, permission: Permission) -> Result<(), ApiError> {
        if self.may(permission) { Ok(()) } else { Err(ApiError::access_denied()) }
    }

    /// The tenants of a list request: those asked for that the caller can reach. A foreign id yields nothing,
    /// so that existence does not leak; none asked for (or 0) means all reachable.
    #[must_use]
    pub fn tenants_of(&self, asked: &[i64]) -> Tenants {
        let asked: Vec<i64> = asked.iter().copied().filter(|id| *id != 0).collect();
        if asked.is_empty() {
            return self.tenants.clone();
        }
        Tenants::new(self.tenants.ids().iter().copied().filter(|id| asked.contains(&id.0)).collect())
    }

    /// The tenants of a list request in families that refuse foreign ids. None asked for means the caller's own.
    ///
    /// # Errors
    /// 403 `Access denied` for a tenant out of reach.
    pub fn own_tenants_of(&self, asked: &[i64]) -> Result<Tenants, ApiError> {
        let asked: Vec<TenantId> = asked.iter().filter(|id| **id != 0).map(|id| TenantId(*id)).collect();
        if asked.is_empty() {
            return self.tenant_of(None).map(Tenants::from);
        }
        if asked.iter().all(|id| self.tenants.contains(*id)) {
            Ok(Tenants::new(asked))
        } else {
            Err(ApiError::access_denied())
        }
    }

    /// The tenant of a create request or path: the caller's own when absent or 0.
    ///
    /// # Errors
    /// 403 `Access denied` for a tenant out of reach.
    pub fn tenant_of(&self, asked: Option<i64>) -> Result<TenantId, ApiError> {
        let id = asked.filter(|id| *id != 0).map_or(self.tenant(), TenantId);
        // Groups may give rights elsewhere and none at home.
        if self.tenants.contains(id) { Ok(id) } else { Err(ApiError::access_denied()) }
    }

    /// The API token that was used, if one was.
    #[must_use]
    pub fn token_id(&self) -> Option<i64> {
        match self.scheme {
            Scheme::Token { id } => id,
            Scheme::UuidSecret | Scheme::Session { .. } => None,
        }
    }

    /// What the session is restricted to until the user has done it.
    #[must_use]
    pub fn restriction(&self) -> Option<&str> {
        self.session.as_ref().and_then(|session| session.restriction.as_deref())
    }

    /// The source that the activity log names.
    #[must_use]
    pub fn source(&self) -> &'static str {
        match self.scheme {
            Scheme::Session { .. } => "ui_page",
            Scheme::Token { .. } | Scheme::UuidSecret => "api_token",
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    /// The edge put the caller there; a route whose access is not declared has none and is refused.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, ApiError> {
        parts.extensions.get::<Caller>().cloned().ok_or_else(ApiError::not_authenticated)
    }
}

/// What the edge knows of a request before authentication.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Client address after trusted proxies.
    pub ip: IpAddr,
    /// Whether the client speaks TLS.
    pub tls: bool,
    /// Request id.
    pub request_id: String,
    /// Browser or program, at most 256 characters.
    pub user_agent: Arc<str>,
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
    let token = credential(headers, "x-wallarmapi-token")?;
    let uuid = credential(headers, "x-wallarmapi-uuid")?;
    let secret = credential(headers, "x-wallarmapi-secret")?;
    let (name, found) = if let Some(token) = token {
        let name = Secret::parse_token(&token).map(|(_, uuid)| uuid.to_string()).unwrap_or_default();
        cloud.limits.may_authenticate(&name, origin.ip)?;
        (name, by_token(cloud, &token, origin).await?)
    } else if uuid.is_some() || secret.is_some() {
        let name = uuid.unwrap_or_default();
        cloud.limits.may_authenticate(&name, origin.ip)?;
        let found = by_uuid_and_secret(cloud, &name, &secret.unwrap_or_default(), origin).await?;
        (name, found)
    } else if headers.contains_key("authorization") || session::cookie(headers, origin.tls).is_some() {
        return session::authenticate(cloud, method, headers, origin).await;
    } else {
        return Err(ApiError::not_authenticated().into());
    };
    match found {
        Some(caller) => Ok(caller),
        None => {
            cloud.limits.failed_authentication(&name, origin.ip)?;
            Err(ApiError::not_authenticated().into())
        }
    }
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
    let caller = used(cloud, &known, origin).await?;
    cloud.known.keep(key, known, generation);
    Ok(Some(caller))
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
        match (&known.scheme, &known.user) {
            (Scheme::Token { id: Some(id) }, _) => {
                cloud.store.note_token_use(*id, now, &origin.ip.to_string()).await?;
            }
            (_, Some(user)) => cloud.store.note_secret_use(user.id, now).await?,
            _ => {}
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
            let parts =
                Principal { scheme, user: None, name, grant: grant.clone(), client_id: row.client_id };
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

/// The principal that a user is, if the user and its tenant may work.
pub(crate) async fn of_user(
    cloud: &Cloud,
    user: entity::user::Model,
    scheme: Scheme,
) -> Result<Option<Known>, Failure> {
    let Ok(grant) = Grant::parse(&strings(&user.permissions)) else { return Ok(None) };
    if !user.enabled || !user.validated {
        return Ok(None);
    }
    let (name, client_id) = (user.realname.clone(), user.client_id);
    of_principal(cloud, Principal { scheme, user: Some(user), name, grant, client_id }).await
}

struct Principal {
    scheme: Scheme,
    user: Option<entity::user::Model>,
    name: String,
    grant: Grant,
    client_id: i64,
}

async fn of_principal(cloud: &Cloud, principal: Principal) -> Result<Option<Known>, Failure> {
    let Some(client) = cloud.store.identify_client(principal.client_id).await? else { return Ok(None) };
    if !client.enabled {
        return Err(ApiError::access_denied().into());
    }
    let own = TenantId(client.id);
    let linked = if client.is_technical { linked_tenants(cloud, &client).await? } else { vec![] };
    let rights = match &principal.user {
        Some(user) => groups::rights_of(cloud, user, &client, &linked).await?.map(Arc::new),
        None => None,
    };
    let (permissions, tenants) = match &rights {
        Some(rights) => (rights.everywhere(), rights.tenants(own)),
        None if principal.grant.is_global() => {
            (principal.grant.permissions(), Tenants::new([vec![own], linked].concat()))
        }
        None => (principal.grant.permissions(), Tenants::from(own)),
    };
    let settings = Settings::of(cloud, cloud.store.reader(), TenantId(client.id)).await?;
    Ok(Some(Known {
        permissions: Arc::new(permissions),
        rights,
        scheme: principal.scheme,
        user: principal.user.map(Arc::new),
        name: principal.name.into(),
        grant: Arc::new(principal.grant),
        client: Arc::new(client),
        tenants,
        settings: Arc::new(settings),
        usage_node: false,
        expires_at: None,
        session: None,
        noted_at: 0.into(),
    }))
}

/// The other tenants of a global account that a global user reaches.
pub(crate) async fn linked_tenants(
    cloud: &Cloud,
    client: &entity::client::Model,
) -> Result<Vec<TenantId>, Failure> {
    let linked = cloud.store.identify_partner_clients(client.partner_id).await?;
    Ok(linked.into_iter().map(|linked| TenantId(linked.id)).filter(|id| id.0 != client.id).collect())
}

/// A JSON array of strings, as grants are stored.
#[must_use]
pub fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// Whether the secret part of a token fits a stored hash, and the UUID it names.
#[must_use]
pub(crate) fn token_parts(token: &str) -> Option<(Secret, Uuid)> {
    secrets::Secret::parse_token(token.trim())
}
