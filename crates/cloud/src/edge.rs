//! The HTTP edge: what happens to every request before and after its handler.
//!
//! Order: request id and origin → access table → authentication → rate limit → handler → headers. A request
//! is refused here or reaches its handler with a [`Caller`](crate::auth::Caller) in its extensions. What every answer of
//! this server has, pages and preflights too, is around all that in [`envelope`].

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    Extension,
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bartizan_api::{ApiError, Grant};
use bartizan_store::TenantId;
use uuid::Uuid;

use crate::{
    access::{
        Access, SECRET_ANSWERS, WITHOUT_CONSOLE, access_of, change_of, is_of_own_account, needs_payment,
    },
    auth::{self, Caller, Origin, Principal, Scheme},
    extract,
    failure::Failure,
    idempotency,
    limits::Remaining,
    services::{
        activity::{self, Refusal},
        quotas::{self, Level},
        scim,
    },
    state::Cloud,
};

mod media;
mod pace;
mod unread;

pub(crate) use pace::TooSlow;

/// Name of the request-id header.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What came over a network without TLS, as far as anybody said.
#[derive(Clone, Copy)]
struct Unencrypted;

/// Finds out where a request comes from, and gives its answer the headers that every answer has.
pub(crate) async fn envelope(State(cloud): State<Cloud>, mut request: Request, next: Next) -> Response {
    let (origin, plain) = origin(&cloud, &request);
    request.extensions_mut().insert(origin.clone());
    if plain {
        request.extensions_mut().insert(Unencrypted);
    }
    let mut response = unread::run(&cloud.config.limits, request, next).await;
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&origin.request_id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    if origin.tls {
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}

/// Authenticates, limits and passes on.
pub(crate) async fn guard(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    mut request: Request,
    next: Next,
) -> Response {
    let plain = request.extensions().get::<Unencrypted>().is_some();
    let path = matched(&request).unwrap_or_default().to_owned();
    let (method, real_path) = (request.method().clone(), request.uri().path().to_owned());
    let mut admitted = Admitted::default();
    let outcome = if plain && !cloud.config.listen.plain_http {
        // Nothing of it is looked at: what it carries may have been read on its way.
        Err(ApiError::text(StatusCode::FORBIDDEN, "TLS is required").into())
    } else {
        admit(&cloud, &mut request, &path, &origin, &mut admitted).await
    };
    let mut response = match outcome {
        Ok(()) => idempotency::handle(&cloud, admitted.caller.as_ref(), &path, request, next).await,
        Err(failure) if path.starts_with(SCIM) => scim::Refusal::from(failure).into_response(),
        Err(failure) => failure.into_response(),
    };
    if let Some(caller) = &admitted.caller {
        let asked = Asked { method: &method, template: &path, path: &real_path };
        note_refusal(&cloud, caller, asked, response.status()).await;
    }
    if method != Method::GET && RIGHTS.iter().any(|family| path.starts_with(family)) {
        // What this request changed holds before its answer is out.
        cloud.known.refresh(&cloud.store).await;
    }
    if SECRET_ANSWERS.contains(&path.as_str()) {
        response.extensions_mut().insert(Plain);
    }
    if let Some(remaining) = admitted.remaining {
        state_limit(&mut response, remaining);
    }
    response
}

/// Where identity providers push users to; errors have a form of their own there.
const SCIM: &str = "/scim/";

/// Paths under which rights change.
const RIGHTS: &[&str] = &[
    "/v1/user",
    "/v1/objects/user/",
    "/v1/objects/client/",
    "/v1/api_tokens",
    "/v1/clients/",
    "/v1/invitations",
    "/v1/password/",
    "/v1/session",
    "/v1/logout",
    "/v1/signup",
    "/v1/sso",
    SCIM,
];

/// What is known of a request after its admission, also when it was refused.
#[derive(Default)]
struct Admitted {
    caller: Option<Caller>,
    remaining: Option<Remaining>,
}

/// `RateLimit` headers: how many requests may come per second, and how many at once now.
fn state_limit(response: &mut Response, remaining: Remaining) {
    let headers = response.headers_mut();
    headers.insert("ratelimit-limit", HeaderValue::from(remaining.limit));
    headers.insert("ratelimit-remaining", HeaderValue::from(remaining.remaining));
    headers.insert("ratelimit-reset", HeaderValue::from(1));
}

/// What was asked for.
struct Asked<'a> {
    method: &'a Method,
    template: &'a str,
    path: &'a str,
}

