//! What a proxy changes on heads (RFC 9110 section 7.6, `spec/node.md` section 9.1).

use bartizan_request::Host;
use bartizan_rules::{HeaderMode, ResponseHeader};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode, Uri, Version};

use super::worker::Connection;
use crate::client_ip::Client;
use crate::config::Limits;
use crate::request_id::RequestId;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Refuses heads that are too large or that no server should act on.
pub(crate) fn check<B>(request: &Request<B>, limits: &Limits) -> Result<(), StatusCode> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > limits.header_line_bytes {
        return Err(StatusCode::URI_TOO_LONG);
    }
    let headers = request.headers();
    let (mut count, mut total) = (0, target);
    for (name, value) in headers {
        let line = name.as_str().len() + value.len() + 4;
        if line > limits.header_line_bytes {
            return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        count += 1;
        total += line;
        // Gateways to programs make one variable of both spellings.
        if matches!(name.as_str(), "content_length" | "transfer_encoding") {
            return Err(StatusCode::BAD_REQUEST);
        }
    }
    if count > limits.header_count || total > limits.header_block_bytes {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    if request.method() == Method::CONNECT {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    if request.version() == Version::HTTP_11 && !headers.contains_key(header::HOST) {
        return Err(StatusCode::BAD_REQUEST);
    }
    // One that is none chooses one site here and another at whoever splits it otherwise (RFC 9112 section 3.2).
    let is_host = |value: &HeaderValue| Host::is_valid(value.as_bytes());
    if !headers.get_all(header::HOST).iter().all(is_host) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let hosts = || headers.get_all(header::HOST).iter().count();
    if request.version() == Version::HTTP_2 && request.uri().authority().is_none() && hosts() != 1 {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok(())
}

/// Joins the pieces that HTTP/2 lets a client make of its cookies (RFC 9113 section 8.2.3): inspection has to see, and a
/// server over HTTP/1 to get, the one field that they are.
pub(super) fn join_cookies(headers: &mut HeaderMap) {
    let pieces = headers.get_all(header::COOKIE);
    if pieces.iter().nth(1).is_none() {
        return;
    }
    let whole = pieces.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b"; "[..]);
    // Pieces of valid values, so it is one; if it were not, nothing would be lost.
    if let Ok(whole) = HeaderValue::from_bytes(&whole) {
        headers.insert(header::COOKIE, whole);
    }
}

/// The host that the client named, with port, as sent.
pub(crate) fn host_of<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> &'r str {
    match uri.authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default(),
    }
}

/// Whether the request asks to switch to WebSocket. No other protocol is offered to an upstream: one that took up
/// `h2c` would then serve requests that nobody inspects.
pub(super) fn is_upgrade<B>(request: &Request<B>) -> bool {
    let mut protocols = request.headers().get_all(header::UPGRADE).iter();
    request.version() == Version::HTTP_11
        && protocols.next().is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && protocols.next().is_none()
        && names_in_connection(request.headers()).any(|name| name.eq_ignore_ascii_case("upgrade"))
}

/// Whether this is a gRPC call, which is HTTP/2 by definition.
pub(super) fn is_grpc<B>(request: &Request<B>) -> bool {
    is_grpc_head(request.version(), request.headers())
}

/// Like [`is_grpc`], of a head in parts.
pub(super) fn is_grpc_head(version: Version, headers: &HeaderMap) -> bool {
    version == Version::HTTP_2
        && headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

fn names_in_connection(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// Removes what concerns one connection only.
fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> =
            names_in_connection(headers).filter_map(|name| name.parse().ok()).collect();
        for name in named {
            // Not for a client to remove: routing and framing, and what says how the body was read when it was
            // inspected.
            if !matches!(
                name,
                header::HOST | header::CONTENT_LENGTH | header::CONTENT_TYPE | header::CONTENT_ENCODING
            ) {
                headers.remove(name);
            }
        }
        headers.remove(header::CONNECTION);
    }
    for name in [KEEP_ALIVE, PROXY_CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE] {
        headers.remove(name);
    }
}

