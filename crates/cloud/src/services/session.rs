//! Sign-in: password, second factor, LDAP, and the proof of a password within a session.

use bartizan_api::{ApiError, mfa::MfaLogin, session::DiscoverView, user::LoginRecord};
use bartizan_store::{
    TenantId, entity,
    sea_orm::{ActiveValue::Set, IntoActiveModel},
    tickets, users,
};
use serde_json::{Value, json};

use super::{
    activity, grants, letters, lockout, second_factor,
    settings::Settings,
    sso::{
        self,
        admission::{Identity, Refused},
    },
    users::grant_of,
};
use crate::{
    auth::{Caller, Origin},
    failure::Failure,
    limits::Check,
    secrets::{Secret, verify_password},
    state::Cloud,
};

mod running;
mod secret;

pub use running::{SessionThere, TOKEN_LIFETIME_S, derive_token, show_client, sign_out};
pub(in crate::services) use secret::give_secret;
pub use secret::renew_secret;

use running::{NewSession, insert};

/// How far a sign-in came.
pub enum SignIn {
    /// The session.
    Started(Box<Started>),
    /// The second factor is asked for; the ticket stands for the first step.
    SecondFactor(String),
}

/// A started session: the opaque id for the cookie, and its user.
pub struct Started {
    /// Opaque id, in the cookie only.
    pub id: String,
    /// Seconds that it lives at most.
    pub lifetime_s: i64,
    /// Who signed in.
    pub user: entity::user::Model,
}

/// Signs a user in. Unknown, disabled and unconfirmed users fail like a wrong password, in text and time.
///
/// # Errors
/// 401 `Invalid login or password`, 429, 403 for an address that the tenant does not admit.
pub async fn sign_in(
    cloud: &Cloud,
    username: &str,
    password: &str,
    origin: &Origin,
) -> Result<SignIn, Failure> {
    let email = username.trim().to_lowercase();
    cloud.limits.password_check(&cloud.store, Check::SignIn, &email, origin.ip).await?;
    let user = cloud.store.identify_user_by_email(&email).await?;
    let account = lockout::Account::of(cloud, &email, user.as_ref(), origin.ip);
    lockout::check(cloud, &account).await?;
    // A user of an identity provider has no password here, except the one who must get in when it is down.
    let by_password = |user: &entity::user::Model| user.auth_method.is_none() || user.is_fallback;
    let stored = user.as_ref().and_then(|user| user.password_hash.clone());
    let right = verify_password(password.to_owned(), stored).await;
    if let Some(config) = directory_of(cloud, &email).await? {
        // The directory is asked whoever it is, or time would tell which addresses have an account here and of what
        // kind. It does not learn the passwords of those who have one here.
        let here = user.as_ref().is_some_and(by_password);
        let asked =
            if here { sso::ldap::Asked::nobody() } else { sso::ldap::Asked::person(&email, password) };
        let identity = sso::ldap::identify(cloud, &config, &asked).await;
        if !here {
            return by_ldap(cloud, &config, account, identity, user, origin).await;
        }
    }
    let known = user.clone();
    let user = user.filter(|user| right && user.enabled && user.validated && by_password(user));
    let Some(user) = working(cloud, user).await? else {
        // After the answer: writing would tell known accounts from others by time.
        let why = "wrong password, or the account may not sign in";
        tokio::spawn(note_failure(cloud.clone(), account, known, origin.clone(), why));
        return Err(ApiError::invalid_login().into());
    };
    let settings = Settings::of(cloud, cloud.store.reader(), TenantId(user.client_id)).await?;
    if !settings.admits_console(origin.ip) {
        // Before anything that a wrong password does not lead to: whoever tries from elsewhere must not learn which is
        // right, neither by the second step nor by what counts as a failure.
        let why = "address not admitted";
        tokio::spawn(note_failure(cloud.clone(), account, Some(user), origin.clone(), why));
        return Err(ApiError::invalid_login().into());
    }
    if user.mfa_sealed.is_some() {
        return Ok(SignIn::SecondFactor(first_step(cloud, &user).await?));
    }
    lockout::forget(cloud, &account).await?;
    start(cloud, user, origin, Proof::Password).await.map(Box::new).map(SignIn::Started)
}

/// A ticket for the second step, for five minutes.
async fn first_step(cloud: &Cloud, user: &entity::user::Model) -> Result<String, Failure> {
    let (secret, now) = (Secret::random(), cloud.now());
    let ticket = entity::ticket::Model {
        id_mac: secret.mac(&cloud.keys),
        kind: MFA_LOGIN.to_owned(),
        client_id: Some(user.client_id),
        user_id: Some(user.id),
        payload: json!({}),
        attempts: 0,
        created_at: now,
        expires_at: now + MFA_LOGIN_S,
    };
    tickets::insert(cloud.store.writer(), ticket).await?;
    Ok(secret.opaque(MFA_PREFIX))
}

