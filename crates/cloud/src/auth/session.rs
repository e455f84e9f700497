//! Console sessions: an opaque cookie, or a short-lived bearer token derived from one for the API Console.

use axum::http::{HeaderMap, Method, header};
use bartizan_api::ApiError;
use bartizan_store::entity;

use super::{Caller, Origin, Scheme, caller_of_user};
use crate::{
    failure::Failure,
    secrets::{self, Secret},
    state::Cloud,
};

/// Prefix of session ids.
pub const PREFIX: &str = "bzs_";
/// Cookie name over plain HTTP, which is loopback only.
pub const COOKIE: &str = "bzsid";
/// Cookie name over TLS.
pub const SECURE_COOKIE: &str = "__Secure-bzsid";

/// The session id that the request's cookies carry.
#[must_use]
pub fn cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == SECURE_COOKIE || *name == COOKIE)
        .map(|(_, value)| value.to_owned())
}

/// The `Set-Cookie` value that starts a session, or ends it when `id` is empty.
#[must_use]
pub fn set_cookie(cloud: &Cloud, tls: bool, id: &str) -> String {
    let age = if id.is_empty() { 0 } else { cloud.config.limits.session_absolute_s };
    let (name, secure) = if tls { (SECURE_COOKIE, "; Secure") } else { (COOKIE, "") };
    format!("{name}={id}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}")
}

/// Authenticates by bearer token, else cookie.
///
/// # Errors
/// 401 `Session expired`; 403 `Access denied` when a changing call by cookie lacks the CSRF value.
pub async fn authenticate(
    cloud: &Cloud,
    method: &Method,
    headers: &HeaderMap,
    origin: &Origin,
) -> Result<Caller, Failure> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(|value| value.trim().to_owned());
    let by_cookie = bearer.is_none();
    let id = bearer.or_else(|| cookie(headers)).ok_or_else(ApiError::session_expired)?;
    let secret = Secret::parse_opaque(PREFIX, &id).ok_or_else(ApiError::session_expired)?;
    let id_mac = secret.mac(&cloud.keys);
    let session = cloud.store.identify_session(&id_mac).await?.ok_or_else(ApiError::session_expired)?;
    let background = headers.contains_key("x-background");
    check_alive(cloud, &session, background).await?;
    if by_cookie && *method != Method::GET && *method != Method::HEAD {
        check_forgery(cloud, headers, &session, origin)?;
    }
    let user = cloud.store.identify_user(session.user_id).await?.ok_or_else(ApiError::session_expired)?;
    let scheme = Scheme::Session { id_mac, cookie: by_cookie };
    Ok(caller_of_user(cloud, user, scheme, origin).await?.ok_or_else(ApiError::session_expired)?)
}

async fn check_alive(
    cloud: &Cloud,
    session: &entity::session::Model,
    background: bool,
) -> Result<(), Failure> {
    let now = cloud.now();
    let mut last_seen = session.last_seen_at;
    if let Some(parent) = &session.parent_mac {
        // A derived token dies with its session.
        let parent = cloud.store.identify_session(parent).await?.ok_or_else(ApiError::session_expired)?;
        last_seen = parent.last_seen_at.max(last_seen);
    }
    if session.expires_at <= now || last_seen + cloud.config.limits.session_idle_s <= now {
        return Err(ApiError::session_expired().into());
    }
    // To the minute, so that reading does not write each time; polling does not count as activity.
    if !background && last_seen + 60 <= now {
        cloud.store.touch_session(&session.id_mac, now).await?;
    }
    Ok(())
}

fn check_forgery(
    cloud: &Cloud,
    headers: &HeaderMap,
    session: &entity::session::Model,
    origin: &Origin,
) -> Result<(), ApiError> {
    let sent = headers.get("x-csrf-token").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !secrets::same(sent, &session.csrf) {
        return Err(ApiError::access_denied());
    }
    check_page(cloud, headers, origin)
}

/// Refuses a request that a page of somebody else sent. Programs send no `Origin`.
///
/// # Errors
/// 403 `Access denied`.
pub fn check_page(cloud: &Cloud, headers: &HeaderMap, origin: &Origin) -> Result<(), ApiError> {
    let Some(page) = headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or("null")) else {
        return Ok(());
    };
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let own = format!("{}://{host}", if origin.tls { "https" } else { "http" });
    let public = &cloud.config.public;
    if page == own
        || page == public.console_url.trim_end_matches('/')
        || public.allowed_origins.iter().any(|allowed| allowed == page)
    {
        Ok(())
    } else {
        Err(ApiError::access_denied())
    }
}
