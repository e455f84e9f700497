//! Types of bodies: which a route takes, and whether the caller takes the one that it answers in.

use axum::{
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header},
};
use bartizan_api::ApiError;
use http_body::Body as _;

/// Refuses a body in another form than JSON, and one whose encoding was not undone.
pub(super) fn check_body(request: &Request) -> Result<(), ApiError> {
    let unsupported = || Err(ApiError::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type"));
    // What was inflated no longer says so.
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return unsupported();
    }
    let Some(kind) = request.headers().get(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let json = kind.is_empty() || kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json");
    let empty = request.body().size_hint().exact() == Some(0);
    let form = super::matched(request).is_some_and(|route| FORMS.contains(&route))
        && kind.eq_ignore_ascii_case("application/x-www-form-urlencoded");
    let text = super::matched(request) == Some(IMPORT) && kind.eq_ignore_ascii_case("text/plain");
    let upload =
        super::matched(request) == Some(SPECIFICATIONS) && kind.eq_ignore_ascii_case("multipart/form-data");
    // Public clients of events and rules send JSON under any name (curl calls everything a form).
    let route = super::matched(request).unwrap_or(request.uri().path());
    let lenient = ANY_TYPE.iter().any(|prefix| route.starts_with(prefix));
    let allowed = json || empty || form || text || upload || lenient || request.method() == Method::GET;
    if allowed { Ok(()) } else { unsupported() }
}

/// Refuses a caller who excludes what a route answers in.
pub(super) fn check_accept(headers: &HeaderMap, template: &str) -> Result<(), ApiError> {
    if answers_json(template) && !accepts_json(headers) {
        return Err(ApiError::text(StatusCode::NOT_ACCEPTABLE, "Not acceptable"));
    }
    Ok(())
}

/// Whether the caller takes JSON, as far as it says. Only what excludes it in so many words is no: a type that cannot be
/// read counts as everything, and so does no header at all.
fn accepts_json(headers: &HeaderMap) -> bool {
    let mut said = false;
    for line in headers.get_all(header::ACCEPT) {
        let Ok(line) = line.to_str() else { return true };
        for range in line.split(',').map(str::trim).filter(|range| !range.is_empty()) {
            said = true;
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            let refused = parts.any(|part| {
                let value = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
                value.is_some_and(|value| value.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0))
            });
            let Some((main, sub)) = kind.split_once('/') else { return true };
            let fits = main == "*"
                || (main.eq_ignore_ascii_case("application")
                    && (sub == "*"
                        || sub.eq_ignore_ascii_case("json")
                        || sub.to_ascii_lowercase().ends_with("+json")));
            if fits && !refused {
                return true;
            }
        }
    }
    !said
}

/// Whether a route answers in JSON alone, so that whoever excludes it can be answered nothing.
fn answers_json(template: &str) -> bool {
    let others = ["/healthz", "/readyz", "/openapi.json", "/v1/sso/", "/node/v1/"];
    let file = FILES.iter().any(|end| template.ends_with(end));
    !file && !others.iter().any(|prefix| template.starts_with(prefix))
}

/// Ends of the routes that answer with files.
const FILES: &[&str] = &["/file", ".csv", "/csv", "/export", "/report", "/hit/raw"];

/// Where API specifications come in as files.
const SPECIFICATIONS: &str = "/v4/clients/{client_id}/rules/api-specs";

/// Where lists of addresses come in as text.
const IMPORT: &str = "/v1/blocklist/clients/{client_id}/import";

/// Routes of security events and of rules, whose bodies are judged by whether they parse. What a page of another site
/// sends by a browser's cookie still lacks the CSRF value.
const ANY_TYPE: &[&str] = &[
    "/v1/objects/hit",
    "/v1/objects/attack",
    "/v1/objects/vuln",
    "/v1/objects/report",
    "/v1/objects/action",
    "/v1/objects/hint",
    "/v1/blocklist",
    "/v1/client/{client_id}/attack-vectors",
    "/v1/client/{client_id}/attack-views",
    "/v1/rechecker",
    "/v1/search",
    "/v1/security_issues",
    "/v2/attacks",
    "/v2/dashboard_state",
    "/v2/graph_data",
    "/v2/hits",
    "/v2/objects/attack",
    "/v2/vuln/passive_detection",
    "/v2/action",
    "/v2/client/",
    "/v2/clients/",
    "/v2/integration",
    "/v2/node",
    "/v2/suggest",
    "/v3/action",
    "/v3/blacklist",
    "/v3/hint",
    "/v4/clients/",
    "/v4/ip_rules",
];

/// Where identity providers post forms to.
const FORMS: &[&str] = &["/v1/sso/saml/acs", "/v1/sso/saml/{client_uuid}/logout"];