/// Completes a sign-in by the second factor. Five wrong codes void the ticket.
///
/// # Errors
/// 401 `Invalid login or password`, 429.
pub async fn second_step(cloud: &Cloud, request: &MfaLogin, origin: &Origin) -> Result<Started, Failure> {
    let secret = Secret::parse_opaque(MFA_PREFIX, &request.ticket).ok_or_else(ApiError::invalid_login)?;
    let id_mac = secret.mac(&cloud.keys);
    let ticket = cloud.store.identify_ticket(&id_mac, MFA_LOGIN, cloud.now()).await?;
    let ticket = ticket.ok_or_else(ApiError::invalid_login)?;
    let user = cloud.store.identify_user(ticket.user_id.unwrap_or(0)).await?;
    let user = working(cloud, user.filter(|user| user.enabled && user.validated)).await?;
    let user = user.ok_or_else(ApiError::invalid_login)?;
    cloud.limits.password_check(&cloud.store, Check::SecondFactor, &user.email, origin.ip).await?;
    let account = lockout::Account::of(cloud, &user.email, Some(&user), origin.ip);
    lockout::check(cloud, &account).await?;
    let right = match (&request.otp, &request.recovery_code) {
        (Some(otp), None) => second_factor::use_code(cloud, &user, otp).await?,
        (None, Some(code)) => second_factor::use_recovery_code(cloud, &user, code).await?,
        _ => {
            return Err(ApiError::invalid("either otp or recovery_code is needed", Value::Null).into());
        }
    };
    if !right {
        cloud.store.fail_ticket(&id_mac, 5).await?;
        // Or a known password would buy guesses without end, by ever new tickets.
        lockout::note(cloud, &account).await?;
        let why = Some("wrong second factor");
        activity::log_sign_in(cloud.store.writer(), &user, origin, cloud.now(), why).await?;
        return Err(ApiError::invalid_login().into());
    }
    if !tickets::take(cloud.store.writer(), &id_mac).await? {
        return Err(ApiError::invalid_login().into());
    }
    lockout::forget(cloud, &account).await?;
    start(cloud, user, origin, Proof::Password).await
}

/// Tells every administrator that the fallback account was used.
async fn warn_of_fallback(cloud: &Cloud, user: &entity::user::Model, origin: &Origin) -> Result<(), Failure> {
    for other in users::of_tenant(cloud.store.reader(), TenantId(user.client_id)).await? {
        if other.enabled && other.validated && grants::is_administrator(&grant_of(&other)) {
            let letter = letters::fallback_used(cloud, &other.email, &user.email, &origin.ip.to_string());
            letters::post(cloud, letter);
        }
    }
    Ok(())
}

const MFA_LOGIN: &str = "mfa_login";
const MFA_PREFIX: &str = "bzm_";
/// Seconds between the two steps of a sign-in.
const MFA_LOGIN_S: i64 = 300;
const REAUTH: &str = "reauth";
const REAUTH_PREFIX: &str = "bzp_";
/// Seconds that a proven password counts.
pub const REAUTH_S: i64 = 900;

/// Takes the password again and gives a proof of it, good in this session only.
///
/// # Errors
/// 403 `Invalid password`, 429.
pub async fn reauthenticate(
    cloud: &Cloud,
    caller: &Caller,
    password: &str,
    otp: Option<&str>,
) -> Result<String, Failure> {
    let user = confirmed_user(cloud, caller, password, Some(otp.unwrap_or_default())).await?;
    let session = caller.session.as_ref().ok_or_else(ApiError::access_denied)?;
    let (secret, now) = (Secret::random(), cloud.now());
    let ticket = entity::ticket::Model {
        id_mac: secret.mac(&cloud.keys),
        kind: REAUTH.to_owned(),
        client_id: Some(user.client_id),
        user_id: Some(user.id),
        payload: json!({"session": session.public_id}),
        attempts: 0,
        created_at: now,
        expires_at: now + REAUTH_S,
    };
    let transaction = cloud.store.begin().await?;
    tickets::insert(&transaction, ticket).await?;
    let entry = running::change(&user, "create", json!({"proven_again": true}));
    activity::log(&transaction, caller, TenantId(user.client_id), now, entry).await?;
    transaction.commit().await?;
    Ok(secret.opaque(REAUTH_PREFIX))
}

