//! OpenID Connect: the authorization code flow with PKCE (`spec/accounts.md` section 6.5).
//!
//! `jsonwebtoken` verifies signatures, the guarded client of the cloud fetches. State, nonce and PKCE verifier
//! live in a ticket that works once; a cookie binds it to the browser that began. Only RS256 and ES256 are
//! taken, from keys that the provider publishes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use bartizan_api::{ApiError, sso::OidcCallback};
use bartizan_store::entity;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use reqwest::{
    Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    admission::{Identity, Refused},
    sign_in::{self, Begun, Finished, PREFIX, digest},
};
use crate::{
    auth::Origin,
    outgoing::OutgoingRequest,
    secrets::{Secret, same, seal, unseal},
    state::Cloud,
};

/// Path that the provider sends people back to.
pub const CALLBACK: &str = "/v1/sso/oidc/callback";
/// Setting of a provider whose answers all come to one address.
pub const SHARED: &str = "shared";
/// Seconds of difference between clocks.
const LEEWAY_S: i64 = 120;
/// Seconds that a discovery document and keys are kept.
const KEPT_S: i64 = 600;
/// Largest document of a provider.
const MAX_DOCUMENT: usize = 256 << 10;

/// What a provider publishes about itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Provider {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    end_session_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    #[serde(skip)]
    keys: Option<Arc<JwkSet>>,
}

/// Providers that were asked lately.
#[derive(Debug, Default)]
pub struct Providers(Mutex<HashMap<String, (i64, Provider)>>);

impl Providers {
    fn find(&self, issuer: &str, now: i64) -> Option<Provider> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(issuer).filter(|(at, _)| at + KEPT_S > now).map(|(_, provider)| provider.clone())
    }

    fn keep(&self, issuer: &str, now: i64, provider: Provider) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (at, _)| *at + KEPT_S > now);
        known.insert(issuer.to_owned(), (now, provider));
    }
}

fn text<'a>(config: &'a entity::sso_config::Model, name: &str) -> &'a str {
    config.settings.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Discovery document and keys of the configured provider.
async fn provider(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    fresh: bool,
) -> Result<Provider, Refused> {
    let issuer = text(config, "issuer");
    if let Some(known) = cloud.providers.find(issuer, cloud.now()).filter(|_| !fresh) {
        return Ok(known);
    }
    let document = fetch(cloud, &format!("{issuer}/.well-known/openid-configuration")).await?;
    let mut provider: Provider =
        serde_json::from_slice(&document).map_err(|error| broken("discovery document", error))?;
    if provider.issuer.trim_end_matches('/') != issuer {
        return Err(Refused::code("oidc_error", format!("the provider calls itself {}", provider.issuer)));
    }
    let keys = fetch(cloud, &provider.jwks_uri).await?;
    provider.keys = Some(Arc::new(serde_json::from_slice(&keys).map_err(|error| broken("key set", error))?));
    cloud.providers.keep(issuer, cloud.now(), provider.clone());
    Ok(provider)
}

fn broken(what: &str, error: impl std::fmt::Display) -> Refused {
    Refused::code("oidc_error", format!("{what}: {error}"))
}

async fn fetch(cloud: &Cloud, address: &str) -> Result<Vec<u8>, Refused> {
    let url = cloud.outgoing.check(address, false).map_err(|reason| broken(address, reason))?;
    let answer = cloud.outgoing.send(OutgoingRequest::get(url, MAX_DOCUMENT)).await;
    let answer = answer.map_err(|error| broken(address, error))?;
    if answer.status == 200 {
        Ok(answer.body)
    } else {
        Err(broken(address, format!("status {}", answer.status)))
    }
}

/// Begins a sign-in: a question in the address of the provider's page.
///
/// # Errors
/// [`Refused`].
pub(super) async fn begin(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    test: Option<String>,
) -> Result<Begun, Refused> {
    let provider = provider(cloud, config, false).await?;
    let (nonce, verifier, binding) =
        (Secret::random().hex(), Secret::random().opaque(""), Secret::random().opaque(""));
    let sealed = seal(&cloud.keys, &verifier).ok_or_else(ApiError::internal)?;
    let client = cloud.store.identify_client(config.client_id).await?;
    let client = client.ok_or_else(|| Refused::code("client_not_found", ""))?;
    let redirect = callback(cloud, &client, &config.settings);
    let payload = json!({
        "nonce": nonce, "verifier": sealed, "binding": digest(&binding), "test": test, "redirect": redirect,
    });
    let state = sign_in::keep(cloud, config, payload).await?;
    let mut url =
        Url::parse(&provider.authorization_endpoint).map_err(|error| broken("authorization", error))?;
    let scopes = config.settings.get("scopes").map(crate::auth::strings).unwrap_or_default().join(" ");
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", text(config, "client_id"))
        .append_pair("redirect_uri", &redirect)
        .append_pair("scope", &scopes)
        .append_pair("state", &state.opaque(PREFIX))
        .append_pair("nonce", &nonce)
        .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())))
        .append_pair("code_challenge_method", "S256");
    Ok(Begun { location: url.into(), binding, cookie_path: CALLBACK })
}