/// A change that was refused belongs in the activity log too. Polls and reads do not, nor what was too much: that would
/// be a way to fill the log.
async fn note_refusal(cloud: &Cloud, caller: &Caller, asked: Asked<'_>, status: StatusCode) {
    let counts = (status.is_client_error() || status.is_server_error())
        && status != StatusCode::TOO_MANY_REQUESTS
        && status != StatusCode::UNAUTHORIZED;
    let change = counts.then(|| change_of(asked.method, asked.template)).flatten();
    let Some((object_type, action)) = change else { return };
    let own = caller.user.as_ref().filter(|_| is_of_own_account(asked.method, asked.template));
    let refusal = Refusal {
        object_type,
        action,
        object_id: own
            .map_or_else(|| object_in_path(asked.template, asked.path), |user| Some(user.id.to_string())),
        object_name: own.map(|user| user.email.clone()).unwrap_or_default(),
        description: format!("{} {} was answered with {}", asked.method, asked.template, status.as_u16()),
    };
    if activity::log_refusal(cloud, caller, refusal).await.is_err() {
        tracing::warn!(request.id = %caller.request_id, "a refused change was not logged");
    }
}

/// The number or UUID of the object that a path names where its template has one.
fn object_in_path(template: &str, path: &str) -> Option<String> {
    let pairs = template.split('/').zip(path.split('/'));
    let named = pairs.filter(|(name, _)| matches!(*name, "{id}" | "{user_id}" | "{delivery_id}"));
    let (_, part) = named.last()?;
    let plain = part.len() <= 40 && part.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    plain.then(|| part.to_owned())
}

/// Marks an answer that must not be compressed.
#[derive(Clone, Copy)]
pub(crate) struct Plain;

fn matched(request: &Request) -> Option<&str> {
    request.extensions().get::<MatchedPath>().map(MatchedPath::as_str)
}