/// Refuses a caller who did not prove the password within the last quarter of an hour.
///
/// # Errors
/// 403 `Access denied`.
pub async fn require_proof(cloud: &Cloud, caller: &Caller, proof: &str) -> Result<(), Failure> {
    let secret = Secret::parse_opaque(REAUTH_PREFIX, proof).ok_or_else(ApiError::access_denied)?;
    let ticket = cloud.store.identify_ticket(&secret.mac(&cloud.keys), REAUTH, cloud.now()).await?;
    let session = caller.session.as_ref().map(|session| session.public_id.as_str());
    let own = ticket.is_some_and(|ticket| {
        ticket.user_id == Some(caller.user_id())
            && session.is_some()
            && ticket.payload.get("session").and_then(Value::as_str) == session
    });
    if own { Ok(()) } else { Err(ApiError::access_denied().into()) }
}

/// The LDAP server of an e-mail domain. Whether the address has an account does not matter.
async fn directory_of(cloud: &Cloud, email: &str) -> Result<Option<entity::sso_config::Model>, Failure> {
    Ok(sso::of_address(cloud, email).await?.filter(|config| config.kind == "ldap"))
}

async fn by_ldap(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    account: lockout::Account,
    identity: Result<Identity, Refused>,
    known: Option<entity::user::Model>,
    origin: &Origin,
) -> Result<SignIn, Failure> {
    let client = cloud.store.identify_client(config.client_id).await?.filter(|client| client.enabled);
    let client = client.ok_or_else(ApiError::invalid_login)?;
    let admitted = match identity {
        Ok(identity) => sso::admission::admit(cloud, config, &client, &identity, origin).await,
        Err(refused) => Err(refused),
    };
    match admitted {
        Ok(user) => {
            lockout::forget(cloud, &account).await?;
            let proof = Proof::Provider(config, None);
            start(cloud, user, origin, proof).await.map(Box::new).map(SignIn::Started)
        }
        Err(refused) => {
            let (code, detail) = refused.told()?;
            tracing::info!(request.id = %origin.request_id, code, detail, "a sign-in by LDAP was refused");
            tokio::spawn(note_failure(cloud.clone(), account, known, origin.clone(), code));
            Err(ApiError::invalid_login().into())
        }
    }
}

/// How people of an e-mail domain sign in; whether the address has an account does not matter.
///
/// # Errors
/// 429.
pub async fn discover(cloud: &Cloud, username: &str, origin: &Origin) -> Result<DiscoverView, Failure> {
    let email = username.trim().to_lowercase();
    cloud.limits.password_check(&cloud.store, Check::Discovery, &email, origin.ip).await?;
    let password = || "password".to_owned();
    let Some(config) = sso::of_address(cloud, &email).await?.filter(|config| config.kind != "ldap") else {
        return Ok(DiscoverView { methods: vec![password()], sso_url: None });
    };
    let client = cloud.store.identify_client(config.client_id).await?;
    let base = cloud.config.public.console_url.trim_end_matches('/');
    let sso_url = client.map(|client| format!("{base}/v1/sso/login?client={}", client.uuid));
    let mut methods = vec!["sso".to_owned()];
    if !config.strict && !config.provisioning {
        methods.push(password());
    }
    Ok(DiscoverView { methods, sso_url })
}

/// The user, if its tenant may work.
async fn working(
    cloud: &Cloud,
    user: Option<entity::user::Model>,
) -> Result<Option<entity::user::Model>, Failure> {
    let Some(user) = user else { return Ok(None) };
    let client = cloud.store.identify_client(user.client_id).await?;
    Ok(client.filter(|client| client.enabled).map(|_| user))
}

async fn note_failure(
    cloud: Cloud,
    account: lockout::Account,
    known: Option<entity::user::Model>,
    origin: Origin,
    why: &'static str,
) {
    let counted = lockout::note(&cloud, &account).await;
    let logged = match &known {
        Some(user) => {
            activity::log_sign_in(cloud.store.writer(), user, &origin, cloud.now(), Some(why)).await
        }
        None => Ok(()),
    };
    if counted.is_err() || logged.is_err() {
        tracing::warn!(request.id = %origin.request_id, "a failed sign-in was not noted");
    }
}

/// Where a user has proven who it is.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    /// Here, by a password.
    Password,
    /// At the identity provider of this configuration, in its session if that has a name.
    Provider(&'a entity::sso_config::Model, Option<&'a SessionThere>),
}

