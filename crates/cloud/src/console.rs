//! The Console and the API Console: static pages embedded in the binary.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use rust_embed::RustEmbed;

/// The built pages. The folder exists in every checkout; `make` fills it.
#[derive(RustEmbed)]
#[folder = "../../console/dist"]
#[allow_missing = true]
struct Pages;

/// What pages may load: themselves only.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self'; \
     connect-src 'self'; font-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; \
     frame-ancestors 'none'";

/// The page or asset at a path; client-side routes answer with the Console's entry page.
pub(crate) fn page(path: &str) -> Response {
    let name = path.trim_start_matches('/');
    if name == "apiconsole" {
        return Redirect::permanent("/apiconsole/").into_response();
    }
    if let Some(found) = asset(name).or_else(|| asset(&format!("{}index.html", with_slash(name)))) {
        return found;
    }
    let looks_like_a_file = name.rsplit('/').next().is_some_and(|last| last.contains('.'));
    if looks_like_a_file {
        return (StatusCode::NOT_FOUND, "Not found").into_response();
    }
    asset("index.html").unwrap_or_else(|| {
        (StatusCode::NOT_FOUND, "The Console is not part of this build: run `make build`.").into_response()
    })
}

fn with_slash(name: &str) -> String {
    if name.is_empty() || name.ends_with('/') { name.to_owned() } else { format!("{name}/") }
}

fn asset(name: &str) -> Option<Response> {
    let file = Pages::get(name)?;
    let kind = mime_guess::from_path(name).first_or_octet_stream();
    let mut response = file.data.into_owned().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(kind.as_ref()).ok()?);
    // Vite names assets by content, so they never change; pages do.
    let age = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(age));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Some(response)
}
