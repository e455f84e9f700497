//! What kind of request this is: the API protocol it speaks and how it authenticates (`spec/events.md` 1.1).

use bartizan_request::ApiProtocol;

use crate::pipeline::Subject;

/// The API protocol, by what parsing saw and by declared types.
pub(super) fn api_protocol(subject: &Subject<'_>, parsed: ApiProtocol) -> &'static str {
    match parsed {
        ApiProtocol::Grpc => return "grpc",
        ApiProtocol::GraphQl => return "graphql",
        ApiProtocol::Soap => return "soap",
        ApiProtocol::Rest => {}
    }
    let content_type = subject.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let websocket = subject.header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"));
    if websocket {
        return "websocket";
    }
    if content_type.starts_with(b"application/grpc") {
        return "grpc";
    }
    if matches!(subject.method, "PROPFIND" | "PROPPATCH" | "MKCOL" | "COPY" | "MOVE" | "LOCK" | "UNLOCK") {
        return "webdav";
    }
    if content_type.starts_with(b"application/x-www-form-urlencoded")
        || content_type.starts_with(b"multipart/")
    {
        return "web-form";
    }
    let json = memchr::memmem::find(&content_type, b"json").is_some();
    if json && memchr::memmem::find(subject.body, b"\"jsonrpc\"").is_some() {
        return "json-rpc";
    }
    let xml = memchr::memmem::find(&content_type, b"xml").is_some();
    if xml && memchr::memmem::find(subject.body, b"<methodCall").is_some() {
        return "xml-rpc";
    }
    let accepts_json = subject
        .header("accept")
        .is_some_and(|value| memchr::memmem::find(value, b"application/json").is_some());
    if json || xml || accepts_json || matches!(subject.method, "PUT" | "PATCH" | "DELETE") {
        "rest"
    } else {
        "none"
    }
}

/// The authentication schemes that show.
pub(super) fn auth_protocols(subject: &Subject<'_>) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(value) = subject.header("authorization") {
        let mut parts = value.splitn(2, |byte| *byte == b' ');
        let scheme = parts.next().unwrap_or_default().to_ascii_lowercase();
        let credentials = parts.next().unwrap_or_default();
        match scheme.as_slice() {
            b"bearer" if is_jwt(credentials) => found.extend(["bearer", "jwt"]),
            b"bearer" => found.push("bearer"),
            b"basic" => found.push("basic"),
            b"digest" => found.push("digest"),
            b"hawk" => found.push("hawk"),
            b"ntlm" => found.push("ntlm"),
            b"negotiate" => found.push("spnego"),
            b"oauth" => found.push("oauth1"),
            b"aws" => found.push("awsv2"),
            b"aws4-hmac-sha256" => found.push("awsv4"),
            scram if scram.starts_with(b"scram-") => found.push("scram"),
            b"apikey" | b"api-key" | b"token" => found.push("api-key"),
            _ => {}
        }
    }
    if ["x-api-key", "api-key", "apikey", "x-auth-token"].iter().any(|name| subject.header(name).is_some()) {
        found.push("api-key");
    }
    if subject.header("cookie").is_some_and(names_a_session) {
        found.push("cookie");
    }
    found.dedup();
    if found.is_empty() {
        found.push("none");
    }
    found.into_iter().map(str::to_owned).collect()
}

fn is_jwt(token: &[u8]) -> bool {
    token.starts_with(b"eyJ") && token.iter().filter(|byte| **byte == b'.').count() == 2
}

fn names_a_session(cookies: &[u8]) -> bool {
    cookies.split(|byte| *byte == b';').any(|pair| {
        let name =
            pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
        [&b"sess"[..], b"auth", b"token", b"sid"]
            .iter()
            .any(|part| memchr::memmem::find(&name, part).is_some())
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method, Uri, Version};

    use super::*;

    fn with<T>(pairs: &[(&str, &str)], check: impl Fn(&Subject<'_>) -> T) -> T {
        let headers: HeaderMap =
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let uri = Uri::from_static("/");
        check(&Subject::new(&Method::POST, &uri, Version::HTTP_11, &headers, false))
    }

    #[test]
    fn schemes_are_recognised() {
        let schemes = |pairs: &[(&str, &str)]| with(pairs, auth_protocols);
        assert_eq!(schemes(&[]), ["none"]);
        assert_eq!(schemes(&[("authorization", "Basic YTpi")]), ["basic"]);
        assert_eq!(schemes(&[("authorization", "Bearer eyJhbGciOiJI.eyJzdWIi.c2ln")]), ["bearer", "jwt"]);
        assert_eq!(schemes(&[("x-api-key", "1"), ("cookie", "a=b; PHPSESSID=1")]), ["api-key", "cookie"]);
    }

    #[test]
    fn protocols_are_recognised() {
        let protocol =
            |pairs: &[(&str, &str)]| with(pairs, |subject| api_protocol(subject, ApiProtocol::Rest));
        assert_eq!(protocol(&[]), "none");
        assert_eq!(protocol(&[("content-type", "application/json")]), "rest");
        assert_eq!(protocol(&[("content-type", "multipart/form-data; boundary=x")]), "web-form");
        assert_eq!(protocol(&[("upgrade", "WebSocket")]), "websocket");
    }
}