/// Starts a session of a user who has proven who it is.
///
/// # Errors
/// For an address that the tenant does not admit 401 to a password and 403 to a provider; 401 when what the proof was good for
/// changed meanwhile.
pub async fn start(
    cloud: &Cloud,
    user: entity::user::Model,
    origin: &Origin,
    proof: Proof<'_>,
) -> Result<Started, Failure> {
    let settings = Settings::of(cloud, cloud.store.reader(), TenantId(user.client_id)).await?;
    if !settings.admits_console(origin.ip) {
        activity::log_sign_in(cloud.store.writer(), &user, origin, cloud.now(), Some("address not admitted"))
            .await?;
        // Whoever tries passwords from elsewhere must not learn which is right.
        return Err(match proof {
            Proof::Password => ApiError::invalid_login().into(),
            Proof::Provider(..) => ApiError::access_denied().into(),
        });
    }
    let user = note_login(cloud, user, origin).await?;
    let lifetime_s = settings.absolute_timeout;
    let restriction = restriction(&user, &settings, cloud.now());
    let acting = sso::groups::shown_client(cloud, &user).await?;
    let there = if let Proof::Provider(_, there) = proof { there } else { None };
    let new = NewSession { user: &user, parent: None, lifetime_s, restriction, there, acting };
    let transaction = cloud.store.begin().await?;
    if let Proof::Provider(config, _) = proof {
        // Whoever takes the provider out of force ends the sessions that it began: none may begin behind that.
        sso::sign_in::still_in_force(&transaction, config).await?;
    }
    let id = insert(cloud, &transaction, new, origin).await?;
    activity::log_sign_in(&transaction, &user, origin, cloud.now(), None).await?;
    transaction.commit().await?;
    if user.is_fallback {
        warn_of_fallback(cloud, &user, origin).await?;
    }
    Ok(Started { id, lifetime_s, user })
}

/// What a user must do before anything else: choose a new password, or set up a second factor.
fn restriction(user: &entity::user::Model, settings: &Settings, now: i64) -> Option<&'static str> {
    if user.auth_method.is_some() {
        return None;
    }
    let forced = user.profile.get("must_change_password").and_then(Value::as_bool);
    let rotation = settings.password_policy.rotation_days;
    let old = rotation.is_some_and(|days| user.password_changed + days * 86_400 <= now);
    if forced.unwrap_or(false) || old {
        Some("password")
    } else if settings.mfa_enforced && user.mfa_sealed.is_none() {
        Some("mfa")
    } else {
        None
    }
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

/// Refuses a user of an identity provider, who has no password here.
///
/// # Errors
/// 403 `Access denied`.
pub fn has_password(caller: &Caller) -> Result<(), ApiError> {
    let user = caller.user.as_ref().ok_or_else(ApiError::access_denied)?;
    if user.auth_method.is_some() { Err(ApiError::access_denied()) } else { Ok(()) }
}

/// Whether the session began within the time that a proof counts. Users of an identity provider have no password here:
/// their proof is a sign-in there.
fn signed_in_lately(cloud: &Cloud, caller: &Caller) -> bool {
    let began = caller.session.as_ref().filter(|session| session.parent_mac.is_none());
    began.is_some_and(|session| session.created_at + REAUTH_S > cloud.now())
}

fn sign_in_again() -> ApiError {
    ApiError::text(axum::http::StatusCode::FORBIDDEN, "Sign in again")
}

/// The caller's user, once the password is proven again, and the second factor where `otp` is given and the
/// user has one. A user of an identity provider proves by a sign-in of the last quarter of an hour.
///
/// # Errors
/// 403 `Invalid password`, 403 `Sign in again`, 429.
pub async fn confirmed_user(
    cloud: &Cloud,
    caller: &Caller,
    password: &str,
    otp: Option<&str>,
) -> Result<entity::user::Model, Failure> {
    let user = caller.user.as_deref().cloned().ok_or_else(ApiError::access_denied)?;
    if user.auth_method.is_some() && !user.is_fallback {
        return if signed_in_lately(cloud, caller) { Ok(user) } else { Err(sign_in_again().into()) };
    }
    cloud.limits.password_check(&cloud.store, Check::Reauthentication, &user.email, caller.ip).await?;
    let mut right = verify_password(password.to_owned(), user.password_hash.clone()).await;
    if let Some(otp) = otp.filter(|_| right && user.mfa_sealed.is_some()) {
        right = second_factor::use_code(cloud, &user, otp).await?;
    }
    if right {
        Ok(user)
    } else {
        Err(ApiError::text(axum::http::StatusCode::FORBIDDEN, "Invalid password").into())
    }
}
