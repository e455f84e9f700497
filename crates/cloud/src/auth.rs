//! Who calls: from headers and cookies to a [`Caller`] (`spec/accounts.md` section 2.1).
//!
//! Exactly one scheme is evaluated: API token, else UUID and secret, else session. If it fails the request
//! fails. All failures of header credentials look alike.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::{extract::FromRequestParts, http::request::Parts};
use bartizan_api::{ApiError, Grant, Permission};
use bartizan_store::{TenantId, Tenants, entity};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    failure::Failure,
    secrets::Secret,
    services::{settings::Settings, sso::groups},
    state::Cloud,
};

pub(crate) mod header;
pub mod known;
pub mod node;
pub mod rights;
pub mod session;

pub use header::{authenticate, authenticate_any};
pub(crate) use header::{by_token, credential};
pub use known::{Known, KnownCredentials};
pub use node::NodePrincipal;
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
    /// The tenant that this request acts on, as far as it is known; 0 is none. Shared by the copies of one request, so
    /// that the edge knows in whose log a refusal belongs.
    pub acts_on: Arc<AtomicI64>,
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

    /// The tenants of a request for rules, lists or nodes: the caller's own when none is asked for (or 0), so that
    /// what names ids alone never touches another tenant. A foreign id yields nothing.
    #[must_use]
    pub fn tenants_or_own(&self, asked: &[i64]) -> Tenants {
        if asked.iter().all(|id| *id == 0) {
            return self.tenant_of(None).map_or_else(|_| Tenants::new(vec![]), Tenants::from);
        }
        self.tenants_of(asked)
    }

    /// The tenants of a list request in families that refuse foreign ids. None asked for means the caller's own.
    ///
    /// # Errors
    /// 403 `Access denied` for a tenant out of reach.
    pub fn own_tenants_of(&self, asked: &[i64]) -> Result<Tenants, ApiError> {
        let mut asked: Vec<TenantId> = asked.iter().filter(|id| **id != 0).map(|id| TenantId(*id)).collect();
        // A list that repeats itself would make statements longer than the database takes.
        asked.sort_unstable();
        asked.dedup();
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
        if !self.tenants.contains(id) {
            return Err(ApiError::access_denied());
        }
        self.act_on(id);
        Ok(id)
    }

    /// Notes the tenant that the request acts on; it must be within reach.
    pub fn act_on(&self, tenant: TenantId) {
        self.acts_on.store(tenant.0, Ordering::Relaxed);
    }

    /// The tenant that the request acted on, else the caller's own.
    #[must_use]
    pub fn acted_on(&self) -> TenantId {
        match self.acts_on.load(Ordering::Relaxed) {
            0 => self.tenant(),
            id => TenantId(id),
        }
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

/// Who calls a route that nodes may call too.
pub enum Principal {
    /// A user or a shared token.
    Caller(Box<Caller>),
    /// A node.
    Node(Box<NodePrincipal>),
}

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Principal, ApiError> {
        if let Some(node) = parts.extensions.get::<Box<NodePrincipal>>() {
            return Ok(Principal::Node(node.clone()));
        }
        Caller::from_request_parts(parts, state).await.map(Box::new).map(Principal::Caller)
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

/// The client that a body names, under either of its two names.
///
/// # Errors
/// 400 when they name two clients: whichever counted, the caller may have meant the other.
pub(crate) fn one_client(clientid: Option<i64>, client_id: Option<i64>) -> Result<Option<i64>, ApiError> {
    let named = |id: &i64| *id != 0;
    match (clientid.filter(named), client_id.filter(named)) {
        (Some(one), Some(other)) if one != other => {
            Err(ApiError::invalid("client_id: another client than clientid names", other))
        }
        (one, other) => Ok(one.or(other)),
    }
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
    of_principal(cloud, Identity { scheme, user: Some(user), name, grant, client_id }).await
}

/// Who was found to call, before what follows from the tenant.
struct Identity {
    scheme: Scheme,
    user: Option<entity::user::Model>,
    name: String,
    grant: Grant,
    client_id: i64,
}

async fn of_principal(cloud: &Cloud, principal: Identity) -> Result<Option<Known>, Failure> {
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
    Secret::parse_token(token.trim())
}
