//! What sign-ins in a browser have in common, whichever protocol the provider speaks.
//!
//! A sign-in is a ticket that works once and is bound by a cookie to the browser that began it. A test is a second
//! ticket, of the administrator, that receives the result instead of a session.

use bartizan_api::{
    ApiError,
    sso::{SsoTestLink, SsoTestView},
};
use bartizan_store::{TenantId, clients, entity, sea_orm::DatabaseTransaction, sso, tickets};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    admission::{self, Identity, Refused},
    oidc, saml,
};
use crate::{
    auth::{Caller, Origin},
    failure::Failure,
    secrets::{Secret, same},
    services::{
        activity,
        session::{self, SessionThere, Started},
    },
    state::Cloud,
};

/// Cookie that binds a sign-in to its browser.
pub const COOKIE: &str = "bzsso";
/// Kind of the ticket of a sign-in.
pub(super) const STATE: &str = "sso_state";
/// Kind of the ticket of a test.
const TEST: &str = "sso_test";
/// What its secrets begin with.
pub(super) const PREFIX: &str = "bzo_";
/// Seconds that a sign-in may take at the provider.
const STATE_S: i64 = 600;

/// Where the browser goes, and the cookie that it must bring back.
pub struct Begun {
    /// The provider's page.
    pub location: String,
    /// Value of the binding cookie.
    pub binding: String,
    /// Path that the cookie is for.
    pub cookie_path: &'static str,
}

/// What came of a sign-in at the provider.
pub enum Finished {
    /// A session.
    Session(Box<Started>),
    /// A test: its result waits for the administrator.
    Tested,
}

/// A sign-in that the provider sent back.
pub(super) struct Returned {
    /// Single sign-on of the tenant that it is for.
    pub(super) config: entity::sso_config::Model,
    /// What was kept of its beginning.
    pub(super) payload: Value,
}