/// Where the provider of a client sends people back to. With an address that several clients share, an answer of one's
/// provider could pass for one of another's, unless the provider names itself in it.
#[must_use]
pub fn callback(cloud: &Cloud, client: &entity::client::Model, settings: &Value) -> String {
    let base = cloud.config.public.console_url.trim_end_matches('/');
    if shares_callback(settings) {
        format!("{base}{CALLBACK}")
    } else {
        format!("{base}{CALLBACK}/{}", client.uuid)
    }
}

fn shares_callback(settings: &Value) -> bool {
    settings.get("callback").and_then(Value::as_str) == Some(SHARED)
}

/// Finishes a sign-in with what the provider sent the browser back with.
///
/// # Errors
/// [`Refused`].
pub async fn finish(
    cloud: &Cloud,
    client: Option<&str>,
    query: &OidcCallback,
    binding: &str,
    origin: &Origin,
) -> Result<Finished, Refused> {
    let returned = sign_in::resume(cloud, "oidc", query.state.as_deref(), Some(binding)).await?;
    let verifier = unseal(&cloud.keys, returned.text("verifier")).ok_or_else(ApiError::internal)?;
    let redirect = returned.text("redirect").to_owned();
    let asked = Asked { redirect: &redirect, verifier: &verifier, nonce: returned.text("nonce") };
    let identity = match client.map_or(CALLBACK.to_owned(), |client| format!("{CALLBACK}/{client}")) {
        back if redirect.ends_with(&back) => identify(cloud, &returned.config, query, &asked).await,
        _ => Err(Refused::code("oidc_error", "the answer came to the address of another client")),
    };
    sign_in::conclude(cloud, returned, identity, None, origin).await
}

/// What the question was that an answer must fit to.
struct Asked<'a> {
    redirect: &'a str,
    verifier: &'a str,
    nonce: &'a str,
}

/// Exchanges the code and verifies who it is.
async fn identify(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    query: &OidcCallback,
    asked: &Asked<'_>,
) -> Result<Identity, Refused> {
    // First of all: an answer of another provider must neither be believed nor its code be sent to this one.
    let provider_now = provider(cloud, config, false).await?;
    let from = query.iss.as_deref();
    if from.is_some_and(|issuer| issuer != provider_now.issuer)
        || (from.is_none()
            && (provider_now.authorization_response_iss_parameter_supported
                || shares_callback(&config.settings)))
    {
        return Err(Refused::code("oidc_error", "the answer comes from another issuer"));
    }
    if let Some(error) = &query.error {
        return Err(Refused::code("oidc_error", error.chars().take(200).collect::<String>()));
    }
    let code = query.code.as_deref().ok_or_else(|| Refused::code("oidc_error", "no code"))?;
    let token = exchange(cloud, config, &provider_now, code, asked).await?;
    let claims = match verified(config, &provider_now, &token, asked.nonce, cloud.now()) {
        // Keys rotate: an unknown key is looked for once more.
        Err(Unverified::UnknownKey) => {
            let fresh = provider(cloud, config, true).await?;
            verified(config, &fresh, &token, asked.nonce, cloud.now())
        }
        other => other,
    };
    identity_of(config, &claims.map_err(|error| Refused::code("oidc_error", error.to_string()))?)
}

async fn exchange(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    provider: &Provider,
    code: &str,
    asked: &Asked<'_>,
) -> Result<String, Refused> {
    let secret = config.secret_sealed.as_deref().and_then(|sealed| unseal(&cloud.keys, sealed));
    let secret = secret.ok_or_else(ApiError::internal)?;
    let client_id = text(config, "client_id");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", asked.redirect),
        ("code_verifier", asked.verifier),
        ("client_id", client_id),
    ];
    let form = form.map(|(name, value)| format!("{name}={}", url_encoded(value))).join("&");
    // RFC 6749 section 2.3.1: both parts form-encoded, then as basic credentials.
    let pair = format!("{}:{}", url_encoded(client_id), url_encoded(&secret));
    let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    let mut basic = HeaderValue::from_str(&basic).map_err(|error| broken("credentials", error))?;
    basic.set_sensitive(true);
    headers.insert(AUTHORIZATION, basic);
    let url = cloud.outgoing.check(&provider.token_endpoint, false);
    let url = url.map_err(|reason| broken("token endpoint", reason))?;
    let request = OutgoingRequest {
        headers,
        answer_limit: MAX_DOCUMENT,
        ..OutgoingRequest::post(url, form.into_bytes())
    };
    let answer = cloud.outgoing.send(request).await.map_err(|error| broken("token endpoint", error))?;
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match body.get("id_token").and_then(Value::as_str) {
        Some(token) if answer.status == 200 => Ok(token.to_owned()),
        _ => {
            let reason = body.get("error").and_then(Value::as_str).unwrap_or("no id_token");
            Err(broken("token endpoint", format!("status {}, {reason}", answer.status)))
        }
    }
}