/// Turns a client's head into the head for the upstream.
pub(super) fn to_upstream<B>(
    request: &mut Request<B>,
    connection: &Connection,
    client: Client,
    id: RequestId,
    upgrade: bool,
) {
    let wants_trailers =
        request.headers().get(header::TE).is_some_and(|te| te.as_bytes().starts_with(b"trailers"));
    let protocol = if upgrade { request.headers().get(header::UPGRADE).cloned() } else { None };
    if let Some(authority) = request.uri().authority() {
        // The target decides over a `Host` that says something else.
        let authority = authority.as_str();
        // Names of users are no part of a `Host`.
        let host = HeaderValue::from_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
        let target = request.uri().path_and_query().cloned();
        if let Ok(host) = host {
            request.headers_mut().insert(header::HOST, host);
        }
        *request.uri_mut() = target.map_or_else(|| Uri::from_static("/"), Uri::from);
    }
    *request.version_mut() = Version::HTTP_11;
    let headers = request.headers_mut();
    strip_hop_by_hop(headers);
    headers.remove(header::TE);
    headers.remove(header::EXPECT);
    headers.remove(header::TRAILER);
    if wants_trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if let Some(protocol) = protocol {
        headers.insert(header::UPGRADE, protocol);
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    forwarded(headers, connection, client);
    headers.insert(REQUEST_ID, id.header_value());
}

/// Whether a field tells on whose behalf a request is made. `_` counts as `-`, as it does to CGI and its heirs.
fn is_forwarding(name: &HeaderName) -> bool {
    const NAMES: [&[u8]; 3] = [b"forwarded", b"x-real-ip", b"x-request-id"];
    let name = name.as_str().as_bytes();
    let same = |wanted: &[u8], name: &[u8]| {
        wanted.len() == name.len() && wanted.iter().zip(name).all(|(w, n)| w == n || (*w, *n) == (b'-', b'_'))
    };
    NAMES.iter().any(|wanted| same(wanted, name))
        || name.get(..12).is_some_and(|start| same(b"x-forwarded-", start))
}

fn forwarded(headers: &mut HeaderMap, connection: &Connection, client: Client) {
    let proto = HeaderValue::from_static(if connection.secure { "https" } else { "http" });
    if !client.peer_trusted {
        let forged: Vec<HeaderName> = headers.keys().filter(|name| is_forwarding(name)).cloned().collect();
        for name in forged {
            headers.remove(name);
        }
        headers.insert(FORWARDED_FOR, connection.peer_text.clone());
        headers.insert(FORWARDED_PROTO, proto);
        if let Some(host) = headers.get(header::HOST).cloned() {
            headers.insert(FORWARDED_HOST, host);
        }
        return;
    }
    let mut list = Vec::new();
    for value in headers.get_all(FORWARDED_FOR) {
        list.extend_from_slice(value.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(connection.peer_text.as_bytes());
    if let Ok(list) = HeaderValue::from_bytes(&list) {
        headers.insert(FORWARDED_FOR, list);
    }
    headers.entry(FORWARDED_PROTO).or_insert(proto);
    if let Some(host) = headers.get(header::HOST).cloned() {
        headers.entry(FORWARDED_HOST).or_insert(host);
    }
}

/// Turns an upstream's head into the head for the client.
pub(super) fn to_client<B>(response: &mut http::Response<B>) {
    *response.version_mut() = Version::HTTP_11;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        strip_hop_by_hop(response.headers_mut());
    }
}

/// Fields of the framing, which rules may not touch.
const UNTOUCHABLE: [HeaderName; 4] =
    [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::UPGRADE];

/// Makes the changes that rules ask for, in their order (`spec/node.md` section 7.5).
pub(super) fn apply_rules(headers: &mut HeaderMap, changes: &[&ResponseHeader]) {
    for change in changes {
        let Ok(name) = HeaderName::from_bytes(change.name.as_bytes()) else { continue };
        if UNTOUCHABLE.contains(&name) {
            continue;
        }
        let replaces = change.mode == HeaderMode::Replace;
        if replaces {
            headers.remove(&name);
        }
        // To replace by nothing is to delete; what is added may be empty.
        for value in change.values.iter().filter(|value| !(replaces && value.is_empty())) {
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                headers.append(name.clone(), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(pairs: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().uri("/a?b");
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    fn names(request: &Request<()>) -> Vec<&str> {
        let mut names: Vec<&str> = request.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    fn forward(pairs: &[(&str, &str)], peer_trusted: bool, upgrade: bool) -> Request<()> {
        let mut request = request(pairs);
        let connection = Connection::for_test("192.0.2.1:5".parse().unwrap());
        let client = Client { ip: "192.0.2.1".parse().unwrap(), peer_trusted };
        to_upstream(&mut request, &connection, client, RequestId::from_parts(0, 1), upgrade);
        request
    }

    #[test]
    fn hop_by_hop_headers_and_those_named_by_connection_are_stripped() {
        let out = forward(
            &[
                ("host", "a"),
                ("connection", "close, x-secret, host"),
                ("x-secret", "1"),
                ("keep-alive", "5"),
                ("a", "b"),
            ],
            false,
            false,
        );
        assert_eq!(
            names(&out),
            ["a", "host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id"]
        );
    }

    #[test]
    fn forwarding_headers_of_strangers_are_replaced_and_of_proxies_continued() {
        let pairs = [
            ("host", "a"),
            ("x-forwarded-for", "6.6.6.6"),
            ("forwarded", "for=6.6.6.6"),
            ("x-forwarded-proto", "https"),
        ];
        let stranger = forward(&pairs, false, false);
        assert_eq!(stranger.headers()["x-forwarded-for"], "192.0.2.1");
        assert_eq!(stranger.headers()["x-forwarded-proto"], "http");
        assert!(!stranger.headers().contains_key("forwarded"));
        let disguised = [
            ("host", "a"),
            ("x_forwarded_for", "6.6.6.6"),
            ("x-real-ip", "6.6.6.6"),
            ("x-forwarded-user", "root"),
        ];
        assert_eq!(
            names(&forward(&disguised, false, false)),
            ["host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id"]
        );
        let proxy = forward(&pairs, true, false);
        assert_eq!(proxy.headers()["x-forwarded-for"], "6.6.6.6, 192.0.2.1");
        assert_eq!(proxy.headers()["x-forwarded-proto"], "https");
    }

    #[test]
    fn upgrade_is_kept_only_when_it_is_one() {
        let pairs = [("host", "a"), ("connection", "Upgrade"), ("upgrade", "websocket")];
        assert!(is_upgrade(&request(&pairs)));
        assert_eq!(forward(&pairs, false, true).headers()["upgrade"], "websocket");
        assert!(!forward(&pairs, false, false).headers().contains_key("upgrade"));
        assert!(!is_upgrade(&request(&[("host", "a"), ("upgrade", "websocket")])));
        for protocol in ["h2c", "websocket, h2c", "tls/1.2"] {
            let pairs = [("host", "a"), ("connection", "upgrade"), ("upgrade", protocol)];
            assert!(!is_upgrade(&request(&pairs)), "{protocol}");
        }
    }

    #[test]
    fn what_inspection_went_by_is_not_stripped() {
        let out = forward(
            &[
                ("host", "a"),
                ("connection", "content-type, content-encoding"),
                ("content-type", "t/t"),
                ("content-encoding", "br"),
            ],
            false,
            false,
        );
        assert_eq!(
            (&out.headers()["content-type"], &out.headers()["content-encoding"]),
            (&"t/t".parse().unwrap(), &"br".parse().unwrap())
        );
    }
}