impl Returned {
    pub(super) fn text(&self, name: &str) -> &str {
        self.payload.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

/// Code that people see when a sign-in of this kind fails.
pub(super) fn failure_code(kind: &str) -> &'static str {
    if kind == "saml" { "invalid_saml_response" } else { "oidc_error" }
}

pub(super) fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// Begins a sign-in at the provider of a tenant, or a test of it.
///
/// # Errors
/// [`Refused`].
pub async fn begin(cloud: &Cloud, client: Option<&str>, test: Option<&str>) -> Result<Begun, Refused> {
    let (config, test) = match test {
        Some(token) => {
            let (config, id_mac) = tested_config(cloud, token).await?;
            (config, Some(id_mac))
        }
        None => {
            let client = cloud.store.identify_client_by_uuid(client.unwrap_or_default()).await?;
            let client = client.filter(|client| client.enabled);
            let client = client.ok_or_else(|| Refused::code("client_not_found", ""))?;
            let config = sso::find(cloud.store.reader(), TenantId(client.id)).await?;
            let active = config.filter(|config| config.state == "active" && config.kind != "ldap");
            (active.ok_or(Refused::NotForClient(client.id))?, None)
        }
    };
    match config.kind.as_str() {
        "oidc" => oidc::begin(cloud, &config, test).await,
        "saml" => saml::begin(cloud, &config, test).await,
        _ => Err(Refused::code("oidc_error", "nothing to begin")),
    }
}

/// Keeps what a sign-in needs when it comes back; returns the secret that stands for it.
pub(super) async fn keep(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    mut payload: Value,
) -> Result<Secret, Refused> {
    if let Some(payload) = payload.as_object_mut() {
        payload.insert("settings".to_owned(), json!(fingerprint(config)));
    }
    let secret = Secret::random();
    let ticket = ticket(cloud, &secret, STATE, config.client_id, None, payload);
    tickets::insert(cloud.store.writer(), ticket).await?;
    Ok(secret)
}

/// What was proven to one provider is not proven to another that took its place.
pub(super) fn fingerprint(config: &entity::sso_config::Model) -> String {
    digest(&format!("{} {}", config.kind, config.settings))
}

pub(super) fn ticket(
    cloud: &Cloud,
    secret: &Secret,
    kind: &str,
    client_id: i64,
    user_id: Option<i64>,
    payload: Value,
) -> entity::ticket::Model {
    let now = cloud.now();
    entity::ticket::Model {
        id_mac: secret.mac(&cloud.keys),
        kind: kind.to_owned(),
        client_id: Some(client_id),
        user_id,
        payload,
        attempts: 0,
        created_at: now,
        expires_at: now + STATE_S,
    }
}

/// Uses up the sign-in that a secret stands for. With a binding, only the browser that began it may; another one
/// leaves it as it is.
///
/// # Errors
/// [`Refused`] when it is unknown, was used, or is another browser's.
pub(super) async fn resume(
    cloud: &Cloud,
    kind: &str,
    secret: Option<&str>,
    binding: Option<&str>,
) -> Result<Returned, Refused> {
    let refused = |detail: &str| Refused::code(failure_code(kind), detail);
    let secret = secret.and_then(|secret| Secret::parse_opaque(PREFIX, secret));
    let id_mac = secret.ok_or_else(|| refused("no state"))?.mac(&cloud.keys);
    let ticket = cloud.store.identify_ticket(&id_mac, STATE, cloud.now()).await?;
    let ticket = ticket.ok_or_else(|| refused("unknown or used state"))?;
    let bound = ticket.payload.get("binding").and_then(Value::as_str).unwrap_or_default();
    if binding.is_some_and(|binding| !same(&digest(binding), bound)) {
        return Err(refused("the sign-in began in another browser"));
    }
    if !tickets::take(cloud.store.writer(), &id_mac).await? {
        return Err(refused("used state"));
    }
    let config = sso::find(cloud.store.reader(), TenantId(ticket.client_id.unwrap_or(0))).await?;
    let begun_with = ticket.payload.get("settings").and_then(Value::as_str).unwrap_or_default();
    let config = config.filter(|config| config.kind == kind && fingerprint(config) == begun_with);
    let config = config.ok_or_else(|| refused("single sign-on was changed or removed"))?;
    Ok(Returned { config, payload: ticket.payload })
}

/// Makes a session of who it is, or the result of a test.
///
/// # Errors
/// [`Refused`].
pub(super) async fn conclude(
    cloud: &Cloud,
    returned: Returned,
    identity: Result<Identity, Refused>,
    there: Option<&SessionThere>,
    origin: &Origin,
) -> Result<Finished, Refused> {
    if !returned.text("test").is_empty() {
        return finish_test(cloud, returned, identity).await;
    }
    let config = returned.config;
    if config.state != "active" {
        return Err(Refused::code(failure_code(&config.kind), "single sign-on is not active"));
    }
    let identity = identity?;
    let client = cloud.store.identify_client(config.client_id).await?.filter(|client| client.enabled);
    let client = client.ok_or_else(|| Refused::code("client_not_found", ""))?;
    let user = match admission::admit(cloud, &config, &client, &identity, origin).await {
        Ok(user) => user,
        Err(refused) => {
            let (code, _) = refused.told().map_err(Refused::Failure)?;
            log_refusal(cloud, &config, &identity, origin, code).await?;
            return Err(refused);
        }
    };
    let proof = session::Proof::Provider(&config, there);
    let started = session::start(cloud, user, origin, proof).await;
    started.map(Box::new).map(Finished::Session).map_err(|failure| admission::meanwhile(&config, failure))
}

/// Whether the configuration that vouches for somebody is in force as it was when it was read. The client is locked, so
/// that it stays so until the transaction ends.
///
/// # Errors
/// 401 when it is not.
pub async fn still_in_force(
    transaction: &DatabaseTransaction,
    config: &entity::sso_config::Model,
) -> Result<(), Failure> {
    let tenant = TenantId(config.client_id);
    clients::lock(transaction, tenant).await?;
    let same = |now: &entity::sso_config::Model| {
        now.state == "active"
            && now.extended_security == config.extended_security
            && fingerprint(now) == fingerprint(config)
    };
    let current = sso::find(transaction, tenant).await?;
    Ok(current.filter(same).map(drop).ok_or_else(ApiError::invalid_login)?)
}

/// Somebody of the client did not get in, although the provider vouched.
async fn log_refusal(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    identity: &Identity,
    origin: &Origin,
    code: &str,
) -> Result<(), Failure> {
    let user = cloud.store.identify_user_by_email(&identity.email).await?;
    match user.filter(|user| user.client_id == config.client_id) {
        Some(user) => {
            activity::log_sign_in(cloud.store.writer(), &user, origin, cloud.now(), Some(code)).await
        }
        None => Ok(()),
    }
}

/// Begins a test: a link that signs in at the provider and changes nothing here.
///
/// # Errors
/// 400 without a configuration.
pub async fn test_link(cloud: &Cloud, caller: &Caller) -> Result<SsoTestLink, Failure> {
    let config = super::configured(cloud.store.reader(), caller.tenant_of(None)?).await?;
    if config.kind == "ldap" {
        return Err(ApiError::invalid("test LDAP by /v1/sso/ldap/test", Value::Null).into());
    }
    let secret = Secret::random();
    let waiting = SsoTestView { state: "waiting".to_owned(), ..SsoTestView::default() };
    let ticket = ticket(cloud, &secret, TEST, config.client_id, Some(caller.user_id()), json!(waiting));
    let transaction = cloud.store.begin().await?;
    tickets::insert(&transaction, ticket).await?;
    super::log_test(cloud, &transaction, caller, &config).await?;
    transaction.commit().await?;
    let id = secret.opaque(PREFIX);
    let base = cloud.config.public.console_url.trim_end_matches('/');
    Ok(SsoTestLink { url: format!("{base}/v1/sso/login?test={id}"), id })
}

async fn tested_config(cloud: &Cloud, token: &str) -> Result<(entity::sso_config::Model, String), Refused> {
    let absent = || Refused::code("oidc_error", "the test ended");
    let id_mac = Secret::parse_opaque(PREFIX, token).ok_or_else(absent)?.mac(&cloud.keys);
    let ticket = cloud.store.identify_ticket(&id_mac, TEST, cloud.now()).await?.ok_or_else(absent)?;
    let config = sso::find(cloud.store.reader(), TenantId(ticket.client_id.unwrap_or(0))).await?;
    Ok((config.ok_or_else(absent)?, id_mac))
}

async fn finish_test(
    cloud: &Cloud,
    returned: Returned,
    identity: Result<Identity, Refused>,
) -> Result<Finished, Refused> {
    let (test, proven) = (returned.text("test").to_owned(), saml::proven(&returned));
    let config = returned.config;
    let client = cloud.store.identify_client(config.client_id).await?;
    let client = client.ok_or_else(|| Refused::code("client_not_found", ""))?;
    let result = match identity {
        Ok(identity) => {
            let role = admission::given_role(cloud, &config, &client, &identity).await?;
            super::note_test(cloud, config, proven).await?;
            let role = role.map(|role| role.code().to_owned());
            SsoTestView { state: "success".to_owned(), attributes: json!(identity), role, error: None }
        }
        Err(refused) => {
            let (code, detail) = refused.told().map_err(Refused::Failure)?;
            let error = Some(format!("{code}: {detail}"));
            SsoTestView { state: "failure".to_owned(), error, ..SsoTestView::default() }
        }
    };
    cloud.store.update_ticket(&test, &json!(result)).await?;
    Ok(Finished::Tested)
}

/// The result of a test.
///
/// # Errors
/// 404 when it ended or is another's.
pub async fn test_result(cloud: &Cloud, caller: &Caller, id: &str) -> Result<SsoTestView, Failure> {
    let tenant = caller.tenant_of(None)?;
    let absent = || ApiError::not_found("test", id.chars().take(64).collect::<String>());
    let secret = Secret::parse_opaque(PREFIX, id).ok_or_else(absent)?;
    let ticket = cloud.store.identify_ticket(&secret.mac(&cloud.keys), TEST, cloud.now()).await?;
    let ticket = ticket.filter(|ticket| ticket.client_id == Some(tenant.0)).ok_or_else(absent)?;
    Ok(serde_json::from_value(ticket.payload).unwrap_or_default())
}

/// Where the provider ends its own session, for users who came from it.
pub async fn sign_out_url(
    cloud: &Cloud,
    user: &entity::user::Model,
    session: Option<&entity::session::Model>,
) -> Option<String> {
    let kind = user.auth_method.as_deref()?;
    let config = sso::find(cloud.store.reader(), TenantId(user.client_id)).await.ok().flatten()?;
    match kind {
        _ if config.kind != kind => None,
        "oidc" => oidc::sign_out_url(cloud, &config).await,
        "saml" => match saml::logout::begin(cloud, &config, session).await {
            Ok(Some(url)) => Some(url),
            Ok(None) => config.settings.get("logout_url").and_then(Value::as_str).map(str::to_owned),
            Err(failure) => {
                tracing::warn!(error = %failure.0, "a sign-out at the identity provider was not begun");
                None
            }
        },
        _ => None,
    }
}
