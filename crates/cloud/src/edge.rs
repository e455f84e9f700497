//! The HTTP edge: what happens to every request before and after its handler.
//!
//! Order: request id and origin → access table → authentication → rate limit → handler → headers. A request
//! is refused here or reaches its handler with a [`Caller`](crate::auth::Caller) in its extensions.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bartizan_api::{ApiError, Grant};
use uuid::Uuid;

use crate::{
    access::{Access, SECRET_ANSWERS, WITHOUT_CONSOLE, access_of},
    auth::{self, Caller, Origin, Scheme},
    failure::Failure,
    state::Cloud,
};

/// Name of the request-id header.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Authenticates, limits and passes on.
pub(crate) async fn guard(State(cloud): State<Cloud>, mut request: Request, next: Next) -> Response {
    let origin = origin(&cloud, &request);
    let secret = matched(&request).is_some_and(|path| SECRET_ANSWERS.contains(&path));
    let outcome = admit(&cloud, &mut request, &origin).await;
    request.extensions_mut().insert(origin.clone());
    let mut response = match outcome {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    };
    if secret {
        response.extensions_mut().insert(Plain);
    }
    stamp(&mut response, &origin.request_id);
    response
}

/// Marks an answer that must not be compressed.
#[derive(Clone, Copy)]
pub(crate) struct Plain;

/// The headers of every answer of the API.
pub(crate) fn stamp(response: &mut Response, request_id: &str) {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

fn matched(request: &Request) -> Option<&str> {
    request.extensions().get::<MatchedPath>().map(MatchedPath::as_str)
}

async fn admit(cloud: &Cloud, request: &mut Request, origin: &Origin) -> Result<(), Failure> {
    if request.uri().query().is_some_and(carries_credentials) {
        return Err(ApiError::invalid("credentials in the query string are refused", "query").into());
    }
    // What was inflated no longer says so.
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(ApiError::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type").into());
    }
    let path = matched(request).unwrap_or_default().to_owned();
    let access = access_of(request.method(), &path)
        .ok_or_else(|| ApiError::text(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"))?;
    match access {
        Access::Public | Access::NodeToken => Ok(()),
        Access::Node => {
            let node = auth::node::authenticate(cloud, request.headers(), origin).await?;
            request.extensions_mut().insert(node);
            Ok(())
        }
        Access::Session
        | Access::SessionNeeds(_)
        | Access::Authenticated
        | Access::Needs(_)
        | Access::NeedsAny(_) => {
            let caller = auth::authenticate(cloud, request.method(), request.headers(), origin).await;
            let by_session = matches!(access, Access::Session | Access::SessionNeeds(_));
            let caller = if by_session { caller.map_err(as_session_failure)? } else { caller? };
            cloud.limits.request(caller.client.id)?;
            permit(&caller, access, &path)?;
            request.extensions_mut().insert(caller);
            Ok(())
        }
    }
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
    let console = !matches!(caller.grant, Grant::Role(role) if !role.uses_console());
    let in_session = !by_session || console || WITHOUT_CONSOLE.contains(&path);
    // A token for node deployment registers nodes and asks who it is, nothing else.
    if permitted && in_session && (!caller.usage_node || path == "/v1/user") {
        Ok(())
    } else {
        Err(ApiError::access_denied())
    }
}

/// Session-only routes answer 401 to a caller without any credential, so that pages know to sign in.
fn as_session_failure(failure: Failure) -> Failure {
    if failure.0 == ApiError::not_authenticated() { ApiError::session_expired().into() } else { failure }
}

fn carries_credentials(query: &str) -> bool {
    query
        .split('&')
        .filter_map(|pair| pair.split('=').next())
        .any(|name| name.to_ascii_lowercase().starts_with("x-wallarmapi-"))
}

/// Where the request comes from. Forwarding headers count only from trusted proxies, right to left.
fn origin(cloud: &Cloud, request: &Request) -> Origin {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip().to_canonical());
    let trusted =
        |address: IpAddr| cloud.config.listen.trusted_proxies.iter().any(|net| net.contains(&address));
    let mut ip = peer;
    let mut tls = cloud.config.tls();
    if trusted(peer) {
        // The last line too: a proxy may add one of its own below the one that the client sent.
        let lines = |name: &str| {
            let lines = request.headers().get_all(name).iter().rev();
            lines.map(|line| line.to_str().unwrap_or_default())
        };
        tls = tls || lines("x-forwarded-proto").next() == Some("https");
        for hop in lines("x-forwarded-for").flat_map(|line| line.rsplit(',')) {
            let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
            ip = address.to_canonical();
            if !trusted(ip) {
                break;
            }
        }
    }
    Origin { ip, tls, request_id: Uuid::new_v4().to_string() }
}