fn url_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Why an ID token is not believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// Not RS256 or ES256.
    #[error("the algorithm of the token is not taken")]
    Algorithm,
    /// Signed by a key that the provider does not publish.
    #[error("the token is signed by an unknown key")]
    UnknownKey,
    /// Broken, or the signature does not fit.
    #[error("the token is not valid: {0}")]
    Signature(String),
    /// A claim that does not fit.
    #[error("the token is not for this sign-in: {0}")]
    Claim(&'static str),
}

/// The claims of an ID token that is signed by the provider, for this client and this sign-in, now.
///
/// # Errors
/// [`Unverified`].
pub fn verified(
    config: &entity::sso_config::Model,
    provider: &Provider,
    token: &str,
    nonce: &str,
    now: i64,
) -> Result<Value, Unverified> {
    let header =
        jsonwebtoken::decode_header(token).map_err(|error| Unverified::Signature(error.to_string()))?;
    if !matches!(header.alg, Algorithm::RS256 | Algorithm::ES256) {
        return Err(Unverified::Algorithm);
    }
    let keys = provider.keys.as_deref().ok_or(Unverified::UnknownKey)?;
    let key = match &header.kid {
        Some(kid) => keys.find(kid),
        None if keys.keys.len() == 1 => keys.keys.first(),
        None => None,
    };
    let key = DecodingKey::from_jwk(key.ok_or(Unverified::UnknownKey)?);
    let key = key.map_err(|error| Unverified::Signature(error.to_string()))?;
    let mut validation = Validation::new(header.alg);
    validation.set_issuer(&[&provider.issuer]);
    validation.set_audience(&[text(config, "client_id")]);
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    // Times are checked below, by the clock of the cloud.
    validation.validate_exp = false;
    let data = jsonwebtoken::decode::<Value>(token, &key, &validation);
    let claims = data.map_err(|error| Unverified::Signature(error.to_string()))?.claims;
    check_claims(&claims, text(config, "client_id"), nonce, now)?;
    Ok(claims)
}

fn check_claims(claims: &Value, client_id: &str, nonce: &str, now: i64) -> Result<(), Unverified> {
    let number = |name: &str| claims.get(name).and_then(Value::as_i64);
    let word = |name: &str| claims.get(name).and_then(Value::as_str);
    if number("exp").is_none_or(|end| end + LEEWAY_S <= now) {
        return Err(Unverified::Claim("it ended"));
    }
    if number("iat").is_none_or(|at| at > now + LEEWAY_S || at + 86_400 < now) {
        return Err(Unverified::Claim("it was not made just now"));
    }
    if number("nbf").is_some_and(|begin| begin > now + LEEWAY_S) {
        return Err(Unverified::Claim("it has not begun"));
    }
    if !word("nonce").is_some_and(|given| same(given, nonce)) {
        return Err(Unverified::Claim("nonce"));
    }
    let several = claims.get("aud").and_then(Value::as_array).is_some_and(|audience| audience.len() > 1);
    match word("azp") {
        Some(party) if party != client_id => Err(Unverified::Claim("azp")),
        None if several => Err(Unverified::Claim("azp")),
        _ => Ok(()),
    }
}

fn identity_of(config: &entity::sso_config::Model, claims: &Value) -> Result<Identity, Refused> {
    let word =
        |name: &str| claims.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let email = word("email").and_then(super::asserted_email);
    let email = email.ok_or_else(|| Refused::code("no_mail_in_saml_response", "no email claim"))?;
    let confirmed =
        claims.get("email_verified").is_some_and(|flag| flag == &json!(true) || flag == &json!("true"));
    if !confirmed {
        return Err(Refused::code("oidc_error", "email_verified is not true"));
    }
    let subject = format!("{}|{}", word("iss").unwrap_or_default(), word("sub").unwrap_or_default());
    let given = [word("given_name"), word("family_name")].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let name = word("name").map(str::to_owned).filter(|name| !name.is_empty()).unwrap_or(given);
    let realname = if name.is_empty() { email.clone() } else { name.chars().take(255).collect() };
    let groups = match claims.get(text(config, "groups_claim")) {
        Some(Value::String(group)) => vec![group.clone()],
        Some(list) => crate::auth::strings(list),
        None => vec![],
    };
    Ok(Identity { subject, email, realname, groups, roles: vec![] })
}

/// Where the provider ends its own session.
pub(super) async fn sign_out_url(cloud: &Cloud, config: &entity::sso_config::Model) -> Option<String> {
    let provider = provider(cloud, config, false).await.ok()?;
    let mut url = Url::parse(&provider.end_session_endpoint?).ok()?;
    let back = format!("{}/sign-in", cloud.config.public.console_url.trim_end_matches('/'));
    url.query_pairs_mut()
        .append_pair("client_id", text(config, "client_id"))
        .append_pair("post_logout_redirect_uri", &back);
    Some(url.into())
}
