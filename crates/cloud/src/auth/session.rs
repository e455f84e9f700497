//! Console sessions: an opaque cookie, or a short-lived bearer token derived from one for the API Console.

use std::sync::{Arc, atomic::Ordering};

use axum::http::{HeaderMap, Method, header};
use bartizan_api::ApiError;
use bartizan_store::entity;

use super::{Caller, Known, Origin, Scheme, of_user};
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

/// The session id that the request's cookies carry. Over TLS only the name counts that a browser takes over TLS
/// alone: the other one anybody could have set who once spoke for the host without TLS.
#[must_use]
pub fn cookie(headers: &HeaderMap, tls: bool) -> Option<String> {
    let expected = if tls { SECURE_COOKIE } else { COOKIE };
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == expected)
        .map(|(_, value)| value.to_owned())
}

/// The `Set-Cookie` value that starts a session of some seconds, or ends it when `id` is empty.
#[must_use]
pub fn set_cookie(cloud: &Cloud, tls: bool, id: &str, lifetime_s: i64) -> String {
    let age = if id.is_empty() { 0 } else { lifetime_s };
    let (name, secure) = if tls { (SECURE_COOKIE, "; Secure") } else { (COOKIE, "") };
    let domain = &cloud.config.public.cookie_domain;
    let domain = if domain.is_empty() { String::new() } else { format!("; Domain={domain}") };
    format!("{name}={id}; Path=/{domain}; HttpOnly; SameSite=Lax; Max-Age={age}{secure}")
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
    let id = bearer.or_else(|| cookie(headers, origin.tls)).ok_or_else(ApiError::session_expired)?;
    let secret = Secret::parse_opaque(PREFIX, &id).ok_or_else(ApiError::session_expired)?;
    let id_mac = secret.mac(&cloud.keys);
    let key = format!("session:{id_mac}:{by_cookie}");
    let background = headers.contains_key("x-background");
    let known = match cloud.known.find(&key) {
        Some(known) => known,
        None => load(cloud, key.clone(), id_mac, by_cookie).await?,
    };
    let Some(session) = known.session.clone() else { return Err(ApiError::session_expired().into()) };
    if !is_alive(cloud, &known, &session, background).await? {
        cloud.known.forget(&key);
        return Err(ApiError::session_expired().into());
    }
    if by_cookie && *method != Method::GET && *method != Method::HEAD {
        check_forgery(cloud, headers, &session, origin)?;
    }
    if !known.settings.admits_console(origin.ip) {
        return Err(ApiError::access_denied().into());
    }
    Ok(known.caller(origin))
}

async fn load(cloud: &Cloud, key: String, id_mac: String, cookie: bool) -> Result<Arc<Known>, Failure> {
    let generation = cloud.known.generation();
    let session = cloud.store.identify_session(&id_mac).await?.ok_or_else(ApiError::session_expired)?;
    let last_seen = last_seen(cloud, &session).await?;
    let user = cloud.store.identify_user(session.user_id).await?.ok_or_else(ApiError::session_expired)?;
    let scheme = Scheme::Session { id_mac, cookie };
    let mut known = of_user(cloud, user, scheme).await?.ok_or_else(ApiError::session_expired)?;
    known.session = Some(Arc::new(session));
    known.noted_at.store(last_seen, Ordering::Relaxed);
    let known = Arc::new(known);
    cloud.known.keep(key, Arc::clone(&known), generation);
    Ok(known)
}

/// The last activity of a session; that of its own session counts for a derived token, which dies with it.
async fn last_seen(cloud: &Cloud, session: &entity::session::Model) -> Result<i64, Failure> {
    let Some(parent) = &session.parent_mac else { return Ok(session.last_seen_at) };
    let parent = cloud.store.identify_session(parent).await?.ok_or_else(ApiError::session_expired)?;
    Ok(parent.last_seen_at.max(session.last_seen_at))
}

async fn is_alive(
    cloud: &Cloud,
    known: &Known,
    session: &entity::session::Model,
    background: bool,
) -> Result<bool, Failure> {
    let now = cloud.now();
    let limits = &known.settings;
    if session.expires_at.min(session.created_at + limits.absolute_timeout) <= now {
        return Ok(false);
    }
    let mut seen = known.noted_at.load(Ordering::Relaxed);
    if seen + limits.idle_timeout <= now {
        // Another process may have seen it since.
        let row =
            cloud.store.identify_session(&session.id_mac).await?.ok_or_else(ApiError::session_expired)?;
        seen = last_seen(cloud, &row).await?;
        known.noted_at.store(seen, Ordering::Relaxed);
        if seen + limits.idle_timeout <= now {
            return Ok(false);
        }
    }
    // To the minute, so that reading does not write each time; polling does not count as activity.
    if !background && seen + 60 <= now {
        known.noted_at.store(now, Ordering::Relaxed);
        let mac = session.parent_mac.as_deref().unwrap_or(&session.id_mac);
        // This process remembers it; nobody is refused because it cannot be written down.
        if let Err(error) = cloud.store.touch_session(mac, now).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the use of a session was not noted");
        }
    }
    Ok(true)
}

fn check_forgery(
    cloud: &Cloud,
    headers: &HeaderMap,
    session: &entity::session::Model,
    origin: &Origin,
) -> Result<(), ApiError> {
    let twice = |name: &str| headers.get_all(name).iter().nth(1).is_some();
    let sent = headers.get("x-csrf-token").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !secrets::same(sent, &session.csrf) {
        return Err(ApiError::access_denied());
    }
    // Every browser sends it with what changes something; only a cookie that left its browser comes without.
    if !headers.contains_key(header::ORIGIN) || twice("x-csrf-token") {
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
    if headers.get_all(header::ORIGIN).iter().nth(1).is_some() {
        return Err(ApiError::access_denied());
    }
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let own = format!("{}://{host}", if origin.tls { "https" } else { "http" });
    if page == own || cloud.config.public.origins().iter().any(|allowed| allowed == page) {
        Ok(())
    } else {
        Err(ApiError::access_denied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_tls_only_the_secure_cookie_counts() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "bzsid=planted; a=b".parse().unwrap());
        assert_eq!(cookie(&headers, true), None);
        assert_eq!(cookie(&headers, false).as_deref(), Some("planted"));
        headers.append(header::COOKIE, "__Secure-bzsid=own".parse().unwrap());
        assert_eq!(cookie(&headers, true).as_deref(), Some("own"));
    }
}