async fn admit(
    cloud: &Cloud,
    request: &mut Request,
    path: &str,
    origin: &Origin,
    admitted: &mut Admitted,
) -> Result<(), Failure> {
    if request.uri().query().is_some_and(carries_credentials) {
        return Err(ApiError::invalid("credentials in the query string are refused", "query").into());
    }
    media::check_body(request)?;
    media::check_accept(request.headers(), path)?;
    let access = access_of(request.method(), path)
        .ok_or_else(|| ApiError::text(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"))?;
    if path.starts_with(TOKEN_IN_REQUEST) {
        take_token(cloud, request).await?;
    }
    match access {
        Access::Public | Access::NodeToken => Ok(()),
        Access::Node => {
            let node = auth::node::authenticate(cloud, request.headers(), origin).await?;
            request.extensions_mut().insert(node);
            Ok(())
        }
        Access::Scim => {
            let provider = scim::authenticate(cloud, request.headers(), origin).await?;
            cloud.limits.request(provider.client.id)?;
            request.extensions_mut().insert(provider);
            Ok(())
        }
        Access::Principal => {
            match auth::authenticate_any(cloud, request.method(), request.headers(), origin).await? {
                Principal::Caller(caller) => enter(cloud, request, path, access, *caller, admitted),
                Principal::Node(node) => {
                    count(cloud, node.client.id, admitted)?;
                    request.extensions_mut().insert(node);
                    Ok(())
                }
            }
        }
        Access::Session
        | Access::SessionNeeds(_)
        | Access::Authenticated
        | Access::Needs(_)
        | Access::NeedsAny(_) => {
            let caller = auth::authenticate(cloud, request.method(), request.headers(), origin).await;
            let by_session = matches!(access, Access::Session | Access::SessionNeeds(_));
            let without = by_session && !auth::header::is_named(request.headers());
            let caller = if without { caller.map_err(as_session_failure)? } else { caller? };
            enter(cloud, request, path, access, caller, admitted)
        }
    }
}

/// Counts the request of an authenticated caller and asks whether it may.
fn enter(
    cloud: &Cloud,
    request: &mut Request,
    path: &str,
    access: Access,
    caller: Caller,
    admitted: &mut Admitted,
) -> Result<(), Failure> {
    admitted.caller = Some(caller.clone());
    count(cloud, caller.client.id, admitted)?;
    let named = client_in_path(path, request.uri().path());
    let within_reach = named.filter(|tenant| caller.tenants.contains(*tenant));
    if let Some(tenant) = within_reach {
        caller.act_on(tenant);
    }
    let caller = caller.narrowed(access.needs(), named);
    permit(&caller, access, path)?;
    let by_session = matches!(caller.scheme, Scheme::Session { .. });
    let payer = within_reach.unwrap_or(caller.tenant());
    // Who looks after other clients still gets at those that are beyond their quota.
    let closed = !caller.client.is_technical && cloud.quotas.of(payer, cloud.now()) > Level::Open;
    if closed && needs_payment(request.method(), path, by_session) {
        return Err(quotas::payment_required().into());
    }
    request.extensions_mut().insert(caller);
    Ok(())
}

/// Takes a request from what a client may send.
fn count(cloud: &Cloud, client_id: i64, admitted: &mut Admitted) -> Result<(), ApiError> {
    let taken = cloud.limits.request(client_id);
    // A refusal tells the limit too.
    admitted.remaining = Some(*taken.as_ref().unwrap_or(&cloud.limits.none_remaining()));
    taken.map(drop)
}

/// Routes whose public clients send the API token as a field of the query string or of the body.
const TOKEN_IN_REQUEST: &str = "/v1/security_issues";
/// Header of API tokens.
const TOKEN: HeaderName = HeaderName::from_static("x-wallarmapi-token");

/// Moves a token of the query string or the body to where every other client puts it. Headers win.
async fn take_token(cloud: &Cloud, request: &mut Request) -> Result<(), Failure> {
    let carried = ["x-wallarmapi-token", "x-wallarmapi-uuid", "authorization", "cookie"];
    if carried.iter().any(|name| request.headers().contains_key(*name)) {
        return Ok(());
    }
    let query = bartizan_api::filter::query_to_json(request.uri().query().unwrap_or_default());
    let mut token = query.get("token").and_then(|token| token.as_str()).map(str::to_owned);
    if token.is_none() {
        let body = std::mem::take(request.body_mut());
        let bytes = extract::read(body, cloud.config.limits.body_bytes).await?;
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        token = value.get("token").and_then(|token| token.as_str()).map(str::to_owned);
        *request.body_mut() = axum::body::Body::from(bytes);
    }
    if let Some(token) = token.filter(|token| !token.is_empty())
        && let Ok(value) = HeaderValue::from_str(&token)
    {
        request.headers_mut().insert(TOKEN, value);
    }
    Ok(())
}

/// The client that a path names where its template has one.
fn client_in_path(template: &str, path: &str) -> Option<TenantId> {
    let (names, parts) = (template.split('/'), path.split('/'));
    let named = names.zip(parts).find(|(name, _)| matches!(*name, "{client_id}" | "{clientid}"));
    named.and_then(|(_, part)| part.parse().ok()).map(TenantId)
}

fn permit(caller: &Caller, access: Access, path: &str) -> Result<(), ApiError> {
    let by_session = matches!(caller.scheme, Scheme::Session { .. });
    let permitted = match access {
        Access::Session => by_session,
        Access::SessionNeeds(permission) => by_session && caller.may(permission),
        Access::Needs(permission) => caller.may(permission),
        Access::NeedsAny(permissions) => permissions.iter().any(|permission| caller.may(*permission)),
        _ => true,
    };
    let console =
        !matches!(*caller.grant, Grant::Role(role) if !role.uses_console()) && caller.restriction().is_none();
    let in_session = !by_session || console || WITHOUT_CONSOLE.contains(&path);
    // A token for node deployment registers nodes and asks who it is, nothing else.
    if permitted && in_session && (!caller.usage_node || path == "/v1/user") {
        Ok(())
    } else {
        Err(ApiError::access_denied())
    }
}

/// Session-only routes answer 401 to a caller without a credential in the headers of others, so that pages know to sign in.
fn as_session_failure(failure: Failure) -> Failure {
    if failure.0 == ApiError::not_authenticated() { ApiError::session_expired().into() } else { failure }
}

fn carries_credentials(query: &str) -> bool {
    query
        .split('&')
        .filter_map(|pair| pair.split('=').next())
        .map(|name| {
            url::form_urlencoded::parse(name.as_bytes()).next().map(|(name, _)| name.to_ascii_lowercase())
        })
        .any(|name| name.is_some_and(|name| name.starts_with("x-wallarmapi-")))
}

/// Where the request comes from, and whether it came over a network without TLS as far as anybody said. Forwarding
/// headers count only from trusted proxies, right to left.
fn origin(cloud: &Cloud, request: &Request) -> (Origin, bool) {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip().to_canonical());
    let trusted =
        |address: IpAddr| cloud.config.listen.trusted_proxies.iter().any(|net| net.contains(&address));
    let mut ip = peer;
    let mut tls = cloud.config.tls();
    let mut plain = !tls && !peer.is_loopback();
    if trusted(peer) {
        // The last line too: a proxy may add one of its own below the one that the client sent.
        let lines = |name: &str| {
            let lines = request.headers().get_all(name).iter().rev();
            lines.map(|line| line.to_str().unwrap_or_default())
        };
        let scheme = lines("x-forwarded-proto").next();
        tls = tls || scheme == Some("https");
        // A proxy that does not say what it was spoken to by is trusted in that too.
        plain = !tls && scheme.is_some();
        for hop in lines("x-forwarded-for").flat_map(|line| line.rsplit(',')) {
            let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
            ip = address.to_canonical();
            if !trusted(ip) {
                break;
            }
        }
        plain = plain && !ip.is_loopback();
    }
    let user_agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let user_agent = user_agent.unwrap_or_default().chars().take(256).collect::<String>();
    let request_id = Uuid::new_v4().to_string();
    (Origin { ip, tls, request_id, user_agent: user_agent.into() }, plain)
}
